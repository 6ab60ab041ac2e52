/* test_gate_launch.c - running programs that end well, badly, or not at all. */
#include "util_text.h"

#include "gate/launch.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static rl_launch_result shell(const char *script, double timeout_s, char *out, size_t out_size)
{
    rl_launch_result result;
    const char *argv[] = {"/bin/sh", "-c", script, NULL};
    rl_launch_run(&(rl_launch){.argv = argv, .timeout_s = timeout_s, .out = out, .out_size = out_size},
                  &result);
    return result;
}

static void an_exit_status_and_both_outputs_come_back(void **state)
{
    (void)state;
    char out[16], text[256];
    rl_launch_result r = shell("echo one; echo two >&2; exit 3", 20, out, sizeof out);
    assert_true(r.end == RL_LAUNCH_EXITED && r.code == 3);
    assert_string_equal(out, "one\n");
    assert_string_equal(r.said, "two");
    assert_string_equal(rl_launch_describe(&r, text, sizeof text), "exited with status 3; it said last: two");
    r = shell("exit 0", 20, NULL, 0);
    assert_true(r.end == RL_LAUNCH_EXITED && r.code == 0 && r.said[0] == '\0');
}

static void output_is_cut_to_what_there_is_room_for(void **state)
{
    (void)state;
    char out[8];
    /* The first of standard output, the last of standard error; more of both than a pipe holds. */
    rl_launch_result r =
        shell("i=0; while [ $i -lt 3000 ]; do echo 0123456789012345678901234567890123456789; "
              "echo 0123456789012345678901234567890123456789 >&2; i=$((i + 1)); done; "
              "printf last >&2",
              60, out, sizeof out);
    assert_true(r.end == RL_LAUNCH_EXITED && r.code == 0);
    assert_string_equal(out, "0123456");
    assert_string_equal(r.said + strlen(r.said) - 4, "last");
}

static void a_crash_is_told_by_its_signal(void **state)
{
    (void)state;
    char text[256];
    rl_launch_result r = shell("kill -SEGV $$", 20, NULL, 0);
    assert_true(r.end == RL_LAUNCH_KILLED && r.code == SIGSEGV);
    util_assert_contains(rl_launch_describe(&r, text, sizeof text), "was killed by signal 11 (");
}

static void a_program_that_is_not_there_says_so(void **state)
{
    (void)state;
    char text[256];
    rl_launch_result r;
    const char *argv[] = {"/nowhere/bench", NULL};
    rl_launch_run(&(rl_launch){.argv = argv, .timeout_s = 20}, &r);
    assert_true(r.end == RL_LAUNCH_NOT_STARTED && r.code == ENOENT);
    assert_string_equal(rl_launch_describe(&r, text, sizeof text),
                        "cannot be started: No such file or directory");
    argv[0] = "/dev/null";
    rl_launch_run(&(rl_launch){.argv = argv, .timeout_s = 20}, &r);
    assert_true(r.end == RL_LAUNCH_NOT_STARTED && r.code == EACCES);
}

/* Waits up to ten seconds for a process to be gone. */
static bool gone(pid_t pid)
{
    for (int i = 0; i < 1000; i++) {
        char path[64], state = 'Z';
        snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
        FILE *f = fopen(path, "r");
        if (f != NULL) {
            if (fscanf(f, "%*d (%*[^)]) %c", &state) != 1) state = 'Z';
            fclose(f);
        }
        if (state == 'Z') return true; /* dead, whether or not somebody has looked */
        nanosleep(&(struct timespec){0, 10000000}, NULL);
    }
    return false;
}

static void a_program_that_hangs_is_killed_with_its_children(void **state)
{
    (void)state;
    char out[32], text[256];
    rl_launch_result r = shell("trap '' TERM INT; sleep 600 & echo $!; wait", 0.5, out, sizeof out);
    assert_int_equal(r.end, RL_LAUNCH_TIMED_OUT);
    assert_true(r.wall_s >= 0.5);
    assert_string_equal(rl_launch_describe(&r, text, sizeof text), "did not end within 0.5 s and was killed");
    assert_true(atoi(out) > 1 && gone(atoi(out)));
}

static void what_a_program_leaves_running_is_killed(void **state)
{
    (void)state;
    char out[32];
    rl_launch_result r = shell("sleep 600 & echo $!", 60, out, sizeof out);
    assert_true(r.end == RL_LAUNCH_EXITED && r.code == 0 &&
                r.wall_s < 50); /* it holds our pipes, and is not waited for */
    assert_true(atoi(out) > 1 && gone(atoi(out)));
}

/* Our own end takes the child along, whether we are asked or made to. */
static void the_child_ends_with_its_parent(void **state)
{
    (void)state;
    const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGKILL};
    for (size_t i = 0; i < RL_COUNT(signals); i++) {
        char path[] = "/tmp/test_gate_launchXXXXXX", script[128];
        int fd = mkstemp(path);
        assert_true(fd >= 0);
        snprintf(script, sizeof script, "echo $$ > %s; exec sleep 600", path);
        pid_t parent = fork();
        assert_true(parent >= 0);
        if (parent == 0) {
            raise(shell(script, 600, NULL, 0).caught);
            _exit(0);
        }
        char pid[32] = "";
        for (int k = 0; k < 1000 && strchr(pid, '\n') == NULL; k++) {
            nanosleep(&(struct timespec){0, 10000000}, NULL);
            ssize_t n = pread(fd, pid, sizeof pid - 1, 0);
            pid[n > 0 ? n : 0] = '\0';
        }
        assert_true(atoi(pid) > 1);
        int status;
        kill(parent, signals[i]);
        assert_int_equal(waitpid(parent, &status, 0), parent);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == signals[i]);
        assert_true(gone(atoi(pid)));
        close(fd);
        unlink(path);
    }
}

static void the_environment_of_benches_is_clean(void **state)
{
    (void)state;
    char out[256];
    rl_launch_result r;
    setenv("BENCHMARK_FILTER", "nothing", 1);
    setenv("RL_CACHE", "hot", 1);
    setenv("RL_ISA", "scalar", 1);
    setenv("RLX", "kept", 1);
    const char **env = rl_launch_clean_env("RL_MORE=1");
    assert_non_null(env);
    const char *argv[] = {"/bin/sh", "-c", "echo \"$BENCHMARK_FILTER,$RL_CACHE,$RL_ISA,$RLX,$RL_MORE\"", NULL};
    rl_launch_run(&(rl_launch){.argv = argv, .env = env, .timeout_s = 20, .out = out, .out_size = sizeof out},
                  &r);
    free(env);
    assert_string_equal(out, ",,scalar,kept,1\n");
    unsetenv("RL_ISA");
}

static void ignored_children_are_waited_for_all_the_same(void **state)
{
    (void)state;
    struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
    sigaction(SIGCHLD, &ignore, &before);
    rl_launch_result r = shell("exit 4", 20, NULL, 0);
    assert_true(r.end == RL_LAUNCH_EXITED && r.code == 4);
    sigaction(SIGCHLD, &before, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_exit_status_and_both_outputs_come_back),
        cmocka_unit_test(output_is_cut_to_what_there_is_room_for),
        cmocka_unit_test(a_crash_is_told_by_its_signal),
        cmocka_unit_test(a_program_that_is_not_there_says_so),
        cmocka_unit_test(a_program_that_hangs_is_killed_with_its_children),
        cmocka_unit_test(what_a_program_leaves_running_is_killed),
        cmocka_unit_test(the_child_ends_with_its_parent),
        cmocka_unit_test(the_environment_of_benches_is_clean),
        cmocka_unit_test(ignored_children_are_waited_for_all_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
