/* gemm_avx512.c - a tile of 32 rows by up to six tokens, in registers.
 *
 * A vpdpbusd wants two operands, and a core loads two vectors in a cycle, as many as it multiplies: operands must be
 * used more than once. In a tile of two panels by six tokens, four columns are two lines of weights and six dwords of
 * activations, each broadcast to all lanes as it is loaded: eight loads for twelve vpdpbusd, into twelve sums whose
 * number covers the instruction's latency of four cycles twice. They are integers; when a block of 32 columns is
 * done, they become floats and are added, by one multiply-add with weight's scale times token's scale, to twelve sums
 * of floats: 24 of the 32 registers. That is 96 vpdpbusd to 24 other multiplications, so four fifths of the peak is
 * what exact scales for every 32 columns leave. In the K formats, a sub-block's integers are multiplied by its integer
 * scale into a second set of integers, and floats come in once in 256 columns: they wait in y.
 *
 * Sums start at -offset * sum(x) of the block where weights have an offset, so taking it off costs nothing. Minima are
 * multiplied by the sums of activations as words, in pairs (vpdpwssd), or as floats.
 *
 * The columns are walked in steps: two panels are taken apart (gemm_unpack_avx512.h) into lines that stay in the first
 * cache, over which all the tokens of a block of TOKENS pass, tile by tile; the block's activations stay in the second
 * cache while all the rows pass over them, and the results so far on the stack. Tokens are dealt out evenly: 128 are
 * tiles of six and five, never one of two, which could not cover the latency.
 *
 * A few tokens take no longer than their weights take to arrive, if nothing stands in the way: there the tiles, of up to
 * four tokens, take their lines straight from the panels, which are asked for a step ahead, past the end of this pair
 * into the next and past the matrix into whatever follows it. A prefetch cannot fault.
 *
 * Within a row and a token the floats are added in the order of the columns, whatever the width of the tile; integers
 * may be added in any. So a result depends on nothing else in the call. */
#include "gemm/gemm_walk_avx512.h"

enum { TILE = 6, FEW_TILE = 4, TOKENS = 128 };
enum { FEW_QUANTS = 32, FEW_FLOATS = 8 }; /* columns for which a tile of few tokens asks ahead at once */

static inline __attribute__((always_inline)) void ask_both(const tile *t, size_t piece)
{
    ask_ahead(t, 0, piece);
    ask_ahead(t, 1, piece);
}

/* Four activations of token i, from column 4 j of the step on, to all lanes. */
static inline __m512i four(const tile *t, size_t i, size_t j)
{
    return rl_to_all(t->q + i * t->q_stride + 4 * j);
}

/* For each token i of n, and each panel h of the pair: unrolled whole, so that sums stay in registers. */
#define EACH_TOKEN _Pragma("GCC unroll 6") for (size_t i = 0; i < TILE; i++) if (i < n)
#define EACH_HALF _Pragma("GCC unroll 2") for (size_t h = 0; h < PAIR; h++)

/* Where a block's quants come from: lines that were stored, or the panel, by the format's function. */
typedef struct {
    const char *units[PAIR];
    line_fn *line;
} source;

/* Line j of stored quants: pairs of lines, one of each panel. */
static inline __m512i line_stored(const char *units, size_t j) { return rl_line(units, PAIR * j); }

/* Adds the products of `columns` columns of a block (16 or 32), from its line `from` on, which is line `at` of the step,
 * to the sums. `n`, the tokens, and the line function are constants where this is inlined, here and below. So few
 * tokens that their sums cannot cover the latency have two sums each. */
static inline __attribute__((always_inline)) void dot(const tile *t, size_t n, source w, size_t from,
                                                      size_t at, size_t columns, __m512i sum[TILE][PAIR])
{
    __m512i odd[TILE][PAIR];
    const bool split = n <= TILE / 2;
    EACH_TOKEN odd[i][0] = odd[i][1] = _mm512_setzero_si512();
#pragma GCC unroll 8
    for (size_t j = 0; j < 8; j++) {
        if (j >= columns / 4) break;
        const __m512i w0 = w.line(w.units[0], from + j), w1 = w.line(w.units[1], from + j);
        EACH_TOKEN
        {
            const __m512i x = four(t, i, at + j);
            __m512i *to = split && j % 2 != 0 ? odd[i] : sum[i];
            to[0] = _mm512_dpbusd_epi32(to[0], w0, x);
            to[1] = _mm512_dpbusd_epi32(to[1], w1, x);
        }
    }
    EACH_TOKEN EACH_HALF if (split) sum[i][h] = _mm512_add_epi32(sum[i][h], odd[i][h]);
}

/* ---- blocks of 32 ---- */

/* What the blocks of a token's activations say: where their sums start, their scales, and scale times sum. */
typedef struct {
    _Alignas(RL_LINE) int32_t start[STEP / 32];
    float d[STEP / 32], ds[STEP / 32];
} token_blocks;

static inline void open_blocks(token_blocks *o, const tile *t, size_t i)
{
    const __m512i s = _mm512_load_si512(t->s + i * t->x_stride);
    const __m512 d = _mm512_load_ps(t->d + i * t->x_stride);
    _mm512_store_si512(o->start, _mm512_mullo_epi32(s, _mm512_set1_epi32(-t->offset)));
    _mm512_store_ps(o->d, d);
    _mm512_store_ps(o->ds, _mm512_mul_ps(d, _mm512_cvtepi32_ps(s)));
}

/* Where block b of the step has its quants. A panel's blocks have `bytes` bytes; 0 means stored. */
static inline __attribute__((always_inline)) source
block_source(const tile *t, size_t b, size_t block_columns, size_t bytes, bool minimum, line_fn *quants)
{
    if (bytes == 0) {
        const char *stored = (const char *)t->weights->quants.q[b * block_columns / 4];
        return (source){
            {stored, stored + RL_LINE},
            line_stored
        };
    }
    const size_t at = t->first / block_columns + b;
    return (source){
        {rl_panel_at(t->panel[0], bytes, 1 + minimum, at).lines,
         rl_panel_at(t->panel[1], bytes, 1 + minimum, at).lines},
        quants
    };
}

static inline __attribute__((always_inline)) void tile_blocks(const tile *t, size_t n, size_t bytes,
                                                              bool minimum, line_fn *quants)
{
    const quants_step *w = &t->weights->quants;
    token_blocks x[TILE];
    __m512 sum[TILE][PAIR];
    if (bytes == 0) ask_both(t, 0);
    EACH_TOKEN
    {
        open_blocks(&x[i], t, i);
        EACH_HALF sum[i][h] = *sums(t, i, h);
    }
    for (size_t b = 0; b < t->columns / 32; b++) {
        __m512i products[TILE][PAIR];
        if (bytes != 0) ask_both(t, b);
        EACH_TOKEN products[i][0] = products[i][1] = _mm512_set1_epi32(x[i].start[b]);
        dot(t, n, block_source(t, b, 32, bytes, minimum, quants), 0, 8 * b, 32, products);
        EACH_TOKEN EACH_HALF
        {
            const __m512 scale = _mm512_mul_ps(_mm512_load_ps(w->d[b][h]), _mm512_set1_ps(x[i].d[b]));
            sum[i][h] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(products[i][h]), scale, sum[i][h]);
            if (minimum)
                sum[i][h] =
                    _mm512_fmadd_ps(_mm512_load_ps(w->m[b][h]), _mm512_set1_ps(x[i].ds[b]), sum[i][h]);
        }
    }
    EACH_TOKEN EACH_HALF *sums(t, i, h) = sum[i][h];
}

/* ---- K formats: sub-blocks of `sub` columns ---- */

/* A super-block's activations: where the sums of the sub-blocks start, or the sums themselves, two to a dword. */
typedef struct {
    _Alignas(RL_LINE) int32_t start[K_STEP / 16];
    int32_t pairs[K_STEP / 32];
} token_sums;

static inline __attribute__((always_inline)) void open_sums(token_sums *o, const tile *t, size_t i,
                                                            size_t sub, bool minimum)
{
    const __m256i s = _mm256_load_si256((const __m256i *)(t->s + i * t->x_stride));
    if (!minimum) {
        const __m512i start = _mm512_mullo_epi32(_mm512_cvtepi16_epi32(s), _mm512_set1_epi32(-t->offset));
        _mm512_store_si512(o->start, start);
    } else if (sub == 16) {
        _mm256_store_si256((__m256i *)o->pairs, s);
    } else { /* sums of 32 still are words */
        const __m256i pairs = _mm256_madd_epi16(s, _mm256_set1_epi16(1));
        _mm_store_si128((__m128i *)o->pairs, _mm256_cvtepi32_epi16(pairs));
    }
}

/* The totals of scale * products over the sub-blocks. */
static inline __attribute__((always_inline)) void sub_blocks(const tile *t, size_t n, source quants,
                                                             size_t sub, bool minimum,
                                                             const token_sums x[TILE],
                                                             __m512i total[TILE][PAIR])
{
    const quants_step *w = &t->weights->quants;
    EACH_TOKEN total[i][0] = total[i][1] = _mm512_setzero_si512();
    for (size_t b = 0; b < K_STEP / sub; b++) {
        __m512i products[TILE][PAIR];
        if (quants.line != line_stored && b * sub % 32 == 0) ask_both(t, b * sub / 32);
        EACH_TOKEN products[i][0] = products[i][1] = _mm512_set1_epi32(minimum ? 0 : x[i].start[b]);
        dot(t, n, quants, b * sub / 4, b * sub / 4, sub, products);
        EACH_TOKEN EACH_HALF
        {
            const __m512i scale = _mm512_load_si512(w->scale[b][h]);
            total[i][h] = _mm512_add_epi32(total[i][h], _mm512_mullo_epi32(products[i][h], scale));
        }
    }
}

static inline __attribute__((always_inline)) void tile_k(const tile *t, size_t n, size_t sub, size_t bytes,
                                                         bool minimum, line_fn *quants)
{
    const quants_step *w = &t->weights->quants;
    token_sums x[TILE];
    __m512i total[TILE][PAIR];
    if (bytes == 0) ask_both(t, 0);
    EACH_TOKEN open_sums(&x[i], t, i, sub, minimum);
    sub_blocks(t, n, block_source(t, 0, K_STEP, bytes, minimum, quants), sub, minimum, x, total);
    EACH_TOKEN EACH_HALF
    {
        const __m512 dx = _mm512_set1_ps(*(const float *)(t->d + i * t->x_stride));
        const __m512 scale = _mm512_mul_ps(_mm512_load_ps(w->d[0][h]), dx);
        __m512 sum = _mm512_fmadd_ps(_mm512_cvtepi32_ps(total[i][h]), scale, *sums(t, i, h));
        if (minimum) {
            __m512i minima = _mm512_setzero_si512();
            for (size_t b = 0; b < K_STEP / sub / 2; b++)
                minima = _mm512_dpwssd_epi32(minima, _mm512_load_si512(w->min[b][h]),
                                             _mm512_set1_epi32(x[i].pairs[b]));
            const __m512 min_scale = _mm512_mul_ps(_mm512_load_ps(w->m[0][h]), dx);
            sum = _mm512_fnmadd_ps(_mm512_cvtepi32_ps(minima), min_scale, sum);
        }
        *sums(t, i, h) = sum;
    }
}

/* ---- floats ---- */

static inline __attribute__((always_inline)) void tile_floats(const tile *t, size_t n)
{
    __m512 sum[TILE][PAIR];
    ask_both(t, 0);
    EACH_TOKEN EACH_HALF sum[i][h] = *sums(t, i, h);
    for (size_t j = 0; j < t->columns; j++) {
        const __m512 w0 = _mm512_load_ps(t->weights->floats[j][0]),
                     w1 = _mm512_load_ps(t->weights->floats[j][1]);
        EACH_TOKEN
        {
            const __m512 x = _mm512_set1_ps(*(const float *)(t->d + i * t->x_stride + j * sizeof(float)));
            sum[i][0] = _mm512_fmadd_ps(w0, x, sum[i][0]);
            sum[i][1] = _mm512_fmadd_ps(w1, x, sum[i][1]);
        }
    }
    EACH_TOKEN EACH_HALF *sums(t, i, h) = sum[i][h];
}

/* The same of a few tokens, for whom columns are widened as they come. */
static inline __attribute__((always_inline)) void tile_few_floats(const tile *t, size_t n,
                                                                  rl_column_fn *column)
{
    __m512 sum[TILE][PAIR];
    EACH_TOKEN EACH_HALF sum[i][h] = *sums(t, i, h);
    for (size_t j = 0; j < t->columns; j++) {
        const __m512 w0 = column(t->panel[0], t->first + j), w1 = column(t->panel[1], t->first + j);
        if (j % FEW_FLOATS == 0) ask_both(t, j / FEW_FLOATS);
        EACH_TOKEN
        {
            const __m512 x = _mm512_set1_ps(*(const float *)(t->d + i * t->x_stride + j * sizeof(float)));
            sum[i][0] = _mm512_fmadd_ps(w0, x, sum[i][0]);
            sum[i][1] = _mm512_fmadd_ps(w1, x, sum[i][1]);
        }
    }
    EACH_TOKEN EACH_HALF *sums(t, i, h) = sum[i][h];
}

/* ---- tiles by their number of tokens: of stored quants or floats, and of a format's own ---- */

#define TILE_OF(kind, n, body)                                                                               \
    static void kind##_##n(const tile *t) { body(n); }
#define FEW_TILES(kind, body)                                                                                \
    TILE_OF(kind, 1, body)                                                                                   \
    TILE_OF(kind, 2, body)                                                                                   \
    TILE_OF(kind, 3, body)                                                                                   \
    TILE_OF(kind, 4, body)
#define TILES(kind, body)                                                                                    \
    FEW_TILES(kind, body)                                                                                    \
    TILE_OF(kind, 5, body)                                                                                   \
    TILE_OF(kind, 6, body)                                                                                   \
    static tile_fn *const kind[] = {kind##_1, kind##_2, kind##_3, kind##_4, kind##_5, kind##_6};

#define BLOCKS(n) tile_blocks(t, n, 0, false, NULL)
#define BLOCKS_MIN(n) tile_blocks(t, n, 0, true, NULL)
#define K16(n) tile_k(t, n, 16, 0, false, NULL)
#define K16_MIN(n) tile_k(t, n, 16, 0, true, NULL)
#define K32_MIN(n) tile_k(t, n, 32, 0, true, NULL)
#define FLOATS(n) tile_floats(t, n)
TILES(b32, BLOCKS)
TILES(b32_min, BLOCKS_MIN)
TILES(k16, K16)
TILES(k16_min, K16_MIN)
TILES(k32_min, K32_MIN)
TILES(floats, FLOATS)

/* One step: n tokens at x, tile by tile, each asking for its part of what is ahead. A tile of few tokens asks for a
 * piece every few columns, for it is memory that it waits for. */
static void step_tokens(const plan *p, tile t, const char *x, size_t n, size_t k, size_t step_bytes)
{
    const bool few = are_few(p, n);
    const size_t tiles = parts_of(n, few ? FEW_TILE : TILE);
    const size_t columns = rl_act_for(p->format) == RL_ACT_F32 ? FEW_FLOATS : FEW_QUANTS;
    const size_t pieces = few ? p->step / columns : 1; /* of a tile */
    float(*const all)[PAIR][LANES] = t.sums;
    t.piece = parts_of(step_bytes, tiles * pieces);
    for (size_t i = 0; i < tiles; i++) {
        const size_t begin = part(n, tiles, i), end = part(n, tiles, i + 1);
        t.sums = all + begin;
        open_tokens(&t, rl_act_for(p->format), x + begin * t.x_stride, k);
        (few ? p->few_tiles : p->tiles)[end - begin - 1](&t);
        for (size_t h = 0; h < PAIR; h++) t.ahead[h] += pieces * t.piece;
    }
}

/* ---- the formats ---- */

static void gemm_of(const plan *p, float *y, size_t ldy, const void *w, const void *x, size_t x_stride,
                    size_t m, size_t n, size_t k)
{
    const product o = {y, ldy, w, rl_panel_bytes(p->format, k), x, x_stride, m, n, k, false};
    gemm(p, &o);
}

/* A kernel, of a format's unpack_ and few_. */
#define KERNEL(FORMAT, format, offset, step, tiles, few)                                                     \
    static void gemm_##format(float *restrict y, size_t ldy, const void *restrict w, const void *restrict x, \
                              size_t x_stride, size_t m, size_t n, size_t k)                                 \
    {                                                                                                        \
        static const plan p = {FORMAT, offset, step, TOKENS, step_tokens, unpack_##format, tiles, few};      \
        gemm_of(&p, y, ldy, w, x, x_stride, m, n, k);                                                        \
    }

/* Its tiles for a few tokens. */
#define FEW_OF(format, body)                                                                                 \
    FEW_TILES(few_##format, body)                                                                            \
    static tile_fn *const few_##format[] = {few_##format##_1, few_##format##_2, few_##format##_3,            \
                                            few_##format##_4};

#define FLOAT_KERNEL(FORMAT, format)                                                                         \
    static void unpack_##format(step *s, size_t half, const char *panel, size_t first, size_t columns,       \
                                bool all)                                                                    \
    {                                                                                                        \
        if (all) unpack_columns(s, half, panel, first, columns, rl_column_##format);                         \
    }                                                                                                        \
    FEW_OF(format, FEW_##format)                                                                             \
    KERNEL(FORMAT, format, 0, FLOAT_STEP, floats, few_##format)
#define FEW_f32(n) tile_few_floats(t, n, rl_column_f32)
#define FEW_f16(n) tile_few_floats(t, n, rl_column_f16)
#define FEW_bf16(n) tile_few_floats(t, n, rl_column_bf16)
FLOAT_KERNEL(RL_F32, f32)
FLOAT_KERNEL(RL_F16, f16)
FLOAT_KERNEL(RL_BF16, bf16)

/* Blocks of 32, and tiles for stored quants. */
#define BLOCK_KERNEL(FORMAT, format, offset, minimum, tiles, quants)                                         \
    static void unpack_##format(step *s, size_t half, const char *panel, size_t first, size_t columns,       \
                                bool all)                                                                    \
    {                                                                                                        \
        unpack_blocks(s, half, panel, first, columns, all, sizeof(rl_##format), minimum, quants);            \
    }                                                                                                        \
    FEW_OF(format, FEW_##format)                                                                             \
    KERNEL(FORMAT, format, offset, STEP, tiles, few_##format)
#define FEW_q8_0(n) tile_blocks(t, n, sizeof(rl_q8_0), false, line_q8_0)
#define FEW_q4_0(n) tile_blocks(t, n, sizeof(rl_q4_0), false, line_nibbles)
#define FEW_q4_1(n) tile_blocks(t, n, sizeof(rl_q4_1), true, line_nibbles)
#define FEW_q5_0(n) tile_blocks(t, n, sizeof(rl_q5_0), false, line_five_bits)
#define FEW_q5_1(n) tile_blocks(t, n, sizeof(rl_q5_1), true, line_five_bits)
BLOCK_KERNEL(RL_Q8_0, q8_0, 128, false, b32, line_q8_0)
BLOCK_KERNEL(RL_Q4_0, q4_0, 8, false, b32, line_nibbles)
BLOCK_KERNEL(RL_Q4_1, q4_1, 0, true, b32_min, line_nibbles)
BLOCK_KERNEL(RL_Q5_0, q5_0, 16, false, b32, line_five_bits)
BLOCK_KERNEL(RL_Q5_1, q5_1, 0, true, b32_min, line_five_bits)

#define K_KERNEL(FORMAT, format, offset, minimum, tiles, quants, scales)                                     \
    static void unpack_##format(step *s, size_t half, const char *panel, size_t first, size_t columns,       \
                                bool all)                                                                    \
    {                                                                                                        \
        (void)columns;                                                                                       \
        unpack_k(s, half, panel, first, all, sizeof(rl_##format), minimum, quants, scales);                  \
    }                                                                                                        \
    FEW_OF(format, FEW_##format)                                                                             \
    KERNEL(FORMAT, format, offset, K_STEP, tiles, few_##format)
#define FEW_q2_K(n) tile_k(t, n, 16, sizeof(rl_q2_K), true, line_q2_K)
#define FEW_q3_K(n) tile_k(t, n, 16, sizeof(rl_q3_K), false, line_q3_K)
#define FEW_q4_K(n) tile_k(t, n, 32, sizeof(rl_q4_K), true, line_q4_K)
#define FEW_q5_K(n) tile_k(t, n, 32, sizeof(rl_q5_K), true, line_q5_K)
#define FEW_q6_K(n) tile_k(t, n, 16, sizeof(rl_q6_K), false, line_q6_K)
K_KERNEL(RL_Q2_K, q2_K, 0, true, k16_min, line_q2_K, scales_q2_K)
K_KERNEL(RL_Q3_K, q3_K, 4, false, k16, line_q3_K, scales_q3_K)
K_KERNEL(RL_Q4_K, q4_K, 0, true, k32_min, line_q4_K, scales_k4)
K_KERNEL(RL_Q5_K, q5_K, 0, true, k32_min, line_q5_K, scales_k4)
K_KERNEL(RL_Q6_K, q6_K, 32, false, k16, line_q6_K, scales_q6_K)

#define NEEDS (RL_CPU_AVX2 | RL_CPU_AVX512)
static const rl_gemm rows[] = {
    {{"gemm_f32_avx512", RL_AVX512, NEEDS},  RL_F32,  RL_PANELS, RL_ACT_F32, gemm_f32 },
    {{"gemm_f16_avx512", RL_AVX512, NEEDS},  RL_F16,  RL_PANELS, RL_ACT_F32, gemm_f16 },
    {{"gemm_bf16_avx512", RL_AVX512, NEEDS}, RL_BF16, RL_PANELS, RL_ACT_F32, gemm_bf16},
    {{"gemm_q8_0_avx512", RL_AVX512, NEEDS}, RL_Q8_0, RL_PANELS, RL_ACT_Q8,  gemm_q8_0},
    {{"gemm_q4_0_avx512", RL_AVX512, NEEDS}, RL_Q4_0, RL_PANELS, RL_ACT_Q8,  gemm_q4_0},
    {{"gemm_q4_1_avx512", RL_AVX512, NEEDS}, RL_Q4_1, RL_PANELS, RL_ACT_Q8,  gemm_q4_1},
    {{"gemm_q5_0_avx512", RL_AVX512, NEEDS}, RL_Q5_0, RL_PANELS, RL_ACT_Q8,  gemm_q5_0},
    {{"gemm_q5_1_avx512", RL_AVX512, NEEDS}, RL_Q5_1, RL_PANELS, RL_ACT_Q8,  gemm_q5_1},
    {{"gemm_q2_K_avx512", RL_AVX512, NEEDS}, RL_Q2_K, RL_PANELS, RL_ACT_Q8K, gemm_q2_K},
    {{"gemm_q3_K_avx512", RL_AVX512, NEEDS}, RL_Q3_K, RL_PANELS, RL_ACT_Q8K, gemm_q3_K},
    {{"gemm_q4_K_avx512", RL_AVX512, NEEDS}, RL_Q4_K, RL_PANELS, RL_ACT_Q8K, gemm_q4_K},
    {{"gemm_q5_K_avx512", RL_AVX512, NEEDS}, RL_Q5_K, RL_PANELS, RL_ACT_Q8K, gemm_q5_K},
    {{"gemm_q6_K_avx512", RL_AVX512, NEEDS}, RL_Q6_K, RL_PANELS, RL_ACT_Q8K, gemm_q6_K},
};
const rl_gemm_table rl_gemm_avx512 = {rows, RL_COUNT(rows)};
