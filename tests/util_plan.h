/* util_plan.h - vocabularies with special pieces of every kind, texts full of them, and their ids by the letter of
 * rl_tokenizer_mode: strings cut up and searched from end to end, nothing shared with the plan but the kernel. */
#ifndef UTIL_PLAN_H
#define UTIL_PLAN_H

#include "util_vocab.h"

/* util_vocab_random, and control, unknown and user-defined pieces, some normalized, some overlapping others. */
util_vocab util_plan_vocab(util_rng *rng, rl_tokenizer_mode mode);

/* Pieces of the vocabulary and what may stand between them, at most max (> 64) bytes; the length. */
size_t util_plan_text(const util_vocab *v, util_rng *rng, char *out, size_t max);

/* The ids of a text, in memory to be freed. */
uint32_t *util_plan_ids(const util_vocab *v, const rl_tokenizer *tok, const char *text, size_t n_bytes,
                        unsigned flags, size_t *n_ids);

/* Flags that the mode allows, by a number. */
unsigned util_plan_flags(rl_tokenizer_mode mode, unsigned i);

#endif
