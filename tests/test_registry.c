/* test_registry.c - the rules that every kernel row keeps, whatever its family. */
#include "util_guard.h"

#include "registry.h"

#include <string.h>

static void every_name_is_unique_and_ends_in_its_isa(void **state)
{
    (void)state;
    size_t n = 0;
    for (rl_registry_row a; (a = rl_registry_at(n)).kernel != NULL; n++) {
        const char *name = a.kernel->name, *isa = rl_isa_name(a.kernel->isa);
        const size_t len = strlen(name), isa_len = strlen(isa);
        assert_true(len > isa_len + 1);
        assert_string_equal(name + len - isa_len, isa);
        assert_true(name[len - isa_len - 1] == '_');
        if (strstr(name, a.format) == NULL) fail_msg("%s does not name its format %s", name, a.format);
        for (size_t j = 0; j < n; j++) assert_string_not_equal(rl_registry_at(j).kernel->name, name);
    }
    assert_true(n > 30);
}

static void a_scalar_row_needs_nothing_and_the_others_need_their_tier(void **state)
{
    (void)state;
    for (size_t i = 0; rl_registry_at(i).kernel != NULL; i++) {
        const rl_kernel *k = rl_registry_at(i).kernel;
        if (k->isa == RL_SCALAR) {
            assert_int_equal(k->needs, 0);
        } else {
            assert_true(k->needs != 0);
            assert_true(rl_cpu_best(k->needs) == k->isa);
        }
    }
}

/* A missing fast kernel is slow; a missing scalar one would be a hole that no test can see into. */
static void every_fast_kernel_has_a_scalar_one_to_answer_to(void **state)
{
    (void)state;
    for (size_t i = 0; rl_registry_at(i).kernel != NULL; i++) {
        const rl_registry_row fast = rl_registry_at(i);
        bool found = strcmp(fast.family, "probe") == 0; /* gives no results, and not every CPU has its unit */
        for (size_t j = 0; rl_registry_at(j).kernel != NULL && !found; j++) {
            const rl_registry_row ref = rl_registry_at(j);
            found = ref.kernel->isa == RL_SCALAR && strcmp(ref.family, fast.family) == 0 &&
                    strcmp(ref.format, fast.format) == 0;
        }
        if (!found) fail_msg("%s has no scalar kernel", fast.kernel->name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_name_is_unique_and_ends_in_its_isa),
        cmocka_unit_test(a_scalar_row_needs_nothing_and_the_others_need_their_tier),
        cmocka_unit_test(every_fast_kernel_has_a_scalar_one_to_answer_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
