/* util_models.c - models written down, for the readers to read. */
#include "util_models.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void util_put(util_bytes *b, const void *data, size_t n)
{
    b->data = realloc(b->data, b->n + n + 1);
    assert_non_null(b->data);
    memcpy(b->data + b->n, data, n);
    b->n += n;
    b->data[b->n] = '\0';
}

void util_puts(util_bytes *b, const char *text) { util_put(b, text, strlen(text)); }

void util_bytes_free(util_bytes *b)
{
    free(b->data);
    *b = (util_bytes){0};
}

/* ---- Protobuf ---- */

static void put_varint(util_bytes *b, uint64_t value)
{
    for (; value > 0x7f; value >>= 7) util_put(b, &(uint8_t){(uint8_t)(value | 0x80)}, 1);
    util_put(b, &(uint8_t){(uint8_t)value}, 1);
}

void util_pb_int(util_bytes *b, unsigned field, uint64_t value)
{
    put_varint(b, field << 3);
    put_varint(b, value);
}

void util_pb_float(util_bytes *b, unsigned field, float value)
{
    put_varint(b, field << 3 | 5);
    util_put(b, &value, sizeof value);
}

void util_pb_bytes(util_bytes *b, unsigned field, const void *data, size_t n)
{
    put_varint(b, field << 3 | 2);
    put_varint(b, n);
    util_put(b, data, n);
}

void util_pb_message(util_bytes *b, unsigned field, util_bytes *message)
{
    util_pb_bytes(b, field, message->n > 0 ? message->data : "", message->n);
    util_bytes_free(message);
}

util_bytes util_spm_of(const rl_vocab *vocab)
{
    util_bytes model = {0}, trainer = {0}, normalizer = {0};
    bool bytes = false;
    for (size_t i = 0; i < vocab->n; i++) {
        const rl_piece *p = &vocab->pieces[i];
        util_bytes piece = {0};
        util_pb_bytes(&piece, 1, p->text, p->bytes);
        util_pb_float(&piece, 2, p->score);
        if (p->type != RL_PIECE_NORMAL) util_pb_int(&piece, 3, (uint64_t)p->type);
        util_pb_message(&model, 1, &piece);
        bytes = bytes || p->type == RL_PIECE_BYTE;
    }
    util_pb_int(&trainer, 3, 2);
    util_pb_int(&trainer, 35, bytes);
    util_pb_message(&model, 2, &trainer);
    util_pb_bytes(&normalizer, 1, "identity", 8);
    util_pb_int(&normalizer, 3, vocab->add_space_prefix);
    util_pb_int(&normalizer, 4, 0);
    util_pb_message(&model, 3, &normalizer);
    return model;
}

/* ---- JSON ---- */

static void put_quoted(util_bytes *b, const char *text, size_t n)
{
    util_puts(b, "\"");
    for (size_t i = 0; i < n; i++) {
        char escaped[8];
        const bool plain = (uint8_t)text[i] >= 0x20 && text[i] != '"' && text[i] != '\\';
        snprintf(escaped, sizeof escaped, "\\u%04x", (uint8_t)text[i]);
        util_put(b, plain ? text + i : escaped, plain ? 1 : 6);
    }
    util_puts(b, "\"");
}

typedef struct {
    size_t left, right;
    float score;
    size_t nth; /* keeps the order of equal scores */
} cut;

static int by_score(const void *a, const void *b)
{
    const cut *x = a, *y = b;
    if (x->score != y->score) return x->score > y->score ? -1 : 1;
    return x->nth < y->nth ? -1 : x->nth > y->nth;
}

/* A normal piece of that text, or n: the tests' vocabularies are small. */
static size_t normal_piece(const rl_vocab *v, const char *text, size_t n)
{
    for (size_t i = 0; i < v->n; i++)
        if (v->pieces[i].type == RL_PIECE_NORMAL && v->pieces[i].bytes == n &&
            memcmp(v->pieces[i].text, text, n) == 0)
            return i;
    return v->n;
}

static void put_merges(util_bytes *b, const rl_vocab *v)
{
    cut *cuts = NULL;
    size_t n = 0;
    for (size_t i = 0; i < v->n; i++) {
        const rl_piece *p = &v->pieces[i];
        for (uint32_t at = 1; p->type == RL_PIECE_NORMAL && at < p->bytes; at++) {
            const size_t left = normal_piece(v, p->text, at),
                         right = normal_piece(v, p->text + at, p->bytes - at);
            if (left == v->n || right == v->n) continue;
            cuts = realloc(cuts, (n + 1) * sizeof *cuts);
            assert_non_null(cuts);
            cuts[n] = (cut){left, right, p->score, n};
            n++;
        }
    }
    if (n > 0) qsort(cuts, n, sizeof *cuts, by_score);
    for (size_t i = 0; i < n; i++) {
        const rl_piece *left = &v->pieces[cuts[i].left], *right = &v->pieces[cuts[i].right];
        util_puts(b, i > 0 ? ",[" : "[");
        put_quoted(b, left->text, left->bytes);
        util_puts(b, ",");
        put_quoted(b, right->text, right->bytes);
        util_puts(b, "]");
    }
    free(cuts);
}

util_bytes util_hf_of(const rl_vocab *v)
{
    util_bytes b = {0};
    bool bytes = false, first = true;
    char number[64];
    util_puts(&b, "{\"added_tokens\":[");
    for (size_t i = 0; i < v->n; i++) {
        const rl_piece *p = &v->pieces[i];
        bytes = bytes || p->type == RL_PIECE_BYTE;
        if (p->type == RL_PIECE_NORMAL || p->type == RL_PIECE_BYTE) continue;
        snprintf(number, sizeof number, "%s{\"id\":%zu,\"content\":", first ? "" : ",", i);
        util_puts(&b, number);
        put_quoted(&b, p->text, p->bytes);
        util_puts(&b, p->type == RL_PIECE_USER_DEFINED ? ",\"special\":false" : ",\"special\":true");
        util_puts(&b, p->normalized ? ",\"normalized\":true}" : ",\"normalized\":false}");
        first = false;
    }
    util_puts(&b, "],\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[");
    if (v->add_space_prefix) util_puts(&b, "{\"type\":\"Prepend\",\"prepend\":\"\\u2581\"},");
    util_puts(
        &b,
        "{\"type\":\"Replace\",\"pattern\":{\"String\":\" "
        "\"},\"content\":\"\\u2581\"}]},\"pre_tokenizer\":null,"
        "\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"<s>\","
        "\"type_id\":0}},{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}],\"special_tokens\":{\"<s>\":{\"id\":"
        "\"<s>\",\"ids\":[1],\"tokens\":[\"<s>\"]}}},\"decoder\":null,\"model\":{\"type\":\"BPE\","
        "\"dropout\":"
        "null,\"unk_token\":\"<unk>\",\"fuse_unk\":true,\"byte_fallback\":");
    util_puts(&b, bytes ? "true,\"vocab\":{" : "false,\"vocab\":{");
    for (size_t i = 0; i < v->n; i++) {
        put_quoted(&b, v->pieces[i].text, v->pieces[i].bytes);
        snprintf(number, sizeof number, ":%zu%s", i, i + 1 < v->n ? "," : "");
        util_puts(&b, number);
    }
    util_puts(&b, "},\"merges\":[");
    put_merges(&b, v);
    util_puts(&b, "]}}");
    return b;
}

/* ---- Comparing ---- */

void util_assert_vocabs(const rl_vocab *want, const rl_vocab *got, bool scores)
{
    assert_int_equal(got->n, want->n);
    for (size_t i = 0; i < want->n; i++) {
        const rl_piece *w = &want->pieces[i], *g = &got->pieces[i];
        if (w->bytes != g->bytes || memcmp(w->text, g->text, w->bytes) != 0 || w->type != g->type ||
            (scores && w->score != g->score) || w->normalized != g->normalized)
            fail_msg("piece %zu is '%.*s' of type %d, score %g, expected '%.*s' of type %d, score %g", i,
                     (int)g->bytes, g->text, g->type, (double)g->score, (int)w->bytes, w->text, w->type,
                     (double)w->score);
    }
    assert_true(got->has_bos == want->has_bos && got->bos == want->bos && got->add_bos == want->add_bos);
    assert_true(got->has_eos == want->has_eos && got->eos == want->eos && got->add_eos == want->add_eos);
    assert_true(got->has_unk == want->has_unk && got->unk == want->unk);
    assert_int_equal(got->add_space_prefix, want->add_space_prefix);
    assert_int_equal(got->mode, RL_MODE_HF);
}
