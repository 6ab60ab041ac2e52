/* suite.c - opening a suite from its flags, registering what it runs, closing it. */
#include "perf/suite.h"
#include "perf/text.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum { NAME_MAX_BYTES = 800 };

/* ---- Opening ---- */

/* The command line as one printable string. */
static char *join(int argc, char **argv)
{
    size_t size = 8;
    for (int i = 0; i < argc; i++) size += 4 * strlen(argv[i]) + 1;
    char *out = malloc(size);
    if (out == NULL) return NULL;
    size_t used = 0;
    for (int i = 0; i < argc; i++) {
        if (i > 0) out[used++] = ' ';
        rl_printable(out + used, size - used, argv[i], strlen(argv[i]));
        used += strlen(out + used);
    }
    out[used] = '\0';
    return out;
}

static uint64_t choose_seed(void)
{
    uint32_t seed = 0;
    if (getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed) seed = (uint32_t)getpid();
    return seed == 0 ? 1 : seed;
}

static rl_status prepare(rl_suite *s, const rl_suite_config *config, rl_error *err)
{
    s->family = strdup(config->family != NULL ? config->family : "");
    s->program = join(config->argc > 0, config->argv);
    s->command = join(config->argc, config->argv);
    if (s->family == NULL || s->program == NULL || s->command == NULL)
        return rl_fail(err, RL_ERR_MEMORY, "out of memory");
    s->code = config->code;
    s->n_code = config->n_code;
    s->clock = config->clock != NULL ? *config->clock : rl_clock_system;
    snprintf(s->isa, sizeof s->isa, "none");
    s->seed = s->options.seed != 0 ? s->options.seed : choose_seed();
    rl_env_read(&s->env, "");
    rl_status status = rl_clock_check(&s->clock, &s->clock_info, err);
    if (status != RL_OK) return status;
    const rl_counter_os *os = config->counter_os != NULL ? config->counter_os : &rl_counter_os_linux;
    status = rl_counters_open(&s->counters, s->options.perf_counters, os, err);
    rl_rig_open(&s->rig, &s->clock, s->counters);
    return status;
}

/* Fills *s. *ends: the program should end now, for an error or after --help. */
static rl_status open_suite(rl_suite *s, const rl_suite_config *config, bool *ends, rl_error *err)
{
    rl_status status =
        rl_options_parse(&s->options, config->argc, config->argv, config->flags, config->n_flags, err);
    *ends = status != RL_OK || s->options.help;
    if (*ends) return status;
    status = prepare(s, config, err);
    *ends = status != RL_OK;
    return status;
}

rl_suite *rl_suite_open(const rl_suite_config *config, int *exit_code)
{
    const char *program = config->argc > 0 ? config->argv[0] : "bench";
    FILE *out = config->out != NULL ? config->out : stdout;
    FILE *complaints = config->err != NULL ? config->err : stderr;
    rl_error err = {0};
    bool ends = true;
    rl_suite *s = calloc(1, sizeof *s);
    rl_status status = RL_ERR_MEMORY;
    if (s != NULL) {
        s->out = out;
        s->err = complaints;
        rl_locale locale = rl_locale_enter();
        status = open_suite(s, config, &ends, &err);
        rl_locale_leave(locale);
    }
    *exit_code = status == RL_OK ? RL_EXIT_OK : status == RL_ERR_ARG ? RL_EXIT_USAGE : RL_EXIT_FAILED;
    if (!ends) return s;
    if (status == RL_OK)
        rl_options_help(out, program, config->flags, config->n_flags);
    else
        fprintf(complaints, "%s: error: %s\n", program, s != NULL ? err.text : "out of memory");
    rl_suite_close(s);
    return NULL;
}

static void free_case(rl_instance *in)
{
    const char *const owned[] = {in->c.name,
                                 in->c.skip,
                                 in->c.isa,
                                 in->c.cache,
                                 in->c.label,
                                 in->c.reference,
                                 in->c.bandwidth_yardstick,
                                 in->c.peak_yardstick,
                                 in->c.context_yardstick};
    for (size_t i = 0; i < RL_COUNT(owned); i++) free((void *)(uintptr_t)owned[i]);
    for (size_t i = 0; i < in->n_rows; i++) rl_row_free(&in->rows[i]);
    for (size_t i = 0; i < in->n_aggregates; i++) rl_row_free(&in->aggregates[i]);
    free(in->rows);
    free(in->name);
}

void rl_suite_close(rl_suite *s)
{
    if (s == NULL) return;
    rl_rig_disband(&s->rig);
    for (size_t i = 0; i < s->n_cases; i++) free_case(&s->cases[i]);
    for (size_t i = 0; i < s->n_gauges; i++) rl_gauge_free(&s->gauges[i]);
    rl_counters_close(s->counters);
    rl_counts_free(&s->counts);
    free(s->cases);
    free(s->gauges);
    free(s->family);
    free(s->program);
    free(s->command);
    free(s);
}

/* ---- Registering ---- */

/* Room for one more element of `size` bytes. */
static bool make_room(void *array, size_t n, size_t *room, size_t size)
{
    if (n < *room) return true;
    size_t more = *room == 0 ? 16 : 2 * *room;
    void *grown = realloc(*(void **)array, more * size);
    if (grown == NULL) return false;
    *(void **)array = grown;
    *room = more;
    return true;
}

static rl_status check_case(const rl_case *c, rl_error *err)
{
    char shown[100] = "(none)";
    if (c->name != NULL) rl_printable(shown, sizeof shown, c->name, strlen(c->name));
    if (c->name == NULL || !rl_name_ok(c->name) || strlen(c->name) > NAME_MAX_BYTES)
        return rl_fail(err, RL_ERR_ARG,
                       "case name '%s': expected 1 to %d of the bytes 0x21 to 0x7e without quotes, "
                       "commas and backslashes",
                       shown, (int)NAME_MAX_BYTES);
    if (c->run == NULL && c->skip == NULL)
        return rl_fail(err, RL_ERR_ARG, "case %s has nothing to run", shown);
    const double amounts[] = {c->min_time, c->min_warmup_time, c->bytes, c->items, c->flops};
    for (size_t i = 0; i < RL_COUNT(amounts); i++)
        if (!(isfinite(amounts[i]) && amounts[i] >= 0))
            return rl_fail(err, RL_ERR_ARG, "case %s: times and amounts must be finite and not negative",
                           shown);
    if (c->iterations > 0 && c->min_time > 0)
        return rl_fail(err, RL_ERR_ARG, "case %s: iterations and min_time exclude each other", shown);
    if (c->repetitions > 1000000 || c->threads > RL_TEAM_MAX)
        return rl_fail(err, RL_ERR_ARG, "case %s: at most 1000000 repetitions on %d threads", shown,
                       (int)RL_TEAM_MAX);
    return RL_OK;
}

/* Copies a string that may be NULL. */
static bool copy(const char **to)
{
    if (*to == NULL) return true;
    *to = strdup(*to);
    return *to != NULL;
}

static rl_status add_case(rl_suite *s, const rl_case *c, rl_error *err)
{
    rl_status status = check_case(c, err);
    if (status != RL_OK) return status;
    if (!make_room(&s->cases, s->n_cases, &s->cases_room, sizeof *s->cases))
        return rl_fail(err, RL_ERR_MEMORY, "out of memory for case %.200s", c->name);
    rl_instance in = {.c = *c, .threads = c->threads > 0 ? c->threads : 1, .name = rl_full_name(c)};
    const char **strings[] = {&in.c.name,
                              &in.c.skip,
                              &in.c.isa,
                              &in.c.cache,
                              &in.c.label,
                              &in.c.reference,
                              &in.c.bandwidth_yardstick,
                              &in.c.peak_yardstick,
                              &in.c.context_yardstick};
    bool copied = in.name != NULL;
    for (size_t i = 0; i < RL_COUNT(strings);
         i++) /* all of them, also after one that failed: all will be freed */
        copied &= copy(strings[i]);
    for (size_t i = 0; copied && i < s->n_cases; i++)
        if (strcmp(s->cases[i].name, in.name) == 0)
            status = rl_fail(err, RL_ERR_ARG, "case %.400s is registered twice", in.name);
    if (!copied) status = rl_fail(err, RL_ERR_MEMORY, "out of memory for case %.200s", c->name);
    if (status == RL_OK)
        s->cases[s->n_cases++] = in;
    else
        free_case(&in);
    return status;
}

static rl_status remember(rl_suite *s, rl_status status, const rl_error *err)
{
    if (status != RL_OK && s->refused.status == RL_OK) s->refused = *err;
    return status;
}

rl_status rl_suite_add(rl_suite *s, const rl_case *c)
{
    rl_error err = {0};
    return remember(s, add_case(s, c, &err), &err);
}

static rl_status add_yardstick(rl_suite *s, const rl_yardstick *y, rl_error *err)
{
    if (y->name == NULL || !rl_name_ok(y->name) || y->run == NULL)
        return rl_fail(err, RL_ERR_ARG, "a yardstick lacks a fit name, or something to run");
    if ((y->bytes > 0) == (y->flops > 0) || !isfinite(y->bytes) || !isfinite(y->flops))
        return rl_fail(err, RL_ERR_ARG, "yardstick %.200s: expected bytes or flops of an iteration", y->name);
    for (size_t i = 0; i < s->n_gauges; i++)
        if (strcmp(s->gauges[i].c.name, y->name) == 0)
            return rl_fail(err, RL_ERR_ARG, "yardstick %.200s is registered twice", y->name);
    char *name = strdup(y->name);
    if (name == NULL || !make_room(&s->gauges, s->n_gauges, &s->gauges_room, sizeof *s->gauges)) {
        free(name);
        return rl_fail(err, RL_ERR_MEMORY, "out of memory for yardstick %.200s", y->name);
    }
    s->gauges[s->n_gauges++] = (rl_gauge){
        .c = {.name = name,
              .run = y->run,
              .arg = y->arg,
              .setup = y->setup,
              .teardown = y->teardown,
              .bytes = y->bytes,
              .flops = y->flops}
    };
    return RL_OK;
}

rl_status rl_suite_add_yardstick(rl_suite *s, const rl_yardstick *y)
{
    rl_error err = {0};
    return remember(s, add_yardstick(s, y, &err), &err);
}

void rl_suite_context(rl_suite *s, const char *key, const char *value)
{
    rl_error err = {0};
    remember(s, rl_options_context(&s->options, key, strlen(key), value, strlen(value), &err), &err);
}

bool rl_suite_is_dry(const rl_suite *s) { return s->options.dry_run; }

void rl_suite_set_isa(rl_suite *s, const char *isa) { rl_printable(s->isa, sizeof s->isa, isa, strlen(isa)); }

static void complain(const rl_suite *s, const char *fmt, va_list ap)
{
    fprintf(s->err, "%s: error: ", s->program);
    vfprintf(s->err, fmt, ap);
    fputc('\n', s->err);
}

int rl_suite_usage(rl_suite *s, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    complain(s, fmt, ap);
    va_end(ap);
    return RL_EXIT_USAGE;
}

int rl_suite_failed(rl_suite *s, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    complain(s, fmt, ap);
    va_end(ap);
    return RL_EXIT_FAILED;
}
