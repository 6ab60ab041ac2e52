/* status.h - how anything that can fail says so: a code, and one sentence naming place, found and allowed. */
#ifndef RL_STATUS_H
#define RL_STATUS_H

#include <stddef.h>

typedef enum {
    RL_OK = 0,
    RL_ERR_ARG,         /* asked for something that does not exist: a bad flag, name or size */
    RL_ERR_IO,          /* the system refused: open, read, write, map */
    RL_ERR_FORMAT,      /* a file breaks the rules of its own format */
    RL_ERR_UNSUPPORTED, /* well formed, but not something this build or machine can do */
    RL_ERR_MEMORY,      /* out of memory, or a size that cannot be represented */
} rl_status;

typedef struct {
    rl_status status;
    char text[512]; /* one line, no newline, printable whatever the input held */
} rl_error;

#if defined(__GNUC__)
#define RL_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define RL_PRINTF(fmt, args)
#endif

/* Fills *err (which may be NULL) and returns `status`, so that a failing function ends in one line. */
rl_status rl_fail(rl_error *err, rl_status status, const char *fmt, ...) RL_PRINTF(3, 4);

/* Copies n bytes of foreign text for a message: control bytes and bytes above 0x7e become \xNN, the end is
 * cut with "..." where out_size is too small. Always terminates. Returns out. */
const char *rl_printable(char *out, size_t out_size, const char *text, size_t n);

#define RL_COUNT(a) (sizeof(a) / sizeof((a)[0]))

#endif
