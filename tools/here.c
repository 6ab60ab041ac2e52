/* here.c - asking the machine, and looking round from where the program stands. */
#include "here.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

rl_status rl_here_read(rl_here *here, rl_error *err)
{
    rl_status status = rl_cpu_from_env(&here->cpu, err);
    if (status != RL_OK) return status;
    rl_env_read(&here->env, "");
    rl_machine_classify(&here->class, &here->env, rl_build_info(), rl_isa_name(rl_cpu_best(here->cpu)));
    return RL_OK;
}

bool rl_path_join(char out[RL_PATH_MAX], const char *dir, const char *name)
{
    int length = snprintf(out, RL_PATH_MAX, "%s/%s", dir, name);
    return length >= 0 && length < RL_PATH_MAX;
}

/* The directory this program is in; "." where the system does not tell. */
static void program_dir(char out[RL_PATH_MAX])
{
    ssize_t n = readlink("/proc/self/exe", out, RL_PATH_MAX - 1);
    out[n > 0 ? n : 0] = '\0';
    char *slash = strrchr(out, '/');
    if (slash == NULL)
        snprintf(out, RL_PATH_MAX, ".");
    else
        slash[slash == out] = '\0';
}

static bool is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

void rl_here_baselines(char out[RL_PATH_MAX], const char *asked)
{
    char dir[RL_PATH_MAX];
    snprintf(out, RL_PATH_MAX, "%s", asked != NULL ? asked : "baselines");
    if (asked != NULL || is_dir("baselines/lanes")) return;
    program_dir(dir);
    if (!rl_path_join(out, dir, "../share/ridgeline/baselines") || !is_dir(out))
        snprintf(out, RL_PATH_MAX, "baselines");
}

rl_status rl_here_bench(char out[RL_PATH_MAX], const char *name, const char *asked, rl_error *err)
{
    static const char *const places[] = {".", "../micro", "../e2e"};
    char dir[RL_PATH_MAX], place[RL_PATH_MAX];
    if (asked == NULL) program_dir(dir);
    for (size_t i = 0; i < RL_COUNT(places) && (asked == NULL || i == 0); i++) {
        const bool fits = asked != NULL
                              ? rl_path_join(out, asked, name)
                              : rl_path_join(place, dir, places[i]) && rl_path_join(out, place, name);
        if (fits && access(out, X_OK) == 0 && !is_dir(out)) return RL_OK;
    }
    if (asked != NULL) return rl_fail(err, RL_ERR_IO, "no program %s in %.300s", name, asked);
    return rl_fail(err, RL_ERR_IO,
                   "no program %s in %.300s, nor in ../micro or ../e2e from there: build it, or say where "
                   "with --bench-dir",
                   name, dir);
}

rl_status rl_here_bench_of(char out[RL_PATH_MAX], const char *name, const char *root, rl_error *err)
{
    static const char *const places[] = {".", "micro", "e2e", "bin"};
    char place[RL_PATH_MAX];
    for (size_t i = 0; i < RL_COUNT(places); i++)
        if (rl_path_join(place, root, places[i]) && rl_path_join(out, place, name) && access(out, X_OK) == 0 &&
            !is_dir(out))
            return RL_OK;
    return rl_fail(err, RL_ERR_IO, "no program %s in %.300s, nor in its micro/, e2e/ or bin/", name, root);
}
