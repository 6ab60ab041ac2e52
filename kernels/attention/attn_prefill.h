/* attn_prefill.h - causal attention of a prompt: n new tokens over a cache that already holds them.
 *
 *   for each token i and query head h:
 *   out[i][h] = sum_{t <= n_past + i} softmax_t(scale * q[i][h] . K[g][t]) * V[g][t],   g = h / group
 *
 *   q    [n][n_head][head_dim] f32   rotated
 *   K, V [n_head_kv] planes of positions, as in attn_decode.h: f16, bf16, or q8_0 blocks
 *   out  [n][n_head][head_dim] f32   overwritten; overlaps none of the others
 *
 * Queries are cut into tiles of tokens; a unit of work is a KV head and a tile, with all query heads of the group
 * at once: tile * group rows meet each key. A unit walks the cache in blocks of RL_ATTN_KEYS positions, turns a
 * block of K and V into floats once for all its rows, and keeps an online softmax of each row. Rows go through a
 * kernel some at a time (64 in the avx512 tier), and keys four at a time: what lies above the diagonal for all rows
 * that go together is not computed, but for up to three keys more. A row's result depends on q, its keys and its
 * values alone: it is the same to the bit for every n, tile, number of threads and order of the units, and whatever
 * the keys and values of later tokens are, infinities and NaNs included.
 *
 * head_dim is a multiple of 32, at most RL_ATTN_MAX_DIM; group at most RL_ATTN_MAX_GROUP; n, tile >= 1;
 * n_past + n at most 2^24, for kernels compare positions as floats.
 * K and V aligned to 2 bytes; finite, for the bound to hold. Reads positions 0 to n_past + n - 1 of each plane and
 * no others (guard-page tested). Precision: the bound of attn_decode.h, with n_past + i + 1 for its n (derived in
 * tests/test_attn_prefill.c). Errors: none at run time. Source: Dao et al., FlashAttention-2. */
#ifndef RL_ATTN_PREFILL_H
#define RL_ATTN_PREFILL_H

#include "attention/attn_decode.h"

enum { RL_ATTN_KEYS = 64 };

/* A KV head's planes from position 0 on. */
typedef struct {
    const void *k, *v;
    rl_format format;
} rl_attn_planes;

/* One unit: a tile of n tokens at positions past, past + 1, ... q and out: the first token's first head of the
 * group, tokens n_head * head_dim apart; scratch as stated below. */
typedef void rl_attn_prefill_fn(float *restrict out, const float *restrict q, const rl_attn_planes *kv,
                                const rl_attn_shape *shape, size_t n, size_t past, float *restrict scratch);

typedef struct {
    rl_kernel base;
    rl_format kv_format;
    rl_attn_prefill_fn *unit;
} rl_attn_prefill;

const rl_attn_prefill *rl_attn_prefill_find(rl_format kv_format, uint32_t cpu);
const rl_attn_prefill *rl_attn_prefill_at(size_t i);

/* A prompt's attention as a team runs it. */
typedef struct {
    const rl_attn_prefill *kernel;
    rl_attn_shape shape;
    const float *q;
    const void *k, *v;
    size_t plane_bytes; /* from one KV head's plane to the next */
    size_t n, n_past;
    size_t tile; /* tokens a unit */
    float *out;
} rl_attn_prefill_job;

/* The tile to take where there is no reason for another: enough rows that turning a block of K and V into floats
 * costs little beside them, few enough that what a unit keeps stays in the second-level cache: 180 KiB at head_dim
 * 64, 340 KiB at 128; the 660 KiB at 256 are more than some processors have. */
size_t rl_attn_prefill_tile(const rl_attn_shape *shape);

/* What each thread needs for itself, RL_LINE aligned, for tiles of at most `tile` tokens. */
size_t rl_attn_prefill_scratch_bytes(const rl_attn_shape *shape, size_t tile);

/* The units of a job, in any order and on any thread: those of the last tile first, which has the most keys (but may
 * be short), then those of the tile before it, and so on: long ones first keeps the threads' ends together. */
size_t rl_attn_prefill_units(const rl_attn_prefill_job *job);
void rl_attn_prefill_unit(const rl_attn_prefill_job *job, size_t unit, float *scratch);

/* A rank's share of them, dealt out in turn. */
void rl_attn_prefill_share(const rl_attn_prefill_job *job, size_t rank, size_t ranks, float *scratch);

typedef struct {
    const rl_attn_prefill *rows;
    size_t n;
} rl_attn_prefill_table;
extern const rl_attn_prefill_table rl_attn_prefill_scalar, rl_attn_prefill_avx2, rl_attn_prefill_avx512,
    rl_attn_prefill_neon;

#endif
