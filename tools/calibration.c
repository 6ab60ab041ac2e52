/* calibration.c - rows for a baseline, and the reasons against it. */
#include "calibration.h"
#include "calibration_diff.h"
#include "conclude.h"
#include "gate/control.h"
#include "gate/date.h"
#include "gate/decide.h"
#include "perf/stats.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

/* The share of disturbed repetitions beyond which nothing measured here should be measured against. */
#define CONTAMINATED_MAX 0.2

void rl_calibration_refuse(rl_calibration *c, const char *fmt, ...)
{
    char text[2048];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    c->refusals = rl_pool_more(&c->pool, c->refusals, c->n_refusals, sizeof *c->refusals);
    c->refusals[c->n_refusals++] = rl_pool_copy(&c->pool, text, strlen(text));
}

/* ---- What was measured ----------------------------------------------------------------------------- */

/* "session 2: ", or nothing where there is but one. */
static const char *of_session(rl_calibration *c, size_t k)
{
    return c->plan->n_csvs > 1 ? rl_pool_format(&c->pool, "session %zu: ", k + 1) : "";
}

/* Broken rows and portable gates that fail; the old baseline plays no part yet. */
static void check_rows(rl_calibration *c, size_t k)
{
    const rl_measured *m = &c->sessions[k];
    const char *where = of_session(c, k);
    rl_verdict_set v;
    rl_verdict_open(&v, c->plan->lane->name, false);
    v.baseline_state = RL_BASELINE_MISSING;
    rl_judge_here(&v, &(rl_judge_input){.lane = c->plan->lane, .samples = &m->samples, .origin = &m->origin});
    for (size_t i = 0; i < v.n_problems; i++) rl_calibration_refuse(c, "%s%s", where, v.problems[i]);
    for (size_t i = 0; i < v.n_findings; i++)
        if (v.findings[i].verdict == RL_BROKEN || v.findings[i].verdict == RL_REGRESSED)
            rl_calibration_refuse(c, "%s%s %s: %s", where, v.findings[i].benchmark, v.findings[i].metric,
                                  v.findings[i].reason);
    if ((double)v.contaminated > CONTAMINATED_MAX * (double)v.repetitions)
        rl_calibration_refuse(c, "%s%zu of %zu repetitions were disturbed from outside", where,
                              v.contaminated, v.repetitions);
    c->next.sessions[k].contaminated = v.repetitions > 0 ? (double)v.contaminated / (double)v.repetitions : 0;
    rl_verdict_free(&v);
}

/* What the samples say of how they were taken. */
static void check_origin(rl_calibration *c, size_t k)
{
    const rl_origin *o = &c->sessions[k].origin;
    const char *where = of_session(c, k);
    if (o->mode[0] != '\0' && strcmp(o->mode, c->plan->narrowed ? "rows" : "full") != 0)
        rl_calibration_refuse(c, "%sthe samples are of a %s run, a baseline is of full ones", where,
                              strcmp(o->mode, "quick") == 0 ? "quick" : "narrowed");
    if (o->injected) rl_calibration_refuse(c, "%srows of it were made slower on purpose (--inject)", where);
    if (c->plan->any_build) return;
    if (o->dirty)
        rl_calibration_refuse(c, "%sthe bench was built from a tree with changes that are in no commit",
                              where);
    if (strncmp(o->commit, c->plan->head, strlen(o->commit)) != 0)
        rl_calibration_refuse(c, "%sthe bench was built from %s, the tree is at %.12s: build again", where,
                              o->commit, c->plan->head);
}

static bool same_code(const rl_origin *a, const rl_origin *b)
{
    bool same = a->n_code == b->n_code;
    for (size_t i = 0; same && i < a->n_code; i++)
        same = strcmp(a->code[i].key, b->code[i].key) == 0 && strcmp(a->code[i].value, b->code[i].value) == 0;
    return same;
}

/* Sessions are of one program on one class of machine, at different times. */
static void check_same(rl_calibration *c, size_t k)
{
    const rl_origin *o = &c->sessions[k].origin, *first = &c->sessions[0].origin;
    if (strcmp(o->machine.class, first->machine.class) != 0)
        rl_calibration_refuse(c, "session %zu: its machine class is %s, the first session's %s", k + 1,
                              o->machine.class, first->machine.class);
    if (strcmp(o->commit, first->commit) != 0 || !same_code(o, first))
        rl_calibration_refuse(c, "session %zu: its bench was built from %s, the first session's from %s%s",
                              k + 1, o->commit, first->commit,
                              strcmp(o->commit, first->commit) == 0 ? ", to other object code" : "");
    if (strcmp(o->model, first->model) != 0)
        rl_calibration_refuse(c, "session %zu: it ran with another model than the first session", k + 1);
    for (size_t i = 0; i < k; i++)
        if (o->date[0] != '\0' && strcmp(o->date, c->sessions[i].origin.date) == 0)
            rl_calibration_refuse(c, "sessions %zu and %zu were measured at the same time, %s: they are one",
                                  i + 1, k + 1, o->date);
}

/* ---- Rows ------------------------------------------------------------------------------------------ */

/* Adds up how far repetitions lie from their launch's mean, in the log domain. */
static void add_deviations(const rl_sample_row *row, size_t column, double *squares, size_t *freedom)
{
    for (size_t first = 0, n; first < row->n; first += n) {
        double mean = 0;
        n = rl_samples_launch_length(row, first);
        for (size_t i = 0; i < n; i++) mean += log(row->samples[first + i].cells[column].value) / (double)n;
        for (size_t i = 0; i < n; i++) {
            const double off = log(row->samples[first + i].cells[column].value) - mean;
            *squares += off * off;
        }
        *freedom += n - 1;
    }
}

/* In a baseline whose rows are in no order yet. */
static bool has_row(const rl_baseline *b, const char *name, const char *metric)
{
    for (size_t i = 0; i < b->n_rows; i++)
        if (strcmp(b->rows[i].name, name) == 0 && strcmp(b->rows[i].metric, metric) == 0) return true;
    return false;
}

/* The row in each session; false where it is not in all of them. */
static bool find_rows(rl_calibration *c, const char *name, const rl_sample_row *rows[RL_SESSIONS_MAX])
{
    size_t has = 0, lacks = 0;
    bool everywhere = true;
    for (size_t k = 0; k < c->plan->n_csvs; k++) {
        rows[k] = rl_samples_find(&c->sessions[k].samples, name);
        const bool there = rows[k] != NULL && rows[k]->samples[0].outcome == RL_SAMPLE_MEASURED;
        if (there)
            has = k;
        else
            lacks = k;
        everywhere = everywhere && there;
    }
    if (!everywhere)
        rl_calibration_refuse(c, "%s: measured in session %zu, not in session %zu", name, has + 1, lacks + 1);
    return everywhere;
}

/* The control variate of a row, whichever of the gates that look at it names it; NULL: none does. A row keeps the
 * readings of one only. */
static const char *control_of(rl_calibration *c, const char *name, const char *metric)
{
    const rl_lane *lane = c->plan->lane;
    const char *control = NULL;
    for (size_t g = 0; g < lane->n_gates; g++) {
        const rl_gate *gate = &lane->gates[g];
        if (gate->control == NULL || strcmp(gate->metric, metric) != 0 || !rl_matches(&gate->matcher, name))
            continue;
        if (control != NULL && strcmp(control, gate->control) != 0) {
            rl_calibration_refuse(c, "%s %s: one gate corrects it by %s, another by %s: it can have one only",
                                  name, metric, control, gate->control);
            return control;
        }
        control = gate->control;
    }
    return control;
}

static void add_row(rl_calibration *c, const rl_gate *gate, const char *name)
{
    const rl_sample_row *rows[RL_SESSIONS_MAX];
    double within[RL_SESSIONS_MAX], squares = 0;
    size_t room = 0, freedom = 0, n_within = 0;
    if (has_row(&c->next, name, gate->metric) || !find_rows(c, name, rows)) return; /* for another gate */
    for (size_t k = 0; k < c->plan->n_csvs; k++) room += rows[k]->n;
    const rl_baseline_row *old = rl_baseline_find(&c->old, name, gate->metric);
    const char *control = control_of(c, name, gate->metric);
    rl_baseline_row next = {
        .name = name,
        .metric = gate->metric,
        .unit = rl_metric_unit(gate->metric, rows[0]->samples[0].unit),
        .higher = gate->higher,
        .launches = rl_pool_alloc(&c->pool, room * sizeof *next.launches),
        .session = rl_pool_alloc(&c->pool, room * sizeof *next.session),
        .control = control != NULL ? rl_pool_alloc(&c->pool, room * sizeof *next.control) : NULL,
        .control_of = control,
        .note = old != NULL ? old->note : NULL,
    };
    for (size_t k = 0; k < c->plan->n_csvs; k++) {
        const rl_samples *s = &c->sessions[k].samples;
        const size_t column = rl_samples_column(s, gate->metric);
        const size_t n =
            rl_samples_launch_medians(rows[k], column, next.launches + next.n, &within[n_within]);
        if (isfinite(within[n_within])) n_within++;
        if (next.control != NULL && rl_control_readings(s, rows[k], control, next.control + next.n) != n)
            next.control = NULL; /* a row that does not say what the machine could do */
        for (size_t i = 0; i < n; i++) next.session[next.n++] = k;
        add_deviations(rows[k], column, &squares, &freedom);
    }
    rl_sort(within, n_within);
    next.within = rl_sorted_median(within, n_within);
    next.s_w = freedom > 0 ? sqrt(squares / (double)freedom) : (double)NAN;
    rl_baseline_add(&c->next, &next);
}

static void gather_rows(rl_calibration *c)
{
    const rl_lane *lane = c->plan->lane;
    for (size_t g = 0; g < lane->n_gates; g++) {
        const rl_gate *gate = &lane->gates[g];
        if (!rl_gate_needs_baseline(gate)) continue;
        for (size_t k = 0; k < c->plan->n_csvs; k++) {
            const rl_samples *s = &c->sessions[k].samples;
            if (rl_samples_column(s, gate->metric) == s->n_columns) continue; /* the gate is optional */
            for (size_t i = 0; i < s->n_rows; i++)
                if (s->rows[i].samples[0].outcome == RL_SAMPLE_MEASURED &&
                    rl_matches(&gate->matcher, s->rows[i].name))
                    add_row(c, gate, s->rows[i].name);
        }
    }
    rl_baseline_sort(&c->next);
    if (c->next.n_rows == 0) rl_calibration_refuse(c, "no row for the baseline");
}

/* Is the row tested against the baseline in such runs of the lane? */
static bool is_tested(const rl_lane *lane, const rl_baseline_row *row, bool quick)
{
    const rl_lane_mode *mode = rl_lane_mode_of(lane, quick);
    if (mode->filter != NULL && !rl_matches(&mode->matcher, row->name)) return false;
    for (size_t g = 0; g < lane->n_gates; g++) {
        const rl_gate *gate = &lane->gates[g];
        if (gate->kind == RL_GATE_RELATIVE && (!quick || gate->quick) &&
            strcmp(gate->metric, row->metric) == 0 && rl_matches(&gate->matcher, row->name))
            return true;
    }
    return false;
}

/* Runs of the lane, quick ones too, must be able to prove a regression against so many launches. */
static void check_launches(rl_calibration *c, bool quick)
{
    const rl_lane *lane = c->plan->lane;
    const rl_lane_mode *mode = rl_lane_mode_of(lane, quick);
    size_t rows = 0, launches = 0;
    for (size_t i = 0; i < c->next.n_rows; i++) rows += is_tested(lane, &c->next.rows[i], quick);
    for (size_t k = 0; k < c->next.n_sessions; k++) launches += c->next.sessions[k].launches;
    const size_t needed = rl_launches_needed(launches, rows, lane->level, RL_LAUNCHES_MAX);
    if (launches > RL_LAUNCHES_MAX)
        rl_calibration_refuse(c, "%zu launches in all, a baseline keeps at most %d", launches,
                              (int)RL_LAUNCHES_MAX);
    else if (needed == 0)
        rl_calibration_refuse(c,
                              "%zu launches: against them no number of launches of a %s run can prove a "
                              "regression among %zu rows; measure more here",
                              launches, quick ? "quick" : "full", rows);
    else if (!rl_reachable(launches, mode->launches, rows, lane->level))
        rl_calibration_refuse(
            c,
            "%zu launches: against them a %s run, which has %zu, needs at least %zu to prove a regression "
            "among %zu rows; measure more here, or launch more there",
            launches, quick ? "quick" : "full", mode->launches, needed, rows);
}

/* ---- All of it ------------------------------------------------------------------------------------- */

static bool read_sessions(rl_calibration *c)
{
    rl_error why;
    const size_t n = c->plan->n_csvs;
    c->sessions = rl_pool_alloc(&c->pool, n * sizeof *c->sessions);
    c->next.sessions = rl_pool_alloc(&c->pool, n * sizeof *c->next.sessions);
    c->next.n_sessions = n;
    for (size_t k = 0; k < n; k++)
        if (rl_samples_read(&c->sessions[k].samples, c->plan->csvs[k], &why) != RL_OK ||
            rl_origin_read(&c->sessions[k].origin, c->plan->csvs[k], &why) != RL_OK)
            rl_calibration_refuse(c, "%s%s", of_session(c, k), why.text);
    return c->n_refusals == 0;
}

static void describe(rl_calibration *c)
{
    const rl_lane *lane = c->plan->lane;
    const rl_origin *first = &c->sessions[0].origin;
    rl_baseline *b = &c->next;
    int64_t newest = 0;
    char text[RL_DATE_MAX];
    b->lane = lane->name;
    b->bench = lane->bench;
    b->args = lane->full.args;
    b->n_args = lane->full.n_args;
    b->machine = first->machine;
    b->commit = first->commit;
    b->clean = c->plan->clean;
    b->reason = c->plan->reason;
    b->kernel = first->kernel;
    b->tool = rl_pool_format(&c->pool, "ridgeline %s", rl_build_info()->version);
    b->model = first->model;
    b->code = first->code;
    b->n_code = first->n_code;
    for (size_t k = 0; k < b->n_sessions; k++) {
        const rl_origin *o = &c->sessions[k].origin;
        int64_t when;
        if (!rl_date_read(o->date, &when)) when = c->plan->now;
        if (when > newest) newest = when;
        b->sessions[k].timestamp = rl_pool_format(&c->pool, "%s", rl_date_text(when, text));
        b->sessions[k].load = o->load;
        b->sessions[k].launches = c->sessions[k].samples.n_launches;
        b->clean = b->clean && !o->dirty;
    }
    b->timestamp = rl_pool_format(&c->pool, "%s", rl_date_text(newest, text));
}

static void read_old(rl_calibration *c)
{
    rl_error why;
    if (snprintf(c->path, sizeof c->path, "%s/%s/%s.json", c->plan->baselines, c->next.machine.class,
                 c->plan->lane->name) >= (int)sizeof c->path)
        rl_calibration_refuse(c, "the path of the baseline is too long");
    else if (access(c->path, F_OK) == 0 && rl_baseline_read(&c->old, c->path, &why) != RL_OK &&
             c->plan->reason[0] == '\0')
        rl_calibration_refuse(
            c,
            "the old baseline cannot be read, so it cannot be compared: %s: say why to replace it with "
            "--reason",
            why.text);
}

void rl_calibrate(rl_calibration *c, const rl_calibration_plan *plan)
{
    *c = (rl_calibration){.plan = plan};
    if (!read_sessions(c)) return;
    for (size_t k = 0; k < plan->n_csvs; k++) {
        check_rows(c, k);
        check_origin(c, k);
        if (k > 0) check_same(c, k);
    }
    describe(c);
    read_old(c);
    if (c->n_refusals > 0) return;
    gather_rows(c); /* they are sound */
    if (c->n_refusals > 0) return;
    check_launches(c, false);
    check_launches(c, true);
    rl_calibration_agree(c);
    rl_calibration_diff(c);
    if (plan->n_csvs < 2 && plan->reason[0] == '\0')
        rl_calibration_refuse(
            c, "one session says nothing of how the next will come out: measure at least two, or "
               "say why one must do with --reason");
}

void rl_calibration_show(const rl_calibration *c, FILE *out)
{
    for (size_t i = 0; i < c->n_changes; i++) fprintf(out, "  %s\n", c->changes[i]);
    for (size_t i = 0; i < c->n_refusals; i++)
        fprintf(out, "%s: refused: %s\n", c->plan->lane->name, c->refusals[i]);
}

void rl_calibration_free(rl_calibration *c)
{
    for (size_t k = 0; c->sessions != NULL && k < c->plan->n_csvs; k++) {
        rl_origin_free(&c->sessions[k].origin);
        rl_samples_free(&c->sessions[k].samples);
    }
    rl_baseline_free(&c->next);
    rl_baseline_free(&c->old);
    rl_pool_free(&c->pool);
}
