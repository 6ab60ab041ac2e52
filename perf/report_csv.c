/* report_csv.c - rectangular CSV (RFC 4180, lines end in a line feed): one row a repetition, no aggregates.
 * The first ten columns are Google Benchmark's, the last ones the user's counters by name; what was not
 * measured is empty, never 0.
 *
 * User counters are known when all cases have run, so everything is written at the end. */
#include "perf/report.h"
#include "perf/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void quoted(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text != '\0'; text++) {
        if (*text == '"') fputc('"', out);
        fputc(*text, out);
    }
    fputc('"', out);
}

static void list(FILE *out, const rl_suite *s)
{
    fputs("name\n", out);
    for (size_t i = 0; i < s->n_cases; i++) {
        if (!s->cases[i].selected) continue;
        quoted(out, s->cases[i].name);
        fputc('\n', out);
    }
}

/* The names of all counters of all rows, sorted, each once. *n of them; the array is the caller's, its names
 * borrowed from the rows. NULL without memory. */
static const rl_user_counter **gather(const rl_suite *s, size_t *n)
{
    size_t count = 0;
    for (size_t i = 0; i < s->n_cases; i++)
        for (size_t k = 0; k < s->cases[i].n_rows; k++) count += s->cases[i].rows[k].n_counters;
    const rl_user_counter **all = malloc((count + 1) * sizeof *all);
    *n = 0;
    for (size_t i = 0; all != NULL && i < s->n_cases; i++)
        for (size_t k = 0; k < s->cases[i].n_rows; k++)
            for (size_t c = 0; c < s->cases[i].rows[k].n_counters; c++) {
                const rl_user_counter *counter = &s->cases[i].rows[k].counters[c];
                size_t at = 0;
                while (at < *n && strcmp(all[at]->name, counter->name) < 0) at++;
                if (at < *n && strcmp(all[at]->name, counter->name) == 0) continue;
                memmove(&all[at + 1], &all[at], (*n - at) * sizeof *all);
                all[at] = counter;
                ++*n;
            }
    return all;
}

static void header(FILE *out, const rl_user_counter *const *counters, size_t n)
{
    fputs(
        "name,iterations,real_time,cpu_time,time_unit,bytes_per_second,items_per_second,label,error_occurred,"
        "error_message,launch,repetition,threads,isa,cache",
        out);
    for (size_t i = RL_M_FLOPS; i < RL_METRICS; i++) fprintf(out, ",%s", rl_metric_table[i].name);
    fputs(",counter_quality,contaminated", out);
    for (size_t i = 0; i < n; i++) fprintf(out, ",%s", counters[i]->name);
    fputc('\n', out);
}

static void number(FILE *out, double x)
{
    char text[RL_TEXT_MAX];
    fprintf(out, ",%s", rl_text_number(text, x));
}

static void text(FILE *out, const char *value)
{
    fputc(',', out);
    if (value != NULL && value[0] != '\0') quoted(out, value);
}

/* Google Benchmark's ten columns. */
static void first_columns(FILE *out, const rl_suite *s, const rl_instance *in, const rl_row *row)
{
    rl_time_unit unit = rl_unit_of(s, in);
    quoted(out, in->name);
    if (row->outcome == RL_MEASURED) {
        fprintf(out, ",%" PRIu64, row->iterations);
        number(out, row->real_s * rl_unit_per_second(unit));
        number(out, row->cpu_s * rl_unit_per_second(unit));
        fprintf(out, ",%s", rl_unit_name(unit));
    } else {
        fputs(",,,,", out);
    }
    number(out, row->metric[RL_M_BYTES]);
    number(out, row->metric[RL_M_ITEMS]);
    text(out, row->label);
    fprintf(out, ",%s", row->outcome == RL_MEASURED ? "" : row->outcome == RL_FAILED ? "true" : "false");
    text(out, row->message);
}

static void write_row(FILE *out, const rl_suite *s, const rl_instance *in, const rl_row *row,
                      const rl_user_counter *const *counters, size_t n)
{
    first_columns(out, s, in, row);
    fprintf(out, ",%" PRIu64 ",%u,%zu", s->options.launch, row->repetition, in->threads);
    text(out, in->c.isa);
    text(out, in->c.cache);
    for (size_t i = RL_M_FLOPS; i < RL_METRICS; i++) number(out, row->metric[i]);
    fprintf(out, ",%s,%s", row->quality, row->outcome != RL_MEASURED ? "" : row->contaminated ? "1" : "0");
    for (size_t i = 0, own = 0; i < n; i++) { /* both lists are sorted */
        bool has = own < row->n_counters && strcmp(row->counters[own].name, counters[i]->name) == 0;
        if (has)
            number(out, row->counters[own++].value);
        else
            fputc(',', out);
    }
    fputc('\n', out);
}

static void begin(rl_report *r) { (void)r; }

static void rows(rl_report *r, const rl_instance *in) { (void)r, (void)in; }

static rl_status end(rl_report *r, rl_error *err)
{
    size_t n;
    const rl_user_counter **counters = gather(r->s, &n);
    if (counters == NULL) return rl_fail(err, RL_ERR_MEMORY, "out of memory for the CSV report");
    header(r->out, counters, n);
    for (size_t i = 0; i < r->s->n_cases; i++)
        for (size_t k = 0; k < r->s->cases[i].n_rows; k++)
            write_row(r->out, r->s, &r->s->cases[i], &r->s->cases[i].rows[k], counters, n);
    free(counters);
    return RL_OK;
}

const rl_reporter rl_report_csv = {"csv", list, begin, rows, end, .preamble = true};
