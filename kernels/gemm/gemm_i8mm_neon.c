/* gemm_i8mm_neon.c - Y = W X with smmla: two rows by two tokens by eight columns in one instruction, twice the products
 * of sdot.
 *
 * Its operands are pairs. A pair of rows comes from the tile (tile_neon.h), a pair of tokens from zipping sixteen bytes
 * of one with sixteen of the other; what comes out are the pair's four sums, a register that stays as it is until the
 * last column and only then is sorted into rows. Scales are stored and loaded in that order, too: the weights' twice for
 * both tokens, the activations' once for each row.
 *
 * Loops: tokens by 64, whose results wait in a scratch; of those each panel; of that each tile of 256 columns, taken
 * apart once; of that eight rows; of those the tokens by four. Four pairs of rows by two of tokens are eight sums in
 * int32 and eight in floats, or of the K formats eight of a sub-block and eight of the block, and six operands, which
 * is what 32 registers hold. Fewer tokens go by two; the last one of an odd number is its own neighbour, and the copy
 * is dropped.
 *
 * Integers are exact however they are added, and floats are added in the order of gemv_panels_neon.c and
 * gemv_kpanels_neon.c by the same instructions: results are theirs, bit for bit. */
#include "gemm/gemm.h"
#include "gemm/tile_neon.h"

#if !defined(__ARM_FEATURE_MATMUL_INT8)
#error "gemm_i8mm_neon.c needs the flags of the neon tier and i8mm"
#endif

enum { TOKENS = 64, GROUP = 2 /* pairs of tokens */, HALF = RL_TILE_PAIRS / 2 };

/* What a format is like in a tile. A constant wherever it is used, and folded. */
typedef struct {
    size_t bytes, halves; /* of a block; its 2-byte units */
    void (*take)(rl_tile *t, size_t b, rl_tile_block w);
    size_t sub;   /* columns that share an integer scale, 16 or 32; 0: blocks of 32, which have none */
    bool minimum; /* blocks of 32: m is added to every weight; K formats: minima are subtracted */
} recipe;

/* A group's tokens: where each begins, and from there its activations for a tile. */
typedef struct {
    const char *at[2 * GROUP];
    size_t q, d, s;
} tokens;

/* ---- what belongs to a pair of tokens ---- */

/* The b-th scale of each, for two rows. */
static inline float32x4_t scales_of(const tokens *x, size_t i, size_t b)
{
    const float *first = (const float *)(const void *)(x->at[2 * i] + x->d) + b;
    const float *second = (const float *)(const void *)(x->at[2 * i + 1] + x->d) + b;
    const float32x2_t two = vld1_lane_f32(second, vld1_dup_f32(first), 1);
    return vcombine_f32(two, two);
}

static inline int32x4_t two_sums(int32_t first, int32_t second)
{
    const int32x2_t two = vset_lane_s32(second, vdup_n_s32(first), 1);
    return vcombine_s32(two, two);
}

/* The sums of block b's activations, for two rows; and those of sub-block s of a K format. */
static inline int32x4_t sums_of(const tokens *x, size_t i, size_t b)
{
    return two_sums(((const int32_t *)(const void *)(x->at[2 * i] + x->s))[b],
                    ((const int32_t *)(const void *)(x->at[2 * i + 1] + x->s))[b]);
}

static inline int32_t sub_sum(const char *token, size_t at, size_t s, size_t sub)
{
    const int16_t *sums = (const int16_t *)(const void *)(token + at);
    return sub == 16 ? sums[s] : sums[2 * s] + sums[2 * s + 1];
}

static inline int32x4_t sub_sums_of(const tokens *x, size_t i, size_t s, size_t sub)
{
    return two_sums(sub_sum(x->at[2 * i], x->s, s, sub), sub_sum(x->at[2 * i + 1], x->s, s, sub));
}

/* ---- eight rows by n pairs of tokens ---- */

/* Adds the products of `cols` columns from `col` on, 16 or 32; `w` are those of the first pair of rows, the next step
 * RL_TILE_PAIRS on. */
static inline void add_products(int32x4_t dot[GROUP][HALF], const int8x16_t *w, const tokens *x, size_t n,
                                size_t col, size_t cols)
{
    for (size_t c = 0; c < cols; c += 16) {
        int8x16_t two[GROUP][2];
        for (size_t i = 0; i < n; i++) {
            const char *q0 = x->at[2 * i] + x->q + col, *q1 = x->at[2 * i + 1] + x->q + col;
            const int64x2_t first = vreinterpretq_s64_s8(vld1q_s8((const int8_t *)q0 + c));
            const int64x2_t second = vreinterpretq_s64_s8(vld1q_s8((const int8_t *)q1 + c));
            two[i][0] = vreinterpretq_s8_s64(vzip1q_s64(first, second));
            two[i][1] = vreinterpretq_s8_s64(vzip2q_s64(first, second));
        }
        for (size_t e = 0; e < 2; e++)
            for (size_t p = 0; p < HALF; p++)
                for (size_t i = 0; i < n; i++)
                    dot[i][p] = vmmlaq_s32(dot[i][p], w[(c / 8 + e) * RL_TILE_PAIRS + p], two[i][e]);
    }
}

static inline void clear(int32x4_t v[GROUP][HALF], size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t p = 0; p < HALF; p++) v[i][p] = vdupq_n_s32(0);
}

/* Block b of 32 of a tile. */
static inline void add_block(float32x4_t sum[GROUP][HALF], const rl_tile *w, size_t pair, const tokens *x,
                             size_t n, size_t b, const recipe *f)
{
    int32x4_t dot[GROUP][HALF];
    clear(dot, n);
    add_products(dot, &w->q[4 * b][pair], x, n, RL_QK * b, RL_QK);
    for (size_t i = 0; i < n; i++) {
        const float32x4_t dx = scales_of(x, i, b);
        for (size_t p = 0; p < HALF; p++)
            sum[i][p] = vfmaq_f32(sum[i][p], vcvtq_f32_s32(dot[i][p]), vmulq_f32(w->d[b][pair + p], dx));
        if (!f->minimum) continue;
        const float32x4_t s = vcvtq_f32_s32(sums_of(x, i, b));
        for (size_t p = 0; p < HALF; p++)
            sum[i][p] = vfmaq_f32(sum[i][p], s, vmulq_f32(w->m[b][pair + p], dx));
    }
}

/* Adds the integers of a super-block, times d (the scales, or those of the minima) and the activations' scale. */
static inline void add_scaled(float32x4_t sum[GROUP][HALF], int32x4_t dot[GROUP][HALF], const float32x4_t *d,
                              const tokens *x, size_t n, bool negative)
{
    for (size_t i = 0; i < n; i++) {
        const float32x4_t dx = scales_of(x, i, 0), by = negative ? vnegq_f32(dx) : dx;
        for (size_t p = 0; p < HALF; p++)
            sum[i][p] = vfmaq_f32(sum[i][p], vcvtq_f32_s32(dot[i][p]), vmulq_f32(d[p], by));
    }
}

/* A super-block: integers throughout, floats once at its end. */
static inline void add_super_block(float32x4_t sum[GROUP][HALF], const rl_tile *w, size_t pair,
                                   const tokens *x, size_t n, const recipe *f)
{
    int32x4_t dot[GROUP][HALF];
    clear(dot, n);
    for (size_t s = 0; s < RL_QK_K / f->sub; s++) {
        int32x4_t part[GROUP][HALF];
        clear(part, n);
        add_products(part, &w->q[f->sub / 8 * s][pair], x, n, f->sub * s, f->sub);
        for (size_t i = 0; i < n; i++)
            for (size_t p = 0; p < HALF; p++)
                dot[i][p] = vmlaq_s32(dot[i][p], part[i][p], w->scale[s][pair + p]);
    }
    add_scaled(sum, dot, &w->d[0][pair], x, n, false);
    if (!f->minimum) return;
    clear(dot, n);
    for (size_t s = 0; s < RL_QK_K / f->sub; s++)
        for (size_t i = 0; i < n; i++) {
            const int32x4_t sums = sub_sums_of(x, i, s, f->sub);
            for (size_t p = 0; p < HALF; p++) dot[i][p] = vmlaq_s32(dot[i][p], w->min[s][pair + p], sums);
        }
    add_scaled(sum, dot, &w->m[0][pair], x, n, true);
}

/* n pairs of tokens by eight rows of a tile of so many blocks, onto what the tiles before made. */
static inline __attribute__((always_inline)) void add_group(float32x4_t (*y)[RL_TILE_PAIRS], const rl_tile *w,
                                                            size_t pair, const tokens *x, size_t n,
                                                            size_t blocks, const recipe *f)
{
    float32x4_t sum[GROUP][HALF];
    for (size_t i = 0; i < n; i++)
        for (size_t p = 0; p < HALF; p++) sum[i][p] = y[i][pair + p];
    if (f->sub != 0)
        add_super_block(sum, w, pair, x, n, f);
    else
        for (size_t b = 0; b < blocks; b++) add_block(sum, w, pair, x, n, b, f);
    for (size_t i = 0; i < n; i++)
        for (size_t p = 0; p < HALF; p++) y[i][pair + p] = sum[i][p];
}

/* ---- a panel by up to 64 tokens ---- */

/* The group of tokens from `t` on; past the last one it has the last again. */
static inline void tokens_from(tokens *x, const char *first, size_t stride, size_t t, size_t n)
{
    for (size_t i = 0; i < 2 * GROUP; i++) x->at[i] = first + (t + i < n ? t + i : n - 1) * stride;
}

static inline __attribute__((always_inline)) void panel_quants(float32x4_t (*y)[RL_TILE_PAIRS],
                                                               const char *panel, const char *x,
                                                               size_t stride, size_t n, size_t k,
                                                               const recipe *f)
{
    const rl_act act = f->sub != 0 ? RL_ACT_Q8K : RL_ACT_Q8;
    const size_t block = rl_act_block(act), per_tile = RL_TILE_COLS / block, all = k / block;
    rl_tile tile;
    for (size_t first = 0; first < all; first += per_tile) {
        const size_t blocks = all - first < per_tile ? all - first : per_tile, col = first * block;
        for (size_t b = 0; b < blocks; b++)
            f->take(&tile, b, rl_tile_block_at(panel, f->bytes, f->halves, first + b));
        tokens a = {.q = col,
                    .d = rl_act_d_offset(k) + first * sizeof(float),
                    .s = rl_act_s_offset(act, k) +
                         (act == RL_ACT_Q8 ? col / 32 * sizeof(int32_t) : col / 16 * sizeof(int16_t))};
        for (size_t pair = 0; pair < RL_TILE_PAIRS; pair += HALF) {
            size_t t = 0;
            for (; t + 2 < n; t += 2 * GROUP) {
                tokens_from(&a, x, stride, t, n);
                add_group(y + t / 2, &tile, pair, &a, GROUP, blocks, f);
            }
            if (t >= n) continue;
            tokens_from(&a, x, stride, t, n);
            add_group(y + t / 2, &tile, pair, &a, 1, blocks, f);
        }
    }
}

/* Token t's results, of the rows that there are. */
static inline void write_results(float *y, float32x4_t (*from)[RL_TILE_PAIRS], size_t t, size_t rows)
{
    float all[RL_PANEL_ROWS];
    for (size_t j = 0; j < RL_PANEL_ROWS / 4; j++) {
        const float32x4_t a = from[t / 2][2 * j], b = from[t / 2][2 * j + 1];
        vst1q_f32(all + 4 * j, t % 2 == 0 ? vuzp1q_f32(a, b) : vuzp2q_f32(a, b));
    }
    memcpy(y, all, rows * sizeof *y);
}

/* ---- the kernels ---- */

typedef void panel_fn(float32x4_t (*y)[RL_TILE_PAIRS], const char *panel, const char *x, size_t stride,
                      size_t n, size_t k);

/* What every format's kernel does round its panels. */
static void gemm(float *restrict y, size_t ldy, const void *restrict w, const void *restrict x,
                 size_t x_stride, size_t m, size_t n, size_t k, rl_format format, panel_fn *panel)
{
    float32x4_t out[TOKENS / 2][RL_TILE_PAIRS];
    const size_t panel_bytes = rl_panel_bytes(format, k);
    for (size_t t = 0; t < n; t += TOKENS) {
        const size_t some = n - t < TOKENS ? n - t : TOKENS;
        for (size_t r = 0; r < m; r += RL_PANEL_ROWS) {
            const size_t rows = m - r < RL_PANEL_ROWS ? m - r : RL_PANEL_ROWS;
            memset(out, 0, sizeof out);
            panel(out, (const char *)w + r / RL_PANEL_ROWS * panel_bytes, (const char *)x + t * x_stride,
                  x_stride, some, k);
            for (size_t i = 0; i < some; i++) write_results(y + (t + i) * ldy + r, out, i, rows);
        }
    }
}

/* A format's kernel, of what does one panel of it. */
#define KERNEL(FORMAT, format, halves, ...)                                                                  \
    static void panel_##format(float32x4_t(*y)[RL_TILE_PAIRS], const char *panel, const char *x,             \
                               size_t stride, size_t n, size_t k)                                            \
    {                                                                                                        \
        panel_quants(y, panel, x, stride, n, k,                                                              \
                     &(const recipe){sizeof(rl_##format), halves, rl_tile_##format, __VA_ARGS__});           \
    }                                                                                                        \
    static void gemm_##format(float *restrict y, size_t ldy, const void *restrict w, const void *restrict x, \
                              size_t x_stride, size_t m, size_t n, size_t k)                                 \
    {                                                                                                        \
        gemm(y, ldy, w, x, x_stride, m, n, k, FORMAT, panel_##format);                                       \
    }
KERNEL(RL_Q8_0, q8_0, 1, .sub = 0)
KERNEL(RL_Q4_0, q4_0, 1, .sub = 0)
KERNEL(RL_Q4_1, q4_1, 2, .minimum = true)
KERNEL(RL_Q5_0, q5_0, 1, .sub = 0)
KERNEL(RL_Q5_1, q5_1, 2, .minimum = true)
KERNEL(RL_Q2_K, q2_K, 2, .sub = 16, .minimum = true)
KERNEL(RL_Q3_K, q3_K, 1, .sub = 16)
KERNEL(RL_Q4_K, q4_K, 2, .sub = 32, .minimum = true)
KERNEL(RL_Q5_K, q5_K, 2, .sub = 32, .minimum = true)
KERNEL(RL_Q6_K, q6_K, 1, .sub = 16)
#undef KERNEL

#define NEEDS (RL_CPU_NEON | RL_CPU_I8MM)
static const rl_gemm rows[] = {
    {{"gemm_q8_0_i8mm_neon", RL_NEON, NEEDS}, RL_Q8_0, RL_PANELS, RL_ACT_Q8,  gemm_q8_0},
    {{"gemm_q4_0_i8mm_neon", RL_NEON, NEEDS}, RL_Q4_0, RL_PANELS, RL_ACT_Q8,  gemm_q4_0},
    {{"gemm_q4_1_i8mm_neon", RL_NEON, NEEDS}, RL_Q4_1, RL_PANELS, RL_ACT_Q8,  gemm_q4_1},
    {{"gemm_q5_0_i8mm_neon", RL_NEON, NEEDS}, RL_Q5_0, RL_PANELS, RL_ACT_Q8,  gemm_q5_0},
    {{"gemm_q5_1_i8mm_neon", RL_NEON, NEEDS}, RL_Q5_1, RL_PANELS, RL_ACT_Q8,  gemm_q5_1},
    {{"gemm_q2_K_i8mm_neon", RL_NEON, NEEDS}, RL_Q2_K, RL_PANELS, RL_ACT_Q8K, gemm_q2_K},
    {{"gemm_q3_K_i8mm_neon", RL_NEON, NEEDS}, RL_Q3_K, RL_PANELS, RL_ACT_Q8K, gemm_q3_K},
    {{"gemm_q4_K_i8mm_neon", RL_NEON, NEEDS}, RL_Q4_K, RL_PANELS, RL_ACT_Q8K, gemm_q4_K},
    {{"gemm_q5_K_i8mm_neon", RL_NEON, NEEDS}, RL_Q5_K, RL_PANELS, RL_ACT_Q8K, gemm_q5_K},
    {{"gemm_q6_K_i8mm_neon", RL_NEON, NEEDS}, RL_Q6_K, RL_PANELS, RL_ACT_Q8K, gemm_q6_K},
};
#undef NEEDS
const rl_gemm_table rl_gemm_i8mm_neon = {rows, RL_COUNT(rows)};
