/* test_locate.c - every registered kernel has its file, and rows find theirs. */
#include "util_guard.h"

#include "locate.h"

#include <string.h>
#include <unistd.h>

static void every_registered_kernel_is_in_a_file_that_exists(void **state)
{
    (void)state;
    rl_pool pool = {0};
    rl_registry_row row;
    for (size_t i = 0; (row = rl_registry_at(i)).kernel != NULL; i++) {
        const char *file = rl_locate_kernel(&row, &pool);
        if (file == NULL) fail_msg("%s: no folder is known for its family", row.kernel->name);
        if (access(rl_pool_format(&pool, "%s/%s", RL_SOURCES, file), R_OK) != 0)
            fail_msg("%s: there is no %s", row.kernel->name, file);
    }
    rl_pool_free(&pool);
}

static void rows_name_their_kernel_by_family_format_and_tier(void **state)
{
    (void)state;
    static const struct {
        const char *row, *file;
    } cases[] = {
        {"gemv/q4_0/scalar/5632x2048/hot/threads:1",   "kernels/gemv/gemv_scalar.c"               },
        {"dequant/q6_K/scalar/1x2048/hot",             "kernels/quant/dequant_scalar.c"           },
        {"gemv-packed/q4_0/scalar/5632x2048/hot",      "kernels/gemv/gemv_panels_scalar.c"        },
        {"gemm-lora/q4_0/scalar/2048x2048/rank:16",    "kernels/gemm/lora_scalar.c"               },
        {"attn_prefill/f16/scalar/ctx:128/threads:1",  "kernels/attention/attn_prefill_scalar.c"  },
        {"gemm/q4_0/scalar/5632x2048/n:8",             "kernels/gemm/gemm_scalar.c"               },
        {"attn_decode/f16/scalar/32:4x64/ctx:128/hot", "kernels/attention/attn_decode_scalar.c"   },
        {"tokenizer/heap/scalar/english/1024",         "kernels/tokenizer/tokenizer_heap_scalar.c"},
        {"gemv/q4_0/sse/5632x2048",                    NULL                                       },
        {"gemv/q9_9/scalar/5632x2048",                 NULL                                       },
        {"gemv/q4_0/scalars/5632x2048",                NULL                                       },
        {"gem/q4_0/scalar",                            NULL                                       },
        {"e2e/tinyllama/scalar/tg32",                  NULL                                       },
        {"rows matching ^gemv/",                       NULL                                       },
        {"",                                           NULL                                       },
    };
    rl_pool pool = {0};
#if defined(RL_X86) /* not the one beside it that needs more than the tier */
    assert_string_equal(rl_locate_row("gemm/q4_0/avx512/5632x2048/n:8", &pool), "kernels/gemm/gemm_avx512.c");
#endif
    for (size_t i = 0; i < RL_COUNT(cases); i++) {
        const char *file = rl_locate_row(cases[i].row, &pool);
        if (cases[i].file == NULL ? file != NULL : file == NULL || strcmp(file, cases[i].file) != 0)
            fail_msg("%s: %s", cases[i].row, file != NULL ? file : "(none)");
    }
    rl_pool_free(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_registered_kernel_is_in_a_file_that_exists),
        cmocka_unit_test(rows_name_their_kernel_by_family_format_and_tier),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
