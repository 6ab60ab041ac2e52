/* test_gguf.c - the GGUF reader on a file that the `gguf` package wrote, on what is no file, and without
 * memory. */
#include "util_guard.h"

#include "base/file.h"
#include "util_gguf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- Failing allocations: the linker sends aligned_alloc here (tests/CMakeLists.txt) ---- */

static size_t alloc_fails_in = SIZE_MAX; /* how many more succeed; SIZE_MAX: all */
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    if (alloc_fails_in == SIZE_MAX) return __real_aligned_alloc(alignment, size);
    return alloc_fails_in-- > 0 ? __real_aligned_alloc(alignment, size) : NULL;
}

static rl_gguf *open_types_file(void)
{
    rl_gguf *g;
    rl_error err;
    if (rl_gguf_open(&g, RL_VECTORS "/gguf_types.gguf", &err) != RL_OK) fail_msg("%s", err.text);
    return g;
}

/* ---- Good files ---- */

static void gguf_open_reads_what_the_gguf_package_wrote(void **state)
{
    (void)state;
    rl_gguf *g = open_types_file();
    const char *broken = util_gguf_walk(g);
    if (broken != NULL) fail_msg("%s", broken);
    assert_int_equal(rl_gguf_version(g), 3);
    assert_int_equal(rl_gguf_alignment(g), 64);
    assert_true(rl_gguf_str_is(rl_gguf_kv_str(rl_gguf_kv_at(g, 0)), "llama"));
    static const struct {
        const char *key;
        int64_t value;
    } ints[] = {
        {"t.u8",    200                },
        {"t.i8",    -100               },
        {"t.u16",   60000              },
        {"t.i16",   -30000             },
        {"t.u32",   4000000000         },
        {"t.i32",   -2000000000        },
        {"t.true",  1                  },
        {"t.false", 0                  },
        {"t.u64",   INT64_MIN + 5      },
        {"t.i64",   -((int64_t)1 << 62)}
    };
    for (size_t i = 0; i < RL_COUNT(ints); i++)
        assert_true(rl_gguf_kv_int(rl_gguf_kv_find(g, ints[i].key)) == ints[i].value);
    assert_true(rl_gguf_kv_real(rl_gguf_kv_find(g, "t.f32")) == 0.15625);
    assert_true(rl_gguf_kv_real(rl_gguf_kv_find(g, "t.f64")) == 1e300);
    assert_true(rl_gguf_str_is(rl_gguf_kv_str(rl_gguf_kv_find(g, "t.string")), "caf\xc3\xa9"));

    rl_gguf_array a = rl_gguf_kv_array(rl_gguf_kv_find(g, "t.ints"));
    assert_int_equal(a.count, 3);
    assert_true(rl_gguf_int_at(&a, 0) == 3 && rl_gguf_int_at(&a, 1) == -1 && rl_gguf_int_at(&a, 2) == 4);
    a = rl_gguf_kv_array(rl_gguf_kv_find(g, "t.floats"));
    assert_true(a.count == 2 && rl_gguf_real_at(&a, 0) == 0.5 && rl_gguf_real_at(&a, 1) == -0.25);
    a = rl_gguf_kv_array(rl_gguf_kv_find(g, "t.bools"));
    assert_true(a.count == 3 && rl_gguf_int_at(&a, 0) == 1 && rl_gguf_int_at(&a, 1) == 0);
    a = rl_gguf_kv_array(rl_gguf_kv_find(g, "t.strings"));
    static const char *const texts[] = {"", "a", "\xe2\x96\x81the"};
    rl_gguf_str s;
    for (size_t i = 0; i < 3; i++) {
        assert_true(rl_gguf_next_str(&a, &s));
        assert_true(rl_gguf_str_is(s, texts[i]));
    }
    assert_false(rl_gguf_next_str(&a, &s));
    a = rl_gguf_kv_array(rl_gguf_kv_find(g, "t.nested"));
    assert_true(a.type == RL_GGUF_ARRAY && a.count == 2);
    assert_null(rl_gguf_kv_find(g, "t.u"));
    assert_null(rl_gguf_kv_find(g, ""));
    assert_null(rl_gguf_kv_at(g, 20));
    rl_gguf_close(g);
}

static void tensors_have_the_shape_and_the_bytes_that_were_written(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        rl_format format;
        uint32_t n_dims;
        size_t dims[4], n_bytes;
    } want[] = {
        {"vector", RL_F32,  1, {5, 1, 1, 1},   20 },
        {"matrix", RL_F16,  2, {3, 4, 1, 1},   24 },
        {"blocks", RL_Q4_0, 2, {64, 2, 1, 1},  72 },
        {"cube",   RL_Q8_0, 3, {32, 2, 3, 1},  204},
        {"super",  RL_Q4_K, 2, {256, 1, 1, 1}, 144},
        {"four",   RL_BF16, 4, {8, 2, 2, 2},   128}
    };
    rl_gguf *g = open_types_file();
    for (size_t i = 0; i < RL_COUNT(want); i++) {
        const rl_gguf_tensor *t = rl_gguf_tensor_at(g, i);
        assert_string_equal(t->name, want[i].name);
        assert_true(t->format == want[i].format && t->n_dims == want[i].n_dims &&
                    t->bytes == want[i].n_bytes);
        assert_memory_equal(t->dims, want[i].dims, sizeof t->dims);
    }
    assert_null(rl_gguf_tensor_at(g, RL_COUNT(want)));
    assert_null(rl_gguf_tensor_find(g, "vectors"));
    const float *v = rl_gguf_tensor_find(g, "vector")->data;
    for (size_t i = 0; i < 5; i++) assert_true(v[i] == (float)i);
    const rl_f16 *h = rl_gguf_tensor_find(g, "matrix")->data;
    for (size_t i = 0; i < 12; i++) assert_true(rl_f16_to_f32(h[i]) == (float)i);
    const rl_q4_0 *q = rl_gguf_tensor_find(g, "blocks")->data; /* -7 .. 24: d = 24 / -8 */
    assert_true(rl_f16_to_f32(q->d) == -3);
    const rl_bf16 *b = rl_gguf_tensor_find(g, "four")->data;
    for (size_t i = 0; i < 64; i++) assert_true(rl_bf16_to_f32(b[i]) == (float)i - 7);
    const uint8_t *k = rl_gguf_tensor_find(g, "super")->data;
    for (size_t i = 0; i < 144; i++) assert_int_equal(k[i], i * 7 % 251);
    rl_gguf_close(g);
}

static void a_matrix_is_checked_against_the_shape_asked_for(void **state)
{
    (void)state;
    rl_gguf *g = open_types_file();
    rl_matrix m;
    rl_error err;
    assert_int_equal(rl_gguf_matrix(g, "blocks", 2, 64, &m, &err), RL_OK);
    assert_true(m.format == RL_Q4_0 && m.layout == RL_ROWS && m.rows == 2 && m.cols == 64);
    assert_ptr_equal(m.data, rl_gguf_tensor_find(g, "blocks")->data);
    assert_int_equal(rl_gguf_matrix(g, "vector", 0, 0, &m, &err), RL_OK);
    assert_true(m.rows == 1 && m.cols == 5);
    assert_int_equal(rl_gguf_matrix(g, "blocks", 64, 2, &m, &err), RL_ERR_FORMAT);
    assert_non_null(strstr(err.text, "'blocks' is 2 x 64 (rows x columns), expected 64 x 2"));
    assert_int_equal(rl_gguf_matrix(g, "blocks", 3, 0, &m, &err), RL_ERR_FORMAT);
    assert_int_equal(rl_gguf_matrix(g, "cube", 0, 0, &m, &err), RL_ERR_FORMAT);
    assert_non_null(strstr(err.text, "3 dimensions"));
    assert_int_equal(rl_gguf_matrix(g, "absent", 0, 0, &m, &err), RL_ERR_FORMAT);
    assert_non_null(strstr(err.text, "no tensor 'absent'"));
    rl_gguf_close(g);
}

static void getters_check_types_and_ranges(void **state)
{
    (void)state;
    rl_gguf *g = open_types_file();
    rl_error err;
    uint32_t u = 77;
    float f = 7;
    bool b = true;
    rl_gguf_str s = {"x", 1};
    rl_gguf_array a = {0};
    const rl_gguf_need must = RL_GGUF_REQUIRED, may = RL_GGUF_OPTIONAL;
    assert_int_equal(rl_gguf_u32(g, "t.u8", must, &u, &err), RL_OK);
    assert_int_equal(u, 200);
    assert_int_equal(rl_gguf_u32(g, "t.u32", must, &u, &err), RL_OK);
    assert_true(u == 4000000000);
    assert_int_equal(rl_gguf_f32(g, "t.f32", must, &f, &err), RL_OK);
    assert_true(f == 0.15625f);
    assert_int_equal(rl_gguf_bool(g, "t.false", must, &b, &err), RL_OK);
    assert_false(b);
    assert_int_equal(rl_gguf_string(g, "t.string", must, &s, &err), RL_OK);
    assert_int_equal(s.bytes, 5);
    assert_int_equal(rl_gguf_elements(g, "t.ints", must, RL_GGUF_I32, &a, &err), RL_OK);
    assert_int_equal(a.count, 3);

    u = 77; /* absent: the default stays, or an error that names the key */
    assert_int_equal(rl_gguf_u32(g, "t.none", may, &u, &err), RL_OK);
    assert_int_equal(u, 77);
    assert_int_equal(rl_gguf_u32(g, "t.none", must, &u, &err), RL_ERR_FORMAT);
    assert_non_null(strstr(err.text, "gguf_types.gguf: metadata has no 't.none'"));

    /* there, but of another type or out of range: an error even where it is optional */
    assert_int_equal(rl_gguf_u32(g, "t.i8", may, &u, &err), RL_ERR_FORMAT);
    assert_non_null(strstr(err.text, "'t.i8' is -100, allowed are 0 to 4294967295"));
    assert_int_equal(rl_gguf_u32(g, "t.u64", may, &u, &err), RL_ERR_FORMAT);
    assert_non_null(strstr(err.text, "9223372036854775813"));
    assert_int_equal(rl_gguf_u32(g, "t.string", may, &u, &err), RL_ERR_FORMAT);
    assert_non_null(strstr(err.text, "is of type string, expected an integer"));
    assert_int_equal(rl_gguf_u32(g, "t.true", may, &u, &err), RL_ERR_FORMAT);
    assert_int_equal(rl_gguf_u32(g, "t.ints", may, &u, &err), RL_ERR_FORMAT);
    assert_int_equal(rl_gguf_f32(g, "t.u32", may, &f, &err), RL_ERR_FORMAT);
    assert_int_equal(rl_gguf_f32(g, "t.f64", may, &f, &err), RL_ERR_FORMAT);
    assert_non_null(strstr(err.text, "finite"));
    assert_int_equal(rl_gguf_bool(g, "t.u8", may, &b, &err), RL_ERR_FORMAT);
    assert_int_equal(rl_gguf_string(g, "t.u8", may, &s, &err), RL_ERR_FORMAT);
    assert_int_equal(rl_gguf_elements(g, "t.ints", may, RL_GGUF_F32, &a, &err), RL_ERR_FORMAT);
    assert_non_null(strstr(err.text, "an array of i32, expected one of f32"));
    assert_int_equal(rl_gguf_elements(g, "t.u8", may, RL_GGUF_F32, &a, &err), RL_ERR_FORMAT);
    assert_int_equal(u, 77);
    rl_gguf_close(g);
}

static void gguf_open_says_what_is_no_file(void **state)
{
    (void)state;
    char dir[] = "/tmp/rl-test-gguf-XXXXXX", path[64];
    rl_gguf *g;
    rl_error err;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/x.gguf", dir);
    assert_int_equal(rl_gguf_open(&g, path, &err), RL_ERR_IO);
    assert_non_null(strstr(err.text, "cannot open: No such file"));
    assert_int_equal(rl_gguf_open(&g, dir, &err), RL_ERR_IO);
    assert_non_null(strstr(err.text, "not a regular file"));
    assert_int_equal(rl_file_write(path, "", 0, &err), RL_OK);
    assert_int_equal(rl_gguf_open(&g, path, &err), RL_ERR_FORMAT);
    assert_non_null(strstr(err.text, "empty"));
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0); /* nobody writes: opening it must not wait */
    assert_int_equal(rl_gguf_open(&g, path, &err), RL_ERR_IO);
    assert_null(g);
    unlink(path);
    rmdir(dir);
    rl_gguf_close(NULL);
}

static void gguf_open_reports_every_failed_allocation(void **state)
{
    (void)state;
    rl_gguf *g = NULL;
    rl_error err;
    size_t failures = 0;
    for (size_t budget = 0; budget < 100; budget++) {
        alloc_fails_in = budget;
        const rl_status status = rl_gguf_open(&g, RL_VECTORS "/gguf_types.gguf", &err);
        alloc_fails_in = SIZE_MAX;
        if (status == RL_OK) break;
        assert_int_equal(status, RL_ERR_MEMORY);
        assert_null(g);
        failures++;
    }
    assert_non_null(g);
    assert_true(failures >= 5);
    rl_gguf_close(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gguf_open_reads_what_the_gguf_package_wrote),
        cmocka_unit_test(tensors_have_the_shape_and_the_bytes_that_were_written),
        cmocka_unit_test(a_matrix_is_checked_against_the_shape_asked_for),
        cmocka_unit_test(getters_check_types_and_ranges),
        cmocka_unit_test(gguf_open_says_what_is_no_file),
        cmocka_unit_test(gguf_open_reports_every_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
