/* yardsticks.h - the probe kernels as the harness's yardsticks: read and write bandwidth of memory, and the
 * peaks of the float, the byte and the bfloat multiply-add. Whatever a case is a percentage of was measured beside it by these. */
#ifndef RL_YARDSTICKS_H
#define RL_YARDSTICKS_H

#include "perf/bench.h"

/* Registers "read", "write", "fma_f32", "dot_i8" and "dot_bf16" with the best kernels that `cpu` can run. */
void rl_yardsticks_add(rl_suite *suite, uint32_t cpu, size_t llc_bytes);

#endif
