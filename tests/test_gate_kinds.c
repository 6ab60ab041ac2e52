/* test_gate_kinds.c - gates without statistics: exact counts, ratios within the run, errors, what ran. */
#include "util_judge.h"

#include <math.h>
#include <string.h>

#define BASE_HEADER                                                                                          \
    "name,iterations,real_time,time_unit,error_occurred,error_message,launch,repetition,contaminated"

/* ---- Exact ----------------------------------------------------------------------------------------- */

#define EXACT(better, tolerance)                                                                             \
    "{\"kind\":\"exact\",\"rows\":\"^k/\",\"metric\":\"count\",\"better\":\"" better                         \
    "\",\"tolerance\":" tolerance "}"
/* Of which none is there. */
#define NOTHING(better)                                                                                      \
    "{\"name\":\"k/a\",\"metric\":\"count\",\"better\":\"" better                                            \
    "\",\"median\":0,\"within\":-1,\"between\":-1,\"s_w\":-1,\"s_b\":-1,\"s_s\":-1,\"launches\":[[0,0,0]]}"
#define COUNTED(name, better)                                                                                \
    "{\"name\":\"" name "\",\"metric\":\"count\",\"better\":\"" better                                       \
    "\",\"median\":1000,\"within\":-1,\"between\":0,\"s_w\":-1,\"s_b\":0,\"s_s\":-1,"                        \
    "\"launches\":[[1000,1000,1000]]}"

/* One launch each. */
static void count_launches(const double *counts, size_t n)
{
    util_csv_start(BASE_HEADER ",count");
    for (size_t i = 0; i < n; i++) util_csv_line("k/a,1,5,ns,,,%zu,0,0,%.12g", i + 1, counts[i]);
}

static void an_exact_gate_needs_a_tolerance_and_no_statistics(void **state)
{
    (void)state;
    static const struct {
        const char *gate, *row;
        double counts[2];
        rl_verdict verdict;
        const char *says;
    } cases[] = {
  /* clang-format off */
        {EXACT("lower", "0.01"),  COUNTED("k/a", "lower"),  {1000, 1000}, RL_PASS, ""},
        {EXACT("lower", "0.01"),  COUNTED("k/a", "lower"),  {1010, 1010}, RL_PASS, ""},
        {EXACT("lower", "0.01"),  COUNTED("k/a", "lower"),  {1011, 1011}, RL_REGRESSED, "1011, the baseline has 1000: 0.01 of it is allowed"},
        {EXACT("lower", "0.01"),  COUNTED("k/a", "lower"),  {989, 989},   RL_IMPROVED, "989, the baseline has 1000"},
        {EXACT("higher", "0.01"), COUNTED("k/a", "higher"), {989, 989},   RL_REGRESSED, "989, the baseline has 1000"},
        {EXACT("higher", "0.01"), COUNTED("k/a", "higher"), {1011, 1011}, RL_IMPROVED, "recalibrate to keep it"},
        {EXACT("lower", "0"),     COUNTED("k/a", "lower"),  {1000, 1000}, RL_PASS, ""},
        {EXACT("lower", "0"),     COUNTED("k/a", "lower"),  {1000.0000001, 1000.0000001}, RL_PASS, ""}, /* as baselines keep it */
        {EXACT("lower", "0"),     COUNTED("k/a", "lower"),  {1000.1, 1000.1}, RL_REGRESSED, "1000.1, the baseline has 1000"},
        {EXACT("lower", "0.01"),  COUNTED("k/a", "lower"),  {985, 1015},  RL_BROKEN, "launches disagree, 985 to 1015: 0.01 of it is allowed"},
        {EXACT("lower", "0"),     COUNTED("k/a", "lower"),  {1000, 1001}, RL_BROKEN, "launches disagree"},
        {EXACT("higher", "0.01"), COUNTED("k/a", "lower"),  {1000, 1000}, RL_BROKEN, "the gate's direction is not the baseline's"},
        {EXACT("lower", "0.01"),  COUNTED("k/b", "lower"),  {1000, 1000}, RL_NEW, "not in the baseline"},
        {EXACT("lower", "0.01"),  COUNTED("k/a", "lower"),  {0, 0},       RL_IMPROVED, "0, the baseline has 1000"},
        {EXACT("higher", "0"),    COUNTED("k/a", "higher"), {0, 0},       RL_REGRESSED, "0, the baseline has 1000"},
        {EXACT("lower", "0"),     NOTHING("lower"),         {0, 0},       RL_PASS, ""},
        {EXACT("lower", "0.01"),  NOTHING("lower"),         {1, 1},       RL_REGRESSED, "1, the baseline has 0"},
        {EXACT("higher", "0.01"), NOTHING("higher"),        {1, 1},       RL_IMPROVED, "1, the baseline has 0"},
        {EXACT("lower", "0.01"),  NOTHING("lower"),         {0, 1},       RL_BROKEN, "launches disagree, 0 to 1"},
        {EXACT("lower", "0.01"),  COUNTED("k/a", "lower"),  {-1, -1},     RL_BROKEN, "line 2: count is -1, expected a number from 0"},
  /* clang-format on */
    };
    for (size_t i = 0; i < RL_COUNT(cases); i++) {
        util_trial t;
        count_launches(cases[i].counts, 2);
        util_judge(&t, &(util_setup){.gates = cases[i].gate, .csv = util_csv, .baseline = cases[i].row});
        util_expect(&t, "k/a", cases[i].verdict, cases[i].says);
        if (cases[i].verdict == RL_PASS || cases[i].verdict == RL_REGRESSED) {
            assert_true(t.v.expected == 1 && t.v.compared == 1);
            assert_int_equal(t.v.exit_code, cases[i].verdict == RL_PASS ? RL_EXIT_PASS : RL_EXIT_REGRESSION);
            assert_true((util_finding(&t, "k/a")->excess > 1) == (cases[i].verdict == RL_REGRESSED));
        }
        util_judge_end(&t);
    }
}

static void a_count_that_the_baseline_has_must_be_there(void **state)
{
    (void)state;
    util_trial t;
    count_launches((const double[]){1000, 1000}, 2);
    util_judge(&t, &(util_setup){.gates = EXACT("lower", "0"),
                                 .csv = util_csv,
                                 .baseline = COUNTED("k/a", "lower") "," COUNTED("k/b", "lower")});
    util_expect(&t, "k/b", RL_BROKEN, "missing: the baseline has it, this run has not");
    assert_int_equal(t.v.exit_code, RL_EXIT_BROKEN);
    util_judge_end(&t);
    util_judge(&t, &(util_setup){.gates = EXACT("lower", "0"), .csv = util_csv});
    assert_int_equal(t.v.exit_code, RL_EXIT_NO_BASELINE);
    util_judge_end(&t);
}

/* ---- Ratios ---------------------------------------------------------------------------------------- */

#define RATIO(metric, better, more)                                                                          \
    "{\"kind\":\"ratio\",\"rows\":\"^k/q8\",\"from\":\"/q8/\",\"to\":\"/f16/\",\"metric\":\"" metric         \
    "\",\"better\":\"" better "\",\"min\":1.15" more "}"

static void a_ratio_is_of_two_rows_of_the_same_launches(void **state)
{
    (void)state;
    static const struct {
        const char *gate;
        double own[3], other[3];
        double ratio;
        rl_verdict verdict;
    } cases[] = {
        {RATIO("real_time", "lower",  ""), {100, 100, 100}, {120, 120, 120}, 1.2,     RL_PASS     },
        {RATIO("real_time", "lower",  ""), {100, 100, 100}, {115, 115, 115}, 1.15,    RL_PASS     },
        {RATIO("real_time", "lower",  ""), {100, 100, 100}, {110, 110, 110}, 1.1,     RL_REGRESSED},
        {RATIO("real_time", "lower",  ""), {120, 120, 120}, {100, 100, 100}, 1 / 1.2, RL_REGRESSED},
        {RATIO("real_time", "higher", ""), {120, 120, 120}, {100, 100, 100}, 1.2,     RL_PASS     },
        {RATIO("real_time", "lower",  ""), {1, 10, 100},    {30, 20, 100},   2,       RL_PASS     }, /* not 30 / 10 */
    };
    for (size_t i = 0; i < RL_COUNT(cases); i++) {
        util_trial t;
        util_csv_start(UTIL_CSV_HEADER);
        util_csv_row("k/q8/a", cases[i].own, 3, 50, 0);
        util_csv_row("k/f16/a", cases[i].other, 3, 50, 0);
        util_judge(&t, &(util_setup){.gates = cases[i].gate, .csv = util_csv});
        util_expect(&t, "k/q8/a", cases[i].verdict,
                    cases[i].verdict == RL_PASS ? "" : "times as good as k/f16/a: 1.15 times wanted");
        const rl_finding *f = util_finding(&t, "k/q8/a");
        assert_true(f->now == cases[i].ratio && f->threshold == 1.15 && f->n_now == 3);
        assert_string_equal(f->unit, "x");
        assert_int_equal(t.v.exit_code, cases[i].verdict == RL_PASS ? RL_EXIT_PASS : RL_EXIT_REGRESSION);
        util_judge_end(&t);
    }
}

static void a_row_without_a_partner_is_broken(void **state)
{
    (void)state;
    static const double times[] = {100, 100}, nan_times[] = {100, (double)NAN};
    static const struct {
        const char *own, *other, *gate;
        const double *other_times;
        const char *benchmark;
        rl_verdict verdict;
        const char *says;
    } cases[] = {
  /* clang-format off */
        {"k/q8/a", "k/f32/a", RATIO("real_time", "lower", ""), times, "k/q8/a", RL_BROKEN, "there is no row called so with '/f16/' in the place of '/q8/'"},
        {"k/q8-a", "k/f16/a", RATIO("real_time", "lower", ""), times, "k/q8-a", RL_BROKEN, "its name has no '/q8/' that could become '/f16/'"},
        {"k/q8/a", "k/f16/a", RATIO("real_time", "lower", ""), nan_times, "k/q8/a", RL_BROKEN, "k/f16/a, which it is compared with, is broken"},
        {"k/q8/a", "k/f32/a", RATIO("real_time", "lower", ",\"optional\":\"no f16 yet\""), times, "rows matching ^k/q8", RL_NOT_APPLICABLE, "no f16 yet"},
        {"k/q8/a", "k/f16/b", RATIO("real_time", "lower", ""), times, "k/q8/a", RL_BROKEN, "there is no row called so"},
  /* clang-format on */
    };
    for (size_t i = 0; i < RL_COUNT(cases); i++) {
        util_trial t;
        char gates[512];
        snprintf(gates, sizeof gates, "%s,%s", cases[i].gate,
                 "{\"kind\":\"floor\",\"rows\":\"^z\",\"metric\":\"bw_pct\",\"min\":1}");
        util_csv_start(UTIL_CSV_HEADER);
        util_csv_row(cases[i].own, times, 2, 50, 0);
        util_csv_row(cases[i].other, cases[i].other_times, 2, 50, 0);
        util_csv_row("z", times, 2, 50, 0);
        util_judge(&t, &(util_setup){.gates = gates, .csv = util_csv});
        util_expect(&t, cases[i].benchmark, cases[i].verdict, cases[i].says);
        assert_int_equal(t.v.exit_code, cases[i].verdict == RL_BROKEN ? RL_EXIT_BROKEN : RL_EXIT_PASS);
        util_judge_end(&t);
    }
}

/* 100 ns are not as good as 100 us. */
static void partners_in_other_units_are_broken(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        util_trial t;
        util_csv_start(UTIL_CSV_HEADER);
        util_csv_line("k/q8/a,10,100,ns,,,1,0,0,50,0");
        util_csv_line("k/f16/a,10,100,us,,,1,0,0,25,0");
        util_judge(&t, &(util_setup){.csv = util_csv,
                                     .gates = i == 0 ? RATIO("real_time", "lower", "")
                                                     : RATIO("bw_pct", "higher", "")});
        if (i == 0)
            util_expect(&t, "k/q8/a", RL_BROKEN,
                        "measured in 'ns', k/f16/a, which it is compared with, in 'us'");
        else
            util_expect(&t, "k/q8/a", RL_PASS, ""); /* a percentage whatever times are measured in */
        util_judge_end(&t);
    }
}

/* Optional means that there need be no pair, not that a row may lose its partner. */
static void an_optional_ratio_of_which_some_rows_have_partners_is_broken(void **state)
{
    (void)state;
    static const double fast[] = {100, 100}, slow[] = {200, 200};
    util_trial t;
    util_csv_start(UTIL_CSV_HEADER);
    util_csv_row("k/q8/a", fast, 2, 50, 0);
    util_csv_row("k/q8/b", fast, 2, 50, 0);
    util_csv_row("k/f16/b", slow, 2, 50, 0);
    util_judge(&t, &(util_setup){.gates = RATIO("real_time", "lower", ",\"optional\":\"no f16 yet\""),
                                 .csv = util_csv});
    util_expect(&t, "k/q8/a", RL_BROKEN, "there is no row called so");
    util_expect(&t, "k/q8/b", RL_PASS, "");
    util_judge_end(&t);
}

/* What disturbs the slower of the two makes the faster look good. */
static void a_partner_that_was_disturbed_breaks_the_ratio(void **state)
{
    (void)state;
    util_trial t;
    util_csv_start(UTIL_CSV_HEADER);
    util_csv_line("k/q8/a,10,100,ns,,,1,0,0,50,0");
    util_csv_line("k/f16/a,10,200,ns,,,1,0,1,50,0");
    util_judge(&t, &(util_setup){.gates = RATIO("real_time", "lower", ""), .csv = util_csv});
    util_expect(&t, "k/q8/a", RL_BROKEN, "1 of 1 repetitions were disturbed from outside: measure again");
    util_judge_end(&t);
}

/* Ten launches have their lower 95 % bound at the second smallest, five at the smallest, four none. */
static void a_lower_bound_must_be_reached_not_the_median_alone(void **state)
{
    (void)state;
    static const struct {
        double own[10];
        size_t n;
        rl_verdict verdict;
        double low;
        const char *says;
        int exit_code;
    } cases[] = {
  /* clang-format off */
        {{100, 100, 100, 100, 100}, 5, RL_PASS, 1.2, "", RL_EXIT_PASS},
        {{100, 100, 100, 100, 120}, 5, RL_INCONCLUSIVE, 1, "of that the lower 95 % bound is 1.000: 1.15 times wanted. Measure again", RL_EXIT_BROKEN},
        {{100, 100, 120, 120, 120}, 5, RL_REGRESSED, 1, "1.000 times as good as k/f16/a: 1.15 times wanted", RL_EXIT_REGRESSION},
        {{100, 100, 100, 100}, 4, RL_BROKEN, (double)NAN, "4 launches have no lower 95 % bound: at least 5 are needed", RL_EXIT_BROKEN},
        {{100, 100, 100, 100, 100, 100, 100, 100, 100, 120}, 10, RL_PASS, 1.2, "", RL_EXIT_PASS},
        {{100, 100, 100, 100, 100, 100, 100, 100, 120, 120}, 10, RL_INCONCLUSIVE, 1, "lower 95 % bound is 1.000", RL_EXIT_BROKEN},
  /* clang-format on */
    };
    static const double other[10] = {120, 120, 120, 120, 120, 120, 120, 120, 120, 120};
    for (size_t i = 0; i < RL_COUNT(cases); i++) {
        util_trial t;
        util_csv_start(UTIL_CSV_HEADER);
        util_csv_row("k/q8/a", cases[i].own, cases[i].n, 50, 0);
        util_csv_row("k/f16/a", other, cases[i].n, 50, 0);
        util_judge(&t, &(util_setup){.gates = RATIO("real_time", "lower", ",\"bound\":\"lower95\""),
                                     .csv = util_csv});
        util_expect(&t, "k/q8/a", cases[i].verdict, cases[i].says);
        const double low = util_finding(&t, "k/q8/a")->ratio_low;
        assert_true(isnan(cases[i].low) ? isnan(low) : low == cases[i].low);
        assert_int_equal(t.v.exit_code, cases[i].exit_code);
        util_judge_end(&t);
    }
}

/* The companion's rows may be missing where it could not run, and nowhere else. */
static void a_ratio_to_the_companion_says_why_it_is_not_taken(void **state)
{
    (void)state;
    static const double times[] = {100, 100}, slow[] = {200, 200};
    static const struct {
        const char *companion, *other, *benchmark;
        rl_verdict verdict;
        const char *says;
    } cases[] = {
        {"no such package", "k/f32/a", "rows matching ^k/q8", RL_NOT_APPLICABLE,
         "without o.py: no such package"                                                                             },
        {NULL,              "k/f32/a", "rows matching ^k/q8", RL_NOT_APPLICABLE,
         "the samples are of the bench alone, without o.py"                                                          },
        {"ran",             "k/f32/a", "rows matching ^k/q8", RL_BROKEN,         "the companion ran, and left no row"},
        {"ran",             "k/f16/a", "k/q8/a",              RL_PASS,           ""                                  },
    };
    for (size_t i = 0; i < RL_COUNT(cases); i++) {
        util_trial t;
        util_csv_start(UTIL_CSV_HEADER);
        util_csv_row("k/q8/a", times, 2, 50, 0);
        util_csv_row(cases[i].other, slow, 2, 50, 0);
        util_csv_row("z", times, 2, 50, 0);
        util_judge(&t,
                   &(util_setup){.gates = RATIO("real_time", "lower",
                                                ",\"companion\":true") ","
                                                                       "{\"kind\":\"floor\",\"rows\":\"^z\","
                                                                       "\"metric\":\"bw_pct\",\"min\":1}",
                                 .lane_more = ",\"companion\":{\"program\":\"o.py\",\"rows\":\"^k/f\"}",
                                 .machine = "\"cores\":\"1\"",
                                 .companion = cases[i].companion,
                                 .csv = util_csv});
        util_expect(&t, cases[i].benchmark, cases[i].verdict, cases[i].says);
        assert_int_equal(t.v.exit_code, cases[i].verdict == RL_BROKEN ? RL_EXIT_BROKEN : RL_EXIT_PASS);
        util_judge_end(&t);
    }
}

/* ---- Errors ---------------------------------------------------------------------------------------- */

static void a_quality_gate_looks_at_every_repetition_unless_told_otherwise(void **state)
{
    (void)state;
    static const struct {
        const char *more;
        rl_verdict verdict;
    } cases[] = {
        {"",                   RL_REGRESSED},
        {",\"of\":\"worst\"",  RL_REGRESSED},
        {",\"of\":\"median\"", RL_PASS     },
    };
    for (size_t i = 0; i < RL_COUNT(cases); i++) {
        util_trial t;
        char gate[256];
        snprintf(gate, sizeof gate,
                 "{\"kind\":\"quality\",\"rows\":\"k\",\"metric\":\"max_error\",\"max\":0.1%s}",
                 cases[i].more);
        util_csv_start(UTIL_CSV_HEADER);
        util_csv_row("k/a", (const double[]){5, 5}, 2, 50, 0.01);
        util_csv_line("k/a,10,5,ns,,,3,0,0,50,0.11");
        util_judge(&t, &(util_setup){.gates = gate, .csv = util_csv});
        util_expect(&t, "k/a", cases[i].verdict,
                    cases[i].verdict == RL_PASS ? "" : "the worst repetition is above the ceiling of 0.1");
        util_judge_end(&t);
    }
}

/* ---- What ran -------------------------------------------------------------------------------------- */

static void what_ran_is_held_against_what_should_have_run(void **state)
{
    (void)state;
    static const char avx512[] = "\"isa\":\"avx512\"";
    static const struct {
        const char *want, *machine, *isa,
            *label; /* of the third launch; the others ran avx512, gemm_q4_avx512 */
        rl_verdict verdict;
        const char *says;
    } cases[] = {
  /* clang-format off */
        {"\"isa\":\"avx512\"",  NULL,   "avx512", "gemm_q4_avx512", RL_PASS, ""},
        {"\"isa\":\"avx512\"",  NULL,   "scalar", "gemm_q4_avx512", RL_REGRESSED, "launch 3 ran scalar, and avx512 was to run (silently)"},
        {"\"isa\":\"best\"",    avx512, "avx512", "gemm_q4_avx512", RL_PASS, ""},
        {"\"isa\":\"best\"",    avx512, "avx2",   "gemm_q4_avx512", RL_REGRESSED, "launch 3 ran avx2, and avx512 was to run"},
        {"\"isa\":\"best\"",    NULL,   "avx512", "gemm_q4_avx512", RL_BROKEN, "is not known: they have no context"},
        {"\"isa\":\"best\"",    "",     "avx512", "gemm_q4_avx512", RL_BROKEN, "is not known: they have no context"},
        {"\"isa\":\"avx512\"",  NULL,   "",       "gemm_q4_avx512", RL_BROKEN, "line 4: the bench does not say which tier ran"},
        {"\"kernel\":\"^gemm\"", NULL,  "scalar", "gemm_q4_scalar", RL_PASS, ""},
        {"\"kernel\":\"^gemm_.*512$\"", NULL, "avx512", "gemm_q4_avx2", RL_REGRESSED, "launch 3 ran 'gemm_q4_avx2', and a kernel that matches ^gemm_.*512$ was to run"},
        {"\"kernel\":\"^gemm\"", NULL,  "avx512", "",               RL_BROKEN, "line 4: the bench does not say which kernel ran"},
        {"\"isa\":\"best\",\"kernel\":\"512\"", avx512, "avx512", "gemm_q4_avx2", RL_REGRESSED, "launch 3 ran 'gemm_q4_avx2'"},
  /* clang-format on */
    };
    for (size_t i = 0; i < RL_COUNT(cases); i++) {
        util_trial t;
        char gate[256];
        snprintf(gate, sizeof gate, "{\"kind\":\"path\",\"rows\":\"k\",%s,\"note\":\"silently\"}",
                 cases[i].want);
        util_csv_start(BASE_HEADER ",isa,label");
        util_csv_line("k/a,1,5,ns,,,1,0,0,avx512,gemm_q4_avx512");
        util_csv_line("k/a,1,5,ns,,,2,0,0,avx512,gemm_q4_avx512");
        util_csv_line("k/a,1,5,ns,,,3,0,0,%s,%s", cases[i].isa, cases[i].label);
        util_judge(&t, &(util_setup){.gates = gate, .csv = util_csv, .machine = cases[i].machine});
        util_expect(&t, "k/a", cases[i].verdict, cases[i].says);
        assert_int_equal(t.v.exit_code, cases[i].verdict == RL_PASS        ? RL_EXIT_PASS
                                        : cases[i].verdict == RL_REGRESSED ? RL_EXIT_REGRESSION
                                                                           : RL_EXIT_BROKEN);
        util_judge_end(&t);
    }
}

/* Samples of other programs may lack the columns. */
static void samples_that_do_not_say_what_ran_are_broken(void **state)
{
    (void)state;
    util_trial t;
    util_csv_start(UTIL_CSV_HEADER);
    util_csv_row("k/a", (const double[]){5}, 1, 50, 0);
    util_judge(
        &t, &(util_setup){.gates = "{\"kind\":\"path\",\"rows\":\"k\",\"isa\":\"scalar\"}", .csv = util_csv});
    util_expect(&t, "k/a", RL_BROKEN, "the bench does not say which tier ran");
    util_judge_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_exact_gate_needs_a_tolerance_and_no_statistics),
        cmocka_unit_test(a_count_that_the_baseline_has_must_be_there),
        cmocka_unit_test(a_ratio_is_of_two_rows_of_the_same_launches),
        cmocka_unit_test(a_row_without_a_partner_is_broken),
        cmocka_unit_test(partners_in_other_units_are_broken),
        cmocka_unit_test(an_optional_ratio_of_which_some_rows_have_partners_is_broken),
        cmocka_unit_test(a_partner_that_was_disturbed_breaks_the_ratio),
        cmocka_unit_test(a_lower_bound_must_be_reached_not_the_median_alone),
        cmocka_unit_test(a_ratio_to_the_companion_says_why_it_is_not_taken),
        cmocka_unit_test(a_quality_gate_looks_at_every_repetition_unless_told_otherwise),
        cmocka_unit_test(what_ran_is_held_against_what_should_have_run),
        cmocka_unit_test(samples_that_do_not_say_what_ran_are_broken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
