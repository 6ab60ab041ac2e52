/* ops.h - what stands between the matrix products of a decoder: normalise, rotate, exponentiate, quantise.
 * All buffers are f32 unless said otherwise, of any alignment; a kernel reads and writes exactly what is
 * stated, and buffers overlap only where stated.
 *
 *   rmsnorm       y[i] = x[i] / sqrt(mean(x^2) + eps) * weight[i]; y may be x
 *                 eps at least 2^-100, sum of x^2 below FLT_MAX
 *   rope          rotates pairs of each head by the angles of one position, in place
 *                 cs [n_rot / 2][2]: cosine and sine of each pair's angle (rl_rope_table)
 *                 x  [n_head][head_dim]: the first n_rot of a head (even, <= head_dim) take part
 *                 rope_norm pairs (2i, 2i + 1) as GGUF's Llama files do, rope_neox (i, i + n_rot / 2) as
 *                 Hugging Face's do
 *   softmax       x[i] = exp(x[i] - max) / sum, in place; n >= 1
 *                 finite input, or -inf for masked values (all masked: all 0)
 *   swiglu        y[i] = gate[i] / (1 + exp(-gate[i])) * up[i]; y may be gate or up
 *   add           y[i] += x[i]
 *   quantize_q8   activations in the layouts of base/act.h: one scale for 32
 *   quantize_q8k  ... or for 256, with sums of 16
 *   argmax        the place of the first of the largest; NaNs are passed over (nothing but NaNs: 0); n >= 1
 *   exp_sum       the sum of exp((x[i] - max) / temperature), which NaNs add nothing to: what top-p is a part of
 *                 max: the largest of x, finite; temperature > 0
 *
 * Precision against exact arithmetic on the same input, with E = FLT_EPSILON:
 *   rmsnorm       |dy| <= (n / 4 + 4) E |y| + 2^-126
 *   rope          |dx| <= 2 E (|a| + |b|) + 2^-126, a and b the pair
 *   softmax       |dx| <= (n / 2 + |x - max| / 2 + 16) E x + 2^-125
 *   swiglu        |dy| <= 4 E |y| + 2^-121 |up| + 2^-126: where exp(-gate) overflows, y is 0
 *   add           rounded once
 *   quantisers    the scalar kernel's bits; |x - d q| <= (1/2 + 2^-14) |d|, or |x| < RL_ACT_TINY and d = 0;
 *                 a block with a value that is not finite becomes void (base/act.h)
 *   argmax        exact
 *   exp_sum       |ds| <= (n / 2 + 32) E s + n 2^-125, n up to 2^31
 * The derivations stand in tests/test_ops.c. Errors: none at run time. */
#ifndef RL_OPS_H
#define RL_OPS_H

#include "base/act.h"
#include "base/kernel.h"

typedef enum {
    RL_RMSNORM,
    RL_ROPE_NORM,
    RL_ROPE_NEOX,
    RL_SOFTMAX,
    RL_SWIGLU,
    RL_ADD,
    RL_QUANTIZE_Q8,
    RL_QUANTIZE_Q8K,
    RL_ARGMAX,
    RL_EXP_SUM,
    RL_OP_COUNT
} rl_op;

typedef void rl_rmsnorm_fn(float *y, const float *x, const float *weight, size_t n, float eps);
typedef void rl_rope_fn(float *restrict x, const float *restrict cs, size_t n_head, size_t head_dim,
                        size_t n_rot);
typedef void rl_softmax_fn(float *x, size_t n);
typedef void rl_swiglu_fn(float *y, const float *gate, const float *up, size_t n);
typedef void rl_add_fn(float *restrict y, const float *restrict x, size_t n);
typedef size_t rl_argmax_fn(const float *x, size_t n);
typedef float rl_exp_sum_fn(const float *x, size_t n, float max, float temperature);
/* a: rl_act_bytes(kind, k) bytes, RL_LINE aligned; x [k] finite; k a multiple of the block, 32 or 256. */
typedef void rl_act_quantize_fn(void *restrict a, const float *restrict x, size_t k);

typedef struct {
    rl_kernel base;
    rl_op op;
    union {
        rl_rmsnorm_fn *rmsnorm;
        rl_rope_fn *rope;
        rl_softmax_fn *softmax;
        rl_swiglu_fn *swiglu;
        rl_add_fn *add;
        rl_act_quantize_fn *quantize;
        rl_argmax_fn *argmax;
        rl_exp_sum_fn *exp_sum;
    } run;
} rl_ops;

/* The best kernel for an operation that a CPU mask can run; NULL only for an operation outside the enum. */
const rl_ops *rl_ops_find(rl_op op, uint32_t cpu);
const rl_ops *rl_ops_at(size_t i);
const char *rl_op_name(rl_op op); /* "rmsnorm" */

/* All of them at once, for a decoder: one pointer an operation. */
typedef struct {
    rl_rmsnorm_fn *rmsnorm;
    rl_rope_fn *rope_norm, *rope_neox;
    rl_softmax_fn *softmax;
    rl_swiglu_fn *swiglu;
    rl_add_fn *add;
    rl_act_quantize_fn *quantize[RL_ACT_COUNT]; /* RL_ACT_F32: copies */
    rl_argmax_fn *argmax;
    rl_exp_sum_fn *exp_sum;
} rl_ops_set;
rl_ops_set rl_ops_best(uint32_t cpu);

/* cs [n_rot / 2][2] for one position: angle_i = position * scale * base^(-2i / n_rot), computed in double. */
void rl_rope_table(float *cs, size_t n_rot, size_t position, double base, double scale);

typedef struct {
    const rl_ops *rows;
    size_t n;
} rl_ops_table;
extern const rl_ops_table rl_ops_scalar, rl_ops_avx2, rl_ops_avx512, rl_ops_neon;

#endif
