/* dequant.h - one row of weights to floats.
 *   y  [n] f32                        overwritten; does not overlap x
 *   x  [n / block] blocks of format   as stored in GGUF; aligned to 2 bytes (f32: 4)
 *   n  in elements, a multiple of the format's block length (0 is fine)
 * Reads no byte past x, writes none past y (guard-page tested).
 * Precision: every value is one float expression of the block's fields, in the order the GGUF specification
 * gives it; all kernels give the same bits, and those of the `gguf` Python package (tests/test_dequant.c).
 * NaN payloads aside: a NaN scale gives a NaN. Errors: none at run time. Source: base/format.h. */
#ifndef RL_DEQUANT_H
#define RL_DEQUANT_H

#include "base/format.h"
#include "base/kernel.h"

typedef void rl_dequant_fn(float *restrict y, const void *restrict x, size_t n);

typedef struct {
    rl_kernel base;
    rl_format format;
    rl_dequant_fn *run;
} rl_dequant;

/* The best kernel a CPU mask can run; NULL only for a format outside the enum. */
const rl_dequant *rl_dequant_find(rl_format format, uint32_t cpu);

/* Every kernel built, in a fixed order; NULL past the last. */
const rl_dequant *rl_dequant_at(size_t i);

typedef struct {
    const rl_dequant *rows;
    size_t n;
} rl_dequant_table;
extern const rl_dequant_table rl_dequant_scalar, rl_dequant_avx2, rl_dequant_avx512, rl_dequant_neon;

#endif
