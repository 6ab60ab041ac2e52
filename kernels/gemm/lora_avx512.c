/* lora_avx512.c - adapters at 512 bits: sums across lanes where there are few, none where there are many.
 *
 * Down: a lane is a column of A. Four rows by four tokens are sixteen sums, which eight loads feed; they end with a sum
 * across lanes each, once in k. Where fewer than four tokens are left, eight rows by one token keep both multipliers
 * busy. A sum is the same lanes in the same order either way.
 * Up: a lane is a row of Y. A column of B's panel is one vector, multiplied by one number of H that the instruction
 * itself broadcasts from memory; eight tokens share the column's load and its conversion. Terms of a sum wait for each
 * other, so there must be several sums: where fewer than eight tokens are left, those of four panels. */
#include "base/x86_avx512.h"
#include "gemm/lora.h"

enum { DOWN_ROWS = 4, DOWN_TOKENS = 4, DOWN_ROWS_OF_ONE = 8, UP_TOKENS = 8, UP_PANELS = 4, LANES = 16 };

typedef __m512 load_fn(const void *p, __mmask16 lanes);

/* ---- down ---- */

/* Columns c and up of R rows by T tokens. */
static inline __attribute__((always_inline)) void
down_step(__m512 sum[DOWN_ROWS_OF_ONE][DOWN_TOKENS], const char *const *row, const char *x, size_t x_stride,
          size_t c, __mmask16 lanes, const size_t R, const size_t T, load_fn *load, size_t size)
{
    __m512 w[DOWN_ROWS_OF_ONE];
    for (size_t i = 0; i < R; i++) w[i] = load(row[i] + c * size, lanes);
    for (size_t t = 0; t < T; t++) {
        const __m512 xt = rl_load_f32(x + t * x_stride + c * sizeof(float), lanes);
        for (size_t i = 0; i < R; i++) sum[i][t] = _mm512_fmadd_ps(w[i], xt, sum[i][t]);
    }
}

/* R rows from row r on; those past the last are the last one again, and dropped. */
static inline __attribute__((always_inline)) void
down_tile(float *h, size_t ldh, const char *a, const char *x, size_t x_stride, size_t r, size_t rank,
          size_t k, float scale, const size_t R, const size_t T, load_fn *load, size_t size)
{
    __m512 sum[DOWN_ROWS_OF_ONE][DOWN_TOKENS];
    const char *row[DOWN_ROWS_OF_ONE];
    for (size_t i = 0; i < R; i++) {
        row[i] = a + (r + i < rank ? r + i : rank - 1) * k * size;
        for (size_t t = 0; t < T; t++) sum[i][t] = _mm512_setzero_ps();
    }
    size_t c = 0;
    for (; c + LANES <= k; c += LANES) down_step(sum, row, x, x_stride, c, 0xffff, R, T, load, size);
    if (c < k) down_step(sum, row, x, x_stride, c, rl_mask16(k - c), R, T, load, size);
    for (size_t i = 0; i < R && r + i < rank; i++)
        for (size_t t = 0; t < T; t++) h[t * ldh + r + i] = rl_sum_ps(sum[i][t]) * scale;
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

/* P panels by T tokens; lanes of the rows that there are. */
static inline __attribute__((always_inline)) void up_tile(float *y, size_t ldy, const char *panel,
                                                          size_t panel_bytes, const float *h, size_t ldh,
                                                          size_t rank, __mmask16 lanes, const size_t P,
                                                          const size_t T, load_fn *load, size_t size)
{
    __m512 sum[UP_PANELS][UP_TOKENS];
    for (size_t t = 0; t < T; t++)
        for (size_t p = 0; p < P; p++) sum[p][t] = rl_load_f32(y + t * ldy + p * RL_PANEL_ROWS, lanes);
    for (size_t r = 0; r < rank; r++)
        for (size_t p = 0; p < P; p++) {
            const __m512 b = load(panel + p * panel_bytes + r * RL_PANEL_ROWS * size, 0xffff);
            for (size_t t = 0; t < T; t++)
                sum[p][t] = _mm512_fmadd_ps(b, _mm512_set1_ps(h[t * ldh + r]), sum[p][t]);
        }
    for (size_t t = 0; t < T; t++)
        for (size_t p = 0; p < P; p++)
            _mm512_mask_storeu_ps(y + t * ldy + p * RL_PANEL_ROWS, lanes, sum[p][t]);
}

static inline __attribute__((always_inline)) void up(float *restrict y, size_t ldy, const void *restrict b,
                                                     const float *restrict h, size_t ldh, size_t m, size_t n,
                                                     size_t rank, load_fn *load, rl_format format,
                                                     size_t size)
{
    const size_t panel_bytes = rl_panel_bytes(format, rank), rows = RL_PANEL_ROWS;
    size_t t = 0;
    for (; t + UP_TOKENS <= n; t += UP_TOKENS, y += UP_TOKENS * ldy, h += UP_TOKENS * ldh)
        for (size_t r = 0; r < m; r += rows)
            up_tile(y + r, ldy, (const char *)b + r / rows * panel_bytes, panel_bytes, h, ldh, rank,
                    rl_mask16(m - r), 1, UP_TOKENS, load, size);
    for (; t < n; t++, y += ldy, h += ldh) {
        size_t r = 0;
        for (; r + UP_PANELS * rows <= m; r += UP_PANELS * rows)
            up_tile(y + r, ldy, (const char *)b + r / rows * panel_bytes, panel_bytes, h, ldh, rank, 0xffff,
                    UP_PANELS, 1, load, size);
        for (; r < m; r += rows)
            up_tile(y + r, ldy, (const char *)b + r / rows * panel_bytes, panel_bytes, h, ldh, rank,
                    rl_mask16(m - r), 1, 1, load, size);
    }
}

/* ---- the kernels ---- */

#define KERNEL(FORMAT, format, type)                                                                         \
    static void down_##format(float *restrict h, size_t ldh, const void *restrict a, const void *restrict x, \
                              size_t x_stride, size_t rank, size_t n, size_t k, float scale)                 \
    {                                                                                                        \
        down(h, ldh, a, x, x_stride, rank, n, k, scale, rl_load_##format, sizeof(type));                     \
    }                                                                                                        \
    static void up_##format(float *restrict y, size_t ldy, const void *restrict b, const float *restrict h,  \
                            size_t ldh, size_t m, size_t n, size_t rank)                                     \
    {                                                                                                        \
        up(y, ldy, b, h, ldh, m, n, rank, rl_load_##format, FORMAT, sizeof(type));                           \
    }
KERNEL(RL_F32, f32, float)
KERNEL(RL_F16, f16, rl_f16)
#undef KERNEL

#define NEEDS (RL_CPU_AVX2 | RL_CPU_AVX512)
static const rl_lora rows[] = {
    {{"lora_f32_avx512", RL_AVX512, NEEDS}, RL_F32, down_f32, up_f32},
    {{"lora_f16_avx512", RL_AVX512, NEEDS}, RL_F16, down_f16, up_f16},
};
const rl_lora_table rl_lora_avx512 = {rows, RL_COUNT(rows)};
