/* synth.h - synthetic Llama models: GGUF files of the true shape, formats and size, with weights that are
 * made up. What a kernel does depends on shapes and formats, not on what the weights have learnt; a file that
 * anyone can make in seconds needs no download and no licence.
 *
 * The numbers
 *   Every weight is a function of (seed, tensor, row, column) alone: a counter-based hash, four 16-bit
 * uniforms added up (nearly normal), one multiplication. No libm, no state: a file is the same to the byte
 * whatever the number of threads, the compiler and the machine, and its formats hold the same model.
 *
 *   Scales keep activations in range at any depth. Embeddings have a standard deviation of 0.02, as trained
 *   ones do (small enough for the epsilon of the first norm to show). Projections have 1 / sqrt(columns), so
 *   that unit input gives unit output; attn_q and attn_k a little more, so that attention scores spread by
 *   about 2 and a head looks at few positions rather than at the mean of all. Projections that write into the
 *   residual stream have 1.6 * 0.02 / sqrt(2 layers * columns): all layers together weigh about
 *   as much as the embedding, whatever their number. Norm weights are 1 with a spread of 0.1.
 *
 *   Predictions are peaked, as a trained model's are. With unrelated output rows the 32,000 logits would be
 * so close together that rounding decides which is largest, and two correct engines would disagree on greedy
 *   text. So the pieces of normal text are put on one seeded cycle, t -> succ(t), and the output row of
 *   succ(t) is noise plus the embedding of t, times a strength of its own. The last hidden state still has
 *   the embedding of the last token in it (the layers have turned it by some 40 degrees), so succ(t) is the
 *   likely next token, with a probability between next to nothing and next to 1, one half on average; where
 *   its strength is small, context decides. Greedy text walks the cycle and jumps now and then. Control,
 *   byte and unknown pieces have faint rows and do not come up.
 *
 * The formats are mixed tensor by tensor as llama.cpp's quantizer mixes them, so that sizes and the bytes
 * read per token are those of the published files. Source: llama_tensor_get_type in llama.cpp. */
#ifndef RL_SYNTH_H
#define RL_SYNTH_H

#include "base/format.h"
#include "base/status.h"
#include "gguf.h"
#include "tokenizer/tokenizer.h"

typedef struct {
    const char *name; /* "tinyllama-1.1b" */
    uint32_t n_embd, n_ff, n_layer, n_head, n_head_kv, n_ctx;
    float rms_eps, rope_base;
} rl_synth_shape;

typedef struct {
    const char *name;       /* "q4_K_M" */
    uint32_t file_type;     /* general.file_type */
    rl_format base, output; /* of matrices, and of output.weight */
    rl_format more;         /* of attn_v and ffn_down in the layers that get more bits */
} rl_synth_mix;

/* What there is; NULL past the last. */
const rl_synth_shape *rl_synth_shape_at(size_t i);
const rl_synth_mix *rl_synth_mix_at(size_t i);

typedef struct {
    const rl_synth_shape *shape;
    const rl_synth_mix *mix;
    const rl_vocab *vocab; /* goes into the file; its length is that of the embedding */
    uint64_t seed;
} rl_synth_model;

/* Finds shape and mix by name. RL_ERR_ARG names what there is. */
rl_status rl_synth_named(rl_synth_model *model, const char *shape, const char *mix, rl_error *err);

/* The i-th tensor of the file that will be written. */
typedef enum {
    RL_SYNTH_EMBEDDING,
    RL_SYNTH_NORM,
    RL_SYNTH_PROJECTION,
    RL_SYNTH_ATTENTION, /* attn_q, attn_k */
    RL_SYNTH_RESIDUAL,  /* attn_output, ffn_down */
    RL_SYNTH_OUTPUT,
} rl_synth_kind;

typedef struct {
    char name[RL_GGUF_NAME_MAX + 1];
    rl_synth_kind kind;
    rl_format format;
    size_t rows, cols; /* a norm has one row */
} rl_synth_tensor;

size_t rl_synth_tensor_count(const rl_synth_model *model);
rl_synth_tensor rl_synth_tensor_at(const rl_synth_model *model, size_t i);

/* Bytes of all tensors, without header and padding. */
uint64_t rl_synth_tensor_bytes(const rl_synth_model *model);

/* Called from the caller's thread, some hundred times over a large model. */
typedef void rl_synth_progress_fn(void *arg, uint64_t done_bytes, uint64_t total_bytes);

/* Makes the file with `threads` threads (0: one for each CPU). progress may be NULL. Holds a few megabytes,
 * whatever the model's size. Errors: RL_ERR_ARG for a shape that is not one of a Llama (sizes that do not
 * divide, rows that the mix cannot block) or a vocabulary without two normal pieces; RL_ERR_IO;
 * RL_ERR_MEMORY; nothing is at `path` then that was not there before. */
rl_status rl_synth_write(const char *path, const rl_synth_model *model, size_t threads,
                         rl_synth_progress_fn *progress, void *arg, rl_error *err);

#endif
