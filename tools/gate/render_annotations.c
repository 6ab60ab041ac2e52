/* render_annotations.c - GitHub's workflow commands: what failed, as annotations of the run.
 *
 *   ::error file=kernels/gemv/gemv_avx2.c,title=gemv REGRESSED::message
 *
 * GitHub shows ten of each kind a step and drops the others without a word, so where there are more, the tenth
 * says how many. Data has %, CR and LF as %25, %0D, %0A; properties have : and , as %3A, %2C besides. */
#include "gate/lines.h"
#include "gate/render.h"

#include <string.h>

enum { MOST = 10 };

static const char *const commands[] = {
    [RL_GRADE_ERROR] = "error", [RL_GRADE_WARNING] = "warning", [RL_GRADE_NOTICE] = "notice"};

typedef struct {
    rl_grade grade;
    const char *file, *title, *message; /* file NULL: none */
} note;

typedef struct {
    rl_pool pool;
    note *notes;
    size_t n;
} notebook;

static void put_escaped(FILE *out, const char *text, const char *special)
{
    for (const char *c = text; *c != '\0'; c++)
        if (strchr("%\r\n", *c) != NULL || strchr(special, *c) != NULL)
            fprintf(out, "%%%02X", (unsigned)(unsigned char)*c);
        else if (*c >= 0x20 && *c < 0x7f)
            fputc(*c, out);
        else
            fprintf(out, "\\x%02x", (unsigned)(unsigned char)*c);
}

static void put_note(FILE *out, const note *n)
{
    fprintf(out, "::%s ", commands[n->grade]);
    if (n->file != NULL) {
        fputs("file=", out);
        put_escaped(out, n->file, ":,");
        fputc(',', out);
    }
    fputs("title=", out);
    put_escaped(out, n->title, ":,");
    fputs("::", out);
    put_escaped(out, n->message, "");
    fputc('\n', out);
}

static void take(notebook *b, rl_grade grade, const char *file, const char *title, const char *message)
{
    b->notes = rl_pool_more(&b->pool, b->notes, b->n, sizeof *b->notes);
    b->notes[b->n++] = (note){grade, file, title, message};
}

static void take_lane(notebook *b, const rl_verdict_set *v)
{
    rl_pool *pool = &b->pool;
    if (v->diagnosis[0] != '\0')
        take(b, v->exit_code == RL_EXIT_PASS ? RL_GRADE_NOTICE : RL_GRADE_ERROR, NULL,
             rl_pool_format(pool, "%s: diagnosis", v->lane_name), v->diagnosis);
    for (size_t i = 0; i < v->n_problems; i++)
        take(b, RL_GRADE_ERROR, NULL, rl_pool_format(pool, "%s: measurement broken", v->lane_name),
             v->problems[i]);
    if (!rl_verdict_comparable(v))
        take(b, RL_GRADE_WARNING, NULL,
             rl_pool_format(pool, "%s: baseline %s", v->lane_name, rl_baseline_state_name(v->baseline_state)),
             v->baseline_reason);
}

static void take_line(notebook *b, const rl_line *l, rl_locate *locate)
{
    rl_pool *pool = &b->pool;
    const rl_finding *f = l->finding;
    const rl_grade grade = rl_finding_grade(f);
    if (grade == RL_GRADE_NONE) return;
    take(b, grade, locate(f->benchmark, pool),
         rl_pool_format(pool, "%s %s", l->lane->lane_name, rl_verdict_name(f->verdict)),
         rl_pool_format(pool, "%s%s%s: %s%s%s", f->benchmark, f->metric[0] != '\0' ? " " : "", f->metric,
                        f->reason, f->reproduce[0] != '\0' ? "\n" : "", f->reproduce));
}

static void put_grade(FILE *out, const notebook *b, rl_grade grade)
{
    size_t count = 0, put = 0;
    for (size_t i = 0; i < b->n; i++) count += b->notes[i].grade == grade;
    const size_t most = count <= MOST ? count : MOST - 1;
    for (size_t i = 0; i < b->n && put < most; i++) {
        if (b->notes[i].grade != grade) continue;
        put_note(out, &b->notes[i]);
        put++;
    }
    if (put == count) return;
    char more[96];
    snprintf(more, sizeof more, "and %zu more: the table in the log and verdict.json have them all",
             count - put);
    put_note(out, &(note){grade, NULL, "ridgeline", more});
}

void rl_render_annotations(FILE *out, const rl_verdict_set *const *lanes, size_t n, rl_locate *locate)
{
    notebook b = {0};
    size_t n_lines;
    for (size_t i = 0; i < n; i++) take_lane(&b, lanes[i]);
    const rl_line *lines = rl_lines(lanes, n, false, &b.pool, &n_lines);
    for (size_t i = 0; i < n_lines; i++) take_line(&b, &lines[i], locate);
    for (rl_grade grade = RL_GRADE_ERROR; grade < RL_GRADE_NONE; grade++) put_grade(out, &b, grade);
    rl_pool_free(&b.pool);
}
