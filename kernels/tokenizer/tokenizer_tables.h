/* tokenizer_tables.h - what a tokenizer knows of its vocabulary; for the files of this folder only.
 *
 * Merging works on symbols, numbers that stand for strings:
 *   an id                          the text of a normal, user-defined or unused piece
 *   RL_SYMBOL_CHAR | code point    a character that is no such piece (it can still be part of one)
 *   RL_SYMBOL_CHAR | RL_CODE_RAW + byte    a byte of no character, in mode LLAMA_CPP; merges with nothing
 *   RL_SYMBOL_FROZEN | id          a user-defined piece taken from the text; merges with nothing
 * Every string has one symbol only, so "the concatenation is a piece" is a look-up of two symbols. */
#ifndef RL_TOKENIZER_TABLES_H
#define RL_TOKENIZER_TABLES_H

#include "tokenizer/tokenizer.h"
#include "tokenizer/utf8.h"

#include <string.h>

#define RL_SYMBOL_CHAR 0x80000000u
#define RL_SYMBOL_FROZEN 0x40000000u
#define RL_SYMBOL_NONE 0xffffffffu
#define RL_CODE_RAW 0x110000u  /* past the last code point */
#define RL_CODE_MARK 0x2581u   /* what a space becomes */

#define RL_SPACE_MARK "\xe2\x96\x81"  /* U+2581 */
#define RL_REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/* Classes of pieces, which may spell the same text: those that merging makes, the reserved ones, and those that only the
 * plan finds. */
typedef enum { RL_CLASS_MERGED, RL_CLASS_RESERVED, RL_CLASS_ADDED } rl_piece_class;
enum { RL_TYPE_ADDED = RL_PIECE_BYTE + 1 }; /* in rl_tokenizer.type: a user-defined piece that the model lacks */
enum { RL_MERGED_TYPES = 1 << RL_PIECE_NORMAL | 1 << RL_PIECE_USER_DEFINED | 1 << RL_PIECE_UNUSED };

static inline rl_piece_class rl_piece_class_of(uint32_t type)
{
    return type == RL_TYPE_ADDED           ? RL_CLASS_ADDED
           : 1 << type & RL_MERGED_TYPES ? RL_CLASS_MERGED
                                         : RL_CLASS_RESERVED;
}

typedef struct {
    uint32_t offset, bytes;
} rl_span;

/* What two neighbours merge to. Lower rank first; equal scores share a rank. An empty slot has id NONE. */
typedef struct {
    uint32_t left, right, id, rank;
} rl_merge;

typedef struct rl_units rl_units;

struct rl_tokenizer {
    size_t n;
    uint32_t bos, eos, unk;
    bool has_bos, has_eos, has_unk, add_bos, add_eos, add_space_prefix;
    rl_tokenizer_mode mode;
    bool by_rule; /* the vocabulary came with merge rules: rank[] says nothing, merge[] has all */

    char *text;      /* all pieces, one after another */
    rl_span *span;   /* [n] each piece in text */
    uint8_t *type;   /* [n] rl_piece_type, or RL_TYPE_ADDED */
    uint32_t *rank;  /* [n] merging order of the merged class; 0 is the best */
    char *shown;     /* all pieces as decoding writes them */
    rl_span *show;   /* [n] each in shown */
    size_t show_max; /* the longest of those */

    uint32_t *slot; /* ids by text and class, open addressing; RL_SYMBOL_NONE where empty */
    size_t slot_mask;
    rl_merge *merge; /* by left and right, open addressing */
    size_t merge_mask;
    uint16_t page[0x110000 >> 8]; /* page p of the code points is row page[p] of `code`; row 0 is empty */
    uint32_t (*code)[256];        /* ids of the one-character pieces, RL_SYMBOL_NONE elsewhere */

    uint16_t joint_page[0x110000 >> 8]; /* likewise: which characters merges meet at, */
    uint16_t (*joint)[256];             /* numbered from 1; 0: none */
    uint64_t *joins;                    /* bit y of row x: some merge has x last on its left and y first on its right */
    size_t joins_row;                   /* 64-bit words of a row; 0: too many characters, any two may join */

    rl_units *units; /* tokenizer_units.h; NULL: this vocabulary has none */

    bool has_bytes, has_unused;
    uint32_t byte_id[256];
    bool user_lead[256];             /* bytes that a user-defined piece begins with; in mode SENTENCEPIECE only */
    size_t reach[RL_PIECE_BYTE + 1]; /* the longest piece of each type, in bytes */

    struct rl_plan_tables *plan; /* owned */
};

/* The piece of that class spelled so; RL_SYMBOL_NONE where there is none. */
uint32_t rl_tokenizer_lookup(const rl_tokenizer *tok, rl_piece_class class, const char *text, size_t n_bytes);

/* The longest piece of one of the types (a mask of 1 << type) that text [n_bytes] begins with; RL_SYMBOL_NONE
 * where there is none. */
uint32_t rl_tokenizer_longest(const rl_tokenizer *tok, unsigned types, const char *text, size_t n_bytes);

/* The heap kernel's functions, for what other kernels leave to it. */
size_t rl_tokenizer_heap_scratch_bytes(const rl_tokenizer *tok, size_t n_bytes);
rl_tokenizer_encode_fn rl_tokenizer_heap_encode;

/* Point 1 of encoding: writes at most 3 * (n_bytes + 1) bytes, returns how many. In mode LLAMA_CPP only spaces
 * change; in the others the result is well-formed UTF-8. */
size_t rl_tokenizer_normalize(const rl_tokenizer *tok, const char *restrict text, size_t n_bytes, bool prefix,
                              char *restrict out);

/* Lists what merges to what, and fills merge[] and joins[] (tokenizer_merges.c). RL_ERR_FORMAT for a rule that makes no
 * sense, RL_ERR_MEMORY. */
rl_status rl_merges_open(rl_tokenizer *tok, const rl_vocab *v, rl_error *err);

/* The symbol of a string; NONE where it is several characters and no piece. */
uint32_t rl_tokenizer_symbol(const rl_tokenizer *tok, const char *text, size_t n_bytes);

/* Bytes of normalized text [n_bytes > 0] that are taken together: a character, or (mode LLAMA_CPP, *raw then) what a
 * byte that begins none takes with it. */
static inline size_t rl_tokenizer_step(const char *text, size_t n_bytes, bool *raw)
{
    static const uint8_t announced[16] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 3, 4};
    const size_t length = rl_utf8_length(text, n_bytes), most = announced[(uint8_t)text[0] >> 4];
    *raw = length == 0;
    return length > 0 ? length : most < n_bytes ? most : n_bytes;
}

/* The most symbols that a text can begin with, the prefix among them: one a byte; but where a stray byte takes a part of
 * a space's three along (mode LLAMA_CPP), four for those two bytes. */
static inline size_t rl_tokenizer_max_symbols(const rl_tokenizer *tok, size_t n_bytes)
{
    return (tok->mode == RL_MODE_LLAMA_CPP ? 2 * n_bytes : n_bytes) + 1;
}

/* Point 2: the user-defined piece that normalized text [n_bytes > 0] begins with, else RL_SYMBOL_NONE. */
static inline uint32_t rl_tokenizer_user_defined(const rl_tokenizer *tok, const char *text, size_t n_bytes)
{
    if (!tok->user_lead[(uint8_t)text[0]]) return RL_SYMBOL_NONE;
    return rl_tokenizer_longest(tok, 1u << RL_PIECE_USER_DEFINED, text, n_bytes);
}

static inline uint32_t rl_tokenizer_char_symbol(const rl_tokenizer *tok, uint32_t code)
{
    const uint32_t id = tok->code[tok->page[code >> 8]][code & 255];
    return id != RL_SYMBOL_NONE ? id : RL_SYMBOL_CHAR | code;
}

/* A character's number among those that merges meet at; a space's is U+2581's. */
static inline uint32_t rl_tokenizer_joint(const rl_tokenizer *tok, uint32_t code)
{
    return tok->joint[tok->joint_page[code >> 8]][code & 255];
}

static inline bool rl_joint_numbers(const rl_tokenizer *tok, uint32_t x, uint32_t y)
{
    if (x == 0 || y == 0) return false;
    return tok->joins_row == 0 || tok->joins[x * tok->joins_row + (y >> 6)] >> (y & 63) & 1;
}

/* Whether some merge has x as the last character of its left side and y as the first of its right: where none has, the
 * ids of what ends with x and of what begins with y do not depend on each other. */
static inline bool rl_tokenizer_joins(const rl_tokenizer *tok, uint32_t x, uint32_t y)
{
    return rl_joint_numbers(tok, rl_tokenizer_joint(tok, x), rl_tokenizer_joint(tok, y));
}

static inline size_t rl_merge_hash(uint32_t left, uint32_t right)
{
    uint64_t h = ((uint64_t)left << 32 | right) * 0x9e3779b97f4a7c15u;
    return (size_t)(h ^ h >> 32);
}

/* What the two merge to, or an empty slot. */
static inline const rl_merge *rl_tokenizer_merge(const rl_tokenizer *tok, uint32_t left, uint32_t right)
{
    for (size_t at = rl_merge_hash(left, right);; at++) {
        const rl_merge *m = &tok->merge[at & tok->merge_mask];
        if (m->id == RL_SYMBOL_NONE || (m->left == left && m->right == right)) return m;
    }
}

/* Ids on their way out: counted all, kept while there is room. */
typedef struct {
    uint32_t *ids;
    size_t max, n;
    bool after_unknown; /* the last one was unknown: another joins it */
} rl_id_sink;

static inline void rl_put_id(rl_id_sink *sink, uint32_t id)
{
    if (sink->n < sink->max) sink->ids[sink->n] = id;
    sink->n++;
    sink->after_unknown = false;
}

/* A character that is no piece. */
static inline void rl_put_char(rl_id_sink *sink, const rl_tokenizer *tok, const char *text, size_t n_bytes)
{
    if (tok->has_bytes) {
        for (size_t i = 0; i < n_bytes; i++) rl_put_id(sink, tok->byte_id[(uint8_t)text[i]]);
    } else {
        if (!sink->after_unknown) rl_put_id(sink, tok->unk);
        sink->after_unknown = true;
    }
}

#endif
