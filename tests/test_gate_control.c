/* test_gate_control.c - the control variate: readings, how rows follow them, and taking that out again. */
#include "util_text.h"

#include "gate/control.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEADER                                                                                               \
    "name,iterations,real_time,time_unit,error_occurred,error_message,launch,repetition,contaminated,"       \
    "bytes_per_second,bw_pct,flops_per_second,peak_pct\n"

static void read_samples(rl_samples *s, const char *lines)
{
    char text[2048];
    rl_error err = {0};
    snprintf(text, sizeof text, HEADER "%s", lines);
    if (rl_samples_parse(s, "csv", text, strlen(text), &err) != RL_OK) fail_msg("%s", err.text);
}

/* 20, 30 and 40 GB/s in launch 1, 50 in launch 2; 100 and 200 Gflop/s. */
static const char lines[] = "a,10,5,ns,,,1,0,0,1e10,50,1e9,1\n"
                            "a,10,5,ns,,,1,1,0,3e10,100,1e9,1\n"
                            "a,10,5,ns,,,1,2,0,1e10,25,1e9,1\n"
                            "a,10,5,ns,,,2,0,0,1e10,20,4e10,20\n";

static void a_launch_reads_what_the_machine_could_do(void **state)
{
    (void)state;
    rl_samples s;
    double out[8];
    read_samples(&s, lines);
    const rl_sample_row *row = rl_samples_find(&s, "a");
    assert_int_equal(rl_control_readings(&s, row, "read_bw", out), 2);
    assert_true(fabs(out[0] / 3e10 - 1) < 1e-12 && fabs(out[1] / 5e10 - 1) < 1e-12);
    assert_int_equal(rl_control_readings(&s, row, "peak", out), 2);
    assert_true(fabs(out[0] / 1e11 - 1) < 1e-12 && fabs(out[1] / 2e11 - 1) < 1e-12);
    assert_int_equal(rl_control_readings(&s, row, "moon", out), 0);
    rl_samples_free(&s);
}

static void a_row_that_does_not_say_it_has_no_reading(void **state)
{
    (void)state;
    static const util_variant variants[] = {
        {",1e10,25,",             ",1e10,,",                                              ""},
        {",1e10,25,",             ",,25,",                                                ""},
        {",1e10,25,",             ",1e10,0,",                                             ""},
        {",1e10,25,",             ",nan,25,",                                             ""},
        {",1e10,25,",             ",-1,25,",                                              ""},
        {",1e10,20,",             ",1e10,,",                                              ""},
        {"0,0,1e10,20,4e10,20\n", "0,0,1e308,100,1,1\na,10,5,ns,,,2,1,0,1e308,100,1,1\n", ""}, /* no median */
    };
    for (size_t i = 0; i < RL_COUNT(variants); i++) {
        rl_samples s;
        double out[8];
        char *text = util_replaced(lines, variants[i].from, variants[i].to);
        read_samples(&s, text);
        if (rl_control_readings(&s, rl_samples_find(&s, "a"), "read_bw", out) != 0) fail_msg("case %zu", i);
        rl_samples_free(&s);
        free(text);
    }
    rl_samples s;
    double out[8];
    static const char without[] =
        "name,iterations,real_time,time_unit,error_occurred,error_message,launch,repetition,"
        "contaminated,bytes_per_second\na,10,5,ns,,,1,0,0,1e10\n";
    assert_int_equal(rl_samples_parse(&s, "csv", without, strlen(without), NULL), RL_OK);
    assert_int_equal(rl_control_readings(&s, rl_samples_find(&s, "a"), "read_bw", out), 0);
    rl_samples_free(&s);
}

enum { N = 12 };

/* Readings that spread by some percent round 5e10, and values that go as their power. */
static void make(double *value, double *reading, double power, double spread)
{
    for (size_t i = 0; i < N; i++) {
        reading[i] = 5e10 * (1 + spread * (double)((i * 5) % N));
        value[i] = 1000 * pow(reading[i] / 5e10, power);
    }
}

static void beta_is_how_far_a_row_follows_the_machine(void **state)
{
    (void)state;
    static const struct {
        double power; /* of the value */
        bool higher, whole;
        double beta;
    } cases[] = {
        {-1,    false, false, 1    }, /* bound by it: half the bandwidth, twice the time */
        {-0.5,  false, false, 0.5  },
        {0,     false, false, 0    }, /* has nothing to do with it */
        {1,     false, false, 0    }, /* against all reason: not taken out */
        {-2,    false, false, 1    }, /* more than all of it cannot be the machine's */
        {1,     true,  false, 1    }, /* a rate */
        {0.25,  true,  false, 0.25 },
        {-1,    true,  false, 0    },
        {-1,    true,  true,  -1   }, /* a part of it that does not follow it */
        {-0.25, true,  true,  -0.25},
        {0,     true,  true,  0    }, /* the same part of whatever there is */
        {1,     true,  true,  0    },
        {-2,    true,  true,  -1   },
    };
    double value[N], reading[N];
    for (size_t i = 0; i < RL_COUNT(cases); i++) {
        make(value, reading, cases[i].power, 0.02);
        const double beta = rl_control_beta(value, reading, N, cases[i].higher, cases[i].whole);
        if (!(fabs(beta - cases[i].beta) < 1e-9)) fail_msg("case %zu: beta is %g", i, beta);
    }
}

static void too_little_to_go_by_gives_no_beta(void **state)
{
    (void)state;
    double value[N], reading[N];
    make(value, reading, -1, 0.02);
    assert_true(rl_control_beta(value, reading, RL_CONTROL_LAUNCHES_MIN, false, false) > 0.99);
    assert_true(rl_control_beta(value, reading, RL_CONTROL_LAUNCHES_MIN - 1, false, false) == 0);
    make(value, reading, -1, 0.0012); /* a standard deviation of 0.43 % */
    assert_true(rl_control_beta(value, reading, N, false, false) == 0);
    make(value, reading, -1, 0.0016); /* of 0.57 % */
    assert_true(rl_control_beta(value, reading, N, false, false) > 0.99);
}

static void adjusting_takes_the_machine_out(void **state)
{
    (void)state;
    double value[N], reading[N];
    make(value, reading, -0.5, 0.1);
    rl_control_adjust(value, reading, N, 5e10, 0.5, false);
    for (size_t i = 0; i < N; i++) assert_true(fabs(value[i] - 1000) < 1e-9);
    make(value, reading, 0.5, 0.1);
    rl_control_adjust(value, reading, N, 5e10, 0.5, true);
    for (size_t i = 0; i < N; i++) assert_true(fabs(value[i] - 1000) < 1e-9);
    make(value, reading, -1, 0.1);
    const double last = value[N - 1];
    rl_control_adjust(value, reading, N, 5e10, 0, false); /* says that it does not follow */
    assert_true(value[N - 1] == last);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_launch_reads_what_the_machine_could_do),
        cmocka_unit_test(a_row_that_does_not_say_it_has_no_reading),
        cmocka_unit_test(beta_is_how_far_a_row_follows_the_machine),
        cmocka_unit_test(too_little_to_go_by_gives_no_beta),
        cmocka_unit_test(adjusting_takes_the_machine_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
