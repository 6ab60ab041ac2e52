/* test_gate_judge.c - what is decided of a row, what of a gate, what of a run; and which exit code wins.
 *
 * Each case is a lane, a CSV and a baseline in a few words: launches are numbers, and a line of the CSV is
 * one repetition of one launch. */
#include "util_judge.h"

#include "gate/decide.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- The rule of a row ----------------------------------------------------------------------------- */

/* One row, decided as the only one of its run. */
static rl_judgement decide(const double *before, size_t n, const double *now, size_t m, bool higher,
                           double margin)
{
    rl_rank_null null = {0};
    rl_judgement j = rl_compare(&null, (rl_side){before, n}, (rl_side){now, m}, higher, margin);
    rl_decide_all(&j, 1, 0.01);
    rl_rank_null_free(&null);
    return j;
}

static void a_row_is_decided_by_margin_and_ranks(void **state)
{
    (void)state;
    const double base[] = {97, 98, 99, 100, 100.5, 101, 102, 103};
    const struct {
        double now[5];
        bool higher;
        rl_decision decision;
    } cases[] = {
        {{98, 99, 100, 101, 102},     false, RL_DECIDED_PASS        },
        {{105, 106, 107, 107.5, 107}, false, RL_DECIDED_PASS        }, /* slower, but within the margin */
        {{115, 116, 117, 118, 119},   false, RL_DECIDED_REGRESSED   }, /* beyond it */
        {{101, 115, 116, 117, 118},   false, RL_DECIDED_INCONCLUSIVE}, /* one launch of five as before */
        {{98, 99, 100, 101, 150},     false, RL_DECIDED_PASS        }, /* a stray launch hides nothing */
        {{108, 109, 110, 111, 112},   false, RL_DECIDED_INCONCLUSIVE}, /* on the margin */
        {{80, 81, 82, 83, 84},        false, RL_DECIDED_IMPROVED    },
        {{92, 93, 94, 95, 96},        false, RL_DECIDED_PASS        }, /* faster, but within the margin */
        {{80, 81, 82, 83, 84},        true,  RL_DECIDED_REGRESSED   },
        {{115, 116, 117, 118, 119},   true,  RL_DECIDED_IMPROVED    },
        {{93, 94, 95, 96, 97},        true,  RL_DECIDED_PASS        },
    };
    for (size_t i = 0; i < RL_COUNT(cases); i++) {
        rl_judgement j = decide(base, 8, cases[i].now, 5, cases[i].higher, 0.10);
        if (j.decision != cases[i].decision)
            fail_msg("case %zu: %d, p %g %g %g", i, (int)j.decision, j.p_worse, j.p_not_worse, j.p_better);
        assert_true(j.before == 100.25 && j.now == cases[i].now[2]);
        assert_true(j.low <= j.ratio && j.ratio <= j.high && fabs(j.ratio - j.now / 100.25) < 0.02);
        assert_true(cases[i].higher ? j.worse == 1 / j.ratio || fabs(j.worse * j.ratio - 1) < 1e-12
                                    : j.worse == j.ratio);
    }
}

/* A launch of the baseline that was three times as slow as the others, and one of today that was as fast as they. */
static void a_stray_launch_does_not_disarm_the_gate(void **state)
{
    (void)state;
    const double stray[] = {96, 97, 98, 99, 100, 100.5, 101, 102, 103, 290},
                 slow[] = {200, 201, 202, 203, 204, 205, 206, 207},
                 mixed[] = {99.5, 201, 202, 203, 204, 205, 206, 207, 208, 209};
    assert_int_equal(decide(stray, 10, slow, 8, false, 0.10).decision, RL_DECIDED_REGRESSED);
    assert_int_equal(decide(stray, 9, mixed, 10, false, 0.10).decision, RL_DECIDED_REGRESSED);
}

/* Launches that fall into one of two modes, more of them into the slower one than before. */
static void modes_that_swap_their_shares_are_no_regression(void **state)
{
    (void)state;
    const double before[] = {100, 101, 102, 103, 104, 105, 106, 107, 200, 203, 206, 209, 212, 215},
                 now[] = {201, 202, 204, 205, 207, 208, 210, 211, 213, 214, 216, 217, 218, 219};
    rl_judgement j = decide(before, 14, now, 14, false, 0.005);
    assert_true(j.p_worse <= 0.01 && j.superiority < RL_SUPERIORITY);
    assert_int_equal(j.decision, RL_DECIDED_INCONCLUSIVE);
}

static void too_few_launches_decide_nothing(void **state)
{
    (void)state;
    const double slow[] = {200, 201, 202, 203, 204, 205, 206, 207, 208, 209},
                 base[] = {100, 101, 102, 103, 104, 105, 106, 107, 108, 109};
    assert_int_equal(decide(base, 3, slow, 3, false, 0.1).decision, RL_UNREACHABLE);
    assert_int_equal(decide(base, 10, slow, 2, false, 0.1).decision, RL_UNREACHABLE);
    assert_int_equal(decide(base, 10, slow, 3, false, 0.1).decision, RL_DECIDED_REGRESSED);
    assert_int_equal(rl_launches_needed(10, 1, 0.01, 1000), 3);
    assert_int_equal(rl_launches_needed(3, 1, 0.01, 1000), 7);
    assert_int_equal(rl_launches_needed(5, 1, 0.01, 1000), 4); /* 1/126 */
    assert_int_equal(rl_launches_needed(5, 1, 0.01, 3), 0);
    assert_int_equal(rl_launches_needed(10, 60, 0.01, 1000), 6); /* 60/8008 */
    assert_int_equal(rl_launches_needed(1, 60, 0.01, 1000), 0);
    assert_int_equal(rl_launches_needed(1, 1, 0.01, 99), 0); /* the 100 values are not counted any more */
    /* 60 of the baseline against 4 give no p below 4.6e-4: of 50 rows none could ever regress */
    static double many[60], few[] = {1000, 1001, 1002, 1003, 1004};
    for (size_t i = 0; i < 60; i++) many[i] = 100 + (double)i / 10;
    assert_true(!rl_reachable(60, 4, 50, 0.01) && rl_reachable(56, 4, 50, 0.01) &&
                rl_reachable(60, 5, 50, 0.01));
    assert_int_equal(rl_launches_needed(60, 50, 0.01, 1000), 5);
    rl_judgement rows[50];
    rl_rank_null null = {0};
    for (size_t m = 4; m <= 5; m++) {
        for (size_t i = 0; i < 50; i++)
            rows[i] = rl_compare(&null, (rl_side){many, 60}, (rl_side){few, m}, false, 0.1);
        rl_decide_all(rows, 50, 0.01);
        assert_int_equal(rows[0].decision, m == 4 ? RL_UNREACHABLE : RL_DECIDED_REGRESSED);
    }
    rl_rank_null_free(&null);
}

static void launches_far_from_the_others_are_counted_and_count(void **state)
{
    (void)state;
    const double base[] = {97, 98, 99, 100, 101, 102, 103, 300}, now[] = {50, 98, 99, 100, 101, 102, 400};
    const rl_judgement j = decide(base, 8, now, 7, false, 0.10), same = decide(base, 7, base, 7, false, 0.10);
    assert_true(j.outliers_before == 1 && j.outliers_now == 2 && j.n_before == 8 && j.n_now == 7);
    assert_true(same.outliers_before == 0 && same.outliers_now == 0);
}

/* The same launches that prove a regression of one row prove none among forty. */
static void the_more_rows_the_more_proof_a_regression_needs(void **state)
{
    (void)state;
    const double base[] = {100, 101, 102, 103, 104, 105, 106, 107, 108, 109},
                 slow[] = {119, 125, 126, 127, 128, 129};
    rl_rank_null null = {0};
    rl_judgement rows[40];
    for (size_t i = 0; i < 40; i++)
        rows[i] = rl_compare(&null, (rl_side){base, 10}, (rl_side){i == 7 ? slow : base, 6}, false, 0.1);
    const double alone = rows[7].p_worse;
    rl_decide_all(&rows[7], 1, 0.01);
    assert_int_equal(rows[7].decision, RL_DECIDED_REGRESSED);
    const double one = rows[7].detectable;
    rows[7].p_worse = alone;
    rl_decide_all(rows, 40, 0.01);
    assert_true(fabs(rows[7].p_worse - 40 * alone) < 1e-12);
    assert_true(one > 1.1 && rows[7].detectable > one);
    assert_int_equal(rows[7].decision, alone * 40 <= 0.01 ? RL_DECIDED_REGRESSED : RL_DECIDED_INCONCLUSIVE);
    assert_int_equal(rows[0].decision, RL_DECIDED_PASS);
    rl_rank_null_free(&null);
}

/* ---- A run ----------------------------------------------------------------------------------------- */

#define RELATIVE                                                                                             \
    "{\"kind\":\"relative\",\"rows\":\"^k/\",\"metric\":\"real_time\",\"better\":\"lower\",\"margin\":0.1}"

#define FLOOR(metric, min) "{\"kind\":\"floor\",\"rows\":\"k\",\"metric\":\"" metric "\",\"min\":" min "}"
#define CEILING(metric, max) "{\"kind\":\"ceiling\",\"rows\":\"k\",\"metric\":\"" metric "\",\"max\":" max "}"

static const double steady[] = {100, 101, 102, 103, 104, 105, 106},
                    slow[] = {150, 151, 152, 153, 154, 155, 156};

static void the_same_numbers_pass(void **state)
{
    (void)state;
    util_trial t;
    util_csv_start(UTIL_CSV_HEADER);
    util_csv_row("k/a", steady, 7, 50, 0);
    util_judge(&t, &(util_setup){.gates = RELATIVE, .csv = util_csv, .baseline = UTIL_ROW("k/a")});
    util_expect(&t, "k/a", RL_PASS, "");
    const rl_finding *f = util_finding(&t, "k/a");
    assert_true(f->now == 103 && f->baseline == 103 && f->ratio == 1 && f->n_now == 7 && f->n_baseline == 7);
    assert_true(fabs(f->spread_now - 6.0 / 103) < 1e-12);
    assert_true(t.v.expected == 1 && t.v.compared == 1);
    assert_int_equal(t.v.exit_code, RL_EXIT_PASS);
    util_judge_end(&t);
}

static void everything_wrong_is_listed_worst_first(void **state)
{
    (void)state;
    util_trial t;
    util_csv_start(UTIL_CSV_HEADER);
    util_csv_row("k/ok", steady, 7, 50, 0);
    util_csv_row("k/slow", slow, 7, 50, 0);
    const double slower[] = {300, 301, 302, 303, 304, 305, 306}, wide[] = {99, 140, 150, 150, 150, 150, 150};
    util_csv_row("k/slower", slower, 7, 50, 0);
    util_csv_row("k/wide", wide, 7, 50, 0);
    util_csv_row("k/new", steady, 7, 50, 0);
    const double fast[] = {50, 51, 52, 53, 54, 55, 56};
    util_csv_row("k/fast", fast, 7, 50, 0);
    util_csv_row("other", steady, 7, 50, 0);
    util_judge(&t, &(util_setup){
                       .gates = RELATIVE,
                       .csv = util_csv,
                       .baseline = UTIL_ROW("k/ok") "," UTIL_ROW("k/slow") "," UTIL_ROW(
                           "k/slower") "," UTIL_ROW("k/gone") "," UTIL_ROW("k/wide") "," UTIL_ROW("k/fast")});
    static const struct {
        const char *name;
        rl_verdict verdict;
    } order[] = {
        {"k/slower", RL_REGRESSED   },
        {"k/slow",   RL_REGRESSED   },
        {"k/gone",   RL_BROKEN      },
        {"k/wide",   RL_INCONCLUSIVE},
        {"k/fast",   RL_IMPROVED    },
        {"k/new",    RL_NEW         },
        {"k/ok",     RL_PASS        }
    };
    assert_int_equal(t.v.n_findings, RL_COUNT(order));
    for (size_t i = 0; i < RL_COUNT(order); i++) {
        assert_string_equal(t.v.findings[i].benchmark, order[i].name);
        assert_int_equal(t.v.findings[i].verdict, order[i].verdict);
        assert_int_equal(t.v.findings[i].reason[0] != '\0', order[i].verdict != RL_PASS);
    }
    util_expect(&t, "k/gone", RL_BROKEN, "missing: the baseline has it, this run has not");
    util_expect(&t, "k/slow", RL_REGRESSED, "1.485x (1.452 to 1.520), p = 0.0015");
    assert_true(t.v.expected == 6 && t.v.compared == 5);
    assert_true(t.v.n_ungated == 1 && strcmp(t.v.ungated[0], "other") == 0);
    assert_int_equal(t.v.exit_code, RL_EXIT_REGRESSION);
    util_judge_end(&t);
}

static void a_new_row_is_listed_and_passes(void **state)
{
    (void)state;
    util_trial t;
    util_csv_start(UTIL_CSV_HEADER);
    util_csv_row("k/a", steady, 7, 50, 0);
    util_csv_row("k/b", slow, 7, 50, 0);
    util_judge(&t, &(util_setup){.gates = RELATIVE, .csv = util_csv, .baseline = UTIL_ROW("k/a")});
    util_expect(&t, "k/b", RL_NEW, "not in the baseline");
    assert_int_equal(t.v.exit_code, RL_EXIT_PASS);
    util_judge_end(&t);
}

/* Each line stands in for one launch of k/a, or is added; the verdict must be BROKEN and the exit code 2. */
static void a_row_without_meaning_is_broken(void **state)
{
    (void)state;
    static const struct {
        const char *line, *says;
    } cases[] = {
        {"k/a,10,nan,ns,,,7,0,0,1,0",       "line 8: real_time is nan, expected a number above 0"    },
        {"k/a,10,inf,ns,,,7,0,0,1,0",       "line 8: real_time is inf"                               },
        {"k/a,10,0,ns,,,7,0,0,1,0",         "line 8: real_time is 0"                                 },
        {"k/a,10,-5,ns,,,7,0,0,1,0",        "line 8: real_time is -5"                                },
        {"k/a,10,,ns,,,7,0,0,1,0",          "line 8: real_time is empty"                             },
        {"k/a,0,5,ns,,,7,0,0,1,0",          "line 8: iterations is 0"                                },
        {"k/a,10,106,us,,,7,0,0,1,0",       "time_unit is 'ns' in line 7 and 'us' in line 8"         },
        {"k/a,10,106,parsec,,,7,0,0,1,0",   "line 8: time_unit is 'parsec'"                          },
        {"k/a,10,106,ns,,,6,0,0,1,0",       "launch 6, repetition 0 is there twice, in lines 7 and 8"},
        {"k/a,,,,true,wrong sum,7,0,,,",    "failed: wrong sum"                                      },
        {"k/a,,,,false,no such ISA,7,0,,,", "skipped in launch 7, but not throughout: no such ISA"   },
        {"k/b,10,106,ns,,,7,0,0,1,0",       "in 6 of 7 launches only"                                },
    };
    for (size_t i = 0; i < RL_COUNT(cases); i++) {
        util_trial t;
        util_csv_start(UTIL_CSV_HEADER);
        util_csv_row("k/a", steady, 6, 50, 0);
        util_csv_line("%s", cases[i].line);
        util_csv_row("k/c", steady, 7, 50, 0);
        util_judge(&t, &(util_setup){.gates = RELATIVE,
                                     .csv = util_csv,
                                     .baseline = UTIL_ROW("k/a") "," UTIL_ROW("k/c")});
        util_expect(&t, "k/a", RL_BROKEN, cases[i].says);
        util_expect(&t, "k/c", RL_PASS, ""); /* the others are judged all the same */
        assert_int_equal(t.v.exit_code, RL_EXIT_BROKEN);
        util_judge_end(&t);
    }
}

static void a_unit_that_changed_since_the_baseline_is_broken(void **state)
{
    (void)state;
    util_trial t;
    util_csv_start(UTIL_CSV_HEADER);
    util_csv_row("k/a", steady, 7, 50, 0);
    char *row = util_replaced(UTIL_ROW("k/a"), "\"ns\"", "\"us\"");
    util_judge(&t, &(util_setup){.gates = RELATIVE, .csv = util_csv, .baseline = row});
    util_expect(&t, "k/a", RL_BROKEN, "measured in 'ns', the baseline in 'us'");
    assert_int_equal(t.v.exit_code, RL_EXIT_BROKEN);
    util_judge_end(&t);
    free(row);
}

static void too_few_launches_are_a_broken_measurement(void **state)
{
    (void)state;
    util_trial t;
    util_csv_start(UTIL_CSV_HEADER);
    util_csv_row("k/a", steady, 2, 50, 0); /* well within the margin: but so would be anything */
    util_judge(&t, &(util_setup){.gates = RELATIVE, .csv = util_csv, .baseline = UTIL_ROW("k/a")});
    util_expect(
        &t, "k/a", RL_BROKEN,
        "2 launches against 7 of the baseline cannot prove a regression among 1 rows at 0.01 for the run");
    util_assert_contains(util_finding(&t, "k/a")->reason, "at least 3 launches needed");
    assert_int_equal(t.v.compared, 0);
    assert_int_equal(t.v.exit_code, RL_EXIT_BROKEN);
    util_judge_end(&t);
    util_csv_start(UTIL_CSV_HEADER);
    util_csv_row("k/a", steady, 7, 50, 0);
    char *one = util_replaced(UTIL_ROW("k/a"), "[[100,101,102,103,104,105,106]]", "[[103]]");
    util_judge(&t, &(util_setup){.gates = RELATIVE, .csv = util_csv, .baseline = one});
    util_expect(&t, "k/a", RL_BROKEN, "and no number of launches would: recalibrate with more of them");
    util_judge_end(&t);
    free(one);
}

/* Two repetitions near the end of the numbers have no median. */
static void a_launch_without_a_median_is_broken(void **state)
{
    (void)state;
    static const char *const gates[] = {RELATIVE, FLOOR("real_time", "1,\"unit\":\"ns\"")};
    for (size_t i = 0; i < RL_COUNT(gates); i++) {
        util_trial t;
        util_csv_start(UTIL_CSV_HEADER);
        util_csv_row("k/a", steady, 6, 50, 0);
        for (int k = 0; k < 2; k++) util_csv_line("k/a,10,1.7e308,ns,,,7,%d,0,50,0", k);
        util_judge(&t, &(util_setup){
                           .gates = gates[i], .csv = util_csv, .baseline = i == 0 ? UTIL_ROW("k/a") : NULL});
        util_expect(&t, "k/a", RL_BROKEN, "real_time is so large that a launch has no median");
        assert_int_equal(t.v.exit_code, RL_EXIT_BROKEN);
        util_judge_end(&t);
    }
}

/* Of launches that differ as they do, the judge says how many stray. */
static void strays_are_said_of_a_row(void **state)
{
    (void)state;
    static const double strays[] = {101, 102, 103, 104, 105, 106, 300};
    util_trial t;
    util_csv_start(UTIL_CSV_HEADER);
    util_csv_row("k/a", strays, 7, 50, 0);
    util_judge(&t, &(util_setup){.gates = RELATIVE, .csv = util_csv, .baseline = UTIL_ROW("k/a")});
    const rl_finding *f = util_finding(&t, "k/a");
    assert_true(f->outliers_now == 1 && f->outliers_baseline == 0 && f->n_now == 7);
    util_judge_end(&t);
}

static void a_relative_gate_has_nothing_to_do_with_0(void **state)
{
    (void)state;
    util_trial t;
    util_csv_start(UTIL_CSV_HEADER);
    util_csv_row("k/a", steady, 7, 50, 0);
    char *row = util_replaced(UTIL_ROW("k/a"), "[[100,101,102,103,104,105,106]]", "[[0,0,0,0,0,0,0]]");
    char *zero = util_replaced(row, "\"median\":103", "\"median\":0");
    util_judge(&t, &(util_setup){.gates = RELATIVE, .csv = util_csv, .baseline = zero});
    util_expect(&t, "k/a", RL_BROKEN, "the baseline has 0, of which nothing is a multiple: recalibrate");
    util_judge_end(&t);
    free(zero);
    free(row);
}

static void a_baseline_row_that_no_gate_looks_at_is_broken(void **state)
{
    (void)state;
    util_trial t;
    util_csv_start(UTIL_CSV_HEADER);
    util_csv_row("k/a", steady, 7, 50, 0);
    util_csv_row("x", steady, 7, 50, 0);
    util_judge(
        &t, &(util_setup){.gates = RELATIVE, .csv = util_csv, .baseline = UTIL_ROW("k/a") "," UTIL_ROW("x")});
    util_expect(&t, "x", RL_BROKEN, "no gate looks at that any more");
    assert_int_equal(t.v.exit_code, RL_EXIT_BROKEN);
    util_judge_end(&t);
}

/* ---- Gates ----------------------------------------------------------------------------------------- */

static void floors_and_ceilings_hold_without_a_baseline(void **state)
{
    (void)state;
    static const struct {
        const char *gate;
        double bw, error;
        rl_verdict verdict;
    } cases[] = {
        {FLOOR("bw_pct",      "60"),   60,   0,      RL_PASS     },
        {FLOOR("bw_pct",      "60"),   59.9, 0,      RL_REGRESSED},
        {CEILING("max_error", "1e-4"), 60,   1e-4,   RL_PASS     },
        {CEILING("max_error", "1e-4"), 60,   0,      RL_PASS     },
        {CEILING("max_error", "1e-4"), 60,   1.1e-4, RL_REGRESSED},
        {CEILING("max_error", "0"),    60,   1e-30,  RL_REGRESSED},
        {FLOOR("max_error",   "-1"),   60,   -2,     RL_REGRESSED},
    };
    for (size_t i = 0; i < RL_COUNT(cases); i++) {
        util_trial t;
        util_csv_start(UTIL_CSV_HEADER);
        util_csv_row("k/a", steady, 1, cases[i].bw, cases[i].error);
        util_judge(&t, &(util_setup){.gates = cases[i].gate, .csv = util_csv});
        const bool pass = cases[i].verdict == RL_PASS;
        util_expect(&t, "k/a", cases[i].verdict, pass ? "" : "the median launch is ");
        assert_int_equal(t.v.exit_code, pass ? RL_EXIT_PASS : RL_EXIT_REGRESSION);
        util_judge_end(&t);
    }
}

static void a_bound_in_another_unit_than_the_row_is_broken(void **state)
{
    (void)state;
    static const struct {
        const char *gate;
        rl_verdict verdict;
        const char *says;
    } cases[] = {
        {CEILING("real_time", "200,\"unit\":\"ns\""), RL_PASS,      ""                                            },
        {CEILING("real_time", "99,\"unit\":\"ns\""),  RL_REGRESSED, "the median launch is above the ceiling"      },
        {CEILING("real_time", "200,\"unit\":\"us\""), RL_BROKEN,
         "measured in 'ns', the gate's bound is in 'us'"                                                          },
        {FLOOR("real_time",   "1,\"unit\":\"s\""),    RL_BROKEN,    "measured in 'ns', the gate's bound is in 's'"},
    };
    for (size_t i = 0; i < RL_COUNT(cases); i++) {
        util_trial t;
        util_csv_start(UTIL_CSV_HEADER);
        util_csv_row("k/a", steady, 1, 50, 0);
        util_judge(&t, &(util_setup){.gates = cases[i].gate, .csv = util_csv});
        util_expect(&t, "k/a", cases[i].verdict, cases[i].says);
        util_judge_end(&t);
    }
}

static void an_error_below_0_is_broken(void **state)
{
    (void)state;
    static const char *const gates[] = {
        CEILING("max_error", "1e-4"),
        "{\"kind\":\"quality\",\"rows\":\"k\",\"metric\":\"max_error\",\"max\":1e-4}",
        "{\"kind\":\"quality\",\"rows\":\"k\",\"metric\":\"max_error\",\"max\":1e-4,\"of\":\"median\"}"};
    for (size_t i = 0; i < RL_COUNT(gates); i++) {
        util_trial t;
        util_csv_start(UTIL_CSV_HEADER);
        util_csv_row("k/a", steady, 1, 50, -1);
        util_judge(&t, &(util_setup){.gates = gates[i], .csv = util_csv});
        util_expect(&t, "k/a", RL_BROKEN, "line 2: max_error is -1, expected a number from 0");
        assert_int_equal(t.v.exit_code, RL_EXIT_BROKEN);
        util_judge_end(&t);
    }
}

static void the_worst_repetition_counts_where_a_gate_says_so(void **state)
{
    (void)state;
    util_trial t;
    util_csv_start(UTIL_CSV_HEADER);
    util_csv_row("k/a", steady, 6, 50, 0);
    util_csv_line("k/a,10,100,ns,,,7,0,0,50,0.5");
    util_judge(&t, &(util_setup){
                       .csv = util_csv,
                       .gates = "{\"kind\":\"ceiling\",\"rows\":\"k\",\"metric\":\"max_error\",\"max\":0.1},"
                                "{\"kind\":\"ceiling\",\"rows\":\"k\",\"metric\":\"max_error\",\"max\":0.1,"
                                "\"of\":\"worst\",\"note\":\"bit for bit\"}"});
    assert_int_equal(t.v.count[RL_PASS], 1);
    util_expect(&t, "k/a", RL_REGRESSED, "the worst repetition is above the ceiling of 0.1 (bit for bit)");
    util_judge_end(&t);
}

static void a_portable_failure_wins_over_a_missing_baseline(void **state)
{
    (void)state;
    util_trial t;
    static const char gates[] =
        RELATIVE ",{\"kind\":\"floor\",\"rows\":\"k\",\"metric\":\"bw_pct\",\"min\":60}";
    util_csv_start(UTIL_CSV_HEADER);
    util_csv_row("k/a", steady, 7, 50, 0);
    util_judge(&t, &(util_setup){.gates = gates, .csv = util_csv});
    assert_int_equal(t.v.count[RL_REGRESSED], 1);
    assert_int_equal(t.v.count[RL_NEW], 1);
    assert_int_equal(t.v.exit_code, RL_EXIT_REGRESSION);
    util_judge_end(&t);
    util_csv_start(UTIL_CSV_HEADER);
    util_csv_row("k/a", steady, 7, 70, 0);
    util_judge(&t, &(util_setup){.gates = gates, .csv = util_csv});
    assert_int_equal(t.v.exit_code, RL_EXIT_NO_BASELINE);
    util_judge_end(&t);
    util_csv_start(UTIL_CSV_HEADER);
    util_csv_row("k/a", steady, 7, 70, 0);
    util_csv_line("k/b,10,nan,ns,,,7,0,0,70,0");
    util_judge(&t, &(util_setup){.gates = gates, .csv = util_csv});
    assert_int_equal(t.v.exit_code, RL_EXIT_BROKEN); /* a broken measurement, too */
    util_judge_end(&t);
}

static void the_worst_exit_code_has_an_order(void **state)
{
    (void)state;
    const int order[] = {RL_EXIT_BAD_USAGE, RL_EXIT_REGRESSION, RL_EXIT_BROKEN, RL_EXIT_NO_BASELINE,
                         RL_EXIT_PASS};
    for (size_t i = 0; i < RL_COUNT(order); i++)
        for (size_t k = i; k < RL_COUNT(order); k++) {
            assert_int_equal(rl_exit_worst(order[i], order[k]), order[i]);
            assert_int_equal(rl_exit_worst(order[k], order[i]), order[i]);
        }
}

static void a_gate_that_matches_nothing_is_broken_unless_it_says_why(void **state)
{
    (void)state;
    const uint32_t avx2 = RL_CPU_AVX2;
    const struct {
        const char *more;
        bool cpu_known;
        uint32_t cpu;
        rl_verdict verdict;
        const char *says;
    } cases[] = {
  /* clang-format off */
        {"", true, avx2, RL_BROKEN, "the gate matches no row that was measured, so it cannot fail"},
        {",\"optional\":\"only on Sundays\"", true, avx2, RL_NOT_APPLICABLE, "only on Sundays"},
        {",\"isa\":\"avx2\"", true, 0, RL_NOT_APPLICABLE, "needs avx2, and this machine's best is scalar"},
        {",\"isa\":\"avx2\"", true, avx2, RL_BROKEN, "avx2 runs on this machine, but the gate matches no row that was measured"},
        {",\"isa\":\"avx2\"", false, 0, RL_BROKEN, "whether avx2 runs where the samples were taken is not known"},
  /* clang-format on */
    };
    for (size_t i = 0; i < RL_COUNT(cases); i++) {
        util_trial t;
        char gates[512];
        snprintf(gates, sizeof gates,
                 "{\"kind\":\"floor\",\"rows\":\"zzz\",\"metric\":\"bw_pct\",\"min\":60%s},"
                 "{\"kind\":\"floor\",\"rows\":\"k\",\"metric\":\"bw_pct\",\"min\":1}",
                 cases[i].more);
        util_csv_start(UTIL_CSV_HEADER);
        util_csv_row("k/a", steady, 1, 50, 0);
        util_judge(
            &t, &(util_setup){
                    .gates = gates, .csv = util_csv, .cpu_known = cases[i].cpu_known, .cpu = cases[i].cpu});
        util_expect(&t, "rows matching zzz", cases[i].verdict, cases[i].says);
        assert_int_equal(t.v.exit_code, cases[i].verdict == RL_BROKEN ? RL_EXIT_BROKEN : RL_EXIT_PASS);
        util_judge_end(&t);
    }
}

static void a_metric_that_is_not_there_is_broken(void **state)
{
    (void)state;
    util_trial t;
    util_csv_start(UTIL_CSV_HEADER);
    util_csv_row("k/a", steady, 1, 50, 0);
    util_csv_line("k/b,10,5,ns,,,1,0,0,,");
    util_judge(&t, &(util_setup){.csv = util_csv,
                                 .gates =
                                     "{\"kind\":\"floor\",\"rows\":\"k\",\"metric\":\"ref_ratio\",\"min\":2},"
                                     "{\"kind\":\"floor\",\"rows\":\"k\",\"metric\":\"bw_pct\",\"min\":2}"});
    util_expect(&t, "rows matching k", RL_BROKEN, "the CSV has no column ref_ratio");
    util_expect(&t, "k/b", RL_BROKEN, "line 3: bw_pct is empty, expected a number");
    util_expect(&t, "k/a", RL_PASS, "");
    assert_int_equal(t.v.exit_code, RL_EXIT_BROKEN);
    util_judge_end(&t);
}

static void a_run_in_which_nothing_is_judged_is_broken(void **state)
{
    (void)state;
    util_trial t;
    util_csv_start(UTIL_CSV_HEADER);
    util_csv_line("k/a,,,,false,no such ISA,1,0,,,");
    util_judge(&t,
               &(util_setup){.csv = util_csv,
                             .gates = "{\"kind\":\"floor\",\"rows\":\"k\",\"metric\":\"bw_pct\",\"min\":2}"});
    util_expect(&t, "k/a", RL_NOT_APPLICABLE, "skipped: no such ISA");
    util_expect(&t, "rows matching k", RL_BROKEN, "the gate matches no row that was measured");
    assert_int_equal(t.v.exit_code, RL_EXIT_BROKEN);
    util_judge_end(&t);
    util_judge(&t,
               &(util_setup){.csv = util_csv,
                             .gates = "{\"kind\":\"floor\",\"rows\":\"k\",\"metric\":\"bw_pct\",\"min\":2,"
                                      "\"optional\":\"not everywhere\"}"});
    util_expect(&t, "rows matching k", RL_NOT_APPLICABLE, "not everywhere");
    assert_int_equal(t.v.n_problems, 1);
    util_assert_contains(t.v.problems[0], "nothing was judged");
    assert_int_equal(t.v.exit_code, RL_EXIT_BROKEN);
    util_judge_end(&t);
}

static void a_kernel_that_is_lost_is_broken(void **state)
{
    (void)state;
    util_trial t;
    static const char gates[] =
        RELATIVE ",{\"kind\":\"floor\",\"rows\":\"k/a\",\"metric\":\"bw_pct\",\"min\":2,\"isa\":\"avx2\"}";
    util_csv_start(UTIL_CSV_HEADER);
    util_csv_line("k/a,,,,false,no such ISA,1,0,,,");
    util_csv_row("k/b", steady, 7, 50, 0);
    util_judge(&t, &(util_setup){.csv = util_csv,
                                 .gates = gates,
                                 .baseline = UTIL_ROW("k/b"),
                                 .cpu_known = true,
                                 .cpu = RL_CPU_AVX2});
    util_expect(&t, "k/a", RL_BROKEN, "skipped, although avx2 runs here: no such ISA");
    util_judge_end(&t);
    util_judge(
        &t, &(util_setup){
                .csv = util_csv, .gates = gates, .baseline = UTIL_ROW("k/b"), .cpu_known = true, .cpu = 0});
    util_expect(&t, "k/a", RL_NOT_APPLICABLE, "skipped: no such ISA");
    assert_int_equal(t.v.exit_code, RL_EXIT_PASS);
    util_judge_end(&t);
    util_judge(&t, &(util_setup){.csv = util_csv,
                                 .gates = gates,
                                 .baseline = UTIL_ROW("k/a") "," UTIL_ROW("k/b"),
                                 .cpu_known = true});
    assert_int_equal(t.v.count[RL_BROKEN], 1);
    util_expect(&t, "k/a", RL_BROKEN, "missing: the baseline has it, this run skipped it");
    assert_int_equal(t.v.exit_code, RL_EXIT_BROKEN);
    util_judge_end(&t);
}

static void a_quick_run_expects_what_its_filter_selects(void **state)
{
    (void)state;
    util_trial t;
    static const char more[] = ",\"quick\":{\"filter\":\"^k/a$\"}";
    static const char gates[] =
        RELATIVE ",{\"kind\":\"floor\",\"rows\":\"k/b\",\"metric\":\"bw_pct\",\"min\":2,\"quick\":false}";
    util_csv_start(UTIL_CSV_HEADER);
    util_csv_row("k/a", steady, 7, 50, 0);
    const util_setup quick = {.csv = util_csv,
                              .gates = gates,
                              .baseline = UTIL_ROW("k/a") "," UTIL_ROW("k/b"),
                              .quick = true,
                              .lane_more = more};
    util_judge(&t, &quick);
    util_expect(&t, "rows matching k/b", RL_NOT_APPLICABLE, "left out of quick runs");
    assert_true(t.v.expected == 1 && t.v.compared == 1);
    assert_int_equal(t.v.exit_code, RL_EXIT_PASS);
    util_judge_end(&t);
    util_setup full = quick;
    full.quick = false;
    util_judge(&t, &full);
    assert_true(t.v.expected == 2 && t.v.compared == 1);
    assert_int_equal(t.v.exit_code, RL_EXIT_BROKEN);
    util_judge_end(&t);
}

static void a_regression_among_disturbed_repetitions_is_a_broken_measurement(void **state)
{
    (void)state;
    util_trial t;
    char *disturbed;
    util_csv_start(UTIL_CSV_HEADER);
    util_csv_row("k/a", slow, 7, 50, 0.5);
    disturbed = strdup(util_csv);
    assert_non_null(disturbed);
    static const char gates[] =
        RELATIVE ",{\"kind\":\"ceiling\",\"rows\":\"k\",\"metric\":\"max_error\",\"max\":0.1}";
    char *at = disturbed;
    for (int i = 0; i < 4 && (at = strstr(at, ",0,0,50")) != NULL; i++, at++) memcpy(at, ",0,1,50", 7);
    util_judge(&t, &(util_setup){.csv = disturbed, .gates = gates, .baseline = UTIL_ROW("k/a")});
    assert_int_equal(t.v.contaminated, 4);
    assert_int_equal(t.v.findings[0].verdict, RL_REGRESSED); /* no neighbour makes an error larger */
    assert_string_equal(t.v.findings[0].metric, "max_error");
    assert_int_equal(t.v.findings[1].verdict, RL_BROKEN);
    util_assert_contains(t.v.findings[1].reason,
                         "4 of 7 repetitions were disturbed from outside: measure again");
    util_judge_end(&t);
    free(disturbed);
}

static void what_seems_worse_but_is_not_shown_is_no_pass(void **state)
{
    (void)state;
    util_trial t;
    const double wide[] = {99, 140, 150, 150, 150, 150, 150}, level[] = {101, 103, 105, 109, 114, 118, 121};
    util_csv_start(UTIL_CSV_HEADER);
    util_csv_row("k/a", wide, 7, 50, 0);
    util_judge(&t, &(util_setup){.gates = RELATIVE, .csv = util_csv, .baseline = UTIL_ROW("k/a")});
    util_expect(&t, "k/a", RL_INCONCLUSIVE, "beyond the margin, but only 86 % of launches are worse");
    assert_int_equal(t.v.exit_code, RL_EXIT_BROKEN);
    util_judge_end(&t);
    util_csv_start(UTIL_CSV_HEADER);
    util_csv_row("k/a", level, 7, 50, 0);
    util_judge(&t, &(util_setup){.gates = RELATIVE, .csv = util_csv, .baseline = UTIL_ROW("k/a")});
    util_expect(&t, "k/a", RL_INCONCLUSIVE,
                "within the margin, but 7 launches of this spread do not show it");
    assert_int_equal(t.v.exit_code, RL_EXIT_PASS);
    util_judge_end(&t);
}

static void samples_of_a_dry_run_are_broken(void **state)
{
    (void)state;
    util_trial t;
    util_csv_start(UTIL_CSV_HEADER);
    util_csv_row("k/a", steady, 1, 50, 0);
    util_judge(&t,
               &(util_setup){.csv = util_csv,
                             .gates = "{\"kind\":\"floor\",\"rows\":\"k\",\"metric\":\"bw_pct\",\"min\":2}"});
    assert_int_equal(t.v.exit_code, RL_EXIT_PASS);
    rl_verdict_free(&t.v);
    rl_origin origin = {.dry_run = true};
    rl_verdict_open(&t.v, "l", false);
    t.v.baseline_state = RL_BASELINE_NOT_NEEDED;
    rl_judge(&t.v, &(rl_judge_input){.lane = &t.lane, .samples = &t.samples, .origin = &origin});
    assert_int_equal(t.v.exit_code, RL_EXIT_BROKEN);
    util_judge_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_is_decided_by_margin_and_ranks),
        cmocka_unit_test(a_stray_launch_does_not_disarm_the_gate),
        cmocka_unit_test(modes_that_swap_their_shares_are_no_regression),
        cmocka_unit_test(the_more_rows_the_more_proof_a_regression_needs),
        cmocka_unit_test(too_few_launches_decide_nothing),
        cmocka_unit_test(launches_far_from_the_others_are_counted_and_count),
        cmocka_unit_test(the_same_numbers_pass),
        cmocka_unit_test(everything_wrong_is_listed_worst_first),
        cmocka_unit_test(a_new_row_is_listed_and_passes),
        cmocka_unit_test(a_row_without_meaning_is_broken),
        cmocka_unit_test(a_unit_that_changed_since_the_baseline_is_broken),
        cmocka_unit_test(too_few_launches_are_a_broken_measurement),
        cmocka_unit_test(a_launch_without_a_median_is_broken),
        cmocka_unit_test(strays_are_said_of_a_row),
        cmocka_unit_test(a_relative_gate_has_nothing_to_do_with_0),
        cmocka_unit_test(a_baseline_row_that_no_gate_looks_at_is_broken),
        cmocka_unit_test(floors_and_ceilings_hold_without_a_baseline),
        cmocka_unit_test(a_bound_in_another_unit_than_the_row_is_broken),
        cmocka_unit_test(an_error_below_0_is_broken),
        cmocka_unit_test(the_worst_repetition_counts_where_a_gate_says_so),
        cmocka_unit_test(a_portable_failure_wins_over_a_missing_baseline),
        cmocka_unit_test(the_worst_exit_code_has_an_order),
        cmocka_unit_test(a_gate_that_matches_nothing_is_broken_unless_it_says_why),
        cmocka_unit_test(a_metric_that_is_not_there_is_broken),
        cmocka_unit_test(a_run_in_which_nothing_is_judged_is_broken),
        cmocka_unit_test(a_kernel_that_is_lost_is_broken),
        cmocka_unit_test(a_quick_run_expects_what_its_filter_selects),
        cmocka_unit_test(a_regression_among_disturbed_repetitions_is_a_broken_measurement),
        cmocka_unit_test(what_seems_worse_but_is_not_shown_is_no_pass),
        cmocka_unit_test(samples_of_a_dry_run_are_broken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
