/* attn_decode.c - the tables, finding in them, and how a team shares one token's attention. */
#include "attention/attn_decode.h"

static const rl_attn_decode_table *const tables[] = {
    &rl_attn_decode_scalar,
};

const rl_attn_decode *rl_attn_decode_find(rl_format kv_format, uint32_t cpu)
{
    for (size_t t = 0; t < RL_COUNT(tables); t++)
        for (size_t i = 0; i < tables[t]->n; i++) {
            const rl_attn_decode *row = &tables[t]->rows[i];
            if (row->kv_format == kv_format && rl_kernel_runs(&row->base, cpu)) return row;
        }
    return NULL;
}

const rl_attn_decode *rl_attn_decode_at(size_t i)
{
    for (size_t t = 0; t < RL_COUNT(tables); i -= tables[t++]->n)
        if (i < tables[t]->n) return &tables[t]->rows[i];
    return NULL;
}

/* Floats that one (KV head, part) pair leaves behind. */
static size_t part_floats(const rl_attn_shape *s) { return rl_attn_group(s) * rl_attn_stride(s->head_dim); }

size_t rl_attn_scratch_bytes(const rl_attn_shape *shape, size_t n_ctx)
{
    return shape->n_head_kv * rl_attn_parts(n_ctx) * part_floats(shape) * sizeof(float);
}

void rl_attn_decode_parts(const rl_attn_job *job, size_t rank, size_t ranks)
{
    const rl_attn_shape *s = &job->shape;
    const size_t n_parts = rl_attn_parts(job->n_ctx), items = s->n_head_kv * n_parts;
    const size_t position_bytes = rl_row_bytes(job->kernel->kv_format, s->head_dim);
    for (size_t item = items * rank / ranks; item < items * (rank + 1) / ranks; item++) {
        const size_t head = item / n_parts, first = item % n_parts * RL_ATTN_PART, left = job->n_ctx - first;
        const size_t offset = head * job->plane_bytes + first * position_bytes;
        job->kernel->part(job->scratch + item * part_floats(s),
                          job->q + head * rl_attn_group(s) * s->head_dim, (const char *)job->k + offset,
                          (const char *)job->v + offset, s, left < RL_ATTN_PART ? left : RL_ATTN_PART);
    }
}

void rl_attn_decode_merge(const rl_attn_job *job, size_t rank, size_t ranks)
{
    const rl_attn_shape *s = &job->shape;
    const size_t n_parts = rl_attn_parts(job->n_ctx);
    for (size_t head = s->n_head_kv * rank / ranks; head < s->n_head_kv * (rank + 1) / ranks; head++)
        job->kernel->merge(job->out + head * rl_attn_group(s) * s->head_dim,
                           job->scratch + head * n_parts * part_floats(s), s, n_parts);
}
