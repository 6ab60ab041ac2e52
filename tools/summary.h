/* summary.h - reports/<lane>/summary.json: for people and their plots, of every row the medians of launches of the columns
 * that the lane's "summary" names, and every ratio that a gate took, with its lower 95 % bound where it has one. What
 * is decided is in verdict.json.
 *
 *   {"schema": 1, "lane": "...", "quick": false, "machine_class": "...", "commit": "...", "companion": "ran",
 *    "rows": [{"name": "...", "label": "...", "launches": 10, "real_time": 1.5, "time_unit": "ns", ...}],
 *    "ratios": [{"row": "...", "of": "/hf/", "metric": "real_time", "median": 51.2, "lower95": 49.8, "wanted": 5,
 *                "verdict": "PASS"}]}
 *
 * A row that failed or was skipped has "message" in the place of numbers; a column that was not measured is not there. */
#ifndef RL_SUMMARY_H
#define RL_SUMMARY_H

#include "gate/origin.h"
#include "gate/samples.h"
#include "gate/verdict.h"

/* Writes the file, whole or not at all. origin NULL: unknown. RL_ERR_IO, RL_ERR_MEMORY. */
rl_status rl_summary_write(const char *path, const rl_verdict_set *v, const rl_samples *s,
                           const rl_origin *origin, rl_error *err);

#endif
