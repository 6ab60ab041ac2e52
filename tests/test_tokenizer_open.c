/* test_tokenizer_open.c - vocabularies that must be refused, each with the sentence that says why. */
#include "util_vocab.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void assert_refused(const rl_vocab *vocab, const char *why)
{
    rl_tokenizer *tok = (rl_tokenizer *)&tok; /* must be overwritten */
    rl_error err = {0};
    assert_int_equal(rl_tokenizer_open(&tok, vocab, &err), RL_ERR_FORMAT);
    assert_null(tok);
    assert_string_equal(err.text, why);
}

static void an_empty_or_too_large_vocabulary_is_refused(void **state)
{
    (void)state;
    util_vocab v = util_vocab_few();
    rl_vocab bad = v.vocab;
    bad.n = 0;
    assert_refused(&bad, "vocabulary has 0 pieces, 1 to 16777216 are allowed");
    bad.n = (size_t)RL_VOCAB_MAX + 1; /* refused before any piece is read */
    assert_refused(&bad, "vocabulary has 16777217 pieces, 1 to 16777216 are allowed");
    util_vocab_free(&v);
}

static void ids_past_the_end_are_refused(void **state)
{
    (void)state;
    util_vocab v = util_vocab_few();
    const rl_vocab good = v.vocab;
    v.vocab.bos = 8;
    assert_refused(&v.vocab, "vocabulary: bos is id 8, of 8 pieces");
    v.vocab.bos = 7, v.vocab.eos = UINT32_MAX;
    assert_refused(&v.vocab, "vocabulary: eos is id 4294967295, of 8 pieces");
    v.vocab.eos = 7, v.vocab.unk = 8;
    assert_refused(&v.vocab, "vocabulary: unk is id 8, of 8 pieces");
    v.vocab = good;
    v.vocab.has_bos = false;
    assert_refused(&v.vocab, "vocabulary asks for bos in every text and has none");
    v.vocab.add_bos = false, v.vocab.has_eos = false, v.vocab.add_eos = true;
    assert_refused(&v.vocab, "vocabulary asks for eos in every text and has none");
    v.vocab = good;
    util_vocab_free(&v);
}

/* The few pieces and one more, which is wrong. */
static void assert_piece_refused(int32_t type, float score, const char *text, size_t n_bytes, const char *why)
{
    util_vocab v = util_vocab_few();
    util_vocab_add(&v, type, score, text, n_bytes);
    assert_refused(&v.vocab, why);
    util_vocab_free(&v);
}

static void a_piece_that_is_wrong_on_its_own_is_refused(void **state)
{
    (void)state;
    static const char long_text[RL_PIECE_BYTES_MAX + 1] = "\xc3\xa9";
    assert_piece_refused(0, 0, "x", 1, "vocabulary: piece 8 'x' has a type other than 1 to 6");
    assert_piece_refused(7, 0, "x", 1, "vocabulary: piece 8 'x' has a type other than 1 to 6");
    assert_piece_refused(-1, 0, "x", 1, "vocabulary: piece 8 'x' has a type other than 1 to 6");
    assert_piece_refused(1, 0, "", 0, "vocabulary: piece 8 '' is empty");
    assert_piece_refused(3, 0, "", 0, "vocabulary: piece 8 '' is empty");
    assert_piece_refused(1, NAN, "x", 1, "vocabulary: piece 8 'x' has a score that is no finite number");
    assert_piece_refused(4, INFINITY, "x", 1, "vocabulary: piece 8 'x' has a score that is no finite number");
    assert_piece_refused(5, -INFINITY, "x", 1,
                         "vocabulary: piece 8 'x' has a score that is no finite number");
    assert_piece_refused(
        3, 0, long_text, sizeof long_text,
        "vocabulary: piece 8 '\\xc3\\xa9\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00...'"
        " is longer than 512 bytes");
}

static void a_piece_that_is_not_utf8_is_refused_where_text_is_matched_with_it(void **state)
{
    (void)state;
    static const char *const broken[] = {
        "\x80", "a\xff", "\xc3", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80"};
    for (size_t i = 0; i < RL_COUNT(broken); i++)
        for (int32_t type = RL_PIECE_NORMAL; type <= RL_PIECE_UNUSED; type++) {
            util_vocab v = util_vocab_few();
            util_vocab_add(&v, type, 0, broken[i], strlen(broken[i]));
            rl_tokenizer *tok;
            rl_error err = {0};
            const bool reserved = type == RL_PIECE_UNKNOWN || type == RL_PIECE_CONTROL;
            assert_int_equal(rl_tokenizer_open(&tok, &v.vocab, &err), reserved ? RL_OK : RL_ERR_FORMAT);
            if (!reserved) assert_non_null(strstr(err.text, "is not UTF-8"));
            rl_tokenizer_close(tok);
            util_vocab_free(&v);
        }
}

static void a_piece_given_twice_is_refused_within_its_class(void **state)
{
    (void)state;
    assert_piece_refused(1, 0, "ab", 2, "vocabulary: piece 8 'ab' is there twice");
    assert_piece_refused(4, 0, "\xe2\x96\x81", 3, "vocabulary: piece 8 '\\xe2\\x96\\x81' is there twice");
    assert_piece_refused(5, 0, "a", 1, "vocabulary: piece 8 'a' is there twice");
    assert_piece_refused(3, 0, "<unk>", 5, "vocabulary: piece 8 '<unk>' is there twice");
    util_vocab v = util_vocab_few();
    util_vocab_add(&v, RL_PIECE_NORMAL, 0, "<s>", 3); /* text, and control: two different things */
    rl_tokenizer_close(util_tokenizer(&v.vocab));
    util_vocab_free(&v);
}

static void byte_pieces_are_none_or_all_and_spelled_right(void **state)
{
    (void)state;
    assert_piece_refused(6, 0, "<0xab>", 6,
                         "vocabulary: piece 8 '<0xab>' is of type byte and not spelled <0x00> to <0xFF>");
    assert_piece_refused(6, 0, "<0xA>", 5,
                         "vocabulary: piece 8 '<0xA>' is of type byte and not spelled <0x00> to <0xFF>");
    assert_piece_refused(6, 0, "<0xA\0>", 6,
                         "vocabulary: piece 8 '<0xA\\x00>' is of type byte and not spelled <0x00> to <0xFF>");
    assert_piece_refused(6, 0, "A", 1,
                         "vocabulary: piece 8 'A' is of type byte and not spelled <0x00> to <0xFF>");
    assert_piece_refused(6, 0, "<0x41>", 6, "vocabulary has 1 byte pieces, none or all 256 are allowed");
    util_vocab v = util_vocab_few();
    util_vocab_add_bytes(&v);
    util_vocab_add(&v, RL_PIECE_BYTE, 0, "<0x41>", 6);
    assert_refused(&v.vocab, "vocabulary: piece 264 '<0x41>' is there twice");
    v.vocab.n -= 2;
    assert_refused(&v.vocab, "vocabulary has 255 byte pieces, none or all 256 are allowed");
    v.vocab.n += 2;
    util_vocab_free(&v);
    v = util_vocab_few();
    v.vocab.has_unk = false;
    assert_refused(&v.vocab,
                   "vocabulary has neither byte pieces nor unk: characters that are no piece have no id");
    util_vocab_add_bytes(&v);
    rl_tokenizer_close(util_tokenizer(&v.vocab));
    util_vocab_free(&v);
}

static void scores_that_order_no_merges_are_refused(void **state)
{
    (void)state;
    util_vocab v = util_vocab_few();
    v.pieces[6].score = v.pieces[7].score = -1000;
    assert_refused(
        &v.vocab, "vocabulary: every piece of several characters has the score -1000; such a file orders its "
                  "merges in tokenizer.ggml.merges, and here are none");
    v.pieces[7].score = -999;
    rl_tokenizer_close(util_tokenizer(&v.vocab));
    v.vocab.n--; /* a single one has nothing to be ordered with */
    rl_tokenizer_close(util_tokenizer(&v.vocab));
    v.vocab.n++;
    util_vocab_free(&v);
}

static void nothing_of_the_vocabulary_is_borrowed_once_it_is_open(void **state)
{
    (void)state;
    util_vocab v = util_vocab_few();
    rl_tokenizer *tok = util_tokenizer(&v.vocab);
    util_vocab_free(&v); /* the sanitizer watches what is left of it */
    rl_tokenizer_ctx *ctx = util_context(tok, NULL);
    uint32_t ids[8];
    size_t n;
    rl_error err;
    assert_int_equal(rl_tokenizer_encode(ctx, "ab", 2, 0, ids, 8, &n, &err), RL_OK);
    assert_int_equal(n, 2);
    assert_int_equal(ids[1], 6);
    assert_int_equal(rl_tokenizer_size(tok), 8);
    assert_memory_equal(rl_tokenizer_piece(tok, 7, &n), " a", 2);
    assert_int_equal(n, 2);
    rl_tokenizer_ctx_close(ctx);
    rl_tokenizer_close(tok);
    rl_tokenizer_close(NULL);
    rl_tokenizer_ctx_close(NULL);
}

/* Pieces of any type and spelling: most are refused, and those that open must work. */
static void any_pieces_are_refused_or_encode_any_text(void **state)
{
    (void)state;
    util_rng rng = {20261122};
    size_t opened = 0, refused = 0;
    for (int round = 0; round < 2000; round++) {
        util_vocab v = util_vocab_few();
        for (size_t i = util_below(&rng, 5); i > 0; i--) {
            char text[8];
            const size_t n = util_text_random(&rng, text, sizeof text);
            util_vocab_add(&v, (int32_t)util_below(&rng, 7), -(float)util_below(&rng, 9), text, n);
        }
        if (util_below(&rng, 2) == 0) util_vocab_add_bytes(&v);
        rl_tokenizer *tok;
        rl_error err;
        if (rl_tokenizer_open(&tok, &v.vocab, &err) == RL_OK) {
            rl_tokenizer_ctx *reference = util_context(tok, "reference"), *heap = util_context(tok, "heap");
            char text[64];
            uint32_t want[512], got[512];
            size_t n_want, n_got;
            const size_t n = util_text_random(&rng, text, sizeof text);
            assert_int_equal(
                rl_tokenizer_encode(reference, text, n, RL_ENCODE_SPECIAL, want, 512, &n_want, &err), RL_OK);
            assert_int_equal(rl_tokenizer_encode(heap, text, n, RL_ENCODE_SPECIAL, got, 512, &n_got, &err),
                             RL_OK);
            assert_int_equal(n_want, n_got);
            assert_memory_equal(want, got, n_got * sizeof *got);
            rl_tokenizer_ctx_close(reference);
            rl_tokenizer_ctx_close(heap);
            opened++;
        } else {
            assert_null(tok);
            refused++;
        }
        rl_tokenizer_close(tok);
        util_vocab_free(&v);
    }
    assert_true(opened > 100 && refused > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_or_too_large_vocabulary_is_refused),
        cmocka_unit_test(ids_past_the_end_are_refused),
        cmocka_unit_test(a_piece_that_is_wrong_on_its_own_is_refused),
        cmocka_unit_test(a_piece_that_is_not_utf8_is_refused_where_text_is_matched_with_it),
        cmocka_unit_test(a_piece_given_twice_is_refused_within_its_class),
        cmocka_unit_test(byte_pieces_are_none_or_all_and_spelled_right),
        cmocka_unit_test(scores_that_order_no_merges_are_refused),
        cmocka_unit_test(any_pieces_are_refused_or_encode_any_text),
        cmocka_unit_test(nothing_of_the_vocabulary_is_borrowed_once_it_is_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
