/* attn_decode_avx512.c - sixteen positions at a time, up to eight query heads of the group in one pass.
 *
 * A row of K or V is read and converted once for the heads of a pass. Scores: the dot products of a block end as
 * the lanes of one vector, so that the exponential and the sum of sixteen positions cost one vector operation
 * each. Values: a tile of heads by dimensions stays in registers while the rows of V go by. Blocks are cut by
 * position, and an element's additions follow the positions whatever tile it is in: the result depends on nothing
 * but the inputs. */
#include "attention/attn_decode.h"
#include "base/x86_avx512.h"

#include <math.h>

enum { T = 16, HEADS = 8 }; /* positions a block, and lanes; heads a pass at most */

/* What a pass over one part keeps beside the results. */
typedef struct {
    _Alignas(64) float weight[HEADS][T];
    __m512 sum[HEADS]; /* of the weights, lane by lane */
    __m512 max[HEADS]; /* in all lanes */
} pass;

/* ---- scores ---- */

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

/* Eight values of one row beside the same eight of another: this leaves less to add up across lanes. */
static inline __m512 two_rows(const rl_f16 *a, const rl_f16 *b)
{
    const __m256i low = _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)a));
    return _mm512_cvtph_ps(_mm256_inserti128_si256(low, _mm_loadu_si128((const __m128i *)b), 1));
}

/* q . K of every head, each position in its lane. A step takes positions t, 4 + t, 8 + t and 12 + t for `steps`
 * values of t; heads times steps is 8, or less for one head, for 16 chains of additions. Both are constants where
 * it is called. */
static inline __attribute__((always_inline)) void
dots(__m512 *out, const float *q, const rl_f16 *const row[T], size_t dim, size_t heads, size_t steps)
{
    __m512 quarter[HEADS][4]; /* lane l of number t: four floats that add up to position 4l + t */
    for (size_t t = 0; t < 4; t += steps) {
        __m512 sum[HEADS][4][2];
        for (size_t h = 0; h < heads; h++)
            for (size_t s = 0; s < steps; s++) sum[h][s][0] = sum[h][s][1] = _mm512_setzero_ps();
        for (size_t i = 0; i < dim; i += 8) {
            __m512 key[4][2];
            for (size_t s = 0; s < steps; s++) {
                key[s][0] = two_rows(row[t + s] + i, row[4 + t + s] + i);
                key[s][1] = two_rows(row[8 + t + s] + i, row[12 + t + s] + i);
            }
            for (size_t h = 0; h < heads; h++) {
                const __m512 x = _mm512_broadcast_f32x8(_mm256_loadu_ps(q + h * dim + i));
                for (size_t s = 0; s < steps; s++)
                    for (size_t j = 0; j < 2; j++) sum[h][s][j] = _mm512_fmadd_ps(key[s][j], x, sum[h][s][j]);
            }
        }
        for (size_t h = 0; h < heads; h++)
            for (size_t s = 0; s < steps; s++) quarter[h][t + s] = fold_lanes(sum[h][s][0], sum[h][s][1]);
    }
    for (size_t h = 0; h < heads; h++)
        out[h] = fold_pairs(fold_singles(quarter[h][0], quarter[h][1]),
                            fold_singles(quarter[h][2], quarter[h][3]));
}

/* ---- weights ---- */

static inline void multiply(float *x, size_t dim, __m512 by)
{
    for (size_t i = 0; i < dim; i += 16) _mm512_storeu_ps(x + i, _mm512_mul_ps(_mm512_loadu_ps(x + i), by));
}

/* The weights of head h for the block. A new maximum is rare after the first blocks, and nothing waits for it to
 * be found where there is none; where there is, what was summed so far shrinks. */
static inline void weigh(pass *a, size_t h, float *out, size_t dim, __m512 score)
{
    if (_mm512_cmp_ps_mask(score, a->max[h], _CMP_GT_OQ) != 0) {
        const __m512 max = _mm512_set1_ps(rl_max_ps(score)),
                     shrink = rl_exp_ps(_mm512_sub_ps(a->max[h], max));
        multiply(out, dim, shrink);
        a->sum[h] = _mm512_mul_ps(a->sum[h], shrink);
        a->max[h] = max;
    }
    const __m512 weight = rl_exp_ps(_mm512_sub_ps(score, a->max[h]));
    a->sum[h] = _mm512_add_ps(a->sum[h], weight);
    _mm512_store_ps(a->weight[h], weight);
}

/* ---- values ---- */

/* out += weight V for a tile of `heads` heads by `cols` vectors of 16 dimensions: constants where it is called, so
 * that the tile lies in registers. */
static inline __attribute__((always_inline)) void add_tile(const pass *a, float *out, size_t stride,
                                                           const rl_f16 *v, size_t dim, size_t n,
                                                           size_t heads, size_t cols)
{
    __m512 tile[HEADS][4];
    for (size_t h = 0; h < heads; h++)
        for (size_t c = 0; c < cols; c++) tile[h][c] = _mm512_loadu_ps(out + h * stride + 16 * c);
    for (size_t t = 0; t < n; t++, v += dim) {
        __m512 value[4];
        for (size_t c = 0; c < cols; c++) value[c] = rl_load_f16(v + 16 * c, 0xffff);
        for (size_t h = 0; h < heads; h++)
            for (size_t c = 0; c < cols; c++)
                tile[h][c] = _mm512_fmadd_ps(_mm512_set1_ps(a->weight[h][t]), value[c], tile[h][c]);
    }
    for (size_t h = 0; h < heads; h++)
        for (size_t c = 0; c < cols; c++) _mm512_storeu_ps(out + h * stride + 16 * c, tile[h][c]);
}

/* ---- a pass: `heads` heads over the whole part ---- */

static inline __attribute__((always_inline)) void run_pass(float *out, const float *q, const rl_f16 *k,
                                                           const rl_f16 *v, const rl_attn_shape *shape,
                                                           size_t n, size_t heads, size_t steps, size_t cols)
{
    static const rl_f16 none[RL_ATTN_MAX_DIM]; /* what positions past n read */
    const size_t dim = shape->head_dim, stride = rl_attn_stride(dim), block_bytes = T * dim * sizeof *k;
    const __m512 least = _mm512_set1_ps(-INFINITY), scale = _mm512_set1_ps(shape->scale);
    pass a;
    for (size_t h = 0; h < heads; h++) {
        a.max[h] = least;
        a.sum[h] = _mm512_setzero_ps();
    }
    for (size_t t = 0; t < n; t += T) {
        const size_t now = n - t < T ? n - t : T;
        const rl_f16 *row[T];
        __m512 product[HEADS];
        for (size_t i = 0; i < T; i++) row[i] = i < now ? k + (t + i) * dim : none;
        rl_prefetch(k + (t + T) * dim, block_bytes); /* the next block's */
        dots(product, q, row, dim, heads, steps);
        for (size_t h = 0; h < heads; h++)
            weigh(&a, h, out + h * stride, dim, _mm512_mask_mul_ps(least, rl_mask16(now), product[h], scale));
        rl_prefetch(v + (t + T) * dim, block_bytes);
        size_t i = 0;
        for (; i + 16 * cols <= dim; i += 16 * cols)
            add_tile(&a, out + i, stride, v + t * dim + i, dim, now, heads, cols);
        if (i < dim) add_tile(&a, out + i, stride, v + t * dim + i, dim, now, heads, 2);
    }
    for (size_t h = 0; h < heads; h++) {
        out[h * stride + dim] = _mm512_cvtss_f32(a.max[h]);
        out[h * stride + dim + 1] = rl_sum_ps(a.sum[h]);
    }
}

static void part_f16(float *restrict part, const float *restrict q, const void *restrict k,
                     const void *restrict v, const rl_attn_shape *shape, size_t n)
{
    const size_t dim = shape->head_dim, stride = rl_attn_stride(dim), group = rl_attn_group(shape);
    size_t h = 0;
    memset(part, 0, group * stride * sizeof *part);
    for (; h + 8 <= group; h += 8) run_pass(part + h * stride, q + h * dim, k, v, shape, n, 8, 1, 2);
    for (; h + 4 <= group; h += 4) run_pass(part + h * stride, q + h * dim, k, v, shape, n, 4, 2, 4);
    for (; h + 2 <= group; h += 2) run_pass(part + h * stride, q + h * dim, k, v, shape, n, 2, 4, 4);
    if (h < group) run_pass(part + h * stride, q + h * dim, k, v, shape, n, 1, 4, 4);
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
