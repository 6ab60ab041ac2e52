/* lora_scalar.c - the specification: y = from + P x, a product at a time. */
#include "gemm/lora.h"

typedef float value_fn(const void *p, size_t i);

static inline float value_f32(const void *p, size_t i) { return ((const float *)p)[i]; }
static inline float value_f16(const void *p, size_t i) { return rl_f16_to_f32(((const rl_f16 *)p)[i]); }

/* Column c of a panel is sixteen values, one of each row. */
static inline __attribute__((always_inline)) void run(float *y, size_t ldy, const float *from, size_t ldf,
                                                      const void *restrict panels, const float *restrict x,
                                                      size_t ldx, size_t m, size_t n, size_t k,
                                                      value_fn *value)
{
    for (size_t t = 0; t < n; t++)
        for (size_t row = 0; row < m; row++) {
            const size_t first = row / RL_PANEL_ROWS * RL_PANEL_ROWS * k + row % RL_PANEL_ROWS;
            float sum = from[t * ldf + row];
            for (size_t c = 0; c < k; c++) sum += value(panels, first + c * RL_PANEL_ROWS) * x[t * ldx + c];
            y[t * ldy + row] = sum;
        }
}

#define KERNEL(format)                                                                                       \
    static void run_##format(float *y, size_t ldy, const float *from, size_t ldf,                            \
                             const void *restrict panels, const float *restrict x, size_t ldx, size_t m,     \
                             size_t n, size_t k)                                                             \
    {                                                                                                        \
        run(y, ldy, from, ldf, panels, x, ldx, m, n, k, value_##format);                                     \
    }
KERNEL(f32)
KERNEL(f16)
#undef KERNEL

static const rl_lora rows[] = {
    {{"lora_f32_scalar", RL_SCALAR, 0}, RL_F32, run_f32},
    {{"lora_f16_scalar", RL_SCALAR, 0}, RL_F16, run_f16},
};
const rl_lora_table rl_lora_scalar = {rows, RL_COUNT(rows)};
