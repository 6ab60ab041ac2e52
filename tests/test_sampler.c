/* test_sampler.c - greedy choice, the cuts by k and p, and draws that follow the probabilities. */
#include "util_guard.h"

#include "sampler.h"

#include <math.h>
#include <string.h>

static rl_sampler *open_sampler(float temperature, uint32_t top_k, float top_p, uint64_t seed, size_t n)
{
    rl_sampler *s;
    rl_error err;
    const rl_sampler_options o = {temperature, top_k, top_p, seed};
    if (rl_sampler_open(&s, &o, n, &err) != RL_OK) fail_msg("%s", err.text);
    return s;
}

static void greedy_takes_the_first_of_the_largest(void **state)
{
    (void)state;
    const float logits[] = {NAN, -1, 3, 2, 3, -INFINITY};
    rl_sampler *s = open_sampler(0, 0, 1, 1, 6);
    assert_int_equal(rl_sampler_pick(s, logits), 2);
    rl_sampler_close(s);
    const float none[] = {-INFINITY, -INFINITY};
    assert_int_equal(rl_argmax(none, 2), 0);
}

static void draws_follow_the_probabilities(void **state)
{
    (void)state;
    enum { N = 5, DRAWS = 40000 };
    const float logits[N] = {0.0f, 1.0f, -1.0f, 2.0f, 0.5f};
    const float temperature = 0.7f;
    int count[N] = {0};
    double weight[N], total = 0;
    for (int i = 0; i < N; i++) total += weight[i] = exp((double)logits[i] / (double)temperature);
    rl_sampler *s = open_sampler(temperature, 0, 1, 42, N);
    for (int i = 0; i < DRAWS; i++) count[rl_sampler_pick(s, logits)]++;
    rl_sampler_close(s);
    for (int i = 0; i < N; i++) {
        const double p = weight[i] / total, sd = sqrt(p * (1 - p) / DRAWS);
        if (!(fabs((double)count[i] / DRAWS - p) < 5 * sd))
            fail_msg("token %d: drawn %.4f of the time, expected %.4f +- %.4f", i, (double)count[i] / DRAWS,
                     p, sd);
    }
}

static void top_k_and_top_p_cut_the_tail(void **state)
{
    (void)state;
    enum { N = 300 };
    float logits[N];
    for (int i = 0; i < N; i++)
        logits[i] = (float)(i * 7919 % N) * 0.05f; /* a permutation: 300 distinct values */
    bool allowed_k[N], allowed_p[N];
    double total = 0;
    for (int i = 0; i < N; i++) total += exp((double)logits[i]);
    for (int i = 0; i < N; i++) {
        int above = 0;
        double mass_above = 0;
        for (int j = 0; j < N; j++)
            if (logits[j] > logits[i]) {
                above++;
                mass_above += exp((double)logits[j]) / total;
            }
        allowed_k[i] = above < 7;
        allowed_p[i] = mass_above < 0.3;
    }
    rl_sampler *k = open_sampler(1, 7, 1, 5, N), *p = open_sampler(1, 0, 0.3f, 5, N);
    bool seen_k[N] = {false}, seen_p[N] = {false};
    for (int i = 0; i < 5000; i++) {
        const uint32_t a = rl_sampler_pick(k, logits), b = rl_sampler_pick(p, logits);
        assert_true(allowed_k[a]);
        assert_true(allowed_p[b]);
        seen_k[a] = seen_p[b] = true;
    }
    assert_memory_equal(seen_k, allowed_k, sizeof seen_k);
    assert_memory_equal(seen_p, allowed_p, sizeof seen_p);
    rl_sampler_close(k);
    rl_sampler_close(p);
}

static void equal_logits_rank_by_token_and_the_seed_decides_the_rest(void **state)
{
    (void)state;
    enum { N = 1000 };
    float logits[N] = {0};
    rl_sampler *s = open_sampler(1, 10, 1, 9, N), *same = open_sampler(1, 10, 1, 9, N),
               *other = open_sampler(1, 10, 1, 8, N);
    int differ = 0;
    for (int i = 0; i < 200; i++) {
        const uint32_t a = rl_sampler_pick(s, logits);
        assert_true(a < 10);
        assert_int_equal(a, rl_sampler_pick(same, logits));
        differ += a != rl_sampler_pick(other, logits);
    }
    assert_true(differ > 100);
    rl_sampler_close(s);
    rl_sampler_close(same);
    rl_sampler_close(other);
}

static void options_out_of_range_are_refused(void **state)
{
    (void)state;
    const rl_sampler_options bad[] = {
        {-1,  0, 1,    0},
        {NAN, 0, 1,    0},
        {1,   0, 0,    0},
        {1,   0, 1.5f, 0},
        {1,   0, NAN,  0}
    };
    for (size_t i = 0; i < RL_COUNT(bad); i++) {
        rl_sampler *s;
        rl_error err;
        assert_int_equal(rl_sampler_open(&s, &bad[i], 4, &err), RL_ERR_ARG);
        assert_null(s);
    }
    rl_sampler_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(greedy_takes_the_first_of_the_largest),
        cmocka_unit_test(draws_follow_the_probabilities),
        cmocka_unit_test(top_k_and_top_p_cut_the_tail),
        cmocka_unit_test(equal_logits_rank_by_token_and_the_seed_decides_the_rest),
        cmocka_unit_test(options_out_of_range_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
