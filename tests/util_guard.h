/* util_guard.h - what the kernel tests share: buffers that end (or begin) at a page nobody may touch, a
 * seeded generator, and the CPU that RL_ISA allows. */
#ifndef UTIL_GUARD_H
#define UTIL_GUARD_H

/* cmocka needs these before it */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cpu.h"

/* A buffer of `bytes` bytes followed immediately by an inaccessible page, and preceded by one as closely as
 * alignment allows. Filled with a pattern; freed with util_guard_free. Aborts the test when memory fails. */
typedef struct {
    void *data;
    size_t bytes;
    void *map; /* owned */
    size_t map_bytes;
} util_guard;

util_guard util_guard_after(size_t bytes);  /* data + bytes is the first forbidden byte */
util_guard util_guard_before(size_t bytes); /* data is the first allowed byte after a forbidden page */
static inline util_guard util_guard_either(size_t bytes, bool after)
{
    return after ? util_guard_after(bytes) : util_guard_before(bytes);
}
void util_guard_free(util_guard *g);

/* splitmix64: the same numbers everywhere for a seed. */
typedef struct {
    uint64_t state;
} util_rng;
uint64_t util_u64(util_rng *rng);
double util_uniform(util_rng *rng); /* in [0, 1) */
float util_normal(util_rng *rng);   /* mean 0, variance 1, near enough to normal for tests */

/* The CPU mask the environment allows. Ends the program with 77, which ctest reads as "skipped", where RL_ISA
 * names a tier this machine lacks. */
uint32_t util_cpu(void);

/* Whether an emulated processor runs this, some hundred times slower: what is looked for then are instructions that it
 * lacks, and long loops over shapes may leave most of them out (RL_TEST_EMULATED in the environment). */
bool util_emulated(void);

/* Prints a note once per distinct text, so that what was not tested is said. */
void util_note_skip(const char *what);

#endif
