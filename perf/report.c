/* report.c - the table of reporters, and the file that a report is written to. */
#include "perf/report.h"
#include "base/file.h"
#include "perf/json.h"

#include <errno.h>
#include <string.h>

static const rl_reporter *const reporters[] = {&rl_report_console, &rl_report_csv, &rl_report_json};

const rl_reporter *rl_reporter_find(const char *name)
{
    for (size_t i = 0; i < RL_COUNT(reporters); i++)
        if (strcmp(reporters[i]->name, name) == 0) return reporters[i];
    return NULL;
}

void rl_each_row(rl_report *r, const rl_instance *in, rl_row_fn *fn)
{
    if (!r->aggregates_only || in->n_aggregates == 0)
        for (size_t i = 0; i < in->n_rows; i++) fn(r, in, &in->rows[i]);
    for (size_t i = 0; i < in->n_aggregates; i++) fn(r, in, &in->aggregates[i]);
}

rl_time_unit rl_unit_of(const rl_suite *s, const rl_instance *in)
{
    rl_time_unit unit = in->c.unit;
    if (unit == RL_UNIT_DEFAULT) rl_parse_unit(s->options.time_unit, &unit);
    return unit == RL_UNIT_DEFAULT ? RL_NS : unit;
}

rl_status rl_report_check(const char *path, rl_error *err)
{
    rl_outfile file;
    rl_status status = rl_outfile_open(&file, path, err);
    if (status == RL_OK) rl_outfile_abandon(&file);
    return status;
}

static rl_status write_context(const rl_suite *s, rl_error *err)
{
    char path[4096];
    int length = snprintf(path, sizeof path, "%s.context.json", s->options.out);
    if (length < 0 || (size_t)length >= sizeof path)
        return rl_fail(err, RL_ERR_ARG, "output path longer than %zu bytes", sizeof path - 1);
    char *text = rl_json_print(rl_context(s));
    if (text == NULL) return rl_fail(err, RL_ERR_MEMORY, "%s: out of memory", path);
    rl_status status = rl_file_write(path, text, strlen(text), err);
    rl_json_free(text);
    return status;
}

rl_status rl_report_write(const rl_suite *s, rl_error *err)
{
    const rl_options *o = &s->options;
    rl_outfile file;
    rl_status status = rl_outfile_open(&file, o->out, err);
    if (status != RL_OK) return status;
    rl_report r = {
        .reporter = rl_reporter_find(o->out_format),
        .s = s,
        .out = file.stream,
        .aggregates_only = o->report_aggregates_only,
        .tabular = o->counters_tabular,
    };
    if (r.reporter == &rl_report_console) rl_preamble(r.out, s);
    r.reporter->begin(&r);
    for (size_t i = 0; i < s->n_cases; i++)
        if (s->cases[i].selected) r.reporter->rows(&r, &s->cases[i]);
    status = r.reporter->end(&r, err);
    if (status == RL_OK && ferror(file.stream))
        status = rl_fail(err, RL_ERR_IO, "%s: cannot write: %s", o->out, strerror(errno));
    if (status != RL_OK) {
        rl_outfile_abandon(&file);
        return status;
    }
    status = rl_outfile_commit(&file, err);
    if (status == RL_OK && r.reporter == &rl_report_csv) status = write_context(s, err);
    return status;
}
