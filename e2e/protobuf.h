/* protobuf.h - the wire format of protocol buffers, read a field at a time through a checked cursor.
 * Source: protobuf.dev/programming-guides/encoding. Groups, which nothing has used for long, are refused. */
#ifndef RL_PROTOBUF_H
#define RL_PROTOBUF_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum {
    RL_PB_VARINT = 0,
    RL_PB_64 = 1,
    RL_PB_BYTES = 2,
    RL_PB_32 = 5
} rl_pb_wire; /* the file's numbers */

/* A message, or what is left of it. Offsets are those of the whole file, also in messages within others. */
typedef struct {
    const uint8_t *data; /* borrowed: the file */
    size_t at, end;
    const char *name; /* of the file, borrowed */
} rl_pb;

typedef struct {
    uint32_t number;
    rl_pb_wire wire;
    size_t at;      /* where the field begins */
    uint64_t value; /* varint, 32 and 64 bits */
    rl_pb bytes;    /* RL_PB_BYTES: from bytes.at to bytes.end */
} rl_pb_field;

static inline rl_pb rl_pb_open(const void *data, size_t n_bytes, const char *name)
{
    return (rl_pb){data, 0, n_bytes, name};
}

static inline bool rl_pb_more(const rl_pb *m) { return m->at < m->end; }

/* Takes the next field, where there is more. RL_ERR_FORMAT for what is none or goes past the end of the message. */
rl_status rl_pb_next(rl_pb *m, rl_pb_field *field, rl_error *err);

/* A field's value as what it is known to be; `what` names it in the message where it is something else. */
rl_status rl_pb_int32(const rl_pb *m, const rl_pb_field *f, const char *what, int32_t *out, rl_error *err);
rl_status rl_pb_bool(const rl_pb *m, const rl_pb_field *f, const char *what, bool *out, rl_error *err);
rl_status rl_pb_float(const rl_pb *m, const rl_pb_field *f, const char *what, float *out, rl_error *err);
rl_status rl_pb_bytes(const rl_pb *m, const rl_pb_field *f, const char *what, rl_pb *out, rl_error *err);

#endif
