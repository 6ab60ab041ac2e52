/* attn_rows_avx2.h - attn_rows.h for files of the avx2 tier. `format` is a constant where these are called, or costs a
 * branch that always goes the same way. */
#ifndef RL_ATTN_ROWS_AVX2_H
#define RL_ATTN_ROWS_AVX2_H

#include "attention/attn_rows.h"
#include "base/x86_avx2.h"

/* What rl_kv_load8 multiplies the dimensions of i's block by, where the format has blocks. */
static inline __m256 rl_kv_scale8(const char *row, size_t i, rl_format format)
{
    return format == RL_Q8_0 ? rl_broadcast_f16_256(&rl_kv_block(row, i)->d) : _mm256_setzero_ps();
}

/* Dimensions i to i + 7 of a row; i is a multiple of 8. */
static inline __m256 rl_kv_load8(const char *row, size_t i, __m256 scale, rl_format format)
{
    if (format == RL_F16) return rl_load_f16_256(row + 2 * i);
    if (format == RL_BF16) return rl_load_bf16_256(row + 2 * i);
    const __m128i q = _mm_loadl_epi64((const __m128i *)(rl_kv_block(row, i)->qs + i % RL_QK));
    return _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(q)), scale);
}

#endif
