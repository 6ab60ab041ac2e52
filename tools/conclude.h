/* conclude.h - from samples to a verdict: finds the baseline, judges, applies waivers, writes verdict.json.
 * What `run` and `compare` have in common. */
#ifndef RL_CONCLUDE_H
#define RL_CONCLUDE_H

#include "gate/judge.h"

typedef struct {
    const rl_lane *lane;   /* NULL: could not be read, and a problem in *v says why */
    const char *csv;       /* NULL: there are no samples, and a problem in *v says why */
    const char *baseline;  /* the file; NULL: the one for the class, below `baselines` */
    const char *baselines; /* a directory */
    const char *report;    /* a directory, is made, gets verdict.json; NULL: none */
    bool any_code;         /* as in judge.h */
    int64_t now;           /* date.h; 0: what the system's clock says */
} rl_conclude_plan;

/* *v is open. Whatever happens it is closed, and written where a report is asked for; that this failed is a
 * problem in it, too. */
void rl_conclude(const rl_conclude_plan *plan, rl_verdict_set *v);

/* Judges, with *in completed by what this machine runs where the samples are of its class. */
void rl_judge_here(rl_verdict_set *v, rl_judge_input *in);

/* Shows the verdicts on stdout, in colour on a terminal that wants it; `all` as in render.h. Returns the exit
 * code. */
int rl_show(const rl_verdict_set *const *lanes, size_t n, bool all);

#endif
