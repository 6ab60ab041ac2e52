/* load.h - a background load by a command of the user's, for as long as it is wanted (Linux).
 *
 * The command runs in a process group of its own, and a process of ours stays beside it whose only work is to end that
 * group: when it is asked to, when the shell is gone, and when we are, even by SIGKILL. What the command moves into
 * another group or session (setsid, a daemon) is out of its reach. */
#ifndef RL_LOAD_H
#define RL_LOAD_H

#include "base/status.h"

#include <stdbool.h>

#include <sys/types.h>

typedef struct {
    pid_t warden; /* the process beside it; 0: no load */
} rl_load;

/* `sh -c command`, its output thrown away. RL_ERR_IO. */
rl_status rl_load_start(rl_load *load, const char *command, rl_error *err);

/* Ends all of the group, by SIGTERM, and after a second by SIGKILL; returns when that is done. *early: the shell had
 * ended by itself, so there was no load all the time. Fine where none was started. */
void rl_load_stop(rl_load *load, bool *early);

#endif
