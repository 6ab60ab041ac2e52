/* fuzz_counts.c - any bytes as the CSV that --benchmark_iterations_from names: refused with a sentence, or numbers of
 * iterations by name. */
#include "perf/counts.h"

#include <stdbool.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void must(bool holds, const char *what)
{
    if (holds) return;
    fprintf(stderr, "read, but %s\n", what);
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    rl_counts c;
    rl_error err = {0};
    const int fd = memfd_create("fuzz", 0);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size) abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (rl_counts_read(&c, path, &err) != RL_OK) {
        must(err.text[0] != '\0', "refused without a word");
    } else {
        for (size_t i = 0; i < c.n; i++) {
            must(c.rows[i].iterations > 0, "a number of iterations is 0");
            must(i == 0 || strcmp(c.rows[i - 1].name, c.rows[i].name) < 0, "names are not in order");
            must(rl_counts_find(&c, c.rows[i].name) == c.rows[i].iterations, "a name is not found");
        }
    }
    rl_counts_free(&c);
    close(fd);
    return 0;
}
