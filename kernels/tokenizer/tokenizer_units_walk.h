/* tokenizer_units_walk.h - encoding by units (tokenizer_units.h), written once for the tiers; for this folder only.
 *
 *   1. Cut. Where units start is found for a batch of text first, 64 bytes at a time as a mask (`scan`, the tier's own), so
 *      that no branch hangs on how long a word is.
 *   2. Look up. A unit of up to 8 bytes is one masked load, a hash and a compare against the pieces of the vocabulary;
 *      one of up to 16 bytes two. Keys are made, and their slots asked for, some units ahead.
 *   3. Else remember. What is not one piece is looked for in a small direct-mapped table of the context's own, which
 *      fills with what was merged before. Its entries hold the unit's bytes and ids: a hit is exact.
 *   4. Else merge: up to 64 bytes in a small array, longer ones in the heap kernel. */
#ifndef RL_TOKENIZER_UNITS_WALK_H
#define RL_TOKENIZER_UNITS_WALK_H

#include "tokenizer/tokenizer_units.h"

#include "base/mem.h"

enum { RL_MEMORY_SLOTS = 1 << 13, RL_MEMORY_IDS = 7, RL_BATCH = 1024, RL_BLOCK = 64, RL_AHEAD = 32 };

typedef struct {
    uint64_t low, high;
    uint16_t ids[RL_MEMORY_IDS];
    uint8_t n, generation; /* another generation than now: empty */
} rl_unit_memory;

typedef struct {
    uint8_t generation; /* 1 to 255; 0 in zeroed memory, where nothing is remembered either */
    uint8_t unused[RL_LINE - 1];
    rl_unit_buckets buckets;
    rl_unit_memory slots[RL_MEMORY_SLOTS];
} rl_units_scratch; /* the heap's scratch memory comes after it */

typedef struct {
    const rl_tokenizer *tok;
    const rl_units *u;
    rl_units_scratch *scratch;
    const char *text;
    size_t n_bytes;
    rl_id_sink sink;
    rl_tokenizer_work work;
} rl_walk;

/* Where `scan` stands. */
typedef struct {
    size_t at;       /* a character begins here, or the text ends */
    uint32_t before; /* the number (rl_tokenizer_joint) of the character before it; 0: none, or it joins nothing */
    bool foreign;    /* mode LLAMA_CPP, and a byte that begins no character: units cannot say what it takes along */
} rl_scan;

/* Goes on by at least one block, or to the end of the text: writes where units start to start[0..], ascending, and
 * returns how many; at most RL_BLOCK. */
typedef size_t rl_scan_fn(const rl_walk *w, rl_scan *s, uint32_t *start);

/* ---- Step 1 ---- */

/* A block by characters, whatever they are. */
static inline size_t rl_scan_characters(const rl_walk *w, rl_scan *s, uint32_t *start)
{
    const size_t end = w->n_bytes - s->at > RL_BLOCK ? s->at + RL_BLOCK : w->n_bytes;
    size_t n = 0;
    while (s->at < end) {
        const char *p = w->text + s->at;
        const size_t length = rl_utf8_length(p, w->n_bytes - s->at);
        if (length == 0 && w->tok->mode == RL_MODE_LLAMA_CPP) {
            s->foreign = true;
            return n;
        }
        const uint32_t number = rl_tokenizer_joint(w->tok, length > 0 ? rl_utf8_code(p, length) : 0xfffd);
        start[n] = (uint32_t)s->at;
        n += !rl_joint_numbers(w->tok, s->before, number);
        s->before = number;
        s->at += length > 0 ? length : 1;
    }
    return n;
}

/* The places that a block's mask names. */
static inline size_t rl_scan_put(uint64_t mask, size_t base, uint32_t *start)
{
    size_t n = 0;
    for (; mask != 0; mask &= mask - 1) start[n++] = (uint32_t)(base + (size_t)__builtin_ctzll(mask));
    return n;
}

/* ---- Steps 2 to 4 ---- */

typedef struct {
    uint64_t low, high;
} rl_unit_key;

/* The key of a unit [n <= RL_UNIT_KEY] of which `room` >= n bytes can be read. */
static inline rl_unit_key rl_unit_load(const char *p, size_t n, size_t room)
{
    static const uint64_t keep[9] = {0,          0xff,         0xffff,         0xffffff,        0xffffffff,
                                     0xffffffffff, 0xffffffffffff, 0xffffffffffffff, 0xffffffffffffffff};
    rl_unit_key k = {0, 0};
    if (room < RL_UNIT_KEY) {
        memcpy(&k, p, n);
        return k;
    }
    memcpy(&k, p, sizeof k);
    k.low &= keep[n < 8 ? n : 8];
    k.high &= keep[n > 8 ? n - 8 : 0];
    return k;
}

static inline rl_unit_memory *rl_memory_slot(const rl_walk *w, rl_unit_key k)
{
    const uint64_t hash = (k.low ^ k.high * 0xd6e8feb86659fd93u) * RL_UNIT_HASH;
    return &w->scratch->slots[hash >> 51];
}
_Static_assert(RL_MEMORY_SLOTS == 1 << (64 - 51), "rl_memory_slot");

/* The ids of a unit [n <= RL_UNIT_MERGED] that is no known piece; returns how many. */
static inline size_t rl_walk_merge(rl_walk *w, const char *p, size_t n, size_t room,
                                   uint32_t ids[3 * RL_UNIT_MERGED])
{
    rl_unit_memory *memory = NULL;
    rl_unit_key k = {0, 0};
    if (n <= RL_UNIT_KEY) {
        k = rl_unit_load(p, n, room);
        memory = rl_memory_slot(w, k);
        if (memory->generation == w->scratch->generation && memory->low == k.low && memory->high == k.high) {
            w->work.remembered++;
            for (size_t i = 0; i < RL_MEMORY_IDS; i++) ids[i] = memory->ids[i];
            return memory->n;
        }
    }
    const size_t n_ids = rl_unit_merge_all(w->tok, w->u, p, n, ids, &w->work.steps);
    if (memory != NULL && n_ids <= RL_MEMORY_IDS && p[n - 1] != '\0') {
        *memory = (rl_unit_memory){.low = k.low, .high = k.high, .n = (uint8_t)n_ids,
                                   .generation = w->scratch->generation};
        for (size_t i = 0; i < n_ids; i++) memory->ids[i] = (uint16_t)ids[i];
    }
    return n_ids;
}

/* A unit of any length: by buckets, or where they do not get on with it, by the heap. The closed form has the run of
 * `spaces` spaces (0: none) that the unit begins with, the prefix among them: all but the last. */
static inline void rl_walk_long(rl_walk *w, const char *p, size_t n, bool prefix, size_t spaces)
{
    rl_id_sink *s = &w->sink;
    const size_t skip = spaces > 0 ? spaces - 1 - prefix : 0;
    if (rl_unit_merge_long(w->tok, w->u, &w->scratch->buckets, w->scratch + 1, p + skip, n - skip,
                           prefix && spaces == 0, spaces, s, &w->work))
        return;
    const size_t used = s->n < s->max ? s->n : s->max;
    s->n += rl_tokenizer_heap_encode(w->tok, w->scratch + 1, p, n, prefix, s->ids != NULL ? s->ids + used : NULL,
                                     s->max - used, &w->work);
}

/* A unit [n] about to be looked up. */
typedef struct {
    rl_unit_key key;
    uint32_t slot;
} rl_unit_query;

static inline rl_unit_query rl_walk_ask(const rl_walk *w, const char *p, size_t n, size_t room)
{
    rl_unit_query q = {{0, 0}, 0};
    if (n > RL_UNIT_KEY) return q;
    q.key = rl_unit_load(p, n, room);
    q.slot = n <= 8 ? rl_unit_short_slot(w->u, q.key.low) : rl_unit_long_slot(w->u, q.key.low, q.key.high);
    return q;
}

static inline uint32_t rl_walk_known(const rl_walk *w, size_t n, rl_unit_query q)
{
    if (n <= 8) return rl_unit_find_short(w->u, q.slot, q.key.low);
    return n <= RL_UNIT_KEY ? rl_unit_find_long(w->u, q.slot, q.key.low, q.key.high) : RL_UNIT_NONE;
}

/* The run of spaces that a unit begins with, the prefix among them, where the closed form holds for it; else 0. */
static inline size_t rl_walk_spaces(const rl_walk *w, const char *p, size_t n, bool prefix)
{
    size_t spaces = 0;
    while (spaces < n && p[spaces] == ' ') spaces++;
    const bool mark = n - spaces >= 3 && memcmp(p + spaces, RL_SPACE_MARK, 3) == 0; /* one more of them, spelled out */
    return w->u->run_max > 0 && spaces > 0 && spaces + prefix >= 2 && !mark ? spaces + prefix : 0;
}

/* A unit [n] that is no known piece; with the prefix before it, one that is longer than RL_UNIT_MERGED. Not inline: it is
 * the rare one. */
static __attribute__((noinline)) void rl_walk_other(rl_walk *w, const char *p, size_t n, size_t room, bool prefix)
{
    uint32_t ids[3 * RL_UNIT_MERGED];
    const size_t spaces = rl_walk_spaces(w, p, n, prefix);
    if (spaces == n + prefix) {
        rl_unit_put_run(w->u, &w->sink, spaces);
        return;
    }
    const size_t run = spaces > 0 ? spaces - 1 : 0; /* all but the space that the word may take */
    const size_t skip = spaces > 0 ? run - prefix : 0;
    if (n - skip > RL_UNIT_MERGED || (prefix && spaces == 0)) {
        rl_walk_long(w, p, n, prefix, spaces);
        return;
    }
    p += skip, n -= skip, room -= skip;
    const uint32_t id = run > 0 ? rl_walk_known(w, n, rl_walk_ask(w, p, n, room)) : RL_UNIT_NONE;
    if (id != RL_UNIT_NONE) {
        rl_unit_put_run(w->u, &w->sink, run);
        rl_put_id(&w->sink, id);
        return;
    }
    const size_t n_ids = rl_walk_merge(w, p, n, room, ids);
    const bool left = spaces > 0 && ids[0] == w->u->mark_id; /* the word did not take it */
    if (spaces > 0) rl_unit_put_run(w->u, &w->sink, run + left);
    for (size_t i = left; i < n_ids; i++) rl_put_id(&w->sink, ids[i]);
}

static inline void rl_walk_unit(rl_walk *w, const char *p, size_t n, size_t room, rl_unit_query q)
{
    const uint32_t id = rl_walk_known(w, n, q);
    if (id != RL_UNIT_NONE) {
        rl_put_id(&w->sink, id);
        w->work.known++;
    } else {
        rl_walk_other(w, p, n, room, false);
    }
}

/* A unit that begins with the U+2581 before the text, as a space. */
static void rl_walk_prefixed(rl_walk *w, const char *p, size_t n)
{
    char copy[RL_UNIT_MERGED + RL_UNIT_KEY] = " ";
    if (n + 1 > RL_UNIT_MERGED) {
        rl_walk_other(w, p, n, n, true);
        return;
    }
    if (n > 0) memcpy(copy + 1, p, n);
    rl_walk_unit(w, copy, n + 1, sizeof copy, rl_walk_ask(w, copy, n + 1, sizeof copy));
}

/* Units from start[i] to start[i + 1], for i < n. */
static inline void rl_walk_units(rl_walk *w, const uint32_t *start, size_t n)
{
    rl_unit_query ahead[RL_AHEAD];
    for (size_t from = 0; from < n; from += RL_AHEAD) {
        const size_t some = n - from < RL_AHEAD ? n - from : RL_AHEAD;
        const uint32_t *s = start + from;
        for (size_t i = 0; i < some; i++) {
            const size_t length = s[i + 1] - s[i];
            ahead[i] = rl_walk_ask(w, w->text + s[i], length, w->n_bytes - s[i]);
            __builtin_prefetch(length <= 8 ? (const void *)&w->u->shorts[ahead[i].slot & w->u->shorts_mask]
                                           : (const void *)&w->u->longs[ahead[i].slot & w->u->longs_mask]);
        }
        for (size_t i = 0; i < some; i++)
            rl_walk_unit(w, w->text + s[i], s[i + 1] - s[i], w->n_bytes - s[i], ahead[i]);
    }
}

/* ---- All of it ---- */

static inline size_t rl_units_encode(const rl_tokenizer *tok, void *restrict scratch, const char *restrict text,
                                     size_t n_bytes, bool prefix, uint32_t *restrict ids, size_t max_ids,
                                     rl_tokenizer_work *restrict work, rl_scan_fn *scan)
{
    rl_walk w = {.tok = tok, .u = tok->units, .scratch = scratch, .text = text, .n_bytes = n_bytes};
    w.sink = (rl_id_sink){.ids = ids, .max = max_ids};
    rl_units_scratch *own = scratch;
    if (w.u == NULL) return rl_tokenizer_heap_encode(tok, own + 1, text, n_bytes, prefix, ids, max_ids, work);
    if (own->generation == 0) own->generation = 1;

    uint32_t start[RL_BATCH + RL_BLOCK + 1];
    size_t n = 0;
    bool first = prefix && n_bytes > 0;
    rl_scan s = {.before = first ? w.u->mark : 0};
    if (first) start[n++] = 0; /* the unit of the prefix; empty where it does not join the text */
    do {
        while (s.at < n_bytes && n <= RL_BATCH && !s.foreign) n += scan(&w, &s, start + n);
        if (s.foreign) return rl_tokenizer_heap_encode(tok, own + 1, text, n_bytes, prefix, ids, max_ids, work);
        if (s.at == n_bytes) start[n++] = (uint32_t)n_bytes;
        if (first) rl_walk_prefixed(&w, text, start[1]); /* there is a second: the batch is full, or has the end */
        if (n > 0) {
            rl_walk_units(&w, start + first, n - 1 - first);
            w.work.units += n - 1;
            start[0] = start[n - 1];
            n = 1;
        }
        first = false;
    } while (s.at < n_bytes);
    work->symbols += w.work.symbols;
    work->merges += w.work.merges;
    work->steps += w.work.steps;
    work->units += w.work.units;
    work->known += w.work.known;
    work->remembered += w.work.remembered;
    return w.sink.n;
}

static inline size_t rl_units_scratch_bytes(const rl_tokenizer *tok, size_t n_bytes)
{
    size_t total;
    const size_t heap = rl_tokenizer_heap_scratch_bytes(tok, n_bytes), buckets = rl_unit_long_scratch_bytes(n_bytes);
    if (heap == 0 || buckets == 0) return 0;
    return rl_add_ok(heap > buckets ? heap : buckets, sizeof(rl_units_scratch), &total) ? total : 0;
}

static inline void rl_units_forget(void *scratch)
{
    rl_units_scratch *own = scratch;
    if (++own->generation == 0) {
        memset(own->slots, 0, sizeof own->slots);
        own->generation = 1;
    }
}

#endif
