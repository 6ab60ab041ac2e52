/* probe_bf16_neon.c - the multiply-add of bfloats at 128 bits, where the CPU has an instruction for it (BF16). */
#include "probe/probe.h"

#include <arm_neon.h>

#if !defined(__ARM_FEATURE_BF16_VECTOR_ARITHMETIC)
#error "probe_bf16_neon.c needs the flags of the neon tier and bf16"
#endif

/* bfmmla: two rows of four bfloats by two others, sixteen products. Chains as in probe_neon.c. The operands are hidden
 * from the compiler: gcc 12 loads a constant 1 as the wrong kind of half. */
static uint64_t dot_bf16(uint64_t steps)
{
    uint16x8_t one = vdupq_n_u16(0x3f80), little = vdupq_n_u16(0x3586); /* 1 and 0.000001 */
    __asm__("" : "+w"(one), "+w"(little));
    const bfloat16x8_t a = vreinterpretq_bf16_u16(one), b = vreinterpretq_bf16_u16(little);
    float32x4_t x[4], y[4], z[4], u[4];
    for (size_t j = 0; j < 4; j++) {
        x[j] = vdupq_n_f32(1.0f + (float)j);
        y[j] = vdupq_n_f32(5.0f + (float)j);
        z[j] = vdupq_n_f32(9.0f + (float)j);
        u[j] = vdupq_n_f32(13.0f + (float)j);
    }
    for (uint64_t s = 0; s < steps; s++)
        for (size_t j = 0; j < 4; j++) {
            x[j] = vbfmmlaq_f32(x[j], a, b);
            y[j] = vbfmmlaq_f32(y[j], a, b);
            z[j] = vbfmmlaq_f32(z[j], a, b);
            u[j] = vbfmmlaq_f32(u[j], a, b);
        }
    float32x4_t all = vdupq_n_f32(0);
    for (size_t j = 0; j < 4; j++)
        all = vaddq_f32(all, vaddq_f32(vaddq_f32(x[j], y[j]), vaddq_f32(z[j], u[j])));
    const uint64x2_t bits = vreinterpretq_u64_f32(all);
    return vgetq_lane_u64(bits, 0) ^ vgetq_lane_u64(bits, 1);
}

static const rl_probe rows[] = {
    {{"probe_dot_bf16_bf16_neon", RL_NEON, RL_CPU_NEON | RL_CPU_BF16},
     RL_PROBE_DOT_BF16, 16 * 16 * 2,
     {.compute = dot_bf16}},
};
const rl_probe_table rl_probe_bf16_neon = {rows, RL_COUNT(rows)};
