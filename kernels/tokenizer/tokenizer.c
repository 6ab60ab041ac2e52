/* tokenizer.c - the kernels, and encoding around them: normalization, special pieces, bos and eos. */
#include "tokenizer/tokenizer_plan.h"

#include "base/mem.h"

static const rl_tokenizer_table *const tables[] = {
    /* Best first; the reference is slow on purpose. */
    &rl_tokenizer_units_scalar,
    &rl_tokenizer_heap_scalar,
    &rl_tokenizer_reference_scalar,
};

const rl_tokenizer_kernel *rl_tokenizer_kernel_find(const char *variant, uint32_t cpu)
{
    const rl_tokenizer_kernel *row;
    for (size_t i = 0; (row = rl_tokenizer_kernel_at(i)) != NULL; i++)
        if ((variant == NULL || strcmp(row->variant, variant) == 0) && rl_kernel_runs(&row->base, cpu))
            return row;
    return NULL;
}

const rl_tokenizer_kernel *rl_tokenizer_kernel_at(size_t i)
{
    for (size_t t = 0; t < RL_COUNT(tables); i -= tables[t++]->n)
        if (i < tables[t]->n) return &tables[t]->rows[i];
    return NULL;
}

size_t rl_tokenizer_size(const rl_tokenizer *tok) { return tok->n; }

unsigned rl_tokenizer_flags(const rl_tokenizer *tok)
{
    return (tok->add_bos ? RL_ENCODE_BOS : 0u) | (tok->add_eos ? RL_ENCODE_EOS : 0u);
}

size_t rl_tokenizer_normalize(const rl_tokenizer *tok, const char *restrict text, size_t n_bytes, bool prefix,
                              char *restrict out)
{
    const bool raw = tok->mode == RL_MODE_LLAMA_CPP;
    char *end = out;
    if (n_bytes > 0 && prefix) {
        memcpy(end, RL_SPACE_MARK, 3);
        end += 3;
    }
    for (size_t at = 0; at < n_bytes;) {
        const size_t length = raw ? 1 : rl_utf8_length(text + at, n_bytes - at);
        const char *from = length == 0 ? RL_REPLACEMENT : text[at] == ' ' ? RL_SPACE_MARK : text + at;
        const size_t n = from == text + at ? length : 3;
        memcpy(end, from, n);
        end += n;
        at += length > 0 ? length : 1;
    }
    return (size_t)(end - out);
}

/* Whether a character of three bytes has an id of its own. */
static bool has_id(const rl_tokenizer *tok, const char *text)
{
    const uint32_t id = rl_tokenizer_lookup(tok, RL_CLASS_MERGED, text, 3);
    return id != RL_SYMBOL_NONE && tok->type[id] != RL_PIECE_UNUSED;
}

size_t rl_tokenizer_max_ids(const rl_tokenizer *tok, size_t n_bytes, unsigned flags)
{
    /* Ids that one byte can cost: 1, but 3 where a space or a stray byte becomes three byte pieces; and in mode
     * LLAMA_CPP 2, where a stray byte takes a part of a space along, and the two are four byte pieces. */
    const bool llama_cpp = tok->mode == RL_MODE_LLAMA_CPP;
    const bool one_each = has_id(tok, RL_SPACE_MARK) && (llama_cpp || has_id(tok, RL_REPLACEMENT));
    const size_t a_byte = !tok->has_bytes ? 1 : !one_each ? 3 : llama_cpp ? 2 : 1;
    /* Prefixes: one for the text; with pieces found in it, each a byte or more, one for every second byte. */
    const bool finds = flags & RL_ENCODE_SPECIAL ||
                       (tok->mode != RL_MODE_SENTENCEPIECE && tok->reach[RL_PIECE_USER_DEFINED] > 0);
    const size_t prefixes = 1 + (finds ? n_bytes / 2 : 0);
    size_t total;
    if (!rl_add_ok(n_bytes, prefixes, &total) || !rl_mul_ok(total, a_byte, &total) ||
        !rl_add_ok(total, 2, &total))
        return SIZE_MAX;
    return total;
}

/* ---- The context ---- */

struct rl_tokenizer_ctx {
    const rl_tokenizer *tok; /* borrowed */
    const rl_tokenizer_kernel *kernel;
    void *scratch; /* owned */
    size_t room;   /* for texts of so many bytes */
    uint32_t *marks; /* [n_marks] owned; see rl_plan_mark */
    size_t n_marks;
    rl_tokenizer_work work;
};

rl_status rl_tokenizer_ctx_room(rl_tokenizer_ctx *ctx, size_t n_bytes, rl_error *err)
{
    if (n_bytes == 0) n_bytes = 1; /* a prefix alone */
    if (ctx->scratch != NULL && n_bytes <= ctx->room) return RL_OK;
    if (n_bytes > ctx->kernel->max_bytes)
        return rl_fail(err, RL_ERR_UNSUPPORTED, "text has %zu bytes, %s takes %zu at once", n_bytes,
                       ctx->kernel->base.name, ctx->kernel->max_bytes);
    /* At least twice what it was, so that a text that grows step by step does not allocate at every one. */
    const size_t twice = ctx->room < ctx->kernel->max_bytes / 2 ? 2 * ctx->room : ctx->kernel->max_bytes;
    const size_t room = n_bytes > twice ? n_bytes : twice;
    const size_t bytes = ctx->kernel->scratch_bytes(ctx->tok, room);
    void *scratch = rl_alloc(bytes);
    if (scratch == NULL)
        return rl_fail(err, RL_ERR_MEMORY, "text of %zu bytes: no memory for %zu bytes of scratch", n_bytes,
                       bytes);
    rl_free(ctx->scratch);
    ctx->scratch = scratch;
    ctx->room = room;
    return RL_OK;
}

rl_status rl_tokenizer_ctx_open(rl_tokenizer_ctx **out, const rl_tokenizer *tok,
                                const rl_tokenizer_kernel *kernel, size_t n_bytes, rl_error *err)
{
    *out = NULL;
    rl_tokenizer_ctx *ctx = rl_alloc(sizeof *ctx);
    if (ctx == NULL) return rl_fail(err, RL_ERR_MEMORY, "tokenizer: out of memory");
    ctx->tok = tok;
    ctx->kernel = kernel;
    rl_status status = rl_tokenizer_ctx_room(ctx, n_bytes, err);
    if (status != RL_OK) {
        rl_tokenizer_ctx_close(ctx);
        return status;
    }
    *out = ctx;
    return RL_OK;
}

void rl_tokenizer_ctx_close(rl_tokenizer_ctx *ctx)
{
    if (ctx == NULL) return;
    rl_free(ctx->scratch);
    rl_free(ctx->marks);
    rl_free(ctx);
}

void rl_tokenizer_ctx_forget(rl_tokenizer_ctx *ctx)
{
    if (ctx->kernel->forget != NULL) ctx->kernel->forget(ctx->tok, ctx->scratch);
}

rl_tokenizer_work rl_tokenizer_ctx_work(const rl_tokenizer_ctx *ctx) { return ctx->work; }

/* ---- Encoding ---- */

rl_status rl_tokenizer_check_flags(const rl_tokenizer *tok, unsigned flags, rl_error *err)
{
    if ((flags & RL_ENCODE_BOS && !tok->has_bos) || (flags & RL_ENCODE_EOS && !tok->has_eos))
        return rl_fail(err, RL_ERR_ARG, "%s asked for, and the vocabulary has none",
                       flags & RL_ENCODE_BOS && !tok->has_bos ? "bos" : "eos");
    if (flags & RL_ENCODE_SPECIAL && tok->mode == RL_MODE_SENTENCEPIECE)
        return rl_fail(err, RL_ERR_ARG, "special pieces asked for, and mode sentencepiece never reads them from text");
    return RL_OK;
}

size_t rl_tokenizer_ctx_job(rl_tokenizer_ctx *ctx, const char *text, const rl_job *job, uint32_t *ids, size_t max_ids)
{
    if (job->id != RL_SYMBOL_NONE) {
        if (max_ids > 0) ids[0] = job->id;
        return 1;
    }
    const bool alone = job->from == job->to; /* the prefix, which a space is, too */
    return ctx->kernel->encode(ctx->tok, ctx->scratch, alone ? " " : text + job->from,
                               alone ? 1 : job->to - job->from, job->prefix && !alone, ids, max_ids, &ctx->work);
}

/* Pieces that overlap: marks of where they are, where there are any. NULL where the plan needs none. */
static rl_status mark_text(rl_tokenizer_ctx *ctx, const char *text, size_t n_bytes, unsigned flags,
                           const uint32_t **marks, rl_error *err)
{
    *marks = NULL;
    if (!rl_plan_by_length(ctx->tok, flags) || !rl_plan_finds(ctx->tok, text, n_bytes, flags)) return RL_OK;
    if (n_bytes > ctx->n_marks) {
        size_t bytes;
        const size_t twice = 2 * ctx->n_marks, n = n_bytes > twice ? n_bytes : twice;
        uint32_t *room = rl_mul_ok(n, sizeof *room, &bytes) ? rl_alloc(bytes) : NULL;
        if (room == NULL)
            return rl_fail(err, RL_ERR_MEMORY, "text of %zu bytes: no memory for marks of its special pieces", n_bytes);
        rl_free(ctx->marks);
        ctx->marks = room;
        ctx->n_marks = n;
    }
    rl_plan_mark(ctx->tok, text, n_bytes, flags, ctx->marks);
    *marks = ctx->marks;
    return RL_OK;
}

rl_status rl_tokenizer_encode(rl_tokenizer_ctx *ctx, const char *text, size_t n_bytes, unsigned flags,
                              uint32_t *ids, size_t max_ids, size_t *n_ids, rl_error *err)
{
    const uint32_t *marks;
    *n_ids = 0;
    rl_status status = rl_tokenizer_check_flags(ctx->tok, flags, err);
    if (status == RL_OK) status = rl_tokenizer_ctx_room(ctx, n_bytes, err);
    if (status == RL_OK) status = mark_text(ctx, text, n_bytes, flags, &marks, err);
    if (status != RL_OK) return status;
    rl_plan plan = rl_plan_begin(ctx->tok, text, n_bytes, flags, marks);
    size_t n = 0;
    for (rl_job job; rl_plan_next(&plan, SIZE_MAX, &job);) {
        const size_t used = n < max_ids ? n : max_ids;
        n += rl_tokenizer_ctx_job(ctx, text, &job, ids != NULL ? ids + used : NULL, max_ids - used);
    }
    *n_ids = n;
    if (n > max_ids)
        return rl_fail(err, RL_ERR_ARG, "text of %zu bytes has %zu ids, room is for %zu", n_bytes, n, max_ids);
    return RL_OK;
}
