/* tok_bench.c - the inputs of bench_tokenizer. */
#include "tok_bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const size_t rl_tok_sizes[RL_TOK_SIZES] = {64, 1 << 10, 10 << 10, RL_CORPUS_BYTES};

enum { REFERENCE_BYTES = 1 << 10, REFERENCE_TEXTS = 16 };

/* ---- Texts and their ids --------------------------------------------------------------------------- */

static rl_status cut(rl_tok_texts *t, const rl_corpus *corpus, size_t bytes, const rl_tokenizer *tok,
                     rl_error *err)
{
    t->corpus = corpus;
    t->flags = strcmp(corpus->name, "chat") == 0 ? RL_ENCODE_SPECIAL : 0;
    t->n = rl_corpus_cut(corpus, bytes, NULL);
    t->starts = malloc((t->n + 1) * sizeof *t->starts);
    if (t->starts == NULL) return rl_fail(err, RL_ERR_MEMORY, "out of memory for %zu texts", t->n);
    rl_corpus_cut(corpus, bytes, t->starts);
    for (size_t i = 0; i < t->n; i++) {
        const size_t n = t->starts[i + 1] - t->starts[i];
        if (n > t->longest) t->longest = n;
    }
    t->max_ids = rl_tokenizer_max_ids(tok, t->longest, t->flags);
    return RL_OK;
}

/* Against the quadratic kernel, and back to the text (which markers' sections do not give: each begins with a space). */
static rl_status check_text(const rl_tok_inputs *in, const rl_tok_texts *t, size_t text, const uint32_t *ids,
                            size_t n, rl_tokenizer_ctx *reference, uint32_t *room, char *back, rl_error *err)
{
    const char *start = t->corpus->text + t->starts[text];
    const size_t bytes = t->starts[text + 1] - t->starts[text];
    size_t n_other, n_back;
    if (reference != NULL && text < REFERENCE_TEXTS) {
        if (rl_tokenizer_encode(reference, start, bytes, t->flags, room, t->max_ids, &n_other, err) != RL_OK)
            return err->status;
        if (n_other != n || memcmp(room, ids, n * sizeof *ids) != 0)
            return rl_fail(err, RL_ERR_FORMAT, "%s, text %zu: %s has other ids than the reference kernel",
                           t->corpus->name, text, in->oracle->base.name);
    }
    if (t->flags != 0) return RL_OK;
    rl_status status = rl_tokenizer_decode(in->tok, ids, n, 0, back, 2 * t->longest, &n_back, err);
    if (status == RL_OK && (n_back != bytes || memcmp(back, start, bytes) != 0))
        status = rl_fail(err, RL_ERR_FORMAT, "%s, text %zu: decoding its ids gives another text",
                         t->corpus->name, text);
    return status;
}

typedef struct {
    rl_tokenizer_ctx *kernel, *reference;
    uint32_t *room;
    char *back;
} oracle;

static rl_status oracle_open(oracle *o, const rl_tok_inputs *in, const rl_tok_texts *t, rl_error *err)
{
    const uint32_t cpu = 0; /* scalar kernels */
    *o = (oracle){.room = malloc(t->max_ids * sizeof *o->room), .back = malloc(2 * t->longest)};
    if (o->room == NULL || o->back == NULL)
        return rl_fail(err, RL_ERR_MEMORY, "out of memory for the expected ids");
    rl_status status = rl_tokenizer_ctx_open(&o->kernel, in->tok, in->oracle, t->longest, err);
    if (status == RL_OK && t->longest <= REFERENCE_BYTES)
        status = rl_tokenizer_ctx_open(&o->reference, in->tok, rl_tokenizer_kernel_find("reference", cpu),
                                       t->longest, err);
    return status;
}

static void oracle_close(oracle *o)
{
    rl_tokenizer_ctx_close(o->kernel);
    rl_tokenizer_ctx_close(o->reference);
    free(o->room);
    free(o->back);
}

static rl_status expect_all(const rl_tok_inputs *in, rl_tok_texts *t, oracle *o, rl_error *err)
{
    size_t n;
    for (size_t i = 0; i < t->n; i++) {
        const size_t bytes = t->starts[i + 1] - t->starts[i];
        uint32_t *ids = t->ids + t->first[i];
        rl_status status = rl_tokenizer_encode(o->kernel, t->corpus->text + t->starts[i], bytes, t->flags,
                                               ids, rl_tokenizer_max_ids(in->tok, bytes, t->flags), &n, err);
        if (status == RL_OK) status = check_text(in, t, i, ids, n, o->reference, o->room, o->back, err);
        if (status != RL_OK) return status;
        t->first[i + 1] = t->first[i] + n;
    }
    return RL_OK;
}

rl_status rl_tok_expect(const rl_tok_inputs *in, rl_tok_texts *t, rl_error *err)
{
    oracle o;
    if (t->first != NULL) return RL_OK;
    size_t room = 0;
    for (size_t i = 0; i < t->n; i++)
        room += rl_tokenizer_max_ids(in->tok, t->starts[i + 1] - t->starts[i], t->flags);
    t->first = calloc(t->n + 1, sizeof *t->first);
    t->ids = malloc(room * sizeof *t->ids);
    rl_status status = t->first != NULL && t->ids != NULL
                           ? oracle_open(&o, in, t, err)
                           : rl_fail(err, RL_ERR_MEMORY, "out of memory for %zu ids", room);
    if (t->first != NULL && t->ids != NULL) {
        if (status == RL_OK) status = expect_all(in, t, &o, err);
        oracle_close(&o);
    }
    if (status == RL_OK) {
        uint32_t *fit = realloc(t->ids, t->first[t->n] * sizeof *t->ids);
        if (fit != NULL) t->ids = fit;
        return RL_OK;
    }
    free(t->first);
    free(t->ids);
    t->first = NULL;
    t->ids = NULL;
    return status;
}

double rl_tok_ids(const rl_tok_texts *t) { return t->first != NULL ? (double)t->first[t->n] : 0; }

rl_status rl_tok_check(const rl_tok_texts *t, size_t text, const uint32_t *ids, size_t n, rl_error *err)
{
    const size_t want = t->first[text + 1] - t->first[text];
    if (n == want && memcmp(ids, t->ids + t->first[text], n * sizeof *ids) == 0) return RL_OK;
    return rl_fail(err, RL_ERR_FORMAT, "%s, text %zu: other ids than expected (%zu, %zu)", t->corpus->name,
                   text, n, want);
}

/* ---- All of it ------------------------------------------------------------------------------------- */

rl_status rl_tok_inputs_open(rl_tok_inputs *in, rl_error *err)
{
    rl_status status = rl_vocab_file_open(&in->vocab, in->model, err);
    if (status == RL_OK) status = rl_tokenizer_open(&in->tok, rl_vocab_file_vocab(in->vocab), err);
    if (status == RL_OK) status = rl_corpora_make(&in->corpora, err);
    for (size_t c = 0; c < RL_CORPORA && status == RL_OK; c++)
        for (size_t s = 0; s < RL_TOK_SIZES && status == RL_OK; s++)
            status = cut(&in->texts[c][s], &in->corpora[c], rl_tok_sizes[s], in->tok, err);
    return status;
}

void rl_tok_inputs_close(rl_tok_inputs *in)
{
    for (size_t c = 0; c < RL_CORPORA; c++)
        for (size_t s = 0; s < RL_TOK_SIZES; s++) {
            free(in->texts[c][s].starts);
            free(in->texts[c][s].first);
            free(in->texts[c][s].ids);
        }
    free(in->corpora);
    rl_tokenizer_close(in->tok);
    rl_vocab_file_close(in->vocab);
}

void rl_tok_counters(rl_state *st, double ids, double bytes)
{
    rl_state_counter(st, "ids_per_text", ids, 0);
    rl_state_counter(st, "ids_per_second", ids, RL_COUNTER_ITERATION_INVARIANT | RL_COUNTER_RATE);
    rl_state_counter(st, "s_per_byte", bytes,
                     RL_COUNTER_ITERATION_INVARIANT | RL_COUNTER_RATE | RL_COUNTER_INVERT);
}

void rl_tok_label(char *out, size_t size, const rl_tokenizer_kernel *kern, const rl_corpus *corpus)
{
    snprintf(out, size, "%s; %s %08x", kern->base.name, corpus->name, corpus->crc);
}
