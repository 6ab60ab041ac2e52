/* test_tokenizer.c - encoding: SentencePiece's own ids, the reference kernel on texts of every kind, and each
 * rule of tokenizer.h in a case of its own. */
#include "util_vectors.h"
#include "util_vocab.h"

#include <stdlib.h>
#include <string.h>

enum { SEED = 20261122 };

static void every_kernel_gives_the_ids_of_sentencepiece_on_small_vocabularies(void **state)
{
    (void)state;
    assert_true(util_tokenizer_vectors(NULL, util_kernels_give_the_ids) > 400);
}

/* ---- Random vocabularies and texts ---- */

static void compare_kernels(const rl_tokenizer *tok, rl_tokenizer_ctx *want_ctx, rl_tokenizer_ctx *got_ctx,
                            const char *text, size_t n_bytes, unsigned flags)
{
    const size_t max = rl_tokenizer_max_ids(tok, n_bytes, flags);
    uint32_t *want = malloc(max * sizeof *want), *got = malloc(max * sizeof *got);
    size_t n_want = 0, n_got = 0;
    rl_error err;
    if (rl_tokenizer_encode(want_ctx, text, n_bytes, flags, want, max, &n_want, &err) != RL_OK ||
        rl_tokenizer_encode(got_ctx, text, n_bytes, flags, got, max, &n_got, &err) != RL_OK)
        fail_msg("%s", err.text);
    util_assert_ids("heap", text, n_bytes, want, n_want, got, n_got);
    free(want);
    free(got);
}

static void heap_equals_reference_on_random_vocabularies_and_texts(void **state)
{
    (void)state;
    util_rng rng = {SEED};
    for (int round = 0; round < 300; round++) {
        util_vocab v = util_vocab_random(&rng);
        v.vocab.mode = (rl_tokenizer_mode)(round % 3);
        rl_tokenizer *tok = util_tokenizer(&v.vocab);
        rl_tokenizer_ctx *want = util_context(tok, "reference"), *got = util_context(tok, "heap");
        for (unsigned i = 0; i < 20; i++) {
            char text[200];
            const size_t n = util_text_random(&rng, text, sizeof text);
            compare_kernels(tok, want, got, text, n, i % (v.vocab.mode == RL_MODE_SENTENCEPIECE ? 4 : 8));
        }
        assert_int_equal(rl_tokenizer_ctx_work(want).merges, rl_tokenizer_ctx_work(got).merges);
        rl_tokenizer_ctx_close(want);
        rl_tokenizer_ctx_close(got);
        rl_tokenizer_close(tok);
        util_vocab_free(&v);
    }
}

/* ---- Rules that deserve a case with a name ---- */

static void assert_encodes(const rl_vocab *vocab, unsigned flags, const char *text, size_t n_bytes,
                           const uint32_t *want, size_t n_want)
{
    rl_tokenizer *tok = util_tokenizer(vocab);
    const rl_tokenizer_kernel *kern;
    for (size_t i = 0; (kern = rl_tokenizer_kernel_at(i)) != NULL; i++) {
        rl_tokenizer_ctx *ctx = util_context(tok, kern->variant);
        uint32_t ids[64];
        size_t n;
        rl_error err;
        if (rl_tokenizer_encode(ctx, text, n_bytes, flags, ids, RL_COUNT(ids), &n, &err) != RL_OK)
            fail_msg("%s: %s", kern->base.name, err.text);
        util_assert_ids(kern->base.name, text, n_bytes, want, n_want, ids, n);
        rl_tokenizer_ctx_close(ctx);
    }
    rl_tokenizer_close(tok);
}
#define ASSERT_ENCODES(vocab, flags, text, ...)                                                              \
    assert_encodes(vocab, flags, text, sizeof(text) - 1, (const uint32_t[]){__VA_ARGS__},                    \
                   sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

static void a_better_score_merges_before_a_place_further_left(void **state)
{
    (void)state;
    util_vocab v = util_vocab_few();
    ASSERT_ENCODES(&v.vocab, 0, "ab", 5, 6);
    ASSERT_ENCODES(&v.vocab, 0, "a b", 7, 5, 4);
    v.pieces[6].score = v.pieces[7].score; /* a tie: now the leftmost merges */
    util_vocab_add(&v, RL_PIECE_NORMAL, -3, "ba", 2);
    ASSERT_ENCODES(&v.vocab, 0, "ab", 7, 4);
    util_vocab_free(&v);
}

static void without_byte_pieces_a_run_of_unknown_characters_is_one_unknown(void **state)
{
    (void)state;
    util_vocab v = util_vocab_few();
    ASSERT_ENCODES(&v.vocab, 0, "xyz a\xff\xfe", 5, 0, 7, 0);
    util_vocab_add_bytes(&v);
    ASSERT_ENCODES(&v.vocab, 0, "x\xff", 5, 8 + 'x', 8 + 0xef, 8 + 0xbf, 8 + 0xbd);
    util_vocab_free(&v);
}

static void nul_is_text_and_the_length_counts(void **state)
{
    (void)state;
    util_vocab v = util_vocab_few();
    util_vocab_add_bytes(&v);
    ASSERT_ENCODES(&v.vocab, 0, "a\0b", 7, 8, 4);
    ASSERT_ENCODES(&v.vocab, 0, "\0", 5, 8);
    util_vocab_free(&v);
}

static void the_longest_user_defined_piece_is_taken_first_and_never_merges(void **state)
{
    (void)state;
    util_vocab v = util_vocab_few();
    v.vocab.mode = RL_MODE_SENTENCEPIECE;
    util_vocab_add(&v, RL_PIECE_USER_DEFINED, 0, "bb", 2);
    util_vocab_add(&v, RL_PIECE_USER_DEFINED, 0, "bbb", 3);
    util_vocab_add(&v, RL_PIECE_NORMAL, 9, "abb", 3);
    ASSERT_ENCODES(&v.vocab, 0, "abbbbb", 7, 9, 8); /* not abb: bbb and bb were taken before it could merge */
    util_vocab_free(&v);
}

static void a_control_piece_comes_from_text_only_when_asked_for(void **state)
{
    (void)state;
    util_vocab v = util_vocab_few();
    util_vocab_add(&v, RL_PIECE_CONTROL, 0, "</s>>", 5);
    ASSERT_ENCODES(&v.vocab, 0, "a</s>b", 7, 0, 4);
    ASSERT_ENCODES(&v.vocab, RL_ENCODE_SPECIAL, "a</s>b", 7, 2, 5, 4);
    ASSERT_ENCODES(&v.vocab, RL_ENCODE_SPECIAL, "a</s>>b", 7, 8, 5, 4); /* the longest */
    ASSERT_ENCODES(&v.vocab, RL_ENCODE_SPECIAL, "<unk></s></s", 0, 2, 5, 0);
    util_vocab_free(&v);
}

static void a_text_piece_and_a_control_piece_may_be_spelled_alike(void **state)
{
    (void)state;
    util_vocab v = util_vocab_few();
    v.vocab.add_space_prefix = false;
    for (int twice = 0; twice < 2; twice++) /* many, so that some of them meet in the table */
        for (char a = 'c'; a <= 'z'; a++)
            for (char b = 'c'; b <= 'z'; b++)
                util_vocab_add(&v, twice == 0 ? RL_PIECE_CONTROL : RL_PIECE_NORMAL, 0, (const char[]){a, b},
                               2);
    rl_tokenizer *tok = util_tokenizer(&v.vocab);
    rl_tokenizer_ctx *ctx = util_context(tok, "reference");
    for (uint32_t id = 8; id < 8 + 24 * 24; id++)
        for (unsigned special = 0; special < 2; special++) {
            uint32_t got;
            size_t n;
            rl_error err;
            const unsigned flags = special ? RL_ENCODE_SPECIAL : 0;
            assert_int_equal(rl_tokenizer_encode(ctx, v.pieces[id].text, 2, flags, &got, 1, &n, &err), RL_OK);
            assert_int_equal(got, special ? id : id + 24 * 24);
        }
    rl_tokenizer_ctx_close(ctx);
    rl_tokenizer_close(tok);
    util_vocab_free(&v);
}

static void bos_and_eos_stand_around_any_text(void **state)
{
    (void)state;
    util_vocab v = util_vocab_few();
    ASSERT_ENCODES(&v.vocab, RL_ENCODE_BOS, "", 1);
    ASSERT_ENCODES(&v.vocab, RL_ENCODE_BOS | RL_ENCODE_EOS, "b", 1, 5, 4, 2);
    rl_tokenizer *tok = util_tokenizer(&v.vocab);
    assert_int_equal(rl_tokenizer_flags(tok), RL_ENCODE_BOS);
    rl_tokenizer_close(tok);
    v.vocab.add_bos = false, v.vocab.has_bos = false, v.vocab.add_eos = true;
    tok = util_tokenizer(&v.vocab);
    assert_int_equal(rl_tokenizer_flags(tok), RL_ENCODE_EOS);
    rl_tokenizer_ctx *ctx = util_context(tok, NULL);
    size_t n;
    rl_error err;
    assert_int_equal(rl_tokenizer_encode(ctx, "a", 1, RL_ENCODE_BOS, NULL, 0, &n, &err), RL_ERR_ARG);
    assert_string_equal(err.text, "bos asked for, and the vocabulary has none");
    rl_tokenizer_ctx_close(ctx);
    rl_tokenizer_close(tok);
    util_vocab_free(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kernel_gives_the_ids_of_sentencepiece_on_small_vocabularies),
        cmocka_unit_test(heap_equals_reference_on_random_vocabularies_and_texts),
        cmocka_unit_test(a_better_score_merges_before_a_place_further_left),
        cmocka_unit_test(without_byte_pieces_a_run_of_unknown_characters_is_one_unknown),
        cmocka_unit_test(nul_is_text_and_the_length_counts),
        cmocka_unit_test(the_longest_user_defined_piece_is_taken_first_and_never_merges),
        cmocka_unit_test(a_control_piece_comes_from_text_only_when_asked_for),
        cmocka_unit_test(a_text_piece_and_a_control_piece_may_be_spelled_alike),
        cmocka_unit_test(bos_and_eos_stand_around_any_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
