/* test_lora.c - adapters on top of a product, against arithmetic in double, with guard pages round every buffer.
 *
 * The bounds of lora.h, with u = FLT_EPSILON / 2 for one rounding. A kernel adds k terms p x to y one by one: k sums,
 * each off by u of a partial result, which is at most |y| + sum |p x|; a product where it is not fused is off by u as
 * well: below (k + 1) u (|y| + sum |p x|). A rank's number h = s sum a x starts from zero and is scaled: below
 * (k + 2) u sum |s a x|; a result adds R terms b h to W's product y. Together below
 * (k + R + 8) u sum |s b a x| + R u |y|; FLT_EPSILON = 2 u leaves a factor of two. */
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

static util_guard packed(const void *rows, rl_format format, size_t m, size_t k)
{
    util_guard g = util_guard_after(rl_lora_packed_bytes(format, m, k));
    rl_lora_pack(g.data, rows, format, m, k);
    return g;
}

static void check(const rl_lora *kern, size_t m, size_t n, size_t k, bool in_place)
{
    util_rng rng = {1000 * m + 10 * n + k};
    const size_t ldx = k + PAD, ldy = m + PAD, ldf = in_place ? ldy : m + 1;
    util_guard rows = util_guard_after(m * rl_row_bytes(kern->format, k));
    fill(rows.data, kern->format, m * k, &rng);
    util_guard panels = packed(rows.data, kern->format, m, k);
    util_guard x = util_guard_after((n * ldx - PAD) * sizeof(float));
    util_guard y = util_guard_after((n * ldy - PAD) * sizeof(float));
    util_guard from = util_guard_after((n * ldf - (ldf - m)) * sizeof(float));
    const float *in = x.data, *start = from.data;
    float *got = y.data;
    fill(x.data, RL_F32, n * ldx - PAD, &rng);
    fill(from.data, RL_F32, from.bytes / sizeof(float), &rng);
    for (size_t i = 0; i < n * ldy - PAD; i++) got[i] = untouched;
    if (in_place) memcpy(got, start, y.bytes);
    kern->run(got, ldy, in_place ? got : start, ldf, panels.data, in, ldx, m, n, k);
    for (size_t t = 0; t < n; t++) {
        for (size_t r = 0; r < m; r++) {
            double value = (double)start[t * ldf + r], mass = fabs(value);
            for (size_t i = 0; i < k; i++) {
                const double term = value_of(rows.data, kern->format, r * k + i) * (double)in[t * ldx + i];
                value += term;
                mass += fabs(term);
            }
            const double bound = (double)(k + 1) * (double)FLT_EPSILON * mass;
            if (!(fabs((double)got[t * ldy + r] - value) <= bound))
                fail_msg("%s m=%zu n=%zu k=%zu: token %zu row %zu: want %.9g got %.9g", kern->base.name, m, n,
                         k, t, r, value, (double)got[t * ldy + r]);
        }
        for (size_t r = m; r < ldy && t + 1 < n; r++)
            assert_true(got[t * ldy + r] == (in_place ? start[t * ldf + r] : untouched));
    }
    util_guard_free(&from);
    util_guard_free(&y);
    util_guard_free(&x);
    util_guard_free(&panels);
    util_guard_free(&rows);
}

static void check_both(const rl_lora *kern, size_t m, size_t n, size_t k)
{
    check(kern, m, n, k, false);
    check(kern, m, n, k, true);
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
        for (size_t n = 1; n <= 18; n++) {
            for (size_t m = 1; m <= 34; m++) check_both(kern, m, n, 1 + m % 7);
            for (size_t k = 1; k <= 34; k++) check_both(kern, 20, n, k);
        }
        for (size_t n = 1; n <= 9; n += 2) /* more panels than a tile has, more columns than a chunk */
            for (size_t m = 63; m <= 66; m++) check_both(kern, m + 64, n, 300);
        check_both(kern, 16, 9, 2048);
    }
}

/* Each token alone, and each panel alone, gives the bits that all of them together give. */
static void a_result_does_not_depend_on_its_company(void **state)
{
    (void)state;
    enum { M = 70, N = 11, K = 300 };
    const uint32_t cpu = util_cpu();
    const rl_lora *kern;
    for (size_t i = 0; (kern = rl_lora_at(i)) != NULL; i++) {
        if (!rl_kernel_runs(&kern->base, cpu)) continue;
        util_rng rng = {7};
        util_guard rows = util_guard_after(M * rl_row_bytes(kern->format, K));
        fill(rows.data, kern->format, M * K, &rng);
        util_guard panels = packed(rows.data, kern->format, M, K);
        float x[N][K], y[N][M], y1[N][M];
        fill(x, RL_F32, N * K, &rng);
        fill(y, RL_F32, N * M, &rng);
        memcpy(y1, y, sizeof y);
        kern->run(y[0], M, y[0], M, panels.data, x[0], K, M, N, K);
        for (size_t t = 0; t < N; t++)
            for (size_t r = 0; r < M; r += RL_PANEL_ROWS)
                kern->run(&y1[t][r], M, &y1[t][r], M, (char *)panels.data + r * rl_row_bytes(kern->format, K),
                          x[t], K, M - r < RL_PANEL_ROWS ? M - r : RL_PANEL_ROWS, 1, K);
        assert_memory_equal(y, y1, sizeof y);
        util_guard_free(&panels);
        util_guard_free(&rows);
    }
}

/* Row r's column c is value r of the panel's column c; rows past the last are zero. */
static void packing_moves_bytes(void **state)
{
    (void)state;
    enum { M = 19, K = 5 };
    rl_f16 rows[M][K], want[32 * K] = {0};
    for (size_t r = 0; r < M; r++)
        for (size_t c = 0; c < K; c++) {
            rows[r][c] = (rl_f16)(100 * r + c + 1);
            want[(r < 16 ? 0 : 16 * K) + 16 * c + r % 16] = rows[r][c];
        }
    util_guard panels = packed(rows, RL_F16, M, K);
    assert_int_equal(panels.bytes, sizeof want);
    assert_memory_equal(panels.data, want, sizeof want);
    util_guard_free(&panels);
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
    util_guard rows, w, x, act;
    util_guard a_rows[RL_LORA_ADAPTERS_MAX], b_rows[RL_LORA_ADAPTERS_MAX], a[RL_LORA_ADAPTERS_MAX],
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
        p->a_rows[i] = util_guard_after(rank * rl_row_bytes(f, k));
        p->b_rows[i] = util_guard_after(m * rl_row_bytes(f, rank));
        fill(p->a_rows[i].data, f, rank * k, &rng);
        fill(p->b_rows[i].data, f, m * rank, &rng);
        p->a[i] = packed(p->a_rows[i].data, f, rank, k);
        p->b[i] = packed(p->b_rows[i].data, f, m, rank);
        adapters[i] = (rl_lora_adapter){f, m, k, rank, p->a[i].data, p->b[i].data, kinds[i].scale};
    }
    const rl_matrix w = {format, layout, m, k, p->w.data};
    if (rl_lora_plan_init(&p->plan, &w, adapters, n_adapters, cpu, &err) != RL_OK) fail_msg("%s", err.text);
}

static void close_product(product *p)
{
    for (size_t i = 0; i < p->n_adapters; i++) {
        util_guard_free(&p->b[i]);
        util_guard_free(&p->a[i]);
        util_guard_free(&p->b_rows[i]);
        util_guard_free(&p->a_rows[i]);
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
            const double term = b * value_of(p->a_rows[i].data, kinds[i].format, j * p->k + c) * (double)x[c];
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

/* Two members' shares: of the panels or the tokens first, of the rows then. */
static void check_product(rl_format format, size_t m, size_t k, size_t n, size_t n_adapters,
                          const uint8_t *which, uint32_t cpu)
{
    product p;
    open_product(&p, format, m, k, n, n_adapters, cpu);
    util_guard h = util_guard_after(rl_lora_scratch_bytes(&p.plan, n));
    util_guard y = util_guard_after((n * (m + PAD) - PAD) * sizeof(float));
    memset(h.data, 0xff, h.bytes);
    for (size_t i = 0; i < y.bytes / sizeof(float); i++) ((float *)y.data)[i] = untouched;
    const size_t some = p.plan.panels / 2, half = n / 2, split = m > 48 ? 48 : 0;
    rl_lora_down(&p.plan, which, h.data, p.x.data, p.x_stride, n, 0, some);
    rl_lora_down(&p.plan, which, h.data, p.x.data, p.x_stride, half, some, p.plan.panels);
    rl_lora_down(&p.plan, which == NULL ? NULL : which + half, (float *)h.data + half * p.plan.ranks,
                 (char *)p.x.data + half * p.x_stride, p.x_stride, n - half, some, p.plan.panels);
    rl_lora_product(&p.plan, which, y.data, m + PAD, p.act.data, p.act_stride, h.data, split, m - split, n);
    if (split > 0)
        rl_lora_product(&p.plan, which, y.data, m + PAD, p.act.data, p.act_stride, h.data, 0, split, n);
    for (size_t t = 0; t < n; t++) {
        const float *got = (float *)y.data + t * (m + PAD);
        for (size_t r = 0; r < m; r += r < 64 ? 1 : 13) check_row(&p, which, t, r, got[r]);
        for (size_t r = m; r < m + PAD && t + 1 < n; r++) assert_true(got[r] == untouched);
    }
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
    check_product(RL_Q4_0, 300, 96, 260, 2, NULL, cpu); /* several steps of rows, and of tokens */
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
    uint8_t many[260]; /* more than a block of tokens */
    for (size_t t = 0; t < RL_COUNT(many); t++) many[t] = which[t / 3 % RL_COUNT(which)];
    check_product(RL_Q4_0, 40, 32, RL_COUNT(many), 3, many, cpu);
}

static void a_plan_refuses_what_does_not_fit(void **state)
{
    (void)state;
    const uint32_t cpu = util_cpu();
    const rl_layout layout = rl_gemm_find(RL_Q4_0, RL_PANELS, cpu) != NULL ? RL_PANELS : RL_ROWS;
    const rl_matrix w = {RL_Q4_0, layout, 64, 96, NULL};
    const rl_lora_adapter good = {RL_F16, 64, 96, 8, NULL, NULL, 1};
    rl_lora_adapter all[RL_LORA_ADAPTERS_MAX + 1];
    rl_lora_plan plan;
    rl_error err;
    for (size_t i = 0; i < RL_COUNT(all); i++) all[i] = good;
    assert_int_equal(rl_lora_plan_init(&plan, &w, all, RL_LORA_ADAPTERS_MAX, cpu, &err), RL_OK);
    assert_int_equal(plan.ranks, 8 * RL_LORA_ADAPTERS_MAX);
    assert_int_equal(plan.panels, RL_LORA_ADAPTERS_MAX);
    assert_int_equal(rl_lora_plan_init(&plan, &w, all, 0, cpu, &err), RL_ERR_ARG);
    assert_int_equal(rl_lora_plan_init(&plan, &w, all, RL_LORA_ADAPTERS_MAX + 1, cpu, &err), RL_ERR_ARG);
    rl_lora_adapter bad[5];
    for (size_t i = 0; i < RL_COUNT(bad); i++) bad[i] = good;
    bad[0].rank = 0;
    bad[1].rank = RL_LORA_RANK_MAX + 1;
    bad[2].m = 63;
    bad[3].k = 64;
    bad[4].format = RL_Q8_0;
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
        cmocka_unit_test(packing_moves_bytes),
        cmocka_unit_test(products_with_adapters_are_within_their_bound),
        cmocka_unit_test(each_token_gets_its_own_adapter_and_no_other),
        cmocka_unit_test(a_plan_refuses_what_does_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
