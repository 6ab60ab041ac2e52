/* runner.c - the iteration algorithm: grow batches until one fills the time, bracket it with yardsticks, make
 * a row of it. */
#include "perf/runner.h"
#include "perf/stats.h"

#include <inttypes.h>
#include <math.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

uint64_t rl_next_iterations(uint64_t iterations, double seconds, double min_time)
{
    double multiplier = seconds / min_time > 0.1 ? 1.4 * min_time / fmax(seconds, 1e-9) : 10;
    double next = fmax(multiplier * (double)iterations, (double)iterations + 1);
    return (uint64_t)llround(fmin(next, RL_ITERATIONS_MAX));
}

static void add_row(rl_instance *in, rl_row row)
{
    row.repetition = (unsigned)in->n_rows;
    in->rows[in->n_rows++] = row;
    if (in->n_rows == in->repetitions) in->over = true;
}

static rl_row empty_row(rl_outcome outcome, const char *message)
{
    rl_row row = {.outcome = outcome};
    for (size_t m = 0; m < RL_METRICS; m++) row.metric[m] = NAN;
    snprintf(row.message, sizeof row.message, "%.511s", message);
    return row;
}

void rl_run_skipped(rl_instance *in, rl_outcome outcome, const char *message)
{
    in->over = true;
    add_row(in, empty_row(outcome, message));
}

/* Sets up once, verifies once. False where that failed: the case is over, and its row says why. */
static bool enter(const rl_runner *r, rl_instance *in)
{
    if (in->ready) return true;
    rl_error err = {0};
    char message[600];
    if (in->c.self_threaded) rl_rig_disband(r->rig); /* its threads must not inherit our pinning */
    if (in->c.setup != NULL && in->c.setup(in->c.arg, &err) != RL_OK) {
        snprintf(message, sizeof message, "setup: %s", err.text);
        rl_run_skipped(in, RL_FAILED, message);
        return false;
    }
    in->ready = true;
    if (in->verified || in->c.verify == NULL) return true;
    double max_error = NAN;
    if (in->c.verify(in->c.arg, &max_error, &err) != RL_OK) {
        snprintf(message, sizeof message, "verification: %s", err.text);
        rl_leave(in);
        rl_run_skipped(in, RL_FAILED, message);
        return false;
    }
    in->verified = true;
    in->max_error = max_error;
    return true;
}

void rl_leave(rl_instance *in)
{
    if (in->ready && in->c.teardown != NULL) in->c.teardown(in->c.arg);
    in->ready = in->warm = false;
}

/* What the yardsticks say before and after the batch that counts: seconds per iteration of each. */
typedef struct {
    double bandwidth[2], peak[2];
} bracket;

static const int64_t YOUNG_NS = 50 * 1000000; /* the machine changes within seconds, not within this */

/* Reads a case's yardsticks: before a batch (side 0) a young reading will do, after it only a new one. A case
 * with threads of its own has the caller pinned and those threads spinning for some 2 ms more: the burst
 * waits for them, and runs with all the CPUs of the process. */
static void read_yardsticks(const rl_runner *r, const rl_instance *in, bracket *b, int side)
{
    if ((in->bandwidth == NULL && in->peak == NULL && in->context == NULL) || r->dry_run) return;
    cpu_set_t pinned;
    bool guest = in->c.self_threaded && sched_getaffinity(0, sizeof pinned, &pinned) == 0;
    int64_t since = r->rig->clock->wall_ns(r->rig->clock->ctx) - (side == 0 ? YOUNG_NS : 0);
    if (guest) {
        nanosleep(&(struct timespec){0, 3000000}, NULL);
        sched_setaffinity(0, sizeof r->rig->cpus, &r->rig->cpus);
    }
    if (in->bandwidth != NULL) b->bandwidth[side] = rl_gauge_read(in->bandwidth, r->rig, in->threads, since);
    if (in->peak != NULL) b->peak[side] = rl_gauge_read(in->peak, r->rig, in->threads, since);
    if (in->context != NULL) rl_gauge_read(in->context, r->rig, in->threads, since);
    if (guest) {
        rl_rig_disband(r->rig);
        sched_setaffinity(0, sizeof pinned, &pinned);
    }
}

/* One iteration that does not count, after a burst has left the caches full of its own data: reading them
 * back takes about a millisecond. An iteration of more than ten does so by itself, and it hardly shows. */
static void settle(const rl_runner *r, rl_instance *in)
{
    if (r->rig->stirred && in->iteration_s < 0.01) {
        rl_batch untimed;
        rl_batch_run(r->rig, &in->c, in->threads, 1, 0, &untimed);
    }
    r->rig->stirred = false;
}

/* Runs batches until one counts; `exact` takes the first. */
static void grow(const rl_runner *r, rl_instance *in, double min_time, bool exact, rl_batch *b, bracket *yard)
{
    for (;;) {
        if (yard != NULL) read_yardsticks(r, in, yard, 0);
        settle(r, in);
        if (r->verbosity >= 2) fprintf(r->log, "%s: %" PRIu64 " iterations\n", in->name, in->iterations);
        rl_batch_run(r->rig, &in->c, in->threads, in->iterations, in->slowdown, b);
        if (r->verbosity >= 2) fprintf(r->log, "%s: took %g s, CPU %g s\n", in->name, b->real_s, b->cpu_s);
        in->iteration_s = b->wall_s / (double)b->iterations;
        bool most = (double)in->iterations >= RL_ITERATIONS_MAX;
        if (exact || most || b->outcome != RL_MEASURED || b->real_s >= min_time) break;
        in->iterations = rl_next_iterations(in->iterations, b->real_s, min_time);
        if (r->verbosity >= 3) fprintf(r->log, "%s: next %" PRIu64 " iterations\n", in->name, in->iterations);
    }
    if (yard != NULL && b->outcome == RL_MEASURED) read_yardsticks(r, in, yard, 1);
}

static void warm_up(const rl_runner *r, rl_instance *in)
{
    if (!in->warm && in->min_warmup_time > 0) {
        uint64_t iterations = in->iterations; /* what warming up finds may be far off: caches were cold */
        rl_batch forgotten;
        grow(r, in, in->min_warmup_time, false, &forgotten, NULL);
        in->iterations = iterations;
    }
    in->warm = true;
}

/* amount / seconds as a percentage of the mean of two yardstick rates. NaN where any is missing. */
static double percent(double amount, double seconds, double yard_amount, const double yard_s[2])
{
    double yard = 0.5 * (yard_amount / yard_s[0] + yard_amount / yard_s[1]);
    double value = 100 * amount / seconds / yard;
    return amount > 0 && yard_amount > 0 && isfinite(value) ? value : NAN;
}

static double rate(double amount, double seconds)
{
    return amount > 0 && seconds > 0 ? amount / seconds : NAN;
}

static void set_metrics(rl_row *row, const rl_instance *in, const rl_batch *b, const bracket *yard)
{
    double *m = row->metric, per = (double)b->iterations;
    m[RL_M_BYTES] = rate(in->c.bytes, row->real_s);
    m[RL_M_ITEMS] = rate(in->c.items, row->real_s);
    m[RL_M_FLOPS] = rate(in->c.flops, row->real_s);
    if (in->bandwidth != NULL)
        m[RL_M_BW_PCT] = percent(in->c.bytes, row->real_s, in->bandwidth->c.bytes, yard->bandwidth);
    if (in->peak != NULL) m[RL_M_PEAK_PCT] = percent(in->c.flops, row->real_s, in->peak->c.flops, yard->peak);
    m[RL_M_REF_RATIO] = row->real_s > 0 ? in->reference_s / row->real_s : NAN;
    m[RL_M_MAX_ERROR] = in->max_error;
    for (size_t i = 0; i < RL_FIXED_COUNTERS; i++)
        if (b->hardware[i].share > 0) m[RL_M_CYCLES + i] = b->hardware[i].value / per;
    m[RL_M_PAGE_FAULTS] = (double)(b->used.minor_faults + b->used.major_faults);
    m[RL_M_CONTEXT_SWITCHES] = (double)(b->used.voluntary + b->used.involuntary);
}

/* The user's counters, and the events named on the command line, per iteration. */
static void set_counters(rl_row *row, const rl_counters *hardware, const rl_batch *b, size_t threads)
{
    size_t named = rl_counters_count(hardware) - RL_FIXED_COUNTERS;
    row->counters = calloc(b->n_counters + named + 1, sizeof *row->counters);
    if (row->counters == NULL) return;
    for (size_t i = 0; i < b->n_counters; i++) {
        rl_user_counter *c = &row->counters[row->n_counters++];
        *c = b->counters[i];
        c->value = rl_counter_finish(c->value, c->flags, b->real_s, threads, b->iterations);
    }
    for (size_t i = 0; i < named; i++) {
        rl_counter_value v = b->hardware[RL_FIXED_COUNTERS + i];
        rl_user_counter *c = &row->counters[row->n_counters++];
        snprintf(c->name, sizeof c->name, "%s", rl_counters_info(hardware, RL_FIXED_COUNTERS + i)->name);
        c->value = v.share > 0 ? v.value / (double)b->iterations : NAN;
    }
    qsort(row->counters, row->n_counters, sizeof *row->counters, rl_counter_order);
}

/* The worst of what the hardware counted. */
static void set_quality(rl_row *row, const rl_counters *hardware, const rl_batch *b)
{
    double share = 1;
    bool any = false;
    for (size_t i = 0; i < rl_counters_count(hardware); i++) {
        if (b->hardware[i].share == 0 || rl_counters_info(hardware, i)->rung == RL_RUNG_SOFTWARE) continue;
        any = true;
        share = fmin(share, b->hardware[i].share);
    }
    if (!any)
        snprintf(row->quality, sizeof row->quality, "software");
    else if (share == 1)
        snprintf(row->quality, sizeof row->quality, "exact");
    else
        snprintf(row->quality, sizeof row->quality, "scaled(%.0f%%)", 100 * share);
}

static rl_row row_of(const rl_runner *r, const rl_instance *in, const rl_batch *b, const bracket *yard)
{
    rl_row row = empty_row(b->outcome, b->message);
    if (b->outcome != RL_MEASURED) return row;
    row.iterations = b->iterations;
    row.real_s = b->real_s / (double)b->iterations;
    row.cpu_s = b->cpu_s / (double)b->iterations;
    row.contaminated = b->contaminated;
    const char *label = b->label[0] != '\0' ? b->label : in->c.label != NULL ? in->c.label : "";
    rl_printable(row.label, sizeof row.label, label, strlen(label));
    set_metrics(&row, in, b, yard);
    set_counters(&row, r->rig->counters, b, in->threads);
    set_quality(&row, r->rig->counters, b);
    return row;
}

void rl_run_repetition(const rl_runner *r, rl_instance *in)
{
    if (!enter(r, in)) return;
    warm_up(r, in);
    rl_batch b;
    bracket yard = {
        {NAN, NAN},
        {NAN, NAN}
    };
    grow(r, in, in->min_time, in->exact || r->dry_run || in->found, &b, &yard);
    in->found |= b.outcome == RL_MEASURED;
    add_row(in, row_of(r, in, &b, &yard));
}

double rl_run_quietly(const rl_runner *r, rl_instance *in)
{
    enum { RUNS = 3 };
    static const double short_s = 0.05;
    rl_error err;
    double seconds[RUNS] = {NAN, NAN, NAN};
    uint64_t iterations = in->iterations;
    rl_batch b = {.outcome = RL_MEASURED};
    if (in->c.skip != NULL) return NAN;
    if (in->c.self_threaded) rl_rig_disband(r->rig);
    if (in->c.setup != NULL && in->c.setup(in->c.arg, &err) != RL_OK) return NAN;
    in->iterations = 1;
    for (int i = 0; i < RUNS && b.outcome == RL_MEASURED; i++) {
        grow(r, in, fmin(in->min_time, short_s), r->dry_run || i > 0, &b, NULL);
        seconds[i] = b.real_s / (double)b.iterations;
    }
    if (in->c.teardown != NULL) in->c.teardown(in->c.arg);
    in->iterations = iterations;
    rl_sort(seconds, RUNS);
    return b.outcome == RL_MEASURED ? rl_sorted_median(seconds, RUNS) : NAN;
}
