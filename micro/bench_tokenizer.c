/* bench_tokenizer.c - text to ids, every tokenizer kernel there is.
 *
 * Timed: rl_tokenizer_encode() of one text after another, each of the size in the name, into a caller's buffer;
 * contexts are opened before. Ten corpora of 1 MiB (tok_corpora.h), texts of 64 B to all of it; states cold, warm and
 * process, threads, a growing chat, and opening (tok_bench.h). Bytes are those of the text, so that bytes_per_second is
 * the speed; ids_per_second are tokens. Every text's ids are compared before with the heap kernel's, and short ones'
 * with the quadratic reference kernel's.
 *
 * Not every kernel runs everything: the fastest one does, what it is to be faster than runs enough to be compared. */
#include "tok_bench.h"

#include <string.h>

enum { S64, S1K, S10K, S1M };
enum { ENGLISH, MIXED, CODE, JSON, CHAT, LETTERS, BASE64, DNA, REPEAT, SPACES };

static bool among(size_t x, const size_t *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (list[i] == x) return true;
    return false;
}
#define AMONG(x, ...)                                                                                        \
    among(x, (const size_t[]){__VA_ARGS__}, sizeof((const size_t[]){__VA_ARGS__}) / sizeof(size_t))

bool rl_tok_has_reference(size_t corpus, size_t size)
{
    return size == S1K && AMONG(corpus, ENGLISH, JSON, LETTERS);
}

/* Which cells of corpus and size a kernel has. */
static bool has_cell(const rl_tokenizer_kernel *kern, const rl_tokenizer_kernel *best, size_t corpus,
                     size_t size)
{
    if (strcmp(kern->variant, "reference") == 0) return rl_tok_has_reference(corpus, size);
    if (kern == best) return true;
    if (strcmp(kern->variant, "heap") == 0)
        return size == S1K || (size == S1M && AMONG(corpus, ENGLISH, LETTERS));
    return AMONG(size, S1K, S1M) && AMONG(corpus, ENGLISH, CODE, LETTERS);
}

static void add_kernel(rl_program *p, const rl_part *part, rl_tok_inputs *in, const rl_tokenizer_kernel *kern,
                       const rl_tokenizer_kernel *best)
{
    for (size_t c = 0; c < RL_CORPORA; c++)
        for (size_t s = 0; s < RL_TOK_SIZES; s++) {
            if (!has_cell(kern, best, c, s)) continue;
            rl_tok_add_encode(p, part, in, kern, c, s, RL_TOK_COLD);
            if (kern->forget != NULL && kern == best && AMONG(c, ENGLISH, MIXED, CODE, JSON, CHAT))
                rl_tok_add_encode(p, part, in, kern, c, s, RL_TOK_WARM);
        }
    if (kern != best) return;
    rl_tok_add_encode(p, part, in, kern, ENGLISH, S1M, RL_TOK_PROCESS);
    for (size_t i = 0; i < p->n_threads; i++) {
        rl_tok_add_pool(p, part, in, kern, ENGLISH, S1M, p->threads[i]);
        rl_tok_add_pool(p, part, in, kern, MIXED, S1M, p->threads[i]);
        rl_tok_add_pool(p, part, in, kern, LETTERS, S1M, p->threads[i]);
        rl_tok_add_pool(p, part, in, kern, ENGLISH, S10K, p->threads[i]);
        rl_tok_add_pool(p, part, in, kern, CHAT, S1K, p->threads[i]);
    }
    rl_tok_add_prefix(p, part, in, kern, true);
    rl_tok_add_prefix(p, part, in, kern, false);
}

static int run_cases(rl_program *p, rl_tok_inputs *in)
{
    const rl_tokenizer_kernel *kern, *best = rl_tokenizer_kernel_find(NULL, p->cpu);
    for (size_t i = 0; (kern = rl_tokenizer_kernel_at(i)) != NULL; i++) {
        rl_part part;
        if (!rl_program_part(p, &kern->base, &best->base, &part)) continue;
        add_kernel(p, &part, in, kern, best);
        if (kern == best && !part.reference_only) rl_tok_add_load(p, in, best);
    }
    return rl_program_run(p);
}

int main(int argc, char **argv)
{
    rl_program p;
    int exit_code;
    rl_error err;
    static rl_tok_inputs in;
    rl_flag flags[] = {
        {"model",       "built-in",
         "GGUF, tokenizer.model or tokenizer.json file whose vocabulary to use (default: the program's own)",  false},
        {"dump-corpus", "",         "directory: write the texts, their ids and the vocabulary there, and end", true },
    };
    const rl_program_config config = {.family = "tokenizer",
                                      .axes = RL_AXIS_ISA | RL_AXIS_THREADS,
                                      .flags = flags,
                                      .n_flags = RL_COUNT(flags)};
    if (!rl_program_open(&p, &config, argc, argv, &exit_code)) return exit_code;
    in.model = flags[0].value;
    const char *dir = flags[1].value;
    in.oracle =
        rl_tokenizer_kernel_find(dir[0] == '\0' ? "heap" : NULL, p.cpu); /* others compare what is dumped */
    rl_status status = rl_tok_inputs_open(&in, &err);
    if (status == RL_OK && dir[0] != '\0') status = rl_tok_dump(&in, dir, &err);
    if (status == RL_OK && dir[0] == '\0') {
        exit_code = run_cases(&p, &in);
    } else {
        exit_code = status != RL_OK
                        ? rl_suite_failed(p.suite, "%s%s", in.corpora == NULL ? "--model: " : "", err.text)
                        : RL_EXIT_OK;
        rl_suite_close(p.suite);
    }
    rl_tok_inputs_close(&in);
    return exit_code;
}
