/* decoder.c - the forward pass. run_step reads like the model's definition; above it are the phases, each
 * written for one member of the team.
 *
 * A single token reads every weight once and is over when the last has come from memory. So memory must never be idle:
 *   - Few barriers, four a layer. Norms and quantisations take microseconds: every member does them for itself, into
 *     buffers of its own. Where the KV heads can be dealt out evenly, a member takes its heads from their projections
 *     through rotation and cache to their attention, and nobody waits for anybody.
 *   - What waits at a barrier has asked for the first of its next weights before.
 *   - The last tenth of a matrix goes to whoever is ready (rl_team_walk): CPUs of a virtual machine come and go.
 *
 * The tokens of a prompt share each reading of the weights (kernels/gemm), and are bound by arithmetic. */
#include "decoder.h"
#include "attention/attn_decode.h"
#include "attention/attn_prefill.h"
#include "base/team.h"
#include "gemm/gemm.h"
#include "gemv/gemv.h"
#include "kvcache.h"
#include "ops/ops.h"
#include "perf/clock.h"
#include "quant/dequant.h"
#include "quant/quantize.h"
#include "weights.h"

#include <math.h>

enum {
    DEFAULT_BATCH =
        128, /* weights are read once for so many tokens, whose activations stay in the second cache */
    BLOCK_BYTES =
        24 * 1024, /* without a GEMM: rows that stay in the first cache while the tokens of a batch pass */
    AHEAD_BYTES = 16 * 1024, /* of the next weights, asked for before a barrier */
};

struct rl_decoder {
    const rl_llama *model; /* the caller's, or that of `weights` */
    rl_weights weights;    /* packed; empty where they stay rows */
    int64_t pack_ns;
    rl_team *team;
    rl_kvcache kv;
    size_t n_past, batch, tile, work_bytes; /* tile: tokens that attention takes together */

    rl_ops_set ops;
    const rl_attn_decode *attn;
    const rl_attn_prefill *attn_prefill;
    const rl_dequant *embed;
    const rl_quantize *to_f16;
    const rl_gemv *gemv[RL_LAYOUT_COUNT][RL_FORMAT_COUNT];
    const rl_gemm *gemm[RL_LAYOUT_COUNT][RL_FORMAT_COUNT]; /* NULL: token by token */

    /* All in one arena, owned. n = batch tokens, r = ranks. */
    char *arena;
    float *rope;                 /* [n_ctx][n_rot]: cosines and sines */
    float *x, *sum;              /* [n][n_embd]: the residual stream, and what is to be added to it */
    float *q, *k, *v, *att;      /* [n][n_head * head_dim], [n][n_head_kv * head_dim] twice, as q */
    float *gate, *up;            /* [n][n_ff] */
    char *act[RL_ACT_COUNT];     /* [n] quantised inputs of the next matrices, rl_act_bytes of each */
    char *own_act[RL_ACT_COUNT]; /* [r] the same, for a single token, one a rank, act_stride bytes each */
    float *own_norm;             /* [r][n_embd] */
    float *scratch;              /* attention: one token's parts of all heads, or [r] a rank's own */
    size_t act_stride, scratch_floats; /* of one rank */
};

/* One evaluation of up to `batch` tokens. */
typedef struct {
    rl_decoder *d;
    const uint32_t *tokens;
    size_t n;
    float *logits; /* of the last token, or [n][n_vocab]; NULL: none wanted */
    bool all_logits;
} step;

static size_t q_dim(const rl_llama_config *c) { return c->n_head * c->head_dim; }
static size_t kv_dim(const rl_llama_config *c) { return c->n_head_kv * c->head_dim; }

/* ---- phases: every function is run by all ranks, each on its share ---- */

static void wait_for_all(const step *s) { rl_team_barrier(s->d->team); }

/* The same, where this rank goes on with its rows of w. */
static void wait_before(const step *s, size_t rank, const rl_matrix *w)
{
    if (s->n == 1) {
        size_t first, last;
        rl_team_share(s->d->team, rank, w->rows, RL_WEIGHTS_UNIT, &first, &last);
        const char *p = rl_matrix_row(w, first), *end = (const char *)w->data + rl_matrix_bytes(w);
        if (end - p > AHEAD_BYTES) end = p + AHEAD_BYTES;
        for (; p < end; p += RL_LINE) __builtin_prefetch(p, 0, 2);
    }
    wait_for_all(s);
}

/* Where the quantised input of token t, of `cols` values, is for this rank. */
static char *act_of(const step *s, size_t rank, rl_act kind, size_t t, size_t cols)
{
    const rl_decoder *d = s->d;
    if (s->n == 1) return d->own_act[kind] + rank * d->act_stride;
    return d->act[kind] + t * rl_act_bytes(kind, cols);
}

/* The tokens [*first, *last) that a rank prepares: its share of a prompt, or the single token that all do. */
static void tokens_of(const step *s, size_t rank, size_t *first, size_t *last)
{
    *first = 0;
    *last = 1;
    if (s->n > 1) rl_team_share(s->d->team, rank, s->n, 1, first, last);
}

static bool wants(const rl_matrix *const *w, size_t n_w, rl_act kind)
{
    for (size_t i = 0; i < n_w; i++)
        if (rl_act_for(w[i]->format) == kind) return true;
    return false;
}

/* Quantises in[t] [cols] for each kind of activations that the matrices take. With a norm weight, normalises first. */
static void prepare(const step *s, size_t rank, const float *in, size_t cols, const float *norm,
                    const rl_matrix *const *w, size_t n_w)
{
    const rl_decoder *d = s->d;
    float *normed = d->own_norm + rank * d->model->config.n_embd;
    size_t first, last;
    tokens_of(s, rank, &first, &last);
    for (size_t t = first; t < last; t++) {
        const float *x = in + t * cols;
        if (norm != NULL) {
            d->ops.rmsnorm(normed, x, norm, cols, d->model->config.rms_eps);
            x = normed;
        }
        for (rl_act kind = 0; kind < RL_ACT_COUNT; kind++)
            if (wants(w, n_w, kind)) d->ops.quantize[kind](act_of(s, rank, kind, t, cols), x, cols);
    }
    if (s->n > 1) wait_for_all(s);
}

/* y[t] = W x[t] on rows [begin, end), begin a multiple of RL_PANEL_ROWS; y is `stride` floats a token. */
static void project_rows(const step *s, size_t rank, const rl_matrix *w, size_t begin, size_t end, float *y,
                         size_t stride)
{
    const rl_gemv *gemv = s->d->gemv[w->layout][w->format];
    const rl_gemm *gemm = s->d->gemm[w->layout][w->format];
    if (begin == end) return;
    if (s->n > 1 && gemm != NULL) {
        gemm->run(y + begin, stride, rl_matrix_row(w, begin), act_of(s, rank, gemm->act, 0, w->cols),
                  rl_act_bytes(gemm->act, w->cols), end - begin, s->n, w->cols);
        return;
    }
    size_t block = BLOCK_BYTES / rl_row_bytes(w->format, w->cols) / RL_PANEL_ROWS * RL_PANEL_ROWS;
    if (block < RL_PANEL_ROWS) block = RL_PANEL_ROWS;
    if (s->n == 1) block = end - begin;
    for (size_t r = begin; r < end; r += block)
        for (size_t t = 0; t < s->n; t++)
            gemv->run(y + t * stride + r, rl_matrix_row(w, r), act_of(s, rank, gemv->act, t, w->cols),
                      end - r < block ? end - r : block, w->cols);
}

static rl_team_walk walk(const step *s, size_t rank, const rl_matrix *w)
{
    /* a kernel may take the activations of all its tokens apart in every call, which few rows do not pay for */
    enum { MANY = 8, PIECE = 4 * RL_WEIGHTS_UNIT };
    return rl_team_walk_start(s->d->team, rank, w->rows, RL_WEIGHTS_UNIT,
                              s->n > MANY ? PIECE : RL_WEIGHTS_UNIT);
}

static void project(const step *s, size_t rank, const rl_matrix *w, float *y)
{
    for (rl_team_walk part = walk(s, rank, w); rl_team_walk_next(&part);)
        project_rows(s, rank, w, part.begin, part.end, y, w->rows);
}

/* x[t] += W act[t] */
static void project_add(const step *s, size_t rank, const rl_matrix *w)
{
    const rl_decoder *d = s->d;
    for (rl_team_walk part = walk(s, rank, w); rl_team_walk_next(&part);) {
        project_rows(s, rank, w, part.begin, part.end, d->sum, w->rows);
        for (size_t t = 0; t < s->n; t++) {
            const size_t at = t * w->rows + part.begin;
            d->ops.add(d->x + at, d->sum + at, part.end - part.begin);
        }
    }
}

static void embed(const step *s, size_t rank)
{
    const rl_decoder *d = s->d;
    const size_t n_embd = d->model->config.n_embd;
    for (size_t t = rank; t < s->n; t += rl_team_size(d->team))
        d->embed->run(d->x + t * n_embd, rl_matrix_row(&d->model->token_embd, s->tokens[t]), n_embd);
}

/* Rotates a token's queries and key of a KV head by their position, and puts key and value into the cache. */
static void rotate_and_store(const step *s, size_t layer, size_t t, size_t h)
{
    rl_decoder *d = s->d;
    const rl_llama_config *c = &d->model->config;
    const size_t group = c->n_head / c->n_head_kv, dim = c->head_dim, position = d->n_past + t;
    const float *angles = d->rope + position * c->n_rot;
    float *key = d->k + t * kv_dim(c) + h * dim;
    d->ops.rope_norm(d->q + t * q_dim(c) + h * group * dim, angles, group, dim, c->n_rot);
    d->ops.rope_norm(key, angles, 1, dim, c->n_rot);
    const size_t at = layer * d->kv.layer_elems + h * d->kv.plane_elems + position * dim;
    d->to_f16->run(d->kv.k + at, key, dim);
    d->to_f16->run(d->kv.v + at, d->v + t * kv_dim(c) + h * dim, dim);
}

static rl_attn_shape attn_shape(const rl_llama_config *c)
{
    return (rl_attn_shape){c->n_head, c->n_head_kv, c->head_dim, 1.0f / sqrtf((float)c->head_dim)};
}

/* The attention of a single token in a layer. */
static rl_attn_job attention_of(const rl_decoder *d, size_t layer)
{
    return (rl_attn_job){
        .kernel = d->attn,
        .shape = attn_shape(&d->model->config),
        .k = d->kv.k + layer * d->kv.layer_elems,
        .v = d->kv.v + layer * d->kv.layer_elems,
        .plane_bytes = d->kv.plane_elems * sizeof(rl_f16),
        .scratch = d->scratch,
        .q = d->q,
        .out = d->att,
        .n_ctx = d->n_past + 1,
    };
}

/* ... and of several. */
static void attend_prompt(const step *s, size_t rank, size_t layer)
{
    const rl_decoder *d = s->d;
    const rl_attn_prefill_job job = {
        .kernel = d->attn_prefill,
        .shape = attn_shape(&d->model->config),
        .k = d->kv.k + layer * d->kv.layer_elems,
        .v = d->kv.v + layer * d->kv.layer_elems,
        .plane_bytes = d->kv.plane_elems * sizeof(rl_f16),
        .q = d->q,
        .out = d->att,
        .n = s->n,
        .n_past = d->n_past,
        .tile = d->tile,
    };
    rl_attn_prefill_share(&job, rank, rl_team_size(d->team), d->scratch + rank * d->scratch_floats);
}

/* Whether every rank can take as many KV heads as the others from their projections to their attention. */
static bool heads_are_owned(const step *s)
{
    return s->n == 1 && s->d->model->config.n_head_kv % rl_team_size(s->d->team) == 0;
}

static void attend_own(const step *s, size_t rank, size_t layer)
{
    const rl_decoder *d = s->d;
    const rl_llama_config *c = &d->model->config;
    const rl_llama_layer *l = &d->model->layers[layer];
    const size_t q_rows = c->n_head / c->n_head_kv * c->head_dim, kv_rows = c->head_dim;
    rl_attn_job job = attention_of(d, layer);
    job.scratch += rank * d->scratch_floats;
    size_t first, last;
    rl_team_share(d->team, rank, c->n_head_kv, 1, &first, &last);
    project_rows(s, rank, &l->attn_q, first * q_rows, last * q_rows, d->q, 0);
    project_rows(s, rank, &l->attn_k, first * kv_rows, last * kv_rows, d->k, 0);
    project_rows(s, rank, &l->attn_v, first * kv_rows, last * kv_rows, d->v, 0);
    for (size_t h = first; h < last; h++) {
        rotate_and_store(s, layer, 0, h);
        rl_attn_decode_head(&job, h);
    }
}

/* No walks here: nobody waits between the three. */
static void project_shared(const step *s, size_t rank, const rl_matrix *w, float *y)
{
    size_t begin, end;
    rl_team_share(s->d->team, rank, w->rows, RL_WEIGHTS_UNIT, &begin, &end);
    project_rows(s, rank, w, begin, end, y, w->rows);
}

static void attend_shared(const step *s, size_t rank, size_t layer)
{
    const rl_decoder *d = s->d;
    const rl_llama_layer *l = &d->model->layers[layer];
    const size_t ranks = rl_team_size(d->team), n_heads = d->model->config.n_head_kv;
    project_shared(s, rank, &l->attn_q, d->q);
    project_shared(s, rank, &l->attn_k, d->k);
    project_shared(s, rank, &l->attn_v, d->v);
    wait_for_all(s);
    for (size_t item = rank; item < s->n * n_heads; item += ranks)
        rotate_and_store(s, layer, item / n_heads, item % n_heads);
    wait_for_all(s);
    if (s->n > 1) {
        attend_prompt(s, rank, layer);
        return;
    }
    const rl_attn_job job = attention_of(d, layer);
    rl_attn_decode_parts(&job, rank, ranks);
    wait_for_all(s);
    rl_attn_decode_merge(&job, rank, ranks);
}

static void gate_and_up(const step *s, size_t rank, const rl_llama_layer *l)
{
    const rl_decoder *d = s->d;
    const size_t n_ff = d->model->config.n_ff;
    for (rl_team_walk part = walk(s, rank, &l->ffn_gate); rl_team_walk_next(&part);) {
        project_rows(s, rank, &l->ffn_gate, part.begin, part.end, d->gate, n_ff);
        project_rows(s, rank, &l->ffn_up, part.begin, part.end, d->up, n_ff);
        for (size_t t = 0; t < s->n; t++) {
            float *gate = d->gate + t * n_ff + part.begin;
            d->ops.swiglu(gate, gate, d->up + t * n_ff + part.begin, part.end - part.begin);
        }
    }
}

/* The logits after the tokens wanted: all, or the last. */
static void logits(const step *s, size_t rank)
{
    const rl_llama *m = s->d->model;
    const rl_matrix *output[] = {&m->output};
    step last = *s;
    if (!s->all_logits) last.n = 1;
    const float *x = s->d->x + (s->n - last.n) * m->config.n_embd;
    prepare(&last, rank, x, m->config.n_embd, m->output_norm, output, 1);
    project(&last, rank, &m->output, s->logits);
}

/* ---- one step ---- */

static void run_step(void *arg, size_t rank)
{
    const step *s = arg;
    const rl_decoder *d = s->d;
    const rl_llama_config *c = &d->model->config;
    embed(s, rank);
    wait_for_all(s);
    for (size_t i = 0; i < c->n_layer; i++) {
        const rl_llama_layer *l = &d->model->layers[i];
        const rl_matrix *qkv[] = {&l->attn_q, &l->attn_k, &l->attn_v}, *o[] = {&l->attn_output};
        const rl_matrix *gate_up[] = {&l->ffn_gate, &l->ffn_up}, *down[] = {&l->ffn_down};

        prepare(s, rank, d->x, c->n_embd, l->attn_norm, qkv, 3);
        if (heads_are_owned(s))
            attend_own(s, rank, i);
        else
            attend_shared(s, rank, i);
        wait_before(s, rank, &l->attn_output);
        prepare(s, rank, d->att, q_dim(c), NULL, o, 1);
        project_add(s, rank, &l->attn_output);
        wait_before(s, rank, &l->ffn_gate);

        prepare(s, rank, d->x, c->n_embd, l->ffn_norm, gate_up, 2);
        gate_and_up(s, rank, l);
        wait_before(s, rank, &l->ffn_down);
        prepare(s, rank, d->gate, c->n_ff, NULL, down, 1);
        project_add(s, rank, &l->ffn_down);
        wait_before(s, rank, i + 1 < c->n_layer ? &d->model->layers[i + 1].attn_q : &d->model->output);
    }
    if (s->logits != NULL) logits(s, rank);
}

rl_status rl_decoder_eval(rl_decoder *d, const uint32_t *tokens, size_t n, float *out, bool all_logits,
                          rl_error *err)
{
    const size_t n_vocab = d->model->config.n_vocab;
    if (n < 1 || n > d->kv.n_ctx - d->n_past)
        return rl_fail(err, RL_ERR_ARG, "%zu tokens after %zu: the context holds %zu", n, d->n_past,
                       d->kv.n_ctx);
    for (size_t i = 0; i < n; i++)
        if (tokens[i] >= n_vocab)
            return rl_fail(err, RL_ERR_ARG, "token %u: the vocabulary has %zu", tokens[i], n_vocab);
    for (size_t done = 0; done < n;) {
        step s = {.d = d, .tokens = tokens + done, .n = n - done < d->batch ? n - done : d->batch};
        s.all_logits = all_logits;
        if (all_logits)
            s.logits = out + done * n_vocab;
        else if (done + s.n == n)
            s.logits = out;
        rl_team_run(d->team, run_step, &s);
        done += s.n;
        d->n_past += s.n;
    }
    return RL_OK;
}

/* ---- opening ---- */

/* The room that activations of `cols` values take, of whatever kind: of floats mostly, but 8-bit ones have sections of
 * whole lines. */
static size_t act_room(size_t cols)
{
    size_t most = 0;
    for (rl_act kind = 0; kind < RL_ACT_COUNT; kind++)
        if (rl_act_bytes(kind, cols) > most) most = rl_act_bytes(kind, cols);
    return most;
}

/* Hands out pieces of the arena; with no base yet it only adds up, so that one function measures and places. */
typedef struct {
    char *base;
    size_t used;
    bool fits;
} arena;

static void *take(arena *a, size_t count, size_t size)
{
    size_t bytes, end;
    if (!rl_mul_ok(count, size, &bytes) || bytes > SIZE_MAX / 4 ||
        !rl_add_ok(a->used, rl_round_up(bytes, RL_LINE), &end)) {
        a->fits = false;
        return NULL;
    }
    char *p = a->base != NULL ? a->base + a->used : NULL;
    a->used = end;
    return p;
}

static void place(rl_decoder *d, arena *a)
{
    const rl_llama_config *c = &d->model->config;
    const size_t n = d->batch, ranks = rl_team_size(d->team), n_ctx = d->kv.n_ctx;
    const size_t widest = c->n_ff > c->n_embd ? c->n_ff : c->n_embd;
    const rl_attn_shape shape = attn_shape(c);
    d->rope = take(a, n_ctx, c->n_rot * sizeof(float));
    d->x = take(a, n, c->n_embd * sizeof(float));
    d->sum = take(a, n, c->n_embd * sizeof(float));
    d->q = take(a, n, q_dim(c) * sizeof(float));
    d->att = take(a, n, q_dim(c) * sizeof(float));
    d->k = take(a, n, kv_dim(c) * sizeof(float));
    d->v = take(a, n, kv_dim(c) * sizeof(float));
    d->gate = take(a, n, c->n_ff * sizeof(float));
    d->up = take(a, n, c->n_ff * sizeof(float));
    d->act_stride = act_room(widest > q_dim(c) ? widest : q_dim(c));
    for (rl_act kind = 0; kind < RL_ACT_COUNT; kind++) {
        d->act[kind] = take(a, n, d->act_stride);
        d->own_act[kind] = take(a, ranks, d->act_stride);
    }
    d->own_norm = take(a, ranks, c->n_embd * sizeof(float));
    /* All ranks together have one token's parts of all heads; a rank by itself those of one head, or a prompt's tile. */
    const size_t all = rl_attn_scratch_bytes(&shape, n_ctx, 0), head = all / c->n_head_kv;
    const size_t tile = rl_attn_prefill_scratch_bytes(&shape, d->tile), own = head > tile ? head : tile;
    d->scratch_floats = rl_round_up(own, RL_LINE) / sizeof(float);
    d->scratch = take(a, 1, all > ranks * own ? all : ranks * d->scratch_floats * sizeof(float));
}

static rl_status check_options(const rl_llama *m, const rl_decoder_options *o, rl_error *err)
{
    if (o->n_ctx > (size_t)1 << 24)
        return rl_fail(err, RL_ERR_ARG, "a context of %zu positions: expected 1 to %d", o->n_ctx, 1 << 24);
    if (o->batch > 4096)
        return rl_fail(err, RL_ERR_ARG, "a batch of %zu tokens: expected 1 to 4096", o->batch);
    if (o->n_ctx == 0 && m->config.n_ctx_train == 0)
        return rl_fail(err, RL_ERR_ARG, "the model does not say its context length: give one");
    return RL_OK;
}

/* The kernels for every format that some matrix has; llama.c has admitted none that lacks a scalar one. A GEMM of a
 * lower tier than the GEMV would be slower than one token after another. */
static void find_kernels(rl_decoder *d, uint32_t cpu)
{
    for (rl_layout l = 0; l < RL_LAYOUT_COUNT; l++)
        for (rl_format f = 0; f < RL_FORMAT_COUNT; f++) {
            const rl_gemv *gemv = d->gemv[l][f] = rl_gemv_find(f, l, cpu);
            const rl_gemm *gemm = rl_gemm_find(f, l, cpu);
            if (gemm != NULL && gemv != NULL && gemm->base.isa >= gemv->base.isa) d->gemm[l][f] = gemm;
        }
    d->ops = rl_ops_best(cpu);
    d->attn = rl_attn_decode_find(RL_F16, cpu);
    d->attn_prefill = rl_attn_prefill_find(RL_F16, cpu);
    const rl_attn_shape shape = attn_shape(&d->model->config);
    d->tile = rl_attn_prefill_tile(&shape);
    d->to_f16 = rl_quantize_find(RL_F16, cpu);
    d->embed = rl_dequant_find(d->model->token_embd.format, cpu);
}

rl_status rl_decoder_open(rl_decoder **out, const rl_llama *model, const rl_decoder_options *o, rl_error *err)
{
    *out = NULL;
    rl_status status = check_options(model, o, err);
    if (status != RL_OK) return status;
    rl_decoder *d = rl_alloc(sizeof *d);
    if (d == NULL) return rl_fail(err, RL_ERR_MEMORY, "out of memory for the decoder");
    d->model = model;
    d->batch = o->batch > 0 ? o->batch : DEFAULT_BATCH;
    find_kernels(d, o->cpu);
    status = rl_team_open(&d->team, o->threads, o->pin, err);
    if (status != RL_OK) goto fail;
    if (!o->no_pack) {
        d->pack_ns = -rl_clock_system.wall_ns(rl_clock_system.ctx);
        status = rl_weights_pack(&d->weights, model, d->team, o->cpu, err);
        d->pack_ns += rl_clock_system.wall_ns(rl_clock_system.ctx);
        if (status != RL_OK) goto fail;
        d->model = &d->weights.model;
    }
    status =
        rl_kvcache_open(&d->kv, &model->config, o->n_ctx > 0 ? o->n_ctx : model->config.n_ctx_train, err);
    if (status != RL_OK) goto fail;
    arena measure = {.fits = true};
    place(d, &measure);
    arena real = {.fits = true, .base = measure.fits ? rl_pages_alloc(measure.used) : NULL};
    if (real.base == NULL) {
        status = rl_fail(err, RL_ERR_MEMORY, "out of memory for the decoder: %zu MiB", measure.used >> 20);
        goto fail;
    }
    place(d, &real);
    d->arena = real.base;
    d->work_bytes = real.used;
    for (size_t p = 0; p < d->kv.n_ctx; p++)
        rl_rope_table(d->rope + p * model->config.n_rot, model->config.n_rot, p, model->config.rope_base,
                      model->config.rope_scale);
    *out = d;
    return RL_OK;
fail:
    rl_decoder_close(d);
    return status;
}

void rl_decoder_close(rl_decoder *d)
{
    if (d == NULL) return;
    rl_pages_free(d->arena, d->work_bytes);
    rl_kvcache_close(&d->kv);
    rl_weights_close(&d->weights);
    rl_team_close(d->team);
    rl_free(d);
}

size_t rl_decoder_n_past(const rl_decoder *d) { return d->n_past; }
size_t rl_decoder_n_ctx(const rl_decoder *d) { return d->kv.n_ctx; }
size_t rl_decoder_threads(const rl_decoder *d) { return rl_team_size(d->team); }
bool rl_decoder_pinned(const rl_decoder *d) { return rl_team_pinned(d->team); }
size_t rl_decoder_kv_bytes(const rl_decoder *d) { return 2 * d->kv.bytes; }
size_t rl_decoder_work_bytes(const rl_decoder *d) { return d->work_bytes; }
size_t rl_decoder_packed_bytes(const rl_decoder *d) { return d->weights.bytes; }
double rl_decoder_pack_ms(const rl_decoder *d) { return (double)d->pack_ns * 1e-6; }
size_t rl_decoder_huge_bytes(const rl_decoder *d)
{
    return d->weights.area != NULL ? rl_pages_huge(d->weights.area) : 0;
}

void rl_decoder_rewind(rl_decoder *d, size_t n_past)
{
    if (n_past < d->n_past) d->n_past = n_past;
}

const rl_kernel *rl_decoder_kernel(const rl_decoder *d)
{
    const rl_matrix *most = &d->model->layers[0].ffn_up;
    return &d->gemv[most->layout][most->format]->base;
}
