/* test_tokenizer_limits.c - what encoding promises about room, work and memory. */
#include "util_vocab.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SEED = 20261122 };

/* ---- Room ---- */

static void encode_counts_past_the_room_and_writes_only_inside_it(void **state)
{
    (void)state;
    util_vocab v = util_vocab_few();
    rl_tokenizer *tok = util_tokenizer(&v.vocab);
    rl_tokenizer_ctx *ctx = util_context(tok, NULL);
    static const uint32_t want[] = {1, 7, 5, 4, 2};
    for (size_t room = 0; room <= 5; room++) {
        util_guard g = util_guard_after(room * sizeof(uint32_t));
        size_t n;
        rl_error err;
        rl_status status = rl_tokenizer_encode(ctx, "a b", 3, RL_ENCODE_BOS | RL_ENCODE_EOS,
                                               room > 0 ? g.data : NULL, room, &n, &err);
        assert_int_equal(status, room < 5 ? RL_ERR_ARG : RL_OK);
        assert_int_equal(n, 5);
        if (room > 0) assert_memory_equal(g.data, want, room * sizeof *want);
        if (room == 3) assert_string_equal(err.text, "text of 3 bytes has 5 ids, room is for 3");
        util_guard_free(&g);
    }
    rl_tokenizer_ctx_close(ctx);
    rl_tokenizer_close(tok);
    util_vocab_free(&v);
}

static void max_ids_is_enough_for_any_text_and_no_more_than_the_worst(void **state)
{
    (void)state;
    util_vocab v = util_vocab_begin(); /* nothing but bytes: a space and a stray byte cost three each */
    util_vocab_add_bytes(&v);
    rl_tokenizer *tok = util_tokenizer(&v.vocab);
    rl_tokenizer_ctx *ctx = util_context(tok, NULL);
    const unsigned both = RL_ENCODE_BOS | RL_ENCODE_EOS;
    size_t n;
    assert_int_equal(rl_tokenizer_encode(ctx, "  \xff\x80", 4, both, NULL, 0, &n, NULL), RL_ERR_ARG);
    assert_int_equal(n, rl_tokenizer_max_ids(tok, 4, both));
    assert_int_equal(rl_tokenizer_max_ids(tok, SIZE_MAX, both), SIZE_MAX);
    rl_tokenizer_ctx_close(ctx);
    rl_tokenizer_close(tok);

    util_vocab_add(&v, RL_PIECE_CONTROL, 0, "#", 1); /* a prefix for every second byte */
    tok = util_tokenizer(&v.vocab);
    ctx = util_context(tok, NULL);
    const unsigned all = both | RL_ENCODE_SPECIAL;
    assert_int_equal(rl_tokenizer_encode(ctx, " # # ", 5, all, NULL, 0, &n, NULL), RL_ERR_ARG);
    assert_true(n == 22 && n <= rl_tokenizer_max_ids(tok, 5, all));
    rl_tokenizer_ctx_close(ctx);
    rl_tokenizer_close(tok);
    util_vocab_free(&v);
}

static void kernels_stay_inside_text_scratch_and_ids(void **state)
{
    (void)state;
    util_rng rng = {SEED};
    util_vocab v = util_vocab_random(&rng);
    util_vocab_add(&v, RL_PIECE_UNUSED, 3, "bab", 3);
    rl_tokenizer *tok = util_tokenizer(&v.vocab);
    const rl_tokenizer_kernel *kern;
    for (size_t i = 0; (kern = rl_tokenizer_kernel_at(i)) != NULL; i++)
        for (size_t n_bytes = 0; n_bytes < 96; n_bytes++) {
            char text[128];
            while (util_text_random(&rng, text, sizeof text) < n_bytes) continue;
            util_guard in = util_guard_after(n_bytes);
            memcpy(in.data, text, n_bytes);
            util_guard scratch = util_guard_after(rl_round_up(kern->scratch_bytes(tok, n_bytes), RL_LINE));
            rl_tokenizer_work work = {0};
            const size_t n = kern->encode(tok, scratch.data, in.data, n_bytes, true, NULL, 0, &work);
            util_guard ids = util_guard_after(n * sizeof(uint32_t));
            assert_int_equal(kern->encode(tok, scratch.data, in.data, n_bytes, true, ids.data, n, &work), n);
            util_guard_free(&ids);
            util_guard_free(&scratch);
            util_guard_free(&in);
        }
    rl_tokenizer_close(tok);
    util_vocab_free(&v);
}

/* From the b in the middle, every merge makes two new ones possible, all better than the pairs of a that the
 * heap began with: it grows to nearly two entries a symbol. */
static void the_heap_never_outgrows_its_scratch(void **state)
{
    (void)state;
    enum { SIDE = 60, BYTES = 2 * SIDE + 1 };
    char text[BYTES];
    util_vocab v = util_vocab_begin();
    util_vocab_add(&v, RL_PIECE_NORMAL, -1000, "aa", 2);
    memset(text, 'a', BYTES);
    text[SIDE] = 'b';
    for (size_t left = 0; left <= SIDE; left++)
        for (size_t right = 0; right <= SIDE; right++)
            util_vocab_add(&v, RL_PIECE_NORMAL, (float)(left + right), text + SIDE - left, left + 1 + right);
    v.vocab.add_space_prefix = false;
    rl_tokenizer *tok = util_tokenizer(&v.vocab);
    const rl_tokenizer_kernel *heap = rl_tokenizer_kernel_find("heap", 0);
    util_guard scratch = util_guard_after(rl_round_up(heap->scratch_bytes(tok, BYTES), RL_LINE));
    rl_tokenizer_work work = {0};
    uint32_t id;
    assert_int_equal(heap->encode(tok, scratch.data, text, BYTES, false, &id, 1, &work), 1);
    assert_int_equal(id, v.vocab.n - 1);
    assert_int_equal(work.merges, 2 * SIDE);
    util_guard_free(&scratch);
    rl_tokenizer_close(tok);
    util_vocab_free(&v);
}

static void a_text_longer_than_the_kernel_takes_is_refused(void **state)
{
    (void)state;
    util_vocab v = util_vocab_few();
    rl_tokenizer *tok = util_tokenizer(&v.vocab);
    const rl_tokenizer_kernel *heap = rl_tokenizer_kernel_find("heap", 0);
    rl_tokenizer_ctx *ctx;
    rl_error err;
    assert_int_equal(rl_tokenizer_ctx_open(&ctx, tok, heap, heap->max_bytes + 1, &err), RL_ERR_UNSUPPORTED);
    assert_string_equal(err.text,
                        "text has 4294967294 bytes, tokenizer_heap_scalar takes 4294967293 at once");
    assert_null(ctx);
    rl_tokenizer_close(tok);
    util_vocab_free(&v);
}

/* ---- Work: n log n, counted and not timed ---- */

/* A symbol enters the heap once at the start, and two at most for each merge: 3 n entries, each of which goes
 * up and down at most once. A level of a heap of 2 n entries, four to a node, is passed at most log4(2 n) + 1
 * times on the way, and every way counts one more. */
static double most_steps(double n) { return 3 * n * 2 * (log2(2 * n) / 2 + 2); }

static double steps_on(const rl_tokenizer *tok, const char *variant, const char *text, size_t n)
{
    rl_tokenizer_ctx *ctx = util_context(tok, variant);
    size_t n_ids;
    rl_tokenizer_encode(ctx, text, n, 0, NULL, 0, &n_ids, NULL);
    const rl_tokenizer_work work = rl_tokenizer_ctx_work(ctx);
    assert_int_equal(work.symbols, n + 1);
    rl_tokenizer_ctx_close(ctx);
    return (double)work.steps;
}

/* a, aa, aaaa, ... and the same of ab: what a run of letters can make many merges of, at many scores. */
static util_vocab doubling_vocab(void)
{
    util_vocab v = util_vocab_few();
    char text[RL_PIECE_BYTES_MAX];
    for (size_t n = 2; n <= sizeof text; n *= 2) {
        memset(text, 'a', n);
        util_vocab_add(&v, RL_PIECE_NORMAL, (float)n, text, n);
        for (size_t i = 1; i < n; i += 2) text[i] = 'b';
        if (n > 2) util_vocab_add(&v, RL_PIECE_NORMAL, -(float)n, text, n);
    }
    return v;
}

static void the_work_of_the_heap_grows_as_n_log_n(void **state)
{
    (void)state;
    util_vocab v = doubling_vocab();
    rl_tokenizer *tok = util_tokenizer(&v.vocab);
    util_rng rng = {SEED};
    enum { MOST = 1 << 18 };
    char *text = malloc(MOST);
    for (int kind = 0; kind < 4; kind++) {
        for (size_t i = 0; i < MOST; i++)
            text[i] = kind == 0   ? 'a'
                      : kind == 1 ? "ab"[i % 2]
                      : kind == 2 ? "ab"[util_below(&rng, 2)]
                                  : "a "[i * i % 3 == 0];
        for (size_t n = 16; n <= MOST; n *= 4) {
            const double steps = steps_on(tok, "heap", text, n);
            if (!(steps <= most_steps((double)n)))
                fail_msg("kind %d, %zu bytes: %.0f steps, at most %.0f", kind, n, steps,
                         most_steps((double)n));
        }
        assert_true(steps_on(tok, "reference", text, 1024) > most_steps(1024)); /* a square would be seen */
    }
    free(text);
    rl_tokenizer_close(tok);
    util_vocab_free(&v);
}

/* ---- Memory ---- */

/* The linker sends every call of these to the functions here (--wrap). */
void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__real_aligned_alloc(size_t alignment, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_aligned_alloc(size_t alignment, size_t n);

static size_t n_allocations, fail_at = SIZE_MAX;

static bool may_allocate(void) { return n_allocations++ < fail_at; }

void *__wrap_malloc(size_t n) { return may_allocate() ? __real_malloc(n) : NULL; }
void *__wrap_calloc(size_t n, size_t size) { return may_allocate() ? __real_calloc(n, size) : NULL; }
void *__wrap_realloc(void *p, size_t n) { return may_allocate() ? __real_realloc(p, n) : NULL; }
void *__wrap_aligned_alloc(size_t alignment, size_t n)
{
    return may_allocate() ? __real_aligned_alloc(alignment, n) : NULL;
}

static void encode_allocates_only_for_a_text_longer_than_any_before(void **state)
{
    (void)state;
    util_vocab v = util_vocab_few();
    rl_tokenizer *tok = util_tokenizer(&v.vocab);
    rl_tokenizer_ctx *ctx;
    static const char text[] = "ab ab ab ab ab a b ab ab ab ab ab ab ab </s> b";
    const size_t n_bytes = sizeof text - 1;
    uint32_t ids[128];
    size_t n;
    rl_error err;
    assert_int_equal(rl_tokenizer_ctx_open(&ctx, tok, rl_tokenizer_kernel_find(NULL, 0), n_bytes - 1, &err),
                     RL_OK);
    const size_t before = n_allocations;
    for (size_t length = 0; length < n_bytes; length++)
        for (unsigned flags = 0; flags < 8; flags++)
            assert_int_equal(rl_tokenizer_encode(ctx, text, length, flags, ids, 128, &n, &err), RL_OK);
    char out[128];
    assert_int_equal(rl_tokenizer_decode(tok, ids, n, 0, out, sizeof out, &n, &err), RL_OK);
    assert_int_equal(n_allocations, before);
    assert_int_equal(rl_tokenizer_encode(ctx, text, n_bytes, 0, ids, 128, &n, &err), RL_OK);
    assert_true(n_allocations > before); /* the count counts */
    rl_tokenizer_ctx_close(ctx);
    rl_tokenizer_close(tok);
    util_vocab_free(&v);
}

static void each_failing_allocation_is_an_error_and_leaks_nothing(void **state)
{
    (void)state;
    util_vocab v = util_vocab_few();
    rl_status status = RL_ERR_MEMORY;
    size_t failures = 0;
    for (; status != RL_OK; failures++) {
        rl_tokenizer *tok = NULL;
        rl_tokenizer_ctx *ctx = NULL;
        rl_error err;
        fail_at = n_allocations + failures;
        status = rl_tokenizer_open(&tok, &v.vocab, &err);
        if (status == RL_OK)
            status = rl_tokenizer_ctx_open(&ctx, tok, rl_tokenizer_kernel_find(NULL, 0), 9, &err);
        fail_at = SIZE_MAX;
        if (status != RL_OK) assert_int_equal(status, RL_ERR_MEMORY);
        rl_tokenizer_ctx_close(ctx);
        rl_tokenizer_close(tok); /* the leak check of the sanitizers has the last word */
    }
    assert_true(failures > 10);
    util_vocab_free(&v);
}

static void a_context_that_cannot_grow_still_encodes_what_it_has_room_for(void **state)
{
    (void)state;
    util_vocab v = util_vocab_few();
    rl_tokenizer *tok = util_tokenizer(&v.vocab);
    rl_tokenizer_ctx *ctx = util_context(tok, NULL);
    static const char text[] = "ababababababababababababababababababababababab";
    uint32_t ids[64];
    size_t n;
    rl_error err;
    fail_at = n_allocations;
    assert_int_equal(rl_tokenizer_encode(ctx, text, 40, 0, ids, 64, &n, &err), RL_ERR_MEMORY);
    fail_at = SIZE_MAX;
    assert_int_equal(rl_tokenizer_encode(ctx, text, 40, 0, ids, 64, &n, &err), RL_OK);
    assert_int_equal(n, 21);
    fail_at = n_allocations;
    assert_int_equal(rl_tokenizer_encode(ctx, text, 42, 0, ids, 64, &n, &err), RL_ERR_MEMORY);
    assert_int_equal(rl_tokenizer_encode(ctx, text, 40, 0, ids, 64, &n, &err), RL_OK);
    fail_at = SIZE_MAX;
    rl_tokenizer_ctx_close(ctx);
    rl_tokenizer_close(tok);
    util_vocab_free(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encode_counts_past_the_room_and_writes_only_inside_it),
        cmocka_unit_test(max_ids_is_enough_for_any_text_and_no_more_than_the_worst),
        cmocka_unit_test(kernels_stay_inside_text_scratch_and_ids),
        cmocka_unit_test(the_heap_never_outgrows_its_scratch),
        cmocka_unit_test(a_text_longer_than_the_kernel_takes_is_refused),
        cmocka_unit_test(the_work_of_the_heap_grows_as_n_log_n),
        cmocka_unit_test(encode_allocates_only_for_a_text_longer_than_any_before),
        cmocka_unit_test(each_failing_allocation_is_an_error_and_leaks_nothing),
        cmocka_unit_test(a_context_that_cannot_grow_still_encodes_what_it_has_room_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
