/* gemm_unpack_avx512.h - a step of two panels, 32 rows by up to 512 columns, taken apart for the tile.
 *
 * A line of quants is what vpdpbusd takes: four columns of sixteen rows, an unsigned byte each. Every format has a
 * function that makes line j of a block from the panel, with a load, a turn and a mask or a few more. Where many tokens
 * use the same weights, all lines of a step are made once and stored, as [four columns][panel], and the tiles read them
 * one after another; few tokens are done before that would pay, and their tile makes each line as it goes. The scales
 * are stored in any case, as the tile wants them: floats, or the K formats' integers. A step is 18 KB, 20
 * with minima (K formats 10 to 11, floats 16), and stays in the first cache while all tokens pass over it.
 *
 * What has an offset (q4_0's nibbles mean -8 to 7) is left unsigned here; the tile starts its sums at
 * -offset * sum(x). Layouts: base/panels.h and base/format.h. */
#ifndef RL_GEMM_UNPACK_AVX512_H
#define RL_GEMM_UNPACK_AVX512_H

#include "base/panels_avx512.h"

enum { STEP = 512, K_STEP = RL_QK_K, FLOAT_STEP = 128, PAIR = 2, LANES = RL_PANEL_ROWS };

typedef struct {
    _Alignas(RL_LINE) uint8_t q[STEP / 4][PAIR][RL_LINE]; /* columns 4 i to 4 i + 3 of a panel's rows */
    float d[STEP / 32][PAIR][LANES];          /* scales of blocks of 32; a K format has one, the first */
    float m[STEP / 32][PAIR][LANES];          /* minima likewise */
    int32_t scale[K_STEP / 16][PAIR][LANES];  /* K: of sub-blocks */
    int16_t min[K_STEP / 32][PAIR][LANES][2]; /* K: of sub-blocks 2 i and 2 i + 1 */
} quants_step;

typedef union {
    quants_step quants;
    _Alignas(RL_LINE) float floats[FLOAT_STEP][PAIR][LANES];
    char bf16[FLOAT_STEP / 32][2][PAIR][16 * RL_LINE]; /* of 32 columns, upper and lower piece: pairs of columns */
} step;

/* rl_bits of v turned right by n bits (left where n < 0), so that a field inside a byte lands where `mask` is. */
static inline __m512i turned_bits(__m512i v, int n, char mask)
{
    return rl_bits(_mm512_rorv_epi32(v, _mm512_set1_epi32(n & 31)), mask);
}

/* ---- lines of quants: columns 4 j to 4 j + 3 of a block whose 4-byte units are at `units` ---- */

typedef __m512i line_fn(const char *units, size_t j);

static inline __m512i line_q8_0(const char *units, size_t j)
{
    return _mm512_xor_si512(rl_line(units, j), _mm512_set1_epi8((char)0x80));
}

/* q4_0, q4_1: low nibbles, then high. */
static inline __m512i line_nibbles(const char *units, size_t j)
{
    return turned_bits(rl_line(units, j % 4), (int)(j / 4) * 4, 0x0f);
}

/* q5_0, q5_1: a line of fifth bits comes first. */
static inline __m512i line_five_bits(const char *units, size_t j)
{
    return rl_with_fifth_bits(line_nibbles(units + RL_LINE, j), rl_line(units, 0), j);
}

/* Units of the K formats, see base/format.h. Of q4_K: 3 of scales, 32 of nibbles. */
static inline __m512i line_q4_K(const char *units, size_t j)
{
    return turned_bits(rl_line(units, 3 + j / 16 * 8 + j % 8), (int)(j / 8 % 2) * 4, 0x0f);
}

/* 3 of scales, 8 of fifth bits, 32 of nibbles. */
static inline __m512i line_q5_K(const char *units, size_t j)
{
    const __m512i fifth = turned_bits(rl_line(units, 3 + j % 8), (int)(j / 8) - 4, 0x10);
    return _mm512_or_si512(line_q4_K(units + 8 * RL_LINE, j), fifth);
}

/* 32 of low nibbles, 16 of upper pairs of bits. Half h of the block, quarter i of it. */
static inline __m512i line_q6_K(const char *units, size_t j)
{
    const size_t h = j / 32, i = j / 8 % 4;
    const __m512i low = turned_bits(rl_line(units, 16 * h + i % 2 * 8 + j % 8), (int)(i / 2) * 4, 0x0f);
    const __m512i high = turned_bits(rl_line(units, 32 + 8 * h + j % 8), (int)i * 2 - 4, 0x30);
    return _mm512_or_si512(low, high);
}

/* 4 of scales, 16 of pairs of bits. */
static inline __m512i line_q2_K(const char *units, size_t j)
{
    return turned_bits(rl_line(units, 4 + j / 32 * 8 + j % 8), (int)(j / 8 % 4) * 2, 0x03);
}

/* 8 of third bits, 16 of pairs of bits. */
static inline __m512i line_q3_K(const char *units, size_t j)
{
    const __m512i third = turned_bits(rl_line(units, j % 8), (int)(j / 8) - 2, 0x04);
    return _mm512_or_si512(line_q2_K(units + 4 * RL_LINE, j), third);
}

/* ---- scales ---- */

/* Block b's d, and its minimum's scale where there is one, as number `to` of the step. */
static inline void put_halves(step *s, size_t half, size_t to, rl_panel_place b, bool minimum)
{
    _mm512_store_ps(s->quants.d[to][half], rl_halves(b.halves));
    if (minimum) _mm512_store_ps(s->quants.m[to][half], rl_halves(b.halves + 32));
}

/* Four scales of a row in the bytes of its dword, signed, from sub-block `sub` on. */
static inline void put_scales(step *s, size_t sub, size_t half, __m512i bytes)
{
    for (size_t i = 0; i < 4; i++) {
        const __m512i top = _mm512_sllv_epi32(bytes, _mm512_set1_epi32(24 - 8 * (int)i));
        _mm512_store_si512(s->quants.scale[sub + i][half], _mm512_srai_epi32(top, 24));
    }
}

/* Four minima likewise, unsigned, in pairs. */
static inline void put_minima(step *s, size_t sub, size_t half, __m512i bytes)
{
    const __m512i lanes =
        _mm512_broadcast_i32x4(_mm_setr_epi8(0, -1, 1, -1, 4, -1, 5, -1, 8, -1, 9, -1, 12, -1, 13, -1));
    _mm512_store_si512(s->quants.min[sub / 2][half], _mm512_shuffle_epi8(bytes, lanes));
    _mm512_store_si512(s->quants.min[sub / 2 + 1][half],
                       _mm512_shuffle_epi8(_mm512_srli_epi32(bytes, 16), lanes));
}

/* What a format's sub-blocks are scaled by, from the units of a super-block. */
typedef void scales_fn(step *s, size_t half, const char *units);

static inline void scales_k4(step *s, size_t half, const char *units)
{
    const rl_k4_rows all = rl_k4_open(units);
    for (size_t i = 0; i < 2; i++) {
        put_scales(s, 4 * i, half, all.scale[i]);
        put_minima(s, 4 * i, half, all.min[i]);
    }
}

static inline void scales_q6_K(step *s, size_t half, const char *units)
{
    for (size_t i = 0; i < 4; i++) put_scales(s, 4 * i, half, rl_line(units, 48 + i));
}

static inline void scales_q2_K(step *s, size_t half, const char *units)
{
    for (size_t i = 0; i < 4; i++) {
        put_scales(s, 4 * i, half, rl_bits(rl_line(units, i), 0x0f));
        put_minima(s, 4 * i, half, turned_bits(rl_line(units, i), 4, 0x0f));
    }
}

static inline void scales_q3_K(step *s, size_t half, const char *units)
{
    __m512i scale[4];
    rl_q3_open(scale, units + 24 * RL_LINE);
    for (size_t i = 0; i < 4; i++) put_scales(s, 4 * i, half, scale[i]);
}

/* ---- a step of one panel ---- */

/* Takes columns [first, first + columns) of a panel of a matrix; half 0 or 1 of the pair; of quants only their scales
 * unless `all`. `first` is a multiple of the format's step, `columns` at most a step and a multiple of the block. */
typedef void unpack_fn(step *s, size_t half, const char *panel, size_t first, size_t columns, bool all);

/* Blocks of 32. A block's `bytes`, `minimum` and `quants` are constants where this is inlined, here and below. A minimum
 * is a second 2-byte unit. */
static inline __attribute__((always_inline)) void unpack_blocks(step *s, size_t half, const char *panel,
                                                                size_t first, size_t columns, bool all,
                                                                size_t bytes, bool minimum, line_fn *quants)
{
    for (size_t i = 0; i < columns / 32; i++) {
        const rl_panel_place b = rl_panel_at(panel, bytes, 1 + minimum, first / 32 + i);
        put_halves(s, half, i, b, minimum);
        for (size_t j = 0; j < 8 && all; j++)
            _mm512_store_si512(s->quants.q[8 * i + j][half], quants(b.lines, j));
    }
}

/* A super-block. */
static inline __attribute__((always_inline)) void unpack_k(step *s, size_t half, const char *panel,
                                                           size_t first, bool all, size_t bytes, bool minimum,
                                                           line_fn *quants, scales_fn *scales)
{
    const rl_panel_place b = rl_panel_at(panel, bytes, 1 + minimum, first / K_STEP);
    put_halves(s, half, 0, b, minimum);
    scales(s, half, b.lines);
    if (!all) return;
    for (size_t i = 0; i < K_STEP / 4; i += 8)
#pragma GCC unroll 8
        for (size_t j = i; j < i + 8; j++) _mm512_store_si512(s->quants.q[j][half], quants(b.lines, j));
}

/* ---- floats ---- */

static inline __attribute__((always_inline)) void
unpack_columns(step *s, size_t half, const char *panel, size_t first, size_t columns, rl_column_fn *column)
{
    for (size_t j = 0; j < columns; j++) _mm512_store_ps(s->floats[j][half], column(panel, first + j));
}

#endif
