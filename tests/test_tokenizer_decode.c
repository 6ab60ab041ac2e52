/* test_tokenizer_decode.c - decoding: SentencePiece's own texts, hostile ids, and the stream. */
#include "util_vectors.h"
#include "util_vocab.h"

#include <stdlib.h>
#include <string.h>

enum { SEED = 20261122 };

static void decode_gives_the_text_of_sentencepiece_on_small_vocabularies(void **state)
{
    (void)state;
    assert_true(util_tokenizer_vectors(NULL, util_decode_gives_the_text) > 100);
}

static void decode_leaves_out_the_prefix_once_and_only_where_there_is_one(void **state)
{
    (void)state;
    util_vocab v = util_vocab_few();
    static const struct {
        uint32_t ids[4];
        size_t n;
        unsigned flags;
        bool prefix;
        const char *text;
    } cases[] = {
        {{5, 7, 4}, 3, 0,                  true,  " ab"             },
        {{1, 7, 2}, 3, 0,                  true,  "a"               },
        {{7, 7},    2, 0,                  true,  "a a"             },
        {{4, 7},    2, 0,                  true,  "b a"             },
        {{7},       1, RL_DECODE_CONTINUE, true,  " a"              },
        {{7},       1, 0,                  false, " a"              },
        {{1, 7, 2}, 3, RL_DECODE_SPECIAL,  true,  "<s> a</s>"       },
        {{0, 7},    2, 0,                  true,  " \xe2\x81\x87  a"},
    };
    for (size_t i = 0; i < RL_COUNT(cases); i++) {
        v.vocab.add_space_prefix = cases[i].prefix;
        rl_tokenizer *tok = util_tokenizer(&v.vocab);
        char out[32] = {0};
        size_t n;
        rl_error err;
        assert_int_equal(
            rl_tokenizer_decode(tok, cases[i].ids, cases[i].n, cases[i].flags, out, 31, &n, &err), RL_OK);
        assert_string_equal(out, cases[i].text);
        assert_int_equal(n, strlen(out));
        rl_tokenizer_close(tok);
    }
    util_vocab_free(&v);
}

static void decode_refuses_ids_past_the_end_and_too_little_room(void **state)
{
    (void)state;
    util_vocab v = util_vocab_few();
    rl_tokenizer *tok = util_tokenizer(&v.vocab);
    char out[8];
    size_t n;
    rl_error err;
    rl_tokenizer_stream stream;
    rl_tokenizer_stream_init(&stream, 0);
    static const uint32_t hostile[] = {8, 0x7fffffff, 0x80000000u, UINT32_MAX};
    for (size_t i = 0; i < RL_COUNT(hostile); i++) {
        const uint32_t ids[] = {4, hostile[i]};
        assert_int_equal(rl_tokenizer_decode(tok, ids, 2, 0, out, sizeof out, &n, &err), RL_ERR_ARG);
        assert_non_null(strstr(err.text, "past the end of the vocabulary of 8 pieces"));
        assert_int_equal(rl_tokenizer_stream_push(&stream, tok, hostile[i], out, &n, &err), RL_ERR_ARG);
        assert_null(rl_tokenizer_piece(tok, hostile[i], &n));
        assert_int_equal(n, 0);
    }
    static const uint32_t ids[] = {6, 6, 6};
    util_guard g = util_guard_after(3);
    assert_int_equal(rl_tokenizer_decode(tok, ids, 3, 0, g.data, 3, &n, &err), RL_ERR_ARG);
    assert_string_equal(err.text, "3 ids have 6 bytes of text, room is for 3");
    assert_int_equal(n, 6);
    assert_memory_equal(g.data, "ab", 2);
    util_guard_free(&g);
    rl_tokenizer_close(tok);
    util_vocab_free(&v);
}

/* Written again here, from the table of RFC 3629: the code under test must not be its own judge. */
static bool is_whole_utf8(const char *text, size_t n)
{
    /* The first byte, the second byte, from and to, of characters of 1 to 4 bytes; further bytes: 80 to BF.
     */
    static const uint8_t rows[][5] = {
        {0x00, 0x7f, 0x00, 0x00, 1},
        {0xc2, 0xdf, 0x80, 0xbf, 2},
        {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3},
        {0xed, 0xed, 0x80, 0x9f, 3},
        {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4},
        {0xf1, 0xf3, 0x80, 0xbf, 4},
        {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    for (size_t at = 0, step; at < n; at += step) {
        step = 0;
        for (size_t r = 0; r < RL_COUNT(rows) && step == 0; r++) {
            bool fits = rows[r][4] <= n - at;
            for (size_t b = 0; fits && b < rows[r][4]; b++) {
                const uint8_t c = (uint8_t)text[at + b];
                fits = c >= (b < 2 ? rows[r][2 * b] : 0x80) && c <= (b < 2 ? rows[r][2 * b + 1] : 0xbf);
            }
            if (fits) step = rows[r][4];
        }
        if (step == 0) return false;
    }
    return true;
}

/* Pushes every id and collects; with `whole`, every chunk must be whole characters. */
static size_t stream_all(const rl_tokenizer *tok, const uint32_t *ids, size_t n_ids, bool whole, char *out)
{
    util_guard g = util_guard_after(rl_tokenizer_stream_max(tok));
    rl_tokenizer_stream stream;
    rl_tokenizer_stream_init(&stream, 0);
    size_t total = 0, n;
    rl_error err;
    for (size_t i = 0; i < n_ids; i++) {
        assert_int_equal(rl_tokenizer_stream_push(&stream, tok, ids[i], g.data, &n, &err), RL_OK);
        if (whole) assert_true(is_whole_utf8(g.data, n));
        memcpy(out + total, g.data, n);
        total += n;
    }
    char rest[4];
    n = rl_tokenizer_stream_flush(&stream, rest);
    if (whole) assert_int_equal(n, 0);
    memcpy(out + total, rest, n);
    util_guard_free(&g);
    return total + n;
}

static void the_stream_never_splits_a_character_and_loses_no_byte(void **state)
{
    (void)state;
    util_vocab v = util_vocab_few();
    util_vocab_add_bytes(&v);
    rl_tokenizer *tok = util_tokenizer(&v.vocab);
    rl_tokenizer_ctx *ctx = util_context(tok, NULL);
    util_rng rng = {SEED};
    static const char *const chars[] = {"a",
                                        "\xc3\xa9",
                                        "\xe0\xa0\x80",
                                        "\xed\x9f\xbf",
                                        "\xef\xbf\xbf",
                                        "\xf0\x90\x80\x80",
                                        "\xf4\x8f\xbf\xbf",
                                        " ",
                                        "b",
                                        "\xf0\x9f\xa6\x99"};
    for (int round = 0; round < 500; round++) {
        char text[64], out[300], plain[300];
        size_t n_bytes = 0, n_ids, n;
        while (n_bytes < 40) {
            const char *c = chars[util_below(&rng, RL_COUNT(chars))];
            memcpy(text + n_bytes, c, strlen(c));
            n_bytes += strlen(c);
        }
        uint32_t ids[256];
        rl_error err;
        assert_int_equal(rl_tokenizer_encode(ctx, text, n_bytes, 0, ids, 256, &n_ids, &err), RL_OK);
        assert_int_equal(stream_all(tok, ids, n_ids, true, out), n_bytes);
        assert_memory_equal(out, text, n_bytes);
        for (size_t i = 0; i < 60; i++) /* and any bytes, in any order */
            ids[i] = (uint32_t)(util_below(&rng, 3) == 0 ? util_below(&rng, v.vocab.n)
                                                         : 8 + 0x80 + util_below(&rng, 0x80));
        assert_int_equal(rl_tokenizer_decode(tok, ids, 60, 0, plain, sizeof plain, &n, &err), RL_OK);
        assert_int_equal(stream_all(tok, ids, 60, false, out), n);
        assert_memory_equal(out, plain, n);
    }
    rl_tokenizer_ctx_close(ctx);
    rl_tokenizer_close(tok);
    util_vocab_free(&v);
}

static void the_stream_waits_only_for_what_can_still_come(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t waiting[4]; /* after each byte */
    } cases[] = {
        {"\xc3\xa9",         {1, 0}      },
        {"\xc1\x81",         {0, 0}      },
        {"\xe0\xa0\x80",     {1, 2, 0}   },
        {"\xe0\x80\x80",     {1, 0, 0}   },
        {"\xed\xa0\x80",     {1, 0, 0}   },
        {"\xf4\x8f\xbf\xbf", {1, 2, 3, 0}},
        {"\xf4\x90\x80\x80", {1, 0, 0, 0}},
        {"\xf5\x80",         {0, 0}      },
        {"\xe2\xe2\x96\x81", {1, 1, 2, 0}},
        {"\xe2\x96 x",       {1, 2, 0, 0}},
    };
    util_vocab v = util_vocab_few();
    util_vocab_add_bytes(&v);
    rl_tokenizer *tok = util_tokenizer(&v.vocab);
    for (size_t i = 0; i < RL_COUNT(cases); i++) {
        rl_tokenizer_stream stream;
        rl_tokenizer_stream_init(&stream, 0);
        size_t written = 0;
        for (size_t b = 0; b < strlen(cases[i].bytes); b++) {
            char out[8];
            size_t n;
            rl_error err;
            const uint32_t id = 8u + (uint8_t)cases[i].bytes[b];
            assert_int_equal(rl_tokenizer_stream_push(&stream, tok, id, out, &n, &err), RL_OK);
            written += n;
            if (b + 1 - written != cases[i].waiting[b])
                fail_msg("case %zu waits for %zu bytes after %zu", i, b + 1 - written, b + 1);
        }
    }
    rl_tokenizer_close(tok);
    util_vocab_free(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decode_gives_the_text_of_sentencepiece_on_small_vocabularies),
        cmocka_unit_test(decode_leaves_out_the_prefix_once_and_only_where_there_is_one),
        cmocka_unit_test(decode_refuses_ids_past_the_end_and_too_little_room),
        cmocka_unit_test(the_stream_never_splits_a_character_and_loses_no_byte),
        cmocka_unit_test(the_stream_waits_only_for_what_can_still_come),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
