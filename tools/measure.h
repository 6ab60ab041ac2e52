/* measure.h - runs a lane's bench program, launch after launch, and gathers what they measured.
 *
 * Every launch is a fresh process. What they leave is in one directory:
 *   samples.csv     the rows of all launches under one header
 *   context.json    the first launch's context, and in it
 *                     lane_mode        "full" or "quick"
 *                     model_identity   where the lane has a model (origin.h)
 *                     launches         of each how long it took, how it ended, and whatever its own context
 *                                      says otherwise than the first
 *   launches/       what each wrote itself
 *
 * A bench gets the lane's arguments, then --benchmark_filter in quick mode, --model where the lane has one,
 * and --launch, --benchmark_out, --benchmark_out_format=csv. Variables that would change its doings are taken
 * out of its environment (launch.h). It may exit with 0, or with 1 where its rows say which of them failed.
 * The first launch that does anything else ends the lane: what has been measured is judged all the same. */
#ifndef RL_MEASURE_H
#define RL_MEASURE_H

#include "gate/verdict.h"
#include "here.h"

#include <stdio.h>

typedef struct {
    const rl_lane *lane;
    bool quick;
    size_t launches;       /* 0: as the lane says */
    const char *bench_dir; /* NULL: the usual places */
    const char *model;     /* NULL: the lane's own, below models/ */
    const char *dir;       /* where it is gathered; is made */
    FILE *progress;        /* NULL: none. A line that changes on a terminal, a line a launch elsewhere */
} rl_measure_plan;

/* Fills csv with the path of samples.csv; true where at least one launch is in it. Whatever went wrong is a
 * problem in *v. *caught is the signal that ended it early, or 0: the caller reports, then raises it. What an earlier run left in the directory is removed first. */
bool rl_measure(const rl_measure_plan *plan, rl_verdict_set *v, char csv[RL_PATH_MAX], int *caught);

#endif
