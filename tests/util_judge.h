/* util_judge.h - lane runs to judge, in a few words: a lane's gates, a CSV, a baseline's rows. */
#ifndef UTIL_JUDGE_H
#define UTIL_JUDGE_H

#include "util_text.h"

#include "gate/judge.h"

#include <stdio.h>

typedef struct {
    rl_lane lane;
    rl_samples samples;
    rl_baseline baseline;
    rl_origin origin;
    rl_verdict_set v;
} util_trial;

/* What a trial is made of, as JSON but for the CSV. NULL baseline: the lane is judged without; of one session. */
typedef struct {
    const char *gates, *csv, *baseline; /* baseline: its rows */
    bool quick, cpu_known;
    uint32_t cpu;
    const char *lane_more; /* more keys of the lane, each after a comma */
    const char *code_then,
        *code;           /* members of the objects "code" of the baseline and of the run; NULL: none */
    const char *companion; /* what the run's context says of it; NULL: nothing */
    const char *machine; /* members of the run's "machine_class_of"; NULL: the run has no context,
                                        unless it has code */
} util_setup;

void util_judge(util_trial *t, const util_setup *s);
void util_judge_end(util_trial *t);

/* The finding about a benchmark; fails the test where there is none, or not as expected. */
const rl_finding *util_finding(const util_trial *t, const char *benchmark);
void util_expect(const util_trial *t, const char *benchmark, rl_verdict verdict, const char *says);

/* The CSV under construction, one at a time. */
extern char util_csv[1 << 16];
void util_csv_start(const char *header);
void util_csv_line(const char *fmt, ...) RL_PRINTF(1, 2);

/* The columns of util_csv_row, which adds one repetition of each of n launches. */
#define UTIL_CSV_HEADER                                                                                      \
    "name,iterations,real_time,time_unit,error_occurred,error_message,launch,repetition,contaminated,bw_"    \
    "pct,max_error"
void util_csv_row(const char *name, const double *times, size_t n, double bw, double error);

/* A row of a baseline, lower real_time in ns: 100 to 106. */
#define UTIL_ROW(name)                                                                                       \
    "{\"name\":\"" name                                                                                      \
    "\",\"metric\":\"real_time\",\"unit\":\"ns\",\"better\":\"lower\",\"median\":103,\"within\":-1,"         \
    "\"between\":0.06,\"s_w\":-1,\"s_b\":0.02,\"s_s\":-1,\"launches\":[[100,101,102,103,104,105,106]]}"

#endif
