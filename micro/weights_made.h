/* weights_made.h - a layer's weights and tokens, made up for a bench of matrix products, and the check of what a kernel
 * makes of them. The numbers look like a layer's: seeded, near normal, the weights of a standard deviation of
 * 1 / sqrt(columns). A matrix repeats its first rows: a kernel cannot tell, and quantising is slow. */
#ifndef RL_WEIGHTS_MADE_H
#define RL_WEIGHTS_MADE_H

#include "base/act.h"
#include "base/matrix.h"
#include "ring.h"

enum { RL_MADE_ROWS = 64 }; /* that differ; a multiple of RL_PANEL_ROWS */

typedef struct {
    rl_matrix w;    /* data is the first of the copies, borrowed */
    char *rows;     /* [RL_MADE_ROWS] as a file stores them, owned */
    rl_ring copies; /* owned */
} rl_made_weights;

/* Weights of the shape, format and layout of `like`, whose data is not looked at; one copy (hot), or a ring of them
 * (cold). Errors: RL_ERR_MEMORY, and nothing is left to free. */
rl_status rl_made_weights_open(rl_made_weights *made, const rl_matrix *like, size_t ring_bytes, bool cold,
                               rl_error *err);
void rl_made_weights_close(rl_made_weights *made); /* zeroed ones, too */

/* Row r < RL_MADE_ROWS as a file stores it. */
const char *rl_made_row(const rl_made_weights *made, size_t r);

/* n tokens of k values as activations, rl_act_bytes apart: the same values for every kind. NULL without memory; freed
 * with rl_free. */
char *rl_made_tokens(rl_act act, size_t n, size_t k);

/* y [n][rows] = W x of the tokens x [n]: of the first token, the middle one and the last, the rows that differ against
 * exact arithmetic within the kernels' bound (gemv.h); of every token, the rows that repeat others against those, bit
 * for bit. *max_error: the largest difference from exact, as a part of the largest result. Errors: RL_ERR_FORMAT. */
rl_status rl_made_weights_verify(const rl_made_weights *made, const float *y, const char *x, size_t n,
                                 double *max_error, rl_error *err);

#endif
