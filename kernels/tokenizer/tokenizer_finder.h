/* tokenizer_finder.h - pieces spelled out in a text, leftmost and longest; for the files of this folder only.
 *
 * A text that has none is passed over by the bytes that they begin with: at the speed of memchr where that is one byte.
 * A `marked` finder looks at the text as it is after normalization: a space, or U+2581 itself, is the U+2581 of a
 * piece, and so is the prefix of a section at its start. */
#ifndef RL_TOKENIZER_FINDER_H
#define RL_TOKENIZER_FINDER_H

#include "tokenizer/tokenizer_tables.h"

typedef struct {
    const char *text;
    uint32_t bytes, id;
} rl_pattern;

typedef struct {
    rl_pattern *pattern; /* [n] owned, in the order of their bytes */
    size_t n;
    char *text;   /* owned: spellings of a marked finder; others borrow the tokenizer's */
    size_t reach; /* the longest, in bytes of text at most */
    bool marked;
    size_t marks;   /* U+2581 that every piece begins with, left out of `pattern`; 0 where their numbers differ */
    bool ragged;    /* they do differ */
    bool utf8;      /* every piece is */
    bool lead[256]; /* bytes of text where a pattern can begin */
    size_t n_leads;
    uint8_t a_lead; /* one of them */
} rl_finder;

typedef struct {
    size_t from, to; /* in bytes of the text */
    uint32_t id;
    bool took_prefix;
} rl_found;

/* The pieces of `vocab` whose type is in the mask `types`; those that are `normalized`, those that are not, or both.
 * Returns false where there is no memory. */
typedef enum { RL_FIND_AS_SPELLED, RL_FIND_NORMALIZED, RL_FIND_ALL } rl_find_which;
bool rl_finder_open(rl_finder *f, const rl_tokenizer *tok, const rl_vocab *vocab, unsigned types,
                    rl_find_which which);
void rl_finder_close(rl_finder *f);

/* The first piece within text [at, end), `prefix`: a U+2581 stands before `at`. False where there is none. */
bool rl_finder_next(const rl_finder *f, const char *text, size_t at, size_t end, bool prefix,
                    rl_found *found);

/* Whether some piece can lie across place `at`, or end there, wherever sections begin; not for ragged finders. */
bool rl_finder_crosses(const rl_finder *f, const char *text, size_t n_bytes, size_t at);

/* Whether an occurrence of a piece can overlap another that begins elsewhere. Where none can, the order in which the
 * pieces are looked for does not matter, but for the longer before the shorter at one place. */
bool rl_finder_overlaps(const rl_finder *f);

#endif
