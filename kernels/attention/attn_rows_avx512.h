/* attn_rows_avx512.h - attn_rows.h for files of the avx512 tier. `format` is a constant where these are called, or
 * costs a branch that always goes the same way. */
#ifndef RL_ATTN_ROWS_AVX512_H
#define RL_ATTN_ROWS_AVX512_H

#include "attention/attn_rows.h"
#include "base/x86_avx512.h"

/* What rl_kv_load16 multiplies the dimensions of i's block by, where the format has blocks. */
static inline __m512 rl_kv_scale16(const char *row, size_t i, rl_format format)
{
    return format == RL_Q8_0 ? rl_broadcast_f16(&rl_kv_block(row, i)->d) : _mm512_setzero_ps();
}

/* The integers of dimensions i to i + 15 of a row of q8_0, unscaled. */
static inline __m512 rl_kv_ints16(const char *row, size_t i)
{
    const __m128i q = _mm_loadu_si128((const __m128i *)(rl_kv_block(row, i)->qs + i % RL_QK));
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(q));
}

/* Dimensions i to i + 15 of a row; i is a multiple of 16. */
static inline __m512 rl_kv_load16(const char *row, size_t i, __m512 scale, rl_format format)
{
    if (format == RL_F16) return rl_load_f16(row + 2 * i, 0xffff);
    if (format == RL_BF16) return rl_load_bf16(row + 2 * i, 0xffff);
    return _mm512_mul_ps(rl_kv_ints16(row, i), scale);
}

/* Dimensions i to i + 7 of one row beside those of another: f16 or bf16. */
static inline __m512 rl_kv_load8_8(const char *a, const char *b, size_t i, rl_format format)
{
    const __m256i low = _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)(a + 2 * i))),
                  both = _mm256_inserti128_si256(low, _mm_loadu_si128((const __m128i *)(b + 2 * i)), 1);
    if (format == RL_F16) return _mm512_cvtph_ps(both);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(both), 16));
}

#endif
