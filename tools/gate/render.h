/* render.h - a verdict as people and as programs read it. A new form: render_x.c, and its function here. All of
 * them read the one result, and every finding that did not simply pass has its reason and its command.
 *
 * Files are written whole or not at all. Text of others (rows' names, what a bench said) is escaped as each form
 * has it, and is ASCII in all of them. */
#ifndef RL_RENDER_H
#define RL_RENDER_H

#include "gate/verdict.h"

#include <stdbool.h>
#include <stdio.h>

/* Summaries, one table over all lanes, worst first, and the outcome. Every finding that is no PASS has its line and
 * its reason, and so has every comparison with a baseline; of the rows that pass a floor or a ceiling, the one that
 * comes closest stands for the others, with their number, unless `all` asks for each: then there are columns for p,
 * superiority and the detectable change, too. */
typedef struct {
    bool color, all;
} rl_console_style;
void rl_render_console(FILE *out, const rl_verdict_set *const *lanes, size_t n, rl_console_style style);

/* One lane as JSON by docs/verdict.schema.json. A number that does not exist is left out. */
rl_status rl_render_json(const rl_verdict_set *v, const char *path, rl_error *err);

/* A page for GitHub of at most RL_MARKDOWN_MAX bytes (a comment has 65,536 characters), in the pool. Its first line
 * is "<!-- ridgeline: gemv -->", with the names of the lanes, by which a bot finds its own comment again. */
enum { RL_MARKDOWN_MAX = 65000 };
const char *rl_render_markdown(const rl_verdict_set *const *lanes, size_t n, rl_pool *pool);

rl_status rl_render_junit(const rl_verdict_set *const *lanes, size_t n, const char *path, rl_error *err);

/* The source file, below the repository's root, of the kernel that a row times, in the pool; NULL where it is of no
 * single one. */
typedef const char *rl_locate(const char *benchmark, rl_pool *pool);

rl_status rl_render_sarif(const rl_verdict_set *const *lanes, size_t n, rl_locate *locate, const char *path,
                          rl_error *err);

/* GitHub's workflow commands, at most ten errors, warnings and notices each. */
void rl_render_annotations(FILE *out, const rl_verdict_set *const *lanes, size_t n, rl_locate *locate);

#endif
