/* x86_avx512.h - small helpers that the avx512 files share. Only for files compiled with the tier's flags. */
#ifndef RL_X86_AVX512_H
#define RL_X86_AVX512_H

#include "base/format.h"

#include <immintrin.h>

#if !defined(__AVX512F__) || !defined(__AVX512BW__) || !defined(__AVX512DQ__) || !defined(__AVX512VL__) ||   \
    !defined(__AVX512VNNI__)
#error "this file needs the flags of the avx512 tier"
#endif

/* The sum of 16 floats, always by the same tree. */
static inline float rl_sum_ps(__m512 v)
{
    __m256 h = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
    __m128 q = _mm_add_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
    q = _mm_add_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_add_ss(q, _mm_movehdup_ps(q)));
}

/* A half in memory, to all lanes. */
static inline __m512 rl_broadcast_f16(const rl_f16 *h) { return _mm512_set1_ps(_cvtsh_ss(*h)); }

/* The first n of 16 lanes, of 32 words, of 64 bytes. */
static inline __mmask16 rl_mask16(size_t n) { return (__mmask16)(n >= 16 ? 0xffff : (1u << n) - 1); }
static inline __mmask32 rl_mask32(size_t n) { return n >= 32 ? 0xffffffffu : (1u << n) - 1; }
static inline __mmask64 rl_mask64(size_t n) { return n >= 64 ? ~0ull : (1ull << n) - 1; }

#endif
