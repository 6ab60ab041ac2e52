/* gemv_scalar.c - the specification: one row at a time, block after block, each adding its term (gemv_term.h). */
#include "gemv/gemv.h"
#include "gemv/gemv_term.h"

/* One body for all: `format` and `term` are constants where it is called, and inlined. */
static inline __attribute__((always_inline)) void gemv_rows(float *restrict y, const void *restrict w,
                                                            const void *restrict x, size_t m, size_t k,
                                                            rl_format format, rl_gemv_term *term)
{
    const rl_act_view a = rl_act_open(rl_act_for(format), x, k);
    const size_t block_bytes = rl_format_table[format].block_bytes;
    const size_t blocks = k / rl_format_table[format].block_elems;
    const char *block = w;
    for (size_t r = 0; r < m; r++) {
        float sum = 0;
        for (size_t b = 0; b < blocks; b++, block += block_bytes) sum += term(block, &a, b);
        y[r] = sum;
    }
}

/* The kernel of a format. */
#define KERNEL(FORMAT, format)                                                                               \
    static void gemv_##format(float *restrict y, const void *restrict w, const void *restrict x, size_t m,   \
                              size_t k)                                                                      \
    {                                                                                                        \
        gemv_rows(y, w, x, m, k, FORMAT, rl_term_##format);                                                  \
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

static const rl_gemv rows[] = {
    {{"gemv_f32_scalar", RL_SCALAR, 0},  RL_F32,  RL_ROWS, RL_ACT_F32, gemv_f32 },
    {{"gemv_f16_scalar", RL_SCALAR, 0},  RL_F16,  RL_ROWS, RL_ACT_F32, gemv_f16 },
    {{"gemv_bf16_scalar", RL_SCALAR, 0}, RL_BF16, RL_ROWS, RL_ACT_F32, gemv_bf16},
    {{"gemv_q8_0_scalar", RL_SCALAR, 0}, RL_Q8_0, RL_ROWS, RL_ACT_Q8,  gemv_q8_0},
    {{"gemv_q4_0_scalar", RL_SCALAR, 0}, RL_Q4_0, RL_ROWS, RL_ACT_Q8,  gemv_q4_0},
    {{"gemv_q4_1_scalar", RL_SCALAR, 0}, RL_Q4_1, RL_ROWS, RL_ACT_Q8,  gemv_q4_1},
    {{"gemv_q5_0_scalar", RL_SCALAR, 0}, RL_Q5_0, RL_ROWS, RL_ACT_Q8,  gemv_q5_0},
    {{"gemv_q5_1_scalar", RL_SCALAR, 0}, RL_Q5_1, RL_ROWS, RL_ACT_Q8,  gemv_q5_1},
    {{"gemv_q2_K_scalar", RL_SCALAR, 0}, RL_Q2_K, RL_ROWS, RL_ACT_Q8K, gemv_q2_K},
    {{"gemv_q3_K_scalar", RL_SCALAR, 0}, RL_Q3_K, RL_ROWS, RL_ACT_Q8K, gemv_q3_K},
    {{"gemv_q4_K_scalar", RL_SCALAR, 0}, RL_Q4_K, RL_ROWS, RL_ACT_Q8K, gemv_q4_K},
    {{"gemv_q5_K_scalar", RL_SCALAR, 0}, RL_Q5_K, RL_ROWS, RL_ACT_Q8K, gemv_q5_K},
    {{"gemv_q6_K_scalar", RL_SCALAR, 0}, RL_Q6_K, RL_ROWS, RL_ACT_Q8K, gemv_q6_K},
};
const rl_gemv_table rl_gemv_scalar = {rows, RL_COUNT(rows)};
