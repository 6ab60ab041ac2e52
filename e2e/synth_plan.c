/* synth_plan.c - which tensors a synthetic model has, in which formats: the tables and nothing else. */
#include "synth.h"

#include <stdio.h>

/* tiny has rows of whole K blocks, grouped heads, and layers of both kinds in a mix. */
static const rl_synth_shape shapes[] = {
    {"tinyllama-1.1b", 2048, 5632, 22, 32, 4, 2048, 1e-5f, 10000},
    {"tiny",           256,  768,  4,  4,  2, 2048, 1e-5f, 10000},
};

/* general.file_type as llama.cpp numbers it. */
static const rl_synth_mix mixes[] = {
    {"f32",    0,  RL_F32,  RL_F32,  RL_F32 },
    {"f16",    1,  RL_F16,  RL_F16,  RL_F16 },
    {"bf16",   32, RL_BF16, RL_BF16, RL_BF16},
    {"q8_0",   7,  RL_Q8_0, RL_Q8_0, RL_Q8_0},
    {"q4_0",   2,  RL_Q4_0, RL_Q6_K, RL_Q4_0},
    {"q4_K_M", 15, RL_Q4_K, RL_Q6_K, RL_Q6_K},
    {"q5_K_M", 17, RL_Q5_K, RL_Q6_K, RL_Q6_K},
    {"q6_K",   18, RL_Q6_K, RL_Q6_K, RL_Q6_K},
};

const rl_synth_shape *rl_synth_shape_at(size_t i) { return i < RL_COUNT(shapes) ? &shapes[i] : NULL; }
const rl_synth_mix *rl_synth_mix_at(size_t i) { return i < RL_COUNT(mixes) ? &mixes[i] : NULL; }

rl_status rl_synth_named(rl_synth_model *model, const char *shape, const char *mix, rl_error *err)
{
    char names[128] = "";
    size_t used = 0;
    model->shape = NULL;
    model->mix = NULL;
    for (size_t i = 0; i < RL_COUNT(shapes); i++) {
        if (strcmp(shapes[i].name, shape) == 0) model->shape = &shapes[i];
        used += (size_t)snprintf(names + used, sizeof names - used, " %s", shapes[i].name);
    }
    if (model->shape == NULL)
        return rl_fail(err, RL_ERR_ARG, "there is no model shape '%s'; there are:%s", shape, names);
    used = 0;
    for (size_t i = 0; i < RL_COUNT(mixes); i++) {
        if (strcmp(mixes[i].name, mix) == 0) model->mix = &mixes[i];
        used += (size_t)snprintf(names + used, sizeof names - used, " %s", mixes[i].name);
    }
    if (model->mix == NULL)
        return rl_fail(err, RL_ERR_ARG, "there is no model format '%s'; there are:%s", mix, names);
    return RL_OK;
}

/* A layer's tensors. Sizes are given as members of the shape. */
typedef enum { EMBD, FF, Q_ROWS, KV_ROWS } size_of;
static const struct {
    const char *name;
    rl_synth_kind kind;
    size_of rows, cols;
    bool more_bits; /* gets them, in some layers */
} layer[] = {
    {"attn_norm",   RL_SYNTH_NORM,       EMBD,    EMBD,   false},
    {"attn_q",      RL_SYNTH_ATTENTION,  Q_ROWS,  EMBD,   false},
    {"attn_k",      RL_SYNTH_ATTENTION,  KV_ROWS, EMBD,   false},
    {"attn_v",      RL_SYNTH_PROJECTION, KV_ROWS, EMBD,   true },
    {"attn_output", RL_SYNTH_RESIDUAL,   EMBD,    Q_ROWS, false},
    {"ffn_norm",    RL_SYNTH_NORM,       EMBD,    EMBD,   false},
    {"ffn_gate",    RL_SYNTH_PROJECTION, FF,      EMBD,   false},
    {"ffn_up",      RL_SYNTH_PROJECTION, FF,      EMBD,   false},
    {"ffn_down",    RL_SYNTH_RESIDUAL,   EMBD,    FF,     true },
};

static size_t size(const rl_synth_shape *s, size_of what)
{
    const size_t head_dim = s->n_embd / s->n_head;
    return what == EMBD     ? s->n_embd
           : what == FF     ? s->n_ff
           : what == Q_ROWS ? s->n_embd
                            : s->n_head_kv * head_dim;
}

/* The layers whose errors cost most, by llama.cpp's rule: the first and the last eighth, and every third. */
static bool gets_more_bits(size_t i, size_t n_layer)
{
    return i < n_layer / 8 || i >= 7 * n_layer / 8 || (i - n_layer / 8) % 3 == 2;
}

size_t rl_synth_tensor_count(const rl_synth_model *m) { return 1 + RL_COUNT(layer) * m->shape->n_layer + 2; }

rl_synth_tensor rl_synth_tensor_at(const rl_synth_model *m, size_t i)
{
    const rl_synth_shape *s = m->shape;
    const size_t n = m->vocab->n, last = rl_synth_tensor_count(m) - 1;
    if (i == 0) return (rl_synth_tensor){"token_embd.weight", RL_SYNTH_EMBEDDING, m->mix->base, n, s->n_embd};
    if (i == last - 1) return (rl_synth_tensor){"output_norm.weight", RL_SYNTH_NORM, RL_F32, 1, s->n_embd};
    if (i == last) return (rl_synth_tensor){"output.weight", RL_SYNTH_OUTPUT, m->mix->output, n, s->n_embd};
    const size_t block = (i - 1) / RL_COUNT(layer), k = (i - 1) % RL_COUNT(layer);
    const bool is_norm = layer[k].kind == RL_SYNTH_NORM;
    const bool more = layer[k].more_bits && gets_more_bits(block, s->n_layer);
    rl_synth_tensor t = {.kind = layer[k].kind,
                         .format = is_norm ? RL_F32
                                   : more  ? m->mix->more
                                           : m->mix->base,
                         .rows = is_norm ? 1 : size(s, layer[k].rows),
                         .cols = size(s, layer[k].cols)};
    snprintf(t.name, sizeof t.name, "blk.%zu.%s.weight", block, layer[k].name);
    return t;
}

uint64_t rl_synth_tensor_bytes(const rl_synth_model *m)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < rl_synth_tensor_count(m); i++) {
        const rl_synth_tensor t = rl_synth_tensor_at(m, i);
        sum += (uint64_t)t.rows * rl_row_bytes(t.format, t.cols);
    }
    return sum;
}
