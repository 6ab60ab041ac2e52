/* suite_run.c - what a suite does: select, schedule, run one repetition after the other, report; and the exit
 * code of it all. */
#include "base/random.h"
#include "perf/report.h"
#include "perf/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
        size_t k = (size_t)(rl_random(&state) % i);
        rl_instance *other = order[k];
        order[k] = order[i - 1];
        order[i - 1] = other;
    }
    return order;
}

/* The median of what a case that is over measured; NaN where that is nothing. */
static double measured_time(const rl_instance *in)
{
    if (in->n_aggregates > 0) return in->aggregates[RL_MEDIAN].real_s;
    for (size_t i = 0; i < in->n_rows; i++)
        if (in->rows[i].outcome == RL_MEASURED) return in->rows[i].real_s;
    return NAN;
}

/* The reference's time, found once for all that name it: what it measured where it has run, else a short run
 * of its own. */
static void resolve_reference(rl_suite *s, const rl_runner *r, rl_instance *in)
{
    rl_instance *reference = rl_find_reference(s, in);
    if (reference == NULL || in->referred) return;
    double seconds = reference->over ? measured_time(reference) : rl_run_quietly(r, reference);
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

/* Runs the schedule; a case is left when another's turn comes, and told when it is over. False where any failed. */
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
            if (in->c.reference != NULL && s->options.yardsticks) resolve_reference(s, &r, in);
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

/* How many cases a filter has to choose from. */
static size_t offered(const rl_suite *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n_cases; i++) n += !s->cases[i].c.reference_only;
    return n;
}

static int select_and_run(rl_suite *s)
{
    rl_error err = {0};
    size_t selected;
    const rl_options *o = &s->options;
    if (s->refused.status != RL_OK) return rl_suite_usage(s, "%s", s->refused.text);
    if (s->ran) return rl_suite_usage(s, "the suite has run already");
    s->ran = true;
    if (o->iterations_from[0] != '\0' && rl_counts_read(&s->counts, o->iterations_from, &err) != RL_OK)
        return rl_suite_failed(s, "--benchmark_iterations_from: %s", err.text);
    if (rl_select(s, &selected, &err) != RL_OK) return rl_suite_usage(s, "%s", err.text);
    if (selected == 0) {
        const size_t n = offered(s);
        if (n == 0) return rl_suite_usage(s, "the program's own flags leave no benchmark to run");
        return rl_suite_usage(s, "no benchmark matches --benchmark_filter='%s' (of %zu)", o->filter, n);
    }
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

int rl_suite_run(rl_suite *s)
{
    rl_locale locale = rl_locale_enter();
    int exit_code = select_and_run(s);
    rl_locale_leave(locale);
    return exit_code;
}
