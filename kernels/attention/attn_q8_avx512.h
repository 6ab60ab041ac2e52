/* attn_q8_avx512.h - scores of q8_0 keys as integer dot products, for attn_decode_avx512.c.
 *
 * To make floats of a key costs four instructions for sixteen values, as much as two heads' share of the arithmetic,
 * and the arithmetic itself takes sixteen products at a time. Sixteen-bit integers take 32 (vpdpwssd), and a key's
 * bytes become words with three shifts for 64. So the query is rounded once for a part: blocks of 32 dimensions as
 * integers up to 32767 times a scale, which is as good as the 15 bits that are left of the largest of them; the
 * bound of attn_decode.h says what this costs. The integers' sums are exact.
 *
 * Sixteen positions are the lanes of every sum: four dwords of a row are turned against those of three other rows
 * within each 128 bits, so that a dword holds four dimensions of one position, and no sum is ever added up across
 * lanes. The even and the odd bytes of a dword then are two pairs of words. */
#ifndef RL_ATTN_Q8_AVX512_H
#define RL_ATTN_Q8_AVX512_H

#include "attention/attn_decode.h"
#include "attention/attn_rows_avx512.h"

enum { RL_Q8_T = 16, RL_Q8_HEADS = 8, RL_Q8_BLOCKS = RL_ATTN_MAX_DIM / RL_QK };

/* The queries of a pass: a block's words in the order of the keys', two pairs for each dword of a key. */
typedef struct {
    _Alignas(64) int32_t pairs[RL_Q8_BLOCKS][RL_Q8_HEADS][RL_QK / 2];
    float scale[RL_Q8_BLOCKS][RL_Q8_HEADS];
} rl_q8_query;

/* 32 dimensions of a query. The largest is sought among the bits, where a NaN is larger still and makes the scale
 * one. What is below 2^-100 counts as 0: its inverse may be none. */
static inline float rl_q8_round(int32_t pairs[RL_QK / 2], const float *q)
{
    static const uint16_t order[RL_QK] = {0,  2,  1,  3,  4,  6,  5,  7,  8,  10, 9,  11, 12, 14, 13, 15,
                                          16, 18, 17, 19, 20, 22, 21, 23, 24, 26, 25, 27, 28, 30, 29, 31};
    const __m512 a = _mm512_loadu_ps(q), b = _mm512_loadu_ps(q + 16);
    const __m512i bits =
        _mm512_max_epi32(_mm512_castps_si512(_mm512_abs_ps(a)), _mm512_castps_si512(_mm512_abs_ps(b)));
    const float most = rl_bits_to_f32((uint32_t)_mm512_reduce_max_epi32(bits));
    const __m512 by = _mm512_set1_ps(most > 0x1p-100f ? 32767 / most : 0);
    const __m256i low = _mm512_cvtepi32_epi16(_mm512_cvtps_epi32(_mm512_mul_ps(a, by))),
                  high = _mm512_cvtepi32_epi16(_mm512_cvtps_epi32(_mm512_mul_ps(b, by)));
    const __m512i words = _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
    _mm512_storeu_si512(pairs, _mm512_permutexvar_epi16(_mm512_loadu_si512(order), words));
    return most / 32767;
}

static inline void rl_q8_query_init(rl_q8_query *to, const float *q, size_t dim, size_t heads)
{
    for (size_t h = 0; h < heads; h++)
        for (size_t b = 0; b < dim / RL_QK; b++)
            to->scale[b][h] = rl_q8_round(to->pairs[b][h], q + h * dim + b * RL_QK);
}

/* The scales of block b of sixteen rows, `stride` bytes apart. */
static inline __m512 rl_q8_scales(const char *rows, size_t stride, size_t b)
{
    rl_f16 d[RL_Q8_T];
    for (size_t t = 0; t < RL_Q8_T; t++)
        memcpy(&d[t], &((const rl_q8_0 *)(rows + t * stride))[b].d, sizeof *d);
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)d));
}

/* Sixteen dimensions of sixteen rows: dword p of number j is dimensions 4j to 4j + 3 of row p. */
static inline void rl_q8_turn(__m512i out[4], const char *rows, size_t stride)
{
    __m512i in[4];
    for (size_t t = 0; t < 4; t++) {
        __m128i part[4];
        for (size_t l = 0; l < 4; l++)
            part[l] = _mm_loadu_si128((const __m128i *)(rows + (4 * l + t) * stride));
        in[t] = _mm512_castsi128_si512(part[0]);
        in[t] = _mm512_inserti32x4(in[t], part[1], 1);
        in[t] = _mm512_inserti32x4(in[t], part[2], 2);
        in[t] = _mm512_inserti32x4(in[t], part[3], 3);
    }
    const __m512i a = _mm512_unpacklo_epi32(in[0], in[1]), b = _mm512_unpacklo_epi32(in[2], in[3]),
                  c = _mm512_unpackhi_epi32(in[0], in[1]), d = _mm512_unpackhi_epi32(in[2], in[3]);
    out[0] = _mm512_unpacklo_epi64(a, b);
    out[1] = _mm512_unpackhi_epi64(a, b);
    out[2] = _mm512_unpacklo_epi64(c, d);
    out[3] = _mm512_unpackhi_epi64(c, d);
}

/* q . K of every head, each position in its lane. `heads` is a constant where it is called. */
static inline __attribute__((always_inline)) void
rl_q8_dots(__m512 *out, const rl_q8_query *q, const char *rows, size_t stride, size_t dim, size_t heads)
{
    for (size_t h = 0; h < heads; h++) out[h] = _mm512_setzero_ps();
    for (size_t b = 0; b < dim / RL_QK; b++) {
        const __m512 scale = rl_q8_scales(rows, stride, b);
        __m512i even[RL_Q8_HEADS], odd[RL_Q8_HEADS];
        for (size_t h = 0; h < heads; h++) even[h] = odd[h] = _mm512_setzero_si512();
        for (size_t half = 0; half < 2; half++) {
            __m512i key[4];
            rl_q8_turn(key, rows + b * sizeof(rl_q8_0) + offsetof(rl_q8_0, qs) + 16 * half, stride);
            for (size_t j = 0; j < 4; j++) {
                const __m512i x = _mm512_srai_epi16(_mm512_slli_epi16(key[j], 8), 8),
                              y = _mm512_srai_epi16(key[j], 8);
                for (size_t h = 0; h < heads; h++) {
                    const int32_t *pair = &q->pairs[b][h][8 * half + 2 * j];
                    even[h] = _mm512_dpwssd_epi32(even[h], x, _mm512_set1_epi32(pair[0]));
                    odd[h] = _mm512_dpwssd_epi32(odd[h], y, _mm512_set1_epi32(pair[1]));
                }
            }
        }
        for (size_t h = 0; h < heads; h++)
            out[h] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(_mm512_add_epi32(even[h], odd[h])),
                                     _mm512_mul_ps(scale, _mm512_set1_ps(q->scale[b][h])), out[h]);
    }
}

#endif
