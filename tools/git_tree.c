/* git_tree.c - git, asked through the launcher. */
#include "git_tree.h"
#include "gate/launch.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { OUT_BYTES = 1 << 16, GIT_TIMEOUT_S = 60, ARGS_MAX = 8 };

/* `git -C dir arguments...`, its output in out. */
static rl_status git(const char *dir, const char *const *arguments, char out[OUT_BYTES], rl_error *err)
{
    const char *argv[ARGS_MAX] = {"git", "--no-optional-locks", "-C", dir};
    for (size_t n = 4; n + 1 < ARGS_MAX && *arguments != NULL; n++) argv[n] = *arguments++;
    rl_launch_result result;
    char text[512];
    rl_launch_run(&(rl_launch){.argv = argv, .timeout_s = GIT_TIMEOUT_S, .out = out, .out_size = OUT_BYTES},
                  &result);
    if (result.caught != 0) raise(result.caught);
    if (result.end == RL_LAUNCH_EXITED && result.code == 0) return RL_OK;
    return rl_fail(err, RL_ERR_IO, "git in %.150s %.300s", dir,
                   rl_launch_describe(&result, text, sizeof text));
}

/* Lines of `git status --porcelain`, "XY path", paths from the top. What lies below `prefix` is ours to
 * change, except lanes: they are what is measured. */
static void look_for_changes(rl_git_tree *tree, const char *status, const char *prefix)
{
    const size_t length = strlen(prefix);
    tree->clean = true;
    while (*status != '\0' && tree->clean) {
        size_t line = strcspn(status, "\n");
        const char *path = line > 3 ? status + 3 : "";
        const bool ours = length > 0 && strncmp(path, prefix, length) == 0 && path[length] != '\n' &&
                          path[length] != '\0' && strncmp(path + length, "lanes/", 6) != 0;
        if (!ours) {
            tree->clean = false;
            rl_printable(tree->change, sizeof tree->change, status, line);
        }
        status += line + (status[line] == '\n');
    }
}

rl_status rl_git_tree_read(rl_git_tree *tree, const char *dir, rl_error *err)
{
    memset(tree, 0, sizeof *tree);
    char *out = malloc(OUT_BYTES), *prefix = malloc(OUT_BYTES);
    if (out == NULL || prefix == NULL) {
        free(out);
        free(prefix);
        return rl_fail(err, RL_ERR_MEMORY, "out of memory for git's output");
    }
    rl_status status = git(dir, (const char *const[]){"rev-parse", "HEAD", NULL}, out, err);
    if (status == RL_OK) rl_printable(tree->head, sizeof tree->head, out, strcspn(out, "\n"));
    if (status == RL_OK)
        status = git(dir, (const char *const[]){"rev-parse", "--show-prefix", NULL}, prefix, err);
    if (status == RL_OK) status = git(dir, (const char *const[]){"status", "--porcelain", NULL}, out, err);
    if (status == RL_OK) {
        prefix[strcspn(prefix, "\n")] = '\0';
        look_for_changes(tree, out, prefix);
    }
    free(out);
    free(prefix);
    return status;
}
