/* render_sarif.c - SARIF 2.1.0, for code scanning: a result for whatever did not simply pass.
 *
 *   ruleId      the kind of gate and its metric, "relative/real_time"; "row" where no gate is concerned, "run" for
 *               problems of a run, "baseline" where there is none to compare with
 *   level       error where it fails the run, or needs a baseline; warning, note likewise by grade
 *   location    the source file of the row's kernel, as the caller knows it; the lane's file elsewhere
 *   fingerprint rule, lane and row: the same finding of the next run is the same alert
 *
 * Rows that passed or do not apply are no results: code scanning knows only what is wrong. */
#include "base/file.h"
#include "gate/lines.h"
#include "gate/render.h"
#include "perf/env.h"
#include "perf/json.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    rl_locate *locate;
    rl_pool pool;
    cJSON *rules, *results; /* owned by the document */
} report;

static const char *const levels[] = {
    [RL_GRADE_ERROR] = "error", [RL_GRADE_WARNING] = "warning", [RL_GRADE_NOTICE] = "note"};

static void add_message(cJSON *to, const char *key, const char *text)
{
    cJSON *message = cJSON_AddObjectToObject(to, key);
    rl_json_text(message, "text", text);
}

static void add_rule(report *r, const char *id, const char *about)
{
    const cJSON *rule;
    cJSON_ArrayForEach(rule, r->rules)
    {
        if (strcmp(cJSON_GetObjectItemCaseSensitive(rule, "id")->valuestring, id) == 0) return;
    }
    cJSON *added = cJSON_CreateObject();
    rl_json_text(added, "id", id);
    add_message(added, "shortDescription", about);
    cJSON_AddItemToArray(r->rules, added);
}

/* A path as a URI reference: what RFC 3986 does not reserve stays, the rest is %XX. */
static const char *uri(rl_pool *pool, const char *path)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/";
    char *out = rl_pool_alloc(pool, 3 * strlen(path) + 1), *to = out;
    for (const char *c = path; *c != '\0'; c++)
        to += strchr(plain, *c) != NULL ? sprintf(to, "%c", *c)
                                        : sprintf(to, "%%%02X", (unsigned)(unsigned char)*c);
    return out;
}

static void add_location(report *r, cJSON *result, const rl_verdict_set *v, const char *benchmark)
{
    const char *file = benchmark != NULL ? r->locate(benchmark, &r->pool) : NULL;
    if (file == NULL) file = rl_pool_format(&r->pool, "baselines/lanes/%s.json", v->lane_name);
    cJSON *location = cJSON_CreateObject();
    cJSON *physical = cJSON_AddObjectToObject(location, "physicalLocation");
    cJSON *artifact = cJSON_AddObjectToObject(physical, "artifactLocation");
    rl_json_text(artifact, "uri", uri(&r->pool, file));
    rl_json_text(artifact, "uriBaseId", "SRCROOT");
    cJSON_AddNumberToObject(cJSON_AddObjectToObject(physical, "region"), "startLine", 1);
    cJSON_AddItemToArray(cJSON_AddArrayToObject(result, "locations"), location);
}

static void add_result(report *r, const rl_verdict_set *v, const char *rule, const char *level,
                       const char *benchmark, const char *text)
{
    cJSON *result = cJSON_CreateObject();
    rl_json_text(result, "ruleId", rule);
    rl_json_text(result, "level", level);
    add_message(result, "message", text);
    add_location(r, result, v, benchmark);
    cJSON *prints = cJSON_AddObjectToObject(result, "partialFingerprints");
    rl_json_text(
        prints, "ridgeline/v1",
        rl_pool_format(&r->pool, "%s %s %s", rule, v->lane_name, benchmark != NULL ? benchmark : ""));
    cJSON_AddItemToArray(r->results, result);
}

static void add_finding(report *r, const rl_verdict_set *v, const rl_finding *f)
{
    const rl_grade grade = rl_finding_grade(f);
    rl_pool *pool = &r->pool;
    if (grade == RL_GRADE_NONE) return;
    const char *rule = f->gate != NULL ? rl_gate_text(f, '/', pool) : "row";
    const char *about = f->gate != NULL
                            ? rl_pool_format(pool, "a gate of kind %s", rl_gate_text(f, ' ', pool))
                            : "a row that no gate can judge";
    add_rule(r, rule, about);
    const char *text =
        rl_pool_format(pool, "%s: %s %s%s%s%s%s", v->lane_name, f->benchmark, rl_verdict_name(f->verdict),
                       f->reason[0] != '\0' ? ": " : "", f->reason,
                       f->reproduce[0] != '\0' ? "; measure it again: " : "", f->reproduce);
    add_result(r, v, rule, levels[grade], f->benchmark, text);
}

static void add_lane(report *r, const rl_verdict_set *v)
{
    rl_pool *pool = &r->pool;
    if (v->diagnosis[0] != '\0') {
        add_rule(r, "diagnosis", "most rows of a lane moved together");
        add_result(r, v, "diagnosis", levels[v->exit_code == RL_EXIT_PASS ? RL_GRADE_NOTICE : RL_GRADE_ERROR],
                   NULL, rl_pool_format(pool, "%s: %s", v->lane_name, v->diagnosis));
    }
    for (size_t i = 0; i < v->n_problems; i++) {
        add_rule(r, "run", "a lane's run as a whole");
        add_result(r, v, "run", levels[RL_GRADE_ERROR], NULL,
                   rl_pool_format(pool, "%s: %s", v->lane_name, v->problems[i]));
    }
    if (!rl_verdict_comparable(v)) {
        add_rule(r, "baseline", "the baseline of the machine's class");
        add_result(r, v, "baseline", levels[RL_GRADE_ERROR], NULL,
                   rl_pool_format(pool, "%s: baseline %s: %s", v->lane_name,
                                  rl_baseline_state_name(v->baseline_state), v->baseline_reason));
    }
    for (size_t i = 0; i < v->n_findings; i++) add_finding(r, v, &v->findings[i]);
}

static cJSON *document(report *r, const rl_verdict_set *const *lanes, size_t n)
{
    cJSON *root = cJSON_CreateObject(), *run = cJSON_CreateObject();
    rl_json_text(root, "$schema", "https://json.schemastore.org/sarif-2.1.0.json");
    rl_json_text(root, "version", "2.1.0");
    cJSON_AddItemToArray(cJSON_AddArrayToObject(root, "runs"), run);
    cJSON *driver = cJSON_AddObjectToObject(cJSON_AddObjectToObject(run, "tool"), "driver");
    rl_json_text(driver, "name", "ridgeline");
    rl_json_text(driver, "version", rl_build_info()->version);
    r->rules = cJSON_AddArrayToObject(driver, "rules");
    r->results = cJSON_AddArrayToObject(run, "results");
    for (size_t i = 0; i < n; i++) add_lane(r, lanes[i]);
    return root;
}

rl_status rl_render_sarif(const rl_verdict_set *const *lanes, size_t n, rl_locate *locate, const char *path,
                          rl_error *err)
{
    report r = {.locate = locate};
    char *text = rl_json_print(document(&r, lanes, n));
    rl_pool_free(&r.pool);
    if (text == NULL) return rl_fail(err, RL_ERR_MEMORY, "%.300s: out of memory", path);
    rl_status status = rl_file_write(path, text, strlen(text), err);
    rl_json_free(text);
    return status;
}
