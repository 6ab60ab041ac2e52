/* gemv_panels_neon.c - panels of sixteen rows (base/panels.h): float formats and blocks of 32.
 *
 * A line of a panel is four registers whose lanes are rows. sdot by element takes four activations from one lane of a
 * register for all four rows of another: sixteen activations in one register meet four lines, and not a shuffle or a
 * sum across lanes is needed. Everything is done for a quad of rows at a time, four quads a panel, which are four
 * independent chains.
 *
 * sdot wants signed bytes and nibbles are 0 to 15: an offset is subtracted by starting the sum at -offset * s, s the
 * sum of the block's activations (base/act.h), and costs nothing. q8_0 is signed as it is. */
#include "gemv/gemv_panels_neon.h"

/* ---- blocks of 32 ---- */

static inline int32_t sum_of(const rl_quad *b) { return *(const int32_t *)b->s; }

static inline void step_q8_0(float32x4_t *sum, const rl_quad *b)
{
    int32x4_t dot = vdupq_n_s32(0);
    for (size_t i = 0; i < 2; i++) {
        int8x16_t w[4];
        for (size_t u = 0; u < 4; u++) w[u] = vld1q_s8((const int8_t *)b->line + (4 * i + u) * RL_LINE);
        dot = rl_dot_lanes(dot, w, vld1q_s8(b->q + 16 * i));
    }
    rl_quad_add(sum, dot, b->d, b->dx);
}

/* Four lines of nibbles, and 16 added where the element's bit is set in qh, if there is one: -offset is in `start`.
 * Bit i of a row's qh is element i's: the four low elements of line u have half of byte u / 2, the four high ones the
 * same half of byte u / 2 + 2. */
static inline __attribute__((always_inline)) int32x4_t dot_nibbles(const rl_quad *b, const uint8_t *line,
                                                                   const uint8_t *qh, int32_t start)
{
    static const uint8_t spread[16] = {0, 0, 0, 0, 4, 4, 4, 4, 8, 8, 8, 8, 12, 12, 12, 12};
    static const uint8_t masks[2][16] = {
        {1,  2,  4,  8,   1,  2,  4,  8,   1,  2,  4,  8,   1,  2,  4,  8  },
        {16, 32, 64, 128, 16, 32, 64, 128, 16, 32, 64, 128, 16, 32, 64, 128},
    };
    int8x16_t low[4], high[4];
    for (size_t u = 0; u < 4; u++) {
        const uint8x16_t v = vld1q_u8(line + u * RL_LINE);
        low[u] = rl_low_nibbles(v);
        high[u] = rl_high_nibbles(v);
        if (qh == NULL) continue;
        const uint8x16_t bits = vld1q_u8(qh), mask = vld1q_u8(masks[u % 2]);
        const uint8x16_t at = vaddq_u8(vld1q_u8(spread), vdupq_n_u8((uint8_t)(u / 2)));
        low[u] = vorrq_s8(low[u], rl_where_bits(vqtbl1q_u8(bits, at), mask, 16));
        high[u] = vorrq_s8(high[u], rl_where_bits(vqtbl1q_u8(bits, vaddq_u8(at, vdupq_n_u8(2))), mask, 16));
    }
    int32x4_t dot = rl_dot_lanes(vdupq_n_s32(start), low, vld1q_s8(b->q));
    return rl_dot_lanes(dot, high, vld1q_s8(b->q + 16));
}

static inline void step_q4_0(float32x4_t *sum, const rl_quad *b)
{
    rl_quad_add(sum, dot_nibbles(b, b->line, NULL, -8 * sum_of(b)), b->d, b->dx);
}

static inline void step_q5_0(float32x4_t *sum, const rl_quad *b)
{
    rl_quad_add(sum, dot_nibbles(b, b->line + RL_LINE, b->line, -16 * sum_of(b)), b->d, b->dx);
}

/* The minimum m is added to every weight, so m times the sum of the activations to the dot product. */
static inline void add_minimum(float32x4_t *sum, const rl_quad *b)
{
    rl_quad_add(sum, vdupq_n_s32(sum_of(b)), b->d + RL_PANEL_ROWS, b->dx);
}

static inline void step_q4_1(float32x4_t *sum, const rl_quad *b)
{
    rl_quad_add(sum, dot_nibbles(b, b->line, NULL, 0), b->d, b->dx);
    add_minimum(sum, b);
}

static inline void step_q5_1(float32x4_t *sum, const rl_quad *b)
{
    rl_quad_add(sum, dot_nibbles(b, b->line + RL_LINE, b->line, 0), b->d, b->dx);
    add_minimum(sum, b);
}

/* The kernel of a format of blocks, which has so many 2-byte units. */
#define KERNEL(FORMAT, format, halves)                                                                       \
    static void gemv_##format(float *restrict y, const void *restrict w, const void *restrict x, size_t m,   \
                              size_t k)                                                                      \
    {                                                                                                        \
        rl_gemv_quads(y, w, x, m, k, FORMAT, sizeof(rl_##format), halves, step_##format);                    \
    }
KERNEL(RL_Q8_0, q8_0, 1)
KERNEL(RL_Q4_0, q4_0, 1)
KERNEL(RL_Q4_1, q4_1, 2)
KERNEL(RL_Q5_0, q5_0, 1)
KERNEL(RL_Q5_1, q5_1, 2)
#undef KERNEL

/* ---- f32, f16, bf16 ---- */

/* Value i of a quad of rows. bf16 comes in pairs of values, of which the upper is in place. */
static inline float32x4_t value_f32(const char *w, size_t i) { return rl_load_f32x4(w + i * RL_LINE); }
static inline float32x4_t value_f16(const char *w, size_t i)
{
    return rl_load_f16x4(w + i * RL_HALVES_BYTES);
}
static inline float32x4_t value_bf16(const char *w, size_t i)
{
    const uint32x4_t pairs = vld1q_u32((const uint32_t *)(w + i / 2 * RL_LINE));
    return vreinterpretq_f32_u32(i % 2 == 0 ? vshlq_n_u32(pairs, 16)
                                            : vandq_u32(pairs, vdupq_n_u32(0xffff0000)));
}

/* Two chains a quad, eight in all. `value` and `quad_bytes`, from one quad to the next, are constants where it is
 * called, and inlined. */
static inline __attribute__((always_inline)) void gemv_float(float *restrict y, const void *restrict w,
                                                             const void *restrict x, size_t m, size_t k,
                                                             rl_format format, size_t quad_bytes,
                                                             float32x4_t (*value)(const char *, size_t))
{
    const float *xf = x;
    const size_t panel_bytes = rl_panel_bytes(format, k);
    for (size_t first = 0; first < m; first += RL_PANEL_ROWS) {
        const char *at = (const char *)w + first / RL_PANEL_ROWS * panel_bytes;
        float32x4_t sum[RL_QUADS], odd[RL_QUADS];
        for (size_t j = 0; j < RL_QUADS; j++) sum[j] = odd[j] = vdupq_n_f32(0);
        size_t i = 0;
        for (; i + 2 <= k; i += 2)
            for (size_t j = 0; j < RL_QUADS; j++) {
                sum[j] = vfmaq_n_f32(sum[j], value(at + j * quad_bytes, i), xf[i]);
                odd[j] = vfmaq_n_f32(odd[j], value(at + j * quad_bytes, i + 1), xf[i + 1]);
            }
        if (i < k)
            for (size_t j = 0; j < RL_QUADS; j++)
                sum[j] = vfmaq_n_f32(sum[j], value(at + j * quad_bytes, i), xf[i]);
        for (size_t j = 0; j < RL_QUADS; j++) sum[j] = vaddq_f32(sum[j], odd[j]);
        rl_quads_store(y + first, sum, m - first);
    }
}

static void gemv_f32(float *restrict y, const void *restrict w, const void *restrict x, size_t m, size_t k)
{
    gemv_float(y, w, x, m, k, RL_F32, 16, value_f32);
}

static void gemv_f16(float *restrict y, const void *restrict w, const void *restrict x, size_t m, size_t k)
{
    gemv_float(y, w, x, m, k, RL_F16, 8, value_f16);
}

static void gemv_bf16(float *restrict y, const void *restrict w, const void *restrict x, size_t m, size_t k)
{
    gemv_float(y, w, x, m, k, RL_BF16, 16, value_bf16);
}

static const rl_gemv rows[] = {
    {{"gemv_f32_panels_neon", RL_NEON, RL_CPU_NEON},  RL_F32,  RL_PANELS, RL_ACT_F32, gemv_f32 },
    {{"gemv_f16_panels_neon", RL_NEON, RL_CPU_NEON},  RL_F16,  RL_PANELS, RL_ACT_F32, gemv_f16 },
    {{"gemv_bf16_panels_neon", RL_NEON, RL_CPU_NEON}, RL_BF16, RL_PANELS, RL_ACT_F32, gemv_bf16},
    {{"gemv_q8_0_panels_neon", RL_NEON, RL_CPU_NEON}, RL_Q8_0, RL_PANELS, RL_ACT_Q8,  gemv_q8_0},
    {{"gemv_q4_0_panels_neon", RL_NEON, RL_CPU_NEON}, RL_Q4_0, RL_PANELS, RL_ACT_Q8,  gemv_q4_0},
    {{"gemv_q4_1_panels_neon", RL_NEON, RL_CPU_NEON}, RL_Q4_1, RL_PANELS, RL_ACT_Q8,  gemv_q4_1},
    {{"gemv_q5_0_panels_neon", RL_NEON, RL_CPU_NEON}, RL_Q5_0, RL_PANELS, RL_ACT_Q8,  gemv_q5_0},
    {{"gemv_q5_1_panels_neon", RL_NEON, RL_CPU_NEON}, RL_Q5_1, RL_PANELS, RL_ACT_Q8,  gemv_q5_1},
};
const rl_gemv_table rl_gemv_panels_neon = {rows, RL_COUNT(rows)};
