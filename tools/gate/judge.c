/* judge.c - rows, gates and the baseline's manifest. */
#include "gate/judge.h"
#include "base/cpu.h"
#include "gate/decide.h"
#include "gate/value.h"
#include "perf/stats.h"

#include <float.h>
#include <math.h>
#include <string.h>

typedef enum { SOUND, SKIPPED, UNSOUND } row_state;

typedef struct {
    rl_verdict_set *v;
    const rl_judge_input *in;
    row_state *states;  /* one for each row of the samples */
    bool *gated;        /* likewise */
    bool *compared;     /* one for each row of the baseline */
    rl_judgement *rows; /* those that have a baseline */
    struct {
        size_t finding, baseline; /* by index: the findings move as they grow */
    } * places;                   /* of each of them */
    size_t n_judged;
    rl_rank_null null;
    rl_pool scratch;
} trial;

/* ---- Rows before any gate -------------------------------------------------------------------------- */

static bool unit_known(const char *unit)
{
    return strcmp(unit, "ns") == 0 || strcmp(unit, "us") == 0 || strcmp(unit, "ms") == 0 ||
           strcmp(unit, "s") == 0;
}

/* What a cell that is no number looks like in a sentence. */
static const char *describe_cell(rl_pool *pool, const rl_cell *cell)
{
    return cell->given ? rl_pool_format(pool, "%g", cell->value) : "empty";
}

static bool positive(const rl_cell *cell) { return isfinite(cell->value) && cell->value > 0; }

/* The first thing wrong with one line of a row that was not skipped throughout, or NULL. */
static const char *line_problem(const rl_samples *s, const rl_sample *sample, rl_pool *pool)
{
    static const char *const needed[] = {"iterations", "real_time"};
    if (sample->outcome == RL_SAMPLE_FAILED)
        return rl_pool_format(pool, "failed: %s",
                              sample->message[0] != '\0' ? sample->message : "no reason given");
    if (sample->outcome == RL_SAMPLE_SKIPPED)
        return rl_pool_format(pool, "skipped in launch %zu, but not throughout: %s", sample->launch,
                              sample->message);
    if (!unit_known(sample->unit))
        return rl_pool_format(pool, "line %zu: time_unit is '%s', expected ns, us, ms or s", sample->line,
                              sample->unit);
    for (size_t i = 0; i < RL_COUNT(needed); i++) {
        const rl_cell *cell = &sample->cells[rl_samples_column(s, needed[i])];
        if (!positive(cell))
            return rl_pool_format(pool, "line %zu: %s is %s, expected a number above 0", sample->line,
                                  needed[i], describe_cell(pool, cell));
    }
    return NULL;
}

/* The first thing wrong with a row, or NULL. */
static const char *row_problem(const rl_samples *s, const rl_sample_row *row, rl_pool *pool)
{
    size_t launches = 0;
    for (size_t i = 0; i < row->n; i++) {
        const rl_sample *now = &row->samples[i], *before = i > 0 ? now - 1 : NULL;
        const char *problem = line_problem(s, now, pool);
        if (problem != NULL) return problem;
        launches += before == NULL || before->launch != now->launch;
        if (before == NULL) continue;
        if (before->launch == now->launch && before->repetition == now->repetition)
            return rl_pool_format(pool, "launch %zu, repetition %zu is there twice, in lines %zu and %zu",
                                  now->launch, now->repetition, before->line, now->line);
        if (strcmp(before->unit, now->unit) != 0)
            return rl_pool_format(pool, "time_unit is '%s' in line %zu and '%s' in line %zu", before->unit,
                                  before->line, now->unit, now->line);
    }
    if (launches == s->n_launches) return NULL;
    return rl_pool_format(pool, "in %zu of %zu launches only", launches, s->n_launches);
}

/* In every launch skipped, and nothing else? */
static bool all_skipped(const rl_sample_row *row)
{
    for (size_t i = 0; i < row->n; i++)
        if (row->samples[i].outcome != RL_SAMPLE_SKIPPED) return false;
    return true;
}

static void examine_rows(trial *t)
{
    const rl_samples *s = t->in->samples;
    rl_pool *pool = &t->v->pool;
    for (size_t i = 0; i < s->n_rows; i++) {
        const rl_sample_row *row = &s->rows[i];
        if (all_skipped(row)) {
            t->states[i] = SKIPPED;
            continue;
        }
        const char *problem = row_problem(s, row, pool);
        if (problem == NULL) continue;
        t->states[i] = UNSOUND;
        rl_verdict_add(t->v, row->name, NULL, RL_BROKEN)->reason = problem;
    }
}

/* ---- One row under one gate ------------------------------------------------------------------------ */

static size_t disturbed(const rl_sample_row *row)
{
    size_t n = 0;
    for (size_t i = 0; i < row->n; i++) n += row->samples[i].contaminated;
    return n;
}

/* Timing of which most repetitions were disturbed from outside is a broken measurement, whatever it seems to
 * show. That holds for times and what is made of them, which are the metrics that have a unit: no neighbour
 * makes an error larger. */
static void doubt(rl_finding *f, const rl_sample_row *row, rl_pool *pool)
{
    size_t n = disturbed(row);
    if (f->unit[0] == '\0' || f->verdict == RL_NEW || 2 * n <= row->n) return;
    f->verdict = RL_BROKEN;
    f->reason = rl_pool_format(pool, "%s%s%zu of %zu repetitions were disturbed from outside: measure again",
                               f->reason, f->reason[0] != '\0' ? "; but " : "", n, row->n);
}

/* What is added to a verdict once it is there. */
static void finish(trial *t, rl_finding *f, const rl_sample_row *row)
{
    if (f->verdict == RL_REGRESSED && f->gate->note != NULL)
        f->reason = rl_pool_format(&t->v->pool, "%s (%s)", f->reason, f->gate->note);
    doubt(f, row, &t->v->pool);
}

/* Every repetition's value must be finite, and above 0 where ratios are taken. */
static const char *value_problem(const rl_sample_row *row, size_t column, const rl_gate *gate, rl_pool *pool)
{
    const bool ratio = gate->kind == RL_GATE_RELATIVE;
    for (size_t i = 0; i < row->n; i++) {
        const rl_cell *cell = &row->samples[i].cells[column];
        if (ratio ? positive(cell) : isfinite(cell->value)) continue;
        return rl_pool_format(pool, "line %zu: %s is %s, expected %s", row->samples[i].line, gate->metric,
                              describe_cell(pool, cell), ratio ? "a number above 0" : "a number");
    }
    return NULL;
}

static double spread(rl_side side)
{
    return (side.x[side.n - 1] - side.x[0]) / fabs(rl_sorted_median(side.x, side.n));
}

/* "1.52x (1.49 to 1.55)": the ratio and its interval. */
static const char *ratio_text(rl_pool *pool, const rl_judgement *j)
{
    return rl_pool_format(pool, "%.3fx (%.3f to %.3f)", j->ratio, j->low, j->high);
}

static const char *inconclusive_text(rl_pool *pool, const rl_judgement *j)
{
    const char *ratio = ratio_text(pool, j);
    if (j->worse <= 1 + j->margin)
        return rl_pool_format(pool, "%s: within the margin, but %zu launches of this spread do not show it",
                              ratio, j->n_now);
    if (j->superiority < RL_SUPERIORITY)
        return rl_pool_format(
            pool, "%s: beyond the margin, but only %.0f %% of launches are worse than the baseline's", ratio,
            100 * j->superiority);
    return rl_pool_format(pool, "%s: beyond the margin, but %zu launches do not prove it (p = %.2g)", ratio,
                          j->n_now, j->p_worse);
}

static void explain(const trial *t, rl_finding *f, const rl_judgement *j)
{
    rl_pool *pool = &t->v->pool;
    switch (j->decision) {
    case RL_DECIDED_PASS:
        f->verdict = RL_PASS;
        break;
    case RL_DECIDED_REGRESSED:
        f->verdict = RL_REGRESSED;
        f->reason = rl_pool_format(pool, "%s, p = %.2g", ratio_text(pool, j), j->p_worse);
        break;
    case RL_DECIDED_INCONCLUSIVE:
        f->verdict = RL_INCONCLUSIVE;
        f->reason = inconclusive_text(pool, j);
        break;
    case RL_DECIDED_IMPROVED:
        f->verdict = RL_IMPROVED;
        f->reason =
            rl_pool_format(pool, "%s, better beyond the margin: recalibrate to keep it", ratio_text(pool, j));
        break;
    case RL_UNREACHABLE:
        f->verdict = RL_BROKEN;
        f->reason = rl_pool_format(pool,
                                   "%zu launches against %zu of the baseline cannot prove a regression among "
                                   "%zu rows at %.2g for the "
                                   "run: at least %zu launches needed",
                                   j->n_now, j->n_before, t->n_judged, t->in->lane->level,
                                   rl_launches_needed(j->n_before, t->n_judged, t->in->lane->level));
        break;
    }
}

/* Takes note of a row that has a baseline; rows are decided together, by decide_rows. */
static void judge_relative(trial *t, rl_finding *f, rl_side now)
{
    const rl_baseline *b = t->in->baseline;
    rl_pool *pool = &t->v->pool;
    const rl_baseline_row *row = b != NULL ? rl_baseline_find(b, f->benchmark, f->metric) : NULL;
    f->now = rl_sorted_median(now.x, now.n);
    f->threshold = f->gate->higher ? 1 / (1 + f->gate->bound) : 1 + f->gate->bound;
    if (row == NULL) {
        f->verdict = RL_NEW;
        f->reason = b != NULL ? "not in the baseline: recalibrate to add it" : ""; /* why is said once */
        return;
    }
    rl_side before = {row->launches, row->n};
    f->n_baseline = before.n;
    f->baseline = rl_sorted_median(before.x, before.n);
    f->spread_baseline = spread(before);
    if (strcmp(row->unit, f->unit) != 0 || row->higher != f->gate->higher) {
        f->verdict = RL_BROKEN;
        f->reason = row->higher != f->gate->higher
                        ? "the gate's direction is not the baseline's: recalibrate"
                        : rl_pool_format(pool, "measured in '%s', the baseline in '%s'", f->unit, row->unit);
        return;
    }
    t->rows = rl_pool_more(&t->scratch, t->rows, t->n_judged, sizeof *t->rows);
    t->places = rl_pool_more(&t->scratch, t->places, t->n_judged, sizeof *t->places);
    t->places[t->n_judged].finding = (size_t)(f - t->v->findings);
    t->places[t->n_judged].baseline = (size_t)(row - b->rows);
    t->rows[t->n_judged++] = rl_compare(&t->null, before, now, f->gate->higher, f->gate->bound);
}

static void decide_rows(trial *t)
{
    rl_decide_all(t->rows, t->n_judged, t->in->lane->level);
    for (size_t i = 0; i < t->n_judged; i++) {
        const rl_judgement *j = &t->rows[i];
        rl_finding *f = &t->v->findings[t->places[i].finding];
        t->compared[t->places[i].baseline] = j->decision != RL_UNREACHABLE;
        f->ratio = j->ratio;
        f->ratio_low = j->low;
        f->ratio_high = j->high;
        f->p = j->p_worse;
        f->superiority = j->superiority;
        f->detectable = j->detectable;
        f->excess = j->worse / (1 + j->margin);
        explain(t, f, j);
        finish(t, f, rl_samples_find(t->in->samples, f->benchmark));
    }
}

/* The smallest or largest of all repetitions. */
static double extreme(const rl_sample_row *row, size_t column, bool smallest)
{
    double x = row->samples[0].cells[column].value;
    for (size_t i = 1; i < row->n; i++) {
        double y = row->samples[i].cells[column].value;
        if (smallest ? y < x : y > x) x = y;
    }
    return x;
}

static void judge_absolute(trial *t, rl_finding *f, const rl_sample_row *row, size_t column, rl_side now)
{
    const rl_gate *gate = f->gate;
    const bool floor = gate->kind == RL_GATE_FLOOR;
    f->now = gate->worst ? extreme(row, column, floor) : rl_sorted_median(now.x, now.n);
    f->threshold = gate->bound;
    const double low = floor ? f->now : gate->bound, high = floor ? gate->bound : f->now;
    f->excess = low > 0 && high > 0 ? high / low : low < high ? DBL_MAX : 0;
    f->verdict = low < high ? RL_REGRESSED : RL_PASS;
    if (f->verdict == RL_PASS) return;
    char bound[RL_VALUE_MAX];
    f->reason = rl_pool_format(
        &t->v->pool, "%s is %s %s", gate->worst ? "the worst repetition" : "the median launch",
        floor ? "below the floor of" : "above the ceiling of", rl_value_text(bound, gate->bound, f->unit));
}

static void judge_row(trial *t, const rl_gate *gate, const rl_sample_row *row, size_t column)
{
    rl_finding *f = rl_verdict_add(t->v, row->name, gate, RL_BROKEN);
    f->unit = rl_pool_copy(&t->v->pool, rl_metric_unit(gate->metric, row->samples[0].unit),
                           strlen(rl_metric_unit(gate->metric, row->samples[0].unit)));
    const char *problem = value_problem(row, column, gate, &t->v->pool);
    if (problem != NULL) {
        f->reason = problem;
        return;
    }
    double *x = rl_pool_alloc(&t->scratch, row->n * sizeof *x);
    rl_side now = {x, rl_samples_launch_medians(row, column, x, NULL)};
    rl_sort(x, now.n);
    f->n_now = now.n;
    f->spread_now = spread(now);
    if (gate->kind == RL_GATE_RELATIVE)
        judge_relative(t, f, now);
    else
        judge_absolute(t, f, row, column, now);
    if (gate->kind != RL_GATE_RELATIVE) finish(t, f, row);
}

/* ---- Gates ----------------------------------------------------------------------------------------- */

static bool isa_runs(const rl_judge_input *in, const char *isa)
{
    for (int i = 0; i < RL_ISA_COUNT; i++)
        if (strcmp(rl_isa_name((rl_isa)i), isa) == 0) return rl_cpu_has(in->cpu, (rl_isa)i);
    return false;
}

/* "rows matching ^gemv/": what stands for the benchmark where a finding is about a whole gate. */
static rl_finding *gate_finding(trial *t, const rl_gate *gate, rl_verdict verdict)
{
    char *rows = rl_pool_format(&t->v->pool, "rows matching %s", gate->rows);
    return rl_verdict_add(t->v, rows, gate, verdict);
}

static void matches_nothing(trial *t, const rl_gate *gate)
{
    rl_pool *pool = &t->v->pool;
    const rl_judge_input *in = t->in;
    if (gate->isa != NULL && in->cpu_known && !isa_runs(in, gate->isa)) {
        gate_finding(t, gate, RL_NOT_APPLICABLE)->reason = rl_pool_format(
            pool, "needs %s, and this machine's best is %s", gate->isa, rl_isa_name(rl_cpu_best(in->cpu)));
    } else if (gate->optional != NULL) {
        gate_finding(t, gate, RL_NOT_APPLICABLE)->reason = gate->optional;
    } else {
        gate_finding(t, gate, RL_BROKEN)->reason =
            gate->isa == NULL ? "the gate matches no row that was measured, so it cannot fail"
            : in->cpu_known
                ? rl_pool_format(pool,
                                 "%s runs on this machine, but the gate matches no row that was measured",
                                 gate->isa)
                : rl_pool_format(
                      pool,
                      "the gate matches no row, and whether %s runs where the samples were taken is not "
                      "known here: judge them there",
                      gate->isa);
    }
}

static void apply_gate(trial *t, const rl_gate *gate)
{
    const rl_samples *s = t->in->samples;
    const bool left_out = t->in->quick && !gate->quick;
    const size_t column = rl_samples_column(s, gate->metric);
    bool matched = false;
    for (size_t i = 0; i < s->n_rows; i++) {
        if (!rl_matches(&gate->matcher, s->rows[i].name)) continue;
        t->gated[i] = true;
        matched = matched || t->states[i] != SKIPPED;
        if (!left_out && t->states[i] == SOUND && column < s->n_columns)
            judge_row(t, gate, &s->rows[i], column);
    }
    if (left_out)
        gate_finding(t, gate, RL_NOT_APPLICABLE)->reason = "left out of quick runs";
    else if (!matched)
        matches_nothing(t, gate);
    else if (column == s->n_columns)
        gate_finding(t, gate, RL_BROKEN)->reason =
            rl_pool_format(&t->v->pool, "the CSV has no column %s", gate->metric);
}

/* ---- What the bench skipped, and what the baseline expects ----------------------------------------- */

/* The gate that says that a row's ISA runs here; NULL: none does. */
static const rl_gate *contradicting_gate(const rl_judge_input *in, const char *name)
{
    for (size_t g = 0; in->cpu_known && g < in->lane->n_gates; g++) {
        const rl_gate *gate = &in->lane->gates[g];
        if (gate->isa != NULL && rl_matches(&gate->matcher, name) && isa_runs(in, gate->isa)) return gate;
    }
    return NULL;
}

static void list_skipped(trial *t)
{
    const rl_samples *s = t->in->samples;
    for (size_t i = 0; i < s->n_rows; i++) {
        if (t->states[i] != SKIPPED || !t->gated[i]) continue;
        const char *why = s->rows[i].samples[0].message;
        const rl_gate *gate = contradicting_gate(t->in, s->rows[i].name);
        rl_finding *f =
            rl_verdict_add(t->v, s->rows[i].name, NULL, gate != NULL ? RL_BROKEN : RL_NOT_APPLICABLE);
        f->reason = gate != NULL
                        ? rl_pool_format(&t->v->pool, "skipped, although %s runs here: %s", gate->isa, why)
                        : rl_pool_format(&t->v->pool, "skipped: %s", why);
    }
}

static void list_ungated(trial *t)
{
    const rl_samples *s = t->in->samples;
    rl_verdict_set *v = t->v;
    for (size_t i = 0; i < s->n_rows; i++) {
        if (t->gated[i] || t->states[i] == SKIPPED) continue;
        v->ungated = rl_pool_more(&v->pool, v->ungated, v->n_ungated, sizeof *v->ungated);
        v->ungated[v->n_ungated++] = rl_pool_copy(&v->pool, s->rows[i].name, strlen(s->rows[i].name));
    }
}

/* Which gate looks at a row of the baseline; *now where it does so in this run. */
static const rl_gate *gate_of(const rl_judge_input *in, const rl_baseline_row *row, bool *now)
{
    const rl_gate *any = NULL;
    *now = false;
    for (size_t g = 0; g < in->lane->n_gates && !*now; g++) {
        const rl_gate *gate = &in->lane->gates[g];
        if (gate->kind != RL_GATE_RELATIVE || strcmp(gate->metric, row->metric) != 0 ||
            !rl_matches(&gate->matcher, row->name))
            continue;
        any = gate;
        *now = !in->quick || gate->quick;
    }
    return any;
}

static void check_manifest(trial *t)
{
    const rl_judge_input *in = t->in;
    const rl_lane_mode *mode = rl_lane_mode_of(in->lane, in->quick);
    for (size_t i = 0; i < in->baseline->n_rows; i++) {
        const rl_baseline_row *row = &in->baseline->rows[i];
        bool now;
        const rl_gate *gate = gate_of(in, row, &now);
        if (gate == NULL) {
            rl_verdict_add(t->v, row->name, NULL, RL_BROKEN)->reason = rl_pool_format(
                &t->v->pool, "the baseline has its %s, but no gate looks at that any more: recalibrate",
                row->metric);
            continue;
        }
        if (!now || (mode->filter != NULL && !rl_matches(&mode->matcher, row->name))) continue;
        t->v->expected++;
        t->v->compared += t->compared[i];
        const rl_sample_row *found = rl_samples_find(in->samples, row->name);
        if (found != NULL && t->states[found - in->samples->rows] != SKIPPED) continue;
        rl_finding *f = rl_verdict_add(t->v, row->name, gate, RL_BROKEN);
        f->baseline = row->median;
        f->n_baseline = row->n;
        f->unit = rl_pool_copy(&t->v->pool, row->unit, strlen(row->unit));
        f->reason = found == NULL ? "missing: the baseline has it, this run has not"
                                  : "missing: the baseline has it, this run skipped it";
    }
}

/* ---- All of it ------------------------------------------------------------------------------------- */

static void count_repetitions(trial *t)
{
    const rl_samples *s = t->in->samples;
    for (size_t i = 0; i < s->n_samples; i++) {
        t->v->repetitions += s->samples[i].outcome == RL_SAMPLE_MEASURED;
        t->v->contaminated += s->samples[i].contaminated;
    }
}

void rl_judge(rl_verdict_set *v, const rl_judge_input *in)
{
    trial t = {.v = v, .in = in};
    v->lane = in->lane;
    if (in->origin != NULL && in->origin->dry_run)
        rl_verdict_problem(v, "the samples are of a dry run: one iteration each, nothing to judge by");
    if (in->samples != NULL) {
        t.states = rl_pool_alloc(&t.scratch, in->samples->n_rows * sizeof *t.states);
        t.gated = rl_pool_alloc(&t.scratch, in->samples->n_rows * sizeof *t.gated);
        t.compared =
            rl_pool_alloc(&t.scratch, in->baseline != NULL ? in->baseline->n_rows * sizeof *t.compared : 1);
        examine_rows(&t);
        for (size_t g = 0; g < in->lane->n_gates; g++) apply_gate(&t, &in->lane->gates[g]);
        decide_rows(&t);
        list_skipped(&t);
        list_ungated(&t);
        if (in->baseline != NULL) check_manifest(&t);
        count_repetitions(&t);
    } else if (v->n_problems == 0) {
        rl_verdict_problem(v, "there are no samples");
    }
    rl_rank_null_free(&t.null);
    rl_pool_free(&t.scratch);
    rl_verdict_close(v);
}
