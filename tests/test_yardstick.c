/* test_yardstick.c - what a row is measured against: threads, counters, yardsticks, references. */
#include "util_bench.h"
#include "util_guard.h"

#include "perf/suite.h"

#include <math.h>
#include <sched.h>
#include <string.h>

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
    util_run_one(&u, &w, 500 * UTIL_MS, (rl_case){.run = counting_run, .threads = 3}, NULL);
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
    util_work w = util_work_of(&u, 500 * UTIL_MS), own = util_work_of(&u, 500 * UTIL_MS),
              yard = util_work_of(&u, UTIL_MS);
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
    assert_true(u.s->cases[1].rows[0].real_s == 0.5);
    assert_true(u.s->cases[1].rows[0].cpu_s == 0.25); /* the process's, a thread */
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
    util_work w = util_work_of(&u, 2 * UTIL_MS), band = util_work_of(&u, UTIL_MS),
              peak = util_work_of(&u, 4 * UTIL_MS);
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
    slowing y = {util_work_of(&u, 20 * UTIL_MS), 0};
    util_work w = util_work_of(&u, 200 * UTIL_MS);
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
    util_work w = util_work_of(&u, 500 * UTIL_MS);
    rl_suite_add_yardstick(u.s, &(rl_yardstick){.name = "y", .run = fails_always, .bytes = 1});
    rl_suite_add(u.s,
                 &(rl_case){.name = "c", .run = util_run, .arg = &w, .bytes = 1, .bandwidth_yardstick = "y"});
    assert_int_equal(util_suite_run(&u), RL_EXIT_FAILED);
    assert_true(isnan(row_at(&u, 0, 0)->metric[RL_M_BW_PCT]));
    assert_int_equal(row_at(&u, 0, 0)->outcome, RL_MEASURED);
    assert_non_null(strstr(u.err, "yardstick y: no such memory"));
    util_suite_free(&u);
}

static void nothing_is_measured_beside_a_case_that_wants_none(void **state)
{
    (void)state;
    util_suite u;
    util_suite_open(&u, NULL, UTIL_ARGS("--benchmark_yardsticks=false", "--benchmark_filter=case"));
    util_work w = util_work_of(&u, 500 * UTIL_MS), other = w, yard = w;
    rl_suite_add_yardstick(u.s, &(rl_yardstick){.name = "y", .run = util_run, .arg = &yard, .bytes = 1});
    rl_suite_add(u.s, &(rl_case){.name = "other", .run = util_run, .arg = &other});
    rl_suite_add(u.s, &(rl_case){.name = "case",
                                 .run = util_run,
                                 .arg = &w,
                                 .bytes = 1,
                                 .reference = "other",
                                 .bandwidth_yardstick = "y"});
    assert_int_equal(util_suite_run(&u), RL_EXIT_OK);
    EXPECT_BATCHES(&w, 1);
    assert_int_equal(yard.n_batches, 0);
    assert_int_equal(other.n_batches, 0);
    assert_true(isnan(row_at(&u, 1, 0)->metric[RL_M_BW_PCT]));
    assert_true(isnan(row_at(&u, 1, 0)->metric[RL_M_REF_RATIO]));
    util_suite_free(&u);
}

static void yardstick_for_the_context_is_measured_beside_and_fills_no_column(void **state)
{
    (void)state;
    util_suite u;
    util_suite_open(&u, NULL, NULL);
    util_work w = util_work_of(&u, 500 * UTIL_MS), y = util_work_of(&u, 250 * UTIL_MS);
    rl_suite_add_yardstick(u.s, &(rl_yardstick){.name = "y", .run = util_run, .arg = &y, .flops = 1});
    rl_suite_add(
        u.s, &(rl_case){
                 .name = "c", .run = util_run, .arg = &w, .bytes = 1, .flops = 1, .context_yardstick = "y"});
    assert_int_equal(util_suite_run(&u), RL_EXIT_OK);
    EXPECT_BATCHES(&y, 1, 1); /* before and after */
    assert_int_equal(u.s->gauges[0].n_readings, 2);
    assert_true(isnan(row_at(&u, 0, 0)->metric[RL_M_BW_PCT]));
    assert_true(isnan(row_at(&u, 0, 0)->metric[RL_M_PEAK_PCT]));
    util_suite_free(&u);
}

static void yardstick_is_set_up_once_and_given_back(void **state)
{
    (void)state;
    util_suite u;
    util_suite_open(&u, NULL, UTIL_ARGS("--benchmark_repetitions=3"));
    util_work w = util_work_of(&u, 500 * UTIL_MS), y = util_work_of(&u, UTIL_MS),
              idle = util_work_of(&u, UTIL_MS);
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

/* Cases slow (8 ms, the first time 100), fast (2 ms): with the reference measured before, and with it
 * filtered out. */
static void run_pair(util_suite *u, util_work w[2], const char *const *args)
{
    util_suite_open(u, NULL, args);
    w[0] = util_work_of(u, 100 * UTIL_MS);
    w[0].ns_later = 8 * UTIL_MS;
    w[1] = util_work_of(u, 2 * UTIL_MS);
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
    EXPECT_BATCHES(&w[0], 1, 1, 1); /* three short runs, once */
    assert_int_equal(w[0].setups, 1);
    assert_int_equal(w[0].teardowns, 1);
    assert_true(close_to(row_at(&u, 1, 0)->metric[RL_M_REF_RATIO], 4));
    assert_null(strstr(u.out, "slow"));
    util_suite_free(&u);
}

static void case_that_is_only_a_reference_is_never_selected(void **state)
{
    (void)state;
    for (int list = 0; list < 2; list++) {
        util_suite u;
        util_suite_open(&u, NULL,
                        UTIL_ARGS("--benchmark_filter=all", list ? "--benchmark_list_tests" : NULL));
        util_work slow = util_work_of(&u, 8 * UTIL_MS), fast = util_work_of(&u, 2 * UTIL_MS);
        rl_suite_add(u.s, &(rl_case){.name = "slow", .run = util_run, .arg = &slow, .reference_only = true});
        rl_suite_add(u.s, &(rl_case){.name = "fast", .run = util_run, .arg = &fast, .reference = "slow"});
        assert_int_equal(util_suite_run(&u), RL_EXIT_OK);
        assert_null(strstr(u.out, "slow"));
        assert_non_null(strstr(u.out, "fast"));
        if (!list) {
            EXPECT_BATCHES(&slow, 1, 9, 9, 9); /* grown to 50 ms, then the three that count */
            assert_true(close_to(row_at(&u, 1, 0)->metric[RL_M_REF_RATIO], 4));
        }
        util_suite_free(&u);
    }
    util_suite u;
    util_suite_open(&u, NULL, NULL);
    rl_suite_add(u.s, &(rl_case){.name = "slow", .run = util_run, .reference_only = true});
    assert_int_equal(util_suite_run(&u), RL_EXIT_USAGE); /* there is nothing to run */
    assert_non_null(strstr(u.err, "leave no benchmark"));
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
    for (size_t threads = 1; threads <= 2; threads++) /* never itself: so its ratio is the speed-up */
        rl_suite_add(u.s, &(rl_case){.name = "d", .run = util_run, .threads = threads, .reference = "d"});
    assert_string_equal(rl_find_reference(u.s, &u.s->cases[7])->name, "d/threads:1");
    util_suite_free(&u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counters_finish_in_google_benchmarks_order),
        cmocka_unit_test(counters_of_threads_are_added_up),
        cmocka_unit_test(every_thread_runs_every_iteration_together),
        cmocka_unit_test(self_threaded_case_finds_itself_unpinned),
        cmocka_unit_test(percentage_is_of_the_mean_of_the_bursts_around),
        cmocka_unit_test(bursts_before_and_after_are_both_heard),
        cmocka_unit_test(broken_yardstick_leaves_columns_empty_and_fails_the_run),
        cmocka_unit_test(nothing_is_measured_beside_a_case_that_wants_none),
        cmocka_unit_test(yardstick_for_the_context_is_measured_beside_and_fills_no_column),
        cmocka_unit_test(yardstick_is_set_up_once_and_given_back),
        cmocka_unit_test(ratio_is_of_the_reference_that_has_run),
        cmocka_unit_test(reference_that_is_filtered_out_runs_quietly_and_short),
        cmocka_unit_test(case_that_is_only_a_reference_is_never_selected),
        cmocka_unit_test(reference_with_as_many_threads_is_preferred),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
