/* attn_prefill_avx512.c - the tile of attn_prefill_tile.h in panels of sixteen rows: sums of 4 panels by 4 lie in 16
 * of the 32 registers, which is two of them for each multiply-add that is under way (2 a cycle, 4 cycles each). */
#include "attention/attn_rows_avx512.h"

typedef __m512 vec;
enum { LANES = 16, WIDE = 4, BLOCK = 8 };

static inline vec vec_all(float f) { return _mm512_set1_ps(f); }
static inline vec vec_fma(vec a, vec b, vec c) { return _mm512_fmadd_ps(a, b, c); }
static inline vec vec_max(vec a, vec b) { return _mm512_max_ps(a, b); }
static inline vec vec_exp(vec x) { return rl_exp_ps(x); }
static inline vec vec_if_seen(vec last, float t, vec a, vec b)
{
    return _mm512_mask_mov_ps(b, _mm512_cmp_ps_mask(last, vec_all(t), _CMP_GE_OQ), a);
}
static inline vec load(const char *rows, size_t i, rl_format format)
{
    return rl_kv_load16(rows, i, rl_kv_scale16(rows, i, format), format);
}
static inline void transpose(float *const out[BLOCK], const float *const in[BLOCK])
{
    rl_transpose8(out, in);
}

#include "attention/attn_prefill_tile.h"

static const rl_attn_prefill rows[] = {
    {{"attn_prefill_f16_avx512", RL_AVX512, RL_CPU_AVX2 | RL_CPU_AVX512},  RL_F16,  run_unit},
    {{"attn_prefill_bf16_avx512", RL_AVX512, RL_CPU_AVX2 | RL_CPU_AVX512}, RL_BF16, run_unit},
    {{"attn_prefill_q8_0_avx512", RL_AVX512, RL_CPU_AVX2 | RL_CPU_AVX512}, RL_Q8_0, run_unit},
};
const rl_attn_prefill_table rl_attn_prefill_avx512 = {rows, RL_COUNT(rows)};
