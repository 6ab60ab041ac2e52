/* yardsticks.h - the probe kernels as the harness's yardsticks: read and write bandwidth of memory, and the
 * peaks of the float, the byte and the bfloat multiply-add. Whatever a case is a percentage of was measured beside it by these. */
#ifndef RL_YARDSTICKS_H
#define RL_YARDSTICKS_H

#include "perf/bench.h"

/* Registers "read", "write", "fma_f32", "dot_i8" and "dot_bf16" with the best kernels that `cpu` can run,
 * and "tile_i8" and "tile_bf16" where it has a tile unit. */
void rl_yardsticks_add(rl_suite *suite, uint32_t cpu, size_t llc_bytes);

/* Registers "read_again": reading the same `bytes` bytes (1 GiB of more) over and over, as a program does whose weights
 * they are. Unlike "read" it may find some of them in a cache, as the weights may be. */
void rl_yardsticks_add_again(rl_suite *suite, uint32_t cpu, size_t bytes);

#endif
