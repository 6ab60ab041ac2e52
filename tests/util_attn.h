/* util_attn.h - what the tests of attention share: cached rows of any format, and the exact result in double. */
#ifndef UTIL_ATTN_H
#define UTIL_ATTN_H

#include "util_guard.h"

#include "attention/attn_decode.h"

/* Formats that a cache may have. */
static const rl_format util_attn_formats[] = {RL_F16, RL_BF16, RL_Q8_0};

/* Normal numbers of deviation sd, in a format; elems a multiple of its block. */
void util_attn_fill(void *out, rl_format format, size_t elems, float sd, util_rng *rng);

/* Rows of a cache as the floats that they are; for free(). */
float *util_attn_widened(const void *rows, rl_format format, size_t elems);

/* want [head_dim]: one query head q against n rows of k and v, as floats, exactly but for the last rounding. Returns
 * how far off a kernel may be, the bound of attn_decode.h, and in `rounding`, if not NULL, what that allows in addition
 * where the query is rounded. */
float util_attn_solve(float *want, const float *q, const float *k, const float *v, const rl_attn_shape *shape,
                      size_t n, float *rounding);

#endif
