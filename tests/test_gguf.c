/* test_gguf.c - the GGUF reader on good files, on files wrong in one place each, and on every truncation and
 * every changed byte of a small one; the writer through the reader. */
#include "util_guard.h"

#include "base/file.h"
#include "gguf_vocab.h"
#include "gguf_write.h"
#include "util_gguf.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
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

/* ---- Files built by hand, field by field ---- */

typedef struct {
    uint8_t data[2048];
    size_t n;
} bytes;

static void add(bytes *b, const void *p, size_t n)
{
    assert_true(b->n + n <= sizeof b->data);
    memcpy(b->data + b->n, p, n);
    b->n += n;
}
static void add8(bytes *b, uint8_t v) { add(b, &v, 1); }
static void add32(bytes *b, uint32_t v)
{
    for (int i = 0; i < 4; i++) add8(b, (uint8_t)(v >> 8 * i));
}
static void add64(bytes *b, uint64_t v)
{
    add32(b, (uint32_t)v);
    add32(b, (uint32_t)(v >> 32));
}
static void add_str(bytes *b, const char *s)
{
    add64(b, strlen(s));
    add(b, s, strlen(s));
}
static void add_header(bytes *b, uint32_t version, uint64_t n_tensors, uint64_t n_kv)
{
    add(b, "GGUF", 4);
    add32(b, version);
    add64(b, n_tensors);
    add64(b, n_kv);
}
static void add_kv32(bytes *b, const char *key, uint32_t type, uint32_t value)
{
    add_str(b, key);
    add32(b, type);
    add32(b, value);
}
static void add_tensor(bytes *b, const char *name, uint32_t type, uint64_t cols, uint64_t rows,
                       uint64_t offset)
{
    add_str(b, name);
    add32(b, 2);
    add64(b, cols);
    add64(b, rows);
    add32(b, type);
    add64(b, offset);
}
static void add_data(bytes *b, size_t n, size_t alignment)
{
    while (b->n % alignment != 0) add8(b, 0);
    for (size_t i = 0; i < n; i++) add8(b, (uint8_t)i);
}

/* Opens a copy that ends where the file does, so that a sanitizer sees the first byte read past it. */
static rl_status open_copy(rl_gguf **g, void **copy, const uint8_t *data, size_t n, rl_error *err)
{
    *copy = malloc(n + (n == 0)); /* of alignment 16, which is enough for any format */
    memcpy(*copy, data, n);
    memset(err, 0, sizeof *err);
    return rl_gguf_open_memory(g, *copy, n, "memory.gguf", err);
}

/* Opens, walks and closes. */
static rl_status try_open(const uint8_t *data, size_t n, rl_error *err)
{
    rl_gguf *g;
    void *copy;
    const rl_status status = open_copy(&g, &copy, data, n, err);
    if (status == RL_OK) {
        const char *broken = util_gguf_walk(g);
        if (broken != NULL) fail_msg("opened, but %s", broken);
    } else {
        assert_null(g);
        assert_int_equal(err->status, status);
        assert_non_null(strstr(err->text, "memory.gguf: "));
        for (const char *c = err->text; *c != '\0'; c++)
            if (!isprint((unsigned char)*c)) fail_msg("a byte %02x in the message", (unsigned char)*c);
    }
    rl_gguf_close(g);
    free(copy);
    return status;
}

static void expect_refused(const bytes *b, rl_status status, const char *sentence)
{
    rl_error err;
    const rl_status got = try_open(b->data, b->n, &err);
    if (got == RL_OK) fail_msg("opened; expected: %s", sentence);
    if (got != status || strstr(err.text, sentence) == NULL)
        fail_msg("status %d: %s\nexpected status %d: %s", got, err.text, status, sentence);
}

static char *read_types_file(size_t *n)
{
    char *data;
    rl_error err;
    if (rl_file_read(RL_VECTORS "/gguf_types.gguf", 1 << 20, &data, n, &err) != RL_OK)
        fail_msg("%s", err.text);
    return data;
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

/* The data lies in pages that may not be read. */
static void gguf_open_touches_no_tensor_data(void **state)
{
    (void)state;
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), data_bytes = 64 * page;
    bytes b = {.n = 0};
    add_header(&b, 3, 1, 1);
    add_kv32(&b, "general.alignment", RL_GGUF_U32, (uint32_t)page);
    add_tensor(&b, "w", 0, data_bytes / 4, 1, 0);
    char *map = mmap(NULL, page + data_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(map != MAP_FAILED);
    memcpy(map, b.data, b.n);
    assert_int_equal(mprotect(map + page, data_bytes, PROT_NONE), 0);
    rl_gguf *g;
    rl_error err;
    if (rl_gguf_open_memory(&g, map, page + data_bytes, "guarded", &err) != RL_OK) fail_msg("%s", err.text);
    assert_ptr_equal(rl_gguf_tensor_find(g, "w")->data, map + page);
    rl_gguf_close(g);
    munmap(map, page + data_bytes);
}

/* ---- Bad files ---- */

static void gguf_open_rejects_truncation_at_every_byte(void **state)
{
    (void)state;
    size_t n;
    char *data = read_types_file(&n); /* its last tensor needs no padding: every byte counts */
    rl_error err;
    assert_int_equal(try_open((uint8_t *)data, n, &err), RL_OK);
    for (size_t cut = 0; cut < n; cut++)
        if (try_open((uint8_t *)data, cut, &err) == RL_OK)
            fail_msg("the first %zu bytes of %zu were enough", cut, n);
    free(data);
}

static void gguf_open_survives_any_changed_byte(void **state)
{
    (void)state;
    size_t n, refused = 0, opened = 0;
    char *data = read_types_file(&n);
    rl_error err;
    for (size_t i = 0; i < n; i++) {
        const char was = data[i];
        const char changed[] = {
            0, 1, 0x7f, (char)0x80, (char)0xff, (char)(was ^ 1), (char)(was ^ 0x80), (char)(was + 1)};
        for (size_t k = 0; k < RL_COUNT(changed); k++) {
            data[i] = changed[k];
            if (try_open((uint8_t *)data, n, &err) == RL_OK)
                opened++;
            else
                refused++;
        }
        data[i] = was;
    }
    assert_true(refused > 2000 && opened > 2000); /* structure was hit, and so was content */
    free(data);
}

/* Whole fields of a file: 32 and 64 bits at any byte, extreme values. */
static void gguf_open_survives_extreme_fields(void **state)
{
    (void)state;
    size_t n;
    char *data = read_types_file(&n);
    static const uint64_t extremes[] = {0,
                                        1,
                                        0x7fffffff,
                                        0x80000000,
                                        0xffffffff,
                                        UINT64_MAX,
                                        (uint64_t)INT64_MAX,
                                        (uint64_t)INT64_MAX + 1,
                                        UINT64_MAX / 2 / 18,
                                        UINT64_MAX - 31};
    rl_error err;
    for (size_t i = 0; i + 8 <= n; i++)
        for (size_t k = 0; k < RL_COUNT(extremes); k++)
            for (size_t width = 4; width <= 8; width += 4) {
                uint8_t was[8];
                memcpy(was, data + i, 8);
                memcpy(data + i, &extremes[k], width);
                try_open((uint8_t *)data, n, &err);
                memcpy(data + i, was, 8);
            }
    assert_int_equal(try_open((uint8_t *)data, n, &err), RL_OK);
    free(data);
}

static void gguf_open_rejects_headers_of_other_files(void **state)
{
    (void)state;
    bytes b = {.n = 0};
    add_header(&b, 3, 0, 0);
    rl_error err;
    assert_int_equal(try_open(b.data, b.n, &err), RL_OK); /* nothing in it is a file too */
    static const struct {
        uint32_t version;
        const char *sentence;
    } versions[] = {
        {0,          "version 0, supported are 2 and 3"},
        {1,          "version 1, supported are 2 and 3"},
        {4,          "version 4"                       },
        {0x03000000, "big-endian"                      },
        {0x02000000, "big-endian"                      }
    };
    for (size_t i = 0; i < RL_COUNT(versions); i++) {
        b.n = 0;
        add_header(&b, versions[i].version, 0, 0);
        expect_refused(&b, RL_ERR_UNSUPPORTED, versions[i].sentence);
    }
    b.n = 0;
    add_header(&b, 2, 0, 0);
    assert_int_equal(try_open(b.data, b.n, &err), RL_OK);
    memcpy(b.data, "ggjt", 4);
    expect_refused(&b, RL_ERR_FORMAT, "header, byte 0: not a GGUF file: starts with 'ggjt', expected 'GGUF'");
    memcpy(b.data, "\n\x1b[1", 4);
    expect_refused(&b, RL_ERR_FORMAT, "'\\x0a\\x1b[1'");
    b.n = 0;
    add_header(&b, 3, 0, UINT64_MAX);
    expect_refused(&b, RL_ERR_FORMAT, "18446744073709551615 keys");
    b.n = 0;
    add_header(&b, 3, (uint64_t)1 << 40, 0);
    expect_refused(&b, RL_ERR_FORMAT, "1099511627776 tensors");
}

/* One key in a file. */
static void expect_kv(const void *key, size_t key_bytes, uint32_t type, const void *value, size_t n,
                      const char *sentence)
{
    bytes b = {.n = 0};
    add_header(&b, 3, 0, 1);
    add64(&b, key_bytes);
    add(&b, key, key_bytes);
    add32(&b, type);
    add(&b, value, n);
    expect_refused(&b, RL_ERR_FORMAT, sentence);
}

static void gguf_open_rejects_bad_metadata(void **state)
{
    (void)state;
    bytes v = {.n = 0};
    expect_kv("", 0, RL_GGUF_U8, "\1\2\3\4", 4,
              "metadata 0, byte 24: key of 0 bytes, allowed are 1 to 65535");
    expect_kv("a\0b", 3, RL_GGUF_U8, "\1", 1, "metadata 0 'a\\x00b', byte 24: key holds a 0 byte");
    expect_kv("k", 1, 13, "\1\0\0\0\0\0\0\0", 8,
              "metadata 0 'k', byte 33: value type 13, allowed are 0 to 12");
    expect_kv("k", 1, RL_GGUF_BOOL, "\2", 1, "byte 37: bool of value 2");
    expect_kv("k", 1, RL_GGUF_U64, "\1\2\3\4", 4, "1 values of type u64, the file has 4 bytes left");
    add64(&v, UINT64_MAX);
    expect_kv("k", 1, RL_GGUF_STR, v.data, v.n,
              "a string takes 18446744073709551615 bytes, the file has 0 left");
    v.n = 0;
    add32(&v, RL_GGUF_F64);
    add64(&v, UINT64_MAX / 8 + 1); /* times 8 is 0 in 64 bits */
    expect_kv("k", 1, RL_GGUF_ARRAY, v.data, v.n, "2305843009213693952 values of type f64");
    v.n = 0;
    add32(&v, RL_GGUF_STR);
    add64(&v, 2);
    add_str(&v, "x");
    expect_kv("k", 1, RL_GGUF_ARRAY, v.data, v.n, "array of 2 elements, the file has 9 bytes left");
    v.n = 0;
    for (int depth = 0; depth < RL_GGUF_DEPTH_MAX; depth++) {
        add32(&v, RL_GGUF_ARRAY);
        add64(&v, 1);
    }
    add32(&v, RL_GGUF_U8);
    add64(&v, 0);
    expect_kv("k", 1, RL_GGUF_ARRAY, v.data, v.n, "arrays nested deeper than 4");
    v.n = 0;
    add32(&v, RL_GGUF_BOOL);
    add64(&v, 2);
    add8(&v, 1);
    add8(&v, 9);
    expect_kv("k", 1, RL_GGUF_ARRAY, v.data, v.n, "bool of value 9");

    bytes b = {.n = 0};
    add_header(&b, 3, 0, 3);
    add_kv32(&b, "twice", RL_GGUF_U32, 1);
    add_kv32(&b, "once", RL_GGUF_U32, 1);
    add_kv32(&b, "twice", RL_GGUF_F32, 1);
    expect_refused(&b, RL_ERR_FORMAT, "metadata 2 'twice'");
    expect_refused(&b, RL_ERR_FORMAT, "also as metadata 0");
}

static void gguf_open_rejects_bad_alignment_and_split_models(void **state)
{
    (void)state;
    static const uint32_t bad[] = {0, 1, 4, 24, 48, RL_GGUF_ALIGN_MAX * 2, UINT32_MAX};
    for (size_t i = 0; i < RL_COUNT(bad); i++) {
        bytes b = {.n = 0};
        add_header(&b, 3, 0, 1);
        add_kv32(&b, "general.alignment", RL_GGUF_U32, bad[i]);
        expect_refused(&b, RL_ERR_FORMAT, "allowed are powers of two from 8 to 1048576");
    }
    bytes b = {.n = 0};
    add_header(&b, 3, 0, 1);
    add_kv32(&b, "general.alignment", RL_GGUF_F32, 32);
    expect_refused(&b, RL_ERR_FORMAT, "'general.alignment' is of type f32, expected an integer");
    b.n = 0;
    add_header(&b, 3, 0, 1);
    add_kv32(&b, "split.count", RL_GGUF_U32, 3);
    expect_refused(&b, RL_ERR_UNSUPPORTED, "split.count is 3");
    rl_error err;
    b.data[b.n - 4] = 1;
    assert_int_equal(try_open(b.data, b.n, &err), RL_OK);
}

/* One tensor of 64 q4_0 values (36 bytes) in a file, wrong in one field. */
typedef struct {
    const char *name;
    uint32_t n_dims;
    uint64_t dims[4];
    uint32_t type;
    uint64_t offset;
    size_t data_bytes;
    rl_status status;
    const char *sentence;
} bad_tensor;

static void gguf_open_rejects_bad_tensor_infos(void **state)
{
    (void)state;
    static const char name65[] = "a2345678901234567890123456789012345678901234567890123456789012345";
    static const bad_tensor cases[] = {
        {"",
         2,                  {32, 2},
         2,                                                                               0,
         64,                                                                                                    RL_ERR_FORMAT,
         "tensor 0, byte 24: tensor name of 0 bytes, allowed are 1 to 64"                                                                                                                    },
        {name65, 2,          {32, 2},                                               2,    0,               64,  RL_ERR_FORMAT,      "tensor name of 65 bytes"                                },
        {"t",    0,          {1},                                                   2,    0,               64,  RL_ERR_FORMAT,      "tensor 0 't', byte 33: 0 dimensions, allowed are 1 to 4"},
        {"t",    5,          {32, 1, 1, 1},                                         2,    0,               64,  RL_ERR_FORMAT,      "5 dimensions"                                           },
        {"t",    UINT32_MAX, {32},                                                  2,    0,               64,  RL_ERR_FORMAT,      "4294967295 dimensions"                                  },
        {"t",    2,          {32, 0},                                               2,    0,               64,  RL_ERR_FORMAT,      "dimension 1 is 0"                                       },
        {"t",    2,          {0, 32},                                               2,    0,               64,  RL_ERR_FORMAT,      "dimension 0 is 0"                                       },
        {"t",    2,          {33, 2},                                               2,    0,               64,  RL_ERR_FORMAT,      "rows of 33 values, q4_0 stores blocks of 32"            },
        {"t",    2,          {128, 2},                                              12,   0,               256, RL_ERR_FORMAT,      "rows of 128 values, q4_K stores blocks of 256"          },
        {"t",    2,          {(uint64_t)1 << 62, 4},                                0,    0,               64,  RL_ERR_FORMAT,      "more than can be counted"                               },
        {"t",
         3,                  {32, (uint64_t)1 << 32, (uint64_t)1 << 32},
         2,                                                                               0,
         64,                                                                                                    RL_ERR_FORMAT,
         "more than can be counted"                                                                                                                                                          },
        {"t",    2,          {(uint64_t)1 << 60, 16},                               2,    0,               64,  RL_ERR_FORMAT,      "more than can be counted"                               }, /* in bytes it
  fits */
        {"t",
         4,                  {UINT64_MAX - 31, UINT64_MAX, UINT64_MAX, UINT64_MAX},
         2,                                                                               0,
         64,                                                                                                    RL_ERR_FORMAT,
         "more than can be"                                                                                                                                                                  },
        {"t",    2,          {32, 2},                                               4,    0,               64,  RL_ERR_UNSUPPORTED, "type 4 (q4_2) was removed from the format"              },
        {"t",    2,          {32, 2},                                               37,   0,               64,  RL_ERR_UNSUPPORTED, "type 37 (iq4_nl_4_8) was removed"                       },
        {"t",    2,          {32, 2},                                               20,   0,               64,  RL_ERR_UNSUPPORTED, "type 20 (iq4_nl) is not supported"                      },
        {"t",    2,          {32, 2},                                               26,   0,               64,  RL_ERR_UNSUPPORTED, "type 26 (i32) is not supported"                         },
        {"t",    2,          {32, 2},                                               1000, 0,               64,  RL_ERR_FORMAT,      "type 1000 is unknown"                                   },
        {"t",    2,          {32, 2},                                               2,    16,              64,  RL_ERR_FORMAT,      "offset 16 is not a multiple of the alignment 32"        },
        {"t",    2,          {32, 2},                                               2,    32,              64,  RL_ERR_FORMAT,      "36 bytes at offset 32 of the data, which has 64 bytes"  },
        {"t",    2,          {32, 2},                                               2,    UINT64_MAX - 31, 64,  RL_ERR_FORMAT,      "36 bytes at offset 18446744073709551584"                },
        {"t",    2,          {32, 2},                                               2,    0,               35,  RL_ERR_FORMAT,      "36 bytes at offset 0 of the data, which has 35 bytes"   },
    };
    for (size_t i = 0; i < RL_COUNT(cases); i++) {
        const bad_tensor *c = &cases[i];
        bytes b = {.n = 0};
        add_header(&b, 3, 1, 0);
        add_str(&b, c->name);
        add32(&b, c->n_dims);
        for (uint32_t d = 0; d < c->n_dims && d < 4; d++) add64(&b, c->dims[d]);
        add32(&b, c->type);
        add64(&b, c->offset);
        add_data(&b, c->data_bytes, 32);
        expect_refused(&b, c->status, c->sentence);
    }
}

static void gguf_open_rejects_tensors_that_overlap_or_share_a_name(void **state)
{
    (void)state;
    bytes b = {.n = 0};
    add_header(&b, 3, 3, 0);
    add_tensor(&b, "first", 2, 32, 2, 64); /* 64..100, and the next at 96 */
    add_tensor(&b, "second", 2, 32, 1, 96);
    add_tensor(&b, "third", 2, 32, 1, 0);
    add_data(&b, 256, 32);
    expect_refused(&b, RL_ERR_FORMAT, "tensor 1 'second'");
    expect_refused(&b, RL_ERR_FORMAT, "overlaps that of tensor 0");
    b.n = 0;
    add_header(&b, 3, 3, 0);
    add_tensor(&b, "same", 2, 32, 2, 64); /* apart, in any order, with a gap */
    add_tensor(&b, "other", 2, 32, 1, 192);
    add_tensor(&b, "third", 2, 32, 1, 0);
    add_data(&b, 256, 32);
    rl_error err;
    assert_int_equal(try_open(b.data, b.n, &err), RL_OK);
    b.n = 0;
    add_header(&b, 3, 3, 0);
    add_tensor(&b, "same", 2, 32, 2, 64);
    add_tensor(&b, "other", 2, 32, 1, 192);
    add_tensor(&b, "same", 2, 32, 1, 0);
    add_data(&b, 256, 32);
    expect_refused(&b, RL_ERR_FORMAT, "tensor 2 'same'");
    expect_refused(&b, RL_ERR_FORMAT, "also as tensor 0");
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

/* ---- The writer ---- */

static void writer_output_reads_back(void **state)
{
    (void)state;
    char dir[] = "/tmp/rl-test-gguf-XXXXXX", path[64];
    rl_gguf_writer *w;
    rl_gguf *g;
    rl_error err;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/out.gguf", dir);
    assert_int_equal(rl_gguf_writer_open(&w, path, &err), RL_OK);
    const rl_gguf_str texts[] = {
        {"a\0b",         3},
        {"",             0},
        {"\xe2\x96\x81", 3}
    };
    const float floats[] = {1.5f, -0.0f};
    const int32_t ints[] = {-1, INT32_MAX};
    rl_gguf_put_u32(w, "u32", 4000000000);
    rl_gguf_put_u64(w, "u64", UINT64_MAX);
    rl_gguf_put_f32(w, "f32", 0.1f);
    rl_gguf_put_bool(w, "bool", true);
    rl_gguf_put_str(w, "str", "text");
    rl_gguf_put_strs(w, "strs", texts, 3);
    rl_gguf_put_f32s(w, "f32s", floats, 2);
    rl_gguf_put_i32s(w, "i32s", ints, 2);
    rl_gguf_put_strs(w, "none", NULL, 0);
    rl_gguf_put_tensor(w, "one", RL_F32, 1, (size_t[]){3});
    rl_gguf_put_tensor(w, "two", RL_Q4_0, 2, (size_t[]){64, 3});
    uint8_t data[108];
    for (size_t i = 0; i < sizeof data; i++) data[i] = (uint8_t)(i * 3);
    assert_int_equal(rl_gguf_write(w, floats, 8, &err), RL_OK); /* in pieces */
    assert_int_equal(rl_gguf_write(w, floats, 4, &err), RL_OK);
    assert_int_equal(rl_gguf_write(w, data, 0, &err), RL_OK);
    for (size_t i = 0; i < 108; i += 27) assert_int_equal(rl_gguf_write(w, data + i, 27, &err), RL_OK);
    assert_int_not_equal(access(path, F_OK), 0); /* nothing there before the commit */
    assert_int_equal(rl_gguf_writer_commit(w, &err), RL_OK);

    if (rl_gguf_open(&g, path, &err) != RL_OK) fail_msg("%s", err.text);
    const char *broken = util_gguf_walk(g);
    if (broken != NULL) fail_msg("%s", broken);
    uint32_t u = 0;
    assert_int_equal(rl_gguf_u32(g, "u32", RL_GGUF_REQUIRED, &u, &err), RL_OK);
    assert_true(u == 4000000000);
    assert_true((uint64_t)rl_gguf_kv_int(rl_gguf_kv_find(g, "u64")) == UINT64_MAX);
    assert_true(rl_gguf_kv_real(rl_gguf_kv_find(g, "f32")) == (double)0.1f);
    assert_true(rl_gguf_kv_int(rl_gguf_kv_find(g, "bool")) == 1);
    assert_true(rl_gguf_str_is(rl_gguf_kv_str(rl_gguf_kv_find(g, "str")), "text"));
    rl_gguf_array a = rl_gguf_kv_array(rl_gguf_kv_find(g, "strs"));
    rl_gguf_str s;
    for (size_t i = 0; i < 3; i++) {
        assert_true(rl_gguf_next_str(&a, &s));
        assert_int_equal(s.bytes, texts[i].bytes);
        assert_memory_equal(s.text, texts[i].text, s.bytes);
    }
    a = rl_gguf_kv_array(rl_gguf_kv_find(g, "f32s"));
    assert_true(rl_gguf_real_at(&a, 0) == 1.5 && signbit(rl_gguf_real_at(&a, 1)));
    a = rl_gguf_kv_array(rl_gguf_kv_find(g, "i32s"));
    assert_true(rl_gguf_int_at(&a, 0) == -1 && rl_gguf_int_at(&a, 1) == INT32_MAX);
    assert_int_equal(rl_gguf_kv_array(rl_gguf_kv_find(g, "none")).count, 0);
    assert_memory_equal(rl_gguf_tensor_find(g, "one")->data, ((float[]){1.5f, -0.0f, 1.5f}), 12);
    assert_memory_equal(rl_gguf_tensor_find(g, "two")->data, data, 108);
    rl_gguf_close(g);
    unlink(path);
    assert_int_equal(rmdir(dir), 0);
}

static void writer_refuses_what_the_reader_would(void **state)
{
    (void)state;
    char dir[] = "/tmp/rl-test-gguf-XXXXXX", path[64];
    rl_error err;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/out.gguf", dir);
    for (int c = 0; c < 10; c++) {
        static const char *const sentence[] = {"key 'k' is there already",
                                               "tensor name 't' is there already",
                                               "has dimensions that its format cannot have",
                                               "has dimensions that its format cannot have",
                                               "tensor name of 65 bytes",
                                               "key of 0 bytes",
                                               "is incomplete",
                                               "5 bytes for tensor 0 of 1, which lacks 4",
                                               "metadata 'late' after tensor data",
                                               "tensor 'late' after tensor data"};
        rl_gguf_writer *w;
        char name[66] = "";
        memset(name, 'n', 65);
        assert_int_equal(rl_gguf_writer_open(&w, path, &err), RL_OK);
        rl_gguf_put_u32(w, "k", 1);
        rl_gguf_put_tensor(w, "t", RL_F32, 1, (size_t[]){1});
        if (c == 0) rl_gguf_put_f32(w, "k", 2);
        if (c == 1) rl_gguf_put_tensor(w, "t", RL_F32, 1, (size_t[]){1});
        if (c == 2) rl_gguf_put_tensor(w, "u", RL_Q4_0, 1, (size_t[]){33});
        if (c == 3) rl_gguf_put_tensor(w, "u", RL_F32, 2, (size_t[]){SIZE_MAX / 4, 8});
        if (c == 4) rl_gguf_put_tensor(w, name, RL_F32, 1, (size_t[]){1});
        if (c == 5) rl_gguf_put_u32(w, "", 1);
        rl_status status = c == 7 ? rl_gguf_write(w, "12345", 5, &err) : RL_OK;
        if (c >= 8) assert_int_equal(rl_gguf_write(w, "12", 2, &err), RL_OK);
        if (c == 8) rl_gguf_put_u32(w, "late", 1);
        if (c == 9) rl_gguf_put_tensor(w, "late", RL_F32, 1, (size_t[]){1});
        if (c == 7)
            rl_gguf_writer_abandon(w);
        else
            status = rl_gguf_writer_commit(w, &err);
        assert_int_equal(status, RL_ERR_ARG);
        if (strstr(err.text, sentence[c]) == NULL)
            fail_msg("case %d: %s\nexpected: %s", c, err.text, sentence[c]);
    }
    assert_int_equal(rmdir(dir), 0); /* empty: no case left anything */
    rl_gguf_writer *w;
    assert_int_equal(rl_gguf_writer_open(&w, path, &err), RL_ERR_IO);
    assert_null(w);
}

/* ---- The vocabulary ---- */

/* Three pieces; `wrong` changes one thing. */
enum { NOTHING, NO_MODEL, OTHER_MODEL, NO_SCORES, FEW_SCORES, TYPES_AS_FLOATS, BOS_AS_TEXT, N_WRONG };

static rl_status vocab_of(int wrong, rl_gguf **g, rl_vocab **vocab, const char *path, rl_error *err)
{
    rl_gguf_writer *w;
    const rl_gguf_str texts[] = {
        {"<unk>",          5},
        {"<s>",            3},
        {"\xe2\x96\x81hi", 5}
    };
    assert_int_equal(rl_gguf_writer_open(&w, path, err), RL_OK);
    if (wrong != NO_MODEL)
        rl_gguf_put_str(w, "tokenizer.ggml.model", wrong == OTHER_MODEL ? "gpt2" : "llama");
    rl_gguf_put_strs(w, "tokenizer.ggml.tokens", texts, 3);
    if (wrong != NO_SCORES)
        rl_gguf_put_f32s(w, "tokenizer.ggml.scores", (float[]){0, 0, -1.5f}, wrong == FEW_SCORES ? 2 : 3);
    if (wrong == TYPES_AS_FLOATS)
        rl_gguf_put_f32s(w, "tokenizer.ggml.token_type", (float[]){2, 3, 1}, 3);
    else
        rl_gguf_put_i32s(w, "tokenizer.ggml.token_type", (int32_t[]){2, 3, 1}, 3);
    if (wrong == BOS_AS_TEXT)
        rl_gguf_put_str(w, "tokenizer.ggml.bos_token_id", "1");
    else
        rl_gguf_put_u32(w, "tokenizer.ggml.bos_token_id", 1);
    rl_gguf_put_bool(w, "tokenizer.ggml.add_space_prefix", false);
    assert_int_equal(rl_gguf_writer_commit(w, err), RL_OK);
    assert_int_equal(rl_gguf_open(g, path, err), RL_OK);
    return rl_gguf_vocab(*g, vocab, err);
}

static void vocabulary_is_read_and_checked(void **state)
{
    (void)state;
    static const char *const sentence[N_WRONG] = {
        [NO_MODEL] = "metadata has no 'tokenizer.ggml.model'",
        [OTHER_MODEL] = "tokenizer.ggml.model is 'gpt2', supported is 'llama'",
        [NO_SCORES] = "metadata has no 'tokenizer.ggml.scores'",
        [FEW_SCORES] = "3 tokens, 2 scores and 3 token types",
        [TYPES_AS_FLOATS] = "an array of f32, expected one of i32",
        [BOS_AS_TEXT] = "'tokenizer.ggml.bos_token_id' is of type string",
    };
    char dir[] = "/tmp/rl-test-gguf-XXXXXX", path[64];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/v.gguf", dir);
    for (int wrong = NOTHING; wrong < N_WRONG; wrong++) {
        rl_gguf *g;
        rl_vocab *v;
        rl_error err;
        const rl_status status = vocab_of(wrong, &g, &v, path, &err);
        if (wrong == NOTHING) {
            assert_int_equal(status, RL_OK);
            assert_int_equal(v->n, 3);
            assert_true(v->pieces[2].bytes == 5 && memcmp(v->pieces[2].text, "\xe2\x96\x81hi", 5) == 0);
            assert_true(v->pieces[2].score == -1.5f && v->pieces[2].type == RL_PIECE_NORMAL);
            assert_true(v->pieces[0].type == RL_PIECE_UNKNOWN && v->pieces[1].type == RL_PIECE_CONTROL);
            assert_true(v->has_bos && v->bos == 1 && v->has_eos && v->eos == 2 && v->has_unk && v->unk == 0);
            assert_true(v->add_bos && !v->add_eos && !v->add_space_prefix);
        } else {
            assert_int_not_equal(status, RL_OK);
            assert_null(v);
            if (strstr(err.text, sentence[wrong]) == NULL)
                fail_msg("%s\nexpected: %s", err.text, sentence[wrong]);
        }
        rl_gguf_vocab_free(v);
        rl_gguf_close(g);
    }
    unlink(path);
    assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gguf_open_reads_what_the_gguf_package_wrote),
        cmocka_unit_test(tensors_have_the_shape_and_the_bytes_that_were_written),
        cmocka_unit_test(a_matrix_is_checked_against_the_shape_asked_for),
        cmocka_unit_test(getters_check_types_and_ranges),
        cmocka_unit_test(gguf_open_touches_no_tensor_data),
        cmocka_unit_test(gguf_open_rejects_truncation_at_every_byte),
        cmocka_unit_test(gguf_open_survives_any_changed_byte),
        cmocka_unit_test(gguf_open_survives_extreme_fields),
        cmocka_unit_test(gguf_open_rejects_headers_of_other_files),
        cmocka_unit_test(gguf_open_rejects_bad_metadata),
        cmocka_unit_test(gguf_open_rejects_bad_alignment_and_split_models),
        cmocka_unit_test(gguf_open_rejects_bad_tensor_infos),
        cmocka_unit_test(gguf_open_rejects_tensors_that_overlap_or_share_a_name),
        cmocka_unit_test(gguf_open_says_what_is_no_file),
        cmocka_unit_test(gguf_open_reports_every_failed_allocation),
        cmocka_unit_test(writer_output_reads_back),
        cmocka_unit_test(writer_refuses_what_the_reader_would),
        cmocka_unit_test(vocabulary_is_read_and_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
