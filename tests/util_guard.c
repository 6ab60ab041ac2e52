/* util_guard.c - guarded buffers and seeded numbers. */
#include "util_guard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static util_guard map_between_guards(size_t bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t inner = (bytes + page - 1) / page * page;
    if (inner == 0) inner = page;
    util_guard g = {.bytes = bytes, .map_bytes = inner + 2 * page};
    g.map = mmap(NULL, g.map_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(g.map != MAP_FAILED);
    assert_int_equal(mprotect((char *)g.map + page, inner, PROT_READ | PROT_WRITE), 0);
    memset((char *)g.map + page, 0xA5, inner);
    return g;
}

util_guard util_guard_after(size_t bytes)
{
    util_guard g = map_between_guards(bytes);
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    g.data = (char *)g.map + g.map_bytes - page - bytes;
    return g;
}

util_guard util_guard_before(size_t bytes)
{
    util_guard g = map_between_guards(bytes);
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    g.data = (char *)g.map + page;
    return g;
}

void util_guard_free(util_guard *g)
{
    if (g->map != NULL) munmap(g->map, g->map_bytes);
    memset(g, 0, sizeof *g);
}

uint64_t util_u64(util_rng *rng)
{
    uint64_t z = rng->state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

double util_uniform(util_rng *rng) { return (double)(util_u64(rng) >> 11) * 0x1p-53; }

float util_normal(util_rng *rng)
{
    double sum = -6; /* twelve uniforms: mean 6, variance 1 */
    for (int i = 0; i < 12; i++) sum += util_uniform(rng);
    return (float)sum;
}

uint32_t util_cpu(void)
{
    uint32_t cpu;
    rl_error err;
    if (rl_cpu_from_env(&cpu, &err) == RL_OK) return cpu;
    printf("skipped: %s\n", err.text);
    exit(err.status == RL_ERR_UNSUPPORTED ? 77 : 2);
}

void util_note_skip(const char *what)
{
    static const char *seen[64];
    for (size_t i = 0; i < RL_COUNT(seen); i++) {
        if (seen[i] == NULL) {
            seen[i] = what;
            break;
        }
        if (strcmp(seen[i], what) == 0) return;
    }
    printf("skipped: %s\n", what);
}

bool util_emulated(void) { return getenv("RL_TEST_EMULATED") != NULL; }
