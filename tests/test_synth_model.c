/* test_synth_model.c - a synthetic model from the one call that users make: it decodes, its predictions are
 * peaked but not certain, and its greedy text walks the vocabulary. */
#include "util_guard.h"

#include "decoder.h"
#include "model_synth.h"
#include "vocab.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    char dir[32], path[64];
} place;

static int setup(void **state)
{
    place *p = calloc(1, sizeof *p);
    strcpy(p->dir, "/tmp/rl-test-synth-XXXXXX");
    if (mkdtemp(p->dir) == NULL) return -1;
    snprintf(p->path, sizeof p->path, "%s/tiny.gguf", p->dir);
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    place *p = *state;
    unlink(p->path);
    const int left = rmdir(p->dir);
    free(p);
    return left;
}

/* What one step says: its most likely token, how likely it is, and the deviation of the logits. */
typedef struct {
    uint32_t top;
    double p, deviation;
} prediction;

static prediction read_logits(const float *logits, size_t n)
{
    prediction r = {0, 0, 0};
    double sum = 0, squares = 0, exps = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (!isfinite(logits[i])) fail_msg("logit %u is %g", i, (double)logits[i]);
        if (logits[i] > logits[r.top]) r.top = i;
        sum += (double)logits[i];
        squares += (double)logits[i] * (double)logits[i];
    }
    for (uint32_t i = 0; i < n; i++) exps += exp((double)logits[i] - (double)logits[r.top]);
    r.p = 1 / exps;
    r.deviation = sqrt(squares / (double)n - sum / (double)n * sum / (double)n);
    return r;
}

static void greedy_text_is_peaked_and_walks(void **state)
{
    const place *f = *state;
    enum { STEPS = 80, VOCAB = 32000 };
    static float logits[VOCAB];
    static uint8_t seen[VOCAB];
    rl_gguf *g;
    rl_llama model;
    rl_decoder *decoder;
    rl_error err;
    if (rl_model_synth(f->path, "tiny", "q8_0", 1, 0, NULL, &err) != RL_OK ||
        rl_gguf_open(&g, f->path, &err) != RL_OK || rl_llama_open(&model, g, &err) != RL_OK)
        fail_msg("%s", err.text);
    const rl_decoder_options options = {.threads = 1, .n_ctx = 128, .cpu = util_cpu()};
    if (rl_decoder_open(&decoder, &model, &options, &err) != RL_OK) fail_msg("%s", err.text);
    uint32_t token[2] = {1, 1000};
    size_t n = 2, fresh = 0, sure = 0, unsure = 0;
    double p = 0, deviation = 0;
    for (size_t i = 0; i < STEPS; i++) {
        if (rl_decoder_eval(decoder, token, n, logits, false, &err) != RL_OK) fail_msg("%s", err.text);
        const prediction r = read_logits(logits, VOCAB);
        assert_true(r.top >= 259); /* never a control or byte piece */
        fresh += seen[r.top] == 0;
        seen[r.top] = 1;
        sure += r.p > 0.8;
        unsure += r.p < 0.2;
        p += r.p / STEPS;
        deviation += r.deviation / STEPS;
        token[0] = r.top;
        n = 1;
    }
    print_message(
        "top-1 probability %.2f, %zu above 0.8, %zu below 0.2, logits deviate by %.2f, %zu distinct tokens\n",
        p, sure, unsure, deviation, fresh);
    assert_true(p > 0.3 && p < 0.7);
    assert_true(sure >= STEPS / 10 && unsure >= STEPS / 10);
    assert_true(deviation > 1.5 && deviation < 3);
    assert_true(fresh >= STEPS * 9 / 10);
    rl_decoder_close(decoder);
    rl_llama_close(&model);
    rl_gguf_close(g);
}

static void progress_is_printed_by_tenths_where_there_is_no_terminal(void **state)
{
    const place *f = *state;
    char *text = NULL;
    size_t n;
    rl_error err;
    FILE *out = tmpfile();
    assert_non_null(out);
    assert_int_equal(rl_model_synth(f->path, "tiny", "q4_0", 1, 0, out, &err), RL_OK);
    n = (size_t)ftell(out);
    rewind(out);
    text = calloc(n + 1, 1);
    assert_int_equal(fread(text, 1, n, out), n);
    assert_non_null(strstr(text, "100 %  13 of 13 MB\n"));
    assert_null(strchr(text, '\r'));
    size_t lines = 0;
    for (const char *c = text; *c != '\0'; c++) lines += *c == '\n';
    assert_true(lines >= 3 && lines <= 10);
    free(text);
    fclose(out);
    assert_int_equal(rl_model_synth(f->path, "tiny", "q9", 1, 0, NULL, &err), RL_ERR_ARG);
    assert_int_equal(rl_model_synth(f->dir, "tiny", "q4_0", 1, 0, NULL, &err), RL_ERR_IO); /* a directory */
}

static void the_list_names_every_shape_and_format_with_its_size(void **state)
{
    (void)state;
    char *text = NULL;
    size_t n;
    rl_error err;
    FILE *out = open_memstream(&text, &n);
    assert_int_equal(rl_model_synth_list(out, &err), RL_OK);
    fclose(out);
    const char *big = strstr(text, "tinyllama-1.1b\n"), *tiny = strstr(text, "tiny\n");
    assert_true(big != NULL && tiny != NULL);
    assert_non_null(strstr(big, "  q4_0        636 MB\n"));
    assert_non_null(strstr(big, "  q4_K_M      667 MB\n"));
    assert_non_null(strstr(tiny, "  q4_0         13 MB\n"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(greedy_text_is_peaked_and_walks, setup, teardown),
        cmocka_unit_test_setup_teardown(progress_is_printed_by_tenths_where_there_is_no_terminal, setup,
                                        teardown),
        cmocka_unit_test(the_list_names_every_shape_and_format_with_its_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
