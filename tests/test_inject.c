/* test_inject.c - a slowdown on purpose is as large as it says, where it says, and told. The clock advances by what
 * the cases take, and by 1 ns with each reading, so that a spin ends and times are exact. */
#include "util_bench.h"
#include "util_guard.h"

#include "perf/suite.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* An iteration, with the reading that ends it, is 1 ms; a spin adds its time and one reading more. */
enum { PLAIN_NS = 999999 };

/* The first row of the suite's i-th case, in ns. */
static double row_ns(const util_suite *u, size_t i) { return u->s->cases[i].rows[0].real_s * 1e9; }

typedef struct {
    util_suite u;
    util_work a, b;
} two;

/* Runs cases "a/1" and "b.2", one iteration each. */
static int run_two(two *x, const char *const *args)
{
    util_suite_open(&x->u, NULL, args);
    x->a = x->b = util_work_of(&x->u, PLAIN_NS);
    if (x->u.s == NULL) return x->u.exit_code;
    atomic_store(&x->u.clock.tick, 1);
    rl_suite_add(x->u.s, &(rl_case){.name = "a/1", .run = util_run, .arg = &x->a, .iterations = 1});
    rl_suite_add(x->u.s, &(rl_case){.name = "b.2", .run = util_run, .arg = &x->b, .iterations = 1});
    return util_suite_run(&x->u);
}

static void row_is_slower_by_exactly_the_share_and_no_other(void **state)
{
    (void)state;
    two x;
    assert_int_equal(run_two(&x, UTIL_ARGS("--inject=^b=+5%")), RL_EXIT_OK);
    assert_true(fabs(row_ns(&x.u, 0) - 1000000) < 1e-3);
    assert_true(fabs(row_ns(&x.u, 1) - 1050001) < 1e-3);
    util_suite_free(&x.u);
    assert_int_equal(run_two(&x, UTIL_ARGS("--inject=.=+0.1%", "--inject=a/=+200%")), RL_EXIT_OK);
    assert_true(fabs(row_ns(&x.u, 0) - 3000001) < 1e-3); /* the last rule that finds it */
    assert_true(fabs(row_ns(&x.u, 1) - 1001001) < 1e-3);
    util_suite_free(&x.u);
}

static void expression_may_hold_an_equals_sign(void **state)
{
    (void)state;
    two x;
    assert_int_equal(run_two(&x, UTIL_ARGS("--inject=a|x==+7.5%")), RL_EXIT_OK);
    assert_true(fabs(row_ns(&x.u, 0) - 1075001) < 1e-3);
    util_suite_free(&x.u);
}

static void manual(rl_state *st)
{
    while (rl_state_next(st)) rl_state_add_time(st, 0.0015);
    rl_state_add_time(st, 0.0005); /* after the window has closed */
}

static void reported_time_is_slower_too(void **state)
{
    (void)state;
    util_suite u;
    util_suite_open(&u, NULL, UTIL_ARGS("--inject=case=+10%"));
    util_work w = util_work_of(&u, PLAIN_NS);
    atomic_store(&u.clock.tick, 1);
    rl_suite_add(u.s,
                 &(rl_case){.name = "case", .run = manual, .arg = &w, .iterations = 1, .manual_time = true});
    assert_int_equal(util_suite_run(&u), RL_EXIT_OK);
    assert_true(fabs(row_ns(&u, 0) - 2200000) < 1e-3);
    util_suite_free(&u);
}

static void paused(rl_state *st)
{
    util_work *w = st->arg;
    while (rl_state_next(st)) {
        atomic_fetch_add(&w->clock->now, PLAIN_NS);
        rl_state_pause(st);
        atomic_fetch_add(&w->clock->now, 50 * UTIL_MS);
        rl_state_resume(st);
    }
}

static void pauses_do_not_count_as_time_to_slow_down(void **state)
{
    (void)state;
    util_suite u;
    util_suite_open(&u, NULL, UTIL_ARGS("--inject=case=+10%"));
    util_work w = util_work_of(&u, 0);
    atomic_store(&u.clock.tick, 1);
    rl_suite_add(u.s, &(rl_case){.name = "case", .run = paused, .arg = &w, .iterations = 1});
    assert_int_equal(util_suite_run(&u), RL_EXIT_OK);
    assert_true(fabs(row_ns(&u, 0) - 1100000) < 5); /* readings at the edges of the pause */
    util_suite_free(&u);
}

static void threads_spin_each_for_its_own_time(void **state)
{
    (void)state;
    util_suite u;
    util_suite_open(&u, NULL, UTIL_ARGS("--inject=case=+100%"));
    util_work w = util_work_of(&u, PLAIN_NS);
    atomic_store(&u.clock.tick, 1);
    rl_suite_add(u.s, &(rl_case){.name = "case", .run = util_run, .arg = &w, .iterations = 1, .threads = 2});
    assert_int_equal(util_suite_run(&u), RL_EXIT_OK);
    assert_true(row_ns(&u, 0) >= 2000000); /* the clock is everyone's: both threads' readings move it */
    util_suite_free(&u);
}

static void context_and_warning_tell_what_was_slowed(void **state)
{
    (void)state;
    two x;
    const char *path = "test_inject_context.csv";
    assert_int_equal(run_two(&x, UTIL_ARGS("--inject=b=+5%", "--benchmark_out=test_inject_context.csv",
                                           "--benchmark_out_format=csv")),
                     RL_EXIT_OK);
    char *context = util_read("test_inject_context.csv.context.json");
    const char *injected = strstr(context, "\"injected\"");
    assert_non_null(injected);
    assert_non_null(strstr(injected, "\"b.2/iterations:1\""));
    assert_non_null(strstr(injected, "\"percent\":\t5"));
    assert_null(strstr(injected, "\"a/1"));
    assert_non_null(strstr(x.u.err, "1 rows are slower than they are, on purpose"));
    free(context);
    util_suite_free(&x.u);
    assert_int_equal(
        run_two(&x, UTIL_ARGS("--benchmark_out=test_inject_context.csv", "--benchmark_out_format=csv")),
        RL_EXIT_OK);
    context = util_read("test_inject_context.csv.context.json");
    assert_null(strstr(context, "injected"));
    assert_null(strstr(x.u.err, "on purpose"));
    free(context);
    util_suite_free(&x.u);
    remove(path);
    remove("test_inject_context.csv.context.json");
}

static void rule_that_finds_nothing_that_runs_is_bad_usage(void **state)
{
    (void)state;
    two x;
    assert_int_equal(run_two(&x, UTIL_ARGS("--inject=nothing=+5%")), RL_EXIT_USAGE);
    assert_non_null(strstr(x.u.err, "--inject='nothing': no benchmark that runs matches"));
    util_suite_free(&x.u);
    assert_int_equal(run_two(&x, UTIL_ARGS("--inject=a/1=+5%", "--benchmark_filter=b")), RL_EXIT_USAGE);
    util_suite_free(&x.u);
}

static void malformed_rules_are_bad_usage(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "--inject=a",      "--inject=a=5%",     "--inject=a=+5",    "--inject==+5%",   "--inject=a=+0%",
        "--inject=a=+-5%", "--inject=a=+1001%", "--inject=a=+nan%", "--inject=a=+5%%", "--inject=a(=+5%",
        "--inject=a=+ 5%", "--inject=a=-05%",   "--inject=a=+inf%"};
    for (size_t i = 0; i < RL_COUNT(bad); i++) {
        two x;
        if (run_two(&x, UTIL_ARGS(bad[i])) != RL_EXIT_USAGE) fail_msg("%s was taken", bad[i]);
        assert_non_null(strstr(x.u.err, "--inject="));
        util_suite_free(&x.u);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(row_is_slower_by_exactly_the_share_and_no_other),
        cmocka_unit_test(expression_may_hold_an_equals_sign),
        cmocka_unit_test(reported_time_is_slower_too),
        cmocka_unit_test(pauses_do_not_count_as_time_to_slow_down),
        cmocka_unit_test(threads_spin_each_for_its_own_time),
        cmocka_unit_test(context_and_warning_tell_what_was_slowed),
        cmocka_unit_test(rule_that_finds_nothing_that_runs_is_bad_usage),
        cmocka_unit_test(malformed_rules_are_bad_usage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
