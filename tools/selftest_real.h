/* selftest_real.h - the gate judged on the real benches: a lane against a baseline of its own, again and again,
 * every other time with a row made slower on purpose.
 *
 * Below `dir`: baselines/ with the baseline, measured first, in two sessions; run/ with what the last run left; and
 * log.csv, written whole after every run, so that a test that was ended goes on where it was:
 *
 *   run,kind,load,row,slowdown,exit_code,regressed,inconclusive,found,seconds
 *
 * kind: "same" or "slower"; load: 1 where the background load ran; row, slowdown: what was made slower and by how
 * much (empty and 0 for "same"); found: 1 where that row was REGRESSED. */
#ifndef RL_SELFTEST_REAL_H
#define RL_SELFTEST_REAL_H

#include "gate/lane.h"
#include "here.h"

#include <stdio.h>

typedef struct {
    rl_lane *lane;   /* its relative gates get `margin` */
    double margin;   /* a part; 0: as the lane says */
    double slowdown; /* beyond the row's margin: a part */
    size_t launches; /* 0: as the lane says */
    size_t runs;     /* at most so many in all; 0: no limit */
    double hours;
    uint64_t seed;
    const char *load; /* a shell command, for every other pair of runs; NULL: none */
    const char *bench_dir, *model, *dir;
} rl_selftest_real_plan;

/* Of the whole log, without and with load. */
typedef struct {
    size_t same, red, slower, found, broken; /* broken: exit 2 or 3, of both kinds */
} rl_selftest_count;

/* Measures until time or runs are up. Fills count[2]. *caught is the signal that ended it, or 0. Errors: where the
 * baseline cannot be made or the log is not one of this lane and these limits; the sentence says what. */
rl_status rl_selftest_real(const rl_selftest_real_plan *plan, rl_selftest_count count[2], int *caught,
                           rl_error *err);

#endif
