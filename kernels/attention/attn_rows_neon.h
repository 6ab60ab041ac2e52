/* attn_rows_neon.h - attn_rows.h for files of the neon tier. `format` is a constant where these are called, or costs a
 * branch that always goes the same way. */
#ifndef RL_ATTN_ROWS_NEON_H
#define RL_ATTN_ROWS_NEON_H

#include "attention/attn_rows.h"
#include "base/arm_neon.h"

/* What rl_kv_load4 multiplies the dimensions of i's block by, where the format has blocks. */
static inline float rl_kv_scale4(const char *row, size_t i, rl_format format)
{
    return format == RL_Q8_0 ? rl_one_f16(&rl_kv_block(row, i)->d) : 0;
}

/* Dimensions i to i + 3 of a row; i is a multiple of 4. */
static inline float32x4_t rl_kv_load4(const char *row, size_t i, float scale, rl_format format)
{
    if (format == RL_F16) return rl_load_f16x4(row + 2 * i);
    if (format == RL_BF16) return rl_load_bf16x4(row + 2 * i);
    int32_t four;
    memcpy(&four, rl_kv_block(row, i)->qs + i % RL_QK, sizeof four);
    const int8x8_t q = vreinterpret_s8_s32(vdup_n_s32(four));
    return vmulq_n_f32(vcvtq_f32_s32(vmovl_s16(vget_low_s16(vmovl_s8(q)))), scale);
}

#endif
