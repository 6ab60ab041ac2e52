/* attn_prefill_avx2.c - the tile of attn_prefill_tile.h in panels of eight rows: sums of 2 panels by 4 are the 8 that
 * two multiply-adds a cycle of 4 cycles each ask for, and leave registers for what they multiply. */
#include "attention/attn_rows_avx2.h"

typedef __m256 vec;
enum { LANES = 8, WIDE = 2, BLOCK = 8 };

static inline vec vec_all(float f) { return _mm256_set1_ps(f); }
static inline vec vec_fma(vec a, vec b, vec c) { return _mm256_fmadd_ps(a, b, c); }
static inline vec vec_max(vec a, vec b) { return _mm256_max_ps(a, b); }
static inline vec vec_exp(vec x) { return rl_exp_ps256(x); }
static inline vec vec_if_seen(vec last, float t, vec a, vec b)
{
    return _mm256_blendv_ps(b, a, _mm256_cmp_ps(last, vec_all(t), _CMP_GE_OQ));
}
static inline vec load(const char *rows, size_t i, rl_format format)
{
    return rl_kv_load8(rows, i, rl_kv_scale8(rows, i, format), format);
}
static inline void transpose(float *const out[BLOCK], const float *const in[BLOCK])
{
    rl_transpose8(out, in);
}

#include "attention/attn_prefill_tile.h"

static const rl_attn_prefill rows[] = {
    {{"attn_prefill_f16_avx2", RL_AVX2, RL_CPU_AVX2},  RL_F16,  run_unit},
    {{"attn_prefill_bf16_avx2", RL_AVX2, RL_CPU_AVX2}, RL_BF16, run_unit},
    {{"attn_prefill_q8_0_avx2", RL_AVX2, RL_CPU_AVX2}, RL_Q8_0, run_unit},
};
const rl_attn_prefill_table rl_attn_prefill_avx2 = {rows, RL_COUNT(rows)};
