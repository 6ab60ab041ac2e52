/* stats.c - descriptive statistics. */
#include "perf/stats.h"

#include <math.h>
#include <stdlib.h>

double rl_mean(const double *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += x[i];
    return n > 0 ? sum / (double)n : NAN;
}

/* Two passes: the textbook E[x^2] - E[x]^2 loses everything where the spread is small against the mean, which
 * is what good timings look like. */
double rl_stddev(const double *x, size_t n)
{
    if (n < 2) return NAN;
    double mean = rl_mean(x, n), sum = 0;
    for (size_t i = 0; i < n; i++) sum += (x[i] - mean) * (x[i] - mean);
    return sqrt(sum / (double)(n - 1));
}

double rl_cv(const double *x, size_t n)
{
    double mean = rl_mean(x, n);
    return mean != 0 ? rl_stddev(x, n) / fabs(mean) : NAN;
}

double rl_min(const double *x, size_t n)
{
    double least = n > 0 ? x[0] : NAN;
    for (size_t i = 1; i < n; i++) least = x[i] < least ? x[i] : least;
    return least;
}

double rl_max(const double *x, size_t n)
{
    double most = n > 0 ? x[0] : NAN;
    for (size_t i = 1; i < n; i++) most = x[i] > most ? x[i] : most;
    return most;
}

double rl_l2_diff(const float *got, const float *want, size_t n)
{
    double difference = 0, norm = 0;
    for (size_t i = 0; i < n; i++) {
        const double d = (double)got[i] - (double)want[i];
        difference += d * d;
        norm += (double)want[i] * (double)want[i];
    }
    return sqrt(difference / norm);
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void rl_sort(double *x, size_t n)
{
    if (n > 1) qsort(x, n, sizeof *x, ascending);
}

double rl_sorted_percentile(const double *x, size_t n, double p)
{
    if (n == 0) return NAN;
    double at = p * (double)(n - 1);
    size_t below = (size_t)at;
    if (below + 1 >= n) return x[n - 1];
    return x[below] + (at - (double)below) * (x[below + 1] - x[below]);
}

double rl_sorted_median(const double *x, size_t n)
{
    if (n == 0) return NAN;
    return n % 2 == 1 ? x[n / 2] : 0.5 * (x[n / 2 - 1] + x[n / 2]);
}

/* The deviations below the median and those above it are two sorted lists that meet in the middle: walking
 * outwards merges them, and the k-th step is the k-th smallest deviation. */
double rl_sorted_mad(const double *x, size_t n)
{
    if (n == 0) return NAN;
    double median = rl_sorted_median(x, n), previous = 0, current = 0;
    size_t above = n / 2, below = above; /* next above is x[above], next below is x[below - 1] */
    for (size_t step = 0; step <= n / 2; step++) {
        previous = current;
        if (above == n || (below > 0 && median - x[below - 1] < x[above] - median))
            current = median - x[--below];
        else
            current = x[above++] - median;
    }
    return n % 2 == 1 ? current : 0.5 * (previous + current);
}

rl_summary rl_summarize(double *x, size_t n)
{
    rl_sort(x, n);
    return (rl_summary){
        .n = n,
        .mean = rl_mean(x, n),
        .median = rl_sorted_median(x, n),
        .stddev = rl_stddev(x, n),
        .cv = rl_cv(x, n),
        .min = n > 0 ? x[0] : NAN,
        .max = n > 0 ? x[n - 1] : NAN,
        .mad = rl_sorted_mad(x, n),
    };
}
