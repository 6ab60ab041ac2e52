/* rate.c - the interval that inverts the binomial tests of each side. */
#include "rate.h"

#include <math.h>
#include <stdbool.h>

#define SIDE 0.025

/* P(X >= k), or P(X <= k), of a binomial X. Adds up from k outwards, where terms fall if k is on the far side of
 * the mean. */
static double tail(size_t k, size_t n, double p, bool above)
{
    const double dk = (double)k, dn = (double)n, odds = p / (1 - p);
    if (p <= 0 || p >= 1) return (above ? k == 0 || p >= 1 : k == n || p <= 0) ? 1 : 0;
    double term =
        exp(lgamma(dn + 1) - lgamma(dk + 1) - lgamma(dn - dk + 1) + dk * log(p) + (dn - dk) * log1p(-p));
    double sum = term;
    for (size_t i = k; above ? i < n : i > 0; above ? i++ : i--) {
        term *= above ? (double)(n - i) / (double)(i + 1) * odds : (double)i / (double)(n - i + 1) / odds;
        sum += term;
        if (term < 1e-17 * sum) break;
    }
    return fmin(1, sum);
}

/* The p between the estimate and 0 or 1 at which that tail is SIDE. */
static double bound(size_t k, size_t n, bool lower)
{
    double inner = (double)k / (double)n, outer = lower ? 0 : 1;
    if (inner == outer) return outer;
    for (int i = 0; i < 100; i++) {
        const double middle = (inner + outer) / 2;
        if (tail(k, n, middle, lower) > SIDE)
            inner = middle;
        else
            outer = middle;
    }
    return outer;
}

rl_rate rl_rate_of(size_t k, size_t n)
{
    if (n == 0) return (rl_rate){0, 0, (double)NAN, 0, 1};
    return (rl_rate){k, n, (double)k / (double)n, bound(k, n, true), bound(k, n, false)};
}

rl_kept rl_rate_kept(size_t red, size_t judged, size_t n, double allowed)
{
    if (rl_rate_of(red, n).low > allowed) return RL_KEPT_NOT;
    return n > 0 && judged >= n - judged ? RL_KEPT : RL_KEPT_UNKNOWN;
}

const char *rl_kept_text(rl_kept kept)
{
    static const char *const texts[] = {
        [RL_KEPT] = "The rate of false reds is kept.",
        [RL_KEPT_UNKNOWN] = "Fewer than half of the runs with nothing changed came to a verdict: unknown.",
        [RL_KEPT_NOT] = "There are more false reds than allowed.",
    };
    return texts[kept];
}
