/* plain_attn.c - one query head at a time, and the columns of both attention benches. */
#include "plain_attn.h"
#include "base/mem.h"
#include "quant/quantize.h"
#include "ring.h"

#include <stdlib.h>

/* One query head is all heads of a KV head that has no others. */
static rl_attn_shape one_head(const rl_plain_attn *a)
{
    return (rl_attn_shape){1, 1, a->shape.head_dim, a->shape.scale};
}

size_t rl_plain_attn_scratch_bytes(const rl_plain_attn *a)
{
    const rl_attn_shape shape = one_head(a);
    return rl_attn_scratch_bytes(&shape, a->n_plane, 0);
}

void rl_plain_attn_token(const rl_plain_attn *a, float *out, const float *q, const char *kv, size_t n_ctx,
                         size_t first, size_t step, float *scratch)
{
    const size_t dim = a->shape.head_dim, group = rl_attn_group(&a->shape);
    const char *v = kv + a->shape.n_head_kv * a->plane_bytes;
    for (size_t h = first; h < a->shape.n_head; h += step) {
        const rl_attn_job job = {
            .kernel = a->kernel,
            .shape = one_head(a),
            .q = q + h * dim,
            .k = kv + h / group * a->plane_bytes,
            .v = v + h / group * a->plane_bytes,
            .plane_bytes = a->plane_bytes,
            .n_ctx = n_ctx,
            .scratch = scratch,
            .out = out + h * dim,
        };
        rl_attn_decode_head(&job, 0);
    }
}

void rl_attn_columns_set(rl_state *st, const rl_attn_columns *c)
{
    const double rate = 1e9 * c->tokens / c->kernel_ns, plain = 1e9 * c->tokens / c->plain_ns;
    rl_state_counter(st, "tokens_per_s", rate, RL_COUNTER_AVG_THREADS);
    if (c->plain_ns > 0) {
        rl_state_counter(st, "baseline_tokens_per_s", plain, RL_COUNTER_AVG_THREADS);
        rl_state_counter(st, "speedup", rate / plain, RL_COUNTER_AVG_THREADS);
    }
    const struct {
        const char *name;
        double value;
    } same[] = {
        {"l2_diff",       c->l2_diff       },
        {"scratch_ratio", c->scratch_ratio },
        {"tile_tokens",   c->tile_tokens   },
        {"acc_width",     8 * sizeof(float)},
        {"has_avx2",      rl_isa_has(c->isa, "avx2")},
        {"has_vnni",               rl_isa_has(c->isa,                       "vnni")},
        {"l2_bytes_per_token",        c->l2_bytes_per_token  },
    };
    for (size_t i = 0; i < RL_COUNT(same); i++)
        rl_state_counter(st, same[i].name, same[i].value, RL_COUNTER_AVG_THREADS);
}

bool rl_attn_flag_number(rl_suite *suite, const rl_flag *flag, size_t most, size_t *out, int *exit_code)
{
    char shown[64], *end;
    *out = 0;
    if (flag->value[0] == '\0') return true;
    const unsigned long n = strtoul(flag->value, &end, 10);
    if (flag->value[0] >= '0' && flag->value[0] <= '9' && *end == '\0' && n >= 1 && n <= most) {
        *out = n;
        return true;
    }
    *exit_code = rl_suite_usage(suite, "--%s='%s': expected a number from 1 to %zu", flag->name,
                                rl_printable(shown, sizeof shown, flag->value, strlen(flag->value)), most);
    return false;
}

void *rl_attn_make_kv(rl_format format, const rl_attn_shape *shape, size_t n_ctx, size_t *bytes)
{
    const size_t elems = 2 * shape->n_head_kv * n_ctx * shape->head_dim;
    float *values = rl_alloc(elems * sizeof *values);
    *bytes = rl_row_bytes(format, elems);
    void *kv = rl_alloc(*bytes);
    if (values != NULL && kv != NULL) {
        rl_fill_normal(values, elems, 1, 2);
        rl_quantize_find(format, 0)->run(kv, values, elems);
    } else {
        rl_free(kv);
        kv = NULL;
    }
    rl_free(values);
    return kv;
}
