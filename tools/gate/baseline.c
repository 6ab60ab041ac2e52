/* baseline.c - reading and writing baseline files. */
#include "gate/baseline.h"
#include "base/file.h"
#include "gate/samples.h"
#include "perf/json.h"
#include "perf/stats.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const directions[] = {"lower", "higher", NULL};

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

/* ---- Reading --------------------------------------------------------------------------------------- */

static void read_launches(rl_baseline_row *row, const rl_node *n, rl_pool *pool)
{
    row->launches = rl_pool_alloc(pool, (rl_node_count(n) + 1) * sizeof *row->launches);
    for (rl_node item = rl_node_first(n); item.value != NULL; item = rl_node_next(n, &item))
        row->launches[row->n++] = rl_node_number(&item, DBL_MIN, DBL_MAX);
    if (row->n == 0 || row->n > RL_LAUNCHES_MAX)
        rl_node_refuse(n, "expected 1 to %d launches", (int)RL_LAUNCHES_MAX);
    rl_sort(row->launches, row->n);
}

static void read_row(rl_baseline_row *row, const rl_node *n, rl_pool *pool)
{
    static const char *const keys[] = {"name",   "metric",  "unit",     "better", "median",
                                       "within", "between", "launches", "note",   NULL};
    rl_node_keys(n, keys);
    rl_node name = rl_node_at(n, "name"), metric = rl_node_at(n, "metric"), unit = rl_node_find(n, "unit");
    rl_node better = rl_node_at(n, "better"), median = rl_node_at(n, "median"),
            note = rl_node_find(n, "note");
    rl_node within = rl_node_at(n, "within"), between = rl_node_at(n, "between");
    rl_node launches = rl_node_at(n, "launches");
    memset(row, 0, sizeof *row);
    row->name = rl_node_text(&name, pool);
    row->metric = rl_node_text(&metric, pool);
    row->unit = unit.value != NULL ? rl_node_text(&unit, pool) : "";
    row->note = note.value != NULL ? rl_node_text(&note, pool) : NULL;
    row->higher = rl_node_word(&better, directions) == 1;
    row->median = rl_node_number(&median, DBL_MIN, DBL_MAX);
    row->within = rl_node_number(&within, -1, DBL_MAX);
    row->between = rl_node_number(&between, 0, DBL_MAX);
    if (row->name[0] != '\0' && !rl_benchmark_name_ok(row->name))
        rl_node_refuse(&name, "cannot be a benchmark's name");
    if (row->metric[0] != '\0' && !rl_benchmark_name_ok(row->metric))
        rl_node_refuse(&metric, "cannot be a column's name");
    read_launches(row, &launches, pool);
    double real = rl_sorted_median(row->launches, row->n);
    if (!(fabs(row->median - real) <= 1e-5 * real)) /* ten units of the sixth digit */
        rl_node_refuse(&median, "is %g, but the launches' median is %g: was it edited by hand?", row->median,
                       real);
}

static void read_rows(rl_baseline *b, const rl_node *rows)
{
    b->rows = rl_pool_alloc(&b->pool, (rl_node_count(rows) + 1) * sizeof *b->rows);
    for (rl_node n = rl_node_first(rows); n.value != NULL; n = rl_node_next(rows, &n))
        read_row(&b->rows[b->n_rows++], &n, &b->pool);
    if (b->n_rows == 0) rl_node_refuse(rows, "expected at least one row");
    if (rows->document->error.status != RL_OK) return;
    qsort(b->rows, b->n_rows, sizeof *b->rows, row_order);
    for (size_t i = 1; i < b->n_rows; i++)
        if (row_order(&b->rows[i - 1], &b->rows[i]) == 0)
            rl_node_refuse(rows, "%.200s, %.64s is there twice", b->rows[i].name, b->rows[i].metric);
}

static const char *text_or_none(const rl_node *object, const char *key, rl_pool *pool)
{
    rl_node n = rl_node_find(object, key);
    return n.value != NULL ? rl_node_text(&n, pool) : "";
}

static void read_meta(rl_baseline *b, const rl_node *meta)
{
    static const char *const keys[] = {"timestamp",    "commit", "clean", "reason", "launches", "load",
                                       "contaminated", "kernel", "tool",  "model",  "machine",  NULL};
    rl_node_keys(meta, keys);
    rl_node clean = rl_node_at(meta, "clean"), launches = rl_node_at(meta, "launches");
    rl_node load = rl_node_find(meta, "load"), contaminated = rl_node_at(meta, "contaminated");
    rl_node timestamp = rl_node_at(meta, "timestamp"), commit = rl_node_at(meta, "commit");
    b->timestamp = rl_node_text(&timestamp, &b->pool);
    b->commit = rl_node_text(&commit, &b->pool);
    b->clean = rl_node_bool(&clean);
    b->launches = rl_node_whole(&launches, 1, RL_LAUNCHES_MAX);
    b->load = load.value != NULL ? rl_node_number(&load, 0, DBL_MAX) : (double)NAN;
    b->contaminated = rl_node_number(&contaminated, 0, 1);
    b->reason = text_or_none(meta, "reason", &b->pool);
    b->kernel = text_or_none(meta, "kernel", &b->pool);
    b->tool = text_or_none(meta, "tool", &b->pool);
    b->model = text_or_none(meta, "model", &b->pool);
}

static void read_baseline(rl_baseline *b, const rl_node *root)
{
    static const char *const keys[] = {"schema", "lane",  "machine_class", "bench",
                                       "args",   "_meta", "rows",          NULL};
    rl_node_keys(root, keys);
    rl_node lane = rl_node_at(root, "lane"), bench = rl_node_at(root, "bench"),
            args = rl_node_at(root, "args");
    rl_node class = rl_node_at(root, "machine_class"), meta = rl_node_at(root, "_meta");
    rl_node machine = rl_node_at(&meta, "machine"), rows = rl_node_at(root, "rows");
    b->lane = rl_node_text(&lane, &b->pool);
    b->bench = rl_node_text(&bench, &b->pool);
    b->args = rl_node_texts(&args, &b->pool, &b->n_args);
    rl_machine_read(&b->machine, &class, &machine, &b->pool);
    read_meta(b, &meta);
    read_rows(b, &rows);
}

/* Another schema's keys are not ours to complain about: its number is looked at first. */
static bool check_schema(rl_document *d, const rl_node *root)
{
    rl_node schema = rl_node_at(root, "schema");
    size_t number = rl_node_whole(&schema, 0, 1000000);
    if (d->error.status != RL_OK) return false;
    if (number == RL_BASELINE_SCHEMA) return true;
    rl_fail(&d->error, RL_ERR_UNSUPPORTED, "%.300s: schema %zu, this ridgeline reads %d: recalibrate",
            d->file, number, (int)RL_BASELINE_SCHEMA);
    return false;
}

static rl_status from_document(rl_baseline *b, rl_document *d, rl_error *err)
{
    memset(b, 0, sizeof *b);
    rl_node root = rl_node_root(d);
    if (d->error.status == RL_OK && check_schema(d, &root)) read_baseline(b, &root);
    rl_status status = rl_document_close(d, err);
    if (status != RL_OK) rl_baseline_free(b);
    return status;
}

rl_status rl_baseline_parse(rl_baseline *b, const char *file, const char *data, size_t n, rl_error *err)
{
    rl_document d;
    rl_document_parse(&d, file, data, n);
    return from_document(b, &d, err);
}

rl_status rl_baseline_read(rl_baseline *b, const char *path, rl_error *err)
{
    rl_document d;
    rl_document_read(&d, path);
    return from_document(b, &d, err);
}

void rl_baseline_free(rl_baseline *b)
{
    rl_pool_free(&b->pool);
    memset(b, 0, sizeof *b);
}

const rl_baseline_row *rl_baseline_find(const rl_baseline *b, const char *name, const char *metric)
{
    const rl_baseline_row key = {.name = name, .metric = metric};
    return b->n_rows > 0 ? bsearch(&key, b->rows, b->n_rows, sizeof key, row_order) : NULL;
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

/* ---- Writing --------------------------------------------------------------------------------------- */

void rl_baseline_add(rl_baseline *b, const rl_baseline_row *row)
{
    b->rows = rl_pool_more(&b->pool, b->rows, b->n_rows, sizeof *b->rows);
    rl_baseline_row *to = &b->rows[b->n_rows++];
    *to = *row;
    to->launches = rl_pool_alloc(&b->pool, (row->n + 1) * sizeof *to->launches);
    for (size_t i = 0; i < row->n; i++) to->launches[i] = rl_baseline_round(row->launches[i]);
    rl_sort(to->launches, to->n);
    to->median = rl_sorted_median(to->launches, to->n);
    to->between = (to->launches[to->n - 1] - to->launches[0]) / to->median;
}

static cJSON *row_json(const rl_baseline_row *row)
{
    cJSON *to = cJSON_CreateObject();
    rl_json_text(to, "name", row->name);
    rl_json_text(to, "metric", row->metric);
    if (row->unit[0] != '\0') rl_json_text(to, "unit", row->unit);
    rl_json_text(to, "better", directions[row->higher]);
    cJSON_AddNumberToObject(to, "median", rl_baseline_round(row->median));
    cJSON_AddNumberToObject(to, "within", isfinite(row->within) ? rl_baseline_round(row->within) : -1);
    cJSON_AddNumberToObject(to, "between", rl_baseline_round(row->between));
    cJSON_AddItemToObject(to, "launches", cJSON_CreateDoubleArray(row->launches, (int)row->n));
    rl_json_text(to, "note", row->note);
    return to;
}

static cJSON *meta_json(const rl_baseline *b)
{
    cJSON *to = cJSON_CreateObject();
    rl_json_text(to, "timestamp", b->timestamp);
    rl_json_text(to, "commit", b->commit);
    cJSON_AddBoolToObject(to, "clean", b->clean);
    if (b->reason[0] != '\0') rl_json_text(to, "reason", b->reason);
    cJSON_AddNumberToObject(to, "launches", (double)b->launches);
    rl_json_number(to, "load", b->load);
    cJSON_AddNumberToObject(to, "contaminated", rl_baseline_round(b->contaminated));
    if (b->kernel[0] != '\0') rl_json_text(to, "kernel", b->kernel);
    rl_json_text(to, "tool", b->tool);
    if (b->model[0] != '\0') rl_json_text(to, "model", b->model);
    return to;
}

static cJSON *parts_json(const rl_machine *machine)
{
    cJSON *to = cJSON_CreateObject();
    for (size_t i = 0; i < machine->n_parts; i++)
        rl_json_text(to, machine->parts[i].key, machine->parts[i].value);
    return to;
}

static cJSON *texts_json(const char *const *texts, size_t n)
{
    cJSON *array = cJSON_CreateArray();
    for (size_t i = 0; i < n; i++) cJSON_AddItemToArray(array, cJSON_CreateString(texts[i]));
    return array;
}

/* Prints an item and deletes it. False without memory. */
static bool print(FILE *out, const char *before, cJSON *item, const char *after)
{
    char *text = cJSON_PrintUnformatted(item);
    if (text != NULL) fprintf(out, "%s%s%s", before, text, after);
    cJSON_free(text);
    cJSON_Delete(item);
    return text != NULL;
}

/* Prints an object's members, one a line, and deletes it. */
static bool print_members(FILE *out, const char *indent, cJSON *object)
{
    bool ok = object != NULL;
    while (ok && object->child != NULL) {
        cJSON *member = cJSON_DetachItemViaPointer(object, object->child);
        char *key = cJSON_PrintUnformatted(&(cJSON){.type = cJSON_String, .valuestring = member->string});
        fprintf(out, "%s%s: ", indent, key != NULL ? key : "");
        ok = key != NULL;
        cJSON_free(key);
        ok &= print(out, "", member, object->child != NULL ? "," : "");
    }
    cJSON_Delete(object);
    return ok;
}

static bool print_baseline(FILE *out, const rl_baseline *b)
{
    fprintf(out, "{\n  \"schema\": %d", (int)RL_BASELINE_SCHEMA);
    bool ok = print(out, ",\n  \"lane\": ", cJSON_CreateString(b->lane), "");
    ok &= print(out, ",\n  \"machine_class\": ", cJSON_CreateString(b->machine.class), "");
    ok &= print(out, ",\n  \"bench\": ", cJSON_CreateString(b->bench), "");
    ok &= print(out, ",\n  \"args\": ", texts_json(b->args, b->n_args), "");
    fputs(",\n  \"_meta\": {", out);
    ok &= print_members(out, "\n    ", meta_json(b));
    fputs(",\n    \"machine\": {", out);
    ok &= print_members(out, "\n      ", parts_json(&b->machine));
    fputs("\n    }\n  },\n  \"rows\": [", out);
    for (size_t i = 0; ok && i < b->n_rows; i++)
        ok = print(out, i > 0 ? ",\n    " : "\n    ", row_json(&b->rows[i]), "");
    fputs("\n  ]\n}\n", out);
    return ok && !ferror(out);
}

rl_status rl_baseline_write(rl_baseline *b, const char *path, rl_error *err)
{
    char dir[4096];
    rl_outfile file;
    const char *slash = strrchr(path, '/');
    rl_status status = RL_OK;
    if (slash != NULL && slash != path && (size_t)(slash - path) < sizeof dir) {
        snprintf(dir, sizeof dir, "%.*s", (int)(slash - path), path);
        status = rl_make_dirs(dir, err);
    }
    if (b->n_rows > 0) qsort(b->rows, b->n_rows, sizeof *b->rows, row_order);
    if (status == RL_OK) status = rl_outfile_open(&file, path, err);
    if (status != RL_OK) return status;
    if (!print_baseline(file.stream, b)) {
        rl_outfile_abandon(&file);
        return rl_fail(err, RL_ERR_IO, "%.300s: cannot write", path);
    }
    return rl_outfile_commit(&file, err);
}
