/* summary.c - medians and ratios, as JSON. */
#include "summary.h"
#include "base/file.h"
#include "perf/stats.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <string.h>

/* The median of launches; NaN where a cell is no number. */
static double median_of(const rl_sample_row *row, size_t column)
{
    rl_pool scratch = {0};
    double *x = rl_pool_alloc(&scratch, row->n * sizeof *x), median = (double)NAN;
    size_t i = 0;
    while (i < row->n && isfinite(row->samples[i].cells[column].value)) i++;
    if (i == row->n) {
        const size_t n = rl_samples_launch_medians(row, column, x, NULL);
        rl_sort(x, n);
        median = rl_sorted_median(x, n);
    }
    rl_pool_free(&scratch);
    return median;
}

static size_t launches_of(const rl_sample_row *row)
{
    size_t n = 0;
    for (size_t i = 0; i < row->n; i += rl_samples_launch_length(row, i)) n++;
    return n;
}

static const rl_sample *unmeasured(const rl_sample_row *row)
{
    for (size_t i = 0; i < row->n; i++)
        if (row->samples[i].outcome != RL_SAMPLE_MEASURED) return &row->samples[i];
    return NULL;
}

static void add_row(cJSON *rows, const rl_lane *lane, const rl_samples *s, const rl_sample_row *row)
{
    cJSON *to = cJSON_CreateObject();
    const rl_sample *first = &row->samples[0], *bad = unmeasured(row);
    cJSON_AddItemToArray(rows, to);
    cJSON_AddStringToObject(to, "name", row->name);
    cJSON_AddStringToObject(to, "label", first->label);
    cJSON_AddNumberToObject(to, "launches", (double)launches_of(row));
    if (bad != NULL) {
        cJSON_AddStringToObject(to, "message", bad->message);
        return;
    }
    cJSON_AddStringToObject(to, "time_unit", first->unit);
    for (size_t i = 0; i < lane->n_summary; i++) {
        const size_t column = rl_samples_column(s, lane->summary[i]);
        const double median = column < s->n_columns ? median_of(row, column) : (double)NAN;
        if (isfinite(median)) cJSON_AddNumberToObject(to, lane->summary[i], median);
    }
}

static void add_ratio(cJSON *ratios, const rl_finding *f)
{
    if (f->gate == NULL || f->gate->kind != RL_GATE_RATIO || !isfinite(f->now)) return;
    cJSON *to = cJSON_CreateObject();
    cJSON_AddItemToArray(ratios, to);
    cJSON_AddStringToObject(to, "row", f->benchmark);
    cJSON_AddStringToObject(to, "of", f->gate->to);
    cJSON_AddStringToObject(to, "metric", f->metric);
    cJSON_AddNumberToObject(to, "median", f->now);
    if (isfinite(f->ratio_low)) cJSON_AddNumberToObject(to, "lower95", f->ratio_low);
    cJSON_AddNumberToObject(to, "wanted", f->gate->bound);
    cJSON_AddStringToObject(to, "verdict", rl_verdict_name(f->verdict));
}

rl_status rl_summary_write(const char *path, const rl_verdict_set *v, const rl_samples *s,
                           const rl_origin *origin, rl_error *err)
{
    cJSON *root = cJSON_CreateObject();
    cJSON_AddNumberToObject(root, "schema", 1);
    cJSON_AddStringToObject(root, "lane", v->lane_name);
    cJSON_AddBoolToObject(root, "quick", v->quick);
    cJSON_AddStringToObject(root, "machine_class", v->machine_class);
    cJSON_AddStringToObject(root, "commit", v->commit);
    cJSON_AddStringToObject(root, "companion", origin != NULL ? origin->companion : "");
    cJSON *rows = cJSON_AddArrayToObject(root, "rows"), *ratios = cJSON_AddArrayToObject(root, "ratios");
    for (size_t i = 0; i < s->n_rows; i++) add_row(rows, v->lane, s, &s->rows[i]);
    for (size_t i = 0; i < v->n_findings; i++) add_ratio(ratios, &v->findings[i]);
    char *text = cJSON_Print(root);
    rl_status status = text != NULL ? rl_file_write(path, text, strlen(text), err)
                                    : rl_fail(err, RL_ERR_MEMORY, "out of memory for %.300s", path);
    cJSON_free(text);
    cJSON_Delete(root);
    return status;
}
