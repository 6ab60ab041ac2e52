/* bench_gemm_lora.c - products with adapters on top, and what the adapters cost.
 *
 * Timed: the first step (H = s A X, each thread its tokens, or its panels of A where there is one token), the barrier,
 * and the product with the second step in it, over and over on one matrix: it is hot, unless it is larger than half
 * the last-level cache, when it is neither hot nor cold and the row does not say. All adapters apply to all tokens,
 * which is the dearest there is.
 *
 * The column lora_tax_pct is what that takes beyond the product alone, in percent. A few percent are less than what the
 * machine drifts by between two cases, so the case itself runs the other side, after its timing: pairs of one product
 * with and one without, the order changing from pair to pair, and of each side the fastest, which neighbours on the
 * machine disturb least. */
#include "bench_gemm_lora.h"
#include "gemm/lora.h"
#include "gemv/gemv_exact.h"
#include "perf/barrier.h"
#include "perf/clock.h"
#include "shapes.h"
#include "weights_made.h"

#include <float.h>
#include <math.h>
#include <stdio.h>

enum { ROW_UNIT = 2 * RL_PANEL_ROWS, TOKEN_UNIT = 8 /* the widest tile's */ };

typedef struct {
    rl_format format;
    uint32_t cpu; /* the tier's */
    size_t m, k, rank, n_adapters, n;
    /* made by setup */
    rl_lora_plan plan;
    rl_made_weights weights;
    size_t act_stride, x_stride;
    char *act, *x; /* the tokens quantised, and as floats */
    float *h, *y;
    rl_f16 *a_rows[RL_LORA_ADAPTERS_MAX], *b_rows; /* as files have them; B is the same of all adapters */
    char *a[RL_LORA_ADAPTERS_MAX], *b[RL_LORA_ADAPTERS_MAX];
} lora_case;

/* ---- making a case ---- */

static void teardown(void *arg)
{
    lora_case *c = arg;
    for (size_t i = 0; i < RL_LORA_ADAPTERS_MAX; i++) {
        rl_free(c->a_rows[i]);
        rl_free(c->a[i]);
        rl_free(c->b[i]);
        c->a_rows[i] = NULL;
        c->a[i] = c->b[i] = NULL;
    }
    rl_made_weights_close(&c->weights);
    rl_free(c->b_rows);
    rl_free(c->act);
    rl_free(c->x);
    rl_free(c->h);
    rl_free(c->y);
    c->act = c->x = NULL;
    c->b_rows = NULL;
    c->h = c->y = NULL;
}

static void fill_f16(rl_f16 *to, size_t rows, size_t cols, uint64_t seed, float *row)
{
    for (size_t r = 0; r < rows; r++) {
        rl_fill_normal(row, cols, 1 / sqrtf((float)cols), seed + r);
        for (size_t i = 0; i < cols; i++) to[r * cols + i] = rl_f32_to_f16(row[i]);
    }
}

static void fill_adapters(lora_case *c, float *row)
{
    fill_f16(c->b_rows, c->m, c->rank, 5000, row);
    for (size_t i = 0; i < c->n_adapters; i++) {
        fill_f16(c->a_rows[i], c->rank, c->k, 1000 * (i + 1), row);
        rl_lora_pack(c->a[i], c->a_rows[i], RL_F16, c->rank, c->k);
        rl_lora_pack(c->b[i], c->b_rows, RL_F16, c->m, c->rank);
    }
}

static bool allocate(lora_case *c)
{
    bool all = true;
    c->act_stride = rl_act_bytes(rl_act_for(c->format), c->k);
    c->x_stride = rl_act_bytes(RL_ACT_F32, c->k);
    c->act = rl_made_tokens(rl_act_for(c->format), c->n, c->k);
    c->x = rl_made_tokens(RL_ACT_F32, c->n, c->k);
    c->h = rl_alloc(c->n * c->n_adapters * c->rank * sizeof *c->h);
    c->y = rl_alloc(c->n * c->m * sizeof *c->y);
    c->b_rows = rl_alloc(c->m * c->rank * sizeof *c->b_rows);
    for (size_t i = 0; i < c->n_adapters; i++) {
        c->a_rows[i] = rl_alloc(c->rank * c->k * sizeof *c->a_rows[i]);
        c->a[i] = rl_alloc(rl_lora_packed_bytes(RL_F16, c->rank, c->k));
        c->b[i] = rl_alloc(rl_lora_packed_bytes(RL_F16, c->m, c->rank));
        all = all && c->a_rows[i] != NULL && c->a[i] != NULL && c->b[i] != NULL;
    }
    return all && c->act != NULL && c->x != NULL && c->h != NULL && c->y != NULL && c->b_rows != NULL;
}

static rl_status setup(void *arg, rl_error *err)
{
    lora_case *c = arg;
    float *row = rl_alloc(c->k * sizeof *row);
    rl_status status = RL_OK;
    if (!allocate(c) || row == NULL)
        status = rl_fail(err, RL_ERR_MEMORY, "out of memory for %zux%zu", c->m, c->k);
    const rl_matrix like = {c->format, RL_PANELS, c->m, c->k, NULL};
    if (status == RL_OK) status = rl_made_weights_open(&c->weights, &like, 0, false, err);
    if (status == RL_OK) {
        rl_lora_adapter adapters[RL_LORA_ADAPTERS_MAX];
        for (size_t i = 0; i < c->n_adapters; i++)
            adapters[i] = (rl_lora_adapter){RL_F16, c->m, c->k, c->rank, c->a[i], c->b[i], 1};
        fill_adapters(c, row);
        status = rl_lora_plan_init(&c->plan, &c->weights.w, adapters, c->n_adapters, c->cpu, err);
    }
    rl_free(row);
    if (status != RL_OK) teardown(c);
    return status;
}

/* ---- checking it ---- */

/* What the adapters make of row r for token t, and the sum of the magnitudes. */
static double exact_adapters(const lora_case *c, size_t t, size_t r, double *mass)
{
    const float *x = (const float *)(const void *)(c->x + t * c->x_stride);
    double value = 0;
    for (size_t i = 0; i < c->n_adapters; i++)
        for (size_t j = 0; j < c->rank; j++)
            for (size_t l = 0; l < c->k; l++) {
                const double term = (double)rl_f16_to_f32(c->b_rows[r * c->rank + j]) *
                                    (double)rl_f16_to_f32(c->a_rows[i][j * c->k + l]) * (double)x[l];
                value += term;
                *mass += fabs(term);
            }
    return value;
}

/* A row of every panel that differs, of the first token and the last, within the bound of lora.h. max_error: the
 * largest difference, as a part of the largest result. */
static rl_status verify(void *arg, double *max_error, rl_error *err)
{
    const lora_case *c = arg;
    const rl_gemv base = {.format = c->format, .act = rl_act_for(c->format)};
    const size_t stride = c->n > 1 ? c->n - 1 : 1;
    double worst = 0, largest = 0;
    rl_lora_down(&c->plan, NULL, c->h, c->x, c->x_stride, c->n, 0, c->plan.panels);
    rl_lora_product(&c->plan, NULL, c->y, c->m, c->act, c->act_stride, c->h, 0, c->m, c->n);
    for (size_t t = 0; t < c->n; t += stride)
        for (size_t r = 0; r < RL_MADE_ROWS; r += RL_PANEL_ROWS + 1) {
            const double got = (double)c->y[t * c->m + r];
            double value, bound, mass = 0;
            rl_gemv_exact_row(&base, rl_made_row(&c->weights, r), c->act + t * c->act_stride, c->k, &value,
                              &bound);
            bound += (double)c->plan.ranks * (double)FLT_EPSILON * fabs(value);
            value += exact_adapters(c, t, r, &mass);
            bound += (double)(c->k + c->plan.ranks + 16) * (double)FLT_EPSILON * mass;
            if (!(fabs(got - value) <= bound))
                return rl_fail(err, RL_ERR_FORMAT, "token %zu row %zu: expected %g within %g, got %g", t, r,
                               value, bound, got);
            worst = fmax(worst, fabs(got - value));
            largest = fmax(largest, fabs(value));
        }
    *max_error = worst / largest;
    return RL_OK;
}

/* ---- timing it ---- */

/* A thread's part of `items`, in units. */
static size_t part_begin(const rl_state *st, size_t thread, size_t items, size_t unit)
{
    const size_t at = (items + unit - 1) / unit * thread / st->threads * unit;
    return at < items ? at : items;
}

static void plain(rl_state *st, const lora_case *c)
{
    const size_t row = part_begin(st, st->thread, c->m, ROW_UNIT);
    const size_t rows = part_begin(st, st->thread + 1, c->m, ROW_UNIT) - row;
    const void *w = rl_matrix_row(&c->plan.w, row);
    if (rows == 0) return; /* more threads than units */
    if (c->n == 1 && c->plan.one != NULL)
        c->plan.one->run(c->y + row, w, c->act, rows, c->k);
    else
        c->plan.many->run(c->y + row, c->m, w, c->act, c->act_stride, rows, c->n, c->k);
}

static void with_adapters(rl_state *st, const lora_case *c)
{
    const size_t row = part_begin(st, st->thread, c->m, ROW_UNIT);
    const size_t rows = part_begin(st, st->thread + 1, c->m, ROW_UNIT) - row;
    if (c->n == 1) {
        const size_t begin = part_begin(st, st->thread, c->plan.panels, 1);
        rl_lora_down(&c->plan, NULL, c->h, c->x, c->x_stride, 1, begin,
                     part_begin(st, st->thread + 1, c->plan.panels, 1));
    } else {
        const size_t begin = part_begin(st, st->thread, c->n, TOKEN_UNIT);
        rl_lora_down(&c->plan, NULL, c->h + begin * c->plan.ranks, c->x + begin * c->x_stride, c->x_stride,
                     part_begin(st, st->thread + 1, c->n, TOKEN_UNIT) - begin, 0, c->plan.panels);
    }
    if (st->threads > 1) rl_state_barrier(st);
    rl_lora_product(&c->plan, NULL, c->y, c->m, c->act, c->act_stride, c->h, row, rows, c->n);
}

/* Nanoseconds until all threads are done. */
static double time_of(rl_state *st, const lora_case *c, void (*work)(rl_state *, const lora_case *))
{
    rl_state_barrier(st);
    const int64_t start = rl_clock_system.wall_ns(rl_clock_system.ctx);
    work(st, c);
    rl_keep(c->y);
    rl_state_barrier(st);
    return (double)(rl_clock_system.wall_ns(rl_clock_system.ctx) - start);
}

static double tax_pct(rl_state *st, const lora_case *c)
{
    double without = INFINITY, with = INFINITY;
    for (size_t pairs = c->n == 1 ? 300 : 20; pairs > 0; pairs--) {
        if (pairs % 2 == 0) without = fmin(without, time_of(st, c, plain));
        with = fmin(with, time_of(st, c, with_adapters));
        if (pairs % 2 != 0) without = fmin(without, time_of(st, c, plain));
    }
    return 100 * (with / without - 1);
}

static void run(rl_state *st)
{
    const lora_case *c = st->arg;
    while (rl_state_next(st)) {
        with_adapters(st, c);
        rl_keep(c->y);
        if (st->threads > 1) rl_state_barrier(st);
    }
    const double tax = tax_pct(st, c);
    if (st->thread == 0) rl_state_counter(st, "lora_tax_pct", tax, 0);
}

/* ---- the cases ---- */

static void add_case(rl_program *p, const rl_part *part, const rl_lora *kern, lora_case of, const char *use,
                     size_t threads)
{
    lora_case *c = rl_program_case(p, sizeof *c);
    char name[160], label[96];
    if (c == NULL) return;
    *c = of;
    const char *isa = rl_isa_name(kern->base.isa);
    const rl_matrix w = {c->format, RL_PANELS, c->m, c->k, NULL};
    const double ranks = (double)(c->rank * c->n_adapters), sides = (double)(c->m + c->k);
    snprintf(name, sizeof name, "gemm-lora/%s/%s/%zux%zu/rank:%zu/adapters:%zu/n:%zu",
             rl_format_name(c->format), isa, c->m, c->k, c->rank, c->n_adapters, c->n);
    snprintf(label, sizeof label, "%s: %s", kern->base.name, use);
    rl_suite_add(p->suite,
                 &(rl_case){
                     .name = name,
                     .skip = part->skip,
                     .run = run,
                     .arg = c,
                     .setup = setup,
                     .teardown = teardown,
                     .verify = verify,
                     .threads = threads,
                     .bytes = (double)(c->m * rl_row_bytes(c->format, c->k)) + ranks * sides * sizeof(rl_f16),
                     .items = (double)c->n,
                     .flops = 2 * (double)c->n * ((double)c->m * (double)c->k + ranks * sides),
                     .isa = isa,
                     .cache = rl_matrix_bytes(&w) <= p->llc_bytes / 2 ? rl_cache_name[RL_HOT] : NULL,
                     .label = label,
                     .peak_yardstick = rl_act_for(c->format) == RL_ACT_F32 ? "fma_f32" : "dot_i8",
                 });
}

/* What a kernel is measured on: ranks and numbers of adapters on top of two matrices, one token and a prompt's. */
static void tier_cases(rl_program *p, const rl_part *part, const rl_lora *kern, uint32_t cpu)
{
    static const rl_format formats[] = {RL_Q4_0, RL_Q4_K, RL_Q8_0};
    static const rl_shape shapes[] = {
        {"attn_q, attn_output", 2048, 2048},
        {"ffn_gate, ffn_up",    5632, 2048}
    };
    static const struct {
        size_t rank, adapters;
    } sets[] = {
        {8,  1},
        {16, 1},
        {64, 1},
        {8,  2},
        {8,  3},
        {8,  4},
        {16, 4},
        {64, 4}
    };
    static const size_t tokens[] = {1, 128};
    for (size_t f = 0; f < RL_COUNT(formats); f++)
        for (size_t s = 0; s < RL_COUNT(shapes); s++)
            for (size_t a = 0; a < RL_COUNT(sets); a++)
                for (size_t n = 0; n < RL_COUNT(tokens) * p->n_threads; n++) {
                    const lora_case c = {.format = formats[f],
                                         .cpu = cpu,
                                         .m = shapes[s].m,
                                         .k = shapes[s].k,
                                         .rank = sets[a].rank,
                                         .n_adapters = sets[a].adapters,
                                         .n = tokens[n / p->n_threads]};
                    add_case(p, part, kern, c, shapes[s].use, p->threads[n % p->n_threads]);
                }
}

void rl_gemm_lora_cases(rl_program *p)
{
    const rl_lora *kern;
    for (size_t i = 0; (kern = rl_lora_at(i)) != NULL; i++) {
        const rl_lora *best = rl_lora_find(kern->format, p->cpu);
        rl_part part;
        if (kern->format != RL_F16 || kern->base.isa == RL_SCALAR) continue;
        if (rl_program_part(p, &kern->base, &best->base, &part))
            tier_cases(p, &part, kern, rl_cpu_cap(p->cpu, kern->base.isa));
    }
}
