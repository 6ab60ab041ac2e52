/* ab_bench.c - a lane's bench as one build has it. */
#include "ab_bench.h"
#include "gate/launch.h"
#include "measure.h"

#include <stdlib.h>
#include <string.h>

enum { LIST_BYTES = 1 << 20, LIST_TIMEOUT_S = 600 };

bool rl_ab_bench_open(rl_ab_bench *b, const char *old_dir, const char *new_dir, const char *model)
{
    const char *const dirs[RL_ARMS] = {old_dir, old_dir, new_dir};
    char identity[64];
    rl_error why;
    for (size_t arm = 0; arm < RL_ARMS; arm++) {
        if (rl_here_bench_of(b->program[arm], b->lane->bench, dirs[arm], &why) == RL_OK) continue;
        rl_verdict_problem(b->v, "the %s build: %s", rl_arm_name((rl_arm)arm), why.text);
        return false;
    }
    /* Builds are compared, not the machine. By the environment, for old builds do not know such a flag. */
    b->env = rl_launch_clean_env("BENCHMARK_YARDSTICKS=false");
    return rl_measure_model(b->lane, model, b->model, identity, b->v);
}

void rl_ab_bench_close(rl_ab_bench *b)
{
    free(b->env);
    b->env = NULL;
}

void rl_ab_bench_csv(const rl_ab_bench *b, size_t launch, char out[RL_PATH_MAX])
{
    snprintf(out, RL_PATH_MAX, "%.4000s/launches/%zu.csv", b->dir, launch);
}

/* What every call begins with; room for `more` arguments and the end. */
static const char **arguments(const rl_ab_bench *b, rl_arm arm, const char *filter, size_t more,
                              rl_pool *pool, size_t *n)
{
    const char **argv = rl_pool_alloc(pool, (b->mode->n_args + more + 4) * sizeof *argv);
    *n = 0;
    argv[(*n)++] = b->program[arm];
    for (size_t i = 0; i < b->mode->n_args; i++) argv[(*n)++] = b->mode->args[i];
    if (filter != NULL) argv[(*n)++] = rl_pool_format(pool, "--benchmark_filter=%s", filter);
    if (b->model[0] != '\0') argv[(*n)++] = rl_pool_format(pool, "--model=%s", b->model);
    return argv;
}

/* True where it ended as a bench may. */
static bool ended_well(rl_ab_bench *b, rl_arm arm, const char *what, const rl_launch_result *result, int most)
{
    char text[1400];
    if (result->caught != 0) {
        b->caught = result->caught;
        rl_verdict_problem(b->v, "%s: interrupted by signal %d (%s)", what, result->caught,
                           strsignal(result->caught));
        return false;
    }
    if (result->end == RL_LAUNCH_EXITED && result->code <= most) return true;
    rl_verdict_problem(b->v, "%s: %s of the %s build %s", what, b->lane->bench, rl_arm_name(arm),
                       rl_launch_describe(result, text, sizeof text));
    return false;
}

/* One name a line. */
static bool take_names(rl_ab_bench *b, rl_arm arm, char *text, const char *const **names, size_t *n)
{
    const char **list = NULL;
    *n = 0;
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        if (!rl_benchmark_name_ok(line)) {
            char shown[100];
            rl_verdict_problem(b->v, "%s of the %s build lists '%s', which is no name of a benchmark",
                               b->lane->bench, rl_arm_name(arm),
                               rl_printable(shown, sizeof shown, line, strlen(line)));
            return false;
        }
        list = rl_pool_more(&b->v->pool, list, *n, sizeof *list);
        list[(*n)++] = rl_pool_copy(&b->v->pool, line, strlen(line));
    }
    *names = list;
    return true;
}

bool rl_ab_bench_list(rl_ab_bench *b, rl_arm arm, const char *const **names, size_t *n)
{
    rl_pool pool = {0};
    rl_launch_result result;
    size_t used;
    const char **argv = arguments(b, arm, b->mode->filter, 1, &pool, &used);
    argv[used] = "--benchmark_list_tests";
    char *out = rl_pool_alloc(&pool, LIST_BYTES);
    rl_launch_run(
        &(rl_launch){
            .argv = argv, .env = b->env, .timeout_s = LIST_TIMEOUT_S, .out = out, .out_size = LIST_BYTES},
        &result);
    const bool listed = ended_well(b, arm, "listing rows", &result, 0) && take_names(b, arm, out, names, n);
    rl_pool_free(&pool);
    return listed;
}

bool rl_ab_bench_launch(rl_ab_bench *b, rl_arm arm, const char *filter, rl_samples *s)
{
    char csv[RL_PATH_MAX], what[64];
    rl_pool pool = {0};
    rl_launch_result result;
    rl_error why;
    size_t used;
    b->launches++;
    rl_ab_bench_csv(b, b->launches, csv);
    snprintf(what, sizeof what, "launch %zu", b->launches);
    const char **argv = arguments(b, arm, filter, 5, &pool, &used);
    if (b->counts[0] != '\0')
        argv[used++] = rl_pool_format(&pool, "--benchmark_iterations_from=%s", b->counts);
    if (b->inject != NULL && arm == RL_ARM_NEW)
        argv[used++] = rl_pool_format(&pool, "--inject=%s", b->inject);
    argv[used++] = rl_pool_format(&pool, "--launch=%zu", b->launches);
    argv[used++] = rl_pool_format(&pool, "--benchmark_out=%s", csv);
    argv[used++] = "--benchmark_out_format=csv";
    rl_launch_run(&(rl_launch){.argv = argv, .env = b->env, .timeout_s = b->lane->timeout_s}, &result);
    rl_pool_free(&pool);
    b->last_s = result.wall_s;
    b->spent_s += result.wall_s;
    if (!ended_well(b, arm, what, &result, 1)) return false;
    if (rl_measure_read(s, csv, b->launches, result.code, &why) == RL_OK) return true;
    rl_verdict_problem(b->v, "%s of the %s build: %s%s%s", what, rl_arm_name(arm), why.text,
                       result.said[0] != '\0' ? "; it said last: " : "", result.said);
    return false;
}
