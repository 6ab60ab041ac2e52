/* selftest_rules.h - what other tools' rules (other_rules.h) say of the samples that a measured selftest kept.
 *
 * Of every row they are shown real_time, before and now: the baseline's sessions and the run, or the old and the new
 * arm of an A/B run. Repetitions are pooled, or each launch counts once; "one process" is not asked, for a process of
 * a lane repeats too few times for a U test. A table goes to `out`, and DIR/rules.csv gets
 *
 *   rule,samples,load,kind,runs,count,rate,low,high
 *
 * where count is, of runs with nothing changed (kind "same"), those with any row red, and of the others ("slower")
 * those where the slower row is. */
#ifndef RL_SELFTEST_RULES_H
#define RL_SELFTEST_RULES_H

#include "selftest_log.h"

#include <stdio.h>

/* Errors: samples that are gone or cannot be read; the sentence names the file. */
rl_status rl_selftest_rules(const char *dir, const rl_selftest_outcome *runs, size_t n, FILE *out,
                            rl_error *err);

#endif
