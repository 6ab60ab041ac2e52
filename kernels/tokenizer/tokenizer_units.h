/* tokenizer_units.h - what the units kernels know of a vocabulary: tables made at open, out of the vocabulary alone.
 *
 * A unit is a stretch of text between two places where no merge can reach across (rl_tokenizer_joins), so a unit's ids
 * do not depend on what stands around it. Most units of a real text are a piece of the vocabulary and merge to just
 * that; the table of these pieces is a cache that is full from the start. What a table says was proved for this very
 * vocabulary: a piece is in it only where merging its own text was seen to give that piece, and the closed form for
 * runs of spaces is used only where the ranks of all merges bear it out. A vocabulary for which units would not be exact
 * has none (rl_units_open). For the files of this folder only. */
#ifndef RL_TOKENIZER_UNITS_H
#define RL_TOKENIZER_UNITS_H

#include "tokenizer/tokenizer_tables.h"

#define RL_UNIT_NONE 0xffffu /* an id, symbol or rank: none */

enum {
    RL_UNIT_KEY = 16,   /* the longest unit that is looked up, in bytes of the text */
    RL_UNIT_FILTER = 1 << 19, /* bits */
    RL_UNIT_MERGED = 64 /* the longest that merges in a small array; longer ones merge in the heap */
};

/* Units as keys: their bytes in the text (a space is a space), then zeros. No unit but the single NUL, which is in no
 * table, ends with a zero, so the key tells the length. */
typedef struct {
    uint64_t low, high; /* low 0: empty */
    uint32_t id, unused;
} rl_unit_long; /* 9 to 16 bytes */

typedef struct {
    uint32_t pair; /* left << 16 | right */
    uint16_t rank, id;
} rl_unit_merge; /* rank NONE: empty */

typedef struct {
    uint16_t rank, id; /* rank NONE: nothing */
} rl_unit_made;

struct rl_units {
    uint64_t *shorts; /* keys of up to 8 bytes, 0: empty; open addressing, all three */
    uint16_t *short_ids; /* apart, so that more keys share a line; NONE where the key is 0 */
    rl_unit_long *longs;
    rl_unit_merge *merges;
    unsigned shorts_shift, longs_shift, merges_shift; /* a hash's upper bits are the slot */
    uint32_t shorts_mask, longs_mask, merges_mask;

    uint8_t cuts[128][128];         /* 1: ASCII characters x and y, in that order, do not join; else 0 */
    uint16_t joint[128];            /* ASCII characters' numbers (rl_tokenizer_joint) */
    uint16_t symbol[128];           /* and ids, NONE where they are no piece */
    rl_unit_made ascii[128][128];   /* what two of them merge to */
    uint64_t met[RL_UNIT_FILTER / 64]; /* bit: two symbols of this hash may merge; most that meet do not */
    uint32_t mark;                  /* the joint number of U+2581 */
    uint16_t mark_id;               /* and its id */
    size_t run_max;                 /* runs of spaces: the longest piece, in spaces; 0: no closed form */
    uint16_t run[RL_UNIT_MERGED + 1]; /* [1..run_max] */
};

#define RL_UNIT_HASH 0x9e3779b97f4a7c15u

static inline uint32_t rl_unit_short_slot(const rl_units *u, uint64_t key)
{
    return (uint32_t)(key * RL_UNIT_HASH >> u->shorts_shift);
}

static inline uint32_t rl_unit_long_slot(const rl_units *u, uint64_t low, uint64_t high)
{
    return (uint32_t)((low ^ high * 0xd6e8feb86659fd93u) * RL_UNIT_HASH >> u->longs_shift);
}

/* The id of a unit that is a piece and merges to it; RL_UNIT_NONE: not known. `at` is the key's slot. */
static inline uint32_t rl_unit_find_short(const rl_units *u, uint32_t at, uint64_t key)
{
    for (;; at++) {
        const uint64_t found = u->shorts[at & u->shorts_mask];
        if (found == key || found == 0) return u->short_ids[at & u->shorts_mask];
    }
}

static inline uint32_t rl_unit_find_long(const rl_units *u, uint32_t at, uint64_t low, uint64_t high)
{
    for (;; at++) {
        const rl_unit_long *s = &u->longs[at & u->longs_mask];
        if ((s->low == low && s->high == high) || s->low == 0) return s->id;
    }
}

static inline uint64_t rl_unit_pair_hash(uint32_t pair) { return pair * RL_UNIT_HASH; }

/* The bit of `met` for a pair's hash. Other bits than those that find its slot. */
static inline uint32_t rl_unit_met_bit(uint64_t hash) { return (uint32_t)(hash >> 16) & (RL_UNIT_FILTER - 1); }

/* What two symbols merge to; rank NONE: nothing. */
static inline rl_unit_made rl_unit_find_merge(const rl_units *u, uint32_t left, uint32_t right)
{
    const uint32_t pair = left << 16 | right;
    const uint64_t hash = rl_unit_pair_hash(pair);
    const uint32_t bit = rl_unit_met_bit(hash);
    if (!(u->met[bit >> 6] >> (bit & 63) & 1)) return (rl_unit_made){RL_UNIT_NONE, RL_UNIT_NONE};
    for (uint32_t at = (uint32_t)(hash >> u->merges_shift);; at++) {
        const rl_unit_merge m = u->merges[at & u->merges_mask];
        if (m.pair == pair || m.rank == RL_UNIT_NONE) return (rl_unit_made){m.rank, m.id};
    }
}

/* Merges a unit [n_bytes <= RL_UNIT_MERGED] of text, all well-formed or not (a stray byte is U+FFFD). Writes at most
 * 3 * n_bytes ids, returns how many. Adds what it did to *steps. */
size_t rl_unit_merge_all(const rl_tokenizer *tok, const rl_units *u, const char *text, size_t n_bytes, uint32_t *ids,
                         uint64_t *steps);

/* The character at text [n_bytes > 0], U+FFFD where there is none, a space as U+2581; its length, 1 of a stray byte. */
static inline size_t rl_unit_character(const char *text, size_t n_bytes, uint32_t *code)
{
    const size_t length = rl_utf8_length(text, n_bytes);
    *code = length == 0 ? 0xfffd : text[0] == ' ' ? RL_CODE_MARK : rl_utf8_code(text, length);
    return length > 0 ? length : 1;
}

/* The ids of a character that is no piece. */
static inline void rl_unit_put_bytes(const rl_tokenizer *tok, rl_id_sink *sink, const char *text, size_t n_bytes)
{
    uint32_t code;
    char spelled[4];
    rl_unit_character(text, n_bytes, &code);
    rl_put_char(sink, tok, spelled, rl_utf8_put(code, spelled));
}

/* A run of spaces by the closed form. */
static inline void rl_unit_put_run(const rl_units *u, rl_id_sink *sink, size_t spaces)
{
    for (; spaces > u->run_max; spaces -= u->run_max) rl_put_id(sink, u->run[u->run_max]);
    if (spaces > 0) rl_put_id(sink, u->run[spaces]);
}

/* What merging a long unit needs beside its scratch memory: all zero before and after. */
typedef struct {
    uint32_t head[1 << 16];  /* of a rank's list of places, number + 1 */
    uint64_t filled[1 << 10]; /* bit: the rank has places */
    uint64_t words[1 << 4];   /* bit: the word of `filled` has bits */
} rl_unit_buckets;

/* Merges a unit of any length, with the U+2581 of the prefix before it or `spaces` - 1 spaces more than it has (of which
 * the closed form is then known to hold). scratch: rl_unit_long_scratch_bytes(n_bytes). False, and no id put, where it
 * does not get on with this unit: then it is the heap's. */
bool rl_unit_merge_long(const rl_tokenizer *tok, const rl_units *u, rl_unit_buckets *buckets, void *scratch,
                        const char *text, size_t n_bytes, bool prefix, size_t spaces, rl_id_sink *sink,
                        rl_tokenizer_work *work);
size_t rl_unit_long_scratch_bytes(size_t n_bytes); /* 0: more than a size_t */

/* *units is NULL, and all is well, for a vocabulary that has none: byte pieces missing, unused pieces, user-defined ones
 * that kernels take whole, more than 65,535 pieces or ranks, merges of characters that are no piece, NUL inside pieces.
 * RL_ERR_MEMORY. */
rl_status rl_units_open(rl_units **units, const rl_tokenizer *tok, rl_error *err);
void rl_units_close(rl_units *units); /* NULL is fine */

#endif
