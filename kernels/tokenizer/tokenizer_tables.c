/* tokenizer_tables.c - opening a vocabulary: every rule is checked, then the tables are built, each once. */
#include "tokenizer/tokenizer_plan.h"
#include "tokenizer/tokenizer_units.h"

#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- The rules ---- */

static rl_status check_ids(const rl_vocab *v, rl_error *err)
{
    const struct {
        const char *name;
        bool has;
        uint32_t id;
    } ids[] = {
        {"bos", v->has_bos, v->bos},
        {"eos", v->has_eos, v->eos},
        {"unk", v->has_unk, v->unk}
    };
    if (v->n == 0 || v->n > RL_VOCAB_MAX)
        return rl_fail(err, RL_ERR_FORMAT, "vocabulary has %zu pieces, 1 to %d are allowed", v->n,
                       RL_VOCAB_MAX);
    for (size_t i = 0; i < RL_COUNT(ids); i++)
        if (ids[i].has && ids[i].id >= v->n)
            return rl_fail(err, RL_ERR_FORMAT, "vocabulary: %s is id %u, of %zu pieces", ids[i].name,
                           ids[i].id, v->n);
    if ((v->add_bos && !v->has_bos) || (v->add_eos && !v->has_eos))
        return rl_fail(err, RL_ERR_FORMAT, "vocabulary asks for %s in every text and has none",
                       v->add_bos && !v->has_bos ? "bos" : "eos");
    return RL_OK;
}

static bool is_utf8(const char *text, size_t n)
{
    for (size_t at = 0, step; at < n; at += step)
        if ((step = rl_utf8_length(text + at, n - at)) == 0) return false;
    return true;
}

/* The byte that a byte piece spells, or -1. */
static int byte_of(const rl_piece *p)
{
    static const char digits[] = "0123456789ABCDEF";
    if (p->bytes != 6 || memcmp(p->text, "<0x", 3) != 0 || p->text[5] != '>') return -1;
    const char *high = memchr(digits, p->text[3], 16), *low = memchr(digits, p->text[4], 16);
    return high != NULL && low != NULL ? (int)(16 * (high - digits) + (low - digits)) : -1;
}

/* What is wrong with a piece on its own; NULL where nothing is. */
static const char *flaw(const rl_piece *p)
{
    if (p->type < RL_PIECE_NORMAL || p->type > RL_PIECE_BYTE) return "has a type other than 1 to 6";
    if (p->bytes == 0) return "is empty";
    if (p->bytes > RL_PIECE_BYTES_MAX) return "is longer than 512 bytes";
    if (p->type == RL_PIECE_BYTE)
        return byte_of(p) < 0 ? "is of type byte and not spelled <0x00> to <0xFF>" : NULL;
    if (rl_piece_class_of((uint32_t)p->type) != RL_CLASS_MERGED) return NULL;
    if (!isfinite(p->score)) return "has a score that is no finite number";
    return is_utf8(p->text, p->bytes) ? NULL : "is not UTF-8";
}
_Static_assert(RL_PIECE_BYTES_MAX == 512, "flaw() says so in words");

static rl_status refuse_piece(const rl_vocab *v, size_t id, const char *what, rl_error *err)
{
    char shown[64];
    const rl_piece *p = &v->pieces[id];
    return rl_fail(err, RL_ERR_FORMAT, "vocabulary: piece %zu '%s' %s", id,
                   rl_printable(shown, sizeof shown, p->text, p->bytes), what);
}

static bool is_one_char(const rl_piece *p) { return rl_utf8_expected((uint8_t)p->text[0]) == p->bytes; }

/* Converters that lost the scores write one value for all; merging by them would give other ids in silence. */
static rl_status check_scores(const rl_vocab *v, rl_error *err)
{
    if (v->merges != NULL) return RL_OK;
    const rl_piece *first = NULL;
    bool several = false;
    for (size_t i = 0; i < v->n; i++) {
        const rl_piece *p = &v->pieces[i];
        if (p->type != RL_PIECE_NORMAL || is_one_char(p)) continue;
        if (first == NULL)
            first = p;
        else if (p->score != first->score)
            return RL_OK;
        else
            several = true;
    }
    if (!several) return RL_OK;
    return rl_fail(
        err, RL_ERR_FORMAT,
        "vocabulary: every piece of several characters has the score %g; such a file orders its merges "
        "in tokenizer.ggml.merges, and here are none",
        (double)first->score);
}

/* ---- The tables ---- */

static rl_status out_of_memory(rl_error *err)
{
    return rl_fail(err, RL_ERR_MEMORY, "vocabulary: out of memory");
}

/* A power of two of slots, at most half of which `n` entries fill. */
static size_t slots_for(size_t n)
{
    size_t slots = 16;
    while (slots < 2 * n) slots *= 2;
    return slots;
}

/* FNV-1a, a byte at a time, so that longer and longer beginnings of a text are looked up as they are read. */
#define HASH_BEGIN 0xcbf29ce484222325u
static uint64_t hash_add(uint64_t h, char c) { return (h ^ (uint8_t)c) * 0x100000001b3u; }
static size_t hash_end(uint64_t h) { return (size_t)(h ^ h >> 29); }

static uint32_t find(const rl_tokenizer *tok, rl_piece_class class, size_t hash, const char *text, size_t n)
{
    for (size_t at = hash;; at++) {
        const uint32_t id = tok->slot[at & tok->slot_mask];
        if (id == RL_SYMBOL_NONE) return id;
        if (tok->span[id].bytes == n && rl_piece_class_of(tok->type[id]) == class &&
            memcmp(tok->text + tok->span[id].offset, text, n) == 0)
            return id;
    }
}

uint32_t rl_tokenizer_lookup(const rl_tokenizer *tok, rl_piece_class class, const char *text, size_t n_bytes)
{
    uint64_t h = HASH_BEGIN;
    for (size_t i = 0; i < n_bytes; i++) h = hash_add(h, text[i]);
    return find(tok, class, hash_end(h), text, n_bytes);
}

uint32_t rl_tokenizer_longest(const rl_tokenizer *tok, unsigned types, const char *text, size_t n_bytes)
{
    const rl_piece_class class = types & RL_MERGED_TYPES ? RL_CLASS_MERGED : RL_CLASS_RESERVED;
    size_t reach = 0;
    for (size_t t = 0; t < RL_COUNT(tok->reach); t++)
        if (types >> t & 1 && tok->reach[t] > reach) reach = tok->reach[t];
    uint32_t best = RL_SYMBOL_NONE;
    uint64_t h = HASH_BEGIN;
    for (size_t i = 0; i < reach && i < n_bytes; i++) {
        h = hash_add(h, text[i]);
        const uint32_t id = find(tok, class, hash_end(h), text, i + 1);
        if (id != RL_SYMBOL_NONE && types >> tok->type[id] & 1) best = id;
    }
    return best;
}

/* Text, spans and types; every piece checked on its own. */
static rl_status copy_pieces(rl_tokenizer *tok, const rl_vocab *v, rl_error *err)
{
    size_t bytes = 0;
    for (size_t i = 0; i < v->n; i++) {
        const char *what = flaw(&v->pieces[i]);
        if (what != NULL) return refuse_piece(v, i, what, err);
        bytes += v->pieces[i].bytes; /* at most RL_VOCAB_MAX * RL_PIECE_BYTES_MAX = 2^33, in a size_t */
    }
    if (bytes > UINT32_MAX)
        return rl_fail(err, RL_ERR_FORMAT, "vocabulary: pieces are %zu bytes together, %u are allowed", bytes,
                       UINT32_MAX);
    tok->text = rl_alloc(bytes);
    tok->span = rl_alloc(v->n * sizeof *tok->span);
    tok->type = rl_alloc(v->n);
    if (tok->text == NULL || tok->span == NULL || tok->type == NULL) return out_of_memory(err);
    uint32_t at = 0;
    for (size_t i = 0; i < v->n; i++) {
        const rl_piece *p = &v->pieces[i];
        memcpy(tok->text + at, p->text, p->bytes);
        tok->span[i] = (rl_span){at, p->bytes};
        const bool added = p->added && p->type == RL_PIECE_USER_DEFINED && v->mode == RL_MODE_HF;
        tok->type[i] = added ? RL_TYPE_ADDED : (uint8_t)p->type;
        if (tok->reach[p->type] < p->bytes) tok->reach[p->type] = p->bytes;
        at += p->bytes;
    }
    return RL_OK;
}

/* Ids by text. Also what is told by type alone: bytes, lead bytes, unused. */
static rl_status index_pieces(rl_tokenizer *tok, const rl_vocab *v, rl_error *err)
{
    const size_t slots = slots_for(v->n);
    tok->slot = rl_alloc(slots * sizeof *tok->slot);
    if (tok->slot == NULL) return out_of_memory(err);
    memset(tok->slot, 0xff, slots * sizeof *tok->slot);
    tok->slot_mask = slots - 1;
    size_t n_bytes_found = 0;
    for (uint32_t id = 0; id < v->n; id++) {
        const rl_piece *p = &v->pieces[id];
        const rl_piece_class class = rl_piece_class_of(tok->type[id]);
        const uint8_t lead = (uint8_t)p->text[0];
        uint64_t h = HASH_BEGIN;
        for (size_t i = 0; i < p->bytes; i++) h = hash_add(h, p->text[i]);
        if (find(tok, class, hash_end(h), p->text, p->bytes) != RL_SYMBOL_NONE)
            return refuse_piece(v, id, "is there twice", err);
        size_t at = hash_end(h);
        while (tok->slot[at & tok->slot_mask] != RL_SYMBOL_NONE) at++;
        tok->slot[at & tok->slot_mask] = id;
        if (p->type == RL_PIECE_BYTE) {
            tok->byte_id[byte_of(p)] = id;
            n_bytes_found++;
        }
        if (p->type == RL_PIECE_USER_DEFINED && v->mode == RL_MODE_SENTENCEPIECE) tok->user_lead[lead] = true;
        if (p->type == RL_PIECE_UNUSED) tok->has_unused = true;
    }
    tok->has_bytes = n_bytes_found == 256;
    if (n_bytes_found != 0 && n_bytes_found != 256)
        return rl_fail(err, RL_ERR_FORMAT, "vocabulary has %zu byte pieces, none or all 256 are allowed",
                       n_bytes_found);
    if (!tok->has_bytes && !v->has_unk)
        return rl_fail(err, RL_ERR_FORMAT,
                       "vocabulary has neither byte pieces nor unk: characters that are no piece have no id");
    return RL_OK;
}

typedef struct {
    float score;
    uint32_t id;
} scored;

static int best_first(const void *a, const void *b)
{
    const float x = ((const scored *)a)->score, y = ((const scored *)b)->score;
    return (x < y) - (x > y);
}

/* Scores become ranks: 0 the best, equal ones equal. */
static rl_status rank_pieces(rl_tokenizer *tok, const rl_vocab *v, rl_error *err)
{
    scored *order = rl_alloc(v->n * sizeof *order);
    tok->rank = rl_alloc(v->n * sizeof *tok->rank);
    if (order == NULL || tok->rank == NULL) {
        rl_free(order);
        return out_of_memory(err);
    }
    size_t n = 0;
    for (uint32_t id = 0; id < v->n; id++)
        if (rl_piece_class_of(tok->type[id]) == RL_CLASS_MERGED) order[n++] = (scored){v->pieces[id].score, id};
    qsort(order, n, sizeof *order, best_first);
    uint32_t rank = 0;
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && order[i].score != order[i - 1].score) rank++;
        tok->rank[order[i].id] = rank;
    }
    rl_free(order);
    return RL_OK;
}

/* The one-character pieces by code point, in pages of 256. */
static rl_status index_chars(rl_tokenizer *tok, const rl_vocab *v, rl_error *err)
{
    uint16_t n_pages = 1;
    for (int pass = 0; pass < 2; pass++) { /* count the pages, then fill them */
        for (uint32_t id = 0; id < v->n; id++) {
            const rl_piece *p = &v->pieces[id];
            if (rl_piece_class_of(tok->type[id]) != RL_CLASS_MERGED || !is_one_char(p)) continue;
            const uint32_t code = rl_utf8_code(p->text, p->bytes);
            uint16_t *page = &tok->page[code >> 8];
            if (*page == 0) *page = n_pages++;
            if (pass == 1) tok->code[*page][code & 255] = id;
        }
        if (pass == 1) break;
        tok->code = rl_alloc(n_pages * sizeof *tok->code);
        if (tok->code == NULL) return out_of_memory(err);
        memset(tok->code, 0xff, n_pages * sizeof *tok->code);
    }
    return RL_OK;
}

/* What decoding writes. Never longer than the piece, but for unknown: 5 bytes. */
static rl_status show_pieces(rl_tokenizer *tok, rl_error *err)
{
    static const char unknown[] = " \xe2\x81\x87 ";
    const size_t room = tok->span[tok->n - 1].offset + (size_t)tok->span[tok->n - 1].bytes + 5 * tok->n;
    tok->shown = rl_alloc(room);
    tok->show = rl_alloc(tok->n * sizeof *tok->show);
    if (tok->shown == NULL || tok->show == NULL) return out_of_memory(err);
    size_t at = 0;
    for (uint32_t id = 0; id < tok->n; id++) {
        const char *text = tok->text + tok->span[id].offset;
        const size_t n = tok->span[id].bytes, from = at;
        if (tok->type[id] == RL_PIECE_UNKNOWN) {
            memcpy(tok->shown + at, unknown, sizeof unknown - 1);
            at += sizeof unknown - 1;
        } else if (tok->type[id] == RL_PIECE_BYTE) {
            const rl_piece p = {.text = text, .bytes = (uint32_t)n};
            tok->shown[at++] = (char)byte_of(&p);
        } else {
            const bool marks = tok->type[id] != RL_PIECE_CONTROL;
            for (size_t i = 0; i < n;) {
                const bool mark = marks && n - i >= 3 && memcmp(text + i, RL_SPACE_MARK, 3) == 0;
                tok->shown[at++] = mark ? ' ' : text[i];
                i += mark ? 3 : 1;
            }
        }
        tok->show[id] = (rl_span){(uint32_t)from, (uint32_t)(at - from)};
        if (tok->show_max < at - from) tok->show_max = at - from;
    }
    return RL_OK;
}

rl_status rl_tokenizer_open(rl_tokenizer **out, const rl_vocab *v, rl_error *err)
{
    *out = NULL;
    rl_status status = check_ids(v, err);
    if (status != RL_OK) return status;
    rl_tokenizer *tok = rl_alloc(sizeof *tok);
    if (tok == NULL) return out_of_memory(err);
    tok->n = v->n;
    tok->bos = v->bos, tok->eos = v->eos, tok->unk = v->unk;
    tok->has_bos = v->has_bos, tok->has_eos = v->has_eos, tok->has_unk = v->has_unk;
    tok->add_bos = v->add_bos, tok->add_eos = v->add_eos, tok->add_space_prefix = v->add_space_prefix;
    tok->mode = v->mode, tok->by_rule = v->merges != NULL;
    if ((status = copy_pieces(tok, v, err)) != RL_OK || (status = check_scores(v, err)) != RL_OK ||
        (status = index_pieces(tok, v, err)) != RL_OK || (status = rank_pieces(tok, v, err)) != RL_OK ||
        (status = index_chars(tok, v, err)) != RL_OK || (status = rl_merges_open(tok, v, err)) != RL_OK ||
        (status = show_pieces(tok, err)) != RL_OK ||
        (status = rl_units_open(&tok->units, tok, err)) != RL_OK ||
        (status = rl_plan_tables_open(&tok->plan, tok, v, err)) != RL_OK) {
        rl_tokenizer_close(tok);
        return status;
    }
    *out = tok;
    return RL_OK;
}

void rl_tokenizer_close(rl_tokenizer *tok)
{
    if (tok == NULL) return;
    rl_free(tok->text);
    rl_free(tok->span);
    rl_free(tok->type);
    rl_free(tok->rank);
    rl_free(tok->shown);
    rl_free(tok->show);
    rl_free(tok->slot);
    rl_free(tok->merge);
    rl_free(tok->code);
    rl_free(tok->joint);
    rl_free(tok->joins);
    rl_units_close(tok->units);
    rl_plan_tables_close(tok->plan);
    rl_free(tok);
}
