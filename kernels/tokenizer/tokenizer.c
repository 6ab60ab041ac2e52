/* tokenizer.c - the kernels, and encoding around them: normalization, special pieces, bos and eos. */
#include "tokenizer/tokenizer_tables.h"

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
    /* Ids that one byte can cost: 1, but 3 where a space or a stray byte becomes three byte pieces. */
    const bool one_each = has_id(tok, RL_SPACE_MARK) && has_id(tok, RL_REPLACEMENT);
    const size_t a_byte = tok->has_bytes && !one_each ? 3 : 1;
    /* Prefixes: one for the text; with special pieces, each a byte or more, one for every second byte. */
    const size_t prefixes = 1 + (flags & RL_ENCODE_SPECIAL ? n_bytes / 2 : 0);
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
    rl_tokenizer_work work;
};

static rl_status make_room(rl_tokenizer_ctx *ctx, size_t n_bytes, rl_error *err)
{
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
    rl_status status = make_room(ctx, n_bytes, err);
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
    rl_free(ctx);
}

void rl_tokenizer_ctx_forget(rl_tokenizer_ctx *ctx)
{
    if (ctx->kernel->forget != NULL) ctx->kernel->forget(ctx->tok, ctx->scratch);
}

rl_tokenizer_work rl_tokenizer_ctx_work(const rl_tokenizer_ctx *ctx) { return ctx->work; }

/* ---- Encoding ---- */

/* The first control or unknown piece spelled in text [n_bytes], from `at` on: its place to *at, its id
 * returned. RL_SYMBOL_NONE, and *at the end, where there is none. */
static uint32_t next_special(const rl_tokenizer *tok, const char *text, size_t n_bytes, size_t *at)
{
    for (; *at < n_bytes; ++*at) {
        if (!tok->special_lead[(uint8_t)text[*at]]) continue;
        const uint32_t id = rl_tokenizer_longest(tok, 1u << RL_PIECE_CONTROL | 1u << RL_PIECE_UNKNOWN,
                                                 text + *at, n_bytes - *at);
        if (id != RL_SYMBOL_NONE) return id;
    }
    return RL_SYMBOL_NONE;
}

/* Text that holds no special piece. */
static void encode_plain(rl_tokenizer_ctx *ctx, const char *text, size_t n_bytes, rl_id_sink *sink)
{
    const size_t used = sink->n < sink->max ? sink->n : sink->max;
    sink->n += ctx->kernel->encode(ctx->tok, ctx->scratch, text, n_bytes, ctx->tok->add_space_prefix,
                                   sink->ids != NULL ? sink->ids + used : NULL, sink->max - used, &ctx->work);
}

rl_status rl_tokenizer_encode(rl_tokenizer_ctx *ctx, const char *text, size_t n_bytes, unsigned flags,
                              uint32_t *ids, size_t max_ids, size_t *n_ids, rl_error *err)
{
    const rl_tokenizer *tok = ctx->tok;
    *n_ids = 0;
    if ((flags & RL_ENCODE_BOS && !tok->has_bos) || (flags & RL_ENCODE_EOS && !tok->has_eos))
        return rl_fail(err, RL_ERR_ARG, "%s asked for, and the vocabulary has none",
                       flags & RL_ENCODE_BOS && !tok->has_bos ? "bos" : "eos");
    rl_status status = make_room(ctx, n_bytes, err);
    if (status != RL_OK) return status;
    rl_id_sink sink = {.ids = ids, .max = max_ids};
    if (flags & RL_ENCODE_BOS) rl_put_id(&sink, tok->bos);
    for (size_t from = 0; from < n_bytes;) {
        size_t at = flags & RL_ENCODE_SPECIAL ? from : n_bytes;
        const uint32_t special = next_special(tok, text, n_bytes, &at);
        encode_plain(ctx, text + from, at - from, &sink);
        from = at;
        if (special == RL_SYMBOL_NONE) continue;
        rl_put_id(&sink, special);
        from += tok->span[special].bytes;
    }
    if (flags & RL_ENCODE_EOS) rl_put_id(&sink, tok->eos);
    *n_ids = sink.n;
    if (sink.n > max_ids)
        return rl_fail(err, RL_ERR_ARG, "text of %zu bytes has %zu ids, room is for %zu", n_bytes, sink.n,
                       max_ids);
    return RL_OK;
}
