/* quantize_scalar.c - floats to blocks. The legacy formats are the reference's arithmetic, operation for
 * operation; the K formats pack what kfit.h fits. */
#include "quant/kfit.h"
#include "quant/quantize.h"

static void quantize_f32(void *restrict y, const float *restrict x, size_t n) { memcpy(y, x, n * sizeof *x); }

static void quantize_f16(void *restrict y, const float *restrict x, size_t n)
{
    rl_f16 *h = y;
    for (size_t i = 0; i < n; i++) h[i] = rl_f32_to_f16(x[i]);
}

static void quantize_bf16(void *restrict y, const float *restrict x, size_t n)
{
    rl_bf16 *h = y;
    for (size_t i = 0; i < n; i++) h[i] = rl_f32_to_bf16(x[i]);
}

/* 1/d, and 0 for 0. Infinite where d is so small that it rounds to the half 0: no q matters then, and the
 * next two functions take infinities and NaNs, which the reference converts to whatever the machine gives. */
static float inverse(float d) { return d != 0 ? 1 / d : 0; }

/* Integer part of v, held to 0..top; 0 for a NaN. */
static uint8_t cut(float v, int top)
{
    if (!(v > 0)) return 0;
    return (uint8_t)(v < (float)top ? (int)v : top);
}

/* Nearest integer, ties away from zero, held to -127..127. Not (int)(v + 0.5f): that addition rounds
 * 0.49999997 up. */
static int nearest(float v)
{
    if (!(fabsf(v) < 127)) return v > 0 ? 127 : -127;
    const int whole = (int)v;
    const float rest = v - (float)whole; /* exact */
    return whole + (rest >= 0.5f) - (rest <= -0.5f);
}

/* The value of largest magnitude, the first of equals. */
static float farthest(const float x[RL_QK])
{
    float far = x[0];
    for (size_t j = 1; j < RL_QK; j++)
        if (fabsf(x[j]) > fabsf(far)) far = x[j];
    return far;
}

static void range(const float x[RL_QK], float *lo, float *hi)
{
    *lo = *hi = x[0];
    for (size_t j = 1; j < RL_QK; j++) {
        *lo = x[j] < *lo ? x[j] : *lo;
        *hi = x[j] > *hi ? x[j] : *hi;
    }
}

static void quantize_q8_0(void *restrict y, const float *restrict x, size_t n)
{
    for (rl_q8_0 *b = y, *end = b + n / RL_QK; b < end; b++, x += RL_QK) {
        const float d = fabsf(farthest(x)) / 127, inv = inverse(d);
        b->d = rl_f32_to_f16(d);
        for (size_t j = 0; j < RL_QK; j++) b->qs[j] = (int8_t)nearest(x[j] * inv);
    }
}

static void quantize_q4_0(void *restrict y, const float *restrict x, size_t n)
{
    for (rl_q4_0 *b = y, *end = b + n / RL_QK; b < end; b++, x += RL_QK) {
        const float d = farthest(x) / -8, inv = inverse(d);
        b->d = rl_f32_to_f16(d);
        for (size_t j = 0; j < 16; j++)
            b->qs[j] = (uint8_t)(cut(x[j] * inv + 8.5f, 15) | cut(x[j + 16] * inv + 8.5f, 15) << 4);
    }
}

static void quantize_q4_1(void *restrict y, const float *restrict x, size_t n)
{
    for (rl_q4_1 *b = y, *end = b + n / RL_QK; b < end; b++, x += RL_QK) {
        float lo, hi;
        range(x, &lo, &hi);
        const float d = (hi - lo) / 15, inv = inverse(d);
        b->d = rl_f32_to_f16(d);
        b->m = rl_f32_to_f16(lo);
        for (size_t j = 0; j < 16; j++)
            b->qs[j] =
                (uint8_t)(cut((x[j] - lo) * inv + 0.5f, 15) | cut((x[j + 16] - lo) * inv + 0.5f, 15) << 4);
    }
}

/* Splits 32 five-bit values into nibbles and fifth bits. */
static void pack5(uint8_t qh[4], uint8_t qs[16], const uint8_t q[RL_QK])
{
    memset(qh, 0, 4);
    for (size_t j = 0; j < RL_QK; j++) qh[j / 8] |= (uint8_t)(q[j] >> 4 << j % 8);
    for (size_t j = 0; j < 16; j++) qs[j] = (uint8_t)((q[j] & 15) | q[j + 16] << 4);
}

static void quantize_q5_0(void *restrict y, const float *restrict x, size_t n)
{
    for (rl_q5_0 *b = y, *end = b + n / RL_QK; b < end; b++, x += RL_QK) {
        const float d = farthest(x) / -16, inv = inverse(d);
        uint8_t q[RL_QK];
        for (size_t j = 0; j < RL_QK; j++) q[j] = cut(x[j] * inv + 16.5f, 31);
        b->d = rl_f32_to_f16(d);
        pack5(b->qh, b->qs, q);
    }
}

static void quantize_q5_1(void *restrict y, const float *restrict x, size_t n)
{
    for (rl_q5_1 *b = y, *end = b + n / RL_QK; b < end; b++, x += RL_QK) {
        float lo, hi;
        range(x, &lo, &hi);
        const float d = (hi - lo) / 31, inv = inverse(d);
        uint8_t q[RL_QK];
        for (size_t j = 0; j < RL_QK; j++) q[j] = cut((x[j] - lo) * inv + 0.5f, 31);
        b->d = rl_f32_to_f16(d);
        b->m = rl_f32_to_f16(lo);
        pack5(b->qh, b->qs, q);
    }
}

/* The inverse of rl_k4_scale: eight 6-bit scales and minima into twelve bytes. */
static void pack_k4(uint8_t s[12], const uint8_t sc[8], const uint8_t mn[8])
{
    for (size_t i = 0; i < 4; i++) {
        s[i] = (uint8_t)(sc[i] | sc[i + 4] >> 4 << 6);
        s[i + 4] = (uint8_t)(mn[i] | mn[i + 4] >> 4 << 6);
        s[i + 8] = (uint8_t)((sc[i + 4] & 15) | mn[i + 4] << 4);
    }
}

static void quantize_q2_K(void *restrict y, const float *restrict x, size_t n)
{
    for (rl_q2_K *b = y, *end = b + n / RL_QK_K; b < end; b++, x += RL_QK_K) {
        rl_kfit_affine f;
        kfit_affine(&f, x, 16, 3, 15);
        b->d = f.d;
        b->dmin = f.dmin;
        for (size_t j = 0; j < 16; j++) b->scales[j] = (uint8_t)(f.sc[j] | f.mn[j] << 4);
        for (size_t i = 0; i < 64; i++) {
            const uint8_t *q = f.q + i / 32 * 128 + i % 32;
            b->qs[i] = (uint8_t)(q[0] | q[32] << 2 | q[64] << 4 | q[96] << 6);
        }
    }
}

static void quantize_q4_K(void *restrict y, const float *restrict x, size_t n)
{
    for (rl_q4_K *b = y, *end = b + n / RL_QK_K; b < end; b++, x += RL_QK_K) {
        rl_kfit_affine f;
        kfit_affine(&f, x, 32, 15, 63);
        b->d = f.d;
        b->dmin = f.dmin;
        pack_k4(b->scales, f.sc, f.mn);
        for (size_t i = 0; i < 128; i++) {
            const uint8_t *q = f.q + i / 32 * 64 + i % 32;
            b->qs[i] = (uint8_t)(q[0] | q[32] << 4);
        }
    }
}

static void quantize_q5_K(void *restrict y, const float *restrict x, size_t n)
{
    for (rl_q5_K *b = y, *end = b + n / RL_QK_K; b < end; b++, x += RL_QK_K) {
        rl_kfit_affine f;
        kfit_affine(&f, x, 32, 31, 63);
        b->d = f.d;
        b->dmin = f.dmin;
        pack_k4(b->scales, f.sc, f.mn);
        memset(b->qh, 0, sizeof b->qh);
        for (size_t i = 0; i < RL_QK_K; i++) b->qh[i % 32] |= (uint8_t)(f.q[i] >> 4 << i / 32);
        for (size_t i = 0; i < 128; i++) {
            const uint8_t *q = f.q + i / 32 * 64 + i % 32;
            b->qs[i] = (uint8_t)((q[0] & 15) | q[32] << 4);
        }
    }
}

static void quantize_q3_K(void *restrict y, const float *restrict x, size_t n)
{
    for (rl_q3_K *b = y, *end = b + n / RL_QK_K; b < end; b++, x += RL_QK_K) {
        rl_kfit_signed f;
        kfit_signed(&f, x, 4, 32);
        memset(b, 0, sizeof *b);
        b->d = f.d;
        for (size_t i = 0; i < 16; i++) {
            const unsigned sc = (unsigned)(f.sc[i] + 32);
            b->scales[i % 8] |= (uint8_t)((sc & 15) << i / 8 * 4);
            b->scales[8 + i % 4] |= (uint8_t)(sc >> 4 << i / 4 * 2);
        }
        for (size_t i = 0; i < RL_QK_K; i++) {
            const size_t half = i / 128, j = i % 128 / 32, l = i % 32;
            const unsigned q = (unsigned)(f.q[i] + 4);
            b->hmask[l] |= (uint8_t)(q >> 2 << (4 * half + j));
            b->qs[32 * half + l] |= (uint8_t)((q & 3) << 2 * j);
        }
    }
}

static void quantize_q6_K(void *restrict y, const float *restrict x, size_t n)
{
    for (rl_q6_K *b = y, *end = b + n / RL_QK_K; b < end; b++, x += RL_QK_K) {
        rl_kfit_signed f;
        kfit_signed(&f, x, 32, 128);
        memset(b, 0, sizeof *b);
        b->d = f.d;
        memcpy(b->scales, f.sc, sizeof b->scales);
        for (size_t i = 0; i < RL_QK_K; i++) {
            const size_t half = i / 128, j = i % 128 / 32, l = i % 32;
            const unsigned q = (unsigned)(f.q[i] + 32);
            b->ql[64 * half + j % 2 * 32 + l] |= (uint8_t)((q & 15) << j / 2 * 4);
            b->qh[32 * half + l] |= (uint8_t)(q >> 4 << 2 * j);
        }
    }
}

static const rl_quantize rows[] = {
    {{"quantize_f32_scalar", RL_SCALAR, 0},  RL_F32,  quantize_f32 },
    {{"quantize_f16_scalar", RL_SCALAR, 0},  RL_F16,  quantize_f16 },
    {{"quantize_bf16_scalar", RL_SCALAR, 0}, RL_BF16, quantize_bf16},
    {{"quantize_q8_0_scalar", RL_SCALAR, 0}, RL_Q8_0, quantize_q8_0},
    {{"quantize_q4_0_scalar", RL_SCALAR, 0}, RL_Q4_0, quantize_q4_0},
    {{"quantize_q4_1_scalar", RL_SCALAR, 0}, RL_Q4_1, quantize_q4_1},
    {{"quantize_q5_0_scalar", RL_SCALAR, 0}, RL_Q5_0, quantize_q5_0},
    {{"quantize_q5_1_scalar", RL_SCALAR, 0}, RL_Q5_1, quantize_q5_1},
    {{"quantize_q2_K_scalar", RL_SCALAR, 0}, RL_Q2_K, quantize_q2_K},
    {{"quantize_q3_K_scalar", RL_SCALAR, 0}, RL_Q3_K, quantize_q3_K},
    {{"quantize_q4_K_scalar", RL_SCALAR, 0}, RL_Q4_K, quantize_q4_K},
    {{"quantize_q5_K_scalar", RL_SCALAR, 0}, RL_Q5_K, quantize_q5_K},
    {{"quantize_q6_K_scalar", RL_SCALAR, 0}, RL_Q6_K, quantize_q6_K},
};
const rl_quantize_table rl_quantize_scalar = {rows, RL_COUNT(rows)};
