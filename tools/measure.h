/* measure.h - runs a lane's bench program, launch after launch, and gathers what they measured.
 *
 * Where the lane has a companion (companion.h), a launch is both, one after the other: the bench first in the first
 * launch, the companion first in the second, and so by turns. Its rows stand in samples.csv beside the bench's, its
 * files in launches/ are called N.companion.csv; the context's "companion" says "ran", or why it did not.
 *
 * Every launch is a fresh process. What they leave is in one directory:
 *   samples.csv     the rows of all launches under one header
 *   context.json    the first launch's context, and in it
 *                     lane_mode        "quick"; else "rows" where only some were asked for (narrow.h); else "full"
 *                     model_identity   where the lane has a model (origin.h)
 *                     launches         of each how long it took, how it ended, and whatever its own context
 *                                      says otherwise than the first
 *   launches/       what each wrote itself
 *
 * A bench gets the lane's arguments, then --benchmark_filter in quick mode and for --rows, --model where the lane
 * has one, and --launch, --benchmark_out, --benchmark_out_format=csv. Variables that would change its doings are taken
 * out of its environment (launch.h). It may exit with 0, or with 1 where its rows say which of them failed.
 * The first launch that does anything else ends the lane: what has been measured is judged all the same. */
#ifndef RL_MEASURE_H
#define RL_MEASURE_H

#include "gate/samples.h"
#include "gate/verdict.h"
#include "here.h"

#include <stdio.h>

typedef struct {
    const rl_lane *lane;
    bool quick;
    size_t launches;       /* 0: as the lane says */
    const char *bench_dir; /* NULL: the usual places */
    const char *model;     /* NULL: the lane's own, below models/ */
    bool companion;        /* runs the lane's, if it has one */
    const char *inject;    /* a rule for --inject (perf/inject.h); NULL: nothing is slower than it is */
    const char *dir;       /* where it is gathered; is made */
    FILE *progress;        /* NULL: none. A line that changes on a terminal, a line a launch elsewhere */
} rl_measure_plan;

/* Fills csv with the path of samples.csv; true where at least one launch is in it. Whatever went wrong is a
 * problem in *v. *caught is the signal that ended it early, or 0: the caller reports, then raises it. What an earlier
 * run left in the directory is removed first. */
bool rl_measure(const rl_measure_plan *plan, rl_verdict_set *v, char csv[RL_PATH_MAX], int *caught);

/* Makes the directory of a report, with launches/ in it. What an earlier run left there is removed: it must not be
 * taken for this run's, should this one be cut short. False where it cannot be made, which is a problem in *v then. */
bool rl_measure_clear(const char *dir, rl_verdict_set *v);

/* Reads what a launch wrote: rows of this launch alone, and one that failed where it exited with another status than 0.
 * Errors: as rl_samples_read; *s is empty then. */
rl_status rl_measure_read(rl_samples *s, const char *csv, size_t launch, int exit_code, rl_error *err);

/* The model file of a lane that has one: `asked`, or its own below models/, and which it is (origin.h). Empty where
 * the lane has none. False where the file is not there: a problem in *v says how to make it. */
bool rl_measure_model(const rl_lane *lane, const char *asked, char path[RL_PATH_MAX], char identity[64],
                      rl_verdict_set *v);

#endif
