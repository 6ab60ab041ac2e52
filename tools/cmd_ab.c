/* cmd_ab.c - ridgeline ab: two builds against each other, lane by lane. */
#include "ab.h"
#include "commands.h"
#include "conclude.h"
#include "gate/narrow.h"
#include "gate/reproduce.h"
#include "reports.h"

#include <inttypes.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>

enum { EXIT_SKIP = 125 }; /* git bisect run: this commit cannot be judged */

typedef struct {
    const char *old_dir, *new_dir, *lane, *rows, *margin, *model, *baselines, *report_dir;
    uint64_t budget_s, seed, false_reds;
    bool quick, bisect, all;
    rl_report_options reports;
} options;

/* What one lane needs beyond the options. */
typedef struct {
    const options *o;
    const char *baselines, *lanes;
    double margin;
} context;

/* What would compare this lane again as it is compared now. */
static const char *command_line(const options *o, const char *name, rl_pool *pool)
{
    const rl_option_text texts[] = {
        {"--old",       o->old_dir  },
        {"--new",       o->new_dir  },
        {"--lane",      name        },
        {"--margin",    o->margin   },
        {"--model",     o->model    },
        {"--baselines", o->baselines},
    };
    const char *line =
        rl_pool_format(pool, "ridgeline ab%s --budget %" PRIu64, o->quick ? " --quick" : "", o->budget_s);
    if (o->false_reds > 0) line = rl_pool_format(pool, "%s --false-reds %" PRIu64, line, o->false_reds);
    return rl_command_with(pool, line, texts, RL_COUNT(texts));
}

/* One lane to its verdict. The findings borrow from *lane. Returns the signal that ended it early, or 0. */
static int compare_lane(const context *c, const char *name, rl_lane *lane, rl_verdict_set *v)
{
    const options *o = c->o;
    char dir[RL_PATH_MAX];
    rl_verdict_open(v, name, o->quick);
    v->command = command_line(o, name, &v->pool);
    const bool readable = rl_lane_asked(lane, c->lanes, name, o->rows, v);
    const bool fits = rl_path_join(dir, o->report_dir, name) && strlen(dir) < RL_PATH_MAX - 100;
    if (!fits) rl_verdict_problem(v, "the path of the report is too long");
    if (!readable || !fits) {
        rl_conclude(&(rl_conclude_plan){.baselines = c->baselines, .report = fits ? dir : NULL}, v);
        return 0;
    }
    fprintf(stderr, "%s: seed %" PRIu64 "\n", name, o->seed);
    return rl_ab(&(rl_ab_plan){.lane = lane,
                               .old_dir = o->old_dir,
                               .new_dir = o->new_dir,
                               .model = o->model,
                               .dir = dir,
                               .margin = c->margin,
                               .level = o->false_reds > 0 ? (double)o->false_reds / 100 : lane->level,
                               .budget_s = (double)o->budget_s,
                               .seed = o->seed,
                               .progress = stderr},
                 v);
}

/* In a bisection the exit status is the result, and the report is for people: a reader of it who went away must not
 * make it another. */
static void let_go_of_output(void)
{
    if (fflush(stdout) == 0 && !ferror(stdout)) return;
    fputs("ridgeline ab: cannot write to standard output\n", stderr);
    if (freopen("/dev/null", "w", stdout) == NULL) clearerr(stdout);
}

/* For git bisect run: 1 slower, 0 shown not to be, EXIT_SKIP where neither is known. */
static int bisect_code(const rl_verdict_set *const *v, size_t n, int code)
{
    if (code == RL_EXIT_REGRESSION) return 1;
    for (size_t i = 0; i < n && code == RL_EXIT_PASS; i++)
        if (v[i]->count[RL_INCONCLUSIVE] + v[i]->count[RL_NEW] > 0) code = EXIT_SKIP;
    return code == RL_EXIT_PASS ? 0 : EXIT_SKIP;
}

static int compare_lanes(const context *c, const char *const *names, size_t n)
{
    rl_pool pool = {0};
    rl_lane *lane = rl_pool_alloc(&pool, n * sizeof *lane);
    rl_verdict_set *v = rl_pool_alloc(&pool, n * sizeof *v);
    const rl_verdict_set **shown = rl_pool_alloc(&pool, n * sizeof *shown);
    int caught = 0;
    size_t done = 0;
    while (done < n && caught == 0) {
        caught = compare_lane(c, names[done], &lane[done], &v[done]);
        shown[done] = &v[done];
        done++;
    }
    int code = rl_show(shown, done, c->o->all);
    code = rl_exit_worst(code, rl_reports_write(shown, done, &c->o->reports));
    if (c->o->bisect) {
        code = bisect_code(shown, done, code);
        let_go_of_output();
    }
    for (size_t i = 0; i < done; i++) {
        rl_verdict_free(&v[i]);
        rl_lane_free(&lane[i]);
    }
    rl_pool_free(&pool);
    if (caught != 0) {
        fflush(NULL);
        raise(caught);
    }
    return code;
}

static int run(const rl_command *self, int argc, char **argv)
{
    options o = {
        .lane = "all", .margin = "2", .budget_s = 900, .seed = rl_ab_seed(), .report_dir = "reports/ab"};
    context c = {.o = &o};
    const char **names;
    char baselines[RL_PATH_MAX], lanes[RL_PATH_MAX];
    rl_pool pool = {0};
    rl_error why;
    size_t n;
    if (!rl_args_parse(self, &o, NULL, argc, argv)) return RL_EXIT_BAD_USAGE;
    if (!rl_ab_margin(o.margin, &c.margin))
        return rl_bad_usage(self, "--margin: expected a percentage from 0.1 to 100, such as 2.5");
    rl_here_baselines(baselines, o.baselines);
    if (!rl_path_join(lanes, baselines, "lanes"))
        return rl_bad_usage(self, "--baselines: the path is too long");
    c.baselines = baselines;
    c.lanes = lanes;
    rl_status status = rl_lane_select(lanes, o.lane, &pool, &names, &n, &why);
    if (status == RL_OK && o.rows != NULL) status = rl_rows_check(o.rows, &why);
    if (status == RL_OK && o.rows != NULL && n > 1)
        status = rl_fail(&why, RL_ERR_ARG, "--rows: asks for rows of one lane");
    int code = status == RL_OK ? compare_lanes(&c, names, n) : rl_bad_usage(self, "%s", why.text);
    rl_pool_free(&pool);
    return code;
}

static const rl_arg args[] = {
    RL_TEXT_REQUIRED("--old", "DIR", options, old_dir, "a build directory or an installation: what was"),
    RL_TEXT_REQUIRED("--new", "DIR", options, new_dir, "another: what is to be judged"),
    RL_TEXT("--lane", "LANE|all", options, lane, "whose bench and rows (default: all)"),
    RL_TEXT("--rows", "ERE", options, rows,
            "only rows whose names match, instead of those that the lane selects"),
    RL_FLAG("--quick", options, quick, "as the lane's \"quick\" says: fewer rows"),
    RL_TEXT("--margin", "PCT", options, margin, "how much slower is no regression yet (default: 2)"),
    RL_NUMBER("--budget", "S", options, budget_s, 1, 1000000, "seconds for each lane (default: 900)"),
    RL_NUMBER("--false-reds", "N", options, false_reds, 1, 20,
              "expected of 100 comparisons of equal builds (default: the lane's)"),
    RL_NUMBER("--seed", "N", options, seed, 0, UINT64_MAX,
              "of the order within blocks (default: chosen, and told)"),
    RL_TEXT("--model", "FILE", options, model, "the model file, for lanes that need one"),
    RL_TEXT("--baselines", "DIR", options, baselines, "where lanes/ is (default: baselines)"),
    RL_TEXT("--report", "DIR", options, report_dir, "DIR/<lane>/ gets the report (default: reports/ab)"),
    RL_FLAG("--all", options, all, "list all numbers of every row"),
    RL_FLAG("--bisect", options, bisect,
            "exit as `git bisect run` wants it: 0 not slower, 1 slower, 125 cannot tell"),
    RL_REPORT_ARGS(options),
};

const rl_command rl_cmd_ab = {
    .name = "ab",
    .summary = "compares two builds on this machine, now, without any baseline",
    .args = args,
    .n_args = RL_COUNT(args),
    .more = "Fresh processes in blocks of six: old, new, and the old build once more (the null arm), each "
            "twice, in a\n"
            "balanced random order that drift cannot favour; all of them run the same numbers of iterations. "
            "A row is\n"
            "tested by the signs of its blocks against the margin, corrected for all rows and for every look "
            "at them. It\n"
            "is measured until a look decides it or time is up; a row found slower must be found slower "
            "again, by new\n"
            "launches alone. Where the null arm moves beyond the margin the machine cannot be trusted, and "
            "the run is\n"
            "broken (exit 2). Compared is real_time, of every row that both builds have; the lane's floors, "
            "ceilings and\n"
            "other gates are not judged: that is `ridgeline run`. DIR/<lane>/ gets verdict.json, ab.json "
            "(seed, order,\n"
            "every block) and launches/.\n\n"
            "  ridgeline ab --old build/base --new build/head --lane gemv --quick\n"
            "  ridgeline ab --old base --new head --lane gemv --rows 'q4_0/avx2' --margin 3 --budget 120\n"
            "  tools/ab-worktree.sh main HEAD --lane gemv        builds both commits first\n\n"
            "exit status, the first that applies:\n"
            "  1   a regression: slower by more than the margin, and confirmed\n"
            "  2   the measurement is broken: a row missing or failed, a bench that crashed or hung, a null "
            "arm that\n"
            "      moved, a row that seems slower without proof, or underpowered: the budget is too short to "
            "show anything\n"
            "  0   none of these\n"
            "  64  bad usage\n",
    .run = run,
};
