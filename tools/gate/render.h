/* render.h - a verdict as people and as programs read it. A new form: render_x.c, and its function here. */
#ifndef RL_RENDER_H
#define RL_RENDER_H

#include "gate/verdict.h"

#include <stdbool.h>
#include <stdio.h>

/* Summaries, one table over all lanes, worst first, and the outcome. Every finding that is no PASS has its line and
 * its reason, and so has every comparison with a baseline; of the rows that pass a floor or a ceiling, the one that
 * comes closest stands for the others, with their number, unless `all` asks for each. */
typedef struct {
    bool color, all;
} rl_console_style;
void rl_render_console(FILE *out, const rl_verdict_set *const *lanes, size_t n, rl_console_style style);

/* One lane as JSON, its keys listed in render_json.c; to `path`, whole or not at all. A number
 * that does not exist is left out. */
rl_status rl_render_json(const rl_verdict_set *v, const char *path, rl_error *err);

#endif
