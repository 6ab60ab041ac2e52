/* ring.c - copies of cold data, and what they are copies of. */
#include "ring.h"
#include "base/mem.h"
#include "base/random.h"

#include <string.h>

rl_status rl_ring_fill(rl_ring *ring, size_t ring_bytes, bool cold, const void *content, size_t bytes,
                       rl_error *err)
{
    ring->bytes = bytes;
    ring->stride = rl_round_up(bytes, RL_LINE);
    ring->n = cold ? ring_bytes / ring->stride + 1 : 1;
    ring->mapped = ring->n * ring->stride;
    ring->data = rl_pages_alloc(ring->mapped);
    if (ring->data == NULL)
        return rl_fail(err, RL_ERR_MEMORY, "out of memory for a ring of %zu MiB", ring->mapped >> 20);
    for (size_t i = 0; i < ring->n; i++) memcpy(ring->data + i * ring->stride, content, bytes);
    return RL_OK;
}

void rl_ring_free(rl_ring *ring)
{
    rl_pages_free(ring->data, ring->mapped);
    *ring = (rl_ring){0};
}

void rl_fill_normal(float *x, size_t n, float sd, uint64_t seed)
{
    const float scale = sd / (float)RL_RANDOM_NORMAL_STD;
    for (size_t i = 0; i < n; i++) x[i] = (float)rl_random_normal(rl_random(&seed)) * scale;
}
