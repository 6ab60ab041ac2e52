/* lora_scalar.c - the specification: H = s A X, then Y += B H, a product at a time. */
#include "gemm/lora.h"

typedef float value_fn(const void *p, size_t i);

static inline float value_f32(const void *p, size_t i) { return ((const float *)p)[i]; }
static inline float value_f16(const void *p, size_t i) { return rl_f16_to_f32(((const rl_f16 *)p)[i]); }

static inline __attribute__((always_inline)) void down(float *restrict h, size_t ldh, const void *restrict a,
                                                       const void *restrict x, size_t x_stride, size_t rank,
                                                       size_t n, size_t k, float scale, value_fn *value)
{
    for (size_t t = 0; t < n; t++) {
        const float *xt = (const float *)(const void *)((const char *)x + t * x_stride);
        for (size_t r = 0; r < rank; r++) {
            float sum = 0;
            for (size_t i = 0; i < k; i++) sum += value(a, r * k + i) * xt[i];
            h[t * ldh + r] = sum * scale;
        }
    }
}

/* Column c of a panel is sixteen values, one of each row. */
static inline __attribute__((always_inline)) void up(float *restrict y, size_t ldy, const void *restrict b,
                                                     const float *restrict h, size_t ldh, size_t m, size_t n,
                                                     size_t rank, rl_format format, value_fn *value)
{
    const size_t panel_bytes = rl_panel_bytes(format, rank);
    for (size_t t = 0; t < n; t++)
        for (size_t row = 0; row < m; row++) {
            const char *panel = (const char *)b + row / RL_PANEL_ROWS * panel_bytes;
            float sum = y[t * ldy + row];
            for (size_t r = 0; r < rank; r++)
                sum += value(panel, r * RL_PANEL_ROWS + row % RL_PANEL_ROWS) * h[t * ldh + r];
            y[t * ldy + row] = sum;
        }
}

/* The kernels of a format. */
#define KERNEL(FORMAT, format)                                                                               \
    static void down_##format(float *restrict h, size_t ldh, const void *restrict a, const void *restrict x, \
                              size_t x_stride, size_t rank, size_t n, size_t k, float scale)                 \
    {                                                                                                        \
        down(h, ldh, a, x, x_stride, rank, n, k, scale, value_##format);                                     \
    }                                                                                                        \
    static void up_##format(float *restrict y, size_t ldy, const void *restrict b, const float *restrict h,  \
                            size_t ldh, size_t m, size_t n, size_t rank)                                     \
    {                                                                                                        \
        up(y, ldy, b, h, ldh, m, n, rank, FORMAT, value_##format);                                           \
    }
KERNEL(RL_F32, f32)
KERNEL(RL_F16, f16)
#undef KERNEL

static const rl_lora rows[] = {
    {{"lora_f32_scalar", RL_SCALAR, 0}, RL_F32, down_f32, up_f32},
    {{"lora_f16_scalar", RL_SCALAR, 0}, RL_F16, down_f16, up_f16},
};
const rl_lora_table rl_lora_scalar = {rows, RL_COUNT(rows)};
