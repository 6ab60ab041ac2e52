/* panels.c - what each format's block is made of, and moving it about. */
#include "base/panels.h"
#include "base/mem.h"

#include <assert.h>

enum { FLOAT_ELEMS = 32 };

/* 2-byte units of a block; the others are of 4 bytes. */
static const uint8_t halves_of[RL_FORMAT_COUNT] = {
    [RL_F16] = 32, [RL_Q8_0] = 1, [RL_Q4_0] = 1, [RL_Q4_1] = 2, [RL_Q5_0] = 1, [RL_Q5_1] = 2,
    [RL_Q2_K] = 2, [RL_Q3_K] = 1, [RL_Q4_K] = 2, [RL_Q5_K] = 2, [RL_Q6_K] = 1,
};

/* `count` units of `unit` bytes from `offset` of a block. */
typedef struct {
    size_t offset, unit, count;
} field;

/* How a format is taken apart: blocks of `bytes` bytes, `group` of them at a time. A float format's are of 32 values,
 * the last of a row perhaps shorter. */
typedef struct {
    field fields[2]; /* of 2-byte units, of 4-byte units */
    size_t elems, bytes, group;
} plan;

static plan plan_of(rl_format f)
{
    const bool halves_last = f == RL_Q2_K || f == RL_Q3_K || f == RL_Q6_K;
    const rl_format_info *info = &rl_format_table[f];
    const size_t elems = info->block_elems == 1 ? FLOAT_ELEMS : info->block_elems;
    const size_t bytes = rl_row_bytes(f, elems), halves = halves_of[f], rest = bytes - 2 * halves;
    const field two = {halves_last ? rest : 0, 2, halves}, four = {halves_last ? 0 : 2 * halves, 4, rest / 4};
    return (plan){
        {two, four},
        elems, bytes, 1 + halves % 2
    };
}

size_t rl_panel_group_elems(rl_format f)
{
    const plan p = plan_of(f);
    return p.group * p.elems;
}

size_t rl_panel_group_bytes(rl_format f)
{
    const plan p = plan_of(f);
    return p.group * p.bytes * RL_PANEL_ROWS;
}

size_t rl_panel_bytes(rl_format f, size_t cols)
{
    const size_t elems = rl_panel_group_elems(f);
    return (cols + elems - 1) / elems * rl_panel_group_bytes(f);
}

/* Where unit 0 of a field of block b has row 0; as writable as the panel is. */
static char *field_at(const void *panel, const plan *p, const field *x, size_t b)
{
    const rl_panel_place at = rl_panel_at(panel, p->bytes, p->fields[0].count, b);
    return (char *)(x->unit == 2 ? at.halves : at.lines);
}

/* Bytes of a field that a block of `bytes` has: fewer than all in the last block of a float format. */
static size_t field_bytes(const field *x, size_t bytes)
{
    const size_t all = x->unit * x->count;
    return bytes - x->offset < all ? bytes - x->offset : all;
}

/* One unit at a time, 2 or 4 bytes; what is left of a last unit byte by byte. Every `from` bytes there, `to` here. */
static inline void move_units(char *to, size_t to_step, const char *from, size_t from_step, size_t unit,
                              size_t bytes)
{
    for (; bytes >= unit; bytes -= unit, to += to_step, from += from_step)
        if (unit == 4)
            memcpy(to, from, 4);
        else
            memcpy(to, from, 2);
    if (bytes > 0) memcpy(to, from, bytes);
}

/* `count` units of a block of all the panel's rows. What the loader waits for: constants where it is called, so that
 * a unit is a load and a store, and of a line of the panel every store finds the line in the cache. */
static inline __attribute__((always_inline)) void spread(char *restrict to, const char *restrict from,
                                                         size_t row_bytes, size_t unit, size_t count)
{
    for (size_t r = 0; r < RL_PANEL_ROWS; r++, to += unit, from += row_bytes)
        for (size_t i = 0; i < count; i++) memcpy(to + i * RL_PANEL_ROWS * unit, from + i * unit, unit);
}

/* The same for any field: the short ones, whose loop would cost more than what it moves, by their length. */
static void spread_field(char *to, const char *from, size_t row_bytes, const field *x)
{
    if (x->unit == 2 && x->count == 1)
        spread(to, from, row_bytes, 2, 1);
    else if (x->unit == 2)
        spread(to, from, row_bytes, 2, x->count);
    else if (x->count == 4)
        spread(to, from, row_bytes, 4, 4);
    else if (x->count == 8)
        spread(to, from, row_bytes, 4, 8);
    else
        spread(to, from, row_bytes, 4, x->count);
}

void rl_panel_pack(void *restrict panel, const void *restrict rows, rl_format f, size_t n, size_t cols)
{
    const plan p = plan_of(f);
    const size_t row_bytes = rl_row_bytes(f, cols), whole = rl_panel_bytes(f, cols) / RL_PANEL_ROWS;
    assert(n >= 1 && n <= RL_PANEL_ROWS);
    if (n < RL_PANEL_ROWS || whole != row_bytes) memset(panel, 0, rl_panel_bytes(f, cols));
    for (size_t b = 0; b * p.bytes < row_bytes; b++) {
        const size_t bytes = row_bytes - b * p.bytes < p.bytes ? row_bytes - b * p.bytes : p.bytes;
        for (const field *x = p.fields; x < p.fields + 2; x++) {
            char *to = field_at(panel, &p, x, b);
            const char *from = (const char *)rows + b * p.bytes + x->offset;
            if (n == RL_PANEL_ROWS && bytes == p.bytes) {
                spread_field(to, from, row_bytes, x);
                continue;
            }
            for (size_t r = 0; r < n; r++)
                move_units(to + r * x->unit, RL_PANEL_ROWS * x->unit, from + r * row_bytes, x->unit, x->unit,
                           field_bytes(x, bytes));
        }
    }
}

/* `bytes` of block b of row r. */
static inline void take_block(char *restrict block, const char *restrict panel, const plan *p, size_t r,
                              size_t b, size_t bytes)
{
    for (const field *x = p->fields; x < p->fields + 2; x++)
        move_units(block + x->offset, x->unit, field_at(panel, p, x, b) + r * x->unit,
                   RL_PANEL_ROWS * x->unit, x->unit, field_bytes(x, bytes));
}

void rl_panel_unpack(void *restrict rows, const void *restrict panel, rl_format f, size_t n, size_t cols)
{
    const plan p = plan_of(f);
    const size_t row_bytes = rl_row_bytes(f, cols);
    for (size_t b = 0; b * p.bytes < row_bytes; b++) {
        const size_t bytes = row_bytes - b * p.bytes < p.bytes ? row_bytes - b * p.bytes : p.bytes;
        for (size_t r = 0; r < n; r++)
            take_block((char *)rows + r * row_bytes + b * p.bytes, panel, &p, r, b, bytes);
    }
}

void rl_panel_block(void *restrict block, const void *restrict panel, rl_format f, size_t r, size_t b)
{
    const plan p = plan_of(f);
    take_block(block, panel, &p, r, b, p.bytes);
}
