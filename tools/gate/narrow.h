/* narrow.h - a lane of which only some rows are asked for: `--rows ERE` of run and compare.
 *
 * The ERE takes the place of the lane's own filters, those of "args" and of "quick": a bench obeys the last
 * --benchmark_filter, and the baseline's rows are expected as far as the ERE selects them. So --rows may also
 * name a row that the lane leaves out: it is measured, and NEW. A gate none of whose rows is selected is not
 * applicable, not broken. Not every gate has been judged then, which is why the result says that it is of some
 * rows only, and why no baseline is made from it. */
#ifndef RL_NARROW_H
#define RL_NARROW_H

#include "gate/lane.h"
#include "gate/samples.h"
#include "gate/verdict.h"

/* RL_ERR_ARG: not an ERE, or one that --benchmark_filter takes for something else. */
rl_status rl_rows_check(const char *rows, rl_error *err);

/* Narrows a lane as it was read, once. Errors: as above; the lane is as it was then. */
rl_status rl_lane_narrow(rl_lane *lane, const char *rows, rl_error *err);

/* The lane as it is asked for, narrowed where rows is not NULL, which the verdict then says. False where it cannot be
 * had: a problem in *v says why; *lane may be freed all the same. */
bool rl_lane_asked(rl_lane *lane, const char *lanes, const char *name, const char *rows, rl_verdict_set *v);

/* Leaves those rows that the lane's mode selects: for samples that were not measured by it. */
void rl_samples_narrow(rl_samples *s, const rl_lane_mode *mode);

#endif
