/* ops_neon.c - the operations between matrix products, 4 floats at a time; what is left over goes through four floats
 * on the stack, for there are no masked loads. Sums run in a fixed number of lanes and are joined by a fixed tree:
 * same input, same bits. */
#include "base/arm_neon.h"
#include "ops/ops.h"

#include <float.h>
#include <math.h>

/* The first n of 4 floats; what is not read is `rest`. */
static inline float32x4_t load_or(const float *p, size_t n, float rest)
{
    if (n >= 4) return vld1q_f32(p);
    float v[4] = {rest, rest, rest, rest};
    for (size_t i = 0; i < n; i++) v[i] = p[i];
    return vld1q_f32(v);
}

static inline float32x4_t load(const float *p, size_t n) { return load_or(p, n, 0); }

static inline void store(float *p, size_t n, float32x4_t v)
{
    if (n >= 4) {
        vst1q_f32(p, v);
        return;
    }
    float four[4];
    vst1q_f32(four, v);
    for (size_t i = 0; i < n; i++) p[i] = four[i];
}

/* ---- rmsnorm ---- */

/* Eight chains: an addition takes four cycles, and two to four start in each. */
static float sum_of_squares(const float *x, size_t n)
{
    float32x4_t sum[8];
    for (size_t j = 0; j < 8; j++) sum[j] = vdupq_n_f32(0);
    size_t i = 0;
    for (; i + 32 <= n; i += 32)
        for (size_t j = 0; j < 8; j++) {
            const float32x4_t v = vld1q_f32(x + i + 4 * j);
            sum[j] = vfmaq_f32(sum[j], v, v);
        }
    for (; i < n; i += 4) {
        const float32x4_t v = load(x + i, n - i);
        sum[0] = vfmaq_f32(sum[0], v, v);
    }
    for (size_t step = 4; step > 0; step /= 2)
        for (size_t j = 0; j < step; j++) sum[j] = vaddq_f32(sum[j], sum[j + step]);
    return vaddvq_f32(sum[0]);
}

static void rmsnorm(float *y, const float *x, const float *weight, size_t n, float eps)
{
    const float scale = 1.0f / sqrtf(sum_of_squares(x, n) / (float)n + eps);
    for (size_t i = 0; i < n; i += 4) {
        const float32x4_t v = vmulq_n_f32(load(x + i, n - i), scale);
        store(y + i, n - i, vmulq_f32(v, load(weight + i, n - i)));
    }
}

/* ---- rope: the angles of 2 or 4 pairs are loaded once and turn these pairs of every head ---- */

static void rope_norm(float *restrict x, const float *restrict cs, size_t n_head, size_t head_dim,
                      size_t n_rot)
{
    static const float signs[4] = {-1, 1, -1, 1};
    for (size_t i = 0; i < n_rot; i += 4) {
        const float32x4_t angle = load(cs + i, n_rot - i);
        const float32x4_t c = vtrn1q_f32(angle, angle);
        const float32x4_t s = vmulq_f32(vtrn2q_f32(angle, angle), vld1q_f32(signs));
        for (size_t h = 0; h < n_head; h++) {
            float *p = x + h * head_dim + i;
            const float32x4_t v = load(p, n_rot - i);
            store(p, n_rot - i, vfmaq_f32(vmulq_f32(vrev64q_f32(v), s), v, c));
        }
    }
}

static void rope_neox(float *restrict x, const float *restrict cs, size_t n_head, size_t head_dim,
                      size_t n_rot)
{
    const size_t half = n_rot / 2;
    for (size_t i = 0; i < half; i += 4) {
        const size_t left = half - i;
        const float32x4_t low = load(cs + 2 * i, 2 * left);
        const float32x4_t high = left > 2 ? load(cs + 2 * i + 4, 2 * left - 4) : low;
        const float32x4_t c = vuzp1q_f32(low, high), s = vuzp2q_f32(low, high);
        for (size_t h = 0; h < n_head; h++) {
            float *p = x + h * head_dim + i;
            const float32x4_t a = load(p, left), b = load(p + half, left);
            store(p, left, vfmaq_f32(vnegq_f32(vmulq_f32(b, s)), a, c));
            store(p + half, left, vfmaq_f32(vmulq_f32(a, s), b, c));
        }
    }
}

/* ---- softmax, swiglu, add ---- */

static float max_of(const float *x, size_t n)
{
    float32x4_t max[2] = {vdupq_n_f32(-INFINITY), vdupq_n_f32(-INFINITY)};
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (size_t j = 0; j < 2; j++) max[j] = vmaxq_f32(max[j], vld1q_f32(x + i + 4 * j));
    for (; i < n; i += 4) max[0] = vmaxq_f32(max[0], load_or(x + i, n - i, -INFINITY));
    return vmaxvq_f32(vmaxq_f32(max[0], max[1]));
}

static void softmax(float *x, size_t n)
{
    float max = max_of(x, n);
    if (max == -INFINITY) max = 0; /* everything masked: exp gives 0 throughout */
    float32x4_t sum = vdupq_n_f32(0);
    for (size_t i = 0; i < n; i += 4) {
        const float32x4_t e = rl_exp_f32x4(vsubq_f32(load_or(x + i, n - i, -INFINITY), vdupq_n_f32(max)));
        store(x + i, n - i, e);
        sum = vaddq_f32(sum, e);
    }
    const float total = vaddvq_f32(sum), scale = total > 0 ? 1.0f / total : 0.0f;
    for (size_t i = 0; i < n; i += 4) store(x + i, n - i, vmulq_n_f32(load(x + i, n - i), scale));
}

static void swiglu(float *y, const float *gate, const float *up, size_t n)
{
    for (size_t i = 0; i < n; i += 4) {
        const float32x4_t g = load(gate + i, n - i);
        const float32x4_t silu = vdivq_f32(g, vaddq_f32(vdupq_n_f32(1.0f), rl_exp_f32x4(vnegq_f32(g))));
        store(y + i, n - i, vmulq_f32(silu, load(up + i, n - i)));
    }
}

static void add(float *restrict y, const float *restrict x, size_t n)
{
    for (size_t i = 0; i < n; i += 4) store(y + i, n - i, vaddq_f32(load(y + i, n - i), load(x + i, n - i)));
}

/* ---- activations. Bits are the scalar kernel's: the same divisions, and fcvtns rounds as rintf does. fmax and fmin
 * hand a NaN on and keep an infinity, so a block's extremes say whether it is finite. ---- */

/* Sixteen quants, x * inverse. */
static inline int8x16_t quantize16(const float *x, float inverse)
{
    int32x4_t v[4];
    for (size_t j = 0; j < 4; j++) v[j] = vcvtnq_s32_f32(vmulq_n_f32(vld1q_f32(x + 4 * j), inverse));
    const int16x8_t low = vqmovn_high_s32(vqmovn_s32(v[0]), v[1]),
                    high = vqmovn_high_s32(vqmovn_s32(v[2]), v[3]);
    return vqmovn_high_s16(vqmovn_s16(low), high);
}

static void quantize_q8(void *restrict a, const float *restrict x, size_t k)
{
    int8_t *q = a;
    float *d = (float *)((char *)a + rl_act_d_offset(k));
    int32_t *s = (int32_t *)((char *)a + rl_act_s_offset(RL_ACT_Q8, k));
    for (size_t b = 0; b < k / 32; b++, x += 32, q += 32) {
        float32x4_t max = vabsq_f32(vld1q_f32(x));
        for (size_t j = 4; j < 32; j += 4) max = vmaxq_f32(max, vabsq_f32(vld1q_f32(x + j)));
        float amax = vmaxvq_f32(max);
        if (!(amax <= FLT_MAX)) {
            rl_act_void(RL_ACT_Q8, a, k, b);
            continue;
        }
        if (amax < RL_ACT_TINY) amax = 0;
        const float inverse = amax > 0 ? 127.0f / amax : 0.0f;
        const int8x16_t low = quantize16(x, inverse), high = quantize16(x + 16, inverse);
        vst1q_s8(q, low);
        vst1q_s8(q + 16, high);
        d[b] = amax / 127.0f;
        s[b] = vaddlvq_s8(low) + vaddlvq_s8(high);
    }
}

/* The value of largest magnitude, the first of equals; NaN or infinite where a value is. Only where a maximum and a
 * minimum are equally far out does the order matter. */
static inline float extreme_of(const float *x)
{
    float32x4_t max = vld1q_f32(x), min = max;
    for (size_t j = 4; j < 256; j += 4) {
        const float32x4_t v = vld1q_f32(x + j);
        max = vmaxq_f32(max, v);
        min = vminq_f32(min, v);
    }
    const float above = vmaxvq_f32(max), below = -vminvq_f32(min);
    if (above > below) return above;
    if (above < below) return -below;
    size_t first = 0;
    while (first < 255 && fabsf(x[first]) != above) first++;
    return isnan(above) ? above : x[first];
}

static void quantize_q8k(void *restrict a, const float *restrict x, size_t k)
{
    int8_t *q = a;
    float *d = (float *)((char *)a + rl_act_d_offset(k));
    int16_t *s = (int16_t *)((char *)a + rl_act_s_offset(RL_ACT_Q8K, k));
    for (size_t b = 0; b < k / 256; b++, x += 256, q += 256) {
        float extreme = extreme_of(x);
        if (!(fabsf(extreme) <= FLT_MAX)) {
            rl_act_void(RL_ACT_Q8K, a, k, b);
            continue;
        }
        if (fabsf(extreme) < RL_ACT_TINY) extreme = 0;
        const float inverse = extreme != 0 ? -127.0f / extreme : 0.0f;
        d[b] = extreme / -127.0f;
        for (size_t i = 0; i < 16; i++) {
            const int8x16_t v = quantize16(x + 16 * i, inverse);
            vst1q_s8(q + 16 * i, v);
            s[16 * b + i] = vaddlvq_s8(v);
        }
    }
}

/* ---- sampling ---- */

/* fcmgt is false for a NaN on either side, so none becomes a maximum. */
static inline float32x4_t larger(float32x4_t a, float32x4_t b) { return vbslq_f32(vcgtq_f32(a, b), a, b); }

static size_t argmax(const float *x, size_t n)
{
    float32x4_t max[4];
    for (size_t j = 0; j < 4; j++) max[j] = vdupq_n_f32(-INFINITY);
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        for (size_t j = 0; j < 4; j++) max[j] = larger(vld1q_f32(x + i + 4 * j), max[j]);
    for (; i < n; i += 4) max[0] = larger(load_or(x + i, n - i, -INFINITY), max[0]);
    const float top = vmaxvq_f32(vmaxq_f32(vmaxq_f32(max[0], max[1]), vmaxq_f32(max[2], max[3])));
    for (i = 0; i + 4 <= n && vmaxvq_u32(vceqq_f32(vld1q_f32(x + i), vdupq_n_f32(top))) == 0;) i += 4;
    for (; i < n; i++)
        if (x[i] == top) return i;
    return 0;
}

static float exp_sum(const float *x, size_t n, float max, float temperature)
{
    const float32x4_t m = vdupq_n_f32(max), t = vdupq_n_f32(temperature);
    float32x4_t sum = vdupq_n_f32(0);
    for (size_t i = 0; i < n; i += 4) {
        const float32x4_t v = load_or(x + i, n - i, -INFINITY);
        const float32x4_t e = rl_exp_f32x4(vdivq_f32(vsubq_f32(v, m), t));
        sum = vaddq_f32(sum, vbslq_f32(vceqq_f32(v, v), e, vdupq_n_f32(0)));
    }
    return vaddvq_f32(sum);
}

static const rl_ops rows[] = {
    {{"rmsnorm_neon", RL_NEON, RL_CPU_NEON},   RL_RMSNORM,      {.rmsnorm = rmsnorm}      },
    {{"rope_norm_neon", RL_NEON, RL_CPU_NEON}, RL_ROPE_NORM,    {.rope = rope_norm}       },
    {{"rope_neox_neon", RL_NEON, RL_CPU_NEON}, RL_ROPE_NEOX,    {.rope = rope_neox}       },
    {{"softmax_neon", RL_NEON, RL_CPU_NEON},   RL_SOFTMAX,      {.softmax = softmax}      },
    {{"swiglu_neon", RL_NEON, RL_CPU_NEON},    RL_SWIGLU,       {.swiglu = swiglu}        },
    {{"add_neon", RL_NEON, RL_CPU_NEON},       RL_ADD,          {.add = add}              },
    {{"q8_neon", RL_NEON, RL_CPU_NEON},        RL_QUANTIZE_Q8,  {.quantize = quantize_q8} },
    {{"q8k_neon", RL_NEON, RL_CPU_NEON},       RL_QUANTIZE_Q8K, {.quantize = quantize_q8k}},
    {{"argmax_neon", RL_NEON, RL_CPU_NEON},    RL_ARGMAX,       {.argmax = argmax}        },
    {{"exp_sum_neon", RL_NEON, RL_CPU_NEON},   RL_EXP_SUM,      {.exp_sum = exp_sum}      },
};
const rl_ops_table rl_ops_neon = {rows, RL_COUNT(rows)};
