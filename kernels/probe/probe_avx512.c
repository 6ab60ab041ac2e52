/* probe_avx512.c - the yardsticks at 512 bits, with the VNNI byte dot product. */
#include "base/x86_avx512.h"
#include "probe/probe.h"

#if !defined(__AVX512VNNI__)
#error "probe_avx512.c needs the flags of the avx512 tier"
#endif

static uint64_t read_zmm(const void *data, size_t bytes)
{
    const __m512i *p = data;
    __m512i x[8];
    for (size_t j = 0; j < 8; j++) x[j] = _mm512_setzero_si512();
    for (size_t i = 0; i < bytes / sizeof *p; i += 8) {
        rl_prefetch_far((const char *)(p + i) + RL_PROBE_AHEAD, 8 * sizeof *p);
        for (size_t j = 0; j < 8; j++) x[j] = _mm512_xor_si512(x[j], _mm512_load_si512(p + i + j));
    }
    for (size_t j = 1; j < 8; j++) x[0] = _mm512_xor_si512(x[0], x[j]);
    return rl_fold_bits(x[0]);
}

static void write_zmm(void *data, size_t bytes, uint64_t value)
{
    __m512i *p = data, v = _mm512_set1_epi64((long long)value);
    for (size_t i = 0; i < bytes / sizeof *p; i += 8)
        for (size_t j = 0; j < 8; j++) _mm512_store_si512(p + i + j, v);
}

/* Twelve chains: latency 4 at 2 a cycle needs 8 in flight. Values stay near 1. */
static uint64_t fma_f32(uint64_t steps)
{
    const __m512 mul = _mm512_set1_ps(0.999999f), add = _mm512_set1_ps(0.000001f);
    __m512 x[12];
    for (size_t j = 0; j < 12; j++) x[j] = _mm512_set1_ps(1.0f + (float)j);
    for (uint64_t s = 0; s < steps; s++)
        for (size_t j = 0; j < 12; j++) x[j] = _mm512_fmadd_ps(x[j], mul, add);
    for (size_t j = 1; j < 12; j++) x[0] = _mm512_xor_ps(x[0], x[j]);
    return rl_fold_bits(_mm512_castps_si512(x[0]));
}

static uint64_t dot_i8(uint64_t steps)
{
    const __m512i a = _mm512_set1_epi8(3), b = _mm512_set1_epi8(-5);
    __m512i x[12];
    for (size_t j = 0; j < 12; j++) x[j] = _mm512_set1_epi32((int)j);
    for (uint64_t s = 0; s < steps; s++)
        for (size_t j = 0; j < 12; j++) x[j] = _mm512_dpbusd_epi32(x[j], a, b);
    for (size_t j = 1; j < 12; j++) x[0] = _mm512_xor_si512(x[0], x[j]);
    return rl_fold_bits(x[0]);
}

/* Without an instruction for bfloats, as in probe_avx2.c. */
static uint64_t dot_bf16(uint64_t steps)
{
    const __m512 mul = _mm512_set1_ps(0.000001f);
    const __m512i upper = _mm512_set1_epi32((int)0xffff0000);
    __m512i pair = _mm512_set1_epi16(0x3f80); /* 1 */
    __m512 x[12];
    for (size_t j = 0; j < 12; j++) x[j] = _mm512_set1_ps(1.0f + (float)j);
    for (uint64_t s = 0; s < steps; s++)
        for (size_t j = 0; j < 12; j++) {
            __asm__("" : "+v"(pair));
            x[j] = _mm512_fmadd_ps(_mm512_castsi512_ps(_mm512_slli_epi32(pair, 16)), mul, x[j]);
            x[j] = _mm512_fmadd_ps(_mm512_castsi512_ps(_mm512_and_si512(pair, upper)), mul, x[j]);
        }
    for (size_t j = 1; j < 12; j++) x[0] = _mm512_xor_ps(x[0], x[j]);
    return rl_fold_bits(_mm512_castps_si512(x[0]));
}

static const rl_probe rows[] = {
    {{"probe_read_avx512", RL_AVX512, RL_CPU_AVX512},     RL_PROBE_READ,    0,           {.read = read_zmm}  },
    {{"probe_write_avx512", RL_AVX512, RL_CPU_AVX512},    RL_PROBE_WRITE,   0,           {.write = write_zmm}},
    {{"probe_fma_f32_avx512", RL_AVX512, RL_CPU_AVX512},  RL_PROBE_FMA_F32, 12 * 16 * 2, {.compute = fma_f32}},
    {{"probe_dot_i8_avx512", RL_AVX512, RL_CPU_AVX512},   RL_PROBE_DOT_I8,  12 * 64 * 2, {.compute = dot_i8} },
    {{"probe_dot_bf16_avx512", RL_AVX512, RL_CPU_AVX512},
     RL_PROBE_DOT_BF16,                                                     12 * 32 * 2,
     {.compute = dot_bf16}                                                                                   },
};
const rl_probe_table rl_probe_avx512 = {rows, RL_COUNT(rows)};
