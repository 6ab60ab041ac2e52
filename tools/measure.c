/* measure.c - launches, and gathering what they wrote. */
#include "measure.h"
#include "base/file.h"
#include "gate/launch.h"
#include "gate/origin.h"
#include "gate/samples.h"

#include <cjson/cJSON.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    const rl_measure_plan *plan;
    const rl_lane_mode *mode;
    rl_verdict_set *v;
    rl_pool pool;
    size_t launches;
    char bench[RL_PATH_MAX], model[RL_PATH_MAX], identity[64]; /* model "": the lane has none */
    rl_outfile csv;                                            /* open from the first launch on */
    char *header;                                              /* of the first launch's CSV */
    size_t taken, lines, bytes;                                /* launches in it, and their rows */
    cJSON *context, *context_of_launches;                      /* owned; the second is inside the first */
    const char *class;                                         /* of the first launch */
    double spent_s;
    int caught; /* a signal that asked us to end */
} lane_run;

/* ---- Getting ready --------------------------------------------------------------------------------- */

bool rl_measure_model(const rl_lane *lane, const char *asked, char path[RL_PATH_MAX], char identity[64],
                      rl_verdict_set *v)
{
    const rl_lane_model *m = &lane->model;
    rl_error why;
    path[0] = identity[0] = '\0';
    if (m->preset == NULL) return true;
    if (asked != NULL)
        snprintf(path, RL_PATH_MAX, "%s", asked);
    else
        snprintf(path, RL_PATH_MAX, "models/%s-%s.gguf", m->preset, m->format);
    if (rl_model_identity(path, identity, &why) == RL_OK) return true;
    if (asked != NULL)
        rl_verdict_problem(v, "%s", why.text);
    else
        rl_verdict_problem(
            v,
            "%s; make it with `ridgeline model synth --preset %s --format %s --seed %zu --out %s`, or "
            "name one with --model",
            why.text, m->preset, m->format, m->seed, path);
    return false;
}

/* Files called 3.csv, 3.csv.context.json, or 3.csv.tmp-something where a bench was killed. */
static void clear_launches(const char *report)
{
    char dir[RL_PATH_MAX], path[RL_PATH_MAX];
    DIR *d = rl_path_join(dir, report, "launches") ? opendir(dir) : NULL;
    for (const struct dirent *entry; d != NULL && (entry = readdir(d)) != NULL;) {
        size_t digits = strspn(entry->d_name, "0123456789");
        if (digits > 0 && strncmp(entry->d_name + digits, ".csv", 4) == 0 &&
            rl_path_join(path, dir, entry->d_name))
            unlink(path);
    }
    if (d != NULL) closedir(d);
}

bool rl_measure_clear(const char *dir, rl_verdict_set *v)
{
    static const char *const ours[] = {"samples.csv", "context.json", "verdict.json", "ab.json"};
    char path[RL_PATH_MAX];
    rl_error why;
    if (!rl_path_join(path, dir, "launches") || rl_make_dirs(path, &why) != RL_OK) {
        rl_verdict_problem(v, "%.300s: cannot make the directory of the report", dir);
        return false;
    }
    for (size_t i = 0; i < RL_COUNT(ours); i++)
        if (rl_path_join(path, dir, ours[i])) unlink(path);
    clear_launches(dir);
    return true;
}

/* The bench's arguments for one launch, in the pool; out is where it shall write. */
static const char **arguments(lane_run *r, size_t launch, const char *out)
{
    const rl_lane_mode *mode = r->mode;
    size_t n = 0;
    const char **argv = rl_pool_alloc(&r->pool, (mode->n_args + 8) * sizeof *argv);
    argv[n++] = r->bench;
    for (size_t i = 0; i < mode->n_args; i++) argv[n++] = mode->args[i];
    if (mode->filter != NULL) argv[n++] = rl_pool_format(&r->pool, "--benchmark_filter=%s", mode->filter);
    if (r->model[0] != '\0') argv[n++] = rl_pool_format(&r->pool, "--model=%s", r->model);
    if (r->plan->inject != NULL) argv[n++] = rl_pool_format(&r->pool, "--inject=%s", r->plan->inject);
    argv[n++] = rl_pool_format(&r->pool, "--launch=%zu", launch);
    argv[n++] = rl_pool_format(&r->pool, "--benchmark_out=%s", out);
    argv[n++] = "--benchmark_out_format=csv";
    return argv;
}

/* ---- Progress -------------------------------------------------------------------------------------- */

static void show_progress(const lane_run *r, size_t launch)
{
    FILE *out = r->plan->progress;
    if (out == NULL) return;
    const bool terminal = isatty(fileno(out));
    fprintf(out, "%s%s: launch %zu of %zu", terminal ? "\r\033[K" : "", r->plan->lane->name, launch,
            r->launches);
    if (launch > 1) {
        double each = r->spent_s / (double)(launch - 1);
        fprintf(out, ", %.0f s gone, about %.0f s to go", r->spent_s,
                each * (double)(r->launches - launch + 1));
    }
    fputs(terminal ? "" : "\n", out);
    fflush(out);
}

static void end_progress(const lane_run *r, size_t done)
{
    FILE *out = r->plan->progress;
    if (out == NULL) return;
    fprintf(out, "%s%s: %zu of %zu launches in %.0f s\n", isatty(fileno(out)) ? "\r\033[K" : "",
            r->plan->lane->name, done, r->launches, r->spent_s);
}

/* ---- Taking in what a launch wrote ----------------------------------------------------------------- */

static bool any_failed(const rl_samples *s)
{
    for (size_t i = 0; i < s->n_samples; i++)
        if (s->samples[i].outcome == RL_SAMPLE_FAILED) return true;
    return false;
}

rl_status rl_measure_read(rl_samples *s, const char *csv, size_t launch, int exit_code, rl_error *err)
{
    rl_status status = rl_samples_read(s, csv, err);
    if (status != RL_OK) return status;
    if (exit_code != 0 && !any_failed(s))
        status =
            rl_fail(err, RL_ERR_FORMAT, "exited with status %d, though no row says what failed", exit_code);
    else if (s->n_launches != 1 || s->launches[0] != launch)
        status = rl_fail(err, RL_ERR_FORMAT, "%.300s: the column launch is not %zu throughout", csv, launch);
    if (status != RL_OK) rl_samples_free(s);
    return status;
}

/* From the first launch on it is known how large samples.csv becomes: better refused now than by its reader, hours
 * later. */
static rl_status check_size(lane_run *r, const char *rows, size_t n, rl_error *err)
{
    const size_t to_come = r->launches - r->taken;
    size_t lines = 0;
    for (size_t i = 0; i < n; i++) lines += rows[i] == '\n';
    if (r->lines + lines * to_come > RL_SAMPLES_LINES_MAX ||
        strlen(r->header) + r->bytes + n * to_come > RL_SAMPLES_BYTES_MAX)
        return rl_fail(
            err, RL_ERR_ARG,
            "it has %zu lines, %zu bytes: by %zu launches samples.csv would become larger than it may "
            "be, %d lines and %d bytes: ask for fewer --launches, or fewer rows by --rows",
            lines, n, r->launches, (int)RL_SAMPLES_LINES_MAX, (int)RL_SAMPLES_BYTES_MAX);
    r->taken++;
    r->lines += lines;
    r->bytes += n;
    return RL_OK;
}

/* Adds the rows; the first launch's header is everyone's. */
static rl_status append_rows(lane_run *r, const char *path, rl_error *err)
{
    char *data;
    size_t n;
    rl_status status = rl_file_read(path, RL_SAMPLES_BYTES_MAX, &data, &n, err);
    if (status != RL_OK) return status;
    const char *feed = memchr(data, '\n', n);
    size_t header = feed != NULL ? (size_t)(feed - data) + 1 : n;
    if (r->header == NULL) {
        r->header = rl_pool_copy(&r->pool, data, header);
        if (fwrite(data, 1, header, r->csv.stream) != header)
            status = rl_fail(err, RL_ERR_IO, "cannot write %.300s", r->csv.path);
    }
    if (status == RL_OK && (strlen(r->header) != header || memcmp(r->header, data, header) != 0))
        status = rl_fail(err, RL_ERR_FORMAT, "its columns are not those of the first launch");
    else if (status == RL_OK && (status = check_size(r, data + header, n - header, err)) == RL_OK &&
             fwrite(data + header, 1, n - header, r->csv.stream) != n - header)
        status = rl_fail(err, RL_ERR_IO, "cannot write %.300s", r->csv.path);
    free(data);
    return status;
}

/* Adds what this launch's context says otherwise than the first one's. */
static rl_status append_context(lane_run *r, size_t launch, const char *path, const rl_launch_result *result,
                                rl_error *err)
{
    char *data;
    size_t n;
    char context_path[RL_PATH_MAX];
    snprintf(context_path, sizeof context_path, "%.4000s.context.json", path);
    rl_status status = rl_file_read(context_path, RL_JSON_BYTES_MAX, &data, &n, err);
    if (status != RL_OK) return status;
    cJSON *context = cJSON_ParseWithLength(data, n); /* has been read strictly before */
    free(data);
    if (r->context == NULL) {
        r->context = cJSON_Duplicate(context, true);
        cJSON_DeleteItemFromObjectCaseSensitive(r->context, "model_identity");
        cJSON_DeleteItemFromObjectCaseSensitive(r->context, "launches");
        cJSON_DeleteItemFromObjectCaseSensitive(r->context, "lane_mode");
        const char *mode = r->plan->quick ? "quick" : r->v->rows[0] != '\0' ? "rows" : "full";
        cJSON_AddStringToObject(r->context, "lane_mode", mode);
        if (r->model[0] != '\0') cJSON_AddStringToObject(r->context, "model_identity", r->identity);
        r->context_of_launches = cJSON_AddArrayToObject(r->context, "launches");
    }
    cJSON *own = cJSON_CreateObject(), *member = context != NULL ? context->child : NULL;
    while (member != NULL) {
        cJSON *next = member->next;
        if (!cJSON_Compare(member, cJSON_GetObjectItemCaseSensitive(r->context, member->string), true))
            cJSON_AddItemToObject(own, member->string, cJSON_DetachItemViaPointer(context, member));
        member = next;
    }
    cJSON_Delete(context);
    cJSON_DeleteItemFromObjectCaseSensitive(own, "launch");
    cJSON_AddNumberToObject(own, "launch", (double)launch);
    cJSON_AddNumberToObject(own, "wall_s", result->wall_s);
    cJSON_AddNumberToObject(own, "exit_code", result->code);
    cJSON_AddItemToArray(r->context_of_launches, own);
    return RL_OK;
}

static rl_status check_class(lane_run *r, const char *path, rl_error *err)
{
    rl_origin origin;
    rl_status status = rl_origin_read(&origin, path, err);
    if (status != RL_OK) return status;
    if (r->class == NULL)
        r->class = rl_pool_copy(&r->pool, origin.machine.class, strlen(origin.machine.class));
    if (strcmp(r->class, origin.machine.class) != 0)
        status = rl_fail(err, RL_ERR_FORMAT, "its machine class is %s, the first launch's %s",
                         origin.machine.class, r->class);
    rl_origin_free(&origin);
    return status;
}

/* What a launch wrote, read and checked before any of it is kept. */
static rl_status take_in(lane_run *r, size_t launch, const char *path, const rl_launch_result *result,
                         rl_error *err)
{
    rl_samples s;
    rl_status status = rl_measure_read(&s, path, launch, result->code, err);
    if (status != RL_OK) return status;
    rl_samples_free(&s);
    status = check_class(r, path, err);
    if (status == RL_OK && r->csv.stream == NULL) {
        char csv[RL_PATH_MAX];
        rl_path_join(csv, r->plan->dir, "samples.csv");
        status = rl_outfile_open(&r->csv, csv, err);
    }
    if (status == RL_OK) status = append_context(r, launch, path, result, err);
    if (status == RL_OK) status = append_rows(r, path, err);
    return status;
}

/* ---- The run --------------------------------------------------------------------------------------- */

/* One launch. False where it ends the lane. */
static bool launch_once(lane_run *r, size_t launch, const char *const *env)
{
    char path[RL_PATH_MAX], text[RL_PATH_MAX];
    rl_error why;
    rl_launch_result result;
    snprintf(path, sizeof path, "%.4000s/launches/%zu.csv", r->plan->dir, launch);
    show_progress(r, launch);
    rl_launch_run(
        &(rl_launch){.argv = arguments(r, launch, path), .env = env, .timeout_s = r->plan->lane->timeout_s},
        &result);
    r->spent_s += result.wall_s;
    if (result.caught != 0) {
        r->caught = result.caught;
        rl_verdict_problem(r->v, "launch %zu: interrupted by signal %d (%s)", launch, result.caught,
                           strsignal(result.caught));
        return false;
    }
    if (result.end != RL_LAUNCH_EXITED || result.code > 1) {
        rl_verdict_problem(r->v, "launch %zu: %s %s", launch, r->plan->lane->bench,
                           rl_launch_describe(&result, text, sizeof text));
        return false;
    }
    if (take_in(r, launch, path, &result, &why) == RL_OK) return true;
    rl_verdict_problem(r->v, "launch %zu: %s%s%s", launch, why.text,
                       result.said[0] != '\0' ? "; it said last: " : "", result.said);
    return false;
}

static void write_gathered(lane_run *r)
{
    char path[RL_PATH_MAX];
    rl_error why = {.text = "out of memory"};
    rl_status status = rl_outfile_commit(&r->csv, &why);
    char *text = status == RL_OK && r->context != NULL ? cJSON_Print(r->context) : NULL;
    if (status == RL_OK && rl_path_join(path, r->plan->dir, "context.json"))
        status = text != NULL ? rl_file_write(path, text, strlen(text), &why) : RL_ERR_MEMORY;
    cJSON_free(text);
    if (status != RL_OK) rl_verdict_problem(r->v, "%s", why.text);
}

static bool prepare(lane_run *r)
{
    rl_error why;
    if (!rl_measure_clear(r->plan->dir, r->v) ||
        !rl_measure_model(r->plan->lane, r->plan->model, r->model, r->identity, r->v))
        return false;
    if (rl_here_bench(r->bench, r->plan->lane->bench, r->plan->bench_dir, &why) == RL_OK) return true;
    rl_verdict_problem(r->v, "%s", why.text);
    return false;
}

bool rl_measure(const rl_measure_plan *plan, rl_verdict_set *v, char csv[RL_PATH_MAX], int *caught)
{
    *caught = 0;
    lane_run r = {.plan = plan, .mode = rl_lane_mode_of(plan->lane, plan->quick), .v = v};
    r.launches = plan->launches > 0 ? plan->launches : r.mode->launches;
    size_t done = 0;
    if (!rl_path_join(csv, plan->dir, "samples.csv") || strlen(plan->dir) > 4000) {
        rl_verdict_problem(v, "the path of the report is too long");
        return false;
    }
    rl_launch_hold hold;
    rl_launch_hold_signals(&hold);
    if (prepare(&r)) {
        const char **env = rl_launch_clean_env(NULL);
        while (done < r.launches && launch_once(&r, done + 1, env)) done++;
        free(env);
        end_progress(&r, done);
    }
    if (done > 0)
        write_gathered(&r);
    else if (r.csv.stream != NULL)
        rl_outfile_abandon(&r.csv);
    const int late = rl_launch_release_signals(&hold);
    *caught = r.caught != 0 ? r.caught : late;
    v->model = rl_pool_copy(&v->pool, r.model, strlen(r.model));
    cJSON_Delete(r.context);
    rl_pool_free(&r.pool);
    return done > 0;
}
