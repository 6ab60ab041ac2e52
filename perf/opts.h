/* opts.h - the flags of a bench program: Google Benchmark's, ours, and the program's own. Private to perf/.
 */
#ifndef RL_OPTS_H
#define RL_OPTS_H

#include "perf/bench.h"
#include "perf/inject.h"

typedef struct {
    double seconds;      /* where iterations is 0 */
    uint64_t iterations; /* exactly so many; 0: as many as fill the time */
    bool bare;           /* given without its suffix */
} rl_min_time;

enum { RL_CONTEXT_MAX = 64 };

typedef struct {
    char key[64], value[256]; /* printable */
} rl_pair;

typedef struct {
    bool help, list_tests, dry_run, interleave, counters_tabular, yardsticks;
    bool report_aggregates_only, display_aggregates_only;
    const char *filter, *format, *out, *out_format, *color, *perf_counters, *time_unit,
        *iterations_from; /* borrowed */
    rl_min_time min_time;
    double min_warmup_time;
    uint64_t repetitions, launch, seed, verbosity; /* seed 0: choose one */
    rl_pair context[RL_CONTEXT_MAX];
    size_t n_context;
    rl_injection inject[RL_INJECT_MAX];
    size_t n_inject;
} rl_options;

/* Defaults, then the environment, then the command line; `flags` are the program's own. A flag of Google
 * Benchmark takes its default from the variable of its name in upper case, any other from RL_ and that name, unless it
 * has no_variable.
 * Errors: RL_ERR_ARG, naming the flag or variable. */
rl_status rl_options_parse(rl_options *o, int argc, char **argv, rl_flag *flags, size_t n_flags,
                           rl_error *err);

/* Adds to the context; a key that is there already gets the new value. */
rl_status rl_options_context(rl_options *o, const char *key, size_t key_length, const char *value,
                             size_t value_length, rl_error *err);

/* "0.5s", "0.5", "100x". */
rl_status rl_parse_min_time(const char *text, rl_min_time *out, rl_error *err);

/* The unit called "ns", "us", "ms" or "s"; RL_UNIT_DEFAULT for "". */
bool rl_parse_unit(const char *text, rl_time_unit *out);

void rl_options_help(FILE *out, const char *program, const rl_flag *flags, size_t n_flags);

#endif
