/* random.h - seeded numbers that are the same on every machine: splitmix64 (Steele, Lea and Flood, "Fast
 * splittable pseudorandom number generators", 2014).
 *
 * The state counts up by a fixed odd step and the output is a bijective mix of it, so every one of the 2^64
 * seeds gives a stream of period 2^64, and stream element j is mix(seed + (j + 1) * step): addressable. For
 * shuffles, sampling and made-up data; not for secrets. */
#ifndef RL_RANDOM_H
#define RL_RANDOM_H

#include <stdint.h>

#define RL_RANDOM_STEP 0x9e3779b97f4a7c15u /* 2^64 / golden ratio */

static inline uint64_t rl_random_mix(uint64_t z)
{
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* The next 64 bits; *state is the seed before the first. */
static inline uint64_t rl_random(uint64_t *state) { return rl_random_mix(*state += RL_RANDOM_STEP); }

/* 64 random bits as a double in [0, 1), a multiple of 2^-53. */
static inline double rl_random_unit(uint64_t bits) { return (double)(bits >> 11) * 0x1p-53; }

/* 64 random bits as something near normal: the sum of four uniform 16-bit numbers about its mean. Its standard
 * deviation is RL_RANDOM_NORMAL_STD = sqrt(4 * (65536^2 - 1) / 12), and nothing is beyond 3.46 of them. */
#define RL_RANDOM_NORMAL_STD 37837.22692
static inline int32_t rl_random_normal(uint64_t bits)
{
    const uint32_t sum = (uint32_t)(bits & 0xffff) + (uint32_t)(bits >> 16 & 0xffff) +
                         (uint32_t)(bits >> 32 & 0xffff) + (uint32_t)(bits >> 48);
    return (int32_t)sum - 2 * 65535;
}

#endif
