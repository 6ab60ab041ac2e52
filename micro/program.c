/* program.c - the flags of the axes, and what they leave. */
#include "program.h"
#include "base/mem.h"
#include "base/team.h"
#include "perf/env.h"
#include "yardsticks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const rl_cache_name[2] = {"hot", "cold"};

enum { DEFAULT_LLC = 32 << 20, ITEM_BYTES = 32 };

/* Takes the next item off a comma list, "" where nothing stands between two commas; false past its end. One
 * too long for `item` ends in "...", which no list may hold. */
static bool next_item(const char **list, char item[ITEM_BYTES])
{
    if (*list == NULL) return false;
    const size_t n = strcspn(*list, ",");
    if (n < ITEM_BYTES)
        snprintf(item, ITEM_BYTES, "%.*s", (int)n, *list);
    else
        snprintf(item, ITEM_BYTES, "%.*s...", ITEM_BYTES - 4, *list);
    *list = (*list)[n] == ',' ? *list + n + 1 : NULL;
    return true;
}

static int refuse(rl_program *p, const char *flag, const char *item, const char *expected)
{
    char shown[4 * ITEM_BYTES];
    return rl_suite_usage(p->suite, "--%s='%s': expected %s", flag,
                          rl_printable(shown, sizeof shown, item, strlen(item)), expected);
}

static int parse_isa(rl_program *p, const char *list)
{
    char item[ITEM_BYTES];
    if (strcmp(list, "all") == 0 || strcmp(list, "best") == 0) {
        p->only_best = list[0] == 'b';
        for (int i = 0; i < RL_ISA_COUNT; i++) p->isa[i] = rl_cpu_has(p->cpu, (rl_isa)i);
        return 0;
    }
    while (next_item(&list, item)) {
        uint32_t cpu;
        rl_error err;
        if (rl_cpu_named(item, &cpu, &err) != RL_OK)
            return err.status == RL_ERR_ARG
                       ? refuse(p, "isa", item, "all, best, or a list of scalar, avx2, avx512, neon")
                       : rl_suite_usage(p->suite, "--isa: %s", err.text);
        const rl_isa isa = rl_cpu_best(cpu);
        if (!rl_cpu_has(p->cpu, isa))
            return rl_suite_usage(p->suite, "--isa=%s: RL_ISA allows no more than %s", item,
                                  rl_isa_name(rl_cpu_best(p->cpu)));
        p->isa[isa] = true;
    }
    return 0;
}

static int parse_cache(rl_program *p, const char *list)
{
    char item[ITEM_BYTES];
    if (strcmp(list, "all") == 0) list = "hot,cold";
    while (next_item(&list, item)) {
        if (strcmp(item, "hot") != 0 && strcmp(item, "cold") != 0)
            return refuse(p, "cache", item, "hot, cold or all");
        p->cache[strcmp(item, "cold") == 0] = true;
    }
    return 0;
}

static int parse_threads(rl_program *p, const char *list)
{
    char item[ITEM_BYTES], all[ITEM_BYTES], expected[64];
    const size_t cpus = rl_cpu_count();
    snprintf(expected, sizeof expected, "a list of 1 to %d, or all", RL_TEAM_MAX);
    if (strcmp(list, "all") == 0) {
        snprintf(all, sizeof all, cpus > 1 ? "1,%zu" : "1", cpus);
        list = all;
    }
    while (next_item(&list, item)) {
        char *end;
        const unsigned long n = strtoul(item, &end, 10);
        if (item[0] < '0' || item[0] > '9' || *end != '\0' || n < 1 || n > RL_TEAM_MAX)
            return refuse(p, "threads", item, expected);
        if (p->n_threads == RL_COUNT(p->threads))
            return rl_suite_usage(p->suite, "--threads: more than %zu numbers", RL_COUNT(p->threads));
        p->threads[p->n_threads++] = n;
    }
    return 0;
}

static const struct {
    unsigned bit;
    rl_flag flag;
    int (*parse)(rl_program *p, const char *list);
} axes[] = {
  /* RL_ISA caps the whole process; it does not choose among the tiers that are left. */
    {RL_AXIS_ISA,
     {"isa", "all", "all, best (of each kernel), or a list of scalar, avx2, avx512, neon", true},
     parse_isa    },
    {RL_AXIS_CACHE,
     {"cache", "all", "hot (one copy, over and over), cold (a ring larger than the caches), or all", false},
     parse_cache  },
    {RL_AXIS_THREADS,
     {"threads", "all", "a list of thread counts; all: 1 and one a CPU", false},
     parse_threads},
};

/* Opens the suite with the axes' flags before the program's, and reads their values. */
static int open_suite(rl_program *p, const rl_program_config *config, int argc, char **argv)
{
    rl_flag flags[RL_COUNT(axes) + RL_PROGRAM_FLAGS];
    size_t n = 0, axis[RL_COUNT(axes)];
    for (size_t i = 0; i < RL_COUNT(axes); i++) {
        if ((config->axes & axes[i].bit) == 0) continue;
        flags[n] = axes[i].flag;
        if (axes[i].bit == RL_AXIS_ISA && config->isa != NULL) flags[n].value = config->isa;
        axis[n++] = i;
    }
    for (size_t i = 0; i < config->n_flags; i++) flags[n + i] = config->flags[i];
    int exit_code = 0;
    p->suite = rl_suite_open(&(rl_suite_config){.family = config->family,
                                                .argc = argc,
                                                .argv = argv,
                                                .flags = flags,
                                                .n_flags = n + config->n_flags,
                                                .code = rl_program_code.code,
                                                .n_code = rl_program_code.n},
                             &exit_code);
    if (p->suite == NULL) return exit_code;
    for (size_t i = 0; i < n && exit_code == 0; i++) exit_code = axes[axis[i]].parse(p, flags[i].value);
    for (size_t i = 0; i < config->n_flags; i++) config->flags[i] = flags[n + i];
    return exit_code;
}

bool rl_program_open(rl_program *p, const rl_program_config *config, int argc, char **argv, int *exit_code)
{
    rl_error err;
    rl_env env;
    *p = (rl_program){0};
    if (rl_cpu_from_env(&p->cpu, &err) != RL_OK) {
        fprintf(stderr, "%s: error: %s\n", argv[0], err.text);
        *exit_code = RL_EXIT_USAGE;
        return false;
    }
    *exit_code = open_suite(p, config, argc, argv);
    if (*exit_code != 0 || p->suite == NULL) {
        rl_suite_close(p->suite);
        return false;
    }
    rl_env_read(&env, "");
    p->llc_bytes = rl_env_llc_bytes(&env) > 0 ? rl_env_llc_bytes(&env) : DEFAULT_LLC;
    p->ring_bytes = rl_suite_is_dry(p->suite) ? 0 : 2 * p->llc_bytes;
    rl_suite_set_isa(p->suite, rl_isa_name(rl_cpu_best(p->cpu)));
    rl_yardsticks_add(p->suite, p->cpu, p->llc_bytes);
    return true;
}

struct rl_program_case {
    struct rl_program_case *next;
    _Alignas(RL_LINE) char data[];
};

void *rl_program_case(rl_program *p, size_t bytes)
{
    struct rl_program_case *c = rl_alloc(sizeof *c + bytes);
    if (c == NULL) {
        p->lost = true;
        return NULL;
    }
    c->next = p->cases;
    p->cases = c;
    return c->data;
}

int rl_program_run(rl_program *p)
{
    const int exit_code =
        p->lost ? rl_suite_failed(p->suite, "out of memory for the cases") : rl_suite_run(p->suite);
    rl_suite_close(p->suite);
    while (p->cases != NULL) {
        struct rl_program_case *next = p->cases->next;
        rl_free(p->cases);
        p->cases = next;
    }
    return exit_code;
}

bool rl_program_part(const rl_program *p, const rl_kernel *kernel, const rl_kernel *best, rl_part *part)
{
    const bool wanted = p->isa[kernel->isa] && (!p->only_best || kernel == best);
    *part = (rl_part){.reference_only = !wanted};
    if (!rl_kernel_runs(kernel, p->cpu)) part->skip = "this CPU lacks a feature that the kernel needs";
    return wanted || kernel->isa == RL_SCALAR;
}

bool rl_program_wants(const rl_program *p, rl_isa isa)
{
    return p->isa[isa] && (!p->only_best || isa == rl_cpu_best(p->cpu));
}
