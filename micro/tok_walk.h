/* tok_walk.h - more text like a given one: a walk from word to word, each followed by one that follows it somewhere in
 * that text. A word is what stands between white space, and takes the white space after it along. */
#ifndef RL_TOK_WALK_H
#define RL_TOK_WALK_H

#include "base/status.h"

#include <stdint.h>

enum { RL_WALK_WORD_MAX = 512 }; /* longer ones are cut */

typedef struct {
    const char *text;
    size_t bytes, all;    /* of the word; with the white space after it */
    size_t first, n_same; /* where, in `order`, those spelled like it stand, and how many */
} rl_walk_word;

typedef struct {
    rl_walk_word *words; /* as they come in the text; owned */
    size_t *order;       /* by spelling; owned */
    size_t n, at;
    uint64_t seed;
} rl_walk;

/* The text is borrowed until the close. RL_ERR_MEMORY; RL_ERR_ARG for one without a word. */
rl_status rl_walk_open(rl_walk *walk, const char *text, size_t n, uint64_t seed, rl_error *err);
void rl_walk_close(rl_walk *walk);

/* Writes the next word with its white space and returns how long it is. Half of the words that the text has but once, if
 * they are four ASCII letters or more, are replaced by one made up: the beginning of such a word up to a letter, and
 * what follows that letter in another. */
size_t rl_walk_next(rl_walk *walk, char out[RL_WALK_WORD_MAX]);

#endif
