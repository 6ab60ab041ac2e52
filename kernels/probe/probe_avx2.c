/* probe_avx2.c - the yardsticks at 256 bits. */
#include "base/x86_avx2.h"
#include "probe/probe.h"

#if !defined(__AVX2__) || !defined(__FMA__)
#error "probe_avx2.c needs the flags of the avx2 tier"
#endif

static uint64_t fold(__m256i x)
{
    __m128i h = _mm_xor_si128(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
    return (uint64_t)_mm_cvtsi128_si64(h) ^ (uint64_t)_mm_extract_epi64(h, 1);
}

static uint64_t read_ymm(const void *data, size_t bytes)
{
    const __m256i *p = data;
    __m256i x[8];
    for (size_t j = 0; j < 8; j++) x[j] = _mm256_setzero_si256();
    for (size_t i = 0; i < bytes / sizeof *p; i += 8) {
        rl_prefetch_far((const char *)(p + i) + RL_PROBE_AHEAD, 8 * sizeof *p);
        for (size_t j = 0; j < 8; j++) x[j] = _mm256_xor_si256(x[j], _mm256_load_si256(p + i + j));
    }
    for (size_t j = 1; j < 8; j++) x[0] = _mm256_xor_si256(x[0], x[j]);
    return fold(x[0]);
}

static void write_ymm(void *data, size_t bytes, uint64_t value)
{
    __m256i *p = data, v = _mm256_set1_epi64x((long long)value);
    for (size_t i = 0; i < bytes / sizeof *p; i += 8)
        for (size_t j = 0; j < 8; j++) _mm256_store_si256(p + i + j, v);
}

/* Ten chains: latency 4 at 2 a cycle needs 8 in flight. Values stay near 1. */
static uint64_t fma_f32(uint64_t steps)
{
    const __m256 mul = _mm256_set1_ps(0.999999f), add = _mm256_set1_ps(0.000001f);
    __m256 x[10];
    for (size_t j = 0; j < 10; j++) x[j] = _mm256_set1_ps(1.0f + (float)j);
    for (uint64_t s = 0; s < steps; s++)
        for (size_t j = 0; j < 10; j++) x[j] = _mm256_fmadd_ps(x[j], mul, add);
    for (size_t j = 1; j < 10; j++) x[0] = _mm256_xor_ps(x[0], x[j]);
    return fold(_mm256_castps_si256(x[0]));
}

/* The three instructions that this tier has for 32 products of bytes: multiply and add pairs into int16, add
 * pairs into int32, accumulate. */
static uint64_t dot_i8(uint64_t steps)
{
    __m256i a = _mm256_set1_epi8(3), ones = _mm256_set1_epi16(1);
    __m256i x[10];
    for (size_t j = 0; j < 10; j++) x[j] = _mm256_set1_epi32((int)j);
    for (uint64_t s = 0; s < steps; s++)
        for (size_t j = 0; j < 10; j++)
            x[j] = _mm256_add_epi32(x[j], _mm256_madd_epi16(_mm256_maddubs_epi16(a, x[j]), ones));
    for (size_t j = 1; j < 10; j++) x[0] = _mm256_xor_si256(x[0], x[j]);
    return fold(x[0]);
}

/* Bfloats without an instruction for them: a pair to a lane, the lower moved up, the upper masked. The asm keeps the
 * compiler from doing so once for all steps. */
static uint64_t dot_bf16(uint64_t steps)
{
    const __m256 mul = _mm256_set1_ps(0.000001f);
    const __m256i upper = _mm256_set1_epi32((int)0xffff0000);
    __m256i pair = _mm256_set1_epi16(0x3f80); /* 1 */
    __m256 x[10];
    for (size_t j = 0; j < 10; j++) x[j] = _mm256_set1_ps(1.0f + (float)j);
    for (uint64_t s = 0; s < steps; s++)
        for (size_t j = 0; j < 10; j++) {
            __asm__("" : "+x"(pair));
            x[j] = _mm256_fmadd_ps(_mm256_castsi256_ps(_mm256_slli_epi32(pair, 16)), mul, x[j]);
            x[j] = _mm256_fmadd_ps(_mm256_castsi256_ps(_mm256_and_si256(pair, upper)), mul, x[j]);
        }
    for (size_t j = 1; j < 10; j++) x[0] = _mm256_xor_ps(x[0], x[j]);
    return fold(_mm256_castps_si256(x[0]));
}

static const rl_probe rows[] = {
    {{"probe_read_avx2", RL_AVX2, RL_CPU_AVX2},     RL_PROBE_READ,     0,           {.read = read_ymm}   },
    {{"probe_write_avx2", RL_AVX2, RL_CPU_AVX2},    RL_PROBE_WRITE,    0,           {.write = write_ymm} },
    {{"probe_fma_f32_avx2", RL_AVX2, RL_CPU_AVX2},  RL_PROBE_FMA_F32,  10 * 8 * 2,  {.compute = fma_f32} },
    {{"probe_dot_i8_avx2", RL_AVX2, RL_CPU_AVX2},   RL_PROBE_DOT_I8,   10 * 32 * 2, {.compute = dot_i8}  },
    {{"probe_dot_bf16_avx2", RL_AVX2, RL_CPU_AVX2}, RL_PROBE_DOT_BF16, 10 * 16 * 2, {.compute = dot_bf16}},
};
const rl_probe_table rl_probe_avx2 = {rows, RL_COUNT(rows)};
