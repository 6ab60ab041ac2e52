/* bench.h - registering and running benchmarks: Google Benchmark's surface, in C, with verification before
 * timing, yardsticks beside it, and exit codes that mean something.
 *
 *     static void run(rl_state *st)
 *     {
 *         const work *w = st->arg;
 *         while (rl_state_next(st)) {
 *             kernel(w->y, w->x, w->n);
 *             rl_keep(w->y);
 *         }
 *     }
 *
 *     int main(int argc, char **argv)
 *     {
 *         int exit_code;
 *         rl_suite_config config = {.family = "copy", .argc = argc, .argv = argv};
 *         rl_suite *s = rl_suite_open(&config, &exit_code);
 *         if (s == NULL) return exit_code;
 *         rl_suite_add(s, &(rl_case){.name = "copy/4096", .run = run, .arg = &w, .bytes = 2 * 4096});
 *         exit_code = rl_suite_run(s);
 *         rl_suite_close(s);
 *         return exit_code;
 *     }
 *
 * Names, flags and formats are Google Benchmark's; --help lists the flags. Where we differ, and why:
 * - An iteration is one turn of the loop by every thread of the case; bytes, items and flops are of all
 *   threads together. `iterations` counts those turns (Google Benchmark adds up the threads').
 * - Time is wall time, from the first thread's start to the last one's end. It decides how long a case runs
 *   (--benchmark_min_time), whatever the number of threads: Google Benchmark compares the sum over threads.
 *   cpu_time is the mean over threads, so that it equals real_time where nothing disturbs.
 * - A case's own min_warmup_time counts without min_time, counts are validated in every build, and the seed
 *   of interleaving is reported and can be given.
 * - A case that fails gets an error row, the others run, and the exit code is 1. A filter that matches
 *   nothing is bad usage (64).
 *
 * One suite at a time; its functions are called by one thread. */
#ifndef RL_BENCH_H
#define RL_BENCH_H

#include "base/status.h"
#include "perf/clock.h"
#include "perf/counters.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { RL_EXIT_OK = 0, RL_EXIT_FAILED = 1, RL_EXIT_USAGE = 64 };

/* ---- Inside run() ---- */

typedef struct rl_state {
    uint64_t left;       /* the harness's: iterations until the next look at it */
    uint64_t iterations; /* of this call, by each thread */
    size_t thread, threads;
    void *arg; /* the case's */
} rl_state;

/* True for each iteration. The clock starts with the first call, after all threads have come here, and stops
 * with the one that returns false. */
static inline bool rl_state_next(rl_state *st);

/* The same loop for bodies of a few cycles: the count stays in a register even where the body clobbers
 * memory. Not to be left with break or return, except after rl_state_skip or rl_state_error.
 *
 *     RL_LOOP(st) rl_keep_value(f(x)); */
#define RL_LOOP(st)                                                                                          \
    for (uint64_t rl_left_ = rl_state_begin(st); rl_left_ > 0 || (rl_state_end(st), false); rl_left_--)

/* Takes what comes between out of time and counters. Some hundred nanoseconds: for rare things only. */
void rl_state_pause(rl_state *st);
void rl_state_resume(rl_state *st);

/* Threads wait for each other, spinning; inside the window this is timed. All threads or none. */
void rl_state_barrier(rl_state *st);

/* Adds to the time that a case with manual_time reports. Of several threads, the longest counts. */
void rl_state_add_time(rl_state *st, double seconds);

/* Ends the loop: nothing was measured, and that is fine, or is an error. The first message stays; the row is
 * the case's whole result for this repetition. */
void rl_state_skip(rl_state *st, const char *fmt, ...) RL_PRINTF(2, 3);
void rl_state_error(rl_state *st, const char *fmt, ...) RL_PRINTF(2, 3);

/* A column of the user's own. Threads' values are added up, then finished in this order: */
enum {
    RL_COUNTER_RATE = 1,                /* divided by the seconds of the repetition */
    RL_COUNTER_AVG_THREADS = 2,         /* divided by the threads */
    RL_COUNTER_ITERATION_INVARIANT = 4, /* multiplied by the iterations */
    RL_COUNTER_AVG_ITERATIONS = 8,      /* divided by the iterations */
    RL_COUNTER_INVERT = 16,             /* 1 / value */
    RL_COUNTER_BINARY = 32,             /* the console shows Ki, Mi, Gi */
};
enum { RL_COUNTER_NAME_MAX = 63, RL_USER_COUNTERS_MAX = 32 };

/* Sets one; the last value counts. An unfit name (bytes 0x21 to 0x7e but no quote, comma, backslash; not a
 * column's name) or one too many is an error of the case. */
void rl_state_counter(rl_state *st, const char *name, double value, unsigned flags);

/* Text for the label column, instead of the case's. */
void rl_state_label(rl_state *st, const char *fmt, ...) RL_PRINTF(2, 3);

/* ---- What is run ---- */

typedef enum { RL_UNIT_DEFAULT, RL_NS, RL_US, RL_MS, RL_S } rl_time_unit;

/* Every field is a case's own; 0 and NULL mean what is said. Strings are copied, arg is borrowed until the
 * suite is closed. */
typedef struct {
    const char *name; /* kernel and shape, "gemv/q4_0/avx512/5632x2048/cold": the key of baselines. Bytes 0x21
                         to 0x7e except quotes, commas and backslashes */
    const char *skip; /* why it cannot run here: reported as SKIPPED. NULL: it runs */

    void (*run)(rl_state *st); /* on every thread */
    void *arg;
    /* Around a case's repetitions (with interleaving, around each): big buffers exist only in between. */
    rl_status (*setup)(void *arg, rl_error *err);
    void (*teardown)(void *arg);
    /* Once, after the first setup and before any timing, on the calling thread: does the kernel compute what
     * it should? Fills *max_error for the column. Failure is an error row, and nothing is timed. */
    rl_status (*verify)(void *arg, double *max_error, rl_error *err);

    size_t threads;     /* 0: one, and not in the name. N: "/threads:N", each pinned to a CPU of its own */
    bool self_threaded; /* run() is called on one unpinned thread and drives `threads` threads of its own,
                           which setup started: cpu_time is the process's; hardware counters stay empty */
    bool manual_time;   /* the case reports its time with rl_state_add_time: "/manual_time" */

    /* In place of the flags; each is part of the name. */
    double min_time, min_warmup_time; /* seconds */
    uint64_t iterations;              /* exactly so many; excludes min_time */
    unsigned repetitions;
    rl_time_unit unit;

    double bytes, items, flops; /* of one iteration, all threads together; 0: has none */
    const char *isa, *cache;    /* for their columns */
    const char *label;

    /* Another case, by full name or by name as registered (then with as many threads before any other): the
     * column ref_ratio is its median time over this one's. Where it has not run by then, or is not selected,
     * three short runs that are not reported find its time. */
    const char *reference;
    bool
        reference_only; /* there for others to refer to: no filter selects it, it is neither listed nor reported */
    const char *bandwidth_yardstick, *peak_yardstick; /* names of yardsticks; columns bw_pct and peak_pct */
    const char *context_yardstick; /* measured beside it like those, for the context alone */
} rl_case;

/* What the machine can do right now. Around every repetition of a case that names it, a burst of 20 ms on as
 * many threads says how fast; the case's share of the mean of the two is its percentage. (A burst younger
 * than 50 ms serves again, so neighbouring repetitions share one. After a burst the case runs one iteration
 * untimed, for the burst left the caches full.) All readings are summarised in the context. */
typedef struct {
    const char *name;
    void (*run)(rl_state *st);
    void *arg;
    rl_status (*setup)(void *arg, rl_error *err); /* before its first burst */
    void (*teardown)(void *arg);                  /* when the suite has run */
    double bytes, flops;                          /* of one iteration, all threads together */
} rl_yardstick;

/* ---- The suite ---- */

/* A part of the program's object code, and the hash of it: what a gate knows unchanged code by. */
typedef struct {
    const char *part; /* "gemv/avx512": kernels of a family and tier; "common": everything else */
    const char *hash;
} rl_code;

/* A flag of the bench program: --cache=... Its default may be overridden by the environment (RL_CACHE). One whose
 * default is "false" may stand without a value, which makes it "true"; rl_truthy reads it. */
typedef struct {
    const char *name;  /* "cache" */
    const char *value; /* the default; after opening what was asked for, borrowed from argv or getenv */
    const char *help;  /* one line */
    bool no_variable; /* the variable of that name has a meaning of its own, and is not this flag's default */
} rl_flag;

/* "false", "no", "off", "0", "f", "n": false; anything else is true. */
bool rl_truthy(const char *text);

typedef struct {
    const char *family; /* "gemv": what the binary measures */
    int argc;
    char **argv;
    rl_flag *flags; /* the program's own */
    size_t n_flags;
    const rl_code
        *code; /* for the context, in which a part must not be there twice; NULL: not known. Borrowed */
    size_t n_code;
    /* For tests; NULL is the real thing. */
    FILE *out, *err;
    const rl_clock *clock;
    const rl_counter_os *counter_os;
} rl_suite_config;

typedef struct rl_suite rl_suite;

/* Parses flags and probes clock and counters. Returns NULL where the program should end at once with
 * *exit_code: after --help (0), a flag that is unknown or malformed (64), or where the machine cannot be
 * measured (1); the message is on stderr. */
rl_suite *rl_suite_open(const rl_suite_config *config, int *exit_code);
void rl_suite_close(rl_suite *s); /* NULL is fine */

/* Registers. A bad case (name, repeated name, contradiction) is returned as RL_ERR_ARG and refused again by
 * rl_suite_run, so that the status may be ignored. */
rl_status rl_suite_add(rl_suite *s, const rl_case *c);
rl_status rl_suite_add_yardstick(rl_suite *s, const rl_yardstick *y);

/* More for the context; the later of two with one key stays. */
void rl_suite_context(rl_suite *s, const char *key, const char *value);

/* The ISA path the program chose, a part of the machine's class. "none" otherwise. */
void rl_suite_set_isa(rl_suite *s, const char *isa);

/* Whether --benchmark_dry_run was given: no time will count. */
bool rl_suite_is_dry(const rl_suite *s);

/* Says "program: <message>" on stderr and returns RL_EXIT_USAGE: for values of its own flags a program refuses. */
int rl_suite_usage(rl_suite *s, const char *fmt, ...) RL_PRINTF(2, 3);

/* The same with RL_EXIT_FAILED: for what the program needs and cannot have, such as a file it cannot read. */
int rl_suite_failed(rl_suite *s, const char *fmt, ...) RL_PRINTF(2, 3);

/* Runs what the flags select, writes the reports. RL_EXIT_OK; RL_EXIT_FAILED if a case failed to set up,
 * verify or run, or a report could not be written; RL_EXIT_USAGE if a case was bad or the filter matches
 * none. Once. */
int rl_suite_run(rl_suite *s);

/* ---- The loop's fast path ---- */

bool rl_state_edge(rl_state *st); /* before the first iteration, and after the last */
uint64_t rl_state_begin(rl_state *st);
void rl_state_end(rl_state *st);

static inline bool rl_state_next(rl_state *st)
{
    if (__builtin_expect(st->left > 0, 1)) {
        st->left--;
        return true;
    }
    return rl_state_edge(st);
}

#endif
