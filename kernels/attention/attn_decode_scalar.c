/* attn_decode_scalar.c - the specification: online softmax, one query head and one position at a time. */
#include "attention/attn_decode.h"

#include <math.h>

static void part_f16(float *restrict part, const float *restrict q, const void *restrict k,
                     const void *restrict v, const rl_attn_shape *shape, size_t n)
{
    const size_t dim = shape->head_dim, stride = rl_attn_stride(dim);
    for (size_t h = 0; h < rl_attn_group(shape); h++, q += dim, part += stride) {
        const rl_f16 *key = k, *value = v;
        float max = -INFINITY, sum = 0;
        for (size_t i = 0; i < stride; i++) part[i] = 0;
        for (size_t t = 0; t < n; t++, key += dim, value += dim) {
            float score = 0;
            for (size_t i = 0; i < dim; i++) score += q[i] * rl_f16_to_f32(key[i]);
            score *= shape->scale;
            if (score > max) { /* a new maximum: what was summed so far shrinks */
                const float shrink = expf(max - score);
                for (size_t i = 0; i < dim; i++) part[i] *= shrink;
                sum *= shrink;
                max = score;
            }
            const float weight = expf(score - max);
            for (size_t i = 0; i < dim; i++) part[i] += weight * rl_f16_to_f32(value[i]);
            sum += weight;
        }
        part[dim] = max;
        part[dim + 1] = sum;
    }
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
    {{"attn_decode_f16_scalar", RL_SCALAR, 0}, RL_F16, part_f16, merge_parts},
};
const rl_attn_decode_table rl_attn_decode_scalar = {rows, RL_COUNT(rows)};
