/* reproduce.h - the command line that measures and judges one row again. */
#ifndef RL_REPRODUCE_H
#define RL_REPRODUCE_H

#include "gate/verdict.h"

/* One word for a shell: as it is where that is safe, else in single quotes. In the pool. */
const char *rl_shell_word(rl_pool *pool, const char *text);

/* A command line and, for each option whose value is not NULL, " --option value". In the pool. */
typedef struct {
    const char *name, *value;
} rl_option_text;
const char *rl_command_with(rl_pool *pool, const char *command, const rl_option_text *options, size_t n);

/* An ERE that matches this text and no other: "^gemv/q4_0$". In the pool. */
const char *rl_exact_pattern(rl_pool *pool, const char *text);

/* v->command with the finding's row, `ridgeline run gemv --rows '^gemv/q4_0$'` (of a ratio gate with the row that it is
 * compared with, too); without --rows where the finding is about a whole gate. "" for PASS and NOT_APPLICABLE,
 * and where the command is not known. In v's pool. */
const char *rl_reproduce(rl_verdict_set *v, const rl_finding *f);

#endif
