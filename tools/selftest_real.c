/* selftest_real.c - runs of a lane, every other one with a slower row, and their log. */
#include "selftest_real.h"
#include "base/file.h"
#include "calibration.h"
#include "conclude.h"
#include "gate/reproduce.h"
#include "load.h"
#include "measure.h"
#include "noise_made.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LOG_MAX = 16 << 20, SESSIONS = 2, HEAD_LINES = 8 };

/* One line of the log. */
typedef struct {
    size_t run;
    bool slower, loaded, found;
    const char *row; /* "-" for none */
    double slowdown, seconds;
    int exit_code;
    size_t regressed, inconclusive;
} outcome;

/* A row that can be made slower, and the gate that must find it. */
typedef struct {
    const rl_baseline_row *row;
    const rl_gate *gate;
} target;

typedef struct {
    const rl_selftest_real_plan *plan;
    rl_baseline baseline;
    char baseline_path[RL_PATH_MAX], log_path[RL_PATH_MAX], run_dir[RL_PATH_MAX];
    rl_pool pool;
    target *targets;
    size_t n_targets;
    const char *head; /* of the log: the settings, and the names of the columns */
    char *log;        /* all of it; owned */
    size_t log_bytes;
    size_t done;
    rl_selftest_count *count;
} test;

static double seconds_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- The log --------------------------------------------------------------------------------------- */

/* HEAD_LINES of them. Results of other settings are another test's: they must not be counted together. */
static const char *head_of(test *t)
{
    const rl_selftest_real_plan *p = t->plan;
    rl_pool *pool = &t->pool;
    const char *margin = p->margin > 0 ? rl_pool_format(pool, "%.6g", p->margin) : "as the lane says";
    const char *load = p->load != NULL ? rl_pool_printable(pool, p->load, strlen(p->load)) : "";
    return rl_pool_format(
        pool,
        "# lane: %s\n# rows: %s\n# margin: %s\n# inject: %.6g\n# launches: %zu\n# seed: %llu\n# load: %s\n"
        "run,kind,load,row,slowdown,exit_code,regressed,inconclusive,found,seconds\n",
        p->lane->name, rl_pool_printable(pool, p->rows, strlen(p->rows)), margin, p->slowdown,
        p->launches > 0 ? p->launches : p->lane->full.launches, (unsigned long long)p->seed, load);
}

/* Does the log begin like ours? Says which setting differs. */
static rl_status check_head(const test *t, rl_error *err)
{
    char shown[128];
    const char *is = t->log, *ours = t->head;
    for (size_t line = 1; *ours != '\0'; line++) {
        const size_t n = strcspn(ours, "\n") + 1;
        if (strncmp(is, ours, n) != 0)
            return rl_fail(
                err, RL_ERR_FORMAT,
                "%.200s: line %zu is '%s', of these settings it would be '%.*s': go on with the same, "
                "or with another --report",
                t->log_path, line, rl_printable(shown, sizeof shown, is, strcspn(is, "\n")),
                (int)(n - 1 < 128 ? n - 1 : 128), ours);
        is += n;
        ours += n;
    }
    return RL_OK;
}

static void count(test *t, const outcome *o)
{
    rl_selftest_count *c = &t->count[o->loaded];
    c->broken += o->exit_code > RL_EXIT_REGRESSION;
    c->same += !o->slower;
    c->judged += !o->slower && o->exit_code <= RL_EXIT_REGRESSION;
    c->red += !o->slower && o->exit_code == RL_EXIT_REGRESSION;
    c->slower += o->slower;
    c->found += o->slower && o->found;
}

static rl_status add_line(test *t, const outcome *o, rl_error *err)
{
    char line[RL_SAMPLES_NAME_MAX + 256];
    const int length = snprintf(line, sizeof line, "%zu,%s,%d,%s,%.6g,%d,%zu,%zu,%d,%.1f\n", o->run,
                                o->slower ? "slower" : "same", o->loaded, o->row, o->slowdown, o->exit_code,
                                o->regressed, o->inconclusive, o->found, o->seconds);
    char *log = realloc(t->log, t->log_bytes + (size_t)length + 1);
    if (log == NULL) return rl_fail(err, RL_ERR_MEMORY, "out of memory for the log");
    memcpy(log + t->log_bytes, line, (size_t)length + 1);
    t->log = log;
    t->log_bytes += (size_t)length;
    t->done++;
    count(t, o);
    return rl_file_write(t->log_path, t->log, t->log_bytes, err);
}

/* One line of a log that is there; its row's name is not kept. */
static bool read_line(const char *line, size_t run, outcome *o)
{
    char kind[8], row[RL_SAMPLES_NAME_MAX + 1];
    int loaded, found, length = 0;
    *o = (outcome){.row = "-"};
    const int fields =
        sscanf(line, "%zu,%7[a-z],%d,%512[^,\n],%lf,%d,%zu,%zu,%d,%lf%n", &o->run, kind, &loaded, row,
               &o->slowdown, &o->exit_code, &o->regressed, &o->inconclusive, &found, &o->seconds, &length);
    if (fields != 10 || line[length] != '\n' || o->run != run) return false;
    o->slower = strcmp(kind, "slower") == 0;
    o->loaded = loaded == 1;
    o->found = found == 1;
    return (o->slower || strcmp(kind, "same") == 0) && (loaded == 0 || loaded == 1) &&
           (found == 0 || found == 1);
}

static rl_status read_log(test *t, rl_error *err)
{
    if (access(t->log_path, F_OK) != 0) {
        t->log = strdup(t->head);
        t->log_bytes = strlen(t->head);
        return t->log != NULL ? RL_OK : rl_fail(err, RL_ERR_MEMORY, "out of memory for the log");
    }
    rl_status status = rl_file_read(t->log_path, LOG_MAX, &t->log, &t->log_bytes, err);
    if (status == RL_OK) status = check_head(t, err);
    if (status != RL_OK) return status;
    for (const char *line = t->log + strlen(t->head); *line != '\0'; line = strchr(line, '\n') + 1) {
        outcome o;
        if (!read_line(line, t->done, &o)) {
            return rl_fail(err, RL_ERR_FORMAT, "%.300s: line %zu is not run %zu of such a log", t->log_path,
                           t->done + HEAD_LINES + 1, t->done);
        }
        count(t, &o);
        t->done++;
    }
    return RL_OK;
}

/* ---- The baseline ---------------------------------------------------------------------------------- */

static rl_measure_plan measure_plan(const test *t, const char *dir)
{
    const rl_selftest_real_plan *p = t->plan;
    return (rl_measure_plan){.lane = p->lane,
                             .launches = p->launches,
                             .bench_dir = p->bench_dir,
                             .model = p->model,
                             .dir = dir,
                             .progress = NULL};
}

/* With the rows, if it is of some only: what is measured says so then, and is no baseline of the lane. */
static void open_verdict(const test *t, rl_verdict_set *v)
{
    rl_verdict_open(v, t->plan->lane->name, false);
    v->rows = rl_pool_printable(&v->pool, t->plan->rows, strlen(t->plan->rows));
}

/* One session of as many launches as a run has: two of them make 2 : 1, as recalibrate does. */
static rl_status measure_session(test *t, int session, char csv[RL_PATH_MAX], int *caught, rl_error *err)
{
    char dir[RL_PATH_MAX];
    rl_verdict_set v;
    snprintf(dir, sizeof dir, "%.3900s/baseline/%d", t->plan->dir, session + 1);
    fprintf(stderr, "selftest: baseline, session %d of %d\n", session + 1, (int)SESSIONS);
    open_verdict(t, &v);
    rl_measure_plan plan = measure_plan(t, dir);
    const bool measured = rl_measure(&plan, &v, csv, caught);
    rl_status status = RL_OK;
    if (!measured || v.n_problems > 0)
        status = rl_fail(err, RL_ERR_IO, "no baseline: %.300s",
                         v.n_problems > 0 ? v.problems[0] : "nothing measured");
    rl_verdict_free(&v);
    return status;
}

static rl_status make_baseline(test *t, int *caught, rl_error *err)
{
    char csv[SESSIONS][RL_PATH_MAX];
    for (int i = 0; i < SESSIONS; i++) {
        rl_status status = measure_session(t, i, csv[i], caught, err);
        if (status != RL_OK) return status;
    }
    rl_calibration c;
    rl_calibrate(&c, &(rl_calibration_plan){
                         .lane = t->plan->lane,
                         .csvs = (const char *const[]){csv[0], csv[1]},
                         .n_csvs = SESSIONS,
                         .baselines = t->plan->dir,
                         .reason = "selftest",
                         .head = "",
                         .any_build = true,
                         .narrowed = t->plan->rows[0] != '\0',
                         .now = time(NULL)
    });
    rl_status status = c.n_refusals == 0 ? rl_baseline_write(&c.next, t->baseline_path, err)
                                         : rl_fail(err, RL_ERR_FORMAT, "no baseline: %.400s", c.refusals[0]);
    rl_calibration_free(&c);
    return status;
}

/* The slowdown lies beyond the margin of a relative gate; an exact one would find the least change. */
static rl_status find_targets(test *t, rl_error *err)
{
    const rl_baseline *b = &t->baseline;
    t->targets = rl_pool_alloc(&t->pool, (b->n_rows + 1) * sizeof *t->targets);
    for (size_t i = 0; i < b->n_rows; i++) {
        const rl_baseline_row *row = &b->rows[i];
        const rl_gate *gate = rl_lane_tightest(t->plan->lane, row->name, row->metric, false);
        if (gate != NULL) t->targets[t->n_targets++] = (target){row, gate};
    }
    if (t->n_targets > 0) return RL_OK;
    return rl_fail(err, RL_ERR_FORMAT, "%.300s has no row that a relative gate looks at", t->baseline_path);
}

static rl_status prepare(test *t, int *caught, rl_error *err)
{
    char samples[RL_PATH_MAX];
    if (strlen(t->plan->dir) > 3900) return rl_fail(err, RL_ERR_ARG, "the path of the report is too long");
    rl_path_join(t->baseline_path, t->plan->dir, "baseline.json");
    rl_path_join(t->log_path, t->plan->dir, "log.csv");
    rl_path_join(t->run_dir, t->plan->dir, "run");
    rl_path_join(samples, t->plan->dir, "samples");
    t->head = head_of(t);
    rl_status status = read_log(t, err);
    if (status == RL_OK) status = rl_make_dirs(samples, err);
    if (status == RL_OK && (t->done == 0 || access(t->baseline_path, F_OK) != 0)) {
        if (t->done > 0)
            return rl_fail(err, RL_ERR_IO, "%.300s goes on, but its baseline is gone", t->log_path);
        status = make_baseline(t, caught, err);
    }
    if (status == RL_OK) status = rl_baseline_read(&t->baseline, t->baseline_path, err);
    if (status == RL_OK) status = find_targets(t, err);
    return status;
}

/* ---- Runs ------------------------------------------------------------------------------------------ */

/* Keeps what a run measured: run/ belongs to the next one. A second name costs no copy. */
static rl_status keep_samples(const test *t, size_t run, const char *csv, rl_error *err)
{
    char path[RL_PATH_MAX];
    snprintf(path, sizeof path, "%.3900s/samples/%zu.csv", t->plan->dir, run);
    unlink(path); /* of a run that did not come into the log */
    if (link(csv, path) == 0) return RL_OK;
    return rl_fail(err, RL_ERR_IO, "cannot keep the samples as %.300s: %s", path, strerror(errno));
}

/* Draws the row that is slower in this run; returns the rule for --inject. */
static const char *draw(test *t, outcome *o, const target **slow)
{
    rl_dice dice = rl_dice_of(t->plan->seed, o->run);
    *slow = &t->targets[(size_t)(rl_dice_unit(&dice) * (double)t->n_targets) % t->n_targets];
    o->row = (*slow)->row->name;
    o->slowdown = (1 + (*slow)->gate->bound) * (1 + t->plan->slowdown) - 1;
    return rl_pool_format(&t->pool, "%s=+%.6g%%", rl_exact_pattern(&t->pool, o->row), 100 * o->slowdown);
}

/* slow: NULL where nothing was made slower. Only its own gate's word counts: not what an exact gate says of the same
 * row, nor another metric. */
static void take_findings(const rl_verdict_set *v, const target *slow, outcome *o)
{
    o->exit_code = v->exit_code;
    o->regressed = v->count[RL_REGRESSED];
    o->inconclusive = v->count[RL_INCONCLUSIVE];
    for (size_t i = 0; i < v->n_findings && slow != NULL; i++) {
        const rl_finding *f = &v->findings[i];
        o->found |= f->verdict == RL_REGRESSED && f->gate != NULL && f->gate->kind == RL_GATE_RELATIVE &&
                    strcmp(f->benchmark, o->row) == 0 && strcmp(f->metric, slow->row->metric) == 0;
    }
}

/* Measures with the load, judges without it. False where nothing could be measured. */
static bool measure_and_judge(test *t, outcome *o, const char *inject, rl_verdict_set *v, int *caught,
                              rl_error *err)
{
    char csv[RL_PATH_MAX];
    rl_load load = {0};
    bool early;
    rl_measure_plan plan = measure_plan(t, t->run_dir);
    plan.inject = inject;
    if (o->loaded && rl_load_start(&load, t->plan->load, err) != RL_OK) return false;
    const bool measured = rl_measure(&plan, v, csv, caught);
    rl_load_stop(&load, &early);
    if (early) {
        rl_fail(err, RL_ERR_IO, "the load had ended before the run was over: %.200s", t->plan->load);
        return false;
    }
    if (!measured) {
        rl_fail(err, RL_ERR_IO, "%.400s", v->n_problems > 0 ? v->problems[0] : "nothing measured");
        return false;
    }
    if (*caught == 0 && keep_samples(t, o->run, csv, err) != RL_OK) return false;
    rl_conclude(&(rl_conclude_plan){.lane = t->plan->lane,
                                    .csv = csv,
                                    .baseline = t->baseline_path,
                                    .baselines = t->plan->dir,
                                    .report = t->run_dir,
                                    .any_code = true}, /* it is the statistics that are on trial */
                v);
    return true;
}

static rl_status run_once(test *t, int *caught, rl_error *err)
{
    outcome o = {.run = t->done, .row = "-", .slower = t->done % 2 == 1};
    o.loaded = t->plan->load != NULL && t->done / 2 % 2 == 1;
    const double began = seconds_now();
    const target *slow = NULL;
    const char *inject = o.slower ? draw(t, &o, &slow) : NULL;
    rl_verdict_set v;
    open_verdict(t, &v);
    rl_status status = measure_and_judge(t, &o, inject, &v, caught, err) ? RL_OK : RL_ERR_IO;
    take_findings(&v, slow, &o);
    rl_verdict_free(&v);
    o.seconds = seconds_now() - began;
    if (status != RL_OK || *caught != 0) return status;
    fprintf(stderr, "selftest: run %zu, %s%s%s: exit %d%s, %.0f s\n", o.run,
            o.slower ? o.row : "nothing changed", o.slower ? " slower" : "", o.loaded ? ", under load" : "",
            o.exit_code,
            !o.slower ? ""
            : o.found ? ", found"
                      : ", missed",
            o.seconds);
    return add_line(t, &o, err);
}

rl_status rl_selftest_real(const rl_selftest_real_plan *plan, rl_selftest_count out[2], int *caught,
                           rl_error *err)
{
    test t = {.plan = plan, .count = out};
    const double end = seconds_now() + 3600 * plan->hours;
    *caught = 0;
    out[0] = out[1] = (rl_selftest_count){0};
    for (size_t g = 0; g < plan->lane->n_gates; g++)
        if (plan->margin > 0 && plan->lane->gates[g].kind == RL_GATE_RELATIVE)
            plan->lane->gates[g].bound = plan->margin;
    rl_status status = prepare(&t, caught, err);
    while (status == RL_OK && *caught == 0 && seconds_now() < end && (plan->runs == 0 || t.done < plan->runs))
        status = run_once(&t, caught, err);
    rl_baseline_free(&t.baseline);
    rl_pool_free(&t.pool);
    free(t.log);
    return status;
}
