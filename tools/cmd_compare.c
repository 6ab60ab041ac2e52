/* cmd_compare.c - ridgeline compare: judges a CSV that is there already. */
#include "commands.h"
#include "conclude.h"
#include "gate/narrow.h"
#include "gate/reproduce.h"
#include "here.h"
#include "reports.h"

#include <stddef.h>
#include <unistd.h>

typedef struct {
    const char *lane, *csv, *baseline, *baselines, *report, *rows;
    bool quick, all;
    rl_report_options reports;
} options;

/* What would judge this CSV again as it is judged now. */
static const char *command_line(const options *o, const char *name, rl_pool *pool)
{
    const rl_option_text texts[] = {
        {"--baseline",  o->baseline },
        {"--baselines", o->baselines}
    };
    const char *line =
        rl_pool_format(pool, "ridgeline compare --lane %s --csv %s%s", rl_shell_word(pool, name),
                       rl_shell_word(pool, o->csv), o->quick ? " --quick" : "");
    return rl_command_with(pool, line, texts, RL_COUNT(texts));
}

/* An earlier verdict must not be taken for this one, should this be cut short. */
static void remove_verdict(const char *report)
{
    char path[RL_PATH_MAX];
    if (rl_path_join(path, report, "verdict.json")) unlink(path);
}

/* Opens the lane's verdict, judges, and shows it. */
static int judge(const options *o, const char *baselines, const char *lanes, const char *name)
{
    rl_lane lane;
    rl_verdict_set v;
    rl_verdict_open(&v, name, o->quick);
    v.command = command_line(o, name, &v.pool);
    v.report = o->report != NULL ? o->report : rl_pool_format(&v.pool, "reports/%s", name);
    remove_verdict(v.report);
    const bool readable = rl_lane_asked(&lane, lanes, name, o->rows, &v);
    rl_conclude(&(rl_conclude_plan){.lane = readable ? &lane : NULL,
                                    .csv = o->csv,
                                    .baseline = o->baseline,
                                    .baselines = baselines,
                                    .report = v.report},
                &v);
    const rl_verdict_set *const shown[] = {&v};
    int code = rl_show(shown, 1, o->all);
    code = rl_exit_worst(code, rl_reports_write(shown, 1, &o->reports));
    rl_verdict_free(&v);
    rl_lane_free(&lane);
    return code;
}

static int run(const rl_command *self, int argc, char **argv)
{
    options o = {0};
    rl_pool pool = {0};
    rl_error why;
    const char **names;
    size_t n;
    char baselines[RL_PATH_MAX], lanes[RL_PATH_MAX];
    if (!rl_args_parse(self, &o, NULL, argc, argv)) return RL_EXIT_BAD_USAGE;
    rl_here_baselines(baselines, o.baselines);
    if (!rl_path_join(lanes, baselines, "lanes"))
        return rl_bad_usage(self, "--baselines: the path is too long");
    rl_status status = rl_lane_select(lanes, o.lane, &pool, &names, &n, &why);
    if (status == RL_OK && n > 1) status = rl_fail(&why, RL_ERR_ARG, "--lane: one CSV is judged by one lane");
    if (status == RL_OK && o.rows != NULL) status = rl_rows_check(o.rows, &why);
    int code = status == RL_OK ? judge(&o, baselines, lanes, names[0]) : rl_bad_usage(self, "%s", why.text);
    rl_pool_free(&pool);
    return code;
}

static const rl_arg args[] = {
    RL_TEXT_REQUIRED("--lane", "NAME", options, lane, "whose gates to judge by"),
    RL_TEXT_REQUIRED("--csv", "FILE", options, csv, "what was measured, its context beside it"),
    RL_TEXT("--baseline", "FILE", options, baseline, "(default: the one for the class of machines)"),
    RL_TEXT("--baselines", "DIR", options, baselines, "where baselines and lanes/ are (default: baselines)"),
    RL_TEXT("--report", "DIR", options, report, "where verdict.json goes (default: reports/LANE)"),
    RL_TEXT("--rows", "ERE", options, rows, "judge only rows whose names match, see `ridgeline run --help`"),
    RL_FLAG("--quick", options, quick, "it was a quick run: expect what its filter selects"),
    RL_FLAG("--all", options, all, "list every row that passes a floor or a ceiling, not the closest only"),
    RL_REPORT_ARGS(options),
};

const rl_command rl_cmd_compare = {
    .name = "compare",
    .summary = "judges a CSV of a bench program by a lane's gates and baseline",
    .args = args,
    .n_args = RL_COUNT(args),
    .more = "The CSV may hold several launches (column launch); each is one observation. Where it came from "
            "is read from\n"
            "FILE.context.json, or context.json beside it, and must be of the baseline's class of machines. "
            "Portable gates\n"
            "(floors, ceilings) are judged in any case.\n\n"
            "  bench_gemv --benchmark_out=gemv.csv --benchmark_out_format=csv\n"
            "  ridgeline compare --lane gemv --csv gemv.csv\n"
            "  ridgeline compare --lane gemv --csv reports/gemv/samples.csv --report reports/gemv\n\n"
            "exit status, the first that applies:\n"
            "  1   a regression\n"
            "  2   the measurement is broken or not comparable: a row missing, doubled, failed or without "
            "meaning, a gate\n"
            "      that matches nothing, too few launches, a CSV or lane file that cannot be read\n"
            "  3   no usable baseline for this machine: none, a stale one, or one of another class, model or "
            "schema\n"
            "  0   none of these\n"
            "  64  bad usage\n",
    .run = run,
};
