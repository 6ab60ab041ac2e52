/* calibration_diff.h - a calibration's sessions against each other, and all of them against the old baseline.
 * */
#ifndef RL_CALIBRATION_DIFF_H
#define RL_CALIBRATION_DIFF_H

#include "calibration.h"

/* Notes a reason why the baseline may not be written. */
void rl_calibration_refuse(rl_calibration *c, const char *fmt, ...) RL_PRINTF(2, 3);

/* Refuses rows whose sessions differ by more than their margin. */
void rl_calibration_agree(rl_calibration *c);

/* Fills the changes, and the next baseline's tombstones; refuses what needs a reason and has none. */
void rl_calibration_diff(rl_calibration *c);

#endif
