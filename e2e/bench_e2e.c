/* bench_e2e.c - a whole model: how fast a prompt goes in and tokens come out.
 *
 *   pp<N>    one iteration takes a prompt of N tokens into an empty context
 *   tg<N>    one iteration makes N tokens, one after another, after a context of `depth`
 *   ttft<N>  from a prompt's text to the first token's id: tokenizing, N tokens or so of prefill, one choice;
 *            load_ms beside it is what comes before: opening the file and the decoder, which packs the weights
 * Timed with the decoder open and its weights packed, or with --no-pack in rows, which is part of the name;
 * tokens are fixed, so that every run does the same work. tg reads every weight once a token: its bytes are
 * those, a percentage of what reading as many over and over took around it (a cache may keep some). pp is a percentage of
 * the peak of the byte multiply-add; only its last token passes through the output matrix. The name has the tier that
 * was asked for, isa and label have the tier and the kernel by which this decoder multiplies by most of the weights.
 * Verified: the logits of two tokens by the very decoder that is timed, with its threads, taken as the case
 * takes them, against those by the scalar kernels on one, from the file's rows. What kernels do only with many tokens
 * at once is tests/test_gemm.c's and tests/test_decoder.c's to check. */
#include "base/mem.h"
#include "decoder.h"
#include "gemv/gemv.h"
#include "model.h"
#include "ops/ops.h"
#include "perf/barrier.h"
#include "perf/stats.h"
#include "program.h"
#include "weights.h"
#include "yardsticks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum { PROMPT, GENERATE, FIRST_TOKEN } what;

/* What all cases share. */
typedef struct {
    rl_model model;
    double open_ms; /* opening it */
    bool no_pack;
    float *
        want; /* [n_vocab] the logits of two tokens by scalar kernels on one thread; made by the first setup, owned */
} bench;

typedef struct {
    bench *b;
    what what;
    uint32_t cpu;
    size_t n, depth, threads;
    rl_argmax_fn *argmax; /* FIRST_TOKEN: the choice */
    /* made by setup */
    rl_decoder *decoder;
    float *logits;
    uint32_t *tokens; /* [depth + n] */
    char *text;       /* FIRST_TOKEN: the prompt */
    double *token_ms; /* GENERATE: the last iterations' times, TIMES of them */
    size_t n_times;
    double load_ms; /* FIRST_TOKEN: opening the model and the decoder, packing the weights */
} e2e_case;

enum { TIMES = 4096 };

static double now_ms(void) { return (double)rl_clock_system.wall_ns(NULL) * 1e-6; }

static void teardown(void *arg)
{
    e2e_case *c = arg;
    rl_decoder_close(c->decoder);
    rl_free(c->logits);
    rl_free(c->tokens);
    rl_free(c->token_ms);
    free(c->text);
    c->decoder = NULL;
    c->logits = NULL;
    c->tokens = NULL;
    c->token_ms = NULL;
    c->text = NULL;
}

static rl_status open_decoder(const bench *b, uint32_t cpu, size_t threads, size_t n_ctx, bool no_pack,
                              rl_decoder **d, rl_error *err)
{
    const rl_decoder_options o = {
        .threads = threads, .n_ctx = n_ctx, .cpu = cpu, .pin = true, .no_pack = no_pack};
    return rl_decoder_open(d, &b->model.llama, &o, err);
}

/* Tokens that no run of one token repeats: a fixed walk over the vocabulary, past the special and byte pieces. */
static void fill_tokens(uint32_t *tokens, size_t n, size_t n_vocab)
{
    const size_t first = n_vocab > 1000 ? 259 : 0;
    for (size_t i = 0; i < n; i++) tokens[i] = (uint32_t)(first + (i * 7919 + 17) % (n_vocab - first));
}

/* The text of n tokens: what tokenizing it gives is about as long. */
static rl_status make_text(e2e_case *c, rl_error *err)
{
    const size_t room = c->n * 64;
    size_t used;
    c->text = calloc(1, room + 1);
    if (c->text == NULL) return rl_fail(err, RL_ERR_MEMORY, "out of memory for a prompt");
    return rl_tokenizer_decode(c->b->model.tokenizer, c->tokens, c->n, 0, c->text, room, &used, err);
}

/* The logits after two tokens in an empty context, taken as a prompt is or as tokens are made; leaves it empty. */
static rl_status eval_two(rl_decoder *d, const bench *b, what kind, float *logits, rl_error *err)
{
    uint32_t tokens[2];
    fill_tokens(tokens, 2, b->model.llama.config.n_vocab);
    rl_decoder_rewind(d, 0);
    const size_t at_once = kind == GENERATE ? 1 : 2;
    rl_status status = RL_OK;
    for (size_t i = 0; i < 2 && status == RL_OK; i += at_once)
        status = rl_decoder_eval(d, tokens + i, at_once, logits, false, err);
    rl_decoder_rewind(d, 0);
    return status;
}

static rl_status make_reference(bench *b, rl_error *err)
{
    rl_decoder *d = NULL;
    float *want = rl_alloc(b->model.llama.config.n_vocab * sizeof *want);
    if (want == NULL) return rl_fail(err, RL_ERR_MEMORY, "out of memory for logits");
    rl_status status = open_decoder(b, 0, 1, 16, true, &d, err);
    if (status == RL_OK) status = eval_two(d, b, PROMPT, want, err);
    rl_decoder_close(d);
    if (status == RL_OK)
        b->want = want;
    else
        rl_free(want);
    return status;
}

static rl_status setup(void *arg, rl_error *err)
{
    e2e_case *c = arg;
    const size_t n_vocab = c->b->model.llama.config.n_vocab, n = c->depth + c->n;
    c->logits = rl_alloc(n_vocab * sizeof *c->logits);
    c->tokens = rl_alloc(n * sizeof *c->tokens);
    c->token_ms = rl_alloc(TIMES * sizeof *c->token_ms);
    rl_status status = RL_OK;
    if (c->logits == NULL || c->tokens == NULL || c->token_ms == NULL)
        status = rl_fail(err, RL_ERR_MEMORY, "out of memory for %zu tokens", n);
    if (status == RL_OK) {
        fill_tokens(c->tokens, n, n_vocab);
        if (c->what == FIRST_TOKEN) status = make_text(c, err);
    }
    if (status == RL_OK && c->b->want == NULL) status = make_reference(c->b, err);
    const double start = now_ms();
    if (status == RL_OK)
        status = open_decoder(c->b, c->cpu, c->threads, 2 * n + 16, c->b->no_pack, &c->decoder, err);
    c->load_ms = c->b->open_ms + now_ms() - start;
    if (status != RL_OK) teardown(c);
    return status;
}

/* The L2 distance of the logits after two tokens, as a part of their norm. A kernel that computes something
 * else is off by 1. Rounding alone moves them by about one part in a hundred: a float that differs in its
 * last bit now and then falls to the other side when activations are quantised to 8 bits, and after a few
 * layers every rounding has gone its own way. */
static rl_status verify(void *arg, double *max_error, rl_error *err)
{
    const double limit = 0.05;
    e2e_case *c = arg;
    const rl_status status = eval_two(c->decoder, c->b, c->what, c->logits, err);
    if (status != RL_OK) return status;
    *max_error = rl_l2_diff(c->logits, c->b->want, c->b->model.llama.config.n_vocab);
    if (!(*max_error <= limit))
        return rl_fail(err, RL_ERR_FORMAT,
                       "logits differ from the scalar kernels' by %.3g of their norm, %.3g allowed",
                       *max_error, limit);
    return RL_OK;
}

static rl_status take_prompt(e2e_case *c, rl_error *err)
{
    rl_decoder_rewind(c->decoder, 0);
    return rl_decoder_eval(c->decoder, c->tokens, c->n, c->logits, false, err);
}

static rl_status make_tokens(e2e_case *c, rl_error *err)
{
    rl_decoder_rewind(c->decoder, c->depth);
    for (size_t i = 0; i < c->n; i++) {
        const double start = now_ms();
        rl_status status = rl_decoder_eval(c->decoder, c->tokens + i, 1, c->logits, false, err);
        if (status != RL_OK) return status;
        c->token_ms[c->n_times++ % TIMES] = now_ms() - start;
    }
    return RL_OK;
}

static rl_status make_first(e2e_case *c, rl_error *err)
{
    uint32_t *ids;
    size_t n;
    rl_decoder_rewind(c->decoder, 0);
    rl_status status = rl_model_encode(&c->b->model, c->text, strlen(c->text), &ids, &n, err);
    if (status != RL_OK) return status;
    status = rl_decoder_eval(c->decoder, ids, n, c->logits, false, err);
    rl_free(ids);
    if (status == RL_OK) rl_keep_value(c->argmax(c->logits, c->b->model.llama.config.n_vocab));
    return status;
}

/* The context that GENERATE goes on from, before the clock starts; there already but for the first batch. */
static rl_status fill_context(e2e_case *c, rl_error *err)
{
    if (rl_decoder_n_past(c->decoder) >= c->depth) return RL_OK;
    rl_decoder_rewind(c->decoder, 0);
    return rl_decoder_eval(c->decoder, c->tokens + c->n, c->depth, NULL, false, err);
}

static void run(rl_state *st)
{
    e2e_case *c = st->arg;
    static rl_status (*const each[])(e2e_case *, rl_error *) = {take_prompt, make_tokens, make_first};
    rl_error err;
    c->n_times = 0;
    if (fill_context(c, &err) != RL_OK) {
        rl_state_error(st, "%s", err.text);
        return;
    }
    while (rl_state_next(st))
        if (each[c->what](c, &err) != RL_OK) {
            rl_state_error(st, "%s", err.text);
            break;
        }
    rl_state_label(st, "%s", rl_decoder_kernel(c->decoder)->name);
    if (c->what == FIRST_TOKEN) rl_state_counter(st, "load_ms", c->load_ms, 0);
    if (c->what != GENERATE || c->n_times == 0) return;
    rl_state_counter(st, "tokens", (double)c->n_times, RL_COUNTER_AVG_ITERATIONS);
    const size_t n = c->n_times < TIMES ? c->n_times : TIMES;
    rl_sort(c->token_ms, n);
    rl_state_counter(st, "token_p50_ms", rl_sorted_percentile(c->token_ms, n, 0.5), 0);
    rl_state_counter(st, "token_p95_ms", rl_sorted_percentile(c->token_ms, n, 0.95), 0);
}

/* "models/tinyllama-1.1b-q4_0.gguf" is called "tinyllama-1.1b-q4_0". */
static void model_name(const char *path, char *out, size_t size)
{
    const char *slash = strrchr(path, '/');
    snprintf(out, size, "%s", slash != NULL ? slash + 1 : path);
    char *end = strstr(out, ".gguf");
    if (end != NULL) *end = '\0';
    for (char *p = out; *p != '\0'; p++)
        if (*p <= ' ' || *p > '~' || strchr("\"',\\/", *p) != NULL) *p = '_';
}

static void add_case(rl_program *p, bench *b, const char *path, rl_isa tier, what kind, size_t n,
                     size_t depth, size_t threads)
{
    static const char *const kinds[] = {"pp", "tg", "ttft"};
    e2e_case *c = rl_program_case(p, sizeof *c);
    char name[160], model[96];
    if (c == NULL) return;
    const uint32_t cpu = rl_cpu_cap(p->cpu, tier);
    *c = (e2e_case){.b = b,
                    .what = kind,
                    .cpu = cpu,
                    .n = n,
                    .depth = depth,
                    .threads = threads,
                    .argmax = rl_ops_best(cpu).argmax};
    model_name(path, model, sizeof model);
    snprintf(name, sizeof name, depth > 0 ? "e2e/%s/%s%s/%s%zu@%zu" : "e2e/%s/%s%s/%s%zu", model,
             rl_isa_name(tier), b->no_pack ? "/rows" : "", kinds[kind], n, depth);
    const rl_format format = b->model.llama.layers[0].ffn_up.format; /* of most of the weights */
    rl_suite_add(
        p->suite,
        &(rl_case){
            .name = name,
            .run = run,
            .arg = c,
            .setup = setup,
            .teardown = teardown,
            .verify = verify,
            .threads = threads,
            .self_threaded = true,
            .unit = RL_MS,
            .items = kind == FIRST_TOKEN ? 0 : (double)n,
            .bytes = kind == GENERATE ? (double)n * (double)rl_llama_bytes_per_token(&b->model.llama) : 0,
            .flops = kind == FIRST_TOKEN ? 0 : rl_llama_flops(&b->model.llama, n, kind == GENERATE ? n : 1),
            .isa = rl_isa_name(
                rl_gemv_find(format, b->no_pack ? RL_ROWS : rl_weights_layout(format, cpu), cpu)->base.isa),
            .cache = "cold",
            .bandwidth_yardstick = kind == GENERATE ? "read_again" : NULL,
            .peak_yardstick = kind == PROMPT ? "dot_i8" : NULL,
            .context_yardstick = kind == GENERATE ? "read" : NULL,
        });
}

/* A comma list of sizes; 0 ends *out. False where an item is no number from 1 to 65536. */
static bool parse_sizes(const char *list, size_t out[9])
{
    size_t n = 0;
    while (*list != '\0') {
        char *end;
        const unsigned long v = strtoul(list, &end, 10);
        if (end == list || (*end != ',' && *end != '\0') || v < 1 || v > 65536 || n == 8) return false;
        out[n++] = v;
        list = *end == ',' ? end + 1 : end;
    }
    out[n] = 0;
    return true;
}

/* The sizes to run, each list ended by 0. */
typedef struct {
    size_t pp[9], tg[9], depth[9];
} sizes;

static void add_cases(rl_program *p, bench *b, const char *path, rl_isa tier, size_t threads, const sizes *z)
{
    for (size_t i = 0; z->pp[i] > 0; i++) {
        add_case(p, b, path, tier, PROMPT, z->pp[i], 0, threads);
        add_case(p, b, path, tier, FIRST_TOKEN, z->pp[i], 0, threads);
    }
    for (size_t i = 0; z->tg[i] > 0; i++) {
        add_case(p, b, path, tier, GENERATE, z->tg[i], 0, threads);
        for (size_t d = 0; z->depth[d] > 0; d++)
            add_case(p, b, path, tier, GENERATE, z->tg[i], z->depth[d], threads);
    }
}

int main(int argc, char **argv)
{
    enum { MODEL, PP, TG, DEPTH, NO_PACK };
    rl_flag flags[] = {
        {"model",   "models/tinyllama-1.1b-q4_0.gguf", "GGUF file to run",                                            false},
        {"pp",      "128",                             "a list of prompt lengths",                                    false},
        {"tg",      "32",                              "a list of numbers of tokens to make",                         false},
        {"depth",   "",                                "a list of contexts to make them after as well (0 always is)", false},
        {"no-pack", "false",                           "multiply by the file's rows instead of packed weights",       true },
    };
    const rl_program_config config = {.family = "e2e",
                                      .axes = RL_AXIS_ISA | RL_AXIS_THREADS,
                                      .isa = "best", /* the scalar kernels take minutes */
                                      .flags = flags,
                                      .n_flags = RL_COUNT(flags)};
    rl_program p;
    bench b = {0};
    int exit_code;
    rl_error err;
    sizes z;
    if (!rl_program_open(&p, &config, argc, argv, &exit_code)) return exit_code;
    const char *path = flags[MODEL].value;
    if (!parse_sizes(flags[PP].value, z.pp) || !parse_sizes(flags[TG].value, z.tg) ||
        !parse_sizes(flags[DEPTH].value, z.depth)) {
        exit_code =
            rl_suite_usage(p.suite, "--pp, --tg, --depth: expected up to eight numbers from 1 to 65536");
        rl_suite_close(p.suite);
        return exit_code;
    }
    b.no_pack = rl_truthy(flags[NO_PACK].value);
    b.open_ms = -now_ms();
    if (rl_model_open(&b.model, path, p.cpu, &err) != RL_OK) {
        exit_code = rl_suite_failed(
            p.suite,
            "%s (make a model with: ridgeline model synth --preset tinyllama-1.1b --format q4_0 "
            "--seed 1 --out %s)",
            err.text, path);
        rl_suite_close(p.suite);
        return exit_code;
    }
    b.open_ms += now_ms();
    rl_yardsticks_add_again(p.suite, p.cpu, rl_llama_bytes_per_token(&b.model.llama));
    for (int tier = 0; tier < RL_ISA_COUNT; tier++)
        for (size_t t = 0; t < p.n_threads && rl_program_wants(&p, (rl_isa)tier); t++)
            add_cases(&p, &b, path, (rl_isa)tier, p.threads[t], &z);
    exit_code = rl_program_run(&p);
    rl_free(b.want);
    rl_model_close(&b.model);
    return exit_code;
}
