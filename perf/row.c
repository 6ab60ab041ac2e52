/* row.c - columns, and what repetitions add up to. */
#include "perf/row.h"
#include "perf/stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const rl_metric_info rl_metric_table[RL_METRICS] = {
    [RL_M_BYTES] = {"bytes_per_second", true,  true },
    [RL_M_ITEMS] = {"items_per_second", true,  true },
    [RL_M_FLOPS] = {"flops_per_second", true,  true },
    [RL_M_BW_PCT] = {"bw_pct",           false, true },
    [RL_M_PEAK_PCT] = {"peak_pct",         false, true },
    [RL_M_REF_RATIO] = {"ref_ratio",        false, true },
    [RL_M_MAX_ERROR] = {"max_error",        false, true },
    [RL_M_CYCLES] = {"cycles",           false, true },
    [RL_M_INSTRUCTIONS] = {"instructions",     false, true },
    [RL_M_BRANCH_MISSES] = {"branch_misses",    false, true },
    [RL_M_LLC_MISSES] = {"llc_misses",       false, true },
    [RL_M_DTLB_MISSES] = {"dtlb_misses",      false, true },
    [RL_M_PAGE_FAULTS] = {"page_faults",      false, false},
    [RL_M_CONTEXT_SWITCHES] = {"context_switches", false, false},
};

_Static_assert(RL_M_CYCLES + RL_FIXED_COUNTERS == RL_M_PAGE_FAULTS, "the counters' columns stand together");

int rl_counter_order(const void *a, const void *b)
{
    return strcmp(((const rl_user_counter *)a)->name, ((const rl_user_counter *)b)->name);
}

static const char *const aggregate_names[RL_AGGREGATES] = {"mean", "median", "stddev", "cv"};

bool rl_row_is_ratio(const rl_row *row)
{
    return row->aggregate != NULL && strcmp(row->aggregate, aggregate_names[RL_CV]) == 0;
}

/* Values that were not measured stay out; none, or a statistic that does not exist, is NaN. */
static double reduce(double *x, size_t n, size_t how)
{
    size_t finite = 0;
    for (size_t i = 0; i < n; i++)
        if (isfinite(x[i])) x[finite++] = x[i];
    rl_summary s = rl_summarize(x, finite);
    return how == RL_MEAN ? s.mean : how == RL_MEDIAN ? s.median : how == RL_STDDEV ? s.stddev : s.cv;
}

static double counter_of(const rl_row *row, const char *name)
{
    for (size_t i = 0; i < row->n_counters; i++)
        if (strcmp(row->counters[i].name, name) == 0) return row->counters[i].value;
    return NAN;
}

/* The numbers of a row one after another: both times, then the metrics. */
enum { COLUMNS = 2 + RL_METRICS };
static double *column(rl_row *row, size_t i)
{
    return i == 0 ? &row->real_s : i == 1 ? &row->cpu_s : &row->metric[i - 2];
}

/* One aggregate of measured rows, the first for names and flags of counters; x is room for n numbers. */
static void aggregate_rows(rl_row *out, rl_row *const *rows, size_t n, size_t how, double *x)
{
    *out = (rl_row){.aggregate = aggregate_names[how], .iterations = n};
    for (size_t c = 0; c < COLUMNS; c++) {
        for (size_t i = 0; i < n; i++) x[i] = *column(rows[i], c);
        *column(out, c) = reduce(x, n, how);
    }
    out->counters = calloc(rows[0]->n_counters + 1, sizeof *out->counters);
    for (size_t c = 0; out->counters != NULL && c < rows[0]->n_counters; c++) {
        out->counters[c] = rows[0]->counters[c];
        for (size_t i = 0; i < n; i++) x[i] = counter_of(rows[i], out->counters[c].name);
        out->counters[c].value = reduce(x, n, how);
        out->n_counters = c + 1;
    }
    memcpy(out->label, rows[0]->label, sizeof out->label);
    for (size_t i = 1; i < n; i++)
        if (strcmp(rows[i]->label, out->label) != 0) out->label[0] = '\0';
}

size_t rl_aggregate(rl_row out[RL_AGGREGATES], rl_row *rows, size_t n)
{
    rl_row **measured = malloc((n + 1) * sizeof *measured);
    double *x = malloc((n + 1) * sizeof *x);
    size_t count = 0;
    for (size_t i = 0; measured != NULL && i < n; i++)
        if (rows[i].outcome == RL_MEASURED) measured[count++] = &rows[i];
    size_t made = x != NULL && count >= 2 ? RL_AGGREGATES : 0;
    for (size_t a = 0; a < made; a++) aggregate_rows(&out[a], measured, count, a, x);
    free(measured);
    free(x);
    return made;
}

bool rl_name_ok(const char *name)
{
    size_t n = 0;
    for (; name[n] != '\0'; n++)
        if (name[n] < 0x21 || name[n] > 0x7e || strchr("\"',\\", name[n]) != NULL) return false;
    return n > 0;
}

bool rl_counter_name_ok(const char *name)
{
    static const char *const taken[] = {
        "name",
        "run_name",
        "run_type",
        "family_index",
        "per_family_instance_index",
        "repetitions",
        "repetition_index",
        "repetition",
        "threads",
        "aggregate_name",
        "aggregate_unit",
        "error_occurred",
        "error_message",
        "skipped",
        "skip_message",
        "iterations",
        "real_time",
        "cpu_time",
        "time_unit",
        "label",
        "launch",
        "isa",
        "cache",
        "counter_quality",
        "contaminated",
    };
    if (strlen(name) > RL_COUNTER_NAME_MAX || !rl_name_ok(name)) return false;
    for (size_t i = 0; i < RL_COUNT(taken); i++)
        if (strcmp(name, taken[i]) == 0) return false;
    for (size_t i = 0; i < RL_METRICS; i++)
        if (strcmp(name, rl_metric_table[i].name) == 0) return false;
    return true;
}

void rl_row_free(rl_row *row)
{
    free(row->counters);
    row->counters = NULL;
    row->n_counters = 0;
}
