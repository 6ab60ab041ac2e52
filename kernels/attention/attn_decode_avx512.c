/* attn_decode_avx512.c - sixteen positions at a time, up to eight query heads of the group in one pass.
 *
 * A row of K or V is read and converted once for the heads of a pass. Scores: the dot products of a block end as
 * the lanes of one vector, so that the exponential and the sum of sixteen positions cost one vector operation
 * each; attn_q8_avx512.h makes those of q8_0. Values: a tile of heads by dimensions stays in registers while the rows
 * of V go by. Blocks are cut by position, and an element's additions follow the positions whatever tile it is in:
 * the result depends on nothing but the inputs. */
#include "attention/attn_decode.h"
#include "attention/attn_q8_avx512.h"
#include "attention/attn_rows_avx512.h"

#include <math.h>

enum { T = 16, HEADS = 8 }; /* positions a block, and lanes; heads a pass at most */
enum { ROW_MAX = RL_ATTN_MAX_DIM * sizeof(rl_f16) };

/* What a pass over one part keeps beside the results. */
typedef struct {
    _Alignas(64) float weight[HEADS][T];
    __m512 sum[HEADS]; /* of the weights, lane by lane */
    __m512 max[HEADS]; /* in all lanes, as is the limit: what a score must exceed to be the next maximum */
    __m512 limit[HEADS];
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

/* q . K of every head, each position in its lane. A step takes positions t, 4 + t, 8 + t and 12 + t for `steps`
 * values of t; heads times steps is 8, or less for one head, for 16 chains of additions. Both are constants where
 * it is called. */
static inline __attribute__((always_inline)) void dots(__m512 *out, const float *q, const char *k,
                                                       size_t row_bytes, size_t dim, size_t heads,
                                                       size_t steps, rl_format format)
{
    __m512 quarter[HEADS][4]; /* lane l of number t: four floats that add up to position 4l + t */
    for (size_t t = 0; t < 4; t += steps) {
        __m512 sum[HEADS][4][2];
        for (size_t h = 0; h < heads; h++)
            for (size_t s = 0; s < steps; s++) sum[h][s][0] = sum[h][s][1] = _mm512_setzero_ps();
        for (size_t i = 0; i < dim; i += 8) {
            __m512 key[4][2];
            for (size_t s = 0; s < steps; s++) {
                const char *row = k + (t + s) * row_bytes;
                key[s][0] = rl_kv_load8_8(row, row + 4 * row_bytes, i, format);
                key[s][1] = rl_kv_load8_8(row + 8 * row_bytes, row + 12 * row_bytes, i, format);
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
 * be found where there is none; where there is, what was summed so far shrinks. By e^-80 at most: what is left then
 * shows in no result, and a smaller factor, as the first block's maximum would have it, is a subnormal number, which
 * takes the processor as long as ten exponentials. */
static inline void weigh(pass *a, size_t h, float *out, size_t dim, __m512 score)
{
    if (_mm512_cmp_ps_mask(score, a->limit[h], _CMP_GT_OQ) != 0) {
        const __m512 max = _mm512_set1_ps(rl_max_ps(score)),
                     shrink = rl_exp_ps(_mm512_max_ps(_mm512_set1_ps(-80), _mm512_sub_ps(a->max[h], max)));
        multiply(out, dim, shrink);
        a->sum[h] = _mm512_mul_ps(a->sum[h], shrink);
        a->max[h] = max;
        a->limit[h] = _mm512_add_ps(max, _mm512_set1_ps(RL_ATTN_SLACK));
    }
    const __m512 weight = rl_exp_ps(_mm512_sub_ps(score, a->max[h]));
    a->sum[h] = _mm512_add_ps(a->sum[h], weight);
    _mm512_store_ps(a->weight[h], weight);
}

/* ---- values ---- */

/* out += weight V for a tile of `heads` heads by `cols` vectors of 16 dimensions from `at` on: constants where it is
 * called, so that the tile lies in registers. A scale of q8_0 goes into the weights, all sixteen positions at once. */
static inline __attribute__((always_inline)) void add_tile(const pass *a, float *out, size_t stride,
                                                           const char *v, size_t at, size_t row_bytes,
                                                           size_t n, size_t heads, size_t cols,
                                                           rl_format format)
{
    _Alignas(64) float scaled[2][HEADS][T];
    const bool blocks = format == RL_Q8_0;
    for (size_t b = 0; blocks && b < cols / 2; b++) {
        const __m512 scale = rl_q8_scales(v, row_bytes, at / RL_QK + b);
        for (size_t h = 0; h < heads; h++)
            _mm512_store_ps(scaled[b][h], _mm512_mul_ps(scale, _mm512_load_ps(a->weight[h])));
    }
    __m512 tile[HEADS][4];
    for (size_t h = 0; h < heads; h++)
        for (size_t c = 0; c < cols; c++) tile[h][c] = _mm512_loadu_ps(out + h * stride + at + 16 * c);
    for (size_t t = 0; t < n; t++, v += row_bytes) {
        __m512 value[4];
        for (size_t c = 0; c < cols; c++)
            value[c] = blocks ? rl_kv_ints16(v, at + 16 * c)
                              : rl_kv_load16(v, at + 16 * c, _mm512_setzero_ps(), format);
        for (size_t h = 0; h < heads; h++)
            for (size_t c = 0; c < cols; c++) {
                const float *weight = blocks ? scaled[c / 2][h] : a->weight[h];
                tile[h][c] = _mm512_fmadd_ps(_mm512_set1_ps(weight[t]), value[c], tile[h][c]);
            }
    }
    for (size_t h = 0; h < heads; h++)
        for (size_t c = 0; c < cols; c++) _mm512_storeu_ps(out + h * stride + at + 16 * c, tile[h][c]);
}

/* The last rows, and positions past them that are 0 in every format. */
static const char *fill_up(char to[T * ROW_MAX], const char *rows, size_t n, size_t row_bytes)
{
    memcpy(to, rows, n * row_bytes);
    memset(to + n * row_bytes, 0, (T - n) * row_bytes);
    return to;
}

/* ---- a pass: `heads` heads over the whole part ---- */

static inline __attribute__((always_inline)) void run_pass(float *out, const float *q, const char *k,
                                                           const char *v, const rl_attn_shape *shape,
                                                           size_t n, size_t heads, size_t steps, size_t cols,
                                                           rl_format format)
{
    const size_t dim = shape->head_dim, stride = rl_attn_stride(dim), row_bytes = rl_row_bytes(format, dim);
    const __m512 least = _mm512_set1_ps(-INFINITY), scale = _mm512_set1_ps(shape->scale);
    pass a;
    rl_q8_query whole;
    char rest[2][T * ROW_MAX];
    if (format == RL_Q8_0) rl_q8_query_init(&whole, q, dim, heads);
    for (size_t h = 0; h < heads; h++) {
        a.max[h] = a.limit[h] = least;
        a.sum[h] = _mm512_setzero_ps();
    }
    for (size_t t = 0; t < n; t += T, k += T * row_bytes, v += T * row_bytes) {
        const size_t now = n - t < T ? n - t : T;
        const char *key = now == T ? k : fill_up(rest[0], k, now, row_bytes),
                   *value = now == T ? v : fill_up(rest[1], v, now, row_bytes);
        __m512 product[HEADS];
        rl_prefetch(k + T * row_bytes, T * row_bytes); /* the next block's */
        if (format == RL_Q8_0)
            rl_q8_dots(product, &whole, key, row_bytes, dim, heads);
        else
            dots(product, q, key, row_bytes, dim, heads, steps, format);
        for (size_t h = 0; h < heads; h++)
            weigh(&a, h, out + h * stride, dim, _mm512_mask_mul_ps(least, rl_mask16(now), product[h], scale));
        rl_prefetch(v + T * row_bytes, T * row_bytes);
        size_t i = 0;
        for (; i + 16 * cols <= dim; i += 16 * cols)
            add_tile(&a, out, stride, value, i, row_bytes, now, heads, cols, format);
        if (i < dim) add_tile(&a, out, stride, value, i, row_bytes, now, heads, 2, format);
    }
    for (size_t h = 0; h < heads; h++) {
        out[h * stride + dim] = _mm512_cvtss_f32(a.max[h]);
        out[h * stride + dim + 1] = rl_sum_ps(a.sum[h]);
    }
}

static inline __attribute__((always_inline)) void run_part(float *part, const float *q, const char *k,
                                                           const char *v, const rl_attn_shape *shape,
                                                           size_t n, rl_format format)
{
    const size_t dim = shape->head_dim, stride = rl_attn_stride(dim), group = rl_attn_group(shape);
    size_t h = 0;
    memset(part, 0, group * stride * sizeof *part);
    for (; h + 8 <= group; h += 8) run_pass(part + h * stride, q + h * dim, k, v, shape, n, 8, 1, 2, format);
    for (; h + 4 <= group; h += 4) run_pass(part + h * stride, q + h * dim, k, v, shape, n, 4, 2, 4, format);
    for (; h + 2 <= group; h += 2) run_pass(part + h * stride, q + h * dim, k, v, shape, n, 2, 4, 4, format);
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

enum { NEEDS = RL_CPU_AVX2 | RL_CPU_AVX512 };
static const rl_attn_decode rows[] = {
    {{"attn_decode_f16_avx512", RL_AVX512, NEEDS},  RL_F16,  false, part_f16,  merge_parts},
    {{"attn_decode_bf16_avx512", RL_AVX512, NEEDS}, RL_BF16, false, part_bf16, merge_parts},
    {{"attn_decode_q8_0_avx512", RL_AVX512, NEEDS}, RL_Q8_0, true,  part_q8_0, merge_parts},
};
const rl_attn_decode_table rl_attn_decode_avx512 = {rows, RL_COUNT(rows)};
