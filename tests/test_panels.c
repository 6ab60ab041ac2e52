/* test_panels.c - panels have the rows' bytes, each where base/panels.h says. */
#include "util_guard.h"

#include "base/matrix.h"
#include "base/mem.h"

#include <string.h>

enum { SEED = 20 };

static void fill(void *p, size_t bytes, util_rng *rng)
{
    for (size_t i = 0; i < bytes; i++) ((unsigned char *)p)[i] = (unsigned char)util_u64(rng);
}

/* All formats, all numbers of rows, odd and even numbers of blocks, for floats any number of columns. */
static void unpacking_gives_the_rows_back(void **state)
{
    (void)state;
    util_rng rng = {SEED};
    for (rl_format f = 0; f < RL_FORMAT_COUNT; f++)
        for (size_t n = 1; n <= RL_PANEL_ROWS; n++)
            for (size_t blocks = 1; blocks <= 5; blocks++) {
                const size_t block = rl_format_table[f].block_elems;
                const size_t cols = block == 1 ? 13 * blocks : block * blocks,
                             row_bytes = rl_row_bytes(f, cols);
                util_guard rows = util_guard_after(n * row_bytes), back = util_guard_after(n * row_bytes);
                util_guard panel = util_guard_after(rl_panel_bytes(f, cols));
                fill(rows.data, rows.bytes, &rng);
                rl_panel_pack(panel.data, rows.data, f, n, cols);
                rl_panel_unpack(back.data, panel.data, f, n, cols);
                if (memcmp(rows.data, back.data, rows.bytes) != 0)
                    fail_msg("%s, %zu rows of %zu", rl_format_name(f), n, cols);
                util_guard_free(&rows);
                util_guard_free(&back);
                util_guard_free(&panel);
            }
}

/* A panel has nothing but the rows' bytes: their sum, and zeros for rows and blocks that are not there. */
static void what_a_matrix_lacks_is_zero(void **state)
{
    (void)state;
    for (rl_format f = 0; f < RL_FORMAT_COUNT; f++) {
        const size_t cols = rl_format_table[f].block_elems, row_bytes = rl_row_bytes(f, cols);
        util_guard rows = util_guard_after(3 * row_bytes), panel = util_guard_after(rl_panel_bytes(f, cols));
        memset(rows.data, 1, rows.bytes);
        memset(panel.data, 7, panel.bytes);
        rl_panel_pack(panel.data, rows.data, f, 3, cols);
        size_t ones = 0, zeros = 0;
        for (size_t i = 0; i < panel.bytes; i++) {
            ones += ((unsigned char *)panel.data)[i] == 1;
            zeros += ((unsigned char *)panel.data)[i] == 0;
        }
        assert_int_equal(ones, 3 * row_bytes);
        assert_int_equal(ones + zeros, panel.bytes);
        util_guard_free(&rows);
        util_guard_free(&panel);
    }
}

static void one_block_can_be_taken_out(void **state)
{
    (void)state;
    util_rng rng = {SEED + 1};
    for (rl_format f = 0; f < RL_FORMAT_COUNT; f++) {
        const size_t block = rl_format_table[f].block_elems, elems = block == 1 ? 32 : block;
        const size_t bytes = rl_row_bytes(f, elems), row_bytes = 3 * bytes;
        unsigned char got[256];
        util_guard rows = util_guard_after(RL_PANEL_ROWS * row_bytes);
        util_guard panel = util_guard_after(rl_panel_bytes(f, 3 * elems));
        fill(rows.data, rows.bytes, &rng);
        rl_panel_pack(panel.data, rows.data, f, RL_PANEL_ROWS, 3 * elems);
        for (size_t r = 0; r < RL_PANEL_ROWS; r++)
            for (size_t b = 0; b < 3; b++) {
                rl_panel_block(got, panel.data, f, r, b);
                if (memcmp(got, (char *)rows.data + r * row_bytes + b * bytes, bytes) != 0)
                    fail_msg("%s, row %zu, block %zu", rl_format_name(f), r, b);
            }
        util_guard_free(&rows);
        util_guard_free(&panel);
    }
}

/* The table of base/panels.h, written down a second time: lines of a group, and where byte `in` of block `b` of row
 * `r` lies in the second panel-group. */
static void every_byte_lies_where_the_header_says(void **state)
{
    (void)state;
    static const struct {
        rl_format f;
        size_t elems, lines, b, in, r, at; /* bytes from the start of the group */
    } table[] = {
        {RL_Q4_0, 64,  9,   0, 0,   3,  6                               }, /* d of block 0 */
        {RL_Q4_0, 64,  9,   1, 1,   15, 32 + 2 * 15 + 1                 }, /* d of block 1, its second byte */
        {RL_Q4_0, 64,  9,   0, 2,   1,  64 + 4                          }, /* qs[0] */
        {RL_Q4_0, 64,  9,   1, 17,  2,  64 + 4 * 64 + 3 * 64 + 4 * 2 + 3}, /* qs[15] */
        {RL_Q4_1, 32,  5,   0, 2,   1,  32 + 2                          }, /* m */
        {RL_Q5_0, 64,  11,  1, 2,   0,  64 + 5 * 64                     }, /* qh */
        {RL_Q5_1, 32,  6,   0, 8,   0,  2 * 64                          }, /* qs[0] */
        {RL_Q8_0, 64,  17,  1, 33,  9,  64 + 8 * 64 + 7 * 64 + 4 * 9 + 3}, /* qs[31] */
        {RL_Q2_K, 256, 21,  0, 82,  5,  32 + 2 * 5                      }, /* dmin */
        {RL_Q2_K, 256, 21,  0, 16,  5,  64 + 4 * 64 + 4 * 5             }, /* qs[0] */
        {RL_Q3_K, 512, 55,  1, 96,  0,  64 + 27 * 64 + 24 * 64          }, /* scales[0] */
        {RL_Q4_K, 256, 36,  0, 4,   7,  64 + 4 * 7                      }, /* scales[0] */
        {RL_Q4_K, 256, 36,  0, 16,  7,  64 + 3 * 64 + 4 * 7             }, /* qs[0] */
        {RL_Q5_K, 256, 44,  0, 16,  7,  64 + 3 * 64 + 4 * 7             }, /* qh[0] */
        {RL_Q5_K, 256, 44,  0, 48,  7,  64 + 11 * 64 + 4 * 7            }, /* qs[0] */
        {RL_Q6_K, 512, 105, 1, 208, 7,  32 + 2 * 7                      }, /* d of block 1 */
        {RL_Q6_K, 512, 105, 1, 192, 7,  64 + 52 * 64 + 48 * 64 + 4 * 7  }, /* scales[0] */
        {RL_F16,  32,  16,  0, 2,   1,  32 + 2                          }, /* column 1 */
        {RL_BF16, 32,  16,  0, 6,   1,  64 + 4 + 2                      }, /* column 3 */
        {RL_F32,  32,  32,  0, 4,   1,  64 + 4                          }, /* column 1 */
    };
    for (size_t i = 0; i < RL_COUNT(table); i++) {
        const rl_format f = table[i].f;
        const size_t cols = 2 * table[i].elems, row_bytes = rl_row_bytes(f, cols);
        assert_int_equal(rl_panel_group_elems(f), table[i].elems);
        assert_int_equal(rl_panel_group_bytes(f), table[i].lines * RL_LINE);
        assert_int_equal(rl_panel_bytes(f, cols), 2 * table[i].lines * RL_LINE);
        unsigned char *rows = rl_alloc(RL_PANEL_ROWS * row_bytes), *panel = rl_alloc(rl_panel_bytes(f, cols));
        const size_t block = rl_format_table[f].block_elems == 1 ? 32 : rl_format_table[f].block_elems;
        const size_t group = row_bytes / 2; /* where the second group of a row begins */
        rows[table[i].r * row_bytes + group + table[i].b * rl_row_bytes(f, block) + table[i].in] = 0xa5;
        rl_panel_pack(panel, rows, f, RL_PANEL_ROWS, cols);
        if (panel[table[i].lines * RL_LINE + table[i].at] != 0xa5)
            fail_msg("case %zu, %s: not at byte %zu", i, rl_format_name(f), table[i].at);
        rl_free(rows);
        rl_free(panel);
    }
}

static void a_matrix_of_panels_knows_its_size_and_its_panels(void **state)
{
    (void)state;
    static const char data[3 * 9 * 64];
    const rl_matrix w = {RL_Q4_0, RL_PANELS, 33, 64, data};
    assert_int_equal(rl_matrix_bytes(&w), 3 * 9 * 64);
    assert_ptr_equal(rl_matrix_row(&w, 32), data + 2 * 9 * 64);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unpacking_gives_the_rows_back),
        cmocka_unit_test(what_a_matrix_lacks_is_zero),
        cmocka_unit_test(one_block_can_be_taken_out),
        cmocka_unit_test(every_byte_lies_where_the_header_says),
        cmocka_unit_test(a_matrix_of_panels_knows_its_size_and_its_panels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
