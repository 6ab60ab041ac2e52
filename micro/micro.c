/* micro.c - flags and axes, rings and seeded data. */
#include "micro.h"
#include "base/mem.h"
#include "base/team.h"
#include "perf/env.h"
#include "yardsticks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const rl_cache_name[2] = {"hot", "cold"};

enum { DEFAULT_LLC = 32 << 20, AXES = 3 };

/* Takes the next item off a comma list; false at its end. */
static bool next_item(const char **list, char *item, size_t size)
{
    if (**list == '\0') return false;
    size_t n = strcspn(*list, ",");
    snprintf(item, size, "%.*s", (int)n, *list);
    *list += n + ((*list)[n] == ',');
    return true;
}

static int parse_isa(rl_micro *m, const char *list)
{
    char item[32];
    if (strcmp(list, "all") == 0 || strcmp(list, "best") == 0) {
        m->only_best = list[0] == 'b';
        for (int i = 0; i < RL_ISA_COUNT; i++) m->isa[i] = rl_cpu_has(m->cpu, (rl_isa)i);
        return 0;
    }
    while (next_item(&list, item, sizeof item)) {
        uint32_t cpu;
        rl_error err;
        if (rl_cpu_named(item, &cpu, &err) != RL_OK) return rl_suite_usage(m->suite, "--isa: %s", err.text);
        const rl_isa isa = rl_cpu_best(cpu);
        if (!rl_cpu_has(m->cpu, isa))
            return rl_suite_usage(m->suite, "--isa=%s: RL_ISA allows no more than %s", item,
                                  rl_isa_name(rl_cpu_best(m->cpu)));
        m->isa[isa] = true;
    }
    return 0;
}

static int parse_cache(rl_micro *m, const char *list)
{
    char item[32];
    if (strcmp(list, "all") == 0) list = "hot,cold";
    while (next_item(&list, item, sizeof item)) {
        if (strcmp(item, "hot") != 0 && strcmp(item, "cold") != 0)
            return rl_suite_usage(m->suite, "--cache=%s: expected hot, cold or all", item);
        m->cache[strcmp(item, "cold") == 0] = true;
    }
    return 0;
}

static int parse_threads(rl_micro *m, const char *list)
{
    char item[32], all[32];
    const size_t cpus = rl_cpu_count();
    if (strcmp(list, "all") == 0) {
        snprintf(all, sizeof all, cpus > 1 ? "1,%zu" : "1", cpus);
        list = all;
    }
    while (next_item(&list, item, sizeof item)) {
        char *end;
        const unsigned long n = strtoul(item, &end, 10);
        if (item[0] < '0' || item[0] > '9' || *end != '\0' || n < 1 || n > RL_TEAM_MAX)
            return rl_suite_usage(m->suite, "--threads=%s: expected 1 to %d, or all", item, RL_TEAM_MAX);
        if (m->n_threads == RL_COUNT(m->threads))
            return rl_suite_usage(m->suite, "--threads: more than %zu numbers", RL_COUNT(m->threads));
        m->threads[m->n_threads++] = n;
    }
    return 0;
}

bool rl_micro_open(rl_micro *m, const char *family, rl_flag *extra, size_t n_extra, int argc, char **argv,
                   int *exit_code)
{
    rl_error err;
    rl_env env;
    *m = (rl_micro){0};
    if (rl_cpu_from_env(&m->cpu, &err) != RL_OK) {
        fprintf(stderr, "%s: %s\n", argv[0], err.text);
        *exit_code = RL_EXIT_USAGE;
        return false;
    }
    rl_flag flags[AXES + RL_MICRO_FLAGS] = {
        {"isa",     "all", "all, best (of each kernel), or a list of scalar, avx2, avx512, neon"        },
        {"cache",   "all", "hot (one copy, over and over), cold (a ring larger than the caches), or all"},
        {"threads", "all", "a list of thread counts; all: 1 and one a CPU"                              },
    };
    if (n_extra > 0) memcpy(flags + AXES, extra, n_extra * sizeof *extra);
    m->suite = rl_suite_open(
        &(rl_suite_config){
            .family = family, .argc = argc, .argv = argv, .flags = flags, .n_flags = AXES + n_extra},
        exit_code);
    if (m->suite == NULL) return false;
    if ((*exit_code = parse_isa(m, flags[0].value)) != 0 ||
        (*exit_code = parse_cache(m, flags[1].value)) != 0 ||
        (*exit_code = parse_threads(m, flags[2].value)) != 0) {
        rl_suite_close(m->suite);
        return false;
    }
    if (n_extra > 0) memcpy(extra, flags + AXES, n_extra * sizeof *extra);
    rl_env_read(&env, "");
    m->llc_bytes = rl_env_llc_bytes(&env) > 0 ? rl_env_llc_bytes(&env) : DEFAULT_LLC;
    rl_suite_set_isa(m->suite, rl_isa_name(rl_cpu_best(m->cpu)));
    rl_yardsticks_add(m->suite, m->cpu, m->llc_bytes);
    return true;
}

int rl_micro_close(rl_micro *m)
{
    const int exit_code = rl_suite_run(m->suite);
    rl_suite_close(m->suite);
    return exit_code;
}

bool rl_micro_wants(const rl_micro *m, const rl_kernel *kernel, const rl_kernel *best, const char **skip)
{
    *skip = NULL;
    if (!m->isa[kernel->isa] || (m->only_best && kernel != best)) return false;
    if (!rl_kernel_runs(kernel, m->cpu)) *skip = "this CPU lacks a feature that the kernel needs";
    return true;
}

rl_status rl_ring_fill(rl_ring *ring, const rl_micro *m, bool cold, const void *content, size_t bytes,
                       rl_error *err)
{
    ring->bytes = bytes;
    ring->stride = rl_round_up(bytes, RL_LINE);
    ring->n = cold ? 2 * m->llc_bytes / ring->stride + 1 : 1;
    ring->mapped = ring->n * ring->stride;
    ring->data = rl_pages_alloc(ring->mapped);
    if (ring->data == NULL)
        return rl_fail(err, RL_ERR_MEMORY, "out of memory for a ring of %zu MiB", ring->mapped >> 20);
    for (size_t i = 0; i < ring->n; i++) memcpy(ring->data + i * ring->stride, content, bytes);
    return RL_OK;
}

void rl_ring_free(rl_ring *ring)
{
    rl_pages_free(ring->data, ring->mapped);
    *ring = (rl_ring){0};
}

/* splitmix64; four 16-bit uniforms of one word add up to something near normal. */
void rl_fill_normal(float *x, size_t n, float sd, uint64_t seed)
{
    const float scale = sd / 37837.0f; /* the standard deviation of the sum: sqrt(4 * 65536^2 / 12) */
    for (size_t i = 0; i < n; i++) {
        uint64_t z = seed += 0x9e3779b97f4a7c15u;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
        z = (z ^ z >> 27) * 0x94d049bb133111ebu;
        z ^= z >> 31;
        const int sum =
            (int)(z & 0xffff) + (int)(z >> 16 & 0xffff) + (int)(z >> 32 & 0xffff) + (int)(z >> 48);
        x[i] = (float)(sum - 2 * 65535) * scale;
    }
}
