/* other_rules.h - what other tools would say of the same samples: for comparison, never for a verdict.
 *
 *   compare.py   google/benchmark's tools/compare.py: Mann-Whitney U two-sided on the repetitions, p < 0.05, and
 *                a change of the median above 5 %, where its table turns red
 *   benchstat    golang.org/x/perf's: Mann-Whitney U two-sided, p < 0.05; then the change of the median counts,
 *                whatever its size
 *   5 % of mean  the mean is more than 5 % above the baseline's
 *
 * None corrects for the number of rows. A row is red where it is slower; whatever a rule says of faster rows is
 * not looked at. Each rule is shown the samples in three ways, for their users do all three. */
#ifndef RL_OTHER_RULES_H
#define RL_OTHER_RULES_H

#include "gate/rank.h"

#include <stdbool.h>

typedef enum { RL_RULE_COMPARE_PY, RL_RULE_BENCHSTAT, RL_RULE_MEAN, RL_RULES } rl_rule;

typedef enum {
    RL_VIEW_PROCESS,  /* repetitions of one process each: as the tools' manuals have it */
    RL_VIEW_POOLED,   /* repetitions of all launches, as if they were independent */
    RL_VIEW_LAUNCHES, /* the launches' medians */
    RL_VIEWS
} rl_view;

/* Sides as measured, positive; ascending. */
bool rl_rule_red(rl_rule rule, rl_rank_null *null, rl_side before, rl_side now);

const char *rl_rule_name(rl_rule rule);
const char *rl_view_name(rl_view view);

#endif
