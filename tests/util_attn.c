/* util_attn.c - attention by its definition. */
#include "util_attn.h"

#include "quant/dequant.h"
#include "quant/quantize.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

void util_attn_fill(void *out, rl_format format, size_t elems, float sd, util_rng *rng)
{
    float *values = malloc(elems * sizeof *values);
    for (size_t i = 0; i < elems; i++) values[i] = sd * util_normal(rng);
    rl_quantize_find(format, 0)->run(out, values, elems);
    free(values);
}

float *util_attn_widened(const void *rows, rl_format format, size_t elems)
{
    float *x = malloc(elems * sizeof *x);
    rl_dequant_find(format, 0)->run(x, rows, elems);
    return x;
}

/* What a block contributes to A of attn_decode.h. */
static double block_mass(const float q[RL_QK], const float k[RL_QK])
{
    double most = 0, sum = 0;
    for (size_t i = 0; i < RL_QK; i++) {
        if (fabs((double)q[i]) > most) most = fabs((double)q[i]);
        sum += fabs((double)k[i]);
    }
    return most * sum;
}

float util_attn_solve(float *want, const float *q, const float *k, const float *v, const rl_attn_shape *shape,
                      size_t n, float *rounding)
{
    const size_t dim = shape->head_dim;
    double *score = malloc(n * sizeof *score), max = -INFINITY, total = 0, s_max = 0, a_max = 0, v_max = 0;
    double sum[RL_ATTN_MAX_DIM] = {0};
    for (size_t t = 0; t < n; t++) {
        double mass = 0, coarse = 0;
        score[t] = 0;
        for (size_t i = 0; i < dim; i++) {
            const double product = (double)q[i] * (double)k[t * dim + i] * (double)shape->scale;
            score[t] += product;
            mass += fabs(product);
        }
        if (score[t] > max) max = score[t];
        if (mass > s_max) s_max = mass;
        for (size_t b = 0; b < dim; b += RL_QK) coarse += block_mass(q + b, k + t * dim + b);
        if (coarse * fabs((double)shape->scale) > a_max) a_max = coarse * fabs((double)shape->scale);
    }
    for (size_t t = 0; t < n; t++) {
        const double weight = exp(score[t] - max);
        total += weight;
        for (size_t i = 0; i < dim; i++) {
            sum[i] += weight * (double)v[t * dim + i];
            if (fabs((double)v[t * dim + i]) > v_max) v_max = fabs((double)v[t * dim + i]);
        }
    }
    for (size_t i = 0; i < dim; i++) want[i] = (float)(sum[i] / total);
    free(score);
    if (rounding != NULL) *rounding = (float)(a_max / 32000 * v_max);
    const double factor = (double)(dim + 8) * s_max + 5 * (double)n + 16;
    return (float)(factor * (double)FLT_EPSILON * v_max);
}
