/* util_gguf.c - the walk over an opened file. Under a sanitizer it finds what points outside the file. */
#include "util_gguf.h"

#include <stdlib.h>

/* Keeps reads from being optimised away. */
static volatile uint64_t sink;

static void read_bytes(const void *data, size_t n)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++) sum += ((const uint8_t *)data)[i];
    sink = sum;
}

static void read_value(const rl_gguf_kv *kv)
{
    rl_gguf_array a;
    rl_gguf_str s;
    switch (kv->type) {
    case RL_GGUF_STR:
        s = rl_gguf_kv_str(kv);
        read_bytes(s.text, s.bytes);
        break;
    case RL_GGUF_F32:
    case RL_GGUF_F64:
        sink = rl_gguf_kv_real(kv) > 0;
        break;
    case RL_GGUF_ARRAY:
        a = rl_gguf_kv_array(kv);
        if (a.type == RL_GGUF_STR)
            while (rl_gguf_next_str(&a, &s)) read_bytes(s.text, s.bytes);
        else if (a.type == RL_GGUF_F32 || a.type == RL_GGUF_F64)
            for (size_t i = 0; i < a.count; i++) sink = rl_gguf_real_at(&a, i) > 0;
        else if (a.type != RL_GGUF_ARRAY)
            for (size_t i = 0; i < a.count; i++) sink = (uint64_t)rl_gguf_int_at(&a, i);
        break;
    default:
        sink = (uint64_t)rl_gguf_kv_int(kv);
        break;
    }
}

/* Every getter may refuse, none may misbehave. */
static void try_getters(const rl_gguf *g, const char *key)
{
    uint32_t u;
    float f;
    bool b;
    rl_gguf_str s;
    rl_gguf_array a;
    rl_error err;
    sink = rl_gguf_u32(g, key, RL_GGUF_REQUIRED, &u, &err);
    sink = rl_gguf_f32(g, key, RL_GGUF_REQUIRED, &f, &err);
    sink = rl_gguf_bool(g, key, RL_GGUF_REQUIRED, &b, &err);
    sink = rl_gguf_string(g, key, RL_GGUF_REQUIRED, &s, &err);
    sink = rl_gguf_elements(g, key, RL_GGUF_REQUIRED, RL_GGUF_STR, &a, &err);
}

static const char *walk_metadata(const rl_gguf *g)
{
    const rl_gguf_kv *kv;
    for (size_t i = 0; (kv = rl_gguf_kv_at(g, i)) != NULL; i++) {
        char *key = malloc(kv->key.bytes + 1);
        if (key == NULL) return "no memory for a key";
        memcpy(key, kv->key.text, kv->key.bytes);
        key[kv->key.bytes] = '\0';
        const bool found = rl_gguf_kv_find(g, key) == kv;
        if (found) try_getters(g, key);
        free(key);
        if (!found) return "a key is not found by its name";
        read_value(kv);
    }
    return NULL;
}

static const char *walk_tensors(const rl_gguf *g)
{
    const rl_gguf_tensor *t;
    for (size_t i = 0; (t = rl_gguf_tensor_at(g, i)) != NULL; i++) {
        rl_matrix m;
        rl_error err;
        if (rl_gguf_tensor_find(g, t->name) != t) return "a tensor is not found by its name";
        if (t->offset % rl_gguf_alignment(g) != 0) return "a tensor is not aligned";
        if (t->offset < rl_gguf_data_offset(g) || t->offset > rl_gguf_file_bytes(g) ||
            t->bytes > rl_gguf_file_bytes(g) - t->offset)
            return "a tensor is not inside the file";
        if (t->bytes != t->dims[1] * t->dims[2] * t->dims[3] * rl_row_bytes(t->format, t->dims[0]))
            return "a tensor's bytes are not those of its dimensions";
        read_bytes(t->data, t->bytes);
        if (rl_gguf_matrix(g, t->name, 0, 0, &m, &err) == RL_OK && rl_matrix_bytes(&m) != t->bytes)
            return "a matrix is not its tensor";
    }
    return NULL;
}

const char *util_gguf_walk(const rl_gguf *g)
{
    const char *broken = walk_metadata(g);
    return broken != NULL ? broken : walk_tensors(g);
}
