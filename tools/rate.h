/* rate.h - how often something happened, and how often it may happen. */
#ifndef RL_RATE_H
#define RL_RATE_H

#include <stddef.h>

typedef struct {
    size_t k, n;
    double value, low, high; /* k / n, and Clopper and Pearson's 95 % interval; n 0: NaN, 0, 1 */
} rl_rate;

/* k of n independent trials, k <= n. The interval misses the true rate with probability at most 0.05, 0.025 on
 * each side, whatever that rate is. */
rl_rate rl_rate_of(size_t k, size_t n);

/* Whether a rate of false reds is kept; the worse answer is the larger. */
typedef enum {
    RL_KEPT,
    RL_KEPT_UNKNOWN, /* fewer than half of the runs came to a verdict: a check that says nothing cannot be wrong */
    RL_KEPT_NOT      /* the interval lies above what is allowed */
} rl_kept;

/* Of n runs with nothing changed: those that came to a verdict, red among them, and the part that may be red. */
rl_kept rl_rate_kept(size_t red, size_t judged, size_t n, double allowed);

const char *rl_kept_text(rl_kept kept); /* a sentence */

#endif
