/* cmd_bisect.c - ridgeline bisect: which commit made a row slower?
 *
 * All building and checking out happens in a worktree of its own below a temporary directory, which is gone at the
 * end, however that comes; git keeps the state of a bisection with its worktree, so the caller's own is not touched. */
#include "ab.h"
#include "base/file.h"
#include "commands.h"
#include "conclude.h"
#include "gate/launch.h"
#include "gate/narrow.h"
#include "gate/reproduce.h"
#include "measure.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { COMMIT_MAX = 64, OUT_BYTES = 1 << 20, ARGS_MAX = 40 };

static const double GIT_TIMEOUT_S = 600, BUILD_TIMEOUT_S = 4 * 3600, BISECT_TIMEOUT_S = 30 * 86400;

/* Builds the commit that the worktree $1 is at into $2, with command $3, then runs what stands from $6 on. A bench
 * called $4 that an earlier build left is removed before, so that it cannot be taken for this commit's.
 * `git bisect run` reads 1 to 124 as bad: only a regression, 1, may say that. A signal ends it all; whatever else goes
 * wrong is no commit's fault, and skips it. */
static const char step[] =
    "cd \"$1\" || exit 125\n"
    "BUILD=$2 command=$3 bench=$4 log=$5/build-$(git rev-parse --short HEAD).log\n"
    "export BUILD\n"
    "shift 5\n"
    "mkdir -p \"$BUILD\" && find \"$BUILD\" -name \"$bench\" -type f -exec rm -f {} + || exit 125\n"
    "if ! sh -c \"$command\" >\"$log\" 2>&1 </dev/null; then\n"
    "    echo \"$(git rev-parse --short HEAD) does not build: see $log\" >&2\n"
    "    exit 125\n"
    "fi\n"
    "status=0\n"
    "\"$@\" || status=$?\n"
    "[ $status -le 1 ] || [ $status -ge 128 ] || status=125\n"
    "exit $status\n";

static const char default_build[] = "cmake -S . -B \"$BUILD\" -DCMAKE_BUILD_TYPE=Release -DRL_TESTS=OFF && "
                                    "cmake --build \"$BUILD\" -j \"$(nproc)\"";

typedef struct {
    const char *good, *bad, *lane, *row, *margin, *model, *baselines, *build, *report_dir;
    uint64_t budget_s;
} options;

typedef struct {
    const options *o;
    rl_pool pool;
    rl_lane lane;
    double margin;
    char good[COMMIT_MAX], bad[COMMIT_MAX];
    const char *pattern, *model, *baselines, *report,
        *self;               /* paths absolute; model NULL: the lane has none */
    const char *home, *tree; /* the temporary directory, and the worktree in it */
    int caught;              /* a signal that asked us to end, or 0 */
    bool tidying;            /* which a second one must not cut short */
} bisection;

/* ---- Running things -------------------------------------------------------------------------------- */

/* Runs a program; true where it exits with 0. *code is its status, or -1; out (of OUT_BYTES) may be NULL. */
static bool launch(bisection *b, const char *const *argv, double timeout_s, bool loud, char *out, int *code)
{
    rl_launch_result result;
    char text[1400];
    *code = -1;
    if (b->caught != 0) return false;
    rl_launch_run(&(rl_launch){.argv = argv,
                               .timeout_s = timeout_s,
                               .out = out,
                               .out_size = OUT_BYTES,
                               .loud = loud,
                               .undisturbed = b->tidying},
                  &result);
    b->caught = result.caught;
    if (result.end == RL_LAUNCH_EXITED) *code = result.code;
    if (result.end == RL_LAUNCH_EXITED && result.code == 0) return true;
    if (b->caught == 0 && (!loud || result.end != RL_LAUNCH_EXITED))
        fprintf(stderr, "ridgeline bisect: %s %s\n", argv[0], rl_launch_describe(&result, text, sizeof text));
    return false;
}

/* git in `dir`, its first line of output in the pool; NULL where it fails. */
static const char *git(bisection *b, const char *dir, const char *const *arguments)
{
    const char *argv[ARGS_MAX] = {"git", "-C", dir};
    int code;
    for (size_t n = 3; n + 1 < ARGS_MAX && *arguments != NULL; n++) argv[n] = *arguments++;
    char *out = rl_pool_alloc(&b->pool, OUT_BYTES);
    if (!launch(b, argv, GIT_TIMEOUT_S, true, out, &code)) return NULL; /* git says itself what is wrong */
    out[strcspn(out, "\n")] = '\0';
    return out;
}
#define GIT(b, dir, ...) git(b, dir, (const char *const[]){__VA_ARGS__, NULL})

/* argv for `step`, ended by what comes after the build. */
static void step_arguments(const bisection *b, const char *build_dir, const char *const *after,
                           const char **argv)
{
    const char *const first[] = {"sh",
                                 "-c",
                                 step,
                                 "ridgeline-bisect-step",
                                 b->tree,
                                 build_dir,
                                 b->o->build != NULL ? b->o->build : default_build,
                                 b->lane.bench,
                                 b->report};
    size_t n = 0;
    for (size_t i = 0; i < RL_COUNT(first); i++) argv[n++] = first[i];
    while (*after != NULL && n + 1 < ARGS_MAX) argv[n++] = *after++;
    argv[n] = NULL;
}

/* Checks `commit` out and builds it below the temporary directory: the directory; NULL where that fails. */
static const char *build(bisection *b, const char *commit, const char *name)
{
    const char *argv[ARGS_MAX], *dir = rl_pool_format(&b->pool, "%s/%s", b->home, name);
    int code;
    fprintf(stderr, "building %s (%.12s)\n", name, commit);
    if (GIT(b, b->tree, "checkout", "--quiet", "--detach", "--force", commit) == NULL) return NULL;
    step_arguments(b, dir, (const char *const[]){"true", NULL}, argv);
    return launch(b, argv, BUILD_TIMEOUT_S, true, NULL, &code) ? dir : NULL;
}

/* ---- Comparing ------------------------------------------------------------------------------------- */

/* What one A/B said of the row. */
typedef struct {
    int code;
    double ratio, low, high;
} outcome;

static outcome compare(bisection *b, const char *old_dir, const char *new_dir, const char *name)
{
    rl_verdict_set v;
    outcome found = {.code = RL_EXIT_BROKEN, .ratio = (double)NAN};
    rl_verdict_open(&v, b->o->lane, false);
    v.rows = b->pattern;
    b->caught = rl_ab(&(rl_ab_plan){.lane = &b->lane,
                                    .old_dir = old_dir,
                                    .new_dir = new_dir,
                                    .model = b->model,
                                    .dir = rl_pool_format(&b->pool, "%s/%s", b->report, name),
                                    .margin = b->margin,
                                    .level = b->lane.level,
                                    .budget_s = (double)b->o->budget_s,
                                    .seed = rl_ab_seed(),
                                    .progress = stderr},
                      &v);
    const rl_verdict_set *const shown[] = {&v};
    found.code = rl_show(shown, 1, false);
    for (size_t i = 0; i < v.n_findings; i++) {
        const rl_finding *f = &v.findings[i];
        if (strcmp(f->benchmark, b->o->row) == 0)
            found = (outcome){found.code, f->ratio, f->ratio_low, f->ratio_high};
    }
    rl_verdict_free(&v);
    return found;
}

/* The bisection itself: the first bad commit, or NULL. */
static const char *bisect(bisection *b, const char *good_dir)
{
    const char *argv[ARGS_MAX], *bisect_argv[ARGS_MAX] = {"git", "-C", b->tree, "bisect", "run"};
    char budget[32];
    int code;
    snprintf(budget, sizeof budget, "%" PRIu64, b->o->budget_s);
    const char *const steps = rl_pool_format(&b->pool, "%s/steps", b->report);
    const char *const dir = rl_pool_format(&b->pool, "%s/step", b->home);
    const char *after[] = {b->self,      "ab",       "--bisect", "--old",
                           good_dir,     "--new",    dir,        "--lane",
                           b->o->lane,   "--rows",   b->pattern, "--margin",
                           b->o->margin, "--budget", budget,     "--baselines",
                           b->baselines, "--report", steps,      b->model != NULL ? "--model" : NULL,
                           b->model,     NULL};
    if (GIT(b, b->tree, "bisect", "start", b->bad, b->good) == NULL) return NULL;
    step_arguments(b, dir, after, argv);
    for (size_t n = 5, i = 0; n + 1 < ARGS_MAX && argv[i] != NULL; i++) bisect_argv[n++] = argv[i];
    char *out = rl_pool_alloc(&b->pool, OUT_BYTES), *log = rl_pool_alloc(&b->pool, OUT_BYTES);
    const bool ran = launch(b, bisect_argv, BISECT_TIMEOUT_S, true, out, &code);
    const char *log_argv[] = {"git", "-C", b->tree, "bisect", "log", NULL};
    if (b->caught == 0 && launch(b, log_argv, GIT_TIMEOUT_S, false, log, &code))
        rl_file_write(rl_pool_format(&b->pool, "%s/bisect.log", b->report), log, strlen(log), NULL);
    if (ran) return GIT(b, b->tree, "rev-parse", "--verify", "refs/bisect/bad");
    if (b->caught == 0) fprintf(stderr, "%s\nridgeline bisect: no single commit was found\n", out);
    return NULL;
}

/* ---- The three parts ------------------------------------------------------------------------------- */

static void make_readable(char out[100], const outcome *r)
{
    snprintf(out, 100, isfinite(r->ratio) ? "%.3fx (%.3f to %.3f)" : "not measured", r->ratio, r->low,
             r->high);
}

/* True where the bad commit is shown to be slower than the good one. */
static bool check_ends(bisection *b, const char **good_dir)
{
    char text[100];
    const char *bad_dir = NULL;
    *good_dir = build(b, b->good, "good");
    if (*good_dir != NULL) bad_dir = build(b, b->bad, "bad");
    if (bad_dir == NULL) {
        if (b->caught == 0) fprintf(stderr, "ridgeline bisect: both ends must build\n");
        return false;
    }
    const outcome found = compare(b, *good_dir, bad_dir, "ends");
    if (found.code == RL_EXIT_REGRESSION) return true;
    make_readable(text, &found);
    if (b->caught == 0)
        fprintf(stderr,
                "ridgeline bisect: %s is not shown to be slower than %s in %s: %s; there is nothing to look "
                "for\n",
                b->o->bad, b->o->good, b->o->row, text);
    return false;
}

/* The found commit against the one before it. */
static int tell(bisection *b, const char *commit)
{
    char text[100], shown[200];
    const char *subject = GIT(b, b->tree, "show", "--no-patch", "--format=%s", commit);
    const char *parent = GIT(b, b->tree, "rev-parse", "--verify", rl_pool_format(&b->pool, "%s^", commit));
    const char *before = parent != NULL ? build(b, parent, "before") : NULL;
    const char *after = before != NULL ? build(b, commit, "after") : NULL;
    outcome found = {.code = RL_EXIT_BROKEN, .ratio = (double)NAN};
    if (after != NULL) found = compare(b, before, after, "found");
    if (b->caught != 0) return RL_EXIT_BROKEN;
    make_readable(text, &found);
    printf("\nfirst slow commit: %s %s\n  %s: %s against the commit before\n", commit,
           subject != NULL ? rl_printable(shown, sizeof shown, subject, strlen(subject)) : "", b->o->row,
           text);
    if (found.code == RL_EXIT_REGRESSION) return RL_EXIT_PASS;
    printf("  That alone is not shown to be a regression: it is the first commit that is slower than %s by "
           "more than "
           "%s %%, but it may not be the only cause.\n",
           b->o->good, b->o->margin);
    return RL_EXIT_BROKEN;
}

static int find(bisection *b)
{
    const char *good_dir, *commit;
    if (GIT(b, ".", "worktree", "add", "--quiet", "--detach", b->tree, b->bad) == NULL) return RL_EXIT_BROKEN;
    if (!check_ends(b, &good_dir) || (commit = bisect(b, good_dir)) == NULL) return RL_EXIT_BROKEN;
    return tell(b, commit);
}

/* ---- Before and after ------------------------------------------------------------------------------ */

static void tidy_up(bisection *b)
{
    const int caught = b->caught;
    const char *const remove[] = {"rm", "-rf", "--", b->home, NULL};
    int code;
    b->caught = 0;
    b->tidying = true;
    if (access(b->tree, F_OK) == 0) GIT(b, ".", "worktree", "remove", "--force", "--force", b->tree);
    launch(b, remove, GIT_TIMEOUT_S, false, NULL, &code);
    GIT(b, ".", "worktree", "prune");
    b->caught = caught;
}

/* The commit that `text` names. */
static bool resolve(bisection *b, const rl_command *self, const char *option, const char *text,
                    char out[COMMIT_MAX])
{
    const char *commit = GIT(b, ".", "rev-parse", "--verify", "--end-of-options",
                             rl_pool_format(&b->pool, "%s^{commit}", text));
    char shown[64];
    if (commit != NULL) snprintf(out, COMMIT_MAX, "%s", commit);
    if (commit == NULL && b->caught == 0)
        rl_bad_usage(self, "%s: '%s' is no commit here", option,
                     rl_printable(shown, sizeof shown, text, strlen(text)));
    return commit != NULL;
}

static const char *absolute(bisection *b, const char *path)
{
    char *real = realpath(path, NULL);
    const char *kept = real != NULL ? rl_pool_copy(&b->pool, real, strlen(real)) : NULL;
    free(real);
    return kept;
}

/* The lane, narrowed to the row. */
static rl_status read_lane(bisection *b, rl_error *err)
{
    const options *o = b->o;
    char baselines[RL_PATH_MAX], lanes[RL_PATH_MAX];
    rl_here_baselines(baselines, o->baselines);
    b->baselines = absolute(b, baselines);
    if (b->baselines == NULL || !rl_path_join(lanes, b->baselines, "lanes"))
        return rl_fail(err, RL_ERR_IO, "%.300s: %s", baselines, strerror(errno));
    if (!rl_plain_name(o->lane)) return rl_fail(err, RL_ERR_ARG, "--lane: expected the name of one lane");
    if (!rl_benchmark_name_ok(o->row))
        return rl_fail(err, RL_ERR_ARG, "--row: expected the whole name of one row");
    b->pattern = rl_exact_pattern(&b->pool, o->row);
    rl_status status = rl_lane_read(&b->lane, lanes, o->lane, err);
    return status == RL_OK ? rl_lane_narrow(&b->lane, b->pattern, err) : status;
}

/* The lane's model; false where it needs one that is not there. */
static bool find_model(bisection *b)
{
    char model[RL_PATH_MAX], identity[64];
    rl_verdict_set v;
    rl_verdict_open(&v, b->o->lane, false);
    const bool found = rl_measure_model(&b->lane, b->o->model, model, identity, &v);
    if (found && model[0] != '\0') b->model = absolute(b, model);
    if (!found) fprintf(stderr, "ridgeline bisect: %s\n", v.problems[0]);
    rl_verdict_free(&v);
    return found;
}

static rl_status make_places(bisection *b, rl_error *err)
{
    const char *base = getenv("TMPDIR");
    char *home = rl_pool_format(&b->pool, "%s/ridgeline-bisect.XXXXXX",
                                base != NULL && base[0] != '\0' ? base : "/tmp");
    rl_status status = rl_make_dirs(b->o->report_dir, err);
    if (status != RL_OK) return status;
    b->report = absolute(b, b->o->report_dir);
    b->self = absolute(b, "/proc/self/exe");
    if (b->report == NULL || b->self == NULL || mkdtemp(home) == NULL)
        return rl_fail(err, RL_ERR_IO, "%.300s: %s", home, strerror(errno));
    b->home = home;
    b->tree = rl_pool_format(&b->pool, "%s/tree", home);
    return RL_OK;
}

/* RL_EXIT_PASS where all that was asked for makes sense. */
static int prepare(bisection *b, const rl_command *self)
{
    const options *o = b->o;
    rl_error why;
    if (!rl_ab_margin(o->margin, &b->margin))
        return rl_bad_usage(self, "--margin: expected a percentage from 0.1 to 100, such as 2.5");
    if (!resolve(b, self, "--good", o->good, b->good) || !resolve(b, self, "--bad", o->bad, b->bad))
        return RL_EXIT_BAD_USAGE;
    if (strcmp(b->good, b->bad) == 0 || GIT(b, ".", "merge-base", "--is-ancestor", b->good, b->bad) == NULL)
        return rl_bad_usage(self, "%.12s is no ancestor of %.12s", b->good, b->bad);
    if (read_lane(b, &why) != RL_OK) return rl_bad_usage(self, "%s", why.text);
    if (!find_model(b)) return RL_EXIT_BROKEN;
    return make_places(b, &why) == RL_OK ? RL_EXIT_PASS : rl_bad_usage(self, "%s", why.text);
}

static int run(const rl_command *self, int argc, char **argv)
{
    options o = {.margin = "2", .budget_s = 300, .report_dir = "reports/bisect"};
    bisection b = {.o = &o};
    if (!rl_args_parse(self, &o, NULL, argc, argv)) return RL_EXIT_BAD_USAGE;
    rl_launch_hold
        hold; /* a request to end is for launches to see: never lost between two, and all is tidied up */
    rl_launch_hold_signals(&hold);
    int code = prepare(&b, self);
    if (code == RL_EXIT_PASS) code = find(&b);
    if (b.home != NULL) tidy_up(&b);
    rl_lane_free(&b.lane);
    const int late = rl_launch_release_signals(&hold), caught = b.caught != 0 ? b.caught : late;
    rl_pool_free(&b.pool);
    if (caught != 0) {
        fflush(NULL);
        signal(caught, SIG_DFL);
        raise(caught);
    }
    return code;
}

static const rl_arg args[] = {
    RL_TEXT_REQUIRED("--good", "COMMIT", options, good, "one that is fast enough"),
    RL_TEXT_REQUIRED("--bad", "COMMIT", options, bad, "a later one that is not"),
    RL_TEXT_REQUIRED("--lane", "LANE", options, lane, "whose bench and arguments"),
    RL_TEXT_REQUIRED("--row", "ROW", options, row, "the whole name of the row"),
    RL_TEXT("--margin", "PCT", options, margin, "how much slower than the good commit is bad (default: 2)"),
    RL_NUMBER("--budget", "S", options, budget_s, 1, 1000000, "seconds for each comparison (default: 300)"),
    RL_TEXT("--build", "CMD", options, build,
            "builds the commit in the working directory into $BUILD (default: cmake)"),
    RL_TEXT("--model", "FILE", options, model, "the model file, for lanes that need one"),
    RL_TEXT("--baselines", "DIR", options, baselines, "where lanes/ is (default: baselines)"),
    RL_TEXT("--report", "DIR", options, report_dir,
            "where reports and build logs go (default: reports/bisect)"),
};

const rl_command rl_cmd_bisect = {
    .name = "bisect",
    .summary = "finds the commit that made a row slower",
    .args = args,
    .n_args = RL_COUNT(args),
    .more =
        "First the bad commit is compared with the good one, as `ridgeline ab` does: where it is not "
        "shown to be\n"
        "slower there is nothing to look for. Then `git bisect run` builds and compares commit by commit "
        "with the good\n"
        "one; what does not build or stays undecided is skipped. Last, the commit found is compared with "
        "the one before\n"
        "it. It all happens in a worktree of its own in a temporary directory ($TMPDIR), which is "
        "removed at the end;\n"
        "your work tree and a bisection of yours are not touched. CMD is run by sh at the commit's top "
        "directory, and\n"
        "the lane's bench must be in $BUILD, its micro/, e2e/ or bin/ then; $BUILD is the same from step "
        "to step. The\n"
        "lane's file is the one that is here now.\n\n"
        "  ridgeline bisect --good v0.1 --bad HEAD --lane gemv --row "
        "gemv/q4_0/avx2/5632x2048/cold/threads:1\n\n"
        "exit status:\n"
        "  0   found, and slower than the commit before it: the commit, the ratio and its interval are "
        "printed\n"
        "  2   not found: the bad commit is not shown to be slower, an end does not build, the lane's model "
        "is not\n"
        "      there, only skipped commits are left; or found, but not shown to be slower than the commit "
        "before\n"
        "  64  bad usage\n",
    .run = run,
};
