/* util_vocab.h - vocabularies for the tests: built a piece at a time, or made up, and texts to go with them.
 */
#ifndef UTIL_VOCAB_H
#define UTIL_VOCAB_H

#include "util_guard.h"

#include "tokenizer/tokenizer.h"

/* A vocabulary that grows. Starts with <unk>, <s> and </s> as ids 0 to 2; texts get <s> and a space. */
typedef struct {
    rl_vocab vocab;   /* its pieces are `pieces` */
    rl_piece *pieces; /* owned, and so is the text of each */
    size_t room;
} util_vocab;

util_vocab util_vocab_begin(void);
void util_vocab_add(util_vocab *v, int32_t type, float score, const char *text, size_t n_bytes);
void util_vocab_add_bytes(util_vocab *v); /* <0x00> to <0xFF> */
void util_vocab_free(util_vocab *v);

/* One to reason about: 3 a, 4 b, 5 space, 6 ab, 7 space a; ab merges first. No byte pieces. */
util_vocab util_vocab_few(void);

/* Pieces put together from each other, of all the types that merging knows; with or without byte pieces. */
util_vocab util_vocab_random(util_rng *rng);

/* Letters of such vocabularies, others, spaces and broken characters, at most max (> 4) bytes; the length. */
size_t util_text_random(util_rng *rng, char *out, size_t max);

size_t util_below(util_rng *rng, size_t n); /* 0 to n - 1 */

/* Opens a tokenizer that must open, and a context for one of its kernels. */
rl_tokenizer *util_tokenizer(const rl_vocab *vocab);
rl_tokenizer_ctx *util_context(const rl_tokenizer *tok, const char *variant);

#endif
