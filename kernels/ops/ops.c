/* ops.c - the tables, widest first, finding in them, and the angles of rope. */
#include "ops/ops.h"

#include <math.h>

static const rl_ops_table *const tables[] = {
#if defined(RL_X86)
    &rl_ops_avx512,
    &rl_ops_avx2,
#elif defined(RL_ARM64)
    &rl_ops_neon,
#endif
    &rl_ops_scalar,
};

static const char *const names[RL_OP_COUNT] = {
    [RL_RMSNORM] = "rmsnorm", [RL_ROPE_NORM] = "rope_norm", [RL_ROPE_NEOX] = "rope_neox",
    [RL_SOFTMAX] = "softmax", [RL_SWIGLU] = "swiglu",       [RL_ADD] = "add",
    [RL_QUANTIZE_Q8] = "q8",  [RL_QUANTIZE_Q8K] = "q8k",    [RL_ARGMAX] = "argmax",
    [RL_EXP_SUM] = "exp_sum",
};

const char *rl_op_name(rl_op op) { return names[op]; }

const rl_ops *rl_ops_find(rl_op op, uint32_t cpu)
{
    for (size_t t = 0; t < RL_COUNT(tables); t++)
        for (size_t i = 0; i < tables[t]->n; i++) {
            const rl_ops *row = &tables[t]->rows[i];
            if (row->op == op && rl_kernel_runs(&row->base, cpu)) return row;
        }
    return NULL;
}

const rl_ops *rl_ops_at(size_t i)
{
    for (size_t t = 0; t < RL_COUNT(tables); i -= tables[t++]->n)
        if (i < tables[t]->n) return &tables[t]->rows[i];
    return NULL;
}

/* The activations of float weights are floats: to "quantise" them is to copy. */
static void copy_f32(void *restrict a, const float *restrict x, size_t k) { memcpy(a, x, k * sizeof *x); }

rl_ops_set rl_ops_best(uint32_t cpu)
{
    return (rl_ops_set){
        .rmsnorm = rl_ops_find(RL_RMSNORM, cpu)->run.rmsnorm,
        .rope_norm = rl_ops_find(RL_ROPE_NORM, cpu)->run.rope,
        .rope_neox = rl_ops_find(RL_ROPE_NEOX, cpu)->run.rope,
        .softmax = rl_ops_find(RL_SOFTMAX, cpu)->run.softmax,
        .swiglu = rl_ops_find(RL_SWIGLU, cpu)->run.swiglu,
        .add = rl_ops_find(RL_ADD, cpu)->run.add,
        .quantize = {[RL_ACT_F32] = copy_f32,
                     [RL_ACT_Q8] = rl_ops_find(RL_QUANTIZE_Q8, cpu)->run.quantize,
                     [RL_ACT_Q8K] = rl_ops_find(RL_QUANTIZE_Q8K, cpu)->run.quantize},
        .argmax = rl_ops_find(RL_ARGMAX, cpu)->run.argmax,
        .exp_sum = rl_ops_find(RL_EXP_SUM, cpu)->run.exp_sum,
    };
}

void rl_rope_table(float *cs, size_t n_rot, size_t position, double base, double scale)
{
    for (size_t i = 0; i < n_rot / 2; i++) {
        const double angle = (double)position * scale * pow(base, -2.0 * (double)i / (double)n_rot);
        cs[2 * i] = (float)cos(angle);
        cs[2 * i + 1] = (float)sin(angle);
    }
}
