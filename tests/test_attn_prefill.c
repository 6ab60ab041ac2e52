/* test_attn_prefill.c - prefill attention against double, for ragged prompts, tiles and groups, with guard pages
 * round every buffer.
 *
 * The bound of attn_prefill.h is that of attn_decode.h, derived in test_attn_decode.c, for the number of positions
 * that a row sees. A panel scales q instead of the score, which rounds once, as the score would; a maximum is new at
 * most once a block, which rounds less often than the n times allowed there; and a key that a row does not see weighs
 * exp(-inf) = 0 exactly. */
#include "util_attn.h"

#include "attention/attn_prefill.h"
#include "base/team.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A prompt of n tokens after `past` positions. */
typedef struct {
    rl_attn_shape shape;
    rl_format format;
    size_t n, past, plane_bytes;
    util_guard q, k, v;
} problem;

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
    p.q = util_guard_either(n * heads_kv * group * dim * sizeof(float), after);
    p.k = util_guard_either(heads_kv * p.plane_bytes, after);
    p.v = util_guard_either(heads_kv * p.plane_bytes, after);
    util_attn_fill(p.q.data, RL_F32, n * heads_kv * group * dim, sd, &rng);
    util_attn_fill(p.k.data, format, heads_kv * (past + n) * dim, 1, &rng);
    util_attn_fill(p.v.data, format, heads_kv * (past + n) * dim, 1, &rng);
    return p;
}

static void drop(problem *p)
{
    util_guard_free(&p->q);
    util_guard_free(&p->k);
    util_guard_free(&p->v);
}

/* All exact results, [n][n_head][dim], and how far off each row of dim may be. */
static void solve(const problem *p, float *want, float *tolerance)
{
    const size_t dim = p->shape.head_dim, heads = p->shape.n_head, elems = (p->past + p->n) * dim;
    for (size_t g = 0; g < p->shape.n_head_kv; g++) {
        float *k = util_attn_widened((char *)p->k.data + g * p->plane_bytes, p->format, elems);
        float *v = util_attn_widened((char *)p->v.data + g * p->plane_bytes, p->format, elems);
        for (size_t r = 0; r < p->n * heads; r++)
            if (r % heads / rl_attn_group(&p->shape) == g)
                tolerance[r] = util_attn_solve(want + r * dim, (float *)p->q.data + r * dim, k, v, &p->shape,
                                               p->past + r / heads + 1, NULL);
        free(k);
        free(v);
    }
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
    solve(p, want, tolerance);
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
            for (size_t c = 0; c < RL_COUNT(cuts) && !(util_emulated() && (g + 2 * d) % 5 != 4); c++)
                for (size_t f = 0; f < RL_COUNT(util_attn_formats); f++) {
                    problem p =
                        make(util_attn_formats[f], 1 + c % 2, groups[g], dims[d], cuts[c].n, cuts[c].past, 1);
                    check_all_kernels(&p, cuts[c].tile);
                    drop(&p);
                }
}

static void every_kernel_is_within_its_bound_for_any_group_and_head_dim(void **state)
{
    (void)state;
    for (size_t group = 1; group <= RL_ATTN_MAX_GROUP; group += util_emulated() ? 7 : group < 12 ? 1 : 5)
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

/* Keys and values past a token's own position are infinite or no numbers, and show nowhere. */
static void a_token_sees_nothing_after_itself(void **state)
{
    (void)state;
    enum { N = 75, CUT = 37, PAST = 40, DIM = 64 };
    static const size_t groups[] = {1, 3, 8, 32};
    static const rl_f16 bad[] = {0x7c00, 0xfc00, 0x7e00}; /* infinities and a NaN */
    const uint32_t cpu = util_cpu();
    const rl_attn_prefill *kern;
    for (size_t i = 0; (kern = rl_attn_prefill_at(i)) != NULL; i++)
        for (size_t g = 0; g < RL_COUNT(groups) * RL_COUNT(bad); g++) {
            if (kern->kv_format != RL_F16 || !rl_kernel_runs(&kern->base, cpu)) continue;
            const size_t group = groups[g % RL_COUNT(groups)], token = group * DIM * sizeof(float);
            problem p = make(RL_F16, 1, group, DIM, N, PAST, 1);
            util_guard before = run(kern, &p, 16, 1);
            for (size_t j = (PAST + CUT) * DIM; j < (PAST + N) * DIM; j++) {
                ((rl_f16 *)p.k.data)[j] = bad[g / RL_COUNT(groups)];
                ((rl_f16 *)p.v.data)[j] = bad[g / RL_COUNT(groups)];
            }
            util_guard after = run(kern, &p, 16, 1);
            assert_memory_equal(after.data, before.data, CUT * token);
            assert_memory_not_equal((char *)after.data + CUT * token, (char *)before.data + CUT * token,
                                    token);
            util_guard_free(&before);
            util_guard_free(&after);
            drop(&p);
        }
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
