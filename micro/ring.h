/* ring.h - data that is cold because its turn comes round so rarely.
 *
 * A case is cold when its weights come from memory, as they do in a real decoder: the iterations walk a ring
 * of copies at least twice as large as the last-level cache, so each copy has been evicted before its turn
 * comes again. Hot means one copy over and over. */
#ifndef RL_RING_H
#define RL_RING_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Copies of `bytes` bytes at `stride` apart: one (hot), or as many as make up rl_program.ring_bytes (cold). */
typedef struct {
    char *data; /* owned; NULL when not filled */
    size_t bytes, stride, n, mapped;
} rl_ring;

rl_status rl_ring_fill(rl_ring *ring, size_t ring_bytes, bool cold, const void *content, size_t bytes,
                       rl_error *err);
void rl_ring_free(rl_ring *ring);

/* The next copy in turn; `slot` starts at 0 and is the caller's. */
static inline const char *rl_ring_next(const rl_ring *ring, size_t *slot)
{
    const char *p = ring->data + *slot * ring->stride;
    if (++*slot == ring->n) *slot = 0;
    return p;
}

/* n values that look like a layer's: seeded, near normal, of the standard deviation given. */
void rl_fill_normal(float *x, size_t n, float sd, uint64_t seed);

#endif
