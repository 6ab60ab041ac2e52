/* mem.h - aligned memory, large pages, and arithmetic on sizes that cannot wrap. */
#ifndef RL_MEM_H
#define RL_MEM_H

#include <stdbool.h>
#include <stddef.h>

#define RL_LINE 64u /* bytes: cache line, widest vector, alignment of every buffer we hand out */

/* *out = a * b or a + b; false (and *out untouched by the caller's logic) where the result does not fit. */
static inline bool rl_mul_ok(size_t a, size_t b, size_t *out) { return !__builtin_mul_overflow(a, b, out); }
static inline bool rl_add_ok(size_t a, size_t b, size_t *out) { return !__builtin_add_overflow(a, b, out); }

/* Rounds n up to a multiple of `to` (a power of two). The caller keeps n + to - 1 representable. */
static inline size_t rl_round_up(size_t n, size_t to) { return (n + to - 1) & ~(to - 1); }

/* Zeroed memory aligned to RL_LINE; NULL where there is none (or bytes is 0). Freed with rl_free. */
void *rl_alloc(size_t bytes);
void rl_free(void *p);

/* Zeroed anonymous pages, aligned to 2 MiB and advised to be huge pages: for what is streamed by the hundred
 * megabytes. NULL where there is none. Freed with rl_pages_free and the same size. */
void *rl_pages_alloc(size_t bytes);
void rl_pages_free(void *p, size_t bytes);

/* How many bytes of the mapping that contains p the kernel backs with huge pages now (0 also where it cannot
 * say). Reads /proc/self/smaps: slow, for reports only. */
size_t rl_pages_huge(const void *p);

#endif
