/* gemv_scalar.c - the specification: one row at a time, integers inside a block, floats between blocks. */
#include "gemv/gemv.h"

static void gemv_f32(float *restrict y, const void *restrict w, const void *restrict x, size_t m, size_t k)
{
    const float *row = w, *xf = x;
    for (size_t r = 0; r < m; r++, row += k) {
        float sum = 0;
        for (size_t i = 0; i < k; i++) sum += row[i] * xf[i];
        y[r] = sum;
    }
}

static void gemv_f16(float *restrict y, const void *restrict w, const void *restrict x, size_t m, size_t k)
{
    const rl_f16 *row = w;
    const float *xf = x;
    for (size_t r = 0; r < m; r++, row += k) {
        float sum = 0;
        for (size_t i = 0; i < k; i++) sum += rl_f16_to_f32(row[i]) * xf[i];
        y[r] = sum;
    }
}

static void gemv_bf16(float *restrict y, const void *restrict w, const void *restrict x, size_t m, size_t k)
{
    const rl_bf16 *row = w;
    const float *xf = x;
    for (size_t r = 0; r < m; r++, row += k) {
        float sum = 0;
        for (size_t i = 0; i < k; i++) sum += rl_bf16_to_f32(row[i]) * xf[i];
        y[r] = sum;
    }
}

static void gemv_q8_0(float *restrict y, const void *restrict w, const void *restrict x, size_t m, size_t k)
{
    const rl_act_view a = rl_act_open(RL_ACT_Q8, x, k);
    const rl_q8_0 *block = w;
    for (size_t r = 0; r < m; r++) {
        float sum = 0;
        for (size_t b = 0; b < k / 32; b++, block++) {
            int dot = 0;
            for (size_t j = 0; j < 32; j++) dot += block->qs[j] * a.q[32 * b + j];
            sum += rl_f16_to_f32(block->d) * a.d[b] * (float)dot;
        }
        y[r] = sum;
    }
}

static void gemv_q4_0(float *restrict y, const void *restrict w, const void *restrict x, size_t m, size_t k)
{
    const rl_act_view a = rl_act_open(RL_ACT_Q8, x, k);
    const rl_q4_0 *block = w;
    for (size_t r = 0; r < m; r++) {
        float sum = 0;
        for (size_t b = 0; b < k / 32; b++, block++) {
            const int8_t *q = a.q + 32 * b;
            int dot = 0;
            for (size_t j = 0; j < 16; j++)
                dot += ((block->qs[j] & 15) - 8) * q[j] + ((block->qs[j] >> 4) - 8) * q[j + 16];
            sum += rl_f16_to_f32(block->d) * a.d[b] * (float)dot;
        }
        y[r] = sum;
    }
}

/* One super-block of q4_K or q5_K: the scaled dot product and the scaled sum that the minima multiply. */
static void k4_sums(const uint8_t scales[12], const uint8_t *quants, const int8_t *q, const int16_t *s,
                    int *dot, int *min)
{
    *dot = *min = 0;
    for (size_t sub = 0; sub < 8; sub++) {
        uint8_t sc, mn;
        rl_k4_scale(scales, sub, &sc, &mn);
        int sum = 0;
        for (size_t l = 0; l < 32; l++) sum += quants[32 * sub + l] * q[32 * sub + l];
        *dot += sc * sum;
        *min += mn * (s[2 * sub] + s[2 * sub + 1]);
    }
}

static void gemv_q4_K(float *restrict y, const void *restrict w, const void *restrict x, size_t m, size_t k)
{
    const rl_act_view a = rl_act_open(RL_ACT_Q8K, x, k);
    const rl_q4_K *block = w;
    for (size_t r = 0; r < m; r++) {
        float sum = 0;
        for (size_t b = 0; b < k / 256; b++, block++) {
            uint8_t quants[256];
            for (size_t i = 0; i < 256; i++)
                quants[i] = block->qs[i / 64 * 32 + i % 32] >> (i / 32 % 2 * 4) & 15;
            int dot, min;
            k4_sums(block->scales, quants, a.q + 256 * b, (const int16_t *)a.s + 16 * b, &dot, &min);
            sum += rl_f16_to_f32(block->d) * a.d[b] * (float)dot -
                   rl_f16_to_f32(block->dmin) * a.d[b] * (float)min;
        }
        y[r] = sum;
    }
}

static void gemv_q5_K(float *restrict y, const void *restrict w, const void *restrict x, size_t m, size_t k)
{
    const rl_act_view a = rl_act_open(RL_ACT_Q8K, x, k);
    const rl_q5_K *block = w;
    for (size_t r = 0; r < m; r++) {
        float sum = 0;
        for (size_t b = 0; b < k / 256; b++, block++) {
            uint8_t quants[256];
            for (size_t i = 0; i < 256; i++)
                quants[i] = (uint8_t)((block->qs[i / 64 * 32 + i % 32] >> (i / 32 % 2 * 4) & 15) |
                                      (block->qh[i % 32] >> (i / 32) & 1) << 4);
            int dot, min;
            k4_sums(block->scales, quants, a.q + 256 * b, (const int16_t *)a.s + 16 * b, &dot, &min);
            sum += rl_f16_to_f32(block->d) * a.d[b] * (float)dot -
                   rl_f16_to_f32(block->dmin) * a.d[b] * (float)min;
        }
        y[r] = sum;
    }
}

static void gemv_q6_K(float *restrict y, const void *restrict w, const void *restrict x, size_t m, size_t k)
{
    const rl_act_view a = rl_act_open(RL_ACT_Q8K, x, k);
    const rl_q6_K *block = w;
    for (size_t r = 0; r < m; r++) {
        float sum = 0;
        for (size_t b = 0; b < k / 256; b++, block++) {
            const int8_t *q = a.q + 256 * b;
            int dot = 0;
            for (size_t i = 0; i < 256; i++) {
                const size_t half = i / 128, j = i % 128 / 32, l = i % 32;
                const int low = block->ql[64 * half + j % 2 * 32 + l] >> (j / 2 * 4) & 15;
                const int high = block->qh[32 * half + l] >> (2 * j) & 3;
                dot += block->scales[i / 16] * ((low | high << 4) - 32) * q[i];
            }
            sum += rl_f16_to_f32(block->d) * a.d[b] * (float)dot;
        }
        y[r] = sum;
    }
}

static const rl_gemv rows[] = {
    {{"gemv_f32_scalar", RL_SCALAR, 0},  RL_F32,  RL_ROWS, RL_ACT_F32, gemv_f32 },
    {{"gemv_f16_scalar", RL_SCALAR, 0},  RL_F16,  RL_ROWS, RL_ACT_F32, gemv_f16 },
    {{"gemv_bf16_scalar", RL_SCALAR, 0}, RL_BF16, RL_ROWS, RL_ACT_F32, gemv_bf16},
    {{"gemv_q8_0_scalar", RL_SCALAR, 0}, RL_Q8_0, RL_ROWS, RL_ACT_Q8,  gemv_q8_0},
    {{"gemv_q4_0_scalar", RL_SCALAR, 0}, RL_Q4_0, RL_ROWS, RL_ACT_Q8,  gemv_q4_0},
    {{"gemv_q4_K_scalar", RL_SCALAR, 0}, RL_Q4_K, RL_ROWS, RL_ACT_Q8K, gemv_q4_K},
    {{"gemv_q5_K_scalar", RL_SCALAR, 0}, RL_Q5_K, RL_ROWS, RL_ACT_Q8K, gemv_q5_K},
    {{"gemv_q6_K_scalar", RL_SCALAR, 0}, RL_Q6_K, RL_ROWS, RL_ACT_Q8K, gemv_q6_K},
};
const rl_gemv_table rl_gemv_scalar = {rows, RL_COUNT(rows)};
