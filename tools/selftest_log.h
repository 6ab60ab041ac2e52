/* selftest_log.h - the log of measured selftest runs: written whole after every run, so that a test that was ended
 * goes on where it was. Private to selftest*.c.
 *
 *   # lane: gemv            what the test is of: its settings, a line each. It goes on with the same settings only
 *   ...
 *   run,kind,load,row,slowdown,exit_code,regressed,inconclusive,found,seconds
 *
 * kind: "same" or "slower"; load: 1 where the background load ran; row, slowdown: what was made slower and by how
 * much ("-" and 0 for "same"); regressed, inconclusive: findings; found: 1 where the slower row is among the
 * regressed. */
#ifndef RL_SELFTEST_LOG_H
#define RL_SELFTEST_LOG_H

#include "gate/samples.h"
#include "here.h"

/* One line. */
typedef struct {
    size_t run;
    bool slower, loaded, found;
    const char *row; /* "-" for none */
    double slowdown, seconds;
    int exit_code;
    size_t regressed, inconclusive;
} rl_selftest_outcome;

typedef struct {
    char path[RL_PATH_MAX];
    const char *head; /* the settings, and the names of the columns; borrowed */
    char *text;       /* all of it; owned */
    size_t bytes;
    rl_selftest_outcome *runs; /* owned by the pool */
    size_t n;
    rl_pool pool;
} rl_selftest_log;

/* Reads what is there, or begins a log of its own. Errors: a log of other settings, naming which; not a log. */
rl_status rl_selftest_log_open(rl_selftest_log *log, const char *path, const char *head, rl_error *err);

/* o->run is log->n; what it points to is copied. */
rl_status rl_selftest_log_add(rl_selftest_log *log, const rl_selftest_outcome *o, rl_error *err);

void rl_selftest_log_close(rl_selftest_log *log);

#endif
