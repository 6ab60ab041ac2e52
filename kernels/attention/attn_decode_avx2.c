/* attn_decode_avx2.c - eight positions at a time, all query heads of the group in one pass.
 *
 * The shape is that of attn_decode_avx512.c: rows of K are converted to floats once a block; every head takes
 * its dot products against them, which end up as the lanes of one vector; the rows of V take the same place
 * and are added up for two heads at a time, in registers. */
#include "attention/attn_decode.h"
#include "base/x86_avx2.h"

#include <math.h>

enum { T = 8 }; /* positions a block, and lanes */

/* What a pass over one part keeps beside the results. */
typedef struct {
    _Alignas(32) float rows[RL_ATTN_MAX_DIM * T]; /* K, then V: [dim / 8][T][8] */
    _Alignas(32) float weight[RL_ATTN_MAX_GROUP][T];
    __m256 sum[RL_ATTN_MAX_GROUP]; /* of the weights, lane by lane */
    float max[RL_ATTN_MAX_GROUP];
} pass;

/* Rows of halves to floats; those past n are 0. */
static inline void load_rows(pass *a, const rl_f16 *x, size_t dim, size_t n)
{
    for (size_t t = 0; t < T; t++)
        for (size_t i = 0; i < dim; i += 8)
            _mm256_store_ps(a->rows + i * T + 8 * t,
                            t < n ? rl_load_f16_256(x + t * dim + i) : _mm256_setzero_ps());
}

/* Steps towards the sums of several vectors: each takes two and halves what is left to add of both. */
static inline __m256 fold_lanes(__m256 a, __m256 b)
{
    return _mm256_add_ps(_mm256_permute2f128_ps(a, b, 0x20), _mm256_permute2f128_ps(a, b, 0x31));
}

static inline __m256 fold_singles(__m256 a, __m256 b)
{
    return _mm256_add_ps(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
}

static inline __m256 fold_pairs(__m256 a, __m256 b)
{
    const __m256d x = _mm256_castps_pd(a), y = _mm256_castps_pd(b);
    return _mm256_add_ps(_mm256_castpd_ps(_mm256_unpacklo_pd(x, y)),
                         _mm256_castpd_ps(_mm256_unpackhi_pd(x, y)));
}

/* Lane i of the result is the sum of the floats of v[i]. */
static inline __m256 sum_each(const __m256 v[T])
{
    __m256 half[4]; /* lane l of number i: four floats that add up to the sum of v[4l + i] */
    for (size_t i = 0; i < 4; i++) half[i] = fold_lanes(v[i], v[4 + i]);
    return fold_pairs(fold_singles(half[0], half[1]), fold_singles(half[2], half[3]));
}

/* q . K for the positions of the block. */
static inline __m256 dots(const pass *a, const float *q, size_t dim)
{
    __m256 sum[T];
    for (size_t t = 0; t < T; t++) sum[t] = _mm256_setzero_ps();
    for (size_t i = 0; i < dim; i += 8) {
        const __m256 x = _mm256_loadu_ps(q + i);
        for (size_t t = 0; t < T; t++)
            sum[t] = _mm256_fmadd_ps(_mm256_load_ps(a->rows + i * T + 8 * t), x, sum[t]);
    }
    return sum_each(sum);
}

static inline void multiply(float *x, size_t dim, __m256 by)
{
    for (size_t i = 0; i < dim; i += 8) _mm256_storeu_ps(x + i, _mm256_mul_ps(_mm256_loadu_ps(x + i), by));
}

/* The weights of head h for the block; where the block holds a new maximum, what was summed so far shrinks. */
static inline void weigh(pass *a, size_t h, float *out, const float *q, size_t dim, float scale, size_t n)
{
    const __m256 product = _mm256_mul_ps(dots(a, q, dim), _mm256_set1_ps(scale));
    const __m256 lanes = _mm256_castsi256_ps(rl_lanes256(n));
    const __m256 score = _mm256_blendv_ps(_mm256_set1_ps(-INFINITY), product, lanes);
    const float max = rl_max_ps256(score);
    if (max > a->max[h]) {
        const __m256 shrink = rl_exp_ps256(_mm256_set1_ps(a->max[h] - max));
        multiply(out, dim, shrink);
        a->sum[h] = _mm256_mul_ps(a->sum[h], shrink);
        a->max[h] = max;
    }
    const __m256 weight = rl_exp_ps256(_mm256_sub_ps(score, _mm256_set1_ps(a->max[h])));
    a->sum[h] = _mm256_add_ps(a->sum[h], weight);
    _mm256_store_ps(a->weight[h], weight);
}

/* out += weight V for `heads` heads from h on and 32 dimensions from i on; `heads` is a constant where it is
 * called, so that the tile lies in registers. */
static inline __attribute__((always_inline)) void add_tile(const pass *a, float *out, size_t stride, size_t h,
                                                           size_t heads, size_t i, size_t n)
{
    __m256 tile[2][4];
    for (size_t r = 0; r < heads; r++)
        for (size_t c = 0; c < 4; c++) tile[r][c] = _mm256_loadu_ps(out + (h + r) * stride + i + 8 * c);
    for (size_t t = 0; t < n; t++)
        for (size_t c = 0; c < 4; c++) {
            const __m256 v = _mm256_load_ps(a->rows + (i + 8 * c) * T + 8 * t);
            for (size_t r = 0; r < heads; r++)
                tile[r][c] = _mm256_fmadd_ps(_mm256_set1_ps(a->weight[h + r][t]), v, tile[r][c]);
        }
    for (size_t r = 0; r < heads; r++)
        for (size_t c = 0; c < 4; c++) _mm256_storeu_ps(out + (h + r) * stride + i + 8 * c, tile[r][c]);
}

static inline void add_values(const pass *a, float *out, size_t stride, size_t group, size_t dim, size_t n)
{
    for (size_t i = 0; i < dim; i += 32) {
        size_t h = 0;
        for (; h + 2 <= group; h += 2) add_tile(a, out, stride, h, 2, i, n);
        if (h < group) add_tile(a, out, stride, h, 1, i, n);
    }
}

static void part_f16(float *restrict part, const float *restrict q, const void *restrict k,
                     const void *restrict v, const rl_attn_shape *shape, size_t n)
{
    const size_t dim = shape->head_dim, stride = rl_attn_stride(dim), group = rl_attn_group(shape);
    const rl_f16 *key = k, *value = v;
    pass a;
    memset(part, 0, group * stride * sizeof *part);
    for (size_t h = 0; h < group; h++) {
        a.max[h] = -INFINITY;
        a.sum[h] = _mm256_setzero_ps();
    }
    for (size_t t = 0; t < n; t += T) {
        const size_t now = n - t < T ? n - t : T;
        load_rows(&a, key + t * dim, dim, now);
        for (size_t h = 0; h < group; h++)
            weigh(&a, h, part + h * stride, q + h * dim, dim, shape->scale, now);
        load_rows(&a, value + t * dim, dim, now);
        add_values(&a, part, stride, group, dim, now);
    }
    for (size_t h = 0; h < group; h++) {
        part[h * stride + dim] = a.max[h];
        part[h * stride + dim + 1] = rl_sum_ps256(a.sum[h]);
    }
}

static void merge_parts(float *restrict out, const float *restrict parts, const rl_attn_shape *shape,
                        size_t n_parts)
{
    const size_t dim = shape->head_dim, stride = rl_attn_stride(dim), group = rl_attn_group(shape);
    for (size_t h = 0; h < group; h++, out += dim) {
        const float *first = parts + h * stride;
        float max = -INFINITY;
        for (size_t p = 0; p < n_parts; p++) max = fmaxf(max, first[p * group * stride + dim]);
        __m256 sum = _mm256_setzero_ps();
        memset(out, 0, dim * sizeof *out);
        for (size_t p = 0; p < n_parts; p++) {
            const float *part = first + p * group * stride;
            const __m256 weight = rl_exp_ps256(_mm256_set1_ps(part[dim] - max));
            for (size_t i = 0; i < dim; i += 8)
                _mm256_storeu_ps(
                    out + i, _mm256_fmadd_ps(weight, _mm256_loadu_ps(part + i), _mm256_loadu_ps(out + i)));
            sum = _mm256_fmadd_ps(weight, _mm256_set1_ps(part[dim + 1]), sum);
        }
        multiply(out, dim, _mm256_div_ps(_mm256_set1_ps(1.0f), sum));
    }
}

static const rl_attn_decode rows[] = {
    {{"attn_decode_f16_avx2", RL_AVX2, RL_CPU_AVX2}, RL_F16, part_f16, merge_parts},
};
const rl_attn_decode_table rl_attn_decode_avx2 = {rows, RL_COUNT(rows)};
