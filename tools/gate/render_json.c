/* render_json.c - verdict.json. What it holds is docs/verdict.schema.json, and a test compares the two. */
#include "base/file.h"
#include "gate/render.h"
#include "perf/env.h"
#include "perf/json.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static cJSON *texts(const char *const *items, size_t n)
{
    cJSON *array = cJSON_CreateArray();
    rl_pool pool = {0};
    for (size_t i = 0; i < n; i++)
        cJSON_AddItemToArray(array, cJSON_CreateString(rl_pool_printable(&pool, items[i], strlen(items[i]))));
    rl_pool_free(&pool);
    return array;
}

static cJSON *finding_json(const rl_finding *f)
{
    cJSON *to = cJSON_CreateObject();
    rl_json_text(to, "benchmark", f->benchmark);
    rl_json_text(to, "verdict", rl_verdict_name(f->verdict));
    rl_json_text(to, "reason", f->reason);
    rl_json_text(to, "reproduce", f->reproduce);
    if (f->gate != NULL) {
        rl_json_text(to, "gate", rl_gate_kind_name(f->gate->kind));
        rl_json_text(to, "rows", f->gate->rows);
        rl_json_text(to, "metric", f->metric);
        rl_json_text(to, "unit", f->unit);
        rl_json_text(to, "better", f->gate->higher ? "higher" : "lower");
    }
    rl_json_number(to, "baseline", f->baseline);
    rl_json_number(to, "now", f->now);
    rl_json_number(to, "ratio", f->ratio);
    rl_json_number(to, "ratio_low", f->ratio_low);
    rl_json_number(to, "ratio_high", f->ratio_high);
    rl_json_number(to, "p", f->p);
    rl_json_number(to, "superiority", f->superiority);
    rl_json_number(to, "detectable", f->detectable);
    rl_json_number(to, "threshold", f->threshold);
    rl_json_number(to, "excess", f->excess);
    if (f->n_baseline > 0) cJSON_AddNumberToObject(to, "launches_baseline", (double)f->n_baseline);
    if (f->n_now > 0) cJSON_AddNumberToObject(to, "launches_now", (double)f->n_now);
    if (f->outliers_baseline > 0)
        cJSON_AddNumberToObject(to, "outliers_baseline", (double)f->outliers_baseline);
    if (f->outliers_now > 0) cJSON_AddNumberToObject(to, "outliers_now", (double)f->outliers_now);
    rl_json_number(to, "spread_baseline", f->spread_baseline);
    rl_json_number(to, "spread_now", f->spread_now);
    return to;
}

static void add_summary(cJSON *to, const rl_verdict_set *v)
{
    cJSON *summary = cJSON_AddObjectToObject(to, "summary");
    cJSON_AddNumberToObject(summary, "expected", (double)v->expected);
    cJSON_AddNumberToObject(summary, "compared", (double)v->compared);
    for (int i = 0; i < RL_VERDICTS; i++) {
        char key[32];
        snprintf(key, sizeof key, "%s", rl_verdict_name((rl_verdict)i));
        for (char *c = key; *c != '\0'; c++) *c = (char)tolower((unsigned char)*c);
        cJSON_AddNumberToObject(summary, key, (double)v->count[i]);
    }
    cJSON_AddNumberToObject(summary, "ungated", (double)v->n_ungated);
    cJSON_AddNumberToObject(summary, "repetitions", (double)v->repetitions);
    cJSON_AddNumberToObject(summary, "contaminated", (double)v->contaminated);
}

static cJSON *verdict_json(const rl_verdict_set *v)
{
    cJSON *to = cJSON_CreateObject();
    char tool[64];
    snprintf(tool, sizeof tool, "ridgeline %s", rl_build_info()->version);
    cJSON_AddNumberToObject(to, "schema", RL_VERDICT_SCHEMA);
    rl_json_text(to, "tool", tool);
    rl_json_text(to, "lane", v->lane_name);
    rl_json_text(to, "mode", v->quick ? "quick" : "full");
    rl_json_text(to, "rows", v->rows);
    cJSON_AddNumberToObject(to, "exit_code", v->exit_code);
    rl_json_text(to, "outcome", rl_exit_meaning(v->exit_code));
    rl_json_text(to, "diagnosis", v->diagnosis);
    rl_json_text(to, "command", v->command);
    rl_json_text(to, "commit", v->commit);
    cJSON_AddBoolToObject(to, "dirty", v->dirty);
    cJSON_AddBoolToObject(to, "injected", v->injected);
    rl_json_text(to, "machine_class", v->machine_class);
    rl_json_text(to, "samples", v->csv);
    rl_json_text(to, "model", v->model);
    cJSON *baseline = cJSON_AddObjectToObject(to, "baseline");
    rl_json_text(baseline, "state", rl_baseline_state_name(v->baseline_state));
    rl_json_text(baseline, "path", v->baseline_path);
    rl_json_text(baseline, "reason", v->baseline_reason);
    add_summary(to, v);
    cJSON_AddItemToObject(to, "problems", texts(v->problems, v->n_problems));
    cJSON *findings = cJSON_AddArrayToObject(to, "findings");
    for (size_t i = 0; i < v->n_findings; i++) cJSON_AddItemToArray(findings, finding_json(&v->findings[i]));
    cJSON_AddItemToObject(to, "ungated", texts(v->ungated, v->n_ungated));
    return to;
}

rl_status rl_render_json(const rl_verdict_set *v, const char *path, rl_error *err)
{
    char *text = rl_json_print(verdict_json(v));
    if (text == NULL) return rl_fail(err, RL_ERR_MEMORY, "%.300s: out of memory", path);
    rl_status status = rl_file_write(path, text, strlen(text), err);
    rl_json_free(text);
    return status;
}
