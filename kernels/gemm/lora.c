/* lora.c - the tables, and the order in which a product and its adapters are computed. */
#include "gemm/lora.h"

#include <assert.h>

static const rl_lora_table *const tables[] = {
#if defined(RL_X86)
    &rl_lora_avx512,
    &rl_lora_avx2,
#elif defined(RL_ARM64)
    &rl_lora_neon,
#endif
    &rl_lora_scalar,
};

const rl_lora *rl_lora_find(rl_format format, uint32_t cpu)
{
    for (size_t t = 0; t < RL_COUNT(tables); t++)
        for (size_t i = 0; i < tables[t]->n; i++) {
            const rl_lora *row = &tables[t]->rows[i];
            if (row->format == format && rl_kernel_runs(&row->base, cpu)) return row;
        }
    return NULL;
}

const rl_lora *rl_lora_at(size_t i)
{
    for (size_t t = 0; t < RL_COUNT(tables); i -= tables[t++]->n)
        if (i < tables[t]->n) return &tables[t]->rows[i];
    return NULL;
}

static rl_status check_adapter(const rl_lora_adapter *x, const rl_matrix *w, size_t i, rl_error *err)
{
    const size_t rank = x->a.rows;
    if (rank < 1 || rank > RL_LORA_RANK_MAX)
        return rl_fail(err, RL_ERR_ARG, "adapter %zu has rank %zu, allowed are 1 to %d", i, rank,
                       RL_LORA_RANK_MAX);
    if (x->a.cols != w->cols || x->b.rows != w->rows || x->b.cols != rank)
        return rl_fail(err, RL_ERR_ARG,
                       "adapter %zu is %zux%zu times %zux%zu, which does not fit a matrix of %zux%zu", i,
                       x->b.rows, x->b.cols, rank, x->a.cols, w->rows, w->cols);
    if (x->a.layout != RL_ROWS || x->b.layout != RL_PANELS || x->a.format != x->b.format)
        return rl_fail(err, RL_ERR_ARG, "adapter %zu needs A in rows and B in panels, of one format", i);
    return RL_OK;
}

rl_status rl_lora_plan_init(rl_lora_plan *plan, const rl_matrix *w, const rl_lora_adapter *adapters,
                            size_t n_adapters, uint32_t cpu, rl_error *err)
{
    *plan = (rl_lora_plan){.w = *w, .n_adapters = n_adapters};
    if (n_adapters < 1 || n_adapters > RL_LORA_ADAPTERS_MAX)
        return rl_fail(err, RL_ERR_ARG, "%zu adapters at once, allowed are 1 to %d", n_adapters,
                       RL_LORA_ADAPTERS_MAX);
    plan->many = rl_gemm_find(w->format, w->layout, cpu);
    if (plan->many == NULL)
        return rl_fail(err, RL_ERR_ARG, "no kernel takes adapters on top of %s in this layout",
                       rl_format_name(w->format));
    const rl_gemv *one = rl_gemv_find(w->format, w->layout, cpu);
    if (one != NULL && one->base.isa >= plan->many->base.isa) plan->one = one;
    for (size_t i = 0; i < n_adapters; i++) {
        const rl_status status = check_adapter(&adapters[i], w, i, err);
        if (status != RL_OK) return status;
        plan->adapter[i] = adapters[i];
        plan->kernel[i] = rl_lora_find(adapters[i].a.format, cpu);
        plan->ranks += adapters[i].a.rows;
        if (plan->kernel[i] == NULL)
            return rl_fail(err, RL_ERR_ARG, "no kernel takes adapters of %s",
                           rl_format_name(adapters[i].a.format));
    }
    return RL_OK;
}

size_t rl_lora_scratch_bytes(const rl_lora_plan *plan, size_t n)
{
    return rl_round_up(n * plan->ranks * sizeof(float), RL_LINE);
}

/* The next tokens, from t on, that adapter i applies to: [*begin, returned). Both are n past the last. */
static size_t next_run(const uint8_t *which, size_t i, size_t t, size_t n, size_t *begin)
{
    while (which != NULL && t < n && which[t] != i) t++;
    *begin = t;
    if (which == NULL) return n;
    while (t < n && which[t] == i) t++;
    return t;
}

void rl_lora_down(const rl_lora_plan *plan, const uint8_t *which, float *h, const void *x, size_t x_stride,
                  size_t n, size_t first, size_t last)
{
    size_t before = 0; /* ranks of the adapters before this one: where its own begin in a row of h */
    for (size_t i = 0; i < plan->n_adapters; before += plan->adapter[i++].a.rows) {
        const rl_lora_adapter *adapter = &plan->adapter[i];
        const size_t begin = first > before ? first - before : 0;
        const size_t end = last < before + adapter->a.rows ? last - before : adapter->a.rows;
        if (last <= before || begin >= end) continue;
        for (size_t t, stop = 0; stop = next_run(which, i, stop, n, &t), t < n;)
            plan->kernel[i]->down(h + t * plan->ranks + before + begin, plan->ranks,
                                  rl_matrix_row(&adapter->a, begin), (const char *)x + t * x_stride, x_stride,
                                  end - begin, stop - t, plan->w.cols, adapter->scale);
    }
}

/* Rows of a step: as many as have their results, of all tokens, in half of a small L1 cache. */
static size_t step_rows(size_t n)
{
    enum { UNIT = 2 * RL_PANEL_ROWS, RESULTS_BYTES = 16 << 10 };
    const size_t units = RESULTS_BYTES / sizeof(float) / n / UNIT;
    return UNIT * (units > 0 ? units : 1);
}

static void base_product(const rl_lora_plan *plan, float *y, size_t ldy, const void *act, size_t act_stride,
                         size_t row, size_t m, size_t n)
{
    const void *w = rl_matrix_row(&plan->w, row);
    if (n == 1 && plan->one != NULL)
        plan->one->run(y, w, act, m, plan->w.cols);
    else
        plan->many->run(y, ldy, w, act, act_stride, m, n, plan->w.cols);
}

static void add_adapters(const rl_lora_plan *plan, const uint8_t *which, float *y, size_t ldy, const float *h,
                         size_t row, size_t m, size_t n)
{
    size_t before = 0;
    for (size_t i = 0; i < plan->n_adapters; before += plan->adapter[i++].a.rows) {
        const rl_matrix *b = &plan->adapter[i].b;
        for (size_t t, stop = 0; stop = next_run(which, i, stop, n, &t), t < n;)
            plan->kernel[i]->up(y + t * ldy, ldy, rl_matrix_row(b, row), h + t * plan->ranks + before,
                                plan->ranks, m, stop - t, b->cols);
    }
}

void rl_lora_product(const rl_lora_plan *plan, const uint8_t *which, float *y, size_t ldy, const void *act,
                     size_t act_stride, const float *h, size_t row, size_t m, size_t n)
{
    assert(row % RL_PANEL_ROWS == 0);
    const size_t step = step_rows(n), end = row + m;
    for (; row < end; row += step) {
        const size_t some = end - row < step ? end - row : step;
        base_product(plan, y + row, ldy, act, act_stride, row, some, n);
        add_adapters(plan, which, y + row, ldy, h, row, some, n);
    }
}
