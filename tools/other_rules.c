/* other_rules.c - three rules of one line each. */
#include "other_rules.h"
#include "perf/stats.h"

#include <math.h>

#define ALPHA 0.05
#define CHANGE 0.05

static bool differs(rl_rank_null *null, rl_side x, rl_side y)
{
    return 2 * fmin(rl_rank_p_above(null, x, y, 0), rl_rank_p_below(null, x, y, 0)) < ALPHA;
}

bool rl_rule_red(rl_rule rule, rl_rank_null *null, rl_side before, rl_side now)
{
    const double change = rule == RL_RULE_MEAN
                              ? rl_mean(now.x, now.n) / rl_mean(before.x, before.n) - 1
                              : rl_sorted_median(now.x, now.n) / rl_sorted_median(before.x, before.n) - 1;
    const double allowed = rule == RL_RULE_BENCHSTAT ? 0 : CHANGE;
    return change > allowed && (rule == RL_RULE_MEAN || differs(null, before, now));
}

const char *rl_rule_name(rl_rule rule)
{
    static const char *const names[RL_RULES] = {
        [RL_RULE_COMPARE_PY] = "compare.py",
        [RL_RULE_BENCHSTAT] = "benchstat",
        [RL_RULE_MEAN] = "5 % of mean",
    };
    return names[rule];
}

const char *rl_view_name(rl_view view)
{
    static const char *const names[RL_VIEWS] = {
        [RL_VIEW_PROCESS] = "one process",
        [RL_VIEW_POOLED] = "pooled",
        [RL_VIEW_LAUNCHES] = "launches",
    };
    return names[view];
}
