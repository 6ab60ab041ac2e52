/* quantize_avx2.c - the rows that a KV cache is written with, 8 floats at a time: f16, bf16 and q8_0. The bits
 * are the scalar kernels'; quantize_avx512.c says why. What is left over is done by the scalar expressions of
 * base/format.h, which have these bits by definition. */
#include "base/x86_avx2.h"
#include "quant/quantize.h"

static void quantize_f16(void *restrict y, const float *restrict x, size_t n)
{
    rl_f16 *h = y;
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm_storeu_si128((__m128i *)(h + i),
                         _mm256_cvtps_ph(_mm256_loadu_ps(x + i), _MM_FROUND_TO_NEAREST_INT));
    for (; i < n; i++) h[i] = rl_f32_to_f16(x[i]);
}

/* Eight bf16, one in the lower half of each lane. */
static inline __m256i to_bf16(__m256 v)
{
    const __m256i bits = _mm256_castps_si256(v), upper = _mm256_srli_epi32(bits, 16);
    const __m256i odd = _mm256_and_si256(upper, _mm256_set1_epi32(1));
    const __m256i up = _mm256_add_epi32(_mm256_set1_epi32(0x7fff), odd);
    const __m256i rounded = _mm256_srli_epi32(_mm256_add_epi32(bits, up), 16);
    const __m256i quiet = _mm256_or_si256(upper, _mm256_set1_epi32(0x40));
    return _mm256_blendv_epi8(rounded, quiet, _mm256_castps_si256(_mm256_cmp_ps(v, v, _CMP_UNORD_Q)));
}

static void quantize_bf16(void *restrict y, const float *restrict x, size_t n)
{
    rl_bf16 *h = y;
    size_t i = 0;
    for (; i + 16 <= n; i += 16) { /* vpackusdw works lane by lane */
        const __m256i pair =
            _mm256_packus_epi32(to_bf16(_mm256_loadu_ps(x + i)), to_bf16(_mm256_loadu_ps(x + i + 8)));
        _mm256_storeu_si256((__m256i *)(h + i), _mm256_permute4x64_epi64(pair, _MM_SHUFFLE(3, 1, 2, 0)));
    }
    for (; i < n; i++) h[i] = rl_f32_to_bf16(x[i]);
}

/* Nearest integers, halves away from zero, held to -127..127; a NaN becomes -127. */
static inline __m256i nearest(__m256 v)
{
    const __m256 sign = _mm256_and_ps(v, _mm256_set1_ps(-0.0f)), most = _mm256_set1_ps(127);
    const __m256 half = _mm256_or_ps(sign, _mm256_set1_ps(0x1.fffffep-2f));
    const __m256i whole = _mm256_cvttps_epi32(_mm256_add_ps(v, half));
    const __m256 inside = _mm256_cmp_ps(rl_abs_ps256(v), most, _CMP_LT_OQ);
    const __m256i above = _mm256_castps_si256(_mm256_cmp_ps(v, most, _CMP_GE_OQ));
    const __m256i end = _mm256_blendv_epi8(_mm256_set1_epi32(-127), _mm256_set1_epi32(127), above);
    return _mm256_blendv_epi8(end, whole, _mm256_castps_si256(inside));
}

static void quantize_q8_0(void *restrict y, const float *restrict x, size_t n)
{
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7); /* the packs work lane by lane */
    for (rl_q8_0 *b = y, *end = b + n / RL_QK; b < end; b++, x += RL_QK) {
        __m256 v[4], top = _mm256_setzero_ps();
        for (size_t i = 0; i < 4; i++) {
            v[i] = _mm256_loadu_ps(x + 8 * i);
            top = _mm256_max_ps(top, rl_abs_ps256(v[i]));
        }
        const float d = rl_max_ps256(top) / 127;
        const __m256 inverse = _mm256_set1_ps(d != 0 ? 1 / d : 0);
        __m256i q[4];
        for (size_t i = 0; i < 4; i++) q[i] = nearest(_mm256_mul_ps(v[i], inverse));
        const __m256i bytes =
            _mm256_packs_epi16(_mm256_packs_epi32(q[0], q[1]), _mm256_packs_epi32(q[2], q[3]));
        b->d = rl_f32_to_f16(d);
        _mm256_storeu_si256((__m256i *)b->qs, _mm256_permutevar8x32_epi32(bytes, order));
    }
}

static const rl_quantize rows[] = {
    {{"quantize_f16_avx2", RL_AVX2, RL_CPU_AVX2},  RL_F16,  quantize_f16 },
    {{"quantize_bf16_avx2", RL_AVX2, RL_CPU_AVX2}, RL_BF16, quantize_bf16},
    {{"quantize_q8_0_avx2", RL_AVX2, RL_CPU_AVX2}, RL_Q8_0, quantize_q8_0},
};
const rl_quantize_table rl_quantize_avx2 = {rows, RL_COUNT(rows)};
