/* suite.c - from flags to exit code: opening, registering, the schedule, closing. */
#include "perf/suite.h"
#include "perf/report.h"

#include <inttypes.h>
#include <locale.h>
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

rl_suite *rl_suite_open(const rl_suite_config *config, int *exit_code)
{
    FILE *out = config->out != NULL ? config->out : stdout,
         *err_out = config->err != NULL ? config->err : stderr;
    const char *program = config->argc > 0 ? config->argv[0] : "bench";
    rl_error err = {0};
    rl_suite *s = calloc(1, sizeof *s);
    rl_status status = s != NULL ? RL_OK : rl_fail(&err, RL_ERR_MEMORY, "out of memory");
    if (status == RL_OK) {
        s->out = out;
        s->err = err_out;
        status =
            rl_options_parse(&s->options, config->argc, config->argv, config->flags, config->n_flags, &err);
    }
    *exit_code = RL_EXIT_OK;
    if (status == RL_OK && s->options.help) {
        rl_options_help(out, program, config->flags, config->n_flags);
    } else {
        if (status == RL_OK) status = prepare(s, config, &err);
        if (status == RL_OK) return s;
        fprintf(err_out, "%s: error: %s\n", program, err.text);
        *exit_code = status == RL_ERR_ARG ? RL_EXIT_USAGE : RL_EXIT_FAILED;
    }
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
                                 in->c.peak_yardstick};
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
                              &in.c.peak_yardstick};
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

void rl_suite_set_isa(rl_suite *s, const char *isa) { rl_printable(s->isa, sizeof s->isa, isa, strlen(isa)); }

int rl_suite_usage(rl_suite *s, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fprintf(s->err, "%s: error: ", s->program);
    vfprintf(s->err, fmt, ap);
    fputc('\n', s->err);
    va_end(ap);
    return RL_EXIT_USAGE;
}

/* ---- Running ---- */

/* splitmix64 (Steele, Lea and Flood): good enough to shuffle with, and the same everywhere for a seed. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* Which case each repetition belongs to: in order, or shuffled (Fisher and Yates). */
static rl_instance **schedule(rl_suite *s, size_t *n)
{
    size_t total = 0;
    for (size_t i = 0; i < s->n_cases; i++) total += s->cases[i].selected ? s->cases[i].repetitions : 0;
    rl_instance **order = malloc((total + 1) * sizeof *order);
    *n = 0;
    for (size_t i = 0; order != NULL && i < s->n_cases; i++)
        for (unsigned k = 0; s->cases[i].selected && k < s->cases[i].repetitions; k++)
            order[(*n)++] = &s->cases[i];
    uint64_t state = s->seed;
    for (size_t i = *n; s->options.interleave && i > 1; i--) {
        size_t k = (size_t)(next_random(&state) % i);
        rl_instance *other = order[k];
        order[k] = order[i - 1];
        order[i - 1] = other;
    }
    return order;
}

/* The reference's time, found once for all that name it: what it measured where it has run, else a short run
 * of its own. */
static void resolve_reference(rl_suite *s, const rl_runner *r, rl_instance *in)
{
    rl_instance *reference = rl_find_reference(s, in);
    if (reference == NULL || in->referred) return;
    double seconds = NAN;
    if (reference->over && reference->n_aggregates > 0)
        seconds = reference->aggregates[1].real_s; /* the median */
    else if (reference->over && reference->n_rows > 0 && reference->rows[0].outcome == RL_MEASURED)
        seconds = reference->rows[0].real_s;
    else if (!reference->over || !reference->selected)
        seconds = rl_run_quietly(r, reference);
    if (!isfinite(seconds))
        fprintf(s->err, "***WARNING*** %s: its reference %s gave no time; no ref_ratio\n", in->name,
                reference->name);
    for (size_t i = 0; i < s->n_cases; i++) /* all of them: one reference, one time */
        if (rl_find_reference(s, &s->cases[i]) == reference) {
            s->cases[i].referred = true;
            s->cases[i].reference_s = seconds;
        }
}

static void progress(const rl_suite *s, const rl_report *display, size_t done, size_t n, const char *name)
{
    if (display->reporter == &rl_report_console || !isatty(fileno(s->err))) return;
    if (done < n)
        fprintf(s->err, "\r[%zu/%zu] %.60s\033[K", done + 1, n, name);
    else
        fputs("\r\033[K", s->err);
    fflush(s->err);
}

static bool failed(const rl_instance *in)
{
    for (size_t i = 0; i < in->n_rows; i++)
        if (in->rows[i].outcome == RL_FAILED) return true;
    return false;
}

/* Runs the schedule; a case is left when another's turn comes, and told when it is over. False where any
 * failed. */
static bool run_all(rl_suite *s, rl_report *display, rl_instance *const *order, size_t n)
{
    const rl_runner r = {&s->rig, s->options.dry_run, s->options.verbosity, s->err};
    rl_instance *current = NULL;
    bool ok = true;
    for (size_t i = 0; i < n; i++) {
        rl_instance *in = order[i];
        if (in->over) continue;
        progress(s, display, i, n, in->name);
        if (current != NULL && current != in) rl_leave(current);
        current = in;
        if (in->c.skip != NULL) {
            rl_run_skipped(in, RL_SKIPPED, in->c.skip);
        } else {
            if (in->c.reference != NULL) resolve_reference(s, &r, in);
            rl_run_repetition(&r, in);
        }
        if (!in->over) continue;
        rl_leave(in);
        in->n_aggregates = rl_aggregate(in->aggregates, in->rows, in->n_rows);
        ok &= !failed(in);
        progress(s, display, n, n, "");
        display->reporter->rows(display, in);
    }
    rl_rig_disband(&s->rig);
    for (size_t i = 0; i < s->n_gauges; i++) {
        rl_gauge_down(&s->gauges[i]);
        ok &= !s->gauges[i].broken;
    }
    return ok;
}

static bool wants_color(const rl_suite *s)
{
    const char *color = s->options.color, *term = getenv("TERM");
    if (strcmp(color, "auto") != 0) return rl_truthy(color);
    return isatty(fileno(s->out)) && term != NULL && strcmp(term, "dumb") != 0;
}

static bool measure(rl_suite *s, rl_report *display)
{
    rl_error err = {0};
    size_t n;
    rl_instance **order = schedule(s, &n);
    if (order == NULL) {
        fprintf(s->err, "%s: error: out of memory for the schedule\n", s->program);
        return false;
    }
    if (display->reporter->preamble) rl_preamble(s->err, s);
    rl_warnings(s->err, s);
    fflush(s->err);
    display->reporter->begin(display);
    bool ok = run_all(s, display, order, n);
    free(order);
    rl_yardstick_warnings(s->err, s);
    rl_status status = display->reporter->end(display, &err);
    if (status == RL_OK && (fflush(s->out) != 0 || ferror(s->out)))
        status = rl_fail(&err, RL_ERR_IO, "cannot write the report");
    if (status == RL_OK && s->options.out[0] != '\0') status = rl_report_write(s, &err);
    if (status != RL_OK) fprintf(s->err, "%s: error: %s\n", s->program, err.text);
    return ok && status == RL_OK;
}

static int select_and_run(rl_suite *s)
{
    rl_error err = {0};
    size_t selected;
    const rl_options *o = &s->options;
    if (s->refused.status != RL_OK) return rl_suite_usage(s, "%s", s->refused.text);
    if (s->ran) return rl_suite_usage(s, "the suite has run already");
    s->ran = true;
    if (rl_select(s, &selected, &err) != RL_OK) return rl_suite_usage(s, "%s", err.text);
    if (selected == 0)
        return rl_suite_usage(s, "no benchmark matches --benchmark_filter='%s' (of %zu)", o->filter,
                              s->n_cases);
    rl_report display = {
        .reporter = rl_reporter_find(o->format),
        .s = s,
        .out = s->out,
        .aggregates_only = o->report_aggregates_only || o->display_aggregates_only,
        .tabular = o->counters_tabular,
        .color = wants_color(s),
    };
    if (o->list_tests) {
        display.reporter->list(s->out, s);
        return fflush(s->out) == 0 ? RL_EXIT_OK : RL_EXIT_FAILED;
    }
    if (o->out[0] != '\0' && rl_report_check(o->out, &err) != RL_OK) {
        fprintf(s->err, "%s: error: %s\n", s->program, err.text);
        return RL_EXIT_FAILED;
    }
    return measure(s, &display) ? RL_EXIT_OK : RL_EXIT_FAILED;
}

/* Reports have decimal points whatever the program's locale says. */
int rl_suite_run(rl_suite *s)
{
    locale_t plain = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
    locale_t before = plain != (locale_t)0 ? uselocale(plain) : (locale_t)0;
    int exit_code = select_and_run(s);
    if (before != (locale_t)0) uselocale(before);
    if (plain != (locale_t)0) freelocale(plain);
    return exit_code;
}
