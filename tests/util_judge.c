/* util_judge.c - the texts around the few words. */
#include "util_judge.h"

#include <stdarg.h>
#include <string.h>

char util_csv[1 << 16];

static void append(const char *fmt, va_list ap)
{
    const size_t used = strlen(util_csv);
    const int n = vsnprintf(util_csv + used, sizeof util_csv - used, fmt, ap);
    assert_true(n >= 0 && used + (size_t)n + 1 < sizeof util_csv);
    strcat(util_csv, "\n");
}

void util_csv_line(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    append(fmt, ap);
    va_end(ap);
}

void util_csv_start(const char *header)
{
    util_csv[0] = '\0';
    util_csv_line("%s", header);
}

void util_csv_row(const char *name, const double *times, size_t n, double bw, double error)
{
    for (size_t i = 0; i < n; i++)
        util_csv_line("%s,10,%.9g,ns,,,%zu,0,0,%.9g,%.9g", name, times[i], i + 1, bw, error);
}

static char text[1 << 16];

static void format(const char *fmt, ...) RL_PRINTF(1, 2);
static void format(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    assert_true(n >= 0 && (size_t)n < sizeof text);
}

static const char *or_none(const char *given) { return given != NULL ? given : ""; }

/* How many launches the first row has: one more than there are commas. */
static size_t launches_of(const char *rows)
{
    const char *list = strstr(rows, "\"launches\":[[");
    size_t n = 1;
    assert_non_null(list);
    for (const char *c = list; *c != ']'; c++) n += *c == ',';
    return n;
}

static void read_baseline(util_trial *t, const util_setup *s)
{
    rl_error err = {0};
    format(
        "{\"schema\":2,\"lane\":\"l\",\"machine_class\":\"m\",\"bench\":\"b\",\"args\":[],\"_meta\":"
        "{\"timestamp\":\"2026-08-22\",\"commit\":\"c\",\"clean\":true,\"machine\":{},\"sessions\":"
        "[{\"timestamp\":\"2026-08-22\",\"launches\":%zu,\"contaminated\":0}]},\"code\":{%s},\"rows\":[%s]}",
        launches_of(s->baseline), or_none(s->code_then), s->baseline);
    if (rl_baseline_parse(&t->baseline, "base", text, strlen(text), &err) != RL_OK) fail_msg("%s", err.text);
    t->v.baseline_state = RL_BASELINE_USED;
}

static void read_origin(util_trial *t, const util_setup *s)
{
    rl_error err = {0};
    format("{\"machine_class\":\"m\",\"machine_class_of\":{%s},\"machine\":{},\"build\":{\"commit\":\"c\","
           "\"dirty\":false},\"code\":{%s}%s%s%s}",
           or_none(s->machine), or_none(s->code), s->companion != NULL ? ",\"companion\":\"" : "",
           or_none(s->companion), s->companion != NULL ? "\"" : "");
    if (rl_origin_parse(&t->origin, "context", text, strlen(text), &err) != RL_OK) fail_msg("%s", err.text);
}

void util_judge(util_trial *t, const util_setup *s)
{
    rl_error err = {0};
    const bool context = s->machine != NULL || s->code != NULL;
    memset(&t->baseline, 0, sizeof t->baseline);
    memset(&t->origin, 0, sizeof t->origin);
    format("{\"schema\":1,\"lane\":\"l\",\"bench\":\"b\",\"launches\":7,\"timeout_s\":9%s,\"gates\":[%s]}",
           or_none(s->lane_more), s->gates);
    if (rl_lane_parse(&t->lane, "l", "lane", text, strlen(text), &err) != RL_OK) fail_msg("%s", err.text);
    if (rl_samples_parse(&t->samples, "csv", s->csv, strlen(s->csv), &err) != RL_OK) fail_msg("%s", err.text);
    rl_verdict_open(&t->v, "l", s->quick);
    t->v.baseline_state = rl_lane_needs_baseline(&t->lane) ? RL_BASELINE_MISSING : RL_BASELINE_NOT_NEEDED;
    if (s->baseline != NULL) read_baseline(t, s);
    if (context) read_origin(t, s);
    rl_judge(&t->v, &(rl_judge_input){.lane = &t->lane,
                                      .quick = s->quick,
                                      .samples = &t->samples,
                                      .origin = context ? &t->origin : NULL,
                                      .baseline = s->baseline != NULL ? &t->baseline : NULL,
                                      .cpu_known = s->cpu_known,
                                      .cpu = s->cpu});
}

void util_judge_end(util_trial *t)
{
    rl_verdict_free(&t->v);
    rl_origin_free(&t->origin);
    rl_baseline_free(&t->baseline);
    rl_samples_free(&t->samples);
    rl_lane_free(&t->lane);
}

const rl_finding *util_finding(const util_trial *t, const char *benchmark)
{
    for (size_t i = 0; i < t->v.n_findings; i++)
        if (strcmp(t->v.findings[i].benchmark, benchmark) == 0) return &t->v.findings[i];
    fail_msg("no finding about %s", benchmark);
    return NULL;
}

void util_expect(const util_trial *t, const char *benchmark, rl_verdict verdict, const char *says)
{
    const rl_finding *f = util_finding(t, benchmark);
    if (f->verdict != verdict) fail_msg("%s: %s (%s)", benchmark, rl_verdict_name(f->verdict), f->reason);
    util_assert_contains(f->reason, says);
}
