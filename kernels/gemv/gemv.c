/* gemv.c - the tables, widest first, and finding in them. */
#include "gemv/gemv.h"

static const rl_gemv_table *const tables[] = {
#if defined(RL_X86)
    &rl_gemv_avx512, &rl_gemv_panels_avx512, &rl_gemv_kpanels_avx512,
    &rl_gemv_avx2,   &rl_gemv_panels_avx2,   &rl_gemv_kpanels_avx2,
#elif defined(RL_ARM64)
    &rl_gemv_neon,   &rl_gemv_panels_neon,   &rl_gemv_kpanels_neon,
#endif
    &rl_gemv_scalar, &rl_gemv_panels_scalar,
};

const rl_gemv *rl_gemv_find(rl_format format, rl_layout layout, uint32_t cpu)
{
    for (size_t t = 0; t < RL_COUNT(tables); t++)
        for (size_t i = 0; i < tables[t]->n; i++) {
            const rl_gemv *row = &tables[t]->rows[i];
            if (row->format == format && row->layout == layout && rl_kernel_runs(&row->base, cpu)) return row;
        }
    return NULL;
}

const rl_gemv *rl_gemv_at(size_t i)
{
    for (size_t t = 0; t < RL_COUNT(tables); i -= tables[t++]->n)
        if (i < tables[t]->n) return &tables[t]->rows[i];
    return NULL;
}
