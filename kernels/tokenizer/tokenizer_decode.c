/* tokenizer_decode.c - ids to text, all at once or as they come. */
#include "tokenizer/tokenizer_tables.h"

const char *rl_tokenizer_piece(const rl_tokenizer *tok, uint32_t id, size_t *n_bytes)
{
    *n_bytes = 0;
    if (id >= tok->n) return NULL;
    *n_bytes = tok->show[id].bytes;
    return tok->shown + tok->show[id].offset;
}

static rl_status no_such_id(const rl_tokenizer *tok, uint32_t id, rl_error *err)
{
    return rl_fail(err, RL_ERR_ARG, "id %u is past the end of the vocabulary of %zu pieces", id, tok->n);
}

/* What an id writes at this place of the text. *begun becomes true with the first that counts as text. */
static const char *next_text(const rl_tokenizer *tok, uint32_t id, unsigned flags, bool *begun,
                             size_t *n_bytes)
{
    const char *text = rl_tokenizer_piece(tok, id, n_bytes);
    const uint8_t type = tok->type[id];
    if (type == RL_PIECE_CONTROL && !(flags & RL_DECODE_SPECIAL)) {
        *n_bytes = 0;
        return text;
    }
    const bool first = !*begun;
    *begun = true;
    if (!first || !tok->add_space_prefix || flags & RL_DECODE_CONTINUE) return text;
    const char *spelled = tok->text + tok->span[id].offset;
    const bool mark = tok->span[id].bytes >= 3 && memcmp(spelled, RL_SPACE_MARK, 3) == 0;
    if (!mark || type == RL_PIECE_CONTROL || type == RL_PIECE_UNKNOWN) return text;
    --*n_bytes;
    return text + 1;
}

rl_status rl_tokenizer_decode(const rl_tokenizer *tok, const uint32_t *ids, size_t n_ids, unsigned flags,
                              char *out, size_t max_bytes, size_t *n_bytes, rl_error *err)
{
    bool begun = false, fits = true;
    size_t total = 0;
    *n_bytes = 0;
    for (size_t i = 0; i < n_ids; i++) {
        size_t n;
        if (ids[i] >= tok->n) return no_such_id(tok, ids[i], err);
        const char *text = next_text(tok, ids[i], flags, &begun, &n);
        fits = fits && n <= max_bytes - total;
        if (fits && n > 0) memcpy(out + total, text, n);
        total += n;
    }
    *n_bytes = total;
    if (!fits)
        return rl_fail(err, RL_ERR_ARG, "%zu ids have %zu bytes of text, room is for %zu", n_ids, total,
                       max_bytes);
    return RL_OK;
}

void rl_tokenizer_stream_init(rl_tokenizer_stream *stream, unsigned flags)
{
    *stream = (rl_tokenizer_stream){.flags = flags};
}

size_t rl_tokenizer_stream_max(const rl_tokenizer *tok)
{
    return tok->show_max + sizeof((rl_tokenizer_stream *)0)->held;
}

rl_status rl_tokenizer_stream_push(rl_tokenizer_stream *stream, const rl_tokenizer *tok, uint32_t id,
                                   char *out, size_t *n_bytes, rl_error *err)
{
    *n_bytes = 0;
    if (id >= tok->n) return no_such_id(tok, id, err);
    size_t n;
    const char *text = next_text(tok, id, stream->flags, &stream->begun, &n);
    memcpy(out, stream->held, stream->n_held);
    memcpy(out + stream->n_held, text, n);
    n += stream->n_held;
    stream->n_held = (uint8_t)rl_utf8_unfinished(out, n);
    n -= stream->n_held;
    memcpy(stream->held, out + n, stream->n_held);
    *n_bytes = n;
    return RL_OK;
}

size_t rl_tokenizer_stream_flush(rl_tokenizer_stream *stream, char out[4])
{
    const size_t n = stream->n_held;
    memcpy(out, stream->held, n);
    stream->n_held = 0;
    return n;
}
