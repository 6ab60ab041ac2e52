/* tokenizer_pool.h - encoding on several threads: one long text, or many texts. The ids are those of
 * rl_tokenizer_encode, whatever the number of threads. */
#ifndef RL_TOKENIZER_POOL_H
#define RL_TOKENIZER_POOL_H

#include "tokenizer/tokenizer.h"

typedef struct rl_tokenizer_pool rl_tokenizer_pool;

/* `threads` contexts and as many threads less one (the caller works, too); with `pin`, each on a CPU of its own
 * (base/team.h). `tok` and `kernel` are borrowed until the close. Errors as of rl_team_open and
 * rl_tokenizer_ctx_open. */
rl_status rl_tokenizer_pool_open(rl_tokenizer_pool **pool, const rl_tokenizer *tok,
                                 const rl_tokenizer_kernel *kernel, size_t threads, bool pin, rl_error *err);
void rl_tokenizer_pool_close(rl_tokenizer_pool *pool); /* NULL is fine */

/* As rl_tokenizer_encode, of one text. Allocates only where the text is longer than any before. */
rl_status rl_tokenizer_pool_encode(rl_tokenizer_pool *pool, const char *text, size_t n_bytes, unsigned flags,
                                   uint32_t *ids, size_t max_ids, size_t *n_ids, rl_error *err);

/* One of many texts. */
typedef struct {
    const char *text; /* [n_bytes] borrowed */
    size_t n_bytes;
    uint32_t *ids; /* [max_ids] overwritten from the front */
    size_t max_ids;
    size_t n_ids; /* out: how many it has */
} rl_tokenizer_item;

/* Encodes items [n], each by one thread; the texts may be of very different lengths. The first error, by the order of
 * the items; the others are encoded all the same. */
rl_status rl_tokenizer_pool_batch(rl_tokenizer_pool *pool, rl_tokenizer_item *items, size_t n, unsigned flags,
                                  rl_error *err);

/* The contexts' caches of what was seen before are emptied (rl_tokenizer_ctx_forget). */
void rl_tokenizer_pool_forget(rl_tokenizer_pool *pool);

#endif
