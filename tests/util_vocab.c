/* util_vocab.c - growing vocabularies, made up ones, and texts to go with them. */
#include "util_vocab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *checked(void *p)
{
    assert_non_null(p);
    return p;
}

util_vocab util_vocab_begin(void)
{
    util_vocab v = {
        .vocab = {.unk = 0,
                  .bos = 1,
                  .eos = 2,
                  .has_unk = true,
                  .has_bos = true,
                  .has_eos = true,
                  .add_bos = true,
                  .add_space_prefix = true}
    };
    util_vocab_add(&v, RL_PIECE_UNKNOWN, 0, "<unk>", 5);
    util_vocab_add(&v, RL_PIECE_CONTROL, 0, "<s>", 3);
    util_vocab_add(&v, RL_PIECE_CONTROL, 0, "</s>", 4);
    return v;
}

void util_vocab_add(util_vocab *v, int32_t type, float score, const char *text, size_t n_bytes)
{
    if (v->vocab.n == v->room) {
        v->room = 2 * v->room + 16;
        v->vocab.pieces = v->pieces = checked(realloc(v->pieces, v->room * sizeof *v->pieces));
    }
    char *copy = checked(malloc(n_bytes + 1)); /* + 1: malloc(0) may be NULL */
    memcpy(copy, text, n_bytes);
    v->pieces[v->vocab.n++] = (rl_piece){copy, (uint32_t)n_bytes, score, type, false, false};
}

void util_vocab_add_bytes(util_vocab *v)
{
    for (unsigned c = 0; c < 256; c++) {
        char text[8];
        snprintf(text, sizeof text, "<0x%02X>", c);
        util_vocab_add(v, RL_PIECE_BYTE, 0, text, 6);
    }
}

void util_vocab_free(util_vocab *v)
{
    for (size_t i = 0; i < v->vocab.n; i++) free((char *)v->pieces[i].text);
    free(v->pieces);
    *v = (util_vocab){0};
}

rl_tokenizer *util_tokenizer(const rl_vocab *vocab)
{
    rl_tokenizer *tok;
    rl_error err;
    if (rl_tokenizer_open(&tok, vocab, &err) != RL_OK) fail_msg("%s", err.text);
    return tok;
}

rl_tokenizer_ctx *util_context(const rl_tokenizer *tok, const char *variant)
{
    rl_tokenizer_ctx *ctx;
    rl_error err;
    const rl_tokenizer_kernel *kernel = rl_tokenizer_kernel_find(variant, 0);
    assert_non_null(kernel);
    if (rl_tokenizer_ctx_open(&ctx, tok, kernel, 0, &err) != RL_OK) fail_msg("%s", err.text);
    return ctx;
}

util_vocab util_vocab_few(void)
{
    util_vocab v = util_vocab_begin();
    util_vocab_add(&v, RL_PIECE_NORMAL, -9, "a", 1);
    util_vocab_add(&v, RL_PIECE_NORMAL, -9, "b", 1);
    util_vocab_add(&v, RL_PIECE_NORMAL, -9, "\xe2\x96\x81", 3);
    util_vocab_add(&v, RL_PIECE_NORMAL, -1, "ab", 2);
    util_vocab_add(&v, RL_PIECE_NORMAL, -2,
                   "\xe2\x96\x81"
                   "a",
                   4);
    return v;
}

size_t util_below(util_rng *rng, size_t n) { return (size_t)(util_u64(rng) % n); }

static const char *const letters[] = {
    "a", "b", "\xe2\x96\x81", "\xc3\xa9", "\xe4\xb8\xad", "\xf0\x9f\xa6\x99"};

util_vocab util_vocab_random(util_rng *rng)
{
    util_vocab v = util_vocab_begin();
    const size_t n_letters = 2 + util_below(rng, RL_COUNT(letters) - 1), levels = 2 + util_below(rng, 40);
    const bool plain = util_below(rng, 2) == 0;
    for (size_t i = 0; i < n_letters; i++)
        if (util_below(rng, 5) > 0) util_vocab_add(&v, RL_PIECE_NORMAL, -1, letters[i], strlen(letters[i]));
    util_vocab_add(&v, RL_PIECE_NORMAL, 5, "ab", 2); /* two scores at least: equal ones would be refused */
    util_vocab_add(&v, RL_PIECE_NORMAL, -50, "aab", 3);
    for (size_t tries = util_below(rng, 60); tries > 0; tries--) {
        char text[32];
        size_t n = 0;
        for (size_t parts = 2; parts > 0; parts--) {
            const size_t pick = util_below(rng, v.vocab.n - 3 + n_letters); /* a piece or a letter */
            const bool letter = pick < n_letters;
            const char *part = letter ? letters[pick] : v.pieces[3 + pick - n_letters].text;
            const size_t bytes = letter ? strlen(part) : v.pieces[3 + pick - n_letters].bytes;
            if (n + bytes > sizeof text) continue;
            memcpy(text + n, part, bytes);
            n += bytes;
        }
        bool fresh = n > 0;
        for (size_t i = 3; i < v.vocab.n && fresh; i++)
            fresh = v.pieces[i].bytes != n || memcmp(v.pieces[i].text, text, n) != 0;
        static const int32_t types[] = {RL_PIECE_NORMAL, RL_PIECE_NORMAL, RL_PIECE_UNUSED,
                                        RL_PIECE_USER_DEFINED};
        const int32_t type = plain ? RL_PIECE_NORMAL : types[util_below(rng, RL_COUNT(types))];
        if (fresh) util_vocab_add(&v, type, -(float)util_below(rng, levels), text, n);
    }
    if (util_below(rng, 2) == 0) util_vocab_add_bytes(&v);
    v.vocab.add_space_prefix = util_below(rng, 4) > 0;
    return v;
}

size_t util_text_random(util_rng *rng, char *out, size_t max)
{
    static const char *const more[] = {" ",   "  ", "c", "\xff", "\xe2\x96", "\xed\xa0\x80", "\xef\xbf\xbd",
                                       "</s>"};
    const size_t kinds = util_below(rng, 2) == 0 ? RL_COUNT(letters) : RL_COUNT(letters) + RL_COUNT(more);
    const size_t length = util_below(rng, max - 4), run = 1 + util_below(rng, 3);
    size_t n = 0;
    while (n < length) {
        const size_t pick = util_below(rng, kinds);
        const char *part = pick < RL_COUNT(letters) ? letters[pick] : more[pick - RL_COUNT(letters)];
        for (size_t i = 0; i < run && n + strlen(part) <= max; i++, n += strlen(part))
            memcpy(out + n, part, strlen(part));
    }
    if (n > 0 && util_below(rng, 20) == 0) out[util_below(rng, n)] = '\0';
    return n;
}
