/* gemm_walk_avx512.h - how a product is walked: blocks of tokens, pairs of panels, steps of columns.
 *
 * A step of two panels is taken apart once (gemm_unpack_avx512.h) into what stays in the first cache, and all the
 * tokens of a block pass over it; the block's activations stay in the second cache while all the rows pass over them,
 * and the results so far on the stack. What a step of so many tokens is done with is the kernel's. */
#ifndef RL_GEMM_WALK_AVX512_H
#define RL_GEMM_WALK_AVX512_H

#include "gemm/gemm.h"
#include "gemm/gemm_unpack_avx512.h"

enum { FEW = 8, MOST_TOKENS = 256, WHOLE_TILE = 16 /* tokens whose sums the tile unit loads at once */ };

/* What a tile is given: a step of the weights, a tile's tokens, and where their results are. */
typedef struct {
    step *weights;
    const char *panel[PAIR]; /* the same step's, for tiles that take quants from there */
    size_t first, columns;   /* of the step */
    int offset;              /* of the weights */
    const int8_t *q;         /* first token's, at the step's first column; the others q_stride bytes on */
    const char *d, *s;       /* scales and sums likewise, x_stride bytes on */
    size_t q_stride, x_stride;
    float (*sums)[PAIR][LANES]; /* first token's, so far */
    const char *ahead[PAIR];    /* what will be needed next, to be asked for in pieces */
    size_t piece;               /* bytes of one */
} tile;

/* Asks for the lines that start within piece i of what panel h has ahead. A tile asks for a few between instructions,
 * for bursts wait for one another. */
static inline __attribute__((always_inline)) void ask_ahead(const tile *t, size_t h, size_t i)
{
    const char *at = t->ahead[h] + i * t->piece, *end = at + t->piece;
    for (at += -(uintptr_t)at % RL_LINE; at < end; at += RL_LINE) rl_prefetch(at, 1);
}

static inline __m512 *sums(const tile *t, size_t i, size_t half) { return (__m512 *)t->sums[i][half]; }

typedef struct plan plan;
typedef void tile_fn(const tile *t);

/* The n tokens at x, for one step; what it comes from, and will come from next, takes `step_bytes` bytes of a panel. */
typedef void step_fn(const plan *p, tile t, const char *x, size_t n, size_t k, size_t step_bytes);

struct plan {
    rl_format format;
    int offset;
    size_t step, tokens; /* columns of a step; tokens of a block, at most MOST_TOKENS */
    step_fn *run;
    unpack_fn *unpack;
    tile_fn *const *tiles, *const *few_tiles; /* of those who have any */
};

/* Where part i of n things starts, in `parts` parts that differ by one at most. */
static inline size_t part(size_t n, size_t parts, size_t i) { return n / parts * i + n % parts * i / parts; }
static inline size_t parts_of(size_t n, size_t most) { return (n + most - 1) / most; }

/* A token's activations at a step's first column: values, scales, sums. */
static inline void open_tokens(tile *t, rl_act act, const char *x, size_t k)
{
    if (act == RL_ACT_F32) {
        t->d = x + t->first * sizeof(float);
        return;
    }
    const size_t sums_at =
        act == RL_ACT_Q8 ? t->first / 32 * sizeof(int32_t) : t->first / 16 * sizeof(int16_t);
    t->q = (const int8_t *)x + t->first;
    t->q_stride = t->x_stride;
    t->d = x + rl_act_d_offset(k) + t->first / rl_act_block(act) * sizeof(float);
    t->s = x + rl_act_s_offset(act, k) + sums_at;
}

/* So few tokens that taking a step apart for them would not pay. */
static inline bool are_few(const plan *p, size_t n) { return n <= FEW && p->few_tiles != NULL; }

/* What is multiplied by what: m rows of panels that lie panel_bytes apart, n tokens, k columns of both; into y. */
typedef struct {
    float *y;
    size_t ldy;
    const char *w;
    size_t panel_bytes;
    const char *x;
    size_t x_stride, m, n, k;
    bool more; /* y has the columns before these, and these are added */
} product;

/* A pair of panels, the second perhaps the first again, times all the tokens; added to t.sums. */
static inline void pair_tokens(const plan *p, const product *o, tile t, step *s)
{
    const size_t step_bytes = p->step * rl_panel_group_bytes(p->format) / rl_panel_group_elems(p->format);
    const bool all = !are_few(p, o->n);
    for (t.first = 0; t.first < o->k; t.first += p->step) {
        const size_t left = o->k - t.first;
        /* of this pair, or of the next */
        const size_t next = left > p->step ? (t.first / p->step + 1) * step_bytes : PAIR * o->panel_bytes;
        t.columns = left < p->step ? left : p->step;
        for (size_t h = 0; h < PAIR; h++) {
            if (p->unpack != NULL) p->unpack(s, h, t.panel[h], t.first, t.columns, all);
            t.ahead[h] = t.panel[h] + next;
        }
        p->run(p, t, o->x, o->n, o->k, step_bytes);
    }
}

/* All the rows, for so few tokens that their activations stay in the second cache. */
static inline void gemm_tokens(const plan *p, const product *o)
{
    step s;
    _Alignas(RL_LINE) float all[MOST_TOKENS][PAIR][LANES];
    tile t = {.weights = &s, .offset = p->offset, .x_stride = o->x_stride, .sums = all};
    for (size_t row = 0; row < o->m; row += PAIR * LANES) {
        const size_t left = o->m - row;
        t.panel[0] = o->w + row / LANES * o->panel_bytes;
        t.panel[1] =
            left > LANES ? t.panel[0] + o->panel_bytes : t.panel[0]; /* a last one alone is done twice */
        memset(all, 0, rl_round_up(o->n, WHOLE_TILE) * sizeof *all);
        for (size_t i = 0; i < o->n && o->more; i++)
            for (size_t h = 0; h < PAIR && h * LANES < left; h++)
                _mm512_store_ps(all[i][h], _mm512_maskz_loadu_ps(rl_mask16(left - h * LANES),
                                                                 o->y + i * o->ldy + row + h * LANES));
        pair_tokens(p, o, t, &s);
        for (size_t i = 0; i < o->n; i++)
            for (size_t h = 0; h < PAIR && h * LANES < left; h++)
                _mm512_mask_storeu_ps(o->y + i * o->ldy + row + h * LANES, rl_mask16(left - h * LANES),
                                      _mm512_load_ps(all[i][h]));
    }
}

/* Tokens [begin, end) of a product. */
static inline product some_tokens(product o, size_t begin, size_t end)
{
    o.y += begin * o.ldy;
    o.x += begin * o.x_stride;
    o.n = end - begin;
    return o;
}

static inline void gemm(const plan *p, const product *o)
{
    const size_t blocks = parts_of(o->n, p->tokens);
    for (size_t i = 0; i < blocks; i++) {
        const product block = some_tokens(*o, part(o->n, blocks, i), part(o->n, blocks, i + 1));
        gemm_tokens(p, &block);
    }
}

#endif
