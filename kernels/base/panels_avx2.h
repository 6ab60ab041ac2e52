/* panels_avx2.h - what the avx2 files have in common in reading panels (base/panels.h): half a line is a vector, and a
 * lane one of eight rows. What is read starts at the first of those: rows 8 to 15 are half a unit of sixteen on. Only for
 * files compiled with the tier's flags. */
#ifndef RL_PANELS_AVX2_H
#define RL_PANELS_AVX2_H

#include "base/mem.h"
#include "base/panels.h"
#include "base/x86_avx2.h"

/* ---- units, and what they meet ---- */

/* Eight rows of line i from p on: a 4-byte unit. */
static inline __m256i rl_line256(const char *p, size_t i)
{
    return _mm256_load_si256((const __m256i *)(p + RL_LINE * i));
}

/* Eight rows of a 2-byte unit: half floats. */
static inline __m256 rl_halves256(const char *p)
{
    return _mm256_cvtph_ps(_mm_load_si128((const __m128i *)p));
}

/* Four activations, or two sums of them, to all lanes. */
static inline __m256i rl_to_all256(const void *p)
{
    int32_t x;
    memcpy(&x, p, sizeof x);
    return _mm256_set1_epi32(x);
}

/* v & byte, in every byte; (a & byte) | b. */
static inline __m256i rl_bits256(__m256i v, int byte)
{
    return _mm256_and_si256(v, _mm256_set1_epi8((char)byte));
}
static inline __m256i rl_bits_or256(__m256i a, int byte, __m256i b)
{
    return _mm256_or_si256(rl_bits256(a, byte), b);
}

/* ---- columns of a float format, rows 8 h to 8 h + 7: groups of 32 follow one another, so columns do ---- */

typedef __m256 rl_column256_fn(const char *panel, size_t j, size_t h);

static inline __m256 rl_column256_f32(const char *panel, size_t j, size_t h)
{
    return _mm256_load_ps((const float *)(const void *)(panel + RL_LINE * j + RL_LINE / 2 * h));
}

static inline __m256 rl_column256_f16(const char *panel, size_t j, size_t h)
{
    return rl_halves256(panel + RL_LINE / 2 * j + RL_LINE / 4 * h);
}

static inline __m256 rl_column256_bf16(const char *panel, size_t j, size_t h)
{
    /* the even column in the lower half of each lane */
    const __m256i pair = rl_line256(panel + RL_LINE * (j / 2) + RL_LINE / 2 * h, 0);
    return _mm256_castsi256_ps(j % 2 == 0 ? _mm256_slli_epi32(pair, 16)
                                          : _mm256_and_si256(pair, _mm256_set1_epi32((int)0xffff0000)));
}

/* ---- parts of blocks ---- */

/* q5_0, q5_1: bits 4 i to 4 i + 3 of each lane, as 16 or nothing in the lane's four bytes. `i` is a constant once
 * unrolled. */
static inline __m256i rl_fifth_bits256(__m256i bits, size_t i)
{
    const __m256i byte = _mm256_add_epi8(
        _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 0, 0, 0, 4, 4, 4, 4, 8, 8, 8, 8, 12, 12, 12, 12)),
        _mm256_set1_epi8((char)(i / 2)));
    const __m256i one = _mm256_set1_epi32(i % 2 == 0 ? 0x08040201 : (int)0x80402010);
    const __m256i set = _mm256_cmpeq_epi8(_mm256_and_si256(_mm256_shuffle_epi8(bits, byte), one), one);
    return _mm256_and_si256(set, _mm256_set1_epi8(16));
}

/* q4_K, q5_K: rl_k4_scale for eight rows. Byte i of vector j belongs to sub-block 4 j + i. */
typedef struct {
    __m256i scale[2], min[2];
} rl_k4_rows256;

/* Of a block's first three lines. */
static inline rl_k4_rows256 rl_k4_open256(const char *lines)
{
    const __m256i s0 = rl_line256(lines, 0), s1 = rl_line256(lines, 1), s2 = rl_line256(lines, 2);
    const __m256i high = _mm256_srli_epi16(s2, 4);
    rl_k4_rows256 s;
    s.scale[0] = rl_bits256(s0, 0x3f);
    s.scale[1] = rl_bits_or256(s2, 0x0f, rl_bits256(_mm256_srli_epi16(s0, 2), 0x30));
    s.min[0] = rl_bits256(s1, 0x3f);
    s.min[1] = rl_bits_or256(high, 0x0f, rl_bits256(_mm256_srli_epi16(s1, 2), 0x30));
    return s;
}

/* q3_K: the scales, byte i of vector j that of sub-block 4 j + i, from the block's last three lines. The first two have
 * nibbles, low then high; the third the pairs of bits on top of them; all is 32 too much. */
static inline void rl_q3_open256(__m256i scale[4], const char *lines)
{
    const __m256i s0 = rl_line256(lines, 0), s1 = rl_line256(lines, 1), s2 = rl_line256(lines, 2);
    scale[0] = rl_bits_or256(s0, 0x0f, rl_bits256(_mm256_slli_epi16(s2, 4), 0x30));
    scale[1] = rl_bits_or256(s1, 0x0f, rl_bits256(_mm256_slli_epi16(s2, 2), 0x30));
    scale[2] = rl_bits_or256(_mm256_srli_epi16(s0, 4), 0x0f, rl_bits256(s2, 0x30));
    scale[3] = rl_bits_or256(_mm256_srli_epi16(s1, 4), 0x0f, rl_bits256(_mm256_srli_epi16(s2, 2), 0x30));
    for (size_t t = 0; t < 4; t++) scale[t] = _mm256_sub_epi8(scale[t], _mm256_set1_epi8(32));
}

#endif
