/* probe_neon.c - the yardsticks at 128 bits. */
#include "probe/probe.h"

#include <arm_neon.h>

#if !defined(__ARM_FEATURE_DOTPROD)
#error "probe_neon.c needs the flags of the neon tier"
#endif

static uint64_t fold(uint64x2_t x) { return vgetq_lane_u64(x, 0) ^ vgetq_lane_u64(x, 1); }

static uint64_t read_q(const void *data, size_t bytes)
{
    const uint64_t *p = data;
    uint64x2_t x[8];
    for (size_t j = 0; j < 8; j++) x[j] = vdupq_n_u64(0);
    for (size_t i = 0; i < bytes / sizeof *p; i += 16)
        for (size_t j = 0; j < 8; j++) x[j] = veorq_u64(x[j], vld1q_u64(p + i + 2 * j));
    for (size_t j = 1; j < 8; j++) x[0] = veorq_u64(x[0], x[j]);
    return fold(x[0]);
}

static void write_q(void *data, size_t bytes, uint64_t value)
{
    uint64_t *p = data;
    const uint64x2_t v = vdupq_n_u64(value);
    for (size_t i = 0; i < bytes / sizeof *p; i += 16)
        for (size_t j = 0; j < 8; j++) vst1q_u64(p + i + 2 * j, v);
}

/* Sixteen chains, latency 4 at up to 4 a cycle, in four arrays of four: a longer one gcc stores anew in every step. fmla
 * adds onto its destination, so the sum is the chain; it stays small, for at some point so little changes it no more. */
static uint64_t fma_f32(uint64_t steps)
{
    const float32x4_t a = vdupq_n_f32(0.999999f), b = vdupq_n_f32(0.000001f);
    float32x4_t x[4], y[4], z[4], u[4];
    for (size_t j = 0; j < 4; j++) {
        x[j] = vdupq_n_f32(1.0f + (float)j);
        y[j] = vdupq_n_f32(5.0f + (float)j);
        z[j] = vdupq_n_f32(9.0f + (float)j);
        u[j] = vdupq_n_f32(13.0f + (float)j);
    }
    for (uint64_t s = 0; s < steps; s++)
        for (size_t j = 0; j < 4; j++) {
            x[j] = vfmaq_f32(x[j], a, b);
            y[j] = vfmaq_f32(y[j], a, b);
            z[j] = vfmaq_f32(z[j], a, b);
            u[j] = vfmaq_f32(u[j], a, b);
        }
    float32x4_t all = vdupq_n_f32(0);
    for (size_t j = 0; j < 4; j++)
        all = vaddq_f32(all, vaddq_f32(vaddq_f32(x[j], y[j]), vaddq_f32(z[j], u[j])));
    return fold(vreinterpretq_u64_f32(all));
}

/* sdot: sixteen products of bytes, each four added to a lane. */
static uint64_t dot_i8(uint64_t steps)
{
    const int8x16_t a = vdupq_n_s8(3), b = vdupq_n_s8(-5);
    int32x4_t x[16];
    for (size_t j = 0; j < 16; j++) x[j] = vdupq_n_s32((int32_t)j);
    for (uint64_t s = 0; s < steps; s++)
        for (size_t j = 0; j < 16; j++) x[j] = vdotq_s32(x[j], a, b);
    for (size_t j = 1; j < 16; j++) x[0] = veorq_s32(x[0], x[j]);
    return fold(vreinterpretq_u64_s32(x[0]));
}

static const rl_probe rows[] = {
    {{"probe_read_neon", RL_NEON, RL_CPU_NEON},    RL_PROBE_READ,    0,           {.read = read_q}    },
    {{"probe_write_neon", RL_NEON, RL_CPU_NEON},   RL_PROBE_WRITE,   0,           {.write = write_q}  },
    {{"probe_fma_f32_neon", RL_NEON, RL_CPU_NEON}, RL_PROBE_FMA_F32, 16 * 4 * 2,  {.compute = fma_f32}},
    {{"probe_dot_i8_neon", RL_NEON, RL_CPU_NEON},  RL_PROBE_DOT_I8,  16 * 16 * 2, {.compute = dot_i8} },
};
const rl_probe_table rl_probe_neon = {rows, RL_COUNT(rows)};
