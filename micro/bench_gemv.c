/* bench_gemv.c - y = W x at the shapes of a real model's decode step, every kernel there is.
 *
 * Timed: run() alone, on each thread's share of the rows, and with several threads the barrier that ends the
 * product, for a decoder cannot go on without it. Buffers and quantised activations are made before.
 * Bytes are those of the weights, operations two a weight. Cold rows are a percentage of the read bandwidth
 * measured around them, hot ones of the peak of the tier's multiply-add. A matrix larger than half the last-level
 * cache cannot be hot, and has no such case. */
#include "base/mem.h"
#include "gemv/gemv_exact.h"
#include "ops/ops.h"
#include "perf/barrier.h"
#include "program.h"
#include "quant/quantize.h"
#include "ring.h"
#include "shapes.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROW_UNIT = 4, CHECK_ROWS = 64 };

typedef struct {
    size_t llc_bytes; /* of the last-level cache */
    const rl_gemv *kern;
    size_t m, k;
    bool cold;
    /* made by setup */
    rl_ring weights;
    void *x;
    float *y;
} gemv_case;

static void teardown(void *arg)
{
    gemv_case *c = arg;
    rl_ring_free(&c->weights);
    rl_free(c->x);
    rl_free(c->y);
    c->x = c->y = NULL;
}

/* One matrix of CHECK_ROWS different rows, repeated: a kernel cannot tell, and quantising is slow. */
static rl_status make_matrix(const gemv_case *c, char *w, rl_error *err)
{
    const size_t row_bytes = rl_row_bytes(c->kern->format, c->k);
    float *row = rl_alloc(c->k * sizeof *row);
    if (row == NULL) return rl_fail(err, RL_ERR_MEMORY, "out of memory for a row of %zu", c->k);
    for (size_t r = 0; r < c->m; r++) {
        if (r < CHECK_ROWS) {
            rl_fill_normal(row, c->k, 1 / sqrtf((float)c->k), r + 1);
            rl_quantize_find(c->kern->format, 0)->run(w + r * row_bytes, row, c->k);
        } else {
            memcpy(w + r * row_bytes, w + r % CHECK_ROWS * row_bytes, row_bytes);
        }
    }
    rl_free(row);
    return RL_OK;
}

static rl_status setup(void *arg, rl_error *err)
{
    gemv_case *c = arg;
    const size_t bytes = c->m * rl_row_bytes(c->kern->format, c->k);
    char *w = rl_pages_alloc(bytes);
    float *x = rl_alloc(c->k * sizeof *x);
    c->x = rl_alloc(rl_act_bytes(c->kern->act, c->k));
    c->y = rl_alloc(c->m * sizeof *c->y);
    rl_status status = RL_OK;
    if (w == NULL || x == NULL || c->x == NULL || c->y == NULL)
        status = rl_fail(err, RL_ERR_MEMORY, "out of memory for %zux%zu", c->m, c->k);
    if (status == RL_OK) status = make_matrix(c, w, err);
    if (status == RL_OK) status = rl_ring_fill(&c->weights, c->llc_bytes, c->cold, w, bytes, err);
    if (status == RL_OK) {
        rl_fill_normal(x, c->k, 1, 99);
        rl_ops_best(0).quantize[c->kern->act](c->x, x, c->k);
    }
    rl_pages_free(w, bytes);
    rl_free(x);
    if (status != RL_OK) teardown(c);
    return status;
}

/* Every row against the scalar kernel, the different ones against exact arithmetic within the kernel's bound.
 * max_error: the largest difference from exact, as a part of the largest result. */
static rl_status verify(void *arg, double *max_error, rl_error *err)
{
    const gemv_case *c = arg;
    const size_t row_bytes = rl_row_bytes(c->kern->format, c->k);
    c->kern->run(c->y, c->weights.data, c->x, c->m, c->k);
    double worst = 0, largest = 0;
    for (size_t r = 0; r < c->m; r++) {
        double value, bound;
        const double got = (double)c->y[r];
        if (r >= CHECK_ROWS) { /* a copy of an earlier row: the same bits */
            if (memcmp(&c->y[r], &c->y[r % CHECK_ROWS], sizeof *c->y) != 0)
                return rl_fail(err, RL_ERR_FORMAT, "row %zu: got %g, but %g for the same row at %zu", r, got,
                               (double)c->y[r % CHECK_ROWS], r % CHECK_ROWS);
            continue;
        }
        rl_gemv_exact_row(c->kern, c->weights.data + r * row_bytes, c->x, c->k, &value, &bound);
        if (!(fabs(got - value) <= bound))
            return rl_fail(err, RL_ERR_FORMAT, "row %zu: expected %g within %g, got %g", r, value, bound,
                           got);
        worst = fmax(worst, fabs(got - value));
        largest = fmax(largest, fabs(value));
    }
    *max_error = worst / largest;
    return RL_OK;
}

static void run(rl_state *st)
{
    const gemv_case *c = st->arg;
    const size_t row_bytes = rl_row_bytes(c->kern->format, c->k), units = (c->m + ROW_UNIT - 1) / ROW_UNIT;
    const size_t begin = units * st->thread / st->threads * ROW_UNIT;
    const size_t last = units * (st->thread + 1) / st->threads * ROW_UNIT, end = last < c->m ? last : c->m;
    size_t slot = 0;
    while (rl_state_next(st)) {
        const char *w = rl_ring_next(&c->weights, &slot);
        c->kern->run(c->y + begin, w + begin * row_bytes, c->x, end - begin, c->k);
        rl_keep(c->y);
        if (st->threads > 1) rl_state_barrier(st);
    }
}

static void add_case(rl_program *p, const rl_part *part, const rl_gemv *kern, const rl_shape *shape,
                     int cache, size_t threads)
{
    const size_t bytes = shape->m * rl_row_bytes(kern->format, shape->k);
    if (cache == RL_HOT && bytes > p->llc_bytes / 2) return;
    gemv_case *c = rl_program_case(p, sizeof *c);
    char name[128], reference[128], label[96];
    const char *format = rl_format_name(kern->format);
    if (c == NULL) return;
    *c = (gemv_case){
        .llc_bytes = p->llc_bytes, .kern = kern, .m = shape->m, .k = shape->k, .cold = cache == RL_COLD};
    snprintf(name, sizeof name, "gemv/%s/%s/%zux%zu/%s", format, rl_isa_name(kern->base.isa), c->m, c->k,
             rl_cache_name[cache]);
    snprintf(reference, sizeof reference, "gemv/%s/scalar/%zux%zu/%s", format, c->m, c->k,
             rl_cache_name[cache]);
    snprintf(label, sizeof label, "%s: %s", kern->base.name, shape->use);
    rl_suite_add(p->suite, &(rl_case){
                               .name = name,
                               .skip = part->skip,
                               .run = run,
                               .arg = c,
                               .setup = setup,
                               .teardown = teardown,
                               .verify = verify,
                               .threads = threads,
                               .bytes = (double)bytes,
                               .flops = 2.0 * (double)c->m * (double)c->k,
                               .isa = rl_isa_name(kern->base.isa),
                               .cache = rl_cache_name[cache],
                               .label = label,
                               .reference = kern->base.isa == RL_SCALAR ? NULL : reference,
                               .reference_only = part->reference_only,
                               .bandwidth_yardstick = cache == RL_COLD ? "read" : NULL,
                               .peak_yardstick = cache == RL_COLD          ? NULL
                                                 : kern->act == RL_ACT_F32 ? "fma_f32"
                                                                           : "dot_i8",
                           });
}

int main(int argc, char **argv)
{
    rl_program p;
    int exit_code;
    const rl_program_config config = {.family = "gemv",
                                      .axes = RL_AXIS_ISA | RL_AXIS_CACHE | RL_AXIS_THREADS};
    if (!rl_program_open(&p, &config, argc, argv, &exit_code)) return exit_code;
    const rl_gemv *kern;
    for (size_t i = 0; (kern = rl_gemv_at(i)) != NULL; i++) {
        rl_part part;
        const rl_gemv *best = rl_gemv_find(kern->format, kern->layout, p.cpu);
        if (!rl_program_part(&p, &kern->base, &best->base, &part)) continue;
        for (const rl_shape *shape = rl_tinyllama_shapes; shape->use != NULL; shape++)
            for (int cache = 0; cache < 2; cache++)
                for (size_t t = 0; t < p.n_threads && p.cache[cache]; t++)
                    add_case(&p, &part, kern, shape, cache, p.threads[t]);
    }
    return rl_program_run(&p);
}
