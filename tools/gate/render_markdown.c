/* render_markdown.c - the verdict where GitHub shows Markdown: a job's summary, a comment on a pull request.
 *
 * Everything is one page of pieces, the worst first. From the first piece on that would make it longer than allowed,
 * all are left out whole and counted: the last line says how many there are and where to find them. A row and the
 * command that repeats it are one piece, although they stand in two places.
 *
 * Text that is not ours cannot become markup. Names and commands are code spans, fenced by more backticks than
 * they hold; sentences have their punctuation as character references, and '@' and '#', which GitHub would turn
 * into mentions and links even so, in <code>. */
#include "base/file.h"
#include "gate/lines.h"
#include "gate/render.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

typedef struct {
    char *text;
    size_t n;
} buffer;

typedef struct {
    rl_pool pool;
    buffer body, commands; /* the second goes into the first in the end, and counts from the beginning */
    size_t left_out;
} page;

/* What closing tags and the last line take. */
enum { RESERVE = 4096 };

static void put(buffer *b, const char *text)
{
    const size_t n = strlen(text);
    memcpy(b->text + b->n, text, n + 1);
    b->n += n;
}

/* Adds a piece and the command that goes with it, which may be "". False: it has been counted instead. */
static bool add_both(page *p, const char *piece, const char *command)
{
    const size_t n = p->body.n + p->commands.n + strlen(piece) + strlen(command);
    if (p->left_out > 0 || n > RL_MARKDOWN_MAX - RESERVE) {
        p->left_out++;
        return false;
    }
    put(&p->body, piece);
    put(&p->commands, command);
    return true;
}

static void add(page *p, const char *piece) { add_both(p, piece, ""); }

/* ---- Text of others -------------------------------------------------------------------------------- */

static size_t longest_run(const char *text, char of)
{
    size_t longest = 0;
    for (size_t run = 0; *text != '\0'; text++) {
        run = *text == of ? run + 1 : 0;
        if (run > longest) longest = run;
    }
    return longest;
}

/* A code span. In a table, and only there, a bar has a backslash even inside one. */
static const char *code_span(rl_pool *pool, const char *text, bool in_table)
{
    const char *clean = rl_pool_printable(pool, text, strlen(text));
    const size_t fence = longest_run(clean, '`') + 1;
    if (clean[0] == '\0') return "";
    char *span = rl_pool_alloc(pool, 2 * strlen(clean) + 2 * fence + 3), *to = span;
    const char *pad = fence > 1 ? " " : "";
    for (size_t i = 0; i < fence; i++) *to++ = '`';
    to = stpcpy(to, pad);
    for (const char *c = clean; *c != '\0'; c++) {
        if (*c == '|' && in_table) *to++ = '\\';
        *to++ = *c;
    }
    to = stpcpy(to, pad);
    for (size_t i = 0; i < fence; i++) *to++ = '`';
    return span;
}

static const char *code(rl_pool *pool, const char *text) { return code_span(pool, text, false); }

static const char *prose(rl_pool *pool, const char *text)
{
    const char *clean = rl_pool_printable(pool, text, strlen(text));
    char *out = rl_pool_alloc(pool, 14 * strlen(clean) + 1), *to = out;
    for (const char *c = clean; *c != '\0'; c++) {
        if (*c == '@' || *c == '#')
            to += sprintf(to, "<code>%c</code>", *c);
        else if (isalnum((unsigned char)*c) || strchr(" .,;/%()='+", *c) != NULL)
            *to++ = *c;
        else
            to += sprintf(to, "&#%d;", *c);
    }
    return out;
}

/* ---- Pieces ---------------------------------------------------------------------------------------- */

static void add_marker(page *p, const rl_verdict_set *const *lanes, size_t n)
{
    char *names = rl_pool_copy(&p->pool, "", 0);
    for (size_t i = 0; i < n; i++)
        names = rl_pool_format(&p->pool, "%s%s%s", names, i > 0 ? "," : "", lanes[i]->lane_name);
    for (char *c = names; (c = strstr(c, "--")) != NULL;) c[1] = '_'; /* two of them end a comment */
    add(p, rl_pool_format(&p->pool, "<!-- ridgeline: %s -->\n", names));
}

static void add_lane(page *p, const rl_verdict_set *v)
{
    rl_pool *pool = &p->pool;
    add(p, rl_pool_format(pool, "- **%s**: %s (exit %d): %s\n", prose(pool, rl_lane_text(v, pool)),
                          rl_exit_meaning(v->exit_code), v->exit_code, rl_summary_text(v, pool)));
    if (v->diagnosis[0] != '\0')
        add(p, rl_pool_format(pool, "  - **Diagnosis: %s**\n", prose(pool, v->diagnosis)));
    for (size_t i = 0; i < v->n_problems; i++)
        add(p, rl_pool_format(pool, "  - **broken**: %s\n", prose(pool, v->problems[i])));
    add(p, rl_pool_format(pool, "  - baseline %s%s%s%s%s\n", rl_baseline_state_name(v->baseline_state),
                          v->baseline_path[0] != '\0' ? ": " : "", code(pool, v->baseline_path),
                          v->baseline_reason[0] != '\0' ? ": " : "", prose(pool, v->baseline_reason)));
    if (v->machine_class[0] != '\0' || v->commit[0] != '\0')
        add(p, rl_pool_format(pool, "  - machine class %s, commit %s%s\n", code(pool, v->machine_class),
                              code(pool, v->commit), v->dirty ? " with changes" : ""));
}

static const char *line_text(rl_pool *pool, const rl_line *l)
{
    char before[RL_VALUE_MAX], now[RL_VALUE_MAX], ratio[RL_VALUE_MAX], interval[RL_VALUE_MAX],
        limit[RL_VALUE_MAX];
    const rl_finding *f = l->finding;
    const char *mark = rl_finding_fails(f) ? "**" : "";
    const char *others = l->others > 0 ? rl_pool_format(pool, " (closest of %zu)", l->others + 1) : "";
    return rl_pool_format(pool, "| %s%s%s%s | %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", mark,
                          rl_verdict_word(f->verdict), mark, others, prose(pool, l->lane->lane_name),
                          code_span(pool, f->benchmark, true), prose(pool, f->metric),
                          isfinite(f->baseline) ? rl_value_text(before, f->baseline, f->unit) : "",
                          isfinite(f->now) ? rl_value_text(now, f->now, f->unit) : "",
                          rl_ratio_text(ratio, f), rl_interval_text(interval, f),
                          prose(pool, rl_threshold_text(limit, f)), prose(pool, f->reason));
}

/* "" where there is nothing to run again. */
static const char *command_text(rl_pool *pool, const rl_finding *f)
{
    if (f->reproduce[0] == '\0') return "";
    return rl_pool_format(pool, "%s\n", rl_pool_printable(pool, f->reproduce, strlen(f->reproduce)));
}

static bool passed(const rl_line *l) { return l->finding->verdict == RL_PASS; }

/* The lines that passed, or the others. */
static void add_table(page *p, const rl_line *lines, size_t n, bool of_passes)
{
    static const char head[] =
        "\n| verdict | lane | benchmark | metric | baseline | now | ratio | 95 % interval | allowed | why |\n"
        "|---|---|---|---|--:|--:|--:|--:|--:|---|\n";
    const char *before = head;
    for (size_t i = 0; i < n; i++) {
        if (passed(&lines[i]) != of_passes) continue;
        const char *text = rl_pool_format(&p->pool, "%s%s", before, line_text(&p->pool, &lines[i]));
        if (add_both(p, text, command_text(&p->pool, lines[i].finding))) before = "";
    }
}

/* One code block, its fence longer than anything in it. */
static void put_commands(page *p)
{
    enum { FENCE_MAX = 1024 };
    const size_t fence = longest_run(p->commands.text, '`') + 1;
    char fences[FENCE_MAX + 1] = "```";
    if (fence > FENCE_MAX) p->left_out++;
    if (p->commands.n == 0 || fence > FENCE_MAX) return;
    if (fence > 3) memset(fences, '`', fence);
    put(&p->body, "\n<details><summary>Commands that measure these rows again</summary>\n\n");
    put(&p->body, rl_pool_format(&p->pool, "%ssh\n", fences));
    put(&p->body, p->commands.text);
    put(&p->body, rl_pool_format(&p->pool, "%s\n\n</details>\n", fences));
    p->commands.n = 0;
}

static void add_passes(page *p, const rl_line *lines, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++) count += passed(&lines[i]);
    if (count == 0) return;
    put(&p->body, "\n<details><summary>What passed</summary>\n");
    add_table(p, lines, n, true);
    put(&p->body, "\n</details>\n");
}

static void add_ungated(page *p, const rl_verdict_set *const *lanes, size_t n)
{
    for (size_t k = 0; k < n; k++)
        for (size_t i = 0; i < lanes[k]->n_ungated; i++)
            add(p,
                rl_pool_format(&p->pool, "%s- %s: no gate looks at %s\n", i == 0 ? "\n" : "",
                               prose(&p->pool, lanes[k]->lane_name), code(&p->pool, lanes[k]->ungated[i])));
}

static void add_left_out(page *p, const rl_verdict_set *const *lanes, size_t n)
{
    if (p->left_out == 0) return;
    const char *where = "";
    for (size_t i = 0; i < n; i++) {
        if (lanes[i]->report[0] == '\0' || strlen(where) > 256) continue;
        where = rl_pool_format(&p->pool, "%s%s%.200s/verdict.json", where, where[0] != '\0' ? ", " : "",
                               lanes[i]->report);
    }
    put(&p->body,
        rl_pool_format(&p->pool,
                       "\n**%zu lines are left out here: a page has at most %d bytes. All of them are in "
                       "%s.**\n",
                       p->left_out, (int)RL_MARKDOWN_MAX,
                       where[0] != '\0' ? code(&p->pool, where) : "verdict.json"));
}

const char *rl_render_markdown(const rl_verdict_set *const *lanes, size_t n, rl_pool *pool)
{
    page p = {.body.text = rl_pool_alloc(pool, RL_MARKDOWN_MAX + 1)};
    p.commands.text = rl_pool_alloc(&p.pool, RL_MARKDOWN_MAX + 1);
    size_t n_lines;
    rl_line *lines = rl_lines(lanes, n, false, &p.pool, &n_lines);
    add_marker(&p, lanes, n);
    add(&p, rl_pool_format(&p.pool, "### Ridgeline: %s\n\n", rl_exit_meaning(rl_lanes_exit(lanes, n))));
    for (size_t i = 0; i < n; i++) add_lane(&p, lanes[i]);
    add_table(&p, lines, n_lines, false);
    put_commands(&p);
    add_passes(&p, lines, n_lines);
    add_ungated(&p, lanes, n);
    add_left_out(&p, lanes, n);
    rl_pool_free(&p.pool);
    return p.body.text;
}
