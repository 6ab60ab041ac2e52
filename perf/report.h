/* report.h - what reporters have in common. A new one: report_x.c, and its row in report.c. Private. */
#ifndef RL_REPORT_H
#define RL_REPORT_H

#include "perf/suite.h"

typedef struct rl_report rl_report;

typedef struct {
    const char *name; /* "console": what --benchmark_format calls it */
    void (*list)(FILE *out, const rl_suite *s);
    void (*begin)(rl_report *r);
    void (*rows)(rl_report *r, const rl_instance *in); /* of a case that is done */
    rl_status (*end)(rl_report *r, rl_error *err);
    bool preamble; /* wants the context told on stderr, having no place for it */
} rl_reporter;

extern const rl_reporter rl_report_console, rl_report_csv, rl_report_json;

struct rl_report {
    const rl_reporter *reporter;
    const rl_suite *s;
    FILE *out;
    bool aggregates_only, color, tabular;
    size_t name_width;      /* console: of its first column */
    char columns[4096];     /* console: counters that the last header named */
    bool has_header;        /* console */
    struct cJSON *document; /* JSON: owned between begin and end */
};

/* The reporter called `name`; the name has been checked. */
const rl_reporter *rl_reporter_find(const char *name);

/* Calls fn for each row a report shows of a case: repetitions unless only aggregates are wanted and there are
 * some, then aggregates. */
typedef void rl_row_fn(rl_report *r, const rl_instance *in, const rl_row *row);
void rl_each_row(rl_report *r, const rl_instance *in, rl_row_fn *fn);

/* The unit that a case's times are printed in. */
rl_time_unit rl_unit_of(const rl_suite *s, const rl_instance *in);

/* Everything about the run but its rows: preamble.c tells it to people, context.c to programs. */
void rl_preamble(FILE *out, const rl_suite *s);
void rl_warnings(FILE *out, const rl_suite *s);
void rl_yardstick_warnings(FILE *out, const rl_suite *s); /* known at the end only */
struct cJSON *rl_context(const rl_suite *s);              /* owned by the caller; NULL without memory */

/* Where a file is asked for: can it be written at all? Known before hours are spent. */
rl_status rl_report_check(const char *path, rl_error *err);

/* The whole file, and beside a CSV its context. */
rl_status rl_report_write(const rl_suite *s, rl_error *err);

#endif
