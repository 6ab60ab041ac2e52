/* render.h - a verdict as people and as programs read it. A new form: render_x.c, and its function here. */
#ifndef RL_RENDER_H
#define RL_RENDER_H

#include "gate/verdict.h"

#include <stdbool.h>
#include <stdio.h>

/* Summaries, one table over all lanes, worst first, and the outcome. Nothing is left out: every finding has
 * its line, and every one that is no PASS its reason. */
void rl_render_console(FILE *out, const rl_verdict_set *const *lanes, size_t n, bool color);

/* One lane as JSON, its keys listed in render_json.c; to `path`, whole or not at all. A number
 * that does not exist is left out. */
rl_status rl_render_json(const rl_verdict_set *v, const char *path, rl_error *err);

#endif
