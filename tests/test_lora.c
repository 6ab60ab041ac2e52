/* test_lora.c - adapters on top of a product, against arithmetic in double, with guard pages round every buffer.
 *
 * The bounds of lora.h, with u = FLT_EPSILON / 2 for one rounding. A rank's number h = s sum a x is k products added up
 * in some order, lanes joined, and scaled: below (k + 6) u sum |s a x|. A result is a number y to which R terms b h are
 * added one by one: R sums, each off by u of a partial result, which is at most |y| + sum |b h|; a product where it is
 * not fused is off by u as well. Together below (k + R + 8) u sum |s b a x| + R u |y|; FLT_EPSILON = 2 u leaves a
 * factor of two. */
#include "util_matrix.h"

#include "gemm/lora.h"
#include "gemv/gemv_exact.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PAD = 3 }; /* floats between tokens that nobody may write */
static const float untouched = 12345.0f;

static double value_of(const void *p, rl_format format, size_t i)
{
    return format == RL_F32 ? (double)((const float *)p)[i] : (double)rl_f16_to_f32(((const rl_f16 *)p)[i]);
}

static void fill(void *p, rl_format format, size_t n, util_rng *rng)
{
    for (size_t i = 0; i < n; i++)
        if (format == RL_F32)
            ((float *)p)[i] = util_normal(rng);
        else
            ((rl_f16 *)p)[i] = rl_f32_to_f16(util_normal(rng));
}

static util_guard tokens(size_t n, size_t k, util_rng *rng)
{
    const size_t stride = rl_act_bytes(RL_ACT_F32, k);
    util_guard g = util_guard_after(n * stride);
    memset(g.data, 0xff, g.bytes); /* NaN past the last column */
    for (size_t t = 0; t < n; t++) fill((char *)g.data + t * stride, RL_F32, k, rng);
    return g;
}

/* ---- the kernels ---- */

static void check_down(const rl_lora *kern, size_t rank, size_t n, size_t k)
{
    util_rng rng = {1000 * rank + 10 * n + k};
    const size_t stride = rl_act_bytes(RL_ACT_F32, k), ldh = rank + PAD;
    const float scale = 0.75f;
    util_guard a = util_guard_after(rank * rl_row_bytes(kern->format, k)), x = tokens(n, k, &rng);
    util_guard h = util_guard_after((n * ldh - PAD) * sizeof(float));
    float *got = h.data;
    fill(a.data, kern->format, rank * k, &rng);
    for (size_t i = 0; i < n * ldh - PAD; i++) got[i] = untouched;
    kern->down(got, ldh, a.data, x.data, stride, rank, n, k, scale);
    for (size_t t = 0; t < n; t++) {
        const float *xt = (const float *)(void *)((char *)x.data + t * stride);
        for (size_t r = 0; r < rank; r++) {
            double value = 0, mass = 0;
            for (size_t i = 0; i < k; i++) {
                const double term = (double)scale * value_of(a.data, kern->format, r * k + i) * (double)xt[i];
                value += term;
                mass += fabs(term);
            }
            const double bound = (double)(k + 6) * (double)FLT_EPSILON * mass;
            if (!(fabs((double)got[t * ldh + r] - value) <= bound))
                fail_msg("%s down rank=%zu n=%zu k=%zu: token %zu rank %zu: want %.9g got %.9g",
                         kern->base.name, rank, n, k, t, r, value, (double)got[t * ldh + r]);
        }
        for (size_t r = rank; r < ldh && t + 1 < n; r++) assert_true(got[t * ldh + r] == untouched);
    }
    util_guard_free(&h);
    util_guard_free(&x);
    util_guard_free(&a);
}

static void check_up(const rl_lora *kern, size_t m, size_t n, size_t rank)
{
    util_rng rng = {1000 * m + 10 * n + rank};
    const size_t ldh = rank + PAD, ldy = m + PAD;
    util_guard rows = util_guard_after(m * rl_row_bytes(kern->format, rank));
    fill(rows.data, kern->format, m * rank, &rng);
    util_guard b = util_lay_out(rows.data, kern->format, RL_PANELS, m, rank);
    util_guard h = util_guard_after((n * ldh - PAD) * sizeof(float));
    util_guard y = util_guard_after((n * ldy - PAD) * sizeof(float));
    const float *in = h.data;
    float *got = y.data, *before = malloc(y.bytes);
    fill(h.data, RL_F32, n * ldh - PAD, &rng);
    fill(y.data, RL_F32, n * ldy - PAD, &rng);
    memcpy(before, got, y.bytes);
    kern->up(got, ldy, b.data, in, ldh, m, n, rank);
    for (size_t t = 0; t < n; t++) {
        for (size_t r = 0; r < m; r++) {
            double value = (double)before[t * ldy + r], mass = fabs(value);
            for (size_t i = 0; i < rank; i++) {
                const double term = value_of(rows.data, kern->format, r * rank + i) * (double)in[t * ldh + i];
                value += term;
                mass += fabs(term);
            }
            const double bound = (double)(rank + 1) * (double)FLT_EPSILON * mass;
            if (!(fabs((double)got[t * ldy + r] - value) <= bound))
                fail_msg("%s up m=%zu n=%zu rank=%zu: token %zu row %zu: want %.9g got %.9g", kern->base.name,
                         m, n, rank, t, r, value, (double)got[t * ldy + r]);
        }
        for (size_t r = m; r < ldy && t + 1 < n; r++)
            assert_memory_equal(&got[t * ldy + r], &before[t * ldy + r], sizeof *got);
    }
    free(before);
    util_guard_free(&y);
    util_guard_free(&h);
    util_guard_free(&b);
    util_guard_free(&rows);
}

static void every_kernel_is_within_its_bound_at_all_tails(void **state)
{
    (void)state;
    const uint32_t cpu = util_cpu();
    const rl_lora *kern;
    for (size_t i = 0; (kern = rl_lora_at(i)) != NULL; i++) {
        if (!rl_kernel_runs(&kern->base, cpu)) {
            util_note_skip(kern->base.name);
            continue;
        }
        for (size_t n = 1; n <= 10; n++) {
            for (size_t rank = 1; rank <= 18; rank++) check_down(kern, rank, n, 37 + 8 * rank % 5);
            for (size_t k = 1; k <= 34; k++) check_down(kern, 5, n, k);
            for (size_t m = 1; m <= 34; m++) check_up(kern, m, n, 1 + m % 7);
            for (size_t rank = 1; rank <= 34; rank++) check_up(kern, 20, n, rank);
        }
        check_down(kern, 256, 5, 2048);
        check_up(kern, 70, 9, 256);
    }
}

/* Each token alone, and each rank or panel alone, gives the bits that all of them together give. */
static void a_result_does_not_depend_on_its_company(void **state)
{
    (void)state;
    enum { M = 40, N = 11, K = 100, RANK = 13 };
    const uint32_t cpu = util_cpu();
    const rl_lora *kern;
    for (size_t i = 0; (kern = rl_lora_at(i)) != NULL; i++) {
        if (!rl_kernel_runs(&kern->base, cpu)) continue;
        util_rng rng = {7};
        const size_t stride = rl_act_bytes(RL_ACT_F32, K), row_bytes = rl_row_bytes(kern->format, K);
        util_guard a = util_guard_after(RANK * row_bytes), x = tokens(N, K, &rng);
        util_guard rows = util_guard_after(M * rl_row_bytes(kern->format, RANK));
        fill(a.data, kern->format, RANK * K, &rng);
        fill(rows.data, kern->format, M * RANK, &rng);
        util_guard b = util_lay_out(rows.data, kern->format, RL_PANELS, M, RANK);
        float h[N][RANK], h1[N][RANK], y[N][M], y1[N][M];
        kern->down(h[0], RANK, a.data, x.data, stride, RANK, N, K, 0.5f);
        for (size_t t = 0; t < N; t++)
            for (size_t r = 0; r < RANK; r++)
                kern->down(&h1[t][r], RANK, (char *)a.data + r * row_bytes, (char *)x.data + t * stride,
                           stride, 1, 1, K, 0.5f);
        assert_memory_equal(h, h1, sizeof h);
        fill(y, RL_F32, N * M, &rng);
        memcpy(y1, y, sizeof y);
        kern->up(y[0], M, b.data, h[0], RANK, M, N, RANK);
        for (size_t t = 0; t < N; t++)
            for (size_t r = 0; r < M; r += RL_PANEL_ROWS)
                kern->up(&y1[t][r], M,
                         (char *)b.data + r / RL_PANEL_ROWS * rl_panel_bytes(kern->format, RANK), h[t], RANK,
                         M - r < RL_PANEL_ROWS ? M - r : RL_PANEL_ROWS, 1, RANK);
        assert_memory_equal(y, y1, sizeof y);
        util_guard_free(&b);
        util_guard_free(&rows);
        util_guard_free(&x);
        util_guard_free(&a);
    }
}

/* ---- a matrix with its adapters ---- */

/* Ranks, formats and scales of the adapters that a product is tested with; a matrix has the first few. */
static const struct {
    size_t rank;
    rl_format format;
    float scale;
} kinds[RL_LORA_ADAPTERS_MAX] = {
    {16, RL_F16, 2.0f },
    {3,  RL_F32, -0.5f},
    {40, RL_F16, 1.0f },
    {1,  RL_F32, 4.0f }
};

typedef struct {
    rl_format format;
    rl_lora_plan plan;
    size_t m, k, n;
    util_guard rows, w, x, act, a[RL_LORA_ADAPTERS_MAX], b_rows[RL_LORA_ADAPTERS_MAX],
        b[RL_LORA_ADAPTERS_MAX];
    size_t n_adapters, act_stride, x_stride;
} product;

static void open_product(product *p, rl_format format, size_t m, size_t k, size_t n, size_t n_adapters,
                         uint32_t cpu)
{
    util_rng rng = {m + 31 * n + 7 * n_adapters};
    const rl_layout layout = rl_gemm_find(format, RL_PANELS, cpu) != NULL ? RL_PANELS : RL_ROWS;
    rl_lora_adapter adapters[RL_LORA_ADAPTERS_MAX];
    rl_error err;
    *p = (product){.format = format, .m = m, .k = k, .n = n, .n_adapters = n_adapters};
    p->x_stride = rl_act_bytes(RL_ACT_F32, k);
    p->act_stride = rl_act_bytes(rl_act_for(format), k);
    p->x = tokens(n, k, &rng);
    p->act = util_guard_after(n * p->act_stride);
    for (size_t t = 0; t < n; t++)
        util_fill_act((char *)p->act.data + t * p->act_stride, rl_act_for(format), k, &rng);
    p->rows = util_guard_after(m * rl_row_bytes(format, k));
    util_fill_weights(p->rows.data, format, m * k, &rng);
    p->w = util_lay_out(p->rows.data, format, layout, m, k);
    for (size_t i = 0; i < n_adapters; i++) {
        const size_t rank = kinds[i].rank;
        const rl_format f = kinds[i].format;
        p->a[i] = util_guard_after(rank * rl_row_bytes(f, k));
        p->b_rows[i] = util_guard_after(m * rl_row_bytes(f, rank));
        fill(p->a[i].data, f, rank * k, &rng);
        fill(p->b_rows[i].data, f, m * rank, &rng);
        p->b[i] = util_lay_out(p->b_rows[i].data, f, RL_PANELS, m, rank);
        adapters[i] = (rl_lora_adapter){
            {f, RL_ROWS,   rank, k,    p->a[i].data},
            {f, RL_PANELS, m,    rank, p->b[i].data},
            kinds[i].scale
        };
    }
    const rl_matrix w = {format, layout, m, k, p->w.data};
    if (rl_lora_plan_init(&p->plan, &w, adapters, n_adapters, cpu, &err) != RL_OK) fail_msg("%s", err.text);
}

static void close_product(product *p)
{
    for (size_t i = 0; i < p->n_adapters; i++) {
        util_guard_free(&p->b[i]);
        util_guard_free(&p->b_rows[i]);
        util_guard_free(&p->a[i]);
    }
    util_guard_free(&p->w);
    util_guard_free(&p->rows);
    util_guard_free(&p->act);
    util_guard_free(&p->x);
}

/* What adapter i makes of row r for token t, and the sum of the magnitudes of its terms. */
static double exact_adapter(const product *p, size_t i, size_t t, size_t r, double *mass)
{
    const float *x = (const float *)(const void *)((const char *)p->x.data + t * p->x_stride);
    double value = 0;
    for (size_t j = 0; j < kinds[i].rank; j++) {
        const double b =
            (double)kinds[i].scale * value_of(p->b_rows[i].data, kinds[i].format, r * kinds[i].rank + j);
        for (size_t c = 0; c < p->k; c++) {
            const double term = b * value_of(p->a[i].data, kinds[i].format, j * p->k + c) * (double)x[c];
            value += term;
            *mass += fabs(term);
        }
    }
    return value;
}

static void check_row(const product *p, const uint8_t *which, size_t t, size_t r, float got)
{
    const rl_gemv base = {.format = p->format, .act = rl_act_for(p->format)};
    double value, bound, mass = 0;
    rl_gemv_exact_row(&base, (char *)p->rows.data + r * rl_row_bytes(p->format, p->k),
                      (char *)p->act.data + t * p->act_stride, p->k, &value, &bound);
    bound += (double)p->plan.ranks * (double)FLT_EPSILON * fabs(value);
    for (size_t i = 0; i < p->n_adapters; i++)
        if (which == NULL || which[t] == i) value += exact_adapter(p, i, t, r, &mass);
    bound += (double)(p->k + p->plan.ranks + 16) * (double)FLT_EPSILON * mass;
    if (!(fabs((double)got - value) <= bound))
        fail_msg("%s m=%zu k=%zu n=%zu adapters=%zu: token %zu row %zu: want %.9g got %.9g, bound %.3g",
                 rl_format_name(p->format), p->m, p->k, p->n, p->n_adapters, t, r, value, (double)got, bound);
}

/* Two members' shares: of the ranks or the tokens first, of the rows then. */
static void check_product(rl_format format, size_t m, size_t k, size_t n, size_t n_adapters,
                          const uint8_t *which, uint32_t cpu)
{
    product p;
    open_product(&p, format, m, k, n, n_adapters, cpu);
    util_guard h = util_guard_after(rl_lora_scratch_bytes(&p.plan, n));
    util_guard y = util_guard_after((n * (m + PAD) - PAD) * sizeof(float));
    memset(h.data, 0xff, h.bytes);
    const size_t some = p.plan.ranks / 3, half = n / 2, split = m > 48 ? 48 : 0;
    rl_lora_down(&p.plan, which, h.data, p.x.data, p.x_stride, n, 0, some);
    rl_lora_down(&p.plan, which, h.data, p.x.data, p.x_stride, half, some, p.plan.ranks);
    rl_lora_down(&p.plan, which == NULL ? NULL : which + half, (float *)h.data + half * p.plan.ranks,
                 (char *)p.x.data + half * p.x_stride, p.x_stride, n - half, some, p.plan.ranks);
    rl_lora_product(&p.plan, which, y.data, m + PAD, p.act.data, p.act_stride, h.data, split, m - split, n);
    if (split > 0)
        rl_lora_product(&p.plan, which, y.data, m + PAD, p.act.data, p.act_stride, h.data, 0, split, n);
    for (size_t t = 0; t < n; t++)
        for (size_t r = 0; r < m; r += r < 64 ? 1 : 13)
            check_row(&p, which, t, r, ((float *)y.data)[t * (m + PAD) + r]);
    util_guard_free(&y);
    util_guard_free(&h);
    close_product(&p);
}

static void products_with_adapters_are_within_their_bound(void **state)
{
    (void)state;
    const uint32_t cpu = util_cpu();
    for (int f = 0; f < RL_FORMAT_COUNT; f++) {
        const rl_format format = (rl_format)f;
        if (rl_gemm_find(format, RL_PANELS, cpu) == NULL && rl_gemm_find(format, RL_ROWS, cpu) == NULL) {
            util_note_skip(rl_format_name(format));
            continue;
        }
        check_product(format, 37, 256, 1, 1, NULL, cpu);
        check_product(format, 70, 512, 3, 4, NULL, cpu);
    }
    check_product(RL_Q4_0, 300, 96, 130, 2, NULL, cpu); /* several steps of rows */
    check_product(RL_Q4_0, 4200, 32, 1, 1, NULL, cpu);
}

static void each_token_gets_its_own_adapter_and_no_other(void **state)
{
    (void)state;
    const uint32_t cpu = util_cpu();
    static const uint8_t which[12] = {0, 0, 2, RL_LORA_NONE, 1, 3, 3, 3, 0, RL_LORA_NONE, 2, 2};
    for (size_t n = 1; n <= RL_COUNT(which); n++) check_product(RL_Q8_0, 50, 64, n, 4, which, cpu);
    for (size_t from = 0; from < RL_COUNT(which); from++)
        check_product(RL_Q4_0, 20, 64, 1, 4, which + from, cpu);
}

static void a_plan_refuses_what_does_not_fit(void **state)
{
    (void)state;
    const uint32_t cpu = util_cpu();
    const rl_layout layout = rl_gemm_find(RL_Q4_0, RL_PANELS, cpu) != NULL ? RL_PANELS : RL_ROWS;
    const rl_matrix w = {RL_Q4_0, layout, 64, 96, NULL};
    const rl_lora_adapter good = {
        {RL_F16, RL_ROWS,   8,  96, NULL},
        {RL_F16, RL_PANELS, 64, 8,  NULL},
        1
    };
    rl_lora_adapter all[RL_LORA_ADAPTERS_MAX + 1];
    rl_lora_plan plan;
    rl_error err;
    for (size_t i = 0; i < RL_COUNT(all); i++) all[i] = good;
    assert_int_equal(rl_lora_plan_init(&plan, &w, all, RL_LORA_ADAPTERS_MAX, cpu, &err), RL_OK);
    assert_int_equal(plan.ranks, 8 * RL_LORA_ADAPTERS_MAX);
    assert_int_equal(rl_lora_plan_init(&plan, &w, all, 0, cpu, &err), RL_ERR_ARG);
    assert_int_equal(rl_lora_plan_init(&plan, &w, all, RL_LORA_ADAPTERS_MAX + 1, cpu, &err), RL_ERR_ARG);
    rl_lora_adapter bad[9];
    for (size_t i = 0; i < RL_COUNT(bad); i++) bad[i] = good;
    bad[0].a.rows = bad[0].b.cols = 0;
    bad[1].a.rows = bad[1].b.cols = RL_LORA_RANK_MAX + 1;
    bad[2].a.rows = 9;
    bad[3].a.cols = 64;
    bad[4].b.rows = 63;
    bad[5].a.layout = RL_PANELS;
    bad[6].b.layout = RL_ROWS;
    bad[7].b.format = RL_F32;
    bad[8].a.format = bad[8].b.format = RL_Q8_0;
    for (size_t i = 0; i < RL_COUNT(bad); i++) {
        all[1] = bad[i];
        if (rl_lora_plan_init(&plan, &w, all, 2, cpu, &err) != RL_ERR_ARG)
            fail_msg("bad adapter %zu was taken", i);
        assert_non_null(strstr(err.text, "adapter"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kernel_is_within_its_bound_at_all_tails),
        cmocka_unit_test(a_result_does_not_depend_on_its_company),
        cmocka_unit_test(products_with_adapters_are_within_their_bound),
        cmocka_unit_test(each_token_gets_its_own_adapter_and_no_other),
        cmocka_unit_test(a_plan_refuses_what_does_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
