/* test_selftest.c - that made-up lane runs are what they say, that the gate keeps its word on them, and that
 * selftest says so where it does not. Seeds are fixed: nothing here depends on chance or time. */
#include "util_guard.h"

#include "base/file.h"
#include "perf/stats.h"
#include "rate.h"
#include "selftest_table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SEED = 7, RUNS = 300 };

/* ---- Rates ----------------------------------------------------------------------------------------- */

/* Clopper and Pearson's intervals, from scipy.stats.binomtest(k, n).proportion_ci(method="exact"). */
static void intervals_are_clopper_and_pearsons(void **state)
{
    (void)state;
    static const struct {
        size_t k, n;
        double low, high;
    } known[] = {
        {0,   10,    0,              0.3084971078   },
        {10,  10,    0.6915028922,   1              },
        {1,   10,    0.002528578544, 0.445016117    },
        {5,   50,    0.03327509359,  0.2181353664   },
        {0,   10000, 0,              0.0003688199146},
        {100, 10000, 0.008143596568, 0.01214950489  },
        {990, 1000,  0.9816867569,   0.9951944893   },
    };
    for (size_t i = 0; i < RL_COUNT(known); i++) {
        const rl_rate r = rl_rate_of(known[i].k, known[i].n);
        if (fabs(r.low - known[i].low) > 1e-9 || fabs(r.high - known[i].high) > 1e-9)
            fail_msg("%zu of %zu: got %.10g to %.10g, want %.10g to %.10g", r.k, r.n, r.low, r.high,
                     known[i].low, known[i].high);
        assert_true(fabs(r.value - (double)known[i].k / (double)known[i].n) < 1e-15);
    }
    const rl_rate none = rl_rate_of(0, 0);
    assert_true(isnan(none.value) && none.low == 0 && none.high == 1);
}

static void silence_is_no_proof_that_a_rate_is_kept(void **state)
{
    (void)state;
    assert_int_equal(rl_rate_kept(0, 100, 100, 0.01), RL_KEPT);
    assert_int_equal(rl_rate_kept(0, 50, 100, 0.01), RL_KEPT);
    assert_int_equal(rl_rate_kept(0, 49, 100, 0.01), RL_KEPT_UNKNOWN);
    assert_int_equal(rl_rate_kept(0, 0, 0, 0.01), RL_KEPT_UNKNOWN);
    assert_int_equal(rl_rate_kept(1, 100, 100, 0.01), RL_KEPT);
    assert_int_equal(rl_rate_kept(9, 9, 100, 0.01),
                     RL_KEPT_NOT); /* what is red is red, whatever the rest says */
}

/* ---- Noise ----------------------------------------------------------------------------------------- */

static void dice_repeat_and_streams_differ(void **state)
{
    (void)state;
    rl_dice a = rl_dice_of(1, 2), b = rl_dice_of(1, 2), c = rl_dice_of(1, 3), d = rl_dice_of(2, 2);
    const double first = rl_dice_normal(&a);
    assert_true(first == rl_dice_normal(&b));
    assert_true(first != rl_dice_normal(&c) && first != rl_dice_normal(&d));
}

static void normal_numbers_are_normal(void **state)
{
    (void)state;
    enum { N = 100000 };
    rl_dice d = rl_dice_of(SEED, 0);
    double sum = 0, squares = 0;
    size_t far = 0;
    for (int i = 0; i < N; i++) {
        const double z = rl_dice_normal(&d);
        sum += z;
        squares += z * z;
        far += fabs(z) > 3;
    }
    assert_true(fabs(sum / N) < 4 / sqrt(N)); /* four standard errors */
    assert_true(fabs(squares / N - 1) < 4 * sqrt(2.0 / N));
    assert_true(far > 200 && far < 340); /* 270 expected, 16.4 their deviation */
}

enum { ROWS = 50, BEFORE = 20, NOW = 10, ALL = BEFORE + NOW };

/* What a kind adds where launches are otherwise equal. */
static void effects_of(const char *kind, double amplitude, double sigma, double e[ROWS][ALL])
{
    const rl_noise_kind *k = rl_noise_kind_find(kind);
    rl_dice d = rl_dice_of(SEED, 1);
    assert_non_null(k);
    k->fill(&(rl_noise_shape){sigma, amplitude, ROWS, BEFORE, NOW}, &d, &e[0][0]);
}

static void bimodal_noise_has_two_modes_in_their_shares(void **state)
{
    (void)state;
    double e[ROWS][ALL];
    size_t slow = 0;
    effects_of("bimodal", 0.15, 0, e);
    for (size_t i = 0; i < ROWS * ALL; i++) {
        assert_true((&e[0][0])[i] == 0 || (&e[0][0])[i] == log1p(0.15));
        slow += (&e[0][0])[i] > 0;
    }
    assert_true(slow > 380 && slow < 520); /* of 1500: 450, deviation 17.7 */
}

static void strays_are_few_and_only_longer(void **state)
{
    (void)state;
    double e[ROWS][ALL], sum = 0;
    size_t strays = 0;
    effects_of("heavy", 0.5, 0, e);
    for (size_t i = 0; i < ROWS * ALL; i++) {
        assert_true((&e[0][0])[i] >= 0);
        strays += (&e[0][0])[i] > 0;
        sum += expm1((&e[0][0])[i]);
    }
    assert_true(strays > 40 && strays < 110);            /* 75, deviation 8.4 */
    assert_true(fabs(sum / (double)strays - 0.5) < 0.2); /* the mean of an exponential */
}

static void drift_is_a_straight_line_for_all_rows(void **state)
{
    (void)state;
    double e[ROWS][ALL];
    effects_of("drift", 0.05, 0, e);
    const double step = e[0][1];
    assert_true(step != 0 && fabs(step) * (ALL - 1) <= log1p(0.05));
    for (size_t r = 0; r < ROWS; r++)
        for (size_t i = 0; i < ALL; i++) assert_true(fabs(e[r][i] - step * (double)i) < 1e-12);
}

static void common_shifts_are_of_sessions_and_the_run(void **state)
{
    (void)state;
    double e[ROWS][ALL];
    effects_of("common", 0.05, 0, e);
    for (size_t r = 0; r < ROWS; r++)
        for (size_t i = 0; i < ALL; i++)
            assert_true(e[r][i] == e[0][i < BEFORE / 2 ? 0 : i < BEFORE ? BEFORE - 1 : ALL - 1]);
    assert_true(e[0][0] != e[0][BEFORE / 2] && e[0][BEFORE / 2] != e[0][BEFORE]);
}

static void autocorrelated_noise_has_the_correlation_and_the_spread(void **state)
{
    (void)state;
    double e[ROWS][ALL], product = 0, square = 0, across = 0;
    size_t pairs = 0;
    effects_of("autocorrelated", 0.8, 0.03, e);
    for (size_t r = 0; r < ROWS; r++) {
        for (size_t i = 0; i < ALL; i++) square += e[r][i] * e[r][i];
        for (size_t i = 1; i < ALL; i++) {
            if (i == BEFORE / 2 || i == BEFORE) continue; /* a session's first */
            product += e[r][i - 1] * e[r][i];
            pairs++;
        }
        across += e[r][BEFORE - 1] * e[r][BEFORE];
    }
    const double variance = square / (ROWS * ALL);
    assert_true(fabs(sqrt(variance) / 0.03 - 1) < 0.15);
    assert_true(fabs(product / (double)pairs / variance - 0.8) < 0.1);
    assert_true(fabs(across / ROWS / variance) < 4 / sqrt(ROWS));
}

/* ---- The gate on them ------------------------------------------------------------------------------ */

static rl_selftest_plan plan_of(const char *kind)
{
    const rl_noise_kind *k = rl_noise_kind_find(kind);
    assert_non_null(k);
    return (rl_selftest_plan){.kind = k,
                              .amplitude = k->amplitude,
                              .sigma = 0.03,
                              .margin = 0.25,
                              .false_reds = 1,
                              .slowdown = 0.1,
                              .rows = 40,
                              .launches = 10,
                              .seed = SEED};
}

static rl_tally tally_of(const rl_selftest_plan *plan, rl_change change, size_t runs)
{
    rl_tally t;
    rl_error err;
    if (rl_selftest_run(plan, change, runs, &t, &err) != RL_OK) fail_msg("%s", err.text);
    assert_int_equal(t.runs, runs);
    assert_int_equal(t.rows, runs * plan->rows);
    return t;
}

static void no_kind_of_noise_makes_more_false_reds_than_allowed(void **state)
{
    (void)state;
    const rl_noise_kind *k;
    for (size_t i = 0; (k = rl_noise_kind_at(i)) != NULL; i++) {
        const rl_selftest_plan p = plan_of(k->name);
        const rl_tally t = tally_of(&p, RL_CHANGE_NONE, RUNS);
        if (rl_rate_of(t.red, t.runs).low > 0.01) fail_msg("%s: %zu red of %zu", k->name, t.red, t.runs);
        assert_true(t.broken < t.runs / 10);
    }
}

/* The least favourable case that is still allowed: Holm's level is used up here, and no more than that. A small
 * margin, so that noise and margin are of one size. */
static void rows_at_the_margin_are_red_as_often_as_configured(void **state)
{
    (void)state;
    rl_selftest_plan p = plan_of("lognormal");
    p.margin = 0.2; /* every pair of launches is apart by more than noise: the veto does not hide the tests */
    p.false_reds = 20;
    const rl_tally t = tally_of(&p, RL_CHANGE_EDGE, 4 * RUNS);
    const rl_rate r = rl_rate_of(t.red, t.runs);
    assert_true(r.low <= 0.2);
    assert_true(r.high >= 0.1); /* not far below either, or it would miss what it could find */
}

static void slower_row_is_found(void **state)
{
    (void)state;
    const rl_selftest_plan p = plan_of("lognormal");
    const rl_tally t = tally_of(&p, RL_CHANGE_ONE, RUNS);
    assert_true(t.found >= RUNS * 99 / 100);
    assert_true(t.red >= t.found);
}

static void slowdown_within_the_noise_is_not_claimed_to_be_found(void **state)
{
    (void)state;
    rl_selftest_plan p = plan_of("lognormal");
    p.slowdown = 0;
    const rl_tally t = tally_of(&p, RL_CHANGE_ONE, RUNS);
    assert_true(t.found <= RUNS / 20);
}

static void two_launches_are_too_few_and_say_so(void **state)
{
    (void)state;
    rl_selftest_plan p = plan_of("lognormal");
    p.launches = 2;
    const rl_tally t = tally_of(&p, RL_CHANGE_ONE, 20);
    assert_int_equal(t.broken, 20);
    assert_int_equal(t.found, 0);
}

static void same_plan_gives_the_same_tally_and_another_seed_another(void **state)
{
    (void)state;
    rl_selftest_plan p = plan_of("autocorrelated");
    p.margin = 0.03; /* so small that much happens */
    p.rules = true;
    const rl_tally a = tally_of(&p, RL_CHANGE_NONE, 50), b = tally_of(&p, RL_CHANGE_NONE, 50);
    assert_memory_equal(&a, &b, sizeof a);
    p.seed++;
    const rl_tally c = tally_of(&p, RL_CHANGE_NONE, 50);
    assert_memory_not_equal(&a, &c, sizeof a);
}

static void sizes_that_make_no_lane_are_refused(void **state)
{
    (void)state;
    rl_tally t;
    rl_error err;
    rl_selftest_plan p = plan_of("lognormal");
    p.rows = 0;
    assert_int_equal(rl_selftest_run(&p, RL_CHANGE_NONE, 1, &t, &err), RL_ERR_ARG);
    p = plan_of("lognormal");
    p.margin = 0;
    assert_int_equal(rl_selftest_run(&p, RL_CHANGE_NONE, 1, &t, &err), RL_ERR_FORMAT); /* the lane's reader */
}

/* ---- The table ------------------------------------------------------------------------------------- */

static char *table_of(const rl_selftest_table_plan *plan, rl_kept *kept)
{
    char *text;
    size_t n;
    rl_error err;
    FILE *out = open_memstream(&text, &n);
    if (rl_selftest_table(plan, out, kept, &err) != RL_OK) fail_msg("%s", err.text);
    fclose(out);
    return text;
}

static void drift_beyond_the_margin_breaks_the_promise_and_the_table_says_so(void **state)
{
    (void)state;
    rl_kept kept;
    rl_selftest_table_plan plan = {.plan = plan_of("drift"), .only = rl_noise_kind_find("drift"), .runs = 50};
    plan.amplitude = -1;
    char *text = table_of(&plan, &kept);
    assert_int_equal(kept, RL_KEPT);
    assert_non_null(strstr(text, "drift                  5  0 (0 to "));
    free(text);
    plan.amplitude = 2;
    text = table_of(&plan, &kept);
    assert_int_equal(kept, RL_KEPT_NOT);
    free(text);
}

/* Two modes that are wider apart than the margin: never red, and mostly without a verdict. */
static void mostly_inconclusive_runs_are_not_called_kept(void **state)
{
    (void)state;
    rl_kept kept;
    rl_selftest_table_plan plan = {
        .plan = plan_of("bimodal"), .only = rl_noise_kind_find("bimodal"), .amplitude = -1, .runs = 50};
    plan.plan.margin = 0.05;
    char *text = table_of(&plan, &kept);
    assert_int_equal(kept, RL_KEPT_UNKNOWN);
    assert_non_null(strstr(text, "bimodal               15  0 (0 to "));
    free(text);
}

static void csv_has_a_line_for_each_rate(void **state)
{
    (void)state;
    rl_kept kept;
    char *data;
    size_t n, lines = 0, fields = 0;
    rl_error err;
    rl_selftest_table_plan plan = {.plan = plan_of("bimodal"),
                                   .only = rl_noise_kind_find("bimodal"),
                                   .amplitude = -1,
                                   .runs = 20,
                                   .sweep = true,
                                   .csv = "test_selftest.csv"};
    plan.plan.rules = true;
    free(table_of(&plan, &kept));
    assert_int_equal(rl_file_read(plan.csv, 1 << 20, &data, &n, &err), RL_OK);
    for (const char *at = data; *at != '\0'; at++) {
        lines += *at == '\n';
        fields += *at == ',' || *at == '\n';
    }
    assert_int_equal(lines, 1 + RL_CHANGES * (4 + RL_RULES * RL_VIEWS) + RL_AMPLITUDES * 4);
    assert_int_equal(fields, lines * 16);
    assert_non_null(
        strstr(data, "bimodal,0.15,0.03,0.25,0.1,40,10,7,none,ridgeline,launches,20,0,0,0,0.168433\n"));
    free(data);
    remove(plan.csv);
}

/* ---- Other tools' rules ---------------------------------------------------------------------------- */

static void other_rules_do_what_they_are_said_to(void **state)
{
    (void)state;
    enum { N = 10 };
    rl_rank_null null = {0};
    double x[N], y[N], z[N], w[N];
    for (size_t i = 0; i < N; i++) {
        x[i] = 100 + 0.01 * (double)i;
        y[i] = 1.04 * x[i];                    /* apart, by 4 % */
        z[i] = 1.06 * x[i];                    /* apart, by 6 % */
        w[i] = i < N - 1 ? x[i] - 0.001 : 200; /* as x, but for a stray: the mean is 10 % above */
    }
    const rl_side before = {x, N}, four = {y, N}, six = {z, N}, stray = {w, N};
    assert_false(rl_rule_red(RL_RULE_COMPARE_PY, &null, before, four));
    assert_true(rl_rule_red(RL_RULE_COMPARE_PY, &null, before, six));
    assert_false(rl_rule_red(RL_RULE_COMPARE_PY, &null, six, before)); /* faster */
    assert_true(rl_rule_red(RL_RULE_BENCHSTAT, &null, before, four));
    assert_false(rl_rule_red(RL_RULE_BENCHSTAT, &null, four, before));
    assert_false(rl_rule_red(RL_RULE_BENCHSTAT, &null, before, stray));
    assert_false(rl_rule_red(RL_RULE_MEAN, &null, before, four));
    assert_true(rl_rule_red(RL_RULE_MEAN, &null, before, six));
    assert_true(rl_rule_red(RL_RULE_MEAN, &null, before, stray));
    rl_rank_null_free(&null);
}

/* Without a shift, each row is p < 0.05 on either side with probability 0.05 at most: of one row, benchstat's rule
 * finds 2.5 % slower. */
static void benchstat_cries_wolf_at_the_rate_of_its_test(void **state)
{
    (void)state;
    rl_selftest_plan p = plan_of("lognormal");
    p.rows = 1;
    p.rules = true;
    const rl_tally t = tally_of(&p, RL_CHANGE_NONE, 4 * RUNS);
    const rl_rate r = rl_rate_of(t.rule_red[RL_RULE_BENCHSTAT][RL_VIEW_LAUNCHES], t.runs);
    assert_true(r.low <= 0.025 && r.high >= 0.02);
    assert_true(t.rule_red[RL_RULE_BENCHSTAT][RL_VIEW_PROCESS] >
                t.runs / 5); /* two processes always differ */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(intervals_are_clopper_and_pearsons),
        cmocka_unit_test(silence_is_no_proof_that_a_rate_is_kept),
        cmocka_unit_test(dice_repeat_and_streams_differ),
        cmocka_unit_test(normal_numbers_are_normal),
        cmocka_unit_test(bimodal_noise_has_two_modes_in_their_shares),
        cmocka_unit_test(strays_are_few_and_only_longer),
        cmocka_unit_test(drift_is_a_straight_line_for_all_rows),
        cmocka_unit_test(common_shifts_are_of_sessions_and_the_run),
        cmocka_unit_test(autocorrelated_noise_has_the_correlation_and_the_spread),
        cmocka_unit_test(no_kind_of_noise_makes_more_false_reds_than_allowed),
        cmocka_unit_test(rows_at_the_margin_are_red_as_often_as_configured),
        cmocka_unit_test(slower_row_is_found),
        cmocka_unit_test(slowdown_within_the_noise_is_not_claimed_to_be_found),
        cmocka_unit_test(two_launches_are_too_few_and_say_so),
        cmocka_unit_test(same_plan_gives_the_same_tally_and_another_seed_another),
        cmocka_unit_test(sizes_that_make_no_lane_are_refused),
        cmocka_unit_test(drift_beyond_the_margin_breaks_the_promise_and_the_table_says_so),
        cmocka_unit_test(mostly_inconclusive_runs_are_not_called_kept),
        cmocka_unit_test(csv_has_a_line_for_each_rate),
        cmocka_unit_test(other_rules_do_what_they_are_said_to),
        cmocka_unit_test(benchstat_cries_wolf_at_the_rate_of_its_test),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
