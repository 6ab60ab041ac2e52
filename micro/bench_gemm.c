/* bench_gemm.c - Y = W X for several tokens at the shapes of a real model: a few tokens that are verified together,
 * and prompts.
 *
 * Timed: run() alone, on each thread's share of the rows, and with several threads the barrier that ends the product.
 * Weights come from a ring larger than the last-level cache, as a layer's do, packed for the kernel that reads them;
 * tokens are quantised before. Bytes are those of the weights, operations two a weight and token. Every case is a
 * percentage of the peak of the tier's multiply-add in vectors: by the tile unit (AMX) it may be more than all of it,
 * and tile_i8 and tile_bf16 in the context are that one's. A few tokens cost what it costs to read the weights, so
 * they are also one of the read bandwidth; and only they have a scalar case to refer to, which takes seconds for a
 * prompt. */
#include "base/mem.h"
#include "bench_gemm_lora.h"
#include "gemm/gemm.h"
#include "perf/barrier.h"
#include "program.h"
#include "shapes.h"
#include "weights_made.h"

#include <stdio.h>

enum { ROW_UNIT = 2 * RL_PANEL_ROWS, FEW_TOKENS = 8 };

typedef struct {
    size_t ring_bytes; /* of a ring of cold copies */
    const rl_gemm *kern;
    rl_matrix w; /* without its data, of which there are several */
    size_t n;
    /* made by setup */
    rl_made_weights weights;
    char *x;
    size_t x_stride;
    float *y;
} gemm_case;

static void teardown(void *arg)
{
    gemm_case *c = arg;
    rl_made_weights_close(&c->weights);
    rl_free(c->x);
    rl_free(c->y);
    c->x = NULL;
    c->y = NULL;
}

static rl_status setup(void *arg, rl_error *err)
{
    gemm_case *c = arg;
    c->x_stride = rl_act_bytes(c->kern->act, c->w.cols);
    c->x = rl_made_tokens(c->kern->act, c->n, c->w.cols);
    c->y = rl_alloc(c->n * c->w.rows * sizeof *c->y);
    rl_status status = RL_OK;
    if (c->x == NULL || c->y == NULL)
        status = rl_fail(err, RL_ERR_MEMORY, "out of memory for %zux%zu and %zu tokens", c->w.rows, c->w.cols,
                         c->n);
    if (status == RL_OK) status = rl_made_weights_open(&c->weights, &c->w, c->ring_bytes, true, err);
    if (status != RL_OK) teardown(c);
    return status;
}

static rl_status verify(void *arg, double *max_error, rl_error *err)
{
    const gemm_case *c = arg;
    const size_t m = c->w.rows;
    c->kern->run(c->y, m, c->weights.w.data, c->x, c->x_stride, m, c->n, c->w.cols);
    return rl_made_weights_verify(&c->weights, c->y, c->x, c->n, max_error, err);
}

static void run(rl_state *st)
{
    const gemm_case *c = st->arg;
    const size_t m = c->w.rows, units = (m + ROW_UNIT - 1) / ROW_UNIT;
    const size_t begin = units * st->thread / st->threads * ROW_UNIT;
    const size_t last = units * (st->thread + 1) / st->threads * ROW_UNIT, end = last < m ? last : m;
    const rl_matrix before = {c->w.format, c->w.layout, begin, c->w.cols, NULL};
    const size_t offset = rl_matrix_bytes(&before);
    size_t slot = 0;
    while (rl_state_next(st)) {
        const char *w = rl_ring_next(&c->weights.copies, &slot);
        if (begin < end)
            c->kern->run(c->y + begin, m, w + offset, c->x, c->x_stride, end - begin, c->n, c->w.cols);
        rl_keep(c->y);
        if (st->threads > 1) rl_state_barrier(st);
    }
}

/* The peak that is shown beside those that rows are percentages of. */
static const char *context_of(const rl_gemm *doing)
{
    const bool floats = doing->act == RL_ACT_F32;
    if (rl_kernel_in_tiles(&doing->base)) return floats ? "tile_bf16" : "tile_i8";
    return doing->format == RL_BF16 ? "dot_bf16" : NULL;
}

static void add_case(rl_program *p, const rl_part *part, const rl_gemm *kern, const rl_shape *shape, size_t n,
                     size_t threads)
{
    const bool few = n <= FEW_TOKENS;
    if (kern->base.isa == RL_SCALAR && !few) return;
    gemm_case *c = rl_program_case(p, sizeof *c);
    char name[128], reference[128], label[96];
    const char *format = rl_format_name(kern->format);
    if (c == NULL) return;
    *c = (gemm_case){
        .ring_bytes = p->ring_bytes,
        .kern = kern,
        .w = {kern->format, kern->layout, shape->m, shape->k, NULL},
        .n = n
    };
    snprintf(name, sizeof name, "gemm/%s/%s/%zux%zu/n:%zu", format, rl_isa_name(kern->base.isa), shape->m,
             shape->k, n);
    snprintf(reference, sizeof reference, "gemm/%s/scalar/%zux%zu/n:%zu", format, shape->m, shape->k, n);
    const rl_gemm *doing = rl_gemm_doing(kern, n);
    snprintf(label, sizeof label, "%s: %s", doing->base.name, shape->use);
    rl_suite_add(p->suite, &(rl_case){
                               .name = name,
                               .skip = part->skip,
                               .run = run,
                               .arg = c,
                               .setup = setup,
                               .teardown = teardown,
                               .verify = verify,
                               .threads = threads,
                               .bytes = (double)(shape->m * rl_row_bytes(kern->format, shape->k)),
                               .items = (double)n,
                               .flops = 2.0 * (double)shape->m * (double)shape->k * (double)n,
                               .isa = rl_isa_name(kern->base.isa),
                               .cache = rl_cache_name[RL_COLD],
                               .label = label,
                               .reference = kern->base.isa == RL_SCALAR || !few ? NULL : reference,
                               .reference_only = part->reference_only,
                               .bandwidth_yardstick = few ? "read" : NULL,
                               .peak_yardstick = kern->act == RL_ACT_F32 ? "fma_f32" : "dot_i8",
                               .context_yardstick = context_of(doing),
                           });
}

/* A layer's matrices: the largest with all numbers of tokens, the others with a few and with a prompt. */
static void add_kernel(rl_program *p, const rl_part *part, const rl_gemm *kern)
{
    static const size_t tokens[] = {2, 3, 4, 5, 6, 7, 8, 32, 128, 512};
    for (const rl_shape *shape = rl_tinyllama_shapes; shape->use != NULL; shape++) {
        const bool every = shape->m == 5632, layer = shape->m <= 5632;
        for (size_t i = 0; i < RL_COUNT(tokens) && layer; i++)
            for (size_t t = 0; t < p->n_threads && (every || tokens[i] == 8 || tokens[i] == 128); t++)
                add_case(p, part, kern, shape, tokens[i], p->threads[t]);
    }
}

int main(int argc, char **argv)
{
    rl_program p;
    int exit_code;
    const rl_program_config config = {.family = "gemm", .axes = RL_AXIS_ISA | RL_AXIS_THREADS};
    if (!rl_program_open(&p, &config, argc, argv, &exit_code)) return exit_code;
    const rl_gemm *kern;
    for (size_t i = 0; (kern = rl_gemm_at(i)) != NULL; i++) {
        rl_part part;
        if (kern != rl_gemm_find(kern->format, kern->layout, rl_cpu_cap(p.cpu, kern->base.isa)))
            continue; /* the CPU has a better one of that tier, and rows are named by the tier */
        const rl_gemm *best = rl_gemm_find(kern->format, RL_PANELS, p.cpu); /* whatever the layout */
        if (best == NULL) best = rl_gemm_find(kern->format, RL_ROWS, p.cpu);
        if (rl_program_part(&p, &kern->base, &best->base, &part)) add_kernel(&p, &part, kern);
    }
    rl_gemm_lora_cases(&p);
    return rl_program_run(&p);
}
