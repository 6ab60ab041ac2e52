/* test_dequant.c - every dequantisation kernel against the `gguf` package's values, bit for bit, and against
 * the scalar kernel on random blocks at page edges. */
#include "util_guard.h"

#include "base/file.h"
#include "quant/dequant.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Same bits; any NaN equals any other, since its payload is nobody's contract. */
static bool same(float a, float b)
{
    return rl_f32_to_bits(a) == rl_f32_to_bits(b) || (isnan(a) && isnan(b));
}

static void every_kernel_gives_the_bits_of_the_gguf_package(void **state)
{
    (void)state;
    const uint32_t cpu = util_cpu();
    const rl_dequant *kern;
    size_t checked = 0;
    for (size_t i = 0; (kern = rl_dequant_at(i)) != NULL; i++) {
        if (!rl_kernel_runs(&kern->base, cpu)) {
            util_note_skip(kern->base.name);
            continue;
        }
        if (kern->format == RL_F32) continue; /* nothing to compare: the input is the output */
        char path[512], *file;
        size_t n_bytes;
        rl_error err;
        snprintf(path, sizeof path, RL_VECTORS "/dequant_%s.bin", rl_format_name(kern->format));
        if (rl_file_read(path, 1 << 20, &file, &n_bytes, &err) != RL_OK) fail_msg("%s", err.text);
        uint32_t n;
        memcpy(&n, file, sizeof n);
        const size_t in = rl_row_bytes(kern->format, n);
        assert_int_equal(n_bytes, 4 + in + n * sizeof(float));
        float *got = malloc(n * sizeof *got), want;
        void *blocks = malloc(in); /* its own buffer: the vector file has no alignment */
        memcpy(blocks, file + 4, in);
        kern->run(got, blocks, n);
        for (size_t j = 0; j < n; j++) {
            memcpy(&want, file + 4 + in + j * sizeof want, sizeof want);
            if (!same(got[j], want))
                fail_msg("%s value %zu: want %a got %a", kern->base.name, j, (double)want, (double)got[j]);
        }
        checked++;
        free(blocks);
        free(got);
        free(file);
    }
    assert_true(checked >= RL_FORMAT_COUNT - 1);
}

/* Random bytes, so also infinite and NaN scales, at the end and at the start of what may be touched. */
static void every_kernel_equals_scalar_at_page_edges(void **state)
{
    (void)state;
    const uint32_t cpu = util_cpu();
    util_rng rng = {7};
    const rl_dequant *kern;
    for (size_t i = 0; (kern = rl_dequant_at(i)) != NULL; i++) {
        if (!rl_kernel_runs(&kern->base, cpu)) continue;
        const rl_dequant *ref = rl_dequant_find(kern->format, 0);
        assert_non_null(ref);
        const size_t block = rl_format_table[kern->format].block_elems;
        for (size_t n = 0; n <= 37 * block && n <= 37 * 64; n += block)
            for (int edge = 0; edge < 2; edge++) {
                const size_t in = rl_row_bytes(kern->format, n), out = n * sizeof(float);
                util_guard x = edge ? util_guard_before(in) : util_guard_after(in);
                util_guard y = edge ? util_guard_before(out) : util_guard_after(out);
                for (size_t b = 0; b < in; b++) ((uint8_t *)x.data)[b] = (uint8_t)util_u64(&rng);
                float *want = malloc(out + 1);
                ref->run(want, x.data, n);
                kern->run(y.data, x.data, n);
                for (size_t j = 0; j < n; j++)
                    if (!same(((float *)y.data)[j], want[j]))
                        fail_msg("%s n=%zu value %zu: want %a got %a", kern->base.name, n, j, (double)want[j],
                                 (double)((float *)y.data)[j]);
                free(want);
                util_guard_free(&x);
                util_guard_free(&y);
            }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kernel_gives_the_bits_of_the_gguf_package),
        cmocka_unit_test(every_kernel_equals_scalar_at_page_edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
