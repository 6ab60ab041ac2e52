/* tok_encode.c - one thread: texts one after the other, and opening. */
#include "base/mem.h"
#include "perf/barrier.h"
#include "tok_bench.h"

#include <stdio.h>
#include <string.h>

static const char *const state_names[] = {
    [RL_TOK_COLD] = "cold", [RL_TOK_WARM] = "warm", [RL_TOK_PROCESS] = "process"};

typedef struct {
    rl_tok_inputs *in;
    const rl_tokenizer_kernel *kern;
    rl_tok_texts *texts;
    rl_tok_state state;
    double bytes; /* of a text, on average */
    /* made by setup; of a process case, by run */
    rl_tokenizer *tok; /* its own, or in->tok */
    rl_tokenizer_ctx *ctx;
    uint32_t *out;
} encode_case;

static void teardown(void *arg)
{
    encode_case *c = arg;
    rl_tokenizer_ctx_close(c->ctx);
    if (c->tok != c->in->tok) rl_tokenizer_close(c->tok);
    rl_free(c->out);
    c->ctx = NULL;
    c->tok = NULL;
    c->out = NULL;
}

static rl_status setup(void *arg, rl_error *err)
{
    encode_case *c = arg;
    c->tok = c->in->tok;
    c->out = rl_alloc(c->texts->max_ids * sizeof *c->out);
    if (c->out == NULL) return rl_fail(err, RL_ERR_MEMORY, "out of memory for %zu ids", c->texts->max_ids);
    const rl_status status = rl_tokenizer_ctx_open(&c->ctx, c->tok, c->kern, c->texts->longest, err);
    if (status != RL_OK) teardown(c);
    return status;
}

static rl_status encode(const encode_case *c, size_t text, size_t *n, rl_error *err)
{
    const rl_tok_texts *t = c->texts;
    return rl_tokenizer_encode(c->ctx, t->corpus->text + t->starts[text],
                               t->starts[text + 1] - t->starts[text], t->flags, c->out, t->max_ids, n, err);
}

/* Twice, so that what a kernel has kept of the first pass is used in the second. */
static rl_status verify(void *arg, double *max_error, rl_error *err)
{
    encode_case *c = arg;
    size_t n;
    *max_error = 0;
    rl_status status = rl_tok_expect(c->in, c->texts, err);
    for (size_t i = 0; i < 2 * c->texts->n && status == RL_OK; i++) {
        status = encode(c, i % c->texts->n, &n, err);
        if (status == RL_OK) status = rl_tok_check(c->texts, i % c->texts->n, c->out, n, err);
    }
    return status;
}

/* What a process has when it has just begun: tables that nobody has looked at, a context that has seen nothing. */
static rl_status begin_anew(encode_case *c, rl_error *err)
{
    rl_tokenizer_ctx_close(c->ctx);
    if (c->tok != c->in->tok) rl_tokenizer_close(c->tok);
    c->ctx = NULL;
    c->tok = NULL;
    rl_status status = rl_tokenizer_open(&c->tok, rl_vocab_file_vocab(c->in->vocab), err);
    if (status == RL_OK) status = rl_tokenizer_ctx_open(&c->ctx, c->tok, c->kern, c->texts->longest, err);
    return status;
}

/* Untimed, before a pass over the texts begins, or of a process before a text. */
static rl_status forget(rl_state *st, encode_case *c, size_t text, rl_error *err)
{
    rl_status status = RL_OK;
    if (c->state == RL_TOK_WARM || (c->state == RL_TOK_COLD && text > 0)) return RL_OK;
    rl_state_pause(st);
    if (c->state == RL_TOK_COLD)
        rl_tokenizer_ctx_forget(c->ctx);
    else
        status = begin_anew(c, err);
    rl_state_resume(st);
    return status;
}

/* Of the units since `before`, those that were known or remembered; nothing of a kernel that has no units. */
static void put_hit_rate(rl_state *st, const encode_case *c, rl_tokenizer_work before)
{
    const rl_tokenizer_work now = rl_tokenizer_ctx_work(c->ctx);
    if (now.units == before.units) return;
    const uint64_t hits = now.known + now.remembered - before.known - before.remembered;
    rl_state_counter(st, "hit_rate", (double)hits / (double)(now.units - before.units), 0);
}

static void run(rl_state *st)
{
    encode_case *c = st->arg;
    size_t text = 0, n;
    rl_error err;
    const rl_tokenizer_work before = rl_tokenizer_ctx_work(c->ctx);
    const size_t allocations = rl_tok_allocations();
    while (rl_state_next(st)) {
        if (forget(st, c, text, &err) != RL_OK || encode(c, text, &n, &err) != RL_OK) {
            rl_state_error(st, "%s", err.text);
            break;
        }
        rl_keep(c->out);
        if (++text == c->texts->n) text = 0;
    }
    rl_tok_counters(st, rl_tok_ids(c->texts) / (double)c->texts->n, c->bytes);
    if (c->state == RL_TOK_PROCESS) return; /* opening allocates, and begins to count anew */
    rl_state_counter(st, "allocations", (double)(rl_tok_allocations() - allocations), RL_COUNTER_AVG_ITERATIONS);
    put_hit_rate(st, c, before);
}

void rl_tok_add_encode(rl_program *p, const rl_part *part, rl_tok_inputs *in, const rl_tokenizer_kernel *kern,
                       size_t corpus, size_t size, rl_tok_state state)
{
    encode_case *c = rl_program_case(p, sizeof *c);
    rl_tok_texts *texts = &in->texts[corpus][size];
    char name[128], reference[128], label[160];
    if (c == NULL) return;
    *c = (encode_case){.in = in, .kern = kern, .texts = texts, .state = state};
    c->bytes = (double)texts->starts[texts->n] / (double)texts->n;
    snprintf(name, sizeof name, "tokenizer/%s/%s/%s/%zu/%s", kern->variant, rl_isa_name(kern->base.isa),
             texts->corpus->name, rl_tok_sizes[size], state_names[state]);
    snprintf(reference, sizeof reference, "tokenizer/reference/scalar/%s/%zu/cold", texts->corpus->name,
             rl_tok_sizes[size]);
    rl_tok_label(label, sizeof label, kern, texts->corpus);
    const bool has_reference =
        strcmp(kern->variant, "reference") != 0 && state == RL_TOK_COLD && rl_tok_has_reference(corpus, size);
    rl_suite_add(p->suite, &(rl_case){
                               .name = name,
                               .skip = part->skip,
                               .run = run,
                               .arg = c,
                               .setup = setup,
                               .teardown = teardown,
                               .verify = verify,
                               .bytes = c->bytes,
                               .isa = rl_isa_name(kern->base.isa),
                               .cache = "hot",
                               .label = label,
                               .reference = has_reference ? reference : NULL,
                               .reference_only = part->reference_only,
                           });
}

/* ---- Opening --------------------------------------------------------------------------------------- */

typedef struct {
    const rl_tok_inputs *in;
    const rl_tokenizer_kernel *kern;
} load_case;

typedef struct {
    rl_vocab_file *vocab;
    rl_tokenizer *tok;
    rl_tokenizer_ctx *ctx;
} loaded;

static rl_status load(const load_case *c, loaded *l, rl_error *err)
{
    *l = (loaded){0};
    rl_status status = rl_vocab_file_open(&l->vocab, c->in->model, err);
    if (status == RL_OK) status = rl_tokenizer_open(&l->tok, rl_vocab_file_vocab(l->vocab), err);
    if (status == RL_OK) status = rl_tokenizer_ctx_open(&l->ctx, l->tok, c->kern, 0, err);
    return status;
}

static void unload(loaded *l)
{
    rl_tokenizer_ctx_close(l->ctx);
    rl_tokenizer_close(l->tok);
    rl_vocab_file_close(l->vocab);
}

static void run_load(rl_state *st)
{
    const load_case *c = st->arg;
    rl_error err;
    while (rl_state_next(st)) {
        loaded l;
        const rl_status status = load(c, &l, &err);
        rl_state_pause(st);
        unload(&l);
        rl_state_resume(st);
        if (status != RL_OK) {
            rl_state_error(st, "%s", err.text);
            break;
        }
    }
    rl_state_counter(st, "load_s", 1,
                     RL_COUNTER_ITERATION_INVARIANT | RL_COUNTER_RATE | RL_COUNTER_INVERT);
}

void rl_tok_add_load(rl_program *p, rl_tok_inputs *in, const rl_tokenizer_kernel *kern)
{
    load_case *c = rl_program_case(p, sizeof *c);
    if (c == NULL) return;
    *c = (load_case){.in = in, .kern = kern};
    rl_suite_add(p->suite, &(rl_case){.name = "tokenizer/load",
                                      .run = run_load,
                                      .arg = c,
                                      .isa = rl_isa_name(kern->base.isa),
                                      .label = strcmp(in->model, "built-in") == 0 ? "built-in vocabulary"
                                                                                  : "vocabulary of --model"});
}
