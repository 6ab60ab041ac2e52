/* tok_prefix.c - a chat that comes again with one more turn. */
#include "base/mem.h"
#include "perf/barrier.h"
#include "tok_bench.h"
#include "tokenizer/tokenizer_prefix.h"

#include <stdio.h>
#include <string.h>

/* 32 turns make the 100 kB; then it grows by one of some hundred bytes at a time. After that it begins again. */
enum { CHAT_BYTES = 100 << 10, MORE_TURNS = 64, SLOTS = 4 };

typedef struct {
    rl_tok_inputs *in;
    const rl_tokenizer_kernel *kern;
    const rl_corpus *corpus;
    bool on;
    size_t ends[MORE_TURNS + 1]; /* of the text: with 32 turns, with one more, ... */
    double bytes, ids;           /* of one, on average; ids: verify finds out */
    /* made by setup */
    rl_tokenizer_prefix *cache;
    rl_tokenizer_ctx *ctx;
    uint32_t *out;
    size_t room;
} prefix_case;

static size_t end_of_turn(const rl_corpus *corpus, size_t from)
{
    static const char mark[] = "</s>\n";
    const size_t n = sizeof mark - 1;
    while (from + n < RL_CORPUS_BYTES && memcmp(corpus->text + from, mark, n) != 0) from++;
    return from + n;
}

static void teardown(void *arg)
{
    prefix_case *c = arg;
    rl_tokenizer_prefix_close(c->cache);
    rl_tokenizer_ctx_close(c->ctx);
    rl_free(c->out);
    c->cache = NULL;
    c->ctx = NULL;
    c->out = NULL;
}

static rl_status setup(void *arg, rl_error *err)
{
    prefix_case *c = arg;
    const size_t longest = c->ends[MORE_TURNS];
    c->room = rl_tokenizer_max_ids(c->in->tok, longest, RL_ENCODE_SPECIAL);
    c->out = rl_alloc(c->room * sizeof *c->out);
    rl_status status = c->out != NULL ? rl_tokenizer_ctx_open(&c->ctx, c->in->tok, c->kern, longest, err)
                                      : rl_fail(err, RL_ERR_MEMORY, "out of memory for %zu ids", c->room);
    if (status == RL_OK) status = rl_tokenizer_prefix_open(&c->cache, c->in->tok, c->kern, SLOTS, err);
    if (status != RL_OK) teardown(c);
    return status;
}

static rl_status encode(prefix_case *c, size_t turn, const uint32_t **ids, size_t *n, rl_error *err)
{
    const char *text = c->corpus->text;
    if (c->on)
        return rl_tokenizer_prefix_encode(c->cache, text, c->ends[turn], RL_ENCODE_SPECIAL, ids, n, err);
    *ids = c->out;
    return rl_tokenizer_encode(c->ctx, text, c->ends[turn], RL_ENCODE_SPECIAL, c->out, c->room, n, err);
}

/* The cache holds the chat without the turns to come. */
static rl_status begin(prefix_case *c, rl_error *err)
{
    const uint32_t *ids;
    size_t n;
    if (!c->on) return RL_OK;
    rl_tokenizer_prefix_clear(c->cache);
    return encode(c, 0, &ids, &n, err);
}

static rl_status verify(void *arg, double *max_error, rl_error *err)
{
    prefix_case *c = arg;
    const uint32_t *ids;
    size_t n, want, all = 0;
    *max_error = 0;
    rl_status status = begin(c, err);
    for (size_t turn = 1; turn <= MORE_TURNS && status == RL_OK; turn++, all += n) {
        status = encode(c, turn, &ids, &n, err);
        if (status == RL_OK)
            status = rl_tokenizer_encode(c->ctx, c->corpus->text, c->ends[turn], RL_ENCODE_SPECIAL, c->out,
                                         c->room, &want, err);
        if (status == RL_OK && (n != want || memcmp(ids, c->out, n * sizeof *ids) != 0))
            status =
                rl_fail(err, RL_ERR_FORMAT, "with %zu turns more: other ids than without the cache", turn);
    }
    c->ids = (double)all / MORE_TURNS;
    return status;
}

static void run(rl_state *st)
{
    prefix_case *c = st->arg;
    const uint32_t *ids;
    size_t turn = MORE_TURNS, n;
    rl_error err;
    while (rl_state_next(st)) {
        rl_status status = RL_OK;
        if (turn++ == MORE_TURNS) {
            turn = 1;
            rl_state_pause(st);
            status = begin(c, &err);
            rl_state_resume(st);
        }
        if (status == RL_OK) status = encode(c, turn, &ids, &n, &err);
        if (status != RL_OK) {
            rl_state_error(st, "%s", err.text);
            break;
        }
        rl_keep(ids);
    }
    rl_tok_counters(st, c->ids, c->bytes);
}

void rl_tok_add_prefix(rl_program *p, const rl_part *part, rl_tok_inputs *in, const rl_tokenizer_kernel *kern,
                       bool on)
{
    prefix_case *c = rl_program_case(p, sizeof *c);
    char name[128], label[160];
    if (c == NULL) return;
    *c = (prefix_case){.in = in, .kern = kern, .on = on};
    for (size_t i = 0; i < RL_CORPORA; i++)
        if (strcmp(in->corpora[i].name, "chat") == 0) c->corpus = &in->corpora[i];
    c->ends[0] = end_of_turn(c->corpus, CHAT_BYTES);
    for (size_t i = 1; i <= MORE_TURNS; i++) {
        c->ends[i] = end_of_turn(c->corpus, c->ends[i - 1]);
        c->bytes += (double)c->ends[i] / MORE_TURNS;
    }
    snprintf(name, sizeof name, "tokenizer/%s/%s/chat/%d/prefix:%s", kern->variant,
             rl_isa_name(kern->base.isa), (int)CHAT_BYTES, on ? "on" : "off");
    rl_tok_label(label, sizeof label, kern, c->corpus);
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
                               .reference_only = part->reference_only,
                           });
}
