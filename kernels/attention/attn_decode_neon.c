/* attn_decode_neon.c - eight positions at a time, up to four query heads of the group in one pass.
 *
 * The shape is that of attn_decode_avx512.c: a row of K or V is read and widened once for the heads of a pass, the
 * scores of a block end as lanes of two vectors, and a tile of results stays in registers while the rows of V go by. Of
 * the 32 registers a pass of four heads holds 16 sums: of four positions for K, of 16 dimensions for V. A head's sums
 * are the same in every pass, so its bits do not depend on the group. */
#include "attention/attn_decode.h"
#include "attention/attn_rows_neon.h"

#include <math.h>

enum { T = 8, V = T / 4, HEADS = 4 }; /* positions a block, vectors of them; heads a pass at most */

/* What a pass over one part keeps beside the results. */
typedef struct {
    float weight[HEADS][T];
    float32x4_t sum[HEADS]; /* of the weights, lane by lane */
    float max[HEADS];
} pass;

/* ---- scores ---- */

/* q . K of every head, each position in its lane; `steps` positions at a time. Heads times steps is at most 16 sums;
 * both are constants where it is called. */
static inline __attribute__((always_inline)) void dots(float32x4_t out[HEADS][V], const float *q,
                                                       const char *const row[T], size_t dim, size_t heads,
                                                       size_t steps, rl_format format)
{
    for (size_t t = 0; t < T; t += steps) {
        float32x4_t sum[HEADS][T];
        for (size_t h = 0; h < heads; h++)
            for (size_t s = 0; s < steps; s++) sum[h][s] = vdupq_n_f32(0);
        for (size_t block = 0; block < dim; block += RL_QK) {
            float scale[T];
            for (size_t s = 0; s < steps; s++) scale[s] = rl_kv_scale4(row[t + s], block, format);
            for (size_t i = block; i < block + RL_QK; i += 4) {
                float32x4_t x[HEADS];
                for (size_t h = 0; h < heads; h++) x[h] = vld1q_f32(q + h * dim + i);
                for (size_t s = 0; s < steps; s++) {
                    const float32x4_t key = rl_kv_load4(row[t + s], i, scale[s], format);
                    for (size_t h = 0; h < heads; h++) sum[h][s] = vfmaq_f32(sum[h][s], key, x[h]);
                }
            }
        }
        for (size_t h = 0; h < heads; h++)
            for (size_t s = 0; s < steps; s += 4)
                out[h][(t + s) / 4] = vpaddq_f32(vpaddq_f32(sum[h][s], sum[h][s + 1]),
                                                 vpaddq_f32(sum[h][s + 2], sum[h][s + 3]));
    }
}

/* Where position i of the block is one of the first n; elsewhere -inf. */
static inline float32x4_t first_n(float32x4_t score, size_t i, size_t n)
{
    static const uint32_t lanes[4] = {0, 1, 2, 3};
    const uint32x4_t here =
        vcltq_u32(vaddq_u32(vld1q_u32(lanes), vdupq_n_u32((uint32_t)i)), vdupq_n_u32((uint32_t)n));
    return vbslq_f32(here, score, vdupq_n_f32(-INFINITY));
}

/* ---- weights ---- */

static inline void multiply(float *x, size_t dim, float by)
{
    for (size_t i = 0; i < dim; i += 4) vst1q_f32(x + i, vmulq_n_f32(vld1q_f32(x + i), by));
}

static inline float exp_one(float x) { return vgetq_lane_f32(rl_exp_f32x4(vdupq_n_f32(x)), 0); }

/* The weights of head h for the block. Where there is a new maximum, what was summed so far shrinks. */
static inline void weigh(pass *a, size_t h, float *out, size_t dim, const float32x4_t score[V])
{
    const float max = vmaxvq_f32(vmaxq_f32(score[0], score[1]));
    if (max > a->max[h]) {
        const float shrink = exp_one(a->max[h] - max);
        multiply(out, dim, shrink);
        a->sum[h] = vmulq_n_f32(a->sum[h], shrink);
        a->max[h] = max;
    }
    for (size_t i = 0; i < V; i++) {
        const float32x4_t weight = rl_exp_f32x4(vsubq_f32(score[i], vdupq_n_f32(a->max[h])));
        a->sum[h] = vaddq_f32(a->sum[h], weight);
        vst1q_f32(a->weight[h] + 4 * i, weight);
    }
}

/* ---- values ---- */

/* out += weight V for a tile of `heads` heads by `cols` vectors of 4 dimensions from `at` on, all of one block:
 * constants where it is called, so that the tile lies in registers. */
static inline __attribute__((always_inline)) void add_tile(const pass *a, float *out, size_t stride,
                                                           const char *v, size_t at, size_t row_bytes,
                                                           size_t n, size_t heads, size_t cols,
                                                           rl_format format)
{
    float32x4_t tile[HEADS][8];
    for (size_t h = 0; h < heads; h++)
        for (size_t c = 0; c < cols; c++) tile[h][c] = vld1q_f32(out + h * stride + at + 4 * c);
    for (size_t t = 0; t < n; t++, v += row_bytes) {
        const float scale = rl_kv_scale4(v, at, format);
        for (size_t c = 0; c < cols; c++) {
            const float32x4_t value = rl_kv_load4(v, at + 4 * c, scale, format);
            for (size_t h = 0; h < heads; h++) tile[h][c] = vfmaq_n_f32(tile[h][c], value, a->weight[h][t]);
        }
    }
    for (size_t h = 0; h < heads; h++)
        for (size_t c = 0; c < cols; c++) vst1q_f32(out + h * stride + at + 4 * c, tile[h][c]);
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
    pass a;
    for (size_t h = 0; h < heads; h++) {
        a.max[h] = -INFINITY;
        a.sum[h] = vdupq_n_f32(0);
    }
    for (size_t t = 0; t < n; t += T, k += T * row_bytes, v += T * row_bytes) {
        const size_t now = n - t < T ? n - t : T;
        const char *row[T];
        float32x4_t score[HEADS][V];
        for (size_t i = 0; i < T; i++) row[i] = i < now ? k + i * row_bytes : none;
        dots(score, q, row, dim, heads, steps, format);
        for (size_t h = 0; h < heads; h++) {
            for (size_t i = 0; i < V; i++)
                score[h][i] = first_n(vmulq_n_f32(score[h][i], shape->scale), 4 * i, now);
            weigh(&a, h, out + h * stride, dim, score[h]);
        }
        for (size_t i = 0; i < dim; i += 4 * cols)
            add_tile(&a, out, stride, v, i, row_bytes, now, heads, cols, format);
    }
    for (size_t h = 0; h < heads; h++) {
        out[h * stride + dim] = a.max[h];
        out[h * stride + dim + 1] = vaddvq_f32(a.sum[h]);
    }
}

static inline __attribute__((always_inline)) void run_part(float *part, const float *q, const char *k,
                                                           const char *v, const rl_attn_shape *shape,
                                                           size_t n, rl_format format)
{
    const size_t dim = shape->head_dim, stride = rl_attn_stride(dim), group = rl_attn_group(shape);
    size_t h = 0;
    memset(part, 0, group * stride * sizeof *part);
    for (; h + 4 <= group; h += 4) run_pass(part + h * stride, q + h * dim, k, v, shape, n, 4, 4, 4, format);
    for (; h + 2 <= group; h += 2) run_pass(part + h * stride, q + h * dim, k, v, shape, n, 2, 8, 8, format);
    if (h < group) run_pass(part + h * stride, q + h * dim, k, v, shape, n, 1, 8, 8, format);
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
        float max = -INFINITY, sum = 0;
        for (size_t p = 0; p < n_parts; p++) max = fmaxf(max, first[p * group * stride + dim]);
        memset(out, 0, dim * sizeof *out);
        for (size_t p = 0; p < n_parts; p++) {
            const float *part = first + p * group * stride;
            const float weight = exp_one(part[dim] - max);
            for (size_t i = 0; i < dim; i += 4)
                vst1q_f32(out + i, vfmaq_n_f32(vld1q_f32(out + i), vld1q_f32(part + i), weight));
            sum += weight * part[dim + 1];
        }
        multiply(out, dim, 1.0f / sum);
    }
}

static const rl_attn_decode rows[] = {
    {{"attn_decode_f16_neon", RL_NEON, RL_CPU_NEON},  RL_F16,  false, part_f16,  merge_parts},
    {{"attn_decode_bf16_neon", RL_NEON, RL_CPU_NEON}, RL_BF16, false, part_bf16, merge_parts},
    {{"attn_decode_q8_0_neon", RL_NEON, RL_CPU_NEON}, RL_Q8_0, false, part_q8_0, merge_parts},
};
const rl_attn_decode_table rl_attn_decode_neon = {rows, RL_COUNT(rows)};
