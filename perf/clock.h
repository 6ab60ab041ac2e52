/* clock.h - the clocks, behind a table so that a test can bring its own, and what reading one costs. */
#ifndef RL_CLOCK_H
#define RL_CLOCK_H

#include "base/status.h"

#include <stdint.h>

/* Nanoseconds since some fixed point. Differences are what counts. */
typedef struct {
    int64_t (*wall_ns)(void *ctx);        /* monotonic; the time that is reported */
    int64_t (*thread_cpu_ns)(void *ctx);  /* CPU time of the calling thread */
    int64_t (*process_cpu_ns)(void *ctx); /* CPU time of all threads */
    void *ctx;
} rl_clock;

/* CLOCK_MONOTONIC (read without a system call), CLOCK_THREAD_CPUTIME_ID, CLOCK_PROCESS_CPUTIME_ID. */
extern const rl_clock rl_clock_system;

typedef struct {
    double resolution_ns;      /* smallest step between two reads that differ */
    double overhead_min_ns;    /* of one read, over runs of back-to-back reads: the best run, */
    double overhead_median_ns; /* and the middle one */
} rl_clock_info;

/* Measures the wall clock. Errors: RL_ERR_UNSUPPORTED where it stands still or runs backwards; nothing may be
 * timed with it then. */
rl_status rl_clock_check(const rl_clock *clock, rl_clock_info *info, rl_error *err);

#endif
