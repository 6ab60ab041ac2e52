/* here.h - this machine and this installation: its class, what it runs, where things are. */
#ifndef RL_HERE_H
#define RL_HERE_H

#include "perf/env.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    rl_env env;
    rl_machine_class class;
    uint32_t cpu; /* as far as RL_ISA allows */
} rl_here;

/* Errors: RL_ERR_ARG, RL_ERR_UNSUPPORTED for a bad RL_ISA. */
rl_status rl_here_read(rl_here *here, rl_error *err);

enum { RL_PATH_MAX = 4096 };

/* Joins two parts of a path. False where the result is too long. */
bool rl_path_join(char out[RL_PATH_MAX], const char *dir, const char *name);

/* The directory of baselines: `asked` where that is not NULL; else baselines/ in the working directory where
 * it has lanes/, else what was installed beside the program. */
void rl_here_baselines(char out[RL_PATH_MAX], const char *asked);

/* The program called `name`: in `asked` where that is not NULL; else beside ridgeline, or where a build tree
 * has it
 * (../micro, ../e2e). RL_ERR_IO tells where it was looked for. */
rl_status rl_here_bench(char out[RL_PATH_MAX], const char *name, const char *asked, rl_error *err);

/* The same in a build directory or an installation as a whole: in `root`, or its micro/, e2e/ or bin/. RL_ERR_IO. */
rl_status rl_here_bench_of(char out[RL_PATH_MAX], const char *name, const char *root, rl_error *err);

#endif
