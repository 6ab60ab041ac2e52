/* test_decoder.c - the decoder against PyTorch: logits and greedy tokens of a small random Llama model, packed and in
 * rows; and against itself: the same to the bit for every number of threads, also of quantised models, whose two KV
 * heads two threads own and three share. */
#include "util_guard.h"

#include "base/file.h"
#include "decoder.h"
#include "model_synth.h"
#include "perf/stats.h"
#include "synth.h"
#include "vocab.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    char *file;
    uint32_t n_prompt, n_vocab, n_greedy;
    const uint32_t *prompt, *greedy;
    const float *logits; /* [n_prompt][n_vocab] */
} torch_run;

static torch_run load_torch_run(void)
{
    torch_run t;
    rl_error err;
    size_t bytes;
    if (rl_file_read(RL_VECTORS "/tiny_llama_logits.bin", 1 << 20, &t.file, &bytes, &err) != RL_OK)
        fail_msg("%s", err.text);
    const uint32_t *words = (const uint32_t *)(void *)t.file;
    t.n_prompt = words[0];
    t.n_vocab = words[1];
    t.n_greedy = words[2];
    t.prompt = words + 3;
    t.logits = (const float *)(const void *)(t.prompt + t.n_prompt);
    t.greedy = (const uint32_t *)(const void *)(t.logits + (size_t)t.n_prompt * t.n_vocab);
    assert_int_equal(bytes, 4 * (3 + t.n_prompt + (size_t)t.n_prompt * t.n_vocab + t.n_greedy));
    return t;
}

typedef struct {
    rl_gguf *gguf;
    rl_llama model;
    torch_run torch;
} fixture;

static int open_fixture(void **state)
{
    static fixture f;
    rl_error err;
    f.torch = load_torch_run();
    if (rl_gguf_open(&f.gguf, RL_VECTORS "/tiny_llama.gguf", &err) != RL_OK ||
        rl_llama_open(&f.model, f.gguf, &err) != RL_OK)
        fail_msg("%s", err.text);
    *state = &f;
    return 0;
}

static int close_fixture(void **state)
{
    fixture *f = *state;
    rl_llama_close(&f->model);
    rl_gguf_close(f->gguf);
    free(f->torch.file);
    return 0;
}

static rl_decoder *open_model(const rl_llama *model, size_t threads, size_t batch, bool no_pack)
{
    rl_decoder *d;
    rl_error err;
    const rl_decoder_options o = {
        .threads = threads, .n_ctx = 160, .batch = batch, .cpu = util_cpu(), .no_pack = no_pack};
    if (rl_decoder_open(&d, model, &o, &err) != RL_OK) fail_msg("%s", err.text);
    assert_true(!no_pack || rl_decoder_packed_bytes(d) == 0);
    assert_true(rl_decoder_huge_bytes(d) <= rl_decoder_packed_bytes(d) + (2 << 20));
    return d;
}

static rl_decoder *open_decoder(const fixture *f, size_t threads, size_t batch)
{
    return open_model(&f->model, threads, batch, false);
}

static void logits_of_a_prompt_are_those_of_pytorch(void **state)
{
    const fixture *f = *state;
    const torch_run *t = &f->torch;
    const size_t n = (size_t)t->n_prompt * t->n_vocab;
    rl_error err;
    float *logits = malloc(n * sizeof *logits);
    assert_int_equal(f->model.config.n_vocab, t->n_vocab);
    for (size_t batch = 0; batch <= 1; batch++) /* at once, and one by one */
        for (int no_pack = 0; no_pack <= 1; no_pack++) {
            rl_decoder *d = open_model(&f->model, 1, batch, no_pack == 1);
            memset(logits, 0, n * sizeof *logits);
            assert_int_equal(rl_decoder_eval(d, t->prompt, t->n_prompt, logits, true, &err), RL_OK);
            for (size_t i = 0; i < n; i++)
                if (!(fabsf(logits[i] - t->logits[i]) <= 1e-4f))
                    fail_msg("%s: token %zu logit %zu: want %.7g got %.7g", rl_decoder_kernel(d)->name,
                             i / t->n_vocab, i % t->n_vocab, (double)t->logits[i], (double)logits[i]);
            rl_decoder_close(d);
        }
    free(logits);
}

static uint32_t largest(const float *x, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (x[i] > x[best]) best = i;
    return (uint32_t)best;
}

static void greedy_tokens_are_those_of_pytorch(void **state)
{
    const fixture *f = *state;
    const torch_run *t = &f->torch;
    rl_error err;
    float logits[1024];
    rl_decoder *d = open_decoder(f, 2, 0);
    assert_int_equal(rl_decoder_eval(d, t->prompt, t->n_prompt, logits, false, &err), RL_OK);
    for (size_t i = 0; i < t->n_greedy; i++) {
        const uint32_t token = largest(logits, t->n_vocab);
        if (token != t->greedy[i]) fail_msg("greedy token %zu: want %u got %u", i, t->greedy[i], token);
        assert_int_equal(rl_decoder_eval(d, &token, 1, logits, false, &err), RL_OK);
    }
    assert_int_equal(rl_decoder_n_past(d), t->n_prompt + t->n_greedy);
    rl_decoder_close(d);
}

enum { AFTER = 2 };

/* Logits of a prompt in batches and of a few tokens after it, one by one. */
static void run_some(const rl_llama *model, size_t threads, size_t batch, bool no_pack,
                     const uint32_t *prompt, size_t n_prompt, float *logits)
{
    rl_error err;
    rl_decoder *d = open_model(model, threads, batch, no_pack);
    const size_t n_vocab = model->config.n_vocab;
    memset(logits, 0, (n_prompt + AFTER) * n_vocab * sizeof *logits);
    assert_int_equal(rl_decoder_eval(d, prompt, n_prompt, logits, true, &err), RL_OK);
    for (size_t i = 0; i < AFTER; i++)
        assert_int_equal(rl_decoder_eval(d, prompt + i, 1, logits + (n_prompt + i) * n_vocab, false, &err),
                         RL_OK);
    rl_decoder_close(d);
}

static void check_threads(const rl_llama *model, const char *what, const uint32_t *prompt, size_t n_prompt,
                          size_t batch)
{
    const size_t n = (n_prompt + AFTER) * model->config.n_vocab;
    float *want = malloc(n * sizeof *want), *got = malloc(n * sizeof *got);
    for (int no_pack = 0; no_pack <= 1; no_pack++) {
        run_some(model, 1, batch, no_pack == 1, prompt, n_prompt, want);
        for (size_t threads = 2; threads <= 5; threads++) {
            if (threads == 4) continue; /* as 2 and 3 */
            run_some(model, threads, batch, no_pack == 1, prompt, n_prompt, got);
            if (memcmp(got, want, n * sizeof *got) != 0)
                fail_msg("%s: %zu threads, batches of %zu, no_pack %d: other logits", what, threads, batch,
                         no_pack);
        }
    }
    free(got);
    free(want);
}

static void threads_do_not_change_a_bit(void **state)
{
    const fixture *f = *state;
    static const size_t batches[] = {1, 2, 5, 32};
    for (size_t b = 0; b < RL_COUNT(batches); b++)
        check_threads(&f->model, "f32", f->torch.prompt, f->torch.n_prompt, batches[b]);
}

/* Packed and not, in batches and one by one, a quantised model is the same model. Activations of 8 bits now and then
 * round the other way where a float differs in its last bit, which moves logits by some parts in a hundred; a wrong
 * row, scale or position moves them by their own size. */
static void check_layouts(const rl_llama *model, const char *what, const uint32_t *prompt, size_t n_prompt)
{
    const size_t n = (n_prompt + AFTER) * model->config.n_vocab;
    float *want = malloc(n * sizeof *want), *got = malloc(n * sizeof *got);
    run_some(model, 1, 1, true, prompt, n_prompt, want);
    for (size_t batch = 1; batch <= 4; batch += 3)
        for (int no_pack = 0; no_pack <= 1; no_pack++) {
            run_some(model, 1, batch, no_pack == 1, prompt, n_prompt, got);
            const double d = rl_l2_diff(got, want, n);
            if (!(d <= 0.05))
                fail_msg("%s: batches of %zu, no_pack %d: off by %.3g", what, batch, no_pack, d);
        }
    free(got);
    free(want);
}

/* A prompt so long that kernels for many tokens take it. */
static void check_long_prompt(const rl_llama *model, const char *what)
{
    enum { LONG = 70 };
    const size_t n = model->config.n_vocab;
    float *one_by_one = malloc(n * sizeof(float)), *at_once = malloc(n * sizeof(float));
    uint32_t prompt[LONG];
    rl_error err;
    for (uint32_t i = 0; i < LONG; i++) prompt[i] = 259 + i * 397 % 31000;
    rl_decoder *d = open_model(model, 2, LONG, false);
    for (size_t i = 0; i < LONG; i++)
        assert_int_equal(rl_decoder_eval(d, prompt + i, 1, one_by_one, false, &err), RL_OK);
    rl_decoder_rewind(d, 0);
    assert_int_equal(rl_decoder_eval(d, prompt, LONG, at_once, false, &err), RL_OK);
    rl_decoder_close(d);
    const double diff = rl_l2_diff(at_once, one_by_one, n);
    if (!(diff <= 0.05)) fail_msg("%s: a prompt of %d tokens at once is off by %.3g", what, LONG, diff);
    free(one_by_one);
    free(at_once);
}

static void quantised_models_are_the_same_packed_and_with_any_threads(void **state)
{
    static const char *const formats[] = {"q4_0", "q4_K_M", "q8_0", "f16"};
    static const uint32_t prompt[] = {1, 300, 17000, 31999, 5000};
    char path[] = "/tmp/rl-test-decoder-XXXXXX";
    rl_error err;
    (void)state;
    close(mkstemp(path));
    for (size_t i = 0; i < RL_COUNT(formats); i++) {
        rl_gguf *g = NULL;
        rl_llama model;
        if (rl_model_synth(path, "tiny", formats[i], 1, 0, NULL, &err) != RL_OK ||
            rl_gguf_open(&g, path, &err) != RL_OK || rl_llama_open(&model, g, &err) != RL_OK)
            fail_msg("%s", err.text);
        check_layouts(&model, formats[i], prompt, RL_COUNT(prompt));
        check_long_prompt(&model, formats[i]);
        if (i < 2) check_threads(&model, formats[i], prompt, RL_COUNT(prompt), 4);
        rl_llama_close(&model);
        rl_gguf_close(g);
    }
    unlink(path);
}

/* So narrow that 8-bit activations take more room than floats, for each of their sections is whole lines. */
static void a_model_of_single_blocks_decodes_the_same_with_any_threads(void **state)
{
    static const rl_synth_shape shape = {"narrow", 32, 32, 2, 1, 1, 2048, 1e-5f, 10000};
    static const rl_synth_mix mixes[] = {
        {"q8_0", 7, RL_Q8_0, RL_Q8_0, RL_Q8_0},
        {"q4_0", 2, RL_Q4_0, RL_Q4_0, RL_Q4_0}
    };
    static const uint32_t prompt[] = {1, 300, 17000, 31999, 5000};
    char path[] = "/tmp/rl-test-decoder-XXXXXX";
    rl_error err;
    rl_vocab *vocab;
    (void)state;
    close(mkstemp(path));
    assert_int_equal(rl_vocab_builtin_open(&vocab, &err), RL_OK);
    for (size_t i = 0; i < RL_COUNT(mixes); i++) {
        const rl_synth_model made = {.shape = &shape, .mix = &mixes[i], .vocab = vocab, .seed = 1};
        rl_gguf *g = NULL;
        rl_llama model;
        if (rl_synth_write(path, &made, 1, NULL, NULL, &err) != RL_OK ||
            rl_gguf_open(&g, path, &err) != RL_OK || rl_llama_open(&model, g, &err) != RL_OK)
            fail_msg("%s", err.text);
        check_layouts(&model, mixes[i].name, prompt, RL_COUNT(prompt));
        check_threads(&model, mixes[i].name, prompt, RL_COUNT(prompt), 2);
        rl_llama_close(&model);
        rl_gguf_close(g);
    }
    rl_vocab_builtin_close(vocab);
    unlink(path);
}

/* 4 layers of 256: attention of 4 heads of 64 with 2 KV heads, feed-forward of 768; 32000 pieces. */
static void operations_count_the_output_once_for_every_logits(void **state)
{
    char path[] = "/tmp/rl-test-decoder-XXXXXX";
    rl_error err;
    rl_gguf *g = NULL;
    rl_llama model;
    (void)state;
    close(mkstemp(path));
    if (rl_model_synth(path, "tiny", "q4_0", 1, 0, NULL, &err) != RL_OK ||
        rl_gguf_open(&g, path, &err) != RL_OK || rl_llama_open(&model, g, &err) != RL_OK)
        fail_msg("%s", err.text);
    const size_t layers = 4 * 256 * (2 * 256 + 2 * 128 + 3 * 768), output = 32000 * 256;
    assert_true(rl_llama_flops(&model, 7, 1) == (double)(2 * (7 * layers + output)));
    assert_true(rl_llama_flops(&model, 7, 7) == (double)(2 * 7 * (layers + output)));
    rl_llama_close(&model);
    rl_gguf_close(g);
    unlink(path);
}

static void a_rewound_context_decodes_as_if_nothing_had_been(void **state)
{
    const fixture *f = *state;
    const torch_run *t = &f->torch;
    rl_error err;
    float first[1024], again[1024];
    rl_decoder *d = open_decoder(f, 1, 0);
    assert_int_equal(rl_decoder_eval(d, t->prompt, 10, first, false, &err), RL_OK);
    assert_int_equal(rl_decoder_eval(d, t->prompt + 10, 5, again, false, &err), RL_OK);
    rl_decoder_rewind(d, 7);
    assert_int_equal(rl_decoder_n_past(d), 7);
    rl_decoder_rewind(d, 100); /* nothing there to forget */
    assert_int_equal(rl_decoder_n_past(d), 7);
    assert_int_equal(rl_decoder_eval(d, t->prompt + 7, 3, again, false, &err), RL_OK);
    assert_memory_equal(first, again, t->n_vocab * sizeof(float));
    rl_decoder_close(d);
}

static void what_does_not_fit_is_refused_and_changes_nothing(void **state)
{
    const fixture *f = *state;
    rl_error err;
    float logits[1024];
    rl_decoder *d = open_decoder(f, 1, 0);
    const uint32_t bad[] = {1, 128};
    uint32_t many[161] = {0};
    assert_int_equal(rl_decoder_eval(d, bad, 2, logits, false, &err), RL_ERR_ARG);
    assert_non_null(strstr(err.text, "128"));
    assert_int_equal(rl_decoder_eval(d, many, 0, logits, false, &err), RL_ERR_ARG);
    assert_int_equal(rl_decoder_eval(d, many, 161, logits, false, &err), RL_ERR_ARG);
    assert_int_equal(rl_decoder_n_past(d), 0);
    assert_int_equal(rl_decoder_eval(d, many, 160, logits, false, &err), RL_OK);
    assert_int_equal(rl_decoder_eval(d, many, 1, logits, false, &err), RL_ERR_ARG);
    rl_decoder_close(d);

    rl_decoder_options o = {.threads = 0, .n_ctx = 16, .cpu = 0};
    assert_int_equal(rl_decoder_open(&d, &f->model, &o, &err), RL_ERR_ARG);
    o = (rl_decoder_options){.threads = 1, .n_ctx = (size_t)1 << 40};
    assert_int_equal(rl_decoder_open(&d, &f->model, &o, &err), RL_ERR_ARG);
    o = (rl_decoder_options){.threads = 1, .batch = 1 << 20};
    assert_int_equal(rl_decoder_open(&d, &f->model, &o, &err), RL_ERR_ARG);
    rl_decoder_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logits_of_a_prompt_are_those_of_pytorch),
        cmocka_unit_test(greedy_tokens_are_those_of_pytorch),
        cmocka_unit_test(threads_do_not_change_a_bit),
        cmocka_unit_test(quantised_models_are_the_same_packed_and_with_any_threads),
        cmocka_unit_test(a_model_of_single_blocks_decodes_the_same_with_any_threads),
        cmocka_unit_test(operations_count_the_output_once_for_every_logits),
        cmocka_unit_test(a_rewound_context_decodes_as_if_nothing_had_been),
        cmocka_unit_test(what_does_not_fit_is_refused_and_changes_nothing),
    };
    return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
