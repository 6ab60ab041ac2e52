/* test_tokenizer_pool.c - threads change no id: one long text, and many of any length. */
#include "util_plan.h"
#include "util_vectors.h"

#include "tokenizer/tokenizer_pool.h"

#include <stdlib.h>
#include <string.h>

enum { SEED = 20261130, LONG = 70000, ITEMS = 300 };

static const size_t sizes[] = {1, 2, 4, 8};

static rl_tokenizer_pool *open_pool(const rl_tokenizer *tok, size_t threads)
{
    rl_tokenizer_pool *pool;
    rl_error err;
    if (rl_tokenizer_pool_open(&pool, tok, rl_tokenizer_kernel_find("heap", 0), threads, false, &err) !=
        RL_OK)
        fail_msg("%s", err.text);
    return pool;
}

static size_t long_text(const util_vocab *v, util_rng *rng, char *out)
{
    const size_t length = 20000 + util_below(rng, LONG - 20000 - 512);
    size_t n = 0;
    while (n < length) n += util_plan_text(v, rng, out + n, 512);
    return n;
}

static void one_long_text_has_the_same_ids_on_any_number_of_threads(void **state)
{
    (void)state;
    util_rng rng = {SEED};
    char *text = malloc(LONG);
    uint32_t *want = malloc(16 * LONG * sizeof *want), *got = malloc(16 * LONG * sizeof *got);
    for (unsigned round = 0; round < 12; round++) {
        util_vocab v = util_plan_vocab(&rng, (rl_tokenizer_mode)(round % 3));
        rl_tokenizer *tok = util_tokenizer(&v.vocab);
        rl_tokenizer_ctx *ctx = util_context(tok, "heap");
        const size_t n_bytes = long_text(&v, &rng, text);
        const unsigned flags = util_plan_flags(v.vocab.mode, (unsigned)util_below(&rng, 8));
        size_t n_want, n;
        rl_error err;
        if (rl_tokenizer_encode(ctx, text, n_bytes, flags, want, 16 * LONG, &n_want, &err) != RL_OK)
            fail_msg("%s", err.text);
        for (size_t t = 0; t < RL_COUNT(sizes); t++) {
            rl_tokenizer_pool *pool = open_pool(tok, sizes[t]);
            for (size_t again = 0; again < 2; again++) {
                const size_t cut = again * util_below(&rng, n_bytes); /* then a shorter text */
                if (cut > 0 &&
                    rl_tokenizer_encode(ctx, text, cut, flags, want, 16 * LONG, &n_want, &err) != RL_OK)
                    fail_msg("%s", err.text);
                const size_t length = cut > 0 ? cut : n_bytes;
                if (rl_tokenizer_pool_encode(pool, text, length, flags, got, 16 * LONG, &n, &err) != RL_OK)
                    fail_msg("%s", err.text);
                util_assert_ids("pool", text, length, want, n_want, got, n);
                /* Too little room: what fits is written, and counted is all. */
                const size_t room = n_want / 3;
                memset(got, 0xee, (room + 1) * sizeof *got);
                if (n_want > 0)
                    assert_int_equal(rl_tokenizer_pool_encode(pool, text, length, flags, got, room, &n, &err),
                                     RL_ERR_ARG);
                assert_int_equal(n, n_want);
                util_assert_ids("pool, some", text, length, want, room, got, room);
                assert_int_equal(got[room], 0xeeeeeeeeu);
                rl_tokenizer_pool_forget(pool);
            }
            rl_tokenizer_pool_close(pool);
            rl_tokenizer_encode(ctx, text, n_bytes, flags, want, 16 * LONG, &n_want, &err);
        }
        rl_tokenizer_ctx_close(ctx);
        rl_tokenizer_close(tok);
        util_vocab_free(&v);
    }
    free(text);
    free(want);
    free(got);
}

static void many_texts_have_the_ids_that_each_has_alone(void **state)
{
    (void)state;
    util_rng rng = {SEED + 1};
    for (unsigned round = 0; round < 3; round++) {
        util_vocab v = util_plan_vocab(&rng, (rl_tokenizer_mode)(round % 3));
        rl_tokenizer *tok = util_tokenizer(&v.vocab);
        rl_tokenizer_ctx *ctx = util_context(tok, "heap");
        const unsigned flags = util_plan_flags(v.vocab.mode, (unsigned)util_below(&rng, 8));
        static rl_tokenizer_item items[ITEMS];
        char *texts[ITEMS];
        for (size_t i = 0; i < ITEMS; i++) {
            texts[i] = malloc(LONG);
            const size_t n =
                i % 50 == 49 ? long_text(&v, &rng, texts[i]) : util_plan_text(&v, &rng, texts[i], 600);
            const size_t max = rl_tokenizer_max_ids(tok, n, flags);
            items[i] = (rl_tokenizer_item){texts[i], n, malloc(max * 4), max, 0};
        }
        for (size_t t = 0; t < RL_COUNT(sizes); t++) {
            rl_tokenizer_pool *pool = open_pool(tok, sizes[t]);
            rl_error err;
            for (size_t i = 0; i < ITEMS; i++) items[i].n_ids = 0;
            if (rl_tokenizer_pool_batch(pool, items, ITEMS, flags, &err) != RL_OK) fail_msg("%s", err.text);
            for (size_t i = 0; i < ITEMS; i++) {
                uint32_t *want = malloc(items[i].max_ids * 4);
                size_t n;
                rl_tokenizer_encode(ctx, items[i].text, items[i].n_bytes, flags, want, items[i].max_ids, &n,
                                    &err);
                util_assert_ids("item", items[i].text, items[i].n_bytes, want, n, items[i].ids,
                                items[i].n_ids);
                free(want);
            }
            assert_int_equal(rl_tokenizer_pool_batch(pool, items, 0, flags, &err), RL_OK);
            rl_tokenizer_pool_close(pool);
        }
        for (size_t i = 0; i < ITEMS; i++) {
            free(texts[i]);
            free(items[i].ids);
        }
        rl_tokenizer_ctx_close(ctx);
        rl_tokenizer_close(tok);
        util_vocab_free(&v);
    }
}

static void the_first_text_that_fails_is_named_and_the_others_are_encoded(void **state)
{
    (void)state;
    util_vocab v = util_vocab_few();
    rl_tokenizer *tok = util_tokenizer(&v.vocab);
    char *text = malloc(LONG);
    memset(text, 'a', LONG);
    uint32_t *ids = malloc(40 * 1000 * 4);
    rl_tokenizer_item items[40];
    for (size_t t = 0; t < RL_COUNT(sizes); t++) {
        rl_tokenizer_pool *pool = open_pool(tok, sizes[t]);
        for (size_t i = 0; i < 40; i++) items[i] = (rl_tokenizer_item){text, 900, ids + 1000 * i, 1000, 0};
        items[30].n_bytes = LONG;
        items[21].max_ids = 899;
        items[23].max_ids = 0;
        rl_error err;
        assert_int_equal(rl_tokenizer_pool_batch(pool, items, 40, 0, &err), RL_ERR_ARG);
        assert_string_equal(err.text, "text 21: text of 900 bytes has 900 ids, room is for 899");
        for (size_t i = 0; i < 40; i++) assert_int_equal(items[i].n_ids, i == 30 ? LONG : 900);
        assert_int_equal(rl_tokenizer_pool_batch(pool, items, 20, 0, &err), RL_OK);
        rl_tokenizer_pool_close(pool);
    }
    rl_tokenizer_pool *pool;
    rl_error err;
    assert_int_equal(rl_tokenizer_pool_open(&pool, tok, rl_tokenizer_kernel_find(NULL, 0), 0, false, &err),
                     RL_ERR_ARG);
    assert_null(pool);
    rl_tokenizer_pool_close(NULL);
    free(ids);
    free(text);
    rl_tokenizer_close(tok);
    util_vocab_free(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_long_text_has_the_same_ids_on_any_number_of_threads),
        cmocka_unit_test(many_texts_have_the_ids_that_each_has_alone),
        cmocka_unit_test(the_first_text_that_fails_is_named_and_the_others_are_encoded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
