/* gemm_amxbf16_avx512.c - Y = W X of f16 and bf16 with the tile unit, whose numbers are bf16: a float is a sum of
 * three.
 *
 * tdpbf16ps multiplies sixteen tokens by sixteen rows by 32 columns in 16 cycles, sixteen times what two units do
 * that multiply and add floats. Its numbers have eight significant bits; the products have all of theirs. A float has
 * 24: its upper half is a bf16, what is left is a float again with 16, and what is left of that has eight ("bf16x3").
 * So x = x0 + x1 + x2, exactly; a half float, which has eleven, is w0 + w1, and a bf16 itself. Of the six products of
 * w0 + w1 with x0 + x1 + x2 the last, w1 x2, is at most 2^-21 of w x and left out. Five instructions for one are
 * still three times as fast, and bf16 does with three.
 *
 * The unit adds up the products of even and of odd columns apart, fused, and then the two and what was there: fewer
 * roundings than one for each column and product, so the bound of gemv.h holds (derived in tests/test_gemm.c). It
 * takes numbers and sums below 2^-126 for zero. Pieces of an infinity include one that is no number.
 *
 * The tokens are taken apart first, for as many columns as fit into SCRATCH with all of a block's tokens, and all
 * rows pass over them; then the next columns, whose results are added to those in y. Sums of a step are in the
 * registers and between steps on the stack, as everywhere (gemm_walk_avx512.h): nothing is left to be done in
 * vectors. A panel is taken apart between the products of the tokens that come to it first, which hides one behind
 * the other, and lets few tokens read at nearly the speed of memory; they take the same way as many, or their results
 * would be others. */
#include "base/x86_amx.h"
#include "gemm/gemm_walk_avx512.h"

enum { TOKENS = 128, TILE = 16, GROUP = 32, GROUP_BYTES = TILE * RL_LINE, X_PIECES = 3 };
enum { SCRATCH = 384 * 1024, AHEAD = 768 /* bytes of a panel, that are asked for before they are taken */ };

_Static_assert(SCRATCH >= TOKENS * FLOAT_STEP * X_PIECES * sizeof(uint16_t),
               "a block's tokens fit, of a step at least");

/* Registers: results of up to 32 tokens by two panels, their tokens and weights. */
#define C00 0
#define C01 1
#define C10 2
#define C11 3
#define X0 4
#define X1 5
#define W0 6
#define W1 7

/* All have sixteen lines: tokens that are not there are zeros, for taking other shapes takes hundreds of cycles. */
static void take_tiles(void)
{
    rl_tiles tiles = {0};
    for (size_t i = C00; i <= W1; i++) rl_tiles_set(&tiles, i, TILE, RL_LINE);
    rl_tiles_take(&tiles);
}

/* ---- pieces ---- */

/* The upper half of a float: what of it a bf16 can hold. */
static inline __m512 upper(__m512 v)
{
    return _mm512_castsi512_ps(_mm512_and_si512(_mm512_castps_si512(v), _mm512_set1_epi32((int)0xffff0000)));
}

/* Sixteen columns of a token, then sixteen more: their upper halves, one after another. */
static inline __m512i uppers(__m512 a, __m512 b)
{
    const __m512i even =
        _mm512_cvtepu8_epi16(_mm256_setr_epi8(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31, 33,
                                              35, 37, 39, 41, 43, 45, 47, 49, 51, 53, 55, 57, 59, 61, 63));
    return _mm512_permutex2var_epi16(_mm512_castps_si512(a), even, _mm512_castps_si512(b));
}

/* A column of sixteen rows and the next: their upper halves, in pairs. */
static inline __m512i upper_pairs(__m512 a, __m512 b)
{
    return _mm512_mask_blend_epi16(0xaaaaaaaa, _mm512_srli_epi32(_mm512_castps_si512(a), 16),
                                   _mm512_castps_si512(b));
}

/* Up to 32 columns of a token in pieces, `next` bytes apart. */
static inline void split(char *to, size_t next, const float *x, size_t columns)
{
    __m512 a = _mm512_maskz_loadu_ps(rl_mask16(columns), x);
    __m512 b =
        columns > LANES ? _mm512_maskz_loadu_ps(rl_mask16(columns - LANES), x + LANES) : _mm512_setzero_ps();
#pragma GCC unroll 3
    for (size_t p = 0; p < X_PIECES; p++) {
        _mm512_store_si512(to + p * next, uppers(a, b));
        a = _mm512_sub_ps(a, upper(a));
        b = _mm512_sub_ps(b, upper(b));
    }
}

/* Tokens in pieces: lines of 32 columns, [columns][piece][token], of whole tiles of tokens. A tile at a time, so that
 * no more pages are in use than the first TLB has. */
static void split_tokens(char *pieces, const product *o)
{
    const size_t n = rl_round_up(o->n, TILE);
    for (size_t first = 0; first < n; first += TILE)
        for (size_t j = 0; j < o->k; j += GROUP)
            for (size_t i = first; i < first + TILE; i++) {
                const float *x = (const float *)(o->x + (i < o->n ? i : 0) * o->x_stride) + j;
                const size_t columns = i < o->n ? o->k - j : 0;
                split(pieces + (j / GROUP * X_PIECES * n + i) * RL_LINE, n * RL_LINE, x, columns);
            }
}

/* Columns [first, first + 32) of both panels in pieces, as lines of pairs; and asks for what comes later. */
static inline __attribute__((always_inline)) void
take_group_apart(char (*to)[PAIR][TILE * RL_LINE], const char *const panel[PAIR], size_t first)
{
    for (size_t h = 0; h < PAIR; h++)
        for (size_t i = 0; i < TILE; i++) {
            const size_t j = first + 2 * i;
            const __m512 a = rl_column_f16(panel[h], j), b = rl_column_f16(panel[h], j + 1);
            rl_prefetch(panel[h] + AHEAD + j * sizeof(uint16_t) * LANES, RL_LINE);
            _mm512_store_si512(to[0][h] + i * RL_LINE, upper_pairs(a, b));
            _mm512_store_si512(to[1][h] + i * RL_LINE,
                               upper_pairs(_mm512_sub_ps(a, upper(a)), _mm512_sub_ps(b, upper(b))));
        }
}

/* ---- tiles ---- */

/* Sixteen tokens, or 32 in two tiles, times both panels. */
#define LOAD_X(p)                                                                                            \
    do {                                                                                                     \
        RL_TILE_LOAD(X0, x + (p)*n * RL_LINE, RL_LINE);                                                      \
        if (two) RL_TILE_LOAD(X1, x + ((p)*n + TILE) * RL_LINE, RL_LINE);                                    \
    } while (0)
#define LOAD_W(lines)                                                                                        \
    do {                                                                                                     \
        RL_TILE_LOAD(W0, (lines)[0], RL_LINE);                                                               \
        RL_TILE_LOAD(W1, (lines)[1], RL_LINE);                                                               \
    } while (0)
#define MULTIPLY()                                                                                           \
    do {                                                                                                     \
        _tile_dpbf16ps(C00, X0, W0);                                                                         \
        _tile_dpbf16ps(C01, X0, W1);                                                                         \
        if (two) _tile_dpbf16ps(C10, X1, W0);                                                                \
        if (two) _tile_dpbf16ps(C11, X1, W1);                                                                \
    } while (0)

/* A step's columns of one tile of tokens, or `two`; the `first` to come to the step take f16 panels apart for those
 * after them. x are the pieces of the first of these tokens, of n in all. */
static inline __attribute__((always_inline)) void tile_pieces(const tile *t, const char *x, size_t n,
                                                              bool two, bool first, bool f16)
{
    enum { STRIDE = PAIR * LANES * sizeof(float) };
    RL_TILE_LOAD(C00, t->sums[0][0], STRIDE);
    RL_TILE_LOAD(C01, t->sums[0][1], STRIDE);
    if (two) RL_TILE_LOAD(C10, t->sums[TILE][0], STRIDE);
    if (two) RL_TILE_LOAD(C11, t->sums[TILE][1], STRIDE);
    for (size_t j = 0; j < t->columns; j += GROUP) {
        char(*pieces)[PAIR][TILE * RL_LINE] = t->weights->bf16[j / GROUP];
        const size_t at = (t->first + j) / GROUP * GROUP_BYTES;
        const char *const w[PAIR] = {f16 ? pieces[0][0] : t->panel[0] + at,
                                     f16 ? pieces[0][1] : t->panel[1] + at};
        if (f16 && first) take_group_apart(pieces, t->panel, t->first + j);
        for (size_t h = 0; h < PAIR; h++) {
            if (!f16 && first) rl_prefetch(w[h] + AHEAD, GROUP_BYTES);
            if (!first) ask_ahead(t, h, j / GROUP);
        }
        LOAD_W(w);
        LOAD_X(2);
        MULTIPLY();
        LOAD_X(1);
        MULTIPLY();
        if (f16) {
            LOAD_W(pieces[1]);
            MULTIPLY();
            LOAD_X(0);
            MULTIPLY();
            LOAD_W(w);
        } else {
            LOAD_X(0);
        }
        MULTIPLY();
        x += X_PIECES * n * RL_LINE;
    }
    RL_TILE_STORE(C00, t->sums[0][0], STRIDE);
    RL_TILE_STORE(C01, t->sums[0][1], STRIDE);
    if (two) RL_TILE_STORE(C10, t->sums[TILE][0], STRIDE);
    if (two) RL_TILE_STORE(C11, t->sums[TILE][1], STRIDE);
}

/* One step: tokens two tiles at a time. The first take the panels apart for all, the others ask for what is ahead. */
static inline __attribute__((always_inline)) void step_pieces(tile t, const char *x, size_t n,
                                                              size_t step_bytes, bool f16)
{
    float(*const all)[PAIR][LANES] = t.sums;
    const size_t later = parts_of(n, 2 * TILE) - 1;
    t.piece = later > 0 ? parts_of(step_bytes, FLOAT_STEP / GROUP * later) : 0;
    n = rl_round_up(n, TILE);
    x += t.first / GROUP * X_PIECES * n * RL_LINE;
    if (n > TILE)
        tile_pieces(&t, x, n, true, true, f16);
    else
        tile_pieces(&t, x, n, false, true, f16);
    for (size_t i = 2 * TILE; i < n; i += 2 * TILE) {
        t.sums = all + i;
        if (n - i > TILE)
            tile_pieces(&t, x + i * RL_LINE, n, true, false, f16);
        else
            tile_pieces(&t, x + i * RL_LINE, n, false, false, f16);
        for (size_t h = 0; h < PAIR; h++) t.ahead[h] += FLOAT_STEP / GROUP * t.piece;
    }
}

static void step_f16(const plan *p, tile t, const char *x, size_t n, size_t k, size_t step_bytes)
{
    (void)p, (void)k;
    step_pieces(t, x, n, step_bytes, true);
}
static void step_bf16(const plan *p, tile t, const char *x, size_t n, size_t k, size_t step_bytes)
{
    (void)p, (void)k;
    step_pieces(t, x, n, step_bytes, false);
}

/* ---- the product ---- */

/* All the columns of some tokens. */
static void all_columns(const plan *p, const product *all)
{
    _Alignas(RL_LINE) char pieces[SCRATCH];
    const size_t bytes =
        X_PIECES * sizeof(uint16_t) * rl_round_up(all->n, TILE); /* a column's, of all tokens */
    const size_t most = SCRATCH / bytes / FLOAT_STEP * FLOAT_STEP;
    const size_t column = rl_panel_group_bytes(p->format) / rl_panel_group_elems(p->format);
    for (size_t j = 0; j < all->k; j += most) {
        product o = *all;
        o.w += j * column;
        o.x += j * sizeof(float);
        o.k = all->k - j < most ? all->k - j : most;
        o.more = j > 0;
        split_tokens(pieces, &o);
        o.x = pieces;
        gemm_tokens(p, &o);
    }
}

static void gemm_of(const plan *p, float *y, size_t ldy, const void *w, const void *x, size_t x_stride,
                    size_t m, size_t n, size_t k)
{
    const product o = {y, ldy, w, rl_panel_bytes(p->format, k), x, x_stride, m, n, k, false};
    const size_t blocks = parts_of(n, p->tokens);
    take_tiles();
    for (size_t i = 0; i < blocks; i++) {
        const product block = some_tokens(o, part(n, blocks, i), part(n, blocks, i + 1));
        all_columns(p, &block);
    }
    rl_tiles_release();
}

#define KERNEL(FORMAT, format)                                                                               \
    static void gemm_##format(float *restrict y, size_t ldy, const void *restrict w, const void *restrict x, \
                              size_t x_stride, size_t m, size_t n, size_t k)                                 \
    {                                                                                                        \
        static const plan p = {FORMAT, 0, FLOAT_STEP, TOKENS, step_##format, NULL, NULL, NULL};              \
        gemm_of(&p, y, ldy, w, x, x_stride, m, n, k);                                                        \
    }
KERNEL(RL_F16, f16)
KERNEL(RL_BF16, bf16)

#define NEEDS (RL_CPU_AVX2 | RL_CPU_AVX512 | RL_CPU_AMX)
static const rl_gemm rows[] = {
    {{"gemm_f16_amxbf16_avx512", RL_AVX512, NEEDS},  RL_F16,  RL_PANELS, RL_ACT_F32, gemm_f16 },
    {{"gemm_bf16_amxbf16_avx512", RL_AVX512, NEEDS}, RL_BF16, RL_PANELS, RL_ACT_F32, gemm_bf16},
};
const rl_gemm_table rl_gemm_amxbf16_avx512 = {rows, RL_COUNT(rows)};
