/* batch.c - a batch on its threads, and the threads' measurements made one. */
#include "perf/batch.h"
#include "base/mem.h"
#include "perf/worker.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

void rl_rig_open(rl_rig *rig, const rl_clock *clock, const rl_counters *counters)
{
    *rig = (rl_rig){.clock = clock, .counters = counters};
    if (sched_getaffinity(0, sizeof rig->cpus, &rig->cpus) != 0) CPU_ZERO(&rig->cpus);
}

void rl_rig_disband(rl_rig *rig)
{
    rl_team_close(rig->team);
    rig->team = NULL;
}

/* One team at a time: it pins the caller, and a second one would find no more than the caller's CPU to use. */
static rl_status assemble(rl_rig *rig, size_t threads, rl_error *err)
{
    if (rig->team != NULL && rl_team_size(rig->team) == threads) return RL_OK;
    rl_rig_disband(rig);
    rl_status status = rl_team_open(&rig->team, threads, true, err);
    if (status == RL_OK && !rl_team_pinned(rig->team)) rig->unpinned = true;
    return status;
}

static void member(void *workers, size_t rank) { rl_worker_run((rl_worker *)workers + rank); }

static void add_counter(rl_batch *b, const rl_user_counter *c)
{
    size_t i = 0;
    while (i < b->n_counters && strcmp(b->counters[i].name, c->name) != 0) i++;
    if (i == RL_USER_COUNTERS_MAX) return; /* threads that disagree: what does not fit is nobody's */
    if (i == b->n_counters)
        b->counters[b->n_counters++] = *c;
    else
        b->counters[i].value += c->value;
}

/* A sum that lacks one thread's part is not measured. */
static void add_hardware(rl_counter_value *sum, rl_counter_value v, bool first)
{
    double share = first || v.share < sum->share ? v.share : sum->share;
    *sum = (rl_counter_value){share > 0 ? sum->value + v.value : 0, share};
}

static void merge(rl_batch *b, const rl_case *c, size_t threads, const rl_worker *workers, size_t n)
{
    int64_t begin = INT64_MAX, end = INT64_MIN, cpu = 0;
    double manual = 0;
    for (size_t i = 0; i < n; i++) {
        const rl_worker *w = &workers[i];
        if (w->outcome > b->outcome) { /* an error outranks a skip; of equals, the first thread's */
            b->outcome = w->outcome;
            memcpy(b->message, w->message, sizeof b->message);
        }
        if (b->label[0] == '\0') memcpy(b->label, w->label, sizeof b->label);
        if (w->first_ns < begin) begin = w->first_ns;
        if (w->closed_ns - w->paused_ns > end) end = w->closed_ns - w->paused_ns;
        cpu += c->self_threaded ? w->process_ns : w->cpu_ns;
        if (w->manual_s > manual) manual = w->manual_s;
        b->used = rl_usage_sum(b->used, w->used);
        b->contaminated |= rl_thread_disturbed(w->ran_ns, w->cpu_ns, w->used);
        for (size_t k = 0; k < RL_COUNTERS_MAX; k++) add_hardware(&b->hardware[k], w->hardware[k], i == 0);
        for (size_t k = 0; k < w->n_counters; k++) add_counter(b, &w->counters[k]);
    }
    b->wall_s = (double)(end - begin) * 1e-9;
    b->real_s = c->manual_time ? manual : b->wall_s;
    b->cpu_s = (double)cpu * 1e-9 / (double)threads;
    if (b->outcome == RL_MEASURED && c->manual_time && !(manual > 0 && isfinite(manual))) {
        b->outcome = RL_FAILED;
        snprintf(b->message, sizeof b->message, "manual_time, but run() reported no time");
    }
}

void rl_batch_run(rl_rig *rig, const rl_case *c, size_t threads, uint64_t iterations, double slowdown,
                  rl_batch *out)
{
    rl_error err = {0};
    memset(out, 0, sizeof *out);
    out->iterations = iterations;
    size_t n = c->self_threaded ? 1 : threads;
    rl_worker *workers = rl_alloc(n * sizeof *workers);
    rl_status status =
        workers != NULL ? RL_OK : rl_fail(&err, RL_ERR_MEMORY, "out of memory for %zu threads", n);
    if (status == RL_OK && !c->self_threaded) status = assemble(rig, threads, &err);
    if (status != RL_OK) {
        out->outcome = RL_FAILED;
        memcpy(out->message, err.text, sizeof out->message);
        rl_free(workers);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        workers[i].st = (rl_state){.iterations = iterations, .thread = i, .threads = threads, .arg = c->arg};
        workers[i].rig = rig;
        workers[i].c = c;
        workers[i].slowdown = slowdown;
    }
    int64_t stolen = rl_steal_ns();
    if (c->self_threaded)
        rl_worker_run(workers);
    else
        rl_team_run(rig->team, member, workers);
    merge(out, c, threads, workers, n);
    stolen = rl_steal_ns() - stolen;
    out->contaminated |= rl_machine_disturbed((int64_t)(out->wall_s * 1e9), threads, stolen);
    rl_free(workers);
}

double rl_counter_finish(double v, unsigned flags, double seconds, size_t threads, uint64_t iterations)
{
    if ((flags & RL_COUNTER_RATE) != 0) v /= seconds;
    if ((flags & RL_COUNTER_AVG_THREADS) != 0) v /= (double)threads;
    if ((flags & RL_COUNTER_ITERATION_INVARIANT) != 0) v *= (double)iterations;
    if ((flags & RL_COUNTER_AVG_ITERATIONS) != 0) v /= (double)iterations;
    if ((flags & RL_COUNTER_INVERT) != 0) v = 1 / v;
    return isfinite(v) ? v : NAN;
}
