/* load.c - a process group, and the process that ends it. */
#include "load.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---- In the shell ---------------------------------------------------------------------------------- */

static void become(const char *command, const sigset_t *mask)
{
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* should the warden be killed: the shell at least */
    sigprocmask(SIG_SETMASK, mask, NULL);
    execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(127);
}

/* ---- In the warden --------------------------------------------------------------------------------- */

static void be_quiet(void)
{
    const int null = open("/dev/null", O_RDWR);
    for (int fd = 0; fd < 3 && null >= 0; fd++) dup2(null, fd);
}

/* The shell is not waited for yet: while it is a zombie its number, which is the group's, is no one else's. */
static bool gone(pid_t shell)
{
    siginfo_t info = {0};
    return waitid(P_PID, (id_t)shell, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == shell;
}

/* Lives as long as the load, and not longer than `parent`. A stopped or continued shell is a SIGCHLD, too. */
static void watch(const char *command, pid_t parent)
{
    static const int ends[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD};
    sigset_t set, child, before;
    sigemptyset(&set);
    for (size_t i = 0; i < RL_COUNT(ends); i++) sigaddset(&set, ends[i]);
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, &before);
    setpgid(0, 0); /* a Ctrl-C is for ridgeline to pass on */
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    be_quiet();
    if (getppid() != parent) _exit(0);
    const pid_t shell = fork();
    if (shell == 0) become(command, &before);
    if (shell < 0) _exit(127);
    setpgid(shell, shell); /* whoever of the two comes first */
    for (int got = 0; !gone(shell) && (got <= 0 || got == SIGCHLD);) got = sigwaitinfo(&set, NULL);
    if (!gone(shell)) {
        kill(-shell, SIGTERM);
        sigtimedwait(&child, NULL, &(struct timespec){1, 0});
    }
    kill(-shell, SIGKILL);
    waitpid(shell, NULL, 0);
    _exit(0);
}

/* ---- In ourselves ---------------------------------------------------------------------------------- */

rl_status rl_load_start(rl_load *load, const char *command, rl_error *err)
{
    const pid_t parent = getpid();
    load->warden = fork();
    if (load->warden == 0) watch(command, parent);
    if (load->warden > 0) return RL_OK;
    load->warden = 0;
    return rl_fail(err, RL_ERR_IO, "cannot start the load: %s", strerror(errno));
}

void rl_load_stop(rl_load *load, bool *early)
{
    *early = false;
    if (load->warden == 0) return;
    *early = waitpid(load->warden, NULL, WNOHANG) != 0;
    if (!*early) {
        kill(load->warden, SIGTERM);
        waitpid(load->warden, NULL, 0);
    }
    load->warden = 0;
}
