/* panels.h - weights repacked so that a vector lane is a row: sixteen rows interleaved, every line aligned.
 *
 * GGUF's blocks of 18, 34, 144 or 210 bytes never lie on a cache line, and a row's dot product ends with a sum across
 * lanes. A panel has the same bytes in another order: the 2-byte units (half floats) and 4-byte units (four quants,
 * or eight nibbles, or four sub-block scales) of a block, each for rows 0 to 15 one after another. A 4-byte unit of
 * sixteen rows is a line of 64 bytes: one zmm, two ymm, or four NEON registers whose lanes are rows, to be multiplied
 * by four activations broadcast to all lanes. One layout suits every tier, and nothing is lost: unpacking gives the
 * file's bytes back.
 *
 *   panel   rows 16 p to 16 p + 15, one panel after another; rows that the matrix lacks are zero bytes
 *   group   one block of sixteen rows, or two where one has an odd number of 2-byte units: that many units of sixteen
 *           rows fill whole lines. Blocks that the row lacks are zero bytes
 *     first the 2-byte units of the group's blocks, then the 4-byte units of the first block, then of the second
 *
 *   format  group                  2-byte units  4-byte units of a block, in the order of base/format.h   lines
 *   q4_0    2 x 32 elements        d             qs 4                                                      9
 *   q4_1    32                     d m           qs 4                                                      5
 *   q5_0    2 x 32                 d             qh 1, qs 4                                               11
 *   q5_1    32                     d m           qh 1, qs 4                                                6
 *   q8_0    2 x 32                 d             qs 8                                                     17
 *   q2_K    256                    d dmin        scales 4, qs 16                                          21
 *   q3_K    2 x 256                d             hmask 8, qs 16, scales 3                                 55
 *   q4_K    256                    d dmin        scales 3, qs 32                                          36
 *   q5_K    256                    d dmin        scales 3, qh 8, qs 32                                    44
 *   q6_K    2 x 256                d             ql 32, qh 16, scales 4                                  105
 *   f16     32                     32 values     -                                                        16
 *   bf16    32                     -             16 pairs of values                                       16
 *   f32     32                     -             32 values                                                32
 *
 * So a group of q4_0 is [d of block 0: 16 halves][d of block 1: 16 halves], one line, then eight lines of nibbles. */
#ifndef RL_PANELS_H
#define RL_PANELS_H

#include "base/format.h"

enum { RL_PANEL_ROWS = 16 };

/* Elements of a row in a group, and bytes of the group: a multiple of RL_LINE. */
size_t rl_panel_group_elems(rl_format f);
size_t rl_panel_group_bytes(rl_format f);

/* Bytes of a panel of `cols` columns (a multiple of the format's block). */
size_t rl_panel_bytes(rl_format f, size_t cols);

/* Where a block has its 2-byte units and its 4-byte units, those of row 0; row r's are r units on, the next unit of each
 * row RL_PANEL_ROWS units. */
typedef struct {
    const char *halves, *lines;
} rl_panel_place;

/* Of block b of a panel, whose format has blocks of `bytes` bytes, `halves` 2-byte units among them: constants in a
 * kernel, and folded. */
static inline rl_panel_place rl_panel_at(const void *panel, size_t bytes, size_t halves, size_t b)
{
    const size_t group = 1 + halves % 2, in_group = b % group;
    const size_t head = 2 * RL_PANEL_ROWS * halves, rest = RL_PANEL_ROWS * bytes - head;
    const char *p = (const char *)panel + b / group * group * (head + rest);
    return (rl_panel_place){p + in_group * head, p + group * head + in_group * rest};
}

/* rows [n][cols] as GGUF stores them, n of 1 to 16, into a panel, RL_LINE aligned; and back. Whatever the format, this
 * moves bytes. Reads no byte past the rows. */
void rl_panel_pack(void *restrict panel, const void *restrict rows, rl_format f, size_t n, size_t cols);
void rl_panel_unpack(void *restrict rows, const void *restrict panel, rl_format f, size_t n, size_t cols);

/* Block b of row r (0..15) of a panel, as GGUF stores it; of a float format it is 32 values, zeros past the last. */
void rl_panel_block(void *restrict block, const void *restrict panel, rl_format f, size_t r, size_t b);

#endif
