/* state.c - the loop's edges: where clocks and counters start and stop, and what run() says to the harness.
 *
 * From outside in, a window is: barrier, usage, counters on, CPU clock, wall clock | iterations | wall clock,
 * CPU clock, counters off, usage. Nothing but the iterations and one clock read lies inside the wall time, and a
 * slowdown where one was asked for. */
#include "perf/worker.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

static rl_worker *worker_of(rl_state *st) { return (rl_worker *)st; /* st is its first member */ }

static void open_window(rl_worker *w)
{
    const rl_clock *clock = w->rig->clock;
    rl_counter_set_start(&w->set);
    if (w->c->self_threaded) w->process_mark_ns = clock->process_cpu_ns(clock->ctx);
    w->cpu_mark_ns = clock->thread_cpu_ns(clock->ctx);
    w->open_ns = clock->wall_ns(clock->ctx);
}

static void close_window(rl_worker *w)
{
    const rl_clock *clock = w->rig->clock;
    w->closed_ns = clock->wall_ns(clock->ctx);
    w->cpu_ns += clock->thread_cpu_ns(clock->ctx) - w->cpu_mark_ns;
    if (w->c->self_threaded) w->process_ns += clock->process_cpu_ns(clock->ctx) - w->process_mark_ns;
    rl_counter_set_stop(&w->set);
    w->ran_ns += w->closed_ns - w->open_ns;
}

static rl_usage usage_of(const rl_worker *w)
{
    return w->c->self_threaded ? rl_usage_process() : rl_usage_thread();
}

static void start(rl_worker *w)
{
    w->started = true;
    rl_state_barrier(&w->st);
    w->used = usage_of(w);
    open_window(w);
    w->first_ns = w->open_ns;
}

/* Spins for a share of what was measured so far (inject.h). */
static void slow_down(rl_worker *w)
{
    const rl_clock *clock = w->rig->clock;
    const int64_t done = clock->wall_ns(clock->ctx);
    const int64_t until = done + llround(w->slowdown * (double)(done - w->first_ns - w->paused_ns));
    while (clock->wall_ns(clock->ctx) < until) {}
}

static void stop(rl_worker *w)
{
    w->stopped = true;
    w->st.left = 0;
    if (w->slowdown > 0 && !w->c->manual_time && !w->paused && w->outcome == RL_MEASURED) slow_down(w);
    if (!w->paused) close_window(w);
    w->used = rl_usage_between(w->used, usage_of(w));
}

uint64_t rl_state_begin(rl_state *st)
{
    rl_worker *w = worker_of(st);
    if (w->outcome != RL_MEASURED || w->started) return 0;
    start(w);
    return st->iterations;
}

void rl_state_end(rl_state *st)
{
    rl_worker *w = worker_of(st);
    if (!w->started || w->stopped) return;
    stop(w);
    if (w->paused) rl_state_error(st, "the loop ended while paused");
}

bool rl_state_edge(rl_state *st)
{
    if (worker_of(st)->started) {
        rl_state_end(st);
        return false;
    }
    st->left = rl_state_begin(st);
    if (st->left == 0) return false;
    st->left--;
    return true;
}

void rl_state_pause(rl_state *st)
{
    rl_worker *w = worker_of(st);
    if (!w->started || w->stopped || w->paused) return;
    close_window(w);
    w->paused = true;
}

void rl_state_resume(rl_state *st)
{
    rl_worker *w = worker_of(st);
    if (!w->paused || w->stopped) return;
    w->paused = false;
    open_window(w);
    w->paused_ns += w->open_ns - w->closed_ns;
}

void rl_state_barrier(rl_state *st)
{
    const rl_worker *w = worker_of(st);
    if (!w->c->self_threaded) rl_team_barrier(w->rig->team);
}

void rl_state_add_time(rl_state *st, double seconds) { worker_of(st)->manual_s += seconds; }

static void end_with(rl_worker *w, rl_outcome outcome, const char *fmt, va_list ap)
{
    if (w->outcome != RL_MEASURED) return;
    char raw[512];
    vsnprintf(raw, sizeof raw, fmt, ap);
    rl_printable(w->message, sizeof w->message, raw, strlen(raw));
    w->outcome = outcome;
    if (w->started && !w->stopped) stop(w);
}

void rl_state_skip(rl_state *st, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    end_with(worker_of(st), RL_SKIPPED, fmt, ap);
    va_end(ap);
}

void rl_state_error(rl_state *st, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    end_with(worker_of(st), RL_FAILED, fmt, ap);
    va_end(ap);
}

void rl_state_label(rl_state *st, const char *fmt, ...)
{
    char raw[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(raw, sizeof raw, fmt, ap);
    va_end(ap);
    rl_worker *w = worker_of(st);
    rl_printable(w->label, sizeof w->label, raw, strlen(raw));
}

void rl_state_counter(rl_state *st, const char *name, double value, unsigned flags)
{
    rl_worker *w = worker_of(st);
    size_t i = 0;
    while (i < w->n_counters && strcmp(w->counters[i].name, name) != 0) i++;
    if (i == w->n_counters) {
        char shown[80];
        rl_printable(shown, sizeof shown, name, strlen(name));
        if (!rl_counter_name_ok(name)) {
            rl_state_error(st, "counter '%s': not a name for a column", shown);
            return;
        }
        if (i == RL_USER_COUNTERS_MAX) {
            rl_state_error(st, "counter '%s': more than %d of them", shown, (int)RL_USER_COUNTERS_MAX);
            return;
        }
        snprintf(w->counters[i].name, sizeof w->counters[i].name, "%s", name);
        w->n_counters++;
    }
    w->counters[i].value = value;
    w->counters[i].flags = flags;
}

void rl_worker_run(rl_worker *w)
{
    rl_counter_set_open(&w->set, w->rig->counters, !w->c->self_threaded);
    w->c->run(&w->st);
    if (!w->started) {
        rl_state_barrier(&w->st); /* the others wait in theirs */
        rl_state_error(&w->st, "run() returned without entering its loop");
    } else if (!w->stopped) {
        rl_state_error(&w->st, "run() left its loop before the last iteration");
    }
    w->manual_s *= 1 + w->slowdown; /* what it reported outside the loop is in it, too */
    rl_counter_set_read(&w->set, w->hardware);
}
