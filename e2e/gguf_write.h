/* gguf_write.h - writing a GGUF v3 file: metadata, tensor infos, then the tensors' bytes as they are made.
 *
 * The order of calls is that of the file: any number of rl_gguf_put_..., of which rl_gguf_put_tensor
 * announces a tensor; then rl_gguf_write with the bytes of all announced tensors, in that order, in pieces of
 * any size that do not cross from one tensor to the next; then rl_gguf_writer_commit. Padding is the writer's
 * affair. Memory: the metadata is held until the first rl_gguf_write; tensor bytes are passed on. Nothing is
 * seen at `path` before the commit, which puts the whole file there (base/file.h). */
#ifndef RL_GGUF_WRITE_H
#define RL_GGUF_WRITE_H

#include "gguf.h"

typedef struct rl_gguf_writer rl_gguf_writer;

rl_status rl_gguf_writer_open(rl_gguf_writer **w, const char *path, rl_error *err);

/* Metadata. What goes wrong here (memory, a key that the reader would refuse or that is there already) is
 * kept and returned by the next call that returns a status. */
void rl_gguf_put_u32(rl_gguf_writer *w, const char *key, uint32_t value);
void rl_gguf_put_u64(rl_gguf_writer *w, const char *key, uint64_t value);
void rl_gguf_put_f32(rl_gguf_writer *w, const char *key, float value);
void rl_gguf_put_bool(rl_gguf_writer *w, const char *key, bool value);
void rl_gguf_put_str(rl_gguf_writer *w, const char *key, const char *value);
void rl_gguf_put_strs(rl_gguf_writer *w, const char *key, const rl_gguf_str *values, size_t n);
void rl_gguf_put_f32s(rl_gguf_writer *w, const char *key, const float *values, size_t n);
void rl_gguf_put_i32s(rl_gguf_writer *w, const char *key, const int32_t *values, size_t n);

/* Announces a tensor: dims[0] is the length of a row, a multiple of the format's block. */
void rl_gguf_put_tensor(rl_gguf_writer *w, const char *name, rl_format format, uint32_t n_dims,
                        const size_t *dims);

/* The next bytes of tensor data. RL_ERR_ARG where they are more than the current tensor still lacks;
 * RL_ERR_IO; or what was kept. */
rl_status rl_gguf_write(rl_gguf_writer *w, const void *data, size_t bytes, rl_error *err);

/* Completes the file and frees the writer, whatever is returned. RL_ERR_ARG where bytes are missing. */
rl_status rl_gguf_writer_commit(rl_gguf_writer *w, rl_error *err);

/* Frees the writer and leaves nothing of the file. NULL is fine. */
void rl_gguf_writer_abandon(rl_gguf_writer *w);

#endif
