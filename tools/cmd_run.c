/* cmd_run.c - ridgeline run: measures lanes and judges them. */
#include "base/file.h"
#include "commands.h"
#include "conclude.h"
#include "gate/narrow.h"
#include "gate/reproduce.h"
#include "measure.h"
#include "reports.h"

#include <signal.h>
#include <stddef.h>
#include <string.h>

typedef struct {
    const char *bench_dir, *report_dir, *baselines, *model, *vocab, *rows;
    uint64_t launches;
    bool quick, all;
    rl_report_options reports;
} options;

/* What would run this lane again as it is run now. */
static const char *command_line(const options *o, const char *name, rl_pool *pool)
{
    const rl_option_text texts[] = {
        {"--model",     o->model    },
        {"--vocab",     o->vocab    },
        {"--baselines", o->baselines},
        {"--bench-dir", o->bench_dir}
    };
    const char *line =
        rl_pool_format(pool, "ridgeline run %s%s", rl_shell_word(pool, name), o->quick ? " --quick" : "");
    if (o->launches > 0) line = rl_pool_format(pool, "%s --launches %zu", line, (size_t)o->launches);
    return rl_command_with(pool, line, texts, RL_COUNT(texts));
}

/* One lane from its file to its verdict. The findings borrow from *lane. Returns the signal that ended it
 * early, or 0. */
static int run_lane(const options *o, const char *baselines, const char *lanes, const char *name,
                    rl_lane *lane, rl_verdict_set *v)
{
    int caught = 0;
    char dir[RL_PATH_MAX], csv[RL_PATH_MAX];
    bool measured = false;
    rl_verdict_open(v, name, o->quick);
    v->command = command_line(o, name, &v->pool);
    const bool readable = rl_lane_asked(lane, lanes, name, o->rows, v);
    const bool fits = rl_path_join(dir, o->report_dir, name);
    if (fits) v->report = rl_pool_copy(&v->pool, dir, strlen(dir));
    if (!fits) rl_verdict_problem(v, "the path of the report is too long");
    if (readable && fits)
        measured = rl_measure(&(rl_measure_plan){.lane = lane,
                                                 .quick = o->quick,
                                                 .launches = (size_t)o->launches,
                                                 .bench_dir = o->bench_dir,
                                                 .model = lane->model.optional ? o->vocab : o->model,
                                                 .companion = true,
                                                 .dir = dir,
                                                 .progress = stderr},
                              v, csv, &caught);
    rl_conclude(&(rl_conclude_plan){.lane = readable ? lane : NULL,
                                    .csv = measured ? csv : NULL,
                                    .baselines = baselines,
                                    .report = fits ? dir : NULL},
                v);
    return caught;
}

static int run_lanes(const options *o, const char *baselines, const char *lanes, const char *const *names,
                     size_t n)
{
    rl_pool pool = {0};
    rl_lane *lane = rl_pool_alloc(&pool, n * sizeof *lane);
    rl_verdict_set *v = rl_pool_alloc(&pool, n * sizeof *v);
    const rl_verdict_set **shown = rl_pool_alloc(&pool, n * sizeof *shown);
    int caught = 0;
    size_t done = 0;
    while (done < n && caught == 0) {
        caught = run_lane(o, baselines, lanes, names[done], &lane[done], &v[done]);
        shown[done] = &v[done];
        done++;
    }
    int code = rl_show(shown, done, o->all);
    code = rl_exit_worst(code, rl_reports_write(shown, done, &o->reports));
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
    options o = {.report_dir = "reports"};
    const char *which, **names;
    char baselines[RL_PATH_MAX], lanes[RL_PATH_MAX];
    rl_pool pool = {0};
    rl_error why;
    size_t n;
    if (!rl_args_parse(self, &o, &which, argc, argv)) return RL_EXIT_BAD_USAGE;
    rl_here_baselines(baselines, o.baselines);
    if (!rl_path_join(lanes, baselines, "lanes"))
        return rl_bad_usage(self, "--baselines: the path is too long");
    rl_status status = rl_lane_select(lanes, which, &pool, &names, &n, &why);
    if (status == RL_OK && o.rows != NULL) status = rl_rows_check(o.rows, &why);
    if (status == RL_OK && o.rows != NULL && n > 1)
        status = rl_fail(&why, RL_ERR_ARG, "--rows: asks for rows of one lane");
    int code =
        status == RL_OK ? run_lanes(&o, baselines, lanes, names, n) : rl_bad_usage(self, "%s", why.text);
    rl_pool_free(&pool);
    return code;
}

static const rl_arg args[] = {
    RL_FLAG("--quick", options, quick, "as the lane's \"quick\" says: fewer launches, fewer rows"),
    RL_FLAG("--all", options, all, "list every row that passes a floor or a ceiling, not the closest only"),
    RL_NUMBER("--launches", "R", options, launches, 1, RL_LAUNCHES_MAX,
              "fresh processes (default: as the lane says)"),
    RL_TEXT("--rows", "ERE", options, rows,
            "only rows whose names match, instead of those that the lane selects"),
    RL_TEXT("--model", "FILE", options, model, "the model file, for lanes that need one"),
    RL_TEXT("--vocab", "FILE", options, vocab,
            "the file with the vocabulary, for lanes that can take one (default: their own)"),
    RL_TEXT("--reports", "DIR", options, report_dir, "where reports go (default: reports)"),
    RL_TEXT("--baselines", "DIR", options, baselines, "where baselines and lanes/ are (default: baselines)"),
    RL_TEXT("--bench-dir", "DIR", options, bench_dir, "where the bench programs are (default: see below)"),
    RL_REPORT_ARGS(options),
};

const rl_command rl_cmd_run = {
    .name = "run",
    .operand = "LANE|all",
    .summary = "runs a lane's bench program and judges what it measured",
    .args = args,
    .n_args = RL_COUNT(args),
    .more =
        "Every launch is a fresh process and one observation. DIR/<lane>/ gets samples.csv, context.json "
        "and\n"
        "verdict.json, the last also where something broke. `all` runs every lane there is; the worst of "
        "them is the\n"
        "exit status. Baselines are looked for in baselines/ of the working directory, else where they "
        "were installed;\n"
        "bench programs beside ridgeline, else in ../micro and ../e2e from there. A lane that needs a "
        "model takes\n"
        "models/<preset>-<format>.gguf unless --model says otherwise.\n\n"
        "--rows measures and judges only rows whose names it matches, a POSIX ERE that searches. It takes "
        "the "
        "place of the\n"
        "lane's own filters, so that it may also name a row which the lane leaves out; other rows are not "
        "expected, and\n"
        "gates without a row do not apply. Every verdict that is no pass says the command that repeats it "
        "for its row.\n\n"
        "  ridgeline run gemv\n"
        "  ridgeline run all --quick --junit gate.xml --markdown gate.md\n"
        "  ridgeline run gemv --rows '^gemv/q4_0/avx512/'\n\n"
        "In a GitHub workflow (GITHUB_ACTIONS=true) annotations are printed unasked, and the page of "
        "Markdown "
        "is added\n"
        "to the job's summary.\n\n"
        "exit status, the first that applies:\n"
        "  1   a regression\n"
        "  2   the measurement is broken: a bench that crashed, hung or wrote garbage, or anything for "
        "which\n"
        "      `ridgeline compare` exits with 2\n"
        "  3   no usable baseline for this machine: none, a stale one, or one of another class, model or "
        "schema\n"
        "  0   none of these\n"
        "  64  bad usage\n",
    .run = run,
};
