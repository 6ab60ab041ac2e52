/* gguf_vocab.c - tokenizer.ggml.* to rl_vocab. */
#include "gguf_vocab.h"

#include "base/mem.h"

typedef struct {
    rl_gguf_array tokens, scores, types;
} columns;

static rl_status find_columns(const rl_gguf *g, columns *c, rl_error *err)
{
    rl_gguf_str model;
    char printable[64];
    rl_status status = rl_gguf_string(g, "tokenizer.ggml.model", RL_GGUF_REQUIRED, &model, err);
    if (status != RL_OK) return status;
    if (!rl_gguf_str_is(model, "llama"))
        return rl_fail(err, RL_ERR_UNSUPPORTED, "%s: tokenizer.ggml.model is '%s', supported is 'llama'",
                       rl_gguf_path(g), rl_printable(printable, sizeof printable, model.text, model.bytes));
    const rl_gguf_need need = RL_GGUF_REQUIRED;
    status = rl_gguf_elements(g, "tokenizer.ggml.tokens", need, RL_GGUF_STR, &c->tokens, err);
    if (status == RL_OK)
        status = rl_gguf_elements(g, "tokenizer.ggml.scores", need, RL_GGUF_F32, &c->scores, err);
    if (status == RL_OK)
        status = rl_gguf_elements(g, "tokenizer.ggml.token_type", need, RL_GGUF_I32, &c->types, err);
    if (status != RL_OK) return status;
    if (c->tokens.count < 1 || c->tokens.count > RL_VOCAB_MAX)
        return rl_fail(err, RL_ERR_FORMAT, "%s: %zu tokens, allowed are 1 to %d", rl_gguf_path(g),
                       c->tokens.count, RL_VOCAB_MAX);
    if (c->scores.count != c->tokens.count || c->types.count != c->tokens.count)
        return rl_fail(err, RL_ERR_FORMAT,
                       "%s: %zu tokens, %zu scores and %zu token types: must be one number", rl_gguf_path(g),
                       c->tokens.count, c->scores.count, c->types.count);
    return RL_OK;
}

static rl_status read_rules(const rl_gguf *g, rl_vocab *v, rl_error *err)
{
    const rl_gguf_need need = RL_GGUF_OPTIONAL;
    v->bos = 1;
    v->eos = 2;
    v->unk = 0;
    v->add_bos = v->add_space_prefix = true;
    rl_status status = rl_gguf_u32(g, "tokenizer.ggml.bos_token_id", need, &v->bos, err);
    if (status == RL_OK) status = rl_gguf_u32(g, "tokenizer.ggml.eos_token_id", need, &v->eos, err);
    if (status == RL_OK) status = rl_gguf_u32(g, "tokenizer.ggml.unknown_token_id", need, &v->unk, err);
    if (status == RL_OK) status = rl_gguf_bool(g, "tokenizer.ggml.add_bos_token", need, &v->add_bos, err);
    if (status == RL_OK) status = rl_gguf_bool(g, "tokenizer.ggml.add_eos_token", need, &v->add_eos, err);
    if (status == RL_OK)
        status = rl_gguf_bool(g, "tokenizer.ggml.add_space_prefix", need, &v->add_space_prefix, err);
    v->has_bos = v->has_eos = v->has_unk = true;
    return status;
}

rl_status rl_gguf_vocab(const rl_gguf *g, rl_vocab **out, rl_error *err)
{
    columns c;
    rl_status status = find_columns(g, &c, err);
    *out = NULL;
    if (status != RL_OK) return status;
    const size_t n = c.tokens.count, pieces_at = rl_round_up(sizeof(rl_vocab), RL_LINE);
    rl_vocab *v = rl_alloc(pieces_at + n * sizeof(rl_piece)); /* one block for both */
    if (v == NULL) return rl_fail(err, RL_ERR_MEMORY, "%s: out of memory for %zu tokens", rl_gguf_path(g), n);
    rl_piece *pieces = (rl_piece *)((char *)v + pieces_at);
    rl_gguf_str text;
    for (size_t i = 0; status == RL_OK && rl_gguf_next_str(&c.tokens, &text); i++) {
        if (text.bytes > UINT32_MAX)
            status = rl_fail(err, RL_ERR_FORMAT, "%s: token %zu is %zu bytes long", rl_gguf_path(g), i,
                             text.bytes);
        pieces[i] = (rl_piece){text.text, (uint32_t)text.bytes, (float)rl_gguf_real_at(&c.scores, i),
                               (int32_t)rl_gguf_int_at(&c.types, i), false};
    }
    v->pieces = pieces;
    v->n = n;
    if (status == RL_OK) status = read_rules(g, v, err);
    if (status != RL_OK) {
        rl_free(v);
        return status;
    }
    *out = v;
    return RL_OK;
}

void rl_gguf_vocab_free(rl_vocab *vocab) { rl_free(vocab); }
