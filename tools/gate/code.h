/* code.h - does a row run the object code that the baseline was measured with? Then it cannot have become slower,
 * only the machine can have. Pure.
 *
 * A bench carries the hashes of the objects it is made of (cmake/code_hashes.cmake): "gemv/avx512" those of a family's
 * kernels of one tier, "common" everything that has no tier: dispatch, the libraries below, the harness, the bench
 * itself. A row is called after its family, "gemv/q4_0/...", and says in a column which tier it ran. It depends on
 *   the families called like its own, or like its own and more ("tokenizer_heap"), in its tier and in scalar, which
 *     it is verified against and which ref_ratio is taken over;
 *   other families that its kernels run (code.c: gemm and gemv-packed gemv's), in the same tiers;
 *   the family "probe", which the percentages are taken of;
 *   "common"
 * and a row of no family, a whole model's, on all there is. All of that must be there on both sides, and equal. */
#ifndef RL_CODE_H
#define RL_CODE_H

#include "gate/origin.h"

typedef struct {
    const rl_part *parts;
    size_t n; /* 0: not known */
} rl_code_hashes;

/* isa: "" where the row does not say. */
bool rl_code_same(rl_code_hashes then, rl_code_hashes now, const char *row, const char *isa);

#endif
