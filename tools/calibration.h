/* calibration.h - from a measurement to a baseline: what it would hold, how it differs from the old one, and
 * why it may not be written. Reads, writes nothing. */
#ifndef RL_CALIBRATION_H
#define RL_CALIBRATION_H

#include "gate/baseline.h"
#include "gate/samples.h"
#include "here.h"

#include <stdio.h>

typedef struct {
    const rl_lane *lane;
    const char *csv, *baselines;
    const char *reason; /* why rows may become slower or go away; "" none is given */
    const char *head;   /* the commit the tree is at; "" unknown */
    bool clean;         /* the tree has no changes */
    bool any_build;     /* do not ask what the bench was built from */
} rl_calibration_plan;

typedef struct {
    const rl_calibration_plan *plan; /* borrowed */
    rl_pool pool;
    rl_samples samples;
    rl_origin origin;
    rl_baseline old, next; /* old: empty where there is none. next borrows from all of the above */
    char path[RL_PATH_MAX];
    const char **changes; /* a line for each row */
    size_t n_changes;
    const char **refusals; /* why it may not be written */
    size_t n_refusals;
} rl_calibration;

void rl_calibrate(rl_calibration *c, const rl_calibration_plan *plan);
void rl_calibration_show(const rl_calibration *c, FILE *out);
void rl_calibration_free(rl_calibration *c);

#endif
