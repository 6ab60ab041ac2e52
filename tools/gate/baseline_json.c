/* baseline_json.c - baseline files, read and written. */
#include "base/file.h"
#include "gate/baseline.h"
#include "gate/date.h"
#include "gate/samples.h"
#include "perf/json.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const directions[] = {"lower", "higher", NULL};

/* ---- Reading --------------------------------------------------------------------------------------- */

/* A value for each launch, and which session it is of. */
typedef struct {
    double values[RL_LAUNCHES_MAX];
    size_t session[RL_LAUNCHES_MAX], n;
} grouped;

/* [[41190, 41230], [41300]]: one array a session. */
static void read_grouped(grouped *g, const rl_node *groups, const rl_baseline *b, double least)
{
    size_t s = 0;
    g->n = 0;
    if (rl_node_count(groups) != b->n_sessions)
        rl_node_refuse(groups, "has %zu sessions, expected %zu as in _meta", rl_node_count(groups),
                       b->n_sessions);
    for (rl_node group = rl_node_first(groups); group.value != NULL;
         group = rl_node_next(groups, &group), s++) {
        const size_t n = rl_node_count(&group);
        if (n == 0 || g->n + n > RL_LAUNCHES_MAX)
            rl_node_refuse(&group, "expected launches, at most %d with those before", (int)RL_LAUNCHES_MAX);
        if (s < b->n_sessions && n != b->sessions[s].launches)
            rl_node_refuse(&group, "has %zu launches, expected %zu as in _meta", n, b->sessions[s].launches);
        for (rl_node item = rl_node_first(&group); item.value != NULL; item = rl_node_next(&group, &item)) {
            g->session[g->n] = s;
            g->values[g->n++] = rl_node_number(&item, least, DBL_MAX);
        }
    }
}

static bool same_groups(const grouped *a, const grouped *b)
{
    return a->n == b->n && memcmp(a->session, b->session, a->n * sizeof *a->session) == 0;
}

/* -1 becomes NaN: there were too few to tell. */
static double read_spread(const rl_node *row, const char *key)
{
    rl_node n = rl_node_at(row, key);
    const double spread = rl_node_number(&n, -1, DBL_MAX);
    if (spread < 0 && spread != -1) rl_node_refuse(&n, "is %g, expected -1 or a number from 0", spread);
    return spread < 0 ? (double)NAN : spread;
}

/* Zeros throughout are a count that is 0, which only an exact gate looks at; one among others is nothing. */
static void check_zeros(const grouped *launches, const rl_node *values, bool controlled)
{
    size_t zeros = 0;
    for (size_t i = 0; i < launches->n; i++) zeros += launches->values[i] < DBL_MIN;
    if (zeros > 0 && (controlled || zeros < launches->n))
        rl_node_refuse(values,
                       "%zu of %zu are 0, expected numbers above 0, or nothing but an exact count's 0", zeros,
                       launches->n);
}

/* Readings of the machine, what they are of, and beta go together. */
static void check_control(const rl_node *row, const rl_node *control, const rl_node *of, const rl_node *beta)
{
    const bool has = control->value != NULL;
    if (has != (of->value != NULL) || has != (beta->value != NULL))
        rl_node_refuse(row, "control, control_of and beta go together, one of them is missing");
}

/* What rl_baseline_add works out from launches is checked for its form, and the median for its value. */
static void add_row(rl_baseline *b, rl_baseline_row *row, const rl_node *n)
{
    static const char *const derived[] = {"between", "s_b", "s_s"};
    rl_pool scratch = {0};
    grouped *launches = rl_pool_alloc(&scratch, sizeof *launches),
            *readings = rl_pool_alloc(&scratch, sizeof *readings);
    rl_node values = rl_node_at(n, "launches"), control = rl_node_find(n, "control");
    rl_node beta = rl_node_find(n, "beta"), median = rl_node_at(n, "median");
    rl_node control_of = rl_node_find(n, "control_of");
    const double told = rl_node_number(&median, 0, DBL_MAX);
    for (size_t i = 0; i < RL_COUNT(derived); i++) read_spread(n, derived[i]);
    read_grouped(launches, &values, b, 0);
    check_zeros(launches, &values, control.value != NULL);
    check_control(n, &control, &control_of, &beta);
    if (control.value != NULL) {
        read_grouped(readings, &control, b, DBL_MIN);
        if (!same_groups(launches, readings)) rl_node_refuse(&control, "is not grouped as the launches are");
        row->control = readings->values;
    }
    if (control_of.value != NULL)
        row->control_of = rl_control_names[rl_node_word(&control_of, rl_control_names)];
    row->launches = launches->values;
    row->session = launches->session;
    row->n = launches->n;
    if (n->document->error.status == RL_OK) {
        rl_baseline_add(b, row);
        rl_baseline_row *added = &b->rows[b->n_rows - 1];
        if (beta.value != NULL) added->beta = rl_node_number(&beta, -1, 1);
        if (!isfinite(added->median) ||
            fabs(told - added->median) > 1e-5 * added->median) /* ten units of the sixth digit */
            rl_node_refuse(&median, "is %g, but the launches' median is %g: was it edited by hand?", told,
                           added->median);
    }
    rl_pool_free(&scratch);
}

static void read_row(rl_baseline *b, const rl_node *n)
{
    static const char *const keys[] = {"name",    "metric",     "unit", "better", "median", "within",
                                       "between", "s_w",        "s_b",  "s_s",    "note",   "launches",
                                       "control", "control_of", "beta", NULL};
    rl_node_keys(n, keys);
    rl_node name = rl_node_at(n, "name"), metric = rl_node_at(n, "metric"), unit = rl_node_find(n, "unit");
    rl_node better = rl_node_at(n, "better"), note = rl_node_find(n, "note");
    rl_baseline_row row = {
        .name = rl_node_text(&name, &b->pool),
        .metric = rl_node_text(&metric, &b->pool),
        .unit = unit.value != NULL ? rl_node_text(&unit, &b->pool) : "",
        .note = note.value != NULL ? rl_node_text(&note, &b->pool) : NULL,
        .higher = rl_node_word(&better, directions) == 1,
        .within = read_spread(n, "within"),
        .s_w = read_spread(n, "s_w"),
    };
    if (row.name[0] != '\0' && !rl_benchmark_name_ok(row.name))
        rl_node_refuse(&name, "cannot be a benchmark's name");
    if (row.metric[0] != '\0' && !rl_benchmark_name_ok(row.metric))
        rl_node_refuse(&metric, "cannot be a column's name");
    if (rl_baseline_gone(b, row.name) != NULL) rl_node_refuse(&name, "is in $.gone, too");
    add_row(b, &row, n);
}

static void read_rows(rl_baseline *b, const rl_node *rows)
{
    for (rl_node n = rl_node_first(rows); n.value != NULL; n = rl_node_next(rows, &n)) read_row(b, &n);
    if (b->n_rows == 0) rl_node_refuse(rows, "expected at least one row");
    const rl_baseline_row *twice = rl_baseline_sort(b);
    if (twice != NULL) rl_node_refuse(rows, "%.200s, %.64s is there twice", twice->name, twice->metric);
}

static const char *text_or_none(const rl_node *object, const char *key, rl_pool *pool)
{
    rl_node n = rl_node_find(object, key);
    return n.value != NULL ? rl_node_text(&n, pool) : "";
}

static const char *read_timestamp(const rl_node *object, rl_pool *pool)
{
    int64_t seconds;
    rl_node n = rl_node_at(object, "timestamp");
    const char *text = rl_node_text(&n, pool);
    if (text[0] != '\0' && !rl_date_read(text, &seconds))
        rl_node_refuse(&n, "is '%.40s', expected a time, as 2026-08-22T10:00:00Z", text);
    return text;
}

static void read_sessions(rl_baseline *b, const rl_node *sessions)
{
    static const char *const keys[] = {"timestamp", "load", "launches", "contaminated", NULL};
    const size_t n_sessions = rl_node_count(sessions);
    if (n_sessions < 1 || n_sessions > RL_SESSIONS_MAX)
        rl_node_refuse(sessions, "expected 1 to %d sessions", (int)RL_SESSIONS_MAX);
    b->sessions = rl_pool_alloc(&b->pool, (n_sessions + 1) * sizeof *b->sessions);
    for (rl_node n = rl_node_first(sessions); n.value != NULL; n = rl_node_next(sessions, &n)) {
        rl_session *to = &b->sessions[b->n_sessions++];
        rl_node_keys(&n, keys);
        rl_node launches = rl_node_at(&n, "launches"), contaminated = rl_node_at(&n, "contaminated");
        rl_node load = rl_node_find(&n, "load");
        to->timestamp = read_timestamp(&n, &b->pool);
        to->launches = rl_node_whole(&launches, 1, RL_LAUNCHES_MAX);
        to->contaminated = rl_node_number(&contaminated, 0, 1);
        to->load = load.value != NULL ? rl_node_number(&load, 0, DBL_MAX) : (double)NAN;
    }
}

static void read_meta(rl_baseline *b, const rl_node *meta)
{
    static const char *const keys[] = {"timestamp", "commit", "clean",   "reason",   "kernel",
                                       "tool",      "model",  "machine", "sessions", NULL};
    rl_node_keys(meta, keys);
    rl_node clean = rl_node_at(meta, "clean"), commit = rl_node_at(meta, "commit");
    rl_node sessions = rl_node_at(meta, "sessions");
    read_sessions(b, &sessions);
    b->timestamp = read_timestamp(meta, &b->pool);
    b->commit = rl_node_text(&commit, &b->pool);
    b->clean = rl_node_bool(&clean);
    b->reason = text_or_none(meta, "reason", &b->pool);
    b->kernel = text_or_none(meta, "kernel", &b->pool);
    b->tool = text_or_none(meta, "tool", &b->pool);
    b->model = text_or_none(meta, "model", &b->pool);
}

static void read_baseline(rl_baseline *b, const rl_node *root)
{
    static const char *const keys[] = {"schema", "lane", "machine_class", "bench", "args",
                                       "_meta",  "code", "gone",          "rows",  NULL};
    rl_node_keys(root, keys);
    rl_node lane = rl_node_at(root, "lane"), bench = rl_node_at(root, "bench"),
            args = rl_node_at(root, "args");
    rl_node class = rl_node_at(root, "machine_class"), meta = rl_node_at(root, "_meta");
    rl_node machine = rl_node_at(&meta, "machine"), rows = rl_node_at(root, "rows");
    rl_node code = rl_node_find(root, "code"), gone = rl_node_find(root, "gone");
    b->lane = rl_node_text(&lane, &b->pool);
    b->bench = rl_node_text(&bench, &b->pool);
    b->args = rl_node_texts(&args, &b->pool, &b->n_args);
    rl_machine_read(&b->machine, &class, &machine, &b->pool);
    b->code = rl_parts_read(&code, &b->pool, &b->n_code);
    b->gone = rl_parts_read(&gone, &b->pool, &b->n_gone);
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

/* ---- Writing --------------------------------------------------------------------------------------- */

/* Values by session, as they are ordered. */
static cJSON *grouped_json(const rl_baseline_row *row, const double *values, size_t n_sessions)
{
    cJSON *to = cJSON_CreateArray();
    for (size_t s = 0; s < n_sessions; s++) {
        cJSON *group = cJSON_CreateArray();
        for (size_t i = 0; i < row->n; i++)
            if (row->session[i] == s) cJSON_AddItemToArray(group, cJSON_CreateNumber(values[i]));
        cJSON_AddItemToArray(to, group);
    }
    return to;
}

static void add_spread(cJSON *to, const char *key, double spread)
{
    cJSON_AddNumberToObject(to, key, isfinite(spread) ? rl_baseline_round(spread) : -1);
}

static cJSON *row_json(const rl_baseline_row *row, size_t n_sessions)
{
    cJSON *to = cJSON_CreateObject();
    rl_json_text(to, "name", row->name);
    rl_json_text(to, "metric", row->metric);
    if (row->unit[0] != '\0') rl_json_text(to, "unit", row->unit);
    rl_json_text(to, "better", directions[row->higher]);
    cJSON_AddNumberToObject(to, "median", rl_baseline_round(row->median));
    add_spread(to, "within", row->within);
    add_spread(to, "between", row->between);
    add_spread(to, "s_w", row->s_w);
    add_spread(to, "s_b", row->s_b);
    add_spread(to, "s_s", row->s_s);
    cJSON_AddItemToObject(to, "launches", grouped_json(row, row->launches, n_sessions));
    if (row->control != NULL) {
        cJSON_AddItemToObject(to, "control", grouped_json(row, row->control, n_sessions));
        rl_json_text(to, "control_of", row->control_of);
        cJSON_AddNumberToObject(to, "beta", rl_baseline_round(row->beta));
    }
    rl_json_text(to, "note", row->note);
    return to;
}

static cJSON *session_json(const rl_session *session)
{
    cJSON *to = cJSON_CreateObject();
    rl_json_text(to, "timestamp", session->timestamp);
    rl_json_number(to, "load", session->load);
    cJSON_AddNumberToObject(to, "launches", (double)session->launches);
    cJSON_AddNumberToObject(to, "contaminated", rl_baseline_round(session->contaminated));
    return to;
}

static cJSON *meta_json(const rl_baseline *b)
{
    cJSON *to = cJSON_CreateObject();
    rl_json_text(to, "timestamp", b->timestamp);
    rl_json_text(to, "commit", b->commit);
    cJSON_AddBoolToObject(to, "clean", b->clean);
    if (b->reason[0] != '\0') rl_json_text(to, "reason", b->reason);
    if (b->kernel[0] != '\0') rl_json_text(to, "kernel", b->kernel);
    rl_json_text(to, "tool", b->tool);
    if (b->model[0] != '\0') rl_json_text(to, "model", b->model);
    return to;
}

static cJSON *parts_json(const rl_part *parts, size_t n)
{
    cJSON *to = cJSON_CreateObject();
    for (size_t i = 0; i < n; i++) rl_json_text(to, parts[i].key, parts[i].value);
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

/* An optional object of the top level. */
static bool print_parts(FILE *out, const char *key, const rl_part *parts, size_t n)
{
    if (n == 0) return true;
    fprintf(out, "  \"%s\": {", key);
    const bool ok = print_members(out, "\n    ", parts_json(parts, n));
    fputs("\n  },\n", out);
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
    ok &= print_members(out, "\n      ", parts_json(b->machine.parts, b->machine.n_parts));
    fputs("\n    },\n    \"sessions\": [", out);
    for (size_t i = 0; ok && i < b->n_sessions; i++)
        ok = print(out, i > 0 ? ",\n      " : "\n      ", session_json(&b->sessions[i]), "");
    fputs("\n    ]\n  },\n", out);
    ok = ok && print_parts(out, "code", b->code, b->n_code) && print_parts(out, "gone", b->gone, b->n_gone);
    fputs("  \"rows\": [", out);
    for (size_t i = 0; ok && i < b->n_rows; i++)
        ok = print(out, i > 0 ? ",\n    " : "\n    ", row_json(&b->rows[i], b->n_sessions), "");
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
    rl_baseline_sort(b);
    if (status == RL_OK) status = rl_outfile_open(&file, path, err);
    if (status != RL_OK) return status;
    if (!print_baseline(file.stream, b)) {
        rl_outfile_abandon(&file);
        return rl_fail(err, RL_ERR_IO, "%.300s: cannot write", path);
    }
    return rl_outfile_commit(&file, err);
}
