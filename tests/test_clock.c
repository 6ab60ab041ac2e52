/* test_clock.c - the system's clocks move, and a clock that does not is refused. */
#include "util_guard.h"

#include "perf/clock.h"

#include <string.h>

typedef struct {
    int64_t now, step, every; /* a read adds `step` once in `every` reads */
    int64_t reads;
} fake;

static int64_t fake_read(void *ctx)
{
    fake *f = ctx;
    if (++f->reads % f->every == 0) f->now += f->step;
    return f->now;
}

static rl_status check(fake *f, rl_clock_info *info, rl_error *err)
{
    const rl_clock clock = {fake_read, fake_read, fake_read, f};
    return rl_clock_check(&clock, info, err);
}

static void system_clocks_advance_and_never_go_back(void **state)
{
    (void)state;
    const rl_clock *c = &rl_clock_system;
    int64_t (*const reads[])(void *) = {c->wall_ns, c->thread_cpu_ns, c->process_cpu_ns};
    for (size_t k = 0; k < RL_COUNT(reads); k++) {
        int64_t first = reads[k](c->ctx), before = first;
        while (before - first < 1000000) {
            int64_t now = reads[k](c->ctx);
            assert_true(now >= before);
            before = now;
        }
    }
}

static void thread_time_is_part_of_process_time(void **state)
{
    (void)state;
    const rl_clock *c = &rl_clock_system;
    int64_t thread = c->thread_cpu_ns(c->ctx);
    assert_true(thread <= c->process_cpu_ns(c->ctx));
}

static void system_clock_passes_its_check(void **state)
{
    (void)state;
    rl_clock_info info;
    rl_error err;
    assert_int_equal(rl_clock_check(&rl_clock_system, &info, &err), RL_OK);
    assert_true(info.resolution_ns >= 1);
    assert_true(info.overhead_min_ns > 0);
    assert_true(info.overhead_median_ns >= info.overhead_min_ns);
}

static void resolution_and_overhead_are_what_the_clock_shows(void **state)
{
    (void)state;
    fake f = {.step = 40, .every = 8};
    rl_clock_info info;
    rl_error err;
    assert_int_equal(check(&f, &info, &err), RL_OK);
    assert_true(info.resolution_ns == 40);
    assert_true(info.overhead_min_ns == 5); /* 40 ns in 8 reads; 200 reads are 25 steps */
    assert_true(info.overhead_median_ns == 5);
}

static void clock_that_stands_still_is_refused(void **state)
{
    (void)state;
    fake f = {.step = 0, .every = 1};
    rl_clock_info info;
    rl_error err;
    assert_int_equal(check(&f, &info, &err), RL_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.text, "stood still"));
}

static void clock_that_runs_backwards_is_refused(void **state)
{
    (void)state;
    fake f = {.step = -3, .every = 5};
    rl_clock_info info;
    rl_error err;
    assert_int_equal(check(&f, &info, &err), RL_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.text, "backwards by 3 ns"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(system_clocks_advance_and_never_go_back),
        cmocka_unit_test(thread_time_is_part_of_process_time),
        cmocka_unit_test(system_clock_passes_its_check),
        cmocka_unit_test(resolution_and_overhead_are_what_the_clock_shows),
        cmocka_unit_test(clock_that_stands_still_is_refused),
        cmocka_unit_test(clock_that_runs_backwards_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
