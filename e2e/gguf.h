/* gguf.h - GGUF model files, read in place: a validated directory over one read-only mapping.
 *
 * A file is a header, metadata (keys with typed values), tensor infos, and tensor data at aligned offsets.
 * Opening reads the first three and checks every field before it is used; tensor data is mapped and not
 * touched, so opening costs what the metadata costs, whatever the size of the model. A file that opens cannot
 * make the functions below read outside it. (A file that another process cuts while it is open can: the
 * kernel then raises SIGBUS, as for any mapping.)
 *
 * Accepted: versions 2 and 3, little-endian, one file per model. Refused with a message of their own: version
 * 1, big-endian files, parts of split models, tensor types that this build has no kernels for.
 * Bounds: RL_GGUF_ENTRIES_MAX keys and as many tensors, keys of 1..65535 bytes, tensor names of 1..64, both
 * unique and without a 0 byte, arrays nested RL_GGUF_DEPTH_MAX deep, alignment a power of two from 8 to
 * RL_GGUF_ALIGN_MAX, 1 to 4 dimensions of at least 1, rows of whole blocks, tensors inside the file and apart
 * from each other. Gaps between tensors and bytes after the last are let be.
 *
 * Everything handed out is borrowed from the rl_gguf and lives until rl_gguf_close. Read-only after open: any
 * number of threads may use it.
 * Source: docs/gguf.md of ggml. */
#ifndef RL_GGUF_H
#define RL_GGUF_H

#include "base/matrix.h"
#include "base/status.h"

enum {
    RL_GGUF_ENTRIES_MAX = 1 << 20,
    RL_GGUF_KEY_MAX = 65535,
    RL_GGUF_NAME_MAX = 64,
    RL_GGUF_DEPTH_MAX = 4,
    RL_GGUF_ALIGN_DEFAULT = 32,
    RL_GGUF_ALIGN_MAX = 1 << 20,
};

typedef enum { /* the numbers of the file */
               RL_GGUF_U8,
               RL_GGUF_I8,
               RL_GGUF_U16,
               RL_GGUF_I16,
               RL_GGUF_U32,
               RL_GGUF_I32,
               RL_GGUF_F32,
               RL_GGUF_BOOL,
               RL_GGUF_STR,
               RL_GGUF_ARRAY,
               RL_GGUF_U64,
               RL_GGUF_I64,
               RL_GGUF_F64,
               RL_GGUF_TYPE_COUNT
} rl_gguf_type;

const char *rl_gguf_type_name(rl_gguf_type type); /* "u8" ... "f64", "string", "array" */

typedef struct {
    const char *text; /* not terminated, may hold any byte */
    size_t bytes;
} rl_gguf_str;

/* Elements as the file stores them: packed, at any alignment. Read with the functions below. */
typedef struct {
    rl_gguf_type type; /* of an element */
    size_t count;
    const uint8_t *data;
} rl_gguf_array;

typedef struct {
    rl_gguf_str key;
    rl_gguf_type type;
    const uint8_t *value; /* as stored; one of the functions below makes sense of it */
} rl_gguf_kv;

typedef struct {
    char name[RL_GGUF_NAME_MAX + 1];
    rl_format format;
    uint32_t n_dims;
    size_t dims[4]; /* dims[0] is the length of a row; 1 from n_dims on */
    const void *data;
    size_t offset, bytes; /* of the data, in the file */
} rl_gguf_tensor;

typedef struct rl_gguf rl_gguf;

/* Maps and checks a file. Errors: RL_ERR_IO, RL_ERR_FORMAT, RL_ERR_UNSUPPORTED, RL_ERR_MEMORY; the sentence
 * names the file, the place (entry and byte offset), what was found and what is allowed. */
rl_status rl_gguf_open(rl_gguf **g, const char *path, rl_error *err);

/* The same for bytes in memory, borrowed; `name` stands for the path in messages. Tensor data is as aligned
 * as `data` is. */
rl_status rl_gguf_open_memory(rl_gguf **g, const void *data, size_t size, const char *name, rl_error *err);

void rl_gguf_close(rl_gguf *g); /* NULL is fine */

const char *rl_gguf_path(const rl_gguf *g);
uint32_t rl_gguf_version(const rl_gguf *g);
size_t rl_gguf_alignment(const rl_gguf *g);
size_t rl_gguf_file_bytes(const rl_gguf *g);
size_t rl_gguf_data_offset(const rl_gguf *g); /* of the first tensor's alignment boundary in the file */

/* The i-th entry in file order; NULL past the last. Find: NULL where there is none. */
const rl_gguf_kv *rl_gguf_kv_at(const rl_gguf *g, size_t i);
const rl_gguf_kv *rl_gguf_kv_find(const rl_gguf *g, const char *key);
const rl_gguf_tensor *rl_gguf_tensor_at(const rl_gguf *g, size_t i);
const rl_gguf_tensor *rl_gguf_tensor_find(const rl_gguf *g, const char *name);

/* Metadata by key and type. Where the key is absent: RL_GGUF_REQUIRED is an error; RL_GGUF_OPTIONAL leaves
 * *out alone, so that the caller puts the default there first. A key of another type, or a value that does
 * not fit, is an error (RL_ERR_FORMAT) either way.
 *   u32   any integer type with a value in 0..2^32-1
 *   f32   f32 or f64, finite
 *   array with elements of exactly the type asked for */
typedef enum { RL_GGUF_OPTIONAL, RL_GGUF_REQUIRED } rl_gguf_need;
rl_status rl_gguf_u32(const rl_gguf *g, const char *key, rl_gguf_need need, uint32_t *out, rl_error *err);
rl_status rl_gguf_f32(const rl_gguf *g, const char *key, rl_gguf_need need, float *out, rl_error *err);
rl_status rl_gguf_bool(const rl_gguf *g, const char *key, rl_gguf_need need, bool *out, rl_error *err);
rl_status rl_gguf_string(const rl_gguf *g, const char *key, rl_gguf_need need, rl_gguf_str *out,
                         rl_error *err);
rl_status rl_gguf_elements(const rl_gguf *g, const char *key, rl_gguf_need need, rl_gguf_type type,
                           rl_gguf_array *out, rl_error *err);

/* The values of a kv whose type the caller looked at (asserted). */
int64_t rl_gguf_kv_int(const rl_gguf_kv *kv); /* u8 .. i64, bool; a u64 wraps above 2^63 - 1 */
double rl_gguf_kv_real(const rl_gguf_kv *kv); /* f32, f64 */
rl_gguf_str rl_gguf_kv_str(const rl_gguf_kv *kv);
rl_gguf_array rl_gguf_kv_array(const rl_gguf_kv *kv);

/* Elements: by index for types of fixed size (asserted), one after another for strings: takes the next off
 * the front, false where none is left. */
int64_t rl_gguf_int_at(const rl_gguf_array *a, size_t i);
double rl_gguf_real_at(const rl_gguf_array *a, size_t i);
bool rl_gguf_next_str(rl_gguf_array *a, rl_gguf_str *out);

static inline bool rl_gguf_str_is(rl_gguf_str s, const char *text)
{
    return s.bytes == strlen(text) && memcmp(s.text, text, s.bytes) == 0;
}

/* Lets the system take back the memory of `bytes` of the file from `data` on, for now: for tensors that have been
 * copied. What is read again comes from the file again. Nothing happens to bytes in memory. */
void rl_gguf_let_go(const rl_gguf *g, const void *data, size_t bytes);

/* A tensor of one or two dimensions as a matrix of `rows` x `cols`; 0 takes what is there. One dimension is
 * one row. Errors: RL_ERR_FORMAT where there is no such tensor or it has another shape. */
rl_status rl_gguf_matrix(const rl_gguf *g, const char *name, size_t rows, size_t cols, rl_matrix *out,
                         rl_error *err);

#endif
