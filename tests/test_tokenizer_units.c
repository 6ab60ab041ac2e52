/* test_tokenizer_units.c - every kernel against the reference, where the units kernels take their short ways: known and
 * remembered units, runs of spaces, long units by buckets; and what makes a vocabulary one without units. */
#include "util_vectors.h"
#include "util_vocab.h"

#include "base/mem.h"
#include "tokenizer/tokenizer_units.h"

#include <stdlib.h>
#include <string.h>

enum { SEED = 20261129, TEXT_MAX = 400 };
#define MARK "\xe2\x96\x81"

/* ---- All kernels, all the same ---- */

/* Contexts of every kernel, the reference first. */
typedef struct {
    const rl_tokenizer_kernel *kernel[8];
    void *scratch[8];
    size_t n;
} bench;

static bench bench_open(const rl_tokenizer *tok)
{
    bench b = {0};
    const rl_tokenizer_kernel *kern;
    b.kernel[b.n++] = rl_tokenizer_kernel_find("reference", 0);
    for (size_t i = 0; (kern = rl_tokenizer_kernel_at(i)) != NULL; i++)
        if (kern != b.kernel[0] && rl_kernel_runs(&kern->base, rl_cpu_detect())) b.kernel[b.n++] = kern;
    for (size_t i = 0; i < b.n; i++) assert_non_null(b.scratch[i] = rl_alloc(b.kernel[i]->scratch_bytes(tok, TEXT_MAX)));
    return b;
}

static void bench_close(bench *b)
{
    for (size_t i = 0; i < b->n; i++) rl_free(b->scratch[i]);
}

/* Twice, so that what is remembered is used, too. Returns the work of the units kernels. */
static rl_tokenizer_work assert_all_agree(const rl_tokenizer *tok, const bench *b, const char *text, size_t n_bytes,
                                          bool prefix)
{
    static uint32_t want[4 * TEXT_MAX], got[4 * TEXT_MAX];
    rl_tokenizer_work work = {0}, units = {0};
    const size_t n_want = b->kernel[0]->encode(tok, b->scratch[0], text, n_bytes, prefix, want, RL_COUNT(want), &work);
    for (size_t i = 1; i < b->n; i++)
        for (int twice = 0; twice < 2; twice++) {
            const bool is_units = strcmp(b->kernel[i]->variant, "units") == 0;
            const size_t n_got = b->kernel[i]->encode(tok, b->scratch[i], text, n_bytes, prefix, got, RL_COUNT(got),
                                                      is_units ? &units : &work);
            util_assert_ids(b->kernel[i]->base.name, text, n_bytes, want, n_want, got, n_got);
            assert_int_equal(b->kernel[i]->encode(tok, b->scratch[i], text, n_bytes, prefix, NULL, 0, &work), n_want);
        }
    return units;
}

static void kernels_agree_on_random_vocabularies_in_every_mode(void **state)
{
    (void)state;
    util_rng rng = {SEED};
    size_t with_units = 0;
    for (unsigned round = 0; round < 1500; round++) {
        util_vocab v = util_vocab_random(&rng);
        v.vocab.mode = (rl_tokenizer_mode)(round % 3);
        rl_tokenizer *tok = util_tokenizer(&v.vocab);
        bench b = bench_open(tok);
        with_units += tok->units != NULL;
        for (unsigned i = 0; i < 12; i++) {
            char text[TEXT_MAX];
            const size_t n = util_text_random(&rng, text, i % 2 == 0 ? 60 : TEXT_MAX);
            assert_all_agree(tok, &b, text, n, i % 3 != 0);
        }
        bench_close(&b);
        rl_tokenizer_close(tok);
        util_vocab_free(&v);
    }
    assert_true(with_units > 100);
}

/* ---- Merge rules ---- */

static int in_any_order(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Every cut of every piece as a rule; in an order that chance gives, or that of the scores. */
static rl_merge_rule *make_rules(const rl_tokenizer *tok, util_rng *rng, bool by_score, size_t *n)
{
    uint64_t *order = malloc((tok->merge_mask + 1) * sizeof *order);
    rl_merge_rule *rules = malloc((tok->merge_mask + 1) * sizeof *rules);
    *n = 0;
    for (size_t i = 0; i <= tok->merge_mask; i++) {
        const rl_merge *m = &tok->merge[i];
        if (m->id == RL_SYMBOL_NONE || (m->left | m->right) & RL_SYMBOL_CHAR) continue;
        order[(*n)++] = (by_score ? m->rank : util_u64(rng) >> 32) << 32 | (uint32_t)i;
    }
    qsort(order, *n, sizeof *order, in_any_order);
    for (size_t k = 0; k < *n; k++) {
        const rl_merge *m = &tok->merge[(uint32_t)order[k]];
        rules[k] = (rl_merge_rule){m->left, m->right};
    }
    free(order);
    return rules;
}

static void kernels_agree_on_vocabularies_with_rules(void **state)
{
    (void)state;
    util_rng rng = {SEED + 1};
    size_t with_units = 0;
    for (unsigned round = 0; round < 600; round++) {
        util_vocab v = util_vocab_random(&rng);
        rl_tokenizer *scored = util_tokenizer(&v.vocab);
        size_t n_rules;
        rl_merge_rule *rules = make_rules(scored, &rng, round % 2 == 0, &n_rules);
        v.vocab.merges = rules;
        v.vocab.n_merges = n_rules;
        rl_tokenizer *tok = util_tokenizer(&v.vocab);
        bench b = bench_open(tok);
        with_units += tok->units != NULL;
        for (unsigned i = 0; i < 10; i++) {
            char text[TEXT_MAX];
            const size_t n = util_text_random(&rng, text, TEXT_MAX);
            assert_all_agree(tok, &b, text, n, true);
        }
        bench_close(&b);
        rl_tokenizer_close(tok);
        rl_tokenizer_close(scored);
        free(rules);
        util_vocab_free(&v);
    }
    assert_true(with_units > 50);
}

static void rules_in_the_order_of_distinct_scores_give_the_ids_of_scores(void **state)
{
    (void)state;
    util_rng rng = {SEED + 2};
    for (unsigned round = 0; round < 200; round++) {
        util_vocab v = util_vocab_random(&rng);
        for (size_t i = 3; i < v.vocab.n; i++) {
            v.pieces[i].score = -(float)i;
            if (v.pieces[i].type != RL_PIECE_BYTE) v.pieces[i].type = RL_PIECE_NORMAL;
        }
        for (size_t i = 0; i < 3; i++) /* in rules both sides are pieces, so let all characters be */
            if (v.pieces[3].bytes != 1) util_vocab_add(&v, RL_PIECE_NORMAL, -999, (const char[]){(char)('p' + i)}, 1);
        rl_tokenizer *scored = util_tokenizer(&v.vocab);
        size_t n_rules;
        bool characters = true;
        for (size_t i = 0; i <= scored->merge_mask; i++)
            characters = characters && (scored->merge[i].id == RL_SYMBOL_NONE ||
                                        !((scored->merge[i].left | scored->merge[i].right) & RL_SYMBOL_CHAR));
        rl_merge_rule *rules = make_rules(scored, &rng, true, &n_rules);
        v.vocab.merges = rules;
        v.vocab.n_merges = n_rules;
        rl_tokenizer *ruled = util_tokenizer(&v.vocab);
        bench one = bench_open(scored), two = bench_open(ruled);
        for (unsigned i = 0; characters && i < 10; i++) {
            char text[TEXT_MAX];
            uint32_t want[4 * TEXT_MAX], got[4 * TEXT_MAX];
            rl_tokenizer_work work = {0};
            const size_t n = util_text_random(&rng, text, TEXT_MAX);
            const size_t n_want =
                one.kernel[0]->encode(scored, one.scratch[0], text, n, true, want, RL_COUNT(want), &work);
            for (size_t k = 0; k < two.n; k++) {
                const size_t n_got =
                    two.kernel[k]->encode(ruled, two.scratch[k], text, n, true, got, RL_COUNT(got), &work);
                util_assert_ids(two.kernel[k]->base.name, text, n, want, n_want, got, n_got);
            }
        }
        bench_close(&one);
        bench_close(&two);
        rl_tokenizer_close(ruled);
        rl_tokenizer_close(scored);
        free(rules);
        util_vocab_free(&v);
    }
}

/* ---- Runs of spaces ---- */

enum { TIED, LONGER_FIRST, SHORTER_FIRST, BEFORE_WORDS, ONE_MISSING, ONE_MORE, RUN_KINDS };

/* a, b, words with and without a space before them, and runs of 2 to `most` spaces with such ranks. */
static util_vocab run_vocab(util_rng *rng, int kind, size_t most)
{
    util_vocab v = util_vocab_few();
    util_vocab_add_bytes(&v);
    util_vocab_add(&v, RL_PIECE_NORMAL, -3, "ba", 2);
    if (util_below(rng, 2) == 0) util_vocab_add(&v, RL_PIECE_NORMAL, -4, MARK "ba", 5);
    if (util_below(rng, 2) == 0) util_vocab_add(&v, RL_PIECE_NORMAL, -5, MARK "ab", 5);
    if (util_below(rng, 3) == 0) util_vocab_add(&v, RL_PIECE_NORMAL, -6, "a" MARK, 4);
    if (util_below(rng, 3) == 0) util_vocab_add(&v, RL_PIECE_NORMAL, -7, "a" MARK "b", 5);
    char run[3 * 40 + 1];
    for (size_t n = 2; n <= most; n++) {
        for (size_t i = 0; i < n; i++) memcpy(run + 3 * i, MARK, 3);
        if (kind == ONE_MISSING && n == (most + 2) / 2 && n < most) continue;
        const float score = kind == BEFORE_WORDS    ? -0.5f
                            : kind == LONGER_FIRST  ? -1000 + (float)n
                            : kind == SHORTER_FIRST ? -1000 - (float)n
                                                    : -1000;
        util_vocab_add(&v, RL_PIECE_NORMAL, score, run, 3 * n);
    }
    memcpy(run, MARK MARK "b", 7);
    if (kind == ONE_MORE) util_vocab_add(&v, RL_PIECE_NORMAL, -8, run, 7);
    return v;
}

static size_t run_text(util_rng *rng, char *text)
{
    size_t n = 0;
    while (n < TEXT_MAX - 90 && util_below(rng, 8) > 0) {
        for (size_t i = util_below(rng, 4) == 0 ? util_below(rng, 80) : util_below(rng, 5); i > 0; i--) text[n++] = ' ';
        static const char *const words[] = {"a", "b", "ab", "ba", "x", MARK, "\xc3\xa9", "\xff", "aba", "\n"};
        const char *word = words[util_below(rng, RL_COUNT(words))];
        memcpy(text + n, word, strlen(word));
        n += strlen(word);
    }
    return n;
}

static void runs_of_spaces_by_the_closed_form_or_without_it(void **state)
{
    (void)state;
    util_rng rng = {SEED + 3};
    for (unsigned round = 0; round < 600; round++) {
        const int kind = (int)(round % RUN_KINDS);
        const size_t most = 3 + util_below(&rng, 20);
        util_vocab v = run_vocab(&rng, kind, most);
        v.vocab.mode = (rl_tokenizer_mode)(round / RUN_KINDS % 3);
        rl_tokenizer *tok = util_tokenizer(&v.vocab);
        assert_non_null(tok->units);
        assert_int_equal(tok->units->run_max, kind == TIED || kind == LONGER_FIRST ? most : 0);
        bench b = bench_open(tok);
        for (unsigned i = 0; i < 20; i++) {
            char text[TEXT_MAX];
            const size_t n = run_text(&rng, text);
            assert_all_agree(tok, &b, text, n, i % 2 == 0);
        }
        bench_close(&b);
        rl_tokenizer_close(tok);
        util_vocab_free(&v);
    }
}

/* ---- Long units ---- */

static void long_units_merge_by_buckets(void **state)
{
    (void)state;
    util_rng rng = {SEED + 4};
    for (unsigned round = 0; round < 200; round++) {
        util_vocab v = util_vocab_few();
        util_vocab_add_bytes(&v);
        v.pieces[6].score = -10, v.pieces[7].score = -11;
        char all[600];
        size_t n_all = 0;
        for (unsigned tries = 0; tries < 40; tries++) { /* pieces of earlier ones: uses come after makings */
            char text[16];
            size_t n = 0;
            for (int half = 0; half < 2; half++) {
                const rl_piece *p = &v.pieces[util_below(&rng, 2) == 0 ? 3 + util_below(&rng, 5)
                                                                       : v.vocab.n - 1 - util_below(&rng, 10)];
                if (p->type != RL_PIECE_NORMAL || n + p->bytes > sizeof text || memmem(p->text, p->bytes, MARK, 3)) continue;
                memcpy(text + n, p->text, p->bytes);
                n += p->bytes;
            }
            bool fresh = n > 1;
            for (size_t i = 3; i < v.vocab.n && fresh; i++)
                fresh = v.pieces[i].bytes != n || memcmp(v.pieces[i].text, text, n) != 0;
            if (fresh) util_vocab_add(&v, RL_PIECE_NORMAL, -100 - (float)tries, text, n);
        }
        while (n_all < TEXT_MAX - 8) {
            const size_t kind = util_below(&rng, 40);
            const char *part = kind == 0 ? "  " : kind == 1 ? "\xe4\xb8\xad" : kind < 22 ? "a" : "b";
            memcpy(all + n_all, part, strlen(part));
            n_all += strlen(part);
        }
        rl_tokenizer *tok = util_tokenizer(&v.vocab);
        bench b = bench_open(tok);
        const rl_tokenizer_work work = assert_all_agree(tok, &b, all, n_all, round % 2 == 0);
        assert_true(work.units > 0);
        for (unsigned i = 0; i < 8; i++) memset(all + util_below(&rng, TEXT_MAX - 120), i % 2 == 0 ? 'a' : ' ', 100);
        assert_all_agree(tok, &b, all, n_all, true);
        bench_close(&b);
        rl_tokenizer_close(tok);
        util_vocab_free(&v);
    }
}

/* The work of a unit grows with its length, and no faster, where the heap's grows with its logarithm, too. */
static void the_work_of_buckets_is_linear(void **state)
{
    (void)state;
    util_vocab v = util_vocab_few();
    util_vocab_add_bytes(&v);
    v.pieces[6].score = -10, v.pieces[7].score = -11;
    char text[RL_PIECE_BYTES_MAX];
    for (size_t n = 2; n <= sizeof text; n *= 2) {
        memset(text, 'a', n);
        util_vocab_add(&v, RL_PIECE_NORMAL, -20 - (float)n, text, n);
    }
    rl_tokenizer *tok = util_tokenizer(&v.vocab);
    assert_true(tok->units != NULL);
    const rl_tokenizer_kernel *units = rl_tokenizer_kernel_find("units", 0);
    enum { MOST = 1 << 18 };
    char *long_text = malloc(MOST);
    memset(long_text, 'a', MOST);
    for (size_t n = 256; n <= MOST; n *= 4) {
        void *scratch = rl_alloc(units->scratch_bytes(tok, n));
        rl_tokenizer_work work = {0};
        units->encode(tok, scratch, long_text, n, true, NULL, 0, &work);
        /* n symbols, an entry each at the start, and two for each of at most n merges */
        assert_true(work.steps >= n && work.steps <= 4 * n + 4);
        rl_free(scratch);
    }
    free(long_text);
    rl_tokenizer_close(tok);
    util_vocab_free(&v);
}

/* ---- What is remembered ---- */

static void forgetting_changes_no_id_and_what_was_met_is_remembered(void **state)
{
    (void)state;
    util_vocab v = util_vocab_few();
    util_vocab_add_bytes(&v);
    rl_tokenizer *tok = util_tokenizer(&v.vocab);
    rl_tokenizer_ctx *ctx = util_context(tok, "units");
    uint32_t ids[16];
    size_t n;
    rl_error err;
    for (unsigned i = 0; i < 600; i++) { /* more often than there are generations */
        const rl_tokenizer_work before = rl_tokenizer_ctx_work(ctx);
        rl_tokenizer_encode(ctx, "abab", 4, 0, ids, 16, &n, &err);
        const rl_tokenizer_work once = rl_tokenizer_ctx_work(ctx);
        rl_tokenizer_encode(ctx, "abab", 4, 0, ids, 16, &n, &err);
        const rl_tokenizer_work again = rl_tokenizer_ctx_work(ctx);
        assert_int_equal(once.remembered - before.remembered, 0);
        assert_int_equal(again.remembered - once.remembered, 1);
        util_assert_ids("units", "abab", 4, (const uint32_t[]){5, 6, 6}, 3, ids, n);
        rl_tokenizer_ctx_forget(ctx);
    }
    rl_tokenizer_ctx_close(ctx);
    rl_tokenizer_close(tok);
    util_vocab_free(&v);
}

/* ---- Vocabularies without units ---- */

static bool has_units(util_vocab *v)
{
    rl_tokenizer *tok = util_tokenizer(&v->vocab);
    const bool has = tok->units != NULL;
    rl_tokenizer_close(tok);
    util_vocab_free(v);
    return has;
}

static void units_are_for_vocabularies_where_they_are_exact(void **state)
{
    (void)state;
    util_vocab v = util_vocab_few();
    assert_false(has_units(&v)); /* no byte pieces */
    v = util_vocab_few();
    util_vocab_add_bytes(&v);
    assert_true(has_units(&v));
    v = util_vocab_few();
    util_vocab_add_bytes(&v);
    util_vocab_add(&v, RL_PIECE_UNUSED, -3, "ba", 2);
    assert_false(has_units(&v));
    v = util_vocab_few();
    util_vocab_add_bytes(&v);
    util_vocab_add(&v, RL_PIECE_NORMAL, -3, "ac", 2); /* c is no piece */
    assert_false(has_units(&v));
    v = util_vocab_few();
    util_vocab_add_bytes(&v);
    util_vocab_add(&v, RL_PIECE_NORMAL, -3, "\0", 1);
    util_vocab_add(&v, RL_PIECE_NORMAL, -3, "a\0", 2);
    assert_false(has_units(&v));
    v = util_vocab_few();
    util_vocab_add_bytes(&v);
    util_vocab_add(&v, RL_PIECE_USER_DEFINED, -3, "bb", 2);
    v.vocab.mode = RL_MODE_SENTENCEPIECE;
    assert_false(has_units(&v));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernels_agree_on_random_vocabularies_in_every_mode),
        cmocka_unit_test(kernels_agree_on_vocabularies_with_rules),
        cmocka_unit_test(rules_in_the_order_of_distinct_scores_give_the_ids_of_scores),
        cmocka_unit_test(runs_of_spaces_by_the_closed_form_or_without_it),
        cmocka_unit_test(long_units_merge_by_buckets),
        cmocka_unit_test(the_work_of_buckets_is_linear),
        cmocka_unit_test(forgetting_changes_no_id_and_what_was_met_is_remembered),
        cmocka_unit_test(units_are_for_vocabularies_where_they_are_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
