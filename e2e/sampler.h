/* sampler.h - choosing the next token from logits: greedy, or a seeded draw at a temperature among the top k
 * that make up the top p.
 *
 * The k largest logits are kept, turned into probabilities at the temperature, and of those the most probable
 * are kept until they reach p. Equal logits rank by token number, lowest first, so a draw depends on nothing
 * but logits, options and seed. Where only p cuts, its part is of a sum of floats (exp_sum of ops/ops.h), so one
 * tier may keep a token more than another where the sum up to it comes that close to p. */
#ifndef RL_SAMPLER_H
#define RL_SAMPLER_H

#include "base/status.h"

#include <stdint.h>

typedef struct {
    float temperature; /* 0: greedy, the others are not looked at */
    uint32_t top_k;    /* 0: all */
    float top_p;       /* in (0, 1]; 1: all */
    uint64_t seed;
    uint32_t cpu; /* RL_CPU_ bits that its kernels may use; 0: scalar */
} rl_sampler_options;

typedef struct rl_sampler rl_sampler;

/* Errors: RL_ERR_ARG for options outside their ranges, naming the option; RL_ERR_MEMORY. */
rl_status rl_sampler_open(rl_sampler **sampler, const rl_sampler_options *options, size_t n_vocab,
                          rl_error *err);
void rl_sampler_close(rl_sampler *sampler);

/* logits [n_vocab]; NaNs are never chosen, unless there is nothing else. An infinite logit is chosen at once. */
uint32_t rl_sampler_pick(rl_sampler *sampler, const float *logits);

#endif
