/* lora_avx512.c - adapters at 512 bits: a register is a panel's rows, eight tokens fill both multipliers. */
#include "base/x86_avx512.h"
#include "gemm/lora_walk.h"

enum { TOKENS = 8, PANELS = 2, PANELS_OF_ONE = 4 };

typedef __m512 load_fn(const void *p, __mmask16 lanes);

static inline __attribute__((always_inline)) void many(float *y, size_t ldy, const float *from, size_t ldf,
                                                       const float *const *panel, const float *const *x,
                                                       size_t k, const size_t P)
{
    __m512 sum[PANELS][TOKENS];
    for (size_t t = 0; t < TOKENS; t++)
        for (size_t p = 0; p < P; p++) sum[p][t] = _mm512_loadu_ps(from + t * ldf + p * RL_PANEL_ROWS);
#pragma GCC unroll 8
    for (size_t c = 0; c < k; c++)
        for (size_t t = 0; t < TOKENS; t++) {
            const __m512 xt = _mm512_set1_ps(x[t][c]);
            for (size_t p = 0; p < P; p++)
                sum[p][t] = _mm512_fmadd_ps(_mm512_loadu_ps(panel[p] + c * RL_PANEL_ROWS), xt, sum[p][t]);
        }
    for (size_t t = 0; t < TOKENS; t++)
        for (size_t p = 0; p < P; p++) _mm512_storeu_ps(y + t * ldy + p * RL_PANEL_ROWS, sum[p][t]);
}

/* P panels. */
static inline __attribute__((always_inline)) void one(float *y, const float *from, const char *panel,
                                                      size_t panel_bytes, const float *x, size_t k,
                                                      const size_t P, load_fn *load, size_t size)
{
    __m512 sum[PANELS_OF_ONE];
    for (size_t p = 0; p < P; p++) sum[p] = _mm512_loadu_ps(from + p * RL_PANEL_ROWS);
    for (size_t c = 0; c < k; c++, panel += RL_PANEL_ROWS * size) {
        const __m512 xc = _mm512_set1_ps(x[c]);
        for (size_t p = 0; p < P; p++) {
            if (c % 2 == 0) rl_prefetch_stream(panel + p * panel_bytes, 2 * RL_PANEL_ROWS * size);
            sum[p] = _mm512_fmadd_ps(load(panel + p * panel_bytes, 0xffff), xc, sum[p]);
        }
    }
    for (size_t p = 0; p < P; p++) _mm512_storeu_ps(y + p * RL_PANEL_ROWS, sum[p]);
}

static inline __attribute__((always_inline)) void widen_f16(float *restrict to, const void *restrict from,
                                                            size_t n)
{
    for (size_t i = 0; i < n; i += RL_PANEL_ROWS)
        _mm512_store_ps(to + i, rl_load_f16((const rl_f16 *)from + i, 0xffff));
}

/* ---- the kernels ---- */

RL_LORA_KERNEL(f32, float, rl_load_f32, NULL)
RL_LORA_KERNEL(f16, rl_f16, rl_load_f16, widen_f16)

#define NEEDS (RL_CPU_AVX2 | RL_CPU_AVX512)
static const rl_lora rows[] = {
    {{"lora_f32_avx512", RL_AVX512, NEEDS}, RL_F32, run_f32},
    {{"lora_f16_avx512", RL_AVX512, NEEDS}, RL_F16, run_f16},
};
const rl_lora_table rl_lora_avx512 = {rows, RL_COUNT(rows)};
