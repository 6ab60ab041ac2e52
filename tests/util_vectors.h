/* util_vectors.h - the records of vectors/tokenizer.txt (see vectors/make_tokenizer_vectors.py). */
#ifndef UTIL_VECTORS_H
#define UTIL_VECTORS_H

#include "util_vocab.h"

typedef enum { UTIL_CASE, UTIL_SPECIAL, UTIL_DECODE } util_case_kind;

typedef struct {
    char *text;
    size_t n_bytes;
    uint32_t *ids;
    size_t n_ids;
} util_case;

typedef void util_case_fn(const rl_tokenizer *tok, util_case_kind kind, const util_case *c);

/* Reads the file and calls fn with each case and the tokenizer it is for: with `builtin`, the cases of the
 * built-in vocabulary; with NULL, those of the small vocabularies in the file. Returns how many there were. */
size_t util_tokenizer_vectors(const rl_vocab *builtin, util_case_fn *fn);

/* Fails the test, with text and ids, where the two lists differ. */
void util_assert_ids(const char *what, const char *text, size_t n_bytes, const uint32_t *want, size_t n_want,
                     const uint32_t *got, size_t n_got);

/* The two things to do with a case: encode with every kernel, and decode; each leaves other kinds alone. */
util_case_fn util_kernels_give_the_ids, util_decode_gives_the_text;

#endif
