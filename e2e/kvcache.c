/* kvcache.c - two large blocks of pages. */
#include "kvcache.h"
#include "base/mem.h"

rl_status rl_kvcache_open(rl_kvcache *c, const rl_llama_config *cfg, size_t n_ctx, rl_error *err)
{
    size_t elems;
    *c = (rl_kvcache){.n_ctx = n_ctx};
    if (!rl_mul_ok(n_ctx, cfg->head_dim, &c->plane_elems) ||
        !rl_mul_ok(c->plane_elems, cfg->n_head_kv, &c->layer_elems) ||
        !rl_mul_ok(c->layer_elems, cfg->n_layer, &elems) || !rl_mul_ok(elems, sizeof(rl_f16), &c->bytes))
        return rl_fail(err, RL_ERR_MEMORY, "a context of %zu positions does not fit in memory", n_ctx);
    c->k = rl_pages_alloc(c->bytes);
    c->v = rl_pages_alloc(c->bytes);
    if (c->k == NULL || c->v == NULL) {
        const size_t mib = c->bytes >> 19;
        rl_kvcache_close(c);
        return rl_fail(err, RL_ERR_MEMORY, "out of memory for the KV cache: %zu positions take %zu MiB",
                       n_ctx, mib);
    }
    return RL_OK;
}

void rl_kvcache_close(rl_kvcache *c)
{
    rl_pages_free(c->k, c->bytes);
    rl_pages_free(c->v, c->bytes);
    *c = (rl_kvcache){0};
}
