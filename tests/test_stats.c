/* test_stats.c - descriptive statistics against numbers that numpy and scipy give. */
#include "util_guard.h"

#include "perf/stats.h"

#include <math.h>
#include <string.h>

static const struct {
    double x[8]; /* ascending */
    size_t n;
    double mean, median, stddev, mad, p10, p95;
} known[] = {
    {{2, 4, 4, 4, 5, 5, 7, 9},    8, 5,       4.5,     2.138089935299395,  0.5, 3.4,       8.3      },
    {{1e9 + 1, 1e9 + 2, 1e9 + 3}, 3, 1e9 + 2, 1e9 + 2, 1,                  1,   1e9 + 1.2, 1e9 + 2.9},
    {{1, 2, 3, 4, 100},           5, 22,      3,       43.617656975128774, 1,   1.4,       80.8     },
    {{1, 3, 7, 10},               4, 5.25,    5,       4.031128874149275,  3,   1.6,       9.55     },
    {{-2, -2, -2, 8},             4, 0.5,     -2,      5,                  0,   -2,        6.5      },
};

static void near(double got, double want)
{
    if (!(fabs(got - want) <= 1e-12 * fmax(1, fabs(want)))) fail_msg("want %.17g got %.17g", want, got);
}

static void known_arrays_give_known_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < RL_COUNT(known); i++) {
        const double *x = known[i].x;
        size_t n = known[i].n;
        near(rl_mean(x, n), known[i].mean);
        near(rl_sorted_median(x, n), known[i].median);
        near(rl_stddev(x, n), known[i].stddev);
        near(rl_sorted_mad(x, n), known[i].mad);
        near(rl_sorted_percentile(x, n, 0.10), known[i].p10);
        near(rl_sorted_percentile(x, n, 0.95), known[i].p95);
        near(rl_sorted_percentile(x, n, 0), x[0]);
        near(rl_sorted_percentile(x, n, 1), x[n - 1]);
        near(rl_min(x, n), x[0]);
        near(rl_max(x, n), x[n - 1]);
    }
}

/* E[x^2] - E[x]^2 in doubles gives 0 or worse here. */
static void deviation_survives_a_large_mean(void **state)
{
    (void)state;
    double x[1000];
    for (size_t i = 0; i < RL_COUNT(x); i++) x[i] = 1e9 + (i % 2 == 0 ? 1e-3 : -1e-3);
    double want = 1e-3 * sqrt(1000.0 / 999.0);
    assert_true(fabs(rl_stddev(x, RL_COUNT(x)) - want) < 1e-6);
}

static void what_does_not_exist_is_nan(void **state)
{
    (void)state;
    const double one[] = {3.5}, zeros[] = {-1, 1};
    assert_true(isnan(rl_mean(NULL, 0)));
    assert_true(isnan(rl_min(NULL, 0)));
    assert_true(isnan(rl_max(NULL, 0)));
    assert_true(isnan(rl_sorted_median(NULL, 0)));
    assert_true(isnan(rl_sorted_percentile(NULL, 0, 0.5)));
    assert_true(isnan(rl_sorted_mad(NULL, 0)));
    assert_true(isnan(rl_stddev(one, 1)));
    assert_true(isnan(rl_cv(one, 1)));
    assert_true(isnan(rl_cv(zeros, 2)));
    near(rl_sorted_median(one, 1), 3.5);
    near(rl_sorted_mad(one, 1), 0);
}

/* Against the definition: sort the deviations. */
static void mad_agrees_with_its_definition(void **state)
{
    (void)state;
    util_rng rng = {42};
    for (size_t n = 1; n <= 40; n++)
        for (int round = 0; round < 20; round++) {
            double x[40], deviation[40];
            for (size_t i = 0; i < n; i++) x[i] = floor(10 * util_uniform(&rng)); /* with ties */
            rl_sort(x, n);
            for (size_t i = 0; i < n; i++) deviation[i] = fabs(x[i] - rl_sorted_median(x, n));
            rl_sort(deviation, n);
            near(rl_sorted_mad(x, n), rl_sorted_median(deviation, n));
        }
}

static void summary_sorts_and_agrees_with_its_parts(void **state)
{
    (void)state;
    double x[] = {7, 3, 10, 1};
    rl_summary s = rl_summarize(x, RL_COUNT(x));
    assert_int_equal(s.n, 4);
    near(s.mean, 5.25);
    near(s.median, 5);
    near(s.stddev, 4.031128874149275);
    near(s.cv, 4.031128874149275 / 5.25);
    near(s.mad, 3);
    near(s.min, 1);
    near(s.max, 10);
    for (size_t i = 1; i < RL_COUNT(x); i++) assert_true(x[i - 1] <= x[i]);
}

static void the_l2_difference_is_a_part_of_what_was_wanted(void **state)
{
    (void)state;
    static const float want[] = {3, 4, 0}, got[] = {3, 4.75f, -1};
    near(rl_l2_diff(got, want, 3), 0.25); /* sqrt(0.75^2 + 1^2) / 5 */
    near(rl_l2_diff(want, want, 3), 0);
    assert_true(isnan(rl_l2_diff(want, got, 0)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_arrays_give_known_answers),
        cmocka_unit_test(deviation_survives_a_large_mean),
        cmocka_unit_test(what_does_not_exist_is_nan),
        cmocka_unit_test(the_l2_difference_is_a_part_of_what_was_wanted),
        cmocka_unit_test(mad_agrees_with_its_definition),
        cmocka_unit_test(summary_sorts_and_agrees_with_its_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
