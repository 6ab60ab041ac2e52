/* calibration.c - rows for a baseline, and the reasons against it. */
#include "calibration.h"
#include "conclude.h"
#include "gate/decide.h"
#include "gate/value.h"
#include "perf/stats.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* The share of disturbed repetitions beyond which nothing measured here should be measured against. */
#define CONTAMINATED_MAX 0.2

static void add_text(rl_calibration *c, const char ***list, size_t *n, char *text)
{
    *list = rl_pool_more(&c->pool, *list, *n, sizeof **list);
    (*list)[(*n)++] = text;
}

static void refuse(rl_calibration *c, const char *fmt, ...) RL_PRINTF(2, 3);
static void refuse(rl_calibration *c, const char *fmt, ...)
{
    char text[2048];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    add_text(c, &c->refusals, &c->n_refusals, rl_pool_copy(&c->pool, text, strlen(text)));
}

/* ---- What was measured ----------------------------------------------------------------------------- */

/* Broken rows and portable gates that fail; the old baseline plays no part yet. */
static void check_rows(rl_calibration *c)
{
    rl_verdict_set v;
    rl_verdict_open(&v, c->plan->lane->name, false);
    v.baseline_state = RL_BASELINE_MISSING;
    rl_judge_here(&v, &(rl_judge_input){.lane = c->plan->lane, .samples = &c->samples, .origin = &c->origin});
    for (size_t i = 0; i < v.n_problems; i++) refuse(c, "%s", v.problems[i]);
    for (size_t i = 0; i < v.n_findings; i++)
        if (v.findings[i].verdict == RL_BROKEN || v.findings[i].verdict == RL_REGRESSED)
            refuse(c, "%s %s: %s", v.findings[i].benchmark, v.findings[i].metric, v.findings[i].reason);
    if ((double)v.contaminated > CONTAMINATED_MAX * (double)v.repetitions)
        refuse(c, "%zu of %zu repetitions were disturbed from outside", v.contaminated, v.repetitions);
    c->next.contaminated = v.repetitions > 0 ? (double)v.contaminated / (double)v.repetitions : 0;
    rl_verdict_free(&v);
}

/* What the samples say of how they were taken. */
static void check_origin(rl_calibration *c)
{
    const rl_origin *o = &c->origin;
    if (strcmp(o->mode, "quick") == 0)
        refuse(c, "the samples are of a quick run, a baseline is of full ones");
    if (c->plan->any_build) return;
    if (o->dirty) refuse(c, "the bench was built from a tree with changes that are in no commit");
    if (strncmp(o->commit, c->plan->head, strlen(o->commit)) != 0)
        refuse(c, "the bench was built from %s, the tree is at %.12s: build again", o->commit, c->plan->head);
}

/* In a baseline whose rows are in no order yet. NULL: not there. */
static const rl_baseline_row *find_row(const rl_baseline *b, const char *name, const char *metric)
{
    for (size_t i = 0; i < b->n_rows; i++)
        if (strcmp(b->rows[i].name, name) == 0 && strcmp(b->rows[i].metric, metric) == 0) return &b->rows[i];
    return NULL;
}

static void add_row(rl_calibration *c, const rl_gate *gate, const rl_sample_row *row, size_t column)
{
    if (find_row(&c->next, row->name, gate->metric) != NULL) return; /* for another gate */
    const rl_baseline_row *old = rl_baseline_find(&c->old, row->name, gate->metric);
    rl_baseline_row next = {
        .name = row->name,
        .metric = gate->metric,
        .unit = rl_metric_unit(gate->metric, row->samples[0].unit),
        .higher = gate->higher,
        .launches = rl_pool_alloc(&c->pool, row->n * sizeof *next.launches),
        .note = old != NULL ? old->note : NULL,
    };
    next.n = rl_samples_launch_medians(row, column, next.launches, &next.within);
    rl_baseline_add(&c->next, &next);
}

static void gather_rows(rl_calibration *c)
{
    for (size_t g = 0; g < c->plan->lane->n_gates; g++) {
        const rl_gate *gate = &c->plan->lane->gates[g];
        const size_t column = rl_samples_column(&c->samples, gate->metric);
        if (gate->kind != RL_GATE_RELATIVE || column == c->samples.n_columns) continue;
        for (size_t i = 0; i < c->samples.n_rows; i++) {
            const rl_sample_row *row = &c->samples.rows[i];
            if (row->samples[0].outcome == RL_SAMPLE_MEASURED && rl_matches(&gate->matcher, row->name))
                add_row(c, gate, row, column);
        }
    }
    if (c->next.n_rows == 0) refuse(c, "no row for the baseline");
}

/* Runs of the lane, quick ones too, must be able to prove a regression against so many launches. */
static void check_launches(rl_calibration *c, bool quick)
{
    const rl_lane *lane = c->plan->lane;
    const rl_lane_mode *mode = rl_lane_mode_of(lane, quick);
    size_t rows = 0;
    for (size_t i = 0; i < c->next.n_rows; i++)
        rows += mode->filter == NULL || rl_matches(&mode->matcher, c->next.rows[i].name);
    const size_t needed = rl_launches_needed(c->samples.n_launches, rows, lane->level);
    if (mode->launches < needed)
        refuse(c,
               "%zu launches: against them a %s run, which has %zu, needs at least %zu to prove a regression "
               "among "
               "%zu rows; measure more here, or launch more there",
               c->samples.n_launches, quick ? "quick" : "full", mode->launches, needed, rows);
}

static void describe(rl_calibration *c)
{
    const rl_lane *lane = c->plan->lane;
    rl_baseline *b = &c->next;
    char now[32];
    time_t t = time(NULL);
    struct tm utc;
    strftime(now, sizeof now, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&t, &utc));
    b->lane = lane->name;
    b->bench = lane->bench;
    b->args = lane->full.args;
    b->n_args = lane->full.n_args;
    b->machine = c->origin.machine;
    b->timestamp = rl_pool_copy(&c->pool, now, strlen(now));
    b->commit = c->origin.commit;
    b->clean = c->plan->clean && !c->origin.dirty;
    b->reason = c->plan->reason;
    b->kernel = c->origin.kernel;
    b->tool = rl_pool_format(&c->pool, "ridgeline %s", rl_build_info()->version);
    b->model = c->origin.model;
    b->load = c->origin.load;
    b->launches = c->samples.n_launches;
}

/* ---- Against the old baseline ---------------------------------------------------------------------- */

/* The smallest margin of the gates that look at a row. */
static double margin_of(const rl_lane *lane, const rl_baseline_row *row)
{
    double margin = 1;
    for (size_t g = 0; g < lane->n_gates; g++) {
        const rl_gate *gate = &lane->gates[g];
        if (gate->kind == RL_GATE_RELATIVE && strcmp(gate->metric, row->metric) == 0 &&
            rl_matches(&gate->matcher, row->name) && gate->bound < margin)
            margin = gate->bound;
    }
    return margin;
}

/* True where the row is looser than before by more than its gates would let pass. */
static bool compare_row(rl_calibration *c, const rl_baseline_row *row)
{
    char now[RL_VALUE_MAX], before[RL_VALUE_MAX];
    const rl_baseline_row *old = rl_baseline_find(&c->old, row->name, row->metric);
    rl_value_text(now, row->median, row->unit);
    if (old == NULL || strcmp(old->unit, row->unit) != 0 || old->higher != row->higher) {
        add_text(c, &c->changes, &c->n_changes,
                 rl_pool_format(&c->pool, "%-7s %s %s: %s, +-%.1f %%", old == NULL ? "new" : "other",
                                row->name, row->metric, now, 50 * row->between));
        return old != NULL; /* in another unit: nobody can say that it is not looser */
    }
    const double ratio = row->median / old->median, worse = row->higher ? 1 / ratio : ratio;
    const double margin = margin_of(c->plan->lane, row);
    const char *word = worse > 1 + margin ? "looser" : worse < 1 / (1 + margin) ? "tighter" : "same";
    add_text(c, &c->changes, &c->n_changes,
             rl_pool_format(&c->pool, "%-7s %s %s: %s -> %s (%.3fx), +-%.1f %%", word, row->name, row->metric,
                            rl_value_text(before, old->median, old->unit), now, ratio, 50 * row->between));
    return worse > 1 + margin;
}

static void compare_with_old(rl_calibration *c)
{
    size_t looser = 0, gone = 0;
    for (size_t i = 0; i < c->next.n_rows; i++) looser += compare_row(c, &c->next.rows[i]);
    for (size_t i = 0; i < c->old.n_rows; i++) {
        const rl_baseline_row *old = &c->old.rows[i];
        if (find_row(&c->next, old->name, old->metric) != NULL) continue;
        gone++;
        add_text(c, &c->changes, &c->n_changes,
                 rl_pool_format(&c->pool, "%-7s %s %s", "gone", old->name, old->metric));
    }
    if (c->plan->reason[0] != '\0') return;
    if (looser > 0)
        refuse(c, "%zu rows would become looser than the old baseline allows: say why with --reason", looser);
    if (gone > 0) refuse(c, "%zu rows of the old baseline are gone: say why with --reason", gone);
}

static void read_old(rl_calibration *c)
{
    rl_error why;
    if (snprintf(c->path, sizeof c->path, "%s/%s/%s.json", c->plan->baselines, c->origin.machine.class,
                 c->plan->lane->name) >= (int)sizeof c->path)
        refuse(c, "the path of the baseline is too long");
    else if (access(c->path, F_OK) == 0 && rl_baseline_read(&c->old, c->path, &why) != RL_OK &&
             c->plan->reason[0] == '\0')
        refuse(c,
               "the old baseline cannot be read, so it cannot be compared: %s: say why to replace it with "
               "--reason",
               why.text);
}

void rl_calibrate(rl_calibration *c, const rl_calibration_plan *plan)
{
    rl_error why;
    *c = (rl_calibration){.plan = plan};
    if (rl_samples_read(&c->samples, plan->csv, &why) != RL_OK ||
        rl_origin_read(&c->origin, plan->csv, &why) != RL_OK) {
        refuse(c, "%s", why.text);
        return;
    }
    check_rows(c);
    check_origin(c);
    read_old(c);
    describe(c);
    if (c->n_refusals == 0) { /* rows are sound */
        gather_rows(c);
        check_launches(c, false);
        check_launches(c, true);
        compare_with_old(c);
    }
}

void rl_calibration_show(const rl_calibration *c, FILE *out)
{
    for (size_t i = 0; i < c->n_changes; i++) fprintf(out, "  %s\n", c->changes[i]);
    for (size_t i = 0; i < c->n_refusals; i++)
        fprintf(out, "%s: refused: %s\n", c->plan->lane->name, c->refusals[i]);
}

void rl_calibration_free(rl_calibration *c)
{
    rl_baseline_free(&c->next);
    rl_baseline_free(&c->old);
    rl_origin_free(&c->origin);
    rl_samples_free(&c->samples);
    rl_pool_free(&c->pool);
}
