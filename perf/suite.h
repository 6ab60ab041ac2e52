/* suite.h - all that belongs to one run of a bench program. Private to perf/. */
#ifndef RL_SUITE_H
#define RL_SUITE_H

#include "perf/counts.h"
#include "perf/env.h"
#include "perf/opts.h"
#include "perf/runner.h"

struct rl_suite {
    char *family, *program, *command; /* owned; the last two printable */
    FILE *out, *err;
    const rl_code *code; /* borrowed */
    size_t n_code;
    rl_options options;
    rl_counts counts; /* what --benchmark_iterations_from says */
    rl_clock clock;
    rl_clock_info clock_info;
    rl_counters *counters;
    rl_rig rig;
    rl_env env;
    char isa[32];
    uint64_t seed;

    rl_instance *cases; /* owned, in order of registration; nobody keeps a pointer while more may come */
    size_t n_cases, cases_room;
    rl_gauge *gauges;
    size_t n_gauges, gauges_room;
    rl_error refused; /* the first case that was bad; status RL_OK: none */
    bool ran;
};

/* Resolves what the cases name and the flags select. Fills s->cases[].selected and what follows from it;
 * returns how many are selected. Errors: RL_ERR_ARG for a filter that is no regular expression. */
rl_status rl_select(rl_suite *s, size_t *selected, rl_error *err);

/* The name with its modifiers: "name/min_time:0.500/threads:2". Owned by the caller; NULL without memory. */
char *rl_full_name(const rl_case *c);

/* The case that another names as its reference: the full name, or the name as registered, with the same
 * number of threads before any other; never itself, so that a name may refer to its own one-thread variant.
 * NULL: none. */
rl_instance *rl_find_reference(rl_suite *s, const rl_instance *in);

#endif
