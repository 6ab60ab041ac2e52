/* cmd_selftest.c - ridgeline selftest: how often the gate is wrong, and how often it sees what it should. */
#include "base/file.h"
#include "commands.h"
#include "gate/narrow.h"
#include "gate/verdict.h"
#include "rate.h"
#include "selftest_real.h"
#include "selftest_table.h"

#include <signal.h>
#include <stddef.h>

typedef struct {
    const char *generator, *report;
    const char *lane, *rows, *load, *baselines, *bench_dir, *model;
    uint64_t runs, seed, size, launches, sigma, margin, inject, slower, amplitude, hours, budget;
    bool synthetic, rules, sweep, ab;
} options;

enum { UNSET = 1000000 }; /* of a percentage that may be 0 */

static int exit_of(rl_kept kept)
{
    static const int codes[] = {
        [RL_KEPT] = RL_EXIT_PASS, [RL_KEPT_UNKNOWN] = RL_EXIT_BROKEN, [RL_KEPT_NOT] = RL_EXIT_REGRESSION};
    return codes[kept];
}

/* ---- Short ----------------------------------------------------------------------------------------- */

static int synthetic(const rl_command *self, const options *o)
{
    char csv[RL_PATH_MAX];
    rl_kept kept;
    rl_error why;
    rl_selftest_table_plan plan = {
        .plan = {.sigma = 0.01 * (double)o->sigma,
                 .margin = 0.01 * (double)(o->margin > 0 ? o->margin : 25),
                 .false_reds = 1,
                 .slowdown = 0.01 * (double)o->inject,
                 .rows = (size_t)o->size,
                 .launches = (size_t)(o->launches > 0 ? o->launches : 10),
                 .seed = o->seed,
                 .rules = o->rules},
        .amplitude = o->amplitude == UNSET ? -1 : 0.01 * (double)o->amplitude,
        .runs = (size_t)(o->runs > 0 ? o->runs : 10000),
        .sweep = o->sweep,
    };
    if (o->generator != NULL && (plan.only = rl_noise_kind_find(o->generator)) == NULL)
        return rl_bad_usage(self, "--generator: there is none of that name; see --help");
    if (o->amplitude != UNSET && plan.only == NULL)
        return rl_bad_usage(self, "--amplitude: means something else for every generator: name one");
    if (plan.only != NULL && plan.only->amplitude_is == NULL && o->amplitude != UNSET)
        return rl_bad_usage(self, "--amplitude: %s has none", plan.only->name);
    if (plan.only != NULL && plan.amplitude > plan.only->most)
        return rl_bad_usage(self, "--amplitude: %s has at most %g %% (%s)", plan.only->name,
                            100 * plan.only->most, plan.only->amplitude_is);
    if (o->report != NULL) {
        if (rl_make_dirs(o->report, &why) != RL_OK) return rl_bad_usage(self, "--report: %s", why.text);
        if (!rl_path_join(csv, o->report, "selftest.csv"))
            return rl_bad_usage(self, "--report: the path is too long");
        plan.csv = csv;
    }
    if (rl_selftest_table(&plan, stdout, &kept, &why) != RL_OK) {
        fprintf(stderr, "selftest: %s\n", why.text);
        return RL_EXIT_BROKEN;
    }
    printf("\n%s\n", rl_kept_text(kept));
    return exit_of(kept);
}

/* ---- Long ------------------------------------------------------------------------------------------ */

/* So few runs that chance explains more reds than allowed show no more than that: so the number itself, of both
 * kinds together, must not be above what is allowed either. */
static rl_kept show_real(const rl_selftest_count count[2], double allowed)
{
    const rl_rate all = rl_rate_of(count[0].red + count[1].red, count[0].same + count[1].same);
    rl_kept kept = all.n == 0 ? RL_KEPT_UNKNOWN : all.value > allowed ? RL_KEPT_NOT : RL_KEPT;
    for (int loaded = 0; loaded < 2; loaded++) {
        const rl_selftest_count *c = &count[loaded];
        const rl_rate red = rl_rate_of(c->red, c->same), found = rl_rate_of(c->found, c->slower);
        if (c->same + c->slower == 0) continue;
        printf("%s: %zu of %zu runs with nothing changed were red (%.3g to %.3g %%), %zu of %zu slower rows "
               "found "
               "(%.3g to %.3g %%), %zu runs ended with exit 2 or 3\n",
               loaded ? "under load" : "no load", red.k, red.n, 100 * red.low, 100 * red.high, found.k,
               found.n, 100 * found.low, 100 * found.high, c->broken);
        const rl_kept own = rl_rate_kept(c->red, c->judged, c->same, allowed);
        if (own > kept) kept = own;
    }
    return kept;
}

static int real(const rl_command *self, const options *o)
{
    char baselines[RL_PATH_MAX], lanes[RL_PATH_MAX], dir[RL_PATH_MAX];
    int caught = 0;
    rl_error why;
    rl_lane lane;
    rl_selftest_count count[2] = {0};
    rl_here_baselines(baselines, o->baselines);
    if (!rl_path_join(lanes, baselines, "lanes"))
        return rl_bad_usage(self, "--baselines: the path is too long");
    if (!rl_plain_name(o->lane)) return rl_bad_usage(self, "--lane: expected the name of one lane");
    rl_status status = rl_lane_read(&lane, lanes, o->lane, &why);
    if (status == RL_OK && o->rows != NULL) status = rl_lane_narrow(&lane, o->rows, &why);
    if (status == RL_OK && !o->ab && !rl_lane_needs_baseline(&lane))
        status = rl_fail(&why, RL_ERR_ARG, "lane %s has no gate that compares with a baseline", o->lane);
    snprintf(dir, sizeof dir, "reports/selftest-%.200s", o->lane);
    if (status == RL_OK)
        status = rl_selftest_real(
            &(rl_selftest_real_plan){.lane = &lane,
                                     .rows = o->rows != NULL ? o->rows : "",
                                     .margin = 0.01 * (double)(o->ab && o->margin == 0 ? 2 : o->margin),
                                     .slowdown = 0.01 * (double)o->inject,
                                     .slower = 0.01 * (double)o->slower,
                                     .ab = o->ab,
                                     .budget_s = (double)o->budget,
                                     .rules = o->rules,
                                     .launches = (size_t)o->launches,
                                     .runs = (size_t)o->runs,
                                     .hours = o->hours > 0 ? (double)o->hours : 1e6,
                                     .seed = o->seed,
                                     .load = o->load,
                                     .bench_dir = o->bench_dir,
                                     .model = o->model,
                                     .dir = o->report != NULL ? o->report : dir},
            count, &caught, &why);
    if (status != RL_OK) fprintf(stderr, "selftest: %s\n", why.text);
    const rl_kept kept = show_real(count, lane.level);
    if (status == RL_OK) puts(rl_kept_text(kept));
    rl_lane_free(&lane);
    if (caught != 0) {
        fflush(NULL);
        raise(caught);
    }
    return status == RL_OK ? exit_of(kept) : RL_EXIT_BROKEN;
}

static int run(const rl_command *self, int argc, char **argv)
{
    options o = {.seed = 1, .size = 40, .sigma = 3, .inject = 10, .amplitude = UNSET, .budget = 60};
    if (!rl_args_parse(self, &o, NULL, argc, argv)) return RL_EXIT_BAD_USAGE;
    if (o.lane != NULL && (o.synthetic || o.generator != NULL || o.sweep))
        return rl_bad_usage(self, "--lane measures; it does not go with --synthetic, --generator, --sweep");
    if (o.lane == NULL && (o.rows != NULL || o.load != NULL || o.hours > 0 || o.ab || o.slower > 0))
        return rl_bad_usage(self, "--rows, --load, --hours, --ab and --slower need a --lane to measure");
    if (o.ab && o.launches > 0)
        return rl_bad_usage(self, "--launches: builds are compared in as many as it takes; see --budget");
    if (o.lane != NULL && o.hours == 0 && o.runs == 0)
        return rl_bad_usage(self, "--lane: say how long, with --hours or --runs");
    return o.lane != NULL ? real(self, &o) : synthetic(self, &o);
}

static const rl_arg args[] = {
    RL_FLAG("--synthetic", options, synthetic, "made-up samples; so it is without --lane"),
    RL_TEXT("--generator", "G", options, generator, "this kind of noise only (default: all)"),
    RL_NUMBER("--amplitude", "PCT", options, amplitude, 0, 10000,
              "how large what G adds is (default: its own)"),
    RL_NUMBER("--sigma", "PCT", options, sigma, 0, 100, "spread of launches (default: 3)"),
    RL_NUMBER("--size", "M", options, size, 1, 10000, "rows of the made-up lane (default: 40)"),
    RL_FLAG("--sweep", options, sweep, "then false reds as a function of the amplitude"),
    RL_FLAG("--rules", options, rules, "ask other tools' rules about the same samples"),
    RL_TEXT("--lane", "L", options, lane, "measure this lane instead"),
    RL_NUMBER("--hours", "H", options, hours, 1, 1000, "for so long"),
    RL_TEXT("--rows", "ERE", options, rows, "rows of that lane, as in `ridgeline run`"),
    RL_TEXT("--load", "COMMAND", options, load, "a shell command that runs during half of the runs"),
    RL_NUMBER("--runs", "N", options, runs, 1, 100000000, "(default: 10000 made up; measured, no limit)"),
    RL_NUMBER("--launches", "R", options, launches, 1, RL_LAUNCHES_MAX, "of a run (default: 10; the lane's)"),
    RL_NUMBER("--margin", "PCT", options, margin, 1, 100, "of relative gates (default: 25; the lane's)"),
    RL_NUMBER("--inject", "PCT", options, inject, 1, 500, "slowdown beyond the margin (default: 10)"),
    RL_NUMBER("--slower", "PCT", options, slower, 1, 500, "or this slowdown in all, of a lane"),
    RL_FLAG("--ab", options, ab, "the lane's build against itself, as `ridgeline ab` compares (margin 2)"),
    RL_NUMBER("--budget", "S", options, budget, 1, 1000000, "seconds of a run, with --ab (default: 60)"),
    RL_NUMBER("--seed", "S", options, seed, 0, UINT64_MAX, "(default: 1)"),
    RL_TEXT("--report", "DIR", options, report, "gets selftest.csv; of a lane the log (reports/selftest-L)"),
    RL_TEXT("--baselines", "DIR", options, baselines, "where lanes/ is (default: baselines)"),
    RL_TEXT("--bench-dir", "DIR", options, bench_dir, "where the bench programs are (default: as for run)"),
    RL_TEXT("--model", "FILE", options, model, "the model file, for a lane that needs one"),
};

const rl_command rl_cmd_selftest = {
    .name = "selftest",
    .summary = "judges the gate: its false reds, and what it finds, with intervals",
    .args = args,
    .n_args = RL_COUNT(args),
    .more =
        "Without --lane: made-up lane runs from a seed go through the gate. Noise between launches is "
        "lognormal, and "
        "on\n"
        "top of it what the generator adds, as large as the amplitude says (in percent):\n"
        "  lognormal       nothing\n"
        "  bimodal         3 launches in 10 are slower by 15\n"
        "  heavy           1 launch in 20 is longer, by 50 on average\n"
        "  autocorrelated  each row's launches resemble their neighbours, correlation 80\n"
        "  drift           the machine gets slower or faster, by at most 5 from first to last launch\n"
        "  common          all rows of a session or run shift together, standard deviation 5\n"
        "Of the first three, launches of baseline and run are exchangeable: the rate of false reds holds "
        "even where "
        "every\n"
        "row is slower by just the margin. The others can exceed a margin smaller than themselves: --sweep "
        "shows "
        "where.\n\n"
        "With --lane: a baseline of its own in two sessions, then runs of the lane, every other one with a "
        "row that "
        "was\n"
        "made slower (bench flag --inject). DIR/log.csv has a line a run, DIR/samples/ what each measured; "
        "the "
        "same\n"
        "command goes on where it ended. With --ab it needs no baseline: two builds are compared that are "
        "the same "
        "but for\n"
        "that row.\n\n"
        "  ridgeline selftest --runs 1000\n"
        "  ridgeline selftest --rules --margin 5 --report reports/selftest\n"
        "  ridgeline selftest --lane gemv --rows 'q4_0/avx512/.*/hot' --hours 2 --load 'yes >/dev/null'\n"
        "  ridgeline selftest --lane gemv --rows 'q4_0/avx512/5632x2048/hot' --ab --slower 5 --runs 200\n\n"
        "exit status: 0 the rate of false reds is kept; 1 it is not: the interval lies above what the lane "
        "allows,\n"
        "or measured runs are red more often than that; 2 it could not be found out, or fewer than half of "
        "the "
        "runs with\n"
        "nothing changed came to a verdict; 64 bad usage\n",
    .run = run,
};
