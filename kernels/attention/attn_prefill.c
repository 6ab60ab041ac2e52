/* attn_prefill.c - the tables, finding in them, and the units of a prompt's attention. */
#include "attention/attn_prefill.h"

static const rl_attn_prefill_table *const tables[] = {
#if defined(RL_X86)
    &rl_attn_prefill_avx512,
    &rl_attn_prefill_avx2,
#elif defined(RL_ARM64)
    &rl_attn_prefill_neon,
#endif
    &rl_attn_prefill_scalar,
};

const rl_attn_prefill *rl_attn_prefill_find(rl_format kv_format, uint32_t cpu)
{
    for (size_t t = 0; t < RL_COUNT(tables); t++)
        for (size_t i = 0; i < tables[t]->n; i++) {
            const rl_attn_prefill *row = &tables[t]->rows[i];
            if (row->kv_format == kv_format && rl_kernel_runs(&row->base, cpu)) return row;
        }
    return NULL;
}

const rl_attn_prefill *rl_attn_prefill_at(size_t i)
{
    for (size_t t = 0; t < RL_COUNT(tables); i -= tables[t++]->n)
        if (i < tables[t]->n) return &tables[t]->rows[i];
    return NULL;
}

size_t rl_attn_prefill_tile(const rl_attn_shape *shape)
{
    enum { ROWS = 256 }; /* of q: no fewer than RL_ATTN_MAX_GROUP */
    return ROWS / rl_attn_group(shape);
}

/* Of each row: the query, the result, and four numbers. Of a block: keys, values, and the scores of four panels of
 * 16 rows. The tiers' layouts differ, and this holds the largest (attn_prefill_tile.h). */
size_t rl_attn_prefill_scratch_bytes(const rl_attn_shape *shape, size_t tile)
{
    const size_t rows = rl_round_up(tile * rl_attn_group(shape), 16), dim = shape->head_dim;
    return (rows * (2 * dim + 4) + RL_ATTN_KEYS * (2 * dim + 4 * 16)) * sizeof(float);
}

static size_t tiles_of(const rl_attn_prefill_job *job) { return (job->n + job->tile - 1) / job->tile; }

size_t rl_attn_prefill_units(const rl_attn_prefill_job *job) { return tiles_of(job) * job->shape.n_head_kv; }

void rl_attn_prefill_unit(const rl_attn_prefill_job *job, size_t unit, float *scratch)
{
    const rl_attn_shape *s = &job->shape;
    const rl_attn_prefill *kern = job->kernel;
    const size_t head = unit % s->n_head_kv, tile = tiles_of(job) - 1 - unit / s->n_head_kv;
    const size_t first = tile * job->tile, left = job->n - first;
    const size_t at = (first * s->n_head + head * rl_attn_group(s)) * s->head_dim;
    const rl_attn_planes kv = {
        .k = (const char *)job->k + head * job->plane_bytes,
        .v = (const char *)job->v + head * job->plane_bytes,
        .format = kern->kv_format,
    };
    kern->unit(job->out + at, job->q + at, &kv, s, left < job->tile ? left : job->tile, job->n_past + first,
               scratch);
}

void rl_attn_prefill_share(const rl_attn_prefill_job *job, size_t rank, size_t ranks, float *scratch)
{
    for (size_t unit = rank; unit < rl_attn_prefill_units(job); unit += ranks)
        rl_attn_prefill_unit(job, unit, scratch);
}
