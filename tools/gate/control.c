/* control.c - readings of the machine, and taking their part out of a row. */
#include "gate/control.h"
#include "perf/stats.h"

#include <math.h>
#include <string.h>

static const struct {
    const char *name, *rate, *percent;
} controls[] = {
    {"read_bw", "bytes_per_second", "bw_pct"  },
    {"peak",    "flops_per_second", "peak_pct"},
};

/* The median of n readings, the rate over its part of the whole; NaN where one is not there. */
static double median_reading(const rl_sample *samples, size_t n, size_t rate, size_t percent, double *scratch)
{
    for (size_t i = 0; i < n; i++) {
        scratch[i] = samples[i].cells[rate].value / (samples[i].cells[percent].value / 100);
        if (!isfinite(scratch[i]) || scratch[i] <= 0) return (double)NAN;
    }
    rl_sort(scratch, n);
    return rl_sorted_median(scratch, n);
}

size_t rl_control_readings(const rl_samples *s, const rl_sample_row *row, const char *control, double *out)
{
    size_t c = 0, launches = 0;
    while (c < RL_COUNT(controls) && strcmp(controls[c].name, control) != 0) c++;
    if (c == RL_COUNT(controls)) return 0;
    const size_t rate = rl_samples_column(s, controls[c].rate),
                 percent = rl_samples_column(s, controls[c].percent);
    if (rate == s->n_columns || percent == s->n_columns) return 0;
    rl_pool scratch = {0};
    double *readings = rl_pool_alloc(&scratch, row->n * sizeof *readings);
    bool all = true;
    for (size_t first = 0, n; all && first < row->n; first += n) {
        n = rl_samples_launch_length(row, first);
        out[launches] = median_reading(&row->samples[first], n, rate, percent, readings);
        all = isfinite(out[launches]) != 0; /* two readings may have no median that is a number */
        launches++;
    }
    rl_pool_free(&scratch);
    return all ? launches : 0;
}

bool rl_control_is_whole(const char *control, const char *metric)
{
    for (size_t c = 0; c < RL_COUNT(controls) && control != NULL; c++)
        if (strcmp(controls[c].name, control) == 0) return strcmp(controls[c].percent, metric) == 0;
    return false;
}

double rl_control_beta(const double *value, const double *reading, size_t n, bool higher_is_better,
                       bool whole)
{
    double time = 0, rate = 0, covariance = 0, variance = 0;
    if (n < RL_CONTROL_LAUNCHES_MIN) return 0;
    const double turn = higher_is_better ? -1 : 1;
    for (size_t i = 0; i < n; i++) {
        time += turn * log(value[i]) / (double)n;
        rate += log(reading[i]) / (double)n;
    }
    for (size_t i = 0; i < n; i++) {
        const double off = log(reading[i]) - rate;
        covariance -= (turn * log(value[i]) - time) * off;
        variance += off * off;
    }
    if (variance < RL_CONTROL_SPREAD_MIN * RL_CONTROL_SPREAD_MIN * (double)(n - 1)) return 0;
    return fmin(whole ? 0 : 1, fmax(whole ? -1 : 0, covariance / variance));
}

void rl_control_adjust(double *value, const double *reading, size_t n, double r0, double beta,
                       bool higher_is_better)
{
    for (size_t i = 0; i < n; i++) value[i] *= pow(reading[i] / r0, higher_is_better ? -beta : beta);
}
