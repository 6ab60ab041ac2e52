/* gemv_exact.h - one row of y = W x in double, and how far a kernel may be from it: the oracle that the tests
 * and the benches share. It stands on dequantisation, which is held bit for bit to the `gguf` package. */
#ifndef RL_GEMV_EXACT_H
#define RL_GEMV_EXACT_H

#include "gemv/gemv.h"

/* w: one row of k weights; x: its activations, in the kernel's layout. *bound is the one stated in gemv.h. */
void rl_gemv_exact_row(const rl_gemv *kernel, const void *w, const void *x, size_t k, double *value,
                       double *bound);

#endif
