/* lane.h - what a lane runs, and which gates its rows must pass: baselines/lanes/<lane>.json.
 *
 *   {
 *     "schema": 1,
 *     "lane": "gemv",                      the file's own name
 *     "about": "W x at decode shapes",     optional, for people
 *     "bench": "bench_gemv",               a program beside ridgeline, see `ridgeline run --help`
 *     "args": ["--cache=cold"],            optional
 *     "launches": 10,                      fresh processes; each is one observation
 *     "false_reds_per_100_runs": 1,        optional: how strict the relative gates are, all together
 *     "timeout_s": 120,                    for each
 *     "stale_after_days": 180,             optional: how old a baseline may be
 *     "model": {"preset": "tinyllama-1.1b", "format": "q4_0", "seed": 1},   optional: needs a model file; or
 *     "model": "optional",                 a file that `ridgeline run --vocab` names goes to the bench as --model
 *     "companion": {"program": "other.py", "rows": "^gemv/other/", "args": [...], "quick_args": [...],
 *                   "timeout_s": 60},      optional: measures beside the bench what that cannot (measure.h); the
 *                                          names of all its rows, and of none of the bench's, match "rows"
 *     "summary": ["bytes_per_second"],     optional: columns of which summary.json has the median of launches
 *     "quick": {"launches": 3, "args": [...], "filter": "<ERE>"},           optional: what --quick changes
 *     "gates": [ ... ]
 *   }
 *
 * A gate looks at one metric (a column of the CSV, user counters included) of all rows whose name its "rows"
 * matches: a POSIX ERE that searches, without {}, back references and more than eight +. Where several match a
 * row, each counts. baselines/lane.schema.json says the same to editors.
 *
 *   {"kind": "relative", "rows": "...", "metric": "real_time", "better": "lower", "margin": 0.10}
 *       against the baseline of the machine's class: how much worse is no regression yet; values above 0
 *       and "control": "read_bw" or "peak", optional: corrected by what the machine could do then (control.h)
 *   {"kind": "exact", "rows": "...", "metric": "instructions", "better": "lower", "tolerance": 0.01}
 *       against the same baseline, of what hardly varies: off by more than that part of it, from 0 to 0.01, is a
 *       regression or an improvement without any statistics; launches that disagree by more are broken
 *
 * The others are portable, they hold on any machine:
 *
 *   {"kind": "floor", "rows": "...", "metric": "bw_pct", "min": 60}
 *   {"kind": "ceiling", "rows": "...", "metric": "real_time", "max": 1000, "unit": "ns",
 *    "of": "worst"}
 *       the median of launches, or with "of": "worst" every repetition
 *   {"kind": "quality", "rows": "...", "metric": "max_error", "max": 1e-4}
 *       a ceiling on an error, which is never negative, of every repetition unless "of" is "median"
 *       and all three, where the metric is real_time or cpu_time: "unit": "ns", "us", "ms" or "s", that of the bound;
 *       a row in another unit is broken
 *   {"kind": "ratio", "rows": "/q8_0/", "from": "/q8_0/", "to": "/f16/", "metric": "real_time", "better": "lower",
 *    "min": 1.15}
 *       how many times better a row is than the one whose name has "to" where its own first has "from", both in
 *       one launch, at least; the median of launches. A row without a partner is broken
 *       and "bound": "lower95", optional: not the median, but the lower end of its one-sided 95 % interval must
 *       reach it (rank.h). Where every row of several must, so must, with 95 % confidence, the smallest
 *       and "companion": true, optional: the other row is the companion's. Where that could not run here, the gate
 *       does not apply, and says why; where it ran, and left no such row, it is broken
 *   {"kind": "path", "rows": "...", "isa": "best", "kernel": "^gemv_q4_0_"}
 *       what must have run: the tier (column isa; "best": the one that the machine's class is of), the kernel (an
 *       ERE for the label), or both
 *
 * and any of them may say
 *
 *   "note": "why this bound"           printed where the gate fails
 *   "quick": false                     left out of quick runs, which lack its rows
 *   "isa": "avx2"                      its rows exist where this tier can run, and nowhere else
 *   "optional": "the reason"           it may match nothing; a ratio: no row that has a partner
 *
 * A gate that matches nothing is a broken measurement, for a gate that cannot fail guards nothing; "isa" and
 * "optional" make that a line that says "not applicable" and why. Rows that no gate matches are listed. */
#ifndef RL_LANE_H
#define RL_LANE_H

#include "gate/node.h"

#include <regex.h>
#include <stdbool.h>
#include <stdint.h>

enum { RL_LANE_STALE_AFTER_DAYS = 180, RL_LANE_SCHEMA = 1, RL_LAUNCHES_MAX = 1000 };

typedef enum {
    RL_GATE_RELATIVE,
    RL_GATE_EXACT,
    RL_GATE_FLOOR,
    RL_GATE_CEILING,
    RL_GATE_QUALITY,
    RL_GATE_RATIO,
    RL_GATE_PATH
} rl_gate_kind;

typedef struct {
    rl_gate_kind kind;
    const char *rows, *metric; /* metric: "" of a path gate */
    regex_t matcher;           /* of rows */
    bool higher;      /* is better: what is compared with the bound, so true of a floor and of a ratio */
    double bound;     /* margin, tolerance, min or max */
    bool worst;       /* every repetition, not the median of launches */
    const char *unit; /* of the bound, where the metric is a time and no ratio is taken; else NULL */
    bool quick;       /* judged in quick runs, too */
    const char *isa, *optional, *note; /* NULL: not said */

    const char *control;    /* relative: "read_bw" or "peak"; NULL: none */
    const char *from, *to;  /* ratio */
    bool metric_higher;     /* ratio: the metric itself is better when higher */
    bool lower95;           /* ratio: the lower 95 % bound is compared, not the median */
    bool of_companion;      /* ratio: the other row is the companion's */
    bool best;              /* path: the isa is the one of the machine's class */
    const char *kernel;     /* path: an ERE for the label; NULL: any */
    regex_t kernel_matcher; /* of kernel */
} rl_gate;

/* How the bench is run. */
typedef struct {
    const char **args;
    size_t n_args;
    size_t launches;
    const char *filter; /* NULL: all rows */
    regex_t matcher;    /* of filter */
} rl_lane_mode;

typedef struct {
    const char *preset, *format; /* NULL: the lane needs no model */
    size_t seed;
    bool optional; /* and takes one */
} rl_lane_model;

/* A program that is launched beside the bench. */
typedef struct {
    const char *program; /* NULL: the lane has none */
    const char **args, **quick_args;
    size_t n_args, n_quick_args;
    const char *rows; /* an ERE that the names of its rows match */
    regex_t matcher;  /* of rows */
    double timeout_s;
} rl_lane_companion;

typedef struct {
    rl_pool pool; /* owns everything but the matchers */
    const char *name, *about, *bench;
    double timeout_s;
    size_t stale_after_days;  /* a baseline older than that is of no use */
    double level;             /* of false reds: their expected number in one run */
    rl_lane_mode full, quick; /* quick is as full where the file does not say */
    rl_lane_model model;
    rl_lane_companion companion;
    const char **summary; /* columns */
    size_t n_summary;
    rl_gate *gates;
    size_t n_gates;
} rl_lane;

/* From memory, for the lane called `name`. Errors: RL_ERR_FORMAT with file and place. *lane is empty then; it
 * may be freed all the same. */
rl_status rl_lane_parse(rl_lane *lane, const char *name, const char *file, const char *data, size_t n,
                        rl_error *err);

/* From <dir>/<name>.json. RL_ERR_IO where it cannot be read. */
rl_status rl_lane_read(rl_lane *lane, const char *dir, const char *name, rl_error *err);

void rl_lane_free(rl_lane *lane);

/* The lanes in a directory, sorted by name, in the pool. RL_ERR_IO. */
rl_status rl_lane_list(const char *dir, rl_pool *pool, const char ***names, size_t *n, rl_error *err);

/* The same of those asked for: "all", or the name of one. RL_ERR_ARG where there is none. */
rl_status rl_lane_select(const char *dir, const char *which, rl_pool *pool, const char ***names, size_t *n,
                         rl_error *err);

/* What a relative gate's "control" may be, NULL at the end. */
extern const char *const rl_control_names[];

/* True where the gate compares with a baseline; where one of the lane does. */
bool rl_gate_needs_baseline(const rl_gate *gate);
bool rl_lane_needs_baseline(const rl_lane *lane);

/* The gate of the smallest margin that compares this metric of a row with its baseline: a relative one, or with
 * `exact` of either kind. NULL: none does. */
const rl_gate *rl_lane_tightest(const rl_lane *lane, const char *row, const char *metric, bool exact);

/* Letters, digits, '_', '-' and '.', not first: a name that can stand in a path. */
bool rl_plain_name(const char *text);

/* Compiles a pattern that someone else wrote; its text, in the pool. One that is refused matches nothing, but is
 * freed all the same. */
const char *rl_pattern_read(const rl_node *n, rl_pool *pool, regex_t *matcher);

bool rl_matches(const regex_t *matcher, const char *text);

/* "relative" */
const char *rl_gate_kind_name(rl_gate_kind kind);

static inline const rl_lane_mode *rl_lane_mode_of(const rl_lane *lane, bool quick)
{
    return quick ? &lane->quick : &lane->full;
}

#endif
