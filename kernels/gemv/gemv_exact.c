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

/* Where a block with a minimum has d, the minimum's scale right after it; SIZE_MAX for all others. Its two parts are
 * exact floats, their sum is not: a block is taken apart by zeroing one of the two. */
static size_t minimum_scales(rl_format f)
{
    switch (f) {
    case RL_Q4_1:
    case RL_Q5_1:
    case RL_Q4_K:
    case RL_Q5_K:
        return 0;
    case RL_Q2_K:
        return offsetof(rl_q2_K, d);
    default:
        return SIZE_MAX;
    }
}

void rl_gemv_exact_row(const rl_gemv *kernel, const void *w, const void *x, size_t k, double *value,
                       double *bound)
{
    const rl_format_info *info = &rl_format_table[kernel->format];
    const size_t scales = minimum_scales(kernel->format);
    rl_dequant_fn *const dequant = rl_dequant_find(kernel->format, 0)->run;
    _Alignas(16) char block[256];
    float part[RL_QK_K];
    double mass = 0;
    *value = 0;
    for (size_t i = 0; i < k; i += info->block_elems)
        for (int pass = 0; pass < (scales != SIZE_MAX ? 2 : 1); pass++) {
            memcpy(block, (const char *)w + i / info->block_elems * info->block_bytes, info->block_bytes);
            if (scales != SIZE_MAX)
                memset(block + scales + (pass == 0 ? sizeof(rl_f16) : 0), 0, sizeof(rl_f16));
            dequant(part, block, info->block_elems);
            for (size_t j = 0; j < info->block_elems; j++) {
                const double product = (double)part[j] * act_value(x, kernel->act, k, i + j);
                *value += product;
                mass += fabs(product);
            }
        }
    *bound = (double)(k / info->block_elems + 8) * (double)FLT_EPSILON * mass;
}
