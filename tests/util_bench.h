/* util_bench.h - suites under test: a clock that only run() advances, streams that end in memory, and a log
 * of what was called. */
#ifndef UTIL_BENCH_H
#define UTIL_BENCH_H

#include "util_pmu.h"

#include "perf/bench.h"

#define UTIL_MS INT64_C(1000000)

enum { UTIL_LOG_MAX = 512, UTIL_ARGS_MAX = 24 };

/* A clock that stands until it is advanced. */
typedef struct {
    _Atomic int64_t now, cpu;
    _Atomic int64_t tick; /* a read adds so much: 1 while the suite opens and wants to see progress */
} util_clock;

rl_clock util_clock_table(util_clock *clock);

/* What a case does in a test: each iteration takes `ns` on thread 0, and calls are logged. */
typedef struct {
    util_clock *clock;
    int64_t ns, ns_later;           /* later: from the second batch on, where not 0 */
    uint64_t batches[UTIL_LOG_MAX]; /* iterations of each call of run(), as thread 0 saw them */
    size_t n_batches;
    int setups, verifies, teardowns;
    bool up; /* between setup and teardown; run() checks it */
    bool fail_setup, fail_verify;
} util_work;

void util_run(rl_state *st); /* .arg is a util_work */
rl_status util_setup(void *arg, rl_error *err);
void util_teardown(void *arg);
rl_status util_verify(void *arg, double *max_error, rl_error *err); /* 1e-6 */

/* A suite with a fake clock, no counters, and captured output. Flags after the fixed "prog" until NULL. */
typedef struct {
    util_clock clock;
    util_pmu pmu;
    rl_clock clock_table;
    rl_counter_os counter_os;
    char *out, *err; /* what was written; after util_suite_end complete */
    size_t out_size, err_size;
    FILE *out_stream, *err_stream;
    int exit_code;
    rl_suite *s; /* NULL where opening failed */
} util_suite;

typedef struct {
    bool real_clock;
    const util_event *events; /* for a PMU; NULL: none */
    size_t n_events;
    rl_flag *flags;
    size_t n_flags;
    const rl_code *code;
    size_t n_code;
} util_options;

void util_suite_open(util_suite *u, const util_options *options, const char *const *args);

/* Runs where opening succeeded. Leaves the exit code, and the output where it can be read. */
int util_suite_run(util_suite *u);
void util_suite_free(util_suite *u); /* closes the suite as well */

/* A work on the suite's clock. */
util_work util_work_of(util_suite *u, int64_t ns);

/* Opens with `args`, runs one case called "case" of `ns` an iteration (what else it has is in c; run() is
 * util_run where c has none), and returns the exit code. */
int util_run_one(util_suite *u, util_work *w, int64_t ns, rl_case c, const char *const *args);

/* Fails the test unless run() was called with just these counts. */
void util_expect_batches(const util_work *w, const uint64_t *want, size_t n);
#define EXPECT_BATCHES(w, ...)                                                                               \
    util_expect_batches(w, (const uint64_t[]){__VA_ARGS__}, RL_COUNT(((const uint64_t[]){__VA_ARGS__})))

/* A suite with a row of every kind, at 2 ms an iteration: "plain" (counters zeta, alpha, nothing and a label;
 * half of the bandwidth of its yardstick; as fast as its reference), "threaded/threads:2" (counter only_here;
 * in ms), "failing", "skipped", and "wrong", which fails its verification. */
typedef struct {
    util_suite u;
    util_work plain, threaded, wrong, yard;
} util_sample;

void util_sample_run(util_sample *x, const util_options *options, const char *const *args);

#define UTIL_ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* The bytes of a file as a string the caller frees; fails the test where there is none. */
char *util_read(const char *path);

#endif
