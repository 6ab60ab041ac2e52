/* attn_decode.h - attention of one new token over a cached context, with grouped queries.
 *
 *   for each query head h:  out[h] = sum_t softmax_t(scale * q[h] . K[g][t]) * V[g][t],   g = h / group
 *
 *   q    [n_head][head_dim] f32     rotated
 *   K, V [n_head_kv][...][head_dim] one plane a KV head, positions one after another: a plane is one stream. f16, bf16
 *                                   or q8_0 (head_dim / 32 blocks a position); arithmetic is in f32 with all of them,
 *                                   but for the scores where rounds_query says so
 *   out  [n_head][head_dim] f32
 * group = n_head / n_head_kv query heads share a KV head and the reading of its planes.
 *
 * The context is cut into parts of RL_ATTN_PART positions, whatever the number of threads: a part is one call
 * of `part`, which leaves an unnormalised result (online softmax); `merge` joins the parts of a KV head in
 * order. So the result is the same to the bit for every number of threads.
 *
 *   part [group][stride] f32        stride = rl_attn_stride(head_dim):
 *                                   sum of exp(s - m) V [head_dim], then m, then sum of exp(s - m)
 * m is max s, or up to RL_ATTN_SLACK less: see below.
 *
 * head_dim is a multiple of 32, at most RL_ATTN_MAX_DIM; group at most RL_ATTN_MAX_GROUP; n >= 1 positions.
 * K and V finite, aligned to 2 bytes. Reads exactly the positions named (guard-page tested).
 * Precision against exact arithmetic on the same K and V, with S = max_t |scale| sum_i |q_i K_ti|:
 *   |out - exact| <= ((head_dim + 8) S + 5 n + 16) FLT_EPSILON max_t |V_t|   (derived in tests/test_attn_decode.c)
 * A kernel that rounds the query to 16 bits (see attn_q8_avx512.h) adds A / 32000 max_t |V_t|, with
 *   A = max_t |scale| sum_b max_i |q_bi| sum_i |K_tbi|   over the blocks b of 32 dimensions
 * On normal numbers that is 2e-5 of the result in the L2 norm, where the gate of quality is 1e-3 and q8_0 itself
 * has moved the scores by 5e-3.
 * Errors: none at run time. Source: Dao et al., FlashAttention; split-KV as in Flash-Decoding. */
#ifndef RL_ATTN_DECODE_H
#define RL_ATTN_DECODE_H

#include "base/format.h"
#include "base/kernel.h"
#include "base/mem.h"

enum { RL_ATTN_PART = 256, RL_ATTN_MAX_DIM = 256, RL_ATTN_MAX_GROUP = 32 };

/* A score that is larger than all before it by no more than this does not become the maximum: its weight is then up
 * to e^8, which a float holds as well as 1, and what was summed need not shrink. So after the first positions of a part
 * there hardly is a new maximum, and no branch on it that goes the unexpected way. */
#define RL_ATTN_SLACK 8.0f

typedef struct {
    size_t n_head, n_head_kv, head_dim;
    float scale; /* usually 1 / sqrt(head_dim) */
} rl_attn_shape;

static inline size_t rl_attn_group(const rl_attn_shape *s) { return s->n_head / s->n_head_kv; }
static inline size_t rl_attn_stride(size_t head_dim) { return rl_round_up(head_dim + 2, 16); }

/* q: the group's query heads [group][head_dim]; k, v: the first position of the part in the KV head's planes. */
typedef void rl_attn_part_fn(float *restrict part, const float *restrict q, const void *restrict k,
                             const void *restrict v, const rl_attn_shape *shape, size_t n);
/* out [group][head_dim]; parts [n_parts][group][stride]. */
typedef void rl_attn_merge_fn(float *restrict out, const float *restrict parts, const rl_attn_shape *shape,
                              size_t n_parts);

typedef struct {
    rl_kernel base;
    rl_format kv_format;
    bool rounds_query; /* to 16 bits, for integer dot products */
    rl_attn_part_fn *part;
    rl_attn_merge_fn *merge;
} rl_attn_decode;

const rl_attn_decode *rl_attn_decode_find(rl_format kv_format, uint32_t cpu);
const rl_attn_decode *rl_attn_decode_at(size_t i);

/* One token's attention as a team runs it: each rank takes its share of all (KV head, part) pairs, the ranks
 * meet at the caller's barrier, then each merges its share of the KV heads.
 *   k, v     the planes of all KV heads, `plane_bytes` apart
 *   scratch  rl_attn_scratch_bytes(shape, n_ctx, tile), RL_LINE aligned, shared by all ranks
 * Phase 1 is rl_attn_decode_parts, phase 2 rl_attn_decode_merge; between them a barrier. */
typedef struct {
    const rl_attn_decode *kernel;
    rl_attn_shape shape;
    const float *q;
    const void *k, *v;
    size_t plane_bytes;
    size_t n_ctx; /* positions to attend to, the new token's own included */
    size_t tile;  /* positions of a part, 0: RL_ATTN_PART, as everybody takes who wants everybody's bits */
    float *scratch;
    float *out;
} rl_attn_job;

size_t rl_attn_scratch_bytes(const rl_attn_shape *shape, size_t n_ctx, size_t tile);
void rl_attn_decode_parts(const rl_attn_job *job, size_t rank, size_t ranks);
void rl_attn_decode_merge(const rl_attn_job *job, size_t rank, size_t ranks);

/* One KV head from beginning to end, on the caller's own: for the tokens of a prompt, which wait for nobody.
 * Here `scratch` is the caller's alone and a head's share long: rl_attn_scratch_bytes / n_head_kv. The same bits. */
void rl_attn_decode_head(const rl_attn_job *job, size_t head);

typedef struct {
    const rl_attn_decode *rows;
    size_t n;
} rl_attn_decode_table;
extern const rl_attn_decode_table rl_attn_decode_scalar, rl_attn_decode_avx2, rl_attn_decode_avx512,
    rl_attn_decode_neon;

#endif
