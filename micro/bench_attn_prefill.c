/* bench_attn_prefill.c - causal attention of a whole prompt, every kernel there is.
 *
 * Timed: one layer's attention of n tokens from an empty cache on, whose keys and values are there already: each
 * thread's share of the units, and with several threads the barrier that ends it. Operations are two for each
 * multiply-add of scores and of values that the mask leaves, so what a kernel computes beyond it counts for nothing.
 * plain_attn.h says what the columns are; the plain arm runs on every 16th token, and its time is scaled by their
 * part of the multiply-adds. Scalar kernels are slow: they run up to a context of 128. What lies beyond --ctx-max is
 * no case at all: a prompt of 32768 is one layer's work for most of a minute, and there would be one for every
 * format, tier and number of threads. */
#include "attention/attn_prefill.h"
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

static const size_t contexts[] = {128, 512, 2048, 8192, 16384, 32768};
enum { SCALAR_CTX = 128, PLAIN_EVERY = 16, VERIFIED = 8 };

typedef struct {
    const rl_attn_prefill *kern;
    rl_attn_shape shape;
    size_t n, tile, threads;
    rl_plain_attn plain;
    /* made by setup */
    void *kv, *plain_kv; /* keys of all heads, then values */
    float *q, *out, *scratch, *plain_out, *plain_scratch;
    double l2_diff;
} prefill_case;

static size_t plane_bytes(const prefill_case *c)
{
    return c->n * rl_row_bytes(c->kern->kv_format, c->shape.head_dim);
}
static size_t token_floats(const prefill_case *c) { return c->shape.n_head * c->shape.head_dim; }

static void teardown(void *arg)
{
    prefill_case *c = arg;
    float **const owned[] = {&c->q, &c->out, &c->scratch, &c->plain_out, &c->plain_scratch};
    for (size_t i = 0; i < RL_COUNT(owned); i++) {
        rl_free(*owned[i]);
        *owned[i] = NULL;
    }
    rl_free(c->kv);
    rl_free(c->plain_kv);
    c->kv = c->plain_kv = NULL;
}

static rl_status setup(void *arg, rl_error *err)
{
    prefill_case *c = arg;
    const size_t floats = c->n * token_floats(c);
    size_t bytes;
    c->q = rl_alloc(floats * sizeof *c->q);
    c->out = rl_alloc(floats * sizeof *c->out);
    c->scratch = rl_alloc(c->threads * rl_attn_prefill_scratch_bytes(&c->shape, c->tile));
    c->plain_out = rl_alloc(token_floats(c) * sizeof *c->plain_out);
    c->plain_scratch = rl_alloc(c->threads * rl_plain_attn_scratch_bytes(&c->plain));
    c->kv = rl_attn_make_kv(c->kern->kv_format, &c->shape, c->n, &bytes);
    c->plain_kv = rl_attn_make_kv(RL_F16, &c->shape, c->n, &bytes);
    if (c->q == NULL || c->out == NULL || c->scratch == NULL || c->plain_out == NULL ||
        c->plain_scratch == NULL || c->kv == NULL || c->plain_kv == NULL) {
        teardown(c);
        return rl_fail(err, RL_ERR_MEMORY, "out of memory for a context of %zu", c->n);
    }
    rl_fill_normal(c->q, floats, 1, 1);
    return RL_OK;
}

static rl_attn_prefill_job job_of(const prefill_case *c)
{
    return (rl_attn_prefill_job){
        .kernel = c->kern,
        .shape = c->shape,
        .q = c->q,
        .k = c->kv,
        .v = (const char *)c->kv + c->shape.n_head_kv * plane_bytes(c),
        .plane_bytes = plane_bytes(c),
        .n = c->n,
        .tile = c->tile,
        .out = c->out,
    };
}

/* Some of the tokens, the last among them, against the scalar kernel, on scores of standard deviation 1 and |V| below
 * 5. As in bench_attn_decode.c the limit is far below the bound for long contexts. max_error is the L2 norm of the
 * difference as a part of that of the result. */
static rl_status verify(void *arg, double *max_error, rl_error *err)
{
    enum { N = RL_TINYLLAMA_HEADS * RL_TINYLLAMA_HEAD_DIM };
    const double limit = 1e-4;
    static float want[VERIFIED * N], got[VERIFIED * N];
    prefill_case *c = arg;
    const rl_attn_prefill_job all = job_of(c);
    rl_attn_prefill_share(&all, 0, 1, c->scratch);
    for (size_t i = 0; i < VERIFIED; i++) {
        const size_t token = (i + 1) * c->n / VERIFIED - 1;
        rl_attn_prefill_job one = all;
        one.kernel = rl_attn_prefill_find(c->kern->kv_format, 0);
        one.q += token * N;
        one.out = want + i * N;
        one.n = one.tile = 1;
        one.n_past = token;
        rl_attn_prefill_share(&one, 0, 1, c->scratch);
        memcpy(got + i * N, c->out + token * N, N * sizeof *got);
        for (size_t j = i * N; j < (i + 1) * N; j++)
            if (!(fabs((double)got[j] - (double)want[j]) <= limit))
                return rl_fail(err, RL_ERR_FORMAT, "token %zu value %zu: expected %g within %g, got %g",
                               token, j % N, (double)want[j], limit, (double)got[j]);
    }
    *max_error = c->l2_diff = rl_l2_diff(got, want, RL_COUNT(want));
    return RL_OK;
}

/* A thread's share of the plain arm, in ns for the whole prompt. */
static double run_plain(const rl_state *st, const prefill_case *c)
{
    float *scratch = c->plain_scratch + st->thread * rl_plain_attn_scratch_bytes(&c->plain) / sizeof(float);
    double ran = 0; /* positions attended to */
    const double begin = rl_cpu_now_ns();
    for (size_t t = PLAIN_EVERY / 2; t < c->n; t += PLAIN_EVERY) {
        rl_plain_attn_token(&c->plain, c->plain_out, c->q + t * token_floats(c), c->plain_kv, t + 1,
                            st->thread, st->threads, scratch);
        rl_keep(c->plain_out);
        ran += (double)(t + 1);
    }
    return (rl_cpu_now_ns() - begin) * (0.5 * (double)c->n * (double)(c->n + 1)) / ran;
}

/* A tile reads the keys and values up to its end, once. */
static double kv_bytes_per_token(const prefill_case *c)
{
    const size_t position = 2 * c->shape.n_head_kv * rl_row_bytes(c->kern->kv_format, c->shape.head_dim);
    size_t positions = 0;
    for (size_t first = 0; first < c->n; first += c->tile)
        positions += c->n - first < c->tile ? c->n : first + c->tile;
    return (double)(position * positions) / (double)c->n;
}

static void run(rl_state *st)
{
    const prefill_case *c = st->arg;
    const rl_attn_prefill_job job = job_of(c);
    const size_t scratch_bytes = rl_attn_prefill_scratch_bytes(&c->shape, c->tile);
    float *scratch = c->scratch + st->thread * scratch_bytes / sizeof(float);
    double begin = 0;
    while (rl_state_next(st)) {
        if (begin == 0) begin = rl_cpu_now_ns();
        rl_attn_prefill_share(&job, st->thread, st->threads, scratch);
        rl_keep(c->out);
        if (st->threads > 1) rl_state_barrier(st);
    }
    if (begin == 0) return;
    const double ns = (rl_cpu_now_ns() - begin) / (double)st->iterations;
    const double scores = (double)c->shape.n_head * (double)c->n * (double)c->n * sizeof(float);
    rl_attn_columns_set(st, &(rl_attn_columns){
                                .tokens = (double)c->n,
                                .kernel_ns = ns,
                                .plain_ns = c->kern->base.isa == RL_SCALAR ? 0 : run_plain(st, c),
                                .l2_diff = c->l2_diff,
                                .scratch_ratio = (double)(c->threads * scratch_bytes) / scores,
                                .tile_tokens = (double)c->tile,
                                .l2_bytes_per_token = kv_bytes_per_token(c),
                                .isa = c->kern->base.isa,
                            });
}

static void add_case(rl_program *p, const rl_part *part, const rl_attn_prefill *kern, size_t n, size_t tile,
                     size_t threads)
{
    prefill_case *c = rl_program_case(p, sizeof *c);
    char name[128], reference[128];
    if (c == NULL) return;
    *c = (prefill_case){
        .kern = kern,
        .shape = {RL_TINYLLAMA_HEADS, RL_TINYLLAMA_KV_HEADS, RL_TINYLLAMA_HEAD_DIM, 0.125f},
        .n = n,
        .tile = tile,
        .threads = threads,
    };
    if (tile == 0) c->tile = rl_attn_prefill_tile(&c->shape);
    c->plain = (rl_plain_attn){
        .shape = c->shape,
        .kernel = rl_attn_decode_find(RL_F16, kern->base.needs),
        .plane_bytes = n * rl_row_bytes(RL_F16, c->shape.head_dim),
        .n_plane = n,
    };
    const char *format = rl_format_name(kern->kv_format), *isa = rl_isa_name(kern->base.isa);
    snprintf(name, sizeof name, "attn_prefill/%s/%s/ctx:%zu", format, isa, n);
    snprintf(reference, sizeof reference, "attn_prefill/%s/scalar/ctx:%zu", format, n);
    rl_suite_add(p->suite, &(rl_case){
                               .name = name,
                               .skip = part->skip,
                               .run = run,
                               .arg = c,
                               .setup = setup,
                               .teardown = teardown,
                               .verify = verify,
                               .threads = threads,
                               .items = (double)n,
                               .flops = 4.0 * (double)token_floats(c) * 0.5 * (double)n * (double)(n + 1),
                               .isa = isa,
                               .cache = "hot",
                               .label = kern->base.name,
                               .reference = kern->base.isa == RL_SCALAR || n > SCALAR_CTX ? NULL : reference,
                               .reference_only = part->reference_only,
                               .peak_yardstick = "fma_f32",
                               .context_yardstick = kern->kv_format == RL_BF16 ? "dot_bf16" : NULL,
                           });
}

int main(int argc, char **argv)
{
    rl_program p;
    int exit_code;
    rl_flag flags[] = {
        {"tile-tokens", "",     "tokens of a query tile, 1 to 65536 (default: the kernels' own choice)", false},
        {"ctx-max",     "8192",
         "longest context, up to 32768; each step takes four times as long as the one before",           false},
    };
    const rl_program_config config = {.family = "attn_prefill",
                                      .axes = RL_AXIS_ISA | RL_AXIS_THREADS,
                                      .flags = flags,
                                      .n_flags = RL_COUNT(flags)};
    if (!rl_program_open(&p, &config, argc, argv, &exit_code)) return exit_code;
    size_t tile, ctx_max;
    if (!rl_attn_flag_number(p.suite, &flags[0], RL_ATTN_TILE_MAX, &tile, &exit_code) ||
        !rl_attn_flag_number(p.suite, &flags[1], contexts[RL_COUNT(contexts) - 1], &ctx_max, &exit_code)) {
        rl_suite_close(p.suite);
        return exit_code;
    }
    const rl_attn_prefill *kern;
    for (size_t i = 0; (kern = rl_attn_prefill_at(i)) != NULL; i++) {
        rl_part part;
        if (!rl_program_part(&p, &kern->base, &rl_attn_prefill_find(kern->kv_format, p.cpu)->base, &part))
            continue;
        for (size_t n = 0; n < RL_COUNT(contexts) && contexts[n] <= ctx_max; n++)
            for (size_t t = 0; t < p.n_threads; t++)
                if (kern->base.isa != RL_SCALAR || contexts[n] <= SCALAR_CTX)
                    add_case(&p, &part, kern, contexts[n], tile, p.threads[t]);
    }
    return rl_program_run(&p);
}
