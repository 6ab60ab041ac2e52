/* context.c - everything about a run but its rows, as JSON: Google Benchmark's keys, then ours, then the
 * user's. */
#include "perf/json.h"
#include "perf/report.h"
#include "perf/stats.h"
#include "perf/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The keys that Google Benchmark writes, in its order. */
static void add_theirs(cJSON *to, const rl_suite *s)
{
    char date[RL_TEXT_MAX];
    const rl_env *env = &s->env;
    rl_json_text(to, "date", rl_text_date(date));
    rl_json_text(to, "host_name", env->host);
    rl_json_text(to, "executable", s->program);
    cJSON_AddNumberToObject(to, "num_cpus", env->logical);
    cJSON_AddNumberToObject(to, "mhz_per_cpu", env->mhz);
    if (env->governor[0] != '\0')
        cJSON_AddBoolToObject(to, "cpu_scaling_enabled", strcmp(env->governor, "performance") != 0);
    if (env->aslr >= 0) cJSON_AddBoolToObject(to, "aslr_enabled", env->aslr == 1);
    cJSON *caches = cJSON_AddArrayToObject(to, "caches");
    for (size_t i = 0; i < env->n_caches; i++) {
        cJSON *cache = cJSON_CreateObject();
        rl_json_text(cache, "type", env->caches[i].type);
        cJSON_AddNumberToObject(cache, "level", env->caches[i].level);
        cJSON_AddNumberToObject(cache, "size", (double)env->caches[i].bytes);
        cJSON_AddNumberToObject(cache, "num_sharing", env->caches[i].sharing);
        cJSON_AddItemToArray(caches, cache);
    }
    cJSON_AddItemToObject(to, "load_avg", cJSON_CreateDoubleArray(env->load, (int)env->n_load));
    rl_json_text(to, "library_version", rl_build_info()->version);
    rl_json_text(to, "library_build_type", rl_build_info()->debug ? "debug" : "release");
    cJSON_AddNumberToObject(to, "json_schema_version", 1);
}

static void add_machine(cJSON *to, const rl_suite *s)
{
    rl_machine_class class;
    rl_machine_classify(&class, &s->env, rl_build_info(), s->isa);
    rl_json_text(to, "machine_class", class.name);
    cJSON *made_of = cJSON_AddObjectToObject(to, "machine_class_of");
    for (char *line = class.text; *line != '\0';) {
        size_t length = strcspn(line, "\n"), key = strcspn(line, "=");
        bool last = line[length] == '\0';
        line[length] = '\0';
        if (key < length) {
            line[key] = '\0';
            rl_json_text(made_of, line, line + key + 1);
        }
        line += length + !last;
    }
    cJSON *machine = cJSON_AddObjectToObject(to, "machine");
    rl_json_text(machine, "kernel", s->env.kernel);
    cJSON_AddNumberToObject(machine, "memory_bytes", (double)s->env.memory_bytes);
    rl_json_text(machine, "governor", s->env.governor);
    rl_json_text(machine, "transparent_huge_pages", s->env.thp);
    cJSON_AddBoolToObject(machine, "hypervisor", s->env.cpu.hypervisor);
    cJSON_AddBoolToObject(machine, "threads_pinned", !s->rig.unpinned);
}

static void add_build(cJSON *to)
{
    const rl_build *b = rl_build_info();
    cJSON *build = cJSON_AddObjectToObject(to, "build");
    rl_json_text(build, "commit", b->commit);
    cJSON_AddBoolToObject(build, "dirty", b->dirty);
    rl_json_text(build, "compiler", b->compiler);
    rl_json_text(build, "flags", b->flags);
    rl_json_text(build, "type", b->type);
    rl_json_text(build, "sanitize", b->sanitize);
    cJSON_AddBoolToObject(build, "assertions", b->debug);
}

static void add_code(cJSON *to, const rl_suite *s)
{
    if (s->n_code == 0) return;
    cJSON *code = cJSON_AddObjectToObject(to, "code");
    for (size_t i = 0; i < s->n_code; i++) rl_json_text(code, s->code[i].part, s->code[i].hash);
}

static void add_counters(cJSON *to, const rl_counters *c)
{
    static const char *const rungs[] = {
        [RL_RUNG_NATIVE] = "native",
        [RL_RUNG_GENERIC] = "generic",
        [RL_RUNG_SOFTWARE] = "software",
        [RL_RUNG_NONE] = "unavailable",
    };
    cJSON *counters = cJSON_AddObjectToObject(to, "counters");
    cJSON_AddBoolToObject(counters, "hardware", rl_counters_hardware(c));
    cJSON *events = cJSON_AddArrayToObject(counters, "events");
    for (size_t i = 0; i < rl_counters_count(c); i++) {
        const rl_counter_info *info = rl_counters_info(c, i);
        cJSON *event = cJSON_CreateObject();
        rl_json_text(event, "name", info->name);
        rl_json_text(event, "rung", rungs[info->rung]);
        if (info->rung == RL_RUNG_NONE)
            rl_json_text(event, "reason", info->reason);
        else
            rl_json_text(event, "event", info->event);
        cJSON_AddItemToArray(events, event);
    }
}

/* One thread count of a yardstick: what it read, in bytes or operations a second. */
static void summarize(cJSON *to, const rl_gauge *g, size_t threads)
{
    double *rates = malloc((g->n_readings + 1) * sizeof *rates);
    if (rates == NULL) return;
    size_t n = 0;
    double amount = g->c.bytes > 0 ? g->c.bytes : g->c.flops;
    for (size_t i = 0; i < g->n_readings; i++)
        if (g->readings[i].threads == threads) rates[n++] = amount / g->readings[i].seconds;
    rl_summary s = rl_summarize(rates, n);
    free(rates);
    cJSON *one = cJSON_CreateObject();
    rl_json_text(one, "name", g->c.name);
    rl_json_text(one, "unit", g->c.bytes > 0 ? "bytes_per_second" : "flops_per_second");
    cJSON_AddNumberToObject(one, "threads", (double)threads);
    cJSON_AddNumberToObject(one, "n", (double)n);
    rl_json_number(one, "median", s.median);
    rl_json_number(one, "min", s.min);
    rl_json_number(one, "max", s.max);
    cJSON_AddItemToArray(to, one);
}

static void add_yardsticks(cJSON *to, const rl_suite *s)
{
    cJSON *yardsticks = cJSON_AddArrayToObject(to, "yardsticks");
    for (size_t i = 0; i < s->n_gauges; i++) {
        const rl_gauge *g = &s->gauges[i];
        for (size_t k = 0; k < g->n_readings; k++) {
            size_t first = 0;
            while (g->readings[first].threads != g->readings[k].threads) first++;
            if (first == k) summarize(yardsticks, g, g->readings[k].threads);
        }
        if (!g->broken) continue;
        cJSON *one = cJSON_CreateObject();
        rl_json_text(one, "name", g->c.name);
        rl_json_text(one, "error", g->why);
        cJSON_AddItemToArray(yardsticks, one);
    }
}

/* The rows made slower on purpose; without any there is no such key. */
static void add_injected(cJSON *to, const rl_suite *s)
{
    cJSON *injected = s->options.n_inject > 0 ? cJSON_AddArrayToObject(to, "injected") : NULL;
    for (size_t i = 0; injected != NULL && i < s->n_cases; i++) {
        if (!s->cases[i].selected || !(s->cases[i].slowdown > 0)) continue;
        cJSON *one = cJSON_CreateObject();
        rl_json_text(one, "name", s->cases[i].name);
        cJSON_AddNumberToObject(one, "percent", 100 * s->cases[i].slowdown);
        cJSON_AddItemToArray(injected, one);
    }
}

static int by_key(const void *a, const void *b)
{
    return strcmp(((const rl_pair *)a)->key, ((const rl_pair *)b)->key);
}

/* A key of our own stays ours: a document must not have one twice. */
static void add_users(cJSON *to, const rl_options *o)
{
    rl_pair pairs[RL_CONTEXT_MAX];
    memcpy(pairs, o->context, sizeof pairs);
    qsort(pairs, o->n_context, sizeof pairs[0], by_key);
    for (size_t i = 0; i < o->n_context; i++)
        if (!cJSON_HasObjectItem(to, pairs[i].key)) rl_json_text(to, pairs[i].key, pairs[i].value);
}

cJSON *rl_context(const rl_suite *s)
{
    char seed[32];
    cJSON *to = cJSON_CreateObject();
    if (to == NULL) return NULL;
    add_theirs(to, s);
    rl_json_text(to, "family", s->family);
    rl_json_text(to, "command_line", s->command);
    cJSON_AddNumberToObject(to, "launch", (double)s->options.launch);
    snprintf(seed, sizeof seed, "%llu",
             (unsigned long long)s->seed); /* as text: above 2^53 a number would round */
    rl_json_text(to, "seed", seed);
    cJSON_AddBoolToObject(to, "interleaved", s->options.interleave);
    if (s->options.dry_run) cJSON_AddTrueToObject(to, "dry_run");
    add_machine(to, s);
    add_build(to);
    add_code(to, s);
    cJSON *clock = cJSON_AddObjectToObject(to, "clock");
    cJSON_AddNumberToObject(clock, "resolution_ns", s->clock_info.resolution_ns);
    cJSON_AddNumberToObject(clock, "overhead_min_ns", s->clock_info.overhead_min_ns);
    cJSON_AddNumberToObject(clock, "overhead_median_ns", s->clock_info.overhead_median_ns);
    add_counters(to, s->counters);
    add_yardsticks(to, s);
    add_injected(to, s);
    add_users(to, &s->options);
    return to;
}
