/* test_sampler.c - greedy choice, the cuts by k and p, and draws that follow the probabilities. */
#include "util_guard.h"

#include "sampler.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static rl_sampler *open_sampler(float temperature, uint32_t top_k, float top_p, uint64_t seed, size_t n)
{
    rl_sampler *s;
    rl_error err;
    const rl_sampler_options o = {temperature, top_k, top_p, seed, util_cpu()};
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
    s = open_sampler(0, 0, 1, 1, 2);
    assert_int_equal(rl_sampler_pick(s, none), 0);
    rl_sampler_close(s);
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
        {-1,  0, 1,    0, 0},
        {NAN, 0, 1,    0, 0},
        {1,   0, 0,    0, 0},
        {1,   0, 1.5f, 0, 0},
        {1,   0, NAN,  0, 0}
    };
    for (size_t i = 0; i < RL_COUNT(bad); i++) {
        rl_sampler *s;
        rl_error err;
        assert_int_equal(rl_sampler_open(&s, &bad[i], 4, &err), RL_ERR_ARG);
        assert_null(s);
    }
    rl_sampler_close(NULL);
}

/* Of a vocabulary of many blocks: for every k whoever is drawn is among the k that a full sort puts first, and
 * all k are drawn from in time. */
static int by_logit(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x < y) - (x > y);
}

static void top_k_of_many_is_what_a_full_sort_gives(void **state)
{
    (void)state;
    enum { N = 3000 };
    static const uint32_t ks[] = {1, 2, 7, 46, 47, 48, 100, 2900, 3000, 5000};
    static float logits[N], sorted[N];
    util_rng rng = {31};
    for (size_t c = 0; c < RL_COUNT(ks); c++) {
        size_t real = 0;
        for (size_t i = 0; i < N; i++) {
            logits[i] = i % 11 == 5 ? NAN : (float)(util_u64(&rng) % 500) * 1e-3f; /* many equals */
            if (!isnan(logits[i])) sorted[real++] = logits[i];
        }
        qsort(sorted, real, sizeof *sorted, by_logit);
        const size_t k = ks[c] < real ? ks[c] : real;
        size_t room = k; /* equals of the k-th that have a place: the lowest ids */
        for (size_t i = 0; i < k; i++) room -= sorted[i] > sorted[k - 1];
        bool allowed[N] = {false}, seen[N] = {false};
        for (size_t i = 0; i < N; i++)
            allowed[i] = logits[i] > sorted[k - 1] || (logits[i] == sorted[k - 1] && room > 0 && room-- > 0);
        rl_sampler *s = open_sampler(10, ks[c], 1, 3, N);
        for (size_t i = 0; i < 20 * (k < 100 ? k : 100); i++) {
            const uint32_t id = rl_sampler_pick(s, logits);
            if (!allowed[id]) fail_msg("k=%u: drew %u of logit %g", ks[c], id, (double)logits[id]);
            seen[id] = true;
        }
        for (size_t i = 0; i < N && k <= 48; i++)
            if (allowed[i] && !seen[i]) fail_msg("k=%u: never drew %zu", ks[c], i);
        rl_sampler_close(s);
    }
}

/* Only p cuts, and what it keeps is more than the first try ranks. */
static void top_p_of_many_keeps_what_reaches_p(void **state)
{
    (void)state;
    enum { N = 2000, KEPT = 700 };
    static float logits[N];
    for (size_t i = 0; i < N; i++) logits[i] = 1 + (i * 7919 % N < KEPT ? 0 : -40.0f);
    rl_sampler *s = open_sampler(1, 0, 0.999f, 3, N);
    size_t distinct = 0;
    bool seen[N] = {false};
    for (size_t i = 0; i < 20000; i++) {
        const uint32_t id = rl_sampler_pick(s, logits);
        assert_true(logits[id] == 1);
        distinct += !seen[id];
        seen[id] = true;
    }
    /* 0.999 of 700 equals are 699.3, so the 700 first; twenty draws of each leave none out (chance 1e-6) */
    assert_int_equal(distinct, KEPT);
    rl_sampler_close(s);
}

static void infinities_and_nans_decide_without_a_draw(void **state)
{
    (void)state;
    const float certain[] = {1, INFINITY, NAN, INFINITY}, hopeless[] = {NAN, -INFINITY, -INFINITY},
                nothing[] = {NAN, NAN};
    rl_sampler *s = open_sampler(1, 0, 0.9f, 1, 4);
    assert_int_equal(rl_sampler_pick(s, certain), 1);
    rl_sampler_close(s);
    s = open_sampler(1, 2, 1, 1, 3);
    assert_int_equal(rl_sampler_pick(s, hopeless), 1);
    rl_sampler_close(s);
    s = open_sampler(1, 0, 1, 1, 2);
    assert_int_equal(rl_sampler_pick(s, nothing), 0);
    rl_sampler_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(greedy_takes_the_first_of_the_largest),
        cmocka_unit_test(draws_follow_the_probabilities),
        cmocka_unit_test(top_k_and_top_p_cut_the_tail),
        cmocka_unit_test(equal_logits_rank_by_token_and_the_seed_decides_the_rest),
        cmocka_unit_test(options_out_of_range_are_refused),
        cmocka_unit_test(top_k_of_many_is_what_a_full_sort_gives),
        cmocka_unit_test(top_p_of_many_keeps_what_reaches_p),
        cmocka_unit_test(infinities_and_nans_decide_without_a_draw),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
