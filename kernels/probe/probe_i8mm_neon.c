/* probe_i8mm_neon.c - the multiply-add of bytes at 128 bits, where the CPU has I8MM. */
#include "probe/probe.h"

#include <arm_neon.h>

#if !defined(__ARM_FEATURE_MATMUL_INT8)
#error "probe_i8mm_neon.c needs the flags of the neon tier and i8mm"
#endif

/* smmla: two rows of eight bytes by two others, 32 products. */
static uint64_t dot_i8(uint64_t steps)
{
    const int8x16_t a = vdupq_n_s8(3), b = vdupq_n_s8(-5);
    int32x4_t x[16];
    for (size_t j = 0; j < 16; j++) x[j] = vdupq_n_s32((int32_t)j);
    for (uint64_t s = 0; s < steps; s++)
        for (size_t j = 0; j < 16; j++) x[j] = vmmlaq_s32(x[j], a, b);
    for (size_t j = 1; j < 16; j++) x[0] = veorq_s32(x[0], x[j]);
    const uint64x2_t bits = vreinterpretq_u64_s32(x[0]);
    return vgetq_lane_u64(bits, 0) ^ vgetq_lane_u64(bits, 1);
}

static const rl_probe rows[] = {
    {{"probe_dot_i8_i8mm_neon", RL_NEON, RL_CPU_NEON | RL_CPU_I8MM},
     RL_PROBE_DOT_I8, 16 * 32 * 2,
     {.compute = dot_i8}},
};
const rl_probe_table rl_probe_i8mm_neon = {rows, RL_COUNT(rows)};
