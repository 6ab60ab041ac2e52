/* cmd_recalibrate.c - ridgeline recalibrate: measures lanes in sessions and makes that their baselines, or
 * says why not. */
#include "calibration.h"
#include "commands.h"
#include "git_tree.h"
#include "measure.h"

#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Half a CPU busy on average over the last minute: on two cores a quarter of the machine, and more than an
 * idle system does. */
#define LOAD_MAX 0.5

typedef struct {
    const char *reason, *csv, *bench_dir, *reports, *baselines, *model;
    uint64_t launches, sessions, pause_s;
    bool dry_run, allow_no_git, allow_load;
} options;

/* What holds for all lanes of one call. */
typedef struct {
    const options *o;
    char baselines[RL_PATH_MAX], lanes[RL_PATH_MAX];
    rl_git_tree tree;
    bool in_git;
    const char *csvs[RL_SESSIONS_MAX]; /* what was measured before; none: it is measured now */
    size_t n_csvs;
    rl_pool pool;
} call;

/* One lane of it, and what has been measured of it so far. */
typedef struct {
    const char *name;
    rl_lane lane;
    const char *csvs[RL_SESSIONS_MAX];
    size_t n_csvs;
    bool needed; /* it needs a baseline, and nothing has gone wrong with it */
    int code;
} candidate;

/* Refuses before anything is measured. Later sessions are not asked for the load: it is what the first one
 * left. */
static bool fit_to_measure(call *all)
{
    rl_here here;
    rl_error why;
    bool fit = true;
    all->in_git = rl_git_tree_read(&all->tree, all->baselines, &why) == RL_OK;
    if (!all->in_git && !all->o->allow_no_git) {
        fprintf(stderr, "refused: %s, so nobody could say what was measured (--allow-no-git)\n", why.text);
        fit = false;
    }
    if (all->in_git && !all->tree.clean && !all->o->allow_no_git) {
        fprintf(stderr, "refused: the tree has changes that are in no commit, the first is: %s\n",
                all->tree.change);
        fit = false;
    }
    if (all->o->csv != NULL || all->o->allow_load || rl_here_read(&here, NULL) != RL_OK ||
        here.env.n_load == 0)
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

/* ---- Measuring ------------------------------------------------------------------------------------- */

static void open_candidate(const call *all, const char *name, candidate *c)
{
    rl_error why;
    *c = (candidate){.name = name, .code = RL_EXIT_BROKEN};
    if (rl_lane_read(&c->lane, all->lanes, name, &why) != RL_OK) {
        fprintf(stderr, "refused: %s\n", why.text);
    } else if (!rl_lane_needs_baseline(&c->lane)) {
        printf("%s: has no gate that needs a baseline\n", name);
        c->code = RL_EXIT_PASS;
    } else {
        c->needed = true;
    }
}

/* One more session of a lane. Where it is not whole the lane is given up. */
static void measure(call *all, candidate *c, size_t session)
{
    char csv[RL_PATH_MAX];
    rl_verdict_set v;
    int caught;
    const char *dir = rl_pool_format(&all->pool, "%s/%s/session-%zu", all->o->reports, c->name, session + 1);
    rl_verdict_open(&v, c->name, false);
    fprintf(stderr, "%s: session %zu of %zu\n", c->name, session + 1, (size_t)all->o->sessions);
    const bool measured = rl_measure(&(rl_measure_plan){.lane = &c->lane,
                                                        .launches = (size_t)all->o->launches,
                                                        .bench_dir = all->o->bench_dir,
                                                        .model = all->o->model,
                                                        .dir = dir,
                                                        .progress = stderr},
                                     &v, csv, &caught);
    for (size_t i = 0; i < v.n_problems; i++)
        fprintf(stderr, "%s: refused: session %zu: %s\n", c->name, session + 1, v.problems[i]);
    c->needed = measured && v.n_problems == 0;
    if (c->needed) c->csvs[c->n_csvs++] = rl_pool_copy(&all->pool, csv, strlen(csv));
    rl_verdict_free(&v);
    if (caught != 0) raise(caught);
}

/* Lets the machine come into another state. */
static void wait_between(const call *all)
{
    const bool terminal = isatty(STDERR_FILENO);
    const unsigned long long pause = all->o->pause_s;
    if (!terminal && pause > 0) fprintf(stderr, "waiting %llu s for the next session\n", pause);
    for (unsigned long long left = pause; left > 0; left--) {
        if (terminal) fprintf(stderr, "\r\033[K%llu s to the next session", left);
        fflush(stderr);
        sleep(1);
    }
    if (terminal && pause > 0) fputs("\r\033[K", stderr);
}

/* Session by session over all lanes, so that the sessions of each lie apart; those of a lane alone are held
 * apart. */
static void measure_all(call *all, candidate *c, size_t n)
{
    for (size_t session = 0; session < all->o->sessions; session++) {
        size_t left = 0;
        for (size_t i = 0; i < n; i++) left += c[i].needed;
        if (session > 0 && left == 1) wait_between(all);
        for (size_t i = 0; i < n; i++)
            if (c[i].needed) measure(all, &c[i], session);
    }
}

/* The files of --csv, a comma between two. False where there are too many, or one has no name. */
static bool take_csvs(call *all)
{
    for (const char *at = all->o->csv; at != NULL;) {
        const size_t length = strcspn(at, ",");
        if (length == 0 || all->n_csvs == RL_SESSIONS_MAX) return false;
        all->csvs[all->n_csvs++] = rl_pool_copy(&all->pool, at, length);
        at = at[length] == ',' ? at + length + 1 : NULL;
    }
    return true;
}

/* ---- Calibrating ----------------------------------------------------------------------------------- */

/* From the CSVs to the file, or to the reasons why not. */
static int calibrate(const call *all, const candidate *lane)
{
    rl_calibration c;
    rl_error why;
    int code = RL_EXIT_BROKEN;
    rl_calibrate(&c, &(rl_calibration_plan){.lane = &lane->lane,
                                            .csvs = lane->csvs,
                                            .n_csvs = lane->n_csvs,
                                            .baselines = all->baselines,
                                            .reason = all->o->reason != NULL ? all->o->reason : "",
                                            .head = all->in_git ? all->tree.head : "",
                                            .clean = all->in_git && all->tree.clean,
                                            .any_build = all->o->allow_no_git,
                                            .now = (int64_t)time(NULL)});
    rl_calibration_show(&c, stdout);
    if (c.n_refusals == 0 && !all->o->dry_run && rl_baseline_write(&c.next, c.path, &why) != RL_OK) {
        fprintf(stderr, "%s: %s\n", lane->name, why.text);
    } else if (c.n_refusals == 0) {
        printf("%s: %s %s\n", lane->name, all->o->dry_run ? "would write" : "wrote", c.path);
        code = RL_EXIT_PASS;
    }
    rl_calibration_free(&c);
    return code;
}

static int recalibrate(call *all, const char *const *names, size_t n)
{
    int code = RL_EXIT_PASS;
    candidate *c = rl_pool_alloc(&all->pool, n * sizeof *c);
    for (size_t i = 0; i < n; i++) open_candidate(all, names[i], &c[i]);
    if (all->n_csvs == 0) {
        measure_all(all, c, n);
    } else { /* of one lane */
        memcpy(c[0].csvs, all->csvs, sizeof all->csvs);
        c[0].n_csvs = all->n_csvs;
    }
    for (size_t i = 0; i < n; i++) {
        if (c[i].needed) c[i].code = calibrate(all, &c[i]);
        code = rl_exit_worst(code, c[i].code);
        rl_lane_free(&c[i].lane);
    }
    return code;
}

static int run(const rl_command *self, int argc, char **argv)
{
    options o = {.reports = "reports", .sessions = 2, .pause_s = 60};
    call all = {.o = &o};
    const char *which, **names;
    rl_error why;
    size_t n;
    if (!rl_args_parse(self, &o, &which, argc, argv)) return RL_EXIT_BAD_USAGE;
    rl_here_baselines(all.baselines, o.baselines);
    if (!rl_path_join(all.lanes, all.baselines, "lanes"))
        return rl_bad_usage(self, "--baselines: the path is too long");
    rl_status status = rl_lane_select(all.lanes, which, &all.pool, &names, &n, &why);
    if (status == RL_OK && o.csv != NULL && n > 1)
        status = rl_fail(&why, RL_ERR_ARG, "--csv: what was measured calibrates one lane");
    if (status == RL_OK && !take_csvs(&all))
        status = rl_fail(&why, RL_ERR_ARG, "--csv: expected 1 to %d files, a comma between two",
                         (int)RL_SESSIONS_MAX);
    const int code = status != RL_OK         ? rl_bad_usage(self, "%s", why.text)
                     : !fit_to_measure(&all) ? RL_EXIT_BROKEN
                                             : recalibrate(&all, names, n);
    rl_pool_free(&all.pool);
    return code;
}

static const rl_arg args[] = {
    RL_TEXT("--reason", "TEXT", options, reason,
            "why rows may become slower or go away, or one session must do"),
    RL_NUMBER("--sessions", "N", options, sessions, 1, RL_SESSIONS_MAX,
              "measurements that lie apart in time (default: 2)"),
    RL_NUMBER("--launches", "R", options, launches, 1, RL_LAUNCHES_MAX,
              "fresh processes in each (default: as the lane says)"),
    RL_NUMBER("--pause", "S", options, pause_s, 0, 86400,
              "seconds between the sessions of one lane (default: 60)"),
    RL_TEXT("--csv", "FILE[,FILE]", options, csv, "take these sessions instead of measuring"),
    RL_FLAG("--dry-run", options, dry_run, "show what would change, write nothing"),
    RL_TEXT("--model", "FILE", options, model, "the model file, for lanes that need one"),
    RL_TEXT("--reports", "DIR", options, reports, "where the measurements go (default: reports)"),
    RL_TEXT("--baselines", "DIR", options, baselines, "where baselines and lanes/ are (default: baselines)"),
    RL_TEXT("--bench-dir", "DIR", options, bench_dir, "where the bench programs are (default: as for run)"),
    RL_FLAG("--allow-no-git", options, allow_no_git,
            "outside git, or from a tree with changes, whatever was built"),
    RL_FLAG("--allow-load", options, allow_load, "although the machine is busy"),
};

const rl_command rl_cmd_recalibrate = {
    .name = "recalibrate",
    .operand = "LANE|all",
    .summary = "measures a lane in several sessions and makes that its baseline",
    .args = args,
    .n_args = RL_COUNT(args),
    .more =
        "A session is a run of the lane's launches; the sessions of a lane lie apart in time, by the other "
        "lanes' of "
        "`all`,\n"
        "or by --pause. Each goes to DIR/<lane>/session-K/. Shows for each row the ratio to the old baseline "
        "with its "
        "95 %\n"
        "interval, and writes baselines/<machine class>/<lane>.json, whole or not at all: commit it. "
        "Refuses\n"
        "- a tree with changes (baselines aside), or a bench that was built from another commit, or from "
        "changes;\n"
        "- a machine whose load over the last minute is above 0.5 before anything is measured;\n"
        "- a session with broken rows, a portable gate that fails, or a fifth of the repetitions disturbed "
        "from "
        "outside;\n"
        "- samples of a quick run, or so few launches that a run of this lane could not prove a regression;\n"
        "- rows whose sessions differ by more than their margin: the machine was not the same machine;\n"
        "and without a --reason, which is kept in the file,\n"
        "- a single session;\n"
        "- rows that are slower than the old baseline's by a fifth of their margin beyond chance, or gone "
        "(they leave a "
        "tombstone there);\n"
        "- rows that are faster by as much, but not so in every session.\n\n"
        "  ridgeline recalibrate gemv --dry-run\n"
        "  ridgeline recalibrate all --reason \"compiler update\"\n\n"
        "exit status: 0 written, or would be; 2 refused; 64 bad usage\n",
    .run = run,
};
