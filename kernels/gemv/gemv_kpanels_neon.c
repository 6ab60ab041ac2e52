/* gemv_kpanels_neon.c - panels of sixteen rows: the K formats.
 *
 * gemv_panels_neon.c tells why a lane is a row. A super-block adds integers at two levels: four lines and sixteen
 * activations are four sdots; a sub-block of 16 or 32 is one or two such fours, times its scale (mla), added to an
 * int32; floats begin where the super-block ends. Scales are lanes' business too: those of a row are 12 or 16 bytes,
 * three or four lines here, and a shift brings out a byte of every lane.
 *
 * Offsets start a sub-block's sum at -offset * s, s the sum of its sixteen activations; minima are integers times the
 * same sums. A quad of rows goes through a whole super-block before the next: its lines stay in the first-level cache,
 * and its sub-blocks are the independent chains. */
#include "gemv/gemv_panels_neon.h"

static inline uint8x16_t line(const rl_quad *b, size_t i) { return rl_quad_unit(b->line, i); }
static inline void lines4(uint8x16_t v[4], const rl_quad *b, size_t i)
{
    for (size_t u = 0; u < 4; u++) v[u] = line(b, i + u);
}

/* Sub-block i of 16: the sum of its activations. */
static inline int32_t sum_of(const rl_quad *b, size_t i) { return ((const int16_t *)b->s)[i]; }

/* ---- q4_K, q5_K: eight sub-blocks of 32 ---- */

/* The quants begin at line `qs`; their fifth bits, if there are any, at line 3. */
static inline __attribute__((always_inline)) void step_k4(float32x4_t *sum, const rl_quad *b, size_t qs,
                                                          bool five)
{
    const rl_k4_quad k4 = rl_k4_open(b->line);
    int32x4_t dot = vdupq_n_s32(0), min = vdupq_n_s32(0);
    for (size_t g = 0; g < 4; g++) { /* 64 elements: the low nibbles of eight lines, then the high */
        int32x4_t sub[2] = {vdupq_n_s32(0), vdupq_n_s32(0)};
        for (size_t p = 0; p < 2; p++) {
            int8x16_t low[4], high[4];
            for (size_t u = 0; u < 4; u++) {
                const uint8x16_t v = line(b, qs + 8 * g + 4 * p + u);
                low[u] = rl_low_nibbles(v);
                high[u] = rl_high_nibbles(v);
                if (!five) continue;
                const uint8x16_t bits = line(b, 3 + 4 * p + u);
                low[u] = vorrq_s8(low[u], rl_where_bit(bits, 2 * g, 16));
                high[u] = vorrq_s8(high[u], rl_where_bit(bits, 2 * g + 1, 16));
            }
            sub[0] = rl_dot_lanes(sub[0], low, vld1q_s8(b->q + 64 * g + 16 * p));
            sub[1] = rl_dot_lanes(sub[1], high, vld1q_s8(b->q + 64 * g + 32 + 16 * p));
        }
        for (size_t i = 0; i < 2; i++) {
            const size_t s = 2 * g + i;
            dot = vmlaq_s32(dot, sub[i], rl_lane_byte(k4.scale[s / 4], s % 4));
            min = vmlaq_n_s32(min, rl_lane_byte(k4.min[s / 4], s % 4), sum_of(b, 2 * s) + sum_of(b, 2 * s + 1));
        }
    }
    rl_quad_add(sum, dot, b->d, b->dx);
    rl_quad_add(sum, min, b->d + RL_PANEL_ROWS, -b->dx);
}

static inline void step_q4_K(float32x4_t *sum, const rl_quad *b) { step_k4(sum, b, 3, false); }
static inline void step_q5_K(float32x4_t *sum, const rl_quad *b) { step_k4(sum, b, 11, true); }

/* ---- q2_K, q3_K, q6_K: sixteen sub-blocks of 16. Half h of the block, part p of a half's lines (four of eight) and
 * bits 2j of the bytes there make up sub-block 8h + 2j + p. ---- */

static inline void step_q2_K(float32x4_t *sum, const rl_quad *b)
{
    int32x4_t dot = vdupq_n_s32(0), min = vdupq_n_s32(0);
    for (size_t h = 0; h < 2; h++)
        for (size_t p = 0; p < 2; p++) {
            uint8x16_t v[4];
            lines4(v, b, 4 + 8 * h + 4 * p);
            for (size_t j = 0; j < 4; j++) {
                const size_t s = 8 * h + 2 * j + p;
                const uint8x16_t both = line(b, s / 4);
                int8x16_t q[4];
                for (size_t u = 0; u < 4; u++) q[u] = rl_two_bits(v[u], 2 * j);
                const int32x4_t sub = rl_dot_lanes(vdupq_n_s32(0), q, vld1q_s8(b->q + 16 * s));
                dot = vmlaq_s32(dot, sub, rl_lane_byte(vreinterpretq_u8_s8(rl_low_nibbles(both)), s % 4));
                min = vmlaq_n_s32(min, rl_lane_byte(vshrq_n_u8(both, 4), s % 4), sum_of(b, s));
            }
        }
    rl_quad_add(sum, dot, b->d, b->dx);
    rl_quad_add(sum, min, b->d + RL_PANEL_ROWS, -b->dx);
}

static inline void step_q3_K(float32x4_t *sum, const rl_quad *b)
{
    int8x16_t scale[4];
    rl_q3_open(scale, b->line + 24 * RL_LINE);
    int32x4_t dot = vdupq_n_s32(0);
    for (size_t h = 0; h < 2; h++)
        for (size_t p = 0; p < 2; p++) {
            uint8x16_t v[4], third[4];
            lines4(v, b, 8 + 8 * h + 4 * p);
            lines4(third, b, 4 * p);
            for (size_t j = 0; j < 4; j++) {
                const size_t s = 8 * h + 2 * j + p;
                int8x16_t q[4];
                for (size_t u = 0; u < 4; u++)
                    q[u] = vorrq_s8(rl_two_bits(v[u], 2 * j), rl_where_bit(third[u], 4 * h + j, 4));
                const int32x4_t sub =
                    rl_dot_lanes(vdupq_n_s32(-4 * sum_of(b, s)), q, vld1q_s8(b->q + 16 * s));
                dot = vmlaq_s32(dot, sub, rl_lane_signed_byte(scale[s / 4], s % 4));
            }
        }
    rl_quad_add(sum, dot, b->d, b->dx);
}

static inline void step_q6_K(float32x4_t *sum, const rl_quad *b)
{
    int32x4_t dot = vdupq_n_s32(0);
    for (size_t h = 0; h < 2; h++)
        for (size_t p = 0; p < 2; p++) {
            uint8x16_t ql[2][4], qh[4];
            for (size_t i = 0; i < 2; i++) lines4(ql[i], b, 16 * h + 8 * i + 4 * p);
            lines4(qh, b, 32 + 8 * h + 4 * p);
            for (size_t j = 0; j < 4; j++) {
                const size_t s = 8 * h + 2 * j + p;
                int8x16_t q[4];
                for (size_t u = 0; u < 4; u++) q[u] = rl_q6_quants(ql[j % 2][u], qh[u], j);
                const int32x4_t sub =
                    rl_dot_lanes(vdupq_n_s32(-32 * sum_of(b, s)), q, vld1q_s8(b->q + 16 * s));
                dot = vmlaq_s32(dot, sub, rl_lane_signed_byte(vreinterpretq_s8_u8(line(b, 48 + s / 4)), s % 4));
            }
        }
    rl_quad_add(sum, dot, b->d, b->dx);
}

/* The kernel of a format, which has so many 2-byte units. */
#define KERNEL(FORMAT, format, halves)                                                                       \
    static void gemv_##format(float *restrict y, const void *restrict w, const void *restrict x, size_t m,   \
                              size_t k)                                                                      \
    {                                                                                                        \
        rl_gemv_quads(y, w, x, m, k, FORMAT, sizeof(rl_##format), halves, step_##format);                    \
    }
KERNEL(RL_Q2_K, q2_K, 2)
KERNEL(RL_Q3_K, q3_K, 1)
KERNEL(RL_Q4_K, q4_K, 2)
KERNEL(RL_Q5_K, q5_K, 2)
KERNEL(RL_Q6_K, q6_K, 1)
#undef KERNEL

static const rl_gemv rows[] = {
    {{"gemv_q2_K_panels_neon", RL_NEON, RL_CPU_NEON}, RL_Q2_K, RL_PANELS, RL_ACT_Q8K, gemv_q2_K},
    {{"gemv_q3_K_panels_neon", RL_NEON, RL_CPU_NEON}, RL_Q3_K, RL_PANELS, RL_ACT_Q8K, gemv_q3_K},
    {{"gemv_q4_K_panels_neon", RL_NEON, RL_CPU_NEON}, RL_Q4_K, RL_PANELS, RL_ACT_Q8K, gemv_q4_K},
    {{"gemv_q5_K_panels_neon", RL_NEON, RL_CPU_NEON}, RL_Q5_K, RL_PANELS, RL_ACT_Q8K, gemv_q5_K},
    {{"gemv_q6_K_panels_neon", RL_NEON, RL_CPU_NEON}, RL_Q6_K, RL_PANELS, RL_ACT_Q8K, gemv_q6_K},
};
const rl_gemv_table rl_gemv_kpanels_neon = {rows, RL_COUNT(rows)};
