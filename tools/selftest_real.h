/* selftest_real.h - the gate judged on the real benches: a lane against a baseline of its own, again and again,
 * every other time with a row made slower on purpose.
 *
 * Below `dir`: baseline.json, measured first, and baseline/ with its two sessions; run/ with what the last run left;
 * samples/<run>.csv, what each measured, for other questions; and log.csv, written whole after every run, so that a
 * test that was ended goes on where it was:
 *
 *   # lane: gemv            what the test is of: rows, margin, inject, launches, seed and load follow, a line each.
 *   ...                     It goes on with the same settings only
 *   run,kind,load,row,slowdown,exit_code,regressed,inconclusive,found,seconds
 *
 * kind: "same" or "slower"; load: 1 where the background load ran; row, slowdown: what was made slower and by how
 * much ("-" and 0 for "same"), a row of the baseline that a relative gate looks at; regressed: findings of any gate;
 * found: 1 where a relative gate's is among them, of that row and the metric it was drawn for. */
#ifndef RL_SELFTEST_REAL_H
#define RL_SELFTEST_REAL_H

#include "gate/lane.h"
#include "here.h"

#include <stdio.h>

typedef struct {
    rl_lane *lane;    /* its relative gates get `margin` */
    const char *rows; /* the ERE that the lane was narrowed to (narrow.h); "" all */
    double margin;    /* a part; 0: as the lane says */
    double slowdown;  /* beyond the row's margin: a part */
    size_t launches;  /* 0: as the lane says */
    size_t runs;      /* at most so many in all; 0: no limit */
    double hours;
    uint64_t seed;
    const char *load; /* a shell command, for every other pair of runs; NULL: none */
    const char *bench_dir, *model, *dir;
} rl_selftest_real_plan;

/* Of the whole log, without and with load. */
typedef struct {
    size_t same, red, judged; /* nothing changed; exit 1; exit 0 or 1 */
    size_t slower, found;
    size_t broken; /* exit 2 or 3, of both kinds */
} rl_selftest_count;

/* Measures until time or runs are up. Fills count[2]. *caught is the signal that ended it, or 0. Errors: where the
 * baseline cannot be made no relative gate looks at it, or the log is not one of these
 * settings; the sentence says what. */
rl_status rl_selftest_real(const rl_selftest_real_plan *plan, rl_selftest_count count[2], int *caught,
                           rl_error *err);

#endif
