/* paired.h - is the new build slower than the old one, by blocks of launches? Pure: numbers in, decisions out.
 *
 * There are three arms: the old build, the new one, and the null arm, which is the old build once more:
 * what it seems to differ by is what this machine makes up. A block is six launches, each arm twice, in
 * an order that reads the same backwards (old new null null new old): whatever drifts evenly through a
 * block adds the same to every arm. There are six such orders; every six blocks have each of them once,
 * shuffled, so that each arm has each place equally often. Six launches, not four, are what a null arm
 * costs that sees just what the new build sees.
 *
 * The value of a block is g = ((ln new1 + ln new2) - (ln old1 + ln old2)) / 2, the log of how many times
 * slower.  Tests are of signs: how many blocks lie beyond the margin, against coin tosses (exact). That
 * asks for no distribution and no symmetry, which timings do not have. A block exactly on the margin
 * counts for neither side.
 *
 * Looks are planned: after rl_looks's numbers of blocks it is seen which rows are decided, and those
 * are measured no longer. A p-value of one look is multiplied by RL_LOOKS, and the smallest of those so
 * far is the row's: it is one for whichever look the row ends at (Bonferroni). Holm's correction over
 * all rows comes on top. A look may come early, where time is up: its place hangs on the clock, not on
 * the differences that were measured. */
#ifndef RL_PAIRED_H
#define RL_PAIRED_H

#include "gate/decide.h"

#include <stdint.h>

typedef enum { RL_ARM_OLD, RL_ARM_NULL, RL_ARM_NEW, RL_ARMS } rl_arm;

enum { RL_BLOCK_LAUNCHES = 2 * RL_ARMS, RL_LOOKS = 6, RL_FIRST_LOOK = 10, RL_BLOCKS_MAX = 1000 };

const char *rl_arm_name(rl_arm arm); /* "old" */

/* The order of block `block` (from 0): a function of seed and block alone. */
void rl_block_order(uint64_t seed, size_t block, rl_arm order[RL_BLOCK_LAUNCHES]);

/* All positive. */
double rl_block_value(const double old[2], const double other[2]);

/* How many blocks there are at each look. The first is the smallest number, of RL_FIRST_LOOK or more, at which one
 * row of `rows` can be shown to be slower at `level`; each later one has half as many again. */
void rl_looks(size_t looks[RL_LOOKS], size_t rows, double level);

/* One row through its looks. Begins with p_worse = p_better = p_not_worse = 1, INCONCLUSIVE. */
typedef struct {
    const double *g; /* in any order, finite; borrowed */
    size_t n;
    double p_worse, p_better, p_not_worse; /* of the row alone, whatever the look */
    double p;                              /* p_worse corrected for all rows */
    rl_decision decision;                  /* stays once it is another than INCONCLUSIVE */
} rl_paired_row;

rl_paired_row rl_paired_begin(void);

/* A look at all rows of the run. `margin` is a part: 0.02 lets 1.02 times the old build pass; `level` is that of
 * the run. A row that is decided is looked at no more: one that passes is not watched for turning out better. */
void rl_paired_look(rl_paired_row *rows, size_t n, double margin, double level);

/* What a row's blocks say, as ratios new / old. */
typedef struct {
    double ratio, low, high; /* the median, and an interval that holds it in 95 of 100 runs, at whichever look
                                they end; 0 and infinity where so few blocks allow none */
    double slower;           /* in how many of the blocks the new build was slower; ties count half */
    double detectable;       /* found in nine runs of ten with as many blocks */
    size_t outliers;         /* further than RL_OUTLIER_SIGMAS from the median; they count all the same */
} rl_paired_summary;

/* Without memory everything is as unknown as can be. */
rl_paired_summary rl_paired_summarize(const double *g, size_t n, size_t rows, double margin, double level);

#endif
