/* test_ops.c - the operations between matrix products against long double, at all tails, with guard pages
 * round every buffer; the quantisers against the scalar kernel, bit for bit.
 *
 * The bounds of ops.h, to first order in u = E / 2, the error of one rounding:
 *
 *   rmsnorm   Squares are positive, so their sum is off by n u at most, in whatever order; the mean and + eps add
 *             2 u. The root halves that and adds u, the reciprocal u, the two products 2 u: (n / 2 + 5) u.
 *
 *   rope      Two products and a sum: u (|ac| + |bs|) twice, |c| and |s| at most 1.
 *
 *   softmax   x - max is rounded by u |x - max|, which exp turns into a relative error; exp itself is off by 2.02 u
 *             (1.01 ulp). The sum has the mean of these errors over its terms, where the mean of |x - max| is at most
 *             ln n, and n u. Reciprocal and product add 2 u: (n + |x - max| + ln n + 7) u. What underflows is off by
 *             less than 2^-126 before and after the product.
 *
 *   swiglu    exp 2.02 u, sum u, quotient u, product u: 5.02 u. exp(-gate) overflows below -88.73, where
 *             |gate| / (1 + exp(-gate)) is 2.6e-37 at most, less than 2^-121.
 *
 *   q8, q8k   127 / amax, the product with it and d each add u, of 127 at most: 1/2 + 381 u < 1/2 + 2^-14.
 *
 *   exp_sum   The argument is rounded twice, by u of itself; its mean over the terms is at most ln n, below 22, for
 *             the largest term is 1. exp is off by 2.02 u, the sum by n u: (n + 2 ln n + 2.02) u. What underflows
 *             is off by less than 2^-125 a term, the argument's roundings included. */
#include "util_guard.h"

#include "ops/ops.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const long double E = FLT_EPSILON;

/* Runs `check` on every kernel for an operation that the CPU can run. */
static void each(rl_op op, void (*check)(const rl_ops *))
{
    const uint32_t cpu = util_cpu();
    const rl_ops *kern;
    size_t checked = 0;
    for (size_t i = 0; (kern = rl_ops_at(i)) != NULL; i++) {
        if (kern->op != op) continue;
        if (!rl_kernel_runs(&kern->base, cpu)) {
            util_note_skip(kern->base.name);
            continue;
        }
        check(kern);
        checked++;
    }
    assert_true(checked > 0);
}

static void expect(const rl_ops *kern, size_t n, size_t i, float got, long double want, long double tolerance)
{
    if (!(fabsl((long double)got - want) <= tolerance))
        fail_msg("%s n=%zu value %zu: want %.9Lg got %.9g, tolerance %.3Lg", kern->base.name, n, i, want,
                 (double)got, tolerance);
}

static void same_bits(const rl_ops *kern, size_t n, size_t i, float got, float want)
{
    if (rl_f32_to_bits(got) != rl_f32_to_bits(want))
        fail_msg("%s n=%zu value %zu: want %a got %a", kern->base.name, n, i, (double)want, (double)got);
}

/* All lengths up to two vectors and more, then those of a decoder. */
static size_t next_length(size_t n) { return n < 135 ? n + 1 : n < 2048 ? 2048 : n < 5632 ? 5632 : 0; }

/* Buffers that end at a forbidden page, or for odd n begin after one. */
static util_guard floats(size_t n) { return util_guard_either(n * sizeof(float), n % 2 == 0); }

static util_guard normals(size_t n, float scale, util_rng *rng)
{
    util_guard g = floats(n);
    for (size_t i = 0; i < n; i++) ((float *)g.data)[i] = scale * util_normal(rng);
    return g;
}

static util_guard copy_of(const util_guard *from)
{
    util_guard g = floats(from->bytes / sizeof(float));
    memcpy(g.data, from->data, from->bytes);
    return g;
}

/* ---- rmsnorm ---- */

static void check_rmsnorm(const rl_ops *kern)
{
    static const struct {
        float scale, eps;
    } cases[] = {
        {1,        1e-5f    },
        {1e-3f,    1e-6f    },
        {0x1p50f,  1e-5f    },
        {0x1p-60f, 0x1p-100f},
        {0,        1e-5f    },
    };
    util_rng rng = {1};
    for (size_t n = 1; n != 0; n = next_length(n))
        for (size_t c = 0; c < RL_COUNT(cases); c++) {
            util_guard x = normals(n, cases[c].scale, &rng), w = normals(n, 1, &rng), y = floats(n);
            const float *xf = x.data, *wf = w.data;
            long double sum = 0;
            for (size_t i = 0; i < n; i++) sum += (long double)xf[i] * (long double)xf[i];
            const long double root = sqrtl(sum / (long double)n + (long double)cases[c].eps);
            kern->run.rmsnorm(y.data, xf, wf, n, cases[c].eps);
            for (size_t i = 0; i < n; i++) {
                const long double want = (long double)xf[i] / root * (long double)wf[i];
                const long double relative = ((long double)n / 4 + 4) * E;
                expect(kern, n, i, ((float *)y.data)[i], want, relative * fabsl(want) + 0x1p-126L);
            }
            kern->run.rmsnorm(x.data, xf, wf, n, cases[c].eps); /* in place */
            assert_memory_equal(x.data, y.data, x.bytes);
            util_guard_free(&x);
            util_guard_free(&w);
            util_guard_free(&y);
        }
}

static void rmsnorm_is_within_its_bound_at_all_tails(void **state)
{
    (void)state;
    each(RL_RMSNORM, check_rmsnorm);
}

/* ---- rope ---- */

/* Where the two halves of pair i lie in a head. */
static void pair_at(rl_op op, size_t n_rot, size_t i, size_t *a, size_t *b)
{
    *a = op == RL_ROPE_NORM ? 2 * i : i;
    *b = op == RL_ROPE_NORM ? 2 * i + 1 : i + n_rot / 2;
}

static void check_rope(const rl_ops *kern)
{
    util_rng rng = {2};
    for (size_t n_rot = 0; n_rot <= 136; n_rot += 2)
        for (size_t n_head = 1; n_head <= 3; n_head++) {
            const size_t head_dim = n_rot + 3 * (n_rot % 4); /* every second one is only rotated in part */
            util_guard x = normals(n_head * head_dim, 100, &rng), old = copy_of(&x), cs = floats(n_rot);
            rl_rope_table(cs.data, n_rot, 1 + n_rot, 10000, 1);
            kern->run.rope(x.data, cs.data, n_head, head_dim, n_rot);
            for (size_t h = 0; h < n_head; h++) {
                const float *got = (float *)x.data + h * head_dim, *was = (float *)old.data + h * head_dim;
                for (size_t i = 0; i < n_rot / 2; i++) {
                    size_t at_a, at_b;
                    pair_at(kern->op, n_rot, i, &at_a, &at_b);
                    const long double c = ((float *)cs.data)[2 * i], s = ((float *)cs.data)[2 * i + 1];
                    const long double a = was[at_a], b = was[at_b];
                    const long double tolerance = 2 * E * (fabsl(a) + fabsl(b)) + 0x1p-126L;
                    expect(kern, n_rot, at_a, got[at_a], a * c - b * s, tolerance);
                    expect(kern, n_rot, at_b, got[at_b], a * s + b * c, tolerance);
                }
                for (size_t i = n_rot; i < head_dim; i++) same_bits(kern, n_rot, i, got[i], was[i]);
            }
            util_guard_free(&x);
            util_guard_free(&old);
            util_guard_free(&cs);
        }
}

static void rope_is_within_its_bound_and_leaves_the_rest_of_a_head_alone(void **state)
{
    (void)state;
    each(RL_ROPE_NORM, check_rope);
    each(RL_ROPE_NEOX, check_rope);
}

/* The two conventions are the same rotation of differently ordered rows. */
static void rope_norm_and_rope_neox_agree_after_permutation(void **state)
{
    (void)state;
    enum { MAX = 160 };
    const uint32_t cpu = util_cpu();
    util_rng rng = {3};
    for (rl_isa isa = RL_SCALAR; isa < RL_ISA_COUNT; isa++) {
        if (!rl_cpu_has(cpu, isa)) continue;
        const rl_ops_set ops = rl_ops_best(rl_cpu_cap(cpu, isa));
        for (size_t n_rot = 2; n_rot <= MAX; n_rot += 2) {
            float norm[MAX], neox[MAX], cs[MAX];
            for (size_t i = 0; i < n_rot / 2; i++) {
                norm[2 * i] = neox[i] = util_normal(&rng);
                norm[2 * i + 1] = neox[i + n_rot / 2] = util_normal(&rng);
            }
            rl_rope_table(cs, n_rot, 77, 10000, 1);
            ops.rope_norm(norm, cs, 1, n_rot, n_rot);
            ops.rope_neox(neox, cs, 1, n_rot, n_rot);
            for (size_t i = 0; i < n_rot / 2; i++) {
                assert_int_equal(rl_f32_to_bits(norm[2 * i]), rl_f32_to_bits(neox[i]));
                assert_int_equal(rl_f32_to_bits(norm[2 * i + 1]), rl_f32_to_bits(neox[i + n_rot / 2]));
            }
        }
    }
}

/* The angle is a double: wrong by a few of its last bits, then cosine and sine are rounded to floats. */
static void rope_table_is_the_rounded_cosine_and_sine(void **state)
{
    (void)state;
    static const struct {
        size_t n_rot, position;
        double base, scale;
    } cases[] = {
        {64,  0,      10000,  1   },
        {64,  1,      10000,  1   },
        {64,  2047,   10000,  1   },
        {128, 131071, 500000, 1   },
        {2,   5,      10000,  0.25},
    };
    for (size_t c = 0; c < RL_COUNT(cases); c++) {
        float cs[128];
        const size_t n_rot = cases[c].n_rot;
        rl_rope_table(cs, n_rot, cases[c].position, cases[c].base, cases[c].scale);
        for (size_t i = 0; i < n_rot / 2; i++) {
            const long double power = -2.0L * (long double)i / (long double)n_rot;
            const long double angle = (long double)cases[c].position * (long double)cases[c].scale *
                                      powl((long double)cases[c].base, power);
            const long double tolerance = 0x1p-25L + 0x1p-50L * angle;
            assert_true(fabsl((long double)cs[2 * i] - cosl(angle)) <= tolerance);
            assert_true(fabsl((long double)cs[2 * i + 1] - sinl(angle)) <= tolerance);
        }
    }
}

/* ---- softmax ---- */

static void check_softmax_of(const rl_ops *kern, util_guard *x)
{
    const size_t n = x->bytes / sizeof(float);
    util_guard old = copy_of(x);
    const float *was = old.data;
    long double max = -INFINITY, sum = 0;
    for (size_t i = 0; i < n; i++) max = fmaxl(max, (long double)was[i]);
    for (size_t i = 0; i < n; i++) sum += max == -INFINITY ? 0 : expl((long double)was[i] - max);
    kern->run.softmax(x->data, n);
    for (size_t i = 0; i < n; i++) {
        const long double below = max == -INFINITY ? 0 : max - (long double)was[i];
        const long double want = sum > 0 ? expl(-below) / sum : 0;
        const long double relative = want > 0 ? ((long double)n / 2 + below / 2 + 16) * E : 0;
        expect(kern, n, i, ((float *)x->data)[i], want, relative * want + 0x1p-125L);
    }
    util_guard_free(&old);
}

static void check_softmax(const rl_ops *kern)
{
    static const float spreads[] = {0, 1, 30, 1e10f, 0x1p-140f};
    util_rng rng = {4};
    for (size_t n = 1; n != 0; n = next_length(n))
        for (size_t c = 0; c < RL_COUNT(spreads); c++) {
            util_guard x = normals(n, spreads[c], &rng);
            check_softmax_of(kern, &x);
            util_guard_free(&x);
        }
    util_guard logits = normals(32000, 5, &rng);
    check_softmax_of(kern, &logits);
    util_guard_free(&logits);
}

static void softmax_is_within_its_bound_at_all_tails(void **state)
{
    (void)state;
    each(RL_SOFTMAX, check_softmax);
}

static void check_masked(const rl_ops *kern)
{
    for (size_t n = 1; n != 0 && n <= 135; n = next_length(n))
        for (size_t left = 0; left <= n; left += 1 + left / 3) { /* this many at the end are not masked */
            util_guard x = floats(n);
            for (size_t i = 0; i < n; i++)
                ((float *)x.data)[i] = i + left < n ? -INFINITY : -3e38f + (float)i;
            check_softmax_of(kern, &x);
            for (size_t i = 0; i + left < n; i++) same_bits(kern, n, i, ((float *)x.data)[i], 0.0f);
            util_guard_free(&x);
        }
}

static void softmax_gives_masked_values_nothing_even_where_all_are_masked(void **state)
{
    (void)state;
    each(RL_SOFTMAX, check_masked);
}

/* The exponential by itself: one value far above the rest, which hardly adds to the sum. */
static void check_exp(const rl_ops *kern)
{
    enum { N = 64 };
    for (float x = 0; x > -110; x -= 0.37f) {
        float v[N];
        for (size_t i = 0; i < N; i++) v[i] = i == 0 ? 1000 : -FLT_MAX;
        v[17] = 1000 + x;
        const long double want = expl((long double)v[17] - 1000);
        kern->run.softmax(v, N);
        /* exp, the sum, its reciprocal and the product: below 6 u */
        expect(kern, N, 17, v[17] / v[0], want, 4 * E * want + 0x1p-126L);
        same_bits(kern, N, 1, v[1], 0.0f);
    }
}

static void softmax_follows_the_exponential_down_to_nothing(void **state)
{
    (void)state;
    each(RL_SOFTMAX, check_exp);
}

/* ---- swiglu, add ---- */

static void expect_swiglu(const rl_ops *kern, size_t n, const float *y, const float *gate, const float *up)
{
    for (size_t i = 0; i < n; i++) {
        const long double g = gate[i], u = up[i], want = g / (1 + expl(-g)) * u;
        expect(kern, n, i, y[i], want, 4 * E * fabsl(want) + 0x1p-121L * fabsl(u) + 0x1p-126L);
    }
}

static void check_swiglu(const rl_ops *kern)
{
    static const float spreads[] = {0, 1, 40, 0x1p-130f};
    util_rng rng = {5};
    for (size_t n = 1; n != 0; n = next_length(n))
        for (size_t c = 0; c < RL_COUNT(spreads); c++) {
            util_guard gate = normals(n, spreads[c], &rng), up = normals(n, 2, &rng), y = floats(n);
            util_guard gate2 = copy_of(&gate), up2 = copy_of(&up);
            kern->run.swiglu(y.data, gate.data, up.data, n);
            expect_swiglu(kern, n, y.data, gate.data, up.data);
            kern->run.swiglu(gate2.data, gate2.data, up.data, n); /* onto the gate, as the decoder does */
            assert_memory_equal(gate2.data, y.data, y.bytes);
            kern->run.swiglu(up2.data, gate.data, up2.data, n);
            assert_memory_equal(up2.data, y.data, y.bytes);
            util_guard *all[] = {&gate, &up, &y, &gate2, &up2};
            for (size_t i = 0; i < RL_COUNT(all); i++) util_guard_free(all[i]);
        }
}

static void swiglu_is_within_its_bound_at_all_tails(void **state)
{
    (void)state;
    each(RL_SWIGLU, check_swiglu);
}

static void check_far_gates(const rl_ops *kern)
{
    enum { N = 1200 };
    float gate[N], up[N], y[N];
    static const float far[] = {FLT_MAX, -FLT_MAX,  1e4f,       -1e4f,   0.0f,
                                -0.0f,   88.72283f, -88.72283f, -88.73f, FLT_MIN};
    for (size_t i = 0; i < N; i++) {
        gate[i] = i < RL_COUNT(far) ? far[i] : -120 + 0.2f * (float)i;
        up[i] = i % 2 == 0 ? 1 : -1e-3f;
    }
    kern->run.swiglu(y, gate, up, N);
    expect_swiglu(kern, N, y, gate, up);
}

static void swiglu_holds_where_the_exponential_overflows_and_underflows(void **state)
{
    (void)state;
    each(RL_SWIGLU, check_far_gates);
}

static void check_add(const rl_ops *kern)
{
    util_rng rng = {6};
    for (size_t n = 1; n != 0; n = next_length(n)) {
        util_guard y = normals(n, 1, &rng), x = normals(n, 1000, &rng), old = copy_of(&y);
        kern->run.add(y.data, x.data, n);
        for (size_t i = 0; i < n; i++)
            same_bits(kern, n, i, ((float *)y.data)[i], ((float *)old.data)[i] + ((float *)x.data)[i]);
        util_guard_free(&y);
        util_guard_free(&x);
        util_guard_free(&old);
    }
}

static void add_rounds_once_at_all_tails(void **state)
{
    (void)state;
    each(RL_ADD, check_add);
}

/* ---- the quantisers ---- */

static rl_act act_of(rl_op op) { return op == RL_QUANTIZE_Q8 ? RL_ACT_Q8 : RL_ACT_Q8K; }

/* Quantises x of k values with `kern` and with the scalar kernel and compares every section; checks the sums
 * and the error against x too. */
static void check_quantised(const rl_ops *kern, const float *x, size_t k)
{
    const rl_act act = act_of(kern->op);
    const size_t bytes = rl_act_bytes(act, k), group = act == RL_ACT_Q8 ? 32 : 16;
    util_guard got = util_guard_after(bytes), want = util_guard_after(bytes);
    kern->run.quantize(got.data, x, k);
    rl_ops_find(kern->op, 0)->run.quantize(want.data, x, k);
    const rl_act_view g = rl_act_open(act, got.data, k), w = rl_act_open(act, want.data, k);
    for (size_t b = 0; b < k / rl_act_block(act); b++) same_bits(kern, k, b, g.d[b], w.d[b]);
    assert_memory_equal(g.q, w.q, k);
    for (size_t i = 0; i < k / group; i++) {
        int sum = 0;
        for (size_t j = 0; j < group; j++) sum += g.q[group * i + j];
        assert_int_equal(act == RL_ACT_Q8 ? ((const int32_t *)g.s)[i] : ((const int16_t *)g.s)[i], sum);
    }
    for (size_t i = 0; i < k; i++) {
        const long double d = g.d[i / rl_act_block(act)], off = fabsl((long double)x[i] - d * g.q[i]);
        if (!(d == 0 ? off < (long double)RL_ACT_TINY : off <= (0.5L + 0x1p-14L) * fabsl(d)))
            fail_msg("%s k=%zu value %zu: %a became %d * %La", kern->base.name, k, i, (double)x[i], g.q[i],
                     d);
    }
    util_guard_free(&got);
    util_guard_free(&want);
}

/* Fills x with one kind of difficulty. */
enum { PLAIN, SPARSE, TIES, HALVES, NEAR_HALVES, EDGES, KINDS };

static void fill(float *x, size_t k, int kind, util_rng *rng)
{
    static const float edges[] = {0.0f,      -0.0f,       FLT_MAX,      -FLT_MAX,         FLT_MIN,
                                  0x1p-149f, RL_ACT_TINY, -RL_ACT_TINY, 0x1.fffffep-101f, -0x1p-101f};
    const float largest = ldexpf(1 + (float)util_uniform(rng), (int)(util_u64(rng) % 60) - 30);
    for (size_t i = 0; i < k; i++) {
        const uint64_t r = util_u64(rng);
        switch (kind) {
        case PLAIN:
            x[i] = largest * util_normal(rng);
            break;
        case SPARSE: /* mostly zeros of both signs */
            x[i] = r % 16 == 0 ? largest * util_normal(rng) : r % 2 == 0 ? 0.0f : -0.0f;
            break;
        case TIES: /* the largest magnitude many times, with both signs */
            x[i] = r % 8 == 0 ? largest : r % 8 == 1 ? -largest : largest * (float)(util_uniform(rng) - 0.5);
            break;
        case HALVES: /* quotients that end in .5 */
            x[i] = i % 32 == 31 ? 127 : (float)((int)(r % 253) - 126) + 0.5f;
            break;
        case NEAR_HALVES: /* ... or so nearly that a last bit of the inverse decides */
            x[i] = i % 32 == 31 ? largest : ((float)((int)(r % 253) - 126) + 0.5f) * (largest / 127);
            break;
        default: /* some blocks with nothing but one edge, some with many */
            x[i] = edges[(i / 256 % 3 != 0 ? r : i / 256) % RL_COUNT(edges)];
        }
    }
}

static void check_quantiser(const rl_ops *kern)
{
    util_rng rng = {7};
    const size_t block = rl_act_block(act_of(kern->op));
    for (size_t blocks = 1; blocks <= 40; blocks++)
        for (int kind = 0; kind < KINDS; kind++) {
            util_guard x = floats(blocks * block + blocks % 2);
            float *from = x.data; /* not always aligned */
            fill(from, blocks * block, kind, &rng);
            check_quantised(kern, from + blocks % 2, blocks * block);
            util_guard_free(&x);
        }
}

static void the_quantisers_give_the_scalar_kernels_bits(void **state)
{
    (void)state;
    each(RL_QUANTIZE_Q8, check_quantiser);
    each(RL_QUANTIZE_Q8K, check_quantiser);
}

/* The first of two values of equal magnitude and opposite sign decides, wherever in the block they are. */
static void check_first_of_equals(const rl_ops *kern)
{
    enum { K = 256 };
    float x[K];
    char a[1024] __attribute__((aligned(RL_LINE)));
    assert_true(rl_act_bytes(RL_ACT_Q8K, K) <= sizeof a);
    for (size_t first = 0; first < K; first += 5)
        for (size_t second = first + 1; second < K; second += 7)
            for (int sign = -1; sign <= 1; sign += 2) {
                for (size_t i = 0; i < K; i++) x[i] = 0.25f;
                x[first] = (float)sign;
                x[second] = (float)-sign;
                kern->run.quantize(a, x, K);
                const rl_act_view v = rl_act_open(RL_ACT_Q8K, a, K);
                assert_int_equal(v.q[first], -127);
                assert_int_equal(v.q[second], 127);
                same_bits(kern, K, first, v.d[0], (float)sign / -127.0f);
            }
}

static void the_first_of_equal_extremes_gives_q8k_its_sign(void **state)
{
    (void)state;
    each(RL_QUANTIZE_Q8K, check_first_of_equals);
}

/* One value that is not finite, anywhere in any block: that block is d = NaN, q = 0, sums 0, and the others are
 * what they are without it. */
static void check_not_finite(const rl_ops *kern)
{
    const rl_act act = act_of(kern->op);
    const size_t block = rl_act_block(act), k = 5 * block, group = act == RL_ACT_Q8 ? 32 : 16;
    const size_t bytes = rl_act_bytes(act, k);
    static const float odd[] = {INFINITY, -INFINITY, NAN, -NAN};
    util_rng rng = {11};
    util_guard x = floats(k), got = util_guard_after(bytes), want = util_guard_after(bytes);
    float *v = x.data;
    const rl_act_view g = rl_act_open(act, got.data, k), w = rl_act_open(act, want.data, k);
    const char *sums = g.s, *want_sums = w.s;
    const size_t sums_bytes = (act == RL_ACT_Q8 ? sizeof(int32_t) : sizeof(int16_t)) * (block / group);
    for (size_t at = 0; at < k; at++)
        for (size_t kind = 0; kind < 2 * RL_COUNT(odd); kind++) {
            for (size_t i = 0; i < k; i++) v[i] = util_normal(&rng);
            rl_ops_find(kern->op, 0)->run.quantize(want.data, v, k);
            v[at] = odd[kind % RL_COUNT(odd)];
            if (kind >= RL_COUNT(odd)) /* and a second, in the same block */
                v[at / block * block + util_u64(&rng) % block] = odd[util_u64(&rng) % RL_COUNT(odd)];
            kern->run.quantize(got.data, v, k);
            for (size_t b = 0; b < k / block; b++) {
                const bool hit = b == at / block;
                same_bits(kern, at, b, g.d[b], hit ? NAN : w.d[b]);
                for (size_t i = 0; i < block; i++)
                    assert_int_equal(g.q[b * block + i], hit ? 0 : w.q[b * block + i]);
                for (size_t i = 0; i < sums_bytes; i++)
                    assert_int_equal(sums[b * sums_bytes + i], hit ? 0 : want_sums[b * sums_bytes + i]);
            }
        }
    util_guard_free(&x);
    util_guard_free(&got);
    util_guard_free(&want);
}

static void a_block_with_a_value_that_is_not_finite_is_nan_and_zeros(void **state)
{
    (void)state;
    each(RL_QUANTIZE_Q8, check_not_finite);
    each(RL_QUANTIZE_Q8K, check_not_finite);
}

/* ---- sampling ---- */

static void check_argmax(const rl_ops *kern)
{
    util_rng rng = {21};
    for (size_t n = 1; n != 0 && n <= 2048; n = next_length(n))
        for (int round = 0; round < 12; round++) {
            util_guard x = floats(n);
            float *f = x.data;
            for (size_t i = 0; i < n; i++) { /* few values, so that many are the largest; some NaNs */
                const uint64_t r = util_u64(&rng);
                f[i] = r % 7 == 0 && round % 2 == 0 ? NAN
                       : round < 6                  ? (float)(r % 5) - 9
                                                    : util_normal(&rng);
            }
            if (round == 11) f[n - 1] = INFINITY;
            if (round == 10)
                for (size_t i = 0; i < n; i++) f[i] = i % 3 == 1 ? -INFINITY : NAN;
            size_t want = 0;
            bool found = false;
            for (size_t i = 0; i < n; i++)
                if (!isnan(f[i]) && (!found || f[i] > f[want])) want = i, found = true;
            const size_t got = kern->run.argmax(f, n);
            if (got != want)
                fail_msg("%s n=%zu round %d: want %zu got %zu", kern->base.name, n, round, want, got);
            util_guard_free(&x);
        }
}

static void argmax_is_the_first_of_the_largest_and_never_a_nan(void **state)
{
    (void)state;
    each(RL_ARGMAX, check_argmax);
}

static void check_exp_sum_of(const rl_ops *kern, const float *x, size_t n, float temperature)
{
    float max = -INFINITY;
    for (size_t i = 0; i < n; i++) max = x[i] > max ? x[i] : max;
    long double want = 0;
    for (size_t i = 0; i < n; i++)
        if (!isnan(x[i])) want += expl(((long double)x[i] - (long double)max) / (long double)temperature);
    const float got = kern->run.exp_sum(x, n, max, temperature);
    expect(kern, n, 0, got, want, ((long double)n / 2 + 32) * E * want + 0x1p-125L * (long double)n);
}

static void check_exp_sum(const rl_ops *kern)
{
    static const float temperatures[] = {1, 2, 0.1f, 100, 0x1p-140f};
    util_rng rng = {22};
    for (size_t n = 1; n != 0; n = next_length(n))
        for (size_t c = 0; c < RL_COUNT(temperatures); c++) {
            util_guard x = normals(n, 5, &rng);
            float *f = x.data;
            if (n > 2) f[n / 2] = NAN;
            if (n > 3) f[n - 1] = -INFINITY;
            check_exp_sum_of(kern, f, n, temperatures[c]);
            util_guard_free(&x);
        }
    util_guard logits = normals(32000, 3, &rng);
    check_exp_sum_of(kern, logits.data, 32000, 0.8f);
    util_guard_free(&logits);
}

static void exp_sum_is_within_its_bound_and_passes_nans_over(void **state)
{
    (void)state;
    each(RL_EXP_SUM, check_exp_sum);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rmsnorm_is_within_its_bound_at_all_tails),
        cmocka_unit_test(rope_is_within_its_bound_and_leaves_the_rest_of_a_head_alone),
        cmocka_unit_test(rope_norm_and_rope_neox_agree_after_permutation),
        cmocka_unit_test(rope_table_is_the_rounded_cosine_and_sine),
        cmocka_unit_test(softmax_is_within_its_bound_at_all_tails),
        cmocka_unit_test(softmax_gives_masked_values_nothing_even_where_all_are_masked),
        cmocka_unit_test(softmax_follows_the_exponential_down_to_nothing),
        cmocka_unit_test(swiglu_is_within_its_bound_at_all_tails),
        cmocka_unit_test(swiglu_holds_where_the_exponential_overflows_and_underflows),
        cmocka_unit_test(add_rounds_once_at_all_tails),
        cmocka_unit_test(the_quantisers_give_the_scalar_kernels_bits),
        cmocka_unit_test(the_first_of_equal_extremes_gives_q8k_its_sign),
        cmocka_unit_test(a_block_with_a_value_that_is_not_finite_is_nan_and_zeros),
        cmocka_unit_test(argmax_is_the_first_of_the_largest_and_never_a_nan),
        cmocka_unit_test(exp_sum_is_within_its_bound_and_passes_nans_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
