/* conclude.c - samples, baseline, judge, report. */
#include "conclude.h"
#include "base/file.h"
#include "gate/lines.h"
#include "gate/narrow.h"
#include "gate/render.h"
#include "gate/waiver.h"
#include "here.h"
#include "summary.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef struct {
    const rl_conclude_plan *plan;
    rl_verdict_set *v;
    rl_samples samples;
    rl_origin origin;
    rl_baseline baseline;
    bool has_samples, has_origin, has_baseline;
    int64_t now;
} evidence;

static void read_samples(evidence *e)
{
    rl_error why;
    rl_verdict_set *v = e->v;
    const char *csv = e->plan->csv;
    if (csv == NULL) return;
    v->csv = rl_pool_copy(&v->pool, csv, strlen(csv));
    e->has_samples = rl_samples_read(&e->samples, csv, &why) == RL_OK;
    if (!e->has_samples) {
        rl_verdict_problem(v, "%s", why.text);
        return;
    }
    if (v->rows[0] != '\0') rl_samples_narrow(&e->samples, rl_lane_mode_of(e->plan->lane, v->quick));
    e->has_origin = rl_origin_read(&e->origin, csv, &why) == RL_OK;
    if (!e->has_origin) {
        v->baseline_reason =
            rl_pool_format(&v->pool, "the machine class of the samples is unknown: %s", why.text);
        return;
    }
    v->machine_class = rl_pool_copy(&v->pool, e->origin.machine.class, strlen(e->origin.machine.class));
    v->commit = rl_pool_copy(&v->pool, e->origin.commit, strlen(e->origin.commit));
    v->dirty = e->origin.dirty;
    v->injected = e->origin.injected;
}

/* "; there is one of box-4 (cores: 4, here 2)" for each other class that has a baseline of the lane. */
static const char *other_classes(const evidence *e)
{
    rl_pool *pool = &e->v->pool;
    const char *text = "";
    char dir[RL_PATH_MAX], path[RL_PATH_MAX];
    DIR *d = opendir(e->plan->baselines);
    for (const struct dirent *entry; d != NULL && (entry = readdir(d)) != NULL;) {
        rl_baseline other;
        if (!rl_plain_name(entry->d_name) || !rl_path_join(dir, e->plan->baselines, entry->d_name)) continue;
        snprintf(path, sizeof path, "%.3900s/%.128s.json", dir, e->plan->lane->name);
        if (access(path, F_OK) != 0 || strcmp(entry->d_name, "lanes") == 0) continue;
        if (rl_baseline_read(&other, path, NULL) != RL_OK) continue;
        text = rl_pool_format(pool, "%s; there is one of %s (%s)", text, other.machine.class,
                              rl_machine_difference(&other.machine, &e->origin.machine, pool));
        rl_baseline_free(&other);
    }
    if (d != NULL) closedir(d);
    return text;
}

static rl_baseline_state find_baseline(evidence *e)
{
    rl_error why;
    rl_verdict_set *v = e->v;
    const rl_lane *lane = e->plan->lane;
    if (!rl_lane_needs_baseline(lane)) return RL_BASELINE_NOT_NEEDED;
    if (!e->has_origin) return RL_BASELINE_MISSING;
    v->baseline_path =
        e->plan->baseline != NULL
            ? rl_pool_copy(&v->pool, e->plan->baseline, strlen(e->plan->baseline))
            : rl_pool_format(&v->pool, "%s/%s/%s.json", e->plan->baselines, v->machine_class, lane->name);
    if (access(v->baseline_path, F_OK) != 0 && errno == ENOENT) {
        v->baseline_reason =
            rl_pool_format(&v->pool, "there is no such file%s; make one with `ridgeline recalibrate %s`",
                           e->plan->baseline == NULL ? other_classes(e) : "", lane->name);
        return RL_BASELINE_MISSING;
    }
    if (rl_baseline_read(&e->baseline, v->baseline_path, &why) != RL_OK) {
        v->baseline_reason = rl_pool_format(&v->pool, "%s", why.text);
        return RL_BASELINE_UNREADABLE;
    }
    if (!rl_baseline_fits(&e->baseline, lane, &e->origin, &v->pool, &v->baseline_reason))
        return RL_BASELINE_OTHER;
    e->has_baseline = rl_baseline_fresh(&e->baseline, lane, e->now, &v->pool, &v->baseline_reason);
    return e->has_baseline ? RL_BASELINE_USED : RL_BASELINE_STALE;
}

void rl_judge_here(rl_verdict_set *v, rl_judge_input *in)
{
    rl_here here;
    if (in->origin != NULL && rl_here_read(&here, NULL) == RL_OK) {
        in->cpu_known = strcmp(here.class.name, in->origin->machine.class) == 0;
        in->cpu = here.cpu;
    }
    rl_judge(v, in);
}

/* All rows of the lane were to be measured, and were judged. */
static bool judged_whole(const evidence *e)
{
    const rl_verdict_set *v = e->v;
    return e->has_samples && !v->quick && v->rows[0] == '\0' && v->n_problems == 0 &&
           v->count[RL_BROKEN] == 0;
}

static void apply_waivers(const evidence *e)
{
    char path[RL_PATH_MAX];
    rl_waivers waivers = {0};
    rl_error why;
    rl_status status = rl_path_join(path, e->plan->baselines, "waivers.json")
                           ? rl_waivers_read(&waivers, path, &why)
                           : rl_fail(&why, RL_ERR_ARG, "the path of the waivers is too long");
    if (status != RL_OK) rl_verdict_problem(e->v, "%s", why.text);
    rl_waivers_apply(&waivers, e->now, judged_whole(e), e->v);
    rl_waivers_free(&waivers);
}

/* Beside verdict.json, where the lane asks for it. */
static void write_summary(const evidence *e)
{
    char path[RL_PATH_MAX];
    rl_error why;
    const rl_conclude_plan *plan = e->plan;
    if (plan->report == NULL || plan->lane == NULL || plan->lane->n_summary == 0 || !e->has_samples) return;
    rl_status status = rl_make_dirs(plan->report, &why);
    if (status == RL_OK && !rl_path_join(path, plan->report, "summary.json"))
        status = rl_fail(&why, RL_ERR_ARG, "the path of the report is too long");
    if (status == RL_OK)
        status = rl_summary_write(path, e->v, &e->samples, e->has_origin ? &e->origin : NULL, &why);
    if (status == RL_OK) return;
    rl_verdict_problem(e->v, "no summary.json: %s", why.text);
    rl_verdict_close(e->v);
}

static void write_report(const rl_conclude_plan *plan, rl_verdict_set *v)
{
    char path[RL_PATH_MAX];
    rl_error why;
    if (plan->report == NULL) return;
    rl_status status = rl_make_dirs(plan->report, &why);
    if (status == RL_OK && !rl_path_join(path, plan->report, "verdict.json"))
        status = rl_fail(&why, RL_ERR_ARG, "the path of the report is too long");
    if (status == RL_OK) status = rl_render_json(v, path, &why);
    if (status == RL_OK) return;
    rl_verdict_problem(v, "no verdict.json: %s", why.text);
    rl_verdict_close(v);
}

void rl_conclude(const rl_conclude_plan *plan, rl_verdict_set *v)
{
    evidence e = {.plan = plan, .v = v, .now = plan->now != 0 ? plan->now : (int64_t)time(NULL)};
    if (plan->lane != NULL) {
        read_samples(&e);
        v->baseline_state = find_baseline(&e);
        rl_judge_here(v, &(rl_judge_input){
                             .lane = plan->lane,
                             .quick = v->quick,
                             .samples = e.has_samples ? &e.samples : NULL,
                             .origin = e.has_origin ? &e.origin : NULL,
                             .baseline = e.has_baseline ? &e.baseline : NULL,
                             .any_code = plan->any_code,
                         });
        apply_waivers(&e);
    } else {
        rl_verdict_close(v);
    }
    write_summary(&e);
    write_report(plan, v);
    rl_samples_free(&e.samples);
    rl_origin_free(&e.origin);
    rl_baseline_free(&e.baseline);
}

int rl_show(const rl_verdict_set *const *lanes, size_t n, bool all)
{
    const char *term = getenv("TERM"), *refused = getenv("NO_COLOR");
    const bool color = isatty(STDOUT_FILENO) && (refused == NULL || refused[0] == '\0') && term != NULL &&
                       strcmp(term, "dumb") != 0;
    rl_render_console(stdout, lanes, n, (rl_console_style){.color = color, .all = all});
    for (size_t i = 0; i < n; i++)
        if (lanes[i]->injected)
            printf("%s: rows were made slower on purpose (--inject): this tests the gate, not the code\n",
                   lanes[i]->lane_name);
    return rl_lanes_exit(lanes, n);
}
