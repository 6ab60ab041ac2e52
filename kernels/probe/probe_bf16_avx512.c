/* probe_bf16_avx512.c - the multiply-add of bfloats at 512 bits, where the CPU has an instruction for it (AVX512_BF16). */
#include "base/x86_avx512.h"
#include "probe/probe.h"

#if !defined(__AVX512BF16__)
#error "probe_bf16_avx512.c needs the flags of the avx512 tier and bf16"
#endif

/* vdpbf16ps: 32 products of bfloats, each two added to a lane. Sixteen chains: latency 6 at 2 a cycle needs 12 in flight.
 * Sums stay small, for at some point so little changes them no more. */
static uint64_t dot_bf16(uint64_t steps)
{
    const __m512bh a = (__m512bh)_mm512_set1_epi16(0x3f80); /* 1 */
    const __m512bh b = (__m512bh)_mm512_set1_epi16(0x3586); /* 0.000001 */
    __m512 x[16];
    for (size_t j = 0; j < 16; j++) x[j] = _mm512_set1_ps(1.0f + (float)j);
    for (uint64_t s = 0; s < steps; s++)
        for (size_t j = 0; j < 16; j++) x[j] = _mm512_dpbf16_ps(x[j], a, b);
    for (size_t j = 1; j < 16; j++) x[0] = _mm512_xor_ps(x[0], x[j]);
    return rl_fold_bits(_mm512_castps_si512(x[0]));
}

static const rl_probe rows[] = {
    {{"probe_dot_bf16_bf16_avx512", RL_AVX512, RL_CPU_AVX512 | RL_CPU_BF16},
     RL_PROBE_DOT_BF16, 16 * 32 * 2,
     {.compute = dot_bf16}},
};
const rl_probe_table rl_probe_bf16_avx512 = {rows, RL_COUNT(rows)};
