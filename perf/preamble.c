/* preamble.c - what people should know before they read the rows, and the one list of warnings; each says
 * what can be done about it, where something can. */
#include "perf/report.h"
#include "perf/text.h"

#include <string.h>

static void counters(FILE *out, const rl_suite *s)
{
    size_t hardware = 0;
    for (size_t i = 0; i < RL_FIXED_COUNTERS; i++)
        hardware += rl_counters_info(s->counters, i)->rung != RL_RUNG_NONE;
    if (hardware == 0) {
        fprintf(out, "Hardware counters: none (%s); page faults and context switches come from getrusage\n",
                rl_counters_info(s->counters, RL_CYCLES)->reason);
        return;
    }
    fputs("Hardware counters:", out);
    for (size_t i = 0; i < RL_FIXED_COUNTERS; i++) {
        const rl_counter_info *info = rl_counters_info(s->counters, i);
        fprintf(out, " %s%s", info->name, info->rung == RL_RUNG_NONE ? " (unavailable)" : "");
    }
    fputc('\n', out);
}

void rl_preamble(FILE *out, const rl_suite *s)
{
    char date[RL_TEXT_MAX];
    const rl_env *env = &s->env;
    fprintf(out, "%s\nRunning %s\n", rl_text_date(date), s->program);
    fprintf(out, "Run on (%u X %u MHz CPU%s) %s\n", env->logical, env->mhz, env->logical != 1 ? "s" : "",
            env->cpu.brand);
    if (env->n_caches > 0) fputs("CPU Caches:\n", out);
    for (size_t i = 0; i < env->n_caches; i++) {
        const rl_cache *c = &env->caches[i];
        fprintf(out, "  L%u %s %zu KiB", c->level, c->type, c->bytes / 1024);
        if (c->sharing > 0) fprintf(out, " (x%u)", env->logical / c->sharing);
        fputc('\n', out);
    }
    if (env->n_load > 0)
        fprintf(out, "Load Average: %.2f, %.2f, %.2f\n", env->load[0], env->load[1], env->load[2]);
    for (size_t i = 0; i < s->options.n_context; i++)
        fprintf(out, "%s: %s\n", s->options.context[i].key, s->options.context[i].value);
    fprintf(out, "Clock: steps of %.0f ns, %.1f ns a read\n", s->clock_info.resolution_ns,
            s->clock_info.overhead_median_ns);
    counters(out, s);
    if (s->options.interleave)
        fprintf(out, "Repetitions are shuffled: --benchmark_seed=%llu repeats the order\n",
                (unsigned long long)s->seed);
}

void rl_warnings(FILE *out, const rl_suite *s)
{
    const rl_build *build = rl_build_info();
    const char *const warning = "***WARNING***";
    if (s->options.min_time.bare)
        fprintf(out, "%s --benchmark_min_time without a suffix is taken as seconds; write 0.5s\n", warning);
    if (build->debug)
        fprintf(out, "%s built with assertions (a debug build): timings mean little\n", warning);
    if (build->sanitize[0] != '\0')
        fprintf(out, "%s built with sanitizers (%s): timings mean nothing\n", warning, build->sanitize);
    if (s->env.governor[0] != '\0' && strcmp(s->env.governor, "performance") != 0)
        fprintf(
            out,
            "%s CPU frequency scaling is on (governor %s): timings may be noisy; `cpupower frequency-set -g "
            "performance` fixes it\n",
            warning, s->env.governor);
    if (s->env.n_load > 0 && s->env.load[0] > 0.5 * s->env.logical)
        fprintf(out, "%s the machine is busy (load %.2f on %u CPUs): see the column contaminated\n", warning,
                s->env.load[0], s->env.logical);
    size_t slowed = 0;
    for (size_t i = 0; i < s->n_cases; i++) slowed += s->cases[i].selected && s->cases[i].slowdown > 0;
    if (slowed > 0)
        fprintf(out,
                "%s %zu rows are slower than they are, on purpose (--inject): no baseline is made of them\n",
                warning, slowed);
    for (size_t i = RL_FIXED_COUNTERS; i < rl_counters_count(s->counters); i++) {
        const rl_counter_info *info = rl_counters_info(s->counters, i);
        if (info->rung == RL_RUNG_NONE)
            fprintf(out, "%s %s is not counted: %s\n", warning, info->name, info->reason);
    }
}

void rl_yardstick_warnings(FILE *out, const rl_suite *s)
{
    for (size_t i = 0; i < s->n_gauges; i++)
        if (s->gauges[i].broken)
            fprintf(out, "***WARNING*** yardstick %s: %s\n", s->gauges[i].c.name, s->gauges[i].why);
    if (s->rig.unpinned)
        fputs("***WARNING*** more threads than CPUs: they were not pinned and took turns\n", out);
}
