/* yardstick.c - bursts, and readings that serve again. */
#include "perf/yardstick.h"
#include "perf/runner.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double BURST_S = 0.02; /* some 1 GB read: long against a time slice, short against a case */

static double fail(rl_gauge *g, const char *why)
{
    g->broken = true;
    snprintf(g->why, sizeof g->why, "%.511s", why);
    return NAN;
}

static const rl_reading *last_on(const rl_gauge *g, size_t threads)
{
    for (size_t i = g->n_readings; i-- > 0;)
        if (g->readings[i].threads == threads) return &g->readings[i];
    return NULL;
}

static double keep(rl_gauge *g, const rl_rig *rig, size_t threads, double seconds)
{
    if (g->n_readings == g->room) {
        size_t room = g->room == 0 ? 64 : 2 * g->room;
        rl_reading *more = realloc(g->readings, room * sizeof *more);
        if (more == NULL) return fail(g, "out of memory for its readings");
        g->readings = more;
        g->room = room;
    }
    g->readings[g->n_readings++] = (rl_reading){threads, rig->clock->wall_ns(rig->clock->ctx), seconds};
    return seconds;
}

/* As many iterations as fill the burst by the last reading; the first time they are found as a case's are. */
static double burst(rl_gauge *g, rl_rig *rig, size_t threads)
{
    const rl_reading *last = last_on(g, threads);
    double fill = last != NULL && last->seconds > 0 ? BURST_S / last->seconds : 1;
    uint64_t iterations = fill > 1 ? (uint64_t)(fill < RL_ITERATIONS_MAX ? fill : RL_ITERATIONS_MAX) : 1;
    for (;;) {
        rl_batch b;
        rl_batch_run(rig, &g->c, threads, iterations, 0, &b);
        if (b.outcome != RL_MEASURED) return fail(g, b.message);
        if (last != NULL || b.wall_s >= BURST_S || (double)iterations >= RL_ITERATIONS_MAX)
            return keep(g, rig, threads, b.wall_s / (double)iterations);
        iterations = rl_next_iterations(iterations, b.wall_s, BURST_S);
    }
}

double rl_gauge_read(rl_gauge *g, rl_rig *rig, size_t threads, int64_t since_ns)
{
    if (g->broken) return NAN;
    const rl_reading *last = last_on(g, threads);
    if (last != NULL && last->at_ns >= since_ns) return last->seconds;
    if (!g->up && g->c.setup != NULL) {
        rl_error err = {0};
        if (g->c.setup(g->c.arg, &err) != RL_OK) return fail(g, err.text);
    }
    g->up = true;
    rig->stirred = true;
    return burst(g, rig, threads);
}

void rl_gauge_down(rl_gauge *g)
{
    if (g->up && g->c.teardown != NULL) g->c.teardown(g->c.arg);
    g->up = false;
}

void rl_gauge_free(rl_gauge *g)
{
    rl_gauge_down(g);
    free((char *)(uintptr_t)g->c.name);
    free(g->readings);
    memset(g, 0, sizeof *g);
}
