/* gemv_term.h - what one block adds to a row of y = W x, format by format, in plain C: the arithmetic that the scalar
 * kernels specify, whatever order a matrix stores its blocks in.
 *
 * A term takes block b of a row as GGUF stores it (of a float format: value b) and the row's activations. Integers are
 * summed exactly; floats appear where scales are applied, and between blocks. */
#ifndef RL_GEMV_TERM_H
#define RL_GEMV_TERM_H

#include "base/act.h"
#include "base/format.h"

typedef float rl_gemv_term(const void *block, const rl_act_view *a, size_t b);

/* ---- floats: x is all there is of the activations ---- */

static inline float rl_term_x(const rl_act_view *a, size_t i)
{
    return ((const float *)(const void *)a->q)[i];
}

static inline float rl_term_f32(const void *value, const rl_act_view *a, size_t i)
{
    return *(const float *)value * rl_term_x(a, i);
}

static inline float rl_term_f16(const void *value, const rl_act_view *a, size_t i)
{
    return rl_f16_to_f32(*(const rl_f16 *)value) * rl_term_x(a, i);
}

static inline float rl_term_bf16(const void *value, const rl_act_view *a, size_t i)
{
    return rl_bf16_to_f32(*(const rl_bf16 *)value) * rl_term_x(a, i);
}

/* ---- blocks of 32 ---- */

/* d * dx * dot: the two scales first, then the integer. */
static inline float rl_term_scaled(rl_f16 d, float dx, int dot) { return rl_f16_to_f32(d) * dx * (float)dot; }

/* The minimum m is added to every weight, so m times the sum of the activations to the dot product. */
static inline float rl_term_minimum(rl_f16 m, const rl_act_view *a, size_t b)
{
    return rl_term_scaled(m, a->d[b], ((const int32_t *)a->s)[b]);
}

static inline float rl_term_q8_0(const void *block, const rl_act_view *a, size_t b)
{
    const rl_q8_0 *w = block;
    int dot = 0;
    for (size_t j = 0; j < 32; j++) dot += w->qs[j] * a->q[32 * b + j];
    return rl_term_scaled(w->d, a->d[b], dot);
}

/* Sixteen bytes of nibbles, `offset` taken off each, times 32 activations. */
static inline int rl_term_nibbles(const uint8_t qs[16], const int8_t *q, int offset)
{
    int dot = 0;
    for (size_t j = 0; j < 16; j++)
        dot += ((qs[j] & 15) - offset) * q[j] + ((qs[j] >> 4) - offset) * q[j + 16];
    return dot;
}

/* The same with a fifth bit each. */
static inline int rl_term_five_bits(const uint8_t qs[16], const uint8_t qh[4], const int8_t *q, int offset)
{
    int dot = rl_term_nibbles(qs, q, offset);
    for (size_t j = 0; j < 32; j++) dot += (qh[j / 8] >> j % 8 & 1) * 16 * q[j];
    return dot;
}

static inline float rl_term_q4_0(const void *block, const rl_act_view *a, size_t b)
{
    const rl_q4_0 *w = block;
    return rl_term_scaled(w->d, a->d[b], rl_term_nibbles(w->qs, a->q + 32 * b, 8));
}

static inline float rl_term_q4_1(const void *block, const rl_act_view *a, size_t b)
{
    const rl_q4_1 *w = block;
    const float dot = rl_term_scaled(w->d, a->d[b], rl_term_nibbles(w->qs, a->q + 32 * b, 0));
    return dot + rl_term_minimum(w->m, a, b);
}

static inline float rl_term_q5_0(const void *block, const rl_act_view *a, size_t b)
{
    const rl_q5_0 *w = block;
    return rl_term_scaled(w->d, a->d[b], rl_term_five_bits(w->qs, w->qh, a->q + 32 * b, 16));
}

static inline float rl_term_q5_1(const void *block, const rl_act_view *a, size_t b)
{
    const rl_q5_1 *w = block;
    const float dot = rl_term_scaled(w->d, a->d[b], rl_term_five_bits(w->qs, w->qh, a->q + 32 * b, 0));
    return dot + rl_term_minimum(w->m, a, b);
}

/* ---- K formats: super-blocks of 256 ---- */

static inline float rl_term_q2_K(const void *block, const rl_act_view *a, size_t b)
{
    const rl_q2_K *w = block;
    const int8_t *q = a->q + 256 * b;
    const int16_t *s = (const int16_t *)a->s + 16 * b;
    int dot = 0, min = 0;
    for (size_t i = 0; i < 256; i++)
        dot += (w->scales[i / 16] & 15) * (w->qs[i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2) & 3) * q[i];
    for (size_t sub = 0; sub < 16; sub++) min += (w->scales[sub] >> 4) * s[sub];
    return rl_term_scaled(w->d, a->d[b], dot) - rl_term_scaled(w->dmin, a->d[b], min);
}

static inline float rl_term_q3_K(const void *block, const rl_act_view *a, size_t b)
{
    const rl_q3_K *w = block;
    const int8_t *q = a->q + 256 * b;
    int dot = 0;
    for (size_t i = 0; i < 256; i++) {
        const size_t sub = i / 16, part = i / 32, l = i % 32;
        const int low = w->scales[sub % 8] >> (sub / 8 * 4) & 15,
                  high = w->scales[8 + sub % 4] >> (sub / 4 * 2) & 3;
        const int quant = (w->qs[i / 128 * 32 + l] >> (part % 4 * 2) & 3) | (w->hmask[l] >> part & 1) << 2;
        dot += ((low | high << 4) - 32) * (quant - 4) * q[i];
    }
    return rl_term_scaled(w->d, a->d[b], dot);
}

/* One super-block of q4_K or q5_K: the scaled dot product less the scaled sum that the minima multiply. */
static inline float rl_term_k4(rl_f16 d, rl_f16 dmin, const uint8_t scales[12], const uint8_t *quants,
                               const rl_act_view *a, size_t b)
{
    const int8_t *q = a->q + 256 * b;
    const int16_t *s = (const int16_t *)a->s + 16 * b;
    int dot = 0, min = 0;
    for (size_t sub = 0; sub < 8; sub++) {
        uint8_t sc, mn;
        rl_k4_scale(scales, sub, &sc, &mn);
        int sum = 0;
        for (size_t l = 0; l < 32; l++) sum += quants[32 * sub + l] * q[32 * sub + l];
        dot += sc * sum;
        min += mn * (s[2 * sub] + s[2 * sub + 1]);
    }
    return rl_term_scaled(d, a->d[b], dot) - rl_term_scaled(dmin, a->d[b], min);
}

static inline float rl_term_q4_K(const void *block, const rl_act_view *a, size_t b)
{
    const rl_q4_K *w = block;
    uint8_t quants[256];
    for (size_t i = 0; i < 256; i++) quants[i] = w->qs[i / 64 * 32 + i % 32] >> (i / 32 % 2 * 4) & 15;
    return rl_term_k4(w->d, w->dmin, w->scales, quants, a, b);
}

static inline float rl_term_q5_K(const void *block, const rl_act_view *a, size_t b)
{
    const rl_q5_K *w = block;
    uint8_t quants[256];
    for (size_t i = 0; i < 256; i++)
        quants[i] = (uint8_t)((w->qs[i / 64 * 32 + i % 32] >> (i / 32 % 2 * 4) & 15) |
                              (w->qh[i % 32] >> (i / 32) & 1) << 4);
    return rl_term_k4(w->d, w->dmin, w->scales, quants, a, b);
}

static inline float rl_term_q6_K(const void *block, const rl_act_view *a, size_t b)
{
    const rl_q6_K *w = block;
    const int8_t *q = a->q + 256 * b;
    int dot = 0;
    for (size_t i = 0; i < 256; i++) {
        const size_t half = i / 128, j = i % 128 / 32, l = i % 32;
        const int low = w->ql[64 * half + j % 2 * 32 + l] >> (j / 2 * 4) & 15;
        const int high = w->qh[32 * half + l] >> (2 * j) & 3;
        dot += w->scales[i / 16] * ((low | high << 4) - 32) * q[i];
    }
    return rl_term_scaled(w->d, a->d[b], dot);
}

#endif
