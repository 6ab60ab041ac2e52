/* probe.c - the tables, widest first, and finding in them. */
#include "probe/probe.h"

static const rl_probe_table *const tables[] = {
#if defined(RL_X86)
    &rl_probe_bf16_avx512, &rl_probe_amx_avx512, &rl_probe_avx512, &rl_probe_avx2,
#elif defined(RL_ARM64)
    &rl_probe_bf16_neon,
    &rl_probe_i8mm_neon,
    &rl_probe_neon,
#endif
    &rl_probe_scalar,
};

static const char *const names[RL_PROBE_COUNT] = {
    [RL_PROBE_READ] = "read",           [RL_PROBE_WRITE] = "write",       [RL_PROBE_FMA_F32] = "fma_f32",
    [RL_PROBE_DOT_I8] = "dot_i8",       [RL_PROBE_DOT_BF16] = "dot_bf16", [RL_PROBE_TILE_I8] = "tile_i8",
    [RL_PROBE_TILE_BF16] = "tile_bf16",
};

const char *rl_probe_name(rl_probe_kind kind) { return names[kind]; }

const rl_probe *rl_probe_find(rl_probe_kind kind, uint32_t cpu)
{
    for (size_t t = 0; t < RL_COUNT(tables); t++)
        for (size_t i = 0; i < tables[t]->n; i++) {
            const rl_probe *row = &tables[t]->rows[i];
            if (row->kind == kind && rl_kernel_runs(&row->base, cpu)) return row;
        }
    return NULL;
}

const rl_probe *rl_probe_at(size_t i)
{
    for (size_t t = 0; t < RL_COUNT(tables); i -= tables[t++]->n)
        if (i < tables[t]->n) return &tables[t]->rows[i];
    return NULL;
}
