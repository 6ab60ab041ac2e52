/* decide.c - the rule of decide.h. */
#include "gate/decide.h"
#include "gate/lane.h"
#include "perf/stats.h"

double rl_chance_apart(size_t n, size_t m)
{
    double chance = 1;
    for (size_t i = 1; i <= n && chance > 0; i++) chance *= (double)i / (double)(m + i);
    return chance;
}

size_t rl_launches_needed(size_t n)
{
    size_t m = 1;
    while (m <= RL_LAUNCHES_MAX && rl_chance_apart(n, m) > RL_CHANCE) m++;
    return m;
}

rl_judgement rl_decide(rl_side before, rl_side now, bool higher_is_better, double margin)
{
    rl_judgement j = {
        .before = rl_sorted_median(before.x, before.n),
        .now = rl_sorted_median(now.x, now.n),
        .chance = rl_chance_apart(before.n, now.n),
    };
    j.ratio = j.now / j.before;
    j.worse = higher_is_better ? 1 / j.ratio : j.ratio;
    const bool above = now.x[0] > before.x[before.n - 1], below = now.x[now.n - 1] < before.x[0];
    j.apart = above || below;
    if (j.chance > RL_CHANCE)
        j.decision = RL_UNREACHABLE;
    else if (j.worse > 1 + margin)
        j.decision = j.apart ? RL_DECIDED_REGRESSED : RL_DECIDED_INCONCLUSIVE;
    else if (j.worse < 1 / (1 + margin) && j.apart)
        j.decision = RL_DECIDED_IMPROVED;
    else
        j.decision = RL_DECIDED_PASS;
    return j;
}
