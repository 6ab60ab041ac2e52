/* lora_avx2.c - adapters at 256 bits: two registers are a panel's rows, six tokens fill both multipliers. */
#include "base/x86_avx2.h"
#include "gemm/lora_walk.h"

enum { TOKENS = 6, PANELS = 1, PANELS_OF_ONE = 4, LANES = 8, VECTORS = RL_PANEL_ROWS / LANES };

typedef __m256 load_fn(const void *p);

static inline __attribute__((always_inline)) void many(float *y, size_t ldy, const float *from, size_t ldf,
                                                       const float *const *panel, const float *const *x,
                                                       size_t k, const size_t P)
{
    __m256 sum[TOKENS][VECTORS];
    (void)P; /* one */
    for (size_t t = 0; t < TOKENS; t++)
        for (size_t i = 0; i < VECTORS; i++) sum[t][i] = _mm256_loadu_ps(from + t * ldf + i * LANES);
    for (size_t c = 0; c < k; c++)
        for (size_t t = 0; t < TOKENS; t++) {
            const __m256 xt = _mm256_broadcast_ss(x[t] + c);
            for (size_t i = 0; i < VECTORS; i++)
                sum[t][i] =
                    _mm256_fmadd_ps(_mm256_loadu_ps(panel[0] + c * RL_PANEL_ROWS + i * LANES), xt, sum[t][i]);
        }
    for (size_t t = 0; t < TOKENS; t++)
        for (size_t i = 0; i < VECTORS; i++) _mm256_storeu_ps(y + t * ldy + i * LANES, sum[t][i]);
}

/* P panels. */
static inline __attribute__((always_inline)) void one(float *y, const float *from, const char *panel,
                                                      size_t panel_bytes, const float *x, size_t k,
                                                      const size_t P, load_fn *load, size_t size)
{
    __m256 sum[PANELS_OF_ONE][VECTORS];
    for (size_t p = 0; p < P; p++)
        for (size_t i = 0; i < VECTORS; i++)
            sum[p][i] = _mm256_loadu_ps(from + p * RL_PANEL_ROWS + i * LANES);
    for (size_t c = 0; c < k; c++, panel += RL_PANEL_ROWS * size) {
        const __m256 xc = _mm256_broadcast_ss(x + c);
        for (size_t p = 0; p < P; p++) {
            if (c % 2 == 0) rl_prefetch_stream(panel + p * panel_bytes, 2 * RL_PANEL_ROWS * size);
            for (size_t i = 0; i < VECTORS; i++)
                sum[p][i] = _mm256_fmadd_ps(load(panel + p * panel_bytes + i * LANES * size), xc, sum[p][i]);
        }
    }
    for (size_t p = 0; p < P; p++)
        for (size_t i = 0; i < VECTORS; i++) _mm256_storeu_ps(y + p * RL_PANEL_ROWS + i * LANES, sum[p][i]);
}

static inline __attribute__((always_inline)) void widen_f16(float *restrict to, const void *restrict from,
                                                            size_t n)
{
    for (size_t i = 0; i < n; i += LANES) _mm256_store_ps(to + i, rl_load_f16_256((const rl_f16 *)from + i));
}

/* ---- the kernels ---- */

RL_LORA_KERNEL(f32, float, rl_load_f32_256, NULL)
RL_LORA_KERNEL(f16, rl_f16, rl_load_f16_256, widen_f16)

static const rl_lora rows[] = {
    {{"lora_f32_avx2", RL_AVX2, RL_CPU_AVX2}, RL_F32, run_f32},
    {{"lora_f16_avx2", RL_AVX2, RL_CPU_AVX2}, RL_F16, run_f16},
};
const rl_lora_table rl_lora_avx2 = {rows, RL_COUNT(rows)};
