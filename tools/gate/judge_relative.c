/* judge_relative.c - rows against their baseline: what is known of the machine and of the code first, then all of
 * them decided together (decide.h), then what they did together. */
#include "gate/code.h"
#include "gate/common_mode.h"
#include "gate/control.h"
#include "gate/decide.h"
#include "gate/judge_trial.h"
#include "perf/stats.h"

#include <math.h>
#include <string.h>

/* Rows of unchanged code tell how much the machine alone moves rows, if there are so many; the change that all but a
 * tenth of them stay below is noise to the others. */
enum { NOISE_ROWS = 5 };
#define NOISE_PERCENTILE 0.9

typedef struct rl_relative {
    size_t finding, baseline; /* by index: findings move as they grow */
    const rl_sample_row *row;
    rl_side before, now; /* adjusted by the control variate, ascending */
    double machine; /* ln of how many times less the machine could do, as far as it was not taken out; NaN */
    double control; /* how many times more it could do, all of it; NaN */
    bool same_code;
    double noise; /* ln, on top of the margin */
} relative;

/* ---- Taking note of a row -------------------------------------------------------------------------- */

static rl_side copied(rl_trial *t, const double *x, size_t n)
{
    double *copy = rl_pool_alloc(&t->scratch, (n + 1) * sizeof *copy);
    if (n > 0) memcpy(copy, x, n * sizeof *copy);
    return (rl_side){copy, n};
}

static rl_side adjusted(rl_trial *t, rl_side side, const double *readings, const rl_baseline_row *b)
{
    double *x = rl_pool_alloc(&t->scratch, (side.n + 1) * sizeof *x);
    memcpy(x, side.x, side.n * sizeof *x);
    rl_control_adjust(x, readings, side.n, b->control_median, b->beta, b->higher);
    rl_sort(x, side.n);
    return (rl_side){x, side.n};
}

/* Takes the machine's part out of both sides, where the baseline knows how large it is and this run has readings. */
static void apply_control(rl_trial *t, relative *r, const rl_gate *gate, const rl_baseline_row *b,
                          size_t column)
{
    const rl_sample_row *row = r->row;
    if (gate->control == NULL || b->control == NULL) return;
    double *readings = rl_pool_alloc(&t->scratch, row->n * sizeof *readings);
    double *values = rl_pool_alloc(&t->scratch, row->n * sizeof *values);
    if (rl_control_readings(t->in->samples, row, gate->control, readings) != r->now.n) return;
    rl_samples_launch_medians(row, column, values, NULL); /* in the order of the readings */
    r->before = adjusted(t, r->before, b->control, b);
    r->now = adjusted(t, (rl_side){values, r->now.n}, readings, b);
    rl_sort(readings, r->now.n);
    r->control = rl_sorted_median(readings, r->now.n) / b->control_median;
    r->machine = (fabs(b->beta) - 1) * log(r->control);
}

/* The correction multiplies, and what is multiplied may leave the numbers there are. */
static bool in_range(rl_side side) { return side.x[0] > 0 && isfinite(side.x[side.n - 1]); }

static bool same_code(const rl_trial *t, const rl_sample_row *row)
{
    const rl_baseline *b = t->in->baseline;
    const rl_origin *o = t->in->origin;
    const char *isa = row->samples[0].isa;
    if (t->in->any_code || o == NULL || o->injected || isa == NULL) return false;
    return rl_code_same((rl_code_hashes){b->code, b->n_code}, (rl_code_hashes){o->code, o->n_code}, row->name,
                        isa);
}

void rl_judge_relative(rl_trial *t, rl_finding *f, const rl_sample_row *row, size_t column)
{
    rl_side now = rl_trial_launches(t, f, row, column);
    f->now = rl_sorted_median(now.x, now.n);
    f->threshold = f->gate->higher ? 1 / (1 + f->gate->bound) : 1 + f->gate->bound;
    const rl_baseline_row *b = rl_trial_baseline(t, f);
    if (b == NULL) return;
    t->relatives = rl_pool_more(&t->scratch, t->relatives, t->n_relatives, sizeof *t->relatives);
    relative *r = &t->relatives[t->n_relatives++];
    *r = (relative){
        .finding = (size_t)(f - t->v->findings),
        .baseline = (size_t)(b - t->in->baseline->rows),
        .row = row,
        .before = copied(t, b->launches, b->n),
        .now = now,
        .machine = (double)NAN,
        .control = (double)NAN,
        .same_code = same_code(t, row),
    };
    f->spread_baseline = rl_side_spread(r->before);
    apply_control(t, r, f->gate, b, column);
    if (in_range(r->before) && in_range(r->now)) return;
    f->reason =
        "corrected by its control variate it is no number: what the bench says of the machine cannot be true";
    t->n_relatives--;
}

/* ---- Comparing ------------------------------------------------------------------------------------- */

/* Noise widens what proves a row to be worse, not what shows it to be no worse: a row that the lane's own margin
 * does not let pass is INCONCLUSIVE then. */
static rl_judgement compare(const rl_trial *t, const relative *r, rl_rank_null *null)
{
    const rl_gate *gate = t->v->findings[r->finding].gate;
    rl_judgement j = rl_compare(null, r->before, r->now, gate->higher, expm1(log1p(gate->bound) + r->noise));
    if (r->noise > 0)
        j.p_not_worse = rl_compare(null, r->before, r->now, gate->higher, gate->bound).p_not_worse;
    return j;
}

/* The log ratio that rows of unchanged code reach; 0 where there are too few, or they are rather better. */
static double noise_of(const rl_trial *t, const rl_judgement *j)
{
    rl_pool scratch = {0};
    double *shifts = rl_pool_alloc(&scratch, (t->n_relatives + 1) * sizeof *shifts);
    size_t n = 0;
    for (size_t i = 0; i < t->n_relatives; i++)
        if (t->relatives[i].same_code) shifts[n++] = log(j[i].worse);
    rl_sort(shifts, n);
    const double noise = n >= NOISE_ROWS ? rl_sorted_percentile(shifts, n, NOISE_PERCENTILE) : 0;
    rl_pool_free(&scratch);
    return fmax(0, noise);
}

/* Rows of unchanged code first, for the others are judged by what they show. */
static void compare_all(rl_trial *t, rl_judgement *j)
{
    rl_rank_null null = {0};
    for (size_t i = 0; i < t->n_relatives; i++)
        if (t->relatives[i].same_code) j[i] = compare(t, &t->relatives[i], &null);
    const double noise = noise_of(t, j);
    for (size_t i = 0; i < t->n_relatives; i++) {
        if (t->relatives[i].same_code) continue;
        t->relatives[i].noise = noise;
        j[i] = compare(t, &t->relatives[i], &null);
    }
    rl_rank_null_free(&null);
}

/* ---- Saying it ------------------------------------------------------------------------------------- */

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

static const char *unreachable_text(const rl_trial *t, const rl_judgement *j)
{
    rl_pool *pool = &t->v->pool;
    const double level = t->in->lane->level;
    const size_t needed = rl_launches_needed(j->n_before, t->n_relatives, level, RL_LAUNCHES_MAX);
    const char *cannot = rl_pool_format(pool,
                                        "%zu launches against %zu of the baseline cannot prove a regression "
                                        "among %zu rows at %.2g for the run",
                                        j->n_now, j->n_before, t->n_relatives, level);
    if (needed == 0)
        return rl_pool_format(pool, "%s, and no number of launches would: recalibrate with more of them",
                              cannot);
    return rl_pool_format(pool, "%s: at least %zu launches needed", cannot, needed);
}

static void explain(const rl_trial *t, rl_finding *f, const rl_judgement *j)
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
        f->reason = unreachable_text(t, j);
        break;
    }
}

/* A row of unchanged code: what seems to have changed is the machine. */
static void explain_same_code(rl_finding *f, const rl_judgement *j, rl_pool *pool)
{
    static const char because[] = "the object code is the baseline's: this is the machine";
    if (f->verdict == RL_REGRESSED || (f->verdict == RL_INCONCLUSIVE && j->worse > 1 + j->margin)) {
        f->verdict = RL_SAME_CODE;
        f->reason = rl_pool_format(pool, "%s; %s", because, ratio_text(pool, j));
    } else if (f->verdict == RL_IMPROVED) {
        f->reason =
            rl_pool_format(pool, "%s, better beyond the margin, but %s", ratio_text(pool, j), because);
    }
}

static void explain_noise(rl_finding *f, const relative *r, const rl_judgement *j, rl_pool *pool)
{
    if (r->noise == 0 || f->verdict == RL_PASS || j->decision == RL_UNREACHABLE) return;
    f->reason = rl_pool_format(pool, "%s (margin %.1f %%, and %.1f %% that rows of unchanged code moved by)",
                               f->reason, 100 * f->gate->bound, 100 * expm1(r->noise));
}

/* The machine moved all rows. One that is worse by more than the machine is, and by the margin on top, is a
 * regression all the same. */
static void explain_machine(rl_finding *f, const rl_judgement *j, double shift, rl_pool *pool)
{
    const double sure = f->gate->higher ? 1 / j->high : j->low; /* the interval's better end */
    if (f->verdict != RL_REGRESSED || sure > (1 + j->margin) * exp(shift)) return;
    f->verdict = RL_BROKEN;
    f->reason = rl_pool_format(pool, "%s, but the machine was another one for all rows, see the diagnosis",
                               f->reason);
}

/* A better machine hides what would be slower on the baseline's; and where a row is a part of what the machine can do,
 * a worse one does: the row seems to make more of it. What calibration has found rows to follow is taken out already. */
static void explain_hidden(rl_finding *f, const relative *r, const rl_judgement *j, rl_pool *pool)
{
    const double hides = rl_control_is_whole(f->gate->control, f->metric) ? r->machine : -r->machine;
    if (f->verdict != RL_PASS || !(hides > log1p(f->gate->bound))) return;
    f->verdict = RL_INCONCLUSIVE;
    f->reason =
        rl_pool_format(pool, "%s, but %s was %.2f times the baseline's: a slower kernel need not show",
                       ratio_text(pool, j), f->gate->control, r->control);
}

/* ---- All of them ----------------------------------------------------------------------------------- */

static rl_common_mode find_common_mode(const rl_trial *t, const rl_judgement *j)
{
    rl_pool scratch = {0};
    rl_movement *moved = rl_pool_alloc(&scratch, (t->n_relatives + 1) * sizeof *moved);
    size_t n = 0;
    for (size_t i = 0; i < t->n_relatives; i++) {
        const relative *r = &t->relatives[i];
        if (j[i].decision == RL_UNREACHABLE) continue;
        moved[n++] = (rl_movement){.shift = log(j[i].worse),
                                   .allowed = log1p(t->v->findings[r->finding].gate->bound),
                                   .machine = r->machine,
                                   .regressed = j[i].decision == RL_DECIDED_REGRESSED,
                                   .same_code = r->same_code};
    }
    const rl_common_mode m = rl_common_mode_find(moved, n);
    rl_pool_free(&scratch);
    return m;
}

static void fill(rl_finding *f, const rl_judgement *j)
{
    f->outliers_baseline = j->outliers_before;
    f->outliers_now = j->outliers_now;
    f->ratio = j->ratio;
    f->ratio_low = j->low;
    f->ratio_high = j->high;
    f->p = j->p_worse;
    f->superiority = j->superiority;
    f->detectable = j->detectable;
    f->excess = j->worse / (1 + j->margin);
    f->threshold = f->gate->higher ? 1 / (1 + j->margin) : 1 + j->margin;
}

void rl_decide_relatives(rl_trial *t)
{
    rl_pool *pool = &t->v->pool;
    rl_judgement *judgements = rl_pool_alloc(&t->scratch, (t->n_relatives + 1) * sizeof *judgements);
    compare_all(t, judgements);
    rl_decide_all(judgements, t->n_relatives, t->in->lane->level);
    const rl_common_mode together = find_common_mode(t, judgements);
    t->v->diagnosis = rl_common_mode_text(&together, pool);
    for (size_t i = 0; i < t->n_relatives; i++) {
        const relative *r = &t->relatives[i];
        const rl_judgement *j = &judgements[i];
        rl_finding *f = &t->v->findings[r->finding];
        t->compared[r->baseline] = j->decision != RL_UNREACHABLE;
        fill(f, j);
        explain(t, f, j);
        explain_noise(f, r, j, pool);
        if (r->same_code)
            explain_same_code(f, j, pool);
        else
            explain_hidden(f, r, j, pool);
        if (together.cause == RL_MOVED_BY_MACHINE) explain_machine(f, j, together.shift, pool);
        rl_trial_finish(t, f, r->row);
    }
}
