/* arm_neon.h - small helpers that the neon files share. Only for files compiled with the tier's flags.
 *
 * The tier is AArch64 Advanced SIMD with dotprod: 32 registers of 128 bits; sdot, which adds four products of signed
 * bytes to each 32-bit lane, the second operand whole or one of its four lanes for all; fcvtl, which widens halves.
 * Every sum across lanes is a chain of pairwise additions, so always by the same tree. */
#ifndef RL_ARM_NEON_H
#define RL_ARM_NEON_H

#include "base/exp_poly.h"
#include "base/format.h"

#include <arm_neon.h>

#if !defined(__ARM_FEATURE_DOTPROD)
#error "this file needs the flags of the neon tier"
#endif

/* ---- halves and bfloats ---- */

/* Four of them, as bits. fcvtl is exact and makes a NaN quiet, as rl_f16_to_f32 does. */
static inline float32x4_t rl_widen_f16(uint16x4_t h) { return vcvt_f32_f16(vreinterpret_f16_u16(h)); }
static inline float32x4_t rl_widen_bf16(uint16x4_t h) { return vreinterpretq_f32_u32(vshll_n_u16(h, 16)); }

/* Four weights of a float format. */
static inline float32x4_t rl_load_f32x4(const void *p) { return vld1q_f32(p); }
static inline float32x4_t rl_load_f16x4(const void *p) { return rl_widen_f16(vld1_u16(p)); }
static inline float32x4_t rl_load_bf16x4(const void *p) { return rl_widen_bf16(vld1_u16(p)); }

/* A half in memory, as a float: fcvt, which the type of the language's extension stands for. */
static inline float rl_one_f16(const rl_f16 *h)
{
    __fp16 v;
    memcpy(&v, h, sizeof v);
    return v;
}

/* ---- floats ---- */

/* e^x, see exp_poly.h. fmax and fmin hand a NaN on. 2^n is multiplied on in two halves: 2^128 and 2^-150 are no
 * floats. */
static inline float32x4_t rl_exp_f32x4(float32x4_t x)
{
    x = vminq_f32(vdupq_n_f32(RL_EXP_MAX), vmaxq_f32(vdupq_n_f32(RL_EXP_MIN), x));
    const int32x4_t n = vcvtnq_s32_f32(vmulq_n_f32(x, RL_EXP_LOG2E));
    const float32x4_t nf = vcvtq_f32_s32(n);
    float32x4_t r = vfmsq_n_f32(x, nf, RL_EXP_LN2_HI);
    r = vfmsq_n_f32(r, nf, RL_EXP_LN2_LO);
    float32x4_t p = vfmaq_n_f32(vdupq_n_f32(RL_EXP_C5), r, RL_EXP_C6);
    p = vfmaq_f32(vdupq_n_f32(RL_EXP_C4), r, p);
    p = vfmaq_f32(vdupq_n_f32(RL_EXP_C3), r, p);
    p = vfmaq_f32(vdupq_n_f32(RL_EXP_C2), r, p);
    p = vfmaq_f32(r, vmulq_f32(r, r), p);
    p = vaddq_f32(p, vdupq_n_f32(1.0f));
    const int32x4_t one = vreinterpretq_s32_f32(vdupq_n_f32(1.0f)), half = vshrq_n_s32(n, 1);
    const int32x4_t lo = vaddq_s32(one, vshlq_n_s32(half, 23));
    const int32x4_t hi = vaddq_s32(one, vshlq_n_s32(vsubq_s32(n, half), 23));
    return vmulq_f32(vmulq_f32(p, vreinterpretq_f32_s32(lo)), vreinterpretq_f32_s32(hi));
}

/* ---- products of bytes ---- */

/* Sixteen activations, four to a lane of x, times four vectors of weights: lane l of x goes with w[l], whose own lanes
 * are four rows. */
static inline int32x4_t rl_dot_lanes(int32x4_t sum, const int8x16_t w[4], int8x16_t x)
{
    sum = vdotq_laneq_s32(sum, w[0], x, 0);
    sum = vdotq_laneq_s32(sum, w[1], x, 1);
    sum = vdotq_laneq_s32(sum, w[2], x, 2);
    return vdotq_laneq_s32(sum, w[3], x, 3);
}

/* ---- blocks taken apart: quants as signed bytes, which all formats' are without their offsets ---- */

static inline int8x16_t rl_low_nibbles(uint8x16_t v)
{
    return vreinterpretq_s8_u8(vandq_u8(v, vdupq_n_u8(15)));
}
static inline int8x16_t rl_high_nibbles(uint8x16_t v) { return vreinterpretq_s8_u8(vshrq_n_u8(v, 4)); }

static inline int8x16_t rl_less(int8x16_t q, int offset) { return vsubq_s8(q, vdupq_n_s8((int8_t)offset)); }

/* v shifted right by n bits, n from 0 to 7 and known only after unrolling: ushl takes a signed count. */
static inline uint8x16_t rl_shift_right(uint8x16_t v, size_t n)
{
    return vshlq_u8(v, vdupq_n_s8((int8_t) - (int)n));
}

/* Bits n and n + 1 of each byte. */
static inline int8x16_t rl_two_bits(uint8x16_t v, size_t n)
{
    return vreinterpretq_s8_u8(vandq_u8(rl_shift_right(v, n), vdupq_n_u8(3)));
}

/* `value` in the bytes of v that have one of the bits of `mask`, 0 in the others. */
static inline int8x16_t rl_where_bits(uint8x16_t v, uint8x16_t mask, int value)
{
    return vandq_s8(vreinterpretq_s8_u8(vtstq_u8(v, mask)), vdupq_n_s8((int8_t)value));
}
static inline int8x16_t rl_where_bit(uint8x16_t v, size_t bit, int value)
{
    return rl_where_bits(v, vdupq_n_u8((uint8_t)(1u << bit)), value);
}

/* rl_k4_scale for all eight sub-blocks of a q4_K or q5_K block: scales, then minima. */
static inline uint8x16_t rl_k4_scales(const uint8_t s[12])
{
    uint32_t u[3];
    memcpy(u, s, sizeof u);
    const uint32_t out[4] = {
        u[0] & 0x3f3f3f3f,
        (u[2] & 0x0f0f0f0f) | (u[0] >> 2 & 0x30303030),
        u[1] & 0x3f3f3f3f,
        (u[2] >> 4 & 0x0f0f0f0f) | (u[1] >> 2 & 0x30303030),
    };
    return vreinterpretq_u8_u32(vld1q_u32(out));
}

/* The sixteen 6-bit scales of q3_K, their offset of 32 taken off. Nibbles of s[0-7] are the low four bits; of
 * s[8-11], each pair of bits the upper two of four scales. */
static inline int8x16_t rl_q3_scales(const uint8_t s[12])
{
    static const int8_t shifts[16] = {0, 0, 0, 0, -2, -2, -2, -2, -4, -4, -4, -4, -6, -6, -6, -6};
    const uint8x8_t nibbles = vld1_u8(s);
    uint32_t last;
    memcpy(&last, s + 8, sizeof last);
    const uint8x16_t low = vcombine_u8(vand_u8(nibbles, vdup_n_u8(15)), vshr_n_u8(nibbles, 4));
    const uint8x16_t pairs = vshlq_u8(vreinterpretq_u8_u32(vdupq_n_u32(last)), vld1q_s8(shifts));
    const uint8x16_t high = vshlq_n_u8(vandq_u8(pairs, vdupq_n_u8(3)), 4);
    return rl_less(vreinterpretq_s8_u8(vorrq_u8(low, high)), 32);
}

/* Sixteen quants of q6_K, 0 to 63: the low or (j >= 2) high nibbles of `ql`, and bits 2j of `qh` above them. */
static inline int8x16_t rl_q6_quants(uint8x16_t ql, uint8x16_t qh, size_t j)
{
    const int8x16_t low = j < 2 ? rl_low_nibbles(ql) : rl_high_nibbles(ql);
    return vorrq_s8(low, vshlq_n_s8(rl_two_bits(qh, 2 * j), 4));
}

#endif
