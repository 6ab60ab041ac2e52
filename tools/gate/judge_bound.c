/* judge_bound.c - gates that need no statistics: one value of a row against one bound, or what it ran against what
 * it should have run. */
#include "gate/judge_trial.h"
#include "gate/value.h"
#include "perf/stats.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* How far `now` is on the wrong side of the bound; above 1 is bad. */
static double excess_of(double now, double bound, bool higher)
{
    const double low = higher ? now : bound, high = higher ? bound : now;
    return low > 0 && high > 0 ? high / low : low < high ? DBL_MAX : 0;
}

/* ---- Floors, ceilings, errors ---------------------------------------------------------------------- */

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

static void judge_limit(rl_trial *t, rl_finding *f, const rl_sample_row *row, size_t column)
{
    const rl_gate *gate = f->gate;
    const bool floor = gate->kind == RL_GATE_FLOOR;
    char bound[RL_VALUE_MAX];
    if (gate->unit != NULL && strcmp(gate->unit, f->unit) != 0) {
        f->reason =
            rl_pool_format(&t->v->pool, "measured in '%s', the gate's bound is in '%s'", f->unit, gate->unit);
        return;
    }
    rl_side now = rl_trial_launches(t, f, row, column);
    f->now = gate->worst ? extreme(row, column, floor) : rl_sorted_median(now.x, now.n);
    f->threshold = gate->bound;
    f->excess = excess_of(f->now, gate->bound, floor);
    f->verdict = (floor ? f->now < gate->bound : f->now > gate->bound) ? RL_REGRESSED : RL_PASS;
    if (f->verdict == RL_PASS) return;
    f->reason = rl_pool_format(
        &t->v->pool, "%s is %s %s", gate->worst ? "the worst repetition" : "the median launch",
        floor ? "below the floor of" : "above the ceiling of", rl_value_text(bound, gate->bound, f->unit));
}

/* ---- Exact counts ---------------------------------------------------------------------------------- */

static bool within(double a, double b, double tolerance) { return fabs(a - b) <= tolerance * b; }

/* Values, which are not negative, are compared as baselines keep them, so that a tolerance of 0 can hold. */
static void judge_exact(rl_trial *t, rl_finding *f, const rl_sample_row *row, size_t column)
{
    const rl_gate *gate = f->gate;
    rl_pool *pool = &t->v->pool;
    rl_side now = rl_trial_launches(t, f, row, column);
    f->now = rl_baseline_round(rl_sorted_median(now.x, now.n));
    const rl_baseline_row *before = rl_trial_baseline(t, f);
    if (before == NULL) return;
    t->compared[before - t->in->baseline->rows] = true;
    if (f->baseline > 0) f->ratio = f->now / f->baseline;
    f->threshold = f->baseline * (gate->higher ? 1 - gate->bound : 1 + gate->bound);
    const double low = rl_baseline_round(now.x[0]), high = rl_baseline_round(now.x[now.n - 1]);
    if (!within(low, f->now, gate->bound) || !within(high, f->now, gate->bound)) {
        f->verdict = RL_BROKEN;
        f->reason = rl_pool_format(pool, "launches disagree, %.6g to %.6g: %g of it is allowed", low, high,
                                   gate->bound);
        return;
    }
    f->excess = excess_of(f->now, f->threshold, gate->higher);
    f->verdict = within(f->now, f->baseline, gate->bound) ? RL_PASS
                 : (f->now < f->baseline) == gate->higher ? RL_REGRESSED
                                                          : RL_IMPROVED;
    if (f->verdict == RL_PASS) return;
    f->reason =
        rl_pool_format(pool, "%.6g, the baseline has %.6g: %g of it is allowed%s", f->now, f->baseline,
                       gate->bound, f->verdict == RL_IMPROVED ? "; recalibrate to keep it" : "");
}

/* ---- Ratios within the run ------------------------------------------------------------------------- */

const rl_sample_row *rl_ratio_partner(const rl_samples *s, const rl_gate *gate, const char *name)
{
    rl_pool scratch = {0};
    const char *at = strstr(name, gate->from);
    const rl_sample_row *partner = NULL;
    if (at != NULL)
        partner = rl_samples_find(s, rl_pool_format(&scratch, "%.*s%s%s", (int)(at - name), name, gate->to,
                                                    at + strlen(gate->from)));
    rl_pool_free(&scratch);
    return partner;
}

/* What keeps the two from being compared, or NULL. */
static const char *partner_problem(const rl_trial *t, const rl_finding *f, const rl_sample_row *partner,
                                   size_t column)
{
    rl_pool *pool = &t->v->pool;
    const rl_gate *gate = f->gate;
    if (strstr(f->benchmark, gate->from) == NULL)
        return rl_pool_format(pool, "its name has no '%s' that could become '%s'", gate->from, gate->to);
    if (partner == NULL)
        return rl_pool_format(pool, "there is no row called so with '%s' in the place of '%s'", gate->to,
                              gate->from);
    const rl_row_state state = t->states[partner - t->in->samples->rows];
    if (state != RL_ROW_SOUND)
        return rl_pool_format(pool, "%s, which it is compared with, %s", partner->name,
                              state == RL_ROW_SKIPPED ? "was skipped" : "is broken");
    const char *unit = rl_metric_unit(gate->metric, partner->samples[0].unit);
    if (strcmp(unit, f->unit) != 0)
        return rl_pool_format(pool, "measured in '%s', %s, which it is compared with, in '%s'", f->unit,
                              partner->name, unit);
    return rl_value_problem(partner, column, gate, pool);
}

/* Ascending ratios of the launches against a bound that their lower 95 % bound must reach. */
static void judge_low(rl_trial *t, rl_finding *f, const double *ratios, size_t n, const char *partner)
{
    rl_pool *pool = &t->v->pool;
    const double bound = f->gate->bound;
    const size_t k = rl_median_low(n, 0.05);
    if (k == 0) {
        f->verdict = RL_BROKEN;
        f->reason = rl_pool_format(
            pool, "%zu launches have no lower 95 %% bound: at least 5 are needed, see --launches", n);
        return;
    }
    f->ratio_low = ratios[k - 1];
    f->excess = excess_of(f->ratio_low, bound, true);
    if (f->now < bound) return;
    f->verdict = f->ratio_low < bound ? RL_INCONCLUSIVE : RL_PASS;
    if (f->verdict == RL_INCONCLUSIVE)
        f->reason =
            rl_pool_format(pool,
                           "%.3f times as good as %s, but of that the lower 95 %% bound is %.3f: %g times "
                           "wanted. Measure again, with more launches",
                           f->now, partner, f->ratio_low, bound);
}

/* A row's launches are all the launches there are, in one order: the i-th of both are of one launch. */
static void judge_ratio(rl_trial *t, rl_finding *f, const rl_sample_row *row, size_t column)
{
    const rl_gate *gate = f->gate;
    const rl_sample_row *partner = rl_ratio_partner(t->in->samples, gate, f->benchmark);
    const char *problem = partner_problem(t, f, partner, column);
    f->unit = "x";
    if (problem != NULL) {
        f->reason = problem;
        return;
    }
    double *own = rl_pool_alloc(&t->scratch, row->n * sizeof *own);
    double *other = rl_pool_alloc(&t->scratch, partner->n * sizeof *other);
    const size_t n = rl_samples_launch_medians(row, column, own, NULL);
    rl_samples_launch_medians(partner, column, other, NULL);
    for (size_t i = 0; i < n; i++) own[i] = gate->metric_higher ? own[i] / other[i] : other[i] / own[i];
    rl_sort(own, n);
    f->n_now = n;
    f->now = rl_sorted_median(own, n);
    f->spread_now = rl_side_spread((rl_side){own, n});
    f->threshold = gate->bound;
    f->excess = excess_of(f->now, gate->bound, true);
    f->verdict = f->now < gate->bound ? RL_REGRESSED : RL_PASS;
    if (f->verdict == RL_REGRESSED)
        f->reason = rl_pool_format(&t->v->pool, "%.3f times as good as %s: %g times wanted", f->now,
                                   partner->name, gate->bound);
    if (gate->lower95) judge_low(t, f, own, n, partner->name);
    rl_trial_doubt(f, partner, &t->v->pool); /* a slow partner makes a row look good */
}

/* ---- What ran -------------------------------------------------------------------------------------- */

/* The tier that a path gate wants; NULL: any. *known is false where it cannot be told. */
static const char *wanted_isa(const rl_trial *t, const rl_gate *gate, bool *known)
{
    *known = true;
    if (!gate->best) return gate->isa;
    const rl_origin *o = t->in->origin;
    for (size_t i = 0; o != NULL && i < o->machine.n_parts; i++)
        if (strcmp(o->machine.parts[i].key, "isa") == 0) return o->machine.parts[i].value;
    *known = false;
    return NULL;
}

/* The first thing that did not run as it should, or NULL; *broken: the bench does not say. */
static const char *path_problem(const rl_sample *s, const rl_gate *gate, const char *isa, rl_pool *pool,
                                bool *broken)
{
    *broken = (isa != NULL && s->isa[0] == '\0') || (gate->kernel != NULL && s->label[0] == '\0');
    if (*broken)
        return rl_pool_format(pool, "line %zu: the bench does not say which %s ran", s->line,
                              isa != NULL && s->isa[0] == '\0' ? "tier" : "kernel");
    if (isa != NULL && strcmp(s->isa, isa) != 0)
        return rl_pool_format(pool, "launch %zu ran %s, and %s was to run", s->launch, s->isa, isa);
    if (gate->kernel != NULL && !rl_matches(&gate->kernel_matcher, s->label))
        return rl_pool_format(pool, "launch %zu ran '%s', and a kernel that matches %s was to run", s->launch,
                              s->label, gate->kernel);
    return NULL;
}

static void judge_path(rl_trial *t, rl_finding *f, const rl_sample_row *row)
{
    bool known, broken = false;
    const char *isa = wanted_isa(t, f->gate, &known), *problem = NULL;
    if (!known) {
        f->reason = "which tier is the best where the samples were taken is not known: they have no context";
        return;
    }
    for (size_t i = 0; i < row->n && problem == NULL; i++)
        problem = path_problem(&row->samples[i], f->gate, isa, &t->v->pool, &broken);
    f->verdict = problem == NULL ? RL_PASS : broken ? RL_BROKEN : RL_REGRESSED;
    if (problem == NULL) return;
    f->reason = problem;
    f->excess = DBL_MAX; /* there is no measure of it, so it comes first */
}

void rl_judge_bound(rl_trial *t, rl_finding *f, const rl_sample_row *row, size_t column)
{
    switch (f->gate->kind) {
    case RL_GATE_FLOOR:
    case RL_GATE_CEILING:
    case RL_GATE_QUALITY:
        judge_limit(t, f, row, column);
        break;
    case RL_GATE_EXACT:
        judge_exact(t, f, row, column);
        break;
    case RL_GATE_RATIO:
        judge_ratio(t, f, row, column);
        break;
    case RL_GATE_PATH:
        judge_path(t, f, row);
        break;
    case RL_GATE_RELATIVE: /* rl_judge_relative's */
        return;
    }
    rl_trial_finish(t, f, row);
}
