/* counters.c - trying events out, and counting them in a thread. */
#include "perf/counters.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    rl_counter_info info;
    struct perf_event_attr attr; /* as it was opened; meaningless where unavailable */
} event;

struct rl_counters {
    const rl_counter_os *os;
    size_t n;
    event events[RL_COUNTERS_MAX];
};

/* A column's ladder: names of CPU vendors' own events as libpfm4 knows them, then the kernel's generic event.
 * Misses of the last level: demand misses at Intel, lines filled from memory at AMD, whose generic
 * CACHE-MISSES are those of the second level and therefore not here. Misses of the data TLB only as the
 * kernel maps them: it picks the event that means a page walk, while vendors' names differ in what they include. */
enum { RUNGS = 5 };
/* clang-format off */
static const struct {
    const char *name;
    const char *ladder[RUNGS];
} columns[RL_FIXED_COUNTERS] = {
    [RL_CYCLES] = {"cycles",
        {"UNHALTED_CORE_CYCLES", "CYCLES_NOT_IN_HALT", "CPU_CYCLES", "perf::CYCLES"}},
    [RL_INSTRUCTIONS] = {"instructions",
        {"INSTRUCTION_RETIRED", "RETIRED_INSTRUCTIONS", "INST_RETIRED", "perf::INSTRUCTIONS"}},
    [RL_BRANCH_MISSES] = {"branch_misses",
        {"BR_MISP_RETIRED:ALL_BRANCHES", "RETIRED_BRANCH_INSTRUCTIONS_MISPREDICTED", "BR_MIS_PRED",
         "perf::BRANCH-MISSES"}},
    [RL_LLC_MISSES] = {"llc_misses",
        {"LONGEST_LAT_CACHE:MISS", "ANY_DATA_CACHE_FILLS_FROM_SYSTEM:DRAM_IO_NEAR:DRAM_IO_FAR",
         "ANY_DATA_CACHE_FILLS_FROM_SYSTEM:MEM_IO_LCL:MEM_IO_RMT", "LL_CACHE_MISS_RD",
         "perf::LLC-LOAD-MISSES"}},
    [RL_DTLB_MISSES] = {"dtlb_misses", {"perf::DTLB-LOAD-MISSES"}},
};
/* clang-format on */

/* Software events are the kernel's own count: context switches and faults happen in kernel mode, so that mode
 * is counted too where permitted. */
static rl_status encode(const rl_counter_os *os, const char *name, event *e, rl_error *err)
{
    memset(&e->attr, 0, sizeof e->attr);
    rl_status status = os->encode(os->ctx, name, false, &e->attr, e->info.event, sizeof e->info.event, err);
    if (status == RL_OK && e->attr.type == PERF_TYPE_SOFTWARE)
        status = os->encode(os->ctx, name, true, &e->attr, e->info.event, sizeof e->info.event, err);
    e->attr.disabled = 1;
    e->attr.inherit = 0;
    e->attr.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
    return status;
}

static rl_rung rung_of(uint32_t type)
{
    switch (type) {
    case PERF_TYPE_SOFTWARE:
    case PERF_TYPE_TRACEPOINT:
        return RL_RUNG_SOFTWARE;
    case PERF_TYPE_HARDWARE:
    case PERF_TYPE_HW_CACHE:
        return RL_RUNG_GENERIC;
    default:
        return RL_RUNG_NATIVE;
    }
}

/* Counts a piece of work. A software event needs only to open: no work of ours moves, say, migrations. */
static rl_status try_out(const rl_counter_os *os, const char *name, event *e, rl_error *err)
{
    rl_status status = encode(os, name, e, err);
    if (status != RL_OK) return status;
    int fd = os->open(os->ctx, &e->attr);
    if ((fd == -EACCES || fd == -EPERM) && !e->attr.exclude_kernel) {
        e->attr.exclude_kernel = 1;
        fd = os->open(os->ctx, &e->attr);
    }
    if (fd < 0) return rl_fail(err, RL_ERR_UNSUPPORTED, "%s: cannot be opened: %s", name, strerror(-fd));
    rl_counter_reading got = {0};
    bool read = os->enable(os->ctx, fd, true);
    if (read) os->work(os->ctx);
    read = read && os->enable(os->ctx, fd, false) && os->read(os->ctx, fd, &got);
    os->close(os->ctx, fd);
    if (!read) return rl_fail(err, RL_ERR_UNSUPPORTED, "%s: opened, but cannot be read", name);
    rl_rung rung = rung_of(e->attr.type);
    if (rung != RL_RUNG_SOFTWARE && got.running_ns == 0)
        return rl_fail(err, RL_ERR_UNSUPPORTED, "%s: opened, but never got a counter", name);
    if (rung != RL_RUNG_SOFTWARE && got.value == 0)
        return rl_fail(err, RL_ERR_UNSUPPORTED, "%s: opened, but stood still", name);
    e->info.rung = rung;
    return RL_OK;
}

/* Climbs down a ladder. The reason that stays is the last rung's: the most general name. */
static void resolve(const rl_counter_os *os, const char *const *ladder, size_t rungs, event *e)
{
    rl_error err;
    for (size_t i = 0; i < rungs && ladder[i] != NULL; i++)
        if (try_out(os, ladder[i], e, &err) == RL_OK) return;
    e->info.rung = RL_RUNG_NONE;
    e->info.event[0] = '\0';
    snprintf(e->info.reason, sizeof e->info.reason, "%.255s", err.text);
}

/* A name that can head a column: bytes 0x21 to 0x7e without quotes and backslashes. */
static bool is_name(const char *name, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (name[i] < 0x21 || name[i] > 0x7e || name[i] == '"' || name[i] == '\\') return false;
    return length > 0;
}

/* One name of a comma-separated list, copied into the next free event. */
static rl_status add_named(rl_counters *c, const char *name, size_t length, rl_error *err)
{
    char shown[80];
    rl_printable(shown, sizeof shown, name, length);
    if (c->n == RL_COUNTERS_MAX)
        return rl_fail(err, RL_ERR_ARG, "performance counters: more than %d names",
                       RL_COUNTERS_MAX - RL_FIXED_COUNTERS);
    event *e = &c->events[c->n];
    if (length >= sizeof e->info.name || !is_name(name, length))
        return rl_fail(err, RL_ERR_ARG, "performance counter '%s': not a name of up to %zu characters", shown,
                       sizeof e->info.name - 1);
    memcpy(e->info.name, name, length);
    for (size_t i = 0; i < c->n; i++)
        if (strcmp(c->events[i].info.name, e->info.name) == 0)
            return rl_fail(err, RL_ERR_ARG, "performance counter '%s': named twice, or always counted",
                           shown);
    c->n++;
    resolve(c->os, (const char *const[]){e->info.name}, 1, e);
    return RL_OK;
}

rl_status rl_counters_open(rl_counters **out, const char *extra, const rl_counter_os *os, rl_error *err)
{
    *out = NULL;
    rl_counters *c = calloc(1, sizeof *c);
    if (c == NULL) return rl_fail(err, RL_ERR_MEMORY, "out of memory for performance counters");
    c->os = os;
    for (size_t i = 0; i < RL_FIXED_COUNTERS; i++) {
        event *e = &c->events[c->n++];
        snprintf(e->info.name, sizeof e->info.name, "%s", columns[i].name);
        resolve(os, columns[i].ladder, RUNGS, e);
    }
    const char *at = extra[0] != '\0' ? extra : NULL;
    while (at != NULL) {
        size_t length = strcspn(at, ",");
        rl_status status = add_named(c, at, length, err);
        if (status != RL_OK) {
            rl_counters_close(c);
            return status;
        }
        at = at[length] == ',' ? at + length + 1 : NULL;
    }
    *out = c;
    return RL_OK;
}

void rl_counters_close(rl_counters *c) { free(c); }

size_t rl_counters_count(const rl_counters *c) { return c->n; }
const rl_counter_info *rl_counters_info(const rl_counters *c, size_t i) { return &c->events[i].info; }

bool rl_counters_hardware(const rl_counters *c)
{
    for (size_t i = 0; i < RL_FIXED_COUNTERS; i++)
        if (c->events[i].info.rung != RL_RUNG_NONE) return true;
    return false;
}

void rl_counter_set_open(rl_counter_set *set, const rl_counters *c, bool wanted)
{
    set->of = c;
    for (size_t i = 0; i < RL_COUNTERS_MAX; i++) {
        set->fd[i] = -1;
        if (!wanted || i >= c->n || c->events[i].info.rung == RL_RUNG_NONE) continue;
        struct perf_event_attr attr = c->events[i].attr;
        set->fd[i] = c->os->open(c->os->ctx, &attr);
    }
}

static void enable_all(const rl_counter_set *set, bool on)
{
    const rl_counter_os *os = set->of->os;
    for (size_t i = 0; i < set->of->n; i++)
        if (set->fd[i] >= 0) os->enable(os->ctx, set->fd[i], on);
}

void rl_counter_set_start(const rl_counter_set *set) { enable_all(set, true); }
void rl_counter_set_stop(const rl_counter_set *set) { enable_all(set, false); }

void rl_counter_set_read(rl_counter_set *set, rl_counter_value values[RL_COUNTERS_MAX])
{
    const rl_counter_os *os = set->of->os;
    for (size_t i = 0; i < RL_COUNTERS_MAX; i++) {
        values[i] = (rl_counter_value){0, 0};
        if (set->fd[i] < 0) continue;
        rl_counter_reading r;
        if (os->read(os->ctx, set->fd[i], &r) && r.running_ns > 0) {
            double share = r.running_ns < r.enabled_ns ? (double)r.running_ns / (double)r.enabled_ns : 1;
            values[i] = (rl_counter_value){(double)r.value / share, share};
        }
        os->close(os->ctx, set->fd[i]);
        set->fd[i] = -1;
    }
}
