/* gguf_vocab.c - tokenizer.ggml.* to rl_vocab. */
#include "gguf_vocab.h"

#include "base/mem.h"
#include "piece_index.h"
#include "tokenizer/utf8.h"

typedef struct {
    rl_gguf_array tokens, scores, types;
    rl_gguf_array merges; /* none: count 0 */
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
    c->merges = (rl_gguf_array){0};
    if (status == RL_OK)
        status = rl_gguf_elements(g, "tokenizer.ggml.merges", RL_GGUF_OPTIONAL, RL_GGUF_STR, &c->merges, err);
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

/* Whether the scores order merges: of the normal pieces of several characters, two differ, or there are no two. */
static bool scores_say_something(const rl_vocab *v)
{
    const rl_piece *first = NULL;
    bool several = false;
    for (size_t i = 0; i < v->n; i++) {
        const rl_piece *p = &v->pieces[i];
        if (p->type != RL_PIECE_NORMAL || p->bytes == 0 || rl_utf8_expected((uint8_t)p->text[0]) == p->bytes)
            continue;
        if (first != NULL && p->score != first->score) return true;
        several = first != NULL;
        if (first == NULL) first = p;
    }
    return !several;
}

/* "left right", each a piece; pieces hold no space, except that one may begin with it. */
static rl_status read_merge(const rl_gguf *g, const rl_piece_index *index, rl_gguf_str text,
                            rl_merge_rule *rule, size_t i, rl_error *err)
{
    char shown[64];
    const char *space = text.bytes > 1 ? memchr(text.text + 1, ' ', text.bytes - 1) : NULL;
    const size_t left = space != NULL ? (size_t)(space - text.text) : 0;
    const char *what =
        space == NULL ? "is not two pieces with a space between them"
                      : rl_piece_index_rule(index, text.text, left, space + 1, text.bytes - left - 1, rule);
    if (what == NULL) return RL_OK;
    return rl_fail(err, RL_ERR_FORMAT, "%s: tokenizer.ggml.merges[%zu] '%s' %s", rl_gguf_path(g), i,
                   rl_printable(shown, sizeof shown, text.text, text.bytes), what);
}

/* Into rules [merges.count]. Pieces of one text are, for merging, the first that merging may make. */
static rl_status read_merges(const rl_gguf *g, rl_vocab *v, rl_gguf_array merges, rl_merge_rule *rules,
                             rl_error *err)
{
    rl_piece_index index;
    rl_gguf_str text;
    rl_status status = RL_OK;
    v->merges = rules;
    v->n_merges = merges.count;
    if (!rl_piece_index_init(&index, v->pieces, v->n))
        return rl_fail(err, RL_ERR_MEMORY, "%s: out of memory for %zu tokens", rl_gguf_path(g), v->n);
    for (uint32_t id = 0; id < v->n; id++)
        if (v->pieces[id].type == RL_PIECE_NORMAL || v->pieces[id].type == RL_PIECE_USER_DEFINED ||
            v->pieces[id].type == RL_PIECE_UNUSED)
            (void)rl_piece_index_add(&index, id); /* one that is there twice rl_tokenizer_open refuses */
    for (size_t i = 0; status == RL_OK && rl_gguf_next_str(&merges, &text); i++)
        status = read_merge(g, &index, text, &rules[i], i, err);
    rl_piece_index_free(&index);
    return status;
}

rl_status rl_gguf_vocab(const rl_gguf *g, rl_vocab **out, rl_error *err)
{
    columns c;
    rl_status status = find_columns(g, &c, err);
    *out = NULL;
    if (status != RL_OK) return status;
    const size_t n = c.tokens.count, pieces_at = rl_round_up(sizeof(rl_vocab), RL_LINE);
    const size_t n_merges = c.merges.count;
    rl_vocab *v =
        rl_alloc(pieces_at + n * sizeof(rl_piece) + n_merges * sizeof(rl_merge_rule)); /* one block for all */
    if (v == NULL) return rl_fail(err, RL_ERR_MEMORY, "%s: out of memory for %zu tokens", rl_gguf_path(g), n);
    rl_piece *pieces = (rl_piece *)((char *)v + pieces_at);
    rl_gguf_str text;
    for (size_t i = 0; status == RL_OK && rl_gguf_next_str(&c.tokens, &text); i++) {
        if (text.bytes > UINT32_MAX)
            status = rl_fail(err, RL_ERR_FORMAT, "%s: token %zu is %zu bytes long", rl_gguf_path(g), i,
                             text.bytes);
        pieces[i] = (rl_piece){text.text,
                               (uint32_t)text.bytes,
                               (float)rl_gguf_real_at(&c.scores, i),
                               (int32_t)rl_gguf_int_at(&c.types, i),
                               false,
                               false};
    }
    v->pieces = pieces;
    v->n = n;
    if (status == RL_OK) status = read_rules(g, v, err);
    if (status == RL_OK && n_merges > 0 && !scores_say_something(v))
        status = read_merges(g, v, c.merges, (rl_merge_rule *)(pieces + n), err);
    if (status != RL_OK) {
        rl_free(v);
        return status;
    }
    *out = v;
    return RL_OK;
}

void rl_gguf_vocab_free(rl_vocab *vocab) { rl_free(vocab); }
