/* gguf_parse.h - the inside of an rl_gguf, shared by gguf_parse.c (fills it) and gguf.c (answers from it). */
#ifndef RL_GGUF_PARSE_H
#define RL_GGUF_PARSE_H

#include "gguf.h"

struct rl_gguf {
    char *path;          /* owned */
    const uint8_t *data; /* the whole file */
    size_t size;
    bool mapped; /* data is ours to unmap */

    uint32_t version;
    size_t alignment, data_offset;
    size_t n_kv, n_tensors;
    rl_gguf_kv *kv;                        /* owned, file order */
    const rl_gguf_kv **kv_by_key;          /* owned, sorted */
    rl_gguf_tensor *tensors;               /* owned, file order */
    const rl_gguf_tensor **tensor_by_name; /* owned, sorted */
};

/* Fills everything below `mapped` from path, data and size. On failure what was allocated stays for
 * rl_gguf_close. */
rl_status rl_gguf_parse(rl_gguf *g, rl_error *err);

/* Size of a value of a type; 0 for strings and arrays. */
size_t rl_gguf_type_bytes(rl_gguf_type type);

/* Little-endian loads from any alignment. */
static inline uint32_t gguf_load32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}
static inline uint64_t gguf_load64(const uint8_t *p)
{
    return (uint64_t)gguf_load32(p) | (uint64_t)gguf_load32(p + 4) << 32;
}

/* Orders as memcmp does, the shorter of two with a common start first. */
static inline int gguf_str_order(rl_gguf_str a, rl_gguf_str b)
{
    const size_t common = a.bytes < b.bytes ? a.bytes : b.bytes;
    const int order = memcmp(a.text, b.text, common);
    return order != 0 ? order : (a.bytes > b.bytes) - (a.bytes < b.bytes);
}

#endif
