/* test_attn_prefill.c - prefill attention against double, for ragged prompts, tiles and groups, with guard pages
 * round every buffer.
 *
 * The bound of attn_prefill.h is that of attn_decode.h, derived in test_attn_decode.c, for the number of positions
 * that a row sees. A panel scales q instead of the score, which rounds once, as the score would; a maximum is new at
 * most once a block, which rounds less often than the n times allowed there; and a key that a row does not see weighs
 * exp(-inf) = 0 exactly. */
#include "util_guard.h"

#include "attention/attn_prefill.h"
#include "base/team.h"
#include "quant/dequant.h"
#include "quant/quantize.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const rl_format formats[] = {RL_F16, RL_BF16, RL_Q8_0};

/* A prompt of n tokens after `past` positions. */
typedef struct {
    rl_attn_shape shape;
    rl_format format;
    size_t n, past, plane_bytes;
    util_guard q, k, v;
} problem;

static util_guard guarded(size_t bytes, bool after)
{
    return after ? util_guard_after(bytes) : util_guard_before(bytes);
}

static void fill(void *out, rl_format format, size_t elems, float sd, util_rng *rng)
{
    float *values = malloc(elems * sizeof *values);
    for (size_t i = 0; i < elems; i++) values[i] = sd * util_normal(rng);
    rl_quantize_find(format, 0)->run(out, values, elems);
    free(values);
}

static problem make(rl_format format, size_t heads_kv, size_t group, size_t dim, size_t n, size_t past,
                    float sd)
{
    util_rng rng = {1000 * n + 100 * past + dim + group};
    const bool after = (n + past) % 2 == 0;
    problem p = {
        .shape = {heads_kv * group, heads_kv, dim, 1.0f / sqrtf((float)dim)},
        .format = format,
        .n = n,
        .past = past,
        .plane_bytes = (past + n) * rl_row_bytes(format, dim),
    };
    p.q = guarded(n * heads_kv * group * dim * sizeof(float), after);
    p.k = guarded(heads_kv * p.plane_bytes, after);
    p.v = guarded(heads_kv * p.plane_bytes, after);
    fill(p.q.data, RL_F32, n * heads_kv * group * dim, sd, &rng);
    fill(p.k.data, format, heads_kv * (past + n) * dim, 1, &rng);
    fill(p.v.data, format, heads_kv * (past + n) * dim, 1, &rng);
    return p;
}

static void drop(problem *p)
{
    util_guard_free(&p->q);
    util_guard_free(&p->k);
    util_guard_free(&p->v);
}

/* `row` of n rows is one query head of one token: its exact result in `want`; returns how far off it may be. */
static float solve(const problem *p, size_t token, size_t head, float *want)
{
    const size_t dim = p->shape.head_dim, n = p->past + token + 1, elems = (p->past + p->n) * dim;
    const size_t plane = head / rl_attn_group(&p->shape) * p->plane_bytes;
    const float *q = (float *)p->q.data + (token * p->shape.n_head + head) * dim;
    float *k = malloc(elems * sizeof *k), *v = malloc(elems * sizeof *v);
    double *score = malloc(n * sizeof *score), max = -INFINITY, total = 0, s_max = 0, v_max = 0;
    double sum[RL_ATTN_MAX_DIM] = {0};
    rl_dequant_find(p->format, 0)->run(k, (char *)p->k.data + plane, elems);
    rl_dequant_find(p->format, 0)->run(v, (char *)p->v.data + plane, elems);
    for (size_t t = 0; t < n; t++) {
        double mass = 0;
        score[t] = 0;
        for (size_t i = 0; i < dim; i++) {
            const double product = (double)q[i] * (double)k[t * dim + i] * (double)p->shape.scale;
            score[t] += product;
            mass += fabs(product);
        }
        if (score[t] > max) max = score[t];
        if (mass > s_max) s_max = mass;
    }
    for (size_t t = 0; t < n; t++) {
        const double weight = exp(score[t] - max);
        total += weight;
        for (size_t i = 0; i < dim; i++) {
            sum[i] += weight * (double)v[t * dim + i];
            if (fabs((double)v[t * dim + i]) > v_max) v_max = fabs((double)v[t * dim + i]);
        }
    }
    for (size_t i = 0; i < dim; i++) want[i] = (float)(sum[i] / total);
    free(k);
    free(v);
    free(score);
    const double factor = (double)(dim + 8) * s_max + 5 * (double)n + 16;
    return (float)(factor * (double)FLT_EPSILON * v_max);
}

/* The whole prompt in tiles of `tile` tokens, by `ranks` ranks one after the other; out and scratch end at a guard. */
static util_guard run(const rl_attn_prefill *kern, const problem *p, size_t tile, size_t ranks)
{
    util_guard out = util_guard_after(p->q.bytes);
    util_guard scratch = util_guard_after(rl_attn_prefill_scratch_bytes(&p->shape, tile));
    const rl_attn_prefill_job job = {
        .kernel = kern,
        .shape = p->shape,
        .q = p->q.data,
        .k = p->k.data,
        .v = p->v.data,
        .plane_bytes = p->plane_bytes,
        .n = p->n,
        .n_past = p->past,
        .tile = tile,
        .out = out.data,
    };
    memset(out.data, 0xff, out.bytes);
    for (size_t rank = 0; rank < ranks; rank++) {
        memset(scratch.data, 0xff, scratch.bytes); /* NaN: what is not written must not matter */
        rl_attn_prefill_share(&job, rank, ranks, scratch.data);
    }
    util_guard_free(&scratch);
    return out;
}

/* Every kernel of a format on a problem, each row against the exact one. */
static void check_all_kernels(const problem *p, size_t tile)
{
    const size_t dim = p->shape.head_dim, rows = p->n * p->shape.n_head;
    const uint32_t cpu = util_cpu();
    float *want = malloc(rows * dim * sizeof *want), *tolerance = malloc(rows * sizeof *tolerance);
    for (size_t r = 0; r < rows; r++)
        tolerance[r] = solve(p, r / p->shape.n_head, r % p->shape.n_head, want + r * dim);
    const rl_attn_prefill *kern;
    for (size_t i = 0; (kern = rl_attn_prefill_at(i)) != NULL; i++) {
        if (kern->kv_format != p->format) continue;
        if (!rl_kernel_runs(&kern->base, cpu)) {
            util_note_skip(kern->base.name);
            continue;
        }
        util_guard out = run(kern, p, tile, 1);
        const float *got = out.data;
        for (size_t j = 0; j < rows * dim; j++)
            if (!(fabsf(got[j] - want[j]) <= tolerance[j / dim]))
                fail_msg(
                    "%s n=%zu past=%zu tile=%zu dim=%zu token %zu head %zu value %zu: want %.9g got %.9g, "
                    "tolerance %.3g",
                    kern->base.name, p->n, p->past, tile, dim, j / dim / p->shape.n_head,
                    j / dim % p->shape.n_head, j % dim, (double)want[j], (double)got[j],
                    (double)tolerance[j / dim]);
        util_guard_free(&out);
    }
    free(want);
    free(tolerance);
}

static void every_kernel_is_within_its_bound_for_ragged_prompts(void **state)
{
    (void)state;
    static const size_t groups[] = {1, 4, 8}, dims[] = {64, 96, 128};
    static const struct {
        size_t n, past, tile;
    } cuts[] = {
        {1,  0,   8 },
        {2,  63,  8 },
        {7,  64,  3 },
        {19, 5,   8 },
        {33, 130, 32},
        {70, 0,   32}
    };
    for (size_t g = 0; g < RL_COUNT(groups); g++)
        for (size_t d = 0; d < RL_COUNT(dims); d++)
            for (size_t c = 0; c < RL_COUNT(cuts); c++)
                for (size_t f = 0; f < RL_COUNT(formats); f++) {
                    problem p = make(formats[f], 1 + c % 2, groups[g], dims[d], cuts[c].n, cuts[c].past, 1);
                    check_all_kernels(&p, cuts[c].tile);
                    drop(&p);
                }
}

static void every_kernel_is_within_its_bound_for_any_group_and_head_dim(void **state)
{
    (void)state;
    for (size_t group = 1; group <= RL_ATTN_MAX_GROUP; group += group < 12 ? 1 : 5)
        for (size_t dim = 32; dim <= RL_ATTN_MAX_DIM; dim += 32) {
            problem p = make(RL_F16, 1, group, dim, 3, 66, 1);
            check_all_kernels(&p, 2);
            drop(&p);
        }
}

/* Scores some hundreds apart: weights from 1 to far below the smallest float, new maxima in any block. */
static void every_kernel_is_within_its_bound_whatever_the_scores(void **state)
{
    (void)state;
    for (size_t past = 0; past < 200; past += 61) {
        problem p = make(RL_F16, 1, 4, 64, 9, past, 100);
        check_all_kernels(&p, 4);
        drop(&p);
    }
}

/* Keys and values past a token's own position are of infinite effect, and show nowhere. */
static void a_token_sees_nothing_after_itself(void **state)
{
    (void)state;
    enum { N = 75, CUT = 37, DIM = 64 };
    const uint32_t cpu = util_cpu();
    problem p = make(RL_F16, 1, 3, DIM, N, 40, 1);
    const rl_attn_prefill *kern;
    for (size_t i = 0; (kern = rl_attn_prefill_at(i)) != NULL; i++) {
        if (kern->kv_format != RL_F16 || !rl_kernel_runs(&kern->base, cpu)) continue;
        util_guard before = run(kern, &p, 16, 1);
        problem other = make(RL_F16, 1, 3, DIM, N, 40, 1);
        for (size_t j = (40 + CUT) * DIM; j < (40 + N) * DIM; j++) {
            ((rl_f16 *)other.k.data)[j] = rl_f32_to_f16(60000);
            ((rl_f16 *)other.v.data)[j] = rl_f32_to_f16(-60000);
        }
        util_guard after = run(kern, &other, 16, 1);
        const size_t seen = CUT * 3 * DIM * sizeof(float);
        assert_memory_equal(after.data, before.data, seen);
        assert_memory_not_equal((char *)after.data + seen, (char *)before.data + seen,
                                3 * DIM * sizeof(float));
        util_guard_free(&before);
        util_guard_free(&after);
        drop(&other);
    }
    drop(&p);
}

static void a_result_depends_on_neither_tile_nor_ranks_nor_n(void **state)
{
    (void)state;
    enum { N = 50, PAST = 33, HEADS = 2, GROUP = 5, DIM = 96 };
    static const size_t tiles[] = {1, 2, 7, 32, 64};
    const uint32_t cpu = util_cpu();
    problem p = make(RL_BF16, HEADS, GROUP, DIM, N, PAST, 1);
    const rl_attn_prefill *kern;
    for (size_t i = 0; (kern = rl_attn_prefill_at(i)) != NULL; i++) {
        if (kern->kv_format != RL_BF16 || !rl_kernel_runs(&kern->base, cpu)) continue;
        util_guard want = run(kern, &p, 16, 1);
        for (size_t t = 0; t < RL_COUNT(tiles); t++)
            for (size_t ranks = 1; ranks <= 3; ranks++) {
                util_guard got = run(kern, &p, tiles[t], ranks);
                assert_memory_equal(got.data, want.data, want.bytes);
                util_guard_free(&got);
            }
        problem shorter = p; /* the same prompt, and fewer of its tokens */
        shorter.n = 23;
        shorter.q.bytes = 23 * HEADS * GROUP * DIM * sizeof(float);
        util_guard got = run(kern, &shorter, 16, 1);
        assert_memory_equal(got.data, want.data, got.bytes);
        util_guard_free(&got);
        util_guard_free(&want);
    }
    drop(&p);
}

typedef struct {
    rl_attn_prefill_job job;
    float *scratch[4];
} team_job;

static void share(void *arg, size_t rank)
{
    const team_job *t = arg;
    rl_attn_prefill_share(&t->job, rank, 4, t->scratch[rank]);
}

static void a_team_gives_the_bits_of_one_thread(void **state)
{
    (void)state;
    problem p = make(RL_Q8_0, 2, 4, 64, 60, 10, 1);
    const rl_attn_prefill *kern = rl_attn_prefill_find(RL_Q8_0, util_cpu());
    util_guard want = run(kern, &p, 8, 1), got = util_guard_after(p.q.bytes);
    team_job t = {
        .job = {.kernel = kern,
                .shape = p.shape,
                .q = p.q.data,
                .k = p.k.data,
                .v = p.v.data,
                .plane_bytes = p.plane_bytes,
                .n = p.n,
                .n_past = p.past,
                .tile = 8,
                .out = got.data}
    };
    for (size_t i = 0; i < 4; i++) t.scratch[i] = rl_alloc(rl_attn_prefill_scratch_bytes(&p.shape, 8));
    rl_team *team;
    rl_error err;
    assert_int_equal(rl_team_open(&team, 4, false, &err), RL_OK);
    rl_team_run(team, share, &t);
    rl_team_close(team);
    assert_memory_equal(got.data, want.data, want.bytes);
    for (size_t i = 0; i < 4; i++) rl_free(t.scratch[i]);
    util_guard_free(&want);
    util_guard_free(&got);
    drop(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kernel_is_within_its_bound_for_ragged_prompts),
        cmocka_unit_test(every_kernel_is_within_its_bound_for_any_group_and_head_dim),
        cmocka_unit_test(every_kernel_is_within_its_bound_whatever_the_scores),
        cmocka_unit_test(a_token_sees_nothing_after_itself),
        cmocka_unit_test(a_result_depends_on_neither_tile_nor_ranks_nor_n),
        cmocka_unit_test(a_team_gives_the_bits_of_one_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
