/* llama.c - reads the shape from GGUF metadata and binds every tensor, checking one against the other. */
#include "llama.h"
#include "attention/attn_decode.h"
#include "base/mem.h"
#include "gemv/gemv.h"

#include <stdio.h>
#include <string.h>

/* No key below exceeds the first: far above any model, far below where a product of three could wrap. The
 * second bounds what is allocated before the tensors prove that so many layers are there. */
enum { SIZE_LIMIT = 1 << 20, LAYER_LIMIT = 4096 };

/* One size of the shape. `fallback` 0 means required. */
static rl_status read_size(const rl_gguf *g, const char *key, uint32_t fallback, size_t *out, rl_error *err)
{
    uint32_t value = fallback;
    rl_status status = rl_gguf_u32(g, key, fallback == 0 ? RL_GGUF_REQUIRED : RL_GGUF_OPTIONAL, &value, err);
    if (status != RL_OK) return status;
    if (value < 1 || value > SIZE_LIMIT)
        return rl_fail(err, RL_ERR_FORMAT, "%s: %s is %u: expected 1 to %d", rl_gguf_path(g), key, value,
                       SIZE_LIMIT);
    *out = value;
    return RL_OK;
}

static rl_status check_architecture(const rl_gguf *g, rl_error *err)
{
    rl_gguf_str name;
    char shown[64];
    rl_status status = rl_gguf_string(g, "general.architecture", RL_GGUF_REQUIRED, &name, err);
    if (status != RL_OK) return status;
    if (!rl_gguf_str_is(name, "llama"))
        return rl_fail(err, RL_ERR_UNSUPPORTED, "%s: general.architecture is '%s': this decoder runs 'llama'",
                       rl_gguf_path(g), rl_printable(shown, sizeof shown, name.text, name.bytes));
    uint32_t experts = 0;
    status = rl_gguf_u32(g, "llama.expert_count", RL_GGUF_OPTIONAL, &experts, err);
    if (status == RL_OK && experts > 0)
        status = rl_fail(err, RL_ERR_UNSUPPORTED,
                         "%s: llama.expert_count is %u: mixtures of experts are not supported",
                         rl_gguf_path(g), experts);
    return status;
}

/* Linear scaling divides positions by a factor; the other kinds change the frequencies themselves. */
static rl_status read_rope(const rl_gguf *g, rl_llama_config *c, rl_error *err)
{
    float base = 10000, factor = 1;
    rl_gguf_str type = {"none", 4};
    char shown[64];
    rl_status status = rl_gguf_f32(g, "llama.rope.freq_base", RL_GGUF_OPTIONAL, &base, err);
    if (status == RL_OK) status = rl_gguf_string(g, "llama.rope.scaling.type", RL_GGUF_OPTIONAL, &type, err);
    if (status == RL_OK) status = rl_gguf_f32(g, "llama.rope.scaling.factor", RL_GGUF_OPTIONAL, &factor, err);
    if (status != RL_OK) return status;
    const bool linear = rl_gguf_str_is(type, "linear");
    if (!(base > 1) || !(factor > 0))
        return rl_fail(err, RL_ERR_FORMAT,
                       "%s: llama.rope: base %g, scaling factor %g: expected above 1, above 0",
                       rl_gguf_path(g), (double)base, (double)factor);
    if ((!linear && !rl_gguf_str_is(type, "none")) || rl_gguf_tensor_find(g, "rope_freqs.weight") != NULL)
        return rl_fail(err, RL_ERR_UNSUPPORTED, "%s: rope scaling '%s': only none and linear are supported",
                       rl_gguf_path(g),
                       linear || rl_gguf_str_is(type, "none")
                           ? "rope_freqs.weight"
                           : rl_printable(shown, sizeof shown, type.text, type.bytes));
    c->rope_base = (double)base;
    c->rope_scale = linear ? 1 / (double)factor : 1;
    return RL_OK;
}

static rl_status check_shape(const rl_gguf *g, const rl_llama_config *c, rl_error *err)
{
    const char *path = rl_gguf_path(g);
    if (c->n_layer > LAYER_LIMIT)
        return rl_fail(err, RL_ERR_UNSUPPORTED, "%s: llama.block_count is %zu: expected 1 to %d", path,
                       c->n_layer, LAYER_LIMIT);
    if (c->n_head % c->n_head_kv != 0 || c->n_head / c->n_head_kv > RL_ATTN_MAX_GROUP)
        return rl_fail(err, RL_ERR_UNSUPPORTED,
                       "%s: %zu query heads over %zu KV heads: expected a multiple, 1 to %d", path, c->n_head,
                       c->n_head_kv, RL_ATTN_MAX_GROUP);
    if (c->head_dim % 32 != 0 || c->head_dim > RL_ATTN_MAX_DIM)
        return rl_fail(err, RL_ERR_UNSUPPORTED,
                       "%s: heads of %zu values: expected a multiple of 32, up to %d", path, c->head_dim,
                       RL_ATTN_MAX_DIM);
    if (c->n_rot % 2 != 0 || c->n_rot > c->head_dim)
        return rl_fail(err, RL_ERR_FORMAT, "%s: llama.rope.dimension_count is %zu: expected even, up to %zu",
                       path, c->n_rot, c->head_dim);
    if (!(c->rms_eps > 0 && c->rms_eps < 1))
        return rl_fail(err, RL_ERR_FORMAT,
                       "%s: llama.attention.layer_norm_rms_epsilon is %g: expected in (0, 1)", path,
                       (double)c->rms_eps);
    return RL_OK;
}

static rl_status read_config(const rl_gguf *g, rl_llama_config *c, rl_error *err)
{
    rl_status status = check_architecture(g, err);
    if (status == RL_OK) status = read_size(g, "llama.embedding_length", 0, &c->n_embd, err);
    if (status == RL_OK) status = read_size(g, "llama.block_count", 0, &c->n_layer, err);
    if (status == RL_OK) status = read_size(g, "llama.feed_forward_length", 0, &c->n_ff, err);
    if (status == RL_OK) status = read_size(g, "llama.attention.head_count", 0, &c->n_head, err);
    if (status == RL_OK)
        status = read_size(g, "llama.attention.head_count_kv", (uint32_t)c->n_head, &c->n_head_kv, err);
    if (status == RL_OK) status = read_size(g, "llama.context_length", 0, &c->n_ctx_train, err);
    if (status == RL_OK && c->n_embd < c->n_head)
        status = rl_fail(err, RL_ERR_FORMAT, "%s: %zu heads for an embedding of %zu", rl_gguf_path(g),
                         c->n_head, c->n_embd);
    if (status == RL_OK)
        status =
            read_size(g, "llama.attention.key_length", (uint32_t)(c->n_embd / c->n_head), &c->head_dim, err);
    if (status == RL_OK)
        status = read_size(g, "llama.rope.dimension_count", (uint32_t)c->head_dim, &c->n_rot, err);
    if (status == RL_OK)
        status = rl_gguf_f32(g, "llama.attention.layer_norm_rms_epsilon", RL_GGUF_REQUIRED, &c->rms_eps, err);
    if (status == RL_OK) status = read_rope(g, c, err);
    if (status == RL_OK) status = check_shape(g, c, err);
    return status;
}

/* A weight matrix of exactly this shape, in a format that some kernel multiplies by. */
static rl_status bind_matrix(const rl_gguf *g, const char *name, size_t rows, size_t cols, rl_matrix *out,
                             rl_error *err)
{
    rl_status status = rl_gguf_matrix(g, name, rows, cols, out, err);
    if (status == RL_OK && rl_gemv_find(out->format, RL_ROWS, 0) == NULL)
        status = rl_fail(err, RL_ERR_UNSUPPORTED, "%s: tensor '%s': no kernel multiplies by format %s",
                         rl_gguf_path(g), name, rl_format_name(out->format));
    return status;
}

static rl_status bind_norm(const rl_gguf *g, const char *name, size_t n, const float **out, rl_error *err)
{
    rl_matrix m;
    rl_status status = rl_gguf_matrix(g, name, 1, n, &m, err);
    if (status == RL_OK && m.format != RL_F32)
        status = rl_fail(err, RL_ERR_UNSUPPORTED, "%s: tensor '%s' is %s: norms are expected in f32",
                         rl_gguf_path(g), name, rl_format_name(m.format));
    if (status == RL_OK) *out = m.data;
    return status;
}

static rl_status bind_layer(const rl_gguf *g, const rl_llama_config *c, size_t index, rl_llama_layer *l,
                            rl_error *err)
{
    const size_t q = c->n_head * c->head_dim, kv = c->n_head_kv * c->head_dim;
    const struct {
        const char *name;
        size_t rows, cols;
        rl_matrix *out;
    } matrices[] = {
        {"attn_q",      q,         c->n_embd, &l->attn_q     },
        {"attn_k",      kv,        c->n_embd, &l->attn_k     },
        {"attn_v",      kv,        c->n_embd, &l->attn_v     },
        {"attn_output", c->n_embd, q,         &l->attn_output},
        {"ffn_gate",    c->n_ff,   c->n_embd, &l->ffn_gate   },
        {"ffn_up",      c->n_ff,   c->n_embd, &l->ffn_up     },
        {"ffn_down",    c->n_embd, c->n_ff,   &l->ffn_down   },
    };
    const struct {
        const char *name;
        const float **out;
    } norms[] = {
        {"attn_norm", &l->attn_norm},
        {"ffn_norm",  &l->ffn_norm }
    };
    char name[64];
    rl_status status = RL_OK;
    for (size_t i = 0; i < RL_COUNT(norms) && status == RL_OK; i++) {
        snprintf(name, sizeof name, "blk.%zu.%s.weight", index, norms[i].name);
        status = bind_norm(g, name, c->n_embd, norms[i].out, err);
    }
    for (size_t i = 0; i < RL_COUNT(matrices) && status == RL_OK; i++) {
        snprintf(name, sizeof name, "blk.%zu.%s.weight", index, matrices[i].name);
        status = bind_matrix(g, name, matrices[i].rows, matrices[i].cols, matrices[i].out, err);
        snprintf(name, sizeof name, "blk.%zu.%s.bias", index, matrices[i].name);
        if (status == RL_OK && rl_gguf_tensor_find(g, name) != NULL)
            status = rl_fail(err, RL_ERR_UNSUPPORTED, "%s: tensor '%s': biases are not supported",
                             rl_gguf_path(g), name);
    }
    return status;
}

/* The embedding decides the size of the vocabulary; any format that can be dequantised will do for it. */
static rl_status bind_ends(const rl_gguf *g, rl_llama *m, rl_error *err)
{
    rl_llama_config *c = &m->config;
    rl_status status = rl_gguf_matrix(g, "token_embd.weight", 0, c->n_embd, &m->token_embd, err);
    if (status != RL_OK) return status;
    c->n_vocab = m->token_embd.rows;
    if (c->n_vocab > SIZE_LIMIT * 16)
        return rl_fail(err, RL_ERR_UNSUPPORTED, "%s: a vocabulary of %zu", rl_gguf_path(g), c->n_vocab);
    m->tied = rl_gguf_tensor_find(g, "output.weight") == NULL;
    status = bind_matrix(g, m->tied ? "token_embd.weight" : "output.weight", c->n_vocab, c->n_embd,
                         &m->output, err);
    if (status == RL_OK) status = bind_norm(g, "output_norm.weight", c->n_embd, &m->output_norm, err);
    return status;
}

rl_status rl_llama_open(rl_llama *m, const rl_gguf *g, rl_error *err)
{
    *m = (rl_llama){.file = g};
    rl_status status = read_config(g, &m->config, err);
    if (status == RL_OK) status = bind_ends(g, m, err);
    if (status != RL_OK) return status;
    m->layers = rl_alloc(m->config.n_layer * sizeof *m->layers);
    if (m->layers == NULL)
        return rl_fail(err, RL_ERR_MEMORY, "out of memory for %zu layers", m->config.n_layer);
    for (size_t i = 0; i < m->config.n_layer && status == RL_OK; i++)
        status = bind_layer(g, &m->config, i, &m->layers[i], err);
    if (status != RL_OK) rl_llama_close(m);
    return status;
}

void rl_llama_close(rl_llama *m)
{
    rl_free(m->layers);
    *m = (rl_llama){0};
}

rl_matrix *rl_llama_matrix(rl_llama *m, size_t i)
{
    static const size_t offsets[] = {
        offsetof(rl_llama_layer, attn_q),   offsetof(rl_llama_layer, attn_k),
        offsetof(rl_llama_layer, attn_v),   offsetof(rl_llama_layer, attn_output),
        offsetof(rl_llama_layer, ffn_gate), offsetof(rl_llama_layer, ffn_up),
        offsetof(rl_llama_layer, ffn_down),
    };
    const size_t layer = i / RL_COUNT(offsets), in_layers = m->config.n_layer * RL_COUNT(offsets);
    if (i < in_layers)
        return (rl_matrix *)(void *)((char *)&m->layers[layer] + offsets[i % RL_COUNT(offsets)]);
    return i == in_layers ? &m->output : NULL;
}

/* The sum of `each` over every matrix that a token passes through. */
static size_t sum_matrices(const rl_llama *model, size_t (*each)(const rl_matrix *))
{
    rl_llama m = *model;
    size_t sum = 0;
    const rl_matrix *w;
    for (size_t i = 0; (w = rl_llama_matrix(&m, i)) != NULL; i++) sum += each(w);
    return sum;
}

static size_t elements(const rl_matrix *w) { return w->rows * w->cols; }
static size_t norm_elements(const rl_llama *m) { return (2 * m->config.n_layer + 1) * m->config.n_embd; }

size_t rl_llama_bytes_per_token(const rl_llama *m)
{
    return sum_matrices(m, rl_matrix_bytes) + rl_row_bytes(m->token_embd.format, m->config.n_embd) +
           norm_elements(m) * sizeof(float);
}

double rl_llama_flops(const rl_llama *m, size_t tokens, size_t logits)
{
    const size_t output = elements(&m->output), layers = sum_matrices(m, elements) - output;
    return 2.0 * ((double)layers * (double)tokens + (double)output * (double)logits);
}

size_t rl_llama_params(const rl_llama *m)
{
    return sum_matrices(m, elements) + norm_elements(m) + (m->tied ? 0 : elements(&m->token_embd));
}
