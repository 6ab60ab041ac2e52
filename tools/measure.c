/* measure.c - launches, and gathering what they wrote. */
#include "measure.h"
#include "base/file.h"
#include "companion.h"
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
    size_t taken, lines, bytes;                                /* whole launches in it, and rows */
    cJSON *context, *context_of_launches;                      /* owned; the second is inside the first */
    const char *class;                                         /* of the first launch */
    double spent_s;
    int caught; /* a signal that asked us to end */
    rl_companion companion;
    const char **env;
} lane_run;

/* ---- Getting ready --------------------------------------------------------------------------------- */

bool rl_measure_model(const rl_lane *lane, const char *asked, char path[RL_PATH_MAX], char identity[64],
                      rl_verdict_set *v)
{
    const rl_lane_model *m = &lane->model;
    rl_error why;
    path[0] = identity[0] = '\0';
    if (m->preset == NULL && !(m->optional && asked != NULL)) return true;
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

/* Files called 3.csv, 3.csv.context.json, or 3.csv.tmp-something where a bench was killed, and 3.companion.csv. */
static void clear_launches(const char *report)
{
    char dir[RL_PATH_MAX], path[RL_PATH_MAX];
    DIR *d = rl_path_join(dir, report, "launches") ? opendir(dir) : NULL;
    for (const struct dirent *entry; d != NULL && (entry = readdir(d)) != NULL;) {
        size_t digits = strspn(entry->d_name, "0123456789");
        const char *rest = entry->d_name + digits;
        if (digits > 0 && (strncmp(rest, ".csv", 4) == 0 || strncmp(rest, ".companion.csv", 14) == 0) &&
            rl_path_join(path, dir, entry->d_name))
            unlink(path);
    }
    if (d != NULL) closedir(d);
}

bool rl_measure_clear(const char *dir, rl_verdict_set *v)
{
    static const char *const ours[] = {"samples.csv", "context.json", "verdict.json", "summary.json",
                                       "ab.json"};
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
        cJSON_DeleteItemFromObjectCaseSensitive(r->context, "companion");
        if (r->plan->lane->companion.program != NULL)
            cJSON_AddStringToObject(r->context, "companion",
                                    r->companion.absent[0] != '\0' ? r->companion.absent : "ran");
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

/* The rows, all of this launch, and with names that whoever measured them may give. */
static rl_status check_rows(const lane_run *r, size_t launch, const char *path, int exit_code, bool bench,
                            rl_error *err)
{
    rl_samples s;
    rl_status status = rl_measure_read(&s, path, launch, exit_code, err);
    if (status == RL_OK) status = rl_companion_names(r->plan->lane, &s, bench, err);
    rl_samples_free(&s);
    return status;
}

/* What a launch wrote, read and checked before any of it is kept. */
static rl_status take_in(lane_run *r, size_t launch, const char *path, const rl_launch_result *result,
                         rl_error *err)
{
    rl_status status = check_rows(r, launch, path, result->code, true, err);
    if (status == RL_OK) status = check_class(r, path, err);
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

/* What one program did in one launch. */
typedef struct {
    char path[RL_PATH_MAX]; /* of its CSV */
    rl_launch_result result;
} turn;

/* Starts a program and waits for its end. False where we were asked to end meanwhile, and that ends the lane. */
static bool take_turn(lane_run *r, size_t launch, const char **argv, double timeout_s, turn *t)
{
    rl_launch_run(&(rl_launch){.argv = argv, .env = r->env, .timeout_s = timeout_s}, &t->result);
    r->spent_s += t->result.wall_s;
    if (t->result.caught == 0) return true;
    r->caught = t->result.caught;
    rl_verdict_problem(r->v, "launch %zu: interrupted by signal %d (%s)", launch, t->result.caught,
                       strsignal(t->result.caught));
    return false;
}

static bool ended_well(lane_run *r, size_t launch, const char *program, const turn *t)
{
    char text[RL_PATH_MAX];
    if (t->result.end == RL_LAUNCH_EXITED && t->result.code <= 1) return true;
    rl_verdict_problem(r->v, "launch %zu: %s %s", launch, program,
                       rl_launch_describe(&t->result, text, sizeof text));
    return false;
}

static bool taken_in(lane_run *r, size_t launch, rl_status status, const turn *t, const rl_error *why)
{
    if (status == RL_OK) return true;
    rl_verdict_problem(r->v, "launch %zu: %s%s%s", launch, why->text,
                       t->result.said[0] != '\0' ? "; it said last: " : "", t->result.said);
    return false;
}

static bool run_bench(lane_run *r, size_t launch, turn *t)
{
    snprintf(t->path, sizeof t->path, "%.4000s/launches/%zu.csv", r->plan->dir, launch);
    return take_turn(r, launch, arguments(r, launch, t->path), r->plan->lane->timeout_s, t) &&
           ended_well(r, launch, r->plan->lane->bench, t);
}

/* The companion's part. That it cannot run here is found out in the first launch; afterwards it must. */
static bool run_companion(lane_run *r, size_t launch, turn *t)
{
    const rl_lane *lane = r->plan->lane;
    char columns[RL_PATH_MAX];
    snprintf(t->path, sizeof t->path, "%.4000s/launches/%zu.companion.csv", r->plan->dir, launch);
    snprintf(columns, sizeof columns, "%.4000s/launches/1.csv", r->plan->dir);
    const rl_companion_call call = {.out = t->path,
                                    .bench = r->bench,
                                    .model = r->model,
                                    .columns_from = columns,
                                    .launch = launch,
                                    .quick = r->plan->quick};
    if (!take_turn(r, launch, rl_companion_argv(&r->companion, lane, &call, &r->pool),
                   lane->companion.timeout_s, t))
        return false;
    if (launch == 1 && rl_companion_unavailable(&r->companion, &t->result, &r->pool)) return true;
    return ended_well(r, launch, lane->companion.program, t);
}

static bool has_companion(const lane_run *r)
{
    return r->companion.program[0] != '\0' && r->companion.absent[0] == '\0';
}

/* One launch: the bench, and the companion after it or before it. False where it ends the lane. */
static bool launch_once(lane_run *r, size_t launch)
{
    rl_error why;
    turn bench, other;
    const bool first = launch % 2 == 0;
    show_progress(r, launch);
    if (first && has_companion(r) && !run_companion(r, launch, &other)) return false;
    if (!run_bench(r, launch, &bench)) return false;
    if (!first && has_companion(r) && !run_companion(r, launch, &other)) return false;
    rl_status status = take_in(r, launch, bench.path, &bench.result, &why);
    if (!taken_in(r, launch, status, &bench, &why)) return false;
    if (has_companion(r)) {
        status = check_rows(r, launch, other.path, other.result.code, false, &why);
        if (status == RL_OK) status = append_rows(r, other.path, &why);
        if (!taken_in(r, launch, status, &other, &why)) return false;
    }
    r->taken++;
    return true;
}

static void say_absent(const lane_run *r)
{
    const rl_lane *lane = r->plan->lane;
    if (r->plan->progress != NULL && lane->companion.program != NULL && r->companion.absent[0] != '\0')
        fprintf(r->plan->progress, "%s: without %s: %s\n", lane->name, lane->companion.program,
                r->companion.absent);
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

static void find_companion(lane_run *r)
{
    rl_companion *c = &r->companion;
    rl_companion_find(c, r->plan->lane, r->plan->bench_dir, &r->pool);
    if (r->plan->companion) return;
    c->program[0] = '\0';
    c->absent = "not run: only `ridgeline run` does";
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
        find_companion(&r);
        r.env = rl_launch_clean_env(NULL);
        while (done < r.launches && launch_once(&r, done + 1)) done++;
        free(r.env);
        end_progress(&r, done);
        if (plan->companion) say_absent(&r);
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
