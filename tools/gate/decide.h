/* decide.h - is a row slower than its baseline allows? Pure: numbers in, a decision out.
 *
 * One process launch is one observation: repetitions of one process share its memory layout, its place in
 * time and its neighbours, so they tell little about the next process. Both sides are sets of launches.
 *
 * A row is compared with a margin, not with equality: a change of less than the margin is no regression
 * however well it is proven, one of more is none until it is proven. Three tests of ranks (rank.h), each of
 * the whole of both sides, so that a stray launch on either weighs no more than its rank:
 *   REGRESSED      worse by more than the margin, after Holm's correction for all rows of the run, and a launch
 *                  of today is worse than one of the baseline in at least RL_SUPERIORITY of all pairs: two
 *                  modes that swapped their shares are not a slower kernel
 *   IMPROVED       better by more than the margin, likewise corrected
 *   PASS           shown to be no worse than the margin allows: the chance of showing it of a row that is worse
 *                  by exactly the margin is at most RL_PASS_LEVEL
 *   INCONCLUSIVE   none of these could be shown
 *   UNREACHABLE    so few launches for so many rows that REGRESSED could not be shown whatever the size: a gate
 *                  that cannot fail is none
 * The level of the first two is the lane's: with one expected false red in 100 runs, 0.01 for all rows of a run
 * together. */
#ifndef RL_DECIDE_H
#define RL_DECIDE_H

#include "gate/rank.h"

#include <stdbool.h>

#define RL_SUPERIORITY 0.9
#define RL_PASS_LEVEL 0.05
#define RL_INTERVAL_LEVEL 0.05 /* of the interval round the ratio */
#define RL_POWER 0.9           /* at which a detectable change is detected */

typedef enum {
    RL_DECIDED_PASS,
    RL_DECIDED_REGRESSED,
    RL_DECIDED_INCONCLUSIVE,
    RL_DECIDED_IMPROVED,
    RL_UNREACHABLE
} rl_decision;

typedef struct {
    size_t n_before, n_now;
    double before, now;       /* medians */
    double margin;            /* as a part: 0.1 lets 1.1 times the baseline pass */
    double ratio, low, high;  /* now / before (Hodges, Lehmann), and its interval */
    double worse;             /* the ratio turned so that above 1 is worse */
    double superiority;       /* how often a launch of today is worse than one of the baseline */
    double p_worse, p_better; /* of the row alone; rl_decide_all corrects them */
    double p_not_worse;
    double sigma;                         /* of launches, in the log domain */
    size_t outliers_before, outliers_now; /* likewise: launches far from the others of their side (rank.h) */
    double detectable;                    /* the smallest ratio that would be found; set by rl_decide_all */
    rl_decision decision;                 /* likewise */
} rl_judgement;

/* Both sides ascending, positive, finite. Without memory nothing is shown of the row. */
rl_judgement rl_compare(rl_rank_null *null, rl_side before, rl_side now, bool higher_is_better,
                        double margin);

/* Decides all rows of a run, at the level for the run as a whole. Without memory all are INCONCLUSIVE. */
void rl_decide_all(rl_judgement *rows, size_t n, double level);

/* Can each of `rows` rows be shown to be worse with m launches against n? */
bool rl_reachable(size_t n, size_t m, size_t rows, double level);

/* The smallest number of launches, up to `most`, from which on they can; 0: not even `most` will do. */
size_t rl_launches_needed(size_t n, size_t rows, double level, size_t most);

#endif
