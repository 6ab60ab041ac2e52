/* lora.c - the tables, and the order in which a product and its adapters are computed. */
#include "gemm/lora.h"

#include <assert.h>
#include <string.h>

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

size_t rl_lora_packed_bytes(rl_format format, size_t m, size_t k)
{
    return rl_round_up(m, RL_PANEL_ROWS) * rl_row_bytes(format, k);
}

void rl_lora_pack(void *restrict panels, const void *restrict rows, rl_format format, size_t m, size_t k)
{
    const size_t size = rl_row_bytes(format, 1);
    assert(format == RL_F32 || format == RL_F16);
    const char *from = rows;
    char *to = panels;
    memset(to, 0, rl_lora_packed_bytes(format, m, k));
    for (size_t r = 0; r < m; r++)
        for (size_t c = 0; c < k; c++) {
            const size_t panel = r / RL_PANEL_ROWS * k;
            memcpy(to + ((panel + c) * RL_PANEL_ROWS + r % RL_PANEL_ROWS) * size, from + (r * k + c) * size,
                   size);
        }
}

static rl_status check_adapter(const rl_lora_adapter *x, const rl_matrix *w, size_t i, rl_error *err)
{
    if (x->rank < 1 || x->rank > RL_LORA_RANK_MAX)
        return rl_fail(err, RL_ERR_ARG, "adapter %zu has rank %zu, allowed are 1 to %d", i, x->rank,
                       RL_LORA_RANK_MAX);
    if (x->m != w->rows || x->k != w->cols)
        return rl_fail(err, RL_ERR_ARG, "adapter %zu is of a matrix of %zux%zu, not of %zux%zu", i, x->m,
                       x->k, w->rows, w->cols);
    return RL_OK;
}

/* Where row r starts, a multiple of RL_PANEL_ROWS, of a matrix of k columns. */
static const void *packed_row(const void *panels, rl_format format, size_t r, size_t k)
{
    return (const char *)panels + r * rl_row_bytes(format, k);
}

static size_t panels_of(const rl_lora_adapter *x) { return (x->rank + RL_PANEL_ROWS - 1) / RL_PANEL_ROWS; }

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
        plan->kernel[i] = rl_lora_find(adapters[i].format, cpu);
        plan->ranks += adapters[i].rank;
        plan->panels += panels_of(&adapters[i]);
        if (plan->kernel[i] == NULL)
            return rl_fail(err, RL_ERR_ARG, "no kernel takes adapters of %s",
                           rl_format_name(adapters[i].format));
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

/* h [n][ldh] = scale * A x, `ranks` of them. */
static void down(const rl_lora *kern, float *h, size_t ldh, const void *a, const float *x, size_t ldx,
                 size_t ranks, size_t n, size_t k, float scale)
{
    for (size_t t = 0; t < n; t++) memset(h + t * ldh, 0, ranks * sizeof *h);
    kern->run(h, ldh, h, ldh, a, x, ldx, ranks, n, k);
    for (size_t t = 0; t < n; t++)
        for (size_t r = 0; r < ranks; r++) h[t * ldh + r] *= scale;
}

void rl_lora_down(const rl_lora_plan *plan, const uint8_t *which, float *h, const void *x, size_t x_stride,
                  size_t n, size_t first, size_t last)
{
    const size_t k = plan->w.cols, ldx = x_stride / sizeof(float);
    size_t before = 0; /* panels of the adapters before this one */
    for (size_t i = 0; i < plan->n_adapters; before += panels_of(&plan->adapter[i++])) {
        const rl_lora_adapter *adapter = &plan->adapter[i];
        const size_t begin = RL_PANEL_ROWS * (first > before ? first - before : 0);
        size_t end = last > before ? RL_PANEL_ROWS * (last - before) : 0;
        if (end > adapter->rank) end = adapter->rank;
        for (size_t t, stop = 0; begin < end && (stop = next_run(which, i, stop, n, &t), t < n);)
            down(plan->kernel[i], h + t * plan->ranks + begin, plan->ranks,
                 packed_row(adapter->a, adapter->format, begin, k), (const float *)x + t * ldx, ldx,
                 end - begin, stop - t, k, adapter->scale);
        h += adapter->rank;
    }
}

static void base_product(const rl_lora_plan *plan, float *y, size_t ldy, const void *act, size_t act_stride,
                         size_t row, size_t m, size_t n, bool alone)
{
    const void *w = rl_matrix_row(&plan->w, row);
    if (alone && plan->one != NULL)
        plan->one->run(y, w, act, m, plan->w.cols);
    else
        plan->many->run(y, ldy, w, act, act_stride, m, n, plan->w.cols);
}

/* y = from + what adapter i adds, for its tokens; the others of y are left. */
static void add_adapter(const rl_lora_plan *plan, size_t i, const uint8_t *which, float *y, size_t ldy,
                        const float *from, size_t ldf, const float *h, size_t row, size_t m, size_t n)
{
    const rl_lora_adapter *adapter = &plan->adapter[i];
    const void *b = packed_row(adapter->b, adapter->format, row, adapter->rank);
    for (size_t t, stop = 0; stop = next_run(which, i, stop, n, &t), t < n;)
        plan->kernel[i]->run(y + t * ldy, ldy, from + t * ldf, ldf, b, h + t * plan->ranks, plan->ranks, m,
                             stop - t, adapter->rank);
}

/* Results of W's product are made where they lie close together, and go to y with the last adapter's: tokens of y are
 * kilobytes apart, often a power of two of them, when the few lines of a step share a set of the first cache and each
 * access goes to the second. A step is 32 KB of results; half of that was no faster on a core with 48 of first level. */
enum { UNIT = 2 * RL_PANEL_ROWS, TOKENS = 256, ROOM = UNIT * TOKENS };

/* Rows [row, row + m) of n tokens, `m * n` of at most ROOM; `alone` if the one token is all there is. */
static void step(const rl_lora_plan *plan, const uint8_t *which, float *y, size_t ldy, const void *act,
                 size_t act_stride, const float *h, size_t row, size_t m, size_t n, bool alone)
{
    _Alignas(RL_LINE) float room[ROOM];
    const size_t last = plan->n_adapters - 1;
    base_product(plan, room, m, act, act_stride, row, m, n, alone);
    for (size_t i = 0; i < last; h += plan->adapter[i++].rank)
        add_adapter(plan, i, which, room, m, room, m, h, row, m, n);
    for (size_t t = 0; t < n && which != NULL; t++)
        if (which[t] != last) memcpy(y + t * ldy, room + t * m, m * sizeof *y);
    add_adapter(plan, last, which, y, ldy, room, m, h, row, m, n);
}

void rl_lora_product(const rl_lora_plan *plan, const uint8_t *which, float *y, size_t ldy, const void *act,
                     size_t act_stride, const float *h, size_t row, size_t m, size_t n)
{
    assert(row % RL_PANEL_ROWS == 0);
    const size_t blocks = (n + TOKENS - 1) / TOKENS;
    for (size_t i = 0; i < blocks; i++) { /* tokens dealt out evenly */
        const size_t t = n * i / blocks, some = n * (i + 1) / blocks - t, rows = ROOM / some / UNIT * UNIT;
        for (size_t r = 0; r < m; r += rows)
            step(plan, which == NULL ? NULL : which + t, y + t * ldy + row + r, ldy,
                 (const char *)act + t * act_stride, act_stride, h + t * plan->ranks, row + r,
                 m - r < rows ? m - r : rows, some, n == 1);
    }
}
