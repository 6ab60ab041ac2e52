/* kvcache.h - keys and values of the positions decoded so far, as half floats.
 *
 *   k, v  [n_layer][n_head_kv][n_ctx][head_dim] f16
 * One plane a KV head: what attention reads for a head is one stream. */
#ifndef RL_KVCACHE_H
#define RL_KVCACHE_H

#include "base/format.h"
#include "llama.h"

typedef struct {
    size_t n_ctx;       /* positions there is room for */
    size_t plane_elems; /* n_ctx * head_dim */
    size_t layer_elems; /* n_head_kv * plane_elems */
    size_t bytes;       /* of each of k and v */
    rl_f16 *k, *v;      /* owned */
} rl_kvcache;

rl_status rl_kvcache_open(rl_kvcache *cache, const rl_llama_config *config, size_t n_ctx, rl_error *err);
void rl_kvcache_close(rl_kvcache *cache);

#endif
