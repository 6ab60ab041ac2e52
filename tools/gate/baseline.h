/* baseline.h - what a lane's rows measured when they were last calibrated.
 *
 * A file baselines/<machine class>/<lane>.json keeps every launch, not a mean; one line a row, sorted by name
 * and metric, so that a recalibration reads well as a diff:
 *
 *   {
 *     "schema": 2,
 *     "lane": "gemv",
 *     "machine_class": "amd-epyc-1a-02-01-2c-avx512-89abcdef",
 *     "bench": "bench_gemv",
 *     "args": [...],                what the full lane ran it with
 *     "_meta": {
 *       "timestamp": "2026-08-22T10:00:00Z", "commit": "...", "clean": true, "reason": "...",
 *       "kernel": "...", "tool": "...", "model": "...",
 *       "machine": {"brand": "...", "cores": "2", "isa": "...", "compiler": "...", "flags": "...", ...},
 *       "sessions": [
 *         {"timestamp":"2026-08-22T09:40:00Z","load":0.02,"launches":10,"contaminated":0.01},
 *         ...
 *       ]
 *     },
 *     "code": {"gemv/avx512": "...", ...},
 *     "gone": {"gemv/q4_9/...": "why the row is no more"},
 *     "rows": [
 *       {"name":"...","metric":"real_time","unit":"ns","better":"lower","median":41210,"within":0.012,
 *        "between":0.021,"s_w":0.004,"s_b":0.007,"s_s":0.003,"launches":[[41190,41230,...],[...]],
 *        "control":[[5.2e10,...],[...]],"control_of":"read_bw","beta":0.62,"note":"..."},
 *       ...
 *     ]
 *   }
 *
 * A session is a run of launches; sessions lie apart in time, so that they see different states of the
 * machine. Launches are grouped by session, ascending in each; "control" has the control variate's reading
 * (control.h) of each of them, in the same places, "control_of" its name. Numbers have six significant digits. They
 * are above 0, but for an exact count that is 0 in every launch. "launches" of a session are how many each row has
 * of it.
 *
 * Spreads: "within" and "between" are the middle launch's range of repetitions over its median, and the range
 * of launches over theirs. s_w, s_b and s_s are standard deviations of the logarithm: of repetitions within a
 * launch, of launches within a session, of the sessions' medians, each as observed, what the smaller ones add
 * included. -1: there were too few to tell. "median" is for people; the judge takes it from the launches, and
 * a file where the two disagree is refused as doctored.
 *
 * "gone" has the tombstones: rows that were once here and may be missing. The timestamp of the whole is the
 * newest session's, its age decides whether it is stale. "load", "reason", "kernel", "tool", "model", "code",
 * "gone", "note", and "control" with "control_of" and "beta" may be missing. */
#ifndef RL_BASELINE_H
#define RL_BASELINE_H

#include "gate/lane.h"
#include "gate/origin.h"

#include <stdint.h>

enum { RL_BASELINE_SCHEMA = 2, RL_SESSIONS_MAX = 16 };

typedef struct {
    const char *timestamp; /* when it was measured */
    size_t launches;
    double load, contaminated; /* load NaN: unknown; contaminated: a part of all repetitions */
} rl_session;

typedef struct {
    const char *name, *metric, *unit;
    bool higher;            /* is better */
    double *launches;       /* of all sessions, ascending */
    double *control;        /* of each of them, the control variate's reading; NULL: none */
    const char *control_of; /* whose readings: one of rl_control_names; NULL: none */
    size_t *session; /* of each of them, which one it is of, from 0; NULL for rl_baseline_add: the first */
    size_t n;
    double median, within, between, s_w, s_b, s_s; /* see above */
    double beta, control_median;                   /* 0 and NaN without control */
    const char *note;                              /* NULL: none. recalibrate keeps it */
} rl_baseline_row;

typedef struct {
    rl_pool pool; /* owns everything */
    const char *lane, *bench;
    const char **args;
    size_t n_args;
    rl_machine machine;
    const char *timestamp, *commit, *reason, *kernel, *tool, *model; /* model: "" none */
    bool clean;
    rl_session *sessions;
    size_t n_sessions;
    const rl_part *code; /* as in rl_origin */
    size_t n_code;
    const rl_part *gone; /* a row's name, and why */
    size_t n_gone;
    rl_baseline_row *rows; /* by name, then metric; none twice */
    size_t n_rows;
} rl_baseline;

/* Errors: RL_ERR_FORMAT with file and place, RL_ERR_IO; RL_ERR_UNSUPPORTED for another schema. *b is empty
 * then, and may be freed. */
rl_status rl_baseline_parse(rl_baseline *b, const char *file, const char *data, size_t n, rl_error *err);
rl_status rl_baseline_read(rl_baseline *b, const char *path, rl_error *err);
void rl_baseline_free(rl_baseline *b);

/* NULL where there is none. */
const rl_baseline_row *rl_baseline_find(const rl_baseline *b, const char *name, const char *metric);

/* Why a row is no more; NULL: it has no tombstone. */
const char *rl_baseline_gone(const rl_baseline *b, const char *name);

/* Can the samples of `origin` be compared with this baseline of the lane? If not, *reason (in the pool) says
 * why. */
bool rl_baseline_fits(const rl_baseline *b, const rl_lane *lane, const rl_origin *origin, rl_pool *pool,
                      const char **reason);

/* Is it of use at `now` (date.h)? Not where it is older than the lane allows, or from the future by more than
 * a day: *reason (in the pool) says so, and what to do. */
bool rl_baseline_fresh(const rl_baseline *b, const rl_lane *lane, int64_t now, rl_pool *pool,
                       const char **reason);

/* Adds a row made of launches, in any order: rounds, sorts, works out median, spreads and beta from them;
 * within and s_w, which it cannot know, come from the caller (NaN: too few to tell). b->n_sessions is set
 * before. Strings are borrowed. */
void rl_baseline_add(rl_baseline *b, const rl_baseline_row *row);

/* Puts rows into their order. Returns one that is there twice, or NULL. */
const rl_baseline_row *rl_baseline_sort(rl_baseline *b);

/* Writes it whole or not at all, rows sorted; makes the directory. RL_ERR_IO. */
rl_status rl_baseline_write(rl_baseline *b, const char *path, rl_error *err);

/* x with as many significant digits as baselines keep. */
double rl_baseline_round(double x);

#endif
