/* test_gate_rank.c - the exact statistics against SciPy's (vectors/make_rank_vectors.py), and their limits. */
#include "util_guard.h"

#include "gate/rank.h"
#include "perf/stats.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VALUES_MAX = 128 };

typedef struct {
    double shift, above, below, superiority, estimate, low, high;
    double x[VALUES_MAX], y[VALUES_MAX];
    size_t n, m;
} vector;

static bool read_vector(FILE *f, vector *v)
{
    if (fscanf(f, "%zu %zu", &v->n, &v->m) != 2) return false;
    assert_true(v->n <= VALUES_MAX && v->m <= VALUES_MAX);
    double *const numbers[] = {&v->shift,    &v->above, &v->below, &v->superiority,
                               &v->estimate, &v->low,   &v->high};
    for (size_t i = 0; i < RL_COUNT(numbers); i++) assert_int_equal(fscanf(f, "%lf", numbers[i]), 1);
    for (size_t i = 0; i < v->n; i++) assert_int_equal(fscanf(f, "%lf", &v->x[i]), 1);
    for (size_t i = 0; i < v->m; i++) assert_int_equal(fscanf(f, "%lf", &v->y[i]), 1);
    return true;
}

static void near(const char *what, size_t line, double found, double expected)
{
    if (isinf(expected) ? found == expected : fabs(found - expected) <= 1e-12 + 1e-9 * fabs(expected)) return;
    fail_msg("line %zu: %s is %.17g, expected %.17g", line, what, found, expected);
}

static void tests_and_intervals_are_scipys(void **state)
{
    (void)state;
    FILE *f = fopen(RL_VECTORS "/rank.txt", "r");
    assert_non_null(f);
    rl_rank_null null = {0};
    vector v;
    size_t line = 0;
    while (read_vector(f, &v)) {
        line++;
        const rl_side x = {v.x, v.n}, y = {v.y, v.m};
        near("p above", line, rl_rank_p_above(&null, x, y, v.shift), v.above);
        near("p below", line, rl_rank_p_below(&null, x, y, v.shift), v.below);
        near("superiority", line, rl_superiority(x, y), v.superiority);
        const rl_interval i = rl_hodges_lehmann(&null, x, y, 0.05);
        near("estimate", line, i.estimate, v.estimate);
        if (isnan(v.low)) continue;
        near("low", line, i.low, v.low);
        near("high", line, i.high, v.high);
    }
    fclose(f);
    rl_rank_null_free(&null);
    assert_true(line >= 50);
}

/* C(n + m, m) splits, each as likely as any other. */
static void the_smallest_p_is_that_of_sides_apart(void **state)
{
    (void)state;
    rl_rank_null null = {0};
    double x[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, y[] = {11, 12, 13};
    assert_true(fabs(rl_rank_p_min(3, 3) - 1.0 / 20) < 1e-15);
    assert_true(fabs(rl_rank_p_min(10, 3) - 1.0 / 286) < 1e-15);
    assert_true(fabs(rl_rank_p_min(3, 10) - 1.0 / 286) < 1e-15);
    near("p", 0, rl_rank_p_above(&null, (rl_side){x, 10}, (rl_side){y, 3}, 0), 1.0 / 286);
    near("p", 0, rl_rank_p_below(&null, (rl_side){x, 10}, (rl_side){y, 3}, 0), 1);
    rl_rank_null_free(&null);
}

/* Where splits are no longer counted, what cannot be reached is not promised either. */
static void the_smallest_p_is_one_that_the_tests_give(void **state)
{
    (void)state;
    rl_rank_null null = {0};
    double x[1200];
    for (size_t i = 0; i < RL_COUNT(x); i++) x[i] = (double)i;
    for (size_t n = 1; n <= 1000; n = n < 8 ? n + 1 : n * 3 / 2)
        for (size_t m = 1; m <= 100; m = m < 8 ? m + 1 : m * 2) {
            const rl_side low = {x, n}, high = {x + n, m};
            near("p above", n * 1000 + m, rl_rank_p_min(n, m), rl_rank_p_above(&null, low, high, 0));
            near("p below", n * 1000 + m, rl_rank_p_min(m, n), rl_rank_p_below(&null, high, low, 0));
        }
    assert_true(rl_rank_p_min(60, 4) > 4e-4 && rl_rank_p_min(56, 4) < 3e-6);
    rl_rank_null_free(&null);
}

/* Nothing sensible can come of NaN, but something must. */
static void not_a_number_ends_too(void **state)
{
    (void)state;
    rl_rank_null null = {0};
    double none[] = {(double)NAN, (double)NAN, (double)NAN}, some[] = {1, 2, (double)NAN}, x[] = {1, 2, 3};
    double *const sides[] = {none, some, x};
    for (size_t i = 0; i < 9; i++) {
        const rl_side a = {sides[i / 3], 3}, b = {sides[i % 3], 3};
        const double p = rl_rank_p_above(&null, a, b, i == 8 ? (double)NAN : 0);
        assert_true(p >= 0 && p <= 1 && rl_superiority(a, b) >= 0 && rl_superiority(a, b) <= 1);
        rl_hodges_lehmann(&null, a, b, 0.05);
    }
    rl_rank_null_free(&null);
}

static void values_far_from_the_others_are_counted(void **state)
{
    (void)state;
    double few[] = {1, 2, 3, 4, 5, 60}, equal[] = {7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 9}, same[] = {3, 3};
    size_t n = 9;
    near("sigma", 0, rl_robust_sigma((rl_side){few, 5}, &n), 1.4826);
    assert_int_equal(n, 0);
    near("sigma", 0, rl_robust_sigma((rl_side){few, 6}, &n), 1.4826 * 1.5);
    assert_int_equal(n, 1);
    near("sigma", 0, rl_robust_sigma((rl_side){equal, 12}, &n), 1.2533 * 2 / 12);
    assert_int_equal(n, 1);
    assert_true(rl_robust_sigma((rl_side){same, 2}, &n) == 0 && n == 0);
}

static void equal_values_say_nothing(void **state)
{
    (void)state;
    rl_rank_null null = {0};
    static double same[100];
    for (size_t i = 0; i < 100; i++) same[i] = 3;
    for (size_t n = 1; n < 100; n += 7) {
        const rl_side x = {same, n}, y = {same, 100 - n};
        assert_true(rl_rank_p_above(&null, x, y, 0) == 1 && rl_rank_p_below(&null, x, y, 0) == 1);
        assert_true(rl_superiority(x, y) == 0.5);
    }
    rl_rank_null_free(&null);
}

static void holm_corrects_for_the_number_of_rows(void **state)
{
    (void)state;
    double p[] = {0.01, 0.04, 0.03, 0.005}, one[] = {0.2}, many[] = {0.5, 0.5, 0.5};
    const double expected[] = {0.03, 0.06, 0.06, 0.02}; /* R: p.adjust(p, "holm") */
    rl_holm(p, 4);
    for (size_t i = 0; i < 4; i++) near("holm", i, p[i], expected[i]);
    rl_holm(one, 1);
    rl_holm(many, 3);
    rl_holm(NULL, 0);
    assert_true(one[0] == 0.2 && many[0] == 1 && many[2] == 1);
}

static void quantiles_are_the_normal_distributions(void **state)
{
    (void)state;
    /* scipy.stats.norm.ppf */
    near("0.5", 0, rl_normal_quantile(0.5), 0);
    near("0.9", 0, rl_normal_quantile(0.9), 1.2815515655446004);
    near("0.999", 0, rl_normal_quantile(0.999), 3.090232306167813);
    near("1e-6", 0, rl_normal_quantile(1e-6), -4.753424308822899);
}

/* sigma 1 %, level 0.001, power 0.9, ten launches a side: 2.0 % can be found; 2 % and forty: 2.0 %, too. */
static void a_detectable_shift_shrinks_with_launches_and_strays_do_not_widen_it(void **state)
{
    (void)state;
    assert_true(fabs(expm1(rl_detectable_shift(10, 10, 0.01, 0, 0.001, 0.9)) - 0.020) < 0.001);
    assert_true(fabs(expm1(rl_detectable_shift(40, 40, 0.02, 0, 0.001, 0.9)) - 0.020) < 0.001);
    double x[] = {0.98, 0.99, 1.00, 1.01, 1.02}, y[] = {1.98, 1.99, 2.00, 2.01, 9};
    near("sigma", 0, rl_pooled_sigma((rl_side){x, 5}, (rl_side){y, 5}), 1.4826 * 0.01);
}

static void the_lower_end_of_a_median(void **state)
{
    (void)state;
    /* From P(at most k - 1 heads of n): 1/16 of 4, 1/32 of 5, 7/64 and 1/64 of 6, 9/256 of 8, 11/1024 and 56/1024 of 10. */
    static const size_t expected[][2] = {
        {0,  0},
        {1,  0},
        {4,  0},
        {5,  1},
        {6,  1},
        {7,  1},
        {8,  2},
        {10, 2},
        {11, 3}
    };
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
        assert_int_equal(rl_median_low(expected[i][0], 0.05), expected[i][1]);
    assert_int_equal(rl_median_low(10, 0.06), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_lower_end_of_a_median),
        cmocka_unit_test(tests_and_intervals_are_scipys),
        cmocka_unit_test(the_smallest_p_is_that_of_sides_apart),
        cmocka_unit_test(the_smallest_p_is_one_that_the_tests_give),
        cmocka_unit_test(not_a_number_ends_too),
        cmocka_unit_test(values_far_from_the_others_are_counted),
        cmocka_unit_test(equal_values_say_nothing),
        cmocka_unit_test(holm_corrects_for_the_number_of_rows),
        cmocka_unit_test(quantiles_are_the_normal_distributions),
        cmocka_unit_test(a_detectable_shift_shrinks_with_launches_and_strays_do_not_widen_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
