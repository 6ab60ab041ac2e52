/* file.h - reading a whole file, and writing one so that it is there whole or not at all. */
#ifndef RL_FILE_H
#define RL_FILE_H

#include "base/status.h"

#include <stdio.h>

/* Reads all of `path` into memory that the caller frees with free(); a terminating 0 is added past *n.
 * "-" reads standard input. Errors: RL_ERR_IO; RL_ERR_FORMAT where it is longer than `limit` bytes. */
rl_status rl_file_read(const char *path, size_t limit, char **data, size_t *n, rl_error *err);

/* A file being written beside its final place, under a name of its own. Commit flushes it to the disk and
 * renames it over `path`; abandon removes it. Whatever happens in between, `path` is the old file or the new one. */
typedef struct {
    FILE *stream; /* write here; NULL when not open */
    char path[4096];
    char temp[4096 + 16];
} rl_outfile;

rl_status rl_outfile_open(rl_outfile *out, const char *path, rl_error *err);
rl_status rl_outfile_commit(rl_outfile *out, rl_error *err); /* on failure nothing is left of it */
void rl_outfile_abandon(rl_outfile *out);                    /* fine after commit, too */

/* The three in one: n bytes to path. */
rl_status rl_file_write(const char *path, const void *data, size_t n, rl_error *err);

/* Makes a directory and those above it, as mkdir -p does. */
rl_status rl_make_dirs(const char *path, rl_error *err);

#endif
