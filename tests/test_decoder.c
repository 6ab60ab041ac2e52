/* test_decoder.c - the decoder against PyTorch: logits and greedy tokens of a small random Llama model,
 * whatever the number of threads and the size of the batches. */
#include "util_guard.h"

#include "base/file.h"
#include "decoder.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static rl_decoder *open_decoder(const fixture *f, size_t threads, size_t batch)
{
    rl_decoder *d;
    rl_error err;
    const rl_decoder_options o = {.threads = threads, .n_ctx = 160, .batch = batch, .cpu = util_cpu()};
    if (rl_decoder_open(&d, &f->model, &o, &err) != RL_OK) fail_msg("%s", err.text);
    return d;
}

static void logits_of_a_prompt_are_those_of_pytorch(void **state)
{
    const fixture *f = *state;
    const torch_run *t = &f->torch;
    const size_t n = (size_t)t->n_prompt * t->n_vocab;
    rl_error err;
    float *logits = malloc(n * sizeof *logits);
    rl_decoder *d = open_decoder(f, 1, 0);
    assert_int_equal(f->model.config.n_vocab, t->n_vocab);
    assert_int_equal(rl_decoder_eval(d, t->prompt, t->n_prompt, logits, true, &err), RL_OK);
    for (size_t i = 0; i < n; i++)
        if (!(fabsf(logits[i] - t->logits[i]) <= 1e-4f))
            fail_msg("token %zu logit %zu: want %.7g got %.7g", i / t->n_vocab, i % t->n_vocab,
                     (double)t->logits[i], (double)logits[i]);
    rl_decoder_close(d);
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

static void threads_and_batches_do_not_change_a_bit(void **state)
{
    const fixture *f = *state;
    const torch_run *t = &f->torch;
    const size_t n = (size_t)t->n_prompt * t->n_vocab * sizeof(float);
    rl_error err;
    float *want = malloc(n), *got = malloc(n);
    rl_decoder *one = open_decoder(f, 1, 1);
    assert_int_equal(rl_decoder_eval(one, t->prompt, t->n_prompt, want, true, &err), RL_OK);
    rl_decoder_close(one);
    for (size_t threads = 1; threads <= 5; threads++)
        for (size_t batch = 1; batch <= 32; batch = batch * 3 - 1) {
            rl_decoder *d = open_decoder(f, threads, batch);
            memset(got, 0, n);
            assert_int_equal(rl_decoder_eval(d, t->prompt, t->n_prompt, got, true, &err), RL_OK);
            if (memcmp(got, want, n) != 0)
                fail_msg("%zu threads, batches of %zu: other logits", threads, batch);
            rl_decoder_close(d);
            if (batch == 1) batch = 2;
        }
    free(got);
    free(want);
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
        cmocka_unit_test(threads_and_batches_do_not_change_a_bit),
        cmocka_unit_test(a_rewound_context_decodes_as_if_nothing_had_been),
        cmocka_unit_test(what_does_not_fit_is_refused_and_changes_nothing),
    };
    return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
