/* gemm.c - the tables, widest first, and finding in them. */
#include "gemm/gemm.h"

static const rl_gemm_table *const tables[] = {
#if defined(RL_X86)
    &rl_gemm_amx_avx512,
    &rl_gemm_amxbf16_avx512,
    &rl_gemm_avx512,
    &rl_gemm_avx2,
#elif defined(RL_ARM64)
    &rl_gemm_i8mm_neon,
    &rl_gemm_neon,
#endif
    &rl_gemm_scalar,
};

const rl_gemm *rl_gemm_find(rl_format format, rl_layout layout, uint32_t cpu)
{
    for (size_t t = 0; t < RL_COUNT(tables); t++)
        for (size_t i = 0; i < tables[t]->n; i++) {
            const rl_gemm *row = &tables[t]->rows[i];
            if (row->format == format && row->layout == layout && rl_kernel_runs(&row->base, cpu)) return row;
        }
    return NULL;
}

const rl_gemm *rl_gemm_doing(const rl_gemm *kern, size_t n)
{
    /* taking a K format apart costs more than a block of 32, using it far less; floats stay, for the
     * other kernel's results are not the same */
    const size_t block = rl_format_table[kern->format].block_elems;
    const size_t least = block == RL_QK_K ? 16 : block == RL_QK ? 32 : 0;
    if (!rl_kernel_in_tiles(&kern->base) || n >= least) return kern;
    return rl_gemm_find(kern->format, kern->layout, kern->base.needs & ~(uint32_t)RL_CPU_AMX);
}

const rl_gemm *rl_gemm_at(size_t i)
{
    for (size_t t = 0; t < RL_COUNT(tables); i -= tables[t++]->n)
        if (i < tables[t]->n) return &tables[t]->rows[i];
    return NULL;
}
