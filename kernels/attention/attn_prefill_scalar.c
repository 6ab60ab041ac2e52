/* attn_prefill_scalar.c - the specification: each token and query head by itself, online softmax over the keys up to
 * the token's own. */
#include "attention/attn_prefill.h"
#include "attention/attn_rows.h"

#include <math.h>

/* One row: its query q against n keys. */
static void run_row(float *out, const float *q, const rl_attn_planes *kv, size_t dim, float scale, size_t n)
{
    const size_t row_bytes = rl_row_bytes(kv->format, dim);
    const char *key = kv->k, *value = kv->v;
    float max = -INFINITY, sum = 0;
    for (size_t i = 0; i < dim; i++) out[i] = 0;
    for (size_t t = 0; t < n; t++, key += row_bytes, value += row_bytes) {
        float score = 0;
        for (size_t i = 0; i < dim; i++) score += q[i] * rl_kv_value(key, i, kv->format);
        score *= scale;
        if (score > max) { /* a new maximum: what was summed so far shrinks */
            const float shrink = expf(max - score);
            for (size_t i = 0; i < dim; i++) out[i] *= shrink;
            sum *= shrink;
            max = score;
        }
        const float weight = expf(score - max);
        for (size_t i = 0; i < dim; i++) out[i] += weight * rl_kv_value(value, i, kv->format);
        sum += weight;
    }
    for (size_t i = 0; i < dim; i++) out[i] /= sum;
}

static void run_unit(float *restrict out, const float *restrict q, const rl_attn_planes *kv,
                     const rl_attn_shape *shape, size_t n, size_t past, float *restrict scratch)
{
    (void)scratch;
    const size_t dim = shape->head_dim, token = shape->n_head * dim;
    for (size_t i = 0; i < n; i++)
        for (size_t h = 0; h < rl_attn_group(shape); h++)
            run_row(out + i * token + h * dim, q + i * token + h * dim, kv, dim, shape->scale, past + i + 1);
}

static const rl_attn_prefill rows[] = {
    {{"attn_prefill_f16_scalar", RL_SCALAR, 0},  RL_F16,  run_unit},
    {{"attn_prefill_bf16_scalar", RL_SCALAR, 0}, RL_BF16, run_unit},
    {{"attn_prefill_q8_0_scalar", RL_SCALAR, 0}, RL_Q8_0, run_unit},
};
const rl_attn_prefill_table rl_attn_prefill_scalar = {rows, RL_COUNT(rows)};
