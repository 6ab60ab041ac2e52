/* piece_index.h - pieces by their text, while a vocabulary is read: to find what is there twice, and the ids of
 * merge rules. Inside e2e/ only. */
#ifndef RL_PIECE_INDEX_H
#define RL_PIECE_INDEX_H

#include "tokenizer/tokenizer.h"

#define RL_PIECE_NONE UINT32_MAX

typedef struct {
    const rl_piece *pieces; /* borrowed */
    uint32_t *slot;         /* owned; ids, RL_PIECE_NONE where empty; at most half of them are taken */
    size_t mask;
} rl_piece_index;

/* Room for `most` pieces of those at `pieces`, which may still be filled in. False without memory. */
bool rl_piece_index_init(rl_piece_index *index, const rl_piece *pieces, size_t most);
void rl_piece_index_free(rl_piece_index *index);

/* Enters piece `id` by its text and returns RL_PIECE_NONE; or the piece that is there with this text already. */
uint32_t rl_piece_index_add(rl_piece_index *index, uint32_t id);

/* The piece of that text; RL_PIECE_NONE where there is none. */
uint32_t rl_piece_index_find(const rl_piece_index *index, const char *text, size_t n_bytes);

/* What is wrong with the rule that merges two texts, as the end of a sentence; NULL, and *rule filled in, where both
 * and their concatenation are pieces that merging may make. */
const char *rl_piece_index_rule(const rl_piece_index *index, const char *left, size_t n_left,
                                const char *right, size_t n_right, rl_merge_rule *rule);

#endif
