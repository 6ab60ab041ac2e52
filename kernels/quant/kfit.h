/* kfit.h - fitting 256 floats to a K format: which scales, minima and integers store them best.
 *
 * A super-block is cut into sub-blocks; each has a small integer scale (and minimum) in units of one or two
 * half floats shared by the whole super-block. There are two shapes:
 *   affine   x ~ d * sc * q - dmin * mn     q in 0..q_max, sc and mn in 0..s_max        q2_K q4_K q5_K
 *   signed   x ~ d * sc * q                 q in -q_max..q_max-1, sc in -s_max..s_max-1    q3_K q6_K
 *
 * Best means the least sum of w e^2 over the errors e, with w = |x| + the sub-block's root mean square:
 * errors count everywhere, on large weights up to a few times more. Given the integers q the best real scale
 * and minimum are a linear least-squares problem with a closed solution; given those, rounding gives the best
 * q. The fit goes back and forth between the two, first on real numbers, then on those that can be stored:
 *   1. Each sub-block alone: a few ranges to start from, slightly wider or narrower than that of the values
 *      (clipping the extremes may pay), each solved once; the best is rounded and solved once more.
 *   2. d and dmin from the largest scale and minimum.
 *   3. Each sub-block, affine: of the stored scales next to the real one, the one that leaves the least
 *      error, each with the minimum that is best for it.
 *   4. Affine: d and dmin solved again for the whole super-block, now that scales and minima are integers.
 *   5. q rounded under the values a reader will see: d and dmin as halves.
 * The signed shape goes without steps 3 and 4: a scale that has no minimum to agree with is rounded as well
 * as it can be.
 * The cost is passes over the elements: nine, five for the signed shape. The error that is left is below that
 * of twenty-one trials of step 1 alone, which is how ggml does it (tests/test_quantize.c holds the two
 * together). Sums run over a sub-block from its first element to its last, so that every compiler and machine
 * gives the same bytes. */
#ifndef RL_KFIT_H
#define RL_KFIT_H

#include "base/format.h"
#include "base/status.h"

#include <math.h>

typedef struct {
    rl_f16 d, dmin;
    uint8_t sc[16], mn[16];
    uint8_t q[RL_QK_K];
} rl_kfit_affine;

typedef struct {
    rl_f16 d;
    int8_t sc[16];
    int8_t q[RL_QK_K];
} rl_kfit_signed;

/* A sub-block before any fit: its weights and what they sum to. */
typedef struct {
    const float *x;
    float w[32];
    float sum_w, sum_wx;
    float lo, hi; /* range of the values; lo is at most 0, for there is no minimum above it */
} rl_kfit_sub;

typedef struct {
    float q, qq, qx; /* sums of w q, w q q, w q x over a sub-block */
} rl_kfit_sums;

/* Nearest integer of v in lo..hi; a NaN gives lo. 1.5 * 2^23 is so large that the sum has no room for a
 * fraction: the addition rounds, to even, without a conversion. */
static inline float kfit_round(float v, float lo, float hi)
{
    v = v > lo ? v : lo;
    v = v < hi ? v : hi;
    return (v + 0x1.8p23f) - 0x1.8p23f;
}

static inline float kfit_half(float v) { return rl_f16_to_f32(rl_f32_to_f16(v)); }

static inline void kfit_weigh(rl_kfit_sub *b, const float *x, size_t n)
{
    float squares = 0;
    b->x = x;
    b->lo = b->sum_w = b->sum_wx = 0;
    b->hi = x[0];
    for (size_t i = 0; i < n; i++) {
        squares += x[i] * x[i];
        b->lo = x[i] < b->lo ? x[i] : b->lo;
        b->hi = x[i] > b->hi ? x[i] : b->hi;
    }
    const float rms = sqrtf(squares / (float)n);
    for (size_t i = 0; i < n; i++) {
        b->w[i] = rms + fabsf(x[i]);
        b->sum_w += b->w[i];
        b->sum_wx += b->w[i] * x[i];
    }
}

/* One pass: q = round(x * inv + offset), and its sums. */
static inline rl_kfit_sums kfit_pass(const rl_kfit_sub *b, size_t n, float inv, float offset, float lo,
                                     float hi)
{
    rl_kfit_sums s = {0, 0, 0};
    for (size_t i = 0; i < n; i++) {
        const float q = kfit_round(b->x[i] * inv + offset, lo, hi), wq = b->w[i] * q;
        s.q += wq;
        s.qq += wq * q;
        s.qx += wq * b->x[i];
    }
    return s;
}

/* A real-valued fit of one sub-block. `gain` is how much of sum w x^2 it explains: the error is the rest. */
typedef struct {
    float scale, min, gain;
} rl_kfit_real;

/* The best scale and min (>= 0) for integers with these sums; gain 0 where they say nothing. */
static inline rl_kfit_real kfit_solve(const rl_kfit_sub *b, rl_kfit_sums s)
{
    const float det = b->sum_w * s.qq - s.q * s.q;
    if (!(det > 0)) return (rl_kfit_real){0, 0, 0};
    float scale = (b->sum_w * s.qx - b->sum_wx * s.q) / det, min = (s.q * s.qx - b->sum_wx * s.qq) / det;
    if (!(min > 0)) {
        min = 0;
        scale = s.qx / s.qq;
    }
    return (rl_kfit_real){scale, min, scale * s.qx - min * b->sum_wx};
}

/* Step 1, affine. A sub-block that no trial explains (all zero, or all one negative value) is its minimum. */
static inline rl_kfit_real kfit_affine_sub(const rl_kfit_sub *b, size_t n, float q_max)
{
    /* Trial t spans the range with q_max + stretch[t] steps. */
    static const float stretch[] = {-0.9f, -0.45f, 0, 0.45f};
    rl_kfit_real best = {0, -b->lo, 0};
    if (!(b->hi > b->lo)) return best;
    for (size_t t = 0; t < RL_COUNT(stretch); t++) {
        const float inv = (q_max + stretch[t]) / (b->hi - b->lo);
        const rl_kfit_real fit = kfit_solve(b, kfit_pass(b, n, inv, -b->lo * inv, 0, q_max));
        if (fit.gain > best.gain) best = fit;
    }
    if (best.scale > 0) {
        const float inv = 1 / best.scale;
        const rl_kfit_real fit = kfit_solve(b, kfit_pass(b, n, inv, best.min * inv, 0, q_max));
        if (fit.gain > best.gain) best = fit;
    }
    return best;
}

/* Step 3, affine: *sc and *mn for d and dmin, and the sums of the integers they were chosen with. */
static inline rl_kfit_sums kfit_affine_lattice(const rl_kfit_sub *b, size_t n, float q_max, float s_max,
                                               rl_kfit_real fit, float d, float dmin, uint8_t *sc,
                                               uint8_t *mn)
{
    rl_kfit_sums best = {0, 0, 0};
    float least = 0;
    const float middle = d > 0 ? kfit_round(fit.scale / d, 0, s_max) : 0;
    *sc = 0;
    *mn = (uint8_t)(dmin > 0 ? kfit_round(fit.min / dmin, 0, s_max) : 0);
    for (float c = middle > 1 ? middle - 1 : 1; c <= middle + 1 && c <= s_max && fit.scale > 0; c++) {
        const float scale = d * c;
        const rl_kfit_sums s = kfit_pass(b, n, 1 / scale, fit.min / scale, 0, q_max);
        const float real_min = (scale * s.q - b->sum_wx) / b->sum_w;
        const float m = dmin > 0 ? kfit_round(real_min / dmin, 0, s_max) : 0, min = dmin * m;
        const float error = scale * (scale * s.qq - 2 * s.qx - 2 * min * s.q) +
                            min * (2 * b->sum_wx + min * b->sum_w); /* less sum w x^2 */
        if (*sc == 0 || error < least) {
            least = error;
            best = s;
            *sc = (uint8_t)c;
            *mn = (uint8_t)m;
        }
    }
    return best;
}

/* y <- x. sub is 16 or 32. */
static inline void kfit_affine(rl_kfit_affine *y, const float *x, size_t sub, float q_max, float s_max)
{
    const size_t n_sub = RL_QK_K / sub;
    rl_kfit_sub b[16];
    rl_kfit_real fit[16];
    float top_scale = 0, top_min = 0;
    for (size_t j = 0; j < n_sub; j++) {
        kfit_weigh(&b[j], x + sub * j, sub);
        fit[j] = kfit_affine_sub(&b[j], sub, q_max);
        top_scale = fit[j].scale > top_scale ? fit[j].scale : top_scale;
        top_min = fit[j].min > top_min ? fit[j].min : top_min;
    }
    float d = kfit_half(top_scale / s_max), dmin = kfit_half(top_min / s_max);

    float aa = 0, ab = 0, bb = 0, ax = 0, bx = 0; /* normal equations of x ~ d a - dmin b; a = sc q, b = mn */
    for (size_t j = 0; j < n_sub; j++) {
        const rl_kfit_sums s =
            kfit_affine_lattice(&b[j], sub, q_max, s_max, fit[j], d, dmin, &y->sc[j], &y->mn[j]);
        const float sc = y->sc[j], mn = y->mn[j];
        aa += s.qq * sc * sc;
        ab += s.q * sc * mn;
        bb += b[j].sum_w * mn * mn;
        ax += s.qx * sc;
        bx += b[j].sum_wx * mn;
    }
    const float det = aa * bb - ab * ab;
    if (det > 0) {
        const float d_new = (ax * bb - bx * ab) / det, dmin_new = (ax * ab - bx * aa) / det;
        if (d_new > 0 && dmin_new > 0) {
            d = kfit_half(d_new);
            dmin = kfit_half(dmin_new);
        }
    }
    y->d = rl_f32_to_f16(d);
    y->dmin = rl_f32_to_f16(dmin);
    for (size_t j = 0; j < n_sub; j++) {
        const float scale = d * y->sc[j], inv = scale > 0 ? 1 / scale : 0, min = dmin * y->mn[j];
        for (size_t i = sub * j; i < sub * (j + 1); i++)
            y->q[i] = (uint8_t)kfit_round((x[i] + min) * inv, 0, q_max);
    }
}

/* Step 1, signed. The largest magnitude is given the sign of -q_max, the longer side. 0 where all is 0. */
static inline float kfit_signed_sub(const rl_kfit_sub *b, size_t n, float q_max)
{
    static const float stretch[] = {-1.1f, -0.4f, 0.3f};
    const float far = -b->lo > b->hi ? b->lo : b->hi;
    float scale = 0, gain = 0;
    if (far == 0) return 0;
    for (size_t t = 0; t <= RL_COUNT(stretch); t++) {
        const float inv = t < RL_COUNT(stretch) ? -(q_max + stretch[t]) / far : 1 / scale;
        const rl_kfit_sums s = kfit_pass(b, n, inv, 0, -q_max, q_max - 1);
        if (s.qq > 0 && s.qx * s.qx > gain * s.qq) {
            scale = s.qx / s.qq;
            gain = s.qx * scale;
        }
        if (scale == 0) break;
    }
    return scale;
}

/* y <- x, sub-blocks of 16. */
static inline void kfit_signed(rl_kfit_signed *y, const float *x, float q_max, float s_max)
{
    enum { SUB = 16, N_SUB = RL_QK_K / SUB };
    float scale[N_SUB], top = 0;
    for (size_t j = 0; j < N_SUB; j++) {
        rl_kfit_sub b;
        kfit_weigh(&b, x + SUB * j, SUB);
        scale[j] = kfit_signed_sub(&b, SUB, q_max);
        if (fabsf(scale[j]) > fabsf(top)) top = scale[j];
    }
    const float d = kfit_half(top / -s_max); /* so that the largest scale takes -s_max, the longer side */
    y->d = rl_f32_to_f16(d);
    for (size_t j = 0; j < N_SUB; j++) {
        y->sc[j] = (int8_t)(d != 0 ? kfit_round(scale[j] / d, -s_max, s_max - 1) : 0);
        const float step = d * y->sc[j], inv = step != 0 ? 1 / step : 0;
        for (size_t i = SUB * j; i < SUB * (j + 1); i++)
            y->q[i] = (int8_t)kfit_round(x[i] * inv, -q_max, q_max - 1);
    }
}

#endif
