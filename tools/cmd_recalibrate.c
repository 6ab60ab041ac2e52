/* cmd_recalibrate.c - ridgeline recalibrate: measures a lane and makes that its baseline, or says why not. */
#include "calibration.h"
#include "commands.h"
#include "gate/judge.h"
#include "git_tree.h"
#include "measure.h"

#include <math.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>

/* Half a CPU busy on average over the last minute: on two cores a quarter of the machine, and more than an
 * idle system does. */
#define LOAD_MAX 0.5

typedef struct {
    const char *reason, *csv, *bench_dir, *reports, *baselines, *model;
    uint64_t launches;
    bool dry_run, allow_no_git, allow_load;
} options;

/* What holds for all lanes of one call. */
typedef struct {
    const options *o;
    char baselines[RL_PATH_MAX], lanes[RL_PATH_MAX];
    rl_git_tree tree;
    bool in_git;
} session;

/* Refuses before anything is measured. */
static bool fit_to_measure(session *s)
{
    rl_here here;
    rl_error why;
    bool fit = true;
    s->in_git = rl_git_tree_read(&s->tree, s->baselines, &why) == RL_OK;
    if (!s->in_git && !s->o->allow_no_git) {
        fprintf(stderr, "refused: %s, so nobody could say what was measured (--allow-no-git)\n", why.text);
        fit = false;
    }
    if (s->in_git && !s->tree.clean && !s->o->allow_no_git) {
        fprintf(stderr, "refused: the tree has changes that are in no commit, the first is: %s\n",
                s->tree.change);
        fit = false;
    }
    if (s->o->csv != NULL || s->o->allow_load || rl_here_read(&here, NULL) != RL_OK || here.env.n_load == 0)
        return fit;
    if (here.env.load[0] > LOAD_MAX) {
        fprintf(stderr,
                "refused: the load is %.2f, at most %g is allowed: wait until the machine is idle "
                "(--allow-load)\n",
                here.env.load[0], LOAD_MAX);
        fit = false;
    }
    return fit;
}

/* True where the CSV is there to be calibrated from. */
static bool measure(const session *s, const rl_lane *lane, char csv[RL_PATH_MAX])
{
    char dir[RL_PATH_MAX];
    rl_verdict_set v;
    int caught;
    if (s->o->csv != NULL) {
        snprintf(csv, RL_PATH_MAX, "%.4095s", s->o->csv);
        return true;
    }
    if (!rl_path_join(dir, s->o->reports, lane->name)) {
        fprintf(stderr, "%s: refused: the path of the report is too long\n", lane->name);
        return false;
    }
    rl_verdict_open(&v, lane->name, false);
    const bool measured = rl_measure(
        &(rl_measure_plan){.lane = lane,
                           .launches = s->o->launches > 0 ? (size_t)s->o->launches : 2 * lane->full.launches,
                           .bench_dir = s->o->bench_dir,
                           .model = s->o->model,
                           .dir = dir,
                           .progress = stderr},
        &v, csv, &caught);
    for (size_t i = 0; i < v.n_problems; i++) fprintf(stderr, "%s: refused: %s\n", lane->name, v.problems[i]);
    const bool whole = measured && v.n_problems == 0;
    rl_verdict_free(&v);
    if (caught != 0) raise(caught);
    return whole;
}

/* From the CSV to the file, or to the reasons why not. */
static int calibrate(const session *s, const rl_lane *lane, const char *csv)
{
    rl_calibration c;
    rl_error why;
    int code = RL_EXIT_BROKEN;
    rl_calibrate(&c, &(rl_calibration_plan){.lane = lane,
                                            .csv = csv,
                                            .baselines = s->baselines,
                                            .reason = s->o->reason != NULL ? s->o->reason : "",
                                            .head = s->in_git ? s->tree.head : "",
                                            .clean = s->in_git && s->tree.clean,
                                            .any_build = s->o->allow_no_git});
    rl_calibration_show(&c, stdout);
    if (c.n_refusals == 0 && !s->o->dry_run && rl_baseline_write(&c.next, c.path, &why) != RL_OK) {
        fprintf(stderr, "%s: %s\n", lane->name, why.text);
    } else if (c.n_refusals == 0) {
        printf("%s: %s %s\n", lane->name, s->o->dry_run ? "would write" : "wrote", c.path);
        code = RL_EXIT_PASS;
    }
    rl_calibration_free(&c);
    return code;
}

static int recalibrate(const session *s, const char *name)
{
    rl_lane lane;
    rl_error why;
    char csv[RL_PATH_MAX];
    int code = RL_EXIT_BROKEN;
    if (rl_lane_read(&lane, s->lanes, name, &why) != RL_OK) {
        fprintf(stderr, "refused: %s\n", why.text);
        return code;
    }
    if (!rl_lane_needs_baseline(&lane)) {
        printf("%s: has no relative gate, so it needs no baseline\n", name);
        code = RL_EXIT_PASS;
    } else if (measure(s, &lane, csv)) {
        code = calibrate(s, &lane, csv);
    }
    rl_lane_free(&lane);
    return code;
}

static int run(const rl_command *self, int argc, char **argv)
{
    options o = {.reports = "reports"};
    session s = {.o = &o};
    const char *which, **names;
    rl_pool pool = {0};
    rl_error why;
    size_t n;
    if (!rl_args_parse(self, &o, &which, argc, argv)) return RL_EXIT_BAD_USAGE;
    rl_here_baselines(s.baselines, o.baselines);
    if (!rl_path_join(s.lanes, s.baselines, "lanes"))
        return rl_bad_usage(self, "--baselines: the path is too long");
    rl_status status = rl_lane_select(s.lanes, which, &pool, &names, &n, &why);
    if (status == RL_OK && o.csv != NULL && n > 1)
        status = rl_fail(&why, RL_ERR_ARG, "--csv: one CSV calibrates one lane");
    int code = RL_EXIT_PASS;
    if (status != RL_OK)
        code = rl_bad_usage(self, "%s", why.text);
    else if (!fit_to_measure(&s))
        code = RL_EXIT_BROKEN;
    else
        for (size_t i = 0; i < n; i++) code = rl_exit_worst(code, recalibrate(&s, names[i]));
    rl_pool_free(&pool);
    return code;
}

static const rl_arg args[] = {
    RL_TEXT("--reason", "TEXT", options, reason, "why rows may become slower or go away"),
    RL_NUMBER(
        "--launches", "R", options, launches, 1, RL_LAUNCHES_MAX,
        "fresh processes (default: twice as many as the lane says, so that short runs can prove something)"),
    RL_TEXT("--csv", "FILE", options, csv, "take this measurement instead of making one"),
    RL_FLAG("--dry-run", options, dry_run, "show what would change, write nothing"),
    RL_TEXT("--model", "FILE", options, model, "the model file, for lanes that need one"),
    RL_TEXT("--reports", "DIR", options, reports, "where the measurement goes (default: reports)"),
    RL_TEXT("--baselines", "DIR", options, baselines, "where baselines and lanes/ are (default: baselines)"),
    RL_TEXT("--bench-dir", "DIR", options, bench_dir, "where the bench programs are (default: as for run)"),
    RL_FLAG("--allow-no-git", options, allow_no_git,
            "outside git, or from a tree with changes, whatever was built"),
    RL_FLAG("--allow-load", options, allow_load, "although the machine is busy"),
};

const rl_command rl_cmd_recalibrate = {
    .name = "recalibrate",
    .operand = "LANE|all",
    .summary = "measures a lane and makes that its baseline",
    .args = args,
    .n_args = RL_COUNT(args),
    .more =
        "Writes baselines/<machine class>/<lane>.json, whole or not at all: commit it. Refuses\n"
        "- a tree with changes (baselines aside), or a bench that was built from another commit, or from "
        "changes;\n"
        "- a machine whose load over the last minute is above 0.5 before anything is measured;\n"
        "- a measurement with broken rows, a portable gate that fails, or a fifth of the repetitions "
        "disturbed "
        "from outside;\n"
        "- samples of a quick run, or so few launches that a run of this lane could not prove a regression;\n"
        "- rows that are slower than the old baseline allows, or gone, without a --reason. It is kept in "
        "the file.\n\n"
        "  ridgeline recalibrate gemv --dry-run\n"
        "  ridgeline recalibrate all --reason \"compiler update\"\n\n"
        "exit status: 0 written, or would be; 2 refused; 64 bad usage\n",
    .run = run,
};
