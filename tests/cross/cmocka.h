/* cmocka.h - the few words of cmocka that the kernel tests use, for a processor that no cmocka is installed for: the
 * cross build finds this file in its stead (RL_KERNELS_ONLY), and a test program then needs nothing but libc.
 *
 * As there, a failed check ends its test and the next one runs; main returns how many failed. Checks may stand in
 * helpers, but only on the thread that runs the tests. */
#ifndef RL_CROSS_CMOCKA_H
#define RL_CROSS_CMOCKA_H

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

struct CMUnitTest {
    const char *name;
    void (*run)(void **state);
};

#define cmocka_unit_test(f)                                                                                  \
    {                                                                                                        \
#f, f                                                                                                \
    }

/* Ends the running test, or the program where none runs. */
_Noreturn void rl_cross_fail(const char *file, int line);
int rl_cross_run(const struct CMUnitTest *tests, size_t n);

#define cmocka_run_group_tests(tests, setup, teardown)                                                       \
    ((void)(setup), (void)(teardown), rl_cross_run(tests, sizeof(tests) / sizeof((tests)[0])))

#define print_message printf
#define fail_msg(...) (printf("  "), printf(__VA_ARGS__), printf("\n"), rl_cross_fail(__FILE__, __LINE__))

static inline void rl_cross_check(int holds, const char *what, const char *file, int line)
{
    if (holds) return;
    printf("  does not hold: %s\n", what);
    rl_cross_fail(file, line);
}

/* Integers and pointers alike are compared as cmocka does, in the widest unsigned type. */
static inline void rl_cross_equal(uintmax_t a, uintmax_t b, const char *what, const char *file, int line)
{
    if (a == b) return;
    printf("  %s: %#jx is not %#jx\n", what, a, b);
    rl_cross_fail(file, line);
}

#define RL_CROSS_CHECK(holds, what) rl_cross_check(holds, what, __FILE__, __LINE__)
#define assert_true(c) RL_CROSS_CHECK(!!(c), #c)
#define assert_false(c) RL_CROSS_CHECK(!(c), "not " #c)
#define assert_null(p) RL_CROSS_CHECK((p) == NULL, #p " is NULL")
#define assert_non_null(p) RL_CROSS_CHECK((p) != NULL, #p " is not NULL")
#define assert_ptr_equal(a, b) RL_CROSS_CHECK((const void *)(a) == (const void *)(b), #a " is " #b)
#define assert_int_equal(a, b)                                                                               \
    rl_cross_equal((uintmax_t)(a), (uintmax_t)(b), #a " against " #b, __FILE__, __LINE__)
#define assert_string_equal(a, b) RL_CROSS_CHECK(strcmp(a, b) == 0, #a " reads " #b)
#define assert_string_not_equal(a, b) RL_CROSS_CHECK(strcmp(a, b) != 0, #a " does not read " #b)
#define assert_memory_equal(a, b, n) RL_CROSS_CHECK(memcmp(a, b, n) == 0, #a " holds " #b)
#define assert_memory_not_equal(a, b, n) RL_CROSS_CHECK(memcmp(a, b, n) != 0, #a " does not hold " #b)

#endif
