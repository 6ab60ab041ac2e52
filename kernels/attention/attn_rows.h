/* attn_rows.h - rows of a KV cache as floats: f16, bf16 or q8_0, exactly. Plain C; the tiers have headers of their own. */
#ifndef RL_ATTN_ROWS_H
#define RL_ATTN_ROWS_H

#include "base/format.h"

/* The block of q8_0 that dimension i of a row is in. */
static inline const rl_q8_0 *rl_kv_block(const void *row, size_t i)
{
    return (const rl_q8_0 *)row + i / RL_QK;
}

static inline float rl_kv_value(const void *row, size_t i, rl_format format)
{
    switch (format) {
    case RL_F16:
        return rl_f16_to_f32(((const rl_f16 *)row)[i]);
    case RL_BF16:
        return rl_bf16_to_f32(((const rl_bf16 *)row)[i]);
    default:
        return rl_f16_to_f32(rl_kv_block(row, i)->d) * (float)rl_kv_block(row, i)->qs[i % RL_QK];
    }
}

#endif
