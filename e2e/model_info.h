/* model_info.h - what a model file holds, printed: what `ridgeline model info` shows. */
#ifndef RL_MODEL_INFO_H
#define RL_MODEL_INFO_H

#include "gguf.h"

#include <stdio.h>

/* What a file adds up to. */
typedef struct {
    size_t n_tensors;
    uint64_t weights, bytes;  /* of all tensors */
    uint64_t bytes_per_token; /* read to decode one: every tensor once, of token_embd.weight one row (all of
                                 it where there is no output.weight, for then it is that as well) */
    size_t format_tensors[RL_FORMAT_COUNT];
    uint64_t format_bytes[RL_FORMAT_COUNT];
} rl_model_sums;

rl_model_sums rl_model_sum(const rl_gguf *g);

/* Opens `path` and prints header, metadata, and sums; with `tensors` one line a tensor as well. Foreign text
 * is printed with its control and non-ASCII bytes escaped. Errors: those of rl_gguf_open; RL_ERR_IO where
 * `out` cannot be written. */
rl_status rl_model_info(const char *path, bool tensors, FILE *out, rl_error *err);

#endif
