/* test_gate_paired.c - blocks, looks and decisions: known answers, and rates on made-up rows whose truth is known. */
#include "util_guard.h"

#include "base/random.h"
#include "base/status.h"
#include "gate/paired.h"
#include "perf/stats.h"

#include <math.h>
#include <string.h>

static void near(const char *what, double found, double expected)
{
    if (fabs(found - expected) <= 1e-12 * fabs(expected)) return;
    fail_msg("%s is %.17g, expected %.17g", what, found, expected);
}

/* ---- Orders ---- */

static void blocks_read_the_same_backwards_and_every_six_have_each_order_once(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++)
        for (size_t round = 0; round < 5; round++) {
            unsigned seen = 0;
            size_t place[RL_ARMS][RL_BLOCK_LAUNCHES] = {0};
            for (size_t block = 0; block < 6; block++) {
                rl_arm order[RL_BLOCK_LAUNCHES];
                rl_block_order(seed, 6 * round + block, order);
                for (size_t i = 0; i < RL_BLOCK_LAUNCHES; i++) {
                    assert_true(order[i] == order[RL_BLOCK_LAUNCHES - 1 - i]);
                    place[order[i]][i]++;
                }
                seen |= 1u << (3 * order[0] + order[1]);
            }
            assert_int_equal(__builtin_popcount(seen), 6);
            for (size_t arm = 0; arm < RL_ARMS; arm++)
                for (size_t i = 0; i < RL_BLOCK_LAUNCHES; i++) assert_int_equal(place[arm][i], 2);
        }
}

static void orders_follow_the_seed(void **state)
{
    (void)state;
    size_t differ = 0;
    for (size_t block = 0; block < 60; block++) {
        rl_arm one[RL_BLOCK_LAUNCHES], again[RL_BLOCK_LAUNCHES], other[RL_BLOCK_LAUNCHES];
        rl_block_order(7, block, one);
        rl_block_order(7, block, again);
        rl_block_order(8, block, other);
        assert_memory_equal(one, again, sizeof one);
        differ += memcmp(one, other, sizeof one) != 0;
    }
    assert_true(differ > 30); /* five of six on average */
}

/* Each arm slows down by 3 % from launch to launch; the new build is 5 % slower, and nothing else. */
static void even_drift_cancels_in_every_order(void **state)
{
    (void)state;
    for (size_t block = 0; block < 6; block++) {
        rl_arm order[RL_BLOCK_LAUNCHES];
        double times[RL_ARMS][2];
        size_t n[RL_ARMS] = {0};
        rl_block_order(1, block, order);
        for (size_t i = 0; i < RL_BLOCK_LAUNCHES; i++)
            times[order[i]][n[order[i]]++] =
                1000 * pow(1.03, (double)i) * (order[i] == RL_ARM_NEW ? 1.05 : 1);
        assert_true(fabs(rl_block_value(times[RL_ARM_OLD], times[RL_ARM_NEW]) - log(1.05)) < 1e-12);
        assert_true(fabs(rl_block_value(times[RL_ARM_OLD], times[RL_ARM_NULL])) < 1e-12);
    }
}

/* ---- Tests ---- */

static void sign_probabilities_are_the_binomials(void **state)
{
    (void)state;
    near("10 of 10", rl_sign_p(10, 10), 1.0 / 1024);
    near("9 of 10", rl_sign_p(10, 9), 11.0 / 1024);
    near("15 of 20", rl_sign_p(20, 15), 21700.0 / 1048576);
    near("0 of 10", rl_sign_p(10, 0), 1);
    near("0 of 0", rl_sign_p(0, 0), 1);
    near("51 of 101", rl_sign_p(101, 51), 0.5);
    near("40 of 40", rl_sign_p(40, 40), ldexp(1, -40));
}

static void first_look_is_the_first_that_can_show_anything(void **state)
{
    (void)state;
    size_t looks[RL_LOOKS];
    rl_looks(looks, 1, 0.01);
    const size_t one[RL_LOOKS] = {10, 15, 23, 35, 53, 80};
    assert_memory_equal(looks, one, sizeof one);
    for (size_t rows = 1; rows < 500; rows++) {
        rl_looks(looks, rows, 0.01);
        const double need = 0.01 / (double)rows / RL_LOOKS;
        assert_true(ldexp(1, -(int)looks[0]) <= need);
        assert_true(looks[0] == RL_FIRST_LOOK || ldexp(1, -(int)looks[0] + 1) > need);
        for (size_t i = 1; i < RL_LOOKS; i++)
            assert_int_equal(looks[i], looks[i - 1] + (looks[i - 1] + 1) / 2);
    }
}

/* One row, its blocks all at once. */
static rl_paired_row look_once(const double *g, size_t n, double margin)
{
    rl_paired_row row = rl_paired_begin();
    row.g = g;
    row.n = n;
    rl_paired_look(&row, 1, margin, 0.01);
    return row;
}

static void rows_far_from_the_margin_are_decided_at_the_first_look(void **state)
{
    (void)state;
    double slow[10], same[10], fast[10], nine[10];
    for (size_t i = 0; i < 10; i++) {
        slow[i] = 0.05 + 0.001 * (double)i;
        same[i] = -0.005 + 0.001 * (double)i;
        fast[i] = -slow[i];
        nine[i] = i == 4 ? 0.01 : slow[i];
    }
    assert_int_equal(look_once(slow, 10, 0.02).decision, RL_DECIDED_REGRESSED);
    assert_int_equal(look_once(same, 10, 0.02).decision, RL_DECIDED_PASS);
    assert_int_equal(look_once(fast, 10, 0.02).decision, RL_DECIDED_IMPROVED);
    assert_int_equal(look_once(nine, 10, 0.02).decision, RL_DECIDED_INCONCLUSIVE);
    assert_int_equal(look_once(slow, 9, 0.02).decision, RL_DECIDED_INCONCLUSIVE);
    assert_int_equal(look_once(fast, 8, 0.02).decision, RL_DECIDED_PASS);
    assert_int_equal(look_once(slow, 10, 0.10).decision, RL_DECIDED_PASS); /* slower, and allowed */
    near("p", look_once(slow, 10, 0.02).p, RL_LOOKS / 1024.0);
}

static void blocks_exactly_on_the_margin_count_for_neither_side(void **state)
{
    (void)state;
    double on[20];
    for (size_t i = 0; i < 20; i++) on[i] = log1p(0.02);
    const rl_paired_row row = look_once(on, 20, 0.02);
    assert_int_equal(row.decision, RL_DECIDED_INCONCLUSIVE);
    assert_true(row.p_worse == 1 && row.p_not_worse == 1 && row.p_better == 1);
}

static void rows_are_corrected_together(void **state)
{
    (void)state;
    enum { ROWS = 60 };
    double slow[16], same[16];
    rl_paired_row rows[ROWS];
    for (size_t i = 0; i < 16; i++) {
        slow[i] = 0.05 + 0.001 * (double)i;
        same[i] = 0.001 * (double)i - 0.005;
    }
    for (size_t n = 10; n <= 16; n++) {
        for (size_t i = 0; i < ROWS; i++) {
            rows[i] = rl_paired_begin();
            rows[i].g = i == 17 ? slow : same;
            rows[i].n = n;
        }
        rl_paired_look(rows, ROWS, 0.02, 0.01);
        near("p", rows[17].p, fmin(1, ldexp(RL_LOOKS * ROWS, -(int)n)));
        assert_int_equal(rows[17].decision, n < 16 ? RL_DECIDED_INCONCLUSIVE : RL_DECIDED_REGRESSED);
        assert_int_equal(rows[16].decision, RL_DECIDED_PASS);
    }
}

/* Later blocks that say otherwise neither undo a decision nor raise a p that an earlier look has shown. */
static void what_a_look_has_shown_stays(void **state)
{
    (void)state;
    double g[30];
    for (size_t i = 0; i < 30; i++) g[i] = i < 10 ? 0.05 : -0.05;
    rl_paired_row rows[2] = {rl_paired_begin(), rl_paired_begin()};
    rows[0].g = g;
    rows[0].n = 10;
    rl_paired_look(rows, 1, 0.02, 0.01);
    assert_int_equal(rows[0].decision, RL_DECIDED_REGRESSED);
    rows[0].n = 30;
    rl_paired_look(rows, 1, 0.02, 0.01);
    assert_int_equal(rows[0].decision, RL_DECIDED_REGRESSED);
    near("p", rows[0].p_worse, RL_LOOKS / 1024.0);
}

/* ---- Rates ---- */

/* Round `centre`: near normal, or with tails so heavy that they have no mean, and skewed. */
static double draw(uint64_t *state, double centre, double sigma, bool heavy)
{
    if (!heavy) return centre + sigma * rl_random_normal(rl_random(state)) / RL_RANDOM_NORMAL_STD;
    const double u = rl_random_unit(rl_random(state)) + 0x1p-54;
    return centre + sigma * (u < 0.5 ? 2 * u - 1 : tan(acos(-1) * (u - 0.5))); /* the median is the centre */
}

typedef struct {
    double regressed, improved, passed, covered; /* shares of runs */
    double blocks;                               /* mean */
} rates;

/* Runs of one row through its looks, at level 0.05 and margin 2 %. */
static rates rates_of(double centre, double sigma, bool heavy, size_t runs)
{
    rates r = {0};
    uint64_t state = 42;
    size_t looks[RL_LOOKS];
    rl_looks(looks, 1, 0.05);
    for (size_t run = 0; run < runs; run++) {
        double g[RL_BLOCKS_MAX];
        size_t n = 0;
        rl_paired_row row = rl_paired_begin();
        row.g = g;
        for (size_t k = 0; k < RL_LOOKS && row.decision == RL_DECIDED_INCONCLUSIVE; k++) {
            while (n < looks[k]) g[n++] = draw(&state, centre, sigma, heavy);
            row.n = n;
            rl_paired_look(&row, 1, 0.02, 0.05);
        }
        const rl_paired_summary s = rl_paired_summarize(g, n, 1, 0.02, 0.05);
        r.covered += s.low <= exp(centre) && exp(centre) <= s.high;
        r.regressed += row.decision == RL_DECIDED_REGRESSED;
        r.improved += row.decision == RL_DECIDED_IMPROVED;
        r.passed += row.decision == RL_DECIDED_PASS;
        r.blocks += (double)n;
    }
    double *const all[] = {&r.regressed, &r.improved, &r.passed, &r.covered, &r.blocks};
    for (size_t i = 0; i < RL_COUNT(all); i++) *all[i] /= (double)runs;
    return r;
}

/* Three standard deviations of a share of 0.05 in 20,000 runs are 0.005. */
static void rows_on_the_margin_are_wrongly_decided_no_more_often_than_the_level(void **state)
{
    (void)state;
    for (int heavy = 0; heavy < 2; heavy++) {
        const rates on = rates_of(log1p(0.02), 0.02, heavy, 20000),
                    under = rates_of(-log1p(0.02), 0.02, heavy, 20000);
        if (on.regressed > 0.055 || on.passed > 0.055 || under.improved > 0.055)
            fail_msg("heavy %d: regressed %g, passed %g, improved %g", heavy, on.regressed, on.passed,
                     under.improved);
        if (on.regressed < 0.01)
            fail_msg("heavy %d: only %g: more careful than it need be", heavy, on.regressed);
        if (on.covered < 0.945)
            fail_msg("heavy %d: the interval holds the truth in %g of the runs", heavy, on.covered);
    }
}

static void equal_builds_pass_and_slower_ones_are_found(void **state)
{
    (void)state;
    const rates same = rates_of(0, 0.01, false, 5000), slower = rates_of(log(1.05), 0.01, false, 5000),
                little = rates_of(log(1.03), 0.005, false, 5000);
    if (same.regressed > 0 || same.passed < 0.99)
        fail_msg("equal: regressed %g, passed %g", same.regressed, same.passed);
    if (slower.regressed < 0.99) fail_msg("+5 %%: found in %g", slower.regressed);
    if (little.regressed < 0.9) fail_msg("+3 %%: found in %g", little.regressed);
    if (same.blocks > 16 || slower.blocks > 12) fail_msg("%g and %g blocks", same.blocks, slower.blocks);
}

/* ---- Summaries ---- */

static void summaries_have_the_median_its_interval_and_the_strays(void **state)
{
    (void)state;
    double g[35];
    for (size_t i = 0; i < 35; i++)
        g[(i * 8) % 35] = 0.001 * ((double)i - 17); /* shuffled; the median is 0 */
    rl_paired_summary s = rl_paired_summarize(g, 35, 1, 0.02, 0.01);
    near("ratio", s.ratio, 1);
    near("slower", s.slower, 0.5);
    assert_int_equal(s.outliers, 0);
    /* the 10th value: P(fewer than 10 of 35 heads) = 0.00299 <= 0.05 / 6 / 2 < 0.00834 = P(fewer than 11) */
    assert_true(rl_sign_p(35, 26) <= 0.05 / RL_LOOKS / 2 && rl_sign_p(35, 25) > 0.05 / RL_LOOKS / 2);
    near("low", s.low, exp(-0.008));
    near("high", s.high, exp(0.008));
    for (size_t i = 0; i < 35; i++)
        if (g[i] > 0.0165 || g[i] < -0.0165) g[i] *= 100; /* one on either side */
    const rl_paired_summary stray = rl_paired_summarize(g, 35, 1, 0.02, 0.01);
    assert_int_equal(stray.outliers, 2);
    near("ratio", stray.ratio, s.ratio);
    near("low", stray.low, s.low);
    assert_true(stray.detectable == s.detectable && s.detectable > 1.02 && s.detectable < 1.06);
    s = rl_paired_summarize(g, 5, 1, 0.02, 0.01);
    assert_true(s.low == 0 && isinf(s.high)); /* so few blocks allow no interval */
    s = rl_paired_summarize(NULL, 0, 1, 0.02, 0.01);
    assert_true(isnan(s.ratio) && s.low == 0 && isinf(s.high) && s.outliers == 0);
}

static void equal_blocks_have_no_strays_but_the_one_that_differs(void **state)
{
    (void)state;
    double g[12] = {0};
    assert_int_equal(rl_paired_summarize(g, 12, 1, 0.02, 0.01).outliers, 0);
    for (size_t i = 0; i < 5; i++) g[i] = 0.01; /* most are equal, and these are many */
    assert_int_equal(rl_paired_summarize(g, 12, 1, 0.02, 0.01).outliers, 0);
    memset(g, 0, sizeof g);
    g[3] = 0.3;
    assert_int_equal(rl_paired_summarize(g, 12, 1, 0.02, 0.01).outliers, 1);
}

/* sd 1 %, level 0.001, twelve blocks: 1.6 % without a margin and without looks. */
static void detectable_changes_are_those_of_the_sign_test(void **state)
{
    (void)state;
    double g[12];
    for (size_t i = 0; i < 12; i++) g[i] = (i % 2 == 0 ? 1 : -1) * (0.01 / 1.4826);
    const rl_paired_summary s = rl_paired_summarize(g, 12, 1, 0, 0.001 * RL_LOOKS);
    assert_true(fabs(s.detectable - 1.016) < 0.001);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_read_the_same_backwards_and_every_six_have_each_order_once),
        cmocka_unit_test(orders_follow_the_seed),
        cmocka_unit_test(even_drift_cancels_in_every_order),
        cmocka_unit_test(sign_probabilities_are_the_binomials),
        cmocka_unit_test(first_look_is_the_first_that_can_show_anything),
        cmocka_unit_test(rows_far_from_the_margin_are_decided_at_the_first_look),
        cmocka_unit_test(blocks_exactly_on_the_margin_count_for_neither_side),
        cmocka_unit_test(rows_are_corrected_together),
        cmocka_unit_test(what_a_look_has_shown_stays),
        cmocka_unit_test(rows_on_the_margin_are_wrongly_decided_no_more_often_than_the_level),
        cmocka_unit_test(equal_builds_pass_and_slower_ones_are_found),
        cmocka_unit_test(summaries_have_the_median_its_interval_and_the_strays),
        cmocka_unit_test(equal_blocks_have_no_strays_but_the_one_that_differs),
        cmocka_unit_test(detectable_changes_are_those_of_the_sign_test),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
