/* panels_neon.h - what the neon files that read panels (base/panels.h) share: scales of the K formats, of four rows at
 * once, which are the lanes of a register. Only for files compiled with the tier's flags. */
#ifndef RL_PANELS_NEON_H
#define RL_PANELS_NEON_H

#include "base/arm_neon.h"
#include "base/mem.h"
#include "base/panels.h"

/* Unit i of a quad of rows; `line` is where its unit 0 begins. */
static inline uint8x16_t rl_quad_unit(const uint8_t *line, size_t i) { return vld1q_u8(line + i * RL_LINE); }

/* Byte i of every lane. */
static inline int32x4_t rl_lane_byte(uint8x16_t v, size_t i)
{
    const uint32x4_t down = vshlq_u32(vreinterpretq_u32_u8(v), vdupq_n_s32(-8 * (int)i));
    return vreinterpretq_s32_u32(vandq_u32(down, vdupq_n_u32(255)));
}
static inline int32x4_t rl_lane_signed_byte(int8x16_t v, size_t i)
{
    return vshrq_n_s32(vshlq_s32(vreinterpretq_s32_s8(v), vdupq_n_s32(24 - 8 * (int)i)), 24);
}

/* (a & 15) | (b >> 6 << 4) */
static inline uint8x16_t rl_six_bits(uint8x16_t a, uint8x16_t b)
{
    return vorrq_u8(vandq_u8(a, vdupq_n_u8(15)), vandq_u8(vshrq_n_u8(b, 2), vdupq_n_u8(0x30)));
}

/* rl_k4_scale of a quad's q4_K or q5_K blocks: those of sub-block s are byte s % 4 of the lanes of [s / 4]. */
typedef struct {
    uint8x16_t scale[2], min[2];
} rl_k4_quad;

static inline rl_k4_quad rl_k4_open(const uint8_t *line)
{
    const uint8x16_t s0 = rl_quad_unit(line, 0), s1 = rl_quad_unit(line, 1), s2 = rl_quad_unit(line, 2);
    const uint8x16_t low6 = vdupq_n_u8(63);
    return (rl_k4_quad){
        {vandq_u8(s0, low6),                     rl_six_bits(s2, s0)},
        { vandq_u8(s1,      low6), rl_six_bits(vshrq_n_u8(s2,             4), s1)}
    };
}

/* The sixteen scales of a quad's q3_K blocks, their offset taken off: that of sub-block s is byte s % 4 of the lanes of
 * scale[s / 4]. `line` is that of their first unit. */
static inline void rl_q3_open(int8x16_t scale[4], const uint8_t *line)
{
    const uint8x16_t s0 = rl_quad_unit(line, 0), s1 = rl_quad_unit(line, 1), s2 = rl_quad_unit(line, 2);
    const uint8x16_t low[4] = {s0, s1, vshrq_n_u8(s0, 4), vshrq_n_u8(s1, 4)};
    for (size_t i = 0; i < 4; i++)
        scale[i] = rl_less(vorrq_s8(rl_low_nibbles(low[i]), vshlq_n_s8(rl_two_bits(s2, 2 * i), 4)), 32);
}

#endif
