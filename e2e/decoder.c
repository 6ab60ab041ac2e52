/* decoder.c - the forward pass. run_step reads like the model's definition; above it are the phases, each
 * written for one member of the team.
 *
 * A single token is the case that matters: its norms and quantisations take microseconds, so every member
 * does them for itself (into buffers of its own) rather than wait for another at a barrier. The tokens of a
 * prompt are shared out instead. */
#include "decoder.h"
#include "attention/attn_decode.h"
#include "base/team.h"
#include "gemv/gemv.h"
#include "kvcache.h"
#include "ops/ops.h"
#include "quant/dequant.h"
#include "quant/quantize.h"

#include <math.h>

enum {
    DEFAULT_BATCH = 64,      /* weights are read once for so many tokens: enough to be bound by arithmetic */
    BLOCK_BYTES = 24 * 1024, /* rows that stay in the first-level cache while the tokens of a batch pass by */
    ROW_UNIT = 4,            /* rows are shared out in fours: what the kernels take at once */
};

struct rl_decoder {
    const rl_llama *model;
    rl_team *team;
    rl_kvcache kv;
    size_t n_past, batch, work_bytes;

    rl_ops_set ops;
    const rl_attn_decode *attn;
    const rl_dequant *embed;
    const rl_quantize *to_f16;
    const rl_gemv *gemv[RL_FORMAT_COUNT];

    /* All in one arena, owned. n = batch tokens, r = ranks. */
    char *arena;
    float *rope;                       /* [n_ctx][n_rot]: cosines and sines */
    float *x, *sum;                    /* [n][n_embd]: the residual stream, and what is to be added to it */
    float *q, *k, *v, *att;            /* [n][n_head * head_dim], [n][n_head_kv * head_dim] twice, as q */
    float *gate, *up;                  /* [n][n_ff] */
    char *act[RL_ACT_COUNT];           /* [n] quantised inputs of the next matrices, act_stride bytes each */
    char *own_act[RL_ACT_COUNT];       /* [r] the same, for a single token, one a rank */
    float *own_norm;                   /* [r][n_embd] */
    float *scratch;                    /* attention: one token's parts of all heads, or [r] of one head */
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

/* Where the quantised input of token t is for this rank. */
static char *act_of(const step *s, size_t rank, rl_act kind, size_t t)
{
    const rl_decoder *d = s->d;
    return s->n == 1 ? d->own_act[kind] + rank * d->act_stride : d->act[kind] + t * d->act_stride;
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
            if (wants(w, n_w, kind)) d->ops.quantize[kind](act_of(s, rank, kind, t), x, cols);
    }
    if (s->n > 1) wait_for_all(s);
}

/* y[t] [rows] = W x[t] for this rank's rows; y is `stride` floats a token. Rows go in blocks that stay in the
 * cache while all tokens pass. */
static void project(const step *s, size_t rank, const rl_matrix *w, float *y, size_t stride)
{
    const rl_gemv *kern = s->d->gemv[w->format];
    const size_t row_bytes = rl_row_bytes(w->format, w->cols);
    size_t begin, end, block = BLOCK_BYTES / row_bytes / ROW_UNIT * ROW_UNIT;
    if (block < ROW_UNIT) block = ROW_UNIT;
    rl_team_share(s->d->team, rank, w->rows, ROW_UNIT, &begin, &end);
    if (s->n == 1) block = w->rows;
    for (size_t r = begin; r < end; r += block)
        for (size_t t = 0; t < s->n; t++)
            kern->run(y + t * stride + r, rl_matrix_row(w, r), act_of(s, rank, kern->act, t),
                      end - r < block ? end - r : block, w->cols);
}

/* x[t] += W act[t], on this rank's rows. */
static void project_add(const step *s, size_t rank, const rl_matrix *w)
{
    const rl_decoder *d = s->d;
    size_t begin, end;
    rl_team_share(d->team, rank, w->rows, ROW_UNIT, &begin, &end);
    project(s, rank, w, d->sum, w->rows);
    for (size_t t = 0; t < s->n; t++)
        d->ops.add(d->x + t * w->rows + begin, d->sum + t * w->rows + begin, end - begin);
}

static void embed(const step *s, size_t rank)
{
    const rl_decoder *d = s->d;
    const size_t n_embd = d->model->config.n_embd;
    for (size_t t = rank; t < s->n; t += rl_team_size(d->team))
        d->embed->run(d->x + t * n_embd, rl_matrix_row(&d->model->token_embd, s->tokens[t]), n_embd);
}

/* Rotates queries and keys by their positions, and puts keys and values into the cache. */
static void rotate_and_store(const step *s, size_t rank, size_t layer)
{
    rl_decoder *d = s->d;
    const rl_llama_config *c = &d->model->config;
    const size_t group = c->n_head / c->n_head_kv, dim = c->head_dim;
    for (size_t item = rank; item < s->n * c->n_head_kv; item += rl_team_size(d->team)) {
        const size_t t = item / c->n_head_kv, h = item % c->n_head_kv, position = d->n_past + t;
        const float *angles = d->rope + position * c->n_rot;
        float *key = d->k + t * kv_dim(c) + h * dim;
        d->ops.rope_norm(d->q + t * q_dim(c) + h * group * dim, angles, group, dim, c->n_rot);
        d->ops.rope_norm(key, angles, 1, dim, c->n_rot);
        const size_t at = layer * d->kv.layer_elems + h * d->kv.plane_elems + position * dim;
        d->to_f16->run(d->kv.k + at, key, dim);
        d->to_f16->run(d->kv.v + at, d->v + t * kv_dim(c) + h * dim, dim);
    }
}

static void attention(const step *s, size_t rank, size_t layer)
{
    rl_decoder *d = s->d;
    const rl_llama_config *c = &d->model->config;
    rl_attn_job job = {
        .kernel = d->attn,
        .shape = {c->n_head, c->n_head_kv, c->head_dim, 1.0f / sqrtf((float)c->head_dim)},
        .k = d->kv.k + layer * d->kv.layer_elems,
        .v = d->kv.v + layer * d->kv.layer_elems,
        .plane_bytes = d->kv.plane_elems * sizeof(rl_f16),
        .scratch = d->scratch,
        .q = d->q,
        .out = d->att,
        .n_ctx = d->n_past + 1,
    };
    const size_t ranks = rl_team_size(d->team);
    if (s->n == 1) {
        rl_attn_decode_parts(&job, rank, ranks);
        wait_for_all(s);
        rl_attn_decode_merge(&job, rank, ranks);
        return;
    }
    job.scratch = d->scratch + rank * d->scratch_floats;
    for (size_t item = rank; item < s->n * c->n_head_kv;
         item += ranks) { /* dealt out: later tokens cost more */
        const size_t t = item / c->n_head_kv;
        job.q = d->q + t * q_dim(c);
        job.out = d->att + t * q_dim(c);
        job.n_ctx = d->n_past + t + 1;
        rl_attn_decode_head(&job, item % c->n_head_kv);
    }
}

static void gate_and_up(const step *s, size_t rank, const rl_llama_layer *l)
{
    const rl_decoder *d = s->d;
    const size_t n_ff = d->model->config.n_ff;
    size_t begin, end;
    rl_team_share(d->team, rank, n_ff, ROW_UNIT, &begin, &end);
    project(s, rank, &l->ffn_gate, d->gate, n_ff);
    project(s, rank, &l->ffn_up, d->up, n_ff);
    for (size_t t = 0; t < s->n; t++) {
        float *gate = d->gate + t * n_ff + begin;
        d->ops.swiglu(gate, gate, d->up + t * n_ff + begin, end - begin);
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
    project(&last, rank, &m->output, s->logits, m->config.n_vocab);
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
        project(s, rank, &l->attn_q, d->q, q_dim(c));
        project(s, rank, &l->attn_k, d->k, kv_dim(c));
        project(s, rank, &l->attn_v, d->v, kv_dim(c));
        wait_for_all(s);
        rotate_and_store(s, rank, i);
        wait_for_all(s);
        attention(s, rank, i);
        wait_for_all(s);
        prepare(s, rank, d->att, q_dim(c), NULL, o, 1);
        project_add(s, rank, &l->attn_output);
        wait_for_all(s);

        prepare(s, rank, d->x, c->n_embd, l->ffn_norm, gate_up, 2);
        gate_and_up(s, rank, l);
        wait_for_all(s);
        prepare(s, rank, d->gate, c->n_ff, NULL, down, 1);
        project_add(s, rank, &l->ffn_down);
        wait_for_all(s);
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
    const rl_attn_shape shape = {c->n_head, c->n_head_kv, c->head_dim, 0};
    d->rope = take(a, n_ctx, c->n_rot * sizeof(float));
    d->x = take(a, n, c->n_embd * sizeof(float));
    d->sum = take(a, n, c->n_embd * sizeof(float));
    d->q = take(a, n, q_dim(c) * sizeof(float));
    d->att = take(a, n, q_dim(c) * sizeof(float));
    d->k = take(a, n, kv_dim(c) * sizeof(float));
    d->v = take(a, n, kv_dim(c) * sizeof(float));
    d->gate = take(a, n, c->n_ff * sizeof(float));
    d->up = take(a, n, c->n_ff * sizeof(float));
    d->act_stride = rl_act_bytes(RL_ACT_F32, widest > q_dim(c) ? widest : q_dim(c)); /* the largest kind */
    for (rl_act kind = 0; kind < RL_ACT_COUNT; kind++) {
        d->act[kind] = take(a, n, d->act_stride);
        d->own_act[kind] = take(a, ranks, d->act_stride);
    }
    d->own_norm = take(a, ranks, c->n_embd * sizeof(float));
    /* a rank of its own needs one head's parts; all ranks together, one token's parts of all heads */
    const size_t all_heads = rl_attn_scratch_bytes(&shape, n_ctx), head = all_heads / c->n_head_kv;
    d->scratch_floats = head / sizeof(float);
    d->scratch = take(a, ranks > c->n_head_kv ? ranks : c->n_head_kv, head);
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

/* The kernels for every format that some matrix has; llama.c has admitted none that lacks a scalar one. */
static void find_kernels(rl_decoder *d, uint32_t cpu)
{
    for (rl_format f = 0; f < RL_FORMAT_COUNT; f++) d->gemv[f] = rl_gemv_find(f, RL_ROWS, cpu);
    d->ops = rl_ops_best(cpu);
    d->attn = rl_attn_decode_find(RL_F16, cpu);
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
    rl_team_close(d->team);
    rl_free(d);
}

size_t rl_decoder_n_past(const rl_decoder *d) { return d->n_past; }
size_t rl_decoder_n_ctx(const rl_decoder *d) { return d->kv.n_ctx; }
size_t rl_decoder_threads(const rl_decoder *d) { return rl_team_size(d->team); }
bool rl_decoder_pinned(const rl_decoder *d) { return rl_team_pinned(d->team); }
size_t rl_decoder_kv_bytes(const rl_decoder *d) { return 2 * d->kv.bytes; }
size_t rl_decoder_work_bytes(const rl_decoder *d) { return d->work_bytes; }

void rl_decoder_rewind(rl_decoder *d, size_t n_past)
{
    if (n_past < d->n_past) d->n_past = n_past;
}

const char *rl_decoder_kernel(const rl_decoder *d, rl_format format) { return d->gemv[format]->base.name; }
