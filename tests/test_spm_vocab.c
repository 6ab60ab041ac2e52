/* test_spm_vocab.c - the reader of tokenizer.model: what it takes, what it leaves out, what it refuses and how, and
 * broken files of every length. */
#include "spm_vocab.h"
#include "util_models.h"
#include "util_vocab.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static rl_vocab *read_model(const util_bytes *b)
{
    rl_vocab *v;
    rl_error err;
    if (rl_spm_vocab(b->data, b->n, "m", &v, &err) != RL_OK) fail_msg("%s", err.text);
    return v;
}

static void assert_refused(util_bytes *b, rl_status status, const char *why)
{
    rl_vocab *v = (rl_vocab *)&v; /* must be overwritten */
    rl_error err = {0};
    assert_int_equal(rl_spm_vocab(b->data, b->n, "m", &v, &err), status);
    assert_null(v);
    assert_string_equal(err.text, why);
    util_bytes_free(b);
}

/* <unk>, <s>, </s>, a space, a, ab. */
static util_bytes few_pieces(void)
{
    util_vocab v = util_vocab_few();
    v.vocab.n = 6;
    util_bytes b = {0}, whole = util_spm_of(&v.vocab);
    v.vocab.n = 0;
    util_bytes rest = util_spm_of(&v.vocab);
    util_put(&b, whole.data, whole.n - rest.n);
    util_bytes_free(&whole);
    util_bytes_free(&rest);
    v.vocab.n = 8;
    util_vocab_free(&v);
    return b;
}

static void put_trainer(util_bytes *b, unsigned field, uint64_t value)
{
    util_bytes trainer = {0};
    util_pb_int(&trainer, 3, 2);
    if (field != 0) util_pb_int(&trainer, field, value);
    util_pb_message(b, 2, &trainer);
}

static void put_normalizer(util_bytes *b, unsigned field, uint64_t value)
{
    util_bytes normalizer = {0};
    util_pb_int(&normalizer, 4, 0);
    if (field != 0) util_pb_int(&normalizer, field, value);
    util_pb_message(b, 3, &normalizer);
}

static void models_read_back_as_they_were(void **state)
{
    (void)state;
    util_rng rng = {20261129};
    for (int round = 0; round < 40; round++) {
        util_vocab v = round > 0 ? util_vocab_random(&rng) : util_vocab_few();
        util_bytes b = util_spm_of(&v.vocab);
        rl_vocab *got = read_model(&b);
        util_assert_vocabs(&v.vocab, got, true);
        assert_null(got->merges);
        rl_spm_vocab_free(got);
        util_bytes_free(&b);
        util_vocab_free(&v);
    }
    rl_spm_vocab_free(NULL);
}

static void what_is_left_out_has_the_defaults_of_the_description(void **state)
{
    (void)state;
    util_bytes b = few_pieces(), piece = {0};
    util_pb_bytes(&piece, 1, "zz", 2);
    util_pb_message(&b, 1, &piece);
    put_trainer(&b, 0, 0);
    put_normalizer(&b, 0, 0);
    rl_vocab *v = read_model(&b);
    assert_true(v->bos == 1 && v->has_bos && v->add_bos && v->eos == 2 && v->has_eos && !v->add_eos &&
                v->unk == 0);
    assert_true(v->add_space_prefix && v->n == 7);
    assert_true(v->pieces[6].type == RL_PIECE_NORMAL && v->pieces[6].score == 0);
    rl_spm_vocab_free(v);
    util_bytes_free(&b);
    b = few_pieces();
    util_pb_bytes(&b, 3, "", 0);
    assert_refused(&b, RL_ERR_UNSUPPORTED, "m: model_type is 1 (unigram), supported is 2 (BPE)");
    b = few_pieces();
    put_trainer(&b, 0, 0);
    assert_refused(&b, RL_ERR_UNSUPPORTED, "m: remove_extra_whitespaces is true, supported is false");
}

static void fields_that_say_nothing_are_skipped_whatever_their_type(void **state)
{
    (void)state;
    util_bytes b = {0}, trainer = {0}, few = few_pieces();
    util_pb_int(&b, 200, UINT64_MAX);
    util_pb_float(&b, 536870911, 1);
    util_put(&b, "\x31\1\2\3\4\5\6\7\x08", 9); /* field 6, 64 bits */
    util_pb_bytes(&b, 4, "self test", 9);
    util_put(&b, few.data, few.n);
    util_bytes_free(&few);
    util_pb_bytes(&trainer, 1, "corpus.txt", 10);
    util_pb_float(&trainer, 10, 0.5f);
    util_pb_int(&trainer, 3, 1);
    util_pb_int(&trainer, 3, 2); /* the later of two counts */
    util_pb_message(&b, 2, &trainer);
    put_normalizer(&b, 3, 0);
    util_bytes more = {0};
    util_pb_int(&more, 41, UINT64_MAX); /* -1: a second trainer_spec goes on from the first */
    util_pb_int(&more, 42, (uint64_t)-5);
    util_pb_message(&b, 2, &more);
    rl_vocab *v = read_model(&b);
    assert_true(v->n == 6 && !v->add_space_prefix && !v->has_bos && !v->add_bos && !v->has_eos);
    rl_spm_vocab_free(v);
    util_bytes_free(&b);
}

static void other_kinds_of_model_are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        unsigned trainer, normalizer;
        uint64_t value;
        rl_status status;
        const char *why;
    } rows[] = {
        {3,  0, 1,                 RL_ERR_UNSUPPORTED, "m: model_type is 1 (unigram), supported is 2 (BPE)"             },
        {3,  0, 4,                 RL_ERR_UNSUPPORTED, "m: model_type is 4 (char), supported is 2 (BPE)"                },
        {3,  0, 77,                RL_ERR_UNSUPPORTED, "m: model_type is 77 (unknown), supported is 2 (BPE)"            },
        {3,  0, (uint64_t)-1,      RL_ERR_UNSUPPORTED, "m: model_type is -1 (unknown), supported is 2 (BPE)"            },
        {24, 0, 1,                 RL_ERR_UNSUPPORTED, "m: treat_whitespace_as_suffix is true, supported is false"      },
        {0,  4, 1,                 RL_ERR_UNSUPPORTED, "m: remove_extra_whitespaces is true, supported is false"        },
        {0,  5, 0,                 RL_ERR_UNSUPPORTED, "m: escape_whitespaces is false, supported is true"              },
        {35, 0, 1,                 RL_ERR_FORMAT,      "m: byte_fallback is true, and 0 pieces are of type byte"        },
        {40, 0, 1,                 RL_ERR_FORMAT,      "m: unk_id is 1, and piece 0 is the one of type unknown"         },
        {40, 0, (uint64_t)-1,      RL_ERR_FORMAT,      "m: unk_id is -1, and piece 0 is the one of type unknown"        },
        {41, 0, 6,                 RL_ERR_FORMAT,      "m: bos_id is 6, of 6 pieces"                                    },
        {41, 0, 3,                 RL_ERR_FORMAT,      "m: bos_id is 3, a piece of type 1, expected a control piece (3)"},
        {42, 0, 0,                 RL_ERR_FORMAT,      "m: eos_id is 0, a piece of type 2, expected a control piece (3)"},
        {42, 0, (uint64_t)1 << 31, RL_ERR_FORMAT,
         "m: eos_id at byte 81 is 2147483648, allowed is what 32 bits hold"                                             },
    };
    for (size_t i = 0; i < RL_COUNT(rows); i++) {
        util_bytes b = few_pieces();
        put_trainer(&b, rows[i].trainer, rows[i].value);
        put_normalizer(&b, rows[i].normalizer, rows[i].value);
        assert_refused(&b, rows[i].status, rows[i].why);
    }
    for (unsigned part = 3; part <= 5; part += 2) {
        util_bytes b = few_pieces(), spec = {0};
        put_trainer(&b, 0, 0);
        util_pb_bytes(&spec, 1, "nmt_nfkc", 8);
        util_pb_bytes(&spec, 2, "\0map", 4);
        util_pb_message(&b, part, &spec);
        assert_refused(
            &b, RL_ERR_UNSUPPORTED,
            part == 3
                ? "m: normalizer 'nmt_nfkc' has a character map of 4 bytes, supported is none (identity)"
                : "m: denormalizer '' has a character map of 4 bytes, supported is none (identity)");
    }
}

static void pieces_that_contradict_the_rest_are_refused(void **state)
{
    (void)state;
    util_vocab v = util_vocab_few();
    v.pieces[5].type = RL_PIECE_UNKNOWN;
    util_bytes b = util_spm_of(&v.vocab);
    assert_refused(&b, RL_ERR_FORMAT, "m: pieces 0 and 5 are of type unknown, one must be");
    v.pieces[5].type = v.pieces[0].type = RL_PIECE_NORMAL;
    b = util_spm_of(&v.vocab);
    assert_refused(&b, RL_ERR_FORMAT, "m: no piece of type unknown, one must be");
    v.pieces[0].type = RL_PIECE_UNKNOWN;
    util_vocab_add_bytes(&v);
    b = util_spm_of(&v.vocab);
    put_trainer(&b, 35, 0);
    assert_refused(&b, RL_ERR_FORMAT, "m: byte_fallback is false, and 256 pieces are of type byte");
    v.vocab.n = 0;
    b = util_spm_of(&v.vocab);
    assert_refused(&b, RL_ERR_FORMAT, "m: no pieces, 1 to 16777216 are allowed");
    v.vocab.n = 264;
    util_vocab_free(&v);
}

static void assert_bytes_refused(const char *data, size_t n, const char *why)
{
    util_bytes b = {0};
    util_put(&b, data, n);
    assert_refused(&b, RL_ERR_FORMAT, why);
}

static void bytes_that_are_no_protobuf_are_refused_at_their_place(void **state)
{
    (void)state;
    assert_bytes_refused("\x0b", 1, "m: field 1 at byte 0 has wire type 3, allowed are 0, 1, 2 and 5");
    assert_bytes_refused("\x0f", 1, "m: field 1 at byte 0 has wire type 7, allowed are 0, 1, 2 and 5");
    assert_bytes_refused("\x02", 1, "m: field 0 at byte 0, fields have the numbers 1 to 536870911");
    assert_bytes_refused("\x82\x80\x80\x80\x10", 5,
                         "m: field 536870912 at byte 0, fields have the numbers 1 to 536870911");
    assert_bytes_refused("\x38\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 11,
                         "m: number at byte 1 is longer than the 64 bits allowed");
    assert_bytes_refused("\x38\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", 12,
                         "m: number at byte 1 is longer than the 64 bits allowed");
    assert_bytes_refused("\x38\x80", 2, "m: number at byte 1 goes past the end of its message at byte 2");
    assert_bytes_refused("\x3d\1\2\3", 4, "m: value of 4 bytes at byte 1, its message ends at byte 4");
    assert_bytes_refused("\x39\1\2\3", 4, "m: value of 8 bytes at byte 1, its message ends at byte 4");
    assert_bytes_refused("\x0a\5abc", 5, "m: length at byte 1 is 5, its message has 3 bytes left");
    assert_bytes_refused("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11,
                         "m: length at byte 1 is 18446744073709551615, its message has 0 bytes left");
    assert_bytes_refused("\x0a\4\x0a\3ab", 6, "m: length at byte 3 is 3, its message has 2 bytes left");
    assert_bytes_refused("\x08\1", 2, "m: part of the model at byte 0 has wire type 0, expected 2");
    assert_bytes_refused("\x0a\2\x08\1", 4, "m: piece at byte 2 has wire type 0, expected 2");
    assert_bytes_refused("\x0a\2\x10\1", 4, "m: score at byte 2 has wire type 0, expected 5");
    assert_bytes_refused("\x12\2\x1a\0", 4, "m: model_type at byte 2 has wire type 2, expected 0");
    assert_bytes_refused("\x1a\2\x12\0\x1a\2\x1a\0", 8,
                         "m: add_dummy_prefix at byte 6 has wire type 2, expected 0");
}

/* Reads [n] from memory that ends where they do; whether it was read. */
static bool reads(const char *data, size_t n)
{
    char *exact = malloc(n + (n == 0));
    rl_vocab *v;
    rl_error err = {0};
    assert_non_null(exact);
    memcpy(exact, data, n);
    const bool ok = rl_spm_vocab(exact, n, "m", &v, &err) == RL_OK;
    assert_true(ok == (v != NULL) && ok == (err.text[0] == '\0'));
    rl_tokenizer *tok = NULL;
    if (ok && rl_tokenizer_open(&tok, v, &err) != RL_OK) assert_true(err.text[0] != '\0');
    rl_tokenizer_close(tok);
    rl_spm_vocab_free(v);
    free(exact);
    return ok;
}

static void broken_models_of_every_length_are_refused(void **state)
{
    (void)state;
    util_vocab v = util_vocab_few();
    util_bytes b = util_spm_of(&v.vocab);
    assert_true(reads(b.data, b.n));
    for (size_t n = 0; n < b.n; n++) /* the normalizer, without which it is another kind, is last */
        if (reads(b.data, n)) fail_msg("%zu of %zu bytes are read as a model", n, b.n);
    for (size_t i = 0; i < b.n; i++)
        for (unsigned bit = 0; bit < 8; bit++) {
            b.data[i] ^= (char)(1u << bit);
            (void)reads(b.data, b.n); /* many are models, too: with another text or score */
            b.data[i] ^= (char)(1u << bit);
        }
    util_bytes_free(&b);
    util_vocab_free(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(models_read_back_as_they_were),
        cmocka_unit_test(what_is_left_out_has_the_defaults_of_the_description),
        cmocka_unit_test(fields_that_say_nothing_are_skipped_whatever_their_type),
        cmocka_unit_test(other_kinds_of_model_are_refused_by_name),
        cmocka_unit_test(pieces_that_contradict_the_rest_are_refused),
        cmocka_unit_test(bytes_that_are_no_protobuf_are_refused_at_their_place),
        cmocka_unit_test(broken_models_of_every_length_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
