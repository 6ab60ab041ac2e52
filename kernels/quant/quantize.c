/* quantize.c - the tables, widest first, and finding in them. */
#include "quant/quantize.h"

static const rl_quantize_table *const tables[] = {
#if defined(RL_X86)
    &rl_quantize_avx512,
    &rl_quantize_avx2,
#endif
    &rl_quantize_scalar,
};

const rl_quantize *rl_quantize_find(rl_format format, uint32_t cpu)
{
    for (size_t t = 0; t < RL_COUNT(tables); t++)
        for (size_t i = 0; i < tables[t]->n; i++) {
            const rl_quantize *row = &tables[t]->rows[i];
            if (row->format == format && rl_kernel_runs(&row->base, cpu)) return row;
        }
    return NULL;
}

const rl_quantize *rl_quantize_at(size_t i)
{
    for (size_t t = 0; t < RL_COUNT(tables); i -= tables[t++]->n)
        if (i < tables[t]->n) return &tables[t]->rows[i];
    return NULL;
}
