/* lora_walk.h - y = from + P x as every vector tier walks it; a tier brings the tiles.
 *
 * A lane is a row. A column of a panel is sixteen values, multiplied by one number of x that is broadcast to all lanes;
 * several tokens share the column. Half floats are widened once for all tokens, CHUNK columns at a time, into a buffer
 * of the L1 cache: left in the inner loop, the conversion takes a third of its time. The chunk is walked by all tokens
 * before the next one; between chunks a sum rests in y.
 * One token has no such sharing: its panels are read as they lie, several at once, since the terms of a sum wait for
 * each other. */
#ifndef RL_LORA_WALK_H
#define RL_LORA_WALK_H

#include "gemm/lora.h"

#include <string.h>

/* Two panels' chunks are 16 KB of floats; with eight tokens' numbers they leave room in a first level of 32. */
enum { RL_LORA_CHUNK = 128, RL_LORA_TOKENS_MAX = 8, RL_LORA_PANELS_MAX = 2 };

/* Panels of a chunk, as floats. */
typedef float rl_lora_wide[RL_LORA_CHUNK * RL_PANEL_ROWS];

/* P panels by as many tokens as the tier's tile has, into y from `from`: token t's row 0 is ld * t on, its numbers are
 * x[t]. P is a constant. */
typedef void rl_lora_many_fn(float *y, size_t ldy, const float *from, size_t ldf, const float *const *panel,
                             const float *const *x, size_t k, size_t P);

/* P panels, panel_bytes apart, by one token; P is a constant. */
typedef void rl_lora_one_fn(float *y, const float *from, const char *panel, size_t panel_bytes,
                            const float *x, size_t k, size_t P);

/* n values to floats, n a multiple of RL_PANEL_ROWS. */
typedef void rl_lora_widen_fn(float *restrict to, const void *restrict from, size_t n);

typedef struct {
    size_t tokens, panels, panels_of_one; /* of `many`, at most the MAXs above; of `one` */
    rl_lora_many_fn *many;
    rl_lora_one_fn *one;
    rl_lora_widen_fn *widen; /* NULL of floats */
    size_t size;             /* of a value */
} rl_lora_tiles;

/* Fewer tokens or rows than a tile has: in a place that has room for all. Not inlined, or the compiler keeps registers
 * for it in the loop over whole tiles. */
static __attribute__((noinline)) void rl_lora_part(float *y, size_t ldy, const float *from, size_t ldf,
                                                   const float *panel, const float *x, size_t ldx,
                                                   size_t rows, size_t tokens, size_t k,
                                                   rl_lora_many_fn *many)
{
    const float *token[RL_LORA_TOKENS_MAX];
    float room[RL_LORA_TOKENS_MAX][RL_PANEL_ROWS] = {0};
    for (size_t t = 0; t < RL_LORA_TOKENS_MAX; t++) token[t] = x + (t < tokens ? t : tokens - 1) * ldx;
    for (size_t t = 0; t < tokens; t++) memcpy(room[t], from + t * ldf, rows * sizeof *y);
    many(room[0], RL_PANEL_ROWS, room[0], RL_PANEL_ROWS, &panel, token, k, 1);
    for (size_t t = 0; t < tokens; t++) memcpy(y + t * ldy, room[t], rows * sizeof *y);
}

/* n tokens by P panels, of the last of which `rows` rows are there. Asks for the next `ahead` numbers of the tokens of
 * whole tiles: they are read a chunk at a time, too short a run for the hardware's prefetchers. */
static inline __attribute__((always_inline)) void rl_lora_of_many(float *y, size_t ldy, const float *from,
                                                                  size_t ldf, const float *const *panel,
                                                                  const float *x, size_t ldx, size_t rows,
                                                                  size_t n, size_t k, size_t ahead,
                                                                  const size_t P, const rl_lora_tiles tiles)
{
    for (; rows == RL_PANEL_ROWS && n >= tiles.tokens;
         n -= tiles.tokens, y += tiles.tokens * ldy, from += tiles.tokens * ldf, x += tiles.tokens * ldx) {
        const float *token[RL_LORA_TOKENS_MAX];
        for (size_t t = 0; t < tiles.tokens; t++) {
            token[t] = x + t * ldx;
            for (size_t c = 0; c < ahead; c += RL_LINE / sizeof *x)
                __builtin_prefetch(token[t] + k + c, 0, 2);
        }
        tiles.many(y, ldy, from, ldf, panel, token, k, P);
    }
    for (size_t t = 0; t < n; t += tiles.tokens)
        for (size_t p = 0; p < P; p++)
            rl_lora_part(y + t * ldy + p * RL_PANEL_ROWS, ldy, from + t * ldf + p * RL_PANEL_ROWS, ldf,
                         panel[p], x + t * ldx, ldx, p + 1 < P ? RL_PANEL_ROWS : rows,
                         n - t < tiles.tokens ? n - t : tiles.tokens, k, tiles.many);
}

/* All columns of P panels, chunk by chunk. */
static inline __attribute__((always_inline)) void
rl_lora_of_panels(float *y, size_t ldy, const float *from, size_t ldf, const char *panels, const float *x,
                  size_t ldx, size_t rows, size_t n, size_t k, const size_t P, const rl_lora_tiles tiles)
{
    _Alignas(RL_LINE) rl_lora_wide wide[RL_LORA_PANELS_MAX];
    const size_t column = RL_PANEL_ROWS * tiles.size;
    for (size_t c = 0, some; c < k; c += some, from = y, ldf = ldy) {
        const float *panel[RL_LORA_PANELS_MAX];
        some = k - c < RL_LORA_CHUNK ? k - c : RL_LORA_CHUNK;
        const size_t left = k - c - some;
        for (size_t p = 0; p < P; p++) {
            const void *narrow = panels + (p * k + c) * column;
            panel[p] = tiles.widen == NULL ? (const float *)narrow : wide[p];
            if (tiles.widen != NULL) tiles.widen(wide[p], narrow, some * RL_PANEL_ROWS);
        }
        rl_lora_of_many(y, ldy, from, ldf, panel, x + c, ldx, rows, n, some,
                        left < RL_LORA_CHUNK ? left : RL_LORA_CHUNK, P, tiles);
    }
}

/* One token by all panels. */
static inline __attribute__((always_inline)) void rl_lora_of_one(float *y, const float *from,
                                                                 const char *panel, const float *x, size_t m,
                                                                 size_t k, const rl_lora_tiles tiles)
{
    const size_t panel_bytes = RL_PANEL_ROWS * k * tiles.size, step = tiles.panels_of_one * RL_PANEL_ROWS;
    float room[RL_PANEL_ROWS] = {0};
    for (; m >= step; m -= step, y += step, from += step, panel += tiles.panels_of_one * panel_bytes)
        tiles.one(y, from, panel, panel_bytes, x, k, tiles.panels_of_one);
    for (; m >= RL_PANEL_ROWS;
         m -= RL_PANEL_ROWS, y += RL_PANEL_ROWS, from += RL_PANEL_ROWS, panel += panel_bytes)
        tiles.one(y, from, panel, 0, x, k, 1);
    if (m == 0) return;
    memcpy(room, from, m * sizeof *y);
    tiles.one(room, room, panel, 0, x, k, 1);
    memcpy(y, room, m * sizeof *y);
}

static inline __attribute__((always_inline)) void rl_lora_walk(float *y, size_t ldy, const float *from,
                                                               size_t ldf, const void *restrict panels,
                                                               const float *restrict x, size_t ldx, size_t m,
                                                               size_t n, size_t k, const rl_lora_tiles tiles)
{
    enum { FEW = 2 }; /* tokens that are no dearer one by one than as a tile that is not full */
    const size_t panel_bytes = RL_PANEL_ROWS * k * tiles.size, step = tiles.panels * RL_PANEL_ROWS;
    const char *panel = panels;
    if (n <= FEW) {
        for (size_t t = 0; t < n; t++)
            rl_lora_of_one(y + t * ldy, from + t * ldf, panel, x + t * ldx, m, k, tiles);
        return;
    }
    for (; m >= step; m -= step, y += step, from += step, panel += tiles.panels * panel_bytes)
        rl_lora_of_panels(y, ldy, from, ldf, panel, x, ldx, RL_PANEL_ROWS, n, k, tiles.panels, tiles);
    for (size_t r = 0; r < m; r += RL_PANEL_ROWS, panel += panel_bytes)
        rl_lora_of_panels(y + r, ldy, from + r, ldf, panel, x, ldx,
                          m - r < RL_PANEL_ROWS ? m - r : RL_PANEL_ROWS, n, k, 1, tiles);
}

/* run_<format>, of what a tier's file has: TOKENS, PANELS and PANELS_OF_ONE, many(), and one() that takes a function to
 * load values as well. */
#define RL_LORA_KERNEL(format, type, load, widen)                                                            \
    static inline __attribute__((always_inline)) void one_##format(float *y, const float *from,              \
                                                                   const char *panel, size_t panel_bytes,    \
                                                                   const float *x, size_t k, size_t P)       \
    {                                                                                                        \
        one(y, from, panel, panel_bytes, x, k, P, load, sizeof(type));                                       \
    }                                                                                                        \
    static void run_##format(float *y, size_t ldy, const float *from, size_t ldf,                            \
                             const void *restrict panels, const float *restrict x, size_t ldx, size_t m,     \
                             size_t n, size_t k)                                                             \
    {                                                                                                        \
        rl_lora_walk(                                                                                        \
            y, ldy, from, ldf, panels, x, ldx, m, n, k,                                                      \
            (rl_lora_tiles){TOKENS, PANELS, PANELS_OF_ONE, many, one_##format, widen, sizeof(type)});        \
    }

#endif
