/* attn_decode.c - the tables, finding in them, and how a team shares one token's attention. */
#include "attention/attn_decode.h"

static const rl_attn_decode_table *const tables[] = {
#if defined(RL_X86)
    &rl_attn_decode_avx512,
    &rl_attn_decode_avx2,
#elif defined(RL_ARM64)
    &rl_attn_decode_neon,
#endif
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

static size_t part_length(size_t tile) { return tile != 0 ? tile : RL_ATTN_PART; }

static size_t parts_of(size_t n_ctx, size_t tile) { return (n_ctx - 1) / part_length(tile) + 1; }

size_t rl_attn_scratch_bytes(const rl_attn_shape *shape, size_t n_ctx, size_t tile)
{
    return shape->n_head_kv * parts_of(n_ctx, tile) * part_floats(shape) * sizeof(float);
}

/* Part number `part` of a KV head, left at `out`. */
static void run_part(const rl_attn_job *job, size_t head, size_t part, float *out)
{
    const rl_attn_shape *s = &job->shape;
    const size_t length = part_length(job->tile), first = part * length, left = job->n_ctx - first;
    const size_t offset = head * job->plane_bytes + first * rl_row_bytes(job->kernel->kv_format, s->head_dim);
    job->kernel->part(out, job->q + head * rl_attn_group(s) * s->head_dim, (const char *)job->k + offset,
                      (const char *)job->v + offset, s, left < length ? left : length);
}

static void merge_head(const rl_attn_job *job, size_t head, const float *parts)
{
    const rl_attn_shape *s = &job->shape;
    job->kernel->merge(job->out + head * rl_attn_group(s) * s->head_dim, parts, s,
                       parts_of(job->n_ctx, job->tile));
}

void rl_attn_decode_parts(const rl_attn_job *job, size_t rank, size_t ranks)
{
    const size_t n_parts = parts_of(job->n_ctx, job->tile), items = job->shape.n_head_kv * n_parts;
    for (size_t item = items * rank / ranks; item < items * (rank + 1) / ranks; item++)
        run_part(job, item / n_parts, item % n_parts, job->scratch + item * part_floats(&job->shape));
}

void rl_attn_decode_merge(const rl_attn_job *job, size_t rank, size_t ranks)
{
    const size_t heads = job->shape.n_head_kv,
                 head_floats = parts_of(job->n_ctx, job->tile) * part_floats(&job->shape);
    for (size_t head = heads * rank / ranks; head < heads * (rank + 1) / ranks; head++)
        merge_head(job, head, job->scratch + head * head_floats);
}

void rl_attn_decode_head(const rl_attn_job *job, size_t head)
{
    for (size_t part = 0; part < parts_of(job->n_ctx, job->tile); part++)
        run_part(job, head, part, job->scratch + part * part_floats(&job->shape));
    merge_head(job, head, job->scratch);
}
