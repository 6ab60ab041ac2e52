/* dequant_scalar.c - the specification: each block layout written out element by element. */
#include "quant/dequant.h"

static void dequant_f32(float *restrict y, const void *restrict x, size_t n) { memcpy(y, x, n * sizeof *y); }

static void dequant_f16(float *restrict y, const void *restrict x, size_t n)
{
    const rl_f16 *h = x;
    for (size_t i = 0; i < n; i++) y[i] = rl_f16_to_f32(h[i]);
}

static void dequant_bf16(float *restrict y, const void *restrict x, size_t n)
{
    const rl_bf16 *h = x;
    for (size_t i = 0; i < n; i++) y[i] = rl_bf16_to_f32(h[i]);
}

static void dequant_q8_0(float *restrict y, const void *restrict x, size_t n)
{
    for (const rl_q8_0 *b = x, *end = b + n / RL_QK; b < end; b++, y += RL_QK) {
        const float d = rl_f16_to_f32(b->d);
        for (size_t j = 0; j < 32; j++) y[j] = (float)b->qs[j] * d;
    }
}

static void dequant_q4_0(float *restrict y, const void *restrict x, size_t n)
{
    for (const rl_q4_0 *b = x, *end = b + n / RL_QK; b < end; b++, y += RL_QK) {
        const float d = rl_f16_to_f32(b->d);
        for (size_t j = 0; j < 16; j++) {
            y[j] = (float)((b->qs[j] & 15) - 8) * d;
            y[j + 16] = (float)((b->qs[j] >> 4) - 8) * d;
        }
    }
}

static void dequant_q4_1(float *restrict y, const void *restrict x, size_t n)
{
    for (const rl_q4_1 *b = x, *end = b + n / RL_QK; b < end; b++, y += RL_QK) {
        const float d = rl_f16_to_f32(b->d), m = rl_f16_to_f32(b->m);
        for (size_t j = 0; j < 16; j++) {
            y[j] = (float)(b->qs[j] & 15) * d + m;
            y[j + 16] = (float)(b->qs[j] >> 4) * d + m;
        }
    }
}

/* The fifth bits of a 5-bit block, as one little-endian word. */
static uint32_t fifth_bits(const uint8_t qh[4])
{
    return (uint32_t)qh[0] | (uint32_t)qh[1] << 8 | (uint32_t)qh[2] << 16 | (uint32_t)qh[3] << 24;
}

static void dequant_q5_0(float *restrict y, const void *restrict x, size_t n)
{
    for (const rl_q5_0 *b = x, *end = b + n / RL_QK; b < end; b++, y += RL_QK) {
        const float d = rl_f16_to_f32(b->d);
        const uint32_t qh = fifth_bits(b->qh);
        for (size_t j = 0; j < 16; j++) {
            int lo = (b->qs[j] & 15) | (int)(qh >> j & 1u) << 4;
            int hi = (b->qs[j] >> 4) | (int)(qh >> (j + 16) & 1u) << 4;
            y[j] = (float)(lo - 16) * d;
            y[j + 16] = (float)(hi - 16) * d;
        }
    }
}

static void dequant_q5_1(float *restrict y, const void *restrict x, size_t n)
{
    for (const rl_q5_1 *b = x, *end = b + n / RL_QK; b < end; b++, y += RL_QK) {
        const float d = rl_f16_to_f32(b->d), m = rl_f16_to_f32(b->m);
        const uint32_t qh = fifth_bits(b->qh);
        for (size_t j = 0; j < 16; j++) {
            int lo = (b->qs[j] & 15) | (int)(qh >> j & 1u) << 4;
            int hi = (b->qs[j] >> 4) | (int)(qh >> (j + 16) & 1u) << 4;
            y[j] = (float)lo * d + m;
            y[j + 16] = (float)hi * d + m;
        }
    }
}

static void dequant_q2_K(float *restrict y, const void *restrict x, size_t n)
{
    for (const rl_q2_K *b = x, *end = b + n / RL_QK_K; b < end; b++, y += RL_QK_K) {
        const float d = rl_f16_to_f32(b->d), dmin = rl_f16_to_f32(b->dmin);
        for (size_t i = 0; i < 256; i++) {
            const size_t half = i / 128, j = i % 128 / 32, l = i % 32;
            const float scale = d * (float)(b->scales[i / 16] & 15),
                        min = dmin * (float)(b->scales[i / 16] >> 4);
            y[i] = scale * (float)(b->qs[32 * half + l] >> (2 * j) & 3) - min;
        }
    }
}

/* The sixteen 6-bit scales of q3_K: low four bits in nibbles of the first eight bytes, upper two in the last four. */
static int q3_scale(const uint8_t s[12], size_t i)
{
    int low = i < 8 ? s[i] & 15 : s[i - 8] >> 4;
    int high = s[8 + i % 4] >> (2 * (i / 4)) & 3;
    return (low | high << 4) - 32;
}

static void dequant_q3_K(float *restrict y, const void *restrict x, size_t n)
{
    for (const rl_q3_K *b = x, *end = b + n / RL_QK_K; b < end; b++, y += RL_QK_K) {
        const float d = rl_f16_to_f32(b->d);
        for (size_t i = 0; i < 256; i++) {
            const size_t half = i / 128, j = i % 128 / 32, l = i % 32;
            const int low = b->qs[32 * half + l] >> (2 * j) & 3, third = b->hmask[l] >> (4 * half + j) & 1;
            y[i] = d * (float)q3_scale(b->scales, i / 16) * (float)(low - (third != 0 ? 0 : 4));
        }
    }
}

static void dequant_q4_K(float *restrict y, const void *restrict x, size_t n)
{
    for (const rl_q4_K *b = x, *end = b + n / RL_QK_K; b < end; b++, y += RL_QK_K) {
        const float d = rl_f16_to_f32(b->d), dmin = rl_f16_to_f32(b->dmin);
        for (size_t sub = 0; sub < 8; sub++) {
            uint8_t sc, mn;
            rl_k4_scale(b->scales, sub, &sc, &mn);
            const float scale = d * (float)sc, min = dmin * (float)mn;
            const uint8_t *q = b->qs + 32 * (sub / 2);
            for (size_t l = 0; l < 32; l++)
                y[32 * sub + l] = scale * (float)(q[l] >> (sub % 2 * 4) & 15) - min;
        }
    }
}

static void dequant_q5_K(float *restrict y, const void *restrict x, size_t n)
{
    for (const rl_q5_K *b = x, *end = b + n / RL_QK_K; b < end; b++, y += RL_QK_K) {
        const float d = rl_f16_to_f32(b->d), dmin = rl_f16_to_f32(b->dmin);
        for (size_t sub = 0; sub < 8; sub++) {
            uint8_t sc, mn;
            rl_k4_scale(b->scales, sub, &sc, &mn);
            const float scale = d * (float)sc, min = dmin * (float)mn;
            const uint8_t *q = b->qs + 32 * (sub / 2);
            for (size_t l = 0; l < 32; l++) {
                int v = (q[l] >> (sub % 2 * 4) & 15) | (b->qh[l] >> sub & 1) << 4;
                y[32 * sub + l] = scale * (float)v - min;
            }
        }
    }
}

static void dequant_q6_K(float *restrict y, const void *restrict x, size_t n)
{
    for (const rl_q6_K *b = x, *end = b + n / RL_QK_K; b < end; b++, y += RL_QK_K) {
        const float d = rl_f16_to_f32(b->d);
        for (size_t i = 0; i < 256; i++) {
            const size_t half = i / 128, j = i % 128 / 32, l = i % 32;
            const int low = b->ql[64 * half + j % 2 * 32 + l] >> (j / 2 * 4) & 15;
            const int high = b->qh[32 * half + l] >> (2 * j) & 3;
            y[i] = d * (float)b->scales[i / 16] * (float)((low | high << 4) - 32);
        }
    }
}

static const rl_dequant rows[] = {
    {{"dequant_f32_scalar", RL_SCALAR, 0},  RL_F32,  dequant_f32 },
    {{"dequant_f16_scalar", RL_SCALAR, 0},  RL_F16,  dequant_f16 },
    {{"dequant_bf16_scalar", RL_SCALAR, 0}, RL_BF16, dequant_bf16},
    {{"dequant_q8_0_scalar", RL_SCALAR, 0}, RL_Q8_0, dequant_q8_0},
    {{"dequant_q4_0_scalar", RL_SCALAR, 0}, RL_Q4_0, dequant_q4_0},
    {{"dequant_q4_1_scalar", RL_SCALAR, 0}, RL_Q4_1, dequant_q4_1},
    {{"dequant_q5_0_scalar", RL_SCALAR, 0}, RL_Q5_0, dequant_q5_0},
    {{"dequant_q5_1_scalar", RL_SCALAR, 0}, RL_Q5_1, dequant_q5_1},
    {{"dequant_q2_K_scalar", RL_SCALAR, 0}, RL_Q2_K, dequant_q2_K},
    {{"dequant_q3_K_scalar", RL_SCALAR, 0}, RL_Q3_K, dequant_q3_K},
    {{"dequant_q4_K_scalar", RL_SCALAR, 0}, RL_Q4_K, dequant_q4_K},
    {{"dequant_q5_K_scalar", RL_SCALAR, 0}, RL_Q5_K, dequant_q5_K},
    {{"dequant_q6_K_scalar", RL_SCALAR, 0}, RL_Q6_K, dequant_q6_K},
};
const rl_dequant_table rl_dequant_scalar = {rows, RL_COUNT(rows)};
