/* bench_attn_decode.c - attention of one token over a context, every kernel there is.
 *
 * Timed: what a decoder does for one token of one layer: each thread's share of the (KV head, part) pairs, a
 * barrier, the merge, and with several threads the barrier that ends it. Keys and values lie as the KV cache
 * holds them; cold ones come from a ring of layers, as they do when a model's layers take turns. Bytes are
 * those of keys and values, operations two for each multiply-add of scores and of values. plain_attn.h says what the
 * columns are. */
#include "attention/attn_decode.h"
#include "base/mem.h"
#include "perf/barrier.h"
#include "perf/stats.h"
#include "plain_attn.h"
#include "program.h"
#include "ring.h"
#include "shapes.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const size_t contexts[] = {128, 512, 2048, 8192, 32768};

typedef struct {
    size_t ring_bytes; /* of a ring of cold copies */
    const rl_attn_decode *kern;
    rl_attn_shape shape;
    size_t n_ctx, tile;
    bool cold;
    /* made by setup */
    rl_ring kv;       /* keys of all heads, then values */
    rl_ring plain_kv; /* the plain arm's */
    rl_plain_attn plain;
    float *q, *out, *scratch, *plain_out, *plain_scratch;
    size_t threads;
    double l2_diff;
} attn_case;

static size_t plane_bytes(const attn_case *c)
{
    return c->n_ctx * rl_row_bytes(c->kern->kv_format, c->shape.head_dim);
}
static size_t keys_bytes(const attn_case *c) { return c->shape.n_head_kv * plane_bytes(c); }

static void teardown(void *arg)
{
    attn_case *c = arg;
    float **const owned[] = {&c->q, &c->out, &c->scratch, &c->plain_out, &c->plain_scratch};
    rl_ring_free(&c->kv);
    rl_ring_free(&c->plain_kv);
    for (size_t i = 0; i < RL_COUNT(owned); i++) {
        rl_free(*owned[i]);
        *owned[i] = NULL;
    }
}

static rl_status fill_ring(const attn_case *c, rl_ring *ring, rl_format format, rl_error *err)
{
    size_t bytes;
    void *kv = rl_attn_make_kv(format, &c->shape, c->n_ctx, &bytes);
    if (kv == NULL) return rl_fail(err, RL_ERR_MEMORY, "out of memory for a context of %zu", c->n_ctx);
    const rl_status status = rl_ring_fill(ring, c->ring_bytes, c->cold, kv, bytes, err);
    rl_free(kv);
    return status;
}

static rl_status setup(void *arg, rl_error *err)
{
    attn_case *c = arg;
    const size_t q = c->shape.n_head * c->shape.head_dim;
    c->q = rl_alloc(q * sizeof *c->q);
    c->out = rl_alloc(q * sizeof *c->out);
    c->scratch = rl_alloc(rl_attn_scratch_bytes(&c->shape, c->n_ctx, c->tile));
    c->plain_out = rl_alloc(q * sizeof *c->plain_out);
    c->plain_scratch = rl_alloc(c->threads * rl_plain_attn_scratch_bytes(&c->plain));
    rl_status status = RL_OK;
    if (c->q == NULL || c->out == NULL || c->scratch == NULL || c->plain_out == NULL ||
        c->plain_scratch == NULL) {
        status = rl_fail(err, RL_ERR_MEMORY, "out of memory for a context of %zu", c->n_ctx);
    } else {
        rl_fill_normal(c->q, q, 1, 1);
        status = fill_ring(c, &c->kv, c->kern->kv_format, err);
        if (status == RL_OK) status = fill_ring(c, &c->plain_kv, RL_F16, err);
    }
    if (status != RL_OK) teardown(c);
    return status;
}

static rl_attn_job job_of(const attn_case *c, const rl_attn_decode *kern, const char *kv)
{
    return (rl_attn_job){
        .kernel = kern,
        .shape = c->shape,
        .q = c->q,
        .k = kv,
        .v = kv + keys_bytes(c),
        .plane_bytes = plane_bytes(c),
        .n_ctx = c->n_ctx,
        .tile = c->tile,
        .scratch = c->scratch,
        .out = c->out,
    };
}

/* Against the scalar kernel, on scores of standard deviation 1 and |V| below 5. The bound of attn_decode.h is for
 * roundings that all go the same way and grows with the context; these do not conspire, so the limit is the same for
 * every context and far below that bound for the long ones: a hundred times what is seen. max_error is the L2 norm of
 * the difference as a part of that of the result. */
static rl_status verify(void *arg, double *max_error, rl_error *err)
{
    enum { N = RL_TINYLLAMA_HEADS * RL_TINYLLAMA_HEAD_DIM };
    attn_case *c = arg;
    const double limit = 1e-4;
    static float want[N];
    rl_attn_job job = job_of(c, rl_attn_decode_find(c->kern->kv_format, 0), c->kv.data);
    rl_attn_decode_parts(&job, 0, 1);
    rl_attn_decode_merge(&job, 0, 1);
    memcpy(want, c->out, sizeof want);
    job.kernel = c->kern;
    rl_attn_decode_parts(&job, 0, 1);
    rl_attn_decode_merge(&job, 0, 1);
    for (size_t i = 0; i < N; i++)
        if (!(fabs((double)c->out[i] - (double)want[i]) <= limit))
            return rl_fail(err, RL_ERR_FORMAT, "value %zu: expected %g within %g, got %g", i, (double)want[i],
                           limit, (double)c->out[i]);
    *max_error = c->l2_diff = rl_l2_diff(c->out, want, N);
    return RL_OK;
}

/* A thread's share of the plain arm, in ns a token: its query heads, for some of the iterations that were timed. */
static double run_plain(const rl_state *st, const attn_case *c)
{
    enum { PART = 4 };
    const size_t times = st->iterations / PART + 1;
    float *scratch = c->plain_scratch + st->thread * rl_plain_attn_scratch_bytes(&c->plain) / sizeof(float);
    size_t slot = 0;
    const double begin = rl_cpu_now_ns();
    for (size_t i = 0; i < times; i++) {
        rl_plain_attn_token(&c->plain, c->plain_out, c->q, rl_ring_next(&c->plain_kv, &slot), c->n_ctx,
                            st->thread, st->threads, scratch);
        rl_keep(c->plain_out);
    }
    return (rl_cpu_now_ns() - begin) / (double)times;
}

static void run(rl_state *st)
{
    const attn_case *c = st->arg;
    size_t slot = 0;
    double begin = 0;
    while (rl_state_next(st)) {
        if (begin == 0) begin = rl_cpu_now_ns();
        const rl_attn_job job = job_of(c, c->kern, rl_ring_next(&c->kv, &slot));
        rl_attn_decode_parts(&job, st->thread, st->threads);
        if (st->threads > 1) rl_state_barrier(st);
        rl_attn_decode_merge(&job, st->thread, st->threads);
        rl_keep(c->out);
        if (st->threads > 1) rl_state_barrier(st);
    }
    if (begin == 0) return;
    const double ns = (rl_cpu_now_ns() - begin) / (double)st->iterations;
    const size_t scores = c->shape.n_head * c->n_ctx;
    rl_attn_columns_set(st, &(rl_attn_columns){
                                .tokens = 1,
                                .kernel_ns = ns,
                                .plain_ns = c->kern->base.isa == RL_SCALAR ? 0 : run_plain(st, c),
                                .l2_diff = c->l2_diff,
                                .scratch_ratio = (double)rl_attn_scratch_bytes(&c->shape, c->n_ctx, c->tile) /
                                                 (double)(scores * sizeof(float)),
                                .tile_tokens = (double)(c->tile != 0 ? c->tile : RL_ATTN_PART),
                                .l2_bytes_per_token = 2.0 * (double)keys_bytes(c),
                                .isa = c->kern->base.isa,
                            });
}

static void add_case(rl_program *p, const rl_part *part, const rl_attn_decode *kern, size_t n_ctx,
                     size_t tile, int cache, size_t threads)
{
    attn_case *c = rl_program_case(p, sizeof *c);
    char name[128], shape[64];
    if (c == NULL) return;
    *c = (attn_case){
        .ring_bytes = p->ring_bytes,
        .kern = kern,
        .shape = {RL_TINYLLAMA_HEADS, RL_TINYLLAMA_KV_HEADS, RL_TINYLLAMA_HEAD_DIM, 0.125f},
        .n_ctx = n_ctx,
        .tile = tile,
        .cold = cache == RL_COLD,
        .threads = threads,
    };
    c->plain = (rl_plain_attn){
        .shape = c->shape,
        .kernel = rl_attn_decode_find(RL_F16, kern->base.needs),
        .plane_bytes = n_ctx * rl_row_bytes(RL_F16, c->shape.head_dim),
        .n_plane = n_ctx,
    };
    const char *format = rl_format_name(kern->kv_format);
    snprintf(shape, sizeof shape, "%zu:%zux%zu/ctx:%zu/%s", c->shape.n_head, c->shape.n_head_kv,
             c->shape.head_dim, n_ctx, rl_cache_name[cache]);
    snprintf(name, sizeof name, "attn_decode/%s/%s/%s", format, rl_isa_name(kern->base.isa), shape);
    char reference[128];
    snprintf(reference, sizeof reference, "attn_decode/%s/scalar/%s", format, shape);
    rl_suite_add(p->suite, &(rl_case){
                               .name = name,
                               .skip = part->skip,
                               .run = run,
                               .arg = c,
                               .setup = setup,
                               .teardown = teardown,
                               .verify = verify,
                               .threads = threads,
                               .bytes = 2.0 * (double)keys_bytes(c),
                               .items = 1,
                               .flops = 4.0 * (double)(c->shape.n_head * c->shape.head_dim * n_ctx),
                               .isa = rl_isa_name(kern->base.isa),
                               .cache = rl_cache_name[cache],
                               .label = kern->base.name,
                               .reference = kern->base.isa == RL_SCALAR ? NULL : reference,
                               .reference_only = part->reference_only,
                               .bandwidth_yardstick = c->cold ? "read" : NULL,
                               .peak_yardstick = c->cold ? NULL : "fma_f32",
                           });
}

int main(int argc, char **argv)
{
    rl_program p;
    int exit_code;
    rl_flag flag = {"tile-tokens", "", "positions of a part, 1 to 65536 (default: 256, the decoder's own)",
                    false};
    const rl_program_config config = {.family = "attn_decode",
                                      .axes = RL_AXIS_ISA | RL_AXIS_CACHE | RL_AXIS_THREADS,
                                      .flags = &flag,
                                      .n_flags = 1};
    if (!rl_program_open(&p, &config, argc, argv, &exit_code)) return exit_code;
    size_t tile;
    if (!rl_attn_flag_number(p.suite, &flag, RL_ATTN_TILE_MAX, &tile, &exit_code)) {
        rl_suite_close(p.suite);
        return exit_code;
    }
    const rl_attn_decode *kern;
    for (size_t i = 0; (kern = rl_attn_decode_at(i)) != NULL; i++) {
        rl_part part;
        if (!rl_program_part(&p, &kern->base, &rl_attn_decode_find(kern->kv_format, p.cpu)->base, &part))
            continue;
        for (size_t n = 0; n < RL_COUNT(contexts); n++)
            for (int cache = 0; cache < 2; cache++)
                for (size_t t = 0; t < p.n_threads && p.cache[cache]; t++)
                    add_case(&p, &part, kern, contexts[n], tile, cache, p.threads[t]);
    }
    return rl_program_run(&p);
}
