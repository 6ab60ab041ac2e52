/* test_suite.c - names, flags, filters, exit codes, and the order in which repetitions run. */
#include "util_bench.h"
#include "util_guard.h"

#include "perf/opts.h"
#include "perf/suite.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Names, flags, filters ---- */

static void names_follow_the_grammar(void **state)
{
    (void)state;
    static const struct {
        rl_case c;
        const char *name;
    } rows[] = {
        {{.name = "gemv/q4_0"},                         "gemv/q4_0"                  },
        {{.name = "a", .threads = 1},                   "a/threads:1"                },
        {{.name = "a", .threads = 16, .min_time = 1.5}, "a/min_time:1.500/threads:16"},
        {{.name = "a",
          .min_warmup_time = 0.25,
          .iterations = 12,
          .repetitions = 3,
          .manual_time = true,
          .threads = 2},
         "a/min_warmup_time:0.250/iterations:12/repeats:3/manual_time/threads:2"     },
    };
    for (size_t i = 0; i < RL_COUNT(rows); i++) {
        char *name = rl_full_name(&rows[i].c);
        assert_string_equal(name, rows[i].name);
        free(name);
    }
}

static void expect_refused(const rl_case *c)
{
    util_suite u;
    util_suite_open(&u, NULL, NULL);
    util_work w = util_work_of(&u, UTIL_MS);
    assert_int_equal(rl_suite_add(u.s, &(rl_case){.name = "good", .run = util_run, .arg = &w}), RL_OK);
    rl_suite_add(u.s, c);
    if (util_suite_run(&u) != RL_EXIT_USAGE) fail_msg("case '%s' was accepted", c->name);
    assert_non_null(strstr(u.err, "prog: error: "));
    assert_int_equal(w.n_batches, 0);
    util_suite_free(&u);
}

static void bad_cases_are_refused(void **state)
{
    (void)state;
    char long_name[900];
    memset(long_name, 'x', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    /* What each has beyond a name and something to run. */
    const rl_case bad[] = {
        {.iterations = 5, .min_time = 1},
        {.min_time = -1              },
        {.min_time = NAN},
        {.bytes = INFINITY              },
        {.threads = 100000},
        {.reference = "nobody"              }, /* found when it runs */
        {.bandwidth_yardstick = "nobody"},
        {.context_yardstick = "nobody"              },
    };
    for (size_t i = 0; i < RL_COUNT(bad); i++) {
        rl_case c = bad[i];
        c.name = "a";
        c.run = util_run;
        expect_refused(&c);
    }
    const char *const names[] = {NULL,   "",    "a b",      "a,b",     "a\"b", "a'b",
                                 "a\\b", "a\n", "\xc3\xa9", long_name, "good"};
    for (size_t i = 0; i < RL_COUNT(names); i++)
        expect_refused(&(rl_case){.name = names[i], .run = util_run});
    expect_refused(&(rl_case){.name = "a"});
}

static void bad_yardsticks_are_refused(void **state)
{
    (void)state;
    const rl_yardstick bad[] = {
        {.name = NULL,     .run = util_run,   .bytes = 1},
        {.name = "y",      .bytes = 1       },
        {.name = "y", .run = util_run                 },
        {.name = "y",      .run = util_run,             .bytes = 1,           .flops = 1},
        {.name = "y", .run = util_run, .bytes = INFINITY},
    };
    for (size_t i = 0; i < RL_COUNT(bad); i++) {
        util_suite u;
        util_suite_open(&u, NULL, NULL);
        assert_int_equal(rl_suite_add_yardstick(u.s, &bad[i]), RL_ERR_ARG);
        assert_int_equal(util_suite_run(&u), RL_EXIT_USAGE);
        util_suite_free(&u);
    }
}

/* Opens with one flag; returns the exit code, and what was said. */
static int open_with(util_suite *u, const char *flag)
{
    util_suite_open(u, NULL, UTIL_ARGS(flag));
    return u->s == NULL ? u->exit_code : -1;
}

static void bad_flags_are_bad_usage(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "--nope",
        "--benchmark_filterx=a",
        "-v",
        "stray",
        "",
        "--benchmark_filter",
        "--benchmark_repetitions=0",
        "--benchmark_repetitions=-1",
        "--benchmark_repetitions=1000001",
        "--benchmark_repetitions=3x",
        "--benchmark_repetitions=",
        "--benchmark_min_time=abc",
        "--benchmark_min_time=",
        "--benchmark_min_time=-1s",
        "--benchmark_min_time=nan",
        "--benchmark_min_time=inf",
        "--benchmark_min_time=1e999",
        "--benchmark_min_time=0x",
        "--benchmark_min_time=x",
        "--benchmark_min_time=1.5x",
        "--benchmark_min_time=99999999999999999999x",
        "--benchmark_min_time=1sx",
        "--benchmark_min_warmup_time=-0.1",
        "--benchmark_min_warmup_time=soon",
        "--benchmark_format=xml",
        "--benchmark_out_format=tsv",
        "--benchmark_time_unit=h",
        "--benchmark_context=novalue",
        "--benchmark_context==v",
        "--benchmark_context=a=b,c",
        "--benchmark_seed=-3",
        "--launch=first",
        "--launch=18446744073709551616",
        "--v=loud",
        "--benchmark_perf_counters=a,,b",
    };
    for (size_t i = 0; i < RL_COUNT(bad); i++) {
        util_suite u;
        if (open_with(&u, bad[i]) != RL_EXIT_USAGE) fail_msg("'%s' was accepted", bad[i]);
        if (strncmp(u.err, "prog: error: ", 13) != 0) fail_msg("'%s' says: %s", bad[i], u.err);
        util_suite_free(&u);
    }
}

static void good_flags_are_understood(void **state)
{
    (void)state;
    static char *const argv[] = {
        (char *)(uintptr_t) "prog",
        (char *)(uintptr_t) "--benchmark_filter=a=b",
        (char *)(uintptr_t) "--benchmark_min_time=2.5",
        (char *)(uintptr_t) "--benchmark_min_warmup_time=.5s",
        (char *)(uintptr_t) "--benchmark_repetitions=7",
        (char *)(uintptr_t) "--benchmark_dry_run=off",
        (char *)(uintptr_t) "--benchmark_enable_random_interleaving",
        (char *)(uintptr_t) "--benchmark_counters_tabular=YES",
        (char *)(uintptr_t) "--benchmark_seed=18446744073709551615",
        (char *)(uintptr_t) "--benchmark_context=k=v=w,l=",
        (char *)(uintptr_t) "--benchmark_context=k=other",
        (char *)(uintptr_t) "--launch=12",
        (char *)(uintptr_t) "--isa=avx2",
    };
    rl_flag flags[] = {
        {"isa",   "all", "which tiers",           false},
        {"cache", "hot", "where the weights are", false},
    };
    rl_options o;
    rl_error err = {0};
    if (rl_options_parse(&o, RL_COUNT(argv), (char **)(uintptr_t)argv, flags, RL_COUNT(flags), &err) != RL_OK)
        fail_msg("%s", err.text);
    assert_string_equal(o.filter, "a=b");
    assert_true(o.min_time.seconds == 2.5 && o.min_time.iterations == 0 && o.min_time.bare);
    assert_true(o.min_warmup_time == 0.5);
    assert_int_equal(o.repetitions, 7);
    assert_false(o.dry_run);
    assert_true(o.interleave);
    assert_true(o.counters_tabular);
    assert_true(o.seed == UINT64_MAX);
    assert_int_equal(o.n_context, 2);
    assert_string_equal(o.context[0].value, "other");
    assert_string_equal(o.context[1].value, "");
    assert_int_equal(o.launch, 12);
    assert_string_equal(flags[0].value, "avx2");
    assert_string_equal(flags[1].value, "hot");
    assert_string_equal(o.out_format, "json");
}

static void environment_gives_defaults_and_the_command_line_wins(void **state)
{
    (void)state;
    rl_flag flags[] = {
        {"cache", "all", "where the weights are", false},
        {"isa",   "all", "which tiers",           true }, /* RL_ISA is not its default */
    };
    rl_options o;
    rl_error err = {0};
    char *argv[] = {(char *)(uintptr_t) "prog", (char *)(uintptr_t) "--benchmark_repetitions=2"};
    setenv("BENCHMARK_REPETITIONS", "9", 1);
    setenv("BENCHMARK_MIN_TIME", "10x", 1);
    setenv("RL_LAUNCH", "4", 1);
    setenv("RL_CACHE", "cold", 1);
    setenv("RL_ISA", "scalar", 1);
    rl_status status = rl_options_parse(&o, 2, argv, flags, RL_COUNT(flags), &err);
    setenv("BENCHMARK_MIN_TIME", "ten", 1);
    rl_options bad;
    rl_status refused = rl_options_parse(&bad, 2, argv, flags, RL_COUNT(flags), &err);
    unsetenv("BENCHMARK_REPETITIONS");
    unsetenv("BENCHMARK_MIN_TIME");
    unsetenv("RL_LAUNCH");
    unsetenv("RL_CACHE");
    unsetenv("RL_ISA");
    assert_int_equal(status, RL_OK);
    assert_int_equal(o.repetitions, 2);
    assert_int_equal(o.min_time.iterations, 10);
    assert_int_equal(o.launch, 4);
    assert_string_equal(flags[0].value, "cold");
    assert_string_equal(flags[1].value, "all");
    assert_int_equal(refused, RL_ERR_ARG);
    assert_non_null(strstr(err.text, "BENCHMARK_MIN_TIME='ten'"));
}

static void help_lists_every_flag_and_succeeds(void **state)
{
    (void)state;
    rl_flag flags[] = {
        {"isa", "all", "which tiers", false}
    };
    static const char *const names[] = {
        "--isa=<value>",
        "[all]",
        "--benchmark_list_tests",
        "--benchmark_filter",
        "--benchmark_min_time",
        "[0.5s]",
        "--benchmark_iterations_from",
        "--benchmark_min_warmup_time",
        "--benchmark_repetitions",
        "--benchmark_dry_run",
        "--benchmark_enable_random_interleaving",
        "--benchmark_seed",
        "--benchmark_report_aggregates_only",
        "--benchmark_display_aggregates_only",
        "--benchmark_format",
        "--benchmark_out=",
        "--benchmark_out_format",
        "--benchmark_color",
        "--benchmark_counters_tabular",
        "--benchmark_perf_counters",
        "--benchmark_context",
        "--benchmark_time_unit",
        "--launch",
        "--v",
        "--help",
    };
    util_suite u;
    util_suite_open(&u, &(util_options){.flags = flags, .n_flags = 1}, UTIL_ARGS("--help"));
    assert_null(u.s);
    assert_int_equal(u.exit_code, RL_EXIT_OK);
    for (size_t i = 0; i < RL_COUNT(names); i++)
        if (strstr(u.out, names[i]) == NULL) fail_msg("--help lacks %s", names[i]);
    util_suite_free(&u);
}

/* The names a filter leaves, joined by spaces. */
static void expect_selected(const char *filter, int exit_code, const char *names)
{
    util_suite u;
    char flag[128], got[256] = "";
    snprintf(flag, sizeof flag, "--benchmark_filter=%s", filter);
    util_suite_open(&u, NULL, UTIL_ARGS(flag, "--benchmark_list_tests"));
    static const char *const all[] = {"gemv/q4_0", "gemv/q8_0", "gemm/q4_0"};
    for (size_t i = 0; i < RL_COUNT(all); i++) rl_suite_add(u.s, &(rl_case){.name = all[i], .run = util_run});
    assert_int_equal(util_suite_run(&u), exit_code);
    snprintf(got, sizeof got, "%s", u.out);
    for (char *at = got; *at != '\0'; at++)
        if (*at == '\n') *at = ' ';
    assert_string_equal(got, names);
    util_suite_free(&u);
}

static void filter_searches_negates_and_knows_all(void **state)
{
    (void)state;
    expect_selected("", RL_EXIT_OK, "gemv/q4_0 gemv/q8_0 gemm/q4_0 ");
    expect_selected("all", RL_EXIT_OK, "gemv/q4_0 gemv/q8_0 gemm/q4_0 ");
    expect_selected("q4", RL_EXIT_OK, "gemv/q4_0 gemm/q4_0 ");
    expect_selected("^gemv/q(4|8)_0$", RL_EXIT_OK, "gemv/q4_0 gemv/q8_0 ");
    expect_selected("-gemv", RL_EXIT_OK, "gemm/q4_0 ");
    expect_selected("nothing", RL_EXIT_USAGE, "");
    expect_selected("-.", RL_EXIT_USAGE, "");
    expect_selected("(", RL_EXIT_USAGE, "");
}

static void suite_without_cases_is_bad_usage(void **state)
{
    (void)state;
    util_suite u;
    util_suite_open(&u, NULL, NULL);
    assert_int_equal(util_suite_run(&u), RL_EXIT_USAGE);
    assert_int_equal(rl_suite_usage(u.s, "--isa: %s", "unknown"), RL_EXIT_USAGE);
    fflush(u.err_stream);
    assert_non_null(strstr(u.err, "prog: error: the program's own flags leave no benchmark to run\n"));
    assert_non_null(strstr(u.err, "prog: error: --isa: unknown\n"));
    util_suite_free(&u);
}

static void what_a_program_cannot_have_is_a_failure_and_not_bad_usage(void **state)
{
    (void)state;
    util_suite u;
    util_suite_open(&u, NULL, NULL);
    assert_int_equal(rl_suite_failed(u.s, "%s: cannot open", "m.gguf"), RL_EXIT_FAILED);
    fflush(u.err_stream);
    assert_non_null(strstr(u.err, "prog: error: m.gguf: cannot open\n"));
    util_suite_free(&u);
}

static void clock_that_stands_still_opens_no_suite(void **state)
{
    (void)state;
    util_clock stuck = {0};
    rl_clock table = util_clock_table(&stuck);
    char *argv[] = {(char *)(uintptr_t) "prog"};
    int exit_code;
    FILE *sink = fopen("/dev/null", "w");
    assert_null(rl_suite_open(
        &(rl_suite_config){.family = "t", .argc = 1, .argv = argv, .out = sink, .err = sink, .clock = &table},
        &exit_code));
    assert_int_equal(exit_code, RL_EXIT_FAILED);
    fclose(sink);
}

/* ---- Order ---- */

/* The order of repetitions as a string of case numbers. */
typedef struct {
    util_work w;
    char digit;
    char *order;
} ordered;

static void ordered_run(rl_state *st)
{
    ordered *o = st->arg;
    o->order[strlen(o->order)] = o->digit;
    if (rl_state_next(st)) {
        atomic_fetch_add(&o->w.clock->now, o->w.ns * (int64_t)st->iterations);
        st->left = 0;
    }
    rl_state_next(st);
}

static rl_status ordered_setup(void *arg, rl_error *err) { return util_setup(&((ordered *)arg)->w, err); }
static void ordered_teardown(void *arg) { util_teardown(&((ordered *)arg)->w); }
static rl_status ordered_verify(void *arg, double *e, rl_error *err)
{
    return util_verify(&((ordered *)arg)->w, e, err);
}

static void run_ordered(const char *seed, char order[64], int *setups, int *verifies)
{
    util_suite u;
    ordered cases[4];
    static const char *const names[] = {"a", "b", "c", "d"};
    memset(order, 0, 64);
    util_suite_open(&u, NULL,
                    UTIL_ARGS("--benchmark_repetitions=5", "--benchmark_min_time=1x",
                              "--benchmark_enable_random_interleaving", seed));
    for (size_t i = 0; i < 4; i++) {
        cases[i] = (ordered){util_work_of(&u, UTIL_MS), (char)('0' + i), order};
        rl_suite_add(u.s, &(rl_case){.name = names[i],
                                     .run = ordered_run,
                                     .arg = &cases[i],
                                     .setup = ordered_setup,
                                     .teardown = ordered_teardown,
                                     .verify = ordered_verify});
    }
    assert_int_equal(util_suite_run(&u), RL_EXIT_OK);
    *setups = *verifies = 0;
    for (size_t i = 0; i < 4; i++) {
        *setups += cases[i].w.setups;
        *verifies += cases[i].w.verifies;
        assert_int_equal(cases[i].w.setups, cases[i].w.teardowns);
    }
    util_suite_free(&u);
}

static void interleaving_shuffles_by_its_seed(void **state)
{
    (void)state;
    char one[64], again[64], two[64];
    int setups, verifies, count[4] = {0};
    run_ordered("--benchmark_seed=1", one, &setups, &verifies);
    assert_int_equal(strlen(one), 20);
    for (size_t i = 0; i < 20; i++) count[one[i] - '0']++;
    for (size_t i = 0; i < 4; i++) assert_int_equal(count[i], 5);
    assert_string_not_equal(one, "00000111112222233333");
    int changes = 1;
    for (size_t i = 1; i < 20; i++) changes += one[i] != one[i - 1];
    assert_int_equal(setups,
                     changes);     /* a case is set up when its turn comes, and left when another's does */
    assert_int_equal(verifies, 4); /* and verified once */
    run_ordered("--benchmark_seed=1", again, &setups, &verifies);
    assert_string_equal(one, again);
    run_ordered("--benchmark_seed=2", two, &setups, &verifies);
    assert_string_not_equal(one, two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_follow_the_grammar),
        cmocka_unit_test(bad_cases_are_refused),
        cmocka_unit_test(bad_yardsticks_are_refused),
        cmocka_unit_test(bad_flags_are_bad_usage),
        cmocka_unit_test(good_flags_are_understood),
        cmocka_unit_test(environment_gives_defaults_and_the_command_line_wins),
        cmocka_unit_test(help_lists_every_flag_and_succeeds),
        cmocka_unit_test(filter_searches_negates_and_knows_all),
        cmocka_unit_test(suite_without_cases_is_bad_usage),
        cmocka_unit_test(what_a_program_cannot_have_is_a_failure_and_not_bad_usage),
        cmocka_unit_test(clock_that_stands_still_opens_no_suite),
        cmocka_unit_test(interleaving_shuffles_by_its_seed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
