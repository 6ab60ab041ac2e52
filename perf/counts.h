/* counts.h - numbers of iterations that an earlier run found, so that two builds can run the same (a build that
 * finds its own is compared at another number, and that alone moves a time). Private to perf/.
 *
 * From a CSV that a bench program wrote (report_csv.c): of each name the median of its repetitions. Rows without
 * iterations (failed, skipped) are passed over. */
#ifndef RL_COUNTS_H
#define RL_COUNTS_H

#include "base/status.h"

#include <stdint.h>

typedef struct {
    const char *name; /* borrowed from data */
    uint64_t iterations;
} rl_count;

typedef struct {
    char *data;     /* owned */
    rl_count *rows; /* owned; by name */
    size_t n;
} rl_counts;

/* Errors: RL_ERR_IO, RL_ERR_FORMAT with file and line, RL_ERR_MEMORY; *c is empty then, and may be freed. */
rl_status rl_counts_read(rl_counts *c, const char *path, rl_error *err);
void rl_counts_free(rl_counts *c);

/* 0: there is none. */
uint64_t rl_counts_find(const rl_counts *c, const char *name);

#endif
