/* selftest_real.c - runs of a lane, every other one with a slower row. */
#include "selftest_real.h"
#include "ab.h"
#include "base/file.h"
#include "calibration.h"
#include "conclude.h"
#include "gate/narrow.h"
#include "gate/reproduce.h"
#include "load.h"
#include "measure.h"
#include "noise_made.h"
#include "selftest_rules.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { SESSIONS = 2 };

/* A row that can be made slower, and what must find it. */
typedef struct {
    const char *name, *metric;
    double allowed; /* a part: slower than that is found */
} target;

typedef struct {
    const rl_selftest_real_plan *plan;
    rl_selftest_log log;
    rl_baseline baseline; /* where it is against one */
    char baseline_path[RL_PATH_MAX], run_dir[RL_PATH_MAX];
    char bench_dir[RL_PATH_MAX]; /* of both builds, where it is build against build */
    rl_pool pool;
    target *targets;
    size_t n_targets;
} test;

static double seconds_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Results of other settings are another test's: they must not be counted together. */
static const char *head_of(test *t)
{
    const rl_selftest_real_plan *p = t->plan;
    rl_pool *pool = &t->pool;
    const char *margin = p->margin > 0 ? rl_pool_format(pool, "%.6g", p->margin) : "as the lane says";
    const char *load = p->load != NULL ? rl_pool_printable(pool, p->load, strlen(p->load)) : "";
    const char *ab =
        p->ab ? rl_pool_format(pool, "# against: itself, by turns\n# budget: %.6g\n", p->budget_s) : "";
    const char *slower = p->slower > 0 ? rl_pool_format(pool, "# slower: %.6g\n", p->slower) : "";
    return rl_pool_format(pool,
                          "# lane: %s\n# rows: %s\n# margin: %s\n# inject: %.6g\n# launches: %zu\n# seed: "
                          "%llu\n# load: %s\n%s%s"
                          "run,kind,load,row,slowdown,exit_code,regressed,inconclusive,found,seconds\n",
                          p->lane->name, rl_pool_printable(pool, p->rows, strlen(p->rows)), margin,
                          p->slowdown, p->launches > 0 ? p->launches : p->lane->full.launches,
                          (unsigned long long)p->seed, load, ab, slower);
}

static void count(rl_selftest_count of[2], const rl_selftest_outcome *o)
{
    rl_selftest_count *c = &of[o->loaded];
    c->broken += o->exit_code > RL_EXIT_REGRESSION;
    c->same += !o->slower;
    c->judged += !o->slower && o->exit_code <= RL_EXIT_REGRESSION;
    c->red += !o->slower && o->exit_code == RL_EXIT_REGRESSION;
    c->slower += o->slower;
    c->found += o->slower && o->found;
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

/* What lies beyond the margin of a relative gate; an exact one would find the least change. */
static rl_status targets_of_baseline(test *t, rl_error *err)
{
    const rl_baseline *b = &t->baseline;
    t->targets = rl_pool_alloc(&t->pool, (b->n_rows + 1) * sizeof *t->targets);
    for (size_t i = 0; i < b->n_rows; i++) {
        const rl_baseline_row *row = &b->rows[i];
        const rl_gate *gate = rl_lane_tightest(t->plan->lane, row->name, row->metric, false);
        if (gate != NULL) t->targets[t->n_targets++] = (target){row->name, row->metric, gate->bound};
    }
    if (t->n_targets > 0) return RL_OK;
    return rl_fail(err, RL_ERR_FORMAT, "%.300s has no row that a relative gate looks at", t->baseline_path);
}

static rl_status prepare_baseline(test *t, int *caught, rl_error *err)
{
    rl_status status = RL_OK;
    if (t->log.n == 0 || access(t->baseline_path, F_OK) != 0) {
        if (t->log.n > 0)
            return rl_fail(err, RL_ERR_IO, "%.300s goes on, but its baseline is gone", t->log.path);
        status = make_baseline(t, caught, err);
    }
    if (status == RL_OK) status = rl_baseline_read(&t->baseline, t->baseline_path, err);
    return status == RL_OK ? targets_of_baseline(t, err) : status;
}

/* ---- Build against build ---------------------------------------------------------------------------- */

/* Whatever rows the bench has: all of them are compared. */
static rl_status targets_of_bench(test *t, rl_error *err)
{
    const rl_selftest_real_plan *p = t->plan;
    rl_status status = rl_here_bench(t->bench_dir, p->lane->bench, p->bench_dir, err);
    if (status != RL_OK) return status;
    *strrchr(t->bench_dir, '/') = '\0';
    rl_verdict_set v;
    const char *const *names;
    size_t n = 0;
    open_verdict(t, &v);
    rl_ab_bench bench = {.lane = p->lane, .mode = rl_lane_mode_of(p->lane, false), .dir = p->dir, .v = &v};
    if (rl_ab_bench_open(&bench, t->bench_dir, t->bench_dir, p->model))
        rl_ab_bench_list(&bench, RL_ARM_OLD, &names, &n);
    t->targets = rl_pool_alloc(&t->pool, (n + 1) * sizeof *t->targets);
    for (size_t i = 0; i < n; i++)
        t->targets[t->n_targets++] =
            (target){rl_pool_copy(&t->pool, names[i], strlen(names[i])), "real_time", p->margin};
    if (n == 0)
        status = rl_fail(err, RL_ERR_FORMAT, "no rows to compare: %.300s",
                         v.n_problems > 0 ? v.problems[0] : "the bench lists none");
    rl_ab_bench_close(&bench);
    rl_verdict_free(&v);
    return status;
}

static rl_status prepare(test *t, int *caught, rl_error *err)
{
    char samples[RL_PATH_MAX], path[RL_PATH_MAX];
    if (strlen(t->plan->dir) > 3900) return rl_fail(err, RL_ERR_ARG, "the path of the report is too long");
    rl_path_join(t->baseline_path, t->plan->dir, "baseline.json");
    rl_path_join(path, t->plan->dir, "log.csv");
    rl_path_join(t->run_dir, t->plan->dir, "run");
    rl_path_join(samples, t->plan->dir, "samples");
    rl_status status = rl_selftest_log_open(&t->log, path, head_of(t), err);
    if (status == RL_OK) status = rl_make_dirs(samples, err);
    if (status != RL_OK) return status;
    return t->plan->ab ? targets_of_bench(t, err) : prepare_baseline(t, caught, err);
}

/* ---- Runs ------------------------------------------------------------------------------------------ */

/* Keeps what a run left at `from`: run/ belongs to the next one. A file gets a second name, a directory another; what
 * a run that did not come into the log has kept goes the other way. */
static rl_status keep_samples(const test *t, size_t run, const char *from, const char *suffix, rl_error *err)
{
    char path[RL_PATH_MAX];
    snprintf(path, sizeof path, "%.3900s/samples/%zu%s", t->plan->dir, run, suffix);
    if (!t->plan->ab) unlink(path);
    if ((t->plan->ab ? rename : link)(from, path) == 0) return RL_OK;
    if (t->plan->ab && renameat2(AT_FDCWD, from, AT_FDCWD, path, RENAME_EXCHANGE) == 0) return RL_OK;
    return rl_fail(err, RL_ERR_IO, "cannot keep the samples as %.300s: %s", path, strerror(errno));
}

/* Draws the row that is slower in this run; returns the rule for --inject. */
static const char *draw(test *t, rl_selftest_outcome *o, const target **slow)
{
    const rl_selftest_real_plan *p = t->plan;
    rl_dice dice = rl_dice_of(p->seed, o->run);
    *slow = &t->targets[(size_t)(rl_dice_unit(&dice) * (double)t->n_targets) % t->n_targets];
    o->row = (*slow)->name;
    o->slowdown = p->slower > 0 ? p->slower : (1 + (*slow)->allowed) * (1 + p->slowdown) - 1;
    return rl_pool_format(&t->pool, "%s=+%.6g%%", rl_exact_pattern(&t->pool, o->row), 100 * o->slowdown);
}

/* slow: NULL where nothing was made slower. Only its own gate's word counts: not what an exact gate says of the same
 * row, nor another metric. */
static void take_findings(const rl_verdict_set *v, const target *slow, rl_selftest_outcome *o)
{
    o->exit_code = v->exit_code;
    o->regressed = v->count[RL_REGRESSED];
    o->inconclusive = v->count[RL_INCONCLUSIVE];
    for (size_t i = 0; i < v->n_findings && slow != NULL; i++) {
        const rl_finding *f = &v->findings[i];
        o->found |= f->verdict == RL_REGRESSED && f->gate != NULL && f->gate->kind == RL_GATE_RELATIVE &&
                    strcmp(f->benchmark, o->row) == 0 && strcmp(f->metric, slow->metric) == 0;
    }
}

/* Against the baseline: measured with the load, judged without it. */
static rl_status judge_lane(test *t, const rl_selftest_outcome *o, const char *inject, rl_verdict_set *v,
                            int *caught, rl_error *err)
{
    char csv[RL_PATH_MAX];
    rl_measure_plan plan = measure_plan(t, t->run_dir);
    plan.inject = inject;
    if (!rl_measure(&plan, v, csv, caught))
        return rl_fail(err, RL_ERR_IO, "%.400s", v->n_problems > 0 ? v->problems[0] : "nothing measured");
    if (*caught != 0) return RL_OK;
    rl_conclude(&(rl_conclude_plan){.lane = t->plan->lane,
                                    .csv = csv,
                                    .baseline = t->baseline_path,
                                    .baselines = t->plan->dir,
                                    .report = t->run_dir,
                                    .any_code = true}, /* it is the statistics that are on trial */
                v);
    return keep_samples(t, o->run, csv, ".csv", err);
}

/* Against itself. What it found out beyond the launches is in ab.json. */
static rl_status judge_builds(test *t, const rl_selftest_outcome *o, const char *inject, rl_verdict_set *v,
                              int *caught, rl_error *err)
{
    const rl_selftest_real_plan *p = t->plan;
    *caught = rl_ab(&(rl_ab_plan){.lane = p->lane,
                                  .old_dir = t->bench_dir,
                                  .new_dir = t->bench_dir,
                                  .model = p->model,
                                  .dir = t->run_dir,
                                  .inject = inject,
                                  .margin = p->margin,
                                  .level = p->lane->level,
                                  .budget_s = p->budget_s,
                                  .seed = p->seed + o->run},
                    v);
    return *caught != 0 ? RL_OK : keep_samples(t, o->run, t->run_dir, "", err);
}

/* With the load, if it is this run's turn. */
static rl_status measure_and_judge(test *t, const rl_selftest_outcome *o, const char *inject,
                                   rl_verdict_set *v, int *caught, rl_error *err)
{
    rl_load load = {0};
    bool early;
    rl_status status = o->loaded ? rl_load_start(&load, t->plan->load, err) : RL_OK;
    if (status != RL_OK) return status;
    status = (t->plan->ab ? judge_builds : judge_lane)(t, o, inject, v, caught, err);
    rl_load_stop(&load, &early);
    if (early)
        return rl_fail(err, RL_ERR_IO, "the load had ended before the run was over: %.200s", t->plan->load);
    return status;
}

static rl_status run_once(test *t, int *caught, rl_error *err)
{
    rl_selftest_outcome o = {.run = t->log.n, .row = "-", .slower = t->log.n % 2 == 1};
    o.loaded = t->plan->load != NULL && o.run / 2 % 2 == 1;
    const double began = seconds_now();
    const target *slow = NULL;
    const char *inject = o.slower ? draw(t, &o, &slow) : NULL;
    rl_verdict_set v;
    open_verdict(t, &v);
    rl_status status = measure_and_judge(t, &o, inject, &v, caught, err);
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
    return rl_selftest_log_add(&t->log, &o, err);
}

rl_status rl_selftest_real(const rl_selftest_real_plan *plan, rl_selftest_count out[2], int *caught,
                           rl_error *err)
{
    test t = {.plan = plan};
    const double end = seconds_now() + 3600 * plan->hours;
    *caught = 0;
    out[0] = out[1] = (rl_selftest_count){0};
    for (size_t g = 0; g < plan->lane->n_gates; g++)
        if (plan->margin > 0 && plan->lane->gates[g].kind == RL_GATE_RELATIVE)
            plan->lane->gates[g].bound = plan->margin;
    rl_status status = prepare(&t, caught, err);
    while (status == RL_OK && *caught == 0 && seconds_now() < end &&
           (plan->runs == 0 || t.log.n < plan->runs))
        status = run_once(&t, caught, err);
    for (size_t i = 0; i < t.log.n; i++) count(out, &t.log.runs[i]);
    if (status == RL_OK && *caught == 0 && plan->rules)
        status = rl_selftest_rules(plan->dir, t.log.runs, t.log.n, stdout, err);
    rl_baseline_free(&t.baseline);
    rl_selftest_log_close(&t.log);
    rl_pool_free(&t.pool);
    return status;
}
