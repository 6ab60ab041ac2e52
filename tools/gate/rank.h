/* rank.h - exact statistics of two small sets of observations that assume no distribution. Pure: numbers in,
 * numbers out.
 *
 * Sides are observations in the log domain, so that differences are ratios: x the baseline's, y today's. The
 * tests are Mann and Whitney's, conditional on the ties that are there: the probability that a random split
 * of all n + m values gives y a rank sum at least (at most) as large as it has. Up to RL_RANK_EXACT values it
 * is counted, beyond them approximated by the normal distribution with correction for ties and continuity. */
#ifndef RL_RANK_H
#define RL_RANK_H

#include <stddef.h>

enum { RL_RANK_EXACT = 60 };

#define RL_OUTLIER_SIGMAS 3.5 /* Iglewicz and Hoaglin, "How to Detect and Handle Outliers", 1993 */

/* One side: ascending, finite, n at least 1. NaN makes nonsense of what comes out, but it comes out. */
typedef struct {
    const double *x;
    size_t n;
} rl_side;

/* The null distribution without ties of one pair of sizes, kept from call to call: most rows of a run have
 * the same sizes. {0} at first. */
typedef struct {
    size_t n, m;
    double *below; /* below[u]: P(U <= u), u = 0 .. n m; owned */
} rl_rank_null;

void rl_rank_null_free(rl_rank_null *null);

/* P(rank sum of y - shift is at least, or at most, what it is), where both sides are drawn from one
 * distribution. Without memory: 1, the answer that decides nothing. */
double rl_rank_p_above(rl_rank_null *null, rl_side x, rl_side y, double shift);
double rl_rank_p_below(rl_rank_null *null, rl_side x, rl_side y, double shift);

/* The smallest probability that either test can give, that of sides apart: 1 / C(n + m, m), or where the tests are
 * approximate, what they approximate it by. */
double rl_rank_p_min(size_t n, size_t m);

/* The probability that a value of y is larger than one of x, a tie counting half: 0.5 says nothing moved. */
double rl_superiority(rl_side x, rl_side y);

typedef struct {
    double estimate, low, high;
} rl_interval;

/* Hodges and Lehmann's shift, the median of all y_j - x_i, and the exact interval that misses the true one
 * with probability at most alpha; infinite where so few values allow none. It inverts the tests above. */
rl_interval rl_hodges_lehmann(rl_rank_null *null, rl_side x, rl_side y, double alpha);

/* Holm: makes each of n p-values one that may be compared with the level of the whole family, whatever their
 * dependence. In place. */
void rl_holm(double *p, size_t n);

/* P(at least k heads of n tosses). */
double rl_sign_p(size_t n, size_t k);

/* Which of n ascending observations, counted from 1, is with probability 1 - alpha no larger than the median of what they
 * were drawn from: the lower end of its one-sided interval, whatever the distribution. 0: so few allow none. */
size_t rl_median_low(size_t n, double alpha);

/* The z with P(Z <= z) = p for a standard normal Z; p in (0, 1). */
double rl_normal_quantile(double p);

/* Spread of both sides round their own medians, as the sigma of a normal distribution, from the median of
 * absolute deviations: strays do not widen it. */
double rl_pooled_sigma(rl_side x, rl_side y);

/* The same of one side; where most values are equal, from the mean of deviations. *outliers: how many values lie
 * further than RL_OUTLIER_SIGMAS of it from the median. They are to be shown, never left out. Without memory NaN
 * and none. */
double rl_robust_sigma(rl_side x, size_t *outliers);

/* The smallest shift that a test of level alpha against `margin` (a shift, too) finds with probability
 * `power`, with launches of standard deviation sigma. Approximate: the efficiency 3 / pi of ranks is that
 * of normal data. */
double rl_detectable_shift(size_t n, size_t m, double sigma, double margin, double alpha, double power);

#endif
