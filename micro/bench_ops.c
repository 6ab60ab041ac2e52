/* bench_ops.c - what stands between the matrix products of a decoder, at TinyLlama's sizes, every kernel there is.
 *
 * Timed: run() alone, on one thread and on data that stays in the caches, as it does in a decoder: what an
 * operation reads was written just before. So there is no memory bandwidth to be a percentage of; the time of
 * an element is 1 / items_per_second, and ref_ratio says how far the kernel is from plain C. Bytes are those
 * read and written. rope, softmax and add work in place and so on their own results, which stay
 * finite and normal: rope's keep their size, softmax's go to 1/n, add's grow by as much every time.
 *
 * Verified against the definitions in double. max_error is the largest difference as a part of the largest
 * result; the quantisers' is in steps of their blocks' scales, where 1/2 is the rounding itself. */
#include "base/mem.h"
#include "ops/ops.h"
#include "perf/barrier.h"
#include "program.h"
#include "ring.h"
#include "shapes.h"

#include <float.h>
#include <math.h>
#include <stdio.h>

enum { HIDDEN = 2048, FEED_FORWARD = 5632, VOCABULARY = 32000, CONTEXT = 2048 };
enum { HEADS = RL_TINYLLAMA_HEADS, HEAD_DIM = RL_TINYLLAMA_HEAD_DIM };

static const float eps = 1e-5f, temperature = 0.8f;

/* What is run: heads x head_dim elements, where the operation knows heads, or one run of n. */
static const struct {
    rl_op op;
    size_t heads, n;
} works[] = {
    {RL_RMSNORM,      1,     HIDDEN      },
    {RL_ROPE_NORM,    HEADS, HEAD_DIM    },
    {RL_ROPE_NEOX,    HEADS, HEAD_DIM    },
    {RL_SOFTMAX,      1,     CONTEXT     },
    {RL_SOFTMAX,      1,     VOCABULARY  },
    {RL_SWIGLU,       1,     FEED_FORWARD},
    {RL_ADD,          1,     HIDDEN      },
    {RL_QUANTIZE_Q8,  1,     HIDDEN      },
    {RL_QUANTIZE_Q8,  1,     FEED_FORWARD},
    {RL_QUANTIZE_Q8K, 1,     HIDDEN      },
    {RL_QUANTIZE_Q8K, 1,     FEED_FORWARD},
    {RL_ARGMAX,       1,     VOCABULARY  },
    {RL_EXP_SUM,      1,     VOCABULARY  },
};

typedef struct {
    const rl_ops *kern;
    size_t heads, n;
    /* made by setup; owned. y is the result, or what is worked on in place */
    float *x, *z, *y;
    void *act;
    float max;    /* the largest of x */
    float sum;    /* what exp_sum gave */
    size_t place; /* what argmax gave */
} ops_case;

static size_t elems(const ops_case *c) { return c->heads * c->n; }
static rl_act act_of(const ops_case *c) { return c->kern->op == RL_QUANTIZE_Q8 ? RL_ACT_Q8 : RL_ACT_Q8K; }

static void teardown(void *arg)
{
    ops_case *c = arg;
    rl_free(c->x);
    rl_free(c->y);
    rl_free(c->z);
    rl_free(c->act);
    c->x = c->y = c->z = NULL;
    c->act = NULL;
}

static float largest(const float *x, size_t n)
{
    float max = -INFINITY;
    for (size_t i = 0; i < n; i++) max = fmaxf(max, x[i]);
    return max;
}

static rl_status setup(void *arg, rl_error *err)
{
    ops_case *c = arg;
    const size_t n = elems(c);
    c->x = rl_alloc(n * sizeof *c->x);
    c->y = rl_alloc(n * sizeof *c->y);
    c->z = rl_alloc(n * sizeof *c->z);
    c->act = rl_alloc(rl_act_bytes(RL_ACT_F32, n)); /* no layout is longer */
    if (c->x == NULL || c->y == NULL || c->z == NULL || c->act == NULL) {
        teardown(c);
        return rl_fail(err, RL_ERR_MEMORY, "out of memory for %zu values", n);
    }
    rl_fill_normal(c->x, n, 1, 1);
    rl_fill_normal(c->z, n, 1, 2);
    memcpy(c->y, c->x, n * sizeof *c->y);
    c->max = largest(c->x, n);
    if (c->heads > 1) rl_rope_table(c->z, c->n, 77, 10000, 1);
    return RL_OK;
}

static void once(ops_case *c)
{
    const rl_ops *k = c->kern;
    switch (k->op) {
    case RL_RMSNORM:
        k->run.rmsnorm(c->y, c->x, c->z, c->n, eps);
        break;
    case RL_ROPE_NORM:
    case RL_ROPE_NEOX:
        k->run.rope(c->y, c->z, c->heads, c->n, c->n);
        break;
    case RL_SOFTMAX:
        k->run.softmax(c->y, c->n);
        break;
    case RL_SWIGLU:
        k->run.swiglu(c->y, c->x, c->z, c->n);
        break;
    case RL_ADD:
        k->run.add(c->y, c->z, c->n);
        break;
    case RL_QUANTIZE_Q8:
    case RL_QUANTIZE_Q8K:
        k->run.quantize(c->act, c->x, c->n);
        break;
    case RL_ARGMAX:
        c->place = k->run.argmax(c->x, c->n);
        break;
    default:
        c->sum = k->run.exp_sum(c->x, c->n, c->max, temperature);
    }
}

static void run(rl_state *st)
{
    ops_case *c = st->arg;
    while (rl_state_next(st)) {
        once(c);
        rl_keep(c->y);
        rl_keep(c->act);
    }
}

/* ---- what the definitions give, in double ---- */

static double exp_sum_of(const float *x, size_t n, double max, double t)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += exp(((double)x[i] - max) / t);
    return sum;
}

/* Element i of a head, rotated with its partner. */
static double rotated(const ops_case *c, size_t i)
{
    const bool neox = c->kern->op == RL_ROPE_NEOX;
    const size_t at = i % c->n, half = c->n / 2, pair = neox ? at % half : at / 2;
    const bool second = neox ? at >= half : at % 2 == 1;
    const size_t partner = neox ? (second ? i - half : i + half) : second ? i - 1 : i + 1;
    const double cosine = (double)c->z[2 * pair], sine = (double)c->z[2 * pair + 1];
    return (double)c->x[i] * cosine + (second ? 1 : -1) * (double)c->x[partner] * sine;
}

/* What the i-th result should be. `whole` is what all of them depend on. */
static double wanted(const ops_case *c, size_t i, double whole)
{
    const double x = (double)c->x[i], z = (double)c->z[i];
    switch (c->kern->op) {
    case RL_RMSNORM:
        return x / whole * z;
    case RL_SOFTMAX:
        return exp(x - (double)c->x[0]) / whole; /* from the first, as `whole` is */
    case RL_SWIGLU:
        return x / (1 + exp(-x)) * z;
    case RL_ADD:
        return x + z;
    default:
        return rotated(c, i);
    }
}

static double whole_of(const ops_case *c)
{
    double squares = 0;
    if (c->kern->op == RL_SOFTMAX) return exp_sum_of(c->x, c->n, (double)c->x[0], 1);
    for (size_t i = 0; i < c->n; i++) squares += (double)c->x[i] * (double)c->x[i];
    return sqrt(squares / (double)c->n + (double)eps);
}

static rl_status verify_floats(const ops_case *c, double *max_error, rl_error *err)
{
    const double whole = whole_of(c),
                 limit = ((double)c->n / 2 + 32) * FLT_EPSILON; /* no bound of ops.h is wider */
    double worst = 0, most = 0;
    for (size_t i = 0; i < elems(c); i++) {
        const double want = wanted(c, i, whole), off = fabs((double)c->y[i] - want);
        if (!(off <= limit * fmax(fabs(want), 1)))
            return rl_fail(err, RL_ERR_FORMAT, "value %zu: expected %.9g, got %.9g", i, want,
                           (double)c->y[i]);
        worst = fmax(worst, off);
        most = fmax(most, fabs(want));
    }
    *max_error = worst / most;
    return RL_OK;
}

static rl_status verify_quants(const ops_case *c, double *max_error, rl_error *err)
{
    const rl_act_view v = rl_act_open(act_of(c), c->act, c->n);
    for (size_t i = 0; i < c->n; i++) {
        const double d = (double)v.d[i / rl_act_block(act_of(c))];
        const double steps = fabs(((double)c->x[i] - d * v.q[i]) / d);
        if (!(steps <= 0.5 + 0x1p-14))
            return rl_fail(err, RL_ERR_FORMAT, "value %zu: %g became %d * %g", i, (double)c->x[i], v.q[i], d);
        *max_error = fmax(*max_error, steps);
    }
    return RL_OK;
}

static rl_status verify_choice(const ops_case *c, double *max_error, rl_error *err)
{
    if (c->kern->op == RL_ARGMAX) {
        size_t first = 0;
        while (c->x[first] < c->max) first++;
        if (c->place == first) return RL_OK;
        return rl_fail(err, RL_ERR_FORMAT, "expected place %zu, got %zu", first, c->place);
    }
    const double want = exp_sum_of(c->x, c->n, (double)c->max, (double)temperature),
                 off = fabs((double)c->sum - want);
    *max_error = off / want;
    if (!(off <= ((double)c->n / 2 + 32) * FLT_EPSILON * want))
        return rl_fail(err, RL_ERR_FORMAT, "expected %.9g, got %.9g", want, (double)c->sum);
    return RL_OK;
}

static rl_status verify(void *arg, double *max_error, rl_error *err)
{
    ops_case *c = arg;
    *max_error = 0;
    once(c);
    switch (c->kern->op) {
    case RL_QUANTIZE_Q8:
    case RL_QUANTIZE_Q8K:
        return verify_quants(c, max_error, err);
    case RL_ARGMAX:
    case RL_EXP_SUM:
        return verify_choice(c, max_error, err);
    default:
        return verify_floats(c, max_error, err);
    }
}

/* Read and written. */
static size_t bytes_of(const ops_case *c)
{
    const size_t row = elems(c) * sizeof(float);
    switch (c->kern->op) {
    case RL_RMSNORM:
    case RL_SWIGLU:
    case RL_ADD:
        return 3 * row;
    case RL_ROPE_NORM:
    case RL_ROPE_NEOX:
        return 2 * row + c->n * sizeof(float);
    case RL_SOFTMAX:
        return 2 * row;
    case RL_QUANTIZE_Q8:
    case RL_QUANTIZE_Q8K:
        return row + rl_act_bytes(act_of(c), c->n);
    default:
        return row;
    }
}

static void add_case(rl_program *p, const rl_part *part, const rl_ops *kern, size_t heads, size_t n)
{
    ops_case *c = rl_program_case(p, sizeof *c);
    char name[128], reference[128], shape[32];
    const char *op = rl_op_name(kern->op);
    if (c == NULL) return;
    *c = (ops_case){.kern = kern, .heads = heads, .n = n};
    if (heads > 1)
        snprintf(shape, sizeof shape, "%zux%zu", heads, n);
    else
        snprintf(shape, sizeof shape, "%zu", n);
    snprintf(name, sizeof name, "ops/%s/%s/%s", op, rl_isa_name(kern->base.isa), shape);
    snprintf(reference, sizeof reference, "ops/%s/scalar/%s", op, shape);
    rl_suite_add(p->suite, &(rl_case){
                               .name = name,
                               .skip = part->skip,
                               .run = run,
                               .arg = c,
                               .setup = setup,
                               .teardown = teardown,
                               .verify = verify,
                               .threads = 1,
                               .bytes = (double)bytes_of(c),
                               .items = (double)elems(c),
                               .isa = rl_isa_name(kern->base.isa),
                               .cache = rl_cache_name[RL_HOT],
                               .label = kern->base.name,
                               .reference = kern->base.isa == RL_SCALAR ? NULL : reference,
                               .reference_only = part->reference_only,
                           });
}

int main(int argc, char **argv)
{
    rl_program p;
    int exit_code;
    const rl_program_config config = {.family = "ops", .axes = RL_AXIS_ISA};
    if (!rl_program_open(&p, &config, argc, argv, &exit_code)) return exit_code;
    const rl_ops *kern;
    for (size_t i = 0; (kern = rl_ops_at(i)) != NULL; i++) {
        rl_part part;
        if (!rl_program_part(&p, &kern->base, &rl_ops_find(kern->op, p.cpu)->base, &part)) continue;
        for (size_t w = 0; w < RL_COUNT(works); w++)
            if (works[w].op == kern->op) add_case(&p, &part, kern, works[w].heads, works[w].n);
    }
    return rl_program_run(&p);
}
