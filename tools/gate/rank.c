/* rank.c - counting splits, and what follows from it. */
#include "gate/rank.h"
#include "perf/stats.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Of the values of both sides together. */
typedef struct {
    size_t n, m;
    size_t rank2[RL_RANK_EXACT]; /* twice each value's midrank, ascending; exact sizes only */
    size_t w2;                   /* twice the rank sum of y */
    double ties;                 /* sum of t^3 - t over groups of t equal values */
} ranking;

/* Merges the sides; a tie gets the mean rank of its group, which has one value at least: NaN equals nothing. */
static ranking rank(rl_side x, rl_side y, double shift)
{
    ranking r = {.n = x.n, .m = y.n};
    size_t i = 0, j = 0;
    while (i < x.n || j < y.n) {
        const bool from_x = j == y.n || (i < x.n && x.x[i] <= y.x[j] - shift);
        const double value = from_x ? x.x[i] : y.x[j] - shift;
        const size_t first = i + j, y_first = j;
        if (from_x)
            i++;
        else
            j++;
        while (i < x.n && x.x[i] == value) i++;
        while (j < y.n && y.x[j] - shift == value) j++;
        const size_t size = i + j - first, rank2 = 2 * first + size + 1;
        r.w2 += (j - y_first) * rank2;
        r.ties += (double)size * ((double)size * (double)size - 1);
        for (size_t k = first; k < i + j && x.n + y.n <= RL_RANK_EXACT; k++) r.rank2[k] = rank2;
    }
    return r;
}

/* C(n, k) */
static double choose(size_t n, size_t k)
{
    double c = 1;
    for (size_t i = 1; i <= k; i++) c = c * (double)(n - k + i) / (double)i;
    return c;
}

/* splits[s] of the ways to choose m of the values have the sum s of rank2; NULL without memory. *top is the
 * largest s. */
static double *count_splits(const size_t *rank2, size_t total, size_t m, size_t *top)
{
    *top = total * (total + 1);
    double *c = calloc((m + 1) * (*top + 1), sizeof *c);
    if (c == NULL) return NULL;
    c[0] = 1;
    for (size_t i = 0; i < total; i++)
        for (size_t k = m < i + 1 ? m : i + 1; k >= 1; k--)
            for (size_t s = *top; s >= rank2[i]; s--)
                c[k * (*top + 1) + s] += c[(k - 1) * (*top + 1) + s - rank2[i]];
    memmove(c, c + m * (*top + 1), (*top + 1) * sizeof *c);
    return c;
}

/* The distribution of U where no value occurs twice, by counting ranks 1, 2, ... */
static bool prepare(rl_rank_null *null, size_t n, size_t m)
{
    if (null->below != NULL && null->n == n && null->m == m) return true;
    size_t rank2[RL_RANK_EXACT], top;
    for (size_t i = 0; i < n + m; i++) rank2[i] = i + 1; /* ranks themselves: no halves without ties */
    double *splits = count_splits(rank2, n + m, m, &top);
    double *below = splits != NULL ? malloc((n * m + 1) * sizeof *below) : NULL;
    if (below != NULL) {
        const double all = choose(n + m, m);
        double sum = 0;
        for (size_t u = 0; u <= n * m; u++) below[u] = (sum += splits[u + m * (m + 1) / 2]) / all;
        free(null->below);
        *null = (rl_rank_null){n, m, below};
    }
    free(splits);
    return below != NULL;
}

void rl_rank_null_free(rl_rank_null *null)
{
    free(null->below);
    *null = (rl_rank_null){0};
}

static double normal_below(double z) { return 0.5 * erfc(-z / sqrt(2)); }

/* P(U <= u), u may be half of an odd number; `twice` is 2 u. */
static double p_normal(const ranking *r, double u)
{
    const double n = (double)r->n, m = (double)r->m, total = n + m;
    const double variance = n * m / 12 * (total + 1 - r->ties / (total * (total - 1)));
    if (!(variance > 0)) return 1;
    return normal_below((u + 0.5 - n * m / 2) / sqrt(variance));
}

static double p_with_ties(const ranking *r, bool above)
{
    size_t top;
    double sum = 0, *splits = count_splits(r->rank2, r->n + r->m, r->m, &top);
    if (splits == NULL) return 1;
    for (size_t s = above ? r->w2 : 0; s <= (above ? top : r->w2); s++) sum += splits[s];
    free(splits);
    return fmin(1, sum / choose(r->n + r->m, r->m));
}

static double p_value(rl_rank_null *null, rl_side x, rl_side y, double shift, bool above)
{
    const ranking r = rank(x, y, shift);
    const size_t u2 = r.w2 - r.m * (r.m + 1); /* twice U */
    const size_t from2 = 2 * r.n * r.m - u2;  /* twice the U of the other direction */
    if (r.n + r.m > RL_RANK_EXACT) return p_normal(&r, (double)(above ? from2 : u2) / 2);
    if (r.ties > 0) return p_with_ties(&r, above);
    if (!prepare(null, r.n, r.m)) return 1;
    return fmin(1, null->below[(above ? from2 : u2) / 2]); /* the distribution is symmetric */
}

double rl_rank_p_above(rl_rank_null *null, rl_side x, rl_side y, double shift)
{
    return p_value(null, x, y, shift, true);
}

double rl_rank_p_below(rl_rank_null *null, rl_side x, rl_side y, double shift)
{
    return p_value(null, x, y, shift, false);
}

double rl_rank_p_min(size_t n, size_t m)
{
    if (n + m > RL_RANK_EXACT) return p_normal(&(ranking){.n = n, .m = m}, 0);
    return 1 / choose(n + m, n < m ? n : m);
}

double rl_superiority(rl_side x, rl_side y)
{
    const ranking r = rank(x, y, 0);
    return (double)(r.w2 - r.m * (r.m + 1)) / (2.0 * (double)r.n * (double)r.m);
}

/* The largest k with P(U <= k - 1) <= alpha / 2; 0: none. */
static size_t interval_index(rl_rank_null *null, size_t n, size_t m, double alpha)
{
    if (n + m > RL_RANK_EXACT) {
        const double mean = (double)n * (double)m / 2;
        const double k = mean + rl_normal_quantile(alpha / 2) * sqrt(mean * (double)(n + m + 1) / 6);
        return k > 0 ? (size_t)k : 0;
    }
    size_t k = 0;
    if (!prepare(null, n, m)) return 0;
    while (k < n * m && null->below[k] <= alpha / 2) k++;
    return k;
}

rl_interval rl_hodges_lehmann(rl_rank_null *null, rl_side x, rl_side y, double alpha)
{
    const size_t pairs = x.n * y.n, k = interval_index(null, x.n, y.n, alpha);
    rl_interval interval = {(double)NAN, (double)-INFINITY, (double)INFINITY};
    double *d = malloc(pairs * sizeof *d);
    if (d == NULL) return interval;
    for (size_t i = 0; i < x.n; i++)
        for (size_t j = 0; j < y.n; j++) d[i * y.n + j] = y.x[j] - x.x[i];
    rl_sort(d, pairs);
    interval.estimate = rl_sorted_median(d, pairs);
    if (k > 0 && 2 * k <= pairs) {
        interval.low = d[k - 1];
        interval.high = d[pairs - k];
    }
    free(d);
    return interval;
}

typedef struct {
    double p;
    size_t at;
} ordered;

static int order(const void *a, const void *b)
{
    const double p = ((const ordered *)a)->p, q = ((const ordered *)b)->p;
    return (p > q) - (p < q);
}

void rl_holm(double *p, size_t n)
{
    ordered *sorted = n > 1 ? malloc(n * sizeof *sorted) : NULL;
    if (sorted == NULL) { /* Bonferroni needs no memory, and is never the more lenient */
        for (size_t i = 0; i < n; i++) p[i] = fmin(1, p[i] * (double)n);
        return;
    }
    for (size_t i = 0; i < n; i++) sorted[i] = (ordered){p[i], i};
    qsort(sorted, n, sizeof *sorted, order);
    double most = 0;
    for (size_t i = 0; i < n; i++) {
        most = fmax(most, fmin(1, sorted[i].p * (double)(n - i)));
        p[sorted[i].at] = most;
    }
    free(sorted);
}

double rl_sign_p(size_t n, size_t k)
{
    double term = ldexp(1, -(int)n), sum = 0; /* of n heads; then of ever fewer */
    for (size_t heads = n; heads + 1 > k && heads <= n; heads--) {
        sum += term;
        term *= (double)heads / (double)(n - heads + 1);
    }
    return fmin(1, sum);
}

/* The k-th smallest is above the median where at most k - 1 of n fell below it, that is where n - k + 1 fell above. */
size_t rl_median_low(size_t n, double alpha)
{
    size_t k = 0;
    while (k < n && rl_sign_p(n, n - k) <= alpha) k++;
    return k;
}

double rl_normal_quantile(double p)
{
    double low = -40, high = 40;
    for (int i = 0; i < 200 && low < high; i++) {
        const double middle = low + (high - low) / 2;
        if (middle == low || middle == high) break;
        if (normal_below(middle) < p)
            low = middle;
        else
            high = middle;
    }
    return low;
}

double rl_pooled_sigma(rl_side x, rl_side y)
{
    const size_t n = x.n + y.n;
    double *d = malloc(n * sizeof *d);
    if (d == NULL) return (double)NAN;
    const double cx = rl_sorted_median(x.x, x.n), cy = rl_sorted_median(y.x, y.n);
    for (size_t i = 0; i < x.n; i++) d[i] = fabs(x.x[i] - cx);
    for (size_t i = 0; i < y.n; i++) d[x.n + i] = fabs(y.x[i] - cy);
    rl_sort(d, n);
    const double sigma = 1.4826 * rl_sorted_median(d, n);
    free(d);
    return sigma;
}

double rl_robust_sigma(rl_side x, size_t *outliers)
{
    *outliers = 0;
    double *d = malloc(x.n * sizeof *d), sum = 0;
    if (d == NULL) return (double)NAN;
    const double center = rl_sorted_median(x.x, x.n);
    for (size_t i = 0; i < x.n; i++) sum += d[i] = fabs(x.x[i] - center);
    rl_sort(d, x.n);
    const double mad = rl_sorted_median(d, x.n);
    const double sigma =
        mad > 0 ? 1.4826 * mad : 1.2533 * sum / (double)x.n; /* as of a normal distribution */
    while (*outliers < x.n && d[x.n - 1 - *outliers] > RL_OUTLIER_SIGMAS * sigma) ++*outliers;
    free(d);
    return sigma;
}

double rl_detectable_shift(size_t n, size_t m, double sigma, double margin, double alpha, double power)
{
    const double z = rl_normal_quantile(1 - alpha) + rl_normal_quantile(power);
    const double launches = 1 / (double)n + 1 / (double)m;
    return margin + z * sigma * sqrt(acos(-1) / 3 * launches);
}
