/* util_verdict.h - verdicts to render, and what rendering them gives. */
#ifndef UTIL_VERDICT_H
#define UTIL_VERDICT_H

#include "util_text.h"

#include "gate/verdict.h"

#include <stdio.h>

extern const rl_gate util_relative, util_floor;

/* One finding of each of five kinds, added from best to worst: k/pass, k/na, k/new and, where `regressed`, k/floor and
 * k/slow; one row without a gate, "loner". Closed; opened as if by `ridgeline run <lane>`. */
void util_verdict_fill(rl_verdict_set *v, const char *lane, bool regressed);

/* What a renderer that takes a path writes there. Freed with free(). */
#define UTIL_RENDERED(path, call) (util_temp_path(path), (call), util_temp_text(path))
void util_temp_path(char path[64]);
char *util_temp_text(const char *path);

#endif
