/* attn_decode_avx2.c - eight positions at a time, up to four query heads of the group in one pass.
 *
 * The shape is that of attn_decode_avx512.c: a row of K or V is read and converted once for the heads of a pass, the
 * scores of a block end as the lanes of one vector, and a tile of results stays in registers while the rows of V
 * go by. Sixteen registers hold half as many sums. */
#include "attention/attn_decode.h"
#include "attention/attn_rows_avx2.h"

#include <math.h>

enum { T = 8, HEADS = 4 }; /* positions a block, and lanes; heads a pass at most */

/* What a pass over one part keeps beside the results. */
typedef struct {
    _Alignas(32) float weight[HEADS][T];
    __m256 sum[HEADS]; /* of the weights, lane by lane */
    __m256 max[HEADS]; /* in all lanes, as is the limit: what a score must exceed to be the next maximum */
    __m256 limit[HEADS];
} pass;

/* ---- scores ---- */

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

/* q . K of every head, each position in its lane. A step takes positions t and 4 + t for `steps` values of t; heads
 * times steps is 4, for 8 chains of additions. Both are constants where it is called. */
static inline __attribute__((always_inline)) void dots(__m256 *out, const float *q, const char *const row[T],
                                                       size_t dim, size_t heads, size_t steps,
                                                       rl_format format)
{
    __m256 half[HEADS][4]; /* lane l of number t: four floats that add up to position 4l + t */
    for (size_t t = 0; t < 4; t += steps) {
        __m256 sum[HEADS][4][2];
        for (size_t h = 0; h < heads; h++)
            for (size_t s = 0; s < steps; s++) sum[h][s][0] = sum[h][s][1] = _mm256_setzero_ps();
        for (size_t block = 0; block < dim; block += RL_QK) {
            __m256 scale[4][2];
            for (size_t s = 0; s < steps; s++)
                for (size_t j = 0; j < 2; j++) scale[s][j] = rl_kv_scale8(row[4 * j + t + s], block, format);
            for (size_t i = block; i < block + RL_QK; i += 8) {
                __m256 x[HEADS];
                for (size_t h = 0; h < heads; h++) x[h] = _mm256_loadu_ps(q + h * dim + i);
                for (size_t s = 0; s < steps; s++)
                    for (size_t j = 0; j < 2; j++) {
                        const __m256 key = rl_kv_load8(row[4 * j + t + s], i, scale[s][j], format);
                        for (size_t h = 0; h < heads; h++)
                            sum[h][s][j] = _mm256_fmadd_ps(key, x[h], sum[h][s][j]);
                    }
            }
        }
        for (size_t h = 0; h < heads; h++)
            for (size_t s = 0; s < steps; s++) half[h][t + s] = fold_lanes(sum[h][s][0], sum[h][s][1]);
    }
    for (size_t h = 0; h < heads; h++)
        out[h] = fold_pairs(fold_singles(half[h][0], half[h][1]), fold_singles(half[h][2], half[h][3]));
}

/* ---- weights ---- */

static inline void multiply(float *x, size_t dim, __m256 by)
{
    for (size_t i = 0; i < dim; i += 8) _mm256_storeu_ps(x + i, _mm256_mul_ps(_mm256_loadu_ps(x + i), by));
}

/* The weights of head h for the block. A new maximum is rare after the first blocks, and nothing waits for it to
 * be found where there is none; where there is, what was summed so far shrinks: by e^-80 at most, for the reason that
 * attn_decode_avx512.c gives. */
static inline void weigh(pass *a, size_t h, float *out, size_t dim, __m256 score)
{
    if (_mm256_movemask_ps(_mm256_cmp_ps(score, a->limit[h], _CMP_GT_OQ)) != 0) {
        const __m256 max = _mm256_set1_ps(rl_max_ps256(score)),
                     shrink = rl_exp_ps256(_mm256_max_ps(_mm256_set1_ps(-80), _mm256_sub_ps(a->max[h], max)));
        multiply(out, dim, shrink);
        a->sum[h] = _mm256_mul_ps(a->sum[h], shrink);
        a->max[h] = max;
        a->limit[h] = _mm256_add_ps(max, _mm256_set1_ps(RL_ATTN_SLACK));
    }
    const __m256 weight = rl_exp_ps256(_mm256_sub_ps(score, a->max[h]));
    a->sum[h] = _mm256_add_ps(a->sum[h], weight);
    _mm256_store_ps(a->weight[h], weight);
}

/* ---- values ---- */

/* out += weight V for a tile of `heads` heads by `cols` vectors of 8 dimensions from `at` on: constants where it is
 * called, so that the tile lies in registers. */
static inline __attribute__((always_inline)) void add_tile(const pass *a, float *out, size_t stride,
                                                           const char *v, size_t at, size_t row_bytes,
                                                           size_t n, size_t heads, size_t cols,
                                                           rl_format format)
{
    __m256 tile[HEADS][4];
    for (size_t h = 0; h < heads; h++)
        for (size_t c = 0; c < cols; c++) tile[h][c] = _mm256_loadu_ps(out + h * stride + at + 8 * c);
    for (size_t t = 0; t < n; t++, v += row_bytes) {
        const __m256 scale = rl_kv_scale8(v, at, format);
        __m256 value[4];
        for (size_t c = 0; c < cols; c++) value[c] = rl_kv_load8(v, at + 8 * c, scale, format);
        for (size_t h = 0; h < heads; h++)
            for (size_t c = 0; c < cols; c++)
                tile[h][c] = _mm256_fmadd_ps(_mm256_set1_ps(a->weight[h][t]), value[c], tile[h][c]);
    }
    for (size_t h = 0; h < heads; h++)
        for (size_t c = 0; c < cols; c++) _mm256_storeu_ps(out + h * stride + at + 8 * c, tile[h][c]);
}

/* ---- a pass: `heads` heads over the whole part ---- */

static inline __attribute__((always_inline)) void run_pass(float *out, const float *q, const char *k,
                                                           const char *v, const rl_attn_shape *shape,
                                                           size_t n, size_t heads, size_t steps, size_t cols,
                                                           rl_format format)
{
    static const char
        none[RL_ATTN_MAX_DIM * sizeof(rl_f16)]; /* what positions past n read; 0 in every format */
    const size_t dim = shape->head_dim, stride = rl_attn_stride(dim), row_bytes = rl_row_bytes(format, dim);
    const __m256 least = _mm256_set1_ps(-INFINITY), scale = _mm256_set1_ps(shape->scale);
    pass a;
    for (size_t h = 0; h < heads; h++) {
        a.max[h] = a.limit[h] = least;
        a.sum[h] = _mm256_setzero_ps();
    }
    for (size_t t = 0; t < n; t += T, k += T * row_bytes, v += T * row_bytes) {
        const size_t now = n - t < T ? n - t : T;
        const __m256 here = _mm256_castsi256_ps(rl_lanes256(now));
        const char *row[T];
        __m256 product[HEADS];
        for (size_t i = 0; i < T; i++) row[i] = i < now ? k + i * row_bytes : none;
        rl_prefetch(k + T * row_bytes, T * row_bytes); /* the next block's */
        dots(product, q, row, dim, heads, steps, format);
        for (size_t h = 0; h < heads; h++)
            weigh(&a, h, out + h * stride, dim,
                  _mm256_blendv_ps(least, _mm256_mul_ps(product[h], scale), here));
        rl_prefetch(v + T * row_bytes, T * row_bytes);
        for (size_t i = 0; i < dim; i += 8 * cols)
            add_tile(&a, out, stride, v, i, row_bytes, now, heads, cols, format);
    }
    for (size_t h = 0; h < heads; h++) {
        out[h * stride + dim] = _mm256_cvtss_f32(a.max[h]);
        out[h * stride + dim + 1] = rl_sum_ps256(a.sum[h]);
    }
}

static inline __attribute__((always_inline)) void run_part(float *part, const float *q, const char *k,
                                                           const char *v, const rl_attn_shape *shape,
                                                           size_t n, rl_format format)
{
    const size_t dim = shape->head_dim, stride = rl_attn_stride(dim), group = rl_attn_group(shape);
    size_t h = 0;
    memset(part, 0, group * stride * sizeof *part);
    for (; h + 4 <= group; h += 4) run_pass(part + h * stride, q + h * dim, k, v, shape, n, 4, 1, 2, format);
    for (; h + 2 <= group; h += 2) run_pass(part + h * stride, q + h * dim, k, v, shape, n, 2, 2, 4, format);
    if (h < group) run_pass(part + h * stride, q + h * dim, k, v, shape, n, 1, 4, 4, format);
}

static void part_f16(float *restrict part, const float *restrict q, const void *restrict k,
                     const void *restrict v, const rl_attn_shape *shape, size_t n)
{
    run_part(part, q, k, v, shape, n, RL_F16);
}

static void part_bf16(float *restrict part, const float *restrict q, const void *restrict k,
                      const void *restrict v, const rl_attn_shape *shape, size_t n)
{
    run_part(part, q, k, v, shape, n, RL_BF16);
}

static void part_q8_0(float *restrict part, const float *restrict q, const void *restrict k,
                      const void *restrict v, const rl_attn_shape *shape, size_t n)
{
    run_part(part, q, k, v, shape, n, RL_Q8_0);
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
    {{"attn_decode_f16_avx2", RL_AVX2, RL_CPU_AVX2},  RL_F16,  false, part_f16,  merge_parts},
    {{"attn_decode_bf16_avx2", RL_AVX2, RL_CPU_AVX2}, RL_BF16, false, part_bf16, merge_parts},
    {{"attn_decode_q8_0_avx2", RL_AVX2, RL_CPU_AVX2}, RL_Q8_0, false, part_q8_0, merge_parts},
};
const rl_attn_decode_table rl_attn_decode_avx2 = {rows, RL_COUNT(rows)};
