/* cmd_list.c - ridgeline list: every kernel in this build, and every lane. */
#include "commands.h"
#include "gate/lane.h"
#include "gate/verdict.h"
#include "here.h"
#include "registry.h"

#include <stddef.h>
#include <string.h>

typedef struct {
    bool lanes;
    const char *baselines;
} options;

static int list_kernels(const rl_command *self)
{
    rl_here here;
    rl_error why;
    if (rl_here_read(&here, &why) != RL_OK) return rl_bad_usage(self, "%s", why.text);
    printf("%-12s %-10s %-8s %-5s %s\n", "family", "format", "isa", "runs", "kernel");
    for (size_t i = 0;; i++) {
        rl_registry_row row = rl_registry_at(i);
        if (row.kernel == NULL) return RL_EXIT_PASS;
        printf("%-12s %-10s %-8s %-5s %s\n", row.family, row.format[0] != '\0' ? row.format : "-",
               rl_isa_name(row.kernel->isa), rl_kernel_runs(row.kernel, here.cpu) ? "yes" : "no",
               row.kernel->name);
    }
}

static int list_lanes(const char *asked)
{
    char dir[RL_PATH_MAX], lanes[RL_PATH_MAX];
    rl_pool pool = {0};
    rl_error why = {.text = "the path of the lanes is too long"};
    const char **names;
    size_t n;
    rl_here_baselines(dir, asked);
    if (!rl_path_join(lanes, dir, "lanes") || rl_lane_list(lanes, &pool, &names, &n, &why) != RL_OK) {
        fprintf(stderr, "ridgeline list: %s\n", why.text);
        return RL_EXIT_BROKEN;
    }
    int code = RL_EXIT_PASS;
    for (size_t i = 0; i < n; i++) {
        rl_lane lane;
        if (rl_lane_read(&lane, lanes, names[i], &why) != RL_OK) {
            fprintf(stderr, "ridgeline list: %s\n", why.text);
            code = RL_EXIT_BROKEN;
            continue;
        }
        printf("%-14s %-18s %zu launches, %zu gates%s%s\n", lane.name, lane.bench, lane.full.launches,
               lane.n_gates, lane.about != NULL ? ": " : "", lane.about != NULL ? lane.about : "");
        rl_lane_free(&lane);
    }
    rl_pool_free(&pool);
    return code;
}

static int run(const rl_command *self, int argc, char **argv)
{
    options o = {0};
    if (!rl_args_parse(self, &o, NULL, argc, argv)) return RL_EXIT_BAD_USAGE;
    return o.lanes ? list_lanes(o.baselines) : list_kernels(self);
}

static const rl_arg args[] = {
    RL_FLAG("--lanes", options, lanes, "the lanes instead of the kernels"),
    RL_TEXT("--baselines", "DIR", options, baselines, "where lanes/ is (default: baselines)"),
};

const rl_command rl_cmd_list = {
    .name = "list",
    .summary = "lists the kernels of this build and whether they run here, or the lanes",
    .args = args,
    .n_args = RL_COUNT(args),
    .more = "exit status: 0, 2 a lane file cannot be read, 64 bad usage\n",
    .run = run,
};
