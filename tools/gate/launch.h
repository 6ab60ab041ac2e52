/* launch.h - runs a program: its own process group, a time-out, what it said last (Linux).
 *
 * Whatever happens, nothing of the group is alive when the call returns. If ridgeline itself is asked to end
 * (interrupt, hang-up, termination), the group is killed and `caught` says by which signal: the caller leaves
 * things in order, then raises it. If ridgeline is killed outright, the kernel kills the child. */
#ifndef RL_LAUNCH_H
#define RL_LAUNCH_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct {
    const char *const *argv; /* ends in NULL; a name without '/' is looked for in PATH */
    const char *const *env;  /* "NAME=value", ends in NULL; NULL: as ours */
    double timeout_s;
    char *out; /* gets standard output, terminated and cut to out_size; NULL: it is thrown away */
    size_t out_size;
    bool loud;        /* standard error goes where ours does, and is not kept */
    bool undisturbed; /* requests to end wait until it has ended: for what tidies up */
} rl_launch;

typedef enum { RL_LAUNCH_EXITED, RL_LAUNCH_KILLED, RL_LAUNCH_TIMED_OUT, RL_LAUNCH_NOT_STARTED } rl_launch_end;

typedef struct {
    rl_launch_end end;
    int code;   /* exit status, signal, or the errno that kept it from starting */
    int caught; /* the signal that asked us to end meanwhile; 0: none */
    double wall_s, timeout_s;
    char said[1024]; /* the last that standard error got, printable */
} rl_launch_result;

void rl_launch_run(const rl_launch *launch, rl_launch_result *result);

/* From here on, requests to end (interrupt, hang-up, termination) wait, also between launches: the next launch
 * reports the first as `caught`, and otherwise rl_launch_release returns it (0: there was none). */
typedef struct {
    sigset_t before;
} rl_launch_hold;

void rl_launch_hold_signals(rl_launch_hold *hold);
int rl_launch_release_signals(const rl_launch_hold *hold);

/* "exited with status 3", "was killed by signal 11 (Segmentation fault)", "did not end within 120 s and was
 * killed", "cannot be started: No such file or directory", and what it said last. Returns out. */
const char *rl_launch_describe(const rl_launch_result *result, char *out, size_t size);

/* Our environment without the variables that change what a bench program does (BENCHMARK_..., RL_... but
 * RL_ISA, which is part of the machine's class): what is measured is the lane, whatever the shell is set to.
 * `more` is added to it, "NAME=value"; NULL: nothing. Freed with free(); NULL without memory. The strings are
 * borrowed. */
const char **rl_launch_clean_env(const char *more);

#endif
