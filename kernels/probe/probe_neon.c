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

/* A pair of bfloats to a lane without an instruction for them: the lower moved up, the upper masked. */
static inline void add_pair(float32x4_t sum[2], uint32x4_t *pair, float32x4_t mul)
{
    __asm__("" : "+w"(*pair)); /* or the compiler does so once for all */
    sum[0] = vfmaq_f32(sum[0], vreinterpretq_f32_u32(vshlq_n_u32(*pair, 16)), mul);
    sum[1] = vfmaq_f32(sum[1], vreinterpretq_f32_u32(vandq_u32(*pair, vdupq_n_u32(0xffff0000))), mul);
}

/* Half the instructions are no multiply-adds, so eight chains are enough. Arrays of two are registers to gcc. */
static uint64_t dot_bf16(uint64_t steps)
{
    const float32x4_t mul = vdupq_n_f32(0.000001f), one = vdupq_n_f32(1.0f);
    uint32x4_t pair = vdupq_n_u32(0x3f803f80); /* 1 and 1 */
    float32x4_t x[2] = {one, one}, y[2] = {one, one}, z[2] = {one, one}, u[2] = {one, one};
    for (uint64_t s = 0; s < steps; s++) {
        add_pair(x, &pair, mul);
        add_pair(y, &pair, mul);
        add_pair(z, &pair, mul);
        add_pair(u, &pair, mul);
    }
    float32x4_t all = one;
    for (size_t j = 0; j < 2; j++)
        all = vaddq_f32(all, vaddq_f32(vaddq_f32(x[j], y[j]), vaddq_f32(z[j], u[j])));
    return fold(vreinterpretq_u64_f32(all));
}

static const rl_probe rows[] = {
    {{"probe_read_neon", RL_NEON, RL_CPU_NEON},     RL_PROBE_READ,     0,           {.read = read_q}     },
    {{"probe_write_neon", RL_NEON, RL_CPU_NEON},    RL_PROBE_WRITE,    0,           {.write = write_q}   },
    {{"probe_fma_f32_neon", RL_NEON, RL_CPU_NEON},  RL_PROBE_FMA_F32,  16 * 4 * 2,  {.compute = fma_f32} },
    {{"probe_dot_i8_neon", RL_NEON, RL_CPU_NEON},   RL_PROBE_DOT_I8,   16 * 16 * 2, {.compute = dot_i8}  },
    {{"probe_dot_bf16_neon", RL_NEON, RL_CPU_NEON}, RL_PROBE_DOT_BF16, 4 * 8 * 2,   {.compute = dot_bf16}},
};
const rl_probe_table rl_probe_neon = {rows, RL_COUNT(rows)};
