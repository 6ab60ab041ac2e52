/* selftest.c - making lane runs, having them judged, and counting what came of it. */
#include "selftest.h"
#include "gate/judge.h"
#include "perf/stats.h"

#include <math.h>
#include <string.h>

enum { COLUMNS = 2 }; /* iterations, real_time */

/* What is allocated once and filled anew for each run. */
typedef struct {
    const rl_selftest_plan *plan;
    rl_noise_shape shape;
    rl_pool pool;
    rl_lane lane;
    rl_samples samples;
    rl_baseline baseline;
    double *effects;        /* [rows][before + launches] */
    rl_cell *cells;         /* [rows][launches][repetitions][columns] */
    double *reps;           /* [rows][before][repetitions] of the baseline */
    double *process_before; /* [rows][RL_SELFTEST_PROCESS] */
    double *process_now;    /* likewise */
    double *scratch;        /* launches times repetitions of both sides */
    rl_rank_null null[RL_VIEWS];
    rl_dice dice;
} stage;

/* ---- The lane, once -------------------------------------------------------------------------------- */

static rl_status make_lane(stage *g, rl_error *err)
{
    const rl_selftest_plan *p = g->plan;
    const char *text = rl_pool_format(
        &g->pool,
        "{\"schema\": %d, \"lane\": \"selftest\", \"bench\": \"none\", \"launches\": %zu, \"timeout_s\": 1, "
        "\"false_reds_per_100_runs\": %.17g, \"gates\": [{\"kind\": \"relative\", \"rows\": \"^row/\", "
        "\"metric\": \"real_time\", \"better\": \"lower\", \"margin\": %.17g}]}",
        (int)RL_LANE_SCHEMA, p->launches, p->false_reds, p->margin);
    return rl_lane_parse(&g->lane, "selftest", "selftest", text, strlen(text), err);
}

static void make_samples(stage *g)
{
    static const char *columns[] = {"iterations", "real_time"};
    const rl_selftest_plan *p = g->plan;
    rl_samples *s = &g->samples;
    const size_t each = p->launches * RL_SELFTEST_REPETITIONS;
    s->columns = columns;
    s->n_columns = RL_COUNT(columns);
    s->n_rows = p->rows;
    s->n_samples = p->rows * each;
    s->n_launches = p->launches;
    s->rows = rl_pool_alloc(&g->pool, s->n_rows * sizeof *s->rows);
    s->samples = rl_pool_alloc(&g->pool, s->n_samples * sizeof *s->samples);
    s->launches = rl_pool_alloc(&g->pool, s->n_launches * sizeof *s->launches);
    g->cells = rl_pool_alloc(&g->pool, s->n_samples * s->n_columns * sizeof *g->cells);
    for (size_t l = 0; l < p->launches; l++) s->launches[l] = l + 1;
    for (size_t r = 0; r < p->rows; r++) {
        s->rows[r] = (rl_sample_row){
            .name = rl_pool_format(&g->pool, "row/%04zu", r), .samples = &s->samples[r * each], .n = each};
        for (size_t i = 0; i < each; i++)
            s->samples[r * each + i] = (rl_sample){
                .name = s->rows[r].name,
                .unit = "ns",
                .message = "",
                .isa = "",
                .label = "",
                .launch = 1 + i / RL_SELFTEST_REPETITIONS,
                .repetition = i % RL_SELFTEST_REPETITIONS,
                .line = 2 + r * each + i,
                .outcome = RL_SAMPLE_MEASURED,
                .cells = &g->cells[(r * each + i) * s->n_columns],
            };
    }
}

static void make_baseline(stage *g)
{
    const rl_selftest_plan *p = g->plan;
    rl_baseline *b = &g->baseline;
    b->lane = g->lane.name;
    b->bench = g->lane.bench;
    b->n_rows = p->rows;
    b->rows = rl_pool_alloc(&g->pool, p->rows * sizeof *b->rows);
    for (size_t r = 0; r < p->rows; r++)
        b->rows[r] = (rl_baseline_row){
            .name = g->samples.rows[r].name,
            .metric = "real_time",
            .unit = "ns",
            .launches = rl_pool_alloc(&g->pool, RL_SELFTEST_BEFORE * sizeof(double)),
            .n = RL_SELFTEST_BEFORE,
        };
}

static double *numbers(stage *g, size_t n) { return rl_pool_alloc(&g->pool, n * sizeof(double)); }

static rl_status set_up(stage *g, const rl_selftest_plan *p, rl_error *err)
{
    *g = (stage){.plan = p};
    g->shape = (rl_noise_shape){p->sigma, p->amplitude, p->rows, RL_SELFTEST_BEFORE, p->launches};
    if (p->rows < 1 || p->rows > 10000 || p->launches < 1 || p->launches > RL_LAUNCHES_MAX)
        return rl_fail(err, RL_ERR_ARG, "expected 1 to 10000 rows and 1 to %d launches",
                       (int)RL_LAUNCHES_MAX);
    rl_status status = make_lane(g, err);
    if (status != RL_OK) return status;
    make_samples(g);
    make_baseline(g);
    g->effects = numbers(g, p->rows * (RL_SELFTEST_BEFORE + p->launches));
    g->reps = numbers(g, p->rows * RL_SELFTEST_BEFORE * RL_SELFTEST_REPETITIONS);
    g->process_before = numbers(g, p->rows * RL_SELFTEST_PROCESS);
    g->process_now = numbers(g, p->rows * RL_SELFTEST_PROCESS);
    g->scratch = numbers(g, (RL_SELFTEST_BEFORE + p->launches) * RL_SELFTEST_REPETITIONS);
    return RL_OK;
}

static void tear_down(stage *g)
{
    for (size_t i = 0; i < RL_VIEWS; i++) rl_rank_null_free(&g->null[i]);
    rl_lane_free(&g->lane);
    rl_pool_free(&g->pool);
}

/* ---- One run --------------------------------------------------------------------------------------- */

/* One repetition of a launch. */
static double repetition(stage *g, double ns, double effect)
{
    return ns * exp(effect + g->plan->sigma / 3 * rl_dice_normal(&g->dice));
}

static void fill_baseline_row(stage *g, size_t r, double ns, const double *effects)
{
    double *reps = &g->reps[r * RL_SELFTEST_BEFORE * RL_SELFTEST_REPETITIONS];
    double *launches = g->baseline.rows[r].launches;
    for (size_t l = 0; l < RL_SELFTEST_BEFORE; l++) {
        double own[RL_SELFTEST_REPETITIONS];
        for (size_t k = 0; k < RL_SELFTEST_REPETITIONS; k++) own[k] = *reps++ = repetition(g, ns, effects[l]);
        rl_sort(own, RL_SELFTEST_REPETITIONS);
        launches[l] = rl_sorted_median(own, RL_SELFTEST_REPETITIONS);
    }
    rl_sort(launches, RL_SELFTEST_BEFORE);
    g->baseline.rows[r].median = rl_sorted_median(launches, RL_SELFTEST_BEFORE);
}

static void fill_run_row(stage *g, size_t r, double ns, const double *effects)
{
    const size_t each = g->plan->launches * RL_SELFTEST_REPETITIONS;
    rl_cell *cells = &g->cells[r * each * COLUMNS];
    for (size_t i = 0; i < each; i++, cells += COLUMNS) {
        cells[0] = (rl_cell){1000, true};
        cells[1] = (rl_cell){repetition(g, ns, effects[i / RL_SELFTEST_REPETITIONS]), true};
    }
}

/* Draws everything; `slow` is the row that is slower in RL_CHANGE_ONE. */
static void fill(stage *g, rl_change change, size_t slow)
{
    const rl_selftest_plan *p = g->plan;
    const double edge = 1 + p->margin, slower = edge * (1 + p->slowdown);
    p->kind->fill(&g->shape, &g->dice, g->effects);
    for (size_t r = 0; r < p->rows; r++) {
        const double ns = 1000 * (double)(r + 1),
                     *effects = &g->effects[r * (RL_SELFTEST_BEFORE + p->launches)];
        const double times = change == RL_CHANGE_EDGE               ? edge
                             : change == RL_CHANGE_ONE && r == slow ? slower
                                                                    : 1;
        fill_baseline_row(g, r, ns, effects);
        fill_run_row(g, r, ns * times, effects + RL_SELFTEST_BEFORE);
        for (size_t k = 0; p->rules && k < RL_SELFTEST_PROCESS; k++) {
            g->process_before[r * RL_SELFTEST_PROCESS + k] =
                repetition(g, ns, effects[RL_SELFTEST_BEFORE - 1]);
            g->process_now[r * RL_SELFTEST_PROCESS + k] =
                repetition(g, ns * times, effects[RL_SELFTEST_BEFORE]);
        }
    }
}

static void judge(stage *g, const char *slow, rl_tally *t)
{
    rl_verdict_set v;
    rl_verdict_open(&v, "selftest", false);
    v.baseline_state = RL_BASELINE_USED;
    rl_judge(&v, &(rl_judge_input){.lane = &g->lane, .samples = &g->samples, .baseline = &g->baseline});
    t->red += v.exit_code == RL_EXIT_REGRESSION;
    t->broken += v.exit_code == RL_EXIT_BROKEN;
    t->passed += v.exit_code == RL_EXIT_PASS;
    t->rows += g->plan->rows;
    t->inconclusive += v.count[RL_INCONCLUSIVE];
    for (size_t i = 0; i < v.n_findings; i++)
        t->found += v.findings[i].verdict == RL_REGRESSED && strcmp(v.findings[i].benchmark, slow) == 0;
    rl_verdict_free(&v);
}

/* ---- The same for other rules ---------------------------------------------------------------------- */

/* Sorted views of one row; *now and *before borrow from the stage. */
static void view_row(stage *g, size_t r, rl_view view, rl_side *before, rl_side *now)
{
    const size_t n_before = RL_SELFTEST_BEFORE * RL_SELFTEST_REPETITIONS,
                 n_now = g->plan->launches * RL_SELFTEST_REPETITIONS;
    double *x = g->scratch, *y = x + n_before;
    if (view == RL_VIEW_PROCESS) {
        x = &g->process_before[r * RL_SELFTEST_PROCESS];
        y = &g->process_now[r * RL_SELFTEST_PROCESS];
        *before = (rl_side){x, RL_SELFTEST_PROCESS};
        *now = (rl_side){y, RL_SELFTEST_PROCESS};
    } else if (view == RL_VIEW_POOLED) {
        memcpy(x, &g->reps[r * n_before], n_before * sizeof *x);
        for (size_t i = 0; i < n_now; i++) y[i] = g->cells[(r * n_now + i) * COLUMNS + 1].value;
        *before = (rl_side){x, n_before};
        *now = (rl_side){y, n_now};
    } else {
        memcpy(x, g->baseline.rows[r].launches, RL_SELFTEST_BEFORE * sizeof *x);
        *before = (rl_side){x, RL_SELFTEST_BEFORE};
        *now = (rl_side){y, rl_samples_launch_medians(&g->samples.rows[r], 1, y, NULL)};
    }
    rl_sort(x, before->n);
    rl_sort(y, now->n);
}

static void ask_rules(stage *g, rl_change change, size_t slow, rl_tally *t)
{
    bool red[RL_RULES][RL_VIEWS] = {0};
    for (size_t r = 0; r < g->plan->rows; r++)
        for (size_t view = 0; view < RL_VIEWS; view++) {
            rl_side before, now;
            view_row(g, r, (rl_view)view, &before, &now);
            for (size_t rule = 0; rule < RL_RULES; rule++) {
                const bool says = rl_rule_red((rl_rule)rule, &g->null[view], before, now);
                red[rule][view] |= says;
                t->rule_found[rule][view] += says && change == RL_CHANGE_ONE && r == slow;
            }
        }
    for (size_t rule = 0; rule < RL_RULES; rule++)
        for (size_t view = 0; view < RL_VIEWS; view++) t->rule_red[rule][view] += red[rule][view];
}

rl_status rl_selftest_run(const rl_selftest_plan *plan, rl_change change, size_t runs, rl_tally *tally,
                          rl_error *err)
{
    stage g;
    *tally = (rl_tally){0};
    rl_status status = set_up(&g, plan, err);
    for (; status == RL_OK && tally->runs < runs; tally->runs++) {
        g.dice = rl_dice_of(plan->seed, tally->runs * RL_CHANGES + (size_t)change);
        const size_t slow = (size_t)(rl_dice_unit(&g.dice) * (double)plan->rows) % plan->rows;
        fill(&g, change, slow);
        judge(&g, change == RL_CHANGE_ONE ? g.samples.rows[slow].name : "", tally);
        if (plan->rules) ask_rules(&g, change, slow, tally);
    }
    tear_down(&g);
    return status;
}

const char *rl_change_name(rl_change change)
{
    static const char *const names[RL_CHANGES] = {
        [RL_CHANGE_NONE] = "none",
        [RL_CHANGE_EDGE] = "edge",
        [RL_CHANGE_ONE] = "one",
    };
    return names[change];
}
