/* render_console.c - summaries, a table, an outcome. Colour tells the verdict, nothing else. */
#include "gate/render.h"
#include "gate/value.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* How a verdict is written in the table, and its colour on a terminal. */
static const struct {
    const char *word, *color, *summary;
} looks[RL_VERDICTS] = {
    [RL_REGRESSED] = {"REGRESSED",    "\033[1;31m", "regressed"     },
    [RL_BROKEN] = {"BROKEN",       "\033[1;35m", "broken"        },
    [RL_INCONCLUSIVE] = {"INCONCLUSIVE", "\033[33m",   "inconclusive"  },
    [RL_WAIVED] = {"WAIVED",       "\033[33m",   "waived"        },
    [RL_SAME_CODE] = {"SAME_CODE",    "\033[2m",    "same code"     },
    [RL_IMPROVED] = {"IMPROVED",     "\033[36m",   "improved"      },
    [RL_NEW] = {"NEW",          "\033[34m",   "new"           },
    [RL_NOT_APPLICABLE] = {"n/a",          "\033[2m",    "not applicable"},
    [RL_PASS] = {"PASS",         "\033[32m",   "passed"        },
};

typedef struct {
    const rl_verdict_set *lane;
    const rl_finding *finding;
    size_t others; /* that passed the same gate by more, and have no line of their own */
} line;

typedef struct {
    FILE *out;
    rl_console_style style;
    bool many; /* lanes, so that lines must say which */
    int lane_width, name_width;
} table;

static void summarize(FILE *out, const rl_verdict_set *v)
{
    fprintf(out, "%s%s: compared %zu/%zu", v->lane_name, v->quick ? " (quick)" : "", v->compared,
            v->expected);
    for (int i = 0; i < RL_VERDICTS; i++)
        if (v->count[i] > 0) fprintf(out, ", %s %zu", looks[i].summary, v->count[i]);
    if (v->n_ungated > 0) fprintf(out, ", ungated %zu", v->n_ungated);
    if (v->contaminated > 0)
        fprintf(out, "; disturbed %zu of %zu repetitions", v->contaminated, v->repetitions);
    fputc('\n', out);
    if (v->machine_class[0] != '\0') fprintf(out, "  machine class  %s\n", v->machine_class);
    fprintf(out, "  baseline       %s%s%s\n", rl_baseline_state_name(v->baseline_state),
            v->baseline_path[0] != '\0' ? ": " : "", v->baseline_path);
    if (v->baseline_reason[0] != '\0') fprintf(out, "                 %s\n", v->baseline_reason);
    for (size_t i = 0; i < v->n_problems; i++) fprintf(out, "  BROKEN         %s\n", v->problems[i]);
    for (size_t i = 0; i < v->n_ungated; i++)
        fprintf(out, "  %s %s\n", i == 0 ? "no gate for   " : "              ", v->ungated[i]);
}

static const char *allowed(char out[RL_VALUE_MAX], const rl_finding *f)
{
    char value[RL_VALUE_MAX];
    out[0] = '\0';
    if (f->gate == NULL || !isfinite(f->threshold)) return out;
    const bool relative = f->gate->kind == RL_GATE_RELATIVE;
    snprintf(out, RL_VALUE_MAX, "%s %.40s",
             f->gate->higher ? ">=" : "<=", rl_value_text(value, f->threshold, relative ? "x" : f->unit));
    return out;
}

static void print_line(const table *t, const line *l)
{
    char before[RL_VALUE_MAX], now[RL_VALUE_MAX], ratio[RL_VALUE_MAX] = "", limit[RL_VALUE_MAX];
    const rl_finding *f = l->finding;
    if (isfinite(f->ratio)) snprintf(ratio, sizeof ratio, "%.3fx", f->ratio);
    if (t->many) fprintf(t->out, "%-*s  ", t->lane_width, l->lane->lane_name);
    fprintf(t->out, "%-*s  %-16s %11s %11s %8s %12s  ", t->name_width, f->benchmark, f->metric,
            isfinite(f->baseline) ? rl_value_text(before, f->baseline, f->unit) : "",
            isfinite(f->now) ? rl_value_text(now, f->now, f->unit) : "", ratio, allowed(limit, f));
    fprintf(t->out, "%s%s%s", t->style.color ? looks[f->verdict].color : "", looks[f->verdict].word,
            t->style.color ? "\033[0m" : "");
    if (l->others > 0) fprintf(t->out, " (closest of %zu)", l->others + 1);
    fputc('\n', t->out);
    if (f->reason[0] != '\0') fprintf(t->out, "    %s\n", f->reason);
}

/* Lanes are sorted already; this merges them. */
static int line_order(const void *pa, const void *pb)
{
    const line *a = pa, *b = pb;
    if (a->finding->verdict != b->finding->verdict) return a->finding->verdict < b->finding->verdict ? -1 : 1;
    int order = strcmp(a->lane->lane_name, b->lane->lane_name);
    if (order != 0) return order;
    return a->finding < b->finding ? -1 : a->finding > b->finding;
}

/* The line that a row which passed a floor or a ceiling shares with the others of its gate; NULL: it has its own. */
static line *shared_line(const table *t, line *lines, size_t n, const rl_verdict_set *lane,
                         const rl_finding *f)
{
    if (t->style.all || f->verdict != RL_PASS || f->gate == NULL || f->gate->kind == RL_GATE_RELATIVE)
        return NULL;
    for (size_t i = n; i-- > 0 && lines[i].lane == lane;)
        if (lines[i].finding->verdict == RL_PASS && lines[i].finding->gate == f->gate) return &lines[i];
    return NULL;
}

static line *collect_lines(const table *t, const rl_verdict_set *const *lanes, size_t n, rl_pool *pool,
                           size_t *n_lines)
{
    line *lines = NULL;
    *n_lines = 0;
    for (size_t k = 0; k < n; k++)
        for (size_t i = 0; i < lanes[k]->n_findings; i++) {
            const rl_finding *f = &lanes[k]->findings[i];
            line *shared = shared_line(t, lines, *n_lines, lanes[k], f);
            if (shared != NULL) {
                if (f->excess > shared->finding->excess) shared->finding = f;
                shared->others++;
                continue;
            }
            lines = rl_pool_more(pool, lines, *n_lines, sizeof *lines);
            lines[(*n_lines)++] = (line){lanes[k], f, 0};
        }
    return lines;
}

static void print_table(table *t, const rl_verdict_set *const *lanes, size_t n)
{
    rl_pool pool = {0};
    size_t n_lines;
    line *lines = collect_lines(t, lanes, n, &pool, &n_lines);
    t->name_width = (int)strlen("benchmark");
    t->lane_width = (int)strlen("lane");
    for (size_t i = 0; i < n_lines; i++) {
        const int name = (int)strlen(lines[i].finding->benchmark),
                  lane = (int)strlen(lines[i].lane->lane_name);
        if (name > t->name_width && name <= 72)
            t->name_width = name; /* a longer one shifts its own line only */
        if (lane > t->lane_width) t->lane_width = lane;
    }
    if (n_lines > 0) {
        qsort(lines, n_lines, sizeof *lines, line_order);
        fputc('\n', t->out);
        if (t->many) fprintf(t->out, "%-*s  ", t->lane_width, "lane");
        fprintf(t->out, "%-*s  %-16s %11s %11s %8s %12s  %s\n", t->name_width, "benchmark", "metric",
                "baseline", "now", "ratio", "threshold", "verdict");
        for (size_t i = 0; i < n_lines; i++) print_line(t, &lines[i]);
    }
    rl_pool_free(&pool);
}

void rl_render_console(FILE *out, const rl_verdict_set *const *lanes, size_t n, rl_console_style style)
{
    table t = {.out = out, .style = style, .many = n > 1};
    int code = RL_EXIT_PASS;
    for (size_t i = 0; i < n; i++) {
        summarize(out, lanes[i]);
        code = rl_exit_worst(code, lanes[i]->exit_code);
    }
    print_table(&t, lanes, n);
    rl_verdict worst = code == RL_EXIT_PASS ? RL_PASS : code == RL_EXIT_REGRESSION ? RL_REGRESSED : RL_BROKEN;
    fprintf(out, "\n%sexit %d: %s%s\n", style.color ? looks[worst].color : "", code, rl_exit_meaning(code),
            style.color ? "\033[0m" : "");
}
