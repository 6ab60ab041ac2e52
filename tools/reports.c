/* reports.c - who wants which form. */
#include "reports.h"
#include "base/file.h"
#include "gate/render.h"
#include "locate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The summary is a file that every command of a step adds to: one write at its end. */
static rl_status append(const char *path, const char *text, rl_error *err)
{
    const size_t n = strlen(text);
    errno = 0;
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    const bool written = fd >= 0 && write(fd, text, n) == (ssize_t)n;
    const int why = errno;
    if (fd >= 0 && close(fd) != 0 && written)
        return rl_fail(err, RL_ERR_IO, "%.300s: %s", path, strerror(errno));
    if (written) return RL_OK;
    return rl_fail(err, RL_ERR_IO, "%.300s: cannot add to it: %s", path,
                   why != 0 ? strerror(why) : "cut short");
}

int rl_reports_write(const rl_verdict_set *const *lanes, size_t n, const rl_report_options *o)
{
    rl_pool pool = {0};
    rl_error why[4] = {{0}};
    const char *actions = getenv("GITHUB_ACTIONS"), *summary = getenv("GITHUB_STEP_SUMMARY");
    const bool in_actions = actions != NULL && strcmp(actions, "true") == 0;
    const bool summarize = in_actions && summary != NULL && summary[0] != '\0';
    const char *page = o->markdown != NULL || summarize ? rl_render_markdown(lanes, n, &pool) : "";
    if (o->markdown != NULL) rl_file_write(o->markdown, page, strlen(page), &why[0]);
    if (o->junit != NULL) rl_render_junit(lanes, n, o->junit, &why[1]);
    if (o->sarif != NULL) rl_render_sarif(lanes, n, rl_locate_row, o->sarif, &why[2]);
    if (summarize) append(summary, page, &why[3]);
    if (o->annotations || in_actions) rl_render_annotations(stdout, lanes, n, rl_locate_row);
    rl_pool_free(&pool);
    int code = RL_EXIT_PASS;
    for (size_t i = 0; i < RL_COUNT(why); i++) {
        if (why[i].status == RL_OK) continue;
        fprintf(stderr, "ridgeline: %s\n", why[i].text);
        code = RL_EXIT_BROKEN;
    }
    return code;
}
