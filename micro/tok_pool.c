/* tok_pool.c - several threads: one document, or a batch of texts. */
#include "base/mem.h"
#include "base/team.h"
#include "perf/barrier.h"
#include "tok_bench.h"
#include "tokenizer/tokenizer_pool.h"

#include <stdio.h>

typedef struct {
    rl_tok_inputs *in;
    const rl_tokenizer_kernel *kern;
    rl_tok_texts *texts;
    size_t threads;
    /* made by setup */
    rl_tokenizer_pool *pool;
    rl_tokenizer_item *items; /* [texts->n] */
    uint32_t *out;            /* of all items */
} pool_case;

static void teardown(void *arg)
{
    pool_case *c = arg;
    rl_tokenizer_pool_close(c->pool);
    rl_free(c->items);
    rl_free(c->out);
    c->pool = NULL;
    c->items = NULL;
    c->out = NULL;
}

static rl_status setup(void *arg, rl_error *err)
{
    pool_case *c = arg;
    const rl_tok_texts *t = c->texts;
    c->items = rl_alloc(t->n * sizeof *c->items);
    c->out = rl_alloc(t->n * t->max_ids * sizeof *c->out);
    rl_status status = c->items != NULL && c->out != NULL
                           ? rl_tokenizer_pool_open(&c->pool, c->in->tok, c->kern, c->threads, true, err)
                           : rl_fail(err, RL_ERR_MEMORY, "out of memory for %zu texts", t->n);
    if (status != RL_OK) {
        teardown(c);
        return status;
    }
    for (size_t i = 0; i < t->n; i++)
        c->items[i] = (rl_tokenizer_item){.text = t->corpus->text + t->starts[i],
                                          .n_bytes = t->starts[i + 1] - t->starts[i],
                                          .ids = c->out + i * t->max_ids,
                                          .max_ids = t->max_ids};
    return RL_OK;
}

/* A single text is a document, several are a batch. */
static rl_status encode(pool_case *c, rl_error *err)
{
    rl_tokenizer_item *first = &c->items[0];
    if (c->texts->n > 1) return rl_tokenizer_pool_batch(c->pool, first, c->texts->n, c->texts->flags, err);
    return rl_tokenizer_pool_encode(c->pool, first->text, first->n_bytes, c->texts->flags, first->ids,
                                    first->max_ids, &first->n_ids, err);
}

static rl_status verify(void *arg, double *max_error, rl_error *err)
{
    pool_case *c = arg;
    *max_error = 0;
    rl_status status = rl_tok_expect(c->in, c->texts, err);
    if (status == RL_OK) status = encode(c, err);
    for (size_t i = 0; i < c->texts->n && status == RL_OK; i++)
        status = rl_tok_check(c->texts, i, c->items[i].ids, c->items[i].n_ids, err);
    return status;
}

static void run(rl_state *st)
{
    pool_case *c = st->arg;
    const rl_tok_texts *t = c->texts;
    rl_error err;
    while (rl_state_next(st)) {
        rl_state_pause(st);
        rl_tokenizer_pool_forget(c->pool);
        rl_state_resume(st);
        if (encode(c, &err) != RL_OK) {
            rl_state_error(st, "%s", err.text);
            break;
        }
        rl_keep(c->out);
    }
    rl_tok_counters(st, rl_tok_ids(t), (double)t->starts[t->n]);
}

void rl_tok_add_pool(rl_program *p, const rl_part *part, rl_tok_inputs *in, const rl_tokenizer_kernel *kern,
                     size_t corpus, size_t size, size_t threads)
{
    pool_case *c = rl_program_case(p, sizeof *c);
    rl_tok_texts *texts = &in->texts[corpus][size];
    char name[128], label[160], said[192];
    if (c == NULL) return;
    *c = (pool_case){.in = in, .kern = kern, .texts = texts, .threads = threads};
    snprintf(name, sizeof name, "tokenizer/%s/%s/%s/%zu/%s", kern->variant, rl_isa_name(kern->base.isa),
             texts->corpus->name, rl_tok_sizes[size], texts->n > 1 ? "batch" : "cold");
    rl_tok_label(label, sizeof label, kern, texts->corpus);
    snprintf(said, sizeof said, "%s%s", label, threads > rl_cpu_count() ? "; oversubscribed" : "");
    rl_suite_add(p->suite, &(rl_case){
                               .name = name,
                               .skip = part->skip,
                               .run = run,
                               .arg = c,
                               .setup = setup,
                               .teardown = teardown,
                               .verify = verify,
                               .threads = threads,
                               .self_threaded = true,
                               .bytes = (double)texts->starts[texts->n],
                               .isa = rl_isa_name(kern->base.isa),
                               .cache = "hot",
                               .label = said,
                               .reference_only = part->reference_only,
                           });
}
