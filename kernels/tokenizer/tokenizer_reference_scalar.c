/* tokenizer_reference_scalar.c - the specification: looks at every pair of neighbours before every merge,
 * strings and scores only. O(n^2) look-ups; what the other kernels are held to. */
#include "tokenizer/tokenizer_tables.h"

#include "base/mem.h"

#define MAX_BYTES ((size_t)UINT32_MAX)

/* A stretch of the normalized text. */
typedef struct {
    size_t at, bytes;
    bool frozen, raw;
} stretch;

typedef struct {
    const rl_tokenizer *tok;
    stretch *part;
    size_t n;
    size_t *cut; /* [pieces of the vocabulary] where an unused piece was last to be cut, in bytes */
    char *text;
    uint64_t steps;
} state;

static size_t scratch_bytes(const rl_tokenizer *tok, size_t n_bytes)
{
    size_t total;
    return rl_mul_ok(rl_tokenizer_max_symbols(tok, n_bytes), sizeof(stretch) + 3, &total) &&
                   rl_add_ok(total, tok->n * sizeof(size_t), &total)
               ? total
               : 0;
}

/* The rule that part i and the next one merge by, in a vocabulary that has rules. */
static const rl_merge *rule(const state *s, size_t i)
{
    const stretch *p = &s->part[i];
    return rl_tokenizer_merge(s->tok, rl_tokenizer_symbol(s->tok, s->text + p[0].at, p[0].bytes),
                              rl_tokenizer_symbol(s->tok, s->text + p[1].at, p[1].bytes));
}

/* The piece that part i and the next one are together, or RL_SYMBOL_NONE. */
static uint32_t together(state *s, size_t i)
{
    if (i + 1 >= s->n || s->part[i].frozen || s->part[i + 1].frozen) return RL_SYMBOL_NONE;
    const size_t bytes = s->part[i].bytes + s->part[i + 1].bytes;
    s->steps++;
    if (bytes > RL_PIECE_BYTES_MAX) return RL_SYMBOL_NONE;
    const uint32_t id = rl_tokenizer_lookup(s->tok, RL_CLASS_MERGED, s->text + s->part[i].at, bytes);
    return s->tok->by_rule && id != RL_SYMBOL_NONE ? rule(s, i)->id : id;
}

static uint32_t rank(const state *s, size_t i, uint32_t id)
{
    return s->tok->by_rule ? rule(s, i)->rank : s->tok->rank[id];
}

/* Notes how the piece that part i and the next one are together would be cut. */
static void note_cut(state *s, size_t i)
{
    const uint32_t id = together(s, i);
    if (id != RL_SYMBOL_NONE) s->cut[id] = s->part[i].bytes;
}

static void split(state *s, size_t n_bytes)
{
    for (size_t at = 0; at < n_bytes; at += s->part[s->n++].bytes) {
        const uint32_t user = rl_tokenizer_user_defined(s->tok, s->text + at, n_bytes - at);
        const bool frozen = user != RL_SYMBOL_NONE;
        bool raw;
        const size_t step = rl_tokenizer_step(s->text + at, n_bytes - at, &raw);
        const size_t bytes = frozen ? s->tok->span[user].bytes : step;
        s->part[s->n] = (stretch){at, bytes, frozen || raw, raw && !frozen};
    }
}

/* Merges the best pair, the leftmost of several; false where there is none. */
static bool merge_best(state *s)
{
    size_t best = 0;
    uint32_t best_rank = RL_SYMBOL_NONE;
    for (size_t i = 0; i + 1 < s->n; i++) {
        const uint32_t id = together(s, i);
        if (id == RL_SYMBOL_NONE || rank(s, i, id) >= best_rank) continue;
        best = i;
        best_rank = rank(s, i, id);
    }
    if (best_rank == RL_SYMBOL_NONE) return false;
    s->part[best].bytes += s->part[best + 1].bytes;
    memmove(&s->part[best + 1], &s->part[best + 2], (s->n - best - 2) * sizeof *s->part);
    s->n--;
    if (best > 0) note_cut(s, best - 1);
    note_cut(s, best);
    return true;
}

static void put_text(const state *s, rl_id_sink *sink, const char *text, size_t bytes)
{
    const uint32_t id = rl_tokenizer_lookup(s->tok, RL_CLASS_MERGED, text, bytes);
    if (id != RL_SYMBOL_NONE && s->tok->type[id] != RL_PIECE_UNUSED) {
        rl_put_id(sink, id);
    } else if (rl_utf8_length(text, bytes) == bytes) {
        rl_put_char(sink, s->tok, text, bytes);
    } else {
        put_text(s, sink, text, s->cut[id]);
        put_text(s, sink, text + s->cut[id], bytes - s->cut[id]);
    }
}

static size_t encode(const rl_tokenizer *tok, void *restrict scratch, const char *restrict text,
                     size_t n_bytes, bool prefix, uint32_t *restrict ids, size_t max_ids,
                     rl_tokenizer_work *restrict work)
{
    state s = {.tok = tok, .cut = scratch};
    s.part = (stretch *)(s.cut + tok->n);
    s.text = (char *)(s.part + rl_tokenizer_max_symbols(tok, n_bytes));
    split(&s, rl_tokenizer_normalize(tok, text, n_bytes, prefix, s.text));
    work->symbols += s.n;
    for (size_t i = 0; i + 1 < s.n; i++) note_cut(&s, i);
    while (merge_best(&s)) work->merges++;
    rl_id_sink sink = {.ids = ids, .max = max_ids};
    for (size_t i = 0; i < s.n; i++) {
        const stretch *p = &s.part[i];
        if (p->raw)
            rl_put_char(&sink, tok, s.text + p->at, p->bytes);
        else
            put_text(&s, &sink, s.text + p->at, p->bytes);
    }
    work->steps += s.steps;
    return sink.n;
}

static const rl_tokenizer_kernel rows[] = {
    {{"tokenizer_reference_scalar", RL_SCALAR, 0}, "reference", MAX_BYTES, scratch_bytes, encode, NULL},
};
const rl_tokenizer_table rl_tokenizer_reference_scalar = {rows, RL_COUNT(rows)};
