/* x86_avx2.h - small helpers that the avx2 files share. Only for files compiled with the tier's flags. */
#ifndef RL_X86_AVX2_H
#define RL_X86_AVX2_H

#include "base/format.h"

#include <immintrin.h>

#if !defined(__AVX2__) || !defined(__FMA__) || !defined(__F16C__)
#error "this file needs the flags of the avx2 tier"
#endif

/* The sum of 8 floats, always by the same tree. */
static inline float rl_sum_ps256(__m256 v)
{
    __m128 q = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    q = _mm_add_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_add_ss(q, _mm_movehdup_ps(q)));
}

/* Sixteen bytes of nibbles to 32 bytes: the low nibbles, then the high ones. */
static inline __m256i rl_nibbles256(const void *p)
{
    const __m256i twice = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)p));
    return _mm256_and_si256(_mm256_srlv_epi64(twice, _mm256_setr_epi64x(0, 0, 4, 4)), _mm256_set1_epi8(15));
}

#endif
