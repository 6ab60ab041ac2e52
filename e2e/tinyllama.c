/* tinyllama.c - the command: a prompt in, text out as it is made, then what it cost.
 *
 * What is timed: loading, that is opening the file and packing its weights; the prompt from its first byte to its
 * logits (tokenizing, prefill); the first token until its text is written (that and sampling), without loading and
 * with it; every later token from one write to the next. */
#include "base/file.h"
#include "base/mem.h"
#include "base/team.h"
#include "decoder.h"
#include "model.h"
#include "perf/clock.h"
#include "perf/stats.h"
#include "sampler.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { EXIT_FAILED = 1, EXIT_USAGE = 64, PROMPT_LIMIT = 64 << 20 };

static const char help[] =
    "usage: tinyllama --model FILE [--prompt TEXT | --prompt-file FILE] [options]\n"
    "\n"
    "Continues a prompt with a Llama model from a GGUF file. The text goes to standard output as it is "
    "made,\n"
    "figures to standard error.\n"
    "\n"
    "  -m, --model FILE        the model (GGUF v2 or v3)\n"
    "  -p, --prompt TEXT       what to continue (default: \"Once upon a time\")\n"
    "  -f, --prompt-file FILE  the same from a file; - reads standard input\n"
    "  -n, --tokens N          tokens to make at most (default: 64)\n"
    "  -t, --threads N         threads (default: one a CPU)\n"
    "  -c, --ctx N             positions to make room for (default: prompt and tokens)\n"
    "  -b, --batch N           tokens of the prompt taken at once (default: 128)\n"
    "      --temp T            0: always the most likely token (default); otherwise draw at this "
    "temperature\n"
    "      --top-k K           ... among the K most likely (default: 40; 0: all)\n"
    "      --top-p P           ... that make up this much probability (default: 0.95)\n"
    "      --seed N            ... with this seed (default: 1)\n"
    "      --ignore-eos        go on after the end-of-text token\n"
    "      --isa NAME          scalar, avx2, avx512 or neon (default: the best there is, or RL_ISA)\n"
    "      --no-pack           multiply by the file's rows: loads at once, decodes slower\n"
    "      --no-pin            let the system move threads between CPUs\n"
    "  -h, --help              this text\n"
    "\n"
    "exit status: 0 done, 1 failed (the message says why), 64 wrong usage\n";

typedef struct {
    const char *model, *prompt, *prompt_file, *isa;
    size_t tokens, threads, ctx, batch;
    rl_sampler_options sampling;
    bool ignore_eos, no_pack, no_pin;
} options;

static volatile sig_atomic_t interrupted;
static void on_interrupt(int sig) { interrupted = sig; }

static double now_s(void) { return (double)rl_clock_system.wall_ns(NULL) * 1e-9; }

/* ---- command line ---- */

static int usage_error(const char *flag, const char *value, const char *expected)
{
    fprintf(stderr, "tinyllama: --%s %s: expected %s\n", flag, value, expected);
    return EXIT_USAGE;
}

static bool parse_count(const char *text, size_t min, size_t max, size_t *out)
{
    char *end;
    errno = 0;
    const unsigned long long v = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || v < min || v > max) return false;
    *out = (size_t)v;
    return true;
}

static bool parse_float(const char *text, float *out)
{
    char *end;
    *out = strtof(text, &end);
    return end != text && *end == '\0';
}

/* 0, or the exit status of a usage error (or of --help: -1). */
static int parse_options(int argc, char **argv, options *o)
{
    enum { TEMP = 256, TOP_K, TOP_P, SEED, IGNORE_EOS, ISA, NO_PACK, NO_PIN };
    static const struct option flags[] = {
        {"model",            required_argument, NULL, 'm'},
        {"prompt",              required_argument, NULL, 'p'},
        {"prompt-file",                  required_argument, NULL, 'f'},
        {"tokens",required_argument, NULL, 'n'},
        {"threads",               required_argument, NULL, 't'},
        {"ctx",      required_argument, NULL, 'c'},
        {"batch",              required_argument, NULL, 'b'},
        {"temp",                  required_argument, NULL, TEMP},
        {"top-k",              required_argument, NULL, TOP_K},
        {"top-p",               required_argument, NULL, TOP_P},
        {"seed",          required_argument, NULL, SEED},
        {"ignore-eos",              no_argument, NULL, IGNORE_EOS},
        {"isa",                  required_argument, NULL, ISA},
        {"no-pack",no_argument, NULL, NO_PACK},
        {"no-pin",               no_argument, NULL, NO_PIN},
        {"help",            no_argument, NULL, 'h'},
        {0             }
    };
    *o = (options){
        .tokens = 64, .threads = rl_cpu_count(), .sampling = {.top_k = 40, .top_p = 0.95f, .seed = 1}
    };
    size_t n;
    for (int flag; (flag = getopt_long(argc, argv, "m:p:f:n:t:c:b:h", flags, NULL)) != -1;) {
        switch (flag) {
        case 'm':
            o->model = optarg;
            break;
        case 'p':
            o->prompt = optarg;
            break;
        case 'f':
            o->prompt_file = optarg;
            break;
        case 'n':
            if (!parse_count(optarg, 1, 1 << 24, &o->tokens))
                return usage_error("tokens", optarg, "1 to 16777216");
            break;
        case 't':
            if (!parse_count(optarg, 1, RL_TEAM_MAX, &o->threads))
                return usage_error("threads", optarg, "1 to 256");
            break;
        case 'c':
            if (!parse_count(optarg, 1, 1 << 24, &o->ctx)) return usage_error("ctx", optarg, "1 to 16777216");
            break;
        case 'b':
            if (!parse_count(optarg, 1, 4096, &o->batch)) return usage_error("batch", optarg, "1 to 4096");
            break;
        case TEMP:
            if (!parse_float(optarg, &o->sampling.temperature))
                return usage_error("temp", optarg, "a number");
            break;
        case TOP_K:
            if (!parse_count(optarg, 0, UINT32_MAX, &n)) return usage_error("top-k", optarg, "0 or more");
            o->sampling.top_k = (uint32_t)n;
            break;
        case TOP_P:
            if (!parse_float(optarg, &o->sampling.top_p)) return usage_error("top-p", optarg, "a number");
            break;
        case SEED:
            if (!parse_count(optarg, 0, SIZE_MAX, &n)) return usage_error("seed", optarg, "0 or more");
            o->sampling.seed = n;
            break;
        case IGNORE_EOS:
            o->ignore_eos = true;
            break;
        case ISA:
            o->isa = optarg;
            break;
        case NO_PACK:
            o->no_pack = true;
            break;
        case NO_PIN:
            o->no_pin = true;
            break;
        case 'h':
            fputs(help, stdout);
            return -1;
        default:
            fputs("tinyllama: see tinyllama --help\n", stderr);
            return EXIT_USAGE;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "tinyllama: unexpected argument '%s': see tinyllama --help\n", argv[optind]);
        return EXIT_USAGE;
    }
    if (o->model == NULL || (o->prompt != NULL && o->prompt_file != NULL)) {
        fputs(o->model == NULL ? "tinyllama: --model is needed: see tinyllama --help\n"
                               : "tinyllama: --prompt and --prompt-file exclude each other\n",
              stderr);
        return EXIT_USAGE;
    }
    return 0;
}

/* ---- generating ---- */

typedef struct {
    double load_s;
    double prompt_s, first_s; /* first byte of the prompt to its logits; ... to the first text */
    size_t n_prompt, n_made;
    bool full;       /* the context ended before the tokens asked for were made */
    double *token_s; /* [n_made - 1] after the first; owned */
} timings;

/* Writes the text that an id completes. */
static rl_status write_text(const rl_model *m, rl_tokenizer_stream *stream, uint32_t id, char *out,
                            rl_error *err)
{
    size_t n;
    rl_status status = rl_tokenizer_stream_push(stream, m->tokenizer, id, out, &n, err);
    if (status != RL_OK) return status;
    fwrite(out, 1, n, stdout);
    if (fflush(stdout) != 0)
        return rl_fail(err, RL_ERR_IO, "cannot write to standard output: %s", strerror(errno));
    return RL_OK;
}

static bool is_eos(const rl_model *m, uint32_t id)
{
    uint32_t eos = 2;
    rl_error ignored; /* the tokenizer has opened: the key is right, or absent */
    (void)rl_gguf_u32(m->gguf, "tokenizer.ggml.eos_token_id", RL_GGUF_OPTIONAL, &eos, &ignored);
    return id == eos;
}

static rl_status generate(rl_model *m, rl_decoder *d, rl_sampler *sampler, const options *o,
                          const uint32_t *prompt, double started, timings *t, rl_error *err)
{
    const size_t n_vocab = m->llama.config.n_vocab;
    float *logits = rl_alloc(n_vocab * sizeof *logits);
    char *text = rl_alloc(rl_tokenizer_stream_max(m->tokenizer));
    t->token_s = rl_alloc(o->tokens * sizeof *t->token_s);
    rl_status status = RL_OK;
    if (logits == NULL || text == NULL || t->token_s == NULL) {
        status = rl_fail(err, RL_ERR_MEMORY, "out of memory for %zu tokens", o->tokens);
        goto out;
    }
    rl_tokenizer_stream stream;
    rl_tokenizer_stream_init(&stream, RL_DECODE_CONTINUE);
    status = rl_decoder_eval(d, prompt, t->n_prompt, logits, false, err);
    t->prompt_s = now_s() - started;
    for (double last = 0; status == RL_OK && interrupted == 0;) {
        const uint32_t id = rl_sampler_pick(sampler, logits);
        if (is_eos(m, id) && !o->ignore_eos) break;
        status = write_text(m, &stream, id, text, err);
        const double now = now_s();
        if (t->n_made == 0)
            t->first_s = now - started;
        else
            t->token_s[t->n_made - 1] = now - last;
        last = now;
        t->n_made++;
        if (status != RL_OK || t->n_made == o->tokens) break;
        if (rl_decoder_n_past(d) == rl_decoder_n_ctx(d)) {
            t->full = true;
            break;
        }
        status = rl_decoder_eval(d, &id, 1, logits, false, err);
    }
    fwrite(text, 1, rl_tokenizer_stream_flush(&stream, text), stdout);
    putchar('\n');
out:
    rl_free(text);
    rl_free(logits);
    return status;
}

/* ---- the figures ---- */

static double mib(size_t bytes) { return (double)bytes / (1 << 20); }

static void print_figures(const rl_model *m, const rl_decoder *d, const timings *t)
{
    const size_t n = t->n_made > 0 ? t->n_made - 1 : 0;
    double total = 0;
    for (size_t i = 0; i < n; i++) total += t->token_s[i];
    rl_sort(t->token_s, n);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    fprintf(stderr, "\nmodel     %s, %zu threads%s, %s\n", rl_gguf_path(m->gguf), rl_decoder_threads(d),
            rl_decoder_pinned(d) ? " (pinned)" : "", rl_decoder_kernel(d)->name);
    const size_t packed = rl_decoder_packed_bytes(d);
    fprintf(stderr, "load      %.1f ms", t->load_s * 1e3);
    if (packed > 0)
        fprintf(stderr, ", of which packing %.1f ms: %.0f MiB, %.0f %% on huge pages", rl_decoder_pack_ms(d),
                mib(packed), 100 * (double)rl_decoder_huge_bytes(d) / (double)packed);
    fputs("\n", stderr);
    fprintf(stderr, "prompt    %zu tokens, %.1f tokens/s\n", t->n_prompt, (double)t->n_prompt / t->prompt_s);
    if (t->n_made > 0)
        fprintf(stderr, "TTFT      %.1f ms, with loading %.1f ms\n", t->first_s * 1e3,
                (t->load_s + t->first_s) * 1e3);
    if (n > 0)
        fprintf(stderr, "decode    %zu tokens, %.2f tokens/s; time per token p50 %.2f ms, p95 %.2f ms\n", n,
                (double)n / total, rl_sorted_median(t->token_s, n) * 1e3,
                rl_sorted_percentile(t->token_s, n, 0.95) * 1e3);
    fprintf(stderr,
            "memory    peak %.0f MiB; model file %.0f MiB (mapped), KV cache %.1f MiB, working %.1f MiB\n",
            (double)usage.ru_maxrss / 1024, mib(rl_gguf_file_bytes(m->gguf)), mib(rl_decoder_kv_bytes(d)),
            mib(rl_decoder_work_bytes(d)));
}

static rl_status read_prompt(const options *o, char **text, size_t *n, rl_error *err)
{
    if (o->prompt_file != NULL) return rl_file_read(o->prompt_file, PROMPT_LIMIT, text, n, err);
    const char *prompt = o->prompt != NULL ? o->prompt : "Once upon a time";
    *text = strdup(prompt);
    *n = strlen(prompt);
    return *text != NULL ? RL_OK : rl_fail(err, RL_ERR_MEMORY, "out of memory for the prompt");
}

static rl_status run(const options *o, uint32_t cpu, rl_error *err)
{
    rl_model model = {0};
    rl_decoder *decoder = NULL;
    rl_sampler *sampler = NULL;
    uint32_t *ids = NULL;
    char *prompt = NULL;
    size_t n_bytes = 0;
    timings t = {0};
    const double start = now_s();
    rl_status status = read_prompt(o, &prompt, &n_bytes, err);
    if (status == RL_OK) status = rl_model_open(&model, o->model, cpu, err);
    rl_sampler_options sampling = o->sampling;
    sampling.cpu = cpu;
    if (status == RL_OK) status = rl_sampler_open(&sampler, &sampling, model.llama.config.n_vocab, err);
    t.load_s = now_s() - start;
    if (status != RL_OK) goto out;

    double started = now_s();
    status = rl_model_encode(&model, prompt, n_bytes, &ids, &t.n_prompt, err);
    if (status == RL_OK && t.n_prompt == 0) status = rl_fail(err, RL_ERR_ARG, "the prompt is empty");
    if (status == RL_OK && o->ctx > 0 && t.n_prompt > o->ctx)
        status = rl_fail(err, RL_ERR_ARG, "the prompt is %zu tokens long, the context holds %zu (--ctx)",
                         t.n_prompt, o->ctx);
    if (status != RL_OK) goto out;
    const double encode_s = now_s() - started;
    const rl_decoder_options d = {.threads = o->threads,
                                  .n_ctx = o->ctx > 0 ? o->ctx : t.n_prompt + o->tokens,
                                  .batch = o->batch,
                                  .cpu = cpu,
                                  .pin = !o->no_pin,
                                  .no_pack = o->no_pack};
    started = now_s();
    status = rl_decoder_open(&decoder, &model.llama, &d, err);
    if (status != RL_OK) goto out;
    t.load_s += now_s() - started; /* sized by the prompt, but it is set-up all the same */
    fwrite(prompt, 1, n_bytes, stdout);
    fflush(stdout);
    status = generate(&model, decoder, sampler, o, ids, now_s() - encode_s, &t, err);
    if (status == RL_OK && t.full)
        fprintf(stderr, "tinyllama: the context is full (--ctx %zu): stopped after %zu of %zu tokens\n",
                rl_decoder_n_ctx(decoder), t.n_made, o->tokens);
    if (status == RL_OK) print_figures(&model, decoder, &t);
out:
    rl_free(t.token_s);
    rl_decoder_close(decoder);
    rl_sampler_close(sampler);
    rl_free(ids);
    rl_model_close(&model);
    free(prompt);
    return status;
}

int main(int argc, char **argv)
{
    options o;
    const int usage = parse_options(argc, argv, &o);
    if (usage != 0) return usage < 0 ? 0 : usage;
    rl_error err;
    uint32_t cpu;
    rl_status status = o.isa != NULL ? rl_cpu_named(o.isa, &cpu, &err) : rl_cpu_from_env(&cpu, &err);
    if (status == RL_OK) {
        signal(SIGINT, on_interrupt);
        status = run(&o, cpu, &err);
    }
    if (status == RL_OK) return 0;
    fprintf(stderr, "tinyllama: %s\n", err.text);
    return status == RL_ERR_ARG ? EXIT_USAGE : EXIT_FAILED;
}
