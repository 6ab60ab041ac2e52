/* program.h - what every bench program is made of: a suite, the axes its cases run along, and yardsticks.
 *
 * An axis is a flag: --isa, --cache, --threads. A program has those that mean something to it, names them when
 * it opens, and knows no other. */
#ifndef RL_PROGRAM_H
#define RL_PROGRAM_H

#include "base/kernel.h"
#include "perf/bench.h"

enum { RL_AXIS_ISA = 1, RL_AXIS_CACHE = 2, RL_AXIS_THREADS = 4 };
enum { RL_HOT, RL_COLD };
extern const char *const rl_cache_name[2];

enum { RL_PROGRAM_FLAGS = 8 };

/* The hashes of the program's object code. Each program has a table of its own, made when it is linked
 * (cmake/RidgelineBench.cmake). */
typedef struct {
    const rl_code *code; /* NULL where the build system cannot tell */
    size_t n;
} rl_code_table;

extern const rl_code_table rl_program_code;

typedef struct {
    const char *family; /* "gemv": what the program measures */
    unsigned axes;      /* RL_AXIS_ bits */
    const char *isa;    /* the default of --isa; NULL: "all" */
    rl_flag *flags;     /* the program's own, at most RL_PROGRAM_FLAGS; their values are filled in */
    size_t n_flags;
} rl_program_config;

/* An axis that the program lacks is empty. */
typedef struct {
    rl_suite *suite;
    uint32_t cpu;           /* what RL_ISA allows */
    bool isa[RL_ISA_COUNT]; /* asked for by --isa */
    bool only_best;         /* --isa=best: of each kernel the best row that runs */
    bool cache[2];          /* hot, cold: asked for by --cache */
    size_t threads[16], n_threads;
    struct rl_program_case *cases; /* what rl_program_case gave, owned */
    bool lost;                     /* a case for want of memory */
    size_t llc_bytes;  /* of the last-level cache; a guess of 32 MiB where the machine does not tell */
    size_t ring_bytes; /* of a ring of cold copies: twice llc_bytes; 0 (one copy) in a dry run, where no time counts */
} rl_program;

/* Opens the suite with the flags of the axes and of the program; registers the yardsticks "read", "write",
 * and the peaks (micro/yardsticks.h). False where the program should end with *exit_code. */
bool rl_program_open(rl_program *p, const rl_program_config *config, int argc, char **argv, int *exit_code);

/* Zeroed memory for what a case is about, freed by rl_program_run. NULL where there is none: leave the case out,
 * and the run will fail and say so. */
void *rl_program_case(rl_program *p, size_t bytes);

/* Runs, closes, and returns the program's exit code. */
int rl_program_run(rl_program *p);

/* How a kernel's cases are registered: the fields of rl_case that are called so. */
typedef struct {
    const char *skip;
    bool reference_only;
} rl_part;

/* False where a kernel has no cases here. `best` is the row that would be chosen for its work.
 * A tier that the CPU or RL_ISA does not allow has none with --isa=all or best; naming it was an error. A
 * kernel of an allowed tier that needs an optional feature this CPU lacks is skipped, with the reason. A scalar
 * kernel that --isa leaves out is there all the same, as the others' reference. */
bool rl_program_part(const rl_program *p, const rl_kernel *kernel, const rl_kernel *best, rl_part *part);

/* Whether a tier was asked for as a whole, by programs that run all of a tier's kernels together. */
bool rl_program_wants(const rl_program *p, rl_isa isa);

#endif
