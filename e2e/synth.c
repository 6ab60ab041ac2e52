/* synth.c - writes a synthetic model: rows are made and quantised by all threads, a few megabytes at a time,
 * and go to the file in order. */
#include "synth.h"

#include "base/mem.h"
#include "base/team.h"
#include "gguf_write.h"
#include "quant/quantize.h"
#include "synth_weights.h"

#include <inttypes.h>
#include <stdio.h>

#define CHUNK_BYTES ((size_t)4 << 20)

/* A run of rows on its way from the generator to the file. */
typedef struct {
    const rl_team *team;
    const rl_synth_model *model;
    const uint32_t *prev;
    rl_synth_tensor tensor;
    size_t index, first_row, n_rows;
    const rl_quantize *quantize;
    float *scratch; /* [threads][scratch_floats] */
    size_t scratch_floats;
    uint8_t *out; /* [n_rows] blocks of the format */
} job;

static void make_rows(void *arg, size_t rank)
{
    const job *j = arg;
    const size_t row_bytes = rl_row_bytes(j->tensor.format, j->tensor.cols);
    float *row = j->scratch + rank * j->scratch_floats;
    size_t begin, end;
    rl_team_share(j->team, rank, j->n_rows, 1, &begin, &end);
    for (size_t r = begin; r < end; r++) {
        rl_synth_row(row, j->model, &j->tensor, j->index, j->first_row + r, j->prev);
        j->quantize->run(j->out + r * row_bytes, row, j->tensor.cols);
    }
}

static rl_status check_model(const rl_synth_model *m, rl_error *err)
{
    const rl_synth_shape *s = m->shape;
    size_t n_normal = 0;
    for (size_t i = 0; i < m->vocab->n; i++) n_normal += m->vocab->pieces[i].type == RL_PIECE_NORMAL;
    if (n_normal < 2 || m->vocab->n > RL_VOCAB_MAX)
        return rl_fail(err, RL_ERR_ARG,
                       "a vocabulary of %zu pieces, %zu of them normal; expected two normal pieces and at "
                       "most %d in all",
                       m->vocab->n, n_normal, RL_VOCAB_MAX);
    if (s->n_layer < 1 || s->n_head < 1 || s->n_head_kv < 1 || s->n_embd % s->n_head != 0 ||
        s->n_embd / s->n_head % 2 != 0 || s->n_head % s->n_head_kv != 0)
        return rl_fail(err, RL_ERR_ARG,
                       "%s: %" PRIu32 " layers, %" PRIu32 " dimensions, %" PRIu32 " heads and %" PRIu32
                       " key-value heads are not the shape of a Llama",
                       s->name, s->n_layer, s->n_embd, s->n_head, s->n_head_kv);
    for (size_t i = 0; i < rl_synth_tensor_count(m); i++) {
        const rl_synth_tensor t = rl_synth_tensor_at(m, i);
        const size_t block = rl_format_table[t.format].block_elems;
        if (t.cols < 1 || t.cols % block != 0)
            return rl_fail(err, RL_ERR_ARG, "%s: %s has rows of %zu values, %s stores blocks of %zu", s->name,
                           t.name, t.cols, rl_format_name(t.format), block);
    }
    return RL_OK;
}

static void put_shape(rl_gguf_writer *w, const rl_synth_model *m)
{
    const rl_synth_shape *s = m->shape;
    char name[96];
    snprintf(name, sizeof name, "%s %s, synthetic", s->name, m->mix->name);
    rl_gguf_put_str(w, "general.architecture", "llama");
    rl_gguf_put_str(w, "general.name", name);
    rl_gguf_put_u32(w, "general.file_type", m->mix->file_type);
    rl_gguf_put_u32(w, "general.quantization_version", 2);
    rl_gguf_put_u64(w, "ridgeline.synth.seed", m->seed);
    rl_gguf_put_u32(w, "llama.vocab_size", (uint32_t)m->vocab->n);
    rl_gguf_put_u32(w, "llama.context_length", s->n_ctx);
    rl_gguf_put_u32(w, "llama.embedding_length", s->n_embd);
    rl_gguf_put_u32(w, "llama.block_count", s->n_layer);
    rl_gguf_put_u32(w, "llama.feed_forward_length", s->n_ff);
    rl_gguf_put_u32(w, "llama.attention.head_count", s->n_head);
    rl_gguf_put_u32(w, "llama.attention.head_count_kv", s->n_head_kv);
    rl_gguf_put_f32(w, "llama.attention.layer_norm_rms_epsilon", s->rms_eps);
    rl_gguf_put_u32(w, "llama.rope.dimension_count", s->n_embd / s->n_head);
    rl_gguf_put_f32(w, "llama.rope.freq_base", s->rope_base);
}

static rl_status put_vocab(rl_gguf_writer *w, const rl_vocab *v, rl_error *err)
{
    rl_gguf_str *texts = rl_alloc(v->n * sizeof *texts);
    float *scores = rl_alloc(v->n * sizeof *scores);
    int32_t *types = rl_alloc(v->n * sizeof *types);
    rl_status status = RL_OK;
    if (texts == NULL || scores == NULL || types == NULL) {
        status = rl_fail(err, RL_ERR_MEMORY, "out of memory for %zu pieces", v->n);
    } else {
        for (size_t i = 0; i < v->n; i++) {
            texts[i] = (rl_gguf_str){v->pieces[i].text, v->pieces[i].bytes};
            scores[i] = v->pieces[i].score;
            types[i] = v->pieces[i].type;
        }
        rl_gguf_put_str(w, "tokenizer.ggml.model", "llama");
        rl_gguf_put_strs(w, "tokenizer.ggml.tokens", texts, v->n);
        rl_gguf_put_f32s(w, "tokenizer.ggml.scores", scores, v->n);
        rl_gguf_put_i32s(w, "tokenizer.ggml.token_type", types, v->n);
        if (v->has_bos) rl_gguf_put_u32(w, "tokenizer.ggml.bos_token_id", v->bos);
        if (v->has_eos) rl_gguf_put_u32(w, "tokenizer.ggml.eos_token_id", v->eos);
        if (v->has_unk) rl_gguf_put_u32(w, "tokenizer.ggml.unknown_token_id", v->unk);
        rl_gguf_put_bool(w, "tokenizer.ggml.add_bos_token", v->add_bos);
        rl_gguf_put_bool(w, "tokenizer.ggml.add_eos_token", v->add_eos);
        rl_gguf_put_bool(w, "tokenizer.ggml.add_space_prefix", v->add_space_prefix);
    }
    rl_free(texts);
    rl_free(scores);
    rl_free(types);
    return status;
}

static void put_tensors(rl_gguf_writer *w, const rl_synth_model *m)
{
    for (size_t i = 0; i < rl_synth_tensor_count(m); i++) {
        const rl_synth_tensor t = rl_synth_tensor_at(m, i);
        const size_t dims[2] = {t.cols, t.rows};
        rl_gguf_put_tensor(w, t.name, t.format, t.kind == RL_SYNTH_NORM ? 1 : 2, dims);
    }
}

typedef struct {
    rl_synth_progress_fn *report;
    void *arg;
    uint64_t done, total;
} progress;

static rl_status write_tensor(rl_gguf_writer *w, rl_team *team, job *j, progress *p, rl_error *err)
{
    const size_t row_bytes = rl_row_bytes(j->tensor.format, j->tensor.cols);
    const size_t step = row_bytes < CHUNK_BYTES ? CHUNK_BYTES / row_bytes : 1;
    for (size_t r = 0; r < j->tensor.rows; r += j->n_rows) {
        j->first_row = r;
        j->n_rows = j->tensor.rows - r < step ? j->tensor.rows - r : step;
        rl_team_run(team, make_rows, j);
        const rl_status status = rl_gguf_write(w, j->out, j->n_rows * row_bytes, err);
        if (status != RL_OK) return status;
        p->done += j->n_rows * row_bytes;
        if (p->report != NULL) p->report(p->arg, p->done, p->total);
    }
    return RL_OK;
}

/* Room for the longest row: of floats for each thread, and of bytes once. */
static rl_status alloc_job(job *j, size_t threads, rl_error *err)
{
    size_t cols = 0, out = CHUNK_BYTES;
    for (size_t i = 0; i < rl_synth_tensor_count(j->model); i++) {
        const rl_synth_tensor t = rl_synth_tensor_at(j->model, i);
        const size_t row_bytes = rl_row_bytes(t.format, t.cols);
        cols = t.cols > cols ? t.cols : cols;
        out = row_bytes > out ? row_bytes : out;
    }
    j->scratch_floats = rl_round_up(cols, RL_LINE);
    j->scratch = rl_alloc(threads * j->scratch_floats * sizeof *j->scratch);
    j->out = rl_alloc(out);
    if (j->scratch == NULL || j->out == NULL)
        return rl_fail(err, RL_ERR_MEMORY, "out of memory for rows of %zu weights on %zu threads", cols,
                       threads);
    return RL_OK;
}

rl_status rl_synth_write(const char *path, const rl_synth_model *m, size_t threads,
                         rl_synth_progress_fn *report, void *arg, rl_error *err)
{
    rl_team *team = NULL;
    rl_gguf_writer *w = NULL;
    job j = {.model = m};
    progress p = {report, arg, 0, rl_synth_tensor_bytes(m)};
    rl_status status = check_model(m, err);
    if (status != RL_OK) return status;
    uint32_t *prev = rl_alloc(m->vocab->n * sizeof *prev), *order = rl_alloc(m->vocab->n * sizeof *order);
    if (prev == NULL || order == NULL)
        status = rl_fail(err, RL_ERR_MEMORY, "out of memory for %zu pieces", m->vocab->n);
    else
        rl_synth_cycle(m->vocab, m->seed, prev, order);
    j.prev = prev;
    if (threads == 0) threads = rl_cpu_count();
    if (status == RL_OK) status = rl_team_open(&team, threads, false, err);
    if (status == RL_OK) status = alloc_job(&j, threads, err);
    if (status == RL_OK) status = rl_gguf_writer_open(&w, path, err);
    if (status != RL_OK) goto out;
    j.team = team;
    put_shape(w, m);
    status = put_vocab(w, m->vocab, err);
    put_tensors(w, m);
    for (size_t i = 0; i < rl_synth_tensor_count(m) && status == RL_OK; i++) {
        j.index = i;
        j.tensor = rl_synth_tensor_at(m, i);
        j.quantize = rl_quantize_find(j.tensor.format, rl_cpu_detect()); /* all give the same bytes */
        status = write_tensor(w, team, &j, &p, err);
    }
    if (status == RL_OK) {
        status = rl_gguf_writer_commit(w, err);
        w = NULL;
    }
out:
    rl_gguf_writer_abandon(w);
    rl_team_close(team);
    rl_free(j.out);
    rl_free(j.scratch);
    rl_free(order);
    rl_free(prev);
    return status;
}
