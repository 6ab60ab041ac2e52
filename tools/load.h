/* load.h - a background load by a command of the user's, for as long as it is wanted (POSIX). */
#ifndef RL_LOAD_H
#define RL_LOAD_H

#include "base/status.h"

#include <stdbool.h>

#include <sys/types.h>

typedef struct {
    pid_t pid; /* also of its process group; 0: none */
} rl_load;

/* `sh -c command`, in a process group of its own, its output thrown away. It dies with us. RL_ERR_IO. */
rl_status rl_load_start(rl_load *load, const char *command, rl_error *err);

/* Ends all of the group, by SIGTERM, and after a second by SIGKILL; waits for the shell. *early: it had ended by
 * itself, so there was no load all the time. Fine where none was started. */
void rl_load_stop(rl_load *load, bool *early);

#endif
