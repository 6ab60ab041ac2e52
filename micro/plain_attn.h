/* plain_attn.h - what attention kernels are compared with in the same run, and the columns that say how they fare.
 *
 * The plain arm is attention as it is without grouped queries: keys and values in f16, one query head and one token
 * at a time, so that each query head reads its KV head's planes again. It runs the decode kernel of the same tier, on
 * one head after the other: vectorised as well as its opponent, and lacking only what is to be measured. It runs right
 * after each repetition, outside of its timed window and on the same threads, on keys and values as hot or as cold.
 *
 * Columns, of one layer's attention:
 *   tokens_per_s, baseline_tokens_per_s, speedup    the kernel, the plain arm, and the one over the other, in CPU time
 *                          of each thread for its share; the mean of the threads
 *   l2_diff                L2 norm of the difference from the scalar kernel, as a part of the result's
 *   scratch_ratio          scratch of all threads over that of attention which writes its scores down
 *   tile_tokens            what a step takes at once: tokens (prefill), positions (decode)
 *   acc_width              bits of an accumulator
 *   has_avx2, has_vnni     1 where the tier has them
 *   l2_bytes_per_token     bytes of keys and values that the kernel asks for, as counted, not as measured
 * A scalar kernel goes by one head at a time itself and has no opponent; its two columns are empty. */
#ifndef RL_PLAIN_ATTN_H
#define RL_PLAIN_ATTN_H

#include "attention/attn_decode.h"
#include "perf/bench.h"

/* Keys and values in f16, as both benches make them: first all keys, head by head, then all values. */
typedef struct {
    rl_attn_shape shape;
    const rl_attn_decode *kernel;
    size_t plane_bytes, n_plane; /* of one KV head's plane; positions in it */
} rl_plain_attn;

/* The scratch that a call needs. */
size_t rl_plain_attn_scratch_bytes(const rl_plain_attn *a);

/* One token's query heads `first`, first + step, ... over the first n_ctx positions. q, out [n_head][head_dim]. */
void rl_plain_attn_token(const rl_plain_attn *a, float *out, const float *q, const char *kv, size_t n_ctx,
                         size_t first, size_t step, float *scratch);

typedef struct {
    double tokens; /* of an iteration */
    double kernel_ns,
        plain_ns; /* of this thread for an iteration's tokens; plain_ns 0: there is no plain arm */
    double l2_diff, scratch_ratio, tile_tokens, l2_bytes_per_token;
    rl_isa isa;
} rl_attn_columns;

void rl_attn_columns_set(rl_state *st, const rl_attn_columns *c);

/* Tokens of a tile that --tile-tokens takes at most. */
enum { RL_ATTN_TILE_MAX = 65536 };

/* The value of a flag, from 1 to `most`; 0 for "". False, with the reason told, for what is no such number. */
bool rl_attn_flag_number(rl_suite *suite, const rl_flag *flag, size_t most, size_t *out, int *exit_code);

/* [n_head_kv][n_ctx][head_dim] seeded normal keys and the same of values as rows of `format`: what `bytes` says there
 * are of. NULL without memory; freed with rl_free. */
void *rl_attn_make_kv(rl_format format, const rl_attn_shape *shape, size_t n_ctx, size_t *bytes);

/* The thread's own time. What somebody else takes away of a few milliseconds, it takes from one arm alone. */
static inline double rl_cpu_now_ns(void)
{
    return (double)rl_clock_system.thread_cpu_ns(rl_clock_system.ctx);
}

#endif
