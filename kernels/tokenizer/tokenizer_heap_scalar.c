/* tokenizer_heap_scalar.c - merging in O(n log n): a linked list of symbols, and a heap of the places where
 * two neighbours merge.
 *
 * A heap entry is rank << 32 | index of the left symbol, so that the order "best score, then leftmost" is the
 * order of integers. Entries are never removed early. Instead each symbol knows the rank of the merge that
 * it and its right neighbour could do now, and an entry that pops up with any other rank is out of date. */
#include "tokenizer/tokenizer_tables.h"

#include "base/mem.h"

/* Indices of symbols are 32 bits, the last one means none. */
#define MAX_BYTES ((size_t)UINT32_MAX - 2)
#define NONE UINT32_MAX

typedef struct {
    uint32_t symbol, prev, next;
    uint32_t merged; /* what it makes with its right neighbour */
    uint32_t rank;   /* of that merge; NONE where they do not merge, or where this symbol is gone */
} node;

/* What an unused piece was merged from, when it was last considered. */
typedef struct {
    uint32_t left, right;
} parts;

typedef struct {
    const rl_tokenizer *tok;
    node *nodes;
    uint64_t *heap; /* 4-ary, least first; room for 2 entries a symbol: one each at the start, and a merge,
                       which takes one out and one symbol away, adds two at most */
    size_t n_heap;
    parts *unused; /* [pieces of the vocabulary] where it has unused ones */
    char *text;    /* normalized */
    uint64_t merges, steps;
} state;

size_t rl_tokenizer_heap_scratch_bytes(const rl_tokenizer *tok, size_t n_bytes)
{
    const size_t symbols = rl_tokenizer_max_symbols(tok, n_bytes);
    const size_t each = sizeof(node) + 2 * sizeof(uint64_t) + 3;
    const size_t fixed = (tok->has_unused ? tok->n * sizeof(parts) : 0) + (size_t)3 * RL_LINE;
    size_t total;
    if (symbols >= NONE) return 0;
    return rl_mul_ok(symbols, each, &total) && rl_add_ok(total, fixed, &total) ? total : 0;
}

static state lay_out(const rl_tokenizer *tok, void *scratch, size_t n_bytes)
{
    const size_t symbols = rl_tokenizer_max_symbols(tok, n_bytes);
    char *p = scratch;
    state s = {.tok = tok, .nodes = (node *)p};
    p += rl_round_up(symbols * sizeof(node), RL_LINE);
    s.heap = (uint64_t *)p;
    p += rl_round_up(2 * symbols * sizeof(uint64_t), RL_LINE);
    s.unused = (parts *)p;
    if (tok->has_unused) p += rl_round_up(tok->n * sizeof(parts), RL_LINE);
    s.text = p;
    return s;
}

/* ---- The heap ---- */

static void sift_up(state *s, size_t at)
{
    const uint64_t entry = s->heap[at];
    for (; at > 0 && s->heap[(at - 1) / 4] > entry; at = (at - 1) / 4, s->steps++)
        s->heap[at] = s->heap[(at - 1) / 4];
    s->heap[at] = entry;
    s->steps++;
}

static void sift_down(state *s, size_t at)
{
    const uint64_t entry = s->heap[at];
    for (size_t child; (child = 4 * at + 1) < s->n_heap; at = child, s->steps++) {
        const size_t end = child + 4 < s->n_heap ? child + 4 : s->n_heap;
        for (size_t c = child + 1; c < end; c++)
            if (s->heap[c] < s->heap[child]) child = c;
        if (s->heap[child] >= entry) break;
        s->heap[at] = s->heap[child];
    }
    s->heap[at] = entry;
    s->steps++;
}

static uint64_t pop(state *s)
{
    const uint64_t least = s->heap[0];
    s->heap[0] = s->heap[--s->n_heap];
    if (s->n_heap > 0) sift_down(s, 0);
    return least;
}

/* ---- Merging ---- */

/* Looks up what node i and its right neighbour merge to; true where they do. */
static bool consider(state *s, uint32_t i)
{
    node *left = &s->nodes[i];
    left->rank = NONE;
    if (left->next == NONE) return false;
    const uint32_t right = s->nodes[left->next].symbol;
    const rl_merge *m = rl_tokenizer_merge(s->tok, left->symbol, right);
    if (m->id == RL_SYMBOL_NONE) return false;
    left->merged = m->id;
    left->rank = m->rank;
    if (s->tok->type[m->id] == RL_PIECE_UNUSED) s->unused[m->id] = (parts){left->symbol, right};
    return true;
}

static uint64_t entry_of(const state *s, uint32_t i) { return (uint64_t)s->nodes[i].rank << 32 | i; }

static void merge_at(state *s, uint32_t i)
{
    node *left = &s->nodes[i], *right = &s->nodes[left->next];
    left->symbol = left->merged;
    left->next = right->next;
    right->rank = NONE;
    if (left->next != NONE) s->nodes[left->next].prev = i;
    s->merges++;
    const uint32_t places[] = {left->prev, i}; /* SentencePiece's order: unused pieces remember the last */
    for (size_t p = 0; p < RL_COUNT(places); p++)
        if (places[p] != NONE && consider(s, places[p])) {
            s->heap[s->n_heap++] = entry_of(s, places[p]);
            sift_up(s, s->n_heap - 1);
        }
}

static void merge_all(state *s, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (consider(s, i)) s->heap[s->n_heap++] = entry_of(s, i);
    if (s->n_heap > 1) /* else there is nothing to order; from the last entry that has a child */
        for (size_t i = (s->n_heap - 2) / 4 + 1; i-- > 0;) sift_down(s, i);
    while (s->n_heap > 0) {
        const uint64_t entry = pop(s);
        const uint32_t i = (uint32_t)entry;
        if (s->nodes[i].rank == entry >> 32) merge_at(s, i);
    }
}

/* ---- In and out ---- */

static uint32_t add(state *s, uint32_t n, uint32_t symbol)
{
    s->nodes[n] = (node){.symbol = symbol, .prev = n - 1, .next = n + 1}; /* 0 - 1 is NONE */
    return n + 1;
}

static uint32_t split(state *s, size_t n_bytes)
{
    uint32_t n = 0;
    for (size_t at = 0, step; at < n_bytes; at += step) {
        const uint32_t user = rl_tokenizer_user_defined(s->tok, s->text + at, n_bytes - at);
        if (user != RL_SYMBOL_NONE) {
            step = s->tok->span[user].bytes;
            n = add(s, n, RL_SYMBOL_FROZEN | user);
            continue;
        }
        bool raw;
        step = rl_tokenizer_step(s->text + at, n_bytes - at, &raw);
        if (!raw) n = add(s, n, rl_tokenizer_char_symbol(s->tok, rl_utf8_code(s->text + at, step)));
        for (size_t i = 0; raw && i < step; i++)
            n = add(s, n, RL_SYMBOL_CHAR | (RL_CODE_RAW + (uint8_t)s->text[at + i]));
    }
    if (n > 0) s->nodes[n - 1].next = NONE;
    return n;
}

static void put_symbol(const state *s, rl_id_sink *sink, uint32_t symbol)
{
    if (symbol & RL_SYMBOL_CHAR) {
        char text[4];
        const uint32_t code = symbol & ~RL_SYMBOL_CHAR;
        text[0] = (char)(code - RL_CODE_RAW);
        rl_put_char(sink, s->tok, text, code < RL_CODE_RAW ? rl_utf8_put(code, text) : 1);
        return;
    }
    const uint32_t id = symbol & ~RL_SYMBOL_FROZEN;
    if (s->tok->type[id] != RL_PIECE_UNUSED) {
        rl_put_id(sink, id);
        return;
    }
    const char *text = s->tok->text + s->tok->span[id].offset;
    if (s->tok->span[id].bytes == rl_utf8_expected((uint8_t)text[0])) {
        rl_put_char(sink, s->tok, text, s->tok->span[id].bytes);
        return;
    }
    put_symbol(s, sink, s->unused[id].left); /* shorter strings: at most RL_PIECE_BYTES_MAX deep */
    put_symbol(s, sink, s->unused[id].right);
}

size_t rl_tokenizer_heap_encode(const rl_tokenizer *tok, void *restrict scratch, const char *restrict text,
                                size_t n_bytes, bool prefix, uint32_t *restrict ids, size_t max_ids,
                                rl_tokenizer_work *restrict work)
{
    state s = lay_out(tok, scratch, n_bytes);
    const uint32_t n = split(&s, rl_tokenizer_normalize(tok, text, n_bytes, prefix, s.text));
    merge_all(&s, n);
    rl_id_sink sink = {.ids = ids, .max = max_ids};
    for (uint32_t i = n > 0 ? 0 : NONE; i != NONE; i = s.nodes[i].next)
        put_symbol(&s, &sink, s.nodes[i].symbol);
    work->symbols += n;
    work->merges += s.merges;
    work->steps += s.steps;
    return sink.n;
}

static const rl_tokenizer_kernel rows[] = {
    {{"tokenizer_heap_scalar", RL_SCALAR, 0}, "heap", MAX_BYTES, rl_tokenizer_heap_scratch_bytes,
     rl_tokenizer_heap_encode, NULL},
};
const rl_tokenizer_table rl_tokenizer_heap_scalar = {rows, RL_COUNT(rows)};
