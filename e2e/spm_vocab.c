/* spm_vocab.c - sentencepiece_model.proto to rl_vocab. The names are those of that description. */
#include "spm_vocab.h"

#include "base/mem.h"
#include "protobuf.h"

#include <string.h>

/* Field numbers. */
enum { MODEL_PIECES = 1, MODEL_TRAINER = 2, MODEL_NORMALIZER = 3, MODEL_DENORMALIZER = 5 };
enum { PIECE_TEXT = 1, PIECE_SCORE = 2, PIECE_TYPE = 3 };
enum {
    TRAINER_TYPE = 3,
    TRAINER_SUFFIX = 24,
    TRAINER_FALLBACK = 35,
    TRAINER_UNK = 40,
    TRAINER_BOS,
    TRAINER_EOS
};
enum { NORM_NAME = 1, NORM_CHARSMAP = 2, NORM_PREFIX = 3, NORM_EXTRA = 4, NORM_ESCAPE = 5 };

enum { MODEL_UNIGRAM = 1, MODEL_BPE = 2 };

typedef struct {
    rl_pb file;
    size_t n, text_bytes; /* of all pieces */
    int32_t type, unk, bos, eos;
    bool byte_fallback, suffix;
    rl_pb norm_name, charsmap, decharsmap;
    bool prefix, remove_extra, escape;
} model;

/* ---- The message ---- */

static rl_status read_piece(rl_pb m, rl_piece *piece, rl_error *err)
{
    rl_status status = RL_OK;
    rl_pb text = {.data = m.data};
    *piece = (rl_piece){.type = RL_PIECE_NORMAL};
    while (status == RL_OK && rl_pb_more(&m)) {
        rl_pb_field f;
        if ((status = rl_pb_next(&m, &f, err)) != RL_OK) break;
        if (f.number == PIECE_TEXT) status = rl_pb_bytes(&m, &f, "piece", &text, err);
        if (f.number == PIECE_SCORE) status = rl_pb_float(&m, &f, "score", &piece->score, err);
        if (f.number == PIECE_TYPE) status = rl_pb_int32(&m, &f, "type of a piece", &piece->type, err);
    }
    piece->text = (const char *)text.data + text.at;
    piece->bytes = (uint32_t)(text.end - text.at); /* fits: rl_spm_vocab() checks the size of the file */
    return status;
}

static rl_status read_trainer(model *o, rl_pb m, rl_error *err)
{
    rl_status status = RL_OK;
    while (status == RL_OK && rl_pb_more(&m)) {
        rl_pb_field f;
        if ((status = rl_pb_next(&m, &f, err)) != RL_OK) break;
        switch (f.number) {
        case TRAINER_TYPE:
            status = rl_pb_int32(&m, &f, "model_type", &o->type, err);
            break;
        case TRAINER_SUFFIX:
            status = rl_pb_bool(&m, &f, "treat_whitespace_as_suffix", &o->suffix, err);
            break;
        case TRAINER_FALLBACK:
            status = rl_pb_bool(&m, &f, "byte_fallback", &o->byte_fallback, err);
            break;
        case TRAINER_UNK:
            status = rl_pb_int32(&m, &f, "unk_id", &o->unk, err);
            break;
        case TRAINER_BOS:
            status = rl_pb_int32(&m, &f, "bos_id", &o->bos, err);
            break;
        case TRAINER_EOS:
            status = rl_pb_int32(&m, &f, "eos_id", &o->eos, err);
            break;
        }
    }
    return status;
}

static rl_status read_normalizer(model *o, rl_pb m, rl_error *err)
{
    rl_status status = RL_OK;
    while (status == RL_OK && rl_pb_more(&m)) {
        rl_pb_field f;
        if ((status = rl_pb_next(&m, &f, err)) != RL_OK) break;
        switch (f.number) {
        case NORM_NAME:
            status = rl_pb_bytes(&m, &f, "name of the normalizer", &o->norm_name, err);
            break;
        case NORM_CHARSMAP:
            status = rl_pb_bytes(&m, &f, "precompiled_charsmap", &o->charsmap, err);
            break;
        case NORM_PREFIX:
            status = rl_pb_bool(&m, &f, "add_dummy_prefix", &o->prefix, err);
            break;
        case NORM_EXTRA:
            status = rl_pb_bool(&m, &f, "remove_extra_whitespaces", &o->remove_extra, err);
            break;
        case NORM_ESCAPE:
            status = rl_pb_bool(&m, &f, "escape_whitespaces", &o->escape, err);
            break;
        }
    }
    return status;
}

static rl_status read_denormalizer(model *o, rl_pb m, rl_error *err)
{
    rl_status status = RL_OK;
    while (status == RL_OK && rl_pb_more(&m)) {
        rl_pb_field f;
        if ((status = rl_pb_next(&m, &f, err)) == RL_OK && f.number == NORM_CHARSMAP)
            status = rl_pb_bytes(&m, &f, "precompiled_charsmap", &o->decharsmap, err);
    }
    return status;
}

/* Everything but the pieces, which are only counted and checked. A part that is there twice goes on from the first, as
 * in protobuf. */
static rl_status read_model(model *o, rl_error *err)
{
    rl_status status = RL_OK;
    for (rl_pb m = o->file; status == RL_OK && rl_pb_more(&m);) {
        rl_pb_field f;
        rl_pb part;
        rl_piece piece;
        if ((status = rl_pb_next(&m, &f, err)) != RL_OK) break;
        if (f.number > MODEL_DENORMALIZER || f.number == 4) continue;
        if ((status = rl_pb_bytes(&m, &f, "part of the model", &part, err)) != RL_OK) break;
        switch (f.number) {
        case MODEL_PIECES:
            if ((status = read_piece(part, &piece, err)) != RL_OK) break;
            o->text_bytes += piece.bytes;
            if (o->n++ == RL_VOCAB_MAX)
                status = rl_fail(err, RL_ERR_FORMAT, "%s: more than the %d pieces allowed, at byte %zu",
                                 m.name, RL_VOCAB_MAX, f.at);
            break;
        case MODEL_TRAINER:
            status = read_trainer(o, part, err);
            break;
        case MODEL_NORMALIZER:
            status = read_normalizer(o, part, err);
            break;
        case MODEL_DENORMALIZER:
            status = read_denormalizer(o, part, err);
            break;
        }
    }
    return status;
}

/* ---- What of it this tokenizer does ---- */

static rl_status check_kind(const model *o, rl_error *err)
{
    static const char *const types[] = {"0", "unigram", "BPE", "word", "char"};
    const char *name = o->file.name;
    char shown[64];
    if (o->n == 0)
        return rl_fail(err, RL_ERR_FORMAT, "%s: no pieces, 1 to %d are allowed", name, RL_VOCAB_MAX);
    if (o->type != MODEL_BPE)
        return rl_fail(err, RL_ERR_UNSUPPORTED, "%s: model_type is %d (%s), supported is %d (BPE)", name,
                       o->type, o->type > 0 && (size_t)o->type < RL_COUNT(types) ? types[o->type] : "unknown",
                       MODEL_BPE);
    if (rl_pb_more(&o->charsmap) || rl_pb_more(&o->decharsmap))
        return rl_fail(err, RL_ERR_UNSUPPORTED,
                       "%s: %s '%s' has a character map of %zu bytes, supported is none (identity)", name,
                       rl_pb_more(&o->charsmap) ? "normalizer" : "denormalizer",
                       rl_printable(shown, sizeof shown, (const char *)o->file.data + o->norm_name.at,
                                    o->norm_name.end - o->norm_name.at),
                       rl_pb_more(&o->charsmap) ? o->charsmap.end - o->charsmap.at
                                                : o->decharsmap.end - o->decharsmap.at);
    const struct {
        const char *what;
        bool found, supported;
    } rules[] = {
        {"remove_extra_whitespaces",   o->remove_extra, false},
        {"escape_whitespaces",         o->escape,       true },
        {"treat_whitespace_as_suffix", o->suffix,       false}
    };
    for (size_t i = 0; i < RL_COUNT(rules); i++)
        if (rules[i].found != rules[i].supported)
            return rl_fail(err, RL_ERR_UNSUPPORTED, "%s: %s is %s, supported is %s", name, rules[i].what,
                           rules[i].found ? "true" : "false", rules[i].supported ? "true" : "false");
    return RL_OK;
}

/* A special id of the trainer; none where it is negative. */
static rl_status special(const model *o, const rl_vocab *v, const char *what, int32_t id, uint32_t *out,
                         bool *has, rl_error *err)
{
    *has = id >= 0;
    if (!*has) return RL_OK;
    if ((size_t)id >= v->n)
        return rl_fail(err, RL_ERR_FORMAT, "%s: %s is %d, of %zu pieces", o->file.name, what, id, v->n);
    *out = (uint32_t)id;
    if (v->pieces[id].type == RL_PIECE_CONTROL) return RL_OK;
    return rl_fail(err, RL_ERR_FORMAT, "%s: %s is %d, a piece of type %d, expected a control piece (%d)",
                   o->file.name, what, id, v->pieces[id].type, RL_PIECE_CONTROL);
}

static rl_status check_pieces(const model *o, rl_vocab *v, rl_error *err)
{
    size_t n_bytes = 0;
    for (size_t i = 0; i < v->n; i++) {
        n_bytes += v->pieces[i].type == RL_PIECE_BYTE;
        if (v->pieces[i].type != RL_PIECE_UNKNOWN) continue;
        if (v->has_unk)
            return rl_fail(err, RL_ERR_FORMAT, "%s: pieces %u and %zu are of type unknown, one must be",
                           o->file.name, v->unk, i);
        v->unk = (uint32_t)i;
        v->has_unk = true;
    }
    if (!v->has_unk)
        return rl_fail(err, RL_ERR_FORMAT, "%s: no piece of type unknown, one must be", o->file.name);
    if (o->unk < 0 || v->unk != (uint32_t)o->unk)
        return rl_fail(err, RL_ERR_FORMAT, "%s: unk_id is %d, and piece %u is the one of type unknown",
                       o->file.name, o->unk, v->unk);
    if ((n_bytes > 0) != o->byte_fallback)
        return rl_fail(err, RL_ERR_FORMAT, "%s: byte_fallback is %s, and %zu pieces are of type byte",
                       o->file.name, o->byte_fallback ? "true" : "false", n_bytes);
    const rl_status status = special(o, v, "bos_id", o->bos, &v->bos, &v->has_bos, err);
    return status == RL_OK ? special(o, v, "eos_id", o->eos, &v->eos, &v->has_eos, err) : status;
}

/* One block: the vocabulary, the pieces, their text. */
static rl_vocab *copy_pieces(const model *o)
{
    const size_t pieces_at = rl_round_up(sizeof(rl_vocab), RL_LINE);
    rl_vocab *v =
        rl_alloc(pieces_at + o->n * sizeof(rl_piece) + o->text_bytes); /* no more than 40 times the file */
    if (v == NULL) return NULL;
    rl_piece *pieces = (rl_piece *)((char *)v + pieces_at);
    char *text = (char *)(pieces + o->n);
    for (rl_pb m = o->file; rl_pb_more(&m);) {
        rl_pb_field f;
        if (rl_pb_next(&m, &f, NULL) != RL_OK) break; /* cannot be: all was read once */
        if (f.number != MODEL_PIECES) continue;
        (void)read_piece(f.bytes, &pieces[v->n], NULL);
        memcpy(text, pieces[v->n].text, pieces[v->n].bytes);
        pieces[v->n].text = text;
        text += pieces[v->n++].bytes;
    }
    v->pieces = pieces;
    return v;
}

rl_status rl_spm_vocab(const void *data, size_t n_bytes, const char *name, rl_vocab **out, rl_error *err)
{
    model o = {
        .file = rl_pb_open(data, n_bytes, name),
        .type = MODEL_UNIGRAM,
        .unk = 0,
        .bos = 1,
        .eos = 2,
        .prefix = true,
        .remove_extra = true,
        .escape = true,
    };
    *out = NULL;
    if (n_bytes > UINT32_MAX)
        return rl_fail(err, RL_ERR_FORMAT, "%s: %zu bytes, %u are allowed", name, n_bytes, UINT32_MAX);
    rl_status status = read_model(&o, err);
    if (status == RL_OK) status = check_kind(&o, err);
    if (status != RL_OK) return status;
    rl_vocab *v = copy_pieces(&o);
    if (v == NULL) return rl_fail(err, RL_ERR_MEMORY, "%s: out of memory for %zu pieces", name, o.n);
    v->add_space_prefix = o.prefix;
    v->mode = RL_MODE_HF;
    if ((status = check_pieces(&o, v, err)) != RL_OK) {
        rl_free(v);
        return status;
    }
    v->add_bos = v->has_bos;
    *out = v;
    return RL_OK;
}

void rl_spm_vocab_free(rl_vocab *vocab) { rl_free(vocab); }
