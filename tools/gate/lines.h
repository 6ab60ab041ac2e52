/* lines.h - what every table of findings shows: which, in what order, and how their numbers read. */
#ifndef RL_LINES_H
#define RL_LINES_H

#include "gate/value.h"
#include "gate/verdict.h"

typedef struct {
    const rl_verdict_set *lane;
    const rl_finding *finding;
    size_t others; /* that passed the same gate by more, and have no line of their own */
} rl_line;

/* The findings of all lanes, worst first, in the pool; *n_lines of them. Unless `all`, rows that pass a gate which is
 * needs no baseline share a line: the one that comes closest stands for them. */
rl_line *rl_lines(const rl_verdict_set *const *lanes, size_t n, bool all, rl_pool *pool, size_t *n_lines);

/* How grave a finding is for those who know three grades only. */
typedef enum { RL_GRADE_ERROR, RL_GRADE_WARNING, RL_GRADE_NOTICE, RL_GRADE_NONE } rl_grade;
rl_grade rl_finding_grade(const rl_finding *f);

/* "regressed", "same code": a verdict in a summary. */
const char *rl_verdict_word(rl_verdict verdict);

/* "1.498x", "1.490-1.506", "<= 1.1x"; "" where there is none. Return out. */
const char *rl_ratio_text(char out[RL_VALUE_MAX], const rl_finding *f);
const char *rl_interval_text(char out[RL_VALUE_MAX], const rl_finding *f);
const char *rl_threshold_text(char out[RL_VALUE_MAX], const rl_finding *f);

/* "relative/real_time" with '/' between, "path" where there is no metric, "" without a gate. In the pool. */
const char *rl_gate_text(const rl_finding *f, char between, rl_pool *pool);

/* "compared 58/58, regressed 2, passed 56, ungated 1; disturbed 3 of 60 repetitions". In the pool. */
const char *rl_summary_text(const rl_verdict_set *v, rl_pool *pool);

/* "gemv (quick, only ^gemv/q4_0/)": a lane and how much of it. In the pool. */
const char *rl_lane_text(const rl_verdict_set *v, rl_pool *pool);

/* The worst exit code of all. */
int rl_lanes_exit(const rl_verdict_set *const *lanes, size_t n);

#endif
