/* cross.c - runs tests one after another; a check that fails jumps back here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

static jmp_buf next_test;
static int running;

void rl_cross_fail(const char *file, int line)
{
    printf("  at %s:%d\n", file, line);
    if (!running) exit(1);
    longjmp(next_test, 1);
}

int rl_cross_run(const struct CMUnitTest *tests, size_t n)
{
    volatile int failed = 0;
    setvbuf(stdout, NULL, _IOLBF, 0); /* what a crash leaves behind says where */
    for (volatile size_t i = 0; i < n; i++) {
        void *state = NULL;
        printf("[ RUN  ] %s\n", tests[i].name);
        running = 1;
        if (setjmp(next_test) == 0) {
            tests[i].run(&state);
            printf("[  OK  ] %s\n", tests[i].name);
        } else {
            printf("[FAILED] %s\n", tests[i].name);
            failed++;
        }
        running = 0;
    }
    printf("%zu tests, %d failed\n", n, failed);
    return failed;
}
