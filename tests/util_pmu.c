/* util_pmu.c - a PMU made of tables. */
#include "util_pmu.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>

enum { FIRST_FD = 100 }; /* that an fd is an index must not go unnoticed */

static rl_status encode(void *ctx, const char *name, bool kernel, struct perf_event_attr *attr, char *full,
                        size_t full_size, rl_error *err)
{
    const util_pmu *pmu = ctx;
    for (size_t i = 0; i < pmu->n; i++) {
        if (strcmp(pmu->events[i].name, name) != 0) continue;
        attr->type = pmu->events[i].type;
        attr->config = i;
        attr->exclude_kernel = !kernel;
        snprintf(full, full_size, "pmu::%s", name);
        return RL_OK;
    }
    return rl_fail(err, RL_ERR_UNSUPPORTED, "%s: libpfm4: event not found", name);
}

static int open_event(void *ctx, struct perf_event_attr *attr)
{
    util_pmu *pmu = ctx;
    const util_event *event = &pmu->events[attr->config];
    if (attr->inherit || !attr->disabled) return -EINVAL;
    if (event->open_errno != 0) return -event->open_errno;
    if (event->user_only && !attr->exclude_kernel) return -EACCES;
    int at = atomic_fetch_add(&pmu->opened, 1);
    if (at >= UTIL_PMU_FDS || (pmu->fail_after >= 0 && at >= pmu->fail_after)) {
        atomic_fetch_sub(&pmu->opened, 1);
        return -EMFILE;
    }
    pmu->event_of[at] = (int)attr->config;
    atomic_store(&pmu->times_on[at], 0);
    return FIRST_FD + at;
}

static bool enable(void *ctx, int fd, bool on)
{
    util_pmu *pmu = ctx;
    if (on) atomic_fetch_add(&pmu->times_on[fd - FIRST_FD], 1);
    return true;
}

static bool read_event(void *ctx, int fd, rl_counter_reading *out)
{
    util_pmu *pmu = ctx;
    const util_event *event = &pmu->events[pmu->event_of[fd - FIRST_FD]];
    uint64_t times = (uint64_t)atomic_load(&pmu->times_on[fd - FIRST_FD]);
    *out = (rl_counter_reading){event->value * times, event->enabled * times, event->running * times};
    return true;
}

static void close_event(void *ctx, int fd)
{
    (void)fd;
    util_pmu *pmu = ctx;
    atomic_fetch_add(&pmu->closed, 1);
}

static void work(void *ctx) { (void)ctx; }

void util_pmu_init(util_pmu *pmu, const util_event *events, size_t n)
{
    memset(pmu, 0, sizeof *pmu);
    pmu->events = events;
    pmu->n = n;
    pmu->fail_after = -1;
}

rl_counter_os util_pmu_os(util_pmu *pmu)
{
    return (rl_counter_os){encode, open_event, enable, read_event, close_event, work, pmu};
}
