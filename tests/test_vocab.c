/* test_vocab.c - the built-in vocabulary and, where its file is at hand, Llama's: the ids that SentencePiece
 * gives, every id and every code point there and back, and the kernels against each other on texts of the
 * kinds that break tokenizers. */
#include "gguf_vocab.h"
#include "util_vectors.h"
#include "util_vocab.h"
#include "vocab.h"

#include "base/file.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SEED = 20261122, TEXT_MAX = 2048 };

/* Calls fn with the built-in vocabulary, and with Llama's where it is. */
static void with_each_vocabulary(void (*fn)(const rl_vocab *vocab, const char *name))
{
    rl_vocab *vocab;
    rl_gguf *g;
    rl_error err;
    if (rl_vocab_builtin_open(&vocab, &err) != RL_OK) fail_msg("%s", err.text);
    fn(vocab, "built-in");
    rl_vocab_builtin_close(vocab);
    if (access(RL_SHARED_DATA "/llama-vocab.gguf", R_OK) != 0) {
        util_note_skip("Llama's vocabulary (no llama-vocab.gguf in the shared data)");
        return;
    }
    if (rl_gguf_open(&g, RL_SHARED_DATA "/llama-vocab.gguf", &err) != RL_OK ||
        rl_gguf_vocab(g, &vocab, &err) != RL_OK)
        fail_msg("%s", err.text);
    fn(vocab, "llama");
    rl_gguf_vocab_free(vocab);
    rl_gguf_close(g);
}

static size_t encode(rl_tokenizer_ctx *ctx, const char *text, size_t n_bytes, unsigned flags, uint32_t *ids,
                     size_t max)
{
    size_t n;
    rl_error err;
    if (rl_tokenizer_encode(ctx, text, n_bytes, flags, ids, max, &n, &err) != RL_OK) fail_msg("%s", err.text);
    return n;
}

/* ---- What the built-in vocabulary is ---- */

static void the_built_in_vocabulary_is_laid_out_like_llamas(void **state)
{
    (void)state;
    rl_vocab *v;
    rl_error err;
    assert_int_equal(rl_vocab_builtin_open(&v, &err), RL_OK);
    assert_int_equal(v->n, 32000);
    assert_true(v->bos == 1 && v->eos == 2 && v->unk == 0 && v->has_bos && v->has_eos && v->has_unk);
    assert_true(v->add_bos && !v->add_eos && v->add_space_prefix);
    static const char *const first[] = {"<unk>", "<s>", "</s>", "<0x00>", "<0x01>"};
    for (size_t i = 0; i < RL_COUNT(first); i++) {
        assert_int_equal(v->pieces[i].bytes, strlen(first[i]));
        assert_memory_equal(v->pieces[i].text, first[i], strlen(first[i]));
    }
    assert_memory_equal(v->pieces[258].text, "<0xFF>", 6);
    for (size_t i = 259; i < v->n; i++) {
        const rl_piece *p = &v->pieces[i];
        assert_true(p->type == RL_PIECE_NORMAL && p->score == -(float)(i - 259) && p->bytes > 0 &&
                    p->bytes <= 48);
        for (size_t b = 0; b < p->bytes; b++) /* no control character, no raw space */
            if ((uint8_t)p->text[b] <= ' ' || p->text[b] == 0x7f) fail_msg("piece %zu, byte %zu", i, b);
    }
    rl_vocab_builtin_close(v);
    rl_vocab_builtin_close(NULL);
}

/* No part of what the vocabulary was trained on. */
static const char prose[] =
    "The harbour lay quiet under the first snow of the year, and nobody on the quay could say when the last "
    "ship had "
    "left. An old man swept the steps of the customs house every morning, as he had done since his wife "
    "died, and "
    "every morning he looked out past the lighthouse before he put the broom away. His daughter thought it a "
    "harmless "
    "habit. She kept the books of three merchants who no longer traded, answered letters that asked for "
    "money, and in "
    "the evenings taught the fishermen's children to read from the only novel that had survived the flood. "
    "When the "
    "strangers arrived with their instruments and their measuring chains, the children were the first to "
    "follow them "
    "along the shore, and the first to understand that the railway would not stop here.";

static void english_prose_takes_3_5_bytes_a_token_or_more(void **state)
{
    (void)state;
    rl_vocab *v;
    rl_error err;
    assert_int_equal(rl_vocab_builtin_open(&v, &err), RL_OK);
    rl_tokenizer *tok = util_tokenizer(v);
    rl_tokenizer_ctx *ctx = util_context(tok, NULL);
    static uint32_t ids[sizeof prose + 3];
    const size_t n = encode(ctx, prose, sizeof prose - 1, 0, ids, RL_COUNT(ids));
    const double bytes_per_token = (double)(sizeof prose - 1) / (double)n;
    if (!(bytes_per_token >= 3.5)) fail_msg("%.3f bytes per token", bytes_per_token);
    rl_tokenizer_ctx_close(ctx);
    rl_tokenizer_close(tok);
    rl_vocab_builtin_close(v);
}

/* ---- Against SentencePiece ---- */

static void the_built_in_vocabulary_gives_the_ids_and_texts_of_sentencepiece(void **state)
{
    (void)state;
    rl_vocab *v;
    rl_error err;
    assert_int_equal(rl_vocab_builtin_open(&v, &err), RL_OK);
    assert_true(util_tokenizer_vectors(v, util_kernels_give_the_ids) > 350);
    assert_true(util_tokenizer_vectors(v, util_decode_gives_the_text) > 350);
    rl_vocab_builtin_close(v);
}

/* Texts and ids of SentencePiece 0.1.97, without bos; HF tokenizers gives the same. */
static void check_llama_cases(const rl_vocab *vocab, const char *name)
{
    if (strcmp(name, "llama") != 0) return;
    char *data;
    size_t n_bytes;
    rl_error err;
    if (rl_file_read(RL_SHARED_DATA "/tokenizer_cases.json", 1 << 24, &data, &n_bytes, &err) != RL_OK)
        fail_msg("%s", err.text);
    cJSON *cases = cJSON_ParseWithLength(data, n_bytes), *c;
    assert_true(cJSON_GetArraySize(cases) >= 3000);
    rl_tokenizer *tok = util_tokenizer(vocab);
    cJSON_ArrayForEach(c, cases)
    {
        const cJSON *list = cJSON_GetObjectItemCaseSensitive(c, "ids"), *id;
        char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(c, "text"));
        util_case one = {text, strlen(text), malloc((size_t)cJSON_GetArraySize(list) * sizeof(uint32_t) + 1),
                         0};
        cJSON_ArrayForEach(id, list) one.ids[one.n_ids++] = (uint32_t)cJSON_GetNumberValue(id);
        util_kernels_give_the_ids(tok, UTIL_CASE, &one);
        free(one.ids);
    }
    rl_tokenizer_close(tok);
    cJSON_Delete(cases);
    free(data);
}

static void llamas_vocabulary_gives_the_ids_of_sentencepiece(void **state)
{
    (void)state;
    with_each_vocabulary(check_llama_cases);
}

/* ---- There and back ---- */

/* Without the prefix, each piece is the best way to write its own text: so are vocabularies that BPE made. */
static void check_pieces(const rl_vocab *vocab, const char *name)
{
    rl_vocab bare = *vocab;
    bare.add_space_prefix = false;
    rl_tokenizer *tok = util_tokenizer(&bare);
    rl_tokenizer_ctx *ctx = util_context(tok, NULL);
    for (uint32_t id = 0; id < vocab->n; id++) {
        size_t n;
        const char *text = rl_tokenizer_piece(tok, id, &n);
        uint32_t got[64];
        if (vocab->pieces[id].type != RL_PIECE_NORMAL) continue;
        if (encode(ctx, text, n, 0, got, RL_COUNT(got)) != 1 || got[0] != id)
            fail_msg("%s: the text of piece %u has the ids %u ...", name, id, got[0]);
    }
    rl_tokenizer_ctx_close(ctx);
    rl_tokenizer_close(tok);
}

static void every_piece_encodes_to_itself(void **state)
{
    (void)state;
    with_each_vocabulary(check_pieces);
}

static size_t put_utf8(uint32_t c, char *out)
{
    if (c < 0x80) return out[0] = (char)c, 1;
    if (c < 0x800) return out[0] = (char)(0xc0 | c >> 6), out[1] = (char)(0x80 | (c & 63)), 2;
    if (c < 0x10000)
        return out[0] = (char)(0xe0 | c >> 12), out[1] = (char)(0x80 | (c >> 6 & 63)),
               out[2] = (char)(0x80 | (c & 63)), 3;
    return out[0] = (char)(0xf0 | c >> 18), out[1] = (char)(0x80 | (c >> 12 & 63)),
           out[2] = (char)(0x80 | (c >> 6 & 63)), out[3] = (char)(0x80 | (c & 63)), 4;
}

static void assert_comes_back(const rl_tokenizer *tok, rl_tokenizer_ctx *ctx, const char *text,
                              size_t n_bytes, const char *what, uint32_t which)
{
    uint32_t ids[4 * TEXT_MAX];
    char back[TEXT_MAX];
    size_t n;
    rl_error err;
    const size_t n_ids = encode(ctx, text, n_bytes, 0, ids, RL_COUNT(ids));
    if (rl_tokenizer_decode(tok, ids, n_ids, 0, back, sizeof back, &n, &err) != RL_OK)
        fail_msg("%s", err.text);
    if (n != n_bytes || memcmp(back, text, n) != 0) fail_msg("%s %u comes back as another text", what, which);
}

static void check_code_points(const rl_vocab *vocab, const char *name)
{
    rl_tokenizer *tok = util_tokenizer(vocab);
    rl_tokenizer_ctx *ctx = util_context(tok, NULL);
    (void)name;
    for (uint32_t first = 0; first < 0x110000; first += 64) {
        char text[256];
        size_t n = 0;
        for (uint32_t c = first; c < first + 64; c++)
            if ((c < 0xd800 || c > 0xdfff) && c != 0x2581) n += put_utf8(c, text + n);
        assert_comes_back(tok, ctx, text, n, "the 64 code points from", first);
    }
    for (uint32_t id = 0; id < vocab->n; id++) {
        size_t n;
        const char *text = rl_tokenizer_piece(tok, id, &n);
        if (vocab->pieces[id].type == RL_PIECE_NORMAL) assert_comes_back(tok, ctx, text, n, "piece", id);
    }
    rl_tokenizer_ctx_close(ctx);
    rl_tokenizer_close(tok);
}

static void every_id_and_every_code_point_comes_back(void **state)
{
    (void)state;
    with_each_vocabulary(check_code_points);
}

/* ---- The kernels against each other, on the kinds of text that break tokenizers ---- */

static size_t put_piece(const rl_tokenizer *tok, util_rng *rng, char *out)
{
    size_t n;
    const char *text = rl_tokenizer_piece(tok, (uint32_t)util_below(rng, rl_tokenizer_size(tok)), &n);
    memcpy(out, text, n);
    return n;
}

static size_t some_pieces(const rl_tokenizer *tok, util_rng *rng, char *out)
{
    size_t n = 0;
    for (size_t i = 2 + util_below(rng, 12); i > 0; i--) n += put_piece(tok, rng, out + n);
    return n;
}

static size_t one_character_often(const rl_tokenizer *tok, util_rng *rng, char *out)
{
    char c[4];
    const uint32_t blocks[] = {0x20, 0x20, 0x61, 0xe9, 0x4e2d, 0x1f999};
    const size_t length =
        put_utf8(blocks[util_below(rng, RL_COUNT(blocks))] + (uint32_t)util_below(rng, 16), c);
    const size_t times = 1 + util_below(rng, 200);
    (void)tok;
    for (size_t i = 0; i < times; i++) memcpy(out + i * length, c, length);
    return times * length;
}

static size_t spaces_before_pieces(const rl_tokenizer *tok, util_rng *rng, char *out)
{
    size_t n = 0;
    for (size_t i = 1 + util_below(rng, 4); i > 0; i--) {
        const size_t spaces = util_below(rng, 40);
        memset(out + n, ' ', spaces);
        n += spaces;
        n += put_piece(tok, rng, out + n);
    }
    return n;
}

static size_t long_words(const rl_tokenizer *tok, util_rng *rng, char *out)
{
    static const char *const sets[] = {"abcdefghijklmnopqrstuvwxyz", "ACGT", "0123456789abcdef", "etaoin",
                                       "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"};
    const char *set = sets[util_below(rng, RL_COUNT(sets))];
    const size_t n = 1 + util_below(rng, 300);
    (void)tok;
    for (size_t i = 0; i < n; i++) out[i] = set[util_below(rng, strlen(set))];
    return n;
}

static size_t code_points(const rl_tokenizer *tok, util_rng *rng, char *out)
{
    static const uint32_t blocks[] = {0x20,   0xa0,   0x370,  0x400,  0x590,  0x600,   0x900,
                                      0x2580, 0x3040, 0x4e00, 0xac00, 0xfff0, 0x1f300, 0x10fff0};
    size_t n = 0;
    (void)tok;
    for (size_t i = 1 + util_below(rng, 60); i > 0; i--)
        n += put_utf8(blocks[util_below(rng, RL_COUNT(blocks))] + (uint32_t)util_below(rng, 16), out + n);
    return n;
}

static size_t broken_utf8(const rl_tokenizer *tok, util_rng *rng, char *out)
{
    static const char *const bits[] = {"\xff",
                                       "\x80",
                                       "\xc3",
                                       "\xc0\x80",
                                       "\xe2\x96",
                                       "\xed\xa0\x80",
                                       "\xf0\x9f\xa6",
                                       "\xf4\x90\x80\x80",
                                       "\xe0\x80\x80",
                                       " ",
                                       "a",
                                       "\xe2\x96\x81",
                                       "\xef\xbf\xbd"};
    size_t n = 0;
    for (size_t i = 1 + util_below(rng, 30); i > 0; i--) {
        const char *bit = bits[util_below(rng, RL_COUNT(bits))];
        memcpy(out + n, bit, strlen(bit));
        n += strlen(bit);
        if (util_below(rng, 4) == 0) n += put_piece(tok, rng, out + n);
    }
    return n;
}

static size_t any_bytes(const rl_tokenizer *tok, util_rng *rng, char *out)
{
    const size_t n = 1 + util_below(rng, 100);
    (void)tok;
    for (size_t i = 0; i < n; i++) out[i] = (char)util_u64(rng);
    return n;
}

static size_t specials_and_what_stands_beside_them(const rl_tokenizer *tok, util_rng *rng, char *out)
{
    static const char *const bits[] = {"<s>", "</s>", "<unk>", " ", "  ",    "\n",
                                       "a",   "<",    "</s",   "",  "<0x41>"};
    size_t n = 0;
    (void)tok;
    for (size_t i = 1 + util_below(rng, 12); i > 0; i--) {
        const char *bit = bits[util_below(rng, RL_COUNT(bits))];
        memcpy(out + n, bit, strlen(bit));
        n += strlen(bit);
    }
    if (n > 0 && util_below(rng, 4) == 0) out[util_below(rng, n)] = '\0';
    return n;
}

static size_t (*const kinds[])(const rl_tokenizer *tok, util_rng *rng,
                               char *out) = {some_pieces,
                                             one_character_often,
                                             spaces_before_pieces,
                                             long_words,
                                             code_points,
                                             broken_utf8,
                                             any_bytes,
                                             specials_and_what_stands_beside_them};

static void check_kernels(const rl_vocab *vocab, const char *name)
{
    rl_tokenizer *tok = util_tokenizer(vocab);
    rl_tokenizer_ctx *reference = util_context(tok, "reference"), *heap = util_context(tok, "heap");
    util_rng rng = {SEED};
    for (unsigned i = 0; i < 4000; i++) {
        char text[TEXT_MAX];
        static uint32_t want[8 * TEXT_MAX], got[8 * TEXT_MAX];
        const size_t n_bytes = kinds[i % RL_COUNT(kinds)](tok, &rng, text);
        const unsigned flags = i / 8 % 8;
        const size_t n_want = encode(reference, text, n_bytes, flags, want, RL_COUNT(want));
        const size_t n_got = encode(heap, text, n_bytes, flags, got, RL_COUNT(got));
        util_assert_ids(name, text, n_bytes, want, n_want, got, n_got);
        assert_true(n_got <= rl_tokenizer_max_ids(tok, n_bytes, flags));
    }
    rl_tokenizer_ctx_close(reference);
    rl_tokenizer_ctx_close(heap);
    rl_tokenizer_close(tok);
}

static void heap_equals_reference_on_every_kind_of_text(void **state)
{
    (void)state;
    with_each_vocabulary(check_kernels);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_built_in_vocabulary_is_laid_out_like_llamas),
        cmocka_unit_test(english_prose_takes_3_5_bytes_a_token_or_more),
        cmocka_unit_test(the_built_in_vocabulary_gives_the_ids_and_texts_of_sentencepiece),
        cmocka_unit_test(llamas_vocabulary_gives_the_ids_of_sentencepiece),
        cmocka_unit_test(every_piece_encodes_to_itself),
        cmocka_unit_test(every_id_and_every_code_point_comes_back),
        cmocka_unit_test(heap_equals_reference_on_every_kind_of_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
