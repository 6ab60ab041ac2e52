/* test_weights.c - weights packed at load: the file's very bytes, in the order of a step, by any number of threads. */
#include "util_guard.h"

#include "base/mem.h"
#include "gemv/gemv.h"
#include "model_synth.h"
#include "weights.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    char dir[32], path[64];
    rl_gguf *gguf;
    rl_llama model;
} fixture;

static int open_fixture(void **state)
{
    static fixture f;
    rl_error err;
    strcpy(f.dir, "/tmp/rl-test-weights-XXXXXX");
    if (mkdtemp(f.dir) == NULL) return -1;
    snprintf(f.path, sizeof f.path, "%s/tiny.gguf", f.dir);
    if (rl_model_synth(f.path, "tiny", "q4_0", 1, 0, NULL, &err) != RL_OK ||
        rl_gguf_open(&f.gguf, f.path, &err) != RL_OK || rl_llama_open(&f.model, f.gguf, &err) != RL_OK)
        fail_msg("%s", err.text);
    *state = &f;
    return 0;
}

static int close_fixture(void **state)
{
    fixture *f = *state;
    rl_llama_close(&f->model);
    rl_gguf_close(f->gguf);
    unlink(f->path);
    return rmdir(f->dir);
}

static rl_weights pack(const fixture *f, size_t threads, uint32_t cpu)
{
    rl_team *team;
    rl_weights w = {0};
    rl_error err;
    if (rl_team_open(&team, threads, false, &err) != RL_OK ||
        rl_weights_pack(&w, &f->model, team, cpu, &err) != RL_OK)
        fail_msg("%s", err.text);
    rl_team_close(team);
    return w;
}

/* What a matrix has in common with the file's: everything but where and how it lies. */
static void check_unpacked(const rl_matrix *packed, const rl_matrix *rows)
{
    const size_t row_bytes = rl_row_bytes(rows->format, rows->cols);
    char *got = malloc(RL_PANEL_ROWS * row_bytes);
    for (size_t r = 0; r < rows->rows; r += RL_PANEL_ROWS) {
        const size_t n = rows->rows - r < RL_PANEL_ROWS ? rows->rows - r : RL_PANEL_ROWS;
        rl_panel_unpack(got, rl_matrix_row(packed, r), rows->format, n, rows->cols);
        if (memcmp(got, rl_matrix_row(rows, r), n * row_bytes) != 0)
            fail_msg("other bytes in %s, %zu x %zu, from row %zu", rl_format_name(rows->format), rows->rows,
                     rows->cols, r);
    }
    free(got);
}

static void packed_matrices_have_the_bytes_of_the_file(void **state)
{
    fixture *f = *state;
    for (size_t threads = 1; threads <= 3; threads++) {
        rl_weights w = pack(f, threads, util_cpu());
        const char *next = w.area;
        const rl_matrix *rows, *got;
        size_t i;
        for (i = 0; (rows = rl_llama_matrix(&f->model, i)) != NULL; i++) {
            got = rl_llama_matrix(&w.model, i);
            assert_true(got->format == rows->format && got->rows == rows->rows && got->cols == rows->cols);
            assert_int_equal(rows->layout, RL_ROWS);
            assert_int_equal(got->layout, rl_weights_layout(rows->format, util_cpu()));
            if (got->layout == RL_ROWS) {
                assert_ptr_equal(got->data, rows->data);
                continue;
            }
            assert_ptr_equal(got->data, next); /* in the order in which a token meets them */
            next += rl_matrix_bytes(got);
            check_unpacked(got, rows);
        }
        assert_int_equal(i, 7 * f->model.config.n_layer + 1);
        assert_null(rl_llama_matrix(&w.model, i));
        assert_int_equal(next - (const char *)w.area, w.bytes);
        assert_ptr_equal(w.model.token_embd.data, f->model.token_embd.data);
        assert_int_equal(w.model.token_embd.layout, RL_ROWS); /* its rows are looked up */
        rl_weights_close(&w);
    }
}

static void no_layout_costs_a_tier(void **state)
{
    (void)state;
    for (rl_format format = 0; format < RL_FORMAT_COUNT; format++) {
        const rl_layout layout = rl_weights_layout(format, util_cpu());
        const rl_gemv *chosen = rl_gemv_find(format, layout, util_cpu());
        for (rl_layout other = 0; other < RL_LAYOUT_COUNT; other++) {
            const rl_gemv *kern = rl_gemv_find(format, other, util_cpu());
            if (kern != NULL && (chosen == NULL || chosen->base.isa < kern->base.isa))
                fail_msg("%s: layout %d has no kernel as good as %s", rl_format_name(format), layout,
                         kern->base.name);
        }
    }
}

/* Pages that are let go of come back from the file; those of bytes in memory are not touched. */
static void packing_leaves_the_model_as_it_was(void **state)
{
    const fixture *f = *state;
    const rl_gguf_tensor *t = rl_gguf_tensor_find(f->gguf, "blk.0.ffn_up.weight");
    char *before = malloc(t->bytes);
    memcpy(before, t->data, t->bytes);
    rl_weights w = pack(f, 2, util_cpu());
    rl_weights_close(&w);
    rl_weights_close(&w); /* nothing there: fine */
    assert_memory_equal(t->data, before, t->bytes);
    free(before);

    size_t size = rl_gguf_file_bytes(f->gguf);
    char *bytes = rl_pages_alloc(size);
    FILE *file = fopen(f->path, "rb");
    assert_int_equal(fread(bytes, 1, size, file), size);
    fclose(file);
    rl_gguf *g;
    rl_error err;
    assert_int_equal(rl_gguf_open_memory(&g, bytes, size, "memory", &err), RL_OK);
    const rl_gguf_tensor *same = rl_gguf_tensor_find(g, t->name);
    rl_gguf_let_go(g, same->data, same->bytes);
    assert_memory_equal(same->data, t->data, t->bytes);
    rl_gguf_close(g);
    rl_pages_free(bytes, size);
}

/* How much of [data, data + bytes) is in this process's memory, from the page table. */
static size_t resident_pages(const char *data, size_t bytes)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), first = (uintptr_t)data / page;
    const size_t last = ((uintptr_t)data + bytes - 1) / page;
    size_t n = 0;
    FILE *map = fopen("/proc/self/pagemap", "rb");
    if (map == NULL) return SIZE_MAX;
    for (size_t i = first; i <= last; i++) {
        uint64_t entry = 0;
        if (fseek(map, (long)(i * sizeof entry), SEEK_SET) == 0 && fread(&entry, sizeof entry, 1, map) == 1)
            n += entry >> 63;
    }
    fclose(map);
    return n;
}

static void what_is_packed_is_not_in_memory_twice(void **state)
{
    const fixture *f = *state;
    const rl_matrix *w = &f->model.layers[0].ffn_up;
    if (rl_weights_layout(w->format, util_cpu()) == RL_ROWS) {
        util_note_skip("packed weights are let go of: none are packed");
        return;
    }
    volatile char sum = 0;
    for (size_t i = 0; i < rl_matrix_bytes(w); i += 4096) sum = (char)(sum + ((const char *)w->data)[i]);
    const size_t before = resident_pages(w->data, rl_matrix_bytes(w));
    if (before == SIZE_MAX || before == 0) {
        util_note_skip("packed weights are let go of: no page map");
        return;
    }
    rl_weights packed = pack(f, 2, util_cpu());
    assert_true(resident_pages(w->data, rl_matrix_bytes(w)) <= 2); /* that others share */
    rl_weights_close(&packed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packed_matrices_have_the_bytes_of_the_file),
        cmocka_unit_test(no_layout_costs_a_tier),
        cmocka_unit_test(packing_leaves_the_model_as_it_was),
        cmocka_unit_test(what_is_packed_is_not_in_memory_twice),
    };
    return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
