/* util_pmu.h - a PMU made of tables, for tests on machines that have none: which names encode, which events
 * open, how they count. */
#ifndef UTIL_PMU_H
#define UTIL_PMU_H

#include "perf/counters.h"

#include <stdatomic.h>

/* One event. Counting gives `value` each time it is on for a while, over `enabled` ns of which it ran `running`. */
typedef struct {
    const char *name;
    uint32_t type;  /* PERF_TYPE_... */
    int open_errno; /* 0: opens */
    bool user_only; /* opens only without kernel mode */
    uint64_t value, enabled, running;
} util_event;

enum { UTIL_PMU_FDS = 256 };

typedef struct {
    const util_event *events;
    size_t n;
    int fail_after; /* opens that succeed before all fail with EMFILE; negative: no limit */
    atomic_int opened, closed;
    atomic_int times_on[UTIL_PMU_FDS]; /* by descriptor */
    int event_of[UTIL_PMU_FDS];
} util_pmu;

void util_pmu_init(util_pmu *pmu, const util_event *events, size_t n);
rl_counter_os util_pmu_os(util_pmu *pmu);

#endif
