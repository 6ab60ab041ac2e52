/* gemm_avx2.c - Y = W X at 256 bits, without VNNI: lanes are rows, and sums stay in int16 as long as they fit.
 *
 * A lane is a row: four bytes of it are multiplied by four activations that all lanes share. AVX2 needs three
 * instructions for that where VNNI has one: vpmaddubsw adds the products in pairs into int16, vpmaddwd adds those in
 * pairs into int32, vpaddd accumulates. The last two need not follow each time. Quants below 16 give pairs of at most
 * 2 * 15 * 127, and eight of those stay below 2^15; quants below 32 and 64 allow four and two. So a `run` of steps is
 * added up in int16 first, which takes 4-bit formats from three instructions a step to little more than two.
 * vpmaddwd is then no loss, for it multiplies: the K formats hand it the 6-bit scale of the sub-block in place of
 * ones, and get the scaled sum for nothing. Only q8_0's bytes leave no room: they are signed, and the sign goes to the
 * activation (|w| times x with the sign of w: pairs of at most 128 * 127 * 2 = 32512).
 *
 * Loops: tokens by 64, whose results wait in a scratch; of those each panel; of that each tile of 256 columns, taken
 * apart once (tile_avx2.h); of that the tokens by two. Two tokens by sixteen rows are four sums in int16 and four in
 * int32, which with weights, activations and products fill the sixteen registers; a wider group only spills. Floats
 * have one sum instead of two, so six tokens fit. A last group of fewer tokens runs the same instructions for each, and
 * a token's result does not depend on its company.
 *
 * What is taken apart is asked for RL_FAR bytes before, a block at once and so into the second level only. On a Xeon
 * two tokens gain 9 (f16) to 35 % (q6_K) by it, q4_K nothing. */
#include "gemm/gemm.h"
#include "gemm/tile_avx2.h"

enum { TOKENS = 64, GROUP = 2, FLOAT_GROUP = 6, FLOAT_COLS = 64 };

/* What a format is like in a tile. A constant wherever it is used, and folded. */
typedef struct {
    size_t bytes, halves; /* of a block; its 2-byte units */
    void (*take)(rl_tile *t, size_t b, rl_tile_block w);
    size_t run;   /* steps whose sums int16 holds; 1: the quants are signed */
    size_t sub;   /* steps that share an integer scale; 0: blocks of 32, which have none */
    int offset;   /* blocks of 32: comes off every quant */
    bool minimum; /* blocks of 32: m is added to every weight; K formats: minima are subtracted */
} recipe;

/* A group's activations for a tile: q, d and s of the first token, and how far on the next one's are. */
typedef struct {
    const char *q, *d, *s;
    size_t stride;
} tokens;

static inline tokens tokens_at(const char *x, size_t stride, rl_act act, size_t k, size_t col)
{
    const size_t sums = act == RL_ACT_Q8 ? col / 32 * sizeof(int32_t) : col / 16 * sizeof(int16_t);
    return (tokens){x + col, x + rl_act_d_offset(k) + col / rl_act_block(act) * sizeof(float),
                    x + rl_act_s_offset(act, k) + sums, stride};
}

/* Token t's i-th dword of a section, in all lanes; and its i-th float. */
static inline __m256i dword(const char *section, const tokens *x, size_t t, size_t i)
{
    return rl_to_all256(section + t * x->stride + 4 * i);
}

static inline __m256 dword_ps(const char *section, const tokens *x, size_t t, size_t i)
{
    return _mm256_broadcast_ss((const float *)(const void *)(section + t * x->stride) + i);
}

/* A sum to be added to in the order written. Integer sums may be regrouped, and gcc makes trees of them, which want
 * all products at once and spill them. */
static inline __m256i in_order(__m256i sum)
{
    __asm__("" : "+x"(sum));
    return sum;
}

/* Adds to `dot` the products of one run of steps, times `scale`. */
static inline void add_run(__m256i dot[GROUP][2], const rl_tile *w, const tokens *x, size_t n, size_t step,
                           size_t run, const __m256i scale[2])
{
    __m256i pairs[GROUP][2];
    for (size_t i = 0; i < run; i++)
        for (size_t t = 0; t < n; t++) {
            const __m256i four = dword(x->q, x, t, step + i);
            for (size_t h = 0; h < 2; h++) {
                const __m256i q = w->q[step + i][h];
                const __m256i p = run == 1
                                      ? _mm256_maddubs_epi16(_mm256_abs_epi8(q), _mm256_sign_epi8(four, q))
                                      : _mm256_maddubs_epi16(q, four);
                pairs[t][h] = i == 0 ? p : _mm256_add_epi16(in_order(pairs[t][h]), p);
            }
        }
    for (size_t t = 0; t < n; t++)
        for (size_t h = 0; h < 2; h++)
            dot[t][h] = _mm256_add_epi32(in_order(dot[t][h]), _mm256_madd_epi16(pairs[t][h], scale[h]));
}

static inline void clear(__m256i v[GROUP][2], size_t n)
{
    for (size_t t = 0; t < n; t++) v[t][0] = v[t][1] = _mm256_setzero_si256();
}

/* Adds d * dx * dot, the scales of weights and activations first. */
static inline void add_scaled(__m256 sum[GROUP][2], const __m256i dot[GROUP][2], size_t n, const __m256 d[2],
                              const tokens *x, size_t b)
{
    for (size_t t = 0; t < n; t++) {
        const __m256 dx = dword_ps(x->d, x, t, b);
        for (size_t h = 0; h < 2; h++)
            sum[t][h] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dot[t][h]), _mm256_mul_ps(d[h], dx), sum[t][h]);
    }
}

/* Block b of 32 of a tile. */
static inline void add_block(__m256 sum[GROUP][2], const rl_tile *w, const tokens *x, size_t n, size_t b,
                             const recipe *f)
{
    const __m256i ones[2] = {_mm256_set1_epi16(1), _mm256_set1_epi16(1)};
    __m256i dot[GROUP][2];
    clear(dot, n);
    for (size_t i = 0; i < 8; i += f->run) add_run(dot, w, x, n, 8 * b + i, f->run, ones);
    for (size_t t = 0; t < n && f->offset != 0; t++) {
        const __m256i off = _mm256_mullo_epi32(dword(x->s, x, t, b), _mm256_set1_epi32(f->offset));
        for (size_t h = 0; h < 2; h++) dot[t][h] = _mm256_sub_epi32(dot[t][h], off);
    }
    add_scaled(sum, (const __m256i(*)[2])dot, n, w->d[b], x, b);
    for (size_t t = 0; t < n && f->minimum; t++) {
        const __m256 s = _mm256_cvtepi32_ps(dword(x->s, x, t, b));
        const __m256 sx = _mm256_mul_ps(dword_ps(x->d, x, t, b), s);
        for (size_t h = 0; h < 2; h++) sum[t][h] = _mm256_fmadd_ps(w->m[b][h], sx, sum[t][h]);
    }
}

/* The sums of the activations, two of sixteen to a dword, times what the quants are too large by. */
static inline void start_under(__m256i under[GROUP][2], const rl_tile *w, const tokens *x, size_t n)
{
    clear(under, n);
    for (size_t i = 0; i < RL_TILE_COLS / 32; i++)
        for (size_t t = 0; t < n; t++) {
            const __m256i two = dword(x->s, x, t, i);
            for (size_t h = 0; h < 2; h++)
                under[t][h] = _mm256_add_epi32(in_order(under[t][h]), _mm256_madd_epi16(w->under[i][h], two));
        }
}

/* A super-block: integers throughout, floats once at its end. */
static inline void add_super_block(__m256 sum[GROUP][2], const rl_tile *w, const tokens *x, size_t n,
                                   const recipe *f)
{
    __m256i dot[GROUP][2];
    start_under(dot, w, x, n);
    if (f->minimum) {
        const __m256 sign = _mm256_set1_ps(-0.0f);
        const __m256 less[2] = {_mm256_xor_ps(w->m[0][0], sign), _mm256_xor_ps(w->m[0][1], sign)};
        add_scaled(sum, (const __m256i(*)[2])dot, n, less, x, 0);
        clear(dot, n);
    }
    for (size_t s = 0; s < RL_TILE_STEPS; s += f->run) add_run(dot, w, x, n, s, f->run, w->scale[s / f->sub]);
    add_scaled(sum, (const __m256i(*)[2])dot, n, w->d[0], x, 0);
}

/* n tokens by a tile of so many blocks, onto what the tiles before made. */
static inline __attribute__((always_inline)) void
add_group(float (*y)[RL_PANEL_ROWS], const rl_tile *w, tokens x, size_t n, size_t blocks, const recipe *f)
{
    __m256 sum[GROUP][2];
    for (size_t t = 0; t < n; t++)
        for (size_t h = 0; h < 2; h++) sum[t][h] = _mm256_load_ps(y[t] + 8 * h);
    if (f->sub != 0)
        add_super_block(sum, w, &x, n, f);
    else
        for (size_t b = 0; b < blocks; b++) add_block(sum, w, &x, n, b, f);
    for (size_t t = 0; t < n; t++)
        for (size_t h = 0; h < 2; h++) _mm256_store_ps(y[t] + 8 * h, sum[t][h]);
}

/* ---- a panel by up to 64 tokens ---- */

/* The rows that there are. */
static inline void write_results(float *y, size_t ldy, float (*from)[RL_PANEL_ROWS], size_t rows, size_t n)
{
    for (size_t t = 0; t < n; t++, y += ldy)
        if (rows == RL_PANEL_ROWS)
            memcpy(y, from[t], sizeof from[t]);
        else
            memcpy(y, from[t], rows * sizeof *y);
}

static inline __attribute__((always_inline)) void panel_quants(float (*y)[RL_PANEL_ROWS], const char *panel,
                                                               const char *x, size_t stride, size_t n,
                                                               size_t k, const recipe *f)
{
    const size_t block = f->sub != 0 ? RL_QK_K : RL_QK, per_tile = RL_TILE_COLS / block, all = k / block;
    const rl_act act = f->sub != 0 ? RL_ACT_Q8K : RL_ACT_Q8;
    rl_tile tile;
    for (size_t first = 0; first < all; first += per_tile) {
        const size_t blocks = all - first < per_tile ? all - first : per_tile;
        for (size_t b = 0; b < blocks; b++) {
            const rl_tile_block w = rl_tile_block_at(panel, f->bytes, f->halves, first + b);
            rl_prefetch_far((const char *)w.units + RL_FAR, RL_PANEL_ROWS * f->bytes);
            f->take(&tile, b, w);
        }
        tokens a = tokens_at(x, stride, act, k, first * block);
        size_t t = 0;
        for (; t + GROUP <= n; t += GROUP) {
            add_group(y + t, &tile, a, GROUP, blocks, f);
            a.q += GROUP * stride, a.d += GROUP * stride, a.s += GROUP * stride;
        }
        if (t < n) add_group(y + t, &tile, a, 1, blocks, f);
    }
}

/* ---- floats: a tile is columns converted, a step one of them ---- */

static inline __attribute__((always_inline)) void add_columns(float (*y)[RL_PANEL_ROWS], __m256 (*w)[2],
                                                              tokens x, size_t n, size_t cols)
{
    __m256 sum[FLOAT_GROUP][2];
    for (size_t t = 0; t < n; t++)
        for (size_t h = 0; h < 2; h++) sum[t][h] = _mm256_load_ps(y[t] + 8 * h);
    for (size_t c = 0; c < cols; c++)
        for (size_t t = 0; t < n; t++) {
            const __m256 xc = dword_ps(x.q, &x, t, c);
            for (size_t h = 0; h < 2; h++) sum[t][h] = _mm256_fmadd_ps(w[c][h], xc, sum[t][h]);
        }
    for (size_t t = 0; t < n; t++)
        for (size_t h = 0; h < 2; h++) _mm256_store_ps(y[t] + 8 * h, sum[t][h]);
}

static inline __attribute__((always_inline)) void panel_floats(float (*y)[RL_PANEL_ROWS], const char *panel,
                                                               const char *x, size_t stride, size_t n,
                                                               size_t k, rl_column256_fn *column, size_t size)
{
    __m256 tile[FLOAT_COLS][2];
    for (size_t first = 0; first < k; first += FLOAT_COLS) {
        const size_t cols = k - first < FLOAT_COLS ? k - first : FLOAT_COLS;
        rl_prefetch_far(panel + first * RL_PANEL_ROWS * size + RL_FAR, FLOAT_COLS * RL_PANEL_ROWS * size);
        for (size_t c = 0; c < cols; c++)
            for (size_t h = 0; h < 2; h++) tile[c][h] = column(panel, first + c, h);
        tokens a = {x + first * sizeof(float), NULL, NULL, stride};
        size_t t = 0;
        for (; t + FLOAT_GROUP <= n; t += FLOAT_GROUP, a.q += FLOAT_GROUP * stride)
            add_columns(y + t, tile, a, FLOAT_GROUP, cols);
        for (; t + 2 <= n; t += 2, a.q += 2 * stride) add_columns(y + t, tile, a, 2, cols);
        if (t < n) add_columns(y + t, tile, a, 1, cols);
    }
}

/* ---- the kernels ---- */

typedef void panel_fn(float (*y)[RL_PANEL_ROWS], const char *panel, const char *x, size_t stride, size_t n,
                      size_t k);

/* What every format's kernel does round its panels. */
static void gemm(float *restrict y, size_t ldy, const void *restrict w, const void *restrict x,
                 size_t x_stride, size_t m, size_t n, size_t k, rl_format format, panel_fn *panel)
{
    _Alignas(RL_LINE) float out[TOKENS][RL_PANEL_ROWS];
    const size_t panel_bytes = rl_panel_bytes(format, k);
    for (size_t t = 0; t < n; t += TOKENS) {
        const size_t some = n - t < TOKENS ? n - t : TOKENS;
        for (size_t r = 0; r < m; r += RL_PANEL_ROWS) {
            memset(out, 0, some * sizeof *out);
            panel(out, (const char *)w + r / RL_PANEL_ROWS * panel_bytes, (const char *)x + t * x_stride,
                  x_stride, some, k);
            write_results(y + t * ldy + r, ldy, out, m - r < RL_PANEL_ROWS ? m - r : RL_PANEL_ROWS, some);
        }
    }
}

/* A format's kernel, of what does one panel of it. */
#define KERNEL(FORMAT, format, body, ...)                                                                    \
    static void panel_##format(float(*y)[RL_PANEL_ROWS], const char *panel, const char *x, size_t stride,    \
                               size_t n, size_t k)                                                           \
    {                                                                                                        \
        body(y, panel, x, stride, n, k, __VA_ARGS__);                                                        \
    }                                                                                                        \
    static void gemm_##format(float *restrict y, size_t ldy, const void *restrict w, const void *restrict x, \
                              size_t x_stride, size_t m, size_t n, size_t k)                                 \
    {                                                                                                        \
        gemm(y, ldy, w, x, x_stride, m, n, k, FORMAT, panel_##format);                                       \
    }
KERNEL(RL_F32, f32, panel_floats, rl_column256_f32, sizeof(float))
KERNEL(RL_F16, f16, panel_floats, rl_column256_f16, sizeof(rl_f16))
KERNEL(RL_BF16, bf16, panel_floats, rl_column256_bf16, sizeof(rl_bf16))

#define RECIPE(format, halves, ...)                                                                          \
    (&(const recipe){sizeof(rl_##format), halves, rl_tile_##format, __VA_ARGS__})
KERNEL(RL_Q8_0, q8_0, panel_quants, RECIPE(q8_0, 1, .run = 1))
KERNEL(RL_Q4_0, q4_0, panel_quants, RECIPE(q4_0, 1, .run = 8, .offset = 8))
KERNEL(RL_Q4_1, q4_1, panel_quants, RECIPE(q4_1, 2, .run = 8, .minimum = true))
KERNEL(RL_Q5_0, q5_0, panel_quants, RECIPE(q5_0, 1, .run = 4, .offset = 16))
KERNEL(RL_Q5_1, q5_1, panel_quants, RECIPE(q5_1, 2, .run = 4, .minimum = true))
KERNEL(RL_Q2_K, q2_K, panel_quants, RECIPE(q2_K, 2, .run = 4, .sub = 4, .minimum = true))
KERNEL(RL_Q3_K, q3_K, panel_quants, RECIPE(q3_K, 1, .run = 4, .sub = 4))
KERNEL(RL_Q4_K, q4_K, panel_quants, RECIPE(q4_K, 2, .run = 8, .sub = 8, .minimum = true))
KERNEL(RL_Q5_K, q5_K, panel_quants, RECIPE(q5_K, 2, .run = 4, .sub = 8, .minimum = true))
KERNEL(RL_Q6_K, q6_K, panel_quants, RECIPE(q6_K, 1, .run = 2, .sub = 4))
#undef RECIPE
#undef KERNEL

static const rl_gemm rows[] = {
    {{"gemm_f32_avx2", RL_AVX2, RL_CPU_AVX2},  RL_F32,  RL_PANELS, RL_ACT_F32, gemm_f32 },
    {{"gemm_f16_avx2", RL_AVX2, RL_CPU_AVX2},  RL_F16,  RL_PANELS, RL_ACT_F32, gemm_f16 },
    {{"gemm_bf16_avx2", RL_AVX2, RL_CPU_AVX2}, RL_BF16, RL_PANELS, RL_ACT_F32, gemm_bf16},
    {{"gemm_q8_0_avx2", RL_AVX2, RL_CPU_AVX2}, RL_Q8_0, RL_PANELS, RL_ACT_Q8,  gemm_q8_0},
    {{"gemm_q4_0_avx2", RL_AVX2, RL_CPU_AVX2}, RL_Q4_0, RL_PANELS, RL_ACT_Q8,  gemm_q4_0},
    {{"gemm_q4_1_avx2", RL_AVX2, RL_CPU_AVX2}, RL_Q4_1, RL_PANELS, RL_ACT_Q8,  gemm_q4_1},
    {{"gemm_q5_0_avx2", RL_AVX2, RL_CPU_AVX2}, RL_Q5_0, RL_PANELS, RL_ACT_Q8,  gemm_q5_0},
    {{"gemm_q5_1_avx2", RL_AVX2, RL_CPU_AVX2}, RL_Q5_1, RL_PANELS, RL_ACT_Q8,  gemm_q5_1},
    {{"gemm_q2_K_avx2", RL_AVX2, RL_CPU_AVX2}, RL_Q2_K, RL_PANELS, RL_ACT_Q8K, gemm_q2_K},
    {{"gemm_q3_K_avx2", RL_AVX2, RL_CPU_AVX2}, RL_Q3_K, RL_PANELS, RL_ACT_Q8K, gemm_q3_K},
    {{"gemm_q4_K_avx2", RL_AVX2, RL_CPU_AVX2}, RL_Q4_K, RL_PANELS, RL_ACT_Q8K, gemm_q4_K},
    {{"gemm_q5_K_avx2", RL_AVX2, RL_CPU_AVX2}, RL_Q5_K, RL_PANELS, RL_ACT_Q8K, gemm_q5_K},
    {{"gemm_q6_K_avx2", RL_AVX2, RL_CPU_AVX2}, RL_Q6_K, RL_PANELS, RL_ACT_Q8K, gemm_q6_K},
};
const rl_gemm_table rl_gemm_avx2 = {rows, RL_COUNT(rows)};
