/* gemv_neon.c - rows as a GGUF file stores them, four rows at once, which share the loads of the activations.
 *
 * sdot multiplies signed bytes, so a format's offset is taken off its quants and nothing is left to correct. A block's
 * products end as four integers that are scaled to floats and added to four lanes; only the end of a row adds across
 * the lanes. A last group of fewer rows computes its last row again and drops the copies. */
#include "base/arm_neon.h"
#include "gemv/gemv.h"

enum { ROWS = 4 };

/* Adds block b of a row, and what it is multiplied by, to the row's four sums. */
typedef void step_fn(float32x4_t *sum, const void *block, const rl_act_view *a, size_t b);

/* Where the rows of a group begin. */
static inline void open_rows(const char *at[ROWS], const void *w, size_t row_bytes, size_t first, size_t m)
{
    for (size_t r = 0; r < ROWS; r++)
        at[r] = (const char *)w + (first + r < m ? first + r : m - 1) * row_bytes;
}

static inline void close_rows(float *y, const float32x4_t sum[ROWS], size_t first, size_t m)
{
    for (size_t r = 0; r < ROWS && first + r < m; r++) y[first + r] = vaddvq_f32(sum[r]);
}

/* One body for all formats of blocks: `format` and `step` are constants where it is called, and inlined. */
static inline __attribute__((always_inline)) void gemv_blocks(float *restrict y, const void *restrict w,
                                                              const void *restrict x, size_t m, size_t k,
                                                              rl_format format, step_fn *step)
{
    const rl_act_view a = rl_act_open(rl_act_for(format), x, k);
    const size_t bytes = rl_format_table[format].block_bytes,
                 blocks = k / rl_format_table[format].block_elems;
    for (size_t first = 0; first < m; first += ROWS) {
        const char *at[ROWS];
        float32x4_t sum[ROWS];
        open_rows(at, w, blocks * bytes, first, m);
        for (size_t r = 0; r < ROWS; r++) sum[r] = vdupq_n_f32(0);
        for (size_t b = 0; b < blocks; b++)
            for (size_t r = 0; r < ROWS; r++) step(&sum[r], at[r] + b * bytes, &a, b);
        close_rows(y, sum, first, m);
    }
}

/* ---- f32, f16, bf16 ---- */

static inline float one_f32(const char *p) { return *(const float *)p; }
static inline float one_f16(const char *p) { return rl_one_f16((const rl_f16 *)p); }
static inline float one_bf16(const char *p) { return rl_bf16_to_f32(*(const rl_bf16 *)p); }

static inline __attribute__((always_inline)) void gemv_float(float *restrict y, const void *restrict w,
                                                             const void *restrict x, size_t m, size_t k,
                                                             float32x4_t (*load)(const void *),
                                                             float (*one)(const char *), size_t size)
{
    const float *xf = x;
    for (size_t first = 0; first < m; first += ROWS) {
        const char *at[ROWS];
        float32x4_t sum[ROWS], odd[ROWS];
        open_rows(at, w, k * size, first, m);
        for (size_t r = 0; r < ROWS; r++) sum[r] = odd[r] = vdupq_n_f32(0);
        size_t i = 0;
        for (; i + 8 <= k; i += 8)
            for (size_t r = 0; r < ROWS; r++) {
                sum[r] = vfmaq_f32(sum[r], load(at[r] + i * size), vld1q_f32(xf + i));
                odd[r] = vfmaq_f32(odd[r], load(at[r] + (i + 4) * size), vld1q_f32(xf + i + 4));
            }
        for (size_t r = 0; r < ROWS; r++) sum[r] = vaddq_f32(sum[r], odd[r]);
        for (; i < k; i++)
            for (size_t r = 0; r < ROWS; r++)
                sum[r] = vaddq_f32(sum[r], vsetq_lane_f32(one(at[r] + i * size) * xf[i], vdupq_n_f32(0), 0));
        close_rows(y, sum, first, m);
    }
}

static void gemv_f32(float *restrict y, const void *restrict w, const void *restrict x, size_t m, size_t k)
{
    gemv_float(y, w, x, m, k, rl_load_f32x4, one_f32, 4);
}

static void gemv_f16(float *restrict y, const void *restrict w, const void *restrict x, size_t m, size_t k)
{
    gemv_float(y, w, x, m, k, rl_load_f16x4, one_f16, 2);
}

static void gemv_bf16(float *restrict y, const void *restrict w, const void *restrict x, size_t m, size_t k)
{
    gemv_float(y, w, x, m, k, rl_load_bf16x4, one_bf16, 2);
}

/* ---- blocks of 32 ---- */

/* Thirty-two quants times the activations of block b. */
static inline int32x4_t dot32(int8x16_t low, int8x16_t high, const int8_t *q)
{
    return vdotq_s32(vdotq_s32(vdupq_n_s32(0), low, vld1q_s8(q)), high, vld1q_s8(q + 16));
}

static inline void add_scaled(float32x4_t *sum, int32x4_t dot, const rl_f16 *d, float dx)
{
    *sum = vfmaq_n_f32(*sum, vcvtq_f32_s32(dot), rl_one_f16(d) * dx);
}

static inline void step_q8_0(float32x4_t *sum, const void *block, const rl_act_view *a, size_t b)
{
    const rl_q8_0 *w = block;
    add_scaled(sum, dot32(vld1q_s8(w->qs), vld1q_s8(w->qs + 16), a->q + 32 * b), &w->d, a->d[b]);
}

static inline void step_q4_0(float32x4_t *sum, const void *block, const rl_act_view *a, size_t b)
{
    const rl_q4_0 *w = block;
    const uint8x16_t v = vld1q_u8(w->qs);
    add_scaled(sum, dot32(rl_less(rl_low_nibbles(v), 8), rl_less(rl_high_nibbles(v), 8), a->q + 32 * b),
               &w->d, a->d[b]);
}

/* ---- super-blocks of 256 ---- */

/* Eight sums of 32 activations from the sixteen of 16. */
static inline int16x8_t sums_of_32(const int16_t *s) { return vpaddq_s16(vld1q_s16(s), vld1q_s16(s + 8)); }

/* One super-block of q4_K, or of q5_K where there are fifth bits in qh. */
static inline __attribute__((always_inline)) void step_k4(float32x4_t *sum, const rl_f16 *d,
                                                          const uint8_t scales[12], const uint8_t *qs,
                                                          const uint8_t *qh, const rl_act_view *a, size_t b)
{
    uint8_t both[16];
    vst1q_u8(both, rl_k4_scales(scales));
    int32x4_t dot = vdupq_n_s32(0);
    for (size_t s = 0; s < 8; s++) {
        int8x16_t q[2];
        for (size_t l = 0; l < 2; l++) {
            const uint8x16_t v = vld1q_u8(qs + s / 2 * 32 + 16 * l);
            q[l] = s % 2 == 0 ? rl_low_nibbles(v) : rl_high_nibbles(v);
            if (qh != NULL) q[l] = vorrq_s8(q[l], rl_where_bit(vld1q_u8(qh + 16 * l), s, 16));
        }
        dot = vmlaq_n_s32(dot, dot32(q[0], q[1], a->q + 256 * b + 32 * s), both[s]);
    }
    const int16x8_t mins = vreinterpretq_s16_u16(vmovl_u8(vld1_u8(both + 8)));
    const int16x8_t sums = sums_of_32((const int16_t *)a->s + 16 * b);
    const int32x4_t min = vmlal_high_s16(vmull_s16(vget_low_s16(mins), vget_low_s16(sums)), mins, sums);
    add_scaled(sum, dot, d, a->d[b]);
    add_scaled(sum, min, d + 1, -a->d[b]);
}

static inline void step_q4_K(float32x4_t *sum, const void *block, const rl_act_view *a, size_t b)
{
    const rl_q4_K *w = block;
    step_k4(sum, &w->d, w->scales, w->qs, NULL, a, b);
}

static inline void step_q5_K(float32x4_t *sum, const void *block, const rl_act_view *a, size_t b)
{
    const rl_q5_K *w = block;
    step_k4(sum, &w->d, w->scales, w->qs, w->qh, a, b);
}

static inline void step_q6_K(float32x4_t *sum, const void *block, const rl_act_view *a, size_t b)
{
    const rl_q6_K *w = block;
    int32x4_t dot = vdupq_n_s32(0);
    for (size_t s = 0; s < 16; s++) {
        const size_t half = s / 8, j = s % 8 / 2, l = s % 2 * 16;
        const uint8x16_t ql = vld1q_u8(w->ql + 64 * half + j % 2 * 32 + l),
                         qh = vld1q_u8(w->qh + 32 * half + l);
        const int8x16_t q = rl_less(rl_q6_quants(ql, qh, j), 32);
        const int32x4_t sub = vdotq_s32(vdupq_n_s32(0), q, vld1q_s8(a->q + 256 * b + 16 * s));
        dot = vmlaq_n_s32(dot, sub, w->scales[s]);
    }
    add_scaled(sum, dot, &w->d, a->d[b]);
}

/* The kernel of a format of blocks. */
#define KERNEL(FORMAT, format)                                                                               \
    static void gemv_##format(float *restrict y, const void *restrict w, const void *restrict x, size_t m,   \
                              size_t k)                                                                      \
    {                                                                                                        \
        gemv_blocks(y, w, x, m, k, FORMAT, step_##format);                                                   \
    }
KERNEL(RL_Q8_0, q8_0)
KERNEL(RL_Q4_0, q4_0)
KERNEL(RL_Q4_K, q4_K)
KERNEL(RL_Q5_K, q5_K)
KERNEL(RL_Q6_K, q6_K)
#undef KERNEL

static const rl_gemv rows[] = {
    {{"gemv_f32_neon", RL_NEON, RL_CPU_NEON},  RL_F32,  RL_ROWS, RL_ACT_F32, gemv_f32 },
    {{"gemv_f16_neon", RL_NEON, RL_CPU_NEON},  RL_F16,  RL_ROWS, RL_ACT_F32, gemv_f16 },
    {{"gemv_bf16_neon", RL_NEON, RL_CPU_NEON}, RL_BF16, RL_ROWS, RL_ACT_F32, gemv_bf16},
    {{"gemv_q8_0_neon", RL_NEON, RL_CPU_NEON}, RL_Q8_0, RL_ROWS, RL_ACT_Q8,  gemv_q8_0},
    {{"gemv_q4_0_neon", RL_NEON, RL_CPU_NEON}, RL_Q4_0, RL_ROWS, RL_ACT_Q8,  gemv_q4_0},
    {{"gemv_q4_K_neon", RL_NEON, RL_CPU_NEON}, RL_Q4_K, RL_ROWS, RL_ACT_Q8K, gemv_q4_K},
    {{"gemv_q5_K_neon", RL_NEON, RL_CPU_NEON}, RL_Q5_K, RL_ROWS, RL_ACT_Q8K, gemv_q5_K},
    {{"gemv_q6_K_neon", RL_NEON, RL_CPU_NEON}, RL_Q6_K, RL_ROWS, RL_ACT_Q8K, gemv_q6_K},
};
const rl_gemv_table rl_gemv_neon = {rows, RL_COUNT(rows)};
