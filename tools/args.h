/* args.h - a subcommand, its options, and its help: all from one table. */
#ifndef RL_ARGS_H
#define RL_ARGS_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

typedef enum {
    RL_ARG_FLAG,  /* bool */
    RL_ARG_TEXT,  /* const char *, borrowed from argv; NULL: not given */
    RL_ARG_NUMBER /* uint64_t, in [least, most] */
} rl_arg_kind;

/* One option: "--launches R" or "--launches=R". The later of two counts. */
typedef struct {
    const char *name, *value, *help; /* "--launches", "R" (NULL for a flag), a line for people */
    rl_arg_kind kind;
    size_t at; /* offset of its field in the command's options */
    unsigned long long least, most;
    bool required;
} rl_arg;

/* Rows of an option table: for a field of the command's struct of options. */
#define RL_FLAG(name, type, field, help)                                                                     \
    {                                                                                                        \
        name, NULL, help, RL_ARG_FLAG, offsetof(type, field), 0, 0, false                                    \
    }
#define RL_TEXT(name, value, type, field, help)                                                              \
    {                                                                                                        \
        name, value, help, RL_ARG_TEXT, offsetof(type, field), 0, 0, false                                   \
    }
#define RL_TEXT_REQUIRED(name, value, type, field, help)                                                     \
    {                                                                                                        \
        name, value, help, RL_ARG_TEXT, offsetof(type, field), 0, 0, true                                    \
    }
#define RL_NUMBER(name, value, type, field, least, most, help)                                               \
    {                                                                                                        \
        name, value, help, RL_ARG_NUMBER, offsetof(type, field), least, most, false                          \
    }

typedef struct rl_command {
    const char *name;    /* "run", "model synth" */
    const char *operand; /* "LANE|all": its one argument, required; "[FILE]": may be left out; NULL: takes none */
    const char *summary;
    const rl_arg *args;
    size_t n_args;
    const char *more; /* help after the options: what is worth knowing, examples, exit codes */
    int (*run)(const struct rl_command *self, int argc, char **argv); /* argv[0] is the first argument */
} rl_command;

/* Fills the fields of *options that are given, and *operand (which may be NULL where the command takes none).
 * An operand that was left out is NULL. False on bad usage; what is wrong has been told on stderr. */
bool rl_args_parse(const rl_command *command, void *options, const char **operand, int argc, char **argv);

void rl_args_help(const rl_command *command, FILE *out);

/* Says "ridgeline NAME: <message>" on stderr and returns 64. */
int rl_bad_usage(const rl_command *command, const char *fmt, ...) RL_PRINTF(2, 3);

#endif
