/* stats.h - descriptive statistics: pure functions over arrays of finite numbers.
 * An answer that does not exist (the mean of nothing, the deviation of one) is NaN; nothing here fails. */
#ifndef RL_STATS_H
#define RL_STATS_H

#include <stddef.h>

/* In any order. */
double rl_mean(const double *x, size_t n);
double rl_stddev(const double *x, size_t n); /* of a sample (n - 1), two passes; n < 2: NaN */
double rl_cv(const double *x, size_t n);     /* stddev / |mean|; mean 0: NaN */
double rl_min(const double *x, size_t n);
double rl_max(const double *x, size_t n);

/* The L2 norm of got - want as a part of that of want. */
double rl_l2_diff(const float *got, const float *want, size_t n);

/* Ascending, in place. */
void rl_sort(double *x, size_t n);

/* Of an ascending array. The median of an even count is the mean of the two in the middle. */
double rl_sorted_median(const double *x, size_t n);
/* p in [0, 1], linear between neighbours: position p (n - 1). The default of numpy and R. */
double rl_sorted_percentile(const double *x, size_t n, double p);
/* Median of |x_i - median|, unscaled (times 1.4826 it estimates sigma for normal data). */
double rl_sorted_mad(const double *x, size_t n);

/* All of them at once. */
typedef struct {
    size_t n;
    double mean, median, stddev, cv, min, max, mad;
} rl_summary;

rl_summary rl_summarize(double *x, size_t n); /* sorts x */

#endif
