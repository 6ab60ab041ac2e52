/* gemm_neon.c - panels of sixteen rows by several tokens: a panel at a time, and through it every token.
 *
 * The products are those of gemv_panels_neon.c and gemv_kpanels_neon.c, bit for bit; what this adds is the order. A panel
 * of q4_0 with 2048 columns has 18 KB, so it is read from memory for the first token and from the first-level cache for
 * the others, and n tokens cost the memory traffic of one. Quants are taken apart once a token: sdot by element leaves
 * room for that beside it. Where the CPU has i8mm, gemm_i8mm_neon.c is found before this, but for floats. */
#include "gemm/gemm.h"
#include "gemv/gemv.h"

static void gemm_panels(float *restrict y, size_t ldy, const void *restrict w, const void *restrict x,
                        size_t x_stride, size_t m, size_t n, size_t k, rl_format format)
{
    rl_gemv_fn *const gemv = rl_gemv_find(format, RL_PANELS, RL_CPU_NEON)->run;
    const rl_matrix panels = {format, RL_PANELS, m, k, w};
    for (size_t r = 0; r < m; r += RL_PANEL_ROWS) {
        const size_t rows = m - r < RL_PANEL_ROWS ? m - r : RL_PANEL_ROWS;
        for (size_t t = 0; t < n; t++)
            gemv(y + t * ldy + r, rl_matrix_row(&panels, r), (const char *)x + t * x_stride, rows, k);
    }
}

/* The kernel of a format. */
#define KERNEL(FORMAT, format)                                                                               \
    static void gemm_##format(float *restrict y, size_t ldy, const void *restrict w, const void *restrict x, \
                              size_t x_stride, size_t m, size_t n, size_t k)                                 \
    {                                                                                                        \
        gemm_panels(y, ldy, w, x, x_stride, m, n, k, FORMAT);                                                \
    }
KERNEL(RL_F32, f32)
KERNEL(RL_F16, f16)
KERNEL(RL_BF16, bf16)
KERNEL(RL_Q8_0, q8_0)
KERNEL(RL_Q4_0, q4_0)
KERNEL(RL_Q4_1, q4_1)
KERNEL(RL_Q5_0, q5_0)
KERNEL(RL_Q5_1, q5_1)
KERNEL(RL_Q2_K, q2_K)
KERNEL(RL_Q3_K, q3_K)
KERNEL(RL_Q4_K, q4_K)
KERNEL(RL_Q5_K, q5_K)
KERNEL(RL_Q6_K, q6_K)
#undef KERNEL

static const rl_gemm rows[] = {
    {{"gemm_f32_neon", RL_NEON, RL_CPU_NEON},  RL_F32,  RL_PANELS, RL_ACT_F32, gemm_f32 },
    {{"gemm_f16_neon", RL_NEON, RL_CPU_NEON},  RL_F16,  RL_PANELS, RL_ACT_F32, gemm_f16 },
    {{"gemm_bf16_neon", RL_NEON, RL_CPU_NEON}, RL_BF16, RL_PANELS, RL_ACT_F32, gemm_bf16},
    {{"gemm_q8_0_neon", RL_NEON, RL_CPU_NEON}, RL_Q8_0, RL_PANELS, RL_ACT_Q8,  gemm_q8_0},
    {{"gemm_q4_0_neon", RL_NEON, RL_CPU_NEON}, RL_Q4_0, RL_PANELS, RL_ACT_Q8,  gemm_q4_0},
    {{"gemm_q4_1_neon", RL_NEON, RL_CPU_NEON}, RL_Q4_1, RL_PANELS, RL_ACT_Q8,  gemm_q4_1},
    {{"gemm_q5_0_neon", RL_NEON, RL_CPU_NEON}, RL_Q5_0, RL_PANELS, RL_ACT_Q8,  gemm_q5_0},
    {{"gemm_q5_1_neon", RL_NEON, RL_CPU_NEON}, RL_Q5_1, RL_PANELS, RL_ACT_Q8,  gemm_q5_1},
    {{"gemm_q2_K_neon", RL_NEON, RL_CPU_NEON}, RL_Q2_K, RL_PANELS, RL_ACT_Q8K, gemm_q2_K},
    {{"gemm_q3_K_neon", RL_NEON, RL_CPU_NEON}, RL_Q3_K, RL_PANELS, RL_ACT_Q8K, gemm_q3_K},
    {{"gemm_q4_K_neon", RL_NEON, RL_CPU_NEON}, RL_Q4_K, RL_PANELS, RL_ACT_Q8K, gemm_q4_K},
    {{"gemm_q5_K_neon", RL_NEON, RL_CPU_NEON}, RL_Q5_K, RL_PANELS, RL_ACT_Q8K, gemm_q5_K},
    {{"gemm_q6_K_neon", RL_NEON, RL_CPU_NEON}, RL_Q6_K, RL_PANELS, RL_ACT_Q8K, gemm_q6_K},
};
const rl_gemm_table rl_gemm_neon = {rows, RL_COUNT(rows)};
