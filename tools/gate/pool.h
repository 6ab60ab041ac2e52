/* pool.h - memory that lives and dies together: what a reader keeps of a file, what a judge finds.
 *
 * Running out ends the program with a sentence and exit code 2: every input has a limit (node.h, samples.h),
 * so it takes a machine without memory to get there, and on such a machine nothing can be judged. */
#ifndef RL_POOL_H
#define RL_POOL_H

#include "base/status.h"

#include <stddef.h>

typedef struct {
    struct rl_pool_block *blocks; /* {0} is an empty pool */
} rl_pool;

void *rl_pool_alloc(rl_pool *pool, size_t bytes); /* zeroed, aligned for anything; never NULL */
void rl_pool_free(rl_pool *pool);                 /* all of it; the pool is empty then */

/* n bytes of text, terminated. */
char *rl_pool_copy(rl_pool *pool, const char *text, size_t n);

/* The same with the bytes that are not printable ASCII shown as \xNN. */
char *rl_pool_printable(rl_pool *pool, const char *text, size_t n);

char *rl_pool_format(rl_pool *pool, const char *fmt, ...) RL_PRINTF(2, 3);

/* For arrays that grow one by one: returns `array` (of n items) or a copy of it, with room for one more. */
void *rl_pool_more(rl_pool *pool, void *array, size_t n, size_t item_bytes);

#endif
