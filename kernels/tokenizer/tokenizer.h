/* tokenizer.h - text to ids and back: SentencePiece BPE with byte fallback, as Llama and TinyLlama use it.
 *
 * Encoding gives what SentencePiece gives with the identity normalizer, and, by rl_tokenizer_mode, what Hugging Face's
 * tokenizers or llama.cpp give where these differ:
 *   1. Text is bytes with a length; NUL is text. A byte that is no part of a well-formed UTF-8 character
 *      becomes U+FFFD, each one its own. A space becomes U+2581, and where the vocabulary asks for it
 *      (add_space_prefix) one U+2581 stands before any text that is not empty.
 *   2. From the left, the longest user-defined piece that the text goes on with is taken whole and never
 *      merges; where there is none, one character is a symbol.
 *   3. Of all neighbours whose concatenation is a piece (normal, user-defined or unused), those with the best
 *      score merge, the leftmost of several, until no concatenation is a piece. In a vocabulary with rules
 *      (rl_merge_rule) only what they name merges, the first rule first.
 *   4. An unused piece is split again into what it was merged from. Any other piece gives its id. What is
 * left are single characters: they give their bytes as byte pieces; in a vocabulary without byte pieces, a
 * run of them gives one unknown id. (SentencePiece 0.2.3; in 0.2.0 an unused character still gave its id.)
 * Control, unknown and byte pieces never come out of merging; RL_ENCODE_SPECIAL finds control and unknown
 * pieces spelled out in the text, leftmost and longest, and encodes what lies between them each on its own.
 *
 * A rl_tokenizer never changes once open: any number of threads share it. A rl_tokenizer_ctx holds the
 * scratch memory of one thread. Sources: SentencePiece's bpe_model.cc and normalizer.cc, read for their
 * behaviour; the ids are tested against the `sentencepiece` package (tests/vectors/tokenizer.txt), and on
 * many more texts against all three engines (tests/differential/tokenizer_differential.py). */
#ifndef RL_TOKENIZER_H
#define RL_TOKENIZER_H

#include "base/kernel.h"

/* ---- The vocabulary: plain data, borrowed from whoever read the file ---- */

/* Whose ids they are, where these three differ: special pieces spelled out in the text, and bytes that are no
 * UTF-8. What lies between two special pieces is a section.
 *   HF             pieces of RL_ENCODE_SPECIAL and user-defined ones are found in the text, leftmost and longest;
 *                  every section is encoded on its own, with a U+2581 before it. `normalized` pieces are looked for
 *                  after that, in the section as it stands with its U+2581, and no U+2581 comes after them.
 *                  Where special pieces are not asked for, they hide no user-defined one that overlaps them (with
 *                  encode_special_tokens, theirs do). Stray bytes as SentencePiece has them (its
 *                  own strings cannot have any)
 *   SENTENCEPIECE  user-defined pieces as point 2 below has it; RL_ENCODE_SPECIAL is an error, for it never does that
 *   LLAMA_CPP      as HF, but the longest piece is looked for first in all of the text, then the next, and
 *                  `normalized` says nothing; a byte that begins no character takes as many bytes with it as its
 *                  first four bits announce (C, D: 2, E: 3, F: 4), and each gives its byte piece. (llama.cpp
 *                  itself merges to control pieces, too, where a vocabulary has the halves of one, as Llama's has not,
 *                  and leaves unused pieces whole; here neither happens) */
typedef enum { RL_MODE_HF, RL_MODE_SENTENCEPIECE, RL_MODE_LLAMA_CPP } rl_tokenizer_mode;

/* The numbers are those of SentencePiece's model and of tokenizer.ggml.token_type. */
typedef enum {
    RL_PIECE_NORMAL = 1,
    RL_PIECE_UNKNOWN = 2,
    RL_PIECE_CONTROL = 3,
    RL_PIECE_USER_DEFINED = 4,
    RL_PIECE_UNUSED = 5,
    RL_PIECE_BYTE = 6, /* spelled <0x00> to <0xFF> */
} rl_piece_type;

typedef struct {
    const char *text; /* borrowed, not terminated; a space is spelled U+2581 */
    uint32_t bytes;
    float score; /* higher merges first */
    int32_t type;
    bool normalized; /* control, unknown and user-defined ones in mode HF: see there */
    bool added;      /* user-defined ones in mode HF: none of the model's, so only found in the text */
} rl_piece;

/* Two pieces that merge to the one which their texts spell together. */
typedef struct {
    uint32_t left, right;
} rl_merge_rule;

typedef struct {
    const rl_piece *pieces; /* borrowed; the id is the index */
    size_t n;
    uint32_t bos, eos, unk; /* meaningful where has_... */
    bool has_bos, has_eos, has_unk;
    bool add_bos, add_eos; /* what callers who follow the file ask for: see rl_tokenizer_flags */
    bool add_space_prefix;
    rl_tokenizer_mode mode;
    const rl_merge_rule *merges; /* borrowed; NULL: the scores say what merges when. Else nothing but these merge, */
    size_t n_merges;             /* the first first, and scores say nothing */
} rl_vocab;

enum { RL_VOCAB_MAX = 1 << 24, RL_PIECE_BYTES_MAX = 512 };

/* ---- Opening ---- */

typedef struct rl_tokenizer rl_tokenizer;

/* Checks the vocabulary and builds the tables; nothing of it is borrowed afterwards. RL_ERR_FORMAT, with the
 * piece named, for: no pieces or more than RL_VOCAB_MAX; an empty piece; a piece of an unknown type; normal,
 * user-defined and unused pieces that are not UTF-8, longer than RL_PIECE_BYTES_MAX, given twice, or with a
 * score that is no number; byte pieces misspelled, given twice, or some but not all 256; bos, eos or unk past
 * the end; no byte pieces and no unk; add_bos without bos, add_eos without eos; and scores that say nothing
 * (two or more normal pieces of several characters, all with one score: such a file orders its merges in
 * tokenizer.ggml.merges). RL_ERR_MEMORY. */
rl_status rl_tokenizer_open(rl_tokenizer **tok, const rl_vocab *vocab, rl_error *err);
void rl_tokenizer_close(rl_tokenizer *tok); /* NULL is fine */

size_t rl_tokenizer_size(const rl_tokenizer *tok);

/* What an id adds to a text: the piece with U+2581 as a space, a byte piece as its byte, a control piece as
 * it is spelled, unknown as " \u2047 ". Borrowed, not terminated. NULL for an id past the end. */
const char *rl_tokenizer_piece(const rl_tokenizer *tok, uint32_t id, size_t *n_bytes);

/* ---- Kernels ---- */

/* What a kernel did, in units that do not depend on the machine: for the tests of its worst case. */
typedef struct {
    uint64_t symbols; /* that the texts began with */
    uint64_t merges;
    uint64_t steps; /* reference: pairs looked up; heap: levels passed by entries on their way up or down; units: places
                       looked at for the best merge, and the heap's */
    uint64_t units, known, remembered; /* units: stretches between cuts; pieces by themselves; met before. (`symbols`
                                          and `merges` are then of what the heap had to do) */
} rl_tokenizer_work;

/* Encodes one text, points 1 to 4 above.
 *   scratch  scratch_bytes(tok, n_bytes) bytes, RL_LINE aligned; zeroed, or as an earlier call with the same
 *            tok left it (of other lengths, too)
 *   text     [n_bytes], n_bytes <= max_bytes of the row; overlaps neither scratch nor ids
 *   prefix   whether a U+2581 stands before it (where n_bytes > 0)
 *   ids      [max_ids] overwritten from the front; may be NULL where max_ids is 0
 * Returns how many ids the text has; no more than max_ids were written. Adds to *work. Reads no byte past
 * text. Errors: none at run time. */
typedef size_t rl_tokenizer_encode_fn(const rl_tokenizer *tok, void *restrict scratch,
                                      const char *restrict text, size_t n_bytes, bool prefix,
                                      uint32_t *restrict ids, size_t max_ids, rl_tokenizer_work *restrict work);

typedef struct {
    rl_kernel base;
    const char *variant; /* "reference", "heap", "units" */
    size_t max_bytes;    /* of one text */
    /* For texts of up to n_bytes <= max_bytes; 0 where that is more than a size_t. */
    size_t (*scratch_bytes)(const rl_tokenizer *tok, size_t n_bytes);
    rl_tokenizer_encode_fn *encode;
    void (*forget)(const rl_tokenizer *tok, void *scratch); /* makes zeroed scratch, or used, as new; NULL: needless */
} rl_tokenizer_kernel;

/* The best kernel of a variant (NULL: of all of them) that a CPU mask can run; NULL where there is none. */
const rl_tokenizer_kernel *rl_tokenizer_kernel_find(const char *variant, uint32_t cpu);

/* Every kernel built, in a fixed order; NULL past the last. */
const rl_tokenizer_kernel *rl_tokenizer_kernel_at(size_t i);

/* The tables, one a file. */
typedef struct {
    const rl_tokenizer_kernel *rows;
    size_t n;
} rl_tokenizer_table;
extern const rl_tokenizer_table rl_tokenizer_units_scalar, rl_tokenizer_heap_scalar, rl_tokenizer_reference_scalar;

/* ---- Encoding ---- */

enum {
    RL_ENCODE_BOS = 1,     /* begin with bos */
    RL_ENCODE_EOS = 2,     /* end with eos */
    RL_ENCODE_SPECIAL = 4, /* "</s>" in the text is the id of </s>; without, it is text like any other */
};

/* The bos and eos flags that the vocabulary asks for. */
unsigned rl_tokenizer_flags(const rl_tokenizer *tok);

/* The most ids that a text of n_bytes can have: what max_ids must be to be enough for any. */
size_t rl_tokenizer_max_ids(const rl_tokenizer *tok, size_t n_bytes, unsigned flags);

/* One thread's scratch memory for encoding with one kernel. */
typedef struct rl_tokenizer_ctx rl_tokenizer_ctx;

/* Makes room for texts of n_bytes (0 is fine); `tok` is borrowed until the close. RL_ERR_MEMORY;
 * RL_ERR_UNSUPPORTED for more than the kernel takes. */
rl_status rl_tokenizer_ctx_open(rl_tokenizer_ctx **ctx, const rl_tokenizer *tok,
                                const rl_tokenizer_kernel *kernel, size_t n_bytes, rl_error *err);
void rl_tokenizer_ctx_close(rl_tokenizer_ctx *ctx); /* NULL is fine */

/* Encodes text [n_bytes] into ids [max_ids]; *n_ids tells how many ids the text has. Allocates only where the
 * text is longer than any before and than the context was opened for. RL_ERR_ARG where there are more ids
 * than max_ids (the first max_ids are written), or a flag asks for a bos or eos that the vocabulary lacks;
 * RL_ERR_MEMORY, RL_ERR_UNSUPPORTED as above. */
rl_status rl_tokenizer_encode(rl_tokenizer_ctx *ctx, const char *text, size_t n_bytes, unsigned flags,
                              uint32_t *ids, size_t max_ids, size_t *n_ids, rl_error *err);

/* A kernel may keep, in its scratch memory, what it found out about words, so that it is faster when they come again:
 * this makes it forget. Ids never depend on it. */
void rl_tokenizer_ctx_forget(rl_tokenizer_ctx *ctx);

/* The work of all texts encoded since the context was opened. */
rl_tokenizer_work rl_tokenizer_ctx_work(const rl_tokenizer_ctx *ctx);

/* ---- Decoding ---- */

enum {
    RL_DECODE_SPECIAL = 1,  /* control pieces are written as they are spelled; without, they are nothing */
    RL_DECODE_CONTINUE = 2, /* the ids go on from earlier ones: a leading space is text */
};

/* The text of ids [n_ids], into out [max_bytes]; *n_bytes tells how long it is. A space that the first piece
 * with text begins with is left out where encoding put it there (add_space_prefix), as SentencePiece does.
 * Byte pieces become their bytes whatever those are; SentencePiece writes U+FFFD where they are not UTF-8.
 * Never allocates. RL_ERR_ARG for an id past the end of the vocabulary, or where max_bytes is too small (what
 * fits of whole pieces is written). */
rl_status rl_tokenizer_decode(const rl_tokenizer *tok, const uint32_t *ids, size_t n_ids, unsigned flags,
                              char *out, size_t max_bytes, size_t *n_bytes, rl_error *err);

/* The same one id at a time, for text shown while it is made: a UTF-8 character of which only the beginning
 * is there waits until the rest comes or cannot come. */
typedef struct {
    unsigned flags;
    bool begun; /* the place where a leading space is left out is past */
    uint8_t n_held;
    char held[4]; /* the beginning of a character */
} rl_tokenizer_stream;

void rl_tokenizer_stream_init(rl_tokenizer_stream *stream, unsigned flags);

/* The most bytes that one push writes. */
size_t rl_tokenizer_stream_max(const rl_tokenizer *tok);

/* Writes what is complete with this id to out [rl_tokenizer_stream_max]. RL_ERR_ARG for an id past the end of
 * the vocabulary; the stream is then as it was. */
rl_status rl_tokenizer_stream_push(rl_tokenizer_stream *stream, const rl_tokenizer *tok, uint32_t id,
                                   char *out, size_t *n_bytes, rl_error *err);

/* Writes what still waits, 0 to 3 bytes: the beginning of a character that never was completed. */
size_t rl_tokenizer_stream_flush(rl_tokenizer_stream *stream, char out[4]);

#endif
