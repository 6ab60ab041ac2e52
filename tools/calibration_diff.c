/* calibration_diff.c - do the sessions agree, and what has changed since the old baseline? */
#include "calibration_diff.h"
#include "gate/control.h"
#include "gate/decide.h"
#include "gate/value.h"
#include "perf/stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The smallest margin, or tolerance, of the gates that compare a row with its baseline. */
static double margin_of(const rl_lane *lane, const rl_baseline_row *row)
{
    const rl_gate *gate = rl_lane_tightest(lane, row->name, row->metric, true);
    return gate != NULL ? gate->bound : 1;
}

/* A row's launches, in its order, on the machine that `by` was measured on, as far as it says. */
static double *adjusted(const rl_baseline_row *row, const rl_baseline_row *by, rl_pool *pool)
{
    double *values = rl_pool_alloc(pool, row->n * sizeof *values);
    memcpy(values, row->launches, row->n * sizeof *values);
    if (row->control != NULL && by->control != NULL)
        rl_control_adjust(values, row->control, row->n, by->control_median, by->beta, row->higher);
    return values;
}

static double session_median(const rl_baseline_row *row, const double *values, size_t session, rl_pool *pool)
{
    double *own = rl_pool_alloc(pool, row->n * sizeof *own);
    size_t n = 0;
    for (size_t i = 0; i < row->n; i++)
        if (row->session[i] == session) own[n++] = values[i];
    rl_sort(own, n);
    return rl_sorted_median(own, n);
}

/* ---- The sessions ---------------------------------------------------------------------------------- */

static void agree(rl_calibration *c, const rl_baseline_row *row)
{
    char low[RL_VALUE_MAX], high[RL_VALUE_MAX];
    double medians[RL_SESSIONS_MAX];
    size_t least = 0, most = 0;
    rl_pool scratch = {0};
    const double *values = adjusted(row, row, &scratch);
    for (size_t s = 0; s < c->next.n_sessions; s++) {
        medians[s] = session_median(row, values, s, &scratch);
        if (medians[s] < medians[least]) least = s;
        if (medians[s] > medians[most]) most = s;
    }
    rl_pool_free(&scratch);
    const double margin = margin_of(c->plan->lane, row), ratio = medians[most] / medians[least];
    if (!(ratio > 1 + margin)) return; /* of a count that is 0 there is none */
    rl_calibration_refuse(c,
                          "%s %s: %s in session %zu, %s in session %zu, %.3fx, though its margin is %g %%: "
                          "the machine was not the same machine",
                          row->name, row->metric, rl_value_text(low, medians[least], row->unit), least + 1,
                          rl_value_text(high, medians[most], row->unit), most + 1, ratio, 100 * margin);
}

void rl_calibration_agree(rl_calibration *c)
{
    for (size_t i = 0; i < c->next.n_rows; i++) agree(c, &c->next.rows[i]);
}

/* ---- The old baseline ------------------------------------------------------------------------------ */

typedef enum { NEW, OTHER, GONE, SAME, LOOSER, TIGHTER, UNSUSTAINED, CHANGES } change;

static const char *const words[CHANGES] = {
    [NEW] = "new",       [OTHER] = "other",     [GONE] = "gone",           [SAME] = "same",
    [LOOSER] = "looser", [TIGHTER] = "tighter", [UNSUSTAINED] = "tighter",
};

static void note_change(rl_calibration *c, char *text)
{
    c->changes = rl_pool_more(&c->pool, c->changes, c->n_changes, sizeof *c->changes);
    c->changes[c->n_changes++] = text;
}

/* The part of its margin by which a row may creep from one baseline to the next unasked: what a machine's days differ
 * by. More than that, beyond chance, is a change that somebody has to answer for, though the gate would let it pass. */
#define CREEP 0.2

/* Is the row better than the old one's median by more than `step` in every session? */
static bool sustained(const rl_calibration *c, const rl_baseline_row *row, const double *values,
                      double before, double step, rl_pool *pool)
{
    for (size_t s = 0; s < c->next.n_sessions; s++) {
        const double ratio = session_median(row, values, s, pool) / before;
        if ((row->higher ? 1 / ratio : ratio) > 1 / (1 + step)) return false;
    }
    return true;
}

/* Both sides as the judge would see them: on the old baseline's machine. */
static change compare_row(rl_calibration *c, rl_rank_null *null, const rl_baseline_row *row)
{
    char now[RL_VALUE_MAX], before[RL_VALUE_MAX];
    const rl_baseline_row *old = rl_baseline_find(&c->old, row->name, row->metric);
    rl_value_text(now, row->median, row->unit);
    if (old == NULL || strcmp(old->unit, row->unit) != 0 || old->higher != row->higher) {
        const change what = old == NULL ? NEW : OTHER;
        note_change(c, rl_pool_format(&c->pool, "%-7s %s %s: %s, +-%.1f %%", words[what], row->name,
                                      row->metric, now, 50 * row->between));
        return what;
    }
    rl_pool scratch = {0};
    const double margin = margin_of(c->plan->lane, row);
    double *x = adjusted(old, old, &scratch), *in_order = adjusted(row, old, &scratch),
           *y = rl_pool_alloc(&scratch, row->n * sizeof *y);
    memcpy(y, in_order, row->n * sizeof *y);
    rl_sort(x, old->n);
    rl_sort(y, row->n);
    const rl_judgement j = rl_compare(null, (rl_side){x, old->n}, (rl_side){y, row->n}, row->higher, margin);
    const double step = CREEP * margin;
    const double least = row->higher ? 1 / j.high : j.low, most = row->higher ? 1 / j.low : j.high;
    change what = least > 1 + step || j.worse > 1 + margin              ? LOOSER
                  : most < 1 / (1 + step) || j.worse < 1 / (1 + margin) ? TIGHTER
                                                                        : SAME;
    if (what == TIGHTER && !sustained(c, row, in_order, j.before, step, &scratch)) what = UNSUSTAINED;
    rl_pool_free(&scratch);
    note_change(c,
                rl_pool_format(&c->pool, "%-7s %s %s: %s -> %s, %.3fx (%.3f to %.3f), +-%.1f %%%s",
                               words[what], row->name, row->metric,
                               rl_value_text(before, old->median, old->unit), now, j.ratio, j.low, j.high,
                               50 * row->between, what == UNSUSTAINED ? ", but not in every session" : ""));
    return what;
}

static bool has_name(const rl_baseline *b, const char *name)
{
    for (size_t i = 0; i < b->n_rows; i++)
        if (strcmp(b->rows[i].name, name) == 0) return true;
    return false;
}

static void bury(rl_calibration *c, rl_part **gone, const char *name, const char *reason)
{
    rl_baseline *b = &c->next;
    if (has_name(b, name) || rl_baseline_gone(b, name) != NULL) return;
    *gone = rl_pool_more(&c->pool, *gone, b->n_gone, sizeof **gone);
    (*gone)[b->n_gone++] = (rl_part){name, reason};
    b->gone = *gone;
}

static int by_key(const void *a, const void *b)
{
    return strcmp(((const rl_part *)a)->key, ((const rl_part *)b)->key);
}

/* The old rows that are not there any more, and those that were gone before. Returns the number of the
 * former. */
static size_t list_gone(rl_calibration *c)
{
    rl_part *gone = NULL;
    size_t now = 0;
    for (size_t i = 0; i < c->old.n_gone; i++) bury(c, &gone, c->old.gone[i].key, c->old.gone[i].value);
    for (size_t i = 0; i < c->old.n_rows; i++) {
        const rl_baseline_row *old = &c->old.rows[i];
        if (rl_baseline_find(&c->next, old->name, old->metric) != NULL) continue;
        now++;
        note_change(c, rl_pool_format(&c->pool, "%-7s %s %s", words[GONE], old->name, old->metric));
        bury(c, &gone, old->name, c->plan->reason);
    }
    if (gone != NULL) qsort(gone, c->next.n_gone, sizeof *gone, by_key);
    return now;
}

void rl_calibration_diff(rl_calibration *c)
{
    rl_rank_null null = {0};
    size_t count[CHANGES] = {0};
    for (size_t i = 0; i < c->next.n_rows; i++) count[compare_row(c, &null, &c->next.rows[i])]++;
    rl_rank_null_free(&null);
    count[GONE] = list_gone(c);
    if (c->next.n_gone > RL_JSON_KEYS_MAX)
        rl_calibration_refuse(
            c, "%zu rows are gone, a baseline remembers at most %d: remove old ones from its \"gone\"",
            c->next.n_gone, (int)RL_JSON_KEYS_MAX);
    if (c->plan->reason[0] != '\0') return;
    const size_t looser =
        count[LOOSER] + count[OTHER]; /* in another unit: nobody can say that it is not looser */
    if (looser > 0)
        rl_calibration_refuse(
            c, "%zu rows would become looser, by more than chance and days explain: say why with --reason",
            looser);
    if (count[GONE] > 0)
        rl_calibration_refuse(c, "%zu rows of the old baseline are gone: say why with --reason", count[GONE]);
    if (count[UNSUSTAINED] > 0)
        rl_calibration_refuse(
            c,
            "%zu rows would become tighter by what not every session shows: measure again, or say "
            "why with --reason",
            count[UNSUSTAINED]);
}
