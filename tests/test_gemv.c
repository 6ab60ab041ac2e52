/* test_gemv.c - every matrix-vector kernel, on rows and on panels, against exact arithmetic, at all tails, with
 * guard pages round every buffer.
 *
 * The bound of gemv.h, with u = FLT_EPSILON / 2 for one rounding. Inside a block everything is an exact
 * integer. One block's term costs: the product of the two scales (u), the integer to float (u, only sums
 * above 2^24), the product of both (u); with a fused add the last two roundings merge. Adding n blocks costs
 * at most n u of sum |w x|, however they are grouped, and joining the lanes of a vector at most 4 u more (16
 * lanes). Float formats have one product a term instead. Together below (n + 7) u; FLT_EPSILON = 2 u leaves a
 * factor of two, which blocks with a minimum use up: they add two terms each. */
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

/* A matrix of random weights: rows as GGUF stores them, and what a kernel reads, up against a page nobody may. */
typedef struct {
    util_guard rows, packed;
    const void *w; /* in the kernel's layout; borrowed from one of the two */
    size_t row_bytes;
} weights;

static void make_weights(weights *t, size_t m, size_t k, rl_format format)
{
    *t = (weights){.row_bytes = rl_row_bytes(format, k)};
    t->rows = util_guard_after(m * t->row_bytes);
}

static void lay_out(weights *t, const rl_gemv *kern, size_t m, size_t k)
{
    const rl_matrix matrix = {kern->format, kern->layout, m, k, NULL};
    t->w = t->rows.data;
    if (kern->layout == RL_ROWS) return;
    t->packed = util_guard_after(rl_matrix_bytes(&matrix));
    t->w = t->packed.data;
    for (size_t r = 0; r < m; r += RL_PANEL_ROWS)
        rl_panel_pack((char *)t->packed.data + r / RL_PANEL_ROWS * rl_panel_bytes(kern->format, k),
                      (char *)t->rows.data + r * t->row_bytes, kern->format,
                      m - r < RL_PANEL_ROWS ? m - r : RL_PANEL_ROWS, k);
}

static void free_weights(weights *t)
{
    if (t->packed.map != NULL) util_guard_free(&t->packed);
    util_guard_free(&t->rows);
}

static void check(const rl_gemv *kern, size_t m, size_t k, uint64_t seed)
{
    util_rng rng = {seed};
    weights t;
    make_weights(&t, m, k, kern->format);
    util_guard x = util_guard_after(rl_act_bytes(kern->act, k)), y = util_guard_after(m * sizeof(float));
    fill_weights(t.rows.data, kern->format, m * k, &rng);
    lay_out(&t, kern, m, k);
    memset(x.data, 0xff, x.bytes); /* NaN where a section is longer than what is in it */
    fill_act(x.data, kern->act, k, &rng);
    kern->run(y.data, t.w, x.data, m, k);
    for (size_t r = 0; r < m; r++) {
        double value, tolerance;
        rl_gemv_exact_row(kern, (char *)t.rows.data + r * t.row_bytes, x.data, k, &value, &tolerance);
        const double got = (double)((float *)y.data)[r];
        if (!(fabs(got - value) <= tolerance))
            fail_msg("%s m=%zu k=%zu row=%zu seed=%llu: want %.9g got %.9g, tolerance %.3g", kern->base.name,
                     m, k, r, (unsigned long long)seed, value, got, tolerance);
    }
    util_guard_free(&y);
    util_guard_free(&x);
    free_weights(&t);
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
        for (size_t m = 15; m <= 33; m += m == 17 ? 14 : 1) /* round the ends of panels */
            for (size_t blocks = 1; blocks <= 4; blocks++) check(kern, m, blocks * block, 100 * m + blocks);
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
            weights t;
            make_weights(&t, 1, K, kern->format);
            util_guard x = util_guard_after(rl_act_bytes(kern->act, K));
            /* 0x80 is -128 for q8_0 and the scales of q6_K; 0xff and 0x00 are the ends of the packed formats */
            const uint8_t ends[4] = {0xff, 0x00, 0x80, 0x7f};
            memset(t.rows.data, ends[fill], bytes);
            for (size_t b = 0; b < bytes; b += block)
                for (const int *at = scale_offsets[kern->format]; *at >= 0; at++) {
                    const rl_f16 scale = rl_f32_to_f16(0.01f);
                    memcpy((char *)t.rows.data + b + *at, &scale, sizeof scale);
                }
            lay_out(&t, kern, 1, K);
            util_rng rng = {3};
            fill_act(x.data, kern->act, K, &rng);
            const rl_act_view v = rl_act_open(kern->act, x.data, K);
            memset(x.data, 127, K);
            for (size_t s = 0; s < K / 32 && kern->act == RL_ACT_Q8; s++) ((int32_t *)v.s)[s] = 32 * 127;
            for (size_t s = 0; s < K / 16 && kern->act == RL_ACT_Q8K; s++) ((int16_t *)v.s)[s] = 16 * 127;
            float y;
            double value, tolerance;
            kern->run(&y, t.w, x.data, 1, K);
            rl_gemv_exact_row(kern, t.rows.data, x.data, K, &value, &tolerance);
            if (!(fabs((double)y - value) <= tolerance))
                fail_msg("%s fill %#x: want %.9g got %.9g", kern->base.name, ends[fill], value, (double)y);
            util_guard_free(&x);
            free_weights(&t);
        }
    }
}

/* All results of a matrix, and those of calls that begin at later rows (of panels: at later panels) and end earlier. */
static void a_row_does_not_depend_on_its_neighbours(void **state)
{
    (void)state;
    const uint32_t cpu = util_cpu();
    const rl_gemv *kern;
    for (size_t i = 0; (kern = rl_gemv_at(i)) != NULL; i++) {
        if (!rl_kernel_runs(&kern->base, cpu)) continue;
        enum { M = 40, K = 768 };
        const size_t unit = kern->layout == RL_PANELS ? RL_PANEL_ROWS : 1;
        util_rng rng = {5};
        weights t;
        make_weights(&t, M, K, kern->format);
        util_guard x = util_guard_after(rl_act_bytes(kern->act, K));
        fill_weights(t.rows.data, kern->format, M * K, &rng);
        lay_out(&t, kern, M, K);
        fill_act(x.data, kern->act, K, &rng);
        const rl_matrix matrix = {kern->format, kern->layout, M, K, t.w};
        float all[M], part[M];
        kern->run(all, t.w, x.data, M, K);
        for (size_t first = 0; first < M; first += unit)
            for (size_t end = first + 1; end <= M; end += 13) {
                kern->run(part, rl_matrix_row(&matrix, first), x.data, end - first, K);
                for (size_t r = first; r < end; r++)
                    if (rl_f32_to_bits(all[r]) != rl_f32_to_bits(part[r - first]))
                        fail_msg("%s: row %zu differs in a call of rows %zu to %zu", kern->base.name, r,
                                 first, end);
            }
        util_guard_free(&x);
        free_weights(&t);
    }
}

/* Weights d * 8 + m of exactly 0: both parts are rounded apart, so that the bound must count them apart. */
static void a_minimum_that_cancels_is_within_its_bound(void **state)
{
    (void)state;
    const uint32_t cpu = util_cpu();
    const rl_gemv *kern;
    for (size_t i = 0; (kern = rl_gemv_at(i)) != NULL; i++) {
        if (!rl_kernel_runs(&kern->base, cpu) || (kern->format != RL_Q4_1 && kern->format != RL_Q5_1))
            continue;
        enum { K = 2048 };
        weights t;
        make_weights(&t, 1, K, kern->format);
        util_guard x = util_guard_after(rl_act_bytes(kern->act, K));
        const size_t bytes = rl_format_table[kern->format].block_bytes;
        const rl_f16 d = rl_f32_to_f16(0.01f), m = rl_f32_to_f16(-8 * rl_f16_to_f32(d));
        for (char *block = t.rows.data; block < (char *)t.rows.data + t.row_bytes; block += bytes) {
            memset(block, 0, bytes); /* no fifth bit */
            memset(block + bytes - 16, 0x88, 16);
            memcpy(block, &d, sizeof d);
            memcpy(block + sizeof d, &m, sizeof m);
        }
        lay_out(&t, kern, 1, K);
        util_rng rng = {9};
        fill_act(x.data, kern->act, K, &rng);
        float y;
        double value, tolerance;
        kern->run(&y, t.w, x.data, 1, K);
        rl_gemv_exact_row(kern, t.rows.data, x.data, K, &value, &tolerance);
        assert_true(value == 0);
        if (!(fabs((double)y) <= tolerance))
            fail_msg("%s: %g is not within %g", kern->base.name, (double)y, tolerance);
        util_guard_free(&x);
        free_weights(&t);
    }
}

static void panels_have_the_results_of_rows_in_the_scalar_kernels(void **state)
{
    (void)state;
    for (int format = 0; format < RL_FORMAT_COUNT; format++) {
        const rl_gemv *on_rows = rl_gemv_find((rl_format)format, RL_ROWS, 0);
        const rl_gemv *on_panels = rl_gemv_find((rl_format)format, RL_PANELS, 0);
        if (on_rows == NULL || on_panels == NULL)
            fail_msg("%s has no scalar kernel", rl_format_name((rl_format)format));
        enum { M = 19, K = 768 };
        util_rng rng = {7};
        weights t;
        make_weights(&t, M, K, (rl_format)format);
        util_guard x = util_guard_after(rl_act_bytes(on_rows->act, K));
        fill_weights(t.rows.data, (rl_format)format, M * K, &rng);
        fill_act(x.data, on_rows->act, K, &rng);
        lay_out(&t, on_panels, M, K);
        float want[M], got[M];
        on_rows->run(want, t.rows.data, x.data, M, K);
        on_panels->run(got, t.w, x.data, M, K);
        assert_memory_equal(got, want, sizeof want);
        util_guard_free(&x);
        free_weights(&t);
    }
}

/* What is packed at load must find a kernel of the tier it was packed for, and not the specification. */
static void every_format_has_a_fast_kernel_on_panels(void **state)
{
    (void)state;
    const uint32_t cpu = util_cpu();
    for (int format = 0; format < RL_FORMAT_COUNT; format++) {
        const rl_gemv *kern = rl_gemv_find((rl_format)format, RL_PANELS, cpu);
        if (kern == NULL || kern->base.isa != rl_cpu_best(cpu))
            fail_msg("%s on panels: %s", rl_format_name((rl_format)format),
                     kern != NULL ? kern->base.name : "none");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kernel_is_within_its_bound_at_all_tails),
        cmocka_unit_test(nothing_overflows_at_the_extremes),
        cmocka_unit_test(a_minimum_that_cancels_is_within_its_bound),
        cmocka_unit_test(a_row_does_not_depend_on_its_neighbours),
        cmocka_unit_test(panels_have_the_results_of_rows_in_the_scalar_kernels),
        cmocka_unit_test(every_format_has_a_fast_kernel_on_panels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
