/* tokenizer_units_long.c - merging of a long unit without a heap: by buckets, one for each rank.
 *
 * A merge nearly always makes places of later ranks: a piece is used after it was made. So the places of a rank are
 * gathered in a list when its turn comes, put in order, and merged from left to right. A unit of n characters costs n
 * list entries at the start and two a merge at most, each of which is written once, read once and sorted by its bytes:
 * no logarithm. What a merge makes of its own rank or an earlier one is urgent: it comes before the rest of the list, for
 * it lies to the left of that. Urgent places are few; where they are not, the unit is left to the heap. */
#include "tokenizer/tokenizer_units.h"

#include "base/mem.h"

#define NONE UINT32_MAX
enum { URGENT_MAX = 64 };

typedef struct {
    uint32_t at;         /* in the text */
    uint32_t prev, next; /* symbols that are left */
    uint16_t symbol, rank, made;
    uint16_t due; /* is among the places whose turn it is */
} node;

/* A place in a bucket's list. It stays when its symbol's rank changes, and is then out of date. */
typedef struct {
    uint32_t symbol, link; /* the list goes on with entry link - 1; 0 ends it */
} entry;

typedef struct {
    const rl_tokenizer *tok;
    const rl_units *u;
    rl_unit_buckets *buckets;
    node *nodes;
    entry *entries;
    uint32_t n_entries;
    uint32_t *turn, *spare; /* places of the rank whose turn it is, and room to sort them */
    uint32_t later;         /* ranks from here on go into buckets, earlier ones are urgent */
    uint64_t urgent[URGENT_MAX]; /* rank << 32 | place */
    size_t n_urgent;
    bool too_many;
    uint64_t merges, steps;
} state;

size_t rl_unit_long_scratch_bytes(size_t n_bytes)
{
    size_t total;
    return rl_mul_ok(n_bytes + 1, sizeof(node) + 3 * sizeof(entry) + 2 * sizeof(uint32_t), &total) ? total : 0;
}

/* ---- Buckets ---- */

static void push(state *s, uint32_t i)
{
    const uint32_t rank = s->nodes[i].rank;
    s->entries[s->n_entries] = (entry){i, s->buckets->head[rank]};
    s->buckets->head[rank] = ++s->n_entries;
    s->buckets->filled[rank >> 6] |= (uint64_t)1 << (rank & 63);
    s->buckets->words[rank >> 12] |= (uint64_t)1 << (rank >> 6 & 63);
}

/* The least rank that has places, out of the buckets; NONE where there is none. */
static uint32_t next_rank(rl_unit_buckets *b)
{
    for (uint32_t i = 0; i < RL_COUNT(b->words); i++) {
        if (b->words[i] == 0) continue;
        const uint32_t word = i << 6 | (uint32_t)__builtin_ctzll(b->words[i]);
        const uint32_t rank = word << 6 | (uint32_t)__builtin_ctzll(b->filled[word]);
        b->filled[word] &= b->filled[word] - 1;
        if (b->filled[word] == 0) b->words[i] &= b->words[i] - 1;
        return rank;
    }
    return NONE;
}

/* One pass of a radix sort, by the byte at `shift`. */
static void sort_by_byte(const uint32_t *restrict from, uint32_t *restrict to, size_t n, unsigned shift)
{
    size_t count[257] = {0};
    for (size_t i = 0; i < n; i++) count[(from[i] >> shift & 255) + 1]++;
    for (size_t c = 0; c < 256; c++) count[c + 1] += count[c];
    for (size_t i = 0; i < n; i++) to[count[from[i] >> shift & 255]++] = from[i];
}

static void sort(state *s, size_t n)
{
    uint32_t most = 0;
    bool sorted = true;
    for (size_t i = 0; i < n; i++) {
        sorted = sorted && s->turn[i] >= most;
        most = s->turn[i] > most ? s->turn[i] : most;
    }
    if (sorted) return;
    if (n <= 24) {
        for (size_t i = 1; i < n; i++) {
            const uint32_t x = s->turn[i];
            size_t k = i;
            for (; k > 0 && s->turn[k - 1] > x; k--) s->turn[k] = s->turn[k - 1];
            s->turn[k] = x;
        }
        return;
    }
    for (unsigned shift = 0; shift < 32 && most >> shift != 0; shift += 8) {
        sort_by_byte(s->turn, s->spare, n, shift);
        uint32_t *other = s->turn;
        s->turn = s->spare;
        s->spare = other;
    }
}

/* ---- Merging ---- */

static void consider(state *s, uint32_t i)
{
    node *left = &s->nodes[i];
    left->rank = RL_UNIT_NONE;
    if (left->next == NONE) return;
    const uint32_t right = s->nodes[left->next].symbol;
    if (left->symbol == RL_UNIT_NONE || right == RL_UNIT_NONE) return;
    const rl_unit_made m = rl_unit_find_merge(s->u, left->symbol, right);
    left->rank = m.rank;
    left->made = m.id;
    if (m.rank == RL_UNIT_NONE) return;
    if (m.rank >= s->later)
        push(s, i);
    else if (s->n_urgent < URGENT_MAX)
        s->urgent[s->n_urgent++] = (uint64_t)m.rank << 32 | i;
    else
        s->too_many = true;
}

static void merge_at(state *s, uint32_t i)
{
    node *left = &s->nodes[i], *right = &s->nodes[left->next];
    left->symbol = left->made;
    left->next = right->next;
    right->rank = RL_UNIT_NONE;
    if (left->next != NONE) s->nodes[left->next].prev = i;
    if (left->prev != NONE) consider(s, left->prev);
    consider(s, i);
    s->merges++;
}

/* What has become urgent, the best first. */
static void merge_urgent(state *s)
{
    while (s->n_urgent > 0) {
        size_t best = 0;
        for (size_t k = 1; k < s->n_urgent; k++)
            if (s->urgent[k] < s->urgent[best]) best = k;
        const uint64_t place = s->urgent[best];
        s->urgent[best] = s->urgent[--s->n_urgent];
        s->steps += s->n_urgent + 1;
        if (s->nodes[(uint32_t)place].rank == place >> 32) merge_at(s, (uint32_t)place);
    }
}

/* The places of a rank, each once, out of its list. */
static size_t gather(state *s, uint32_t rank)
{
    size_t places = 0;
    for (uint32_t e = s->buckets->head[rank]; e != 0; e = s->entries[e - 1].link) {
        const uint32_t i = s->entries[e - 1].symbol;
        s->steps++;
        if (s->nodes[i].rank != rank || s->nodes[i].due) continue;
        s->nodes[i].due = true;
        s->turn[places++] = i;
    }
    s->buckets->head[rank] = 0;
    return places;
}

static void merge_all(state *s, uint32_t n)
{
    for (uint32_t i = n; i-- > 0;) consider(s, i);
    for (uint32_t rank; (rank = next_rank(s->buckets)) != NONE;) {
        const size_t places = gather(s, rank);
        if (s->too_many) continue; /* it only remains to empty the buckets */
        sort(s, places);
        s->later = rank + 1;
        for (size_t i = 0; i < places; i++) {
            node *left = &s->nodes[s->turn[i]];
            left->due = false;
            if (left->rank == rank) merge_at(s, s->turn[i]); /* its left neighbour may just have taken it */
            merge_urgent(s);
        }
    }
}

/* ---- In and out ---- */

static uint32_t split(state *s, const char *text, size_t n_bytes, bool prefix)
{
    uint32_t n = 0;
    if (prefix) s->nodes[n++] = (node){.symbol = s->u->mark_id, .prev = NONE, .next = 1};
    for (size_t at = 0, step; at < n_bytes; at += step, n++) {
        uint32_t code;
        step = rl_unit_character(text + at, n_bytes - at, &code);
        const uint32_t symbol = rl_tokenizer_char_symbol(s->tok, code);
        s->nodes[n] = (node){.at = (uint32_t)at, .prev = n - 1, .next = n + 1}; /* 0 - 1 is NONE */
        s->nodes[n].symbol = symbol & RL_SYMBOL_CHAR ? RL_UNIT_NONE : (uint16_t)symbol;
    }
    s->nodes[n - 1].next = NONE;
    return n;
}

bool rl_unit_merge_long(const rl_tokenizer *tok, const rl_units *u, rl_unit_buckets *buckets, void *scratch,
                        const char *text, size_t n_bytes, bool prefix, size_t spaces, rl_id_sink *sink,
                        rl_tokenizer_work *work)
{
    if (prefix && u->mark_id == RL_UNIT_NONE) return false;
    state s = {.tok = tok, .u = u, .buckets = buckets, .nodes = scratch};
    s.entries = (entry *)(s.nodes + n_bytes + 1);
    s.turn = (uint32_t *)(s.entries + 3 * (n_bytes + 1));
    s.spare = s.turn + n_bytes + 1;
    const uint32_t n = split(&s, text, n_bytes, prefix);
    merge_all(&s, n);
    if (s.too_many) return false;
    uint32_t i = 0;
    if (spaces > 0) { /* the last of them is the first symbol, unless the word took it */
        const bool left = s.nodes[0].symbol == u->mark_id;
        rl_unit_put_run(u, sink, spaces - !left);
        if (left) i = s.nodes[0].next;
    }
    for (; i != NONE; i = s.nodes[i].next) {
        if (s.nodes[i].symbol != RL_UNIT_NONE)
            rl_put_id(sink, s.nodes[i].symbol);
        else
            rl_unit_put_bytes(tok, sink, text + s.nodes[i].at, n_bytes - s.nodes[i].at);
    }
    work->symbols += n;
    work->merges += s.merges;
    work->steps += s.steps + n;
    return true;
}
