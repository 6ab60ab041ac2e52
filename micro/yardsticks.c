/* yardsticks.c - buffers to read and write, and loops that live in registers. */
#include "yardsticks.h"
#include "base/mem.h"
#include "perf/barrier.h"
#include "probe/probe.h"

/* One stretch of memory for both directions, made when first needed. A process has one suite, so one that no cache holds,
 * and one for reading again. */
typedef struct {
    const rl_probe *read, *write;
    char *data; /* owned */
    size_t bytes;
    unsigned users;
} yard;

static rl_status open_buffer(void *arg, rl_error *err)
{
    yard *y = arg;
    if (y->users++ > 0) return RL_OK;
    y->data = rl_pages_alloc(y->bytes);
    if (y->data == NULL)
        return rl_fail(err, RL_ERR_MEMORY, "out of memory for a bandwidth probe of %zu MiB", y->bytes >> 20);
    y->write->run.write(y->data, y->bytes, 1); /* every page is there before it is timed */
    return RL_OK;
}

static void close_buffer(void *arg)
{
    yard *y = arg;
    if (--y->users > 0) return;
    rl_pages_free(y->data, y->bytes);
    y->data = NULL;
}

/* A thread's stretch, in whole steps of the probes. */
static char *part(const yard *y, const rl_state *st, size_t *bytes)
{
    const size_t steps = y->bytes / RL_PROBE_STEP, begin = steps * st->thread / st->threads;
    *bytes = (steps * (st->thread + 1) / st->threads - begin) * RL_PROBE_STEP;
    return y->data + begin * RL_PROBE_STEP;
}

/* Once before it is timed: prefetchers that learn take their time (a Xeon's 0.1 s from 8 GB/s to 15). */
static void read_memory(rl_state *st)
{
    const yard *y = st->arg;
    size_t bytes;
    const char *p = part(y, st, &bytes);
    rl_keep_value(y->read->run.read(p, bytes));
    while (rl_state_next(st)) rl_keep_value(y->read->run.read(p, bytes));
}

static void write_memory(rl_state *st)
{
    const yard *y = st->arg;
    size_t bytes;
    char *p = part(y, st, &bytes);
    while (rl_state_next(st)) {
        y->write->run.write(p, bytes, st->iterations);
        rl_keep(p);
    }
}

/* Steps of an iteration, shared among the threads: less than a millisecond. */
enum { STEPS = 1 << 15 };

static uint64_t share(const rl_state *st)
{
    return STEPS * (st->thread + 1) / st->threads - STEPS * st->thread / st->threads;
}

static void multiply(rl_state *st)
{
    const rl_probe *const *probe = st->arg;
    while (rl_state_next(st)) rl_keep_value((*probe)->run.compute(share(st)));
}

void rl_yardsticks_add(rl_suite *suite, uint32_t cpu, size_t llc_bytes)
{
    static const rl_probe_kind kinds[] = {RL_PROBE_FMA_F32, RL_PROBE_DOT_I8, RL_PROBE_DOT_BF16,
                                          RL_PROBE_TILE_I8, RL_PROBE_TILE_BF16};
    static const rl_probe *compute[RL_COUNT(kinds)];
    static yard y;
    y = (yard){
        .read = rl_probe_find(RL_PROBE_READ, cpu),
        .write = rl_probe_find(RL_PROBE_WRITE, cpu),
        .bytes = rl_round_up(4 * llc_bytes, 1 << 20),
    };
    const double bytes = (double)y.bytes;
    const rl_yardstick memory[] = {
        {"read",  read_memory,  &y, open_buffer, close_buffer, bytes, 0},
        {"write", write_memory, &y, open_buffer, close_buffer, bytes, 0},
    };
    for (size_t i = 0; i < RL_COUNT(memory); i++) rl_suite_add_yardstick(suite, &memory[i]);
    for (size_t i = 0; i < RL_COUNT(kinds); i++) {
        compute[i] = rl_probe_find(kinds[i], cpu);
        if (compute[i] == NULL) continue;
        rl_suite_add_yardstick(suite, &(rl_yardstick){rl_probe_name(kinds[i]), multiply, &compute[i], NULL,
                                                      NULL, 0, STEPS * compute[i]->ops_per_step});
    }
}

enum { MOST_AGAIN = 1 << 30 }; /* of more a cache keeps nothing that matters */

void rl_yardsticks_add_again(rl_suite *suite, uint32_t cpu, size_t bytes)
{
    static yard y;
    y = (yard){
        .read = rl_probe_find(RL_PROBE_READ, cpu),
        .write = rl_probe_find(RL_PROBE_WRITE, cpu),
        .bytes = rl_round_up(bytes < MOST_AGAIN ? bytes : MOST_AGAIN, 1 << 20),
    };
    rl_suite_add_yardstick(
        suite, &(rl_yardstick){"read_again", read_memory, &y, open_buffer, close_buffer, (double)y.bytes, 0});
}
