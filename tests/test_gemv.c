/* test_gemv.c - every matrix-vector kernel against exact arithmetic, at all tails, with guard pages round
 * every buffer.
 *
 * The bound of gemv.h, with u = FLT_EPSILON / 2 for one rounding. Inside a block everything is an exact
 * integer. One block's term costs: the product of the two scales (u), the integer to float (u, only sums
 * above 2^24), the product of both (u); with a fused add the last two roundings merge. Adding n blocks costs
 * at most n u of sum |w x|, however they are grouped, and joining the lanes of a vector at most 4 u more (16
 * lanes). Float formats have one product a term instead. Together below (n + 7) u; FLT_EPSILON = 2 u leaves a
 * factor of two. */
#include "util_guard.h"

#include "gemv/gemv_exact.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Where the half scales of a block are, so that random bytes get sane ones; -1 ends the list. */
static const int scale_offsets[RL_FORMAT_COUNT][3] = {
    [RL_F32] = {-1 },
      [RL_F16] = {   -1  },
      [RL_BF16] = {  -1  },
      [RL_Q8_0] = { 0,   -1},
    [RL_Q4_0] = { 0,   -1},
      [RL_Q4_1] = {  0,   2, -1},
      [RL_Q5_0] = {     0,   -1},
      [RL_Q5_1] = {     0, 2, -1},
    [RL_Q2_K] = {   80, 82, -1},
      [RL_Q3_K] = { 108, -1},
      [RL_Q4_K] = {0,   2, -1},
      [RL_Q5_K] = {  0,   2, -1},
    [RL_Q6_K] = {   208, -1},
};

static void fill_weights(void *w, rl_format format, size_t elems, util_rng *rng)
{
    const size_t bytes = rl_row_bytes(format, elems), block = rl_format_table[format].block_bytes;
    if (format == RL_F32) {
        for (size_t i = 0; i < elems; i++) ((float *)w)[i] = util_normal(rng);
    } else if (format == RL_F16 || format == RL_BF16) {
        for (size_t i = 0; i < elems; i++) {
            const float v = util_normal(rng);
            ((uint16_t *)w)[i] = format == RL_F16 ? rl_f32_to_f16(v) : rl_f32_to_bf16(v);
        }
    } else {
        for (size_t i = 0; i < bytes; i++) ((uint8_t *)w)[i] = (uint8_t)util_u64(rng);
        for (size_t b = 0; b < bytes; b += block)
            for (const int *at = scale_offsets[format]; *at >= 0; at++) {
                const rl_f16 scale = rl_f32_to_f16(util_normal(rng) * 0.05f);
                memcpy((char *)w + b + *at, &scale, sizeof scale);
            }
    }
}

/* Extreme quants in one block out of four, since saturation would hide among random ones. */
static void fill_act(void *x, rl_act act, size_t k, util_rng *rng)
{
    if (act == RL_ACT_F32) {
        for (size_t i = 0; i < k; i++) ((float *)x)[i] = util_normal(rng);
        return;
    }
    int8_t *q = x;
    const rl_act_view v = rl_act_open(act, x, k);
    for (size_t i = 0; i < k; i++) {
        const bool extreme = i / 32 % 4 == 1;
        q[i] = (int8_t)((int)(util_u64(rng) % 255) - 127);
        if (extreme) q[i] = util_u64(rng) % 2 == 0 ? -127 : 127;
    }
    for (size_t b = 0; b < k / rl_act_block(act); b++) ((float *)v.d)[b] = util_normal(rng) * 0.1f;
    if (act == RL_ACT_Q8)
        for (size_t b = 0; b < k / 32; b++) {
            int32_t sum = 0;
            for (size_t j = 0; j < 32; j++) sum += q[32 * b + j];
            ((int32_t *)v.s)[b] = sum;
        }
    else
        for (size_t b = 0; b < k / 16; b++) {
            int sum = 0;
            for (size_t j = 0; j < 16; j++) sum += q[16 * b + j];
            ((int16_t *)v.s)[b] = (int16_t)sum;
        }
}

static void check(const rl_gemv *kern, size_t m, size_t k, uint64_t seed)
{
    util_rng rng = {seed};
    const size_t row_bytes = rl_row_bytes(kern->format, k);
    util_guard w = util_guard_after(m * row_bytes), y = util_guard_after(m * sizeof(float));
    util_guard x = util_guard_after(rl_act_bytes(kern->act, k));
    fill_weights(w.data, kern->format, m * k, &rng);
    fill_act(x.data, kern->act, k, &rng);
    kern->run(y.data, w.data, x.data, m, k);
    for (size_t r = 0; r < m; r++) {
        double value, tolerance;
        rl_gemv_exact_row(kern, (char *)w.data + r * row_bytes, x.data, k, &value, &tolerance);
        const double got = (double)((float *)y.data)[r];
        if (!(fabs(got - value) <= tolerance))
            fail_msg("%s m=%zu k=%zu row=%zu seed=%llu: want %.9g got %.9g, tolerance %.3g", kern->base.name,
                     m, k, r, (unsigned long long)seed, value, got, tolerance);
    }
    util_guard_free(&x);
    util_guard_free(&y);
    util_guard_free(&w);
}

static void every_kernel_is_within_its_bound_at_all_tails(void **state)
{
    (void)state;
    const uint32_t cpu = util_cpu();
    const rl_gemv *kern;
    for (size_t i = 0; (kern = rl_gemv_at(i)) != NULL; i++) {
        if (!rl_kernel_runs(&kern->base, cpu)) {
            util_note_skip(kern->base.name);
            continue;
        }
        const size_t block = rl_format_table[kern->format].block_elems;
        for (size_t m = 1; m <= 9; m++)
            for (size_t blocks = 1; blocks <= 9; blocks++) check(kern, m, blocks * block, 100 * m + blocks);
        for (size_t blocks = 10; blocks <= 80; blocks += 7) check(kern, 3, blocks * block, blocks);
        check(kern, 37, 2048, 1);
        check(kern, 2, 5632, 2);
    }
}

/* Every weight and every activation at its extreme: the largest integer sums there are. */
static void nothing_overflows_at_the_extremes(void **state)
{
    (void)state;
    const uint32_t cpu = util_cpu();
    const rl_gemv *kern;
    for (size_t i = 0; (kern = rl_gemv_at(i)) != NULL; i++) {
        if (!rl_kernel_runs(&kern->base, cpu) || kern->act == RL_ACT_F32) continue;
        enum { K = 512 };
        const size_t bytes = rl_row_bytes(kern->format, K), block = rl_format_table[kern->format].block_bytes;
        for (int fill = 0; fill < 4; fill++) {
            util_guard w = util_guard_after(bytes), x = util_guard_after(rl_act_bytes(kern->act, K));
            /* 0x80 is -128 for q8_0 and the scales of q6_K; 0xff and 0x00 are the ends of the packed formats
             */
            const uint8_t ends[4] = {0xff, 0x00, 0x80, 0x7f};
            memset(w.data, ends[fill], bytes);
            for (size_t b = 0; b < bytes; b += block)
                for (const int *at = scale_offsets[kern->format]; *at >= 0; at++) {
                    const rl_f16 scale = rl_f32_to_f16(0.01f);
                    memcpy((char *)w.data + b + *at, &scale, sizeof scale);
                }
            util_rng rng = {3};
            fill_act(x.data, kern->act, K, &rng);
            const rl_act_view v = rl_act_open(kern->act, x.data, K);
            memset(x.data, 127, K);
            for (size_t s = 0; s < K / 32 && kern->act == RL_ACT_Q8; s++) ((int32_t *)v.s)[s] = 32 * 127;
            for (size_t s = 0; s < K / 16 && kern->act == RL_ACT_Q8K; s++) ((int16_t *)v.s)[s] = 16 * 127;
            float y;
            double value, tolerance;
            kern->run(&y, w.data, x.data, 1, K);
            rl_gemv_exact_row(kern, w.data, x.data, K, &value, &tolerance);
            if (!(fabs((double)y - value) <= tolerance))
                fail_msg("%s fill %#x: want %.9g got %.9g", kern->base.name, ends[fill], value, (double)y);
            util_guard_free(&w);
            util_guard_free(&x);
        }
    }
}

static void a_row_does_not_depend_on_its_neighbours(void **state)
{
    (void)state;
    const uint32_t cpu = util_cpu();
    const rl_gemv *kern;
    for (size_t i = 0; (kern = rl_gemv_at(i)) != NULL; i++) {
        if (!rl_kernel_runs(&kern->base, cpu)) continue;
        enum { M = 11, K = 768 };
        util_rng rng = {5};
        const size_t row_bytes = rl_row_bytes(kern->format, K);
        char *w = rl_alloc(M * row_bytes), *x = rl_alloc(rl_act_bytes(kern->act, K));
        fill_weights(w, kern->format, M * K, &rng);
        fill_act(x, kern->act, K, &rng);
        float all[M], part[M];
        kern->run(all, w, x, M, K);
        for (size_t first = 0; first < M; first++) {
            kern->run(part, w + first * row_bytes, x, M - first, K);
            for (size_t r = first; r < M; r++)
                if (rl_f32_to_bits(all[r]) != rl_f32_to_bits(part[r - first]))
                    fail_msg("%s: row %zu differs when the call starts at row %zu", kern->base.name, r,
                             first);
        }
        rl_free(x);
        rl_free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kernel_is_within_its_bound_at_all_tails),
        cmocka_unit_test(nothing_overflows_at_the_extremes),
        cmocka_unit_test(a_row_does_not_depend_on_its_neighbours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
