/* act.h - activations as the matrix kernels read them: quantised once per token and shared by every row.
 *
 * The 8-bit layouts are split into sections, each on its own cache line, so that kernels load whole aligned
 * vectors (a GGUF block of 34 bytes never starts on one):
 *
 *   RL_ACT_F32  float x[k]
 *   RL_ACT_Q8   int8 q[k] | float d[k/32]  | int32 s[k/32]     x ~ d * q, s the sum of the block's 32 q
 *   RL_ACT_Q8K  int8 q[k] | float d[k/256] | int16 s[k/16]     one scale for 256, sums of 16
 *
 * A block with an infinity or a NaN in it is void: d = NaN, q and s all 0. Whatever is computed from it is NaN,
 * and not a number that means nothing.
 *
 * Q8 goes with the formats of 32 values a block, Q8K with the K formats: the same rounding as ggml's q8_0 and
 * q8_K activations, except that d stays a float. k is a multiple of the block length; buffers are RL_LINE
 * aligned and rl_act_bytes long. */
#ifndef RL_ACT_H
#define RL_ACT_H

#include "base/format.h"
#include "base/mem.h"

#include <math.h>
#include <string.h>

typedef enum { RL_ACT_F32, RL_ACT_Q8, RL_ACT_Q8K, RL_ACT_COUNT } rl_act;

/* Magnitudes that an 8-bit block treats as zero: 127 / RL_ACT_TINY is still a float. */
#define RL_ACT_TINY 0x1p-100f

/* The activations that go with a weight format. */
static inline rl_act rl_act_for(rl_format w)
{
    if (w == RL_F32 || w == RL_F16 || w == RL_BF16) return RL_ACT_F32;
    return rl_format_table[w].block_elems == RL_QK_K ? RL_ACT_Q8K : RL_ACT_Q8;
}

static inline const char *rl_act_name(rl_act a)
{
    static const char *const names[RL_ACT_COUNT] = {"f32", "q8", "q8k"};
    return names[a];
}

static inline size_t rl_act_block(rl_act a) { return a == RL_ACT_F32 ? 1 : a == RL_ACT_Q8 ? RL_QK : RL_QK_K; }

/* Offsets of the sections, in bytes. q is at 0. */
static inline size_t rl_act_d_offset(size_t k) { return rl_round_up(k, RL_LINE); }
static inline size_t rl_act_s_offset(rl_act a, size_t k)
{
    return rl_act_d_offset(k) + rl_round_up(k / rl_act_block(a) * sizeof(float), RL_LINE);
}

static inline size_t rl_act_bytes(rl_act a, size_t k)
{
    if (a == RL_ACT_F32) return rl_round_up(k * sizeof(float), RL_LINE);
    size_t sums = a == RL_ACT_Q8 ? k / 32 * sizeof(int32_t) : k / 16 * sizeof(int16_t);
    return rl_act_s_offset(a, k) + rl_round_up(sums, RL_LINE);
}

/* The sections of a buffer. Borrowed pointers into x. */
typedef struct {
    const int8_t *q;
    const float *d;
    const void *s;
} rl_act_view;

static inline rl_act_view rl_act_open(rl_act a, const void *x, size_t k)
{
    const char *p = x;
    return (rl_act_view){(const int8_t *)p, (const float *)(p + rl_act_d_offset(k)),
                         p + rl_act_s_offset(a, k)};
}

/* What the quantisers make of block b of an 8-bit buffer of k where a value is not finite. */
static inline void rl_act_void(rl_act a, void *x, size_t k, size_t b)
{
    char *p = x;
    const size_t q = rl_act_block(a), s = a == RL_ACT_Q8 ? sizeof(int32_t) : q / 16 * sizeof(int16_t);
    memset(p + b * q, 0, q);
    ((float *)(p + rl_act_d_offset(k)))[b] = NAN;
    memset(p + rl_act_s_offset(a, k) + b * s, 0, s);
}

/* Voids every block with a -128 among its q: the mark that vector quantisers leave, for finite values end at
 * -127. Rare, and so kept out of their loops. */
static __attribute__((cold, noinline, unused)) void rl_act_void_least(rl_act a, void *x, size_t k)
{
    const size_t n = rl_act_block(a);
    for (size_t b = 0; b < k / n; b++)
        if (memchr((const char *)x + b * n, 0x80, n) != NULL) rl_act_void(a, x, k, b);
}

#endif
