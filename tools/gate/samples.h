/* samples.h - what bench programs measured: their CSV, read into rows by name, launch and repetition.
 *
 * The file is perf's (report_csv.c): RFC 4180, a header, one line a repetition. Columns are found by name.
 * There must be
 *   name, iterations, real_time, time_unit, error_occurred, error_message, launch, repetition, contaminated
 * and every other column is of numbers that a gate may name, but for the texts
 *   label, isa, cache, counter_quality
 * of which the last two are not kept.
 * An empty cell was not measured. error_occurred is empty where a time was measured, "true" where the case
 * failed, "false" where it was skipped; error_message says why.
 *
 * Whatever breaks the form is an error of the whole file, naming the line: not a header, another number of
 * fields, an open quote, a control byte, a word where a number belongs, no line feed at the end (a file cut
 * short), sizes beyond the limits. What breaks the meaning (NaN, zero, a repetition that stands there twice)
 * is read, for the judge to name every such row. */
#ifndef RL_SAMPLES_H
#define RL_SAMPLES_H

#include "gate/pool.h"

#include <stdbool.h>

enum {
    RL_SAMPLES_BYTES_MAX = 32 << 20,
    RL_SAMPLES_LINES_MAX = 1 << 16,
    RL_SAMPLES_LINE_BYTES_MAX = 1 << 16,
    RL_SAMPLES_COLUMNS_MAX = 256,
    RL_SAMPLES_NAME_MAX = 512,
};

typedef struct {
    double value; /* NaN where it is not given, or says so itself */
    bool given;
} rl_cell;

typedef enum { RL_SAMPLE_MEASURED, RL_SAMPLE_SKIPPED, RL_SAMPLE_FAILED } rl_sample_outcome;

typedef struct {
    const char *name, *unit, *message; /* "" where there is none */
    const char *isa, *label;           /* likewise: the tier that ran, and what the bench says of it */
    size_t launch, repetition, line;   /* line: where it ends in the file, from 1 */
    rl_sample_outcome outcome;
    bool contaminated;
    const rl_cell *cells; /* one for each of rl_samples.columns */
} rl_sample;

/* All of one benchmark. */
typedef struct {
    const char *name;
    const rl_sample *samples; /* by launch, repetition, line */
    size_t n;
} rl_sample_row;

typedef struct {
    rl_pool pool;         /* owns everything */
    const char **columns; /* those with numbers */
    size_t n_columns;
    rl_sample *samples;
    size_t n_samples;
    rl_sample_row *rows; /* by name */
    size_t n_rows;
    size_t *launches; /* the numbers that occur, ascending */
    size_t n_launches;
} rl_samples;

/* Errors: RL_ERR_FORMAT, RL_ERR_IO; *s is empty then, and may be freed. */
rl_status rl_samples_parse(rl_samples *s, const char *file, const char *data, size_t n, rl_error *err);
rl_status rl_samples_read(rl_samples *s, const char *path, rl_error *err);
void rl_samples_free(rl_samples *s);

/* NULL where there is none. */
const rl_sample_row *rl_samples_find(const rl_samples *s, const char *name);

/* The column's index, or n_columns where there is none. */
size_t rl_samples_column(const rl_samples *s, const char *name);

/* How many repetitions the launch has that begins with row->samples[first]. */
size_t rl_samples_launch_length(const rl_sample_row *row, size_t first);

/* One process launch is one observation: fills out[] with the medians (of the column with that index) of the
 * launches' repetitions, and *within (which may be NULL) with the middle one of their ranges over their
 * medians; NaN where no launch has two. out has room for row->n. Returns the number of launches. Every cell
 * must be finite. */
size_t rl_samples_launch_medians(const rl_sample_row *row, size_t index, double *out, double *within);

/* What a metric is measured in: "ns", "B/s", "%"; "" where only the bench knows. */
const char *rl_metric_unit(const char *metric, const char *time_unit);

/* As perf allows a name (row.h: printable, no quotes, commas, backslashes), and not too long. */
bool rl_benchmark_name_ok(const char *name);

#endif
