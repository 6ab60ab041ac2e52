/* ab_record.c - ab.json:
 *
 *   schema, tool, lane, old, new (directories), seed, margin, level, budget_s, spent_s
 *   launches  [{launch, stage ("trial", "screening", "confirmation"), block, arm ("old", "null", "new"), wall_s}]
 *   stages    [{stage, looks, rows: [{benchmark, null, new}]}], null and new being the values of the row's blocks: the
 *             log of how many times slower than the old build */
#include "ab_run.h"
#include "base/file.h"
#include "perf/env.h"
#include "perf/json.h"

#include <string.h>

enum { AB_SCHEMA = 1 };

void rl_ab_record_launch(rl_ab_run *ab, const char *stage, rl_arm arm)
{
    ab->launches = rl_pool_more(&ab->v->pool, ab->launches, ab->n_launches, sizeof *ab->launches);
    ab->launches[ab->n_launches++] = (rl_ab_launch){arm, stage, ab->blocks, ab->bench.last_s};
}

static cJSON *numbers(const double *x, size_t n)
{
    cJSON *array = cJSON_CreateArray();
    for (size_t i = 0; i < n; i++) cJSON_AddItemToArray(array, cJSON_CreateNumber(x[i]));
    return array;
}

static cJSON *stage_json(const rl_ab_stage *s)
{
    cJSON *to = cJSON_CreateObject();
    double looks[RL_LOOKS];
    for (size_t i = 0; i < RL_LOOKS; i++) looks[i] = (double)s->looks[i];
    rl_json_text(to, "stage", s->name);
    cJSON_AddItemToObject(to, "looks", numbers(looks, RL_LOOKS));
    cJSON *rows = cJSON_AddArrayToObject(to, "rows");
    for (size_t i = 0; i < s->n; i++) {
        const rl_ab_track *t = &s->tracks[i];
        cJSON *row = cJSON_CreateObject();
        rl_json_text(row, "benchmark", t->row->name);
        cJSON_AddItemToObject(row, "null", numbers(t->g[RL_ARM_NULL], t->blocks));
        cJSON_AddItemToObject(row, "new", numbers(t->g[RL_ARM_NEW], t->blocks));
        cJSON_AddItemToArray(rows, row);
    }
    return to;
}

static cJSON *launch_json(const rl_ab_launch *launch, size_t number)
{
    cJSON *to = cJSON_CreateObject();
    cJSON_AddNumberToObject(to, "launch", (double)number);
    rl_json_text(to, "stage", launch->stage);
    cJSON_AddNumberToObject(to, "block", (double)launch->block);
    rl_json_text(to, "arm", rl_arm_name(launch->arm));
    cJSON_AddNumberToObject(to, "wall_s", launch->wall_s);
    return to;
}

rl_status rl_ab_record_write(const rl_ab_run *ab, const char *path, rl_error *err)
{
    const rl_ab_plan *plan = ab->plan;
    const rl_ab_stage *const stages[] = {&ab->screening, &ab->confirmation};
    char tool[64], seed[32];
    cJSON *to = cJSON_CreateObject();
    snprintf(tool, sizeof tool, "ridgeline %s", rl_build_info()->version);
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)plan->seed);
    cJSON_AddNumberToObject(to, "schema", AB_SCHEMA);
    rl_json_text(to, "tool", tool);
    rl_json_text(to, "lane", plan->lane->name);
    rl_json_text(to, "old", plan->old_dir);
    rl_json_text(to, "new", plan->new_dir);
    rl_json_text(to, "seed", seed);
    rl_json_number(to, "margin", plan->margin);
    rl_json_number(to, "level", plan->level);
    rl_json_number(to, "budget_s", plan->budget_s);
    rl_json_number(to, "spent_s", ab->bench.spent_s);
    cJSON *launches = cJSON_AddArrayToObject(to, "launches");
    for (size_t i = 0; i < ab->n_launches; i++)
        cJSON_AddItemToArray(launches, launch_json(&ab->launches[i], i + 1));
    cJSON *array = cJSON_AddArrayToObject(to, "stages");
    for (size_t i = 0; i < RL_COUNT(stages); i++)
        if (stages[i]->n > 0) cJSON_AddItemToArray(array, stage_json(stages[i]));
    char *text = rl_json_print(to);
    if (text == NULL) return rl_fail(err, RL_ERR_MEMORY, "%.300s: out of memory", path);
    rl_status status = rl_file_write(path, text, strlen(text), err);
    rl_json_free(text);
    return status;
}
