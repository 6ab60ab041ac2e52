/* env.h - where a measurement was taken: the machine, how it is set, how this program was built, and the
 * class of machines whose numbers may be compared. */
#ifndef RL_ENV_H
#define RL_ENV_H

#include "base/cpu.h"

#include <stddef.h>
#include <stdint.h>

typedef struct {
    char type[16];    /* "Data", "Instruction", "Unified" */
    unsigned level;   /* 1 is nearest */
    size_t bytes;     /* of one instance */
    unsigned sharing; /* logical CPUs that share it; 0 unknown */
} rl_cache;

enum { RL_CACHES_MAX = 16 };

/* What a machine does not tell is 0 or "". */
typedef struct {
    rl_cpu_identity cpu;
    unsigned logical, physical;     /* CPUs on line, and cores they belong to */
    rl_cache caches[RL_CACHES_MAX]; /* as CPU 0 sees them */
    size_t n_caches;
    uint64_t memory_bytes;
    char kernel[128]; /* "Linux 6.1.0-18-amd64" */
    char host[128];
    /* How it is set, and what it does, now. */
    unsigned mhz;      /* of CPU 0 */
    char governor[32]; /* of CPU 0; "" where frequency is not ours to scale */
    char thp[16];      /* transparent huge pages: "always", "madvise", "never" */
    int aslr;          /* 1 on, 0 off, -1 unknown */
    double load[3];    /* runnable threads, averaged over 1, 5 and 15 minutes */
    size_t n_load;     /* 3, or 0 unknown */
} rl_env;

/* Reads sysfs and procfs below `root` ("" for the real ones). Whatever is missing is left out. */
void rl_env_read(rl_env *env, const char *root);

/* The size of the largest cache; 0 unknown. What is to be read cold must be a multiple of it. */
size_t rl_env_llc_bytes(const rl_env *env);

/* How this library was built; the whole project is built with the same flags. */
typedef struct {
    const char *version;  /* "0.1.0" */
    const char *compiler; /* "GNU 12.2.0" */
    const char *flags;    /* that shape code: optimisation, tiers; no warnings */
    const char *type;     /* "Release" */
    const char *sanitize; /* "address,undefined"; "" for none */
    const char *commit;   /* twelve hex digits when built inside git, else "unknown" */
    bool dirty;           /* the tree had changes that are in no commit */
    bool debug;           /* asserts are compiled in */
} rl_build;

const rl_build *rl_build_info(void);

/* The class of a machine: a name that can stand in a path, "amd-epyc-1a-02-01-2c-avx512-89abcdef", and the
 * text it is made of, one "key=value" a line: CPU brand, family, model, stepping, cores, caches, hypervisor,
 * the ISA path used (the caller's word for it), compiler and flags. Nothing in it is calibrated at boot or
 * depends on what else runs: the same machine and build always give the same class. The digits are FNV-1a of
 * the text. */
typedef struct {
    char name[128];
    char text[4096];
} rl_machine_class;

void rl_machine_classify(rl_machine_class *out, const rl_env *env, const rl_build *build, const char *isa);

#endif
