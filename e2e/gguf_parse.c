/* gguf_parse.c - from the bytes of a GGUF file to its directory. All reading goes through a cursor that knows
 * where it is and how much is left; nothing is believed before it is compared with that. */
#include "gguf_parse.h"

#include "base/mem.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct {
    rl_gguf *g;
    size_t at;
    rl_error *err;
    const char *part; /* "header", "metadata", "tensor" */
    size_t index;     /* of the entry in its part */
    rl_gguf_str name; /* of the entry, once it is known */
} cursor;

/* "<file>: metadata 3 'general.name', byte 120: <sentence>" */
static rl_status fail(const cursor *c, rl_status status, const char *fmt, ...) RL_PRINTF(3, 4);
static rl_status fail(const cursor *c, rl_status status, const char *fmt, ...)
{
    char text[384], place[160], name[100];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (c->name.bytes > 0)
        snprintf(place, sizeof place, "%s %zu '%s'", c->part, c->index,
                 rl_printable(name, sizeof name, c->name.text, c->name.bytes));
    else if (strcmp(c->part, "header") == 0)
        snprintf(place, sizeof place, "header");
    else
        snprintf(place, sizeof place, "%s %zu", c->part, c->index);
    return rl_fail(c->err, status, "%s: %s, byte %zu: %s", c->g->path, place, c->at, text);
}

static size_t left(const cursor *c) { return c->g->size - c->at; }

static rl_status need(const cursor *c, uint64_t bytes, const char *what)
{
    if (bytes <= left(c)) return RL_OK;
    return fail(c, RL_ERR_FORMAT, "%s takes %" PRIu64 " bytes, the file has %zu left", what, bytes, left(c));
}

static rl_status read_u32(cursor *c, const char *what, uint32_t *out)
{
    rl_status status = need(c, 4, what);
    if (status != RL_OK) return status;
    *out = gguf_load32(c->g->data + c->at);
    c->at += 4;
    return RL_OK;
}

static rl_status read_u64(cursor *c, const char *what, uint64_t *out)
{
    rl_status status = need(c, 8, what);
    if (status != RL_OK) return status;
    *out = gguf_load64(c->g->data + c->at);
    c->at += 8;
    return RL_OK;
}

static rl_status read_str(cursor *c, const char *what, rl_gguf_str *out)
{
    uint64_t n;
    rl_status status = read_u64(c, what, &n);
    if (status == RL_OK) status = need(c, n, what);
    if (status != RL_OK) return status;
    *out = (rl_gguf_str){(const char *)c->g->data + c->at, (size_t)n};
    c->at += (size_t)n;
    return RL_OK;
}

/* A key or a tensor name: 1..max bytes, none of them 0. */
static rl_status read_name(cursor *c, const char *what, size_t max)
{
    rl_gguf_str name;
    const size_t start = c->at;
    rl_status status = read_str(c, what, &name);
    if (status != RL_OK) return status;
    if (name.bytes < 1 || name.bytes > max) {
        c->at = start;
        return fail(c, RL_ERR_FORMAT, "%s of %zu bytes, allowed are 1 to %zu", what, name.bytes, max);
    }
    c->name = name;
    if (memchr(name.text, 0, name.bytes) != NULL) {
        c->at = start;
        return fail(c, RL_ERR_FORMAT, "%s holds a 0 byte", what);
    }
    return RL_OK;
}

size_t rl_gguf_type_bytes(rl_gguf_type type)
{
    static const uint8_t bytes[RL_GGUF_TYPE_COUNT] = {
        [RL_GGUF_U8] = 1,  [RL_GGUF_I8] = 1,  [RL_GGUF_U16] = 2, [RL_GGUF_I16] = 2,
        [RL_GGUF_U32] = 4, [RL_GGUF_I32] = 4, [RL_GGUF_F32] = 4, [RL_GGUF_BOOL] = 1,
        [RL_GGUF_U64] = 8, [RL_GGUF_I64] = 8, [RL_GGUF_F64] = 8};
    return bytes[type];
}

static rl_status read_type(cursor *c, rl_gguf_type *out)
{
    uint32_t type;
    rl_status status = read_u32(c, "a value type", &type);
    if (status != RL_OK) return status;
    if (type >= RL_GGUF_TYPE_COUNT) {
        c->at -= 4;
        return fail(c, RL_ERR_FORMAT, "value type %" PRIu32 ", allowed are 0 to %d", type,
                    RL_GGUF_TYPE_COUNT - 1);
    }
    *out = (rl_gguf_type)type;
    return RL_OK;
}

/* `count` values of a type of fixed size. */
static rl_status skip_fixed(cursor *c, rl_gguf_type type, uint64_t count)
{
    const size_t size = rl_gguf_type_bytes(type);
    if (count > left(c) / size)
        return fail(c, RL_ERR_FORMAT, "%" PRIu64 " values of type %s, the file has %zu bytes left", count,
                    rl_gguf_type_name(type), left(c));
    for (size_t i = 0; type == RL_GGUF_BOOL && i < count; i++, c->at++)
        if (c->g->data[c->at] > 1)
            return fail(c, RL_ERR_FORMAT, "bool of value %u, allowed are 0 and 1", c->g->data[c->at]);
    if (type != RL_GGUF_BOOL) c->at += (size_t)count * size;
    return RL_OK;
}

static rl_status skip_value(cursor *c, rl_gguf_type type, int depth);

static rl_status skip_array(cursor *c, int depth)
{
    rl_gguf_type type = RL_GGUF_U8;
    uint64_t count = 0;
    rl_status status = read_type(c, &type);
    if (status == RL_OK) status = read_u64(c, "an array", &count);
    if (status != RL_OK) return status;
    if (rl_gguf_type_bytes(type) > 0) return skip_fixed(c, type, count);
    if (type == RL_GGUF_ARRAY && depth >= RL_GGUF_DEPTH_MAX)
        return fail(c, RL_ERR_FORMAT, "arrays nested deeper than %d", RL_GGUF_DEPTH_MAX);
    const size_t least = type == RL_GGUF_STR ? 8 : 12; /* an empty string, an empty array */
    if (count > left(c) / least)
        return fail(c, RL_ERR_FORMAT, "array of %" PRIu64 " elements, the file has %zu bytes left", count,
                    left(c));
    for (uint64_t i = 0; i < count && status == RL_OK; i++) status = skip_value(c, type, depth + 1);
    return status;
}

static rl_status skip_value(cursor *c, rl_gguf_type type, int depth)
{
    rl_gguf_str ignored;
    if (type == RL_GGUF_STR) return read_str(c, "a string", &ignored);
    if (type == RL_GGUF_ARRAY) return skip_array(c, depth);
    return skip_fixed(c, type, 1);
}

static rl_status parse_header(cursor *c)
{
    static const char magic[4] = {'G', 'G', 'U', 'F'};
    rl_gguf *g = c->g;
    uint64_t n_tensors = 0, n_kv = 0;
    char found[20];
    rl_status status = need(c, 24, "a GGUF header");
    if (status != RL_OK) return status;
    if (memcmp(g->data, magic, 4) != 0)
        return fail(c, RL_ERR_FORMAT, "not a GGUF file: starts with '%s', expected 'GGUF'",
                    rl_printable(found, sizeof found, (const char *)g->data, 4));
    c->at = 4;
    read_u32(c, "version", &g->version);
    c->at = 4;
    if (g->version == 1)
        return fail(c, RL_ERR_UNSUPPORTED, "version 1, supported are 2 and 3: convert the model again");
    if (g->version == 0x02000000u || g->version == 0x03000000u)
        return fail(c, RL_ERR_UNSUPPORTED, "a big-endian file, supported are little-endian ones");
    if (g->version != 2 && g->version != 3)
        return fail(c, RL_ERR_UNSUPPORTED, "version %" PRIu32 ", supported are 2 and 3", g->version);
    c->at = 8;
    read_u64(c, "tensor count", &n_tensors);
    read_u64(c, "key count", &n_kv);
    const size_t least_kv = 8 + 1 + 4 + 1, least_tensor = 8 + 1 + 4 + 8 + 4 + 8; /* smallest of each */
    if (n_kv > RL_GGUF_ENTRIES_MAX || n_kv > left(c) / least_kv)
        return fail(c, RL_ERR_FORMAT, "%" PRIu64 " keys, the %zu bytes left allow %zu (and at most %d)", n_kv,
                    left(c), left(c) / least_kv, RL_GGUF_ENTRIES_MAX);
    if (n_tensors > RL_GGUF_ENTRIES_MAX || n_tensors > left(c) / least_tensor)
        return fail(c, RL_ERR_FORMAT, "%" PRIu64 " tensors, the %zu bytes left allow %zu (and at most %d)",
                    n_tensors, left(c), left(c) / least_tensor, RL_GGUF_ENTRIES_MAX);
    g->n_kv = (size_t)n_kv;
    g->n_tensors = (size_t)n_tensors;
    return RL_OK;
}

static int by_key(const void *a, const void *b)
{
    const rl_gguf_kv *x = *(const rl_gguf_kv *const *)a, *y = *(const rl_gguf_kv *const *)b;
    return gguf_str_order(x->key, y->key);
}

static int by_name(const void *a, const void *b)
{
    const rl_gguf_tensor *x = *(const rl_gguf_tensor *const *)a, *y = *(const rl_gguf_tensor *const *)b;
    return strcmp(x->name, y->name);
}

static int by_place(const void *a, const void *b)
{
    const rl_gguf_tensor *x = *(const rl_gguf_tensor *const *)a, *y = *(const rl_gguf_tensor *const *)b;
    return (x->offset > y->offset) - (x->offset < y->offset);
}

static rl_status parse_metadata(cursor *c)
{
    rl_gguf *g = c->g;
    c->part = "metadata";
    for (size_t i = 0; i < g->n_kv; i++) {
        c->index = i;
        c->name = (rl_gguf_str){NULL, 0};
        rl_gguf_kv *kv = &g->kv[i];
        rl_status status = read_name(c, "key", RL_GGUF_KEY_MAX);
        kv->key = c->name;
        if (status == RL_OK) status = read_type(c, &kv->type);
        kv->value = g->data + c->at;
        if (status == RL_OK) status = skip_value(c, kv->type, 1);
        if (status != RL_OK) return status;
        g->kv_by_key[i] = kv;
    }
    if (g->n_kv > 0) qsort(g->kv_by_key, g->n_kv, sizeof *g->kv_by_key, by_key);
    for (size_t i = 1; i < g->n_kv; i++)
        if (by_key(&g->kv_by_key[i - 1], &g->kv_by_key[i]) == 0) {
            const rl_gguf_kv *a = g->kv_by_key[i - 1], *b = g->kv_by_key[i];
            c->name = a->key;
            c->index = (size_t)((a > b ? a : b) - g->kv);
            c->at = (size_t)((a > b ? a : b)->value - g->data);
            return fail(c, RL_ERR_FORMAT, "the key is there twice, also as metadata %zu",
                        (size_t)((a > b ? b : a) - g->kv));
        }
    return RL_OK;
}

/* What the metadata says about the file itself. */
static rl_status check_metadata(rl_gguf *g, rl_error *err)
{
    uint32_t alignment = RL_GGUF_ALIGN_DEFAULT, parts = 1;
    rl_status status = rl_gguf_u32(g, "general.alignment", RL_GGUF_OPTIONAL, &alignment, err);
    if (status == RL_OK) status = rl_gguf_u32(g, "split.count", RL_GGUF_OPTIONAL, &parts, err);
    if (status != RL_OK) return status;
    if (alignment < 8 || alignment > RL_GGUF_ALIGN_MAX || (alignment & (alignment - 1)) != 0)
        return rl_fail(err, RL_ERR_FORMAT,
                       "%s: general.alignment is %" PRIu32 ", allowed are powers of two from 8 to %d",
                       g->path, alignment, RL_GGUF_ALIGN_MAX);
    if (parts > 1)
        return rl_fail(err, RL_ERR_UNSUPPORTED,
                       "%s: split.count is %" PRIu32 ": one part of a split model, supported are models in "
                       "one file (merge the parts first)",
                       g->path, parts);
    g->alignment = alignment;
    return RL_OK;
}

/* ggml types that we have no kernels for, and those that are no more. */
static rl_status refuse_type(const cursor *c, uint32_t type)
{
    static const char *const unsupported[] = {
        [9] = "q8_1",   [15] = "q8_K",   [16] = "iq2_xxs", [17] = "iq2_xs", [18] = "iq3_xxs",
        [19] = "iq1_s", [20] = "iq4_nl", [21] = "iq3_s",   [22] = "iq2_s",  [23] = "iq4_xs",
        [24] = "i8",    [25] = "i16",    [26] = "i32",     [27] = "i64",    [28] = "f64",
        [29] = "iq1_m", [34] = "tq1_0",  [35] = "tq2_0",   [39] = "mxfp4"};
    static const char *const removed[] = {
        [4] = "q4_2",      [5] = "q4_3",        [31] = "q4_0_4_4",   [32] = "q4_0_4_8",
        [33] = "q4_0_8_8", [36] = "iq4_nl_4_4", [37] = "iq4_nl_4_8", [38] = "iq4_nl_8_8"};
    if (type < RL_COUNT(unsupported) && unsupported[type] != NULL)
        return fail(c, RL_ERR_UNSUPPORTED, "type %" PRIu32 " (%s) is not supported", type, unsupported[type]);
    if (type < RL_COUNT(removed) && removed[type] != NULL)
        return fail(c, RL_ERR_UNSUPPORTED,
                    "type %" PRIu32 " (%s) was removed from the format: convert the model again", type,
                    removed[type]);
    return fail(c, RL_ERR_FORMAT, "type %" PRIu32 " is unknown", type);
}

/* Sizes of a tensor from its dimensions. */
static rl_status measure(const cursor *c, rl_gguf_tensor *t)
{
    const rl_format_info *f = &rl_format_table[t->format];
    if (t->dims[0] % f->block_elems != 0)
        return fail(c, RL_ERR_FORMAT, "rows of %zu values, %s stores blocks of %zu", t->dims[0], f->name,
                    f->block_elems);
    bool fits = rl_mul_ok(t->dims[0] / f->block_elems, f->block_bytes, &t->bytes);
    for (int d = 1; d < 4; d++) fits = fits && rl_mul_ok(t->bytes, t->dims[d], &t->bytes);
    size_t elems = t->dims[0]; /* the count of values may be asked for as well */
    for (int d = 1; d < 4; d++) fits = fits && rl_mul_ok(elems, t->dims[d], &elems);
    if (!fits)
        return fail(c, RL_ERR_FORMAT, "%zu x %zu x %zu x %zu values are more than can be counted", t->dims[0],
                    t->dims[1], t->dims[2], t->dims[3]);
    return RL_OK;
}

/* t->offset is still as the file has it: from the start of all data. */
static rl_status parse_tensor_info(cursor *c, rl_gguf_tensor *t)
{
    uint32_t type;
    uint64_t offset = 0;
    rl_status status = read_name(c, "tensor name", RL_GGUF_NAME_MAX);
    if (status != RL_OK) return status;
    memcpy(t->name, c->name.text, c->name.bytes);
    status = read_u32(c, "a dimension count", &t->n_dims);
    if (status != RL_OK) return status;
    if (t->n_dims < 1 || t->n_dims > 4) {
        c->at -= 4;
        return fail(c, RL_ERR_FORMAT, "%" PRIu32 " dimensions, allowed are 1 to 4", t->n_dims);
    }
    for (uint32_t d = 0; d < 4; d++) {
        uint64_t dim = 1;
        if (d < t->n_dims && (status = read_u64(c, "a dimension", &dim)) != RL_OK) return status;
        if (dim < 1 || dim > SIZE_MAX)
            return fail(c, RL_ERR_FORMAT, "dimension %" PRIu32 " is %" PRIu64, d, dim);
        t->dims[d] = (size_t)dim;
    }
    if ((status = read_u32(c, "a tensor type", &type)) != RL_OK) return status;
    if (!rl_format_from_ggml(type, &t->format)) {
        c->at -= 4;
        return refuse_type(c, type);
    }
    if ((status = measure(c, t)) != RL_OK) return status;
    status = read_u64(c, "a tensor offset", &offset);
    if (status == RL_OK && offset > SIZE_MAX)
        return fail(c, RL_ERR_FORMAT, "offset %" PRIu64 " is more than can be addressed", offset);
    t->offset = (size_t)offset;
    return status;
}

/* Where the tensor's data lies, now that the end of the infos is known. */
static rl_status place(const cursor *c, rl_gguf_tensor *t)
{
    const rl_gguf *g = c->g;
    if (t->offset % g->alignment != 0)
        return fail(c, RL_ERR_FORMAT, "offset %zu is not a multiple of the alignment %zu", t->offset,
                    g->alignment);
    if (g->data_offset > g->size || t->offset > g->size - g->data_offset ||
        t->bytes > g->size - g->data_offset - t->offset)
        return fail(c, RL_ERR_FORMAT, "%zu bytes at offset %zu of the data, which has %zu bytes", t->bytes,
                    t->offset, g->data_offset < g->size ? g->size - g->data_offset : 0);
    t->offset += g->data_offset;
    t->data = g->data + t->offset;
    return RL_OK;
}

static rl_status parse_tensors(cursor *c)
{
    rl_gguf *g = c->g;
    rl_status status = RL_OK;
    c->part = "tensor";
    for (size_t i = 0; i < g->n_tensors && status == RL_OK; i++) {
        c->index = i;
        c->name = (rl_gguf_str){NULL, 0};
        status = parse_tensor_info(c, &g->tensors[i]);
    }
    if (status != RL_OK) return status;
    g->data_offset = rl_round_up(c->at, g->alignment); /* cannot wrap: a file is far shorter than that */
    c->at = g->data_offset;
    for (size_t i = 0; i < g->n_tensors && status == RL_OK; i++) {
        c->index = i;
        c->name = (rl_gguf_str){g->tensors[i].name, strlen(g->tensors[i].name)};
        status = place(c, &g->tensors[i]);
    }
    return status;
}

static rl_status check_tensors(cursor *c)
{
    rl_gguf *g = c->g;
    const rl_gguf_tensor **order = g->tensor_by_name;
    if (g->n_tensors == 0) return RL_OK;
    for (size_t i = 0; i < g->n_tensors; i++) order[i] = &g->tensors[i];
    qsort(order, g->n_tensors, sizeof *order, by_place);
    for (size_t i = 1; i < g->n_tensors; i++) {
        const size_t end = order[i - 1]->offset + order[i - 1]->bytes;
        if (end > order[i]->offset) {
            c->index = (size_t)(order[i] - g->tensors);
            c->name = (rl_gguf_str){order[i]->name, strlen(order[i]->name)};
            c->at = order[i]->offset;
            return fail(c, RL_ERR_FORMAT, "its data overlaps that of tensor %zu, which ends at byte %zu",
                        (size_t)(order[i - 1] - g->tensors), end);
        }
    }
    qsort(order, g->n_tensors, sizeof *order, by_name);
    for (size_t i = 1; i < g->n_tensors; i++)
        if (strcmp(order[i - 1]->name, order[i]->name) == 0) {
            const rl_gguf_tensor *a = order[i - 1], *b = order[i];
            c->index = (size_t)((a > b ? a : b) - g->tensors);
            c->name = (rl_gguf_str){a->name, strlen(a->name)};
            return fail(c, RL_ERR_FORMAT, "the name is there twice, also as tensor %zu",
                        (size_t)((a > b ? b : a) - g->tensors));
        }
    return RL_OK;
}

rl_status rl_gguf_parse(rl_gguf *g, rl_error *err)
{
    cursor c = {.g = g, .err = err, .part = "header"};
    rl_status status = parse_header(&c);
    if (status != RL_OK) return status;
    g->kv = rl_alloc((g->n_kv + 1) * sizeof *g->kv);
    g->kv_by_key = rl_alloc((g->n_kv + 1) * sizeof *g->kv_by_key);
    g->tensors = rl_alloc((g->n_tensors + 1) * sizeof *g->tensors);
    g->tensor_by_name = rl_alloc((g->n_tensors + 1) * sizeof *g->tensor_by_name);
    if (g->kv == NULL || g->kv_by_key == NULL || g->tensors == NULL || g->tensor_by_name == NULL)
        return rl_fail(err, RL_ERR_MEMORY, "%s: out of memory for %zu keys and %zu tensors", g->path, g->n_kv,
                       g->n_tensors);
    status = parse_metadata(&c);
    if (status == RL_OK) status = check_metadata(g, err);
    if (status == RL_OK) status = parse_tensors(&c);
    if (status == RL_OK) status = check_tensors(&c);
    return status;
}
