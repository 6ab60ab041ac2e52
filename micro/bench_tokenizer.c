/* bench_tokenizer.c - text to ids, every tokenizer kernel there is.
 *
 * Timed: rl_tokenizer_encode() of one text after another, each of the size in the name, into a caller's
 * buffer; contexts are opened before. Texts: `english` is prose from SQLite's documentation (public domain,
 * micro/corpus), `json` and `letters` are generated: records of a log, and random letters without a space.
 * Bytes are those of the text, items the ids. The quadratic reference kernel only runs the short texts. */
#include "base/embed.h"
#include "base/mem.h"
#include "base/random.h"
#include "perf/barrier.h"
#include "program.h"
#include "tokenizer/tokenizer.h"
#include "vocab_file.h"

#include <stdio.h>
#include <string.h>

RL_EMBED(rl_english, RL_ENGLISH_FILE);

enum { CORPUS_BYTES = 60 << 10, REFERENCE_BYTES = 1 << 10 };
static const size_t sizes[] = {1 << 10, 10 << 10, CORPUS_BYTES};

typedef struct {
    const char *name;
    char text[CORPUS_BYTES];
} corpus;

/* Three corpora and the tokenizer that all cases share, for the life of the process. */
static corpus corpora[3];
static rl_tokenizer *tokenizer;

typedef struct {
    const rl_tokenizer_kernel *kern;
    const corpus *corpus;
    size_t bytes, n_texts; /* a text's, and how many the corpus has */
    double ids;            /* of a text, on average */
    /* made by setup */
    rl_tokenizer_ctx *ctx;
    uint32_t *out;
    size_t room;
} tok_case;

static void make_corpora(void)
{
    corpora[0].name = "english";
    memcpy(corpora[0].text, rl_english, CORPUS_BYTES);

    static const char *const levels[] = {"info", "warning", "error", "debug"};
    static const char *const verbs[] = {"opened", "closed", "read", "written", "queued", "dropped"};
    corpora[1].name = "json";
    uint64_t seed = 1;
    for (size_t used = 0; used < CORPUS_BYTES;) {
        char line[256];
        const uint64_t r = rl_random(&seed);
        const int n = snprintf(
            line, sizeof line,
            "{\"ts\": 17%08u, \"level\": \"%s\", \"msg\": \"file %s\", \"id\": \"%08x\", \"bytes\": %u}\n",
            (unsigned)(r % 100000000), levels[r >> 8 & 3], verbs[(r >> 16) % 6], (unsigned)(r >> 32),
            (unsigned)(r >> 20 & 0xffff));
        const size_t fits = (size_t)n < CORPUS_BYTES - used ? (size_t)n : CORPUS_BYTES - used;
        memcpy(corpora[1].text + used, line, fits);
        used += fits;
    }
    corpora[2].name = "letters";
    for (size_t i = 0; i < CORPUS_BYTES; i++) corpora[2].text[i] = (char)('a' + rl_random(&seed) % 26);
}

static void teardown(void *arg)
{
    tok_case *c = arg;
    rl_tokenizer_ctx_close(c->ctx);
    rl_free(c->out);
    c->ctx = NULL;
    c->out = NULL;
}

static rl_status setup(void *arg, rl_error *err)
{
    tok_case *c = arg;
    c->room = rl_tokenizer_max_ids(tokenizer, c->bytes, 0);
    c->out = rl_alloc(c->room * sizeof *c->out);
    if (c->out == NULL) return rl_fail(err, RL_ERR_MEMORY, "out of memory for %zu ids", c->room);
    const rl_status status = rl_tokenizer_ctx_open(&c->ctx, tokenizer, c->kern, c->bytes, err);
    if (status != RL_OK) teardown(c);
    return status;
}

static rl_status encode(const tok_case *c, rl_tokenizer_ctx *ctx, size_t text, uint32_t *out, size_t *n,
                        rl_error *err)
{
    return rl_tokenizer_encode(ctx, c->corpus->text + text * c->bytes, c->bytes, 0, out, c->room, n, err);
}

/* The same ids as the reference kernel on every text; where texts are too long for it, what is decoded is the text. */
static rl_status verify_text(tok_case *c, rl_tokenizer_ctx *reference, size_t text, rl_error *err)
{
    static uint32_t want[REFERENCE_BYTES + 16];
    static char back[2 * CORPUS_BYTES];
    size_t n, n_want, n_back;
    rl_status status = encode(c, c->ctx, text, c->out, &n, err);
    if (status != RL_OK) return status;
    c->ids += (double)n;
    if (reference != NULL) {
        if (encode(c, reference, text, want, &n_want, err) != RL_OK) return err->status;
        if (n != n_want || memcmp(want, c->out, n * sizeof *want) != 0)
            return rl_fail(err, RL_ERR_FORMAT, "text %zu: other ids than the reference kernel's", text);
    }
    status = rl_tokenizer_decode(tokenizer, c->out, n, 0, back, sizeof back, &n_back, err);
    if (status == RL_OK &&
        (n_back != c->bytes || memcmp(back, c->corpus->text + text * c->bytes, n_back) != 0))
        return rl_fail(err, RL_ERR_FORMAT, "text %zu: decoding its ids gives another text", text);
    return status;
}

static rl_status verify(void *arg, double *max_error, rl_error *err)
{
    tok_case *c = arg;
    rl_tokenizer_ctx *reference = NULL;
    rl_status status = RL_OK;
    if (c->bytes <= REFERENCE_BYTES)
        status = rl_tokenizer_ctx_open(&reference, tokenizer, rl_tokenizer_kernel_find("reference", 0),
                                       c->bytes, err);
    c->ids = 0;
    for (size_t text = 0; text < c->n_texts && status == RL_OK; text++)
        status = verify_text(c, reference, text, err);
    c->ids /= (double)c->n_texts;
    rl_tokenizer_ctx_close(reference);
    *max_error = 0;
    return status;
}

static void run(rl_state *st)
{
    tok_case *c = st->arg;
    size_t text = 0, n;
    rl_error err;
    while (rl_state_next(st)) {
        if (encode(c, c->ctx, text, c->out, &n, &err) != RL_OK) {
            rl_state_error(st, "%s", err.text);
            break;
        }
        rl_keep(c->out);
        if (++text == c->n_texts) text = 0;
    }
    rl_state_counter(st, "ids_per_text", c->ids, 0);
    rl_state_counter(st, "ids_per_second", c->ids, RL_COUNTER_ITERATION_INVARIANT | RL_COUNTER_RATE);
}

static void add_case(rl_program *p, const rl_part *part, const rl_tokenizer_kernel *kern, const corpus *text,
                     size_t bytes)
{
    tok_case *c = rl_program_case(p, sizeof *c);
    char name[128], reference[128];
    if (c == NULL) return;
    *c = (tok_case){.kern = kern, .corpus = text, .bytes = bytes, .n_texts = CORPUS_BYTES / bytes};
    snprintf(name, sizeof name, "tokenizer/%s/%s/%s/%zu", kern->variant, rl_isa_name(kern->base.isa),
             text->name, bytes);
    snprintf(reference, sizeof reference, "tokenizer/reference/scalar/%s/%zu", text->name, bytes);
    const bool is_reference = strcmp(kern->variant, "reference") == 0;
    rl_suite_add(p->suite, &(rl_case){
                               .name = name,
                               .skip = part->skip,
                               .run = run,
                               .arg = c,
                               .setup = setup,
                               .teardown = teardown,
                               .verify = verify,
                               .bytes = (double)bytes,
                               .isa = rl_isa_name(kern->base.isa),
                               .cache = "hot",
                               .label = kern->base.name,
                               .reference = is_reference || bytes > REFERENCE_BYTES ? NULL : reference,
                               .reference_only = part->reference_only,
                           });
}

static rl_status open_tokenizer(const char *path, rl_error *err)
{
    rl_vocab_file *file;
    rl_status status = rl_vocab_file_open(&file, path[0] != '\0' ? path : "built-in", err);
    if (status == RL_OK) status = rl_tokenizer_open(&tokenizer, rl_vocab_file_vocab(file), err);
    rl_vocab_file_close(file);
    return status;
}

int main(int argc, char **argv)
{
    rl_program p;
    int exit_code;
    rl_error err;
    rl_flag model = {
        "model", "",
        "GGUF, tokenizer.model or tokenizer.json file whose vocabulary to use (default: the built-in one)",
        false};
    const rl_program_config config = {
        .family = "tokenizer", .axes = RL_AXIS_ISA, .flags = &model, .n_flags = 1};
    if (!rl_program_open(&p, &config, argc, argv, &exit_code)) return exit_code;
    if (open_tokenizer(model.value, &err) != RL_OK) {
        exit_code = rl_suite_failed(p.suite, "--model: %s", err.text);
        rl_suite_close(p.suite);
        return exit_code;
    }
    make_corpora();
    const rl_tokenizer_kernel *kern, *best = rl_tokenizer_kernel_find(NULL, p.cpu);
    for (size_t i = 0; (kern = rl_tokenizer_kernel_at(i)) != NULL; i++) {
        rl_part part;
        if (!rl_program_part(&p, &kern->base, &best->base, &part)) continue;
        for (size_t c = 0; c < RL_COUNT(corpora); c++)
            for (size_t s = 0; s < RL_COUNT(sizes); s++)
                if (sizes[s] <= REFERENCE_BYTES || strcmp(kern->variant, "reference") != 0)
                    add_case(&p, &part, kern, &corpora[c], sizes[s]);
    }
    exit_code = rl_program_run(&p);
    rl_tokenizer_close(tokenizer);
    return exit_code;
}
