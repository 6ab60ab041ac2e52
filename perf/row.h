/* row.h - one line of a report: a repetition, or an aggregate of several. Not installed: perf's own, and
 * tools' for the names. */
#ifndef RL_ROW_H
#define RL_ROW_H

#include "perf/bench.h"

/* The numeric columns beside time. NaN: not measured, and printed nowhere. */
typedef enum {
    RL_M_BYTES,
    RL_M_ITEMS,
    RL_M_FLOPS,
    RL_M_BW_PCT,
    RL_M_PEAK_PCT,
    RL_M_REF_RATIO,
    RL_M_MAX_ERROR,
    RL_M_CYCLES, /* per iteration, all threads together; in the order of counters.h */
    RL_M_INSTRUCTIONS,
    RL_M_BRANCH_MISSES,
    RL_M_LLC_MISSES,
    RL_M_DTLB_MISSES,
    RL_M_PAGE_FAULTS,      /* of the whole repetition, all threads together; minor and major */
    RL_M_CONTEXT_SWITCHES, /* voluntary and not */
    RL_METRICS
} rl_metric;

typedef struct {
    const char *name;
    bool rate;    /* the console adds "/s" */
    bool console; /* shown there; the others only in files */
} rl_metric_info;

extern const rl_metric_info rl_metric_table[RL_METRICS];

typedef enum { RL_MEASURED, RL_SKIPPED, RL_FAILED } rl_outcome;

typedef struct {
    char name[RL_COUNTER_NAME_MAX + 1];
    double value; /* finished; NaN: not measured */
    unsigned flags;
} rl_user_counter;

typedef struct {
    const char *aggregate; /* "mean", "median", "stddev", "cv"; NULL: one repetition */
    unsigned repetition;
    rl_outcome outcome;
    char message[512];    /* why skipped or failed */
    uint64_t iterations;  /* of an aggregate: the repetitions it is made of */
    double real_s, cpu_s; /* per iteration; of "cv" a ratio */
    double metric[RL_METRICS];
    rl_user_counter *counters; /* owned; by name */
    size_t n_counters;
    char quality[24]; /* of the hardware counters: "exact", "scaled(73%)", "software" */
    bool contaminated;
    char label[128];
} rl_row;

/* For qsort: by name. */
int rl_counter_order(const void *a, const void *b);

/* "cv" is a ratio, whatever the column's unit. */
bool rl_row_is_ratio(const rl_row *row);

/* The aggregates of a case's measured rows, when there are two or more. Returns how many were made (none or
 * all); what `out` holds is the caller's. */
enum { RL_MEAN, RL_MEDIAN, RL_STDDEV, RL_CV, RL_AGGREGATES };
size_t rl_aggregate(rl_row out[RL_AGGREGATES], rl_row *rows, size_t n);

/* A column's name for a counter: bytes 0x21 to 0x7e but no quote, comma or backslash, at most
 * RL_COUNTER_NAME_MAX of them, and not a key of our own. */
bool rl_counter_name_ok(const char *name);

/* The same bytes, for names of any length. */
bool rl_name_ok(const char *name);

void rl_row_free(rl_row *row);

#endif
