/* ab_bench.h - the bench programs of two builds, launched by turns. */
#ifndef RL_AB_BENCH_H
#define RL_AB_BENCH_H

#include "gate/paired.h"
#include "gate/samples.h"
#include "gate/verdict.h"
#include "here.h"

typedef struct {
    const rl_lane *lane;
    const rl_lane_mode *mode;
    const char *dir;    /* each launch leaves launches/<number>.csv here */
    const char *inject; /* a rule for --inject, for the new build; NULL: none */
    rl_verdict_set *v;
    char program[RL_ARMS][RL_PATH_MAX]; /* the null arm's is the old one */
    char model[RL_PATH_MAX];            /* "": the lane has none */
    char counts[RL_PATH_MAX];           /* the CSV with everyone's numbers of iterations; "": none yet */
    const char **env;                   /* owned, by free() */
    size_t launches;                    /* so far */
    double spent_s, last_s;             /* on all of them, on the last */
    int caught;                         /* a signal that asked us to end, or 0 */
} rl_ab_bench;

/* All of these add a problem to the verdict and return false where they fail. */

/* Finds programs and model. */
bool rl_ab_bench_open(rl_ab_bench *b, const char *old_dir, const char *new_dir, const char *model);
void rl_ab_bench_close(rl_ab_bench *b);

/* The names of the rows that the lane selects, in the verdict's pool. */
bool rl_ab_bench_list(rl_ab_bench *b, rl_arm arm, const char *const **names, size_t *n);

/* One launch of the rows that `filter` finds, as often as counts says. */
bool rl_ab_bench_launch(rl_ab_bench *b, rl_arm arm, const char *filter, rl_samples *s);

/* The path of a launch's CSV. */
void rl_ab_bench_csv(const rl_ab_bench *b, size_t launch, char out[RL_PATH_MAX]);

#endif
