/* baseline.c - rows of a baseline, and whether it may be compared with. */
#include "gate/baseline.h"
#include "gate/control.h"
#include "gate/date.h"
#include "perf/stats.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

double rl_baseline_round(double x)
{
    char text[32];
    snprintf(text, sizeof text, "%.6g", x);
    return strtod(text, NULL);
}

static int row_order(const void *pa, const void *pb)
{
    const rl_baseline_row *a = pa, *b = pb;
    int order = strcmp(a->name, b->name);
    return order != 0 ? order : strcmp(a->metric, b->metric);
}

const rl_baseline_row *rl_baseline_sort(rl_baseline *b)
{
    if (b->n_rows > 0) qsort(b->rows, b->n_rows, sizeof *b->rows, row_order);
    for (size_t i = 1; i < b->n_rows; i++)
        if (row_order(&b->rows[i - 1], &b->rows[i]) == 0) return &b->rows[i];
    return NULL;
}

/* ---- Rows ------------------------------------------------------------------------------------------ */

typedef struct {
    double value, control;
    size_t session;
} launch;

static int launch_order(const void *pa, const void *pb)
{
    const launch *a = pa, *b = pb;
    if (a->value != b->value) return a->value < b->value ? -1 : 1;
    if (a->session != b->session) return a->session < b->session ? -1 : 1;
    return (a->control > b->control) - (a->control < b->control);
}

/* Copies a row's launches to the pool in ascending order, each with what belongs to it. */
static void order_launches(rl_baseline_row *row, rl_pool *pool)
{
    rl_pool scratch = {0};
    launch *all = rl_pool_alloc(&scratch, (row->n + 1) * sizeof *all);
    for (size_t i = 0; i < row->n; i++)
        all[i] = (launch){row->launches[i], row->control != NULL ? row->control[i] : 0,
                          row->session != NULL ? row->session[i] : 0};
    if (row->n > 0) qsort(all, row->n, sizeof *all, launch_order);
    double *launches = rl_pool_alloc(pool, (row->n + 1) * sizeof *launches);
    double *control = row->control != NULL ? rl_pool_alloc(pool, (row->n + 1) * sizeof *control) : NULL;
    size_t *session = rl_pool_alloc(pool, (row->n + 1) * sizeof *session);
    for (size_t i = 0; i < row->n; i++) {
        launches[i] = all[i].value;
        if (control != NULL) control[i] = all[i].control;
        session[i] = all[i].session;
    }
    row->launches = launches;
    row->session = session;
    row->control = control;
    rl_pool_free(&scratch);
}

static double median_of(const double *x, size_t n)
{
    rl_pool scratch = {0};
    double *sorted = rl_pool_alloc(&scratch, (n + 1) * sizeof *sorted);
    if (n > 0) memcpy(sorted, x, n * sizeof *x);
    rl_sort(sorted, n);
    const double median = rl_sorted_median(sorted, n);
    rl_pool_free(&scratch);
    return median;
}

/* s_b and s_s; of zeros they cannot be told. */
static void measure_spreads(rl_baseline_row *row, size_t n_sessions)
{
    rl_pool scratch = {0};
    double *logs = rl_pool_alloc(&scratch, (row->n + 1) * sizeof *logs), medians[RL_SESSIONS_MAX];
    double squares = 0;
    size_t freedom = 0;
    for (size_t s = 0; s < n_sessions; s++) {
        size_t n = 0;
        for (size_t i = 0; i < row->n; i++)
            if (row->session[i] == s) logs[n++] = log(row->launches[i]);
        medians[s] = rl_sorted_median(logs, n);
        const double mean = rl_mean(logs, n);
        for (size_t i = 0; i < n; i++) squares += (logs[i] - mean) * (logs[i] - mean);
        freedom += n > 0 ? n - 1 : 0;
    }
    row->s_b = freedom > 0 ? sqrt(squares / (double)freedom) : (double)NAN;
    row->s_s = rl_stddev(medians, n_sessions);
    rl_pool_free(&scratch);
}

void rl_baseline_add(rl_baseline *b, const rl_baseline_row *row)
{
    b->rows = rl_pool_more(&b->pool, b->rows, b->n_rows, sizeof *b->rows);
    rl_baseline_row *to = &b->rows[b->n_rows++];
    *to = *row;
    order_launches(to, &b->pool);
    for (size_t i = 0; i < to->n; i++) {
        to->launches[i] = rl_baseline_round(to->launches[i]);
        if (to->control != NULL) to->control[i] = rl_baseline_round(to->control[i]);
    }
    to->median = rl_sorted_median(to->launches, to->n);
    if (to->control == NULL) to->control_of = NULL;
    to->between = (to->launches[to->n - 1] - to->launches[0]) / to->median;
    measure_spreads(to, b->n_sessions);
    to->beta = to->control != NULL ? rl_control_beta(to->launches, to->control, to->n, to->higher,
                                                     rl_control_is_whole(to->control_of, to->metric))
                                   : 0;
    to->control_median = to->control != NULL ? median_of(to->control, to->n) : (double)NAN;
}

void rl_baseline_free(rl_baseline *b)
{
    rl_pool_free(&b->pool);
    memset(b, 0, sizeof *b);
}

/* ---- Questions ------------------------------------------------------------------------------------- */

const rl_baseline_row *rl_baseline_find(const rl_baseline *b, const char *name, const char *metric)
{
    const rl_baseline_row key = {.name = name, .metric = metric};
    return b->n_rows > 0 ? bsearch(&key, b->rows, b->n_rows, sizeof key, row_order) : NULL;
}

const char *rl_baseline_gone(const rl_baseline *b, const char *name)
{
    for (size_t i = 0; i < b->n_gone; i++)
        if (strcmp(b->gone[i].key, name) == 0) return b->gone[i].value;
    return NULL;
}

static bool same_args(const rl_baseline *b, const rl_lane *lane)
{
    if (b->n_args != lane->full.n_args || strcmp(b->bench, lane->bench) != 0) return false;
    for (size_t i = 0; i < b->n_args; i++)
        if (strcmp(b->args[i], lane->full.args[i]) != 0) return false;
    return true;
}

bool rl_baseline_fits(const rl_baseline *b, const rl_lane *lane, const rl_origin *origin, rl_pool *pool,
                      const char **reason)
{
    const rl_machine *there = &b->machine, *here = &origin->machine;
    const char *difference = rl_machine_difference(there, here, pool), *none = "none";
    *reason = "";
    if (strcmp(b->lane, lane->name) != 0)
        *reason = rl_pool_format(pool, "it is of lane %s, not %s", b->lane, lane->name);
    else if (strcmp(there->class, here->class) != 0)
        *reason = rl_pool_format(pool, "it is of class %s, the samples are of %s (%s)", there->class,
                                 here->class, difference[0] != '\0' ? difference : "made of the same parts");
    else if (difference[0] != '\0') /* a name is a hash; the parts are the truth */
        *reason = rl_pool_format(pool, "class %s is made of other parts there: %s", there->class, difference);
    else if (!same_args(b, lane))
        *reason = "the lane's bench or arguments have changed since: recalibrate";
    else if (strcmp(b->model, origin->model) != 0)
        *reason = rl_pool_format(pool, "it was measured with model %s, the samples with %s",
                                 b->model[0] != '\0' ? b->model : none,
                                 origin->model[0] != '\0' ? origin->model : none);
    return (*reason)[0] == '\0';
}

bool rl_baseline_fresh(const rl_baseline *b, const rl_lane *lane, int64_t now, rl_pool *pool,
                       const char **reason)
{
    int64_t then = 0;
    *reason = "";
    if (!rl_date_read(b->timestamp, &then))
        *reason = rl_pool_format(pool, "it does not say when it was made");
    else if (then > now + RL_DATE_DAY)
        *reason = rl_pool_format(pool, "it is dated %s, which is still to come: one of the clocks is wrong",
                                 b->timestamp);
    else if (now - then > (int64_t)lane->stale_after_days * RL_DATE_DAY)
        *reason = rl_pool_format(pool,
                                 "it was measured on %.10s, %lld days ago, and lane %s wants none older than "
                                 "%zu: renew it with `ridgeline recalibrate %s`",
                                 b->timestamp, (long long)((now - then) / RL_DATE_DAY), lane->name,
                                 lane->stale_after_days, lane->name);
    return (*reason)[0] == '\0';
}
