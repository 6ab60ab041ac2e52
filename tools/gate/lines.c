/* lines.c - collecting and sorting what tables show. */
#include "gate/lines.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const words[RL_VERDICTS] = {
    [RL_REGRESSED] = "regressed",
    [RL_BROKEN] = "broken",
    [RL_INCONCLUSIVE] = "inconclusive",
    [RL_WAIVED] = "waived",
    [RL_IMPROVED] = "improved",
    [RL_SAME_CODE] = "same code",
    [RL_NEW] = "new",
    [RL_NOT_APPLICABLE] = "not applicable",
    [RL_PASS] = "passed",
};

const char *rl_verdict_word(rl_verdict verdict) { return words[verdict]; }

rl_grade rl_finding_grade(const rl_finding *f)
{
    if (rl_finding_fails(f)) return RL_GRADE_ERROR;
    if (f->verdict == RL_INCONCLUSIVE || f->verdict == RL_WAIVED) return RL_GRADE_WARNING;
    return f->verdict == RL_PASS || f->verdict == RL_NOT_APPLICABLE ? RL_GRADE_NONE : RL_GRADE_NOTICE;
}

const char *rl_ratio_text(char out[RL_VALUE_MAX], const rl_finding *f)
{
    out[0] = '\0';
    if (isfinite(f->ratio)) snprintf(out, RL_VALUE_MAX, "%.3fx", f->ratio);
    return out;
}

const char *rl_interval_text(char out[RL_VALUE_MAX], const rl_finding *f)
{
    out[0] = '\0';
    if (isfinite(f->ratio_low) && isfinite(f->ratio_high))
        snprintf(out, RL_VALUE_MAX, "%.3f-%.3f", f->ratio_low, f->ratio_high);
    return out;
}

const char *rl_threshold_text(char out[RL_VALUE_MAX], const rl_finding *f)
{
    char value[RL_VALUE_MAX];
    out[0] = '\0';
    if (f->gate == NULL || !isfinite(f->threshold)) return out;
    const bool relative = f->gate->kind == RL_GATE_RELATIVE;
    snprintf(out, RL_VALUE_MAX, "%s %.40s",
             f->gate->higher ? ">=" : "<=", rl_value_text(value, f->threshold, relative ? "x" : f->unit));
    return out;
}

const char *rl_gate_text(const rl_finding *f, char between, rl_pool *pool)
{
    if (f->gate == NULL) return "";
    const char *kind = rl_gate_kind_name(f->gate->kind);
    return f->metric[0] != '\0' ? rl_pool_format(pool, "%s%c%s", kind, between, f->metric) : kind;
}

const char *rl_summary_text(const rl_verdict_set *v, rl_pool *pool)
{
    const char *text = rl_pool_format(pool, "compared %zu/%zu", v->compared, v->expected);
    for (int i = 0; i < RL_VERDICTS; i++)
        if (v->count[i] > 0) text = rl_pool_format(pool, "%s, %s %zu", text, words[i], v->count[i]);
    if (v->n_ungated > 0) text = rl_pool_format(pool, "%s, ungated %zu", text, v->n_ungated);
    if (v->contaminated == 0) return text;
    return rl_pool_format(pool, "%s; disturbed %zu of %zu repetitions", text, v->contaminated,
                          v->repetitions);
}

const char *rl_lane_text(const rl_verdict_set *v, rl_pool *pool)
{
    const char *quick = v->quick ? "quick" : "", *rows = v->rows;
    if (quick[0] == '\0' && rows[0] == '\0') return v->lane_name;
    return rl_pool_format(pool, "%s (%s%s%s%s)", v->lane_name, quick,
                          quick[0] != '\0' && rows[0] != '\0' ? ", " : "", rows[0] != '\0' ? "only " : "",
                          rows);
}

int rl_lanes_exit(const rl_verdict_set *const *lanes, size_t n)
{
    int code = RL_EXIT_PASS;
    for (size_t i = 0; i < n; i++) code = rl_exit_worst(code, lanes[i]->exit_code);
    return code;
}

/* As rl_verdict_close sorts findings, and by lane where that leaves a choice. */
static int line_order(const void *pa, const void *pb)
{
    const rl_line *a = pa, *b = pb;
    const rl_finding *fa = a->finding, *fb = b->finding;
    if (fa->verdict != fb->verdict) return fa->verdict < fb->verdict ? -1 : 1;
    const double xa = isfinite(fa->excess) ? fa->excess : -1, xb = isfinite(fb->excess) ? fb->excess : -1;
    if (xa != xb) return xa > xb ? -1 : 1;
    int order = strcmp(a->lane->lane_name, b->lane->lane_name);
    if (order == 0) order = strcmp(fa->benchmark, fb->benchmark);
    return order != 0 ? order : strcmp(fa->metric, fb->metric);
}

/* The line that a passing row shares; NULL: it gets its own. */
static rl_line *shared_line(rl_line *lines, size_t n, const rl_verdict_set *lane, const rl_finding *f)
{
    if (f->verdict != RL_PASS || f->gate == NULL || rl_gate_needs_baseline(f->gate)) return NULL;
    for (size_t i = n; i-- > 0 && lines[i].lane == lane;)
        if (lines[i].finding->verdict == RL_PASS && lines[i].finding->gate == f->gate) return &lines[i];
    return NULL;
}

rl_line *rl_lines(const rl_verdict_set *const *lanes, size_t n, bool all, rl_pool *pool, size_t *n_lines)
{
    rl_line *lines = NULL;
    *n_lines = 0;
    for (size_t k = 0; k < n; k++)
        for (size_t i = 0; i < lanes[k]->n_findings; i++) {
            const rl_finding *f = &lanes[k]->findings[i];
            rl_line *shared = all ? NULL : shared_line(lines, *n_lines, lanes[k], f);
            if (shared != NULL) {
                if (f->excess > shared->finding->excess) shared->finding = f;
                shared->others++;
                continue;
            }
            lines = rl_pool_more(pool, lines, *n_lines, sizeof *lines);
            lines[(*n_lines)++] = (rl_line){lanes[k], f, 0};
        }
    if (*n_lines > 0) qsort(lines, *n_lines, sizeof *lines, line_order);
    return lines;
}
