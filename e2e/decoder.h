/* decoder.h - runs a Llama model: tokens in, logits out.
 *
 * Opening packs the weights (weights.h), which takes some tenths of a second for 600 MB.
 *
 * One team of threads runs a whole step, every member the same code on its share of the rows, with a barrier
 * where one needs what another made. Results do not depend on the number of threads: rows are independent,
 * and attention is cut by position. All memory is allocated at open; a step cannot fail.
 *
 * A prompt goes through in batches, so that each weight is read from memory once for many tokens. The batch may change
 * the last bits of a result, for one token and several go through different kernels. */
#ifndef RL_DECODER_H
#define RL_DECODER_H

#include "base/kernel.h"
#include "llama.h"

typedef struct {
    size_t threads; /* >= 1 */
    size_t n_ctx;   /* positions to make room for; 0: what the model was trained for */
    size_t batch;   /* tokens of a prompt taken at once; 0: a default that fits the caches */
    uint32_t cpu;   /* RL_CPU_ bits the kernels may use (rl_cpu_from_env) */
    bool pin;       /* bind each thread to a CPU of its own */
    bool no_pack;   /* multiply by the file's rows instead of panels packed at open */
} rl_decoder_options;

typedef struct rl_decoder rl_decoder;

/* The decoder borrows the model, which must outlive it.
 * Errors: RL_ERR_ARG for options out of range, RL_ERR_MEMORY, RL_ERR_IO where threads cannot start. */
rl_status rl_decoder_open(rl_decoder **decoder, const rl_llama *model, const rl_decoder_options *options,
                          rl_error *err);
void rl_decoder_close(rl_decoder *decoder);

/* Appends n tokens (n >= 1) to the context and computes the logits that follow the last of them:
 * logits [n_vocab], or where all_logits is set [n][n_vocab], one row a token.
 * Errors: RL_ERR_ARG for a token outside the vocabulary or a context that would overflow; nothing has changed then. */
rl_status rl_decoder_eval(rl_decoder *decoder, const uint32_t *tokens, size_t n, float *logits,
                          bool all_logits, rl_error *err);

/* How many positions the context holds, and forgetting all from `n_past` on. */
size_t rl_decoder_n_past(const rl_decoder *decoder);
void rl_decoder_rewind(rl_decoder *decoder, size_t n_past);

size_t rl_decoder_n_ctx(const rl_decoder *decoder);
size_t rl_decoder_threads(const rl_decoder *decoder);
bool rl_decoder_pinned(const rl_decoder *decoder);

/* Memory the decoder itself holds, in bytes: KV cache, and everything else. */
size_t rl_decoder_kv_bytes(const rl_decoder *decoder);
size_t rl_decoder_work_bytes(const rl_decoder *decoder);

/* Packed weights, and how much of them the system backs with huge pages now (slow: for reports). */
size_t rl_decoder_packed_bytes(const rl_decoder *decoder);
size_t rl_decoder_huge_bytes(const rl_decoder *decoder);
double rl_decoder_pack_ms(const rl_decoder *decoder); /* what packing them took */

/* The kernel that multiplies by most of the weights when a token is made: "gemv_q4_0_panels_avx512". */
const rl_kernel *rl_decoder_kernel(const rl_decoder *decoder);

#endif
