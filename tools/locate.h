/* locate.h - from a benchmark's name to the source file of its kernel. */
#ifndef RL_LOCATE_H
#define RL_LOCATE_H

#include "gate/pool.h"
#include "registry.h"

/* "kernels/gemv/gemv_avx512.c" for a registered kernel; NULL for a family that has no files known here. */
const char *rl_locate_kernel(const rl_registry_row *row, rl_pool *pool);

/* The same for the kernel that "gemv/q4_0/avx512/5632x2048/hot" names by family, format (or variant) and tier;
 * NULL where no registered kernel has them. */
const char *rl_locate_row(const char *benchmark, rl_pool *pool);

#endif
