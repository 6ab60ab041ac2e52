/* decide.c - the rule of decide.h. */
#include "gate/decide.h"
#include "perf/stats.h"

#include <math.h>
#include <stdlib.h>

/* In the log domain, larger is worse; ascending again. */
static void turn(rl_side side, bool higher_is_better, double *out)
{
    for (size_t i = 0; i < side.n; i++)
        out[i] = higher_is_better ? -log(side.x[side.n - 1 - i]) : log(side.x[i]);
}

rl_judgement rl_compare(rl_rank_null *null, rl_side before, rl_side now, bool higher_is_better, double margin)
{
    rl_judgement j = {
        .n_before = before.n,
        .n_now = now.n,
        .before = rl_sorted_median(before.x, before.n),
        .now = rl_sorted_median(now.x, now.n),
        .margin = margin,
        .p_worse = 1,
        .p_better = 1,
        .p_not_worse = 1,
        .decision = RL_DECIDED_INCONCLUSIVE,
    };
    double *logs = malloc((before.n + now.n) * sizeof *logs);
    j.ratio = j.now / j.before;
    j.low = 0;
    j.high = (double)INFINITY;
    j.worse = higher_is_better ? 1 / j.ratio : j.ratio;
    if (logs == NULL) return j;
    const rl_side x = {logs, before.n}, y = {logs + before.n, now.n};
    turn(before, higher_is_better, logs);
    turn(now, higher_is_better, logs + before.n);
    const double allowed = log1p(margin);
    const rl_interval shift = rl_hodges_lehmann(null, x, y, RL_INTERVAL_LEVEL);
    if (isfinite(shift.estimate)) {
        j.worse = exp(shift.estimate);
        j.ratio = exp(higher_is_better ? -shift.estimate : shift.estimate);
        j.low = exp(higher_is_better ? -shift.high : shift.low);
        j.high = exp(higher_is_better ? -shift.low : shift.high);
    }
    j.superiority = rl_superiority(x, y);
    j.p_worse = rl_rank_p_above(null, x, y, allowed);
    j.p_not_worse = rl_rank_p_below(null, x, y, allowed);
    j.p_better = rl_rank_p_below(null, x, y, -allowed);
    j.sigma = rl_pooled_sigma(x, y);
    rl_robust_sigma(x, &j.outliers_before);
    rl_robust_sigma(y, &j.outliers_now);
    free(logs);
    return j;
}

bool rl_reachable(size_t n, size_t m, size_t rows, double level)
{
    return rl_rank_p_min(n, m) * (double)rows <= level;
}

static rl_decision decide(const rl_judgement *j, size_t rows, double level)
{
    if (!rl_reachable(j->n_before, j->n_now, rows, level)) return RL_UNREACHABLE;
    if (j->p_worse <= level && j->superiority >= RL_SUPERIORITY) return RL_DECIDED_REGRESSED;
    if (j->p_better <= level && j->superiority <= 1 - RL_SUPERIORITY) return RL_DECIDED_IMPROVED;
    return j->p_not_worse <= RL_PASS_LEVEL ? RL_DECIDED_PASS : RL_DECIDED_INCONCLUSIVE;
}

void rl_decide_all(rl_judgement *rows, size_t n, double level)
{
    double *p = malloc((n + 1) * 2 * sizeof *p);
    if (p == NULL) return; /* rl_compare left them INCONCLUSIVE */
    double *worse = p, *better = p + n;
    for (size_t i = 0; i < n; i++) {
        worse[i] = rows[i].p_worse;
        better[i] = rows[i].p_better;
    }
    rl_holm(worse, n);
    rl_holm(better, n);
    for (size_t i = 0; i < n; i++) {
        rl_judgement *j = &rows[i];
        j->p_worse = worse[i];
        j->p_better = better[i];
        j->detectable = exp(rl_detectable_shift(j->n_before, j->n_now, j->sigma, log1p(j->margin),
                                                level / (double)n, RL_POWER));
        j->decision = decide(j, n, level);
    }
    free(p);
}

/* Downwards: beyond RL_RANK_EXACT values, more of them can be of less use. */
size_t rl_launches_needed(size_t n, size_t rows, double level, size_t most)
{
    size_t m = most;
    while (m > 0 && rl_reachable(n, m, rows, level)) m--;
    return m == most ? 0 : m + 1;
}
