/* test_bench.c - the harness: how many iterations run and when, names, flags, filters, exit codes,
 * lifecycles, threads, yardsticks, references. Time is a clock that only the cases advance, so that every
 * count is exact. */
#include "util_bench.h"
#include "util_guard.h"

#include "perf/barrier.h"
#include "perf/opts.h"
#include "perf/suite.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const int64_t MS = 1000000;

static util_work work_of(util_suite *u, int64_t ns) { return (util_work){.clock = &u->clock, .ns = ns}; }

static void expect_batches(const util_work *w, const uint64_t *want, size_t n)
{
    bool same = w->n_batches == n;
    for (size_t i = 0; same && i < n; i++) same = w->batches[i] == want[i];
    if (same) return;
    for (size_t i = 0; i < w->n_batches; i++)
        print_error("%s%llu", i > 0 ? " " : "got ", (unsigned long long)w->batches[i]);
    print_error("\n");
    fail_msg("%zu batches, want %zu others", w->n_batches, n);
}

#define EXPECT_BATCHES(w, ...)                                                                               \
    expect_batches(w, (const uint64_t[]){__VA_ARGS__}, RL_COUNT(((const uint64_t[]){__VA_ARGS__})))

/* Runs one case of `ns` an iteration; what differs from the plain one is in *c. */
static int run_one(util_suite *u, util_work *w, int64_t ns, rl_case c, const char *const *args)
{
    util_suite_open(u, NULL, args);
    *w = work_of(u, ns);
    c.name = "case";
    c.arg = w;
    if (c.run == NULL) c.run = util_run;
    if (u->s != NULL) rl_suite_add(u->s, &c);
    return util_suite_run(u);
}

/* ---- Iterations ---- */

static void next_iterations_follow_the_prediction(void **state)
{
    (void)state;
    assert_int_equal(rl_next_iterations(1, 0.001, 0.5), 10);    /* 0.2 %: not significant, tenfold */
    assert_int_equal(rl_next_iterations(100, 0.1, 0.5), 700);   /* 20 %: 1.4 * 0.5 / 0.1 = 7 times */
    assert_int_equal(rl_next_iterations(100, 0.05, 0.5), 1000); /* exactly 10 % is not above it */
    assert_int_equal(rl_next_iterations(3, 0.4999, 0.5), 4);    /* 4.2 */
    assert_int_equal(rl_next_iterations(1, 0.4999, 0.5), 2);    /* at least one more */
    assert_int_equal(rl_next_iterations(1, 0, 0.5), 10);
    assert_int_equal(rl_next_iterations(500000000000, 0.06, 0.5), 1000000000000); /* the limit */
}

static void batches_grow_until_one_fills_the_time(void **state)
{
    (void)state;
    util_suite u;
    util_work w;
    assert_int_equal(run_one(&u, &w, MS, (rl_case){0}, NULL), RL_EXIT_OK);
    EXPECT_BATCHES(&w, 1, 10, 100, 700);
    util_suite_free(&u);
    run_one(&u, &w, 60 * MS, (rl_case){0}, NULL); /* 12 % of 0.5 s: 1.4 / 0.12 = 11.67 */
    EXPECT_BATCHES(&w, 1, 12);
    util_suite_free(&u);
    run_one(&u, &w, 500 * MS, (rl_case){0}, NULL); /* exactly enough is enough */
    EXPECT_BATCHES(&w, 1);
    util_suite_free(&u);
    run_one(&u, &w, 490 * MS, (rl_case){0}, NULL);
    EXPECT_BATCHES(&w, 1, 2);
    util_suite_free(&u);
}

static void case_that_takes_no_time_stops_at_a_million_millions(void **state)
{
    (void)state;
    util_suite u;
    util_work w;
    assert_int_equal(run_one(&u, &w, 0, (rl_case){0}, NULL), RL_EXIT_OK);
    assert_int_equal(w.n_batches, 13);
    assert_int_equal(w.batches[12], 1000000000000);
    util_suite_free(&u);
}

static void min_time_comes_from_the_case_before_the_flag(void **state)
{
    (void)state;
    util_suite u;
    util_work w;
    run_one(&u, &w, MS, (rl_case){0}, UTIL_ARGS("--benchmark_min_time=0.05s"));
    EXPECT_BATCHES(&w, 1, 10, 70); /* 0.01 of 0.05: 20 %, times 7 */
    util_suite_free(&u);
    run_one(&u, &w, MS, (rl_case){.min_time = 0.005}, UTIL_ARGS("--benchmark_min_time=0.05s"));
    EXPECT_BATCHES(&w, 1, 7);
    util_suite_free(&u);
    run_one(&u, &w, MS, (rl_case){0}, UTIL_ARGS("--benchmark_min_time=0"));
    EXPECT_BATCHES(&w, 1);
    util_suite_free(&u);
}

static void exact_iterations_run_once(void **state)
{
    (void)state;
    util_suite u;
    util_work w;
    run_one(&u, &w, 1, (rl_case){0}, UTIL_ARGS("--benchmark_min_time=123x"));
    EXPECT_BATCHES(&w, 123);
    util_suite_free(&u);
    run_one(&u, &w, 1, (rl_case){.iterations = 45}, UTIL_ARGS("--benchmark_min_time=123x"));
    EXPECT_BATCHES(&w, 45);
    util_suite_free(&u);
}

static void later_repetitions_reuse_the_count(void **state)
{
    (void)state;
    util_suite u;
    util_work w;
    run_one(&u, &w, MS, (rl_case){0}, UTIL_ARGS("--benchmark_repetitions=3"));
    EXPECT_BATCHES(&w, 1, 10, 100, 700, 700, 700);
    util_suite_free(&u);
    run_one(&u, &w, 500 * MS, (rl_case){.repetitions = 2}, UTIL_ARGS("--benchmark_repetitions=3"));
    EXPECT_BATCHES(&w, 1, 1);
    util_suite_free(&u);
}

/* Google Benchmark ignores a case's own warm-up unless it has a min_time, too. */
static void warm_up_runs_before_and_leaves_no_trace(void **state)
{
    (void)state;
    util_suite u;
    util_work w;
    run_one(&u, &w, MS, (rl_case){0},
            UTIL_ARGS("--benchmark_min_warmup_time=0.01", "--benchmark_repetitions=2"));
    EXPECT_BATCHES(&w, 1, 10, /* warm */ 1, 10, 100, 700, 700);
    util_suite_free(&u);
    run_one(&u, &w, MS, (rl_case){.min_warmup_time = 0.002, .iterations = 5}, NULL);
    EXPECT_BATCHES(&w, 5, /* warm: 0.005 */ 5);
    util_suite_free(&u);
}

static void dry_run_is_one_iteration_of_everything(void **state)
{
    (void)state;
    util_suite u;
    util_work w;
    int code = run_one(
        &u, &w, MS, (rl_case){.min_warmup_time = 1, .repetitions = 5, .min_time = 3, .verify = util_verify},
        UTIL_ARGS("--benchmark_dry_run"));
    assert_int_equal(code, RL_EXIT_OK);
    EXPECT_BATCHES(&w, 1);
    assert_int_equal(w.verifies, 1);
    util_suite_free(&u);
}

/* Google Benchmark would stop at half the iterations: it compares the sum over threads. */
static void wall_time_decides_whatever_the_threads(void **state)
{
    (void)state;
    util_suite u;
    util_work w;
    assert_int_equal(run_one(&u, &w, MS, (rl_case){.threads = 2}, NULL), RL_EXIT_OK);
    EXPECT_BATCHES(&w, 1, 10, 100, 700);
    assert_non_null(strstr(u.out, "case/threads:2"));
    assert_non_null(strstr(u.out, "1000000 ns")); /* of an iteration of both */
    util_suite_free(&u);
}

static void manual_run(rl_state *st)
{
    util_work *w = st->arg;
    w->batches[w->n_batches++] = st->iterations;
    while (rl_state_next(st)) rl_state_add_time(st, (double)w->ns * 1e-9);
}

static void manual_time_decides_where_it_is_given(void **state)
{
    (void)state;
    util_suite u;
    util_work w;
    assert_int_equal(run_one(&u, &w, MS, (rl_case){.run = manual_run, .manual_time = true}, NULL),
                     RL_EXIT_OK);
    assert_int_equal(w.n_batches, 4);
    assert_int_equal(w.batches[3], 700);
    assert_non_null(strstr(u.out, "case/manual_time"));
    util_suite_free(&u);
    assert_int_equal(run_one(&u, &w, MS, (rl_case){.manual_time = true}, NULL), RL_EXIT_FAILED);
    assert_non_null(strstr(u.out, "reported no time"));
    util_suite_free(&u);
}

static void pausing_run(rl_state *st)
{
    util_work *w = st->arg;
    while (rl_state_next(st)) {
        atomic_fetch_add(&w->clock->now, w->ns);
        rl_state_pause(st);
        atomic_fetch_add(&w->clock->now, 1000 * w->ns);
        rl_state_resume(st);
    }
}

static void paused_time_does_not_count(void **state)
{
    (void)state;
    util_suite u;
    util_work w;
    run_one(&u, &w, 777, (rl_case){.run = pausing_run, .iterations = 9}, NULL);
    assert_non_null(strstr(u.out, "case/iterations:9"));
    assert_non_null(strstr(u.out, " 777 ns"));
    util_suite_free(&u);
}

/* ---- What a run may do wrong ---- */

static void never_loops(rl_state *st) { (void)st; }
static void leaves_early(rl_state *st)
{
    while (rl_state_next(st))
        if (st->left == 0) return;
}
static void ends_paused(rl_state *st)
{
    while (rl_state_next(st)) rl_state_pause(st);
}
static void fails_inside(rl_state *st)
{
    RL_LOOP(st)
    {
        if (rl_left_ == 1) {
            rl_state_error(st, "lost the %s", "\x01thing");
            break;
        }
    }
}
static void fails_before(rl_state *st)
{
    if (st->thread == 1) {
        rl_state_error(st, "thread %zu has no work", st->thread);
        return;
    }
    while (rl_state_next(st)) rl_keep(st);
}
static void bad_counter(rl_state *st)
{
    while (rl_state_next(st)) rl_keep(st);
    rl_state_counter(st, "real_time", 1, 0);
}
static void many_counters(rl_state *st)
{
    char name[16];
    while (rl_state_next(st)) rl_keep(st);
    for (int i = 0; i <= RL_USER_COUNTERS_MAX; i++) {
        snprintf(name, sizeof name, "c%d", i);
        rl_state_counter(st, name, i, 0);
    }
}

static void run_that_breaks_the_rules_is_an_error_row(void **state)
{
    (void)state;
    static const struct {
        void (*run)(rl_state *);
        size_t threads;
        const char *message;
    } rows[] = {
        {never_loops,   0, "run() returned without entering its loop"     },
        {leaves_early,  2, "run() left its loop before the last iteration"},
        {ends_paused,   0, "the loop ended while paused"                  },
        {fails_inside,  0, "lost the \\x01thing"                          },
        {fails_before,  2, "thread 1 has no work"                         },
        {bad_counter,   0, "counter 'real_time': not a name for a column" },
        {many_counters, 0, "counter 'c32': more than 32 of them"          },
    };
    for (size_t i = 0; i < RL_COUNT(rows); i++) {
        util_suite u;
        util_work w;
        rl_case c = {.run = rows[i].run, .threads = rows[i].threads};
        assert_int_equal(run_one(&u, &w, 1, c, UTIL_ARGS("--benchmark_min_time=5x")), RL_EXIT_FAILED);
        if (strstr(u.out, "ERROR OCCURRED") == NULL || strstr(u.out, rows[i].message) == NULL)
            fail_msg("row %zu: %s", i, u.out);
        util_suite_free(&u);
    }
}

static void skips_inside(rl_state *st) { rl_state_skip(st, "no %s here", "bf16"); }

static void skipping_is_reported_and_is_no_failure(void **state)
{
    (void)state;
    util_suite u;
    util_work w;
    assert_int_equal(run_one(&u, &w, 1, (rl_case){.run = skips_inside, .threads = 2}, NULL), RL_EXIT_OK);
    assert_non_null(strstr(u.out, "SKIPPED: 'no bf16 here'"));
    util_suite_free(&u);
    rl_case c = {
        .skip = "cpu lacks the ISA", .setup = util_setup, .teardown = util_teardown, .repetitions = 3};
    assert_int_equal(run_one(&u, &w, 1, c, NULL), RL_EXIT_OK);
    assert_non_null(strstr(u.out, "SKIPPED: 'cpu lacks the ISA'"));
    assert_int_equal(w.setups, 0);
    assert_int_equal(w.n_batches, 0);
    util_suite_free(&u);
}

/* ---- Lifecycle ---- */

static const rl_case with_life = {.setup = util_setup, .teardown = util_teardown, .verify = util_verify};

static void setup_verify_and_teardown_surround_all_repetitions(void **state)
{
    (void)state;
    util_suite u;
    util_work w;
    assert_int_equal(run_one(&u, &w, 500 * MS, with_life, UTIL_ARGS("--benchmark_repetitions=3")),
                     RL_EXIT_OK);
    assert_int_equal(w.setups, 1);
    assert_int_equal(w.verifies, 1);
    assert_int_equal(w.teardowns, 1);
    EXPECT_BATCHES(&w, 1, 1, 1);
    assert_non_null(strstr(u.out, "max_error=1u"));
    util_suite_free(&u);
}

/* Runs a failing case between two sound ones. */
static void fail_between(bool fail_setup, bool fail_verify, const char *message)
{
    util_suite u;
    util_suite_open(&u, NULL, UTIL_ARGS("--benchmark_repetitions=2"));
    util_work w[3];
    static const char *const names[] = {"a", "b", "c"};
    for (size_t i = 0; i < 3; i++) {
        w[i] = work_of(&u, 500 * MS);
        rl_case c = with_life;
        c.name = names[i];
        c.arg = &w[i];
        c.run = util_run;
        assert_int_equal(rl_suite_add(u.s, &c), RL_OK);
    }
    w[1].fail_setup = fail_setup;
    w[1].fail_verify = fail_verify;
    assert_int_equal(util_suite_run(&u), RL_EXIT_FAILED);
    assert_int_equal(w[1].n_batches, 0); /* nothing is timed */
    assert_int_equal(w[1].setups, 1);
    assert_int_equal(w[1].teardowns, fail_setup ? 0 : 1);
    assert_int_equal(w[0].n_batches, 2);
    assert_int_equal(w[2].n_batches, 2); /* the others run */
    if (strstr(u.out, message) == NULL) fail_msg("%s", u.out);
    util_suite_free(&u);
}

static void failed_verification_is_not_timed_and_fails_the_run(void **state)
{
    (void)state;
    fail_between(false, true, "ERROR OCCURRED: 'verification: row 3: want 1 got 2'");
}

static void failed_setup_is_not_timed_and_fails_the_run(void **state)
{
    (void)state;
    fail_between(true, false, "ERROR OCCURRED: 'setup: no room for 9 rows'");
}

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
    util_work w = work_of(&u, MS);
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
        {"isa",   "all", "which tiers"          },
        {"cache", "hot", "where the weights are"}
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
        {"isa", "all", "which tiers"}
    };
    rl_options o;
    rl_error err = {0};
    char *argv[] = {(char *)(uintptr_t) "prog", (char *)(uintptr_t) "--benchmark_repetitions=2"};
    setenv("BENCHMARK_REPETITIONS", "9", 1);
    setenv("BENCHMARK_MIN_TIME", "10x", 1);
    setenv("RL_LAUNCH", "4", 1);
    setenv("RL_ISA", "scalar", 1);
    rl_status status = rl_options_parse(&o, 2, argv, flags, 1, &err);
    setenv("BENCHMARK_MIN_TIME", "ten", 1);
    rl_options bad;
    rl_status refused = rl_options_parse(&bad, 2, argv, flags, 1, &err);
    unsetenv("BENCHMARK_REPETITIONS");
    unsetenv("BENCHMARK_MIN_TIME");
    unsetenv("RL_LAUNCH");
    unsetenv("RL_ISA");
    assert_int_equal(status, RL_OK);
    assert_int_equal(o.repetitions, 2);
    assert_int_equal(o.min_time.iterations, 10);
    assert_int_equal(o.launch, 4);
    assert_string_equal(flags[0].value, "scalar");
    assert_int_equal(refused, RL_ERR_ARG);
    assert_non_null(strstr(err.text, "BENCHMARK_MIN_TIME='ten'"));
}

static void help_lists_every_flag_and_succeeds(void **state)
{
    (void)state;
    rl_flag flags[] = {
        {"isa", "all", "which tiers"}
    };
    static const char *const names[] = {
        "--isa=<value>",
        "[all]",
        "--benchmark_list_tests",
        "--benchmark_filter",
        "--benchmark_min_time",
        "[0.5s]",
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
    assert_non_null(strstr(u.err, "prog: error: --isa: unknown\n"));
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
    rl_state inner = *st;
    (void)inner;
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
        cases[i] = (ordered){work_of(&u, MS), (char)('0' + i), order};
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

/* ---- Counters ---- */

static void counters_finish_in_google_benchmarks_order(void **state)
{
    (void)state;
    static const struct {
        unsigned flags;
        double want; /* of 12, with 0.5 s, 3 threads, 8 iterations */
    } rows[] = {
        {0,                                                            12      },
        {RL_COUNTER_RATE,                                              24      },
        {RL_COUNTER_AVG_THREADS,                                       4       },
        {RL_COUNTER_RATE | RL_COUNTER_AVG_THREADS,                     8       },
        {RL_COUNTER_ITERATION_INVARIANT,                               96      },
        {RL_COUNTER_RATE | RL_COUNTER_ITERATION_INVARIANT,             192     },
        {RL_COUNTER_AVG_ITERATIONS,                                    1.5     },
        {RL_COUNTER_RATE | RL_COUNTER_AVG_ITERATIONS,                  3       },
        {RL_COUNTER_INVERT,                                            1.0 / 12},
        {RL_COUNTER_RATE | RL_COUNTER_AVG_THREADS | RL_COUNTER_INVERT, 1.0 / 8 }, /* inverted last */
        {RL_COUNTER_BINARY,                                            12      },
    };
    for (size_t i = 0; i < RL_COUNT(rows); i++) {
        double got = rl_counter_finish(12, rows[i].flags, 0.5, 3, 8);
        if (got != rows[i].want) fail_msg("flags %u: want %g got %g", rows[i].flags, rows[i].want, got);
    }
    assert_true(isnan(rl_counter_finish(0, RL_COUNTER_INVERT, 1, 1, 1)));
    assert_true(isnan(rl_counter_finish(1, RL_COUNTER_RATE, 0, 1, 1)));
}

static void counting_run(rl_state *st)
{
    util_run(st);
    rl_state_counter(st, "sum", 1, 0);
    rl_state_counter(st, "sum", (double)(st->thread + 1), 0); /* the last value counts */
    rl_state_counter(st, "mean", 10, RL_COUNTER_AVG_THREADS);
}

static void counters_of_threads_are_added_up(void **state)
{
    (void)state;
    util_suite u;
    util_work w;
    run_one(&u, &w, 500 * MS, (rl_case){.run = counting_run, .threads = 3}, NULL);
    assert_non_null(strstr(u.out, " mean=10 sum=6"));
    util_suite_free(&u);
}

/* ---- Threads ---- */

typedef struct {
    atomic_int ranks, inside, together;
} crowd;

static void crowd_run(rl_state *st)
{
    crowd *c = st->arg;
    atomic_fetch_add(&c->ranks, 1 << (8 * st->thread));
    while (rl_state_next(st)) {
        atomic_fetch_add(&c->inside, 1);
        rl_state_barrier(st);
        if (atomic_load(&c->inside) == (int)st->threads) atomic_fetch_add(&c->together, 1);
        rl_state_barrier(st);
        atomic_fetch_sub(&c->inside, 1);
        rl_state_barrier(st);
    }
}

static void every_thread_runs_every_iteration_together(void **state)
{
    (void)state;
    util_suite u;
    crowd c = {0};
    util_suite_open(&u, &(util_options){.real_clock = true}, NULL);
    rl_suite_add(u.s,
                 &(rl_case){.name = "crowd", .run = crowd_run, .arg = &c, .threads = 3, .iterations = 5});
    assert_int_equal(util_suite_run(&u), RL_EXIT_OK);
    assert_int_equal(atomic_load(&c.ranks), 0x010101);
    assert_int_equal(atomic_load(&c.together), 15);
    util_suite_free(&u);
}

/* A case that drives threads of its own is called once, where the process may use all its CPUs. */
static cpu_set_t free_cpus;

static rl_status sees_all_cpus(void *arg, rl_error *err)
{
    (void)arg;
    cpu_set_t now;
    if (sched_getaffinity(0, sizeof now, &now) == 0 && CPU_EQUAL(&now, &free_cpus)) return RL_OK;
    return rl_fail(err, RL_ERR_UNSUPPORTED, "pinned");
}

static void self_threaded_run(rl_state *st)
{
    assert_int_equal(st->thread, 0);
    assert_int_equal(st->threads, 2);
    util_run(st);
}

static void self_threaded_case_finds_itself_unpinned(void **state)
{
    (void)state;
    util_suite u;
    util_suite_open(&u, NULL, NULL);
    assert_int_equal(sched_getaffinity(0, sizeof free_cpus, &free_cpus), 0);
    util_work w = work_of(&u, 500 * MS), own = work_of(&u, 500 * MS), yard = work_of(&u, MS);
    rl_suite_add_yardstick(u.s, &(rl_yardstick){.name = "y", .run = util_run, .arg = &yard, .bytes = 1});
    rl_suite_add(u.s, &(rl_case){.name = "pinned", .run = util_run, .arg = &w, .threads = 1});
    rl_suite_add(u.s, &(rl_case){.name = "own",
                                 .run = self_threaded_run,
                                 .arg = &own,
                                 .setup = sees_all_cpus,
                                 .threads = 2,
                                 .self_threaded = true,
                                 .bytes = 1,
                                 .bandwidth_yardstick = "y"});
    if (util_suite_run(&u) != RL_EXIT_OK) fail_msg("%s%s", u.out, u.err);
    assert_int_equal(own.n_batches, 2); /* once to settle after the burst, once timed */
    assert_true(yard.n_batches > 0);
    assert_non_null(strstr(u.out, "own/threads:2"));
    util_suite_free(&u);
}

/* ---- Yardsticks and references ---- */

static const rl_row *row_at(const util_suite *u, size_t c, size_t r) { return &u->s->cases[c].rows[r]; }

static bool close_to(double got, double want) { return fabs(got - want) <= 1e-9 * fabs(want); }

/* 1 ms for 10^6 bytes is 1 GB/s; a case that takes 2 ms for the same reaches half of it. */
static void percentage_is_of_the_mean_of_the_bursts_around(void **state)
{
    (void)state;
    util_suite u;
    util_suite_open(&u, NULL, UTIL_ARGS("--benchmark_repetitions=2", "--benchmark_min_time=50x"));
    util_work w = work_of(&u, 2 * MS), band = work_of(&u, MS), peak = work_of(&u, 4 * MS);
    w.up = band.up = peak.up = true;
    rl_suite_add_yardstick(u.s, &(rl_yardstick){.name = "band", .run = util_run, .arg = &band, .bytes = 1e6});
    rl_suite_add_yardstick(u.s, &(rl_yardstick){.name = "peak", .run = util_run, .arg = &peak, .flops = 8e6});
    rl_suite_add(u.s, &(rl_case){.name = "half",
                                 .run = util_run,
                                 .arg = &w,
                                 .bytes = 1e6,
                                 .flops = 1e6,
                                 .bandwidth_yardstick = "band",
                                 .peak_yardstick = "peak"});
    assert_int_equal(util_suite_run(&u), RL_EXIT_OK);
    for (size_t r = 0; r < 2; r++) {
        assert_true(close_to(row_at(&u, 0, r)->metric[RL_M_BYTES], 5e8));
        assert_true(close_to(row_at(&u, 0, r)->metric[RL_M_BW_PCT], 50));
        assert_true(close_to(row_at(&u, 0, r)->metric[RL_M_FLOPS], 5e8));
        assert_true(close_to(row_at(&u, 0, r)->metric[RL_M_PEAK_PCT], 25)); /* of 2 GFLOP/s */
    }
    /* Found once as a case's count is (1, 10: 10 ms is half of 20, then 1.4 times), then as many as fill 20
     * ms. Before the first repetition, between the two, after the second: three readings. */
    EXPECT_BATCHES(&band, 1, 10, 28, 20, 20);
    EXPECT_BATCHES(&peak, 1, 7, 5, 5); /* 4 ms of 20, times 7 */
    EXPECT_BATCHES(&w, 1, 50, 1, 50);  /* each burst is followed by an iteration to settle */
    util_suite_free(&u);
}

/* A yardstick that takes twice as long from its second reading on. */
typedef struct {
    util_work w;
    int calls;
} slowing;

static void slowing_run(rl_state *st)
{
    slowing *y = st->arg;
    rl_state_begin(st);
    double factor = ++y->calls > 1 ? 2 : 1;
    atomic_fetch_add(&y->w.clock->now, (int64_t)(factor * (double)y->w.ns * (double)st->iterations));
    rl_state_end(st);
}

static void bursts_before_and_after_are_both_heard(void **state)
{
    (void)state;
    util_suite u;
    util_suite_open(&u, NULL, UTIL_ARGS("--benchmark_min_time=1x"));
    slowing y = {work_of(&u, 20 * MS), 0};
    util_work w = work_of(&u, 200 * MS);
    rl_suite_add_yardstick(u.s, &(rl_yardstick){.name = "y", .run = slowing_run, .arg = &y, .bytes = 20e6});
    rl_suite_add(
        u.s, &(rl_case){.name = "c", .run = util_run, .arg = &w, .bytes = 75e6, .bandwidth_yardstick = "y"});
    assert_int_equal(util_suite_run(&u), RL_EXIT_OK);
    assert_int_equal(y.calls, 2);
    assert_true(close_to(row_at(&u, 0, 0)->metric[RL_M_BW_PCT], 50)); /* 0.375 of (1 + 0.5) / 2 GB/s */
    util_suite_free(&u);
}

static void fails_always(rl_state *st) { rl_state_error(st, "no such memory"); }

static void broken_yardstick_leaves_columns_empty_and_fails_the_run(void **state)
{
    (void)state;
    util_suite u;
    util_suite_open(&u, NULL, NULL);
    util_work w = work_of(&u, 500 * MS);
    rl_suite_add_yardstick(u.s, &(rl_yardstick){.name = "y", .run = fails_always, .bytes = 1});
    rl_suite_add(u.s,
                 &(rl_case){.name = "c", .run = util_run, .arg = &w, .bytes = 1, .bandwidth_yardstick = "y"});
    assert_int_equal(util_suite_run(&u), RL_EXIT_FAILED);
    assert_true(isnan(row_at(&u, 0, 0)->metric[RL_M_BW_PCT]));
    assert_int_equal(row_at(&u, 0, 0)->outcome, RL_MEASURED);
    assert_non_null(strstr(u.err, "yardstick y: no such memory"));
    util_suite_free(&u);
}

static void yardstick_is_set_up_once_and_given_back(void **state)
{
    (void)state;
    util_suite u;
    util_suite_open(&u, NULL, UTIL_ARGS("--benchmark_repetitions=3"));
    util_work w = work_of(&u, 500 * MS), y = work_of(&u, MS), idle = work_of(&u, MS);
    rl_suite_add_yardstick(u.s, &(rl_yardstick){.name = "y",
                                                .run = util_run,
                                                .arg = &y,
                                                .bytes = 1,
                                                .setup = util_setup,
                                                .teardown = util_teardown});
    rl_suite_add_yardstick(u.s, &(rl_yardstick){.name = "idle",
                                                .run = util_run,
                                                .arg = &idle,
                                                .bytes = 1,
                                                .setup = util_setup,
                                                .teardown = util_teardown});
    rl_suite_add(u.s,
                 &(rl_case){.name = "c", .run = util_run, .arg = &w, .bytes = 1, .bandwidth_yardstick = "y"});
    assert_int_equal(util_suite_run(&u), RL_EXIT_OK);
    assert_int_equal(y.setups, 1);
    assert_int_equal(y.teardowns, 1);
    assert_int_equal(idle.setups, 0);
    util_suite_free(&u);
}

/* Cases slow (8 ms), fast (2 ms): with the reference measured before, and with it filtered out. */
static void run_pair(util_suite *u, util_work w[2], const char *const *args)
{
    util_suite_open(u, NULL, args);
    w[0] = work_of(u, 8 * MS);
    w[1] = work_of(u, 2 * MS);
    rl_suite_add(
        u->s,
        &(rl_case){
            .name = "slow", .run = util_run, .arg = &w[0], .setup = util_setup, .teardown = util_teardown});
    rl_suite_add(u->s, &(rl_case){.name = "fast",
                                  .run = util_run,
                                  .arg = &w[1],
                                  .setup = util_setup,
                                  .teardown = util_teardown,
                                  .reference = "slow"});
    assert_int_equal(util_suite_run(u), RL_EXIT_OK);
}

static void ratio_is_of_the_reference_that_has_run(void **state)
{
    (void)state;
    util_suite u;
    util_work w[2];
    run_pair(&u, w, UTIL_ARGS("--benchmark_min_time=5x", "--benchmark_repetitions=3"));
    EXPECT_BATCHES(&w[0], 5, 5, 5);
    for (size_t r = 0; r < 3; r++) assert_true(close_to(row_at(&u, 1, r)->metric[RL_M_REF_RATIO], 4));
    assert_true(isnan(row_at(&u, 0, 0)->metric[RL_M_REF_RATIO]));
    util_suite_free(&u);
}

static void reference_that_is_filtered_out_runs_quietly_and_short(void **state)
{
    (void)state;
    util_suite u;
    util_work w[2];
    run_pair(&u, w, UTIL_ARGS("--benchmark_filter=fast", "--benchmark_repetitions=2"));
    EXPECT_BATCHES(&w[0], 1, 9, 9, 9); /* 8 ms of 50: 1.4 * 50 / 8 = 8.75; three short runs, once */
    assert_int_equal(w[0].setups, 1);
    assert_int_equal(w[0].teardowns, 1);
    assert_true(close_to(row_at(&u, 1, 0)->metric[RL_M_REF_RATIO], 4));
    assert_null(strstr(u.out, "slow"));
    util_suite_free(&u);
}

static void reference_with_as_many_threads_is_preferred(void **state)
{
    (void)state;
    util_suite u;
    util_suite_open(&u, NULL, NULL);
    for (size_t threads = 1; threads <= 3; threads++)
        rl_suite_add(u.s, &(rl_case){.name = "ref", .run = util_run, .threads = threads});
    rl_suite_add(u.s, &(rl_case){.name = "a", .run = util_run, .threads = 2, .reference = "ref"});
    rl_suite_add(u.s, &(rl_case){.name = "b", .run = util_run, .threads = 9, .reference = "ref"});
    rl_suite_add(u.s, &(rl_case){.name = "c", .run = util_run, .threads = 2, .reference = "ref/threads:3"});
    assert_string_equal(rl_find_reference(u.s, &u.s->cases[3])->name, "ref/threads:2");
    assert_string_equal(rl_find_reference(u.s, &u.s->cases[4])->name, "ref/threads:1");
    assert_string_equal(rl_find_reference(u.s, &u.s->cases[5])->name, "ref/threads:3");
    assert_null(rl_find_reference(u.s, &u.s->cases[0]));
    util_suite_free(&u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(next_iterations_follow_the_prediction),
        cmocka_unit_test(batches_grow_until_one_fills_the_time),
        cmocka_unit_test(case_that_takes_no_time_stops_at_a_million_millions),
        cmocka_unit_test(min_time_comes_from_the_case_before_the_flag),
        cmocka_unit_test(exact_iterations_run_once),
        cmocka_unit_test(later_repetitions_reuse_the_count),
        cmocka_unit_test(warm_up_runs_before_and_leaves_no_trace),
        cmocka_unit_test(dry_run_is_one_iteration_of_everything),
        cmocka_unit_test(wall_time_decides_whatever_the_threads),
        cmocka_unit_test(manual_time_decides_where_it_is_given),
        cmocka_unit_test(paused_time_does_not_count),
        cmocka_unit_test(run_that_breaks_the_rules_is_an_error_row),
        cmocka_unit_test(skipping_is_reported_and_is_no_failure),
        cmocka_unit_test(setup_verify_and_teardown_surround_all_repetitions),
        cmocka_unit_test(failed_verification_is_not_timed_and_fails_the_run),
        cmocka_unit_test(failed_setup_is_not_timed_and_fails_the_run),
        cmocka_unit_test(names_follow_the_grammar),
        cmocka_unit_test(bad_cases_are_refused),
        cmocka_unit_test(bad_yardsticks_are_refused),
        cmocka_unit_test(bad_flags_are_bad_usage),
        cmocka_unit_test(good_flags_are_understood),
        cmocka_unit_test(environment_gives_defaults_and_the_command_line_wins),
        cmocka_unit_test(help_lists_every_flag_and_succeeds),
        cmocka_unit_test(filter_searches_negates_and_knows_all),
        cmocka_unit_test(suite_without_cases_is_bad_usage),
        cmocka_unit_test(clock_that_stands_still_opens_no_suite),
        cmocka_unit_test(interleaving_shuffles_by_its_seed),
        cmocka_unit_test(counters_finish_in_google_benchmarks_order),
        cmocka_unit_test(counters_of_threads_are_added_up),
        cmocka_unit_test(every_thread_runs_every_iteration_together),
        cmocka_unit_test(self_threaded_case_finds_itself_unpinned),
        cmocka_unit_test(percentage_is_of_the_mean_of_the_bursts_around),
        cmocka_unit_test(bursts_before_and_after_are_both_heard),
        cmocka_unit_test(broken_yardstick_leaves_columns_empty_and_fails_the_run),
        cmocka_unit_test(yardstick_is_set_up_once_and_given_back),
        cmocka_unit_test(ratio_is_of_the_reference_that_has_run),
        cmocka_unit_test(reference_that_is_filtered_out_runs_quietly_and_short),
        cmocka_unit_test(reference_with_as_many_threads_is_preferred),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
