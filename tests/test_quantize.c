/* test_quantize.c - the legacy formats against the `gguf` package, bit for bit; the K formats against the
 * errors that ggml's quantizer leaves on the same rows; all of them at page edges and on hostile floats. */
#include "util_guard.h"

#include "base/file.h"
#include "quant/dequant.h"
#include "quant/quantize.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *read_vectors(const char *name, size_t *n)
{
    char path[512], *data;
    rl_error err;
    snprintf(path, sizeof path, RL_VECTORS "/%s", name);
    if (rl_file_read(path, 1 << 20, &data, n, &err) != RL_OK) fail_msg("%s", err.text);
    return data;
}

static void every_kernel_gives_the_bits_of_the_gguf_package(void **state)
{
    (void)state;
    static const rl_format order[] = {RL_F32,  RL_F16,  RL_BF16, RL_Q8_0,
                                      RL_Q4_0, RL_Q4_1, RL_Q5_0, RL_Q5_1}; /* as the file has them */
    const uint32_t cpu = util_cpu();
    size_t file_bytes, at = 4;
    char *file = read_vectors("quantize.bin", &file_bytes);
    uint32_t n;
    memcpy(&n, file, sizeof n);
    assert_true(n >= 1024 && n % RL_QK == 0);
    float *x = malloc(n * sizeof *x);
    memcpy(x, file + at, n * sizeof *x);
    at += n * sizeof *x;
    for (size_t f = 0; f < RL_COUNT(order); f++) {
        const size_t bytes = rl_row_bytes(order[f], n);
        assert_true(at + bytes <= file_bytes);
        const rl_quantize *kern;
        for (size_t i = 0; (kern = rl_quantize_at(i)) != NULL; i++) {
            if (kern->format != order[f] || !rl_kernel_runs(&kern->base, cpu)) continue;
            uint8_t *got = malloc(bytes);
            kern->run(got, x, n);
            for (size_t b = 0; b < bytes; b++)
                if (got[b] != (uint8_t)file[at + b])
                    fail_msg("%s block %zu byte %zu: want %02x got %02x", kern->base.name,
                             b / rl_format_table[order[f]].block_bytes,
                             b % rl_format_table[order[f]].block_bytes, (uint8_t)file[at + b], got[b]);
            free(got);
        }
        at += bytes;
    }
    assert_int_equal(at, file_bytes);
    free(x);
    free(file);
}

enum { ROW = 1024, ROWS = 96, SEED = 20261122 }; /* those of make_quantize_vectors.py */

/* The script's rows. */
static void fill_rows(float *x, const char *distribution)
{
    util_rng rng = {SEED};
    for (size_t i = 0; i < ROW * ROWS; i++) {
        const float v = util_normal(&rng);
        if (strcmp(distribution, "normal") == 0)
            x[i] = v;
        else if (strcmp(distribution, "heavy") == 0)
            x[i] = v * v * v;
        else if (strcmp(distribution, "shifted") == 0)
            x[i] = v + 1.5f;
        else if (strcmp(distribution, "uneven") == 0)
            x[i] = ldexpf(v, (int)(i / 16 % 7) - 3);
        else
            fail_msg("unknown distribution %s", distribution);
    }
}

typedef struct {
    double plain, weighted; /* root mean squares */
} errors;

static errors errors_of(const float *x, const float *y, size_t n, size_t sub)
{
    double square = 0, weighted = 0, weights = 0;
    for (size_t b = 0; b < n; b += sub) {
        double energy = 0;
        for (size_t i = b; i < b + sub; i++) energy += (double)x[i] * (double)x[i];
        for (size_t i = b; i < b + sub; i++) {
            const double e = (double)x[i] - (double)y[i];
            const double w = fabs((double)x[i]) + sqrt(energy / (double)sub);
            square += e * e;
            weighted += w * e * e;
            weights += w;
        }
    }
    return (errors){sqrt(square / (double)n), sqrt(weighted / weights)};
}

static void k_formats_lose_no_more_than_ggml_does(void **state)
{
    (void)state;
    const uint32_t cpu = util_cpu();
    const size_t n = ROW * ROWS;
    size_t file_bytes, compared = 0;
    char *file = read_vectors("quantize_k.txt", &file_bytes), *save = NULL;
    float *x = malloc(n * sizeof *x), *y = malloc(n * sizeof *y);
    void *blocks = malloc(n * sizeof *x);
    for (char *line = strtok_r(file, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
        char format_name[16], distribution[16];
        errors ggml;
        if (line[0] == '#') continue;
        assert_int_equal(
            sscanf(line, "%15s %15s %lf %lf", format_name, distribution, &ggml.plain, &ggml.weighted), 4);
        rl_format format;
        assert_true(rl_format_from_name(format_name, &format));
        fill_rows(x, distribution);
        const size_t sub = format == RL_Q4_K || format == RL_Q5_K ? 32 : 16;
        const rl_quantize *kern;
        for (size_t i = 0; (kern = rl_quantize_at(i)) != NULL; i++) {
            if (kern->format != format || !rl_kernel_runs(&kern->base, cpu)) continue;
            kern->run(blocks, x, n);
            rl_dequant_find(format, 0)->run(y, blocks, n);
            const errors ours = errors_of(x, y, n, sub);
            print_message("%s %-8s error / ggml's: %.4f, weighted %.4f\n", kern->base.name, distribution,
                          ours.plain / ggml.plain, ours.weighted / ggml.weighted);
            if (!(ours.plain <= ggml.plain) || !(ours.weighted <= ggml.weighted))
                fail_msg("%s %s: error %.8g (ggml %.8g), weighted %.8g (ggml %.8g)", kern->base.name,
                         distribution, ours.plain, ggml.plain, ours.weighted, ggml.weighted);
            compared++;
        }
    }
    assert_true(compared >= 20);
    free(blocks);
    free(y);
    free(x);
    free(file);
}

/* Values on the lattice of the format come back as they were, where a sub-block shows how far it reaches. */
static void k_formats_keep_what_they_can_say(void **state)
{
    (void)state;
    const rl_quantize *kern;
    for (size_t i = 0; (kern = rl_quantize_at(i)) != NULL; i++) {
        if (rl_format_table[kern->format].block_elems != RL_QK_K) continue;
        const bool is_signed = kern->format == RL_Q3_K || kern->format == RL_Q6_K;
        const int top = kern->format == RL_Q2_K   ? 3
                        : kern->format == RL_Q3_K ? 4
                        : kern->format == RL_Q4_K ? 15
                        : kern->format == RL_Q5_K ? 31
                                                  : 32;
        float x[3 * RL_QK_K], y[3 * RL_QK_K];
        uint8_t blocks[3 * sizeof(rl_q6_K)];
        for (size_t j = 0; j < RL_QK_K; j++) { /* zeros; every integer of the format; a single outlier */
            const int steps = is_signed ? 2 * top : top + 1;
            const int step = j % 16 == 3 ? 0 : j % 16 == 9 ? steps - 1 : (int)(j * 7) % steps;
            x[j] = 0;
            x[j + 256] = 0.25f * (float)(is_signed ? step - top : step);
            x[j + 512] = j == 77 ? -5.0f : 0;
        }
        kern->run(blocks, x, 3 * RL_QK_K);
        rl_dequant_find(kern->format, 0)->run(y, blocks, 3 * RL_QK_K);
        /* The scale and the minimum that cancel each other at 0 are halves: 2^-11 of the largest value each.
         */
        for (size_t j = 0; j < 3 * RL_QK_K; j++) {
            const float largest = j < 256 ? 0 : j < 512 ? 0.25f * (float)top : 5;
            if (!(fabsf(y[j] - x[j]) <= largest * 0x1p-10f))
                fail_msg("%s value %zu: want %g got %g", kern->base.name, j, (double)x[j], (double)y[j]);
        }
    }
}

static void every_kernel_equals_scalar_at_page_edges(void **state)
{
    (void)state;
    const uint32_t cpu = util_cpu();
    util_rng rng = {11};
    const rl_quantize *kern;
    for (size_t i = 0; (kern = rl_quantize_at(i)) != NULL; i++) {
        if (!rl_kernel_runs(&kern->base, cpu)) {
            util_note_skip(kern->base.name);
            continue;
        }
        const rl_quantize *ref = rl_quantize_find(kern->format, 0);
        assert_non_null(ref);
        const size_t block = rl_format_table[kern->format].block_elems;
        const size_t most = block == 1 ? 75 : 9 * block; /* floats: more than two vectors of every tier */
        for (size_t n = 0; n <= most; n += block)
            for (int edge = 0; edge < 2; edge++) {
                const size_t in = n * sizeof(float), out = rl_row_bytes(kern->format, n);
                util_guard x = edge ? util_guard_before(in) : util_guard_after(in);
                util_guard y = edge ? util_guard_before(out) : util_guard_after(out);
                for (size_t j = 0; j < n; j++) ((float *)x.data)[j] = util_normal(&rng);
                void *want = malloc(out + 1);
                ref->run(want, x.data, n);
                kern->run(y.data, x.data, n);
                if (memcmp(want, y.data, out) != 0) fail_msg("%s n=%zu differs", kern->base.name, n);
                free(want);
                util_guard_free(&x);
                util_guard_free(&y);
            }
    }
}

/* The ends of the float range: no undefined conversion (the sanitizers watch), and a block's neighbours are
 * what they would be without it. */
static void extreme_floats_stay_in_their_block(void **state)
{
    (void)state;
    static const float extremes[] = {FLT_MAX, -FLT_MAX, FLT_MIN, -FLT_MIN, 1e-45f, -1e-45f, 1e-39f,
                                     1e19f,   -1e19f,   1e38f,   -1e38f,   65504,  -0.0f,   1};
    const uint32_t cpu = util_cpu();
    util_rng rng = {13};
    const rl_quantize *kern;
    for (size_t i = 0; (kern = rl_quantize_at(i)) != NULL; i++) {
        if (!rl_kernel_runs(&kern->base, cpu)) continue;
        const rl_format_info *f = &rl_format_table[kern->format];
        const size_t n = 3 * f->block_elems;
        float *x = malloc(n * sizeof *x);
        uint8_t *calm = malloc(3 * f->block_bytes), *wild = malloc(3 * f->block_bytes);
        for (int round = 0; round < 200; round++) {
            for (size_t j = 0; j < n; j++) x[j] = util_normal(&rng);
            kern->run(calm, x, n);
            for (size_t j = f->block_elems; j < 2 * f->block_elems; j++) {
                const uint64_t pick = util_u64(&rng);
                const size_t kinds = round % 2 == 0 ? RL_COUNT(extremes) : 1 + (size_t)round % 4;
                x[j] = extremes[((size_t)round + pick % kinds) % RL_COUNT(extremes)];
            }
            kern->run(wild, x, n);
            if (memcmp(calm, wild, f->block_bytes) != 0 ||
                memcmp(calm + 2 * f->block_bytes, wild + 2 * f->block_bytes, f->block_bytes) != 0)
                fail_msg("%s round %d: a neighbour changed", kern->base.name, round);
        }
        free(wild);
        free(calm);
        free(x);
    }
}

/* The formats that have vector kernels, on what makes rounding hard, against the scalar kernel. */
static void check_rounding(const rl_quantize *kern, const float *x, size_t n)
{
    const size_t bytes = rl_row_bytes(kern->format, n);
    uint8_t *got = malloc(bytes), *want = malloc(bytes);
    kern->run(got, x, n);
    rl_quantize_find(kern->format, 0)->run(want, x, n);
    const size_t block = rl_format_table[kern->format].block_bytes;
    for (size_t b = 0; b < bytes; b++)
        if (got[b] != want[b])
            fail_msg("%s block %zu (%a) byte %zu: want %02x got %02x", kern->base.name, b / block,
                     (double)x[b / block * rl_format_table[kern->format].block_elems], b % block, want[b],
                     got[b]);
    free(want);
    free(got);
}

/* Every upper half of a float, NaNs and infinities too, over lower halves at and beside a tie. */
static void half_floats_round_alike_in_every_kernel(void **state)
{
    (void)state;
    static const uint16_t lower[] = {0,      1,      0x0fff, 0x1000, 0x1001, 0x2fff,
                                     0x3000, 0x7fff, 0x8000, 0x8001, 0xffff};
    enum { N = 0x10000 * RL_COUNT(lower) };
    const uint32_t cpu = util_cpu();
    float *x = malloc(N * sizeof *x);
    for (size_t i = 0; i < N; i++)
        x[i] = rl_bits_to_f32((uint32_t)(i / RL_COUNT(lower)) << 16 | lower[i % RL_COUNT(lower)]);
    const rl_quantize *kern;
    for (size_t i = 0; (kern = rl_quantize_at(i)) != NULL; i++)
        if ((kern->format == RL_F16 || kern->format == RL_BF16) && rl_kernel_runs(&kern->base, cpu))
            check_rounding(kern, x, N);
    free(x);
}

/* q8_0: quotients that end in a half, or in its neighbours; blocks so small that 1 / d overflows. */
static void q8_0_rounds_alike_in_every_kernel(void **state)
{
    (void)state;
    enum { BLOCKS = 4096, N = BLOCKS * RL_QK };
    const uint32_t cpu = util_cpu();
    util_rng rng = {17};
    float *x = malloc(N * sizeof *x);
    for (size_t b = 0; b < BLOCKS; b++) {
        const float largest =
            b % 3 == 0 ? 127.0f : ldexpf(1 + (float)util_uniform(&rng), (int)(b % 270) - 149);
        for (size_t j = 0; j < RL_QK; j++) {
            const uint64_t r = util_u64(&rng);
            const float half = ((float)((int)(r % 253) - 126) + 0.5f) * (largest / 127);
            x[b * RL_QK + j] = j == b % RL_QK ? (r % 2 == 0 ? largest : -largest)
                               : r >> 60 < 5  ? half
                                              : nextafterf(half, r >> 60 < 10 ? INFINITY : -INFINITY);
        }
    }
    const rl_quantize *kern;
    for (size_t i = 0; (kern = rl_quantize_at(i)) != NULL; i++)
        if (kern->format == RL_Q8_0 && rl_kernel_runs(&kern->base, cpu)) check_rounding(kern, x, N);
    free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kernel_gives_the_bits_of_the_gguf_package),
        cmocka_unit_test(k_formats_lose_no_more_than_ggml_does),
        cmocka_unit_test(k_formats_keep_what_they_can_say),
        cmocka_unit_test(every_kernel_equals_scalar_at_page_edges),
        cmocka_unit_test(extreme_floats_stay_in_their_block),
        cmocka_unit_test(half_floats_round_alike_in_every_kernel),
        cmocka_unit_test(q8_0_rounds_alike_in_every_kernel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
