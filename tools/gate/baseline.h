/* baseline.h - what a lane's rows measured when they were last calibrated.
 *
 * A file baselines/<machine class>/<lane>.json keeps every launch, not a mean; one line a row, sorted by name
 * and metric, so that a recalibration reads well as a diff:
 *
 *   {
 *     "schema": 1,
 *     "lane": "gemv",
 *     "machine_class": "amd-epyc-1a-02-01-2c-avx512-89abcdef",
 *     "bench": "bench_gemv",
 *     "args": [...],                what the full lane ran it with
 *     "_meta": {
 *       "timestamp": "2026-08-22T10:00:00Z", "commit": "...", "clean": true, "reason": "...",
 *       "launches": 10, "load": 0.02, "contaminated": 0.01, "kernel": "...", "tool": "...", "model": "...",
 *       "machine": {"brand": "...", "cores": "2", "isa": "...", "compiler": "...", "flags": "...", ...}
 *     },
 *     "rows": [
 *       {"name":"...","metric":"real_time","unit":"ns","better":"lower","median":41210,"within":0.012,
 *        "between":0.021,"launches":[41190,41230,...],"note":"..."},
 *       ...
 *     ]
 *   }
 *
 * Numbers have six significant digits. "within" and "between" are spreads: the middle launch's range of
 * repetitions over its median (-1: it had one), and the range of launches over theirs. "median" is for
 * people; the judge takes it from the launches, and a file where the two disagree is refused as doctored.
 * "load", "reason", "kernel", "tool", "model" and "note" may be missing. */
#ifndef RL_BASELINE_H
#define RL_BASELINE_H

#include "gate/lane.h"
#include "gate/origin.h"

enum { RL_BASELINE_SCHEMA = 1 };

typedef struct {
    const char *name, *metric, *unit;
    bool higher;      /* is better */
    double *launches; /* ascending */
    size_t n;
    double median, within, between;
    const char *note; /* NULL: none. recalibrate keeps it */
} rl_baseline_row;

typedef struct {
    rl_pool pool; /* owns everything */
    const char *lane, *bench;
    const char **args;
    size_t n_args;
    rl_machine machine;
    const char *timestamp, *commit, *reason, *kernel, *tool, *model; /* model: "" none */
    bool clean;
    size_t launches;
    double load, contaminated; /* load NaN: unknown */
    rl_baseline_row *rows;     /* by name, then metric; none twice */
    size_t n_rows;
} rl_baseline;

/* Errors: RL_ERR_FORMAT with file and place, RL_ERR_IO; RL_ERR_UNSUPPORTED for another schema. *b is empty
 * then, and may be freed. */
rl_status rl_baseline_parse(rl_baseline *b, const char *file, const char *data, size_t n, rl_error *err);
rl_status rl_baseline_read(rl_baseline *b, const char *path, rl_error *err);
void rl_baseline_free(rl_baseline *b);

/* NULL where there is none. */
const rl_baseline_row *rl_baseline_find(const rl_baseline *b, const char *name, const char *metric);

/* Can the samples of `origin` be compared with this baseline of the lane? If not, *reason (in the pool) says why. */
bool rl_baseline_fits(const rl_baseline *b, const rl_lane *lane, const rl_origin *origin, rl_pool *pool,
                      const char **reason);

/* Adds a row made of launch values: rounds, sorts, works out median and spread. The strings are borrowed. */
void rl_baseline_add(rl_baseline *b, const rl_baseline_row *row);

/* Writes it whole or not at all, rows sorted; makes the directory. RL_ERR_IO. */
rl_status rl_baseline_write(rl_baseline *b, const char *path, rl_error *err);

/* x with as many significant digits as baselines keep. */
double rl_baseline_round(double x);

#endif
