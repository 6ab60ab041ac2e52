/* judge_trial.h - what the parts of the judge share. Private to judge*.c:
 *   judge.c           rows before any gate, gates, what the baseline expects
 *   judge_bound.c     a row under a gate that compares one value with one bound
 *   judge_relative.c  rows against their baseline, decided together */
#ifndef RL_JUDGE_TRIAL_H
#define RL_JUDGE_TRIAL_H

#include "gate/judge.h"
#include "gate/rank.h"

typedef enum { RL_ROW_SOUND, RL_ROW_SKIPPED, RL_ROW_UNSOUND } rl_row_state;

typedef struct {
    rl_verdict_set *v;
    const rl_judge_input *in;
    rl_row_state *states;          /* one for each row of the samples */
    bool *gated;                   /* likewise */
    bool *compared;                /* one for each row of the baseline */
    struct rl_relative *relatives; /* rows that have a baseline, to be decided */
    size_t n_relatives;
    rl_pool scratch;
} rl_trial;

/* Fill the finding of a sound row under a gate, whose metric is in `column` and sound, too (a path gate has none).
 * A relative one is filled by rl_decide_relatives. Findings move when one is added: *f is of no use then. */
void rl_judge_bound(rl_trial *t, rl_finding *f, const rl_sample_row *row, size_t column);
void rl_judge_relative(rl_trial *t, rl_finding *f, const rl_sample_row *row, size_t column);

void rl_decide_relatives(rl_trial *t);

/* The baseline's row, which the finding is then compared with; NULL: there is none, or it is of another unit,
 * direction or control variate, and the finding says so. */
const rl_baseline_row *rl_trial_baseline(rl_trial *t, rl_finding *f);

/* Launch medians, ascending, in the scratch pool; sets what the finding says of them. */
rl_side rl_trial_launches(rl_trial *t, rl_finding *f, const rl_sample_row *row, size_t column);

/* What is added to a verdict once it is there: the gate's note, and doubt where the row was disturbed. */
void rl_trial_finish(rl_trial *t, rl_finding *f, const rl_sample_row *row);

/* The doubt alone: BROKEN where most repetitions of the row, or of the one it is compared with, were disturbed. */
void rl_trial_doubt(rl_finding *f, const rl_sample_row *row, rl_pool *pool);

/* What is wrong with a row's values for a gate, or NULL: they and their medians must be finite, errors and counts not
 * negative, and what ratios are taken of above 0. */
const char *rl_value_problem(const rl_sample_row *row, size_t column, const rl_gate *gate, rl_pool *pool);

/* The row that a ratio gate compares one called `name` with; NULL: there is none. */
const rl_sample_row *rl_ratio_partner(const rl_samples *s, const rl_gate *gate, const char *name);

/* (max - min) / |median| of an ascending side. */
double rl_side_spread(rl_side side);

#endif
