/* tile_neon.h - sixteen rows by 256 columns of weights, taken apart once so that many tokens can use them.
 *
 * smmla multiplies two rows of eight signed bytes by two others. A panel (base/panels.h) has four bytes of four rows in
 * a register, so two neighbouring units, zipped by their 32-bit lanes, are what it wants: eight columns of a pair of
 * rows, twice. That is all the shuffling there is; masks and shifts go on after it as they would before. Quants are
 * stored as signed bytes with their offset taken off, so that of a format nothing is left in the tile but how many
 * quants share a scale, and whether there is a minimum.
 *
 * What smmla makes of a pair of rows and a pair of tokens is four sums: row 0 by both tokens, row 1 by both. So whatever
 * belongs to rows is stored in that order, each number twice. */
#ifndef RL_TILE_NEON_H
#define RL_TILE_NEON_H

#include "base/panels_neon.h"

enum {
    RL_TILE_COLS = 256,
    RL_TILE_STEPS = RL_TILE_COLS / 8, /* a step is eight columns: half a register, for each of two rows */
    RL_TILE_BLOCKS = RL_TILE_COLS / RL_QK,
    RL_TILE_PAIRS = RL_PANEL_ROWS / 2
};

/* The K formats have one block of 256: d and m are [0]. */
typedef struct {
    int8x16_t q[RL_TILE_STEPS][RL_TILE_PAIRS];
    float32x4_t d[RL_TILE_BLOCKS][RL_TILE_PAIRS], m[RL_TILE_BLOCKS][RL_TILE_PAIRS];
    int32x4_t scale[RL_TILE_COLS / 16][RL_TILE_PAIRS], min[RL_TILE_COLS / 16][RL_TILE_PAIRS];
} rl_tile;

/* One block of sixteen rows in its panel. */
typedef struct {
    const rl_f16 *halves; /* its 2-byte units, RL_PANEL_ROWS each */
    const uint8_t *units; /* its 4-byte units, RL_LINE each */
} rl_tile_block;

/* Block b of a panel, whose format has `halves` 2-byte units a block of `bytes`. */
static inline rl_tile_block rl_tile_block_at(const char *panel, size_t bytes, size_t halves, size_t b)
{
    const rl_panel_place at = rl_panel_at(panel, bytes, halves, b);
    return (rl_tile_block){(const rl_f16 *)at.halves, (const uint8_t *)at.lines};
}

/* ---- pieces ---- */

/* Units 2i and 2i + 1 of row pair p: eight bytes of its first row, eight of its second. */
static inline uint8x16_t rl_tile_eights(const uint8_t *units, size_t i, size_t p)
{
    const uint8_t *quad = units + p / 2 * 16;
    const uint32x4_t a = vreinterpretq_u32_u8(rl_quad_unit(quad, 2 * i));
    const uint32x4_t b = vreinterpretq_u32_u8(rl_quad_unit(quad, 2 * i + 1));
    return vreinterpretq_u8_u32(p % 2 == 0 ? vzip1q_u32(a, b) : vzip2q_u32(a, b));
}

/* A number of each of four rows, into its places in two pairs. */
static inline void rl_tile_floats(float32x4_t to[RL_TILE_PAIRS], size_t quad, float32x4_t v)
{
    to[2 * quad] = vzip1q_f32(v, v);
    to[2 * quad + 1] = vzip2q_f32(v, v);
}
static inline void rl_tile_ints(int32x4_t to[RL_TILE_PAIRS], size_t quad, int32x4_t v)
{
    to[2 * quad] = vzip1q_s32(v, v);
    to[2 * quad + 1] = vzip2q_s32(v, v);
}

static inline void rl_tile_halves(float32x4_t to[RL_TILE_PAIRS], const rl_f16 *halves)
{
    for (size_t j = 0; j < RL_PANEL_ROWS / 4; j++) rl_tile_floats(to, j, rl_load_f16x4(halves + 4 * j));
}

/* Nibbles of 2n units: the low ones to steps from `low` on, the high ones from `high` on. */
static inline void rl_tile_nibbles(rl_tile *t, size_t low, size_t high, const uint8_t *units, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t p = 0; p < RL_TILE_PAIRS; p++) {
            const uint8x16_t v = rl_tile_eights(units, i, p);
            t->q[low + i][p] = rl_low_nibbles(v);
            t->q[high + i][p] = rl_high_nibbles(v);
        }
}

/* Takes an offset off the quants of n steps. */
static inline void rl_tile_less(rl_tile *t, size_t step, size_t n, int offset)
{
    for (size_t i = step; i < step + n; i++)
        for (size_t p = 0; p < RL_TILE_PAIRS; p++) t->q[i][p] = rl_less(t->q[i][p], offset);
}

/* ---- formats of 32: block b of the tile, four steps ---- */

static inline void rl_tile_q8_0(rl_tile *t, size_t b, rl_tile_block w)
{
    rl_tile_halves(t->d[b], w.halves);
    for (size_t i = 0; i < 4; i++)
        for (size_t p = 0; p < RL_TILE_PAIRS; p++)
            t->q[4 * b + i][p] = vreinterpretq_s8_u8(rl_tile_eights(w.units, i, p));
}

static inline void rl_tile_q4_0(rl_tile *t, size_t b, rl_tile_block w)
{
    rl_tile_halves(t->d[b], w.halves);
    rl_tile_nibbles(t, 4 * b, 4 * b + 2, w.units, 2);
    rl_tile_less(t, 4 * b, 4, 8);
}

static inline void rl_tile_q4_1(rl_tile *t, size_t b, rl_tile_block w)
{
    rl_tile_halves(t->d[b], w.halves);
    rl_tile_halves(t->m[b], w.halves + RL_PANEL_ROWS);
    rl_tile_nibbles(t, 4 * b, 4 * b + 2, w.units, 2);
}

/* Nibbles and, from the unit before them, their fifth bits: byte i of a row's has those of step i. */
static inline void rl_tile_fives(rl_tile *t, size_t b, rl_tile_block w)
{
    static const uint8_t bits[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    static const uint8_t rows[2][16] = {
        {0, 0, 0, 0, 0, 0, 0, 0, 4,  4,  4,  4,  4,  4,  4,  4 },
        {8, 8, 8, 8, 8, 8, 8, 8, 12, 12, 12, 12, 12, 12, 12, 12},
    };
    const uint8x16_t mask = vld1q_u8(bits);
    rl_tile_halves(t->d[b], w.halves);
    rl_tile_nibbles(t, 4 * b, 4 * b + 2, w.units + RL_LINE, 2);
    for (size_t i = 0; i < 4; i++)
        for (size_t p = 0; p < RL_TILE_PAIRS; p++) {
            const uint8x16_t at = vaddq_u8(vld1q_u8(rows[p % 2]), vdupq_n_u8((uint8_t)i));
            const uint8x16_t fifth = vqtbl1q_u8(rl_quad_unit(w.units + p / 2 * 16, 0), at);
            t->q[4 * b + i][p] = vorrq_s8(t->q[4 * b + i][p], rl_where_bits(fifth, mask, 16));
        }
}

static inline void rl_tile_q5_0(rl_tile *t, size_t b, rl_tile_block w)
{
    rl_tile_fives(t, b, w);
    rl_tile_less(t, 4 * b, 4, 16);
}

static inline void rl_tile_q5_1(rl_tile *t, size_t b, rl_tile_block w)
{
    rl_tile_fives(t, b, w);
    rl_tile_halves(t->m[b], w.halves + RL_PANEL_ROWS);
}

/* ---- K formats: one block is the tile. Of q2_K, q3_K and q6_K, half h of the block and bits 2j of its bytes make up
 * the four steps from 16h + 4j on. ---- */

static inline void rl_tile_q2_K(rl_tile *t, size_t b, rl_tile_block w)
{
    (void)b;
    rl_tile_halves(t->d[0], w.halves);
    rl_tile_halves(t->m[0], w.halves + RL_PANEL_ROWS);
    for (size_t j = 0; j < RL_PANEL_ROWS / 4; j++)
        for (size_t s = 0; s < 16; s++) {
            const uint8x16_t both = rl_quad_unit(w.units + 16 * j, s / 4);
            rl_tile_ints(t->scale[s], j, rl_lane_byte(vandq_u8(both, vdupq_n_u8(15)), s % 4));
            rl_tile_ints(t->min[s], j, rl_lane_byte(vshrq_n_u8(both, 4), s % 4));
        }
    for (size_t i = 0; i < 8; i++)
        for (size_t p = 0; p < RL_TILE_PAIRS; p++) {
            const uint8x16_t v = rl_tile_eights(w.units + 4 * RL_LINE, i, p);
            for (size_t j = 0; j < 4; j++) t->q[i / 4 * 16 + 4 * j + i % 4][p] = rl_two_bits(v, 2 * j);
        }
}

static inline void rl_tile_q3_K(rl_tile *t, size_t b, rl_tile_block w)
{
    (void)b;
    rl_tile_halves(t->d[0], w.halves);
    for (size_t j = 0; j < RL_PANEL_ROWS / 4; j++) {
        int8x16_t scale[4];
        rl_q3_open(scale, w.units + 24 * RL_LINE + 16 * j);
        for (size_t s = 0; s < 16; s++)
            rl_tile_ints(t->scale[s], j, rl_lane_signed_byte(scale[s / 4], s % 4));
    }
    for (size_t i = 0; i < 8; i++)
        for (size_t p = 0; p < RL_TILE_PAIRS; p++) {
            const uint8x16_t v = rl_tile_eights(w.units + 8 * RL_LINE, i, p);
            const uint8x16_t third = rl_tile_eights(w.units, i % 4, p);
            for (size_t j = 0; j < 4; j++)
                t->q[i / 4 * 16 + 4 * j + i % 4][p] =
                    vorrq_s8(rl_two_bits(v, 2 * j), rl_where_bit(third, i / 4 * 4 + j, 4));
        }
    rl_tile_less(t, 0, RL_TILE_STEPS, 4);
}

/* d, dmin, scales and minima of q4_K and q5_K, and nibbles, from unit `qs` on. */
static inline __attribute__((always_inline)) void rl_tile_k4(rl_tile *t, rl_tile_block w, size_t qs)
{
    rl_tile_halves(t->d[0], w.halves);
    rl_tile_halves(t->m[0], w.halves + RL_PANEL_ROWS);
    for (size_t j = 0; j < RL_PANEL_ROWS / 4; j++) {
        const rl_k4_quad k4 = rl_k4_open(w.units + 16 * j);
        for (size_t s = 0; s < 8; s++) {
            rl_tile_ints(t->scale[s], j, rl_lane_byte(k4.scale[s / 4], s % 4));
            rl_tile_ints(t->min[s], j, rl_lane_byte(k4.min[s / 4], s % 4));
        }
    }
    for (size_t g = 0; g < 4; g++) rl_tile_nibbles(t, 8 * g, 8 * g + 4, w.units + (qs + 8 * g) * RL_LINE, 4);
}

static inline void rl_tile_q4_K(rl_tile *t, size_t b, rl_tile_block w)
{
    (void)b;
    rl_tile_k4(t, w, 3);
}

static inline void rl_tile_q5_K(rl_tile *t, size_t b, rl_tile_block w)
{
    (void)b;
    rl_tile_k4(t, w, 11);
    for (size_t i = 0; i < 4; i++)
        for (size_t p = 0; p < RL_TILE_PAIRS; p++) {
            const uint8x16_t fifth = rl_tile_eights(w.units + 3 * RL_LINE, i, p);
            for (size_t s = 0; s < 8; s++)
                t->q[4 * s + i][p] = vorrq_s8(t->q[4 * s + i][p], rl_where_bit(fifth, s, 16));
        }
}

static inline void rl_tile_q6_K(rl_tile *t, size_t b, rl_tile_block w)
{
    (void)b;
    rl_tile_halves(t->d[0], w.halves);
    for (size_t j = 0; j < RL_PANEL_ROWS / 4; j++)
        for (size_t s = 0; s < 16; s++) {
            const int8x16_t four = vreinterpretq_s8_u8(rl_quad_unit(w.units + 16 * j, 48 + s / 4));
            rl_tile_ints(t->scale[s], j, rl_lane_signed_byte(four, s % 4));
        }
    for (size_t i = 0; i < 8; i++)
        for (size_t p = 0; p < RL_TILE_PAIRS; p++) {
            const size_t half = i / 4, step = i % 4;
            const uint8x16_t low[2] = {rl_tile_eights(w.units, 8 * half + step, p),
                                       rl_tile_eights(w.units, 8 * half + 4 + step, p)};
            const uint8x16_t high = rl_tile_eights(w.units + 32 * RL_LINE, i, p);
            for (size_t j = 0; j < 4; j++)
                t->q[16 * half + 4 * j + step][p] = rl_q6_quants(low[j % 2], high, j);
        }
    rl_tile_less(t, 0, RL_TILE_STEPS, 32);
}

#endif
