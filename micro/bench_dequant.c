/* bench_dequant.c - rows of weights to floats, every kernel there is.
 *
 * Timed: run() alone, row after row of 2048 values. The floats go to one buffer that stays in the first-level
 * cache, as they do for whoever uses a row at once; the blocks come from one row (hot) or from a ring of
 * matrices (cold). Bytes are those read and written; cold rows are a percentage of the read bandwidth by
 * their blocks alone, hot ones have the store bandwidth of the cache as their bound, which the read yardstick
 * says nothing of. */
#include "base/mem.h"
#include "perf/barrier.h"
#include "program.h"
#include "quant/dequant.h"
#include "quant/quantize.h"
#include "ring.h"

#include <math.h>
#include <stdio.h>

enum { ELEMS = 2048, COLD_ROWS = 512 };

typedef struct {
    size_t ring_bytes; /* of a ring of cold copies */
    const rl_dequant *kern;
    bool cold;
    size_t rows; /* of a copy; one iteration takes them all */
    /* made by setup */
    rl_ring blocks;
    float *y;
} dequant_case;

static void teardown(void *arg)
{
    dequant_case *c = arg;
    rl_ring_free(&c->blocks);
    rl_free(c->y);
    c->y = NULL;
}

static rl_status setup(void *arg, rl_error *err)
{
    dequant_case *c = arg;
    const size_t row_bytes = rl_row_bytes(c->kern->format, ELEMS);
    char *w = rl_alloc(c->rows * row_bytes);
    c->y = rl_alloc(ELEMS * sizeof *c->y);
    if (w == NULL || c->y == NULL) {
        rl_free(w);
        teardown(c);
        return rl_fail(err, RL_ERR_MEMORY, "out of memory for %zu rows", c->rows);
    }
    rl_fill_normal(c->y, ELEMS, 0.02f, 1);
    rl_quantize_find(c->kern->format, 0)->run(w, c->y, ELEMS);
    for (size_t r = 1; r < c->rows; r++) memcpy(w + r * row_bytes, w, row_bytes);
    const rl_status status = rl_ring_fill(&c->blocks, c->ring_bytes, c->cold, w, c->rows * row_bytes, err);
    rl_free(w);
    if (status != RL_OK) teardown(c);
    return status;
}

/* The scalar kernel's bits: there is nothing to round differently. */
static rl_status verify(void *arg, double *max_error, rl_error *err)
{
    const dequant_case *c = arg;
    static float want[ELEMS];
    rl_dequant_find(c->kern->format, 0)->run(want, c->blocks.data, ELEMS);
    c->kern->run(c->y, c->blocks.data, ELEMS);
    for (size_t i = 0; i < ELEMS; i++)
        if (rl_f32_to_bits(c->y[i]) != rl_f32_to_bits(want[i]))
            return rl_fail(err, RL_ERR_FORMAT, "value %zu: expected %a, got %a", i, (double)want[i],
                           (double)c->y[i]);
    *max_error = 0;
    return RL_OK;
}

static void run(rl_state *st)
{
    const dequant_case *c = st->arg;
    const size_t row_bytes = rl_row_bytes(c->kern->format, ELEMS);
    size_t slot = 0;
    while (rl_state_next(st)) {
        const char *w = rl_ring_next(&c->blocks, &slot);
        for (size_t r = 0; r < c->rows; r++) {
            c->kern->run(c->y, w + r * row_bytes, ELEMS);
            rl_keep(c->y);
        }
    }
}

static void add_case(rl_program *p, const rl_part *part, const rl_dequant *kern, int cache)
{
    dequant_case *c = rl_program_case(p, sizeof *c);
    char name[128], reference[128];
    const char *format = rl_format_name(kern->format);
    if (c == NULL) return;
    *c = (dequant_case){.ring_bytes = p->ring_bytes,
                        .kern = kern,
                        .cold = cache == RL_COLD,
                        .rows = cache == RL_COLD ? COLD_ROWS : 1};
    snprintf(name, sizeof name, "dequant/%s/%s/%zux%d/%s", format, rl_isa_name(kern->base.isa), c->rows,
             ELEMS, rl_cache_name[cache]);
    snprintf(reference, sizeof reference, "dequant/%s/scalar/%zux%d/%s", format, c->rows, ELEMS,
             rl_cache_name[cache]);
    const size_t in = rl_row_bytes(kern->format, ELEMS), out = c->cold ? 0 : ELEMS * sizeof(float);
    rl_suite_add(p->suite, &(rl_case){
                               .name = name,
                               .skip = part->skip,
                               .run = run,
                               .arg = c,
                               .setup = setup,
                               .teardown = teardown,
                               .verify = verify,
                               .bytes = (double)(c->rows * (in + out)),
                               .items = (double)(c->rows * ELEMS),
                               .isa = rl_isa_name(kern->base.isa),
                               .cache = rl_cache_name[cache],
                               .label = kern->base.name,
                               .reference = kern->base.isa == RL_SCALAR ? NULL : reference,
                               .reference_only = part->reference_only,
                               .bandwidth_yardstick = c->cold ? "read" : NULL,
                           });
}

int main(int argc, char **argv)
{
    rl_program p;
    int exit_code;
    const rl_program_config config = {.family = "dequant", .axes = RL_AXIS_ISA | RL_AXIS_CACHE};
    if (!rl_program_open(&p, &config, argc, argv, &exit_code)) return exit_code;
    const rl_dequant *kern;
    for (size_t i = 0; (kern = rl_dequant_at(i)) != NULL; i++) {
        rl_part part;
        if (!rl_program_part(&p, &kern->base, &rl_dequant_find(kern->format, p.cpu)->base, &part)) continue;
        for (int cache = 0; cache < 2; cache++)
            if (p.cache[cache]) add_case(&p, &part, kern, cache);
    }
    return rl_program_run(&p);
}
