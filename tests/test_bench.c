/* test_bench.c - how many iterations run and when, what run() may do wrong, and what surrounds it. Time is a
 * clock that only the cases advance, so that every count is exact. */
#include "util_bench.h"
#include "util_guard.h"

#include "perf/barrier.h"
#include "perf/suite.h"

#include <stdio.h>
#include <string.h>

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
    assert_int_equal(util_run_one(&u, &w, UTIL_MS, (rl_case){0}, NULL), RL_EXIT_OK);
    EXPECT_BATCHES(&w, 1, 10, 100, 700);
    util_suite_free(&u);
    util_run_one(&u, &w, 60 * UTIL_MS, (rl_case){0}, NULL); /* 12 % of 0.5 s: 1.4 / 0.12 = 11.67 */
    EXPECT_BATCHES(&w, 1, 12);
    util_suite_free(&u);
    util_run_one(&u, &w, 500 * UTIL_MS, (rl_case){0}, NULL); /* exactly enough is enough */
    EXPECT_BATCHES(&w, 1);
    util_suite_free(&u);
    util_run_one(&u, &w, 490 * UTIL_MS, (rl_case){0}, NULL);
    EXPECT_BATCHES(&w, 1, 2);
    util_suite_free(&u);
}

static void case_that_takes_no_time_stops_at_a_million_millions(void **state)
{
    (void)state;
    util_suite u;
    util_work w;
    assert_int_equal(util_run_one(&u, &w, 0, (rl_case){0}, NULL), RL_EXIT_OK);
    assert_int_equal(w.n_batches, 13);
    assert_int_equal(w.batches[12], 1000000000000);
    util_suite_free(&u);
}

static void min_time_comes_from_the_case_before_the_flag(void **state)
{
    (void)state;
    util_suite u;
    util_work w;
    util_run_one(&u, &w, UTIL_MS, (rl_case){0}, UTIL_ARGS("--benchmark_min_time=0.05s"));
    EXPECT_BATCHES(&w, 1, 10, 70); /* 0.01 of 0.05: 20 %, times 7 */
    util_suite_free(&u);
    util_run_one(&u, &w, UTIL_MS, (rl_case){.min_time = 0.005}, UTIL_ARGS("--benchmark_min_time=0.05s"));
    EXPECT_BATCHES(&w, 1, 7);
    util_suite_free(&u);
    util_run_one(&u, &w, UTIL_MS, (rl_case){0}, UTIL_ARGS("--benchmark_min_time=0"));
    EXPECT_BATCHES(&w, 1);
    util_suite_free(&u);
}

static void exact_iterations_run_once(void **state)
{
    (void)state;
    util_suite u;
    util_work w;
    util_run_one(&u, &w, 1, (rl_case){0}, UTIL_ARGS("--benchmark_min_time=123x"));
    EXPECT_BATCHES(&w, 123);
    util_suite_free(&u);
    util_run_one(&u, &w, 1, (rl_case){.iterations = 45}, UTIL_ARGS("--benchmark_min_time=123x"));
    EXPECT_BATCHES(&w, 45);
    util_suite_free(&u);
}

static void later_repetitions_reuse_the_count(void **state)
{
    (void)state;
    util_suite u;
    util_work w;
    util_run_one(&u, &w, UTIL_MS, (rl_case){0}, UTIL_ARGS("--benchmark_repetitions=3"));
    EXPECT_BATCHES(&w, 1, 10, 100, 700, 700, 700);
    util_suite_free(&u);
    util_run_one(&u, &w, 500 * UTIL_MS, (rl_case){.repetitions = 2}, UTIL_ARGS("--benchmark_repetitions=3"));
    EXPECT_BATCHES(&w, 1, 1);
    util_suite_free(&u);
}

static void later_repetitions_reuse_the_count_even_if_it_no_longer_fills_the_time(void **state)
{
    (void)state;
    util_suite u;
    util_suite_open(&u, NULL, UTIL_ARGS("--benchmark_repetitions=3"));
    util_work w = util_work_of(&u, 500 * UTIL_MS);
    w.ns_later = 1;
    rl_suite_add(u.s, &(rl_case){.name = "case", .run = util_run, .arg = &w});
    assert_int_equal(util_suite_run(&u), RL_EXIT_OK);
    EXPECT_BATCHES(&w, 1, 1, 1);
    util_suite_free(&u);
}

/* Google Benchmark ignores a case's own warm-up unless it has a min_time, too. */
static void warm_up_runs_before_and_leaves_no_trace(void **state)
{
    (void)state;
    util_suite u;
    util_work w;
    util_run_one(&u, &w, UTIL_MS, (rl_case){0},
                 UTIL_ARGS("--benchmark_min_warmup_time=0.01", "--benchmark_repetitions=2"));
    EXPECT_BATCHES(&w, 1, 10, /* warm */ 1, 10, 100, 700, 700);
    util_suite_free(&u);
    util_run_one(&u, &w, UTIL_MS, (rl_case){.min_warmup_time = 0.002, .iterations = 5}, NULL);
    EXPECT_BATCHES(&w, 5, /* warm: 0.005 */ 5);
    util_suite_free(&u);
}

static void dry_run_is_one_iteration_of_everything(void **state)
{
    (void)state;
    util_suite u;
    util_work w;
    int code =
        util_run_one(&u, &w, UTIL_MS,
                     (rl_case){.min_warmup_time = 1, .repetitions = 5, .min_time = 3, .verify = util_verify},
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
    assert_int_equal(util_run_one(&u, &w, UTIL_MS, (rl_case){.threads = 2}, NULL), RL_EXIT_OK);
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
    assert_int_equal(util_run_one(&u, &w, UTIL_MS, (rl_case){.run = manual_run, .manual_time = true}, NULL),
                     RL_EXIT_OK);
    assert_int_equal(w.n_batches, 4);
    assert_int_equal(w.batches[3], 700);
    assert_non_null(strstr(u.out, "case/manual_time"));
    util_suite_free(&u);
    assert_int_equal(util_run_one(&u, &w, UTIL_MS, (rl_case){.manual_time = true}, NULL), RL_EXIT_FAILED);
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
    util_run_one(&u, &w, 777, (rl_case){.run = pausing_run, .iterations = 9}, NULL);
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
        assert_int_equal(util_run_one(&u, &w, 1, c, UTIL_ARGS("--benchmark_min_time=5x")), RL_EXIT_FAILED);
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
    assert_int_equal(util_run_one(&u, &w, 1, (rl_case){.run = skips_inside, .threads = 2}, NULL), RL_EXIT_OK);
    assert_non_null(strstr(u.out, "SKIPPED: 'no bf16 here'"));
    util_suite_free(&u);
    rl_case c = {
        .skip = "cpu lacks the ISA", .setup = util_setup, .teardown = util_teardown, .repetitions = 3};
    assert_int_equal(util_run_one(&u, &w, 1, c, NULL), RL_EXIT_OK);
    assert_non_null(strstr(u.out, "SKIPPED: 'cpu lacks the ISA'"));
    assert_int_equal(w.setups, 0);
    assert_int_equal(w.n_batches, 0);
    util_suite_free(&u);
}

/* Skips its first call, and then runs as others do. */
static void skips_once(rl_state *st)
{
    util_work *w = st->arg;
    if (w->n_batches++ == 0)
        rl_state_skip(st, "not yet");
    else
        util_run(st);
}

static void count_is_found_by_the_first_repetition_that_measures(void **state)
{
    (void)state;
    util_suite u;
    util_work w;
    util_run_one(&u, &w, UTIL_MS, (rl_case){.run = skips_once}, UTIL_ARGS("--benchmark_repetitions=3"));
    assert_int_equal(u.s->cases[0].rows[0].outcome, RL_SKIPPED);
    assert_int_equal(u.s->cases[0].rows[1].iterations, 700);
    assert_int_equal(u.s->cases[0].rows[2].iterations, 700);
    util_suite_free(&u);
}

/* ---- Lifecycle ---- */

static const rl_case with_life = {.setup = util_setup, .teardown = util_teardown, .verify = util_verify};

static void setup_verify_and_teardown_surround_all_repetitions(void **state)
{
    (void)state;
    util_suite u;
    util_work w;
    assert_int_equal(util_run_one(&u, &w, 500 * UTIL_MS, with_life, UTIL_ARGS("--benchmark_repetitions=3")),
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
        w[i] = util_work_of(&u, 500 * UTIL_MS);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(next_iterations_follow_the_prediction),
        cmocka_unit_test(batches_grow_until_one_fills_the_time),
        cmocka_unit_test(case_that_takes_no_time_stops_at_a_million_millions),
        cmocka_unit_test(min_time_comes_from_the_case_before_the_flag),
        cmocka_unit_test(exact_iterations_run_once),
        cmocka_unit_test(later_repetitions_reuse_the_count),
        cmocka_unit_test(later_repetitions_reuse_the_count_even_if_it_no_longer_fills_the_time),
        cmocka_unit_test(warm_up_runs_before_and_leaves_no_trace),
        cmocka_unit_test(dry_run_is_one_iteration_of_everything),
        cmocka_unit_test(wall_time_decides_whatever_the_threads),
        cmocka_unit_test(manual_time_decides_where_it_is_given),
        cmocka_unit_test(paused_time_does_not_count),
        cmocka_unit_test(run_that_breaks_the_rules_is_an_error_row),
        cmocka_unit_test(skipping_is_reported_and_is_no_failure),
        cmocka_unit_test(count_is_found_by_the_first_repetition_that_measures),
        cmocka_unit_test(setup_verify_and_teardown_surround_all_repetitions),
        cmocka_unit_test(failed_verification_is_not_timed_and_fails_the_run),
        cmocka_unit_test(failed_setup_is_not_timed_and_fails_the_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
