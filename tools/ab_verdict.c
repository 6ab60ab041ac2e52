/* ab_verdict.c - from the looks of both stages to findings. */
#include "ab_run.h"
#include "perf/stats.h"

#include <string.h>

/* The null arm of any row beyond the margin, in either direction: says so, once for each. */
static bool null_arm_moved(rl_ab_run *ab, const rl_ab_stage *s)
{
    bool moved = false;
    for (size_t i = 0; i < s->n; i++) {
        const rl_paired_row *j = &s->judged[RL_ARM_NULL][i];
        if (j->decision != RL_DECIDED_REGRESSED && j->decision != RL_DECIDED_IMPROVED) continue;
        const rl_paired_summary sum =
            rl_paired_summarize(j->g, j->n, s->n, ab->plan->margin, ab->plan->level);
        rl_verdict_problem(
            ab->v,
            "null arm: in %s the old build against itself seems %.3fx (%.3f to %.3f) in %s: this machine "
            "makes differences up, so no regression is proven",
            s->name, sum.ratio, sum.low, sum.high, s->tracks[i].row->name);
        moved = true;
    }
    return moved;
}

static void fill_side(const rl_ab_track *t, rl_arm arm, double *median, double *spread, size_t *n,
                      rl_pool *pool)
{
    *n = t->n_times[arm];
    if (*n == 0) return;
    double *x = rl_pool_alloc(pool, *n * sizeof *x);
    memcpy(x, t->times[arm], *n * sizeof *x);
    rl_sort(x, *n);
    *median = rl_sorted_median(x, *n);
    *spread = (x[*n - 1] - x[0]) / *median;
}

/* The numbers of a row's finding; returns them in words. */
static const char *fill_numbers(rl_ab_run *ab, rl_finding *f, const rl_ab_stage *s, size_t i)
{
    const rl_ab_track *t = &s->tracks[i];
    const double margin = ab->plan->margin;
    rl_pool *pool = &ab->v->pool;
    const rl_paired_summary sum =
        rl_paired_summarize(t->g[RL_ARM_NEW], t->blocks, s->n, margin, ab->plan->level);
    fill_side(t, RL_ARM_OLD, &f->baseline, &f->spread_baseline, &f->n_baseline, pool);
    fill_side(t, RL_ARM_NEW, &f->now, &f->spread_now, &f->n_now, pool);
    f->unit = t->row->unit;
    f->ratio = sum.ratio;
    f->ratio_low = sum.low;
    f->ratio_high = sum.high;
    f->superiority = sum.slower;
    f->detectable = sum.detectable;
    f->p = s->judged[RL_ARM_NEW][i].p;
    f->threshold = 1 + margin;
    f->excess = sum.ratio / (1 + margin);
    const char *outliers =
        sum.outliers > 0 ? rl_pool_format(pool, ", %zu of them far from the others", sum.outliers) : "";
    return rl_pool_format(pool, "%.3fx (%.3f to %.3f) by %zu blocks%s", sum.ratio, sum.low, sum.high,
                          t->blocks, outliers);
}

static void conclude_row(rl_ab_run *ab, const rl_ab_stage *s, size_t i, const char *before)
{
    rl_pool *pool = &ab->v->pool;
    const rl_paired_row *j = &s->judged[RL_ARM_NEW][i];
    rl_finding *f = rl_verdict_add(ab->v, s->tracks[i].row->name, ab->gate, RL_INCONCLUSIVE);
    if (s->tracks[i].blocks == 0) {
        f->verdict = RL_BROKEN;
        f->reason = rl_pool_format(pool, "not measured: the run ended before%s", before);
        return;
    }
    const char *said = fill_numbers(ab, f, s, i);
    if (j->decision == RL_DECIDED_REGRESSED) {
        f->verdict = ab->null_moved ? RL_BROKEN : RL_REGRESSED;
        f->reason = rl_pool_format(pool, "%s, p = %.2g%s", said, j->p,
                                   ab->null_moved ? "; but the null arm moved, too" : ", and confirmed");
    } else if (j->decision == RL_DECIDED_IMPROVED) {
        f->verdict = RL_IMPROVED;
        f->reason = rl_pool_format(pool, "%s", said);
    } else if (j->decision == RL_DECIDED_PASS) {
        f->verdict = RL_PASS;
        f->reason = before[0] != '\0' ? rl_pool_format(pool, "%s%s", said, before) : "";
    } else {
        f->reason =
            rl_pool_format(pool, "%s%s: %s the margin, but that many do not show it (p = %.2g)", said, before,
                           f->excess > 1 ? "beyond" : "within", f->excess > 1 ? j->p : j->p_not_worse);
    }
    ab->v->compared++;
}

/* Rows that were not compared, and why. */
static void list_broken(rl_ab_run *ab)
{
    for (size_t i = 0; i < ab->n_rows; i++) {
        const rl_ab_row *row = &ab->rows[i];
        if (row->broken == NULL) continue;
        const bool old = row->skipped[RL_ARM_OLD], new = row->skipped[RL_ARM_NEW];
        rl_finding *f = rl_verdict_add(ab->v, row->name, ab->gate,
                                       old && new ? RL_NOT_APPLICABLE
                                       : old      ? RL_NEW
                                                  : RL_BROKEN);
        f->reason = new && !old ? rl_pool_format(&ab->v->pool, "missing: %s", row->broken) : row->broken;
    }
}

/* Each row by the stage that looked at it last. */
void rl_ab_conclude(rl_ab_run *ab)
{
    const rl_ab_stage *first = &ab->screening, *second = &ab->confirmation;
    const bool moved[] = {null_arm_moved(ab, first), null_arm_moved(ab, second)};
    ab->null_moved = moved[0] || moved[1];
    for (size_t i = 0; i < first->n; i++)
        if (first->tracks[i].row->broken == NULL &&
            first->judged[RL_ARM_NEW][i].decision != RL_DECIDED_REGRESSED)
            conclude_row(ab, first, i, "");
    for (size_t i = 0; i < second->n; i++)
        if (second->tracks[i].row->broken == NULL)
            conclude_row(ab, second, i, "; it seemed slower in screening");
    list_broken(ab);
}
