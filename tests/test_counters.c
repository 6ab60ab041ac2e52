/* test_counters.c - the ladder, the probe and the scaling, on PMUs made of tables; and that the machine's own
 * can be asked without harm. */
#include "util_guard.h"
#include "util_pmu.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>

static const util_event full_pmu[] = {
    {"CYCLES_NOT_IN_HALT",     PERF_TYPE_RAW,      0,      false, 4000, 1000, 1000},
    {"perf::CYCLES",           PERF_TYPE_HARDWARE, 0,      false, 1,    1,    1   },
    {"perf::INSTRUCTIONS",     PERF_TYPE_HARDWARE, 0,      false, 9000, 1000, 1000},
    {"perf::BRANCH-MISSES",    PERF_TYPE_HARDWARE, 0,      false, 30,   1000, 500 },
    {"perf::LLC-LOAD-MISSES",  PERF_TYPE_HW_CACHE, 0,      false, 0,    1000, 1000},
    {"perf::DTLB-LOAD-MISSES", PERF_TYPE_HW_CACHE, EINVAL, false, 5,    1000, 1000},
    {"mine",                   PERF_TYPE_RAW,      0,      false, 77,   1000, 250 },
    {"crowded",                PERF_TYPE_RAW,      0,      false, 0,    1000, 0   },
    {"perf::CS",               PERF_TYPE_SOFTWARE, 0,      true,  0,    1000, 1000},
};

typedef struct {
    util_pmu pmu;
    rl_counter_os os;
    rl_counters *counters;
} bench;

static rl_status open_on(bench *b, const util_event *events, size_t n, const char *extra, rl_error *err)
{
    util_pmu_init(&b->pmu, events, n);
    b->os = util_pmu_os(&b->pmu);
    return rl_counters_open(&b->counters, extra, &b->os, err);
}

static void open_full(bench *b, const char *extra)
{
    rl_error err;
    assert_int_equal(open_on(b, full_pmu, RL_COUNT(full_pmu), extra, &err), RL_OK);
}

static const rl_counter_info *info_of(const bench *b, size_t i) { return rl_counters_info(b->counters, i); }

static void native_event_comes_before_generic(void **state)
{
    (void)state;
    bench b;
    open_full(&b, "");
    assert_int_equal(info_of(&b, RL_CYCLES)->rung, RL_RUNG_NATIVE);
    assert_string_equal(info_of(&b, RL_CYCLES)->event, "pmu::CYCLES_NOT_IN_HALT");
    assert_int_equal(info_of(&b, RL_INSTRUCTIONS)->rung, RL_RUNG_GENERIC);
    assert_string_equal(info_of(&b, RL_INSTRUCTIONS)->event, "pmu::perf::INSTRUCTIONS");
    assert_true(rl_counters_hardware(b.counters));
    assert_int_equal(rl_counters_count(b.counters), RL_FIXED_COUNTERS);
    assert_int_equal(atomic_load(&b.pmu.opened), atomic_load(&b.pmu.closed));
    rl_counters_close(b.counters);
}

static void event_that_opens_but_stands_still_is_unavailable(void **state)
{
    (void)state;
    bench b;
    open_full(&b, "crowded");
    assert_int_equal(info_of(&b, RL_LLC_MISSES)->rung, RL_RUNG_NONE);
    assert_string_equal(info_of(&b, RL_LLC_MISSES)->event, "");
    assert_non_null(strstr(info_of(&b, RL_LLC_MISSES)->reason, "stood still"));
    assert_non_null(strstr(info_of(&b, RL_FIXED_COUNTERS)->reason, "never got a counter"));
    rl_counters_close(b.counters);
}

static void event_that_does_not_open_says_why(void **state)
{
    (void)state;
    bench b;
    open_full(&b, "");
    assert_int_equal(info_of(&b, RL_DTLB_MISSES)->rung, RL_RUNG_NONE);
    assert_non_null(strstr(info_of(&b, RL_DTLB_MISSES)->reason, "perf::DTLB-LOAD-MISSES"));
    assert_non_null(strstr(info_of(&b, RL_DTLB_MISSES)->reason, strerror(EINVAL)));
    rl_counters_close(b.counters);
}

/* What a virtual machine without a PMU shows: every name encodes, none opens. */
static void machine_without_a_pmu_has_no_hardware_counters(void **state)
{
    (void)state;
    static const util_event none[] = {
        {"perf::CYCLES",       PERF_TYPE_HARDWARE, ENOENT, false, 1, 1, 1},
        {"perf::INSTRUCTIONS", PERF_TYPE_HARDWARE, ENOENT, false, 1, 1, 1},
    };
    bench b;
    rl_error err;
    assert_int_equal(open_on(&b, none, RL_COUNT(none), "perf::CYCLES", &err), RL_OK);
    assert_false(rl_counters_hardware(b.counters));
    for (size_t i = 0; i < rl_counters_count(b.counters); i++) {
        assert_int_equal(info_of(&b, i)->rung, RL_RUNG_NONE);
        assert_true(info_of(&b, i)->reason[0] != '\0');
    }
    rl_counter_set set;
    rl_counter_value values[RL_COUNTERS_MAX];
    rl_counter_set_open(&set, b.counters, true);
    rl_counter_set_start(&set);
    rl_counter_set_stop(&set);
    rl_counter_set_read(&set, values);
    for (size_t i = 0; i < RL_COUNTERS_MAX; i++) assert_true(values[i].share == 0);
    assert_int_equal(atomic_load(&b.pmu.opened), 0);
    rl_counters_close(b.counters);
}

static void multiplexed_value_is_scaled_and_says_so(void **state)
{
    (void)state;
    bench b;
    open_full(&b, "mine");
    rl_counter_set set;
    rl_counter_value v[RL_COUNTERS_MAX];
    rl_counter_set_open(&set, b.counters, true);
    for (int window = 0; window < 2; window++) { /* paused once */
        rl_counter_set_start(&set);
        rl_counter_set_stop(&set);
    }
    rl_counter_set_read(&set, v);
    assert_true(v[RL_CYCLES].value == 8000 && v[RL_CYCLES].share == 1);
    assert_true(v[RL_BRANCH_MISSES].value == 120 && v[RL_BRANCH_MISSES].share == 0.5);
    assert_true(v[RL_FIXED_COUNTERS].value == 4 * 154 && v[RL_FIXED_COUNTERS].share == 0.25);
    assert_true(v[RL_LLC_MISSES].share == 0 && v[RL_DTLB_MISSES].share == 0);
    assert_int_equal(atomic_load(&b.pmu.opened), atomic_load(&b.pmu.closed));
    rl_counters_close(b.counters);
}

static void event_that_fails_to_open_later_is_not_measured(void **state)
{
    (void)state;
    bench b;
    open_full(&b, "");
    b.pmu.fail_after = atomic_load(&b.pmu.opened) + 1; /* one more, then none */
    rl_counter_set set;
    rl_counter_value v[RL_COUNTERS_MAX];
    rl_counter_set_open(&set, b.counters, true);
    rl_counter_set_start(&set);
    rl_counter_set_stop(&set);
    rl_counter_set_read(&set, v);
    assert_true(v[RL_CYCLES].share == 1);
    assert_true(v[RL_INSTRUCTIONS].share == 0);
    rl_counters_close(b.counters);
}

static void set_that_is_not_wanted_opens_nothing(void **state)
{
    (void)state;
    bench b;
    open_full(&b, "");
    int before = atomic_load(&b.pmu.opened);
    rl_counter_set set;
    rl_counter_value v[RL_COUNTERS_MAX];
    rl_counter_set_open(&set, b.counters, false);
    rl_counter_set_start(&set);
    rl_counter_set_read(&set, v);
    assert_int_equal(atomic_load(&b.pmu.opened), before);
    assert_true(v[RL_CYCLES].share == 0);
    rl_counters_close(b.counters);
}

/* It may stand still while nothing switches, and kernel mode may be forbidden. */
static void software_event_needs_only_to_open(void **state)
{
    (void)state;
    bench b;
    open_full(&b, "perf::CS");
    assert_int_equal(info_of(&b, RL_FIXED_COUNTERS)->rung, RL_RUNG_SOFTWARE);
    rl_counters_close(b.counters);
}

static void bad_lists_of_names_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        ",",
        "mine,",
        ",mine",
        "mine,,crowded",
        "mine,mine",
        "cycles",
        "a\"b",
        "a b",
        "a\x01",
        "0123456789012345678901234567890123456789012345678901234567890123",
        "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t,u,v,w,x,y,z,aa,bb",
    };
    for (size_t i = 0; i < RL_COUNT(bad); i++) {
        bench b;
        rl_error err;
        if (open_on(&b, full_pmu, RL_COUNT(full_pmu), bad[i], &err) != RL_ERR_ARG)
            fail_msg("'%s' was accepted", bad[i]);
        assert_null(b.counters);
    }
}

static void this_machine_can_be_asked(void **state)
{
    (void)state;
    rl_counters *c;
    rl_error err;
    assert_int_equal(
        rl_counters_open(&c, "no_such_event_anywhere,perf::PAGE-FAULTS", &rl_counter_os_linux, &err), RL_OK);
    assert_int_equal(rl_counters_info(c, RL_FIXED_COUNTERS)->rung, RL_RUNG_NONE);
    for (size_t i = 0; i < rl_counters_count(c); i++) {
        const rl_counter_info *info = rl_counters_info(c, i);
        printf("%s: %s%s\n", info->name, info->event, info->reason);
        assert_true((info->rung == RL_RUNG_NONE) == (info->reason[0] != '\0'));
        assert_true((info->rung == RL_RUNG_NONE) == (info->event[0] == '\0'));
    }
    if (rl_counters_info(c, RL_FIXED_COUNTERS + 1)->rung == RL_RUNG_NONE)
        util_note_skip("perf_event_open is forbidden here: no event was counted for real");
    else {
        rl_counter_set set;
        rl_counter_value v[RL_COUNTERS_MAX];
        rl_counter_set_open(&set, c, true);
        rl_counter_set_start(&set);
        rl_counter_os_linux.work(NULL); /* touches 16384 fresh pages */
        rl_counter_set_stop(&set);
        rl_counter_set_read(&set, v);
        assert_true(v[RL_FIXED_COUNTERS + 1].share > 0);
        assert_true(v[RL_FIXED_COUNTERS + 1].value >= 1000);
    }
    rl_counters_close(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(native_event_comes_before_generic),
        cmocka_unit_test(event_that_opens_but_stands_still_is_unavailable),
        cmocka_unit_test(event_that_does_not_open_says_why),
        cmocka_unit_test(machine_without_a_pmu_has_no_hardware_counters),
        cmocka_unit_test(multiplexed_value_is_scaled_and_says_so),
        cmocka_unit_test(event_that_fails_to_open_later_is_not_measured),
        cmocka_unit_test(set_that_is_not_wanted_opens_nothing),
        cmocka_unit_test(software_event_needs_only_to_open),
        cmocka_unit_test(bad_lists_of_names_are_refused),
        cmocka_unit_test(this_machine_can_be_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
