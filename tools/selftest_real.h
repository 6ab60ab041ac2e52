/* selftest_real.h - the gate judged on the real benches: a lane against a baseline of its own, again and again,
 * every other time with a row made slower on purpose.
 *
 * Either against a baseline of its own, as `ridgeline run` judges a lane, or (`ab`) the build against itself by turns,
 * as `ridgeline ab` does, with what is slower on the side of the new build.
 *
 * Below `dir`: log.csv (selftest_log.h); run/ with what the last run left; samples/, what each run measured, for other
 * questions: <run>.csv, and of `ab` <run>/ with ab.json and launches/. Against a baseline also baseline.json, measured
 * first, and baseline/ with its two sessions.
 *
 * What is made slower is a row that a relative gate looks at, found where that gate's metric is among the regressed; of
 * `ab` any row, and real_time. */
#ifndef RL_SELFTEST_REAL_H
#define RL_SELFTEST_REAL_H

#include "gate/lane.h"
#include "selftest_log.h"

#include <stdio.h>

typedef struct {
    rl_lane *lane;    /* its relative gates get `margin` */
    const char *rows; /* the ERE that the lane was narrowed to (narrow.h); "" all */
    double margin;    /* a part; 0: as the lane says */
    double slowdown;  /* beyond the row's margin: a part */
    double slower;    /* or all in all; 0: margin and slowdown together */
    size_t launches;  /* 0: as the lane says; not of `ab` */
    bool ab;          /* bench_dir and margin are set then */
    double budget_s;  /* of each run; of `ab` alone */
    bool rules;       /* at the end, what other tools' rules would have said (selftest_rules.h) */
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
