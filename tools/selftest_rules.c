/* selftest_rules.c - gathering both sides of each row from what was kept, and asking. */
#include "selftest_rules.h"
#include "base/file.h"
#include "perf/json.h"
#include "other_rules.h"
#include "perf/stats.h"
#include "rate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { AB_JSON_MAX = 16 << 20, VIEWS = 2 };
static const rl_view views[VIEWS] = {RL_VIEW_POOLED, RL_VIEW_LAUNCHES};

/* The values of a row on one side. */
typedef struct {
    double *x[VIEWS];
    size_t n[VIEWS];
} values;

typedef struct {
    const char *name;
    values before, now;
} row;

/* The rows of a run. */
typedef struct {
    rl_pool pool;
    row *rows;
    size_t n;
} gathered;

typedef struct {
    size_t runs[2][2];                   /* [load][slower] */
    size_t count[2][2][RL_RULES][VIEWS]; /* likewise */
} tally;

static row *row_of(gathered *g, const char *name)
{
    for (size_t i = 0; i < g->n; i++)
        if (strcmp(g->rows[i].name, name) == 0) return &g->rows[i];
    g->rows = rl_pool_more(&g->pool, g->rows, g->n, sizeof *g->rows);
    g->rows[g->n] = (row){.name = rl_pool_copy(&g->pool, name, strlen(name))};
    return &g->rows[g->n++];
}

static void add(gathered *g, values *v, size_t view, double x)
{
    v->x[view] = rl_pool_more(&g->pool, v->x[view], v->n[view], sizeof *v->x[view]);
    v->x[view][v->n[view]++] = x;
}

/* All rows of a CSV, to one side of what is gathered. A row with anything that is no time is left out: ridgeline calls
 * it broken, and these rules have no word for that. */
static rl_status add_csv(gathered *g, const char *path, bool now, rl_error *err)
{
    rl_samples s;
    rl_status status = rl_samples_read(&s, path, err);
    if (status != RL_OK) return status;
    const size_t time = rl_samples_column(&s, "real_time");
    for (size_t i = 0; i < s.n_rows; i++) {
        const rl_sample_row *from = &s.rows[i];
        double *medians = rl_pool_alloc(&g->pool, from->n * sizeof *medians);
        bool whole = true;
        for (size_t k = 0; k < from->n; k++)
            whole &= from->samples[k].outcome == RL_SAMPLE_MEASURED &&
                     isfinite(from->samples[k].cells[time].value) && from->samples[k].cells[time].value > 0;
        if (!whole) continue;
        row *to = row_of(g, from->name);
        values *side = now ? &to->now : &to->before;
        for (size_t k = 0; k < from->n; k++) add(g, side, 0, from->samples[k].cells[time].value);
        const size_t launches = rl_samples_launch_medians(from, time, medians, NULL);
        for (size_t k = 0; k < launches; k++) add(g, side, 1, medians[k]);
    }
    rl_samples_free(&s);
    return RL_OK;
}

static rl_status gather_lane(gathered *g, const char *dir, size_t run, rl_error *err)
{
    char path[RL_PATH_MAX];
    rl_status status = RL_OK;
    for (int session = 1; session <= 2 && status == RL_OK; session++) {
        snprintf(path, sizeof path, "%.3900s/baseline/%d/samples.csv", dir, session);
        status = add_csv(g, path, false, err);
    }
    snprintf(path, sizeof path, "%.3900s/samples/%zu.csv", dir, run);
    return status == RL_OK ? add_csv(g, path, true, err) : status;
}

/* Of both stages; not what was tried out before them, nor the null arm. */
static rl_status gather_ab(gathered *g, const char *dir, size_t run, rl_error *err)
{
    char path[RL_PATH_MAX];
    char *text;
    size_t bytes;
    snprintf(path, sizeof path, "%.3900s/samples/%zu/ab.json", dir, run);
    rl_status status = rl_file_read(path, AB_JSON_MAX, &text, &bytes, err);
    if (status != RL_OK) return status;
    cJSON *root = cJSON_ParseWithLength(text, bytes);
    const cJSON *launch, *all = cJSON_GetObjectItemCaseSensitive(root, "launches");
    if (!cJSON_IsArray(all)) status = rl_fail(err, RL_ERR_FORMAT, "%.300s: has no launches", path);
    cJSON_ArrayForEach(launch, all)
    {
        const char *arm = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(launch, "arm"));
        const char *stage = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(launch, "stage"));
        const double number = cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(launch, "launch"));
        if (status != RL_OK || arm == NULL || stage == NULL || strcmp(stage, "trial") == 0 ||
            strcmp(arm, "null") == 0)
            continue;
        snprintf(path, sizeof path, "%.3800s/samples/%zu/launches/%.0f.csv", dir, run, number);
        status = add_csv(g, path, strcmp(arm, "new") == 0, err);
    }
    cJSON_Delete(root);
    free(text);
    return status;
}

static void ask(const gathered *g, const rl_selftest_outcome *o, rl_rank_null null[VIEWS], tally *t)
{
    bool red[RL_RULES][VIEWS] = {0};
    for (size_t i = 0; i < g->n; i++)
        for (size_t view = 0; view < VIEWS; view++) {
            const row *r = &g->rows[i];
            const rl_side before = {r->before.x[view], r->before.n[view]},
                          now = {r->now.x[view], r->now.n[view]};
            if (before.n == 0 || now.n == 0 || (o->slower && strcmp(r->name, o->row) != 0)) continue;
            rl_sort(r->before.x[view], before.n);
            rl_sort(r->now.x[view], now.n);
            for (size_t rule = 0; rule < RL_RULES; rule++)
                red[rule][view] |= rl_rule_red((rl_rule)rule, &null[view], before, now);
        }
    t->runs[o->loaded][o->slower]++;
    for (size_t rule = 0; rule < RL_RULES; rule++)
        for (size_t view = 0; view < VIEWS; view++)
            t->count[o->loaded][o->slower][rule][view] += red[rule][view];
}

static rl_status write_csv(const char *dir, const tally *t, rl_error *err)
{
    static const char *const kinds[] = {"same", "slower"};
    char path[RL_PATH_MAX];
    rl_outfile csv;
    rl_path_join(path, dir, "rules.csv");
    rl_status status = rl_outfile_open(&csv, path, err);
    if (status != RL_OK) return status;
    fputs("rule,samples,load,kind,runs,count,rate,low,high\n", csv.stream);
    for (size_t rule = 0; rule < RL_RULES; rule++)
        for (size_t view = 0; view < VIEWS; view++)
            for (size_t load = 0; load < 2; load++)
                for (size_t slower = 0; slower < 2; slower++) {
                    if (t->runs[load][slower] == 0) continue;
                    const rl_rate r = rl_rate_of(t->count[load][slower][rule][view], t->runs[load][slower]);
                    fprintf(csv.stream, "%s,%s,%zu,%s,%zu,%zu,%.6g,%.6g,%.6g\n", rl_rule_name((rl_rule)rule),
                            rl_view_name(views[view]), load, kinds[slower], r.n, r.k, r.value, r.low, r.high);
                }
    return rl_outfile_commit(&csv, err);
}

static void show(FILE *out, const tally *t)
{
    fputs("\nwhat other rules say of the same samples, real_time: runs with nothing changed that are red / "
          "slower rows "
          "that are called slower\n",
          out);
    for (size_t rule = 0; rule < RL_RULES; rule++)
        for (size_t view = 0; view < VIEWS; view++) {
            fprintf(out, "  %-12s %-10s", rl_rule_name((rl_rule)rule), rl_view_name(views[view]));
            for (size_t load = 0; load < 2; load++)
                if (t->runs[load][0] + t->runs[load][1] > 0)
                    fprintf(out, "  %s: %zu of %zu / %zu of %zu", load ? "under load" : "no load",
                            t->count[load][0][rule][view], t->runs[load][0], t->count[load][1][rule][view],
                            t->runs[load][1]);
            fputc('\n', out);
        }
}

rl_status rl_selftest_rules(const char *dir, const rl_selftest_outcome *runs, size_t n, FILE *out,
                            rl_error *err)
{
    tally t = {0};
    rl_rank_null null[VIEWS] = {0};
    rl_status status = RL_OK;
    for (size_t i = 0; i < n && status == RL_OK; i++) {
        char ab[RL_PATH_MAX];
        gathered g = {0};
        snprintf(ab, sizeof ab, "%.3900s/samples/%zu/ab.json", dir, runs[i].run);
        status = (access(ab, F_OK) == 0 ? gather_ab : gather_lane)(&g, dir, runs[i].run, err);
        if (status == RL_OK) ask(&g, &runs[i], null, &t);
        rl_pool_free(&g.pool);
    }
    for (size_t view = 0; view < VIEWS; view++) rl_rank_null_free(&null[view]);
    if (status != RL_OK) return status;
    show(out, &t);
    return write_csv(dir, &t, err);
}
