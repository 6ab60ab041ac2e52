/* tokenizer_prefix.h - texts that grow: a chat that comes again with one more turn is encoded from where it changed.
 *
 * The cache keeps some texts with their ids. A new text is compared, byte for byte, with those; of the one that agrees
 * furthest, the ids stay up to the last place before the difference where nothing behind it can matter (a cut, far
 * enough from the difference for no special piece to reach across), and only the rest is encoded. The ids are exactly
 * those of rl_tokenizer_encode: nothing is guessed, and nothing found by a hash is believed. */
#ifndef RL_TOKENIZER_PREFIX_H
#define RL_TOKENIZER_PREFIX_H

#include "tokenizer/tokenizer.h"

typedef struct rl_tokenizer_prefix rl_tokenizer_prefix;

typedef struct {
    uint64_t texts;
    uint64_t bytes;        /* of all texts */
    uint64_t bytes_reused; /* of them, those whose ids were kept */
} rl_tokenizer_prefix_stats;

/* Keeps up to `slots` texts (1 to 1024), the ones used last. `tok` and `kernel` are borrowed until the close. Errors as
 * of rl_tokenizer_ctx_open; RL_ERR_ARG for another number of slots. */
rl_status rl_tokenizer_prefix_open(rl_tokenizer_prefix **cache, const rl_tokenizer *tok,
                                   const rl_tokenizer_kernel *kernel, size_t slots, rl_error *err);
void rl_tokenizer_prefix_close(rl_tokenizer_prefix *cache); /* NULL is fine */

/* As rl_tokenizer_encode, but the ids stay the cache's: *ids [*n_ids], valid until the next call. A text that goes on
 * from a kept one takes that one's slot. Allocates only to grow. On an error nothing is kept of this text. */
rl_status rl_tokenizer_prefix_encode(rl_tokenizer_prefix *cache, const char *text, size_t n_bytes, unsigned flags,
                                     const uint32_t **ids, size_t *n_ids, rl_error *err);

/* Forgets all texts. */
void rl_tokenizer_prefix_clear(rl_tokenizer_prefix *cache);

rl_tokenizer_prefix_stats rl_tokenizer_prefix_get_stats(const rl_tokenizer_prefix *cache);

#endif
