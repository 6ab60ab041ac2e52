/* runner.h - one case through its repetitions. Private to perf/. */
#ifndef RL_RUNNER_H
#define RL_RUNNER_H

#include "perf/yardstick.h"

#define RL_ITERATIONS_MAX 1e12

/* A case as it runs. */
typedef struct {
    rl_case c;      /* its strings owned */
    char *name;     /* with the modifiers; owned */
    size_t threads; /* at least 1 */
    bool selected;
    double slowdown;       /* on purpose, as a share of its time (inject.h); 0: none */
    size_t family, member; /* of the selected: which name as registered, and which of that name */

    /* Resolved before it runs. */
    double min_time, min_warmup_time;
    bool exact; /* the number of iterations is given */
    unsigned repetitions;
    rl_gauge *bandwidth, *peak, *context; /* borrowed; NULL: none */
    bool referred;                        /* the reference has been asked */
    double reference_s;                   /* of one of its iterations; NaN: none */

    /* As it runs. */
    bool ready, verified, warm;
    bool found, over;    /* the number of iterations; all repetitions have run */
    double max_error;    /* NaN: has no verify */
    uint64_t iterations; /* of the next batch */
    double iteration_s;  /* what one took in the last; 0 unknown */
    rl_row *rows;        /* owned; n_rows of `repetitions` */
    size_t n_rows;
    rl_row aggregates[RL_AGGREGATES];
    size_t n_aggregates;
} rl_instance;

/* What comes after a batch that was too short: Google Benchmark's prediction, 1.4 times what would just do
 * where the batch tells (a tenth of the time or more), ten times as many where it does not. */
uint64_t rl_next_iterations(uint64_t iterations, double seconds, double min_time);

typedef struct {
    rl_rig *rig;
    bool dry_run;
    uint64_t verbosity;
    FILE *log;
} rl_runner;

/* One repetition: sets up and verifies where that has not been done, warms up, finds the number of iterations
 * or takes the one that was found, measures, adds a row. The case stays set up. */
void rl_run_repetition(const rl_runner *r, rl_instance *in);

/* The seconds of one iteration, the middle of three short runs that nobody sees. NaN where it fails. Leaves
 * the case as it was before it had run. */
double rl_run_quietly(const rl_runner *r, rl_instance *in);

/* Teardown, if it is set up. */
void rl_leave(rl_instance *in);

/* A row that says why a case was not run. */
void rl_run_skipped(rl_instance *in, rl_outcome outcome, const char *message);

#endif
