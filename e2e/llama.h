/* llama.h - a Llama model: its shape and its weights, bound to the file they lie in.
 * Pure description: it computes nothing and owns no weights. */
#ifndef RL_LLAMA_H
#define RL_LLAMA_H

#include "base/matrix.h"
#include "base/status.h"
#include "gguf.h"

typedef struct {
    size_t n_vocab;     /* rows of token_embd.weight */
    size_t n_embd;      /* llama.embedding_length */
    size_t n_layer;     /* llama.block_count */
    size_t n_head;      /* llama.attention.head_count */
    size_t n_head_kv;   /* llama.attention.head_count_kv (default: n_head) */
    size_t head_dim;    /* llama.attention.key_length (default: n_embd / n_head) */
    size_t n_rot;       /* llama.rope.dimension_count (default: head_dim) */
    size_t n_ff;        /* llama.feed_forward_length */
    size_t n_ctx_train; /* llama.context_length */
    float rms_eps;      /* llama.attention.layer_norm_rms_epsilon */
    double rope_base;   /* llama.rope.freq_base (default: 10000) */
    double rope_scale;  /* 1 / llama.rope.scaling.factor where scaling.type is linear */
} rl_llama_config;

typedef struct {
    const float *attn_norm, *ffn_norm;    /* [n_embd] */
    rl_matrix attn_q, attn_k, attn_v;     /* [n_head * head_dim | n_head_kv * head_dim][n_embd] */
    rl_matrix attn_output;                /* [n_embd][n_head * head_dim] */
    rl_matrix ffn_gate, ffn_up, ffn_down; /* [n_ff][n_embd], the same, [n_embd][n_ff] */
} rl_llama_layer;

typedef struct {
    const rl_gguf *file; /* borrowed */
    rl_llama_config config;
    rl_matrix token_embd;     /* [n_vocab][n_embd] */
    rl_matrix output;         /* [n_vocab][n_embd]; token_embd where the file has no output.weight (tied) */
    const float *output_norm; /* [n_embd] */
    bool tied;
    rl_llama_layer *layers; /* [n_layer], owned; what they point to is borrowed from the file */
} rl_llama;

/* Reads the shape from the metadata and finds every tensor, checking formats and sizes against the shape:
 * after this nothing can be missing or out of range. The model borrows from `gguf`, which must stay open.
 * Errors: RL_ERR_FORMAT for a missing or contradictory key or tensor, RL_ERR_UNSUPPORTED for another
 * architecture or what this decoder does not compute (experts, other rope scaling, biases, sizes beyond the
 * kernels' limits). */
rl_status rl_llama_open(rl_llama *model, const rl_gguf *gguf, rl_error *err);
void rl_llama_close(rl_llama *model);

/* The i-th of the matrices that every token passes through, layer by layer, the output last; NULL past it. */
rl_matrix *rl_llama_matrix(rl_llama *model, size_t i);

/* Bytes of weights that one decoded token reads: every matrix once, one row of the embedding, the norms. */
size_t rl_llama_bytes_per_token(const rl_llama *model);

/* Multiplications and additions by which `tokens` tokens pass through every matrix, `logits` of them through the output.
 * Norms and attention do not count. */
double rl_llama_flops(const rl_llama *model, size_t tokens, size_t logits);

/* Weights, counted as published: every element of every tensor. */
size_t rl_llama_params(const rl_llama *model);

#endif
