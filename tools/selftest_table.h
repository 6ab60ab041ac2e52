/* selftest_table.h - selftest's short form: every kind of noise, its rates and intervals, as a table for people and
 * as a CSV:
 *
 *   generator,amplitude,sigma,margin,slowdown,rows,launches,seed,change,rule,samples,runs,count,rate,low,high
 *
 * One line a rate. change: "none" (nothing changed), "edge" (every row slower by exactly the margin), "one" (one row
 * slower by the margin and `slowdown` on top). rule: "ridgeline", whose count is of runs that exit with 1, and in "one"
 * of runs in which that row was REGRESSED; "ridgeline exit 0" and "ridgeline exit 2"; "ridgeline inconclusive", whose
 * runs and count are rows; or another tool's rule (other_rules.h) and which samples it saw. Shares are parts, not
 * percent; low and high are Clopper and Pearson's 95 % interval. */
#ifndef RL_SELFTEST_TABLE_H
#define RL_SELFTEST_TABLE_H

#include "rate.h"
#include "selftest.h"

#include <stdio.h>

typedef struct {
    rl_selftest_plan plan;     /* kind and amplitude are set for each line */
    const rl_noise_kind *only; /* NULL: all kinds */
    double amplitude;          /* negative: each kind's own */
    size_t runs;     /* of RL_CHANGE_NONE; the other changes and the sweep get a tenth of them, at least 1 */
    bool sweep;      /* for each kind, false reds as a function of its amplitude */
    const char *csv; /* NULL: none */
} rl_selftest_table_plan;

/* *kept: the worst answer of all kinds; the sweep, which looks for where that ends, aside. So are runs at the edge
 * of the margin where launches are not exchangeable; where they are, a run there need not come to a verdict: it is
 * where none can be had. Errors: RL_ERR_ARG, RL_ERR_IO for the CSV. */
rl_status rl_selftest_table(const rl_selftest_table_plan *plan, FILE *out, rl_kept *kept, rl_error *err);

#endif
