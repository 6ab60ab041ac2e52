/* x86_avx512.h - small helpers that the avx512 files share. Only for files compiled with the tier's flags. */
#ifndef RL_X86_AVX512_H
#define RL_X86_AVX512_H

#include "base/x86_avx2.h"

#if !defined(__AVX512F__) || !defined(__AVX512BW__) || !defined(__AVX512DQ__) || !defined(__AVX512VL__) ||   \
    !defined(__AVX512VNNI__)
#error "this file needs the flags of the avx512 tier"
#endif

/* ---- across the lanes, always by the same tree ---- */

/* All bits of a vector in 64, by exclusive or. */
static inline uint64_t rl_fold_bits(__m512i v)
{
    const __m256i y = _mm256_xor_si256(_mm512_castsi512_si256(v), _mm512_extracti64x4_epi64(v, 1));
    const __m128i x = _mm_xor_si128(_mm256_castsi256_si128(y), _mm256_extracti128_si256(y, 1));
    return (uint64_t)_mm_cvtsi128_si64(x) ^ (uint64_t)_mm_extract_epi64(x, 1);
}

static inline float rl_sum_ps(__m512 v)
{
    return rl_sum_ps256(_mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1)));
}

static inline float rl_max_ps(__m512 v)
{
    return rl_max_ps256(_mm256_max_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1)));
}

/* Lane i of v (128 bits), in all four lanes. i is a constant after unrolling. */
static inline __m512i rl_spread_lane(__m512i v, size_t i)
{
    switch (i) {
    case 0:
        return _mm512_shuffle_i32x4(v, v, 0x00);
    case 1:
        return _mm512_shuffle_i32x4(v, v, 0x55);
    case 2:
        return _mm512_shuffle_i32x4(v, v, 0xaa);
    default:
        return _mm512_shuffle_i32x4(v, v, 0xff);
    }
}

static inline __m512 rl_spread_lane_ps(__m512 v, size_t i)
{
    return _mm512_castsi512_ps(rl_spread_lane(_mm512_castps_si512(v), i));
}

/* ---- masks: the first n of 16 lanes, of 32 words, of 64 bytes ---- */

static inline __mmask16 rl_mask16(size_t n) { return (__mmask16)(n >= 16 ? 0xffff : (1u << n) - 1); }
static inline __mmask32 rl_mask32(size_t n) { return n >= 32 ? 0xffffffffu : (1u << n) - 1; }
static inline __mmask64 rl_mask64(size_t n) { return n >= 64 ? ~0ull : (1ull << n) - 1; }

/* ---- floats ---- */

/* Sixteen weights of a float format, or the first few: what the mask leaves out is not read, and 0. */
static inline __m512 rl_load_f32(const void *p, __mmask16 k) { return _mm512_maskz_loadu_ps(k, p); }
static inline __m512 rl_load_f16(const void *p, __mmask16 k)
{
    return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(k, p));
}
static inline __m512 rl_load_bf16(const void *p, __mmask16 k)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(k, p)), 16));
}

/* A half in memory, to all lanes. */
static inline __m512 rl_broadcast_f16(const rl_f16 *h)
{
    return _mm512_cvtph_ps(_mm256_set1_epi16((short)*h));
}

/* e^x, see exp_poly.h. */
static inline __m512 rl_exp_ps(__m512 x)
{
    x = _mm512_min_ps(_mm512_set1_ps(RL_EXP_MAX), _mm512_max_ps(_mm512_set1_ps(RL_EXP_MIN), x));
    const __m512 n = _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(RL_EXP_LOG2E)),
                                          _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    __m512 r = _mm512_fnmadd_ps(n, _mm512_set1_ps(RL_EXP_LN2_HI), x);
    r = _mm512_fnmadd_ps(n, _mm512_set1_ps(RL_EXP_LN2_LO), r);
    __m512 p = _mm512_fmadd_ps(r, _mm512_set1_ps(RL_EXP_C6), _mm512_set1_ps(RL_EXP_C5));
    p = _mm512_fmadd_ps(r, p, _mm512_set1_ps(RL_EXP_C4));
    p = _mm512_fmadd_ps(r, p, _mm512_set1_ps(RL_EXP_C3));
    p = _mm512_fmadd_ps(r, p, _mm512_set1_ps(RL_EXP_C2));
    p = _mm512_fmadd_ps(_mm512_mul_ps(r, r), p, r);
    p = _mm512_add_ps(p, _mm512_set1_ps(1.0f));
    return _mm512_scalef_ps(p, n);
}

#endif
