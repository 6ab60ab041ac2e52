/* noise.c - resource usage, stolen time, and the thresholds of noise.h. */
#include "perf/noise.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    SWITCH_COST_NS = 30000,
    LEAST_LOST_NS = 100000,
    LEAST_STOLEN_NS = 20000000, /* two ticks */
};

static rl_usage usage_of(int who)
{
    struct rusage r;
    if (getrusage(who, &r) != 0) return (rl_usage){0};
    return (rl_usage){r.ru_minflt, r.ru_majflt, r.ru_nvcsw, r.ru_nivcsw};
}

rl_usage rl_usage_thread(void) { return usage_of(RUSAGE_THREAD); }
rl_usage rl_usage_process(void) { return usage_of(RUSAGE_SELF); }

rl_usage rl_usage_between(rl_usage a, rl_usage b)
{
    return (rl_usage){b.minor_faults - a.minor_faults, b.major_faults - a.major_faults,
                      b.voluntary - a.voluntary, b.involuntary - a.involuntary};
}

rl_usage rl_usage_sum(rl_usage a, rl_usage b)
{
    return (rl_usage){a.minor_faults + b.minor_faults, a.major_faults + b.major_faults,
                      a.voluntary + b.voluntary, a.involuntary + b.involuntary};
}

int64_t rl_steal_ns(void)
{
    FILE *f = fopen("/proc/stat", "r");
    if (f == NULL) return 0;
    int64_t ticks = 0,
            per_second = sysconf(_SC_CLK_TCK); /* cpu user nice system idle iowait irq softirq steal */
    bool told = fscanf(f, "cpu %*d %*d %*d %*d %*d %*d %*d %" SCNd64, &ticks) == 1;
    fclose(f);
    return told && per_second > 0 ? ticks * (1000000000 / per_second) : 0;
}

bool rl_thread_disturbed(int64_t wall_ns, int64_t cpu_ns, rl_usage used)
{
    if (used.major_faults > 0) return true;
    int64_t lost = used.involuntary * SWITCH_COST_NS;
    if (used.voluntary == 0 && wall_ns > cpu_ns) lost += wall_ns - cpu_ns;
    return lost > LEAST_LOST_NS && lost > wall_ns / 100;
}

bool rl_machine_disturbed(int64_t wall_ns, size_t threads, int64_t steal_ns)
{
    return steal_ns >= LEAST_STOLEN_NS && steal_ns > wall_ns / 100 * (int64_t)threads;
}
