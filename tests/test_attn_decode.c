/* test_attn_decode.c - decode attention against double, at all tails, with guard pages round every buffer.
 *
 * The bound of attn_decode.h, to first order in u = FLT_EPSILON / 2, with S as there. A weight exp(s - m) is wrong
 * by a relative E, which comes from
 *   the score         dim products and additions in some order and the scale: (dim + 1) u S
 *   s - m             rounded by u |s - m|, at most 2 u S
 *   exp               1.01 ulp: 2.02 u
 *   new maxima        each shrinks what is there by exp(old - new): these differences add up to 2 S at most, so
 *                     their roundings to 2 u S; exp and product are 3.02 u each time, and there are fewer than n,
 *                     the joining of parts included
 * so E = (dim + 5) S u + (3.02 n + 2.02) u. m itself cancels. Both sums weigh these errors by positive weights:
 * that is 2 E, and their additions and products, the reciprocal and the last product are (2 n + 4) u more. In
 * all (dim + 5) S + 4.02 n + 4.1 times FLT_EPSILON max |V|. A scale of q8_0 that multiplies the weight and not the value
 * rounds once more, u.
 *
 * A rounded query is off by half of 1/32767 of its block's largest, and by the rounding of the quotient, at most 2 u of
 * it: 0.508 of a step. The score is off by that times A, both sums weigh it, and 2 * 0.508 / 32767 is less than
 * 1 / 32000. The integers' sums are below 2^31 and exact; what scales them is fewer roundings than dim. */
#include "util_attn.h"

#include "quant/quantize.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One KV head: the inputs, what is to come out, and how far off it may be. */
typedef struct {
    rl_attn_shape shape;
    rl_format format;
    size_t n;
    util_guard q, k, v;
    float *want, *tolerance; /* [group][dim], [group] */
    float *rounding;         /* [group]: more tolerance where the query is rounded */
} problem;

/* How the rows of K lie to each other, as seen from q. */
typedef enum { RANDOM, RISING, FALLING, FAR_APART, ALIKE } pattern;

static float key_value(pattern p, size_t t, size_t n, util_rng *rng)
{
    const float noise = util_normal(rng), way = (float)t / (float)n;
    switch (p) {
    case RISING:
        return 3 * way + 0.01f * noise;
    case FALLING:
        return 3 - 3 * way + 0.01f * noise;
    case FAR_APART: /* scores some hundreds apart */
        return 30 * noise;
    case ALIKE:
        return 0;
    default:
        return noise;
    }
}

static void solve(problem *p)
{
    const size_t dim = p->shape.head_dim, elems = p->n * dim;
    float *k = util_attn_widened(p->k.data, p->format, elems),
          *v = util_attn_widened(p->v.data, p->format, elems);
    for (size_t h = 0; h < rl_attn_group(&p->shape); h++)
        p->tolerance[h] = util_attn_solve(p->want + h * dim, (float *)p->q.data + h * dim, k, v, &p->shape,
                                          p->n, &p->rounding[h]);
    free(k);
    free(v);
}

static problem make_of(rl_format format, size_t group, size_t dim, size_t n, pattern pat, uint64_t seed)
{
    util_rng rng = {seed};
    const bool after = n % 2 == 0;
    problem p = {
        .shape = {group, 1, dim, 1.0f / sqrtf((float)dim)},
          .format = format, .n = n
    };
    p.q = util_guard_either(group * dim * sizeof(float), after);
    p.k = util_guard_either(n * rl_row_bytes(format, dim), after);
    p.v = util_guard_either(n * rl_row_bytes(format, dim), after);
    float *k = malloc(n * dim * sizeof *k);
    /* for the ordered patterns, q points one way: scores then rise and fall with the rows */
    for (size_t i = 0; i < group * dim; i++)
        ((float *)p.q.data)[i] =
            pat == RANDOM || pat == FAR_APART ? util_normal(&rng) : (float)util_uniform(&rng);
    for (size_t i = 0; i < n * dim; i++) k[i] = key_value(pat, i / dim, n, &rng);
    rl_quantize_find(format, 0)->run(p.k.data, k, n * dim);
    util_attn_fill(p.v.data, format, n * dim, 1, &rng);
    free(k);
    p.want = malloc(group * dim * sizeof *p.want);
    p.tolerance = malloc(group * sizeof *p.tolerance);
    p.rounding = malloc(group * sizeof *p.rounding);
    solve(&p);
    return p;
}

static problem make(size_t group, size_t dim, size_t n, pattern pat, uint64_t seed)
{
    return make_of(RL_F16, group, dim, n, pat, seed);
}

static void drop(problem *p)
{
    util_guard_free(&p->q);
    util_guard_free(&p->k);
    util_guard_free(&p->v);
    free(p->want);
    free(p->tolerance);
    free(p->rounding);
}

static void compare(const rl_attn_decode *kern, const problem *p, const float *got)
{
    const size_t dim = p->shape.head_dim;
    for (size_t i = 0; i < rl_attn_group(&p->shape) * dim; i++) {
        const float tolerance = p->tolerance[i / dim] + (kern->rounds_query ? p->rounding[i / dim] : 0);
        if (!(fabsf(got[i] - p->want[i]) <= tolerance))
            fail_msg("%s n=%zu dim=%zu head %zu value %zu: want %.9g got %.9g, tolerance %.3g",
                     kern->base.name, p->n, dim, i / dim, i % dim, (double)p->want[i], (double)got[i],
                     (double)tolerance);
    }
}

/* All n positions as one part, which need not be RL_ATTN_PART long. */
static util_guard run_whole(const rl_attn_decode *kern, const problem *p)
{
    const size_t dim = p->shape.head_dim, group = rl_attn_group(&p->shape);
    util_guard part = util_guard_after(group * rl_attn_stride(dim) * sizeof(float));
    util_guard out = util_guard_after(group * dim * sizeof(float));
    kern->part(part.data, p->q.data, p->k.data, p->v.data, &p->shape, p->n);
    kern->merge(out.data, part.data, &p->shape, 1);
    util_guard_free(&part);
    return out;
}

/* Whether a kernel takes the problem's format and this CPU runs it. */
static bool takes(const rl_attn_decode *kern, const problem *p, uint32_t cpu)
{
    if (kern->kv_format != p->format) return false;
    if (!rl_kernel_runs(&kern->base, cpu)) util_note_skip(kern->base.name);
    return rl_kernel_runs(&kern->base, cpu);
}

static void check_all_kernels(size_t group, size_t dim, size_t n, pattern pat)
{
    const uint32_t cpu = util_cpu();
    for (size_t f = 0; f < RL_COUNT(util_attn_formats); f++) {
        problem p = make_of(util_attn_formats[f], group, dim, n, pat, 1000 * n + dim + group);
        const rl_attn_decode *kern;
        for (size_t i = 0; (kern = rl_attn_decode_at(i)) != NULL; i++) {
            if (!takes(kern, &p, cpu)) continue;
            util_guard out = run_whole(kern, &p);
            compare(kern, &p, out.data);
            util_guard_free(&out);
        }
        drop(&p);
    }
}

static size_t next_length(size_t n)
{
    return n < 70 ? n + 1 : n == 70 ? 255 : n < 257 ? n + 1 : n == 257 ? 1000 : 0;
}

static void every_kernel_is_within_its_bound_at_all_lengths(void **state)
{
    (void)state;
    static const size_t groups[] = {1, 2, 4, 8}, dims[] = {32, 64, 96, 128, 256};
    for (size_t g = 0; g < RL_COUNT(groups); g++)
        for (size_t d = 0; d < RL_COUNT(dims); d++) {
            if (util_emulated() && (4 * g + d) % 7 != 2) continue;
            for (size_t n = 1; n != 0; n = next_length(n)) check_all_kernels(groups[g], dims[d], n, RANDOM);
        }
}

static void every_kernel_is_within_its_bound_for_any_group_and_head_dim(void **state)
{
    (void)state;
    for (size_t group = 1; group <= RL_ATTN_MAX_GROUP; group += util_emulated() ? 5 : 1)
        for (size_t dim = 32; dim <= RL_ATTN_MAX_DIM; dim += 32) check_all_kernels(group, dim, 19, RANDOM);
}

/* The order in which maxima turn up, and weights from 1 to far below the smallest float. */
static void every_kernel_is_within_its_bound_whatever_the_scores(void **state)
{
    (void)state;
    for (pattern pat = RISING; pat <= ALIKE; pat++)
        for (size_t n = 1; n <= 400; n += 57) {
            check_all_kernels(8, 64, n, pat);
            check_all_kernels(3, 128, n, pat);
        }
}

/* One position scores so high that the weights of all others are nothing: its values come out untouched. */
static void a_score_far_above_the_rest_takes_everything(void **state)
{
    (void)state;
    enum { GROUP = 5, DIM = 64, N = 300 };
    const uint32_t cpu = util_cpu();
    for (size_t winner = 0; winner < N; winner += 23) {
        problem p = make(GROUP, DIM, N, ALIKE, 3);
        for (size_t i = 0; i < GROUP * DIM; i++) ((float *)p.q.data)[i] = 1;
        for (size_t i = 0; i < DIM; i++) ((rl_f16 *)p.k.data)[winner * DIM + i] = rl_f32_to_f16(30);
        const rl_attn_decode *kern;
        for (size_t i = 0; (kern = rl_attn_decode_at(i)) != NULL; i++) {
            if (!takes(kern, &p, cpu)) continue;
            util_guard out = run_whole(kern, &p);
            for (size_t j = 0; j < GROUP * DIM; j++) {
                const float value = rl_f16_to_f32(((rl_f16 *)p.v.data)[winner * DIM + j % DIM]);
                assert_int_equal(rl_f32_to_bits(((float *)out.data)[j]), rl_f32_to_bits(value));
            }
            util_guard_free(&out);
        }
        drop(&p);
    }
}

/* Which tile a head falls into must not show. */
static void a_head_does_not_depend_on_its_group(void **state)
{
    (void)state;
    enum { GROUP = 15, DIM = 96, N = 45 };
    const uint32_t cpu = util_cpu();
    problem p = make(GROUP, DIM, N, RANDOM, 4);
    const rl_attn_decode *kern;
    for (size_t i = 0; (kern = rl_attn_decode_at(i)) != NULL; i++) {
        if (!takes(kern, &p, cpu)) continue;
        util_guard all = run_whole(kern, &p);
        for (size_t h = 0; h < GROUP; h++) {
            problem one = p;
            one.shape.n_head = 1;
            one.q.data = (float *)p.q.data + h * DIM;
            util_guard out = run_whole(kern, &one);
            assert_memory_equal(out.data, (float *)all.data + h * DIM, DIM * sizeof(float));
            util_guard_free(&out);
        }
        util_guard_free(&all);
    }
    drop(&p);
}

/* The rounding of a query in blocks at its limits: what is alone in a block, far smaller than the rest of it, too
 * small for an inverse or nothing at all; and a NaN, which is to come out of its head and of no other. */
static void every_kernel_takes_a_query_of_any_size(void **state)
{
    (void)state;
    enum { GROUP = 6, DIM = 96, N = 37 };
    const uint32_t cpu = util_cpu();
    problem p = make_of(RL_Q8_0, GROUP, DIM, N, RANDOM, 8);
    float *q = p.q.data;
    for (size_t i = 0; i < DIM; i++) {
        q[0 * DIM + i] = i % 32 == 31 ? -3.0f : 0;
        q[1 * DIM + i] *= i % 32 == 5 ? 4 : 1e-5f;
        q[2 * DIM + i] *= 1e-36f;
        q[3 * DIM + i] = 0;
        q[4 * DIM + i] = i % 2 == 0 ? 2.0f : -2.0f;
    }
    solve(&p);
    const rl_attn_decode *kern;
    for (size_t i = 0; (kern = rl_attn_decode_at(i)) != NULL; i++) {
        if (!takes(kern, &p, cpu)) continue;
        util_guard out = run_whole(kern, &p);
        compare(kern, &p, out.data);
        const float before = q[5 * DIM + 7];
        q[5 * DIM + 7] = NAN;
        util_guard bad = run_whole(kern, &p);
        q[5 * DIM + 7] = before;
        assert_memory_equal(bad.data, out.data, 5 * DIM * sizeof(float));
        assert_true(!kern->rounds_query || isnan(((float *)bad.data)[5 * DIM]));
        util_guard_free(&out);
        util_guard_free(&bad);
    }
    drop(&p);
}

/* ---- a team ---- */

/* A job over `heads` KV heads that all are copies of one problem's, planes some positions apart. */
static rl_attn_job make_job(const rl_attn_decode *kern, const problem *p, size_t heads)
{
    const size_t dim = p->shape.head_dim, group = rl_attn_group(&p->shape);
    rl_attn_job job = {.kernel = kern, .shape = p->shape, .n_ctx = p->n};
    job.shape.n_head = heads * group;
    job.shape.n_head_kv = heads;
    job.plane_bytes = (p->n + 3) * rl_row_bytes(p->format, dim);
    char *k = rl_alloc(heads * job.plane_bytes), *v = rl_alloc(heads * job.plane_bytes);
    float *q = rl_alloc(heads * group * dim * sizeof *q);
    for (size_t h = 0; h < heads; h++) {
        memcpy(k + h * job.plane_bytes, p->k.data, p->k.bytes);
        memcpy(v + h * job.plane_bytes, p->v.data, p->v.bytes);
        memcpy(q + h * group * dim, p->q.data, p->q.bytes);
    }
    job.k = k;
    job.v = v;
    job.q = q;
    job.out = rl_alloc(heads * group * dim * sizeof(float));
    return job;
}

static void drop_job(rl_attn_job *job)
{
    rl_free((void *)job->k);
    rl_free((void *)job->v);
    rl_free((void *)job->q);
    rl_free(job->out);
}

static void run_team(rl_attn_job *job, size_t ranks)
{
    util_guard scratch = util_guard_after(rl_attn_scratch_bytes(&job->shape, job->n_ctx, job->tile));
    job->scratch = scratch.data;
    for (size_t r = 0; r < ranks; r++) rl_attn_decode_parts(job, r, ranks);
    for (size_t r = 0; r < ranks; r++) rl_attn_decode_merge(job, r, ranks);
    util_guard_free(&scratch);
}

static void merged_parts_are_within_the_bound_of_the_whole(void **state)
{
    (void)state;
    enum { HEADS = 2 };
    static const size_t lengths[] = {1, 255, 256, 257, 512, 700, 1, 300, 513};
    static const pattern patterns[] = {RANDOM, RISING, FAR_APART};
    const uint32_t cpu = util_cpu();
    for (size_t l = 0; l < RL_COUNT(lengths); l++)
        for (size_t c = 0; c < RL_COUNT(patterns); c++) {
            problem p = make_of(util_attn_formats[c], 4, 64, lengths[l], patterns[c], 5);
            const rl_attn_decode *kern;
            for (size_t i = 0; (kern = rl_attn_decode_at(i)) != NULL; i++) {
                if (!takes(kern, &p, cpu)) continue;
                rl_attn_job job = make_job(kern, &p, HEADS);
                static const size_t tiles[] = {0, 1, 50, 100000};
                job.tile = tiles[l % RL_COUNT(tiles)];
                run_team(&job, 1);
                for (size_t h = 0; h < HEADS; h++) compare(kern, &p, job.out + h * p.q.bytes / sizeof(float));
                drop_job(&job);
            }
            drop(&p);
        }
}

static void any_number_of_ranks_gives_the_same_bits(void **state)
{
    (void)state;
    enum { HEADS = 3, GROUP = 4, DIM = 64, N = 600, OUT = HEADS * GROUP * DIM };
    const uint32_t cpu = util_cpu();
    problem p = make(GROUP, DIM, N, RANDOM, 6);
    const rl_attn_decode *kern;
    for (size_t i = 0; (kern = rl_attn_decode_at(i)) != NULL; i++) {
        if (!takes(kern, &p, cpu)) continue;
        rl_attn_job job = make_job(kern, &p, HEADS);
        float want[OUT];
        run_team(&job, 1);
        memcpy(want, job.out, sizeof want);
        for (size_t ranks = 2; ranks <= 5; ranks++) {
            memset(job.out, 0xff, sizeof want);
            run_team(&job, ranks);
            assert_memory_equal(job.out, want, sizeof want);
        }
        memset(job.out, 0xff, sizeof want); /* each head by itself, with a head's share of scratch */
        util_guard scratch = util_guard_after(rl_attn_scratch_bytes(&job.shape, N, 0) / HEADS);
        job.scratch = scratch.data;
        for (size_t h = 0; h < HEADS; h++) rl_attn_decode_head(&job, h);
        assert_memory_equal(job.out, want, sizeof want);
        util_guard_free(&scratch);
        drop_job(&job);
    }
    drop(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kernel_is_within_its_bound_at_all_lengths),
        cmocka_unit_test(every_kernel_is_within_its_bound_for_any_group_and_head_dim),
        cmocka_unit_test(every_kernel_is_within_its_bound_whatever_the_scores),
        cmocka_unit_test(a_score_far_above_the_rest_takes_everything),
        cmocka_unit_test(a_head_does_not_depend_on_its_group),
        cmocka_unit_test(every_kernel_takes_a_query_of_any_size),
        cmocka_unit_test(merged_parts_are_within_the_bound_of_the_whole),
        cmocka_unit_test(any_number_of_ranks_gives_the_same_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
