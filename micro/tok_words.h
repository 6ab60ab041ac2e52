/* tok_words.h - frequent words of some languages, for texts in their scripts. */
#ifndef RL_TOK_WORDS_H
#define RL_TOK_WORDS_H

#include <stddef.h>

typedef struct {
    const char *const *words; /* [n] UTF-8, frequent ones first */
    size_t n;
    const char *between, *stop; /* two words, two sentences */
} rl_words;

extern const rl_words rl_words_of[];
extern const size_t rl_n_words_of;
extern const char *const rl_emoji[];
extern const size_t rl_n_emoji;

#endif
