/* paired.c - the orders, the tests and the looks of paired.h. */
#include "gate/paired.h"
#include "base/random.h"
#include "perf/stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ORDERS = 6 };

static const rl_arm halves[ORDERS][RL_ARMS] = {
    {RL_ARM_OLD,  RL_ARM_NEW,  RL_ARM_NULL},
    {RL_ARM_OLD,  RL_ARM_NULL, RL_ARM_NEW },
    {RL_ARM_NEW,  RL_ARM_OLD,  RL_ARM_NULL},
    {RL_ARM_NEW,  RL_ARM_NULL, RL_ARM_OLD },
    {RL_ARM_NULL, RL_ARM_OLD,  RL_ARM_NEW },
    {RL_ARM_NULL, RL_ARM_NEW,  RL_ARM_OLD },
};

const char *rl_arm_name(rl_arm arm)
{
    static const char *const names[RL_ARMS] = {"old", "null", "new"};
    return names[arm];
}

void rl_block_order(uint64_t seed, size_t block, rl_arm order[RL_BLOCK_LAUNCHES])
{
    size_t round[ORDERS] = {0, 1, 2, 3, 4, 5};
    uint64_t state = rl_random_mix(seed) + block / ORDERS;
    for (size_t i = ORDERS; i > 1; i--) {
        const size_t k = (size_t)(rl_random(&state) % i), other = round[k];
        round[k] = round[i - 1];
        round[i - 1] = other;
    }
    const rl_arm *half = halves[round[block % ORDERS]];
    for (size_t i = 0; i < RL_ARMS; i++) order[i] = order[RL_BLOCK_LAUNCHES - 1 - i] = half[i];
}

double rl_block_value(const double old[2], const double other[2])
{
    return 0.5 * (log(other[0]) + log(other[1]) - log(old[0]) - log(old[1]));
}

void rl_looks(size_t looks[RL_LOOKS], size_t rows, double level)
{
    size_t n = RL_FIRST_LOOK;
    while (n < RL_BLOCKS_MAX && rl_sign_p(n, n) * RL_LOOKS * (double)rows > level) n++;
    for (size_t i = 0; i < RL_LOOKS; i++, n += (n + 1) / 2) looks[i] = n;
}

rl_paired_row rl_paired_begin(void)
{
    return (rl_paired_row){
        .p_worse = 1, .p_better = 1, .p_not_worse = 1, .p = 1, .decision = RL_DECIDED_INCONCLUSIVE};
}

/* The row's part of a look. */
static void look(rl_paired_row *row, double allowed)
{
    size_t above = 0, below = 0, better = 0;
    for (size_t i = 0; i < row->n; i++) {
        above += row->g[i] > allowed;
        below += row->g[i] < allowed;
        better += row->g[i] < -allowed;
    }
    row->p_worse = fmin(row->p_worse, RL_LOOKS * rl_sign_p(row->n, above));
    row->p_not_worse = fmin(row->p_not_worse, RL_LOOKS * rl_sign_p(row->n, below));
    row->p_better = fmin(row->p_better, RL_LOOKS * rl_sign_p(row->n, better));
}

void rl_paired_look(rl_paired_row *rows, size_t n, double margin, double level)
{
    double *p = malloc((n + 1) * 2 * sizeof *p);
    if (p == NULL) return; /* nothing is decided without memory */
    double *worse = p, *better = p + n;
    for (size_t i = 0; i < n; i++) {
        if (rows[i].decision == RL_DECIDED_INCONCLUSIVE) look(&rows[i], log1p(margin));
        worse[i] = rows[i].p_worse;
        better[i] = rows[i].p_better;
    }
    rl_holm(worse, n);
    rl_holm(better, n);
    for (size_t i = 0; i < n; i++) {
        rl_paired_row *row = &rows[i];
        row->p = worse[i];
        if (row->decision != RL_DECIDED_INCONCLUSIVE) continue;
        row->decision = worse[i] <= level                   ? RL_DECIDED_REGRESSED
                        : better[i] <= level                ? RL_DECIDED_IMPROVED
                        : row->p_not_worse <= RL_PASS_LEVEL ? RL_DECIDED_PASS
                                                            : RL_DECIDED_INCONCLUSIVE;
    }
    free(p);
}

/* The largest k with P(fewer than k heads) <= alpha / 2: from the k-th value to the k-th from the end is the
 * interval of the median. 0: none. */
static size_t interval_index(size_t n, double alpha)
{
    size_t k = 0;
    while (k < n / 2 && rl_sign_p(n, n - k) <= alpha / 2) k++;
    return k;
}

rl_paired_summary rl_paired_summarize(const double *g, size_t n, size_t rows, double margin, double level)
{
    const double none = (double)NAN;
    rl_paired_summary s = {.ratio = none, .high = (double)INFINITY, .slower = none, .detectable = none};
    double *x = n > 0 ? malloc(n * sizeof *x) : NULL;
    if (x == NULL) return s;
    memcpy(x, g, n * sizeof *x);
    rl_sort(x, n);
    const double median = rl_sorted_median(x, n);
    const size_t k = interval_index(n, RL_INTERVAL_LEVEL / RL_LOOKS);
    double slower = 0;
    for (size_t i = 0; i < n; i++) slower += x[i] > 0 ? 1 : x[i] == 0 ? 0.5 : 0;
    s.ratio = exp(median);
    s.slower = slower / (double)n;
    if (k > 0) {
        s.low = exp(x[k - 1]);
        s.high = exp(x[n - k]);
    }
    const double sigma = rl_robust_sigma((rl_side){x, n}, &s.outliers);
    const double z = rl_normal_quantile(1 - level / (double)rows / RL_LOOKS) + rl_normal_quantile(RL_POWER);
    s.detectable = (1 + margin) * exp(z * sigma * sqrt(acos(-1) / 2 / (double)n)); /* efficiency 2 / pi */
    free(x);
    return s;
}
