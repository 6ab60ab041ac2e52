/* waiver.h - regressions that are allowed for a time: baselines/waivers.json, reviewed like the code it
 * excuses.
 *
 *   {
 *     "schema": 1,
 *     "waivers": [
 *       {"lane": "gemv", "rows": "^gemv/q4_0/.*cold", "metric": "real_time", "max_ratio": 1.15,
 *        "expires": "2026-12-31", "reason": "the bounds checks go once ...", "link": "https://..."}
 *     ]
 *   }
 *
 * "rows" is a pattern as in lane.h. "max_ratio" is how many times worse than the baseline the row may be, in
 * either direction of better. It holds through the day "expires", UTC. "link" is optional.
 *
 * A waiver speaks of relative gates alone: floors, ceilings and whatever else holds on any machine are not
 * waived, nor is a measurement that is broken. Where it allows a REGRESSED row, or one INCONCLUSIVE that
 * seems to be worse than the margin allows (the same row on another day), the verdict becomes WAIVED. One
 * that has expired or is exceeded leaves the verdict, and the reason says so.
 *
 * A waiver that no row of its lane matches excuses nothing, or not what its author meant: a problem of the
 * run where the whole lane was measured and judged, and no matter in a quick run or one that broke. */
#ifndef RL_WAIVER_H
#define RL_WAIVER_H

#include "gate/verdict.h"

#include <stdint.h>

enum { RL_WAIVER_SCHEMA = 1 };

typedef struct {
    const char *lane, *rows, *metric, *reason, *link; /* link NULL: none */
    const char *expires;                              /* as written */
    int64_t end;                                      /* the first second in which it holds no more */
    double max_ratio;
    regex_t matcher; /* of rows */
} rl_waiver;

typedef struct {
    rl_pool pool; /* owns everything but the matchers */
    rl_waiver *items;
    size_t n;
} rl_waivers;

/* Errors: RL_ERR_FORMAT with file and place, RL_ERR_IO. *w is empty then, and may be freed. A file that is
 * not there has no waivers. */
rl_status rl_waivers_parse(rl_waivers *w, const char *file, const char *data, size_t n, rl_error *err);
rl_status rl_waivers_read(rl_waivers *w, const char *path, rl_error *err);
void rl_waivers_free(rl_waivers *w);

/* Applies them to a verdict at `now` (date.h), and closes it again; `whole`: all rows of the lane were to be
 * measured, and were judged. */
void rl_waivers_apply(const rl_waivers *w, int64_t now, bool whole, rl_verdict_set *v);

#endif
