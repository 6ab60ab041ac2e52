/* attn_decode_avx512.c - sixteen positions at a time, all query heads of the group in one pass.
 *
 * A block of sixteen rows of K is converted to floats once; every head then takes sixteen dot products
 * against it, which end up as the lanes of one vector, so that the maximum, the exponential and the sum of a
 * block cost one vector operation each. The rows of V take the same place and are added up for four heads at
 * a time, in registers. Blocks are cut by position and a head's additions follow the positions, whatever tile
 * it is in: the result depends on nothing but the inputs. */
#include "attention/attn_decode.h"
#include "base/x86_avx512.h"

#include <math.h>

enum { T = 16 }; /* positions a block, and lanes */

/* What a pass over one part keeps beside the results. */
typedef struct {
    _Alignas(64) float rows[RL_ATTN_MAX_DIM * T]; /* K, then V: [dim / 16][T][16] */
    _Alignas(64) float weight[RL_ATTN_MAX_GROUP][T];
    __m512 sum[RL_ATTN_MAX_GROUP]; /* of the weights, lane by lane */
    float max[RL_ATTN_MAX_GROUP];
} pass;

/* Rows of halves to floats; those past n are 0. */
static inline void load_rows(pass *a, const rl_f16 *x, size_t dim, size_t n)
{
    for (size_t t = 0; t < T; t++)
        for (size_t i = 0; i < dim; i += 16)
            _mm512_store_ps(a->rows + i * T + 16 * t,
                            t < n ? rl_load_f16(x + t * dim + i, 0xffff) : _mm512_setzero_ps());
}

/* Steps towards the sums of several vectors: each takes two and halves what is left to add of both. */
static inline __m512 fold_lanes(__m512 a, __m512 b)
{
    return _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x88), _mm512_shuffle_f32x4(a, b, 0xdd));
}

static inline __m512 fold_singles(__m512 a, __m512 b)
{
    return _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
}

static inline __m512 fold_pairs(__m512 a, __m512 b)
{
    const __m512d x = _mm512_castps_pd(a), y = _mm512_castps_pd(b);
    return _mm512_add_ps(_mm512_castpd_ps(_mm512_unpacklo_pd(x, y)),
                         _mm512_castpd_ps(_mm512_unpackhi_pd(x, y)));
}

/* Lane i of the result is the sum of the floats of v[i]. */
static inline __m512 sum_each(const __m512 v[T])
{
    __m512 quarter[4]; /* lane l of number i: four floats that add up to the sum of v[4l + i] */
    for (size_t i = 0; i < 4; i++)
        quarter[i] = fold_lanes(fold_lanes(v[i], v[4 + i]), fold_lanes(v[8 + i], v[12 + i]));
    return fold_pairs(fold_singles(quarter[0], quarter[1]), fold_singles(quarter[2], quarter[3]));
}

/* q . K for the positions of the block. */
static inline __m512 dots(const pass *a, const float *q, size_t dim)
{
    __m512 sum[T];
    for (size_t t = 0; t < T; t++) sum[t] = _mm512_setzero_ps();
    for (size_t i = 0; i < dim; i += 16) {
        const __m512 x = _mm512_loadu_ps(q + i);
        for (size_t t = 0; t < T; t++)
            sum[t] = _mm512_fmadd_ps(_mm512_load_ps(a->rows + i * T + 16 * t), x, sum[t]);
    }
    return sum_each(sum);
}

static inline void multiply(float *x, size_t dim, __m512 by)
{
    for (size_t i = 0; i < dim; i += 16) _mm512_storeu_ps(x + i, _mm512_mul_ps(_mm512_loadu_ps(x + i), by));
}

/* The weights of head h for the block; where the block holds a new maximum, what was summed so far shrinks.
 */
static inline void weigh(pass *a, size_t h, float *out, const float *q, size_t dim, float scale, size_t n)
{
    const __m512 product = _mm512_mul_ps(dots(a, q, dim), _mm512_set1_ps(scale));
    const __m512 score = _mm512_mask_mov_ps(_mm512_set1_ps(-INFINITY), rl_mask16(n), product);
    const float max = rl_max_ps(score);
    if (max > a->max[h]) {
        const __m512 shrink = rl_exp_ps(_mm512_set1_ps(a->max[h] - max));
        multiply(out, dim, shrink);
        a->sum[h] = _mm512_mul_ps(a->sum[h], shrink);
        a->max[h] = max;
    }
    const __m512 weight = rl_exp_ps(_mm512_sub_ps(score, _mm512_set1_ps(a->max[h])));
    a->sum[h] = _mm512_add_ps(a->sum[h], weight);
    _mm512_store_ps(a->weight[h], weight);
}

/* out += weight V for `heads` heads from h on and `cols` vectors of 16 from dimension i on: constants where
 * it is called, so that the tile lies in registers. */
static inline __attribute__((always_inline)) void add_tile(const pass *a, float *out, size_t stride, size_t h,
                                                           size_t heads, size_t i, size_t cols, size_t n)
{
    __m512 tile[4][4];
    for (size_t r = 0; r < heads; r++)
        for (size_t c = 0; c < cols; c++) tile[r][c] = _mm512_loadu_ps(out + (h + r) * stride + i + 16 * c);
    for (size_t t = 0; t < n; t++)
        for (size_t c = 0; c < cols; c++) {
            const __m512 v = _mm512_load_ps(a->rows + (i + 16 * c) * T + 16 * t);
            for (size_t r = 0; r < heads; r++)
                tile[r][c] = _mm512_fmadd_ps(_mm512_set1_ps(a->weight[h + r][t]), v, tile[r][c]);
        }
    for (size_t r = 0; r < heads; r++)
        for (size_t c = 0; c < cols; c++) _mm512_storeu_ps(out + (h + r) * stride + i + 16 * c, tile[r][c]);
}

static inline __attribute__((always_inline)) void add_heads(const pass *a, float *out, size_t stride,
                                                            size_t h, size_t heads, size_t dim, size_t n)
{
    size_t i = 0;
    for (; i + 64 <= dim; i += 64) add_tile(a, out, stride, h, heads, i, 4, n);
    if (i < dim) add_tile(a, out, stride, h, heads, i, 2, n);
}

static inline void add_values(const pass *a, float *out, size_t stride, size_t group, size_t dim, size_t n)
{
    size_t h = 0;
    for (; h + 4 <= group; h += 4) add_heads(a, out, stride, h, 4, dim, n);
    for (; h + 2 <= group; h += 2) add_heads(a, out, stride, h, 2, dim, n);
    if (h < group) add_heads(a, out, stride, h, 1, dim, n);
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
        a.sum[h] = _mm512_setzero_ps();
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
        part[h * stride + dim + 1] = rl_sum_ps(a.sum[h]);
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
        __m512 sum = _mm512_setzero_ps();
        memset(out, 0, dim * sizeof *out);
        for (size_t p = 0; p < n_parts; p++) {
            const float *part = first + p * group * stride;
            const __m512 weight = rl_exp_ps(_mm512_set1_ps(part[dim] - max));
            for (size_t i = 0; i < dim; i += 16)
                _mm512_storeu_ps(
                    out + i, _mm512_fmadd_ps(weight, _mm512_loadu_ps(part + i), _mm512_loadu_ps(out + i)));
            sum = _mm512_fmadd_ps(weight, _mm512_set1_ps(part[dim + 1]), sum);
        }
        multiply(out, dim, _mm512_div_ps(_mm512_set1_ps(1.0f), sum));
    }
}

static const rl_attn_decode rows[] = {
    {{"attn_decode_f16_avx512", RL_AVX512, RL_CPU_AVX2 | RL_CPU_AVX512}, RL_F16, part_f16, merge_parts},
};
const rl_attn_decode_table rl_attn_decode_avx512 = {rows, RL_COUNT(rows)};
