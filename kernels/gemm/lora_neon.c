/* lora_neon.c - adapters at 128 bits: the shape of lora_avx512.c, a quarter as wide, in as many registers.
 *
 * Down: four rows by four tokens, or eight rows by one. Up: the four vectors of a panel's rows by four tokens, or three
 * panels by one. */
#include "base/arm_neon.h"
#include "gemm/lora.h"

enum { DOWN_ROWS = 4, DOWN_TOKENS = 4, DOWN_ROWS_OF_ONE = 8, UP_TOKENS = 4, UP_PANELS = 3, LANES = 4 };
enum { VECTORS = RL_PANEL_ROWS / LANES }; /* of a panel's rows */

typedef float32x4_t load_fn(const void *p);

/* ---- down ---- */

/* Columns c and up of R rows by T tokens. */
static inline __attribute__((always_inline)) void down_step(float32x4_t sum[DOWN_ROWS_OF_ONE][DOWN_TOKENS],
                                                            const char *const *row, const char *const *x,
                                                            const size_t R, const size_t T, load_fn *load)
{
    float32x4_t w[DOWN_ROWS_OF_ONE];
    for (size_t i = 0; i < R; i++) w[i] = load(row[i]);
    for (size_t t = 0; t < T; t++) {
        const float32x4_t xt = rl_load_f32x4(x[t]);
        for (size_t i = 0; i < R; i++) sum[i][t] = vfmaq_f32(sum[i][t], w[i], xt);
    }
}

/* The last columns, fewer than a vector has: copied, zeros after them. */
static inline void take_rest(char to[][LANES * sizeof(float)], const char **from, size_t n, size_t bytes)
{
    for (size_t i = 0; i < n; i++) {
        memset(to[i], 0, sizeof to[i]);
        memcpy(to[i], from[i], bytes);
        from[i] = to[i];
    }
}

/* R rows from row r on; those past the last are the last one again, and dropped. */
static inline __attribute__((always_inline)) void
down_tile(float *h, size_t ldh, const char *a, const char *x, size_t x_stride, size_t r, size_t rank,
          size_t k, float scale, const size_t R, const size_t T, load_fn *load, size_t size)
{
    _Alignas(16) char rest[DOWN_ROWS_OF_ONE + DOWN_TOKENS][LANES * sizeof(float)];
    float32x4_t sum[DOWN_ROWS_OF_ONE][DOWN_TOKENS];
    const char *row[DOWN_ROWS_OF_ONE], *token[DOWN_TOKENS];
    for (size_t t = 0; t < T; t++) token[t] = x + t * x_stride;
    for (size_t i = 0; i < R; i++) {
        row[i] = a + (r + i < rank ? r + i : rank - 1) * k * size;
        for (size_t t = 0; t < T; t++) sum[i][t] = vdupq_n_f32(0);
    }
    size_t c = 0;
    for (; c + LANES <= k; c += LANES) {
        down_step(sum, row, token, R, T, load);
        for (size_t i = 0; i < R; i++) row[i] += LANES * size;
        for (size_t t = 0; t < T; t++) token[t] += LANES * sizeof(float);
    }
    if (c < k) {
        take_rest(rest, row, R, (k - c) * size);
        take_rest(rest + R, token, T, (k - c) * sizeof(float));
        down_step(sum, row, token, R, T, load);
    }
    for (size_t i = 0; i < R && r + i < rank; i++)
        for (size_t t = 0; t < T; t++) h[t * ldh + r + i] = vaddvq_f32(sum[i][t]) * scale;
}

static inline __attribute__((always_inline)) void down(float *restrict h, size_t ldh, const void *restrict a,
                                                       const void *restrict x, size_t x_stride, size_t rank,
                                                       size_t n, size_t k, float scale, load_fn *load,
                                                       size_t size)
{
    const char *xt = x;
    size_t t = 0;
    for (; t + DOWN_TOKENS <= n; t += DOWN_TOKENS, h += DOWN_TOKENS * ldh, xt += DOWN_TOKENS * x_stride)
        for (size_t r = 0; r < rank; r += DOWN_ROWS)
            down_tile(h, ldh, a, xt, x_stride, r, rank, k, scale, DOWN_ROWS, DOWN_TOKENS, load, size);
    for (; t < n; t++, h += ldh, xt += x_stride)
        for (size_t r = 0; r < rank; r += DOWN_ROWS_OF_ONE)
            down_tile(h, ldh, a, xt, x_stride, r, rank, k, scale, DOWN_ROWS_OF_ONE, 1, load, size);
}

/* ---- up ---- */

/* P panels by T tokens, the vectors of a panel's rows one after another. */
static inline __attribute__((always_inline)) void up_tile(float *y, size_t ldy, const char *panel,
                                                          size_t panel_bytes, const float *h, size_t ldh,
                                                          size_t rank, const size_t P, const size_t T,
                                                          load_fn *load, size_t size)
{
    float32x4_t sum[VECTORS * UP_PANELS][UP_TOKENS];
    for (size_t t = 0; t < T; t++)
        for (size_t i = 0; i < VECTORS * P; i++) sum[i][t] = vld1q_f32(y + t * ldy + LANES * i);
    for (size_t r = 0; r < rank; r++) {
        float32x4_t b[VECTORS * UP_PANELS];
        for (size_t i = 0; i < VECTORS * P; i++)
            b[i] = load(panel + i / VECTORS * panel_bytes + (r * RL_PANEL_ROWS + i % VECTORS * LANES) * size);
        for (size_t t = 0; t < T; t++) {
            const float ht = h[t * ldh + r];
            for (size_t i = 0; i < VECTORS * P; i++) sum[i][t] = vfmaq_n_f32(sum[i][t], b[i], ht);
        }
    }
    for (size_t t = 0; t < T; t++)
        for (size_t i = 0; i < VECTORS * P; i++) vst1q_f32(y + t * ldy + LANES * i, sum[i][t]);
}

/* The rows of a last panel that there are, by one token, in a place that has room for sixteen. */
static inline __attribute__((always_inline)) void
up_rest(float *y, size_t rows, const char *panel, const float *h, size_t rank, load_fn *load, size_t size)
{
    float room[RL_PANEL_ROWS] = {0};
    memcpy(room, y, rows * sizeof *y);
    up_tile(room, 0, panel, 0, h, 0, rank, 1, 1, load, size);
    memcpy(y, room, rows * sizeof *y);
}

static inline __attribute__((always_inline)) void up(float *restrict y, size_t ldy, const void *restrict b,
                                                     const float *restrict h, size_t ldh, size_t m, size_t n,
                                                     size_t rank, load_fn *load, rl_format format,
                                                     size_t size)
{
    const size_t panel_bytes = rl_panel_bytes(format, rank), rows = RL_PANEL_ROWS, whole = m / rows * rows;
    const char *last = (const char *)b + m / rows * panel_bytes;
    for (size_t t = 0; t < n && whole < m; t++)
        up_rest(y + t * ldy + whole, m - whole, last, h + t * ldh, rank, load, size);
    size_t t = 0;
    for (; t + UP_TOKENS <= n; t += UP_TOKENS, y += UP_TOKENS * ldy, h += UP_TOKENS * ldh)
        for (size_t r = 0; r < whole; r += rows)
            up_tile(y + r, ldy, (const char *)b + r / rows * panel_bytes, panel_bytes, h, ldh, rank, 1,
                    UP_TOKENS, load, size);
    for (; t < n; t++, y += ldy, h += ldh) {
        size_t r = 0;
        for (; r + UP_PANELS * rows <= whole; r += UP_PANELS * rows)
            up_tile(y + r, ldy, (const char *)b + r / rows * panel_bytes, panel_bytes, h, ldh, rank,
                    UP_PANELS, 1, load, size);
        for (; r < whole; r += rows)
            up_tile(y + r, ldy, (const char *)b + r / rows * panel_bytes, panel_bytes, h, ldh, rank, 1, 1,
                    load, size);
    }
}

/* ---- the kernels ---- */

#define KERNEL(FORMAT, format, type)                                                                         \
    static void down_##format(float *restrict h, size_t ldh, const void *restrict a, const void *restrict x, \
                              size_t x_stride, size_t rank, size_t n, size_t k, float scale)                 \
    {                                                                                                        \
        down(h, ldh, a, x, x_stride, rank, n, k, scale, rl_load_##format##x4, sizeof(type));                 \
    }                                                                                                        \
    static void up_##format(float *restrict y, size_t ldy, const void *restrict b, const float *restrict h,  \
                            size_t ldh, size_t m, size_t n, size_t rank)                                     \
    {                                                                                                        \
        up(y, ldy, b, h, ldh, m, n, rank, rl_load_##format##x4, FORMAT, sizeof(type));                       \
    }
KERNEL(RL_F32, f32, float)
KERNEL(RL_F16, f16, rl_f16)
#undef KERNEL

static const rl_lora rows[] = {
    {{"lora_f32_neon", RL_NEON, RL_CPU_NEON}, RL_F32, down_f32, up_f32},
    {{"lora_f16_neon", RL_NEON, RL_CPU_NEON}, RL_F16, down_f16, up_f16},
};
const rl_lora_table rl_lora_neon = {rows, RL_COUNT(rows)};
