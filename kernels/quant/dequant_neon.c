/* dequant_neon.c - rows to floats, 4 values a store.
 *
 * Every block format is first brought to vectors of sixteen signed bytes; `put16` and `put16_affine` widen them twice,
 * convert and scale. The bits are those of dequant_scalar.c in any order of evaluation: d has 11 significant bits, a
 * sub-block's scale at most 7 and a quant at most 7, so every product of the three is an exact float, and a fused
 * multiply-add rounds where the scalar does. */
#include "base/arm_neon.h"
#include "quant/dequant.h"

/* Sixteen bytes as floats. */
static inline void to_floats(float32x4_t f[4], int8x16_t q)
{
    const int16x8_t low = vmovl_s8(vget_low_s8(q)), high = vmovl_high_s8(q);
    f[0] = vcvtq_f32_s32(vmovl_s16(vget_low_s16(low)));
    f[1] = vcvtq_f32_s32(vmovl_high_s16(low));
    f[2] = vcvtq_f32_s32(vmovl_s16(vget_low_s16(high)));
    f[3] = vcvtq_f32_s32(vmovl_high_s16(high));
}

static inline void put16(float *y, int8x16_t q, float d)
{
    float32x4_t f[4];
    to_floats(f, q);
    for (size_t i = 0; i < 4; i++) vst1q_f32(y + 4 * i, vmulq_n_f32(f[i], d));
}

/* scale * q + plus */
static inline void put16_affine(float *y, int8x16_t q, float scale, float plus)
{
    float32x4_t f[4];
    to_floats(f, q);
    for (size_t i = 0; i < 4; i++) vst1q_f32(y + 4 * i, vfmaq_n_f32(vdupq_n_f32(plus), f[i], scale));
}

/* ---- f32, f16, bf16: `load` and `size` are constants where the body is called, and inlined. ---- */

static inline __attribute__((always_inline)) size_t
dequant_float(float *restrict y, const char *x, size_t n, float32x4_t (*load)(const void *), size_t size)
{
    size_t i = 0;
    for (; i + 4 <= n; i += 4) vst1q_f32(y + i, load(x + i * size));
    return i;
}

static void dequant_f32(float *restrict y, const void *restrict x, size_t n)
{
    const size_t i = dequant_float(y, x, n, rl_load_f32x4, 4);
    memcpy(y + i, (const float *)x + i, (n - i) * sizeof *y);
}

static void dequant_f16(float *restrict y, const void *restrict x, size_t n)
{
    for (size_t i = dequant_float(y, x, n, rl_load_f16x4, 2); i < n; i++)
        y[i] = rl_one_f16((const rl_f16 *)x + i);
}

static void dequant_bf16(float *restrict y, const void *restrict x, size_t n)
{
    for (size_t i = dequant_float(y, x, n, rl_load_bf16x4, 2); i < n; i++)
        y[i] = rl_bf16_to_f32(((const rl_bf16 *)x)[i]);
}

/* ---- blocks of 32 ---- */

static void dequant_q8_0(float *restrict y, const void *restrict x, size_t n)
{
    for (const rl_q8_0 *b = x, *end = b + n / RL_QK; b < end; b++, y += RL_QK)
        for (size_t l = 0; l < 32; l += 16) put16(y + l, vld1q_s8(b->qs + l), rl_one_f16(&b->d));
}

static void dequant_q4_0(float *restrict y, const void *restrict x, size_t n)
{
    for (const rl_q4_0 *b = x, *end = b + n / RL_QK; b < end; b++, y += RL_QK) {
        const uint8x16_t v = vld1q_u8(b->qs);
        const float d = rl_one_f16(&b->d);
        put16(y, rl_less(rl_low_nibbles(v), 8), d);
        put16(y + 16, rl_less(rl_high_nibbles(v), 8), d);
    }
}

static void dequant_q4_1(float *restrict y, const void *restrict x, size_t n)
{
    for (const rl_q4_1 *b = x, *end = b + n / RL_QK; b < end; b++, y += RL_QK) {
        const uint8x16_t v = vld1q_u8(b->qs);
        const float d = rl_one_f16(&b->d), m = rl_one_f16(&b->m);
        put16_affine(y, rl_low_nibbles(v), d, m);
        put16_affine(y + 16, rl_high_nibbles(v), d, m);
    }
}

/* Half `l` of the quants of a five-bit block: nibbles, and 16 where the element's bit of qh is set. */
static inline int8x16_t quants_q5(const uint8_t qs[16], const uint8_t qh[4], size_t l)
{
    static const uint8_t own[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    const uint8x16_t bits = vcombine_u8(vdup_n_u8(qh[2 * l]), vdup_n_u8(qh[2 * l + 1])), v = vld1q_u8(qs);
    return vorrq_s8(l == 0 ? rl_low_nibbles(v) : rl_high_nibbles(v), rl_where_bits(bits, vld1q_u8(own), 16));
}

static void dequant_q5_0(float *restrict y, const void *restrict x, size_t n)
{
    for (const rl_q5_0 *b = x, *end = b + n / RL_QK; b < end; b++, y += RL_QK)
        for (size_t l = 0; l < 2; l++)
            put16(y + 16 * l, rl_less(quants_q5(b->qs, b->qh, l), 16), rl_one_f16(&b->d));
}

static void dequant_q5_1(float *restrict y, const void *restrict x, size_t n)
{
    for (const rl_q5_1 *b = x, *end = b + n / RL_QK; b < end; b++, y += RL_QK)
        for (size_t l = 0; l < 2; l++)
            put16_affine(y + 16 * l, quants_q5(b->qs, b->qh, l), rl_one_f16(&b->d), rl_one_f16(&b->m));
}

/* ---- blocks of 256: the sub-blocks' scales go through memory, whence each comes as one float ---- */

static void dequant_q2_K(float *restrict y, const void *restrict x, size_t n)
{
    for (const rl_q2_K *b = x, *end = b + n / RL_QK_K; b < end; b++) {
        const uint8x16_t both = vld1q_u8(b->scales);
        float scale[16], min[16];
        put16(scale, rl_low_nibbles(both), rl_one_f16(&b->d));
        put16(min, rl_high_nibbles(both), -rl_one_f16(&b->dmin));
        for (size_t s = 0; s < 16; s++, y += 16) {
            const uint8x16_t v = vld1q_u8(b->qs + s / 8 * 32 + s % 2 * 16);
            put16_affine(y, rl_two_bits(v, s % 8 / 2 * 2), scale[s], min[s]);
        }
    }
}

static void dequant_q3_K(float *restrict y, const void *restrict x, size_t n)
{
    for (const rl_q3_K *b = x, *end = b + n / RL_QK_K; b < end; b++) {
        float scale[16];
        put16(scale, rl_q3_scales(b->scales), rl_one_f16(&b->d));
        for (size_t s = 0; s < 16; s++, y += 16) {
            const uint8x16_t v = vld1q_u8(b->qs + s / 8 * 32 + s % 2 * 16),
                             h = vld1q_u8(b->hmask + s % 2 * 16);
            const int8x16_t q = vorrq_s8(rl_two_bits(v, s % 8 / 2 * 2), rl_where_bit(h, s / 2, 4));
            put16(y, rl_less(q, 4), scale[s]);
        }
    }
}

/* q4_K, and q5_K where there are fifth bits in qh. */
static inline __attribute__((always_inline)) void put_k4(float *y, const rl_f16 *d, const uint8_t scales[12],
                                                         const uint8_t *qs, const uint8_t *qh)
{
    const int8x16_t both = vreinterpretq_s8_u8(rl_k4_scales(scales));
    float scale[16], min[16]; /* scale[0-7] and min[8-15] count */
    put16(scale, both, rl_one_f16(d));
    put16(min, both, -rl_one_f16(d + 1));
    for (size_t i = 0; i < 256; i += 16, y += 16) {
        const size_t s = i / 32;
        const uint8x16_t v = vld1q_u8(qs + s / 2 * 32 + i % 32);
        int8x16_t q = s % 2 == 0 ? rl_low_nibbles(v) : rl_high_nibbles(v);
        if (qh != NULL) q = vorrq_s8(q, rl_where_bit(vld1q_u8(qh + i % 32), s, 16));
        put16_affine(y, q, scale[s], min[8 + s]);
    }
}

static void dequant_q4_K(float *restrict y, const void *restrict x, size_t n)
{
    for (const rl_q4_K *b = x, *end = b + n / RL_QK_K; b < end; b++, y += RL_QK_K)
        put_k4(y, &b->d, b->scales, b->qs, NULL);
}

static void dequant_q5_K(float *restrict y, const void *restrict x, size_t n)
{
    for (const rl_q5_K *b = x, *end = b + n / RL_QK_K; b < end; b++, y += RL_QK_K)
        put_k4(y, &b->d, b->scales, b->qs, b->qh);
}

static void dequant_q6_K(float *restrict y, const void *restrict x, size_t n)
{
    for (const rl_q6_K *b = x, *end = b + n / RL_QK_K; b < end; b++) {
        float scale[16];
        put16(scale, vld1q_s8(b->scales), rl_one_f16(&b->d));
        for (size_t s = 0; s < 16; s++, y += 16) {
            const size_t half = s / 8, j = s % 8 / 2, l = s % 2 * 16;
            const uint8x16_t ql = vld1q_u8(b->ql + 64 * half + j % 2 * 32 + l),
                             qh = vld1q_u8(b->qh + 32 * half + l);
            put16(y, rl_less(rl_q6_quants(ql, qh, j), 32), scale[s]);
        }
    }
}

static const rl_dequant rows[] = {
    {{"dequant_f32_neon", RL_NEON, RL_CPU_NEON},  RL_F32,  dequant_f32 },
    {{"dequant_f16_neon", RL_NEON, RL_CPU_NEON},  RL_F16,  dequant_f16 },
    {{"dequant_bf16_neon", RL_NEON, RL_CPU_NEON}, RL_BF16, dequant_bf16},
    {{"dequant_q8_0_neon", RL_NEON, RL_CPU_NEON}, RL_Q8_0, dequant_q8_0},
    {{"dequant_q4_0_neon", RL_NEON, RL_CPU_NEON}, RL_Q4_0, dequant_q4_0},
    {{"dequant_q4_1_neon", RL_NEON, RL_CPU_NEON}, RL_Q4_1, dequant_q4_1},
    {{"dequant_q5_0_neon", RL_NEON, RL_CPU_NEON}, RL_Q5_0, dequant_q5_0},
    {{"dequant_q5_1_neon", RL_NEON, RL_CPU_NEON}, RL_Q5_1, dequant_q5_1},
    {{"dequant_q2_K_neon", RL_NEON, RL_CPU_NEON}, RL_Q2_K, dequant_q2_K},
    {{"dequant_q3_K_neon", RL_NEON, RL_CPU_NEON}, RL_Q3_K, dequant_q3_K},
    {{"dequant_q4_K_neon", RL_NEON, RL_CPU_NEON}, RL_Q4_K, dequant_q4_K},
    {{"dequant_q5_K_neon", RL_NEON, RL_CPU_NEON}, RL_Q5_K, dequant_q5_K},
    {{"dequant_q6_K_neon", RL_NEON, RL_CPU_NEON}, RL_Q6_K, dequant_q6_K},
};
const rl_dequant_table rl_dequant_neon = {rows, RL_COUNT(rows)};
