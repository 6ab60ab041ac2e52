/* panels_avx512.h - what the avx512 files have in common in reading panels (base/panels.h): a line is a vector, and a
 * lane a row. Only for files compiled with the tier's flags. */
#ifndef RL_PANELS_AVX512_H
#define RL_PANELS_AVX512_H

#include "base/mem.h"
#include "base/panels.h"
#include "base/x86_avx512.h"

/* ---- units, and what they meet ---- */

/* Line i from p on: a 4-byte unit of sixteen rows. */
static inline __m512i rl_line(const char *p, size_t i) { return _mm512_load_si512(p + RL_LINE * i); }

/* A 2-byte unit of sixteen rows: half floats. */
static inline __m512 rl_halves(const char *p)
{
    return _mm512_cvtph_ps(_mm256_load_si256((const __m256i *)p));
}

/* Four activations, or two sums of them, to all lanes. */
static inline __m512i rl_to_all(const void *p)
{
    int32_t x;
    memcpy(&x, p, sizeof x);
    return _mm512_set1_epi32(x);
}

/* v & byte, in every byte. */
static inline __m512i rl_bits(__m512i v, int byte)
{
    return _mm512_and_si512(v, _mm512_set1_epi8((char)byte));
}

/* (a & byte) | b: vpternlogd. */
static inline __m512i rl_bits_or(__m512i a, int byte, __m512i b)
{
    return _mm512_or_si512(rl_bits(a, byte), b);
}

/* ---- columns of a float format: groups of 32 follow one another, so columns do ---- */

typedef __m512 rl_column_fn(const char *panel, size_t j);

static inline __m512 rl_column_f32(const char *panel, size_t j)
{
    return _mm512_load_ps(panel + RL_LINE * j);
}
static inline __m512 rl_column_f16(const char *panel, size_t j) { return rl_halves(panel + RL_LINE / 2 * j); }
static inline __m512 rl_column_bf16(const char *panel, size_t j)
{
    const __m512i pair = rl_line(panel, j / 2); /* the even column in the lower half of each lane */
    return _mm512_castsi512_ps(j % 2 == 0 ? _mm512_slli_epi32(pair, 16)
                                          : _mm512_and_si512(pair, _mm512_set1_epi32((int)0xffff0000)));
}

/* ---- parts of blocks ---- */

/* q5_0, q5_1: bits 4 i to 4 i + 3 of each lane of `bits`, as 16 or nothing added to the lane's four bytes. The byte that
 * has them goes to all four by vpshufb, and each tests a bit of its own. */
static inline __m512i rl_with_fifth_bits(__m512i nibbles, __m512i bits, size_t i)
{
    const __m512i byte = _mm512_add_epi8(
        _mm512_broadcast_i32x4(_mm_setr_epi8(0, 0, 0, 0, 4, 4, 4, 4, 8, 8, 8, 8, 12, 12, 12, 12)),
        _mm512_set1_epi8((char)(i / 2)));
    const __m512i test = _mm512_set1_epi32(i % 2 == 0 ? 0x08040201 : (int)0x80402010);
    const __mmask64 set = _mm512_test_epi8_mask(_mm512_shuffle_epi8(bits, byte), test);
    return _mm512_mask_add_epi8(nibbles, set, nibbles, _mm512_set1_epi8(16));
}

/* q4_K, q5_K: rl_k4_scale for sixteen rows. Byte i of vector j belongs to sub-block 4 j + i. */
typedef struct {
    __m512i scale[2], min[2];
} rl_k4_rows;

/* Of a block's first three lines. */
static inline rl_k4_rows rl_k4_open(const char *lines)
{
    const __m512i s0 = rl_line(lines, 0), s1 = rl_line(lines, 1), s2 = rl_line(lines, 2);
    const __m512i high = _mm512_srli_epi16(s2, 4);
    rl_k4_rows s;
    s.scale[0] = rl_bits(s0, 0x3f);
    s.scale[1] = rl_bits_or(s2, 0x0f, rl_bits(_mm512_srli_epi16(s0, 2), 0x30));
    s.min[0] = rl_bits(s1, 0x3f);
    s.min[1] = rl_bits_or(high, 0x0f, rl_bits(_mm512_srli_epi16(s1, 2), 0x30));
    return s;
}

/* q3_K: the scales, byte i of vector j that of sub-block 4 j + i, from the block's last three lines. The first two have
 * nibbles, low then high; the third the pairs of bits on top of them; all is 32 too much. */
static inline void rl_q3_open(__m512i scale[4], const char *lines)
{
    const __m512i s0 = rl_line(lines, 0), s1 = rl_line(lines, 1), s2 = rl_line(lines, 2);
    scale[0] = rl_bits_or(s0, 0x0f, rl_bits(_mm512_slli_epi16(s2, 4), 0x30));
    scale[1] = rl_bits_or(s1, 0x0f, rl_bits(_mm512_slli_epi16(s2, 2), 0x30));
    scale[2] = rl_bits_or(_mm512_srli_epi16(s0, 4), 0x0f, rl_bits(s2, 0x30));
    scale[3] = rl_bits_or(_mm512_srli_epi16(s1, 4), 0x0f, rl_bits(_mm512_srli_epi16(s2, 2), 0x30));
    for (size_t t = 0; t < 4; t++) scale[t] = _mm512_sub_epi8(scale[t], _mm512_set1_epi8(32));
}

#endif
