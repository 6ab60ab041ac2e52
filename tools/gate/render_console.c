/* render_console.c - summaries, a table, an outcome. Colour tells the verdict, nothing else. */
#include "gate/lines.h"
#include "gate/render.h"

#include <math.h>
#include <string.h>

/* How a verdict is written in the table, and its colour on a terminal. */
static const struct {
    const char *word, *color;
} looks[RL_VERDICTS] = {
    [RL_REGRESSED] = {"REGRESSED",    "\033[1;31m"},
    [RL_BROKEN] = {"BROKEN",       "\033[1;35m"},
    [RL_INCONCLUSIVE] = {"INCONCLUSIVE", "\033[33m"  },
    [RL_WAIVED] = {"WAIVED",       "\033[33m"  },
    [RL_SAME_CODE] = {"SAME_CODE",    "\033[2m"   },
    [RL_IMPROVED] = {"IMPROVED",     "\033[36m"  },
    [RL_NEW] = {"NEW",          "\033[34m"  },
    [RL_NOT_APPLICABLE] = {"n/a",          "\033[2m"   },
    [RL_PASS] = {"PASS",         "\033[32m"  },
};

typedef struct {
    FILE *out;
    rl_console_style style;
    bool many; /* lanes, so that lines must say which */
    int lane_width, name_width;
} table;

static void summarize(FILE *out, const rl_verdict_set *v)
{
    rl_pool pool = {0};
    fprintf(out, "%s: %s\n", rl_lane_text(v, &pool), rl_summary_text(v, &pool));
    if (v->diagnosis[0] != '\0') fprintf(out, "  DIAGNOSIS      %s\n", v->diagnosis);
    if (v->machine_class[0] != '\0') fprintf(out, "  machine class  %s\n", v->machine_class);
    fprintf(out, "  baseline       %s%s%s\n", rl_baseline_state_name(v->baseline_state),
            v->baseline_path[0] != '\0' ? ": " : "", v->baseline_path);
    if (v->baseline_reason[0] != '\0') fprintf(out, "                 %s\n", v->baseline_reason);
    for (size_t i = 0; i < v->n_problems; i++) fprintf(out, "  BROKEN         %s\n", v->problems[i]);
    for (size_t i = 0; i < v->n_ungated; i++)
        fprintf(out, "  %s %s\n", i == 0 ? "no gate for   " : "              ", v->ungated[i]);
    rl_pool_free(&pool);
}

/* A number of the statistics' columns: 9 wide, empty where there is none. */
static void print_statistic(FILE *out, const char *format, double x)
{
    char text[32] = "";
    if (isfinite(x)) snprintf(text, sizeof text, format, x);
    fprintf(out, "%9s ", text);
}

static void print_line(const table *t, const rl_line *l)
{
    char before[RL_VALUE_MAX], now[RL_VALUE_MAX], ratio[RL_VALUE_MAX], interval[RL_VALUE_MAX],
        limit[RL_VALUE_MAX];
    const rl_finding *f = l->finding;
    if (t->many) fprintf(t->out, "%-*s  ", t->lane_width, l->lane->lane_name);
    fprintf(t->out, "%-*s  %-16s %11s %11s %8s %13s %12s  ", t->name_width, f->benchmark, f->metric,
            isfinite(f->baseline) ? rl_value_text(before, f->baseline, f->unit) : "",
            isfinite(f->now) ? rl_value_text(now, f->now, f->unit) : "", rl_ratio_text(ratio, f),
            rl_interval_text(interval, f), rl_threshold_text(limit, f));
    if (t->style.all) {
        print_statistic(t->out, "%.2g", f->p);
        print_statistic(t->out, "%.3f", f->superiority);
        print_statistic(t->out, "%.3fx", f->detectable);
        fputc(' ', t->out);
    }
    fprintf(t->out, "%s%s%s", t->style.color ? looks[f->verdict].color : "", looks[f->verdict].word,
            t->style.color ? "\033[0m" : "");
    if (l->others > 0) fprintf(t->out, " (closest of %zu)", l->others + 1);
    fputc('\n', t->out);
    if (f->reason[0] != '\0') fprintf(t->out, "    %s\n", f->reason);
    if (t->style.all && f->outliers_baseline + f->outliers_now > 0)
        fprintf(
            t->out,
            "    far from the others: %zu of %zu launches, %zu of the baseline's %zu; all of them count\n",
            f->outliers_now, f->n_now, f->outliers_baseline, f->n_baseline);
    if (f->reproduce[0] != '\0') fprintf(t->out, "    $ %s\n", f->reproduce);
}

static void print_table(table *t, const rl_verdict_set *const *lanes, size_t n)
{
    rl_pool pool = {0};
    size_t n_lines;
    rl_line *lines = rl_lines(lanes, n, t->style.all, &pool, &n_lines);
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
        fputc('\n', t->out);
        if (t->many) fprintf(t->out, "%-*s  ", t->lane_width, "lane");
        fprintf(t->out, "%-*s  %-16s %11s %11s %8s %13s %12s  ", t->name_width, "benchmark", "metric",
                "baseline", "now", "ratio", "95 % interval", "threshold");
        if (t->style.all) fprintf(t->out, "%9s %9s %9s  ", "p", "superior", "findable");
        fputs("verdict\n", t->out);
        for (size_t i = 0; i < n_lines; i++) print_line(t, &lines[i]);
    }
    rl_pool_free(&pool);
}

void rl_render_console(FILE *out, const rl_verdict_set *const *lanes, size_t n, rl_console_style style)
{
    table t = {.out = out, .style = style, .many = n > 1};
    for (size_t i = 0; i < n; i++) summarize(out, lanes[i]);
    print_table(&t, lanes, n);
    const int code = rl_lanes_exit(lanes, n);
    const rl_verdict worst = code == RL_EXIT_PASS         ? RL_PASS
                             : code == RL_EXIT_REGRESSION ? RL_REGRESSED
                                                          : RL_BROKEN;
    fprintf(out, "\n%sexit %d: %s%s\n", style.color ? looks[worst].color : "", code, rl_exit_meaning(code),
            style.color ? "\033[0m" : "");
}
