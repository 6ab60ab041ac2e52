/* gemm_scalar.c - the specification: a product with n tokens is n products with one (gemv_scalar.c), and nothing else. */
#include "gemm/gemm.h"
#include "gemv/gemv.h"

static void gemm_tokens(float *restrict y, size_t ldy, const void *restrict w, const void *restrict x,
                        size_t x_stride, size_t m, size_t n, size_t k, rl_format format)
{
    rl_gemv_fn *const gemv = rl_gemv_find(format, RL_ROWS, 0)->run;
    for (size_t t = 0; t < n; t++) gemv(y + t * ldy, w, (const char *)x + t * x_stride, m, k);
}

/* The kernel of a format. */
#define KERNEL(FORMAT, format)                                                                               \
    static void gemm_##format(float *restrict y, size_t ldy, const void *restrict w, const void *restrict x, \
                              size_t x_stride, size_t m, size_t n, size_t k)                                 \
    {                                                                                                        \
        gemm_tokens(y, ldy, w, x, x_stride, m, n, k, FORMAT);                                                \
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
    {{"gemm_f32_scalar", RL_SCALAR, 0},  RL_F32,  RL_ROWS, RL_ACT_F32, gemm_f32 },
    {{"gemm_f16_scalar", RL_SCALAR, 0},  RL_F16,  RL_ROWS, RL_ACT_F32, gemm_f16 },
    {{"gemm_bf16_scalar", RL_SCALAR, 0}, RL_BF16, RL_ROWS, RL_ACT_F32, gemm_bf16},
    {{"gemm_q8_0_scalar", RL_SCALAR, 0}, RL_Q8_0, RL_ROWS, RL_ACT_Q8,  gemm_q8_0},
    {{"gemm_q4_0_scalar", RL_SCALAR, 0}, RL_Q4_0, RL_ROWS, RL_ACT_Q8,  gemm_q4_0},
    {{"gemm_q4_1_scalar", RL_SCALAR, 0}, RL_Q4_1, RL_ROWS, RL_ACT_Q8,  gemm_q4_1},
    {{"gemm_q5_0_scalar", RL_SCALAR, 0}, RL_Q5_0, RL_ROWS, RL_ACT_Q8,  gemm_q5_0},
    {{"gemm_q5_1_scalar", RL_SCALAR, 0}, RL_Q5_1, RL_ROWS, RL_ACT_Q8,  gemm_q5_1},
    {{"gemm_q2_K_scalar", RL_SCALAR, 0}, RL_Q2_K, RL_ROWS, RL_ACT_Q8K, gemm_q2_K},
    {{"gemm_q3_K_scalar", RL_SCALAR, 0}, RL_Q3_K, RL_ROWS, RL_ACT_Q8K, gemm_q3_K},
    {{"gemm_q4_K_scalar", RL_SCALAR, 0}, RL_Q4_K, RL_ROWS, RL_ACT_Q8K, gemm_q4_K},
    {{"gemm_q5_K_scalar", RL_SCALAR, 0}, RL_Q5_K, RL_ROWS, RL_ACT_Q8K, gemm_q5_K},
    {{"gemm_q6_K_scalar", RL_SCALAR, 0}, RL_Q6_K, RL_ROWS, RL_ACT_Q8K, gemm_q6_K},
};
const rl_gemm_table rl_gemm_scalar = {rows, RL_COUNT(rows)};
