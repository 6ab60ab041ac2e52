/* judge.c - rows, gates and the baseline's manifest. */
#include "gate/judge.h"
#include "base/cpu.h"
#include "gate/judge_trial.h"
#include "perf/stats.h"

#include <math.h>
#include <string.h>

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

static void examine_rows(rl_trial *t)
{
    const rl_samples *s = t->in->samples;
    rl_pool *pool = &t->v->pool;
    for (size_t i = 0; i < s->n_rows; i++) {
        const rl_sample_row *row = &s->rows[i];
        if (all_skipped(row)) {
            t->states[i] = RL_ROW_SKIPPED;
            continue;
        }
        const char *problem = row_problem(s, row, pool);
        if (problem == NULL) continue;
        t->states[i] = RL_ROW_UNSOUND;
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
void rl_trial_doubt(rl_finding *f, const rl_sample_row *row, rl_pool *pool)
{
    size_t n = disturbed(row);
    if (f->unit[0] == '\0' || f->verdict == RL_NEW || 2 * n <= row->n) return;
    f->verdict = RL_BROKEN;
    f->reason = rl_pool_format(pool, "%s%s%zu of %zu repetitions were disturbed from outside: measure again",
                               f->reason, f->reason[0] != '\0' ? "; but " : "", n, row->n);
}

/* What is added to a verdict once it is there. */
void rl_trial_finish(rl_trial *t, rl_finding *f, const rl_sample_row *row)
{
    if (f->verdict == RL_REGRESSED && f->gate->note != NULL)
        f->reason = rl_pool_format(&t->v->pool, "%s (%s)", f->reason, f->gate->note);
    rl_trial_doubt(f, row, &t->v->pool);
}

/* Of which values a gate can make sense. */
typedef enum { ANY_NUMBER, NOT_NEGATIVE, ABOVE_0 } range;

static range range_of(const rl_gate *gate)
{
    if (gate->kind == RL_GATE_RELATIVE || gate->kind == RL_GATE_RATIO) return ABOVE_0;
    if (gate->kind == RL_GATE_EXACT || gate->kind == RL_GATE_QUALITY) return NOT_NEGATIVE;
    const bool error = gate->kind == RL_GATE_CEILING && strcmp(gate->metric, "max_error") == 0;
    return error ? NOT_NEGATIVE : ANY_NUMBER;
}

static bool in_range(const rl_cell *cell, range r)
{
    return r == ABOVE_0 ? positive(cell) : isfinite(cell->value) && (r == ANY_NUMBER || cell->value >= 0);
}

/* A median of two numbers may be beyond the largest there is. */
static bool medians_finite(const rl_sample_row *row, size_t column)
{
    rl_pool scratch = {0};
    double *medians = rl_pool_alloc(&scratch, row->n * sizeof *medians);
    const size_t n = rl_samples_launch_medians(row, column, medians, NULL);
    size_t i = 0;
    while (i < n && isfinite(medians[i])) i++;
    rl_pool_free(&scratch);
    return i == n;
}

const char *rl_value_problem(const rl_sample_row *row, size_t column, const rl_gate *gate, rl_pool *pool)
{
    static const char *const expected[] = {
        [ANY_NUMBER] = "a number", [NOT_NEGATIVE] = "a number from 0", [ABOVE_0] = "a number above 0"};
    const range r = range_of(gate);
    for (size_t i = 0; i < row->n; i++) {
        const rl_cell *cell = &row->samples[i].cells[column];
        if (in_range(cell, r)) continue;
        return rl_pool_format(pool, "line %zu: %s is %s, expected %s", row->samples[i].line, gate->metric,
                              describe_cell(pool, cell), expected[r]);
    }
    if (medians_finite(row, column)) return NULL;
    return rl_pool_format(pool, "%s is so large that a launch has no median", gate->metric);
}

double rl_side_spread(rl_side side)
{
    return (side.x[side.n - 1] - side.x[0]) / fabs(rl_sorted_median(side.x, side.n));
}

rl_side rl_trial_launches(rl_trial *t, rl_finding *f, const rl_sample_row *row, size_t column)
{
    double *x = rl_pool_alloc(&t->scratch, row->n * sizeof *x);
    const rl_side side = {x, rl_samples_launch_medians(row, column, x, NULL)};
    rl_sort(x, side.n);
    f->n_now = side.n;
    f->spread_now = rl_side_spread(side);
    return side;
}

/* What keeps a finding from being compared with the baseline's row, or NULL. */
static const char *baseline_problem(const rl_baseline_row *row, const rl_finding *f, rl_pool *pool)
{
    const rl_gate *gate = f->gate;
    if (row->higher != gate->higher) return "the gate's direction is not the baseline's: recalibrate";
    if (strcmp(row->unit, f->unit) != 0)
        return rl_pool_format(pool, "measured in '%s', the baseline in '%s'", f->unit, row->unit);
    if (gate->control != NULL && row->control_of != NULL && strcmp(gate->control, row->control_of) != 0)
        return rl_pool_format(pool,
                              "the gate corrects it by %s, the baseline's readings are of %s: recalibrate",
                              gate->control, row->control_of);
    if (gate->kind == RL_GATE_RELATIVE && !(row->launches[0] > 0))
        return "the baseline has 0, of which nothing is a multiple: recalibrate";
    return NULL;
}

const rl_baseline_row *rl_trial_baseline(rl_trial *t, rl_finding *f)
{
    const rl_baseline *b = t->in->baseline;
    const rl_baseline_row *row = b != NULL ? rl_baseline_find(b, f->benchmark, f->metric) : NULL;
    if (row == NULL) {
        f->verdict = RL_NEW;
        f->reason = b != NULL ? "not in the baseline: recalibrate to add it" : ""; /* why is said once */
        return NULL;
    }
    f->n_baseline = row->n;
    f->baseline = row->median;
    const char *problem = baseline_problem(row, f, &t->v->pool);
    if (problem == NULL) return row;
    f->verdict = RL_BROKEN;
    f->reason = problem;
    return NULL;
}

static void judge_row(rl_trial *t, const rl_gate *gate, const rl_sample_row *row, size_t column)
{
    rl_finding *f = rl_verdict_add(t->v, row->name, gate, RL_BROKEN);
    const char *unit = rl_metric_unit(gate->metric, row->samples[0].unit);
    f->unit = rl_pool_copy(&t->v->pool, unit, strlen(unit));
    if (gate->kind != RL_GATE_PATH) {
        const char *problem = rl_value_problem(row, column, gate, &t->v->pool);
        if (problem != NULL) {
            f->reason = problem;
            return;
        }
    }
    if (gate->kind == RL_GATE_RELATIVE)
        rl_judge_relative(t, f, row, column);
    else
        rl_judge_bound(t, f, row, column);
}

/* ---- Gates ----------------------------------------------------------------------------------------- */

static bool isa_runs(const rl_judge_input *in, const char *isa)
{
    for (int i = 0; i < RL_ISA_COUNT; i++)
        if (strcmp(rl_isa_name((rl_isa)i), isa) == 0) return rl_cpu_has(in->cpu, (rl_isa)i);
    return false;
}

/* "rows matching ^gemv/": what stands for the benchmark where a finding is about a whole gate. */
static rl_finding *gate_finding(rl_trial *t, const rl_gate *gate, rl_verdict verdict)
{
    char *rows = rl_pool_format(&t->v->pool, "rows matching %s", gate->rows);
    return rl_verdict_add(t->v, rows, gate, verdict);
}

static bool any_match(const rl_trial *t, const rl_gate *gate)
{
    const rl_samples *s = t->in->samples;
    for (size_t i = 0; i < s->n_rows; i++)
        if (rl_matches(&gate->matcher, s->rows[i].name)) return true;
    return false;
}

/* Why no row of the companion's is there, or NULL: it ran, and left none. */
static const char *companion_reason(const rl_trial *t)
{
    const char *program = t->in->lane->companion.program, *said = t->in->origin->companion;
    if (strcmp(said, "ran") == 0) return NULL;
    if (said[0] == '\0')
        return rl_pool_format(&t->v->pool, "the samples are of the bench alone, without %s", program);
    return rl_pool_format(&t->v->pool, "without %s: %s", program, said);
}

static void matches_nothing(rl_trial *t, const rl_gate *gate)
{
    rl_pool *pool = &t->v->pool;
    const rl_judge_input *in = t->in;
    const char *alone = gate->of_companion && in->origin != NULL &&
                                (gate->isa == NULL || !in->cpu_known || isa_runs(in, gate->isa))
                            ? companion_reason(t)
                            : NULL;
    if (alone != NULL) {
        gate_finding(t, gate, RL_NOT_APPLICABLE)->reason = alone;
    } else if (gate->isa != NULL && in->cpu_known && !isa_runs(in, gate->isa)) {
        gate_finding(t, gate, RL_NOT_APPLICABLE)->reason = rl_pool_format(
            pool, "needs %s, and this machine's best is %s", gate->isa, rl_isa_name(rl_cpu_best(in->cpu)));
    } else if (gate->optional != NULL) {
        gate_finding(t, gate, RL_NOT_APPLICABLE)->reason = gate->optional;
    } else {
        gate_finding(t, gate, RL_BROKEN)->reason =
            gate->of_companion && any_match(t, gate)
                ? "the companion ran, and left no row that a ratio could be taken to"
            : gate->isa == NULL ? "the gate matches no row that was measured, so it cannot fail"
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

/* A ratio compares pairs: does the gate look at any? */
static bool any_pair(const rl_trial *t, const rl_gate *gate)
{
    const rl_samples *s = t->in->samples;
    for (size_t i = 0; i < s->n_rows; i++)
        if (rl_matches(&gate->matcher, s->rows[i].name) && rl_ratio_partner(s, gate, s->rows[i].name) != NULL)
            return true;
    return false;
}

/* A companion's row that another is compared with is under a gate, too. */
static void gate_partner(const rl_trial *t, const rl_gate *gate, const char *name)
{
    const rl_samples *s = t->in->samples;
    const rl_sample_row *partner = gate->of_companion ? rl_ratio_partner(s, gate, name) : NULL;
    if (partner != NULL) t->gated[partner - s->rows] = true;
}

static void apply_gate(rl_trial *t, const rl_gate *gate)
{
    const rl_samples *s = t->in->samples;
    const size_t column = rl_samples_column(s, gate->metric);
    const bool has_metric = gate->kind == RL_GATE_PATH || column < s->n_columns;
    const bool left_out = t->in->quick && !gate->quick;
    const bool may_lack = gate->optional != NULL || gate->of_companion;
    const bool no_pairs = gate->kind == RL_GATE_RATIO && may_lack && !any_pair(t, gate);
    bool matched = false;
    for (size_t i = 0; i < s->n_rows; i++) {
        if (!rl_matches(&gate->matcher, s->rows[i].name)) continue;
        t->gated[i] = true;
        gate_partner(t, gate, s->rows[i].name);
        matched = matched || (t->states[i] != RL_ROW_SKIPPED && !no_pairs);
        if (!left_out && !no_pairs && has_metric && t->states[i] == RL_ROW_SOUND)
            judge_row(t, gate, &s->rows[i], column);
    }
    if (left_out)
        gate_finding(t, gate, RL_NOT_APPLICABLE)->reason = "left out of quick runs";
    else if (!matched)
        matches_nothing(t, gate);
    else if (!has_metric)
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

static void list_skipped(rl_trial *t)
{
    const rl_samples *s = t->in->samples;
    for (size_t i = 0; i < s->n_rows; i++) {
        if (t->states[i] != RL_ROW_SKIPPED || !t->gated[i]) continue;
        const char *why = s->rows[i].samples[0].message;
        const rl_gate *gate = contradicting_gate(t->in, s->rows[i].name);
        rl_finding *f =
            rl_verdict_add(t->v, s->rows[i].name, NULL, gate != NULL ? RL_BROKEN : RL_NOT_APPLICABLE);
        f->reason = gate != NULL
                        ? rl_pool_format(&t->v->pool, "skipped, although %s runs here: %s", gate->isa, why)
                        : rl_pool_format(&t->v->pool, "skipped: %s", why);
    }
}

static void list_ungated(rl_trial *t)
{
    const rl_samples *s = t->in->samples;
    rl_verdict_set *v = t->v;
    for (size_t i = 0; i < s->n_rows; i++) {
        if (t->gated[i] || t->states[i] == RL_ROW_SKIPPED) continue;
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
        if (!rl_gate_needs_baseline(gate) || strcmp(gate->metric, row->metric) != 0 ||
            !rl_matches(&gate->matcher, row->name))
            continue;
        any = gate;
        *now = !in->quick || gate->quick;
    }
    return any;
}

static void check_manifest(rl_trial *t)
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
        if (found != NULL && t->states[found - in->samples->rows] != RL_ROW_SKIPPED) continue;
        rl_finding *f = rl_verdict_add(t->v, row->name, gate, RL_BROKEN);
        f->baseline = row->median;
        f->n_baseline = row->n;
        f->unit = rl_pool_copy(&t->v->pool, row->unit, strlen(row->unit));
        f->reason = found == NULL ? "missing: the baseline has it, this run has not"
                                  : "missing: the baseline has it, this run skipped it";
    }
}

/* ---- All of it ------------------------------------------------------------------------------------- */

static void count_repetitions(rl_trial *t)
{
    const rl_samples *s = t->in->samples;
    for (size_t i = 0; i < s->n_samples; i++) {
        t->v->repetitions += s->samples[i].outcome == RL_SAMPLE_MEASURED;
        t->v->contaminated += s->samples[i].contaminated;
    }
}

void rl_judge(rl_verdict_set *v, const rl_judge_input *in)
{
    rl_trial t = {.v = v, .in = in};
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
        rl_decide_relatives(&t);
        list_skipped(&t);
        list_ungated(&t);
        if (in->baseline != NULL) check_manifest(&t);
        count_repetitions(&t);
    } else if (v->n_problems == 0) {
        rl_verdict_problem(v, "there are no samples");
    }
    rl_pool_free(&t.scratch);
    rl_verdict_close(v);
}
