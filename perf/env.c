/* env.c - reading sysfs and procfs (Linux). */
#include "perf/env.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/utsname.h>

enum { CPUS_MAX = 4096 };

/* The first line of the file below `root` that fmt names, without its newline; false where there is none. */
static bool RL_PRINTF(4, 5) first_line(char *out, size_t size, const char *root, const char *fmt, ...)
{
    char path[1024], rest[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(rest, sizeof rest, fmt, ap);
    va_end(ap);
    snprintf(path, sizeof path, "%.500s%s", root, rest);
    out[0] = '\0';
    FILE *f = fopen(path, "r");
    if (f == NULL) return false;
    bool got = fgets(out, (int)size, f) != NULL;
    fclose(f);
    out[strcspn(out, "\n")] = '\0';
    return got;
}

/* Takes the next range off a list like "0-3,8,10-11". False at its end, and at what is no such list. */
static bool next_range(const char **list, unsigned *first, unsigned *last)
{
    int used = 0;
    if (sscanf(*list, "%u%n", first, &used) != 1) return false;
    *list += used;
    *last = *first;
    used = 0;
    if (sscanf(*list, "-%u%n", last, &used) == 1) *list += used;
    if (**list == ',') ++*list;
    return *first <= *last && *last < CPUS_MAX;
}

/* "48K", "32M" as sysfs writes them. */
static size_t parse_size(const char *text)
{
    char *end;
    size_t n = (size_t)strtoull(text, &end, 10);
    return *end == 'K' ? n << 10 : *end == 'M' ? n << 20 : *end == 'G' ? n << 30 : n;
}

static void read_caches(rl_env *env, const char *root)
{
    char level[32], size[32], list[256];
    for (unsigned i = 0; i < RL_CACHES_MAX; i++) {
        rl_cache *c = &env->caches[env->n_caches];
        const char *const at = "/sys/devices/system/cpu/cpu0/cache/index%u/%s";
        if (!first_line(c->type, sizeof c->type, root, at, i, "type")) break;
        if (!first_line(level, sizeof level, root, at, i, "level") ||
            !first_line(size, sizeof size, root, at, i, "size"))
            continue;
        first_line(list, sizeof list, root, at, i, "shared_cpu_list");
        c->level = (unsigned)strtoul(level, NULL, 10);
        c->bytes = parse_size(size);
        unsigned first, last;
        for (const char *rest = list; next_range(&rest, &first, &last);) c->sharing += last - first + 1;
        env->n_caches++;
    }
}

/* Counts CPUs on line, and the distinct pairs of package and core among them. */
static void read_cores(rl_env *env, const char *root)
{
    unsigned long seen[CPUS_MAX];
    char online[1024];
    unsigned first, last;
    first_line(online, sizeof online, root, "/sys/devices/system/cpu/online");
    for (const char *rest = online; next_range(&rest, &first, &last);)
        for (unsigned cpu = first; cpu <= last && env->logical < CPUS_MAX; cpu++) {
            const char *const at = "/sys/devices/system/cpu/cpu%u/topology/%s";
            char package[32], core[32];
            env->logical++;
            if (!first_line(core, sizeof core, root, at, cpu, "core_id")) continue;
            first_line(package, sizeof package, root, at, cpu, "physical_package_id");
            unsigned long id = strtoul(package, NULL, 10) << 32 | (strtoul(core, NULL, 10) & 0xffffffffu);
            unsigned known = 0;
            while (known < env->physical && seen[known] != id) known++;
            if (known == env->physical) seen[env->physical++] = id;
        }
}

/* The value of "key : value" lines in /proc/meminfo and /proc/cpuinfo, the first one. */
static double proc_number(const char *root, const char *file, const char *key)
{
    char path[1024], line[512];
    snprintf(path, sizeof path, "%.500s/proc/%s", root, file);
    FILE *f = fopen(path, "r");
    if (f == NULL) return 0;
    double value = 0;
    size_t length = strlen(key);
    while (fgets(line, sizeof line, f) != NULL) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, key, length) != 0 || colon == NULL) continue;
        value = strtod(colon + 1, NULL);
        break;
    }
    fclose(f);
    return value > 0 ? value : 0;
}

static void read_settings(rl_env *env, const char *root)
{
    char line[256];
    first_line(env->governor, sizeof env->governor, root,
               "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
    if (first_line(line, sizeof line, root, "/sys/kernel/mm/transparent_hugepage/enabled")) {
        const char *open = strchr(line, '['); /* "always [madvise] never" */
        if (open != NULL) snprintf(env->thp, sizeof env->thp, "%.*s", (int)strcspn(open + 1, "]"), open + 1);
    }
    env->aslr = -1;
    if (first_line(line, sizeof line, root, "/proc/sys/kernel/randomize_va_space"))
        env->aslr = line[0] != '0' && (personality(0xffffffff) & ADDR_NO_RANDOMIZE) == 0;
    if (first_line(line, sizeof line, root, "/proc/loadavg") &&
        sscanf(line, "%lf %lf %lf", &env->load[0], &env->load[1], &env->load[2]) == 3)
        env->n_load = 3;
}

void rl_env_read(rl_env *env, const char *root)
{
    memset(env, 0, sizeof *env);
    rl_cpu_identify(&env->cpu);
    struct utsname u;
    if (uname(&u) == 0) {
        snprintf(env->kernel, sizeof env->kernel, "%.50s %.70s", u.sysname, u.release);
        snprintf(env->host, sizeof env->host, "%.120s", u.nodename);
    }
    read_cores(env, root);
    read_caches(env, root);
    env->memory_bytes = (uint64_t)proc_number(root, "meminfo", "MemTotal") * 1024;
    env->mhz = (unsigned)proc_number(root, "cpuinfo", "cpu MHz");
    read_settings(env, root);
}

size_t rl_env_llc_bytes(const rl_env *env)
{
    size_t largest = 0;
    for (size_t i = 0; i < env->n_caches; i++)
        if (env->caches[i].bytes > largest) largest = env->caches[i].bytes;
    return largest;
}
