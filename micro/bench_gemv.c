/* bench_gemv.c - y = W x at the shapes of a real model's decode step: gemv/... on rows as a file stores them, every
 * kernel there is, gemv-packed/... on panels (base/panels.h), every fast one.
 *
 * Timed: run() alone, on each thread's share of the rows, and with several threads the barrier that ends the
 * product, for a decoder cannot go on without it. Buffers, panels and quantised activations are made before.
 * Bytes are those of the weights, operations two a weight. Cold rows are a percentage of the read bandwidth
 * measured around them, hot ones of the peak of the tier's multiply-add. All refer to the scalar kernel on rows, so
 * that the ratios of the two layouts compare. A matrix larger than half the last-level cache cannot be hot, and has no
 * such case. */
#include "base/mem.h"
#include "gemv/gemv.h"
#include "perf/barrier.h"
#include "program.h"
#include "shapes.h"
#include "weights_made.h"

#include <stdio.h>
#include <string.h>

typedef struct {
    size_t ring_bytes; /* of a ring of cold copies */
    const rl_gemv *kern;
    rl_matrix w; /* without its data, of which there are several */
    bool cold;
    /* made by setup */
    rl_made_weights weights;
    char *x;
    float *y;
} gemv_case;

static void teardown(void *arg)
{
    gemv_case *c = arg;
    rl_made_weights_close(&c->weights);
    rl_free(c->x);
    rl_free(c->y);
    c->x = NULL;
    c->y = NULL;
}

static rl_status setup(void *arg, rl_error *err)
{
    gemv_case *c = arg;
    c->x = rl_made_tokens(c->kern->act, 1, c->w.cols);
    c->y = rl_alloc(c->w.rows * sizeof *c->y);
    rl_status status = RL_OK;
    if (c->x == NULL || c->y == NULL)
        status = rl_fail(err, RL_ERR_MEMORY, "out of memory for %zux%zu", c->w.rows, c->w.cols);
    if (status == RL_OK) status = rl_made_weights_open(&c->weights, &c->w, c->ring_bytes, c->cold, err);
    if (status != RL_OK) teardown(c);
    return status;
}

static rl_status verify(void *arg, double *max_error, rl_error *err)
{
    const gemv_case *c = arg;
    c->kern->run(c->y, c->weights.w.data, c->x, c->w.rows, c->w.cols);
    return rl_made_weights_verify(&c->weights, c->y, c->x, 1, max_error, err);
}

static void run(rl_state *st)
{
    const gemv_case *c = st->arg;
    const size_t m = c->w.rows, unit = c->w.layout == RL_PANELS ? RL_PANEL_ROWS : 4,
                 units = (m + unit - 1) / unit;
    const size_t begin = units * st->thread / st->threads * unit;
    const size_t last = units * (st->thread + 1) / st->threads * unit, end = last < m ? last : m;
    const rl_matrix before = {c->w.format, c->w.layout, begin, c->w.cols, NULL};
    const size_t offset = rl_matrix_bytes(&before);
    size_t slot = 0;
    while (rl_state_next(st)) {
        const char *w = rl_ring_next(&c->weights.copies, &slot);
        if (begin < end) c->kern->run(c->y + begin, w + offset, c->x, end - begin, c->w.cols);
        rl_keep(c->y);
        if (st->threads > 1) rl_state_barrier(st);
    }
}

static void add_case(rl_program *p, const rl_part *part, const rl_gemv *kern, const rl_shape *shape,
                     int cache, size_t threads)
{
    const rl_matrix w = {kern->format, kern->layout, shape->m, shape->k, NULL};
    const size_t bytes = rl_matrix_bytes(&w);
    if (cache == RL_HOT && bytes > p->llc_bytes / 2) return;
    gemv_case *c = rl_program_case(p, sizeof *c);
    char name[128], reference[128], label[96];
    const char *format = rl_format_name(kern->format);
    if (c == NULL) return;
    *c = (gemv_case){.ring_bytes = p->ring_bytes, .kern = kern, .w = w, .cold = cache == RL_COLD};
    snprintf(name, sizeof name, "%s/%s/%s/%zux%zu/%s", kern->layout == RL_PANELS ? "gemv-packed" : "gemv",
             format, rl_isa_name(kern->base.isa), w.rows, w.cols, rl_cache_name[cache]);
    snprintf(reference, sizeof reference, "gemv/%s/scalar/%zux%zu/%s", format, w.rows, w.cols,
             rl_cache_name[cache]);
    snprintf(label, sizeof label, "%s: %s", kern->base.name, shape->use);
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
                     .bytes = (double)bytes,
                     .flops = 2.0 * (double)w.rows * (double)w.cols,
                     .isa = rl_isa_name(kern->base.isa),
                     .cache = rl_cache_name[cache],
                     .label = label,
                     .reference = strcmp(name, reference) == 0 ? NULL : reference,
                     .reference_only = part->reference_only,
                     .bandwidth_yardstick = cache == RL_COLD ? "read" : NULL,
                     .peak_yardstick = cache == RL_COLD          ? NULL
                                       : kern->act == RL_ACT_F32 ? "fma_f32"
                                                                 : "dot_i8",
                     .context_yardstick = cache == RL_HOT && kern->format == RL_BF16 ? "dot_bf16" : NULL,
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
        if (kern->layout == RL_PANELS && kern->base.isa == RL_SCALAR)
            continue; /* the rows' results, slower */
        const rl_gemv *best = rl_gemv_find(kern->format, kern->layout, p.cpu);
        if (!rl_program_part(&p, &kern->base, &best->base, &part)) continue;
        for (const rl_shape *shape = rl_tinyllama_shapes; shape->use != NULL; shape++)
            for (int cache = 0; cache < 2; cache++)
                for (size_t t = 0; t < p.n_threads && p.cache[cache]; t++)
                    add_case(&p, &part, kern, shape, cache, p.threads[t]);
    }
    return rl_program_run(&p);
}
