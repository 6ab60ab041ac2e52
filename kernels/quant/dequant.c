/* dequant.c - the tables, widest first, and finding in them. */
#include "quant/dequant.h"

static const rl_dequant_table *const tables[] = {
#if defined(RL_X86)
    &rl_dequant_avx512,
    &rl_dequant_avx2,
#elif defined(RL_ARM64)
    &rl_dequant_neon,
#endif
    &rl_dequant_scalar,
};

const rl_dequant *rl_dequant_find(rl_format format, uint32_t cpu)
{
    for (size_t t = 0; t < RL_COUNT(tables); t++)
        for (size_t i = 0; i < tables[t]->n; i++) {
            const rl_dequant *row = &tables[t]->rows[i];
            if (row->format == format && rl_kernel_runs(&row->base, cpu)) return row;
        }
    return NULL;
}

const rl_dequant *rl_dequant_at(size_t i)
{
    for (size_t t = 0; t < RL_COUNT(tables); i -= tables[t++]->n)
        if (i < tables[t]->n) return &tables[t]->rows[i];
    return NULL;
}
