/* gemv_panels_scalar.c - the same specification over panels: a row is taken out of its panel block by block, and each
 * block adds the term that it adds where rows are stored as such. So the results are those of gemv_scalar.c, bit for
 * bit, whatever the format; it is there to be right, and nobody's choice for speed. */
#include "gemv/gemv.h"
#include "gemv/gemv_term.h"

enum { FLOATS = 32, BLOCK_BYTES_MAX = sizeof(rl_q6_K) };

/* A panel's block of a float format is 32 values, which are 32 terms; any other has one. */
static inline __attribute__((always_inline)) void gemv_panels(float *restrict y, const void *restrict w,
                                                              const void *restrict x, size_t m, size_t k,
                                                              rl_format format, rl_gemv_term *term)
{
    const rl_act_view a = rl_act_open(rl_act_for(format), x, k);
    const rl_format_info *info = &rl_format_table[format];
    const rl_matrix matrix = {format, RL_PANELS, m, k, w};
    const size_t terms = k / info->block_elems, per_block = info->block_elems == 1 ? FLOATS : 1;
    _Alignas(4) char block[BLOCK_BYTES_MAX];
    for (size_t r = 0; r < m; r++) {
        const void *panel = rl_matrix_row(&matrix, r / RL_PANEL_ROWS * RL_PANEL_ROWS);
        float sum = 0;
        for (size_t t = 0; t < terms; t++) {
            if (t % per_block == 0) rl_panel_block(block, panel, format, r % RL_PANEL_ROWS, t / per_block);
            sum += term(block + t % per_block * info->block_bytes, &a, t);
        }
        y[r] = sum;
    }
}

/* The kernel of a format. */
#define KERNEL(FORMAT, format)                                                                               \
    static void gemv_##format(float *restrict y, const void *restrict w, const void *restrict x, size_t m,   \
                              size_t k)                                                                      \
    {                                                                                                        \
        gemv_panels(y, w, x, m, k, FORMAT, rl_term_##format);                                                \
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
    {{"gemv_f32_panels_scalar", RL_SCALAR, 0},  RL_F32,  RL_PANELS, RL_ACT_F32, gemv_f32 },
    {{"gemv_f16_panels_scalar", RL_SCALAR, 0},  RL_F16,  RL_PANELS, RL_ACT_F32, gemv_f16 },
    {{"gemv_bf16_panels_scalar", RL_SCALAR, 0}, RL_BF16, RL_PANELS, RL_ACT_F32, gemv_bf16},
    {{"gemv_q8_0_panels_scalar", RL_SCALAR, 0}, RL_Q8_0, RL_PANELS, RL_ACT_Q8,  gemv_q8_0},
    {{"gemv_q4_0_panels_scalar", RL_SCALAR, 0}, RL_Q4_0, RL_PANELS, RL_ACT_Q8,  gemv_q4_0},
    {{"gemv_q4_1_panels_scalar", RL_SCALAR, 0}, RL_Q4_1, RL_PANELS, RL_ACT_Q8,  gemv_q4_1},
    {{"gemv_q5_0_panels_scalar", RL_SCALAR, 0}, RL_Q5_0, RL_PANELS, RL_ACT_Q8,  gemv_q5_0},
    {{"gemv_q5_1_panels_scalar", RL_SCALAR, 0}, RL_Q5_1, RL_PANELS, RL_ACT_Q8,  gemv_q5_1},
    {{"gemv_q2_K_panels_scalar", RL_SCALAR, 0}, RL_Q2_K, RL_PANELS, RL_ACT_Q8K, gemv_q2_K},
    {{"gemv_q3_K_panels_scalar", RL_SCALAR, 0}, RL_Q3_K, RL_PANELS, RL_ACT_Q8K, gemv_q3_K},
    {{"gemv_q4_K_panels_scalar", RL_SCALAR, 0}, RL_Q4_K, RL_PANELS, RL_ACT_Q8K, gemv_q4_K},
    {{"gemv_q5_K_panels_scalar", RL_SCALAR, 0}, RL_Q5_K, RL_PANELS, RL_ACT_Q8K, gemv_q5_K},
    {{"gemv_q6_K_panels_scalar", RL_SCALAR, 0}, RL_Q6_K, RL_PANELS, RL_ACT_Q8K, gemv_q6_K},
};
const rl_gemv_table rl_gemv_panels_scalar = {rows, RL_COUNT(rows)};
