/* kernel.h - what every kernel row says about itself. A family's row starts with one of these. */
#ifndef RL_KERNEL_H
#define RL_KERNEL_H

#include "base/cpu.h"

typedef struct {
    const char *name; /* family_format[_panels]_isa, unique in the project: "gemv_q4_0_avx512" */
    rl_isa isa;
    uint32_t needs; /* RL_CPU_ bits, all required; 0 for scalar */
} rl_kernel;

/* True where the kernel multiplies in the tile unit. */
static inline bool rl_kernel_in_tiles(const rl_kernel *kernel) { return (kernel->needs & RL_CPU_AMX) != 0; }

/* True where a CPU mask can run the kernel. */
static inline bool rl_kernel_runs(const rl_kernel *kernel, uint32_t cpu)
{
    return (kernel->needs & ~cpu) == 0;
}

#endif
