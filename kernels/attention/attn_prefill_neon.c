/* attn_prefill_neon.c - the tile of attn_prefill_tile.h in panels of four rows: sums of 4 panels by 4 lie in 16 of the
 * 32 registers, enough for four multiply-adds a cycle of 4 cycles each, and leave room for what they multiply. */
#include "attention/attn_rows_neon.h"

typedef float32x4_t vec;
enum { LANES = 4, WIDE = 4, BLOCK = 4 };

static inline vec vec_all(float f) { return vdupq_n_f32(f); }
static inline vec vec_fma(vec a, vec b, vec c) { return vfmaq_f32(c, a, b); }
static inline vec vec_max(vec a, vec b) { return vmaxq_f32(a, b); }
static inline vec vec_exp(vec x) { return rl_exp_f32x4(x); }
static inline vec vec_if_seen(vec last, float t, vec a, vec b)
{
    return vbslq_f32(vcgeq_f32(last, vec_all(t)), a, b);
}
static inline vec load(const char *rows, size_t i, rl_format format)
{
    return rl_kv_load4(rows, i, rl_kv_scale4(rows, i, format), format);
}

static inline void transpose(float *const out[BLOCK], const float *const in[BLOCK])
{
    const float32x4x2_t a =
        vtrnq_f32(vld1q_f32(in[0]), vld1q_f32(in[1])); /* a.val[i]: columns i and i + 2, */
    const float32x4x2_t b = vtrnq_f32(vld1q_f32(in[2]), vld1q_f32(in[3])); /* two of each */
    for (size_t i = 0; i < 2; i++) {
        vst1q_f32(out[i], vcombine_f32(vget_low_f32(a.val[i]), vget_low_f32(b.val[i])));
        vst1q_f32(out[2 + i], vcombine_f32(vget_high_f32(a.val[i]), vget_high_f32(b.val[i])));
    }
}

#include "attention/attn_prefill_tile.h"

static const rl_attn_prefill rows[] = {
    {{"attn_prefill_f16_neon", RL_NEON, RL_CPU_NEON},  RL_F16,  run_unit},
    {{"attn_prefill_bf16_neon", RL_NEON, RL_CPU_NEON}, RL_BF16, run_unit},
    {{"attn_prefill_q8_0_neon", RL_NEON, RL_CPU_NEON}, RL_Q8_0, run_unit},
};
const rl_attn_prefill_table rl_attn_prefill_neon = {rows, RL_COUNT(rows)};
