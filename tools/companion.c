/* companion.c - finding the program, its arguments, and what its end means. */
#include "companion.h"

#include <errno.h>
#include <string.h>

enum { UNAVAILABLE = 69, NO_INTERPRETER = 127 };

#define LINE_FEED "\\x0a" /* as rl_printable writes it into what a launch said */

void rl_companion_find(rl_companion *c, const rl_lane *lane, const char *bench_dir, rl_pool *pool)
{
    rl_error why;
    c->absent = "";
    c->program[0] = '\0';
    if (lane->companion.program == NULL) return;
    if ((bench_dir != NULL && rl_here_bench(c->program, lane->companion.program, bench_dir, &why) == RL_OK) ||
        rl_here_bench(c->program, lane->companion.program, NULL, &why) == RL_OK)
        return;
    c->program[0] = '\0';
    c->absent = rl_pool_printable(pool, why.text, strlen(why.text));
}

const char **rl_companion_argv(const rl_companion *c, const rl_lane *lane, const rl_companion_call *call,
                               rl_pool *pool)
{
    const rl_lane_companion *own = &lane->companion;
    const rl_lane_mode *mode = rl_lane_mode_of(lane, call->quick);
    const char *const *args = call->quick ? own->quick_args : own->args;
    const size_t n_args = call->quick ? own->n_quick_args : own->n_args;
    const char **argv = rl_pool_alloc(pool, (n_args + 10) * sizeof *argv);
    size_t n = 0;
    argv[n++] = c->program;
    for (size_t i = 0; i < n_args; i++) argv[n++] = args[i];
    if (mode->filter != NULL) argv[n++] = rl_pool_format(pool, "--benchmark_filter=%s", mode->filter);
    if (call->model[0] != '\0') argv[n++] = rl_pool_format(pool, "--model=%s", call->model);
    argv[n++] = rl_pool_format(pool, "--launch=%zu", call->launch);
    argv[n++] = rl_pool_format(pool, "--bench=%s", call->bench);
    argv[n++] = rl_pool_format(pool, "--columns-from=%s", call->columns_from);
    argv[n++] = rl_pool_format(pool, "--benchmark_out=%s", call->out);
    argv[n++] = "--benchmark_out_format=csv";
    return argv;
}

bool rl_companion_unavailable(rl_companion *c, const rl_launch_result *result, rl_pool *pool)
{
    const bool unavailable = result->end == RL_LAUNCH_EXITED && result->code == UNAVAILABLE;
    const bool no_program = (result->end == RL_LAUNCH_EXITED && result->code == NO_INTERPRETER) ||
                            (result->end == RL_LAUNCH_NOT_STARTED && result->code == ENOENT);
    if (!unavailable && !no_program) return false;
    const char *line = result->said;
    for (const char *feed; (feed = strstr(line, LINE_FEED)) != NULL;) line = feed + strlen(LINE_FEED);
    c->absent = line[0] != '\0' ? rl_pool_copy(pool, line, strlen(line))
                : no_program    ? "its interpreter is not there"
                                : "it cannot run here, and does not say why";
    return true;
}

rl_status rl_companion_names(const rl_lane *lane, const rl_samples *s, bool bench, rl_error *err)
{
    if (lane->companion.program == NULL) return RL_OK;
    for (size_t i = 0; i < s->n_rows; i++)
        if (rl_matches(&lane->companion.matcher, s->rows[i].name) == bench)
            return rl_fail(err, RL_ERR_FORMAT, "%.200s: the name of a row of %s, which is %s",
                           s->rows[i].name, bench ? "the companion" : "the bench",
                           bench ? "not the bench's to measure" : "not the companion's to measure");
    return RL_OK;
}
