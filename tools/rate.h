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

#endif
