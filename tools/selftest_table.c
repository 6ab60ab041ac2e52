/* selftest_table.c - running all changes under all kinds of noise, and showing what came of it. */
#include "selftest_table.h"
#include "base/file.h"

#include <string.h>

typedef struct {
    const rl_selftest_table_plan *plan;
    FILE *out, *csv; /* csv NULL: none */
    rl_kept *kept;
} table;

/* One line: a kind at one amplitude. */
typedef struct {
    rl_selftest_plan plan;
    rl_tally tally[RL_CHANGES]; /* runs 0: was not run */
} line;

static size_t fewer(size_t runs) { return runs >= 10 ? runs / 10 : 1; }

/* "0.12 (0.06 to 0.21)", in percent. */
static const char *rate_text(char out[64], size_t k, size_t n)
{
    const rl_rate r = rl_rate_of(k, n);
    snprintf(out, 64, "%.3g (%.3g to %.3g)", 100 * r.value, 100 * r.low, 100 * r.high);
    return out;
}

/* ---- CSV ------------------------------------------------------------------------------------------- */

static void csv_rate(const table *t, const line *l, rl_change change, const char *rule, const char *samples,
                     size_t k, size_t n)
{
    const rl_selftest_plan *p = &l->plan;
    const rl_rate r = rl_rate_of(k, n);
    fprintf(t->csv, "%s,%g,%g,%g,%g,%zu,%zu,%llu,%s,%s,%s,%zu,%zu,%.6g,%.6g,%.6g\n", p->kind->name,
            p->amplitude, p->sigma, p->margin, p->slowdown, p->rows, p->launches, (unsigned long long)p->seed,
            rl_change_name(change), rule, samples, n, k, r.value, r.low, r.high);
}

static void csv_line(const table *t, const line *l)
{
    for (size_t a = 0; a < RL_CHANGES && t->csv != NULL; a++) {
        const rl_change change = (rl_change)a;
        const rl_tally *y = &l->tally[a];
        const bool slower = change == RL_CHANGE_ONE;
        if (y->runs == 0) continue;
        csv_rate(t, l, change, "ridgeline", "launches", slower ? y->found : y->red, y->runs);
        csv_rate(t, l, change, "ridgeline exit 0", "launches", y->passed, y->runs);
        csv_rate(t, l, change, "ridgeline exit 2", "launches", y->broken, y->runs);
        csv_rate(t, l, change, "ridgeline inconclusive", "launches", y->inconclusive, y->rows);
        for (size_t rule = 0; l->plan.rules && rule < RL_RULES; rule++)
            for (size_t view = 0; view < RL_VIEWS; view++)
                csv_rate(t, l, change, rl_rule_name((rl_rule)rule), rl_view_name((rl_view)view),
                         slower ? y->rule_found[rule][view] : y->rule_red[rule][view], y->runs);
    }
}

/* ---- For people ------------------------------------------------------------------------------------ */

static void show_head(const table *t)
{
    const rl_selftest_plan *p = &t->plan->plan;
    fprintf(
        t->out,
        "%zu rows, %zu launches against %d, launches spread by %g %%, margin %g %%, at most %g false reds "
        "per "
        "100 runs\n"
        "seed %llu; %zu runs with nothing changed, %zu for each other rate; all in percent, with the 95 %% "
        "interval\n\n",
        p->rows, p->launches, (int)RL_SELFTEST_BEFORE, 100 * p->sigma, 100 * p->margin, p->false_reds,
        (unsigned long long)p->seed, t->plan->runs, fewer(t->plan->runs));
    fprintf(t->out, "%-14s %9s  %-20s %-20s %-20s | one row slower, beyond the margin by %g %%:\n", "", "",
            "", "", "", 100 * p->slowdown);
    fprintf(t->out, "%-14s %9s  %-20s %-20s %-20s | %-20s %s\n", "noise", "amplitude", "false reds", "exit 2",
            "all at the margin", "found", "exit 0");
}

static void show_line(const table *t, const line *l)
{
    char amplitude[32] = "-", same[64], broken[64], edge[64], found[64], passed[64];
    const rl_tally *none = &l->tally[RL_CHANGE_NONE], *all = &l->tally[RL_CHANGE_EDGE];
    const rl_tally *one = &l->tally[RL_CHANGE_ONE];
    if (l->plan.kind->amplitude_is != NULL)
        snprintf(amplitude, sizeof amplitude, "%g", 100 * l->plan.amplitude);
    rate_text(same, none->red, none->runs);
    rate_text(broken, none->broken, none->runs);
    if (one->runs == 0)
        fprintf(t->out, "%-14s %9s  %-20s %s\n", l->plan.kind->name, amplitude, same, broken);
    else
        fprintf(t->out, "%-14s %9s  %-20s %-20s %-20s | %-20s %s\n", l->plan.kind->name, amplitude, same,
                broken, rate_text(edge, all->red, all->runs), rate_text(found, one->found, one->runs),
                rate_text(passed, one->passed, one->runs));
    fflush(t->out);
}

static void show_rules(const table *t, const line *l)
{
    const rl_tally *none = &l->tally[RL_CHANGE_NONE], *one = &l->tally[RL_CHANGE_ONE];
    for (size_t rule = 0; l->plan.rules && rule < RL_RULES; rule++)
        for (size_t view = 0; view < RL_VIEWS; view++) {
            char wolf[64], found[64];
            fprintf(t->out, " %-11s %-11s  %-20s %-20s %-20s | %s\n", rl_rule_name((rl_rule)rule),
                    rl_view_name((rl_view)view), rate_text(wolf, none->rule_red[rule][view], none->runs), "",
                    "", rate_text(found, one->rule_found[rule][view], one->runs));
        }
}

/* ---- Runs ------------------------------------------------------------------------------------------ */

static void worsen(rl_kept *kept, rl_kept answer)
{
    if (answer > *kept) *kept = answer;
}

static rl_status run_kind(const table *t, const rl_noise_kind *kind, rl_error *err)
{
    line l = {.plan = t->plan->plan};
    l.plan.kind = kind;
    l.plan.amplitude = t->plan->amplitude >= 0 ? t->plan->amplitude : kind->amplitude;
    rl_status status = RL_OK;
    for (size_t change = 0; change < RL_CHANGES && status == RL_OK; change++)
        status = rl_selftest_run(&l.plan, (rl_change)change,
                                 change == RL_CHANGE_NONE ? t->plan->runs : fewer(t->plan->runs),
                                 &l.tally[change], err);
    if (status != RL_OK) return status;
    const double allowed = l.plan.false_reds / 100;
    const rl_tally *none = &l.tally[RL_CHANGE_NONE], *edge = &l.tally[RL_CHANGE_EDGE];
    worsen(t->kept, rl_rate_kept(none->red, none->runs - none->broken, none->runs, allowed));
    if (kind->exchangeable) worsen(t->kept, rl_rate_kept(edge->red, edge->runs, edge->runs, allowed));
    show_line(t, &l);
    show_rules(t, &l);
    csv_line(t, &l);
    return status;
}

static rl_status sweep_kind(const table *t, const rl_noise_kind *kind, rl_error *err)
{
    rl_status status = RL_OK;
    for (size_t i = 0; i < RL_AMPLITUDES && kind->sweep[i] > 0 && status == RL_OK; i++) {
        line l = {.plan = t->plan->plan};
        l.plan.kind = kind;
        l.plan.amplitude = kind->sweep[i];
        l.plan.rules = false;
        status =
            rl_selftest_run(&l.plan, RL_CHANGE_NONE, fewer(t->plan->runs), &l.tally[RL_CHANGE_NONE], err);
        if (status == RL_OK) show_line(t, &l);
        if (status == RL_OK) csv_line(t, &l);
    }
    return status;
}

static rl_status run_all(const table *t, rl_error *err)
{
    rl_status status = RL_OK;
    const rl_noise_kind *kind, *only = t->plan->only;
    show_head(t);
    for (size_t i = 0; status == RL_OK && (kind = rl_noise_kind_at(i)) != NULL; i++)
        if (only == NULL || only == kind) status = run_kind(t, kind, err);
    if (!t->plan->sweep || status != RL_OK) return status;
    fputs("\nfalse reds by amplitude\n", t->out);
    for (size_t i = 0; status == RL_OK && (kind = rl_noise_kind_at(i)) != NULL; i++)
        if (only == NULL || only == kind) status = sweep_kind(t, kind, err);
    return status;
}

rl_status rl_selftest_table(const rl_selftest_table_plan *plan, FILE *out, rl_kept *kept, rl_error *err)
{
    rl_outfile csv = {0};
    table t = {plan, out, NULL, kept};
    rl_status status = plan->csv != NULL ? rl_outfile_open(&csv, plan->csv, err) : RL_OK;
    if (status != RL_OK) return status;
    *kept = RL_KEPT;
    t.csv = csv.stream;
    if (t.csv != NULL)
        fputs("generator,amplitude,sigma,margin,slowdown,rows,launches,seed,change,rule,samples,runs,count,"
              "rate,low,high\n",
              t.csv);
    status = run_all(&t, err);
    if (status == RL_OK && t.csv != NULL) return rl_outfile_commit(&csv, err);
    if (t.csv != NULL) rl_outfile_abandon(&csv);
    return status;
}
