/* control.h - the control variate: how much of a row's movement is the machine's. Pure: numbers in,
 * numbers out.
 *
 * A bench measures what the machine can do in the process that measures a row, and says which part of it the
 * row got. So a launch tells the row's value and the machine's state alike: the reading r, which is
 *   read_bw   bytes_per_second / (bw_pct / 100): the read bandwidth
 *   peak      flops_per_second / (peak_pct / 100): the arithmetic peak
 * A row that is bound by it moves with it, one that is not does not, and dividing by a reading that has
 * nothing to do with the row adds noise instead of taking it away. Which it is gets measured at calibration:
 * with t the row's time,
 *   beta = cov(ln t, -ln r) / var(ln r) over all launches, kept within [0, 1]; where the metric is a part of the
 *          reading itself (bw_pct of read_bw), within [-1, 0]: a row that does not follow the machine at all is half
 *          as large a part of twice as much
 * and a launch is judged by t (r / r0)^beta, r0 the baseline's median reading: the time it would have taken
 * on the machine of the calibration. That is done to both sides. A metric of which more is better
 * counts as 1 / t. */
#ifndef RL_CONTROL_H
#define RL_CONTROL_H

#include "gate/samples.h"

enum { RL_CONTROL_LAUNCHES_MIN = 8 }; /* fewer fit nothing: beta is 0 */

/* Readings whose logarithms deviate less (a standard deviation) do not tell how rows follow: beta is 0. */
#define RL_CONTROL_SPREAD_MIN 0.005

/* The readings of a row's launches, each the median over its repetitions, in the order of
 * rl_samples_launch_medians; out has room for row->n. Returns the number of launches, or 0 where no column or
 * not every repetition has one, or `control` is neither of the two. */
size_t rl_control_readings(const rl_samples *s, const rl_sample_row *row, const char *control, double *out);

/* True where the metric is a row's part of what the control reads: bw_pct of read_bw, peak_pct of peak. */
bool rl_control_is_whole(const char *control, const char *metric);

/* value[i] and reading[i] are of one launch; all positive. `whole`: of rl_control_is_whole. */
double rl_control_beta(const double *value, const double *reading, size_t n, bool higher_is_better,
                       bool whole);

/* In place; the order may not be ascending afterwards. */
void rl_control_adjust(double *value, const double *reading, size_t n, double r0, double beta,
                       bool higher_is_better);

#endif
