/* gguf.c - opening a GGUF file and answering from its directory. */
#include "gguf_parse.h"

#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static rl_status map_file(rl_gguf *g, rl_error *err)
{
    struct stat st;
    const int fd = open(g->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not keep us waiting */
    if (fd < 0) return rl_fail(err, RL_ERR_IO, "%s: cannot open: %s", g->path, strerror(errno));
    rl_status status = RL_OK;
    if (fstat(fd, &st) != 0)
        status = rl_fail(err, RL_ERR_IO, "%s: cannot read: %s", g->path, strerror(errno));
    else if (!S_ISREG(st.st_mode))
        status = rl_fail(err, RL_ERR_IO, "%s: not a regular file", g->path);
    else if (st.st_size == 0)
        status = rl_fail(err, RL_ERR_FORMAT, "%s: the file is empty", g->path);
    else if ((uintmax_t)st.st_size > PTRDIFF_MAX)
        status = rl_fail(err, RL_ERR_UNSUPPORTED, "%s: larger than the address space", g->path);
    if (status == RL_OK) {
        void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (map == MAP_FAILED) {
            status = rl_fail(err, RL_ERR_IO, "%s: cannot map: %s", g->path, strerror(errno));
        } else {
            g->data = map;
            g->size = (size_t)st.st_size;
            g->mapped = true;
        }
    }
    close(fd);
    return status;
}

static rl_status open_any(rl_gguf **out, const void *data, size_t size, const char *name, rl_error *err)
{
    *out = NULL;
    rl_gguf *g = rl_alloc(sizeof *g);
    if (g != NULL) g->path = strdup(name);
    if (g == NULL || g->path == NULL) {
        rl_gguf_close(g);
        return rl_fail(err, RL_ERR_MEMORY, "%s: out of memory", name);
    }
    g->data = data;
    g->size = size;
    rl_status status = data == NULL ? map_file(g, err) : RL_OK;
    if (status == RL_OK) status = rl_gguf_parse(g, err);
    if (status != RL_OK) {
        rl_gguf_close(g);
        return status;
    }
    *out = g;
    return RL_OK;
}

rl_status rl_gguf_open(rl_gguf **g, const char *path, rl_error *err)
{
    return open_any(g, NULL, 0, path, err);
}

rl_status rl_gguf_open_memory(rl_gguf **g, const void *data, size_t size, const char *name, rl_error *err)
{
    assert(data != NULL);
    return open_any(g, data, size, name, err);
}

void rl_gguf_close(rl_gguf *g)
{
    if (g == NULL) return;
    if (g->mapped) munmap((void *)(uintptr_t)g->data, g->size);
    rl_free(g->kv);
    rl_free(g->kv_by_key);
    rl_free(g->tensors);
    rl_free(g->tensor_by_name);
    free(g->path);
    rl_free(g);
}

/* Whole pages only: what lies on the first and the last may be another tensor's. */
void rl_gguf_let_go(const rl_gguf *g, const void *data, size_t bytes)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const uintptr_t begin = rl_round_up((uintptr_t)data, page), end = ((uintptr_t)data + bytes) & ~(page - 1);
    if (g->mapped && begin < end) (void)madvise((void *)begin, end - begin, MADV_DONTNEED);
}

const char *rl_gguf_path(const rl_gguf *g) { return g->path; }
uint32_t rl_gguf_version(const rl_gguf *g) { return g->version; }
size_t rl_gguf_alignment(const rl_gguf *g) { return g->alignment; }
size_t rl_gguf_file_bytes(const rl_gguf *g) { return g->size; }
size_t rl_gguf_data_offset(const rl_gguf *g) { return g->data_offset; }

const rl_gguf_kv *rl_gguf_kv_at(const rl_gguf *g, size_t i) { return i < g->n_kv ? &g->kv[i] : NULL; }

const rl_gguf_tensor *rl_gguf_tensor_at(const rl_gguf *g, size_t i)
{
    return i < g->n_tensors ? &g->tensors[i] : NULL;
}

static int key_order(const void *key, const void *entry)
{
    const rl_gguf_kv *kv = *(const rl_gguf_kv *const *)entry;
    return gguf_str_order((rl_gguf_str){key, strlen(key)}, kv->key);
}

const rl_gguf_kv *rl_gguf_kv_find(const rl_gguf *g, const char *key)
{
    const rl_gguf_kv *const *found = bsearch(key, g->kv_by_key, g->n_kv, sizeof *g->kv_by_key, key_order);
    return found != NULL ? *found : NULL;
}

static int name_order(const void *name, const void *entry)
{
    const rl_gguf_tensor *t = *(const rl_gguf_tensor *const *)entry;
    return strcmp(name, t->name);
}

const rl_gguf_tensor *rl_gguf_tensor_find(const rl_gguf *g, const char *name)
{
    const rl_gguf_tensor *const *found =
        bsearch(name, g->tensor_by_name, g->n_tensors, sizeof *g->tensor_by_name, name_order);
    return found != NULL ? *found : NULL;
}

const char *rl_gguf_type_name(rl_gguf_type type)
{
    static const char *const names[RL_GGUF_TYPE_COUNT] = {
        "u8", "i8", "u16", "i16", "u32", "i32", "f32", "bool", "string", "array", "u64", "i64", "f64"};
    return names[type];
}

static bool is_int(rl_gguf_type type)
{
    return rl_gguf_type_bytes(type) > 0 && type != RL_GGUF_F32 && type != RL_GGUF_F64 && type != RL_GGUF_BOOL;
}

static int64_t load_int(rl_gguf_type type, const uint8_t *p)
{
    const uint32_t low = p[0], half = rl_gguf_type_bytes(type) > 1 ? low | (uint32_t)p[1] << 8 : low;
    switch (type) {
    case RL_GGUF_U8:
    case RL_GGUF_BOOL:
        return low;
    case RL_GGUF_I8:
        return (int8_t)low;
    case RL_GGUF_U16:
        return half;
    case RL_GGUF_I16:
        return (int16_t)half;
    case RL_GGUF_U32:
        return gguf_load32(p);
    case RL_GGUF_I32:
        return (int32_t)gguf_load32(p);
    default:
        assert(type == RL_GGUF_U64 || type == RL_GGUF_I64);
        return (int64_t)gguf_load64(p);
    }
}

static double load_real(rl_gguf_type type, const uint8_t *p)
{
    if (type == RL_GGUF_F32) return (double)rl_bits_to_f32(gguf_load32(p));
    assert(type == RL_GGUF_F64);
    const uint64_t bits = gguf_load64(p);
    double d;
    memcpy(&d, &bits, sizeof d);
    return d;
}

int64_t rl_gguf_kv_int(const rl_gguf_kv *kv) { return load_int(kv->type, kv->value); }
double rl_gguf_kv_real(const rl_gguf_kv *kv) { return load_real(kv->type, kv->value); }

static rl_gguf_str load_str(const uint8_t *p)
{
    return (rl_gguf_str){(const char *)p + 8, (size_t)gguf_load64(p)};
}

rl_gguf_str rl_gguf_kv_str(const rl_gguf_kv *kv)
{
    assert(kv->type == RL_GGUF_STR);
    return load_str(kv->value);
}

rl_gguf_array rl_gguf_kv_array(const rl_gguf_kv *kv)
{
    assert(kv->type == RL_GGUF_ARRAY);
    return (rl_gguf_array){(rl_gguf_type)gguf_load32(kv->value), (size_t)gguf_load64(kv->value + 4),
                           kv->value + 12};
}

int64_t rl_gguf_int_at(const rl_gguf_array *a, size_t i)
{
    assert(i < a->count);
    return load_int(a->type, a->data + i * rl_gguf_type_bytes(a->type));
}

double rl_gguf_real_at(const rl_gguf_array *a, size_t i)
{
    assert(i < a->count);
    return load_real(a->type, a->data + i * rl_gguf_type_bytes(a->type));
}

bool rl_gguf_next_str(rl_gguf_array *a, rl_gguf_str *out)
{
    assert(a->type == RL_GGUF_STR);
    if (a->count == 0) return false;
    *out = load_str(a->data);
    a->data += 8 + out->bytes;
    a->count--;
    return true;
}

/* The entry for a getter: *kv is NULL with RL_OK where it is absent and may be. */
static rl_status find(const rl_gguf *g, const char *key, rl_gguf_need need, const rl_gguf_kv **kv,
                      rl_error *err)
{
    *kv = rl_gguf_kv_find(g, key);
    if (*kv == NULL && need == RL_GGUF_REQUIRED)
        return rl_fail(err, RL_ERR_FORMAT, "%s: metadata has no '%s'", g->path, key);
    return RL_OK;
}

static rl_status wrong_type(const rl_gguf *g, const rl_gguf_kv *kv, const char *key, const char *expected,
                            rl_error *err)
{
    return rl_fail(err, RL_ERR_FORMAT, "%s: metadata '%s' is of type %s, expected %s", g->path, key,
                   rl_gguf_type_name(kv->type), expected);
}

rl_status rl_gguf_u32(const rl_gguf *g, const char *key, rl_gguf_need need, uint32_t *out, rl_error *err)
{
    const rl_gguf_kv *kv;
    rl_status status = find(g, key, need, &kv, err);
    if (status != RL_OK || kv == NULL) return status;
    if (!is_int(kv->type)) return wrong_type(g, kv, key, "an integer", err);
    const int64_t value = rl_gguf_kv_int(kv);
    if (kv->type == RL_GGUF_U64 && value < 0)
        return rl_fail(err, RL_ERR_FORMAT, "%s: metadata '%s' is %" PRIu64 ", allowed are 0 to %" PRIu32,
                       g->path, key, (uint64_t)value, UINT32_MAX);
    if (value < 0 || value > (int64_t)UINT32_MAX)
        return rl_fail(err, RL_ERR_FORMAT, "%s: metadata '%s' is %" PRId64 ", allowed are 0 to %" PRIu32,
                       g->path, key, value, UINT32_MAX);
    *out = (uint32_t)value;
    return RL_OK;
}

rl_status rl_gguf_f32(const rl_gguf *g, const char *key, rl_gguf_need need, float *out, rl_error *err)
{
    const rl_gguf_kv *kv;
    rl_status status = find(g, key, need, &kv, err);
    if (status != RL_OK || kv == NULL) return status;
    if (kv->type != RL_GGUF_F32 && kv->type != RL_GGUF_F64) return wrong_type(g, kv, key, "f32 or f64", err);
    const float value = (float)rl_gguf_kv_real(kv);
    if (!isfinite(value))
        return rl_fail(err, RL_ERR_FORMAT, "%s: metadata '%s' is %g, expected a finite number", g->path, key,
                       rl_gguf_kv_real(kv));
    *out = value;
    return RL_OK;
}

rl_status rl_gguf_bool(const rl_gguf *g, const char *key, rl_gguf_need need, bool *out, rl_error *err)
{
    const rl_gguf_kv *kv;
    rl_status status = find(g, key, need, &kv, err);
    if (status != RL_OK || kv == NULL) return status;
    if (kv->type != RL_GGUF_BOOL) return wrong_type(g, kv, key, "bool", err);
    *out = kv->value[0] != 0;
    return RL_OK;
}

rl_status rl_gguf_string(const rl_gguf *g, const char *key, rl_gguf_need need, rl_gguf_str *out,
                         rl_error *err)
{
    const rl_gguf_kv *kv;
    rl_status status = find(g, key, need, &kv, err);
    if (status != RL_OK || kv == NULL) return status;
    if (kv->type != RL_GGUF_STR) return wrong_type(g, kv, key, "string", err);
    *out = rl_gguf_kv_str(kv);
    return RL_OK;
}

rl_status rl_gguf_elements(const rl_gguf *g, const char *key, rl_gguf_need need, rl_gguf_type type,
                           rl_gguf_array *out, rl_error *err)
{
    const rl_gguf_kv *kv;
    rl_status status = find(g, key, need, &kv, err);
    if (status != RL_OK || kv == NULL) return status;
    if (kv->type != RL_GGUF_ARRAY) return wrong_type(g, kv, key, "array", err);
    const rl_gguf_array a = rl_gguf_kv_array(kv);
    if (a.type != type)
        return rl_fail(err, RL_ERR_FORMAT, "%s: metadata '%s' is an array of %s, expected one of %s", g->path,
                       key, rl_gguf_type_name(a.type), rl_gguf_type_name(type));
    *out = a;
    return RL_OK;
}

rl_status rl_gguf_matrix(const rl_gguf *g, const char *name, size_t rows, size_t cols, rl_matrix *out,
                         rl_error *err)
{
    const rl_gguf_tensor *t = rl_gguf_tensor_find(g, name);
    if (t == NULL) return rl_fail(err, RL_ERR_FORMAT, "%s: there is no tensor '%s'", g->path, name);
    if (t->n_dims > 2)
        return rl_fail(err, RL_ERR_FORMAT, "%s: tensor '%s' has %" PRIu32 " dimensions, expected 1 or 2",
                       g->path, name, t->n_dims);
    if ((rows != 0 && rows != t->dims[1]) || (cols != 0 && cols != t->dims[0]))
        return rl_fail(err, RL_ERR_FORMAT,
                       "%s: tensor '%s' is %zu x %zu (rows x columns), expected %zu x %zu", g->path, name,
                       t->dims[1], t->dims[0], rows != 0 ? rows : t->dims[1], cols != 0 ? cols : t->dims[0]);
    *out = (rl_matrix){t->format, RL_ROWS, t->dims[1], t->dims[0], t->data};
    return RL_OK;
}
