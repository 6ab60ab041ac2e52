/* calibration.h - from measurements to a baseline: what it would hold, how it differs from the old one, and
 * why it may not be written. Reads, writes nothing.
 *
 * A measurement is a session: launches in a row. Several that lie apart in time see different states of the
 * machine; one says nothing of how the next will come out. So there are at least two, unless a reason is
 * given; and where a row's sessions differ by more than its margin (after the control variate has taken its
 * part), the machine was not one machine, and no reason helps.
 *
 * Rows may become tighter than the old baseline, by more than their margin, where every session shows it;
 * looser, or go away, only with a reason. Rows that go away with one leave a tombstone. */
#ifndef RL_CALIBRATION_H
#define RL_CALIBRATION_H

#include "gate/baseline.h"
#include "gate/samples.h"
#include "here.h"

#include <stdio.h>

typedef struct {
    const rl_lane *lane;
    const char *const *csvs; /* one for each session, in the order of time */
    size_t n_csvs;           /* at least 1, at most RL_SESSIONS_MAX */
    const char *baselines;
    const char *reason; /* why rows may become slower or go away, and the like; "" none is given */
    const char *head;   /* the commit the tree is at; "" unknown */
    bool clean;         /* the tree has no changes */
    bool any_build;     /* do not ask what the bench was built from */
    bool narrowed;      /* the lane is (narrow.h): sessions of those rows are what is asked for */
    int64_t now;        /* date.h: when a session was measured whose context does not say */
} rl_calibration_plan;

typedef struct {
    rl_samples samples;
    rl_origin origin;
} rl_measured;

typedef struct {
    const rl_calibration_plan *plan; /* borrowed */
    rl_pool pool;
    rl_measured *sessions; /* as many as the plan has */
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
