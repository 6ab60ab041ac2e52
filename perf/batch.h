/* batch.h - one call of a case's run() on all its threads, and what was measured of it. Private to perf/. */
#ifndef RL_BATCH_H
#define RL_BATCH_H

#include "base/team.h"
#include "perf/bench.h"
#include "perf/noise.h"
#include "perf/row.h"

#include <sched.h>

/* What batches are measured with. */
typedef struct {
    const rl_clock *clock;
    const rl_counters *counters;
    rl_team *team;  /* the threads now up, all pinned; NULL: none */
    cpu_set_t cpus; /* what the process may use, whatever the caller is pinned to by now */
    bool unpinned;  /* some team had more threads than there are CPUs */
    bool stirred;   /* the caches hold a yardstick's data */
} rl_rig;

void rl_rig_open(rl_rig *rig, const rl_clock *clock, const rl_counters *counters);
void rl_rig_disband(rl_rig *rig); /* ends the team's threads and unpins the caller */

typedef struct {
    rl_outcome outcome;
    char message[512], label[128]; /* label: "" where run() set none */
    uint64_t iterations;
    double real_s; /* of all iterations: wall time, or what a manual_time case reported */
    double wall_s;
    double cpu_s;                                   /* mean over threads */
    rl_user_counter counters[RL_USER_COUNTERS_MAX]; /* summed over threads, not finished */
    size_t n_counters;
    rl_counter_value hardware[RL_COUNTERS_MAX]; /* summed; the worst share */
    rl_usage used;
    bool contaminated;
} rl_batch;

/* Runs `iterations` of a case on `threads` threads, made slower by the share `slowdown` (inject.h; 0: as it is).
 * Whatever happens is in *out. */
void rl_batch_run(rl_rig *rig, const rl_case *c, size_t threads, uint64_t iterations, double slowdown,
                  rl_batch *out);

/* Google Benchmark's order: rate, threads, invariant, iterations, inverse last. */
double rl_counter_finish(double value, unsigned flags, double seconds, size_t threads, uint64_t iterations);

#endif
