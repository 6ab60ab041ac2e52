/* tokenizer_plan.c - sections, the pieces between and in them, and stretches of text that end at cuts. */
#include "tokenizer/tokenizer_plan.h"

#include "base/mem.h"

#include <stdlib.h>

/* ---- What is to be found, with RL_ENCODE_SPECIAL and without ---- */

typedef struct {
    rl_finder outer, inner; /* as spelled, between sections; normalized, in a section */
    rl_pattern *by_length;  /* owned: outer's, the longest first; NULL where their order does not matter */
    size_t reach;
    bool splits; /* the text around a place tells whether a piece lies across */
} lookout;

struct rl_plan_tables {
    lookout with[2];
};

static const lookout *lookout_of(const rl_tokenizer *tok, unsigned flags)
{
    return &tok->plan->with[flags & RL_ENCODE_SPECIAL ? 1 : 0];
}

static int longest_first(const void *a, const void *b)
{
    const rl_pattern *x = a, *y = b;
    if (x->bytes != y->bytes) return x->bytes > y->bytes ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

static bool order_by_length(lookout *l)
{
    if (!rl_finder_overlaps(&l->outer)) return true;
    l->by_length = rl_alloc(l->outer.n * sizeof *l->by_length);
    if (l->by_length == NULL) return false;
    memcpy(l->by_length, l->outer.pattern, l->outer.n * sizeof *l->by_length);
    qsort(l->by_length, l->outer.n, sizeof *l->by_length, longest_first);
    return true;
}

static bool open_lookout(lookout *l, const rl_tokenizer *tok, const rl_vocab *v, bool special)
{
    const unsigned types =
        1u << RL_PIECE_USER_DEFINED | (special ? 1u << RL_PIECE_CONTROL | 1u << RL_PIECE_UNKNOWN : 0);
    const bool llama_cpp = tok->mode == RL_MODE_LLAMA_CPP;
    if (tok->mode == RL_MODE_SENTENCEPIECE) {
        l->splits = true;
        return true; /* nothing is looked for */
    }
    if (!rl_finder_open(&l->outer, tok, v, types, llama_cpp ? RL_FIND_ALL : RL_FIND_AS_SPELLED)) return false;
    if (!llama_cpp && !rl_finder_open(&l->inner, tok, v, types, RL_FIND_NORMALIZED)) return false;
    if (llama_cpp && !order_by_length(l)) return false;
    l->reach = l->outer.reach + l->inner.reach;
    l->splits = l->by_length == NULL && l->outer.utf8 && !l->inner.ragged;
    return true;
}

rl_status rl_plan_tables_open(rl_plan_tables **out, const rl_tokenizer *tok, const rl_vocab *v, rl_error *err)
{
    rl_plan_tables *t = *out = rl_alloc(sizeof *t);
    if (t == NULL || !open_lookout(&t->with[0], tok, v, false) || !open_lookout(&t->with[1], tok, v, true))
        return rl_fail(err, RL_ERR_MEMORY,
                       "vocabulary: out of memory"); /* the tokenizer closes what is there */
    return RL_OK;
}

void rl_plan_tables_close(rl_plan_tables *t)
{
    if (t == NULL) return;
    for (size_t i = 0; i < RL_COUNT(t->with); i++) {
        rl_finder_close(&t->with[i].outer);
        rl_finder_close(&t->with[i].inner);
        rl_free(t->with[i].by_length);
    }
    rl_free(t);
}

size_t rl_plan_reach(const rl_tokenizer *tok, unsigned flags)
{
    return lookout_of(tok, flags)->reach + 4; /* and the character behind a cut */
}

/* ---- Pieces that overlap, the longest first ---- */

bool rl_plan_by_length(const rl_tokenizer *tok, unsigned flags)
{
    return lookout_of(tok, flags)->by_length != NULL;
}

bool rl_plan_finds(const rl_tokenizer *tok, const char *text, size_t n_bytes, unsigned flags)
{
    rl_found ignored;
    return rl_finder_next(&lookout_of(tok, flags)->outer, text, 0, n_bytes, false, &ignored);
}

/* Marks all of a piece's occurrences in what is text still. Every piece marked before is as long or longer: one that
 * overlaps an occurrence covers its first byte or its last. */
static void mark_piece(const rl_pattern *p, const char *text, size_t n_bytes, uint32_t *marks)
{
    for (size_t at = 0; p->bytes <= n_bytes - at;) {
        const char *found = memchr(text + at, p->text[0], n_bytes - at - p->bytes + 1);
        if (found == NULL) return;
        at = (size_t)(found - text);
        if (marks[at] == 0 && marks[at + p->bytes - 1] == 0 && memcmp(found, p->text, p->bytes) == 0) {
            for (size_t i = 0; i < p->bytes; i++) marks[at + i] = p->id + 1;
            at += p->bytes;
        } else {
            at++;
        }
    }
}

void rl_plan_mark(const rl_tokenizer *tok, const char *text, size_t n_bytes, unsigned flags, uint32_t *marks)
{
    const lookout *l = lookout_of(tok, flags);
    memset(marks, 0, n_bytes * sizeof *marks);
    for (size_t i = 0; i < l->outer.n; i++) mark_piece(&l->by_length[i], text, n_bytes, marks);
}

/* ---- The plan ---- */

rl_plan rl_plan_resume(const rl_tokenizer *tok, const char *text, size_t n_bytes, unsigned flags, size_t at,
                       bool fresh)
{
    return (rl_plan){.tok = tok,
                     .text = text,
                     .n_bytes = n_bytes,
                     .flags = flags,
                     .at = at,
                     .fresh = fresh,
                     .begun = true};
}

rl_plan rl_plan_begin(const rl_tokenizer *tok, const char *text, size_t n_bytes, unsigned flags,
                      const uint32_t *marks)
{
    rl_plan p = rl_plan_resume(tok, text, n_bytes, flags, 0, true);
    p.begun = false;
    p.marks = marks;
    return p;
}

/* The piece that ends the section, or the end of the text. */
static void find_outer(rl_plan *p)
{
    if (p->has_outer) return;
    p->has_outer = true;
    p->has_inner = false;
    p->outer = (rl_found){p->n_bytes, p->n_bytes, RL_SYMBOL_NONE, false};
    size_t at = p->at;
    if (p->marks == NULL) {
        rl_found found;
        if (rl_finder_next(&lookout_of(p->tok, p->flags)->outer, p->text, at, p->n_bytes, false, &found))
            p->outer = found;
        return;
    }
    while (at < p->n_bytes && p->marks[at] == 0) at++;
    if (at == p->n_bytes) return;
    const uint32_t id = p->marks[at] - 1;
    p->outer = (rl_found){at, at + p->tok->span[id].bytes, id, false};
}

/* The next piece in the section, or its end. */
static void find_inner(rl_plan *p, bool prefix)
{
    if (p->has_inner) return;
    p->has_inner = true;
    const size_t end = p->outer.from;
    if (!rl_finder_next(&lookout_of(p->tok, p->flags)->inner, p->text, p->at, end, prefix, &p->inner))
        p->inner = (rl_found){end, end, RL_SYMBOL_NONE, false};
}

static bool take_id(rl_plan *p, const rl_found *found, rl_job *job)
{
    *job = (rl_job){found->from, found->to, found->id, false};
    p->at = found->to;
    p->has_inner = false;
    return true;
}

static bool take_stretch(rl_plan *p, size_t end, size_t longest, bool prefix, rl_job *job)
{
    if (longest < end - p->at) end = p->at + rl_tokenizer_cut(p->tok, p->text + p->at, end - p->at, longest);
    *job = (rl_job){p->at, end, RL_SYMBOL_NONE, prefix};
    p->at = end;
    p->fresh = false;
    return true;
}

bool rl_plan_next(rl_plan *p, size_t longest, rl_job *job)
{
    if (!p->begun) {
        p->begun = true;
        if (p->flags & RL_ENCODE_BOS) return take_id(p, &(rl_found){0, 0, p->tok->bos, false}, job);
    }
    find_outer(p);
    if (p->at < p->outer.from) {
        const bool prefix = p->fresh && p->tok->add_space_prefix;
        find_inner(p, prefix);
        const bool reached = p->at == p->inner.from && (!prefix || p->inner.took_prefix);
        if (!reached) return take_stretch(p, p->inner.from, longest, prefix, job);
        p->fresh = false;
        return take_id(p, &p->inner, job);
    }
    if (p->outer.id != RL_SYMBOL_NONE) {
        p->fresh = true;
        p->has_outer = false;
        return take_id(p, &p->outer, job);
    }
    if (p->ended || !(p->flags & RL_ENCODE_EOS)) return false;
    p->ended = true;
    return take_id(p, &(rl_found){p->n_bytes, p->n_bytes, p->tok->eos, false}, job);
}

size_t rl_plan_split(const rl_tokenizer *tok, const char *text, size_t n_bytes, unsigned flags, size_t at,
                     size_t limit)
{
    const lookout *l = lookout_of(tok, flags);
    if (!l->splits) return n_bytes;
    /* Four bytes more tell what character begins before the limit. */
    const size_t end = n_bytes > limit && n_bytes - limit > 4 ? limit + 4 : n_bytes;
    for (;; at++) {
        at = rl_tokenizer_cut(tok, text, end, at);
        if (at >= limit || at >= end) return n_bytes;
        if (!rl_finder_crosses(&l->outer, text, n_bytes, at) &&
            !rl_finder_crosses(&l->inner, text, n_bytes, at))
            return at;
    }
}
