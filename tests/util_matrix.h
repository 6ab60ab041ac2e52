/* util_matrix.h - random weights of every format and random activations, for the tests of matrix kernels. */
#ifndef UTIL_MATRIX_H
#define UTIL_MATRIX_H

#include "util_guard.h"

#include "base/act.h"
#include "base/matrix.h"

/* Random blocks with scales that are sane numbers; random floats of a float format. */
void util_fill_weights(void *w, rl_format format, size_t elems, util_rng *rng);

/* Every byte of the blocks the same, except the scales, which are 0.01: the ends of what quants can be. */
void util_fill_weights_with(void *w, rl_format format, size_t elems, uint8_t byte);

/* One token's activations: random quants, every fourth block of 32 of extreme ones, since saturation would hide among
 * random ones, with the sums that belong to them; random floats. Only what the sections hold is written. */
void util_fill_act(void *x, rl_act act, size_t k, util_rng *rng);

/* The same with every quant `q`. */
void util_fill_act_with(void *x, rl_act act, size_t k, int8_t q);

/* rows [m][k] as a kernel of that layout reads them, up against a page nobody may touch. */
util_guard util_lay_out(const void *rows, rl_format format, rl_layout layout, size_t m, size_t k);

#endif
