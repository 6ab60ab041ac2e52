/* machine.c - the class of a machine: its canonical text, and the name made from it. */
#include "base/hash.h"
#include "perf/env.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void RL_PRINTF(2, 3) add(rl_machine_class *out, const char *fmt, ...)
{
    size_t used = strlen(out->text);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(out->text + used, sizeof out->text - used, fmt, ap);
    va_end(ap);
}

static void describe(rl_machine_class *out, const rl_env *env, const rl_build *build, const char *isa)
{
    out->text[0] = '\0';
    add(out, "brand=%s\nvendor=%s\n", env->cpu.brand, env->cpu.vendor);
    add(out, "family=%u\nmodel=%u\nstepping=%u\n", env->cpu.family, env->cpu.model, env->cpu.stepping);
    add(out, "cores=%u\nthreads=%u\n", env->physical, env->logical);
    for (size_t i = 0; i < env->n_caches; i++) {
        const rl_cache *c = &env->caches[i];
        add(out, "cache.L%u.%s=%zu shared by %u\n", c->level, c->type, c->bytes, c->sharing);
    }
    add(out, "hypervisor=%s\n", env->cpu.hypervisor ? "yes" : "no");
    add(out, "isa=%s\n", isa);
    add(out, "compiler=%s\nsanitize=%s\nflags=%s\n", build->compiler, build->sanitize, build->flags);
}

/* Words of brands that tell machines of one make from another's only to a lawyer. */
static bool is_noise(const char *word, size_t n)
{
    static const char *const noise[] = {"r", "tm", "cpu", "processor", "core"};
    for (size_t i = 0; i < RL_COUNT(noise); i++)
        if (strlen(noise[i]) == n && strncmp(word, noise[i], n) == 0) return true;
    return false;
}

/* "Intel(R) Xeon(R) CPU E5-2680 v4 @ 2.40GHz" -> "intel-xeon-e5-2680-v4-2-40ghz", at most 48 characters. */
static void slug(char out[49], const char *text)
{
    size_t used = 0;
    for (const char *at = text; *at != '\0' && used < 47;) {
        char word[48];
        size_t n = 0;
        for (; isalnum((unsigned char)*at) && n < sizeof word; at++)
            word[n++] = (char)tolower((unsigned char)*at);
        if (n == 0) {
            at++;
            continue;
        }
        if (is_noise(word, n)) continue;
        if (used > 0) out[used++] = '-';
        for (size_t i = 0; i < n && used < 48; i++) out[used++] = word[i];
    }
    if (used == 0) out[used++] = 'x';
    out[used] = '\0';
}

void rl_machine_classify(rl_machine_class *out, const rl_env *env, const rl_build *build, const char *isa)
{
    describe(out, env, build, isa);
    const uint64_t hash = rl_hash(out->text, strlen(out->text));
    char brand[49], path[49];
    slug(brand, env->cpu.brand);
    slug(path, isa);
    snprintf(out->name, sizeof out->name, "%s-%02x-%02x-%02x-%uc-%.16s-%08" PRIx32, brand, env->cpu.family,
             env->cpu.model, env->cpu.stepping, env->physical, path, (uint32_t)(hash ^ hash >> 32));
}
