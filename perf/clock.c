/* clock.c - the system's clocks, and the check that a clock is one. */
#include "perf/clock.h"
#include "perf/stats.h"

#include <time.h>

enum {
    STEPS = 100,        /* steps to look at for the smallest */
    PATIENCE = 1000000, /* reads without a step: some 20 ms, longer than any clock's tick */
    RUNS = 101,         /* back-to-back runs, */
    READS = 200,        /* and reads in each: long against the resolution, short against a time slice */
};

static int64_t read_ns(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static int64_t wall(void *ctx)
{
    (void)ctx;
    return read_ns(CLOCK_MONOTONIC);
}

static int64_t thread_cpu(void *ctx)
{
    (void)ctx;
    return read_ns(CLOCK_THREAD_CPUTIME_ID);
}

static int64_t process_cpu(void *ctx)
{
    (void)ctx;
    return read_ns(CLOCK_PROCESS_CPUTIME_ID);
}

const rl_clock rl_clock_system = {wall, thread_cpu, process_cpu, NULL};

static rl_status find_resolution(const rl_clock *clock, double *resolution, rl_error *err)
{
    int64_t before = clock->wall_ns(clock->ctx), smallest = INT64_MAX;
    int steps = 0;
    for (int reads = 0; steps < STEPS && reads < PATIENCE; reads++) {
        int64_t now = clock->wall_ns(clock->ctx), step = now - before;
        before = now;
        if (step < 0)
            return rl_fail(err, RL_ERR_UNSUPPORTED, "the clock ran backwards by %lld ns", -(long long)step);
        if (step == 0) continue;
        steps++;
        if (step < smallest) smallest = step;
    }
    if (steps == 0)
        return rl_fail(err, RL_ERR_UNSUPPORTED, "the clock stood still for %d reads", (int)PATIENCE);
    *resolution = (double)smallest;
    return RL_OK;
}

rl_status rl_clock_check(const rl_clock *clock, rl_clock_info *info, rl_error *err)
{
    rl_status status = find_resolution(clock, &info->resolution_ns, err);
    if (status != RL_OK) return status;
    double cost[RUNS];
    for (int run = 0; run < RUNS; run++) {
        int64_t first = clock->wall_ns(clock->ctx), last = first;
        for (int i = 0; i < READS; i++) last = clock->wall_ns(clock->ctx);
        cost[run] = (double)(last - first) / READS;
    }
    rl_summary s = rl_summarize(cost, RUNS);
    info->overhead_min_ns = s.min;
    info->overhead_median_ns = s.median;
    return RL_OK;
}
