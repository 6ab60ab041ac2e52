/* test_tokenizer_prefix.c - texts that grow, part, shrink and are damaged: kept ids are those from scratch; and memory,
 * of the cache and of the pool. */
#include "util_plan.h"
#include "util_vectors.h"

#include "tokenizer/tokenizer_pool.h"
#include "tokenizer/tokenizer_prefix.h"

#include <stdlib.h>
#include <string.h>

enum { SEED = 20261201, MOST = 12000 };

static rl_tokenizer_prefix *open_cache(const rl_tokenizer *tok, size_t slots)
{
    rl_tokenizer_prefix *cache;
    rl_error err;
    if (rl_tokenizer_prefix_open(&cache, tok, rl_tokenizer_kernel_find("heap", 0), slots, &err) != RL_OK)
        fail_msg("%s", err.text);
    return cache;
}

/* The next text of a conversation: mostly longer, sometimes shorter, changed in the middle, or another one. */
static size_t change(const util_vocab *v, util_rng *rng, char *text, size_t n)
{
    switch (util_below(rng, 8)) {
    case 0:
        return util_below(rng, n + 1);
    case 1:
        if (n > 0) text[n - 1 - util_below(rng, n < 900 ? n : 900)] ^= (char)(1 + util_below(rng, 3));
        return n;
    case 2:
        if (n > 0) text[util_below(rng, n)] = " <a"[util_below(rng, 3)];
        return n;
    case 3:
        return n;
    default:
        for (size_t i = util_below(rng, 5); i > 0 && n + 400 <= MOST; i--)
            n += util_plan_text(v, rng, text + n, 400);
        return n;
    }
}

static void kept_ids_are_those_from_scratch(void **state)
{
    (void)state;
    util_rng rng = {SEED};
    static uint32_t want[16 * MOST];
    static char texts[3][MOST];
    uint64_t bytes = 0, reused = 0;
    for (unsigned round = 0; round < 150; round++) {
        util_vocab v = util_plan_vocab(&rng, (rl_tokenizer_mode)(round % 3));
        rl_tokenizer *tok = util_tokenizer(&v.vocab);
        rl_tokenizer_ctx *ctx = util_context(tok, "heap");
        rl_tokenizer_prefix *cache = open_cache(tok, 1 + util_below(&rng, 4));
        size_t n_bytes[3] = {0};
        for (unsigned i = 0; i < 40; i++) {
            const size_t t = util_below(&rng, 3);
            if (util_below(&rng, 10) == 0) { /* it branches off another */
                n_bytes[t] = n_bytes[(t + 1) % 3];
                memcpy(texts[t], texts[(t + 1) % 3], n_bytes[t]);
            }
            n_bytes[t] = change(&v, &rng, texts[t], n_bytes[t]);
            const unsigned flags = util_plan_flags(v.vocab.mode, round / 3 + (util_below(&rng, 9) == 0));
            const uint32_t *got;
            size_t n_want, n = 0;
            rl_error err;
            if (rl_tokenizer_encode(ctx, texts[t], n_bytes[t], flags, want, 16 * MOST, &n_want, &err) !=
                    RL_OK ||
                rl_tokenizer_prefix_encode(cache, texts[t], n_bytes[t], flags, &got, &n, &err) != RL_OK)
                fail_msg("%s", err.text);
            util_assert_ids("kept", texts[t], n_bytes[t], want, n_want, got, n);
            if (util_below(&rng, 30) == 0) rl_tokenizer_prefix_clear(cache);
        }
        bytes += rl_tokenizer_prefix_get_stats(cache).bytes;
        reused += rl_tokenizer_prefix_get_stats(cache).bytes_reused;
        rl_tokenizer_prefix_close(cache);
        rl_tokenizer_ctx_close(ctx);
        rl_tokenizer_close(tok);
        util_vocab_free(&v);
    }
    if (reused < bytes / 8)
        fail_msg("%llu of %llu bytes reused", (unsigned long long)reused, (unsigned long long)bytes);
}

static void a_growing_text_is_encoded_from_where_it_grew(void **state)
{
    (void)state;
    util_vocab v = util_vocab_few();
    rl_tokenizer *tok = util_tokenizer(&v.vocab);
    rl_tokenizer_prefix *cache = open_cache(tok, 2);
    char text[MOST];
    for (size_t i = 0; i < MOST; i++) text[i] = "ab "[i % 3];
    const uint32_t *ids;
    size_t n;
    rl_error err;
    for (size_t length = 9000; length < MOST; length += 300) {
        const rl_tokenizer_prefix_stats before = rl_tokenizer_prefix_get_stats(cache);
        memset(text + length - 300, 'b',
               4); /* the end of the text before was another: what it was to become */
        assert_int_equal(rl_tokenizer_prefix_encode(cache, text, length, RL_ENCODE_BOS, &ids, &n, &err),
                         RL_OK);
        const rl_tokenizer_prefix_stats after = rl_tokenizer_prefix_get_stats(cache);
        const uint64_t reused = after.bytes_reused - before.bytes_reused;
        assert_true(length == 9000 ? reused == 0 : reused >= length - 300 - 600 && reused <= length - 300);
        assert_int_equal(after.texts, before.texts + 1);
        assert_int_equal(after.bytes, before.bytes + length);
    }
    /* Another conversation with the same beginning has a slot of its own, and the first one is kept. */
    char other[MOST];
    memcpy(other, text, MOST);
    memset(other + 3000, 'a', 100);
    uint64_t reused = rl_tokenizer_prefix_get_stats(cache).bytes_reused;
    assert_int_equal(rl_tokenizer_prefix_encode(cache, other, 5000, RL_ENCODE_BOS, &ids, &n, &err), RL_OK);
    assert_true(rl_tokenizer_prefix_get_stats(cache).bytes_reused - reused > 2000);
    reused = rl_tokenizer_prefix_get_stats(cache).bytes_reused;
    assert_int_equal(rl_tokenizer_prefix_encode(cache, text, MOST - 300, RL_ENCODE_BOS, &ids, &n, &err),
                     RL_OK);
    assert_true(rl_tokenizer_prefix_get_stats(cache).bytes_reused - reused > MOST - 1200);
    /* Other flags: nothing of it is of use. */
    reused = rl_tokenizer_prefix_get_stats(cache).bytes_reused;
    assert_int_equal(rl_tokenizer_prefix_encode(cache, text, MOST - 300, 0, &ids, &n, &err), RL_OK);
    assert_int_equal(rl_tokenizer_prefix_get_stats(cache).bytes_reused, reused);
    rl_tokenizer_prefix_close(cache);
    assert_int_equal(rl_tokenizer_prefix_open(&cache, tok, rl_tokenizer_kernel_find(NULL, 0), 0, &err),
                     RL_ERR_ARG);
    assert_string_equal(err.text, "0 slots for texts, 1 to 1024 are allowed");
    assert_null(cache);
    rl_tokenizer_prefix_close(NULL);
    rl_tokenizer_close(tok);
    util_vocab_free(&v);
}

/* ---- Memory ---- */

/* The linker sends every call of these to the functions here (--wrap). */
void *__real_aligned_alloc(size_t alignment, size_t n);
void *__wrap_aligned_alloc(size_t alignment, size_t n);

static size_t n_allocations, fail_at = SIZE_MAX;

void *__wrap_aligned_alloc(size_t alignment, size_t n)
{
    return n_allocations++ < fail_at ? __real_aligned_alloc(alignment, n) : NULL;
}

/* One thread: the count is no atomic. */
static void nothing_is_allocated_for_what_is_no_longer_than_before(void **state)
{
    (void)state;
    util_vocab v = util_vocab_few();
    rl_tokenizer *tok = util_tokenizer(&v.vocab);
    rl_tokenizer_prefix *cache = open_cache(tok, 1);
    rl_tokenizer_pool *pool;
    static char text[60000];
    static uint32_t out[sizeof text + 3];
    for (size_t i = 0; i < sizeof text; i++) text[i] = "bb </s>"[i % 7];
    const uint32_t *ids;
    size_t n;
    rl_error err;
    assert_int_equal(rl_tokenizer_pool_open(&pool, tok, rl_tokenizer_kernel_find(NULL, 0), 2, false, &err),
                     RL_OK);
    assert_int_equal(rl_tokenizer_prefix_encode(cache, text, sizeof text, 7, &ids, &n, &err), RL_OK);
    assert_int_equal(rl_tokenizer_pool_encode(pool, text, sizeof text, 7, out, sizeof text, &n, &err), RL_OK);
    const size_t before = n_allocations;
    for (size_t length = 0; length <= sizeof text; length += 1000) {
        text[length / 14 * 7] = 'a'; /* "ab" has fewer ids than "bb" */
        assert_int_equal(rl_tokenizer_prefix_encode(cache, text, length, 7, &ids, &n, &err), RL_OK);
        assert_int_equal(rl_tokenizer_pool_encode(pool, text, length, 7, out, sizeof text, &n, &err), RL_OK);
        rl_tokenizer_item item = {text, length, out, sizeof text, 0};
        assert_int_equal(rl_tokenizer_pool_batch(pool, &item, 1, 7, &err), RL_OK);
    }
    assert_int_equal(n_allocations, before);
    rl_tokenizer_pool_close(pool);
    rl_tokenizer_prefix_close(cache);
    rl_tokenizer_close(tok);
    util_vocab_free(&v);
}

/* Everything once, with a text whose special pieces overlap in one of the modes. */
static rl_status use_all(const rl_vocab *vocab, rl_error *err)
{
    rl_tokenizer *tok = NULL;
    rl_tokenizer_pool *pool = NULL;
    rl_tokenizer_prefix *cache = NULL;
    static char text[40000];
    static uint32_t out[2 * sizeof text + 3];
    const uint32_t *ids;
    size_t n;
    for (size_t i = 0; i < sizeof text; i++) text[i] = "ab <x>"[i % 6];
    rl_status status = rl_tokenizer_open(&tok, vocab, err);
    const rl_tokenizer_kernel *heap = rl_tokenizer_kernel_find("heap", 0);
    if (status == RL_OK) status = rl_tokenizer_pool_open(&pool, tok, heap, 2, false, err);
    if (status == RL_OK) status = rl_tokenizer_prefix_open(&cache, tok, heap, 2, err);
    if (status == RL_OK)
        status = rl_tokenizer_pool_encode(pool, text, sizeof text, 4, out, RL_COUNT(out), &n, err);
    if (status == RL_OK) status = rl_tokenizer_prefix_encode(cache, text, 5000, 4, &ids, &n, err);
    if (status == RL_OK) status = rl_tokenizer_prefix_encode(cache, text, sizeof text, 4, &ids, &n, err);
    const size_t allowed = fail_at;
    fail_at = SIZE_MAX;
    if (cache != NULL && status != RL_OK) { /* what failed is not kept half */
        rl_tokenizer_ctx *ctx = util_context(tok, "heap");
        size_t n_want;
        assert_int_equal(rl_tokenizer_encode(ctx, text, sizeof text, 4, out, RL_COUNT(out), &n_want, NULL),
                         RL_OK);
        assert_int_equal(rl_tokenizer_prefix_encode(cache, text, sizeof text, 4, &ids, &n, NULL), RL_OK);
        util_assert_ids("after a failure", text, sizeof text, out, n_want, ids, n);
        rl_tokenizer_ctx_close(ctx);
    }
    fail_at = allowed;
    rl_tokenizer_prefix_close(cache);
    rl_tokenizer_pool_close(pool);
    rl_tokenizer_close(tok); /* the leak check of the sanitizers has the last word */
    return status;
}

static void each_failing_allocation_is_an_error_and_leaks_nothing(void **state)
{
    (void)state;
    for (rl_tokenizer_mode mode = RL_MODE_HF; mode <= RL_MODE_LLAMA_CPP; mode += 2) {
        util_vocab v = util_vocab_few();
        util_vocab_add(&v, RL_PIECE_CONTROL, 0, "<x", 2);
        util_vocab_add(&v, RL_PIECE_CONTROL, 0, "x>", 2);
        v.vocab.mode = mode;
        v.pieces[8].normalized = true;
        rl_status status = RL_ERR_MEMORY;
        size_t failures = 0;
        for (; status != RL_OK; failures++) {
            rl_error err;
            fail_at = n_allocations + failures;
            status = use_all(&v.vocab, &err);
            fail_at = SIZE_MAX;
            if (status != RL_OK && status != RL_ERR_IO) /* of a thread that cannot start */
                assert_int_equal(status, RL_ERR_MEMORY);
        }
        assert_true(failures > 20);
        util_vocab_free(&v);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kept_ids_are_those_from_scratch),
        cmocka_unit_test(a_growing_text_is_encoded_from_where_it_grew),
        cmocka_unit_test(nothing_is_allocated_for_what_is_no_longer_than_before),
        cmocka_unit_test(each_failing_allocation_is_an_error_and_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
