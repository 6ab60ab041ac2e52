/* select.c - names, and which of them run. */
#include "perf/inject.h"
#include "perf/suite.h"

#include <inttypes.h>
#include <math.h>
#include <regex.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static void RL_PRINTF(3, 4) append(char *out, size_t size, const char *fmt, ...)
{
    size_t used = strlen(out);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(out + used, size - used, fmt, ap);
    va_end(ap);
}

char *rl_full_name(const rl_case *c)
{
    size_t size = strlen(c->name) + 160;
    char *out = malloc(size);
    if (out == NULL) return NULL;
    snprintf(out, size, "%s", c->name);
    if (c->min_time > 0) append(out, size, "/min_time:%.3f", c->min_time);
    if (c->min_warmup_time > 0) append(out, size, "/min_warmup_time:%.3f", c->min_warmup_time);
    if (c->iterations > 0) append(out, size, "/iterations:%" PRIu64, c->iterations);
    if (c->repetitions > 0) append(out, size, "/repeats:%u", c->repetitions);
    if (c->manual_time) append(out, size, "/manual_time");
    if (c->threads > 0) append(out, size, "/threads:%zu", c->threads);
    return out;
}

/* Google Benchmark's semantics: "" and "all" are everything, a leading '-' is the rest. */
static rl_status filter(rl_suite *s, const char *text, size_t *selected, rl_error *err)
{
    bool all = text[0] == '\0' || strcmp(text, "all") == 0, negated = !all && text[0] == '-';
    regex_t re;
    int code = regcomp(&re, all ? "." : text + negated, REG_EXTENDED | REG_NOSUB);
    if (code != 0) {
        char why[128], shown[128];
        regerror(code, &re, why, sizeof why);
        return rl_fail(err, RL_ERR_ARG, "--benchmark_filter='%s': %s",
                       rl_printable(shown, sizeof shown, text, strlen(text)), why);
    }
    *selected = 0;
    for (size_t i = 0; i < s->n_cases; i++) {
        rl_instance *in = &s->cases[i];
        in->selected = !in->c.reference_only && (regexec(&re, in->name, 0, NULL, 0) == 0) != negated;
        *selected += in->selected;
    }
    regfree(&re);
    return RL_OK;
}

/* Cases registered under one name (they differ in threads or modifiers) are a family. */
static void number_families(rl_suite *s)
{
    size_t families = 0;
    for (size_t i = 0; i < s->n_cases; i++) {
        rl_instance *in = &s->cases[i];
        if (!in->selected) continue;
        in->family = families;
        in->member = 0;
        for (size_t k = 0; k < i; k++) {
            const rl_instance *other = &s->cases[k];
            if (!other->selected || strcmp(other->c.name, in->c.name) != 0) continue;
            in->family = other->family;
            in->member = other->member + 1;
        }
        families += in->member == 0;
    }
}

static rl_gauge *find_gauge(rl_suite *s, const char *name)
{
    for (size_t i = 0; i < s->n_gauges; i++)
        if (strcmp(s->gauges[i].c.name, name) == 0) return &s->gauges[i];
    return NULL;
}

static rl_status find_yardstick(rl_suite *s, const rl_instance *in, const char *name, rl_gauge **out,
                                rl_error *err)
{
    *out = NULL;
    if (name == NULL) return RL_OK;
    *out = find_gauge(s, name);
    if (*out != NULL) return RL_OK;
    char shown[100];
    return rl_fail(err, RL_ERR_ARG, "%.200s: there is no yardstick '%s'", in->name,
                   rl_printable(shown, sizeof shown, name, strlen(name)));
}

static rl_status find_yardsticks(rl_suite *s, rl_instance *in, rl_error *err)
{
    rl_status status = find_yardstick(s, in, in->c.bandwidth_yardstick, &in->bandwidth, err);
    if (status == RL_OK) status = find_yardstick(s, in, in->c.peak_yardstick, &in->peak, err);
    if (status == RL_OK) status = find_yardstick(s, in, in->c.context_yardstick, &in->context, err);
    return status;
}

rl_instance *rl_find_reference(rl_suite *s, const rl_instance *in)
{
    rl_instance *best = NULL;
    if (in->c.reference == NULL) return NULL;
    for (size_t i = 0; i < s->n_cases; i++) {
        rl_instance *other = &s->cases[i];
        if (other == in) continue;
        if (strcmp(other->name, in->c.reference) == 0) return other;
        if (strcmp(other->c.name, in->c.reference) != 0) continue;
        if (best == NULL || (best->threads != in->threads && other->threads == in->threads)) best = other;
    }
    return best;
}

/* The case's own values where it has them, the flags' where not; `counted` iterations where an earlier run counted. */
static void apply_flags(rl_instance *in, const rl_options *o, uint64_t counted)
{
    static const double default_min_time = 0.5; /* where the flag counts iterations */
    in->min_time = in->c.min_time > 0           ? in->c.min_time
                   : o->min_time.iterations > 0 ? default_min_time
                                                : o->min_time.seconds;
    in->min_warmup_time = o->dry_run                  ? 0
                          : in->c.min_warmup_time > 0 ? in->c.min_warmup_time
                                                      : o->min_warmup_time;
    const uint64_t asked = in->c.iterations > 0    ? in->c.iterations
                           : counted > 0           ? counted
                           : !(in->c.min_time > 0) ? o->min_time.iterations
                                                   : 0;
    in->exact = asked > 0;
    in->iterations = o->dry_run || !in->exact ? 1 : asked;
    in->repetitions = o->dry_run ? 1 : in->c.repetitions > 0 ? in->c.repetitions : (unsigned)o->repetitions;
    if (in->c.skip != NULL) in->repetitions = 1;
    in->max_error = in->reference_s = NAN;
}

rl_status rl_select(rl_suite *s, size_t *selected, rl_error *err)
{
    rl_status status = filter(s, s->options.filter, selected, err);
    if (status != RL_OK) return status;
    number_families(s);
    for (size_t i = 0; i < s->n_cases; i++) {
        rl_instance *in = &s->cases[i];
        apply_flags(in, &s->options, rl_counts_find(&s->counts, in->name));
        if (s->options.yardsticks) status = find_yardsticks(s, in, err);
        if (status != RL_OK) return status;
        if (in->c.reference != NULL && rl_find_reference(s, in) == NULL)
            return rl_fail(err, RL_ERR_ARG, "%.200s: there is no case '%.200s' to refer to", in->name,
                           in->c.reference);
        if (!in->selected) continue;
        in->rows = calloc(in->repetitions, sizeof *in->rows);
        if (in->rows == NULL)
            return rl_fail(err, RL_ERR_MEMORY, "out of memory for %u rows", in->repetitions);
    }
    return *selected > 0 ? rl_inject(s, err) : RL_OK;
}
