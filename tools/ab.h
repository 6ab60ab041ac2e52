/* ab.h - two builds compared on this machine, now: `ridgeline ab`, and the steps of `ridgeline bisect`.
 *
 * Every launch is a fresh process, in blocks of three arms (gate/paired.h); all of them run the numbers of
 * iterations that the first launch of the old build found. What is compared is real_time, of every row that the
 * lane selects: blocks lie so close in time that the machine's regimes cancel by themselves. Yardsticks would add
 * their own noise, and are not measured. The lane's gates are not judged.
 *
 *   screening      all rows; one is measured no longer once a look has decided it
 *   confirmation   the rows that screening found slower, from new launches alone; what holds is REGRESSED. No
 *                  value of the first stage is used again, so having been picked for it does not count against a row
 *
 * A row whose null arm moved beyond the margin shows that the machine makes differences up: then nothing that
 * fails is proven, and the run is broken. Repetitions that were disturbed from outside are counted, not left out:
 * a block's arms suffer alike.
 *
 * The report's directory gets verdict.json, launches/<number>.csv, and ab.json: seed, plan, and of each launch its
 * arm, stage and block, and of each row the values of its blocks. */
#ifndef RL_AB_H
#define RL_AB_H

#include "ab_bench.h"

#include <stdio.h>

typedef struct {
    const rl_lane *lane;
    const char *old_dir, *new_dir; /* builds or installations */
    const char *model;             /* NULL: the lane's own */
    const char *dir;               /* of the report; is made */
    const char *inject; /* a rule that makes rows of the new build slower (perf/inject.h); NULL: none */
    double margin;      /* as a part */
    double level;       /* expected false reds of the run */
    double budget_s;    /* for all launches; the first looks of both stages are finished in any case */
    uint64_t seed;      /* of the order within blocks */
    FILE *progress;     /* NULL: none */
} rl_ab_plan;

/* *v is open; whatever happens it is closed and written. Returns the signal that ended it early, or 0: the caller
 * shows the verdict, then raises it. */
int rl_ab(const rl_ab_plan *plan, rl_verdict_set *v);

/* "2.5": a percentage from 0.1 to 100, as a part. */
bool rl_ab_margin(const char *text, double *margin);

/* A seed for who names none: short enough to be typed again. */
uint64_t rl_ab_seed(void);

#endif
