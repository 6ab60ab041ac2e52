/* lora_neon.c - adapters at 128 bits: four registers are a panel's rows, four tokens fill the multipliers. */
#include "base/arm_neon.h"
#include "gemm/lora_walk.h"

enum { TOKENS = 4, PANELS = 1, PANELS_OF_ONE = 2, LANES = 4, VECTORS = RL_PANEL_ROWS / LANES };

typedef float32x4_t load_fn(const void *p);

static inline __attribute__((always_inline)) void many(float *y, size_t ldy, const float *from, size_t ldf,
                                                       const float *const *panel, const float *const *x,
                                                       size_t k, const size_t P)
{
    float32x4_t sum[TOKENS][VECTORS];
    (void)P; /* one */
    for (size_t t = 0; t < TOKENS; t++)
        for (size_t i = 0; i < VECTORS; i++) sum[t][i] = vld1q_f32(from + t * ldf + i * LANES);
    for (size_t c = 0; c < k; c++)
        for (size_t i = 0; i < VECTORS; i++) {
            const float32x4_t w = vld1q_f32(panel[0] + c * RL_PANEL_ROWS + i * LANES);
            for (size_t t = 0; t < TOKENS; t++) sum[t][i] = vfmaq_n_f32(sum[t][i], w, x[t][c]);
        }
    for (size_t t = 0; t < TOKENS; t++)
        for (size_t i = 0; i < VECTORS; i++) vst1q_f32(y + t * ldy + i * LANES, sum[t][i]);
}

/* P panels. */
static inline __attribute__((always_inline)) void one(float *y, const float *from, const char *panel,
                                                      size_t panel_bytes, const float *x, size_t k,
                                                      const size_t P, load_fn *load, size_t size)
{
    float32x4_t sum[PANELS_OF_ONE][VECTORS];
    for (size_t p = 0; p < P; p++)
        for (size_t i = 0; i < VECTORS; i++) sum[p][i] = vld1q_f32(from + p * RL_PANEL_ROWS + i * LANES);
    for (size_t c = 0; c < k; c++, panel += RL_PANEL_ROWS * size)
        for (size_t p = 0; p < P; p++)
            for (size_t i = 0; i < VECTORS; i++)
                sum[p][i] = vfmaq_n_f32(sum[p][i], load(panel + p * panel_bytes + i * LANES * size), x[c]);
    for (size_t p = 0; p < P; p++)
        for (size_t i = 0; i < VECTORS; i++) vst1q_f32(y + p * RL_PANEL_ROWS + i * LANES, sum[p][i]);
}

static inline __attribute__((always_inline)) void widen_f16(float *restrict to, const void *restrict from,
                                                            size_t n)
{
    for (size_t i = 0; i < n; i += LANES) vst1q_f32(to + i, rl_load_f16x4((const rl_f16 *)from + i));
}

/* ---- the kernels ---- */

RL_LORA_KERNEL(f32, float, rl_load_f32x4, NULL)
RL_LORA_KERNEL(f16, rl_f16, rl_load_f16x4, widen_f16)

static const rl_lora rows[] = {
    {{"lora_f32_neon", RL_NEON, RL_CPU_NEON}, RL_F32, run_f32},
    {{"lora_f16_neon", RL_NEON, RL_CPU_NEON}, RL_F16, run_f16},
};
const rl_lora_table rl_lora_neon = {rows, RL_COUNT(rows)};
