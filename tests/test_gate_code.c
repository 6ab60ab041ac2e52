/* test_gate_code.c - one cause for many rows: code that is the baseline's, a machine or a build that moved them all. */
#include "util_judge.h"

#include "gate/code.h"
#include "gate/common_mode.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Which code a row runs ------------------------------------------------------------------------- */

static void a_row_runs_the_code_of_its_family_and_tier(void **state)
{
    (void)state;
    static const rl_part then[] = {
        {"common",           "0"},
        {"gemv/scalar",      "1"},
        {"gemv/avx2",        "2"},
        {"gemv/avx512",      "3"},
        {"tok_heap/scalar",  "4"},
        {"tok_table/scalar", "5"},
        {"probe/avx512",     "6"},
        {"dequant/scalar",   "7"},
        {"gemm/avx512",      "8"},
    };
    static const struct {
        const char *changed; /* the part that is another; NULL: none */
        const char *row, *isa;
        bool same;
    } cases[] = {
        {NULL,               "gemv/q4_0/avx512/x", "avx512", true },
        {"gemv/avx512",      "gemv/q4_0/avx512/x", "avx512", false},
        {"gemv/avx2",        "gemv/q4_0/avx512/x", "avx512", true },
        {"gemv/scalar",      "gemv/q4_0/avx512/x", "avx512", false}, /* it answers to it */
        {"gemv/avx512",      "gemv/q4_0/scalar/x", "scalar", true },
        {"dequant/scalar",   "gemv/q4_0/avx512/x", "avx512", true },
        {"probe/avx512",     "gemv/q4_0/scalar/x", "scalar", false}, /* percentages are of it */
        {"common",           "gemv/q4_0/avx512/x", "avx512", false},
        {NULL,               "gemv/q4_0/neon/x",   "neon",   false}, /* no such code */
        {NULL,               "gemv/q4_0/x",        "",       false},
        {NULL,               "gem/x",              "avx512", true }, /* no family of its own: all there is */
        {NULL,               "e2e/m/avx512/tg",    "avx512", true },
        {"dequant/scalar",   "e2e/m/avx512/tg",    "avx512", false},
        {"gemv/avx2",        "e2e/m/avx512/tg",    "avx512", false},
        {NULL,               "gemm/q4_0/avx512/x", "avx512", true },
        {"gemv/avx512",      "gemm/q4_0/avx512/x", "avx512", false}, /* gemm's kernels may run gemv's */
        {"gemv/scalar",      "gemm/q4_0/avx512/x", "avx512", false},
        {"gemm/avx512",      "gemv/q4_0/avx512/x", "avx512", true },
        {"dequant/scalar",   "gemm/q4_0/avx512/x", "avx512", true },
        {NULL,               "gemv-packed/q4_0/x", "avx512", true },
        {"gemv/avx512",      "gemv-packed/q4_0/x", "avx512", false},
        {"dequant/scalar",   "gemv-packed/q4_0/x", "avx512", true },
        {NULL,               "tok/heap/x",         "scalar", true },
        {"tok_table/scalar", "tok/heap/x",         "scalar", false},
        {"gemv/scalar",      "tok/heap/x",         "scalar", true },
    };
    for (size_t i = 0; i < RL_COUNT(cases); i++) {
        rl_part now[RL_COUNT(then)];
        const rl_code_hashes a = {then, RL_COUNT(then)}, b = {now, RL_COUNT(now)};
        memcpy(now, then, sizeof now);
        for (size_t k = 0; k < RL_COUNT(now); k++)
            if (cases[i].changed != NULL && strcmp(now[k].key, cases[i].changed) == 0) now[k].value = "other";
        if (rl_code_same(a, b, cases[i].row, cases[i].isa) != cases[i].same ||
            rl_code_same(b, a, cases[i].row, cases[i].isa) != cases[i].same)
            fail_msg("case %zu: %s, %s changed", i, cases[i].row, cases[i].changed);
    }
}

static void a_hash_that_only_one_side_has_is_another(void **state)
{
    (void)state;
    static const rl_part full[] =
        {
            {"common",           "0"},
            {"gemv/avx2",        "1"},
            {"gemv_packed/avx2", "2"}
    },
                         no_common[] = {{"gemv/avx2", "1"}};
    const rl_code_hashes all = {full, 3}, less = {full, 2}, none = {NULL, 0}, bare = {no_common, 1},
                         only_common = {full, 1};
    assert_true(rl_code_same(all, all, "gemv/x", "avx2"));
    assert_false(rl_code_same(all, less, "gemv/x", "avx2"));
    assert_false(rl_code_same(less, all, "gemv/x", "avx2"));
    assert_false(rl_code_same(none, none, "gemv/x", "avx2"));
    assert_false(rl_code_same(bare, bare, "gemv/x", "avx2"));
    assert_false(rl_code_same(only_common, only_common, "gemv/x", "avx2"));
}

/* ---- What that does to a verdict ------------------------------------------------------------------- */

#define HEADER                                                                                               \
    "name,iterations,real_time,time_unit,error_occurred,error_message,launch,repetition,contaminated,isa,"   \
    "bytes_per_second,bw_pct,max_error"
#define RELATIVE                                                                                             \
    "{\"kind\":\"relative\",\"rows\":\"^k/\",\"metric\":\"real_time\",\"better\":\"lower\",\"margin\":0.1}"

static char rows[1 << 15];

/* A row of the baseline (100 to 106 ns) and of the run: seven launches, `times` as slow, on a machine whose
 * bandwidth is `bandwidth` times the baseline's. */
static void add_row(const char *name, const char *isa, double times, double bandwidth)
{
    const size_t used = strlen(rows);
    snprintf(
        rows + used, sizeof rows - used,
        "%s{\"name\":\"%s\",\"metric\":\"real_time\",\"unit\":\"ns\",\"better\":\"lower\",\"median\":103,"
        "\"within\":-1,\"between\":0.06,\"s_w\":-1,\"s_b\":0.02,\"s_s\":-1,"
        "\"launches\":[[100,101,102,103,104,105,106]],\"control\":[[200,200,200,200,200,200,200]],"
        "\"control_of\":\"read_bw\",\"beta\":0}",
        used > 0 ? "," : "", name);
    for (int i = 0; i < 7; i++)
        util_csv_line("%s,1,%.9g,ns,,,%d,0,0,%s,%.9g,50,0.01", name, (100 + i) * times, i + 1, isa,
                      100 * bandwidth);
}

static void start(void)
{
    rows[0] = '\0';
    util_csv_start(HEADER);
}

static const char code[] = "\"common\":\"0\",\"k/avx2\":\"1\",\"k/scalar\":\"2\"",
                  other_avx2[] = "\"common\":\"0\",\"k/avx2\":\"X\",\"k/scalar\":\"2\"",
                  other_common[] = "\"common\":\"X\",\"k/avx2\":\"1\",\"k/scalar\":\"2\"";

static void unchanged_code_cannot_regress(void **state)
{
    (void)state;
    static const struct {
        const char *then, *now;
        rl_verdict verdict;
        const char *says;
        int exit_code;
    } cases[] = {
        {code, code,         RL_SAME_CODE, "the object code is the baseline's: this is the machine; 1.485x",
         RL_EXIT_PASS                                                                                                          },
        {code, other_avx2,   RL_REGRESSED, "1.485x",                                                         RL_EXIT_REGRESSION},
        {code, other_common, RL_REGRESSED, "1.485x",                                                         RL_EXIT_REGRESSION},
        {NULL, code,         RL_REGRESSED, "1.485x",                                                         RL_EXIT_REGRESSION},
        {code, NULL,         RL_REGRESSED, "1.485x",                                                         RL_EXIT_REGRESSION},
    };
    for (size_t i = 0; i < RL_COUNT(cases); i++) {
        util_trial t;
        start();
        add_row("k/a", "avx2", 1.485, 1);
        util_judge(&t, &(util_setup){.gates = RELATIVE,
                                     .csv = util_csv,
                                     .baseline = rows,
                                     .code_then = cases[i].then,
                                     .code = cases[i].now});
        util_expect(&t, "k/a", cases[i].verdict, cases[i].says);
        assert_int_equal(t.v.exit_code, cases[i].exit_code);
        assert_int_equal(t.v.compared, 1);
        util_judge_end(&t);
    }
}

/* Rows slowed on purpose run other code than their objects say; and whoever asks how often the statistics err does not
 * want to be told that they cannot. */
static void code_is_not_looked_at_where_it_says_nothing(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        util_trial t;
        start();
        add_row("k/a", "avx2", 1.485, 1);
        const util_setup setup = {
            .gates = RELATIVE, .csv = util_csv, .baseline = rows, .code_then = code, .code = code};
        util_judge(&t, &setup);
        util_expect(&t, "k/a", RL_SAME_CODE, "");
        rl_verdict_free(&t.v);
        rl_verdict_open(&t.v, "l", false);
        t.v.baseline_state = RL_BASELINE_USED;
        t.origin.injected = i == 1;
        rl_judge(&t.v, &(rl_judge_input){.lane = &t.lane,
                                         .samples = &t.samples,
                                         .origin = &t.origin,
                                         .baseline = &t.baseline,
                                         .any_code = i == 2});
        util_expect(&t, "k/a", i == 0 ? RL_SAME_CODE : RL_REGRESSED, "1.485x");
        util_judge_end(&t);
    }
}

/* Neither a suspicion nor an improvement is one of the code. */
static void unchanged_code_is_neither_suspect_nor_better(void **state)
{
    (void)state;
    util_trial t;
    static const double wide[] = {99, 140, 150, 150, 150, 150, 150};
    for (int changed = 0; changed < 2; changed++) {
        start();
        add_row("k/fast", "avx2", 0.5, 1);
        add_row("k/fine", "avx2", 1, 1);
        const char *wide_row = UTIL_ROW("k/wide");
        snprintf(rows + strlen(rows), sizeof rows - strlen(rows), ",%s", wide_row);
        for (int i = 0; i < 7; i++) util_csv_line("k/wide,1,%g,ns,,,%d,0,0,avx2,100,50,0", wide[i], i + 1);
        util_judge(&t, &(util_setup){.gates = RELATIVE,
                                     .csv = util_csv,
                                     .baseline = rows,
                                     .code_then = code,
                                     .code = changed ? other_avx2 : code});
        util_expect(&t, "k/wide", changed ? RL_INCONCLUSIVE : RL_SAME_CODE,
                    changed ? "beyond the margin" : "the object code is the baseline's");
        util_expect(&t, "k/fast", RL_IMPROVED, changed ? "recalibrate" : "the object code is the baseline's");
        util_expect(&t, "k/fine", RL_PASS, "");
        assert_int_equal(t.v.exit_code, changed ? RL_EXIT_BROKEN : RL_EXIT_PASS);
        util_judge_end(&t);
    }
}

/* n rows of unchanged code that moved by 8 %, and one of changed code that moved by `times`. */
static void judge_noisy(util_trial *t, size_t n, double times)
{
    char name[32];
    start();
    for (size_t i = 0; i < n; i++) {
        snprintf(name, sizeof name, "k/s%zu", i);
        add_row(name, "scalar", i % 2 == 0 ? 1.08 : 1.079, 1);
    }
    add_row("k/a", "avx2", times, 1);
    util_judge(
        t, &(util_setup){
               .gates = RELATIVE, .csv = util_csv, .baseline = rows, .code_then = code, .code = other_avx2});
}

static void rows_of_unchanged_code_show_the_noise(void **state)
{
    (void)state;
    static const struct {
        size_t n;
        double times;
        rl_verdict verdict;
        const char *says;
    } cases[] = {
        {5, 1.16, RL_INCONCLUSIVE, "(margin 10.0 %, and 8.0 % that rows of unchanged code moved by)"},
        {4, 1.16, RL_REGRESSED,    "1.160x"                                                         }, /* too few to tell */
        {5, 1.35, RL_REGRESSED,    "(margin 10.0 %, and 8.0 % that rows of unchanged code moved by)"},
        {5, 1.00, RL_PASS,         ""                                                               },
    };
    for (size_t i = 0; i < RL_COUNT(cases); i++) {
        util_trial t;
        judge_noisy(&t, cases[i].n, cases[i].times);
        util_expect(&t, "k/a", cases[i].verdict, cases[i].says);
        const double margin = cases[i].n == 5 ? 1.1 * 1.08 : 1.1;
        assert_true(fabs(util_finding(&t, "k/a")->threshold - margin) < 1e-3);
        util_judge_end(&t);
    }
}

/* ---- What moved them all: the rule ------------------------------------------------------------------ */

static void rows_that_move_together_have_one_cause(void **state)
{
    (void)state;
    const double none = (double)NAN;
    static const size_t half = 5;
    const struct {
        size_t n, regressed, same_code;
        double shift, machine; /* of every row; every second one of `mixed` goes the other way */
        bool mixed;
        rl_common_cause cause;
    } cases[] = {
        {10, half,     0, 0.20,  none,  false, RL_MOVED_BY_BUILD  },
        {10, half,     0, 0.20,  0.02,  false, RL_MOVED_BY_BUILD  },
        {10, half,     0, 0.20,  0.10,  false, RL_MOVED_BY_MACHINE},
        {10, half,     0, 0.20,  0.09,  false, RL_MOVED_BY_BUILD  },
        {10, half,     0, 0.20,  -0.20, false, RL_MOVED_BY_BUILD  }, /* the machine went the other way */
        {10, half,     5, 0.20,  none,  false, RL_MOVED_BY_MACHINE},
        {10, half,     4, 0.20,  none,  false, RL_MOVED_BY_BUILD  }, /* too few to tell */
        {10, half - 1, 0, 0.20,  none,  true,  RL_APART           },
        {7,  7,        0, 0.20,  0.20,  false, RL_APART           }, /* too few rows */
        {12, 0,        0, 0.06,  none,  false, RL_MOVED_BY_BUILD  }, /* p = 2 / 2^12, half of 10 % is 4.8 % */
        {12, 0,        0, -0.06, -0.06, false, RL_MOVED_BY_MACHINE},
        {12, 0,        0, 0.04,  none,  false, RL_APART           }, /* but not far */
        {10, 0,        0, 0.06,  none,  false, RL_APART           }, /* p = 2 / 2^10 */
        {12, 0,        0, 0.06,  none,  true,  RL_APART           },
        {0,  0,        0, 0,     none,  false, RL_APART           },
    };
    for (size_t i = 0; i < RL_COUNT(cases); i++) {
        rl_movement moved[12];
        for (size_t k = 0; k < cases[i].n; k++)
            moved[k] = (rl_movement){.shift = cases[i].mixed && k % 2 == 1 ? -cases[i].shift : cases[i].shift,
                                     .allowed = log(1.1),
                                     .machine = k < RL_COMMON_READINGS ? cases[i].machine : none,
                                     .regressed = k < cases[i].regressed,
                                     .same_code = k < cases[i].same_code};
        rl_common_mode m = rl_common_mode_find(moved, cases[i].n);
        if (m.cause != cases[i].cause)
            fail_msg("case %zu: %d, p %g, shift %g", i, (int)m.cause, m.p, m.shift);
    }
}

static void two_readings_tell_nothing_of_the_machine(void **state)
{
    (void)state;
    rl_movement moved[10];
    for (size_t k = 0; k < 10; k++)
        moved[k] = (rl_movement){
            .shift = 0.2, .allowed = 0.1, .machine = k < 2 ? 0.2 : (double)NAN, .regressed = true};
    assert_int_equal(rl_common_mode_find(moved, 10).cause, RL_MOVED_BY_BUILD);
    moved[2].machine = 0.2;
    assert_int_equal(rl_common_mode_find(moved, 10).cause, RL_MOVED_BY_MACHINE);
}

/* ---- What moved them all: the run ------------------------------------------------------------------- */

#define CONTROLLED                                                                                           \
    "{\"kind\":\"relative\",\"rows\":\"^k/\",\"metric\":\"real_time\",\"better\":\"lower\",\"margin\":0.1,"  \
    "\"control\":\"read_bw\"}"
#define FLOOR "{\"kind\":\"floor\",\"rows\":\"^k/r0$\",\"metric\":\"bw_pct\",\"min\":60}"

/* Ten rows, `times` as slow, the last one `last` times; the bandwidth `bandwidth` times what it was. */
static void judge_moved(util_trial *t, const char *gates, double times, double last, double bandwidth)
{
    char name[32];
    start();
    for (int i = 0; i < 10; i++) {
        snprintf(name, sizeof name, "k/r%d", i);
        add_row(name, "avx2", i == 9 ? last : times, bandwidth);
    }
    util_judge(t, &(util_setup){.gates = gates, .csv = util_csv, .baseline = rows});
}

static void a_build_that_is_slower_as_a_whole_is_said_once_and_fails(void **state)
{
    (void)state;
    util_trial t;
    judge_moved(&t, CONTROLLED, 1.5, 1.5, 1);
    util_assert_contains(t.v.diagnosis, "of 10, 10 are worse and 0 better than the baseline");
    util_assert_contains(t.v.diagnosis, "the middle one by 1.500 times");
    util_assert_contains(t.v.diagnosis, "what the machine can do is 1.000 times worse");
    util_assert_contains(t.v.diagnosis, "It is the build");
    assert_int_equal(t.v.count[RL_REGRESSED], 10);
    assert_int_equal(t.v.exit_code, RL_EXIT_REGRESSION);
    util_judge_end(&t);
    judge_moved(&t, RELATIVE, 1.5, 1.5, 1 / 1.5); /* the same, but nobody asked for the machine's reading */
    util_assert_contains(t.v.diagnosis, "nothing here measures the machine");
    util_assert_contains(t.v.diagnosis, "It counts as the build");
    assert_int_equal(t.v.exit_code, RL_EXIT_REGRESSION);
    util_judge_end(&t);
}

static void a_machine_that_is_slower_is_a_broken_measurement(void **state)
{
    (void)state;
    util_trial t;
    judge_moved(&t, CONTROLLED, 1.5, 1.5, 1 / 1.5);
    util_assert_contains(t.v.diagnosis, "what the machine can do is 1.500 times worse");
    util_assert_contains(t.v.diagnosis, "It was the machine: measure again");
    assert_int_equal(t.v.count[RL_BROKEN], 10);
    util_expect(&t, "k/r0", RL_BROKEN, "1.500x");
    util_expect(&t, "k/r0", RL_BROKEN, "but the machine was another one for all rows, see the diagnosis");
    assert_int_equal(t.v.exit_code, RL_EXIT_BROKEN);
    util_judge_end(&t);
}

/* Portable gates are not about the machine; and what is slower than the machine is a regression. */
static void a_slower_machine_excuses_no_more_than_it_explains(void **state)
{
    (void)state;
    util_trial t;
    judge_moved(&t, CONTROLLED "," FLOOR, 1.5, 1.5, 1 / 1.5);
    assert_int_equal(t.v.count[RL_BROKEN], 10);
    assert_int_equal(t.v.count[RL_REGRESSED], 1); /* of the floor */
    assert_int_equal(t.v.exit_code, RL_EXIT_REGRESSION);
    util_judge_end(&t);
    judge_moved(&t, CONTROLLED, 1.5, 3, 1 / 1.5);
    util_expect(&t, "k/r9", RL_REGRESSED, "3.000x");
    assert_int_equal(t.v.count[RL_BROKEN], 9);
    util_judge_end(&t);
}

/* What the control variate has taken out of the rows does not explain what is left. */
static void a_machine_that_is_taken_out_explains_nothing(void **state)
{
    (void)state;
    util_trial t;
    char *text, *at;
    judge_moved(&t, CONTROLLED, 2.25, 2.25, 1 / 1.5);
    util_judge_end(&t);
    text = util_replaced(rows, "\"beta\":0}", "\"beta\":1}");
    while ((at = strstr(text, "\"beta\":0}")) != NULL) at[strlen("\"beta\":")] = '1';
    util_judge(&t, &(util_setup){.gates = CONTROLLED, .csv = util_csv, .baseline = text});
    util_assert_contains(t.v.diagnosis, "the middle one by 1.500 times");
    util_assert_contains(t.v.diagnosis, "It is the build");
    assert_int_equal(t.v.count[RL_REGRESSED], 10);
    util_judge_end(&t);
    free(text);
}

/* Twice the bandwidth, and no faster; or half of it, and as large a part of it as before. */
static void a_machine_that_hides_a_slower_kernel_passes_nothing(void **state)
{
    (void)state;
    static const char part[] = "{\"kind\":\"relative\",\"rows\":\"^k/\",\"metric\":\"bw_pct\",\"better\":"
                               "\"higher\",\"margin\":0.1,\"control\":\"read_bw\"}";
    static const struct {
        bool part;
        double bandwidth;
        rl_verdict verdict;
    } cases[] = {
        {false, 2,    RL_INCONCLUSIVE},
        {false, 1.05, RL_PASS        },
        {false, 0.5,  RL_PASS        }, /* harder than before, and done */
        {true,  0.5,  RL_INCONCLUSIVE},
        {true,  0.95, RL_PASS        },
        {true,  2,    RL_PASS        },
    };
    for (size_t i = 0; i < RL_COUNT(cases); i++) {
        util_trial t;
        start();
        add_row("k/a", "avx2", 1, cases[i].bandwidth);
        char *time = util_replaced(rows, "\"real_time\",\"unit\":\"ns\",\"better\":\"lower\",\"median\":103",
                                   "\"bw_pct\",\"unit\":\"%\",\"better\":\"higher\",\"median\":50");
        char *text = util_replaced(time, "[[100,101,102,103,104,105,106]]", "[[50,50,50,50,50,50,50]]");
        util_judge(&t, &(util_setup){.gates = cases[i].part ? part : CONTROLLED,
                                     .csv = util_csv,
                                     .baseline = cases[i].part ? text : rows});
        util_expect(&t, "k/a", cases[i].verdict,
                    cases[i].verdict == RL_PASS ? "" : "a slower kernel need not show");
        assert_int_equal(t.v.exit_code, RL_EXIT_PASS);
        util_judge_end(&t);
        free(text);
        free(time);
    }
}

static void rows_that_stay_have_no_diagnosis(void **state)
{
    (void)state;
    util_trial t;
    judge_moved(&t, CONTROLLED, 1, 1.5, 1);
    assert_string_equal(t.v.diagnosis, "");
    assert_int_equal(t.v.count[RL_REGRESSED], 1);
    util_judge_end(&t);
}

/* The baseline found that rows follow the bandwidth all the way: what is taken out is no movement. */
static void a_control_variate_takes_the_machine_out(void **state)
{
    (void)state;
    util_trial t;
    char *text;
    start();
    add_row("k/a", "avx2", 1.5, 1 / 1.5);
    text = util_replaced(rows, "\"beta\":0}", "\"beta\":1}");
    util_judge(&t, &(util_setup){.gates = CONTROLLED, .csv = util_csv, .baseline = text});
    util_expect(&t, "k/a", RL_PASS, "");
    assert_true(fabs(util_finding(&t, "k/a")->ratio - 1) < 1e-6);
    assert_true(fabs(util_finding(&t, "k/a")->now - 154.5) < 1e-6); /* as measured */
    util_judge_end(&t);
    util_judge(&t, &(util_setup){.gates = CONTROLLED, .csv = util_csv, .baseline = rows});
    util_expect(&t, "k/a", RL_REGRESSED, "1.500x");
    util_judge_end(&t);
    free(text);
}

/* Readings of the arithmetic peak say nothing of how a row follows the bandwidth. */
static void readings_of_another_control_variate_are_broken(void **state)
{
    (void)state;
    util_trial t;
    start();
    add_row("k/a", "avx2", 1, 1);
    char *text = util_replaced(rows, "\"read_bw\"", "\"peak\"");
    util_judge(&t, &(util_setup){.gates = CONTROLLED, .csv = util_csv, .baseline = text});
    util_expect(&t, "k/a", RL_BROKEN,
                "the gate corrects it by read_bw, the baseline's readings are of peak: recalibrate");
    assert_int_equal(t.v.exit_code, RL_EXIT_BROKEN);
    util_judge_end(&t);
    util_judge(&t,
               &(util_setup){.gates = RELATIVE, .csv = util_csv, .baseline = text}); /* nothing corrected */
    util_expect(&t, "k/a", RL_PASS, "");
    util_judge_end(&t);
    free(text);
}

static void a_correction_beyond_the_numbers_there_are_is_broken(void **state)
{
    (void)state;
    util_trial t;
    start();
    add_row("k/a", "avx2", 1, 1e300);
    char *follows = util_replaced(rows, "\"beta\":0}", "\"beta\":1}");
    char *text =
        util_replaced(follows, "[[200,200,200,200,200,200,200]]", "[[1e-9,1e-9,1e-9,1e-9,1e-9,1e-9,1e-9]]");
    util_judge(&t, &(util_setup){.gates = CONTROLLED, .csv = util_csv, .baseline = text});
    util_expect(&t, "k/a", RL_BROKEN, "corrected by its control variate it is no number");
    util_judge_end(&t);
    free(text);
    free(follows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_runs_the_code_of_its_family_and_tier),
        cmocka_unit_test(a_hash_that_only_one_side_has_is_another),
        cmocka_unit_test(unchanged_code_cannot_regress),
        cmocka_unit_test(code_is_not_looked_at_where_it_says_nothing),
        cmocka_unit_test(unchanged_code_is_neither_suspect_nor_better),
        cmocka_unit_test(rows_of_unchanged_code_show_the_noise),
        cmocka_unit_test(rows_that_move_together_have_one_cause),
        cmocka_unit_test(two_readings_tell_nothing_of_the_machine),
        cmocka_unit_test(a_build_that_is_slower_as_a_whole_is_said_once_and_fails),
        cmocka_unit_test(a_machine_that_is_slower_is_a_broken_measurement),
        cmocka_unit_test(a_slower_machine_excuses_no_more_than_it_explains),
        cmocka_unit_test(a_machine_that_is_taken_out_explains_nothing),
        cmocka_unit_test(a_machine_that_hides_a_slower_kernel_passes_nothing),
        cmocka_unit_test(rows_that_stay_have_no_diagnosis),
        cmocka_unit_test(a_control_variate_takes_the_machine_out),
        cmocka_unit_test(readings_of_another_control_variate_are_broken),
        cmocka_unit_test(a_correction_beyond_the_numbers_there_are_is_broken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
