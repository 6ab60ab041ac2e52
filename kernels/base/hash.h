/* hash.h - FNV-1a, 64 bits: names for contents, equal on every machine. Not for adversaries.
 * Offset basis and prime as published by Fowler, Noll and Vo. */
#ifndef RL_HASH_H
#define RL_HASH_H

#include <stddef.h>
#include <stdint.h>

static inline uint64_t rl_hash(const void *data, size_t n)
{
    const unsigned char *byte = data;
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < n; i++) hash = (hash ^ byte[i]) * 0x100000001b3u;
    return hash;
}

#endif
