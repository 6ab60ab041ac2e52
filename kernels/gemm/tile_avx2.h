/* tile_avx2.h - sixteen rows by 256 columns of weights, taken apart once so that many tokens can use them.
 *
 * Taking a format apart - splitting nibbles, adding fifth bits, spreading six-bit scales - costs about as much as one
 * token's multiplications. So it is done once for all tokens of a pass, into a tile that stays in the L1 cache: every
 * quant a byte, four of a row to a lane, and every scale where a vector instruction wants it. What is left of a format
 * in the tile is only how large its bytes are, how many share a scale, and what is taken off them. */
#ifndef RL_TILE_AVX2_H
#define RL_TILE_AVX2_H

#include "base/panels_avx2.h"

enum {
    RL_TILE_COLS = 256,
    RL_TILE_STEPS = RL_TILE_COLS / 4, /* a step is four columns: the bytes of one lane */
    RL_TILE_BLOCKS = RL_TILE_COLS / RL_QK
};

/* [2] are rows 0 to 7 and rows 8 to 15. The K formats have one block of 256: d and m are [0]. */
typedef struct {
    __m256i q[RL_TILE_STEPS][2];
    __m256 d[RL_TILE_BLOCKS][2], m[RL_TILE_BLOCKS][2];
    __m256i scale[RL_TILE_COLS / 16][2]; /* of the i-th sub-block, as an int16, twice */
    /* what multiplies the sums of 16 activations 2i and 2i + 1: minima, or the scales times the offset of the quants */
    __m256i under[RL_TILE_COLS / 32][2];
} rl_tile;

/* One block of sixteen rows in its panel. */
typedef struct {
    const char *halves;   /* its 2-byte units: sixteen of the first, then of the second */
    const __m256i *units; /* its 4-byte units, two vectors each */
} rl_tile_block;

/* Block b of a panel, whose format has `halves` 2-byte units a block of `bytes` (base/panels.h). */
static inline rl_tile_block rl_tile_block_at(const char *panel, size_t bytes, size_t halves, size_t b)
{
    const rl_panel_place at = rl_panel_at(panel, bytes, halves, b);
    return (rl_tile_block){at.halves, (const __m256i *)at.lines};
}

/* ---- pieces ---- */

static inline void rl_tile_halves(__m256 out[2], const char *halves)
{
    out[0] = rl_halves256(halves);
    out[1] = rl_halves256(halves + RL_LINE / 4);
}

/* Nibbles of n units: the low ones to steps from `low` on, the high ones from `high` on. */
static inline void rl_tile_nibbles(rl_tile *t, size_t low, size_t high, const __m256i *units, size_t n)
{
    for (size_t i = 0; i < 2 * n; i++) {
        t->q[low + i / 2][i % 2] = rl_low_nibbles256(units[i]);
        t->q[high + i / 2][i % 2] = rl_low_nibbles256(_mm256_srli_epi16(units[i], 4));
    }
}

/* Bits 2j and up of eight units' bytes, to the eight steps from `step` on: as quants, or as their bits 4 and 5. */
static inline void rl_tile_crumbs(rl_tile *t, size_t step, const __m256i *units, int j, bool high)
{
    const __m256i three = _mm256_set1_epi8(3);
    for (size_t i = 0; i < 16; i++) {
        __m256i *q = &t->q[step + i / 2][i % 2];
        const __m256i v = _mm256_and_si256(_mm256_srli_epi16(units[i], 2 * j), three);
        *q = high ? _mm256_or_si256(*q, _mm256_slli_epi16(v, 4)) : v;
    }
}

/* Adds `value` to the quants of eight steps from `step` on whose bit number `bit` is set in eight units. */
static inline void rl_tile_add_bits(rl_tile *t, size_t step, const __m256i *units, size_t bit, int value)
{
    for (size_t i = 0; i < 16; i++) {
        __m256i *q = &t->q[step + i / 2][i % 2];
        *q = _mm256_or_si256(*q, rl_where_bit256(units[i], bit, value));
    }
}

/* The 32 fifth bits of a q5_0 or q5_1 block, a dword of each row: step s has those from 4 s on. */
static inline void rl_tile_fifth_bits(rl_tile *t, size_t step, const __m256i qh[2])
{
    for (size_t s = 0; s < 8; s++)
        for (size_t h = 0; h < 2; h++)
            t->q[step + s][h] = _mm256_or_si256(t->q[step + s][h], rl_fifth_bits256(qh[h], s));
}

/* Bytes number a and b (0 to 3) of every dword, as two int16. */
static inline __m256i rl_tile_two_bytes(__m256i v, size_t a, size_t b)
{
    const __m256i lane = _mm256_setr_epi32(0x00800080, 0x04800480, 0x08800880, 0x0c800c80, 0x00800080,
                                           0x04800480, 0x08800880, 0x0c800c80);
    const __m256i pick = _mm256_add_epi32(lane, _mm256_set1_epi32((int)(a << 8 | b << 24)));
    return _mm256_srai_epi16(_mm256_shuffle_epi8(v, pick), 8);
}

/* A byte for each of `n` sub-blocks, four to a unit, doubled. */
static inline void rl_tile_double(__m256i to[][2], const __m256i bytes[][2], size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t h = 0; h < 2; h++) to[i][h] = rl_tile_two_bytes(bytes[i / 4][h], i % 4, i % 4);
}

/* A byte for each of 16 sub-blocks, in pairs, multiplied. */
static inline void rl_tile_pairs(__m256i to[][2], const __m256i bytes[][2], int factor)
{
    for (size_t i = 0; i < 8; i++)
        for (size_t h = 0; h < 2; h++) {
            const __m256i two = rl_tile_two_bytes(bytes[i / 2][h], i % 2 * 2, i % 2 * 2 + 1);
            to[i][h] = _mm256_mullo_epi16(two, _mm256_set1_epi16((short)factor));
        }
}

/* ---- formats of 32: block b of the tile ---- */

static inline void rl_tile_q8_0(rl_tile *t, size_t b, rl_tile_block w)
{
    rl_tile_halves(t->d[b], w.halves);
    memcpy(t->q[8 * b], w.units, 8 * sizeof *t->q);
}

static inline void rl_tile_q4_0(rl_tile *t, size_t b, rl_tile_block w)
{
    rl_tile_halves(t->d[b], w.halves);
    rl_tile_nibbles(t, 8 * b, 8 * b + 4, w.units, 4);
}

static inline void rl_tile_q4_1(rl_tile *t, size_t b, rl_tile_block w)
{
    rl_tile_q4_0(t, b, w);
    rl_tile_halves(t->m[b], w.halves + RL_LINE / 2);
}

static inline void rl_tile_q5_0(rl_tile *t, size_t b, rl_tile_block w)
{
    rl_tile_halves(t->d[b], w.halves);
    rl_tile_nibbles(t, 8 * b, 8 * b + 4, w.units + 2, 4);
    rl_tile_fifth_bits(t, 8 * b, w.units);
}

static inline void rl_tile_q5_1(rl_tile *t, size_t b, rl_tile_block w)
{
    rl_tile_q5_0(t, b, w);
    rl_tile_halves(t->m[b], w.halves + RL_LINE / 2);
}

/* ---- K formats: one block is the tile ---- */

static inline void rl_tile_q2_K(rl_tile *t, size_t b, rl_tile_block w)
{
    (void)b;
    __m256i scales[4][2], minima[4][2];
    for (size_t i = 0; i < 8; i++) {
        scales[i / 2][i % 2] = rl_low_nibbles256(w.units[i]);
        minima[i / 2][i % 2] = rl_low_nibbles256(_mm256_srli_epi16(w.units[i], 4));
    }
    rl_tile_halves(t->d[0], w.halves);
    rl_tile_halves(t->m[0], w.halves + RL_LINE / 2);
    rl_tile_double(t->scale, scales, 16);
    rl_tile_pairs(t->under, minima, 1);
    for (size_t s = 0; s < 8; s++) rl_tile_crumbs(t, 8 * s, w.units + 8 + s / 4 * 16, (int)(s % 4), false);
}

static inline void rl_tile_q3_K(rl_tile *t, size_t b, rl_tile_block w)
{
    (void)b;
    const __m256i *hmask = w.units, *qs = hmask + 2 * 8;
    __m256i scales[4][2];
    for (size_t h = 0; h < 2; h++) {
        __m256i scale[4];
        rl_q3_open256(scale, (const char *)(qs + 2 * 16 + h));
        for (size_t i = 0; i < 4; i++) scales[i][h] = scale[i];
    }
    rl_tile_halves(t->d[0], w.halves);
    rl_tile_double(t->scale, scales, 16);
    rl_tile_pairs(t->under, scales, -4);
    for (size_t s = 0; s < 8; s++) {
        rl_tile_crumbs(t, 8 * s, qs + s / 4 * 16, (int)(s % 4), false);
        rl_tile_add_bits(t, 8 * s, hmask, s, 4);
    }
}

/* d, dmin, scales and minima of q4_K and q5_K. */
static inline __attribute__((always_inline)) void rl_tile_k4_scales(rl_tile *t, rl_tile_block w)
{
    __m256i scales[2][2], minima[2][2];
    for (size_t h = 0; h < 2; h++) {
        const rl_k4_rows256 s = rl_k4_open256((const char *)(w.units + h));
        for (size_t i = 0; i < 2; i++) {
            scales[i][h] = s.scale[i];
            minima[i][h] = s.min[i];
        }
    }
    rl_tile_halves(t->d[0], w.halves);
    rl_tile_halves(t->m[0], w.halves + RL_LINE / 2);
    rl_tile_double(t->scale, scales, 8);
    rl_tile_double(t->under, minima, 8);
}

static inline void rl_tile_q4_K(rl_tile *t, size_t b, rl_tile_block w)
{
    (void)b;
    rl_tile_k4_scales(t, w);
    for (size_t g = 0; g < 4; g++) rl_tile_nibbles(t, 16 * g, 16 * g + 8, w.units + 6 + 16 * g, 8);
}

static inline void rl_tile_q5_K(rl_tile *t, size_t b, rl_tile_block w)
{
    (void)b;
    rl_tile_k4_scales(t, w);
    const __m256i *qh = w.units + 6, *qs = qh + 16;
    for (size_t g = 0; g < 4; g++) rl_tile_nibbles(t, 16 * g, 16 * g + 8, qs + 16 * g, 8);
    for (size_t s = 0; s < 8; s++) rl_tile_add_bits(t, 8 * s, qh, s, 16);
}

static inline void rl_tile_q6_K(rl_tile *t, size_t b, rl_tile_block w)
{
    (void)b;
    const __m256i *ql = w.units, *qh = ql + 2 * 32;
    const __m256i(*scales)[2] = (const __m256i(*)[2])(qh + 2 * 16);
    rl_tile_halves(t->d[0], w.halves);
    rl_tile_double(t->scale, scales, 16);
    rl_tile_pairs(t->under, scales, -32);
    for (size_t half = 0; half < 2; half++) {
        const size_t step = 32 * half;
        for (size_t j = 0; j < 2; j++)
            rl_tile_nibbles(t, step + 8 * j, step + 8 * j + 16, ql + 32 * half + 16 * j, 8);
        for (size_t j = 0; j < 4; j++) rl_tile_crumbs(t, step + 8 * j, qh + 16 * half, (int)j, true);
    }
}

#endif
