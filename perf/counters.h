/* counters.h - hardware event counters: libpfm4 encodes names, perf_event_open counts, and an event counts as
 * available only once it has been opened and seen to move.
 *
 * Names resolve on machines that cannot count them (a virtual machine without a PMU encodes `cycles`
 * happily), so each is tried out once: encode, open, run a piece of work that must move it, read. A column
 * tries a ladder of names: the CPU's own event, then the kernel's generic one. What is left without is
 * unavailable, with the reason; page faults and context switches come from getrusage (noise.h) and need no permission.
 *
 * Every value carries its share: 1 exact, below 1 the event was on the PMU for that part of the time only
 * (multiplexing) and was scaled up, 0 not measured. Counted is user mode; each thread opens counters of its
 * own and nothing is inherited. Events are not grouped: one that does not fit beside the others is
 * multiplexed by the kernel and says so, instead of keeping a whole group from being counted. */
#ifndef RL_COUNTERS_H
#define RL_COUNTERS_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

/* Counted whenever the machine can. Events that the user names follow. */
enum {
    RL_CYCLES,
    RL_INSTRUCTIONS,
    RL_BRANCH_MISSES,
    RL_LLC_MISSES,
    RL_DTLB_MISSES,
    RL_FIXED_COUNTERS,
    RL_COUNTERS_MAX = 32
};

typedef enum { RL_RUNG_NATIVE, RL_RUNG_GENERIC, RL_RUNG_SOFTWARE, RL_RUNG_NONE } rl_rung;

typedef struct {
    char name[64];    /* the column: "cycles", or the name the user gave */
    char event[160];  /* what is counted, fully qualified; "" where unavailable */
    rl_rung rung;     /* RL_RUNG_NONE: unavailable */
    char reason[256]; /* why unavailable, else "" */
} rl_counter_info;

typedef struct {
    double value;
    double share; /* of the time it was meant to count; 0: not measured */
} rl_counter_value;

/* How events are opened, as a table so that tests bring a PMU of their own. */
struct perf_event_attr;
typedef struct {
    uint64_t value, enabled_ns, running_ns;
} rl_counter_reading;

typedef struct {
    /* Fills attr, and `full` with the fully qualified name. Kernel mode counts where `kernel` is set and the
     * name has no modifier of its own. */
    rl_status (*encode)(void *ctx, const char *event, bool kernel, struct perf_event_attr *attr, char *full,
                        size_t full_size, rl_error *err);
    int (*open)(void *ctx, struct perf_event_attr *attr); /* for the calling thread; -errno on failure */
    bool (*enable)(void *ctx, int fd, bool on);
    bool (*read)(void *ctx, int fd, rl_counter_reading *out);
    void (*close)(void *ctx, int fd);
    void (*work)(void *ctx); /* some milliseconds that move every event a column may count */
    void *ctx;
} rl_counter_os;

extern const rl_counter_os rl_counter_os_linux;

/* What the machine can count; the same for all threads. */
typedef struct rl_counters rl_counters;

/* Tries the fixed columns and `extra`, names separated by commas ("" for none). `os` is borrowed. An event
 * that cannot be counted is not an error. Errors: RL_ERR_ARG for an empty, overlong or repeated name or too
 * many of them, RL_ERR_MEMORY. */
rl_status rl_counters_open(rl_counters **counters, const char *extra, const rl_counter_os *os, rl_error *err);
void rl_counters_close(rl_counters *counters); /* NULL is fine */

size_t rl_counters_count(const rl_counters *counters); /* RL_FIXED_COUNTERS and those named */
const rl_counter_info *rl_counters_info(const rl_counters *counters, size_t i);

/* True where at least one fixed column counts. */
bool rl_counters_hardware(const rl_counters *counters);

/* The counters of one thread. Opened by the thread itself (or empty, where they would tell nothing); start
 * and stop may alternate; read closes. */
typedef struct {
    const rl_counters *of;
    int fd[RL_COUNTERS_MAX]; /* negative: none */
} rl_counter_set;

void rl_counter_set_open(rl_counter_set *set, const rl_counters *counters, bool wanted);
void rl_counter_set_start(const rl_counter_set *set);
void rl_counter_set_stop(const rl_counter_set *set);
void rl_counter_set_read(rl_counter_set *set, rl_counter_value values[RL_COUNTERS_MAX]);

#endif
