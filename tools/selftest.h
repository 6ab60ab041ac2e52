/* selftest.h - the gate judged: made-up lane runs through rl_judge, with a known answer.
 *
 * A run is a baseline (20 launches in two sessions), a lane's launches of today, `repetitions` rows of CSV for
 * each, and one relative gate over all rows. Nothing is stubbed: the samples and the baseline are the structs
 * that the readers fill, the verdict is the one that `ridgeline run` shows. */
#ifndef RL_SELFTEST_H
#define RL_SELFTEST_H

#include "noise_made.h"
#include "other_rules.h"

#include "base/status.h"

enum { RL_SELFTEST_BEFORE = 20, RL_SELFTEST_REPETITIONS = 3, RL_SELFTEST_PROCESS = 10 };

typedef struct {
    const rl_noise_kind *kind;
    double amplitude, sigma; /* parts; repetitions of a launch have a sigma of a third of that */
    double margin;           /* of the gate: a part */
    double false_reds;       /* per 100 runs, as a lane file says it */
    double slowdown;         /* beyond the margin, of one row: a part */
    size_t rows, launches;
    uint64_t seed;
    bool rules; /* ask the other rules, too */
} rl_selftest_plan;

typedef enum {
    RL_CHANGE_NONE, /* nothing changed: a red is false */
    RL_CHANGE_EDGE, /* every row is slower by exactly the margin, which is still allowed: a red is false */
    RL_CHANGE_ONE,  /* one row by chance is slower by the margin and `slowdown` on top */
    RL_CHANGES
} rl_change;

typedef struct {
    size_t runs;
    size_t red, broken, passed; /* exit code 1, 2, 0 */
    size_t found;               /* the row that is slower was REGRESSED */
    size_t rows, inconclusive;  /* of all runs together */
    size_t rule_red[RL_RULES][RL_VIEWS], rule_found[RL_RULES][RL_VIEWS]; /* runs: any row red; that row red */
} rl_tally;

/* RL_ERR_ARG for sizes that make no lane. The same plan gives the same tally. */
rl_status rl_selftest_run(const rl_selftest_plan *plan, rl_change change, size_t runs, rl_tally *tally,
                          rl_error *err);

const char *rl_change_name(rl_change change);

#endif
