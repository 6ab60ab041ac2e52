/* attn_decode_scalar.c - the specification: online softmax, one query head and one position at a time. */
#include "attention/attn_decode.h"
#include "attention/attn_rows.h"

#include <math.h>

static void run_part(float *part, const float *q, const char *k, const char *v, const rl_attn_shape *shape,
                     size_t n, rl_format format)
{
    const size_t dim = shape->head_dim, stride = rl_attn_stride(dim), row_bytes = rl_row_bytes(format, dim);
    for (size_t h = 0; h < rl_attn_group(shape); h++, q += dim, part += stride) {
        float max = -INFINITY, sum = 0;
        for (size_t i = 0; i < stride; i++) part[i] = 0;
        for (size_t t = 0; t < n; t++) {
            const char *key = k + t * row_bytes, *value = v + t * row_bytes;
            float score = 0;
            for (size_t i = 0; i < dim; i++) score += q[i] * rl_kv_value(key, i, format);
            score *= shape->scale;
            if (score > max) { /* a new maximum: what was summed so far shrinks */
                const float shrink = expf(max - score);
                for (size_t i = 0; i < dim; i++) part[i] *= shrink;
                sum *= shrink;
                max = score;
            }
            const float weight = expf(score - max);
            for (size_t i = 0; i < dim; i++) part[i] += weight * rl_kv_value(value, i, format);
            sum += weight;
        }
        part[dim] = max;
        part[dim + 1] = sum;
    }
}

static void part_f16(float *restrict part, const float *restrict q, const void *restrict k,
                     const void *restrict v, const rl_attn_shape *shape, size_t n)
{
    run_part(part, q, k, v, shape, n, RL_F16);
}

static void part_bf16(float *restrict part, const float *restrict q, const void *restrict k,
                      const void *restrict v, const rl_attn_shape *shape, size_t n)
{
    run_part(part, q, k, v, shape, n, RL_BF16);
}

static void part_q8_0(float *restrict part, const float *restrict q, const void *restrict k,
                      const void *restrict v, const rl_attn_shape *shape, size_t n)
{
    run_part(part, q, k, v, shape, n, RL_Q8_0);
}

static void merge_parts(float *restrict out, const float *restrict parts, const rl_attn_shape *shape,
                        size_t n_parts)
{
    const size_t dim = shape->head_dim, stride = rl_attn_stride(dim), group = rl_attn_group(shape);
    for (size_t h = 0; h < group; h++, out += dim) {
        float max = -INFINITY, sum = 0;
        for (size_t p = 0; p < n_parts; p++) max = fmaxf(max, parts[(p * group + h) * stride + dim]);
        for (size_t i = 0; i < dim; i++) out[i] = 0;
        for (size_t p = 0; p < n_parts; p++) {
            const float *part = parts + (p * group + h) * stride;
            const float weight = expf(part[dim] - max);
            for (size_t i = 0; i < dim; i++) out[i] += weight * part[i];
            sum += weight * part[dim + 1];
        }
        for (size_t i = 0; i < dim; i++) out[i] /= sum;
    }
}

static const rl_attn_decode rows[] = {
    {{"attn_decode_f16_scalar", RL_SCALAR, 0},  RL_F16,  false, part_f16,  merge_parts},
    {{"attn_decode_bf16_scalar", RL_SCALAR, 0}, RL_BF16, false, part_bf16, merge_parts},
    {{"attn_decode_q8_0_scalar", RL_SCALAR, 0}, RL_Q8_0, false, part_q8_0, merge_parts},
};
const rl_attn_decode_table rl_attn_decode_scalar = {rows, RL_COUNT(rows)};
