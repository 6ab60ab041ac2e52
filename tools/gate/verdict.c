/* verdict.c - collecting findings and settling the exit code. */
#include "gate/verdict.h"
#include "gate/reproduce.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[RL_VERDICTS] = {
    [RL_WAIVED] = "WAIVED", [RL_SAME_CODE] = "SAME_CODE",           [RL_REGRESSED] = "REGRESSED",
    [RL_BROKEN] = "BROKEN", [RL_INCONCLUSIVE] = "INCONCLUSIVE",     [RL_IMPROVED] = "IMPROVED",
    [RL_NEW] = "NEW",       [RL_NOT_APPLICABLE] = "NOT_APPLICABLE", [RL_PASS] = "PASS",
};

static const char *const state_names[] = {
    [RL_BASELINE_USED] = "used",
    [RL_BASELINE_NOT_NEEDED] = "not needed",
    [RL_BASELINE_MISSING] = "missing",
    [RL_BASELINE_OTHER] = "not comparable",
    [RL_BASELINE_UNREADABLE] = "unreadable",
    [RL_BASELINE_STALE] = "stale",
};

/* The order of precedence, strongest first. */
static const struct {
    int code;
    const char *meaning;
} exits[] = {
    {RL_EXIT_BAD_USAGE,   "bad usage"                          },
    {RL_EXIT_REGRESSION,  "regression"                         },
    {RL_EXIT_BROKEN,      "measurement broken"                 },
    {RL_EXIT_NO_BASELINE, "no usable baseline for this machine"},
    {RL_EXIT_PASS,        "pass"                               },
};

static size_t exit_rank(int code)
{
    size_t i = 0;
    while (i + 1 < RL_COUNT(exits) && exits[i].code != code) i++;
    return i;
}

int rl_exit_worst(int a, int b) { return exit_rank(a) <= exit_rank(b) ? a : b; }
const char *rl_exit_meaning(int exit_code) { return exits[exit_rank(exit_code)].meaning; }
const char *rl_verdict_name(rl_verdict verdict) { return names[verdict]; }
const char *rl_baseline_state_name(rl_baseline_state state) { return state_names[state]; }

void rl_verdict_open(rl_verdict_set *v, const char *lane_name, bool quick)
{
    *v = (rl_verdict_set){
        .quick = quick,
        .machine_class = "",
        .csv = "",
        .baseline_path = "",
        .model = "",
        .commit = "",
        .rows = "",
        .command = "",
        .report = "",
        .baseline_reason = "",
        .diagnosis = "",
    };
    v->lane_name = rl_pool_printable(&v->pool, lane_name, strlen(lane_name));
}

void rl_verdict_free(rl_verdict_set *v)
{
    rl_pool_free(&v->pool);
    memset(v, 0, sizeof *v);
}

rl_finding *rl_verdict_add(rl_verdict_set *v, const char *benchmark, const rl_gate *gate, rl_verdict verdict)
{
    const double none = (double)NAN;
    v->findings = rl_pool_more(&v->pool, v->findings, v->n_findings, sizeof *v->findings);
    rl_finding *f = &v->findings[v->n_findings++];
    *f = (rl_finding){
        .benchmark = rl_pool_copy(&v->pool, benchmark, strlen(benchmark)),
        .gate = gate,
        .metric = gate != NULL ? gate->metric : "",
        .unit = "",
        .verdict = verdict,
        .reason = "",
        .baseline = none,
        .now = none,
        .ratio = none,
        .ratio_low = none,
        .ratio_high = none,
        .p = none,
        .superiority = none,
        .detectable = none,
        .threshold = none,
        .excess = none,
        .spread_baseline = none,
        .spread_now = none,
        .reproduce = "",
    };
    return f;
}

void rl_verdict_problem(rl_verdict_set *v, const char *fmt, ...)
{
    char text[4096];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    v->problems = rl_pool_more(&v->pool, v->problems, v->n_problems, sizeof *v->problems);
    v->problems[v->n_problems++] = rl_pool_copy(&v->pool, text, strlen(text));
}

/* By verdict, then by how bad, then by name, so that tables are the same from run to run. */
static int finding_order(const void *pa, const void *pb)
{
    const rl_finding *a = pa, *b = pb;
    if (a->verdict != b->verdict) return a->verdict < b->verdict ? -1 : 1;
    const bool rated_a = isfinite(a->excess), rated_b = isfinite(b->excess);
    if (rated_a && rated_b && a->excess != b->excess) return a->excess > b->excess ? -1 : 1;
    if (rated_a != rated_b) return rated_a ? -1 : 1;
    int order = strcmp(a->benchmark, b->benchmark);
    return order != 0 ? order : strcmp(a->metric, b->metric);
}

static bool judged(const rl_verdict_set *v)
{
    static const rl_verdict judgements[] = {RL_REGRESSED, RL_INCONCLUSIVE, RL_WAIVED,
                                            RL_IMPROVED,  RL_SAME_CODE,    RL_PASS};
    size_t n = 0;
    for (size_t i = 0; i < RL_COUNT(judgements); i++) n += v->count[judgements[i]];
    return n > 0;
}

bool rl_finding_fails(const rl_finding *f)
{
    return f->verdict == RL_REGRESSED || f->verdict == RL_BROKEN ||
           (f->verdict == RL_INCONCLUSIVE && f->excess > 1);
}

bool rl_verdict_comparable(const rl_verdict_set *v)
{
    return v->baseline_state == RL_BASELINE_USED || v->baseline_state == RL_BASELINE_NOT_NEEDED;
}

void rl_verdict_close(rl_verdict_set *v)
{
    if (v->n_findings > 0) qsort(v->findings, v->n_findings, sizeof *v->findings, finding_order);
    memset(v->count, 0, sizeof v->count);
    bool failed = false;
    for (size_t i = 0; i < v->n_findings; i++) {
        rl_finding *f = &v->findings[i];
        v->count[f->verdict]++;
        failed = failed || rl_finding_fails(f);
        f->reproduce = rl_reproduce(v, f);
    }
    const bool comparable = rl_verdict_comparable(v);
    if (comparable && v->n_problems == 0 && v->count[RL_BROKEN] == 0 && !judged(v))
        rl_verdict_problem(v, "nothing was judged: no row came under a gate that applies here");
    v->exit_code = v->count[RL_REGRESSED] > 0    ? RL_EXIT_REGRESSION
                   : failed || v->n_problems > 0 ? RL_EXIT_BROKEN
                   : !comparable                 ? RL_EXIT_NO_BASELINE
                                                 : RL_EXIT_PASS;
}
