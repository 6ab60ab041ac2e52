/* gemv_exact.c - dequantise block by block, multiply and add in double. */
#include "gemv/gemv_exact.h"
#include "quant/dequant.h"

#include <float.h>
#include <math.h>

static double act_value(const void *x, rl_act act, size_t k, size_t i)
{
    if (act == RL_ACT_F32) return (double)((const float *)x)[i];
    const rl_act_view v = rl_act_open(act, x, k);
    return (double)v.d[i / rl_act_block(act)] * (double)v.q[i];
}

/* q4_K and q5_K begin with d and dmin. Their two parts are exact floats, the difference is not: a block is
 * taken apart by zeroing one of the two. */
static bool has_minimum(rl_format f) { return f == RL_Q4_K || f == RL_Q5_K; }

void rl_gemv_exact_row(const rl_gemv *kernel, const void *w, const void *x, size_t k, double *value,
                       double *bound)
{
    const rl_format_info *info = &rl_format_table[kernel->format];
    rl_dequant_fn *const dequant = rl_dequant_find(kernel->format, 0)->run;
    _Alignas(16) char block[256];
    float part[RL_QK_K];
    double mass = 0;
    *value = 0;
    for (size_t i = 0; i < k; i += info->block_elems)
        for (int pass = 0; pass < (has_minimum(kernel->format) ? 2 : 1); pass++) {
            memcpy(block, (const char *)w + i / info->block_elems * info->block_bytes, info->block_bytes);
            if (has_minimum(kernel->format)) memset(block + (pass == 0 ? 2 : 0), 0, 2);
            dequant(part, block, info->block_elems);
            for (size_t j = 0; j < info->block_elems; j++) {
                const double product = (double)part[j] * act_value(x, kernel->act, k, i + j);
                *value += product;
                mass += fabs(product);
            }
        }
    *bound = (double)(k / info->block_elems + 8) * (double)FLT_EPSILON * mass;
}
