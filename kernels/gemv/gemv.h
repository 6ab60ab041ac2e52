/* gemv.h - y = W x, the projection of one decode step.
 *   y  [m] f32                    overwritten, m floats and no more; overlaps neither w nor x
 *   w  RL_ROWS: [m][k / block]    row-major, as stored in GGUF; aligned to 2 bytes (f32: 4)
 *      RL_PANELS: panels          of [m][k] (base/panels.h), the first row's first; RL_LINE aligned. The last may have
 *                                 rows that are not the matrix's: read, computed and not stored
 *   x  activations of k elements  in the layout `act` (base/act.h), RL_LINE aligned
 *   m, k in elements              m >= 1, k >= 1 a multiple of the block length of the weight format
 * Reads no byte past w or x, writes none past y (guard-page tested); it may prefetch past w, which cannot fault.
 * Pure: callers split threads on m, rows anywhere, panels at multiples of RL_PANEL_ROWS. A row's result does not
 * depend on which others are in the call.
 * Precision: with v = sum_i w_i x_i over the dequantised weights and activations in exact arithmetic,
 *   |y - v| <= (n + 8) * FLT_EPSILON * sum_i |w_i x_i|
 * n = k for float formats, k / 32 for blocks of 32, k / 256 for the K formats. Where a block has a minimum (q4_1 q5_1
 * q2_K q4_K q5_K) it is applied apart, and the sum is over |d q x| + |m x|. Integer sums inside a block are exact; the
 * bound counts the float additions (derived in tests/test_gemv.c).
 * Errors: none at run time. Source: block layouts in base/format.h. */
#ifndef RL_GEMV_H
#define RL_GEMV_H

#include "base/act.h"
#include "base/format.h"
#include "base/kernel.h"
#include "base/matrix.h"

typedef void rl_gemv_fn(float *restrict y, const void *restrict w, const void *restrict x, size_t m,
                        size_t k);

typedef struct {
    rl_kernel base;
    rl_format format;
    rl_layout layout;
    rl_act act;
    rl_gemv_fn *run;
} rl_gemv;

/* The best kernel a CPU mask can run; NULL where no kernel takes the format in that layout. */
const rl_gemv *rl_gemv_find(rl_format format, rl_layout layout, uint32_t cpu);

/* Every kernel built, in a fixed order; NULL past the last. */
const rl_gemv *rl_gemv_at(size_t i);

typedef struct {
    const rl_gemv *rows;
    size_t n;
} rl_gemv_table;
extern const rl_gemv_table rl_gemv_scalar, rl_gemv_avx2, rl_gemv_avx512, rl_gemv_neon;
extern const rl_gemv_table rl_gemv_panels_scalar, rl_gemv_panels_avx2, rl_gemv_panels_avx512;
extern const rl_gemv_table rl_gemv_kpanels_avx2, rl_gemv_kpanels_avx512;
extern const rl_gemv_table rl_gemv_panels_neon, rl_gemv_kpanels_neon;

#endif
