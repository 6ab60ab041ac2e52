/* protobuf.c - fields off the front of a message. */
#include "protobuf.h"

#include <string.h>

enum { VARINT_BYTES = 10, FIELD_MAX = (1 << 29) - 1 };

/* Seven bits a byte, the lowest first; the top bit says that more follow. */
static rl_status take_varint(rl_pb *m, uint64_t *out, rl_error *err)
{
    const size_t from = m->at;
    uint64_t value = 0;
    for (unsigned i = 0; i < VARINT_BYTES; i++) {
        if (m->at >= m->end)
            return rl_fail(err, RL_ERR_FORMAT,
                           "%s: number at byte %zu goes past the end of its message at byte %zu", m->name,
                           from, m->end);
        const uint8_t byte = m->data[m->at++];
        if (i == VARINT_BYTES - 1 && byte > 1) break; /* 9 x 7 bits and one more are 64 */
        value |= (uint64_t)(byte & 0x7f) << 7 * i;
        if (byte < 0x80) {
            *out = value;
            return RL_OK;
        }
    }
    return rl_fail(err, RL_ERR_FORMAT, "%s: number at byte %zu is longer than the 64 bits allowed", m->name,
                   from);
}

static rl_status take_fixed(rl_pb *m, size_t n, uint64_t *out, rl_error *err)
{
    if (m->end - m->at < n)
        return rl_fail(err, RL_ERR_FORMAT, "%s: value of %zu bytes at byte %zu, its message ends at byte %zu",
                       m->name, n, m->at, m->end);
    *out = 0;
    for (size_t i = 0; i < n; i++) *out |= (uint64_t)m->data[m->at++] << 8 * i;
    return RL_OK;
}

static rl_status take_bytes(rl_pb *m, rl_pb *out, rl_error *err)
{
    uint64_t length;
    const size_t from = m->at;
    const rl_status status = take_varint(m, &length, err);
    if (status != RL_OK) return status;
    if (length > m->end - m->at)
        return rl_fail(err, RL_ERR_FORMAT, "%s: length at byte %zu is %llu, its message has %zu bytes left",
                       m->name, from, (unsigned long long)length, m->end - m->at);
    *out = (rl_pb){m->data, m->at, m->at + (size_t)length, m->name};
    m->at = out->end;
    return RL_OK;
}

rl_status rl_pb_next(rl_pb *m, rl_pb_field *f, rl_error *err)
{
    uint64_t tag;
    f->at = m->at;
    const rl_status status = take_varint(m, &tag, err);
    if (status != RL_OK) return status;
    if (tag >> 3 == 0 || tag >> 3 > FIELD_MAX)
        return rl_fail(err, RL_ERR_FORMAT, "%s: field %llu at byte %zu, fields have the numbers 1 to %d",
                       m->name, (unsigned long long)(tag >> 3), f->at, FIELD_MAX);
    f->number = (uint32_t)(tag >> 3);
    f->wire = (rl_pb_wire)(tag & 7);
    switch (tag & 7) {
    case RL_PB_VARINT:
        return take_varint(m, &f->value, err);
    case RL_PB_64:
        return take_fixed(m, 8, &f->value, err);
    case RL_PB_BYTES:
        return take_bytes(m, &f->bytes, err);
    case RL_PB_32:
        return take_fixed(m, 4, &f->value, err);
    }
    return rl_fail(err, RL_ERR_FORMAT, "%s: field %u at byte %zu has wire type %u, allowed are 0, 1, 2 and 5",
                   m->name, f->number, f->at, (unsigned)(tag & 7));
}

static rl_status must_be(const rl_pb *m, const rl_pb_field *f, const char *what, rl_pb_wire wire,
                         rl_error *err)
{
    if (f->wire == wire) return RL_OK;
    return rl_fail(err, RL_ERR_FORMAT, "%s: %s at byte %zu has wire type %u, expected %u", m->name, what,
                   f->at, (unsigned)f->wire, (unsigned)wire);
}

rl_status rl_pb_int32(const rl_pb *m, const rl_pb_field *f, const char *what, int32_t *out, rl_error *err)
{
    const rl_status status = must_be(m, f, what, RL_PB_VARINT, err);
    if (status != RL_OK) return status;
    const int64_t value = (int64_t)f->value; /* negative numbers are written with all their 64 bits */
    if (value < INT32_MIN || value > INT32_MAX)
        return rl_fail(err, RL_ERR_FORMAT, "%s: %s at byte %zu is %lld, allowed is what 32 bits hold",
                       m->name, what, f->at, (long long)value);
    *out = (int32_t)value;
    return RL_OK;
}

rl_status rl_pb_bool(const rl_pb *m, const rl_pb_field *f, const char *what, bool *out, rl_error *err)
{
    const rl_status status = must_be(m, f, what, RL_PB_VARINT, err);
    if (status == RL_OK) *out = f->value != 0;
    return status;
}

rl_status rl_pb_float(const rl_pb *m, const rl_pb_field *f, const char *what, float *out, rl_error *err)
{
    const rl_status status = must_be(m, f, what, RL_PB_32, err);
    const uint32_t bits = (uint32_t)f->value;
    if (status == RL_OK) memcpy(out, &bits, sizeof bits);
    return status;
}

rl_status rl_pb_bytes(const rl_pb *m, const rl_pb_field *f, const char *what, rl_pb *out, rl_error *err)
{
    const rl_status status = must_be(m, f, what, RL_PB_BYTES, err);
    if (status == RL_OK) *out = f->bytes;
    return status;
}
