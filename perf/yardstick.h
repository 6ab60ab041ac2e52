/* yardstick.h - how fast the machine is right now, measured next to each repetition. Private to perf/. */
#ifndef RL_YARDSTICK_PRIVATE_H
#define RL_YARDSTICK_PRIVATE_H

#include "perf/batch.h"

typedef struct {
    size_t threads;
    int64_t at_ns;
    double seconds; /* of one iteration */
} rl_reading;

typedef struct {
    rl_case c; /* run, arg, setup, teardown, bytes, flops; the name is owned */
    bool up;
    bool broken;
    char why[512];        /* it broke */
    rl_reading *readings; /* owned; all of them, in order of time */
    size_t n_readings, room;
} rl_gauge;

/* The seconds of one iteration on so many threads: the last reading where it was taken at `since_ns` or
 * later, or a new burst's. NaN where the yardstick is broken. */
double rl_gauge_read(rl_gauge *g, rl_rig *rig, size_t threads, int64_t since_ns);

/* Gives its buffers back; readings stay. */
void rl_gauge_down(rl_gauge *g);
void rl_gauge_free(rl_gauge *g);

#endif
