/* launch.c - fork, exec, and one poll over the child's end, its output and our own signals. */
#include "gate/launch.h"
#include "base/status.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TAIL_BYTES = 512 };

/* What asks us to end. */
static const int requests[] = {SIGINT, SIGTERM, SIGHUP};

static void requests_to_end(sigset_t *set)
{
    sigemptyset(set);
    for (size_t i = 0; i < RL_COUNT(requests); i++) sigaddset(set, requests[i]);
}

/* What one pipe brings: the first bytes that fit (keep_first) or the last. */
typedef struct {
    int fd;
    char *bytes;
    size_t used, room;
    bool keep_first;
} sink;

typedef struct {
    const rl_launch *launch;
    rl_launch_result *result;
    pid_t child;
    int signals; /* a signalfd */
    sigset_t before;
    sink out, err;
    int caught; /* the signal that asks us to end; 0 none */
} running;

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void keep(sink *s, const char *bytes, size_t n)
{
    if (s->keep_first) {
        if (n > s->room - s->used) n = s->room - s->used;
    } else {
        if (n > s->room) {
            bytes += n - s->room;
            n = s->room;
        }
        size_t drop = s->used + n > s->room ? s->used + n - s->room : 0;
        memmove(s->bytes, s->bytes + drop, s->used - drop);
        s->used -= drop;
    }
    if (n > 0) memcpy(s->bytes + s->used, bytes, n);
    s->used += n;
}

/* Reads what is there; closes at the end of the pipe. */
static void drain(sink *s)
{
    char buffer[4096];
    ssize_t n;
    while (s->fd >= 0 && (n = read(s->fd, buffer, sizeof buffer)) != 0) {
        if (n < 0) {
            if (errno == EINTR) continue;
            return; /* nothing more for now */
        }
        keep(s, buffer, (size_t)n);
    }
    if (s->fd >= 0) close(s->fd);
    s->fd = -1;
}

/* In the child: everything that must be async-signal-safe between fork and exec. */
static void become(const running *r, int out, int err, int report)
{
    const char *const *env = r->launch->env;
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int null = open("/dev/null", O_RDWR);
    dup2(null, STDIN_FILENO);
    dup2(out >= 0 ? out : null, STDOUT_FILENO);
    if (!r->launch->loud) dup2(err, STDERR_FILENO);
    if (null > STDERR_FILENO) close(null);
    sigset_t mask = r->before; /* of a caller who holds signals: they are not the child's to hold */
    for (size_t i = 0; i < RL_COUNT(requests); i++) sigdelset(&mask, requests[i]);
    sigprocmask(SIG_SETMASK, &mask, NULL);
    if (env != NULL)
        execvpe(r->launch->argv[0], (char *const *)r->launch->argv, (char *const *)env);
    else
        execvp(r->launch->argv[0], (char *const *)r->launch->argv);
    int why = errno;
    ssize_t told = write(report, &why, sizeof why);
    _exit(told == (ssize_t)sizeof why ? 127 : 126);
}

/* Ends the group. The leader has not been reaped, so its number is still its own. */
static void kill_group(const running *r) { kill(-r->child, SIGKILL); }

/* True when the child has ended; it stays a zombie until the group is gone. */
static bool has_ended(const running *r, bool wait)
{
    siginfo_t info = {0};
    while (waitid(P_PID, (id_t)r->child, &info, WEXITED | WNOWAIT | (wait ? 0 : WNOHANG)) != 0)
        if (errno != EINTR) return true;
    return info.si_pid == r->child;
}

static void read_signals(running *r)
{
    struct signalfd_siginfo info;
    while (read(r->signals, &info, sizeof info) == (ssize_t)sizeof info)
        if (info.ssi_signo != SIGCHLD) r->caught = (int)info.ssi_signo;
}

/* Waits for the end of the child, of its time, or of ours. */
static void watch(running *r)
{
    const double deadline = now_s() + r->launch->timeout_s;
    while (!has_ended(r, false) && r->caught == 0) {
        double left = deadline - now_s();
        if (left <= 0) {
            r->result->end = RL_LAUNCH_TIMED_OUT;
            break;
        }
        struct pollfd fds[] = {
            {r->signals, POLLIN, 0},
            {r->out.fd,  POLLIN, 0},
            {r->err.fd,  POLLIN, 0}
        };
        poll(fds, RL_COUNT(fds), left > 3600 ? 3600000 : (int)(left * 1000) + 1);
        drain(&r->out);
        drain(&r->err);
        read_signals(r);
    }
    kill_group(r);
    has_ended(r, true);
    drain(&r->out);
    drain(&r->err);
}

static void reap(running *r)
{
    int status = 0;
    while (waitpid(r->child, &status, 0) < 0 && errno == EINTR) {}
    if (r->result->end == RL_LAUNCH_TIMED_OUT || r->result->end == RL_LAUNCH_NOT_STARTED) return;
    r->result->end = WIFSIGNALED(status) ? RL_LAUNCH_KILLED : RL_LAUNCH_EXITED;
    r->result->code = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}

/* Starts the child. The report pipe closes at exec; before that it can bring an errno. */
static bool start(running *r, int out[2], int err[2], int report[2])
{
    r->child = fork();
    if (r->child < 0) {
        r->result->code = errno;
        return false;
    }
    if (r->child == 0) become(r, out[1], err[1], report[1]);
    setpgid(r->child, r->child);
    close(report[1]);
    report[1] = -1;
    int why = 0;
    ssize_t n;
    while ((n = read(report[0], &why, sizeof why)) < 0 && errno == EINTR) {}
    if (n == (ssize_t)sizeof why) {
        r->result->code = why;
        reap(r);
        return false;
    }
    return true;
}

static void close_both(int fds[2])
{
    for (int i = 0; i < 2; i++)
        if (fds[i] >= 0) close(fds[i]);
}

static void run(running *r)
{
    int out[2] = {-1, -1}, err[2] = {-1, -1}, report[2] = {-1, -1};
    bool piped = pipe2(err, O_CLOEXEC) == 0 && pipe2(report, O_CLOEXEC) == 0 &&
                 (r->launch->out == NULL || pipe2(out, O_CLOEXEC) == 0);
    r->result->code = errno;
    bool started = piped && r->signals >= 0 && start(r, out, err, report);
    if (started) {
        r->result->end = RL_LAUNCH_EXITED;
        close(err[1]);
        if (out[1] >= 0) close(out[1]);
        err[1] = out[1] = -1;
        r->err.fd = err[0];
        r->out.fd = out[0];
        err[0] = out[0] = -1; /* the sinks' to close */
        fcntl(r->err.fd, F_SETFL, O_NONBLOCK);
        if (r->out.fd >= 0) fcntl(r->out.fd, F_SETFL, O_NONBLOCK);
        watch(r);
        reap(r);
    }
    close_both(out);
    close_both(err);
    close_both(report);
    if (r->out.fd >= 0) close(r->out.fd); /* somebody outside the group still holds the other end */
    if (r->err.fd >= 0) close(r->err.fd);
}

void rl_launch_run(const rl_launch *launch, rl_launch_result *result)
{
    char tail[TAIL_BYTES];
    *result = (rl_launch_result){.end = RL_LAUNCH_NOT_STARTED, .timeout_s = launch->timeout_s};
    running r = {.launch = launch, .result = result};
    r.err = (sink){.fd = -1, .bytes = tail, .room = sizeof tail};
    r.out = (sink){.fd = -1, .bytes = launch->out, .keep_first = true};
    if (launch->out != NULL) r.out.room = launch->out_size - 1;

    sigset_t held, watched;
    struct sigaction standard = {.sa_handler = SIG_DFL}, child_before;
    requests_to_end(&held);
    sigaddset(&held, SIGCHLD);
    if (launch->undisturbed)
        sigemptyset(&watched);
    else
        requests_to_end(&watched);
    sigaddset(&watched, SIGCHLD);
    sigaction(SIGCHLD, &standard, &child_before); /* ignored, it would leave no child to wait for */
    sigprocmask(SIG_BLOCK, &held, &r.before);
    r.signals = signalfd(-1, &watched, SFD_NONBLOCK | SFD_CLOEXEC);

    double started = now_s();
    run(&r);
    result->wall_s = now_s() - started;
    while (r.err.used > 0 && tail[r.err.used - 1] == '\n') r.err.used--;
    rl_printable(result->said, sizeof result->said, tail, r.err.used);
    if (launch->out != NULL) launch->out[r.out.used] = '\0';

    if (r.signals >= 0) close(r.signals);
    sigprocmask(SIG_SETMASK, &r.before, NULL);
    sigaction(SIGCHLD, &child_before, NULL);
    result->caught = r.caught;
}

const char *rl_launch_describe(const rl_launch_result *result, char *out, size_t size)
{
    int n = 0;
    switch (result->end) {
    case RL_LAUNCH_EXITED:
        n = snprintf(out, size, "exited with status %d", result->code);
        break;
    case RL_LAUNCH_KILLED:
        n = snprintf(out, size, "was killed by signal %d (%s)", result->code, strsignal(result->code));
        break;
    case RL_LAUNCH_TIMED_OUT:
        n = snprintf(out, size, "did not end within %g s and was killed", result->timeout_s);
        break;
    case RL_LAUNCH_NOT_STARTED:
        n = snprintf(out, size, "cannot be started: %s", strerror(result->code));
        break;
    }
    if (result->said[0] != '\0' && n > 0 && (size_t)n < size)
        snprintf(out + n, size - (size_t)n, "; it said last: %s", result->said);
    return out;
}

const char **rl_launch_clean_env(const char *more)
{
    size_t n = 0, kept = 0;
    while (environ[n] != NULL) n++;
    const char **env = malloc((n + 2) * sizeof *env);
    if (env == NULL) return NULL;
    for (size_t i = 0; i < n; i++) {
        const bool ours = strncmp(environ[i], "BENCHMARK_", 10) == 0 || strncmp(environ[i], "RL_", 3) == 0;
        if (!ours || strncmp(environ[i], "RL_ISA=", 7) == 0) env[kept++] = environ[i];
    }
    if (more != NULL) env[kept++] = more;
    env[kept] = NULL;
    return env;
}

void rl_launch_hold_signals(rl_launch_hold *hold)
{
    sigset_t set;
    requests_to_end(&set);
    sigprocmask(SIG_BLOCK, &set, &hold->before);
}

int rl_launch_release_signals(const rl_launch_hold *hold)
{
    sigset_t set;
    requests_to_end(&set);
    const int caught = sigtimedwait(&set, NULL, &(struct timespec){0});
    sigprocmask(SIG_SETMASK, &hold->before, NULL);
    return caught > 0 ? caught : 0;
}
