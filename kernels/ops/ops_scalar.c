/* ops_scalar.c - the specification of the operations between matrix products. */
#include "ops/ops.h"

#include <math.h>

static void rmsnorm(float *y, const float *x, const float *weight, size_t n, float eps)
{
    float sum = 0;
    for (size_t i = 0; i < n; i++) sum += x[i] * x[i];
    const float scale = 1.0f / sqrtf(sum / (float)n + eps);
    for (size_t i = 0; i < n; i++) y[i] = x[i] * scale * weight[i];
}

static void rotate(float *a, float *b, float c, float s)
{
    const float x = *a, y = *b;
    *a = x * c - y * s;
    *b = x * s + y * c;
}

static void rope_norm(float *restrict x, const float *restrict cs, size_t n_head, size_t head_dim,
                      size_t n_rot)
{
    for (size_t h = 0; h < n_head; h++, x += head_dim)
        for (size_t i = 0; i < n_rot / 2; i++) rotate(&x[2 * i], &x[2 * i + 1], cs[2 * i], cs[2 * i + 1]);
}

static void rope_neox(float *restrict x, const float *restrict cs, size_t n_head, size_t head_dim,
                      size_t n_rot)
{
    for (size_t h = 0; h < n_head; h++, x += head_dim)
        for (size_t i = 0; i < n_rot / 2; i++) rotate(&x[i], &x[i + n_rot / 2], cs[2 * i], cs[2 * i + 1]);
}

static void softmax(float *x, size_t n)
{
    float max = -INFINITY, sum = 0;
    for (size_t i = 0; i < n; i++) max = x[i] > max ? x[i] : max;
    if (max == -INFINITY) max = 0; /* everything masked: exp gives 0 throughout */
    for (size_t i = 0; i < n; i++) sum += x[i] = expf(x[i] - max);
    const float scale = sum > 0 ? 1.0f / sum : 0.0f;
    for (size_t i = 0; i < n; i++) x[i] *= scale;
}

static void swiglu(float *y, const float *gate, const float *up, size_t n)
{
    for (size_t i = 0; i < n; i++) y[i] = gate[i] / (1.0f + expf(-gate[i])) * up[i];
}

static void add(float *restrict y, const float *restrict x, size_t n)
{
    for (size_t i = 0; i < n; i++) y[i] += x[i];
}

static bool all_finite(const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(x[i])) return false;
    return true;
}

/* d = largest magnitude / 127; q = x * (127 / largest) rounded to nearest, halves to even. A block of nothing
 * but zeros and magnitudes below RL_ACT_TINY, where that quotient could overflow, is all zero with d = 0. */
static void quantize_q8(void *restrict a, const float *restrict x, size_t k)
{
    int8_t *q = a;
    float *d = (float *)((char *)a + rl_act_d_offset(k));
    int32_t *s = (int32_t *)((char *)a + rl_act_s_offset(RL_ACT_Q8, k));
    for (size_t b = 0; b < k / 32; b++) {
        if (!all_finite(x + 32 * b, 32)) {
            rl_act_void(RL_ACT_Q8, a, k, b);
            continue;
        }
        float amax = 0;
        for (size_t j = 0; j < 32; j++) amax = fmaxf(amax, fabsf(x[32 * b + j]));
        if (amax < RL_ACT_TINY) amax = 0;
        const float inverse = amax > 0 ? 127.0f / amax : 0.0f;
        d[b] = amax / 127.0f;
        s[b] = 0;
        for (size_t j = 0; j < 32; j++) s[b] += q[32 * b + j] = (int8_t)rintf(x[32 * b + j] * inverse);
    }
}

/* As ggml's q8_K: the value of largest magnitude (the first, of equals) becomes exactly -127 and d carries
 * its sign, so that d = -that / 127. */
static void quantize_q8k(void *restrict a, const float *restrict x, size_t k)
{
    int8_t *q = a;
    float *d = (float *)((char *)a + rl_act_d_offset(k));
    int16_t *s = (int16_t *)((char *)a + rl_act_s_offset(RL_ACT_Q8K, k));
    for (size_t b = 0; b < k / 256; b++, x += 256, q += 256) {
        if (!all_finite(x, 256)) {
            rl_act_void(RL_ACT_Q8K, a, k, b);
            continue;
        }
        float extreme = 0;
        for (size_t j = 0; j < 256; j++) extreme = fabsf(x[j]) > fabsf(extreme) ? x[j] : extreme;
        if (fabsf(extreme) < RL_ACT_TINY) extreme = 0;
        const float inverse = extreme != 0 ? -127.0f / extreme : 0.0f;
        d[b] = extreme / -127.0f;
        for (size_t j = 0; j < 256; j++) q[j] = (int8_t)rintf(x[j] * inverse);
        for (size_t i = 0; i < 16; i++) {
            int sum = 0;
            for (size_t j = 0; j < 16; j++) sum += q[16 * i + j];
            s[16 * b + i] = (int16_t)sum;
        }
    }
}

static size_t argmax(const float *x, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (x[i] > x[best] || (isnan(x[best]) && !isnan(x[i]))) best = i;
    return best;
}

static float exp_sum(const float *x, size_t n, float max, float temperature)
{
    float sum = 0;
    for (size_t i = 0; i < n; i++)
        if (!isnan(x[i])) sum += expf((x[i] - max) / temperature);
    return sum;
}

static const rl_ops rows[] = {
    {{"rmsnorm_scalar", RL_SCALAR, 0},   RL_RMSNORM,      {.rmsnorm = rmsnorm}      },
    {{"rope_norm_scalar", RL_SCALAR, 0}, RL_ROPE_NORM,    {.rope = rope_norm}       },
    {{"rope_neox_scalar", RL_SCALAR, 0}, RL_ROPE_NEOX,    {.rope = rope_neox}       },
    {{"softmax_scalar", RL_SCALAR, 0},   RL_SOFTMAX,      {.softmax = softmax}      },
    {{"swiglu_scalar", RL_SCALAR, 0},    RL_SWIGLU,       {.swiglu = swiglu}        },
    {{"add_scalar", RL_SCALAR, 0},       RL_ADD,          {.add = add}              },
    {{"q8_scalar", RL_SCALAR, 0},        RL_QUANTIZE_Q8,  {.quantize = quantize_q8} },
    {{"q8k_scalar", RL_SCALAR, 0},       RL_QUANTIZE_Q8K, {.quantize = quantize_q8k}},
    {{"argmax_scalar", RL_SCALAR, 0},    RL_ARGMAX,       {.argmax = argmax}        },
    {{"exp_sum_scalar", RL_SCALAR, 0},   RL_EXP_SUM,      {.exp_sum = exp_sum}      },
};
const rl_ops_table rl_ops_scalar = {rows, RL_COUNT(rows)};
