/* quantize.h - one row of floats to weights: what a converter runs, and what synthetic models are made with.
 *   y  [n / block] blocks of format   overwritten; aligned to 2 bytes (f32: 4); does not overlap x
 *   x  [n] f32                        finite
 *   n  in elements                    a multiple of the format's block length (0 is fine)
 * Reads no byte past x, writes none past y (guard-page tested).
 * f32, f16, bf16, q8_0, q4_0, q4_1, q5_0 and q5_1 give the bits of the `gguf` Python package, the reference
 * of the format. The K formats have no such reference: a block is fitted by weighted least squares (kfit.h),
 * and the tests hold its error to that of ggml's own quantizer on the same rows (tests/test_quantize.c). A
 * scale that leaves the range of a half becomes infinite or 0, as in the reference. f16, bf16 and q8_0, which
 * a KV cache is written with, have vector kernels: the scalar ones' bits. Errors: none at run time.
 * Deterministic: no kernel depends on the machine. */
#ifndef RL_QUANTIZE_H
#define RL_QUANTIZE_H

#include "base/format.h"
#include "base/kernel.h"

typedef void rl_quantize_fn(void *restrict y, const float *restrict x, size_t n);

typedef struct {
    rl_kernel base;
    rl_format format;
    rl_quantize_fn *run;
} rl_quantize;

const rl_quantize *rl_quantize_find(rl_format format, uint32_t cpu);
const rl_quantize *rl_quantize_at(size_t i);

typedef struct {
    const rl_quantize *rows;
    size_t n;
} rl_quantize_table;
extern const rl_quantize_table rl_quantize_scalar, rl_quantize_avx2, rl_quantize_avx512;

#endif
