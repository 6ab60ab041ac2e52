/* worker.h - what stands behind rl_state: one thread of a batch. Private to perf/. */
#ifndef RL_WORKER_H
#define RL_WORKER_H

#include "base/mem.h"
#include "perf/batch.h"

typedef struct {
    /* First, and on a line that no other thread writes: all that run() sees. */
    _Alignas(RL_LINE) rl_state st;
    const rl_rig *rig;
    const rl_case *c;
    double slowdown; /* inject.h; 0: none */

    bool started, stopped, paused;
    int64_t first_ns, open_ns, closed_ns; /* the first window's start; the last one's start and end */
    int64_t ran_ns, paused_ns;            /* in windows, and between them */
    int64_t cpu_mark_ns, cpu_ns;          /* of this thread, in windows */
    int64_t process_mark_ns, process_ns;  /* of the process, where the case drives threads of its own */
    double manual_s;
    rl_usage used; /* from the first window's start to the last one's end */
    rl_counter_set set;
    rl_counter_value hardware[RL_COUNTERS_MAX];

    rl_outcome outcome;
    char message[512], label[128];
    rl_user_counter counters[RL_USER_COUNTERS_MAX];
    size_t n_counters;
} rl_worker;

/* The whole life of a worker in its own thread: run(), then whatever it left undone. */
void rl_worker_run(rl_worker *w);

#endif
