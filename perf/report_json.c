/* report_json.c - Google Benchmark's JSON, schema version 1, which its tools/compare.py reads. Our own keys
 * follow its own in every row; a value that was not measured has no key. */
#include "perf/json.h"
#include "perf/report.h"
#include "perf/text.h"

#include <string.h>

static cJSON *benchmarks(cJSON *document) { return cJSON_GetObjectItemCaseSensitive(document, "benchmarks"); }

static void list(FILE *out, const rl_suite *s)
{
    cJSON *document = cJSON_CreateObject();
    cJSON_AddArrayToObject(document, "benchmarks");
    for (size_t i = 0; i < s->n_cases; i++) {
        if (!s->cases[i].selected) continue;
        cJSON *row = cJSON_CreateObject();
        rl_json_text(row, "name", s->cases[i].name);
        cJSON_AddItemToArray(benchmarks(document), row);
    }
    char *text = rl_json_print(document);
    if (text != NULL) fputs(text, out);
    rl_json_free(text);
}

static void identify(cJSON *to, const rl_instance *in, const rl_row *row)
{
    char name[1024];
    snprintf(name, sizeof name, "%s%s%s", in->name, row->aggregate != NULL ? "_" : "",
             row->aggregate != NULL ? row->aggregate : "");
    rl_json_text(to, "name", name);
    cJSON_AddNumberToObject(to, "family_index", (double)in->family);
    cJSON_AddNumberToObject(to, "per_family_instance_index", (double)in->member);
    rl_json_text(to, "run_name", in->name);
    rl_json_text(to, "run_type", row->aggregate != NULL ? "aggregate" : "iteration");
    cJSON_AddNumberToObject(to, "repetitions", in->repetitions);
    if (row->aggregate == NULL) cJSON_AddNumberToObject(to, "repetition_index", row->repetition);
    cJSON_AddNumberToObject(to, "threads", (double)in->threads);
    if (row->aggregate == NULL) return;
    rl_json_text(to, "aggregate_name", row->aggregate);
    rl_json_text(to, "aggregate_unit", rl_row_is_ratio(row) ? "percentage" : "time");
}

static void tell_outcome(cJSON *to, const rl_row *row)
{
    if (row->outcome == RL_MEASURED) return;
    bool failed = row->outcome == RL_FAILED;
    cJSON_AddTrueToObject(to, failed ? "error_occurred" : "skipped");
    rl_json_text(to, failed ? "error_message" : "skip_message", row->message);
}

static void add_row(rl_report *r, const rl_instance *in, const rl_row *row)
{
    cJSON *to = cJSON_CreateObject();
    rl_time_unit unit = rl_unit_of(r->s, in);
    double scale = rl_row_is_ratio(row) ? 1 : rl_unit_per_second(unit);
    identify(to, in, row);
    tell_outcome(to, row);
    cJSON_AddNumberToObject(to, "iterations", (double)row->iterations);
    rl_json_time(to, "real_time", row->real_s * scale);
    rl_json_time(to, "cpu_time", row->cpu_s * scale);
    rl_json_text(to, "time_unit", rl_unit_name(unit));
    for (size_t i = 0; i < row->n_counters; i++)
        rl_json_number(to, row->counters[i].name, row->counters[i].value);
    for (size_t i = 0; i < RL_METRICS; i++) rl_json_number(to, rl_metric_table[i].name, row->metric[i]);
    if (row->label[0] != '\0') rl_json_text(to, "label", row->label);
    rl_json_text(to, "isa", in->c.isa);
    rl_json_text(to, "cache", in->c.cache);
    if (row->aggregate == NULL) cJSON_AddNumberToObject(to, "launch", (double)r->s->options.launch);
    if (row->quality[0] != '\0') {
        rl_json_text(to, "counter_quality", row->quality);
        cJSON_AddBoolToObject(to, "contaminated", row->contaminated);
    }
    cJSON_AddItemToArray(benchmarks(r->document), to);
}

static void begin(rl_report *r)
{
    r->document = cJSON_CreateObject();
    cJSON_AddItemToObject(r->document, "context", cJSON_CreateObject()); /* known at the end */
    cJSON_AddArrayToObject(r->document, "benchmarks");
}

static void rows(rl_report *r, const rl_instance *in) { rl_each_row(r, in, add_row); }

static rl_status end(rl_report *r, rl_error *err)
{
    cJSON_ReplaceItemInObjectCaseSensitive(r->document, "context", rl_context(r->s));
    char *text = rl_json_print(r->document);
    r->document = NULL;
    if (text == NULL) return rl_fail(err, RL_ERR_MEMORY, "out of memory for the JSON report");
    fputs(text, r->out);
    rl_json_free(text);
    return RL_OK;
}

const rl_reporter rl_report_json = {"json", list, begin, rows, end, .preamble = false};
