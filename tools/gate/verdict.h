/* verdict.h - the result of judging one lane: what every renderer shows and every exit code comes from.
 *
 * Exit codes; where several apply, the first one wins:
 *   1   a regression: a row is slower than its baseline, or misses a floor or a ceiling
 *   2   the measurement is broken: rows missing, doubled, failed, without meaning or mostly disturbed from
 *       outside, a bench that crashed or hung, a gate that matches nothing, too few launches to tell anything,
 *       nothing to judge at all; or a row INCONCLUSIVE that seems to be worse than the margin allows
 *   3   no usable baseline for this machine, while the lane has gates that need one
 *   0   none of these
 * What is proven comes before what could not be measured, so that a script which retries after 2 cannot lose
 * a regression; a portable gate's failure comes before 3. Everything is listed whatever the code. */
#ifndef RL_VERDICT_H
#define RL_VERDICT_H

#include "gate/lane.h"

enum { RL_VERDICT_SCHEMA = 1 };

enum {
    RL_EXIT_PASS = 0,
    RL_EXIT_REGRESSION = 1,
    RL_EXIT_BROKEN = 2,
    RL_EXIT_NO_BASELINE = 3,
    RL_EXIT_BAD_USAGE = 64
};

/* Worst first: the order of tables. */
typedef enum {
    RL_REGRESSED,
    RL_BROKEN,
    RL_INCONCLUSIVE, /* neither shown to be worse than the margin allows nor to be no worse */
    RL_WAIVED,       /* a regression that a reviewed waiver allows for a time */
    RL_IMPROVED,
    RL_SAME_CODE,      /* seems worse, but runs the code of the baseline: it was the machine */
    RL_NEW,            /* the baseline has no such row, or there is no baseline */
    RL_NOT_APPLICABLE, /* here; the reason says why */
    RL_PASS,
    RL_VERDICTS
} rl_verdict;

/* One row under one gate; or a gate without rows; or a row that no gate need look at, for it is broken. A
 * number that does not exist is NaN. */
typedef struct {
    const char *benchmark;
    const rl_gate *gate;       /* borrowed from the lane; NULL: none is concerned */
    const char *metric, *unit; /* "" where no metric is concerned */
    rl_verdict verdict;
    const char *reason;                  /* a sentence; "" for PASS, and for NEW where there is no baseline */
    double baseline, now;                /* medians of launches */
    double ratio, ratio_low, ratio_high; /* now / baseline, and its 95 % interval; of a
                                            ratio gate with "bound": "lower95", ratio_low is that bound of `now` */
    double p;                 /* of being worse than the margin allows, corrected for all rows of the run */
    double superiority;       /* how often a launch of today is worse than one of the baseline */
    double detectable;        /* how many times worse a row must be to be found in nine runs of ten */
    double threshold;         /* of the ratio for relative gates, of the value for others */
    double excess;            /* how far on the wrong side, as a ratio; above 1 is bad */
    size_t n_baseline, n_now; /* launches */
    size_t outliers_baseline, outliers_now; /* of them far from the others (rank.h); they count, too */
    double spread_baseline, spread_now;     /* range of launches over their median */
    const char
        *reproduce; /* a command line that measures and judges it again; "" PASS, n/a. rl_verdict_close */
} rl_finding;

typedef enum {
    RL_BASELINE_USED,
    RL_BASELINE_NOT_NEEDED, /* the lane has portable gates only */
    RL_BASELINE_MISSING,    /* none for this class of machines, or the class is not known */
    RL_BASELINE_OTHER,      /* of another class, another model or other arguments */
    RL_BASELINE_UNREADABLE, /* or of another schema */
    RL_BASELINE_STALE,      /* older than the lane allows, or from the future */
    RL_BASELINE_STATES
} rl_baseline_state;

typedef struct {
    rl_pool pool;        /* owns everything but the lane */
    const rl_lane *lane; /* NULL: not even that could be read */
    const char *lane_name;
    bool quick;
    const char *machine_class, *csv, *baseline_path, *model; /* "" unknown */
    const char *commit;                                      /* what the bench was built from; "" unknown */
    bool dirty;                                              /* and from changes that are in no commit */
    bool injected;       /* rows of it were made slower on purpose: the bench flag --inject */
    const char *rows;    /* an ERE: only these were asked for; "" all. rl_verdict_narrow */
    const char *command; /* that led here, without --rows: "ridgeline run gemv --quick"; "" unknown */
    const char *report;  /* the directory that has verdict.json; "" none */
    rl_baseline_state baseline_state;
    const char *baseline_reason; /* why it is not usable, and what to do; "" */
    rl_finding *findings;        /* worst first once rl_verdict_close has sorted them */
    size_t n_findings;
    const char
        *diagnosis; /* why most rows moved together: one sentence in the place of forty; "" they did not */
    const char **problems; /* what broke the run as a whole */
    size_t n_problems;
    const char **ungated; /* rows that no gate looks at */
    size_t n_ungated;
    size_t expected, compared; /* rows of the baseline; those that were compared with it */
    size_t contaminated, repetitions;
    size_t count[RL_VERDICTS];
    int exit_code;
} rl_verdict_set;

void rl_verdict_open(rl_verdict_set *v, const char *lane_name, bool quick);
void rl_verdict_free(rl_verdict_set *v);

/* A finding with every number NaN, for the caller to fill. */
rl_finding *rl_verdict_add(rl_verdict_set *v, const char *benchmark, const rl_gate *gate, rl_verdict verdict);

void rl_verdict_problem(rl_verdict_set *v, const char *fmt, ...) RL_PRINTF(2, 3);

/* Sorts, counts, and settles the exit code. May be called again after more was added. */
void rl_verdict_close(rl_verdict_set *v);

/* True where the finding alone keeps the exit code from being 0: REGRESSED, BROKEN, and what is INCONCLUSIVE and
 * seems to be worse than the margin allows. */
bool rl_finding_fails(const rl_finding *f);

/* True where the lane's relative gates could be judged, or there are none; else the exit code is 3 at best. */
bool rl_verdict_comparable(const rl_verdict_set *v);

/* The worse of two exit codes. */
int rl_exit_worst(int a, int b);

const char *rl_verdict_name(rl_verdict verdict);             /* "REGRESSED" */
const char *rl_baseline_state_name(rl_baseline_state state); /* "used" */
const char *rl_exit_meaning(int exit_code);                  /* "regression" */

#endif
