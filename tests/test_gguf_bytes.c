/* test_gguf_bytes.c - the GGUF reader on hostile bytes: files wrong in one place each, every truncation and
 * every changed byte of a small file. */
#include "util_guard.h"

#include "base/file.h"
#include "util_gguf.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

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
        {0,          "version 0, supported are 2 and 3"                         },
        {1,          "version 1, supported are 2 and 3: convert the model again"},
        {4,          "version 4"                                                },
        {0x03000000, "big-endian"                                               },
        {0x02000000, "big-endian"                                               }
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

/* A file of one tensor and `data_bytes` of data. */
static bytes one_tensor(const char *name, uint32_t type, uint32_t n_dims, const uint64_t *dims,
                        uint64_t offset, size_t data_bytes)
{
    bytes b = {.n = 0};
    add_header(&b, 3, 1, 0);
    add_str(&b, name);
    add32(&b, n_dims);
    for (uint32_t d = 0; d < n_dims && d < 4; d++) add64(&b, dims[d]);
    add32(&b, type);
    add64(&b, offset);
    add_data(&b, data_bytes, 32);
    return b;
}

static void gguf_open_rejects_bad_tensor_names_and_dimensions(void **state)
{
    (void)state;
    static const struct {
        const char *sentence;
        uint32_t n_dims;
        uint64_t dims[4];
    } cases[] = {
        {"tensor 0 't', byte 33: 0 dimensions, allowed are", 0,          {1}                           },
        {"5 dimensions",                                     5,          {32, 1, 1, 1}                 },
        {"4294967295 dimensions",                            UINT32_MAX, {32}                          },
        {"dimension 1 is 0",                                 2,          {32, 0}                       },
        {"dimension 0 is 0",                                 2,          {0, 32}                       },
        {"rows of 33 values, q4_0 stores blocks of 32",      2,          {33, 2}                       },
        {"more than can be counted",                         3,          {32, 0x100000000, 0x100000000}},
        {"more than can be counted",                         4,          {~31ull, 1, 1, 3}             },
    };
    for (size_t i = 0; i < RL_COUNT(cases); i++) {
        const bytes b = one_tensor("t", 2, cases[i].n_dims, cases[i].dims, 0, 64);
        expect_refused(&b, RL_ERR_FORMAT, cases[i].sentence);
    }
    /* 2^64 values in 18 / 32 as many bytes; 2^63 values in four times as many */
    bytes b = one_tensor("t", 2, 2, (uint64_t[]){UINT64_C(1) << 60, 16}, 0, 64);
    expect_refused(&b, RL_ERR_FORMAT, "more than can be counted");
    b = one_tensor("t", 0, 2, (uint64_t[]){UINT64_C(1) << 31, UINT64_C(1) << 32}, 0, 64);
    expect_refused(&b, RL_ERR_FORMAT, "more than can be counted");
    b = one_tensor("t", 12, 2, (uint64_t[]){128, 2}, 0, 256);
    expect_refused(&b, RL_ERR_FORMAT, "rows of 128 values, q4_K stores blocks of 256");

    const uint64_t good[] = {32, 2};
    char name[66];
    memset(name, 'n', sizeof name);
    name[65] = '\0';
    b = one_tensor("", 2, 2, good, 0, 64);
    expect_refused(&b, RL_ERR_FORMAT, "tensor 0, byte 24: tensor name of 0 bytes, allowed are 1 to 64");
    b = one_tensor(name, 2, 2, good, 0, 64);
    expect_refused(&b, RL_ERR_FORMAT, "tensor name of 65 bytes");
    b = one_tensor(name + 1, 2, 2, good, 0, 64);
    rl_error err;
    assert_int_equal(try_open(b.data, b.n, &err), RL_OK);
}

static void gguf_open_rejects_tensor_types_and_says_why(void **state)
{
    (void)state;
    static const struct {
        uint32_t type;
        rl_status status;
        const char *sentence;
    } cases[] = {
        {4,          RL_ERR_UNSUPPORTED, "type 4 (q4_2) was removed from the format"},
        {37,         RL_ERR_UNSUPPORTED, "type 37 (iq4_nl_4_8) was removed"         },
        {20,         RL_ERR_UNSUPPORTED, "type 20 (iq4_nl) is not supported"        },
        {39,         RL_ERR_UNSUPPORTED, "type 39 (mxfp4) is not supported"         },
        {40,         RL_ERR_FORMAT,      "type 40 is unknown"                       },
        {UINT32_MAX, RL_ERR_FORMAT,      "type 4294967295 is unknown"               },
    };
    for (size_t i = 0; i < RL_COUNT(cases); i++) {
        const bytes b = one_tensor("t", cases[i].type, 2, (uint64_t[]){32, 2}, 0, 64);
        expect_refused(&b, cases[i].status, cases[i].sentence);
    }
}

static void gguf_open_rejects_tensor_past_end_of_file(void **state)
{
    (void)state;
    static const struct {
        uint64_t offset;
        size_t data_bytes;
        const char *sentence;
    } cases[] = {
        {16,              64, "offset 16 is not a multiple of the alignment 32"      },
        {32,              64, "36 bytes at offset 32 of the data, which has 64 bytes"},
        {UINT64_MAX - 31, 64, "36 bytes at offset 18446744073709551584"              },
        {0,               35, "36 bytes at offset 0 of the data, which has 35 bytes" },
    };
    for (size_t i = 0; i < RL_COUNT(cases); i++) {
        const bytes b = one_tensor("t", 2, 2, (uint64_t[]){32, 2}, cases[i].offset, cases[i].data_bytes);
        expect_refused(&b, RL_ERR_FORMAT, cases[i].sentence);
    }
    const bytes b = one_tensor("t", 2, 2, (uint64_t[]){32, 2}, 32, 68); /* its last byte is the file's */
    rl_error err;
    assert_int_equal(try_open(b.data, b.n, &err), RL_OK);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gguf_open_touches_no_tensor_data),
        cmocka_unit_test(gguf_open_rejects_truncation_at_every_byte),
        cmocka_unit_test(gguf_open_survives_any_changed_byte),
        cmocka_unit_test(gguf_open_survives_extreme_fields),
        cmocka_unit_test(gguf_open_rejects_headers_of_other_files),
        cmocka_unit_test(gguf_open_rejects_bad_metadata),
        cmocka_unit_test(gguf_open_rejects_bad_alignment_and_split_models),
        cmocka_unit_test(gguf_open_rejects_bad_tensor_names_and_dimensions),
        cmocka_unit_test(gguf_open_rejects_tensor_types_and_says_why),
        cmocka_unit_test(gguf_open_rejects_tensor_past_end_of_file),
        cmocka_unit_test(gguf_open_rejects_tensors_that_overlap_or_share_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
