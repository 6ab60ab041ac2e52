/* micro.h - what the bench programs share: flags, the axes ISA x cache x threads, rings of cold data,
 * yardsticks.
 *
 * A case is cold when its weights come from memory, as they do in a real decoder: the iterations walk a ring
 * of copies at least twice as large as the last-level cache, so each copy has been evicted before its turn
 * comes again. Hot means one copy over and over. */
#ifndef RL_MICRO_H
#define RL_MICRO_H

#include "base/kernel.h"
#include "perf/bench.h"

typedef struct {
    rl_suite *suite;
    uint32_t cpu;           /* what RL_ISA allows */
    bool isa[RL_ISA_COUNT]; /* asked for by --isa */
    bool only_best;         /* --isa=best: of each kernel the best row that runs */
    bool cache[2];          /* hot, cold: asked for by --cache */
    size_t threads[16], n_threads;
    size_t llc_bytes; /* of the last-level cache; a guess of 32 MiB where the machine does not tell */
} rl_micro;

enum { RL_HOT, RL_COLD };
extern const char *const rl_cache_name[2];

enum { RL_MICRO_FLAGS = 8 };

/* Opens the suite with --isa, --cache and --threads, and up to RL_MICRO_FLAGS of the program's own, whose
 * values are put into `extra`; registers the yardsticks "read", "write", "fma_f32" and "dot_i8". False where
 * the program should end with *exit_code. */
bool rl_micro_open(rl_micro *m, const char *family, rl_flag *extra, size_t n_extra, int argc, char **argv,
                   int *exit_code);

/* Runs, closes, and returns the program's exit code. */
int rl_micro_close(rl_micro *m);

/* Whether a kernel's rows were asked for. One asked for that cannot run is still registered, with *skip
 * saying why; *skip is NULL otherwise. `best` is the row that would be chosen for the kernel's work here. */
bool rl_micro_wants(const rl_micro *m, const rl_kernel *kernel, const rl_kernel *best, const char **skip);

/* Copies of `bytes` bytes at `stride` apart: one (hot), or as many as make up twice the last-level cache (cold). */
typedef struct {
    char *data; /* owned; NULL when not filled */
    size_t bytes, stride, n, mapped;
} rl_ring;

rl_status rl_ring_fill(rl_ring *ring, const rl_micro *m, bool cold, const void *content, size_t bytes,
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
