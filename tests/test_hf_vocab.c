/* test_hf_vocab.c - the reader of tokenizer.json: what it takes, what it refuses and how, broken files of every length,
 * and ids by its merge rules. */
#include "hf_vocab.h"
#include "util_models.h"
#include "util_text.h"
#include "util_vectors.h"
#include "util_vocab.h"
#include "vocab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MARK "\xe2\x96\x81"

static const char good[] =
    "{\"version\":\"1.0\",\"truncation\":null,\"added_tokens\":["
    "{\"id\":0,\"content\":\"<unk>\",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,\"normalized\":"
    "false,"
    "\"special\":true},"
    "{\"id\":1,\"content\":\"<s>\",\"normalized\":true,\"special\":true},"
    "{\"id\":2,\"content\":\"</s>\",\"special\":true},{\"id\":8,\"content\":\"<|x|>\"}],"
    "\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Prepend\",\"prepend\":\"" MARK "\"},"
    "{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"},\"content\":\"" MARK "\"}]},"
    "\"pre_tokenizer\":null,"
    "\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"<s>\","
    "\"type_id\":0}},"
    "{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}],\"pair\":[],"
    "\"special_tokens\":{\"<s>\":{\"id\":\"<s>\",\"ids\":[1],\"tokens\":[\"<s>\"]}}},"
    "\"decoder\":{\"type\":\"Fuse\"},"
    "\"model\":{\"type\":\"BPE\",\"dropout\":null,\"unk_token\":\"<unk>\",\"continuing_subword_prefix\":null,"
    "\"end_of_word_suffix\":\"\",\"fuse_unk\":true,\"byte_fallback\":false,\"ignore_merges\":false,"
    "\"vocab\":{\"<unk>\":0,\"<s>\":1,\"</s>\":2,\"a\":3,\"b\":4,\"" MARK "\":5,\"ab\":6,\"" MARK "a\":7},"
    "\"merges\":[\"a b\",\"" MARK " a\"]}} \n";

static rl_vocab *read_text(const char *text)
{
    rl_vocab *v;
    rl_error err;
    if (rl_hf_vocab(text, strlen(text), "t", &v, &err) != RL_OK) fail_msg("%s", err.text);
    return v;
}

static void assert_refused(const char *text, size_t n, rl_status status, const char *why)
{
    rl_vocab *v = (rl_vocab *)&v; /* must be overwritten */
    rl_error err = {0};
    assert_int_equal(rl_hf_vocab(text, n, "t", &v, &err), status);
    assert_null(v);
    assert_string_equal(err.text, why);
}

static void assert_variant_refused(const char *from, const char *to, rl_status status, const char *why)
{
    char *text = util_replaced(good, from, to);
    assert_refused(text, strlen(text), status, why);
    free(text);
}

static void a_file_of_llamas_shape_is_read(void **state)
{
    (void)state;
    rl_vocab *v = read_text(good);
    static const struct {
        const char *text;
        int32_t type;
        bool normalized;
    } want[] = {
        {"<unk>",  RL_PIECE_UNKNOWN,      false},
        {"<s>",    RL_PIECE_CONTROL,      true },
        {"</s>",   RL_PIECE_CONTROL,      false},
        {"a",      RL_PIECE_NORMAL,       false},
        {"b",      RL_PIECE_NORMAL,       false},
        {MARK,     RL_PIECE_NORMAL,       false},
        {"ab",     RL_PIECE_NORMAL,       false},
        {MARK "a", RL_PIECE_NORMAL,       false},
        {"<|x|>",  RL_PIECE_USER_DEFINED, true }
    };
    assert_int_equal(v->n, RL_COUNT(want));
    for (size_t i = 0; i < RL_COUNT(want); i++) {
        const rl_piece *p = &v->pieces[i];
        assert_true(p->bytes == strlen(want[i].text) && memcmp(p->text, want[i].text, p->bytes) == 0);
        assert_true(p->type == want[i].type && p->normalized == want[i].normalized && p->score == 0);
        assert_true(p->added == (i == 8));
    }
    assert_int_equal(v->n_merges, 2);
    assert_true(v->merges[0].left == 3 && v->merges[0].right == 4);
    assert_true(v->merges[1].left == 5 && v->merges[1].right == 3);
    assert_true(v->has_bos && v->bos == 1 && v->add_bos && v->has_eos && v->eos == 2 && !v->add_eos);
    assert_true(v->has_unk && v->unk == 0 && v->add_space_prefix && v->mode == RL_MODE_HF);
    rl_hf_vocab_free(v);
    rl_hf_vocab_free(NULL);
}

static void a_rule_cannot_make_what_only_was_added(void **state)
{
    (void)state;
    char *added = util_replaced(good, "<|x|>", "ba"), *text = util_replaced(added, "a b", "b a");
    assert_refused(text, strlen(text), RL_ERR_FORMAT,
                   "t: model.merges[0] ('b' and 'a') has to do with a control, unknown, byte or added piece, which "
                   "never merge");
    free(text);
    free(added);
}

static void variants_are_read_as_what_they_are(void **state)
{
    (void)state;
    char *text = util_replaced(good, "[\"a b\",\"" MARK " a\"]", "[[\"a\",\"b\"],[\"\\u2581\",\"a\"]]");
    rl_vocab *v = read_text(text);
    assert_true(v->n_merges == 2 && v->merges[1].left == 5 && v->merges[1].right == 3);
    rl_hf_vocab_free(v);
    free(text);
    text = util_replaced(good, "[\"a b\",\"" MARK " a\"]", "[]");
    v = read_text(text);
    assert_true(v->n_merges == 0 && v->merges != NULL); /* nothing merges: not by scores either */
    rl_hf_vocab_free(v);
    free(text);
    text = util_replaced(good, "{\"type\":\"Prepend\",\"prepend\":\"" MARK "\"},", "");
    v = read_text(text);
    assert_false(v->add_space_prefix);
    rl_hf_vocab_free(v);
    free(text);
    text = util_replaced(good, "{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}]",
                         "{\"Sequence\":{\"id\":\"A\"}},{\"SpecialToken\":{\"id\":\"<s>\"}}]");
    v = read_text(text);
    assert_true(v->add_bos && v->add_eos && v->bos == 1 && v->eos == 1);
    rl_hf_vocab_free(v);
    free(text);
    text = util_replaced(good, "\"unk_token\":\"<unk>\",", "");
    v = read_text(text);
    assert_true(!v->has_unk && v->pieces[0].type == RL_PIECE_CONTROL);
    rl_hf_vocab_free(v);
    free(text);
}

static void other_components_are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to, *why;
    } rows[] = {
        {"\"BPE\"",                                      "\"Unigram\"",                                "t: model.type is 'Unigram': supported is BPE"         },
        {"\"dropout\":null",                             "\"dropout\":0.1",
         "t: model.dropout is 0.1: supported is none, as ids must not be random"                                                                              },
        {"\"end_of_word_suffix\":\"\"",                  "\"end_of_word_suffix\":\"</w>\"",
         "t: model.end_of_word_suffix is '</w>': supported is none"                                                                                           },
        {"\"ignore_merges\":false",                      "\"ignore_merges\":true",
         "t: model.ignore_merges is true, supported is false"                                                                                                 },
        {"\"fuse_unk\":true",                            "\"fuse_unk\":false",
         "t: model.fuse_unk and byte_fallback are false, supported is one of them true"                                                                       },
        {"\"pre_tokenizer\":null",                       "\"pre_tokenizer\":{\"type\":\"Metaspace\"}",
         "t: pre_tokenizer is 'Metaspace': it cuts or marks the text in a way of its own before pieces "
         "merge, supported "
         "is null"                                                                                                                                            },
        {"\"Prepend\"",                                  "\"NFKC\"",
         "t: normalizer.normalizers[0] is 'NFKC': supported are Prepend and Replace"                                                                          },
        {"\"prepend\":\"" MARK "\"",                     "\"prepend\":\"_\"",                          "t: Prepend's text is '_': supported is U+2581"        },
        {"{\"String\":\" \"}",                           "{\"Regex\":\" \"}",
         "t: normalizer.normalizers[1] is 'Replace': its pattern is no String, supported is a space"                                                          },
        {"{\"String\":\" \"}",                           "{\"String\":\"x\"}",                         "t: Replace's pattern is 'x': supported is a space"    },
        {"\"content\":\"" MARK "\"",                     "\"content\":\"_\"",                          "t: Replace's content is '_': supported is U+2581"     },
        {"\"normalizer\":",                              "\"normalizer\":null,\"was\":",
         "t: the normalizer leaves spaces as they are: supported is one that replaces them by U+2581"                                                         },
        {"\"TemplateProcessing\"",                       "\"ByteLevel\"",
         "t: post_processor is 'ByteLevel': supported is TemplateProcessing"                                                                                  },
        {"{\"id\":\"A\",\"type_id\":0}",                 "{\"id\":\"B\",\"type_id\":0}",
         "t: post_processor.single part is 'B': supported is the Sequence A"                                                                                  },
        {"{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}",  "{\"SpecialToken\":{\"id\":\"<s>\"}}",
         "t: post_processor.single has more parts than the text and one special token on each side"                                                           },
        {",{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}", "",                                           "t: post_processor.single is without the text"         },
        {"\"ids\":[1]",                                  "\"ids\":[1,2]",
         "t: post_processor.special_tokens entry is '<s>': supported is one id for it"                                                                        },
        {"\"lstrip\":false",                             "\"lstrip\":true",                            "t: added_tokens[0].lstrip is true, supported is false"},
        {"\"single_word\":false",                        "\"single_word\":true",
         "t: added_tokens[0].single_word is true, supported is false"                                                                                         },
    };
    for (size_t i = 0; i < RL_COUNT(rows); i++)
        assert_variant_refused(rows[i].from, rows[i].to, RL_ERR_UNSUPPORTED, rows[i].why);
}

static void what_contradicts_itself_is_refused_in_words(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to, *why;
    } rows[] = {
        {"\"model\":{",                    "\"model\":null,\"x\":{",       "t: model is missing"                                                         },
        {"\"vocab\":{",                    "\"vocab\":[],\"x\":{",         "t: model.vocab is an array, expected an object"                              },
        {"\"merges\":[",                   "\"vocab\":{},\"merges\":[",    "t: model.vocab is there twice"                                               },
        {"\"merges\":[",                   "\"merges\":\"\",\"x\":[",      "t: model.merges is a string, expected an array"                              },
        {"\"byte_fallback\":false",        "\"byte_fallback\":0",
         "t: model.byte_fallback is a number, expected true or false"                                                                                    },
        {"\"byte_fallback\":false",        "\"byte_fallback\":true",
         "t: model.byte_fallback is true, and '<0x00>' is no piece"                                                                                      },
        {"\"unk_token\":\"<unk>\"",        "\"unk_token\":\"x\"",
         "t: piece 'x' is model.unk_token, and is not there"                                                                                             },
        {"\"b\":4",                        "\"a\":4",                      "t: piece 'a' is there twice"                                                 },
        {"\"b\":4",                        "\"b\":3",                      "t: piece 'b' has id 3, and so has 'a'"                                       },
        {"\"b\":4",                        "\"b\":9",                      "t: no piece has the id 4: the ids of 9 pieces must be 0 to 8"                },
        {"\"b\":4",                        "\"b\":12",                     "t: piece 'b' is the id 12, allowed are whole numbers from 0 to 11"           },
        {"\"b\":4",                        "\"b\":4.5",                    "t: piece 'b' is the id 4.5, allowed are whole numbers from 0 to 11"          },
        {"\"b\":4",                        "\"b\":-1",                     "t: piece 'b' is the id -1, allowed are whole numbers from 0 to 11"           },
        {"\"b\":4",                        "\"b\":1e999",                  "t: piece 'b' is the id inf, allowed are whole numbers from 0 to 11"          },
        {"\"b\":4",                        "\"b\":\"4\"",                  "t: piece 'b' is a string, expected an id"                                    },
        {"\"id\":8",                       "\"id\":7",                     "t: piece '<|x|>' has id 7, and so has '\\xe2\\x96\\x81a'"                    },
        {"\"id\":2",                       "\"id\":1",                     "t: added_tokens[2] has the id 1, and as a piece 2"                           },
        {"\"id\":8,\"content\":\"<|x|>\"", "\"id\":1,\"content\":\"<s>\"", "t: piece '<s>' is added twice"                                               },
        {"\"id\":8,",                      "",                             "t: added_tokens[3].id is missing"                                            },
        {"\"id\":8,",                      "\"id\":8,\"id\":8,",           "t: added_tokens[3].id is there twice"                                        },
        {"[1]",                            "[99]",
         "t: post_processor.special_tokens entry's id is the id 99, allowed are whole numbers from 0 to 8"                                               },
        {"\"a b\"",                        "\"ab\"",                       "t: model.merges[0] ('' and '') is not two pieces with one space between them"},
        {"\"a b\"",                        "\"a b b\"",
         "t: model.merges[0] ('' and '') is not two pieces with one space between them"                                                                  },
        {"\"a b\"",                        "[\"a\"]",                      "t: model.merges[0] ('' and '') is neither a string nor an array of two"      },
        {"\"a b\"",                        "\"c b\"",                      "t: model.merges[0] ('c' and 'b') has a left half that is no piece"           },
        {"\"a b\"",                        "\"a c\"",                      "t: model.merges[0] ('a' and 'c') has a right half that is no piece"          },
        {"\"a b\"",                        "\" b\"",                       "t: model.merges[0] ('' and 'b') has an empty half"                           },
        {"\"a b\"",                        "\"b a\"",                      "t: model.merges[0] ('b' and 'a') makes what is no piece"                     },
        {"} \n",                           "} x",                          "t: more text after the document, at byte 965"                                },
        {"\"a b\"",                        "\"a \xff\"",                   "t: byte 951 (0xff) is no UTF-8"                                              },
        {"\"a b\"",                        "\"\\\\\\u0000\"",              "t: the character NUL at byte 951, which no piece may hold"                   },
    };
    for (size_t i = 0; i < RL_COUNT(rows); i++)
        assert_variant_refused(rows[i].from, rows[i].to, RL_ERR_FORMAT, rows[i].why);
    assert_refused("[]", 2, RL_ERR_FORMAT, "t: the document is an array, expected an object");
    assert_refused("{\"\0\":1}", 7, RL_ERR_FORMAT, "t: the character NUL at byte 2, which no piece may hold");
    assert_refused("", 0, RL_ERR_FORMAT, "t: not JSON at byte 0");
    assert_refused("{\"\\ud800\":1}", 12, RL_ERR_FORMAT, "t: not JSON at byte 2"); /* half a character */
    char *deep = malloc(100001);
    assert_non_null(deep);
    memset(deep, '[', 100000);
    deep[100000] = '\0';
    rl_vocab *v;
    rl_error err;
    assert_int_equal(rl_hf_vocab(deep, 100000, "t", &v, &err), RL_ERR_FORMAT);
    free(deep);
}

/* A backslash before a backslash begins no escape. */
static void an_escaped_backslash_before_u0000_is_text(void **state)
{
    (void)state;
    char *text = util_replaced(good, "<|x|>", "\\\\u0000");
    rl_vocab *v = read_text(text);
    assert_true(v->pieces[8].bytes == 6 && memcmp(v->pieces[8].text, "\\u0000", 6) == 0);
    rl_hf_vocab_free(v);
    free(text);
}

static bool reads(const char *data, size_t n)
{
    char *exact = malloc(n + (n == 0));
    rl_vocab *v;
    rl_error err = {0};
    assert_non_null(exact);
    memcpy(exact, data, n);
    const bool ok = rl_hf_vocab(exact, n, "t", &v, &err) == RL_OK;
    assert_true(ok == (v != NULL) && ok == (err.text[0] == '\0'));
    rl_hf_vocab_free(v);
    free(exact);
    return ok;
}

static void broken_files_of_every_length_are_refused(void **state)
{
    (void)state;
    char *text = strdup(good);
    const size_t n = strlen(text);
    assert_non_null(text);
    for (size_t cut = 0; cut < n - 2; cut++)
        if (reads(text, cut)) fail_msg("%zu of %zu bytes are read", cut, n);
    for (size_t i = 0; i < n; i++)
        for (unsigned bit = 0; bit < 8; bit++) {
            text[i] ^= (char)(1u << bit);
            (void)reads(text, n); /* some are other vocabularies */
            text[i] ^= (char)(1u << bit);
        }
    free(text);
}

/* Of the first 1,000 pieces that merging makes in the built-in vocabulary those of ASCII and U+2581, and these letters,
 * which come last: small enough to be written down with all their rules. Every letter is a piece, for rules cannot begin
 * with one that is none, as scores can. */
static bool is_plain(const rl_piece *p)
{
    for (uint32_t i = 0; i < p->bytes; i++) {
        const bool mark = p->bytes - i >= 3 && memcmp(p->text + i, MARK, 3) == 0;
        if (!mark && (uint8_t)p->text[i] >= 0x80) return false;
        i += mark ? 2 : 0;
    }
    return true;
}

static rl_vocab first_of(const rl_vocab *whole, rl_piece pieces[1500])
{
    rl_vocab v = *whole;
    v.n = 0;
    for (size_t i = 0; i < whole->n; i++) {
        const rl_piece *p = &whole->pieces[i];
        const bool letter = p->bytes == 1 || (p->bytes == 3 && memcmp(p->text, MARK, 3) == 0);
        if (is_plain(p) && (i < 259 + 1000 || letter)) pieces[v.n++] = *p;
    }
    v.pieces = pieces;
    return v;
}

static void merge_rules_give_the_ids_that_scores_give(void **state)
{
    (void)state;
    rl_vocab *whole, *read;
    rl_error err;
    util_rng rng = {20261130};
    assert_int_equal(rl_vocab_builtin_open(&whole, &err), RL_OK);
    static rl_piece pieces[1500];
    const rl_vocab by_score = first_of(whole, pieces);
    util_bytes b = util_hf_of(&by_score);
    if (rl_hf_vocab(b.data, b.n, "t", &read, &err) != RL_OK) fail_msg("%s", err.text);
    util_assert_vocabs(&by_score, read, false);
    assert_true(read->n_merges > 1000);
    rl_tokenizer *want_tok = util_tokenizer(&by_score), *got_tok = util_tokenizer(read);
    const rl_tokenizer_kernel *kernel;
    rl_tokenizer_ctx *want_ctx = util_context(want_tok, "reference");
    for (size_t k = 0; (kernel = rl_tokenizer_kernel_at(k)) != NULL; k++) {
        if (!rl_kernel_runs(&kernel->base, rl_cpu_detect())) continue;
        rl_tokenizer_ctx *got_ctx;
        assert_int_equal(rl_tokenizer_ctx_open(&got_ctx, got_tok, kernel, 0, &err), RL_OK);
        for (int i = 0; i < 1000; i++) {
            char text[1024];
            uint32_t want[4 * sizeof text], got[4 * sizeof text];
            size_t n = 0, n_want, n_got;
            for (size_t parts = util_below(&rng, 20); parts > 0; parts--) {
                const rl_piece *p = &by_score.pieces[3 + util_below(&rng, by_score.n - 3)];
                memcpy(text + n, p->text, p->bytes);
                n += p->bytes;
            }
            assert_int_equal(rl_tokenizer_encode(want_ctx, text, n, 0, want, RL_COUNT(want), &n_want, &err),
                             RL_OK);
            assert_int_equal(rl_tokenizer_encode(got_ctx, text, n, 0, got, RL_COUNT(got), &n_got, &err),
                             RL_OK);
            util_assert_ids(kernel->base.name, text, n, want, n_want, got, n_got);
        }
        rl_tokenizer_ctx_close(got_ctx);
    }
    rl_tokenizer_ctx_close(want_ctx);
    rl_tokenizer_close(want_tok);
    rl_tokenizer_close(got_tok);
    rl_hf_vocab_free(read);
    util_bytes_free(&b);
    rl_vocab_builtin_close(whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_of_llamas_shape_is_read),
        cmocka_unit_test(variants_are_read_as_what_they_are),
        cmocka_unit_test(a_rule_cannot_make_what_only_was_added),
        cmocka_unit_test(other_components_are_refused_by_name),
        cmocka_unit_test(what_contradicts_itself_is_refused_in_words),
        cmocka_unit_test(an_escaped_backslash_before_u0000_is_text),
        cmocka_unit_test(broken_files_of_every_length_are_refused),
        cmocka_unit_test(merge_rules_give_the_ids_that_scores_give),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
