/* load.c - starting and ending a process group. */
#include "load.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void become(const char *command)
{
    const int null = open("/dev/null", O_RDWR);
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (null >= 0) {
        for (int fd = 0; fd < 3; fd++) dup2(null, fd);
    }
    execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(127);
}

rl_status rl_load_start(rl_load *load, const char *command, rl_error *err)
{
    load->pid = fork();
    if (load->pid == 0) become(command);
    if (load->pid < 0) {
        load->pid = 0;
        return rl_fail(err, RL_ERR_IO, "cannot start the load: %s", strerror(errno));
    }
    setpgid(load->pid, load->pid); /* whoever of the two comes first */
    return RL_OK;
}

/* True once the shell is gone. */
static bool gone(const rl_load *load, double wait_s)
{
    for (double waited = 0;; waited += 0.01) {
        if (waitpid(load->pid, NULL, WNOHANG) != 0) return true;
        if (waited >= wait_s) return false;
        nanosleep(&(struct timespec){0, 10 * 1000000}, NULL);
    }
}

void rl_load_stop(rl_load *load, bool *early)
{
    *early = false;
    if (load->pid == 0) return;
    *early = gone(load, 0);
    kill(-load->pid, SIGTERM);
    if (!*early && !gone(load, 1)) {
        kill(-load->pid, SIGKILL);
        waitpid(load->pid, NULL, 0);
    }
    kill(-load->pid,
         SIGKILL); /* what the shell left behind; the number is no one else's while any of it lives */
    load->pid = 0;
}
