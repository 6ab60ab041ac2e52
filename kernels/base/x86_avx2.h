/* x86_avx2.h - small helpers that the avx2 files share. Only for files compiled with the tier's flags; those
 * of the avx512 tier get them through x86_avx512.h. */
#ifndef RL_X86_AVX2_H
#define RL_X86_AVX2_H

#include "base/exp_poly.h"
#include "base/format.h"

#include <immintrin.h>

#if !defined(__AVX2__) || !defined(__FMA__) || !defined(__F16C__)
#error "this file needs the flags of the avx2 tier"
#endif

/* ---- across the lanes, always by the same tree ---- */

static inline float rl_sum_ps256(__m256 v)
{
    __m128 q = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    q = _mm_add_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_add_ss(q, _mm_movehdup_ps(q)));
}

static inline float rl_max_ps256(__m256 v)
{
    __m128 q = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    q = _mm_max_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_max_ss(q, _mm_movehdup_ps(q)));
}

static inline int32_t rl_sum_epi32_256(__m256i v)
{
    __m128i q = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    q = _mm_add_epi32(q, _mm_unpackhi_epi64(q, q));
    return _mm_cvtsi128_si32(_mm_add_epi32(q, _mm_shuffle_epi32(q, 1)));
}

/* ---- memory ---- */

/* Asks for `bytes` bytes from p on, which may lie past the end of what there is. Always inlined, as must be what
 * calls it and does nothing else: gcc takes a function that only prefetches for one without effect, and drops it. */
static inline __attribute__((always_inline)) void rl_prefetch(const void *p, size_t bytes)
{
    for (size_t b = 0; b < bytes; b += 64) _mm_prefetch((const char *)p + b, _MM_HINT_T0);
}

/* The same for what is kilobytes away and comes from memory: into the second level. On the way into the first each line
 * would hold a fill buffer for as long as memory takes; there are 16 of them on an Intel core, which is not enough to
 * keep its memory busy (a Xeon of two virtual cores: 65 % of the read bandwidth so, 87 % and more like this). */
static inline __attribute__((always_inline)) void rl_prefetch_far(const void *p, size_t bytes)
{
    for (size_t b = 0; b < bytes; b += 64) _mm_prefetch((const char *)p + b, _MM_HINT_T1);
}

/* What a loop that reads one stream from memory asks for as it comes by p: the `bytes` bytes RL_FAR later, into the
 * second level, and those RL_NEAR later, which are there by now, into the first. `bytes` is at most the difference.
 * gemv_panels_avx512.c tells why both, and how the distances were found. */
enum { RL_FAR = 4096, RL_NEAR = 2048 };
static inline __attribute__((always_inline)) void rl_prefetch_stream(const char *p, size_t bytes)
{
    rl_prefetch_far(p + RL_FAR, bytes);
    rl_prefetch(p + RL_NEAR, bytes);
}

/* out[j][i] = in[i][j]: eight rows of eight floats. */
static inline void rl_transpose8(float *const out[8], const float *const in[8])
{
    __m256 half[8], pair[8]; /* half: rows i and 4 + i, in the lower and the upper lane */
    for (int i = 0; i < 4; i++) {
        const __m256 a = _mm256_loadu_ps(in[i]), b = _mm256_loadu_ps(in[4 + i]);
        half[i] = _mm256_permute2f128_ps(a, b, 0x20);
        half[4 + i] = _mm256_permute2f128_ps(a, b, 0x31);
    }
    for (int i = 0; i < 8; i += 4)
        for (int j = 0; j < 2; j++) { /* rows 2j and 2j + 1, columns in pairs */
            pair[i + j] = _mm256_unpacklo_ps(half[i + 2 * j], half[i + 2 * j + 1]);
            pair[i + 2 + j] = _mm256_unpackhi_ps(half[i + 2 * j], half[i + 2 * j + 1]);
        }
    for (int i = 0; i < 8; i += 2) {
        _mm256_storeu_ps(out[i], _mm256_shuffle_ps(pair[i], pair[i + 1], 0x44));
        _mm256_storeu_ps(out[i + 1], _mm256_shuffle_ps(pair[i], pair[i + 1], 0xee));
    }
}

/* ---- floats ---- */

static inline __m256 rl_abs_ps256(__m256 v) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), v); }

/* The first n of 8 lanes, for maskload and maskstore, which touch no memory of the others. */
static inline __m256i rl_lanes256(size_t n)
{
    static const int32_t edge[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
    return _mm256_loadu_si256((const __m256i *)(edge + 8 - (n < 8 ? n : 8)));
}

/* e^x, see exp_poly.h. 2^n is multiplied on in two halves: 2^128 and 2^-150 are no floats. */
static inline __m256 rl_exp_ps256(__m256 x)
{
    x = _mm256_min_ps(_mm256_set1_ps(RL_EXP_MAX), _mm256_max_ps(_mm256_set1_ps(RL_EXP_MIN), x));
    const __m256i n = _mm256_cvtps_epi32(_mm256_mul_ps(x, _mm256_set1_ps(RL_EXP_LOG2E)));
    const __m256 nf = _mm256_cvtepi32_ps(n);
    __m256 r = _mm256_fnmadd_ps(nf, _mm256_set1_ps(RL_EXP_LN2_HI), x);
    r = _mm256_fnmadd_ps(nf, _mm256_set1_ps(RL_EXP_LN2_LO), r);
    __m256 p = _mm256_fmadd_ps(r, _mm256_set1_ps(RL_EXP_C6), _mm256_set1_ps(RL_EXP_C5));
    p = _mm256_fmadd_ps(r, p, _mm256_set1_ps(RL_EXP_C4));
    p = _mm256_fmadd_ps(r, p, _mm256_set1_ps(RL_EXP_C3));
    p = _mm256_fmadd_ps(r, p, _mm256_set1_ps(RL_EXP_C2));
    p = _mm256_fmadd_ps(_mm256_mul_ps(r, r), p, r);
    p = _mm256_add_ps(p, _mm256_set1_ps(1.0f));
    const __m256i one = _mm256_castps_si256(_mm256_set1_ps(1.0f)), half = _mm256_srai_epi32(n, 1);
    const __m256i lo = _mm256_add_epi32(one, _mm256_slli_epi32(half, 23));
    const __m256i hi = _mm256_add_epi32(one, _mm256_slli_epi32(_mm256_sub_epi32(n, half), 23));
    return _mm256_mul_ps(_mm256_mul_ps(p, _mm256_castsi256_ps(lo)), _mm256_castsi256_ps(hi));
}

/* Eight weights of a float format. */
static inline __m256 rl_load_f32_256(const void *p) { return _mm256_loadu_ps(p); }
static inline __m256 rl_load_f16_256(const void *p)
{
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p));
}
static inline __m256 rl_load_bf16_256(const void *p)
{
    return _mm256_castsi256_ps(
        _mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p)), 16));
}

/* A half in memory, to all lanes. */
static inline __m256 rl_broadcast_f16_256(const rl_f16 *h) { return _mm256_set1_ps(_cvtsh_ss(*h)); }

/* ---- blocks taken apart ---- */

static inline __m256i rl_low_nibbles256(__m256i v) { return _mm256_and_si256(v, _mm256_set1_epi8(15)); }

/* Sixteen bytes of nibbles to 32 bytes: the low nibbles, then the high ones. */
static inline __m256i rl_nibbles256(const void *p)
{
    const __m256i twice = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)p));
    return rl_low_nibbles256(_mm256_srlv_epi64(twice, _mm256_setr_epi64x(0, 0, 4, 4)));
}

/* `value` in the bytes of v whose bit number `bit` is set, 0 in the others. */
static inline __m256i rl_where_bit256(__m256i v, size_t bit, int value)
{
    const __m256i one = _mm256_set1_epi8((char)(1 << bit));
    const __m256i set = _mm256_cmpeq_epi8(_mm256_and_si256(v, one), one);
    return _mm256_and_si256(set, _mm256_set1_epi8((char)value));
}

/* rl_k4_scale for all eight sub-blocks of a q4_K or q5_K block: scales in bytes 0-7, minima in bytes 8-15. */
static inline __m128i rl_k4_scales128(const void *block)
{
    const __m128i h = _mm_loadu_si128((const __m128i *)block); /* d, dmin, s[0-3], s[4-7], s[8-11] */
    const __m128i parts = _mm_shuffle_epi32(h, _MM_SHUFFLE(3, 2, 3, 1));
    const __m128i low = _mm_and_si128(_mm_srlv_epi32(parts, _mm_setr_epi32(0, 0, 0, 4)),
                                      _mm_setr_epi32(0x3f3f3f3f, 0x0f0f0f0f, 0x3f3f3f3f, 0x0f0f0f0f));
    const __m128i tops = _mm_shuffle_epi32(h, _MM_SHUFFLE(2, 0, 1, 0));
    const __m128i high = _mm_and_si128(_mm_srli_epi32(tops, 2), _mm_setr_epi32(0, 0x30303030, 0, 0x30303030));
    return _mm_or_si128(low, high);
}

/* The sixteen 6-bit scales of q3_K, their offset of 32 taken off. Nibbles of s[0-7] are the low four bits; of
 * s[8-11], each pair of bits the upper two of four scales. */
static inline __m128i rl_q3_scales128(const uint8_t s[12])
{
    const __m128i nibbles = _mm_broadcastq_epi64(_mm_loadl_epi64((const __m128i *)s));
    int last;
    memcpy(&last, s + 8, sizeof last);
    const __m128i pairs = _mm_set1_epi32(last);
    const __m128i low = _mm_and_si128(_mm_srlv_epi64(nibbles, _mm_set_epi64x(4, 0)), _mm_set1_epi8(15));
    const __m128i high = _mm_and_si128(_mm_srlv_epi32(pairs, _mm_setr_epi32(0, 2, 4, 6)), _mm_set1_epi8(3));
    return _mm_sub_epi8(_mm_or_si128(low, _mm_slli_epi16(high, 4)), _mm_set1_epi8(32));
}

/* Elements 32j..32j+31 of a half block of q6_K, 0 to 63: four bits from ql, two from qh. */
static inline __m256i rl_q6_quants256(const uint8_t *ql, __m256i qh, size_t j)
{
    const __m256i v = _mm256_loadu_si256((const __m256i *)(ql + j % 2 * 32));
    const __m256i high = j == 0   ? _mm256_slli_epi16(qh, 4)
                         : j == 1 ? _mm256_slli_epi16(qh, 2)
                         : j == 2 ? qh
                                  : _mm256_srli_epi16(qh, 2);
    return _mm256_or_si256(rl_low_nibbles256(j < 2 ? v : _mm256_srli_epi16(v, 4)),
                           _mm256_and_si256(high, _mm256_set1_epi8(0x30)));
}

#endif
