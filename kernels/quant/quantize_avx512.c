/* quantize_avx512.c - the rows that a KV cache is written with, 16 floats at a time: f16, bf16 and q8_0.
 *
 * The bits are the scalar kernels'. vcvtps2ph rounds to nearest even and treats NaNs as rl_f32_to_f16 does. A
 * bf16 is the upper half of a float after 0x7fff, and one more where the half would be odd, has been added to
 * its bits: the carry rounds. q8_0 rounds halves away from zero, which no instruction does: the largest float
 * below 1/2 is added to the magnitude before it is cut off. With 1/2 itself 0.49999997 would become 1; with
 * its neighbour every half still reaches the next integer, since the sum rounds up to it. */
#include "base/x86_avx512.h"
#include "quant/quantize.h"

static void quantize_f16(void *restrict y, const float *restrict x, size_t n)
{
    rl_f16 *h = y;
    for (size_t i = 0; i < n; i += 16) {
        const __mmask16 k = rl_mask16(n - i);
        const __m512 v = _mm512_maskz_loadu_ps(k, x + i);
        _mm256_mask_storeu_epi16(h + i, k, _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
    }
}

static void quantize_bf16(void *restrict y, const float *restrict x, size_t n)
{
    const __m512i one = _mm512_set1_epi32(1), half = _mm512_set1_epi32(0x7fff),
                  quiet = _mm512_set1_epi32(0x40);
    rl_bf16 *h = y;
    for (size_t i = 0; i < n; i += 16) {
        const __mmask16 k = rl_mask16(n - i);
        const __m512 v = _mm512_maskz_loadu_ps(k, x + i);
        const __m512i bits = _mm512_castps_si512(v), upper = _mm512_srli_epi32(bits, 16);
        const __m512i up = _mm512_add_epi32(half, _mm512_and_si512(upper, one));
        const __m512i rounded = _mm512_srli_epi32(_mm512_add_epi32(bits, up), 16);
        const __mmask16 nan = _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q);
        const __m512i out = _mm512_mask_or_epi32(rounded, nan, upper, quiet);
        _mm256_mask_storeu_epi16(h + i, k, _mm512_cvtepi32_epi16(out));
    }
}

/* Nearest integers, halves away from zero, held to -127..127; a NaN becomes -127. */
static inline __m512i nearest(__m512 v)
{
    const __m512 sign = _mm512_and_ps(v, _mm512_set1_ps(-0.0f)), most = _mm512_set1_ps(127);
    const __m512i whole =
        _mm512_cvttps_epi32(_mm512_add_ps(v, _mm512_or_ps(sign, _mm512_set1_ps(0x1.fffffep-2f))));
    const __mmask16 inside = _mm512_cmp_ps_mask(_mm512_abs_ps(v), most, _CMP_LT_OQ);
    const __mmask16 above = _mm512_cmp_ps_mask(v, most, _CMP_GE_OQ);
    const __m512i end = _mm512_mask_blend_epi32(above, _mm512_set1_epi32(-127), _mm512_set1_epi32(127));
    return _mm512_mask_blend_epi32(inside, end, whole);
}

static void quantize_q8_0(void *restrict y, const float *restrict x, size_t n)
{
    for (rl_q8_0 *b = y, *end = b + n / RL_QK; b < end; b++, x += RL_QK) {
        const __m512 v[2] = {_mm512_loadu_ps(x), _mm512_loadu_ps(x + 16)};
        const float d = rl_max_ps(_mm512_max_ps(_mm512_abs_ps(v[0]), _mm512_abs_ps(v[1]))) / 127;
        const __m512 inverse = _mm512_set1_ps(d != 0 ? 1 / d : 0);
        b->d = rl_f32_to_f16(d);
        for (size_t i = 0; i < 2; i++)
            _mm_storeu_si128((__m128i *)(b->qs + 16 * i),
                             _mm512_cvtepi32_epi8(nearest(_mm512_mul_ps(v[i], inverse))));
    }
}

#define NEEDS (RL_CPU_AVX2 | RL_CPU_AVX512)
static const rl_quantize rows[] = {
    {{"quantize_f16_avx512", RL_AVX512, NEEDS},  RL_F16,  quantize_f16 },
    {{"quantize_bf16_avx512", RL_AVX512, NEEDS}, RL_BF16, quantize_bf16},
    {{"quantize_q8_0_avx512", RL_AVX512, NEEDS}, RL_Q8_0, quantize_q8_0},
};
const rl_quantize_table rl_quantize_avx512 = {rows, RL_COUNT(rows)};
