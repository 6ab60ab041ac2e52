/* test_gemm.c - every kernel for several tokens against exact arithmetic, and against itself: a result is the same,
 * bit for bit, however many tokens and rows share the call.
 *
 * The bound is gemv.h's, derived in tests/test_gemv.c: a result is one row times one token's activations, and how
 * many of them a call computes adds no rounding. The kernels that multiply floats as sums of bfloats round otherwise;
 * with u = FLT_EPSILON / 2, in parts of sum |w x|: the product left out is at most 2^-21 = 8 u; an instruction adds
 * up 16 products, of even and of odd columns, with 16 roundings at most (of k columns k / 2, the first being exact),
 * then both with one; and there are at most five additions for every 32 columns. That is 8 + min(k / 2, 16) + 1 + 5
 * ceil(k / 32), at most 2 (k + 8), the bound: 14 of 18 u for one column, 30 of 80 for 32. Exact arithmetic is slow,
 * so it judges one call of every shape that a tile can have; calls of other numbers of tokens are judged by having
 * the same bits. */
#include "util_matrix.h"

#include "gemm/gemm.h"
#include "gemv/gemv_exact.h"

#include <math.h>
#include <string.h>

/* A problem and the results of a call. Tokens are further apart than they need be, in x and in y; what is between y's
 * is marked. */
typedef struct {
    const rl_gemm *kern;
    size_t m, n, k, x_stride, ldy;
    char *rows; /* as GGUF stores them; owned */
    util_guard w, x, y;
} problem;

enum { GAP = 3 };
#define MARK 0x7fc0dead /* a NaN that no kernel computes */

static void mark_results(problem *p)
{
    for (size_t i = 0; i < p->y.bytes / sizeof(float); i++) ((uint32_t *)p->y.data)[i] = MARK;
}

static problem make_problem(const rl_gemm *kern, size_t m, size_t n, size_t k, uint64_t seed)
{
    util_rng rng = {seed};
    const size_t x_bytes = rl_act_bytes(kern->act, k);
    problem p = {.kern = kern, .m = m, .n = n, .k = k, .x_stride = x_bytes + RL_LINE, .ldy = m + GAP};
    p.rows = rl_alloc(m * rl_row_bytes(kern->format, k));
    assert_non_null(p.rows);
    p.x = util_guard_after((n - 1) * p.x_stride + x_bytes);
    p.y = util_guard_after(((n - 1) * p.ldy + m) * sizeof(float));
    util_fill_weights(p.rows, kern->format, m * k, &rng);
    memset(p.x.data, 0xff,
           p.x.bytes); /* NaN between tokens, and where a section is longer than what is in it */
    for (size_t t = 0; t < n; t++) util_fill_act((char *)p.x.data + t * p.x_stride, kern->act, k, &rng);
    p.w = util_lay_out(p.rows, kern->format, kern->layout, m, k);
    mark_results(&p);
    return p;
}

static void free_problem(problem *p)
{
    util_guard_free(&p->y);
    util_guard_free(&p->x);
    util_guard_free(&p->w);
    rl_free(p->rows);
}

static void run(const problem *p)
{
    p->kern->run(p->y.data, p->ldy, p->w.data, p->x.data, p->x_stride, p->m, p->n, p->k);
}

static const void *token(const problem *p, size_t t) { return (const char *)p->x.data + t * p->x_stride; }
static const float *result(const problem *p, size_t t, size_t r)
{
    return (const float *)p->y.data + t * p->ldy + r;
}

static void check_gaps(const problem *p)
{
    for (size_t t = 0; t + 1 < p->n; t++)
        for (size_t r = p->m; r < p->ldy; r++)
            if (rl_f32_to_bits(*result(p, t, r)) != MARK)
                fail_msg("%s m=%zu n=%zu: wrote past token %zu's results", p->kern->base.name, p->m, p->n, t);
}

static void check_exact(const problem *p)
{
    const rl_gemv *exact = rl_gemv_find(p->kern->format, RL_ROWS, 0);
    const size_t row_bytes = rl_row_bytes(p->kern->format, p->k);
    for (size_t t = 0; t < p->n; t++)
        for (size_t r = 0; r < p->m; r++) {
            double value, bound;
            rl_gemv_exact_row(exact, p->rows + r * row_bytes, token(p, t), p->k, &value, &bound);
            const double got = (double)*result(p, t, r);
            if (!(fabs(got - value) <= bound))
                fail_msg("%s m=%zu n=%zu k=%zu token=%zu row=%zu: want %.9g got %.9g, bound %.3g",
                         p->kern->base.name, p->m, p->n, p->k, t, r, value, got, bound);
        }
}

static void check_shape(const rl_gemm *kern, size_t m, size_t n, size_t k)
{
    problem p = make_problem(kern, m, n, k, 10000 * m + 100 * n + k);
    run(&p);
    check_exact(&p);
    check_gaps(&p);
    free_problem(&p);
}

/* Calls `check` with every kernel that runs here. */
static void each_kernel(void (*check)(const rl_gemm *kern))
{
    const uint32_t cpu = util_cpu();
    const rl_gemm *kern;
    for (size_t i = 0; (kern = rl_gemm_at(i)) != NULL; i++)
        if (rl_kernel_runs(&kern->base, cpu))
            check(kern);
        else
            util_note_skip(kern->base.name);
}

static void within_bound(const rl_gemm *kern)
{
    const size_t block = rl_format_table[kern->format].block_elems;
    for (size_t n = 1; n <= 7; n++) check_shape(kern, 33, n, 3 * block);
    for (size_t m = 1; m <= 50; m += m < 14 ? 6 : 1) check_shape(kern, m, 2, block);
    for (size_t blocks = 1; blocks <= 40; blocks += blocks < 18 ? 1 : 7)
        check_shape(kern, 5, 2, blocks * block);
    check_shape(kern, 3, 3, 2048);
    check_shape(kern, 1, 1, 5632);
    check_shape(kern, 17, 9, rl_round_up(1056, block)); /* more tokens than a few, more columns than a step */
    check_shape(kern, 17, 65, rl_round_up(1056, block)); /* whole tiles of tokens, and one more */
}

static void every_kernel_is_within_its_bound_at_all_tails(void **state)
{
    (void)state;
    each_kernel(within_bound);
}

static void not_overflowing(const rl_gemm *kern)
{
    if (kern->act == RL_ACT_F32) return;
    enum { M = 17, K = 512 };
    /* 0x80 is -128 for q8_0 and the scales of q6_K; 0xff and 0x00 are the ends of the packed formats */
    static const uint8_t ends[] = {0xff, 0x00, 0x80, 0x7f};
    static const size_t tokens[] = {6, 64};
    for (size_t i = 0; i < RL_COUNT(ends) * RL_COUNT(tokens); i++) {
        problem p = make_problem(kern, M, tokens[i % 2], K, 3);
        util_guard_free(&p.w);
        util_fill_weights_with(p.rows, kern->format, M * K, ends[i / 2]);
        p.w = util_lay_out(p.rows, kern->format, kern->layout, M, K);
        for (size_t t = 0; t < p.n; t++)
            util_fill_act_with((char *)p.x.data + t * p.x_stride, kern->act, K, t % 2 == 0 ? 127 : -127);
        run(&p);
        check_exact(&p);
        free_problem(&p);
    }
}

static void nothing_overflows_at_the_extremes(void **state)
{
    (void)state;
    each_kernel(not_overflowing);
}

/* Activations from 2^-60 to 2^60 with all their bits, and half floats down to the smallest: whatever parts a kernel
 * multiplies them in. */
static void all_magnitudes(const rl_gemm *kern)
{
    if (kern->act != RL_ACT_F32) return;
    enum { M = 33, N = 20, K = 70 };
    util_rng rng = {7};
    problem p = make_problem(kern, M, N, K, 7);
    util_guard_free(&p.w);
    for (size_t i = 0; i < M * K && kern->format == RL_F16; i++) {
        const uint16_t bits = (uint16_t)util_u64(&rng);
        ((uint16_t *)p.rows)[i] = (bits & 0x7c00) == 0x7c00 ? bits & 0x83ff : bits; /* no infinities */
    }
    p.w = util_lay_out(p.rows, kern->format, kern->layout, M, K);
    for (size_t t = 0; t < N; t++)
        for (size_t i = 0; i < K; i++)
            ((float *)((char *)p.x.data + t * p.x_stride))[i] =
                ldexpf(util_normal(&rng), (int)(util_u64(&rng) % 121) - 60);
    run(&p);
    check_exact(&p);
    free_problem(&p);
}

static void floats_of_all_magnitudes_are_within_their_bound(void **state)
{
    (void)state;
    each_kernel(all_magnitudes);
}

/* Each token alone gives what it gave in the company of all. */
static void alone_as_together(const rl_gemm *kern)
{
    enum { M = 33 };
    static const size_t tokens[] = {1,  2,  3,  4,  5,  6,  7,  8,  9,   10,  11,  12,
                                    13, 14, 15, 16, 17, 24, 31, 64, 128, 129, 256, 300};
    /* of floats so many that no tile, step or stretch of columns ends with them */
    const size_t block = rl_format_table[kern->format].block_elems, k = block == 1 ? 1050 : 3 * block;
    for (size_t i = 0; i < RL_COUNT(tokens); i++) {
        problem p = make_problem(kern, M, tokens[i], k, i);
        run(&p);
        check_gaps(&p);
        for (size_t t = 0; t < p.n; t++) {
            float alone[M];
            kern->run(alone, M, p.w.data, token(&p, t), p.x_stride, M, 1, k);
            if (memcmp(alone, result(&p, t, 0), sizeof alone) != 0)
                fail_msg("%s: token %zu of %zu differs from itself alone", kern->base.name, t, p.n);
        }
        free_problem(&p);
    }
}

static void a_token_does_not_depend_on_its_company(void **state)
{
    (void)state;
    each_kernel(alone_as_together);
}

/* The kernel for one token that stands beside it: of the same tier, format and layout. */
static const rl_gemv *single(const rl_gemm *kern)
{
    const rl_gemv *one;
    for (size_t i = 0; (one = rl_gemv_at(i)) != NULL; i++)
        if (one->base.isa == kern->base.isa && one->format == kern->format && one->layout == kern->layout)
            return one;
    return NULL;
}

static void as_single(const rl_gemm *kern)
{
    if (kern->act == RL_ACT_F32) return; /* sums of floats have an order of their own */
    enum { M = 33 };
    static const size_t tokens[] = {1, 2, 9, 70};
    const rl_gemv *one = single(kern);
    const size_t k = rl_round_up(1056, rl_format_table[kern->format].block_elems);
    if (one == NULL) fail_msg("%s has no kernel for one token beside it", kern->base.name);
    for (size_t i = 0; i < RL_COUNT(tokens); i++) {
        problem p = make_problem(kern, M, tokens[i], k, i);
        run(&p);
        for (size_t t = 0; t < p.n; t++) {
            float alone[M];
            one->run(alone, p.w.data, token(&p, t), M, k);
            if (memcmp(alone, result(&p, t, 0), sizeof alone) != 0)
                fail_msg("%s: token %zu of %zu differs from %s", kern->base.name, t, p.n, one->base.name);
        }
        free_problem(&p);
    }
}

static void a_token_of_quants_has_the_result_of_the_kernel_for_one(void **state)
{
    (void)state;
    each_kernel(as_single);
}

/* Wherever callers may cut the rows. */
static void cut_as_whole_of(const rl_gemm *kern, size_t n)
{
    enum { M = 75 };
    const size_t k = 2 * RL_QK_K;
    problem p = make_problem(kern, M, n, k, 5);
    const rl_matrix w = {kern->format, kern->layout, M, k, p.w.data};
    float *part = rl_alloc(n * M * sizeof *part);
    assert_non_null(part);
    run(&p);
    for (size_t cut = RL_PANEL_ROWS; cut < M; cut += RL_PANEL_ROWS) {
        kern->run(part, M, p.w.data, p.x.data, p.x_stride, cut, n, k);
        kern->run(part + cut, M, rl_matrix_row(&w, cut), p.x.data, p.x_stride, M - cut, n, k);
        for (size_t t = 0; t < n; t++)
            if (memcmp(part + t * M, result(&p, t, 0), M * sizeof *part) != 0)
                fail_msg("%s: token %zu differs when the rows are cut at %zu", kern->base.name, t, cut);
    }
    rl_free(part);
    free_problem(&p);
}

static void cut_as_whole(const rl_gemm *kern)
{
    cut_as_whole_of(kern, 7);
    cut_as_whole_of(kern, 70);
}

static void a_row_does_not_depend_on_the_cut(void **state)
{
    (void)state;
    each_kernel(cut_as_whole);
}

/* A void block (base/act.h) makes its own token NaN, and no other. */
static void void_alone_of(const rl_gemm *kern, size_t n)
{
    enum { M = 20, VOID = 2 };
    const size_t k = 2 * RL_QK_K;
    problem p = make_problem(kern, M, n, k, 6), q = make_problem(kern, M, n, k, 6);
    rl_act_void(kern->act, (char *)p.x.data + VOID * p.x_stride, k, 1);
    run(&p);
    run(&q);
    for (size_t t = 0; t < n; t++)
        for (size_t r = 0; r < M; r++)
            if (t == VOID ? !isnan(*result(&p, t, r))
                          : rl_f32_to_bits(*result(&p, t, r)) != rl_f32_to_bits(*result(&q, t, r)))
                fail_msg("%s: token %zu row %zu: %g, void is %d", kern->base.name, t, r,
                         (double)*result(&p, t, r), VOID);
    free_problem(&q);
    free_problem(&p);
}

static void void_alone(const rl_gemm *kern)
{
    if (kern->act == RL_ACT_F32) return;
    void_alone_of(kern, 5);
    void_alone_of(kern, 70);
}

static void a_void_block_makes_its_token_nan_and_no_other(void **state)
{
    (void)state;
    each_kernel(void_alone);
}

/* A token with an infinity or without numbers has no number where it matters, and changes no other. */
static void not_finite_alone(const rl_gemm *kern)
{
    if (kern->act != RL_ACT_F32) return;
    enum { M = 20, N = 37, K = 70, INFINITE = 3, NO_NUMBER = 18 };
    problem p = make_problem(kern, M, N, K, 8), q = make_problem(kern, M, N, K, 8);
    ((float *)((char *)p.x.data + INFINITE * p.x_stride))[5] = INFINITY;
    ((uint32_t *)((char *)p.x.data + NO_NUMBER * p.x_stride))[K - 1] =
        0x7f800001; /* its upper half is an infinity */
    run(&p);
    run(&q);
    for (size_t t = 0; t < N; t++)
        for (size_t r = 0; r < M; r++) {
            const float got = *result(&p, t, r);
            const bool right = t == NO_NUMBER  ? isnan(got)
                               : t == INFINITE ? !isfinite(got)
                                               : rl_f32_to_bits(got) == rl_f32_to_bits(*result(&q, t, r));
            if (!right) fail_msg("%s: token %zu row %zu: %g", kern->base.name, t, r, (double)got);
        }
    free_problem(&q);
    free_problem(&p);
}

static void a_token_that_is_not_finite_spoils_no_other(void **state)
{
    (void)state;
    each_kernel(not_finite_alone);
}

static void every_format_has_a_kernel_for_panels_in_each_tier(void **state)
{
    (void)state;
    const uint32_t cpu = util_cpu();
    for (int f = 0; f < RL_FORMAT_COUNT; f++) {
        const rl_gemm *scalar = rl_gemm_find((rl_format)f, RL_ROWS, cpu);
        assert_non_null(scalar);
        assert_int_equal(scalar->base.isa, RL_SCALAR);
        const rl_gemm *fast = rl_gemm_find((rl_format)f, RL_PANELS, cpu);
        if (rl_cpu_best(cpu) != RL_SCALAR) {
            assert_non_null(fast);
            assert_int_equal(fast->base.isa, rl_cpu_best(cpu));
        }
    }
}

/* Some rows of a tier need more than the tier. */
static void the_kernel_found_is_the_one_that_uses_most(void **state)
{
    (void)state;
    const uint32_t cpu = util_cpu();
    const rl_gemm *kern;
    for (size_t i = 0; (kern = rl_gemm_at(i)) != NULL; i++) {
        if (!rl_kernel_runs(&kern->base, cpu)) continue;
        const rl_gemm *found = rl_gemm_find(kern->format, kern->layout, rl_cpu_cap(cpu, kern->base.isa));
        if ((kern->base.needs & ~found->base.needs) != 0)
            fail_msg("%s is found, though %s runs here", found->base.name, kern->base.name);
        const rl_gemm *plain =
            rl_gemm_find(kern->format, kern->layout, cpu & ~(uint32_t)(RL_CPU_I8MM | RL_CPU_AMX));
        assert_non_null(plain);
        assert_int_equal(plain->base.needs & (RL_CPU_I8MM | RL_CPU_AMX), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_format_has_a_kernel_for_panels_in_each_tier),
        cmocka_unit_test(the_kernel_found_is_the_one_that_uses_most),
        cmocka_unit_test(every_kernel_is_within_its_bound_at_all_tails),
        cmocka_unit_test(nothing_overflows_at_the_extremes),
        cmocka_unit_test(floats_of_all_magnitudes_are_within_their_bound),
        cmocka_unit_test(a_token_does_not_depend_on_its_company),
        cmocka_unit_test(a_token_of_quants_has_the_result_of_the_kernel_for_one),
        cmocka_unit_test(a_row_does_not_depend_on_the_cut),
        cmocka_unit_test(a_void_block_makes_its_token_nan_and_no_other),
        cmocka_unit_test(a_token_that_is_not_finite_spoils_no_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
