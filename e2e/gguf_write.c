/* gguf_write.c - the writer: two growing buffers (metadata, tensor infos) until the first tensor byte, then
 * straight to the file. */
#include "gguf_write.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <stdlib.h>

typedef struct {
    uint8_t *data; /* owned */
    size_t used, room;
} buffer;

typedef struct {
    size_t bytes, padded; /* data of a tensor, and with what fills it up to the alignment */
} extent;

struct rl_gguf_writer {
    rl_outfile file;
    rl_error kept;                       /* of the first put that failed; status RL_OK until then */
    buffer metadata, infos, keys, names; /* keys and names: what is there already, 0-terminated */
    uint64_t n_kv, n_tensors;
    buffer extents; /* extent[n_tensors] */
    uint64_t data_bytes;
    bool header_written;
    size_t current, written; /* the tensor that takes bytes, and how many it has */
};

rl_status rl_gguf_writer_open(rl_gguf_writer **out, const char *path, rl_error *err)
{
    *out = NULL;
    rl_gguf_writer *w = rl_alloc(sizeof *w);
    if (w == NULL) return rl_fail(err, RL_ERR_MEMORY, "%s: out of memory", path);
    rl_status status = rl_outfile_open(&w->file, path, err);
    if (status != RL_OK) {
        rl_free(w);
        return status;
    }
    *out = w;
    return RL_OK;
}

static void append(rl_gguf_writer *w, buffer *b, const void *data, size_t n)
{
    if (w->kept.status != RL_OK) return;
    size_t need;
    if (!rl_add_ok(b->used, n, &need) || need > SIZE_MAX / 2) {
        rl_fail(&w->kept, RL_ERR_MEMORY, "%s: metadata larger than memory", w->file.path);
        return;
    }
    if (need > b->room) {
        const size_t room = need < 4096 ? 4096 : 2 * need;
        uint8_t *more = realloc(b->data, room);
        if (more == NULL) {
            rl_fail(&w->kept, RL_ERR_MEMORY, "%s: out of memory for %zu bytes of metadata", w->file.path,
                    room);
            return;
        }
        b->data = more;
        b->room = room;
    }
    if (n > 0) memcpy(b->data + b->used, data, n);
    b->used = need;
}

static void append_u32(rl_gguf_writer *w, buffer *b, uint32_t v)
{
    const uint8_t le[4] = {(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24)};
    append(w, b, le, sizeof le);
}

static void append_u64(rl_gguf_writer *w, buffer *b, uint64_t v)
{
    append_u32(w, b, (uint32_t)v);
    append_u32(w, b, (uint32_t)(v >> 32));
}

static void append_str(rl_gguf_writer *w, buffer *b, const char *text, size_t n)
{
    append_u64(w, b, n);
    append(w, b, text, n);
}

/* Keeps the names unique and within the reader's bounds. */
static void claim(rl_gguf_writer *w, buffer *taken, const char *what, const char *name, size_t max)
{
    const size_t n = strlen(name);
    if (w->kept.status != RL_OK) return;
    if (n < 1 || n > max) {
        rl_fail(&w->kept, RL_ERR_ARG, "%s: %s of %zu bytes, allowed are 1 to %zu", w->file.path, what, n,
                max);
        return;
    }
    for (size_t at = 0; at < taken->used; at += strlen((char *)taken->data + at) + 1)
        if (strcmp((char *)taken->data + at, name) == 0) {
            rl_fail(&w->kept, RL_ERR_ARG, "%s: %s '%s' is there already", w->file.path, what, name);
            return;
        }
    append(w, taken, name, n + 1);
}

static void put_key(rl_gguf_writer *w, const char *key, rl_gguf_type type)
{
    if (w->header_written)
        rl_fail(&w->kept, RL_ERR_ARG, "%s: metadata '%s' after tensor data", w->file.path, key);
    claim(w, &w->keys, "key", key, RL_GGUF_KEY_MAX);
    append_str(w, &w->metadata, key, strlen(key));
    append_u32(w, &w->metadata, type);
    w->n_kv++;
}

static void put_array(rl_gguf_writer *w, const char *key, rl_gguf_type type, size_t n)
{
    put_key(w, key, RL_GGUF_ARRAY);
    append_u32(w, &w->metadata, type);
    append_u64(w, &w->metadata, n);
}

void rl_gguf_put_u32(rl_gguf_writer *w, const char *key, uint32_t value)
{
    put_key(w, key, RL_GGUF_U32);
    append_u32(w, &w->metadata, value);
}

void rl_gguf_put_u64(rl_gguf_writer *w, const char *key, uint64_t value)
{
    put_key(w, key, RL_GGUF_U64);
    append_u64(w, &w->metadata, value);
}

void rl_gguf_put_f32(rl_gguf_writer *w, const char *key, float value)
{
    put_key(w, key, RL_GGUF_F32);
    append_u32(w, &w->metadata, rl_f32_to_bits(value));
}

void rl_gguf_put_bool(rl_gguf_writer *w, const char *key, bool value)
{
    put_key(w, key, RL_GGUF_BOOL);
    append(w, &w->metadata, &(uint8_t){value}, 1);
}

void rl_gguf_put_str(rl_gguf_writer *w, const char *key, const char *value)
{
    put_key(w, key, RL_GGUF_STR);
    append_str(w, &w->metadata, value, strlen(value));
}

void rl_gguf_put_strs(rl_gguf_writer *w, const char *key, const rl_gguf_str *values, size_t n)
{
    put_array(w, key, RL_GGUF_STR, n);
    for (size_t i = 0; i < n; i++) append_str(w, &w->metadata, values[i].text, values[i].bytes);
}

void rl_gguf_put_f32s(rl_gguf_writer *w, const char *key, const float *values, size_t n)
{
    put_array(w, key, RL_GGUF_F32, n);
    for (size_t i = 0; i < n; i++) append_u32(w, &w->metadata, rl_f32_to_bits(values[i]));
}

void rl_gguf_put_i32s(rl_gguf_writer *w, const char *key, const int32_t *values, size_t n)
{
    put_array(w, key, RL_GGUF_I32, n);
    for (size_t i = 0; i < n; i++) append_u32(w, &w->metadata, (uint32_t)values[i]);
}

void rl_gguf_put_tensor(rl_gguf_writer *w, const char *name, rl_format format, uint32_t n_dims,
                        const size_t *dims)
{
    const rl_format_info *f = &rl_format_table[format];
    extent e = {0, 0};
    bool ok = n_dims >= 1 && n_dims <= 4 && dims[0] >= 1 && dims[0] % f->block_elems == 0 &&
              rl_mul_ok(dims[0] / f->block_elems, f->block_bytes, &e.bytes);
    for (uint32_t d = 1; ok && d < n_dims; d++) ok = dims[d] >= 1 && rl_mul_ok(e.bytes, dims[d], &e.bytes);
    ok = ok && e.bytes <= SIZE_MAX / 2 - w->data_bytes;
    if (w->kept.status == RL_OK && (!ok || w->header_written))
        rl_fail(&w->kept, RL_ERR_ARG, "%s: tensor '%s' %s", w->file.path, name,
                ok ? "after tensor data" : "has dimensions that its format cannot have");
    if (w->kept.status != RL_OK) return;
    claim(w, &w->names, "tensor name", name, RL_GGUF_NAME_MAX);
    append_str(w, &w->infos, name, strlen(name));
    append_u32(w, &w->infos, n_dims);
    for (uint32_t d = 0; d < n_dims; d++) append_u64(w, &w->infos, dims[d]);
    append_u32(w, &w->infos, f->ggml_type);
    append_u64(w, &w->infos, w->data_bytes);
    e.padded = rl_round_up(e.bytes, RL_GGUF_ALIGN_DEFAULT);
    append(w, &w->extents, &e, sizeof e);
    w->data_bytes += e.padded;
    w->n_tensors++;
}

static bool emit(rl_gguf_writer *w, const void *data, size_t n)
{
    return n == 0 || fwrite(data, 1, n, w->file.stream) == n;
}

static bool emit_zeros(rl_gguf_writer *w, size_t n)
{
    static const uint8_t zeros[RL_GGUF_ALIGN_DEFAULT];
    return emit(w, zeros, n); /* n < alignment */
}

static rl_status write_failed(const rl_gguf_writer *w, rl_error *err)
{
    return rl_fail(err, RL_ERR_IO, "%s: cannot write: %s", w->file.path, strerror(errno));
}

/* What was put so far, once. */
static rl_status write_header(rl_gguf_writer *w, rl_error *err)
{
    buffer head = {NULL, 0, 0};
    append(w, &head, "GGUF", 4);
    append_u32(w, &head, 3);
    append_u64(w, &head, w->n_tensors);
    append_u64(w, &head, w->n_kv);
    rl_status status = RL_OK;
    if (w->kept.status != RL_OK) {
        status = rl_fail(err, w->kept.status, "%s", w->kept.text);
    } else {
        const size_t end = head.used + w->metadata.used + w->infos.used;
        if (!emit(w, head.data, head.used) || !emit(w, w->metadata.data, w->metadata.used) ||
            !emit(w, w->infos.data, w->infos.used) ||
            (w->n_tensors > 0 && !emit_zeros(w, rl_round_up(end, RL_GGUF_ALIGN_DEFAULT) - end)))
            status = write_failed(w, err);
    }
    free(head.data);
    w->header_written = true;
    return status;
}

rl_status rl_gguf_write(rl_gguf_writer *w, const void *data, size_t bytes, rl_error *err)
{
    if (!w->header_written) {
        const rl_status status = write_header(w, err);
        if (status != RL_OK) return status;
    }
    if (w->kept.status != RL_OK) return rl_fail(err, w->kept.status, "%s", w->kept.text);
    const extent *e = (const extent *)(const void *)w->extents.data;
    const size_t room = w->current < w->n_tensors ? e[w->current].bytes - w->written : 0;
    if (bytes > room)
        return rl_fail(err, RL_ERR_ARG, "%s: %zu bytes for tensor %zu of %zu, which lacks %zu", w->file.path,
                       bytes, w->current, (size_t)w->n_tensors, room);
    if (!emit(w, data, bytes)) return write_failed(w, err);
    w->written += bytes;
    if (w->current < w->n_tensors && w->written == e[w->current].bytes) {
        if (!emit_zeros(w, e[w->current].padded - e[w->current].bytes)) return write_failed(w, err);
        w->current++;
        w->written = 0;
    }
    return RL_OK;
}

rl_status rl_gguf_writer_commit(rl_gguf_writer *w, rl_error *err)
{
    rl_status status = rl_gguf_write(w, NULL, 0, err); /* the header, where there are no tensors */
    if (status == RL_OK && w->current != w->n_tensors)
        status = rl_fail(err, RL_ERR_ARG, "%s: tensor %zu of %zu is incomplete", w->file.path, w->current,
                         (size_t)w->n_tensors);
    if (status == RL_OK) status = rl_outfile_commit(&w->file, err);
    rl_gguf_writer_abandon(w);
    return status;
}

void rl_gguf_writer_abandon(rl_gguf_writer *w)
{
    if (w == NULL) return;
    rl_outfile_abandon(&w->file);
    free(w->metadata.data);
    free(w->infos.data);
    free(w->keys.data);
    free(w->names.data);
    free(w->extents.data);
    rl_free(w);
}
