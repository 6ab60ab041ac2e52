/* gemm_amx_avx512.c - Y = W X with the tile unit: sixteen tokens by sixteen rows by up to 64 columns in one
 * instruction.
 *
 * tdpbssd multiplies a register of tokens (a row a token, 64 bytes of its columns) with one of weights (a row four
 * columns, of each of sixteen rows of the matrix four bytes) into one of int32 (a row a token). Tokens lie in memory
 * as it wants them, and so do the lines that a panel is taken apart into (gemm_unpack_avx512.h): of what vpdpbusd
 * takes one by one, this takes sixteen. An instruction is 16384 products in 16 cycles, eight times what two vpdpbusd
 * units do. So the products are nearly free, and what counts is what has to be done to their sums in vectors.
 *
 * Blocks of 32 columns have a float scale each, so their sums leave the unit after half an instruction: through
 * memory, for there is no other way. A row of sums is then a load, a conversion and two multiplications. While the
 * unit is used, and for some 300 cycles after, only one of a core's two units for vectors of 64 bytes multiplies and
 * converts: this, not the products, is what takes the time. Additions of floats still go two by two. So the registers
 * do not start at zero but at what, as a float, is MIDDLE: sums below 2^22 added to it make the float MIDDLE + sum,
 * and the conversion is a subtraction, and exact. The sixteen tokens' sums of floats stay in registers for a whole
 * step.
 *
 * A K format's sub-blocks of 16 or 32 have integer scales, so its sums need not leave before the super-block ends, if
 * the weights are scaled when they are taken apart. Quant times scale is up to 13 bits: a line becomes two, of the
 * lower seven bits and of what is above them, each with registers of its own, and in the end 128 times the one is
 * added to the other. All this is exact.
 *
 * An offset (q4_0's nibbles mean -8 to 7) is taken off when a line is made. Integers are exact however they are
 * added, and floats are added in the order of gemm_avx512.c by the same operations: results are its, bit for bit. It
 * also does the calls of few tokens (rl_gemm_doing). */
#include "base/x86_amx.h"
#include "gemm/gemm_walk_avx512.h"

enum { TOKENS = 256, TILE = 16, SUMS = TILE * LANES /* of a register */ };

/* Which registers are for what. Numbers, for the compilers paste them into the instructions' text. */
#define C0 0
#define C1 1
#define C2 2
#define C3 3
#define X0 4
#define X1 5
#define W0 6
#define W1 7

/* Products are stored one block after they are asked for, and read another after that. */
enum { RING = 4, AGO = 2 };

#define EACH_OF_16 _Pragma("GCC unroll 16") for (size_t i = 0; i < TILE; i++)

/* Columns of an instruction. */
static inline size_t columns_of(const plan *p) { return p->step == K_STEP ? 64 : 32; }

/* The registers' shapes, for sixteen tokens and `columns` columns of an instruction. */
static void take_tiles(size_t columns)
{
    rl_tiles tiles = {0};
    for (size_t i = C0; i <= C3; i++) rl_tiles_set(&tiles, i, TILE, LANES * sizeof(int32_t));
    for (size_t i = X0; i <= X1; i++) rl_tiles_set(&tiles, i, TILE, columns);
    for (size_t i = W0; i <= W1; i++) rl_tiles_set(&tiles, i, columns / 4, RL_LINE);
    rl_tiles_take(&tiles);
}

/* ---- blocks of 32 ---- */

/* Of sixteen tokens, zeros for those that are not there: scales, and scale times sum. */
typedef struct {
    _Alignas(RL_LINE) float d[TILE][STEP / 32], ds[TILE][STEP / 32];
} token_blocks;

static inline void open_blocks(token_blocks *o, const tile *t, size_t n, bool minimum)
{
    for (size_t i = 0; i < TILE; i++) {
        const __mmask16 there = i < n ? 0xffff : 0;
        const __m512 d = _mm512_maskz_load_ps(there, t->d + i * t->x_stride);
        _mm512_store_ps(o->d[i], d);
        if (!minimum) continue;
        const __m512i s = _mm512_maskz_load_epi32(there, t->s + i * t->x_stride);
        _mm512_store_ps(o->ds[i], _mm512_mul_ps(d, _mm512_cvtepi32_ps(s)));
    }
}

/* 1.5 * 2^23: floats around it are whole numbers, one apart. Products of a block are below 2^22. */
#define MIDDLE 12582912.0f
_Static_assert(32 * 128 * 128 < 1 << 22, "products of a block stay where floats are one apart");

/* Multiplies block b into register C, stores the products of the block before, in register BEFORE, and adds up those
 * of the block before that. */
#define BLOCK(C, BEFORE, X, W)                                                                               \
    do {                                                                                                     \
        if (b < blocks) {                                                                                    \
            ask_ahead(t, h, b);                                                                              \
            RL_TILE_LOAD(X, t->q + 32 * b, t->q_stride);                                                     \
            RL_TILE_LOAD(W, w->q[8 * b][h], PAIR *RL_LINE);                                                  \
            RL_TILE_LOAD(C, middle, 0);                                                                      \
            _tile_dpbssd(C, X, W);                                                                           \
        }                                                                                                    \
        RL_TILE_STORE(BEFORE, ring[BEFORE], RL_LINE);                                                        \
        if (b >= AGO) add_block(w, h, b - AGO, minimum, &x, ring[(C + AGO) % RING], sum);                    \
        b++;                                                                                                 \
    } while (0)

/* Scaled products of block b of panel h, added to the sums. */
static inline __attribute__((always_inline)) void add_block(const quants_step *w, size_t h, size_t b,
                                                            bool minimum, const token_blocks *x,
                                                            const float products[SUMS], __m512 sum[TILE])
{
    const __m512 d = _mm512_load_ps(w->d[b][h]);
    const __m512 m = minimum ? _mm512_load_ps(w->m[b][h]) : d;
    EACH_OF_16
    {
        const __m512 whole = _mm512_sub_ps(_mm512_load_ps(products + i * LANES), _mm512_set1_ps(MIDDLE));
        sum[i] = _mm512_fmadd_ps(whole, _mm512_mul_ps(d, _mm512_set1_ps(x->d[i][b])), sum[i]);
        if (minimum) sum[i] = _mm512_fmadd_ps(m, _mm512_set1_ps(x->ds[i][b]), sum[i]);
    }
}

static inline __attribute__((always_inline)) void tile_blocks(const tile *t, size_t n, bool minimum)
{
    const quants_step *w = &t->weights->quants;
    const size_t blocks = t->columns / 32;
    _Alignas(RL_LINE) float ring[RING][SUMS], middle[LANES];
    token_blocks x;
    open_blocks(&x, t, n, minimum);
    _mm512_store_ps(middle, _mm512_set1_ps(MIDDLE));
    for (size_t h = 0; h < PAIR; h++) {
        __m512 sum[TILE];
        EACH_OF_16 sum[i] = i < n ? *sums(t, i, h) : _mm512_setzero_ps();
        for (size_t b = 0; b < blocks + AGO;) {
            BLOCK(C0, C3, X0, W0);
            if (b < blocks + AGO) BLOCK(C1, C0, X1, W1);
            if (b < blocks + AGO) BLOCK(C2, C1, X0, W0);
            if (b < blocks + AGO) BLOCK(C3, C2, X1, W1);
        }
        EACH_OF_16 if (i < n) * sums(t, i, h) = sum[i];
    }
}

static void plain_blocks(const tile *t, size_t n) { tile_blocks(t, n, false); }
static void blocks_with_minima(const tile *t, size_t n) { tile_blocks(t, n, true); }

/* ---- K formats: the lower bits' lines first, then the upper bits' ---- */

enum { K_LINES = K_STEP / 4 };

/* Sixteen lines of each panel, from line j on, times the tokens in X0. */
#define MULTIPLY_PAIR(j, C, D)                                                                               \
    do {                                                                                                     \
        RL_TILE_LOAD(W0, w->q[j][0], PAIR *RL_LINE);                                                         \
        _tile_dpbssd(C, X0, W0);                                                                             \
        RL_TILE_LOAD(W1, w->q[j][1], PAIR *RL_LINE);                                                         \
        _tile_dpbssd(D, X0, W1);                                                                             \
    } while (0)

/* The totals of a super-block, [low, high][panel]. */
static inline __attribute__((always_inline)) void multiply_k(const tile *t, bool wide,
                                                             int32_t to[2][PAIR][SUMS])
{
    const quants_step *w = &t->weights->quants;
    _tile_zero(C0);
    _tile_zero(C1);
    if (wide) {
        _tile_zero(C2);
        _tile_zero(C3);
    }
    for (size_t j = 0; j < K_LINES; j += 16) {
        for (size_t h = 0; h < PAIR; h++) ask_ahead(t, h, j / 16);
        RL_TILE_LOAD(X0, t->q + 4 * j, t->q_stride);
        MULTIPLY_PAIR(j, C0, C1);
        if (wide) MULTIPLY_PAIR(K_LINES + j, C2, C3);
    }
    RL_TILE_STORE(C0, to[0][0], RL_LINE);
    RL_TILE_STORE(C1, to[0][1], RL_LINE);
    if (!wide) return;
    RL_TILE_STORE(C2, to[1][0], RL_LINE);
    RL_TILE_STORE(C3, to[1][1], RL_LINE);
}

/* A super-block's activations of sixteen tokens: scales, and sums of sub-blocks, two to a dword, as the minima lie. */
typedef struct {
    _Alignas(RL_LINE) int32_t pairs[TILE][8];
    float d[TILE];
} token_sums;

static inline __attribute__((always_inline)) void open_sums(token_sums *o, const tile *t, size_t n,
                                                            size_t sub, bool minimum)
{
    for (size_t i = 0; i < n; i++) {
        o->d[i] = *(const float *)(t->d + i * t->x_stride);
        if (!minimum) continue;
        const __m256i s = _mm256_load_si256((const __m256i *)(t->s + i * t->x_stride));
        if (sub == 16) {
            _mm256_store_si256((__m256i *)o->pairs[i], s);
        } else { /* sums of 32 still are words */
            const __m256i pairs = _mm256_madd_epi16(s, _mm256_set1_epi16(1));
            _mm_store_si128((__m128i *)o->pairs[i], _mm256_cvtepi32_epi16(pairs));
        }
    }
}

static inline __attribute__((always_inline)) void add_k(const tile *t, size_t n, size_t sub, bool wide,
                                                        bool minimum, const token_sums *x,
                                                        int32_t totals[2][PAIR][SUMS])
{
    const quants_step *w = &t->weights->quants;
    for (size_t h = 0; h < PAIR; h++) {
        const __m512 d = _mm512_load_ps(w->d[0][h]), m = minimum ? _mm512_load_ps(w->m[0][h]) : d;
        __m512i min[8];
#pragma GCC unroll 8
        for (size_t b = 0; b < 8; b++)
            if (minimum && b < K_STEP / sub / 2) min[b] = _mm512_load_si512(w->min[b][h]);
        for (size_t i = 0; i < n; i++) {
            const __m512 dx = _mm512_set1_ps(x->d[i]);
            __m512i total = _mm512_load_si512(totals[0][h] + i * LANES);
            if (wide) {
                const __m512i high = _mm512_load_si512(totals[1][h] + i * LANES);
                total = _mm512_add_epi32(total, _mm512_slli_epi32(high, 7));
            }
            __m512 sum = _mm512_fmadd_ps(_mm512_cvtepi32_ps(total), _mm512_mul_ps(d, dx), *sums(t, i, h));
            if (minimum) {
                __m512i minima = _mm512_setzero_si512();
#pragma GCC unroll 8
                for (size_t b = 0; b < 8; b++)
                    if (b < K_STEP / sub / 2)
                        minima = _mm512_dpwssd_epi32(minima, min[b], _mm512_set1_epi32(x->pairs[i][b]));
                sum = _mm512_fnmadd_ps(_mm512_cvtepi32_ps(minima), _mm512_mul_ps(m, dx), sum);
            }
            *sums(t, i, h) = sum;
        }
    }
}

static inline __attribute__((always_inline)) void tile_k(const tile *t, size_t n, size_t sub, bool wide,
                                                         bool minimum)
{
    _Alignas(RL_LINE) int32_t totals[2][PAIR][SUMS];
    token_sums x;
    open_sums(&x, t, n, sub, minimum);
    multiply_k(t, wide, totals);
    add_k(t, n, sub, wide, minimum, &x, totals);
}

static void k16(const tile *t, size_t n) { tile_k(t, n, 16, true, false); }
static void k16_narrow_min(const tile *t, size_t n) { tile_k(t, n, 16, false, true); }
static void k32_min(const tile *t, size_t n) { tile_k(t, n, 32, true, true); }

/* ---- a step: whole tiles, and what is left ---- */

typedef void some_fn(const tile *t, size_t n);

/* Copies fewer tokens than a tile has, with the last in place of those that are not there: registers of another shape
 * would do without, but taking it takes hundreds of cycles. */
static void fill_up(tile *t, size_t n, int8_t to[TILE][STEP])
{
    for (size_t i = 0; i < TILE; i++) memcpy(to[i], t->q + (i < n ? i : n - 1) * t->q_stride, t->columns);
    t->q = to[0];
    t->q_stride = STEP;
}

static inline __attribute__((always_inline)) void step_tokens(const plan *p, tile t, const char *x, size_t n,
                                                              size_t k, size_t step_bytes, some_fn *some)
{
    _Alignas(RL_LINE) int8_t last[TILE][STEP];
    float(*const all)[PAIR][LANES] = t.sums;
    const size_t share = parts_of(step_bytes, parts_of(n, TILE)); /* of a tile, in what is ahead */
    t.piece = parts_of(share, p->step / columns_of(p));
    for (size_t i = 0; i < n; i += TILE) {
        const size_t here = n - i < TILE ? n - i : TILE;
        t.sums = all + i;
        open_tokens(&t, rl_act_for(p->format), x + i * t.x_stride, k);
        if (here < TILE) fill_up(&t, here, last);
        some(&t, here);
        for (size_t h = 0; h < PAIR; h++) t.ahead[h] += share;
    }
}

#define STEP_OF(some)                                                                                        \
    static void step_##some(const plan *p, tile t, const char *x, size_t n, size_t k, size_t step_bytes)     \
    {                                                                                                        \
        step_tokens(p, t, x, n, k, step_bytes, some);                                                        \
    }
STEP_OF(plain_blocks)
STEP_OF(blocks_with_minima)
STEP_OF(k16)
STEP_OF(k16_narrow_min)
STEP_OF(k32_min)

/* ---- lines as signed bytes ---- */

static inline __attribute__((always_inline)) void signed_blocks(step *s, size_t half, const char *panel,
                                                                size_t first, size_t columns, size_t bytes,
                                                                bool minimum, int offset, line_fn *quants)
{
    unpack_blocks(s, half, panel, first, columns, false, bytes, minimum, quants);
    for (size_t i = 0; i < columns / 32; i++) {
        const rl_panel_place b = rl_panel_at(panel, bytes, 1 + minimum, first / 32 + i);
#pragma GCC unroll 8
        for (size_t j = 0; j < 8; j++)
            _mm512_store_si512(s->quants.q[8 * i + j][half],
                               _mm512_sub_epi8(quants(b.lines, j), _mm512_set1_epi8((char)offset)));
    }
}

/* The bytes of `odd` words' lower halves above those of `even` words. */
static inline __m512i woven(__m512i even, __m512i odd)
{
    return _mm512_mask_blend_epi8(0xaaaaaaaaaaaaaaaaull, even, _mm512_slli_epi16(odd, 8));
}

/* A line's quants times its rows' scales, a word to each, in two lines. */
static inline __attribute__((always_inline)) void put_scaled(step *s, size_t half, size_t j, __m512i quants,
                                                             __m512i scale, int offset, bool wide)
{
    const __m512i off = _mm512_set1_epi16((short)offset);
    const __m512i even =
        _mm512_mullo_epi16(_mm512_sub_epi16(_mm512_and_si512(quants, _mm512_set1_epi16(0xff)), off), scale);
    const __m512i odd = _mm512_mullo_epi16(_mm512_sub_epi16(_mm512_srli_epi16(quants, 8), off), scale);
    const __m512i low = woven(even, odd);
    _mm512_store_si512(s->quants.q[j][half], wide ? rl_bits(low, 0x7f) : low);
    if (wide)
        _mm512_store_si512(s->quants.q[K_LINES + j][half],
                           woven(_mm512_srli_epi16(even, 7), _mm512_srli_epi16(odd, 7)));
}

static inline __attribute__((always_inline)) void scaled_k(step *s, size_t half, const char *panel,
                                                           size_t first, size_t bytes, bool minimum,
                                                           size_t sub, int offset, bool wide, line_fn *quants,
                                                           scales_fn *scales)
{
    const rl_panel_place b = rl_panel_at(panel, bytes, 1 + minimum, first / K_STEP);
    unpack_k(s, half, panel, first, false, bytes, minimum, quants, scales);
    for (size_t i = 0; i < K_STEP / sub; i++) {
        const __m512i dwords = _mm512_load_si512(s->quants.scale[i][half]);
        const __m512i scale = _mm512_mask_blend_epi16(0xaaaaaaaau, dwords, _mm512_slli_epi32(dwords, 16));
#pragma GCC unroll 8
        for (size_t j = 0; j < sub / 4; j++)
            put_scaled(s, half, i * sub / 4 + j, quants(b.lines, i * sub / 4 + j), scale, offset, wide);
    }
}

/* ---- the formats ---- */

#define NEEDS (RL_CPU_AVX2 | RL_CPU_AVX512 | RL_CPU_AMX)

static void gemm_of(const plan *p, float *y, size_t ldy, const void *w, const void *x, size_t x_stride,
                    size_t m, size_t n, size_t k)
{
    const rl_gemm *doing = rl_gemm_doing(rl_gemm_find(p->format, RL_PANELS, NEEDS), n);
    if (!rl_kernel_in_tiles(&doing->base)) {
        doing->run(y, ldy, w, x, x_stride, m, n, k);
        return;
    }
    const product o = {y, ldy, w, rl_panel_bytes(p->format, k), x, x_stride, m, n, k, false};
    take_tiles(columns_of(p));
    gemm(p, &o);
    rl_tiles_release();
}

#define KERNEL(FORMAT, format, columns, some)                                                                \
    static void gemm_##format(float *restrict y, size_t ldy, const void *restrict w, const void *restrict x, \
                              size_t x_stride, size_t m, size_t n, size_t k)                                 \
    {                                                                                                        \
        static const plan p = {FORMAT, 0, columns, TOKENS, step_##some, unpack_##format, NULL, NULL};        \
        gemm_of(&p, y, ldy, w, x, x_stride, m, n, k);                                                        \
    }

#define BLOCK_KERNEL(FORMAT, format, offset, minimum, some, quants)                                          \
    static void unpack_##format(step *s, size_t half, const char *panel, size_t first, size_t columns,       \
                                bool all)                                                                    \
    {                                                                                                        \
        (void)all;                                                                                           \
        signed_blocks(s, half, panel, first, columns, sizeof(rl_##format), minimum, offset, quants);         \
    }                                                                                                        \
    KERNEL(FORMAT, format, STEP, some)
BLOCK_KERNEL(RL_Q8_0, q8_0, 128, false, plain_blocks, line_q8_0)
BLOCK_KERNEL(RL_Q4_0, q4_0, 8, false, plain_blocks, line_nibbles)
BLOCK_KERNEL(RL_Q4_1, q4_1, 0, true, blocks_with_minima, line_nibbles)
BLOCK_KERNEL(RL_Q5_0, q5_0, 16, false, plain_blocks, line_five_bits)
BLOCK_KERNEL(RL_Q5_1, q5_1, 0, true, blocks_with_minima, line_five_bits)

#define K_KERNEL(FORMAT, format, sub, offset, wide, minimum, some, quants, scales)                           \
    static void unpack_##format(step *s, size_t half, const char *panel, size_t first, size_t columns,       \
                                bool all)                                                                    \
    {                                                                                                        \
        (void)columns;                                                                                       \
        (void)all;                                                                                           \
        scaled_k(s, half, panel, first, sizeof(rl_##format), minimum, sub, offset, wide, quants, scales);    \
    }                                                                                                        \
    KERNEL(FORMAT, format, K_STEP, some)
K_KERNEL(RL_Q2_K, q2_K, 16, 0, false, true, k16_narrow_min, line_q2_K, scales_q2_K)
K_KERNEL(RL_Q3_K, q3_K, 16, 4, true, false, k16, line_q3_K, scales_q3_K)
K_KERNEL(RL_Q4_K, q4_K, 32, 0, true, true, k32_min, line_q4_K, scales_k4)
K_KERNEL(RL_Q5_K, q5_K, 32, 0, true, true, k32_min, line_q5_K, scales_k4)
K_KERNEL(RL_Q6_K, q6_K, 16, 32, true, false, k16, line_q6_K, scales_q6_K)

static const rl_gemm rows[] = {
    {{"gemm_q8_0_amx_avx512", RL_AVX512, NEEDS}, RL_Q8_0, RL_PANELS, RL_ACT_Q8,  gemm_q8_0},
    {{"gemm_q4_0_amx_avx512", RL_AVX512, NEEDS}, RL_Q4_0, RL_PANELS, RL_ACT_Q8,  gemm_q4_0},
    {{"gemm_q4_1_amx_avx512", RL_AVX512, NEEDS}, RL_Q4_1, RL_PANELS, RL_ACT_Q8,  gemm_q4_1},
    {{"gemm_q5_0_amx_avx512", RL_AVX512, NEEDS}, RL_Q5_0, RL_PANELS, RL_ACT_Q8,  gemm_q5_0},
    {{"gemm_q5_1_amx_avx512", RL_AVX512, NEEDS}, RL_Q5_1, RL_PANELS, RL_ACT_Q8,  gemm_q5_1},
    {{"gemm_q2_K_amx_avx512", RL_AVX512, NEEDS}, RL_Q2_K, RL_PANELS, RL_ACT_Q8K, gemm_q2_K},
    {{"gemm_q3_K_amx_avx512", RL_AVX512, NEEDS}, RL_Q3_K, RL_PANELS, RL_ACT_Q8K, gemm_q3_K},
    {{"gemm_q4_K_amx_avx512", RL_AVX512, NEEDS}, RL_Q4_K, RL_PANELS, RL_ACT_Q8K, gemm_q4_K},
    {{"gemm_q5_K_amx_avx512", RL_AVX512, NEEDS}, RL_Q5_K, RL_PANELS, RL_ACT_Q8K, gemm_q5_K},
    {{"gemm_q6_K_amx_avx512", RL_AVX512, NEEDS}, RL_Q6_K, RL_PANELS, RL_ACT_Q8K, gemm_q6_K},
};
const rl_gemm_table rl_gemm_amx_avx512 = {rows, RL_COUNT(rows)};
