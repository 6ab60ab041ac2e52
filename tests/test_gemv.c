/* test_gemv.c - every matrix-vector kernel, on rows and on panels, against exact arithmetic, at all tails, with
 * guard pages round every buffer.
 *
 * The bound of gemv.h, with u = FLT_EPSILON / 2 for one rounding. Inside a block everything is an exact
 * integer. One block's term costs: the product of the two scales (u), the integer to float (u, only sums
 * above 2^24), the product of both (u); with a fused add the last two roundings merge. Adding n blocks costs
 * at most n u of sum |w x|, however they are grouped, and joining the lanes of a vector at most 4 u more (16
 * lanes). Float formats have one product a term instead. Together below (n + 7) u; FLT_EPSILON = 2 u leaves a
 * factor of two, which blocks with a minimum use up: they add two terms each. */
#include "util_matrix.h"

#include "gemv/gemv_exact.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* A matrix of so many rows, and one token's activations. */
typedef struct {
    size_t m, k;
    char *rows; /* as GGUF stores them; owned */
    util_guard w, x;
} problem;

/* Rows and activations are random; a case that wants others fills them, and lays the rows out again. */
static problem make_problem(const rl_gemv *kern, size_t m, size_t k, uint64_t seed)
{
    util_rng rng = {seed};
    problem p = {.m = m, .k = k, .rows = rl_alloc(m * rl_row_bytes(kern->format, k))};
    assert_non_null(p.rows);
    p.x = util_guard_after(rl_act_bytes(kern->act, k));
    util_fill_weights(p.rows, kern->format, m * k, &rng);
    memset(p.x.data, 0xff, p.x.bytes); /* NaN where a section is longer than what is in it */
    util_fill_act(p.x.data, kern->act, k, &rng);
    p.w = util_lay_out(p.rows, kern->format, kern->layout, m, k);
    return p;
}

static void lay_out_again(problem *p, const rl_gemv *kern)
{
    util_guard_free(&p->w);
    p->w = util_lay_out(p->rows, kern->format, kern->layout, p->m, p->k);
}

static void free_problem(problem *p)
{
    util_guard_free(&p->w);
    util_guard_free(&p->x);
    rl_free(p->rows);
}

/* What row r of the results must be. */
static void check_row(const rl_gemv *kern, const problem *p, size_t r, float y, const char *what)
{
    double value, bound;
    rl_gemv_exact_row(kern, p->rows + r * rl_row_bytes(kern->format, p->k), p->x.data, p->k, &value, &bound);
    if (!(fabs((double)y - value) <= bound))
        fail_msg("%s m=%zu k=%zu row=%zu, %s: want %.9g got %.9g, bound %.3g", kern->base.name, p->m, p->k, r,
                 what, value, (double)y, bound);
}

/* Calls `check` with every kernel that runs here. */
static void each_kernel(void (*check)(const rl_gemv *kern))
{
    const uint32_t cpu = util_cpu();
    const rl_gemv *kern;
    for (size_t i = 0; (kern = rl_gemv_at(i)) != NULL; i++)
        if (rl_kernel_runs(&kern->base, cpu))
            check(kern);
        else
            util_note_skip(kern->base.name);
}

static void check_shape(const rl_gemv *kern, size_t m, size_t k, uint64_t seed)
{
    char what[32];
    snprintf(what, sizeof what, "seed %llu", (unsigned long long)seed);
    problem p = make_problem(kern, m, k, seed);
    util_guard y = util_guard_after(m * sizeof(float));
    kern->run(y.data, p.w.data, p.x.data, m, k);
    for (size_t r = 0; r < m; r++) check_row(kern, &p, r, ((float *)y.data)[r], what);
    util_guard_free(&y);
    free_problem(&p);
}

static void within_bound(const rl_gemv *kern)
{
    const size_t block = rl_format_table[kern->format].block_elems;
    for (size_t m = 1; m <= 9; m++)
        for (size_t blocks = 1; blocks <= 9; blocks++) check_shape(kern, m, blocks * block, 100 * m + blocks);
    for (size_t m = 15; m <= 33; m += m == 17 ? 14 : 1) /* round the ends of panels */
        for (size_t blocks = 1; blocks <= 4; blocks++) check_shape(kern, m, blocks * block, 100 * m + blocks);
    for (size_t blocks = 10; blocks <= 80; blocks += 7) check_shape(kern, 3, blocks * block, blocks);
    check_shape(kern, 37, 2048, 1);
    check_shape(kern, 2, 5632, 2);
}

static void every_kernel_is_within_its_bound_at_all_tails(void **state)
{
    (void)state;
    each_kernel(within_bound);
}

/* Every weight and every activation at its extreme: the largest integer sums there are. */
static void not_overflowing(const rl_gemv *kern)
{
    if (kern->act == RL_ACT_F32) return;
    enum { K = 512 };
    /* 0x80 is -128 for q8_0 and the scales of q6_K; 0xff and 0x00 are the ends of the packed formats */
    static const uint8_t ends[] = {0xff, 0x00, 0x80, 0x7f};
    for (size_t i = 0; i < RL_COUNT(ends); i++)
        for (int sign = -1; sign <= 1; sign += 2) {
            char what[32];
            snprintf(what, sizeof what, "%#x times %d", ends[i], 127 * sign);
            problem p = make_problem(kern, 1, K, 3);
            util_fill_weights_with(p.rows, kern->format, K, ends[i]);
            util_fill_act_with(p.x.data, kern->act, K, (int8_t)(127 * sign));
            lay_out_again(&p, kern);
            float y;
            kern->run(&y, p.w.data, p.x.data, 1, K);
            check_row(kern, &p, 0, y, what);
            free_problem(&p);
        }
}

static void nothing_overflows_at_the_extremes(void **state)
{
    (void)state;
    each_kernel(not_overflowing);
}

/* All results of a matrix, and those of calls that begin at later rows (of panels: at later panels) and end earlier. */
static void cut_as_whole(const rl_gemv *kern)
{
    enum { M = 40, K = 768 };
    const size_t unit = kern->layout == RL_PANELS ? RL_PANEL_ROWS : 1;
    problem p = make_problem(kern, M, K, 5);
    const rl_matrix matrix = {kern->format, kern->layout, M, K, p.w.data};
    float all[M], part[M];
    kern->run(all, p.w.data, p.x.data, M, K);
    for (size_t first = 0; first < M; first += unit)
        for (size_t end = first + 1; end <= M; end += 13) {
            kern->run(part, rl_matrix_row(&matrix, first), p.x.data, end - first, K);
            if (memcmp(part, all + first, (end - first) * sizeof *part) != 0)
                fail_msg("%s: a call of rows %zu to %zu has other results", kern->base.name, first, end);
        }
    free_problem(&p);
}

static void a_row_does_not_depend_on_its_neighbours(void **state)
{
    (void)state;
    each_kernel(cut_as_whole);
}

/* Weights d * 8 + m of exactly 0: both parts are rounded apart, so that the bound must count them apart. */
static void cancelling(const rl_gemv *kern)
{
    if (kern->format != RL_Q4_1 && kern->format != RL_Q5_1) return;
    enum { K = 2048 };
    problem p = make_problem(kern, 1, K, 9);
    const size_t bytes = rl_format_table[kern->format].block_bytes;
    const rl_f16 d = rl_f32_to_f16(0.01f), m = rl_f32_to_f16(-8 * rl_f16_to_f32(d));
    for (char *block = p.rows; block < p.rows + rl_row_bytes(kern->format, K); block += bytes) {
        memset(block, 0, bytes); /* no fifth bit */
        memset(block + bytes - 16, 0x88, 16);
        memcpy(block, &d, sizeof d);
        memcpy(block + sizeof d, &m, sizeof m);
    }
    lay_out_again(&p, kern);
    double value, bound;
    rl_gemv_exact_row(kern, p.rows, p.x.data, K, &value, &bound);
    assert_true(value == 0);
    float y;
    kern->run(&y, p.w.data, p.x.data, 1, K);
    check_row(kern, &p, 0, y, "cancelling");
    free_problem(&p);
}

static void a_minimum_that_cancels_is_within_its_bound(void **state)
{
    (void)state;
    each_kernel(cancelling);
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
        problem p = make_problem(on_panels, M, K, 7);
        float want[M], got[M];
        on_rows->run(want, p.rows, p.x.data, M, K);
        on_panels->run(got, p.w.data, p.x.data, M, K);
        assert_memory_equal(got, want, sizeof want);
        free_problem(&p);
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
