/* report_console.c - the table for people, as Google Benchmark aligns it. Prefixes of counters are decimal,
 * bytes too: 42G/s is 42 GB/s. */
#include "perf/report.h"
#include "perf/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

typedef enum { RED = 1, GREEN = 2, YELLOW = 3, CYAN = 6, WHITE = 7, PLAIN = 0 } color;

static void RL_PRINTF(3, 4) print(const rl_report *r, color c, const char *fmt, ...)
{
    va_list ap;
    if (r->color && c != PLAIN) fprintf(r->out, "\033[0;3%dm", (int)c);
    va_start(ap, fmt);
    vfprintf(r->out, fmt, ap);
    va_end(ap);
    if (r->color && c != PLAIN) fputs("\033[m", r->out);
}

static void list(FILE *out, const rl_suite *s)
{
    for (size_t i = 0; i < s->n_cases; i++)
        if (s->cases[i].selected) fprintf(out, "%s\n", s->cases[i].name);
}

/* What stands behind the iterations: the metrics and counters that were measured, by name. */
typedef struct {
    rl_user_counter all[RL_METRICS + RL_USER_COUNTERS_MAX + RL_COUNTERS_MAX];
    size_t n;
} shown;

static void gather(shown *out, const rl_row *row)
{
    out->n = 0;
    for (size_t i = 0; i < RL_METRICS; i++) {
        const rl_metric_info *info = &rl_metric_table[i];
        if (!info->console || !isfinite(row->metric[i])) continue;
        rl_user_counter *c = &out->all[out->n++];
        snprintf(c->name, sizeof c->name, "%s", info->name);
        c->value = row->metric[i];
        c->flags = info->rate ? RL_COUNTER_RATE : 0;
    }
    for (size_t i = 0; i < row->n_counters; i++)
        if (isfinite(row->counters[i].value)) out->all[out->n++] = row->counters[i];
    qsort(out->all, out->n, sizeof out->all[0], rl_counter_order);
}

static void header(rl_report *r, const shown *s)
{
    char line[sizeof r->columns + 256];
    int used = snprintf(line, sizeof line, "%-*s %13s %15s %12s", (int)r->name_width, "Benchmark", "Time",
                        "CPU", "Iterations");
    if (s->n > 0)
        snprintf(line + used, sizeof line - (size_t)used, "%s", r->tabular ? r->columns : " UserCounters...");
    size_t width = strlen(line);
    for (int rule = 0; rule < 2; rule++) {
        for (size_t i = 0; i < width; i++) fputc('-', r->out);
        fprintf(r->out, "\n%s", rule == 0 ? line : "");
        if (rule == 0) fputc('\n', r->out);
    }
    r->has_header = true;
}

/* Prints the header where it is due: once, and in columns again when they change. */
static void provide_header(rl_report *r, const shown *s)
{
    char columns[sizeof r->columns] = "";
    size_t used = 0;
    for (size_t i = 0; r->tabular && i < s->n && used < sizeof columns - 80; i++)
        used += (size_t)snprintf(columns + used, sizeof columns - used, " %10s", s->all[i].name);
    bool changed = strcmp(columns, r->columns) != 0;
    memcpy(r->columns, columns, sizeof columns);
    if (!r->has_header || changed) header(r, s);
}

static void print_counter(const rl_report *r, const rl_row *row, const rl_user_counter *c)
{
    char value[RL_TEXT_MAX];
    const char *unit = "";
    if (rl_row_is_ratio(row)) {
        snprintf(value, sizeof value, "%.2f", 100 * c->value);
        unit = "%";
    } else {
        rl_text_human(value, c->value, (c->flags & RL_COUNTER_BINARY) != 0);
        if ((c->flags & RL_COUNTER_RATE) != 0) unit = (c->flags & RL_COUNTER_INVERT) != 0 ? "s" : "/s";
    }
    if (!r->tabular) {
        fprintf(r->out, " %s=%s%s", c->name, value, unit);
        return;
    }
    size_t width = strlen(c->name) > 10 ? strlen(c->name) : 10;
    fprintf(r->out, " %*s%s", (int)(width - strlen(unit)), value, unit);
}

static void print_times(const rl_report *r, const rl_instance *in, const rl_row *row)
{
    rl_time_unit unit = rl_unit_of(r->s, in);
    char real[RL_TEXT_MAX], cpu[RL_TEXT_MAX];
    const char *label = "%";
    if (rl_row_is_ratio(row)) {
        snprintf(real, sizeof real, "%10.2f", 100 * row->real_s);
        snprintf(cpu, sizeof cpu, "%10.2f", 100 * row->cpu_s);
    } else {
        rl_text_time(real, row->real_s * rl_unit_per_second(unit));
        rl_text_time(cpu, row->cpu_s * rl_unit_per_second(unit));
        label = rl_unit_name(unit);
    }
    print(r, YELLOW, "%s %-4s %s %-4s ", real, label, cpu, label);
    print(r, CYAN, "%10" PRIu64, row->iterations);
}

static void print_row(rl_report *r, const rl_instance *in, const rl_row *row)
{
    char name[1024];
    shown s;
    gather(&s, row);
    provide_header(r, &s);
    snprintf(name, sizeof name, "%s%s%s", in->name, row->aggregate != NULL ? "_" : "",
             row->aggregate != NULL ? row->aggregate : "");
    print(r, GREEN, "%-*s ", (int)r->name_width, name);
    if (row->outcome == RL_FAILED) {
        print(r, RED, "ERROR OCCURRED: '%s'", row->message);
    } else if (row->outcome == RL_SKIPPED) {
        print(r, WHITE, "SKIPPED: '%s'", row->message);
    } else {
        print_times(r, in, row);
        for (size_t i = 0; i < s.n; i++) print_counter(r, row, &s.all[i]);
        if (row->label[0] != '\0') fprintf(r->out, " %s", row->label);
        if (row->contaminated) print(r, RED, " contaminated");
    }
    fputc('\n', r->out);
}

/* The first column holds the longest name and, where there will be aggregates, the longest of their names. */
static void begin(rl_report *r)
{
    size_t longest = 10;
    bool aggregates = false;
    for (size_t i = 0; i < r->s->n_cases; i++) {
        const rl_instance *in = &r->s->cases[i];
        if (!in->selected) continue;
        if (strlen(in->name) > longest) longest = strlen(in->name);
        aggregates |= in->repetitions > 1;
    }
    r->name_width = longest + (aggregates ? strlen("_median") : 0);
}

static void rows(rl_report *r, const rl_instance *in)
{
    rl_each_row(r, in, print_row);
    fflush(r->out);
}

static rl_status end(rl_report *r, rl_error *err)
{
    (void)r, (void)err;
    return RL_OK;
}

const rl_reporter rl_report_console = {"console", list, begin, rows, end, .preamble = true};
