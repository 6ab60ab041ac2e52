/* gemm.h - Y = W X for several tokens at once: the projections of a prompt, and of a few tokens that are verified
 * together.
 *   y  [n][ldy] f32             token t's results at y + t * ldy, m of them; overwritten; overlaps neither w nor x
 *   w  panels of [m][k]         base/panels.h, the first row's panel first, RL_LINE aligned (layout RL_PANELS), or rows
 *                               as GGUF stores them (RL_ROWS)
 *   x  [n] activations of k     token t's in the layout `act` (base/act.h) at x + t * x_stride bytes
 *   m, n, k                     m, n, k >= 1; k a multiple of the weight format's block; x_stride of RL_LINE
 * Reads no byte past w or x, writes none between y's rows; it may prefetch past w, which cannot fault. Pure: callers
 * split threads on m, at multiples of RL_PANEL_ROWS (better of 2 * RL_PANEL_ROWS). A result depends neither on which
 * other rows or tokens are in the call nor on n; of quants, it is to the bit that of the same tier's kernel for one
 * token (gemv.h) on the same layout.
 * Precision: of each result as in gemv.h. The tile unit's kernels of floats take numbers, sums and last bits below
 * 2^-126 for zero; what an infinity is in they make NaN or, of an infinite bf16 weight, an infinity.
 * Errors: none at run time. Scratch is on the stack: up to 72 KB; 448 KB of the tile unit's kernels of floats. */
#ifndef RL_GEMM_H
#define RL_GEMM_H

#include "base/act.h"
#include "base/kernel.h"
#include "base/matrix.h"

typedef void rl_gemm_fn(float *restrict y, size_t ldy, const void *restrict w, const void *restrict x,
                        size_t x_stride, size_t m, size_t n, size_t k);

typedef struct {
    rl_kernel base;
    rl_format format;
    rl_layout layout;
    rl_act act;
    rl_gemm_fn *run;
} rl_gemm;

/* The best kernel a CPU mask can run; NULL where no kernel takes the format in that layout. */
const rl_gemm *rl_gemm_find(rl_format format, rl_layout layout, uint32_t cpu);

/* The kernel that does a call of n tokens: of quants, the tile unit's (AMX) leave calls of few to their tier's other,
 * which is faster and has the same results. */
const rl_gemm *rl_gemm_doing(const rl_gemm *kern, size_t n);

/* Every kernel built, in a fixed order; NULL past the last. */
const rl_gemm *rl_gemm_at(size_t i);

typedef struct {
    const rl_gemm *rows;
    size_t n;
} rl_gemm_table;
extern const rl_gemm_table rl_gemm_scalar, rl_gemm_avx2, rl_gemm_avx512, rl_gemm_amx_avx512, rl_gemm_amxbf16_avx512;
extern const rl_gemm_table rl_gemm_neon, rl_gemm_i8mm_neon;

#endif
