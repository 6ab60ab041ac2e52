/* model.h - everything a program needs of a model file, opened in one call: the mapping, the weights bound to
 * it, and the tokenizer. */
#ifndef RL_MODEL_H
#define RL_MODEL_H

#include "llama.h"
#include "tokenizer/tokenizer.h"

typedef struct {
    rl_gguf *gguf;            /* owned */
    rl_llama llama;           /* owned; borrows from gguf */
    rl_tokenizer *tokenizer;  /* owned */
    rl_tokenizer_ctx *encode; /* owned; borrows the tokenizer */
} rl_model;

/* Errors: whatever the parts report; the file's name is in the sentence. */
rl_status rl_model_open(rl_model *model, const char *path, uint32_t cpu, rl_error *err);
void rl_model_close(rl_model *model);

/* The ids of a text, as the file wants prompts to begin (bos or not). *ids is the caller's to rl_free. */
rl_status rl_model_encode(rl_model *model, const char *text, size_t n_bytes, uint32_t **ids, size_t *n_ids,
                          rl_error *err);

#endif
