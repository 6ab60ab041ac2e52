/* ab.c - two stages of blocks, and the verdict. */
#include "ab.h"
#include "ab_run.h"
#include "base/file.h"
#include "gate/launch.h"
#include "gate/origin.h"
#include "gate/render.h"
#include "gate/reproduce.h"
#include "measure.h"
#include "perf/stats.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

/* ---- Rows ------------------------------------------------------------------------------------------ */

static rl_ab_row *find_row(rl_ab_run *ab, const char *name)
{
    for (size_t i = 0; i < ab->n_rows; i++)
        if (strcmp(ab->rows[i].name, name) == 0) return &ab->rows[i];
    return NULL;
}

static bool listed(const char *const *names, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0) return true;
    return false;
}

/* Rows of both builds are to be compared; of the others it is told. */
static bool list_rows(rl_ab_run *ab)
{
    const char *const *old, *const *new;
    size_t n_old, n_new;
    rl_verdict_set *v = ab->v;
    if (!rl_ab_bench_list(&ab->bench, RL_ARM_OLD, &old, &n_old) ||
        !rl_ab_bench_list(&ab->bench, RL_ARM_NEW, &new, &n_new))
        return false;
    ab->rows = rl_pool_alloc(&v->pool, (n_old + 1) * sizeof *ab->rows);
    for (size_t i = 0; i < n_old; i++)
        if (find_row(ab, old[i]) != NULL)
            continue;
        else if (listed(new, n_new, old[i]))
            ab->rows[ab->n_rows++] = (rl_ab_row){.name = old[i], .unit = ""};
        else
            rl_verdict_add(v, old[i], ab->gate, RL_BROKEN)->reason =
                "missing: the old build has it, the new one has not";
    for (size_t i = 0; i < n_new; i++)
        if (!listed(old, n_old, new[i]))
            rl_verdict_add(v, new[i], ab->gate, RL_NEW)->reason = "the old build has no such row";
    v->expected = n_old;
    if (ab->n_rows == 0) rl_verdict_problem(v, "no row is in both builds: there is nothing to compare");
    return ab->n_rows > 0;
}

/* What is wrong with what one launch says of a row, or NULL; *time is the median of its repetitions then, in the
 * row's unit. *skipped: the build skips the row, which is why. */
static const char *read_row(rl_ab_run *ab, rl_ab_row *row, rl_arm arm, const rl_samples *s, double *time,
                            bool *skipped)
{
    rl_pool *pool = &ab->v->pool;
    const char *build = arm == RL_ARM_NEW ? "new" : "old";
    const rl_sample_row *found = rl_samples_find(s, row->name);
    const size_t column = rl_samples_column(s, "real_time");
    *skipped = false;
    if (found == NULL)
        return rl_pool_format(pool, "missing from launch %zu, of the %s build", ab->bench.launches, build);
    double *medians = rl_pool_alloc(pool, found->n * sizeof *medians);
    for (size_t i = 0; i < found->n; i++) {
        const rl_sample *sample = &found->samples[i];
        const rl_cell *cell = &sample->cells[column];
        if (sample->outcome == RL_SAMPLE_SKIPPED) *skipped = true;
        if (sample->outcome != RL_SAMPLE_MEASURED)
            return rl_pool_format(pool, "%s by the %s build: %s", *skipped ? "skipped" : "failed", build,
                                  sample->message[0] != '\0' ? sample->message : "no reason given");
        if (!(isfinite(cell->value) && cell->value > 0))
            return rl_pool_format(
                pool, "launch %zu, of the %s build: real_time is %s, expected a number above 0",
                ab->bench.launches, build, cell->given ? rl_pool_format(pool, "%g", cell->value) : "empty");
        if (row->unit[0] == '\0') row->unit = rl_pool_copy(pool, sample->unit, strlen(sample->unit));
        if (strcmp(row->unit, sample->unit) != 0)
            return rl_pool_format(pool, "measured in '%s' by the %s build, before that in '%s'", sample->unit,
                                  build, row->unit);
        ab->v->repetitions++;
        ab->v->contaminated += sample->contaminated;
    }
    rl_samples_launch_medians(found, column, medians, NULL);
    *time = medians[0];
    return NULL;
}

/* ---- Blocks ---------------------------------------------------------------------------------------- */

static bool active(const rl_ab_stage *s, size_t i)
{
    return s->tracks[i].row->broken == NULL && s->judged[RL_ARM_NEW][i].decision == RL_DECIDED_INCONCLUSIVE;
}

/* An ERE for the rows still measured, in the pool; NULL: there are none. */
static const char *filter_of(const rl_ab_stage *s, rl_pool *pool, size_t *n)
{
    const char *filter = NULL;
    *n = 0;
    size_t bytes = 1;
    for (size_t i = 0; i < s->n; i++) bytes += active(s, i) ? 2 * strlen(s->tracks[i].row->name) + 3 : 0;
    char *text = rl_pool_alloc(pool, bytes), *end = text;
    for (size_t i = 0; i < s->n; i++) {
        if (!active(s, i)) continue;
        const char *pattern = rl_exact_pattern(pool, s->tracks[i].row->name);
        if (end != text) *end++ = '|';
        memcpy(end, pattern, strlen(pattern));
        end += strlen(pattern);
        filter = text;
        ++*n;
    }
    return filter;
}

static void show_progress(const rl_ab_run *ab, const rl_ab_stage *s, size_t look, size_t rows, size_t launch)
{
    FILE *out = ab->plan->progress;
    if (out == NULL) return;
    const bool terminal = isatty(fileno(out));
    const size_t to_go = (s->looks[look] - s->blocks) * RL_BLOCK_LAUNCHES - launch;
    fprintf(out, "%s%s: %s, %zu %s, block %zu of %zu to look %zu, %.0f s gone, about %.0f s to the look%s",
            terminal ? "\r\033[K" : "", ab->plan->lane->name, s->name, rows, rows == 1 ? "row" : "rows",
            s->blocks + 1, s->looks[look], look + 1, ab->bench.spent_s,
            ab->block_s / RL_BLOCK_LAUNCHES * (double)to_go, terminal ? "" : "\n");
    fflush(out);
}

static void end_progress(const rl_ab_run *ab)
{
    FILE *out = ab->plan->progress;
    if (out == NULL) return;
    fprintf(out, "%s%s: %zu launches in %.0f s\n", isatty(fileno(out)) ? "\r\033[K" : "",
            ab->plan->lane->name, ab->bench.launches, ab->bench.spent_s);
}

/* Notes what a launch says of each row that is still measured. */
static void take_launch(rl_ab_run *ab, rl_ab_stage *s, rl_arm arm, const rl_samples *samples)
{
    for (size_t i = 0; i < s->n; i++) {
        rl_ab_track *t = &s->tracks[i];
        double time;
        bool skipped;
        if (!active(s, i)) continue;
        t->row->broken = read_row(ab, t->row, arm, samples, &time, &skipped);
        if (t->row->broken != NULL) continue;
        t->times[arm] = rl_pool_more(&ab->v->pool, t->times[arm], t->n_times[arm], sizeof *t->times[arm]);
        t->times[arm][t->n_times[arm]++] = time;
    }
}

static void close_block(rl_ab_run *ab, rl_ab_stage *s)
{
    rl_pool *pool = &ab->v->pool;
    for (size_t i = 0; i < s->n; i++) {
        rl_ab_track *t = &s->tracks[i];
        if (!active(s, i)) continue;
        const double *old = t->times[RL_ARM_OLD] + t->n_times[RL_ARM_OLD] - 2;
        for (size_t arm = RL_ARM_NULL; arm < RL_ARMS; arm++) {
            t->g[arm] = rl_pool_more(pool, t->g[arm], t->blocks, sizeof *t->g[arm]);
            t->g[arm][t->blocks] = rl_block_value(old, t->times[arm] + t->n_times[arm] - 2);
        }
        t->blocks++;
    }
    s->blocks++;
    ab->blocks++;
}

/* Six launches. False where one of them ends the run. */
static bool run_block(rl_ab_run *ab, rl_ab_stage *s, size_t look, const char *filter, size_t rows)
{
    rl_arm order[RL_BLOCK_LAUNCHES];
    const double before = ab->bench.spent_s;
    rl_block_order(ab->plan->seed, ab->blocks, order);
    for (size_t k = 0; k < RL_BLOCK_LAUNCHES; k++) {
        rl_samples samples;
        if (k == 0 || (ab->plan->progress != NULL && isatty(fileno(ab->plan->progress))))
            show_progress(ab, s, look, rows, k);
        const bool launched = rl_ab_bench_launch(&ab->bench, order[k], filter, &samples);
        rl_ab_record_launch(ab, s->name, order[k]);
        if (!launched) return false;
        take_launch(ab, s, order[k], &samples);
        rl_samples_free(&samples);
    }
    close_block(ab, s);
    ab->block_s = ab->bench.spent_s - before;
    return true;
}

/* Blocks up to a look. False where the look comes early, and is the last: time is up, or a launch failed. */
static bool run_to_look(rl_ab_run *ab, rl_ab_stage *s, size_t look)
{
    size_t rows;
    const char *filter = filter_of(s, &ab->v->pool, &rows);
    if (s->rows_before > 0 && rows > 0) ab->block_s *= (double)rows / (double)s->rows_before;
    s->rows_before = rows;
    while (s->blocks < s->looks[look] && filter != NULL) {
        if (look > 0 && ab->bench.spent_s + ab->block_s > s->until_s) return false;
        if (!run_block(ab, s, look, filter, rows)) return false;
    }
    return filter != NULL;
}

static void look_at(const rl_ab_run *ab, rl_ab_stage *s)
{
    for (size_t arm = RL_ARM_NULL; arm < RL_ARMS; arm++) {
        for (size_t i = 0; i < s->n; i++) {
            s->judged[arm][i].g = s->tracks[i].g[arm];
            s->judged[arm][i].n = s->tracks[i].blocks;
        }
        rl_paired_look(s->judged[arm], s->n, ab->plan->margin, ab->plan->level);
    }
}

/* True where no launch failed. */
static bool run_stage(rl_ab_run *ab, rl_ab_stage *s)
{
    const size_t problems = ab->v->n_problems;
    rl_looks(s->looks, s->n, ab->plan->level);
    bool more = true;
    for (size_t k = 0; k < RL_LOOKS && more; k++) {
        more = run_to_look(ab, s, k);
        look_at(ab, s);
    }
    return ab->v->n_problems == problems;
}

static void open_stage(rl_ab_run *ab, rl_ab_stage *s, const char *name, double until_s)
{
    rl_pool *pool = &ab->v->pool;
    *s = (rl_ab_stage){.name = name, .until_s = until_s};
    s->tracks = rl_pool_alloc(pool, ab->n_rows * sizeof *s->tracks);
    for (size_t arm = 0; arm < RL_ARMS; arm++)
        s->judged[arm] = rl_pool_alloc(pool, ab->n_rows * sizeof *s->judged[arm]);
}

static void add_track(rl_ab_stage *s, rl_ab_row *row)
{
    s->tracks[s->n] = (rl_ab_track){.row = row};
    for (size_t arm = 0; arm < RL_ARMS; arm++) s->judged[arm][s->n] = rl_paired_begin();
    s->n++;
}

/* ---- Before the first block ------------------------------------------------------------------------ */

/* Which rows either build skips, or cannot measure. */
static void sort_out(rl_ab_run *ab, rl_arm arm, const rl_samples *s)
{
    for (size_t i = 0; i < ab->n_rows; i++) {
        rl_ab_row *row = &ab->rows[i];
        double time;
        bool skipped;
        const char *problem = read_row(ab, row, arm, s, &time, &skipped);
        if (problem == NULL) continue;
        row->broken = problem;
        row->skipped[arm] = skipped;
    }
}

/* Of the new build: machine, commit. Fakes and old builds may lack it; nothing hangs on it. */
static void take_origin(rl_ab_run *ab)
{
    rl_origin origin;
    char csv[RL_PATH_MAX];
    rl_verdict_set *v = ab->v;
    rl_ab_bench_csv(&ab->bench, ab->bench.launches, csv);
    if (rl_origin_read(&origin, csv, NULL) != RL_OK) return;
    v->machine_class = rl_pool_copy(&v->pool, origin.machine.class, strlen(origin.machine.class));
    v->commit = rl_pool_copy(&v->pool, origin.commit, strlen(origin.commit));
    v->dirty = origin.dirty;
    rl_origin_free(&origin);
}

/* The old build finds everyone's numbers of iterations; then each runs them once, which says how long a launch
 * takes and leaves caches as they will be. None of it is compared. */
static bool try_out(rl_ab_run *ab)
{
    static const rl_arm arms[] = {RL_ARM_OLD, RL_ARM_NEW, RL_ARM_OLD};
    rl_ab_stage all;
    rl_samples samples;
    size_t n;
    open_stage(ab, &all, "", 0);
    for (size_t i = 0; i < ab->n_rows; i++) add_track(&all, &ab->rows[i]);
    const char *filter = filter_of(&all, &ab->v->pool, &n);
    for (size_t k = 0; k < RL_COUNT(arms); k++) {
        if (ab->plan->progress != NULL)
            fprintf(ab->plan->progress, "%s: trying out the %s build, %zu %s\n", ab->plan->lane->name,
                    rl_arm_name(arms[k]), n, n == 1 ? "row" : "rows");
        const bool launched = rl_ab_bench_launch(&ab->bench, arms[k], filter, &samples);
        rl_ab_record_launch(ab, "trial", arms[k]);
        if (!launched) return false;
        sort_out(ab, arms[k], &samples);
        rl_samples_free(&samples);
        if (k == 0) rl_ab_bench_csv(&ab->bench, ab->bench.launches, ab->bench.counts);
        if (arms[k] == RL_ARM_NEW) take_origin(ab);
        if (k > 0) ab->block_s += 0.5 * RL_BLOCK_LAUNCHES * ab->bench.last_s;
    }
    return true;
}

/* A gate that cannot fail is none: the first looks of both stages must fit the budget. */
static bool reachable(rl_ab_run *ab, size_t rows, size_t blocks)
{
    const double need = 2 * (double)blocks * ab->block_s;
    if (rows == 0 || need <= ab->plan->budget_s) return true;
    rl_verdict_problem(
        ab->v,
        "underpowered: before a regression among %zu rows could be shown it takes %zu blocks of %d "
        "launches, and as many to confirm it: about %.0f s, of which --budget allows %.0f: give more, "
        "or choose rows with --rows",
        rows, blocks, (int)RL_BLOCK_LAUNCHES, ceil(need), ab->plan->budget_s);
    return false;
}

/* ---- All of it ------------------------------------------------------------------------------------- */

static void measure(rl_ab_run *ab)
{
    const rl_ab_plan *plan = ab->plan;
    rl_ab_stage *first = &ab->screening, *second = &ab->confirmation;
    if (!rl_ab_bench_open(&ab->bench, plan->old_dir, plan->new_dir, plan->model) || !list_rows(ab) ||
        !try_out(ab))
        return;
    size_t rows = 0, looks[RL_LOOKS];
    for (size_t i = 0; i < ab->n_rows; i++) rows += ab->rows[i].broken == NULL;
    rl_looks(looks, rows, plan->level);
    if (!reachable(ab, rows, looks[0])) return;
    open_stage(ab, first, "screening", plan->budget_s - (double)looks[0] * ab->block_s);
    for (size_t i = 0; i < ab->n_rows; i++)
        if (ab->rows[i].broken == NULL) add_track(first, &ab->rows[i]);
    const bool whole = run_stage(ab, first);
    open_stage(ab, second, "confirmation", plan->budget_s);
    for (size_t i = 0; i < first->n; i++)
        if (first->judged[RL_ARM_NEW][i].decision == RL_DECIDED_REGRESSED)
            add_track(second, first->tracks[i].row);
    if (whole) run_stage(ab, second);
}

static void write_report(rl_ab_run *ab)
{
    char path[RL_PATH_MAX];
    rl_error why = {.text = "the path of the report is too long"};
    const char *dir = ab->plan->dir;
    bool written = rl_path_join(path, dir, "ab.json") && rl_ab_record_write(ab, path, &why) == RL_OK;
    written =
        written && rl_path_join(path, dir, "verdict.json") && rl_render_json(ab->v, path, &why) == RL_OK;
    if (written) return;
    rl_verdict_problem(ab->v, "no report: %s", why.text);
    rl_verdict_close(ab->v);
}

/* What findings are of; in the verdict's pool, for they outlive the run. */
static rl_gate *make_gate(const rl_ab_plan *plan, rl_pool *pool)
{
    rl_gate *gate = rl_pool_alloc(pool, sizeof *gate);
    gate->kind = RL_GATE_RELATIVE;
    gate->rows = "all that both builds have";
    gate->metric = "real_time";
    gate->bound = plan->margin;
    gate->quick = true;
    return gate;
}

int rl_ab(const rl_ab_plan *plan, rl_verdict_set *v)
{
    rl_ab_run ab = {
        .plan = plan,
        .v = v,
        .gate = make_gate(plan, &v->pool),
        .bench = {.lane = plan->lane,
                  .mode = rl_lane_mode_of(plan->lane, v->quick),
                  .dir = plan->dir,
                  .inject = plan->inject,
                  .v = v},
    };
    v->lane = plan->lane;
    v->baseline_state = RL_BASELINE_USED;
    v->baseline_path = rl_pool_copy(&v->pool, plan->old_dir, strlen(plan->old_dir));
    v->report = rl_pool_copy(&v->pool, plan->dir, strlen(plan->dir));
    rl_launch_hold hold; /* to the end: a request between two launches must leave a verdict, too */
    rl_launch_hold_signals(&hold);
    const bool ready = rl_measure_clear(plan->dir, v);
    if (ready) measure(&ab);
    rl_ab_conclude(&ab);
    end_progress(&ab);
    rl_verdict_close(v);
    if (ready) write_report(&ab);
    rl_ab_bench_close(&ab.bench);
    const int late = rl_launch_release_signals(&hold);
    return ab.bench.caught != 0 ? ab.bench.caught : late;
}

bool rl_ab_margin(const char *text, double *margin)
{
    char *end;
    const double percent = strtod(text, &end);
    *margin = percent / 100;
    return isdigit((unsigned char)text[0]) && strspn(text, "0123456789.") == strlen(text) && *end == '\0' &&
           percent >= 0.1 && percent <= 100;
}

uint64_t rl_ab_seed(void)
{
    uint32_t seed = 0;
    if (getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed) seed = (uint32_t)getpid();
    return seed;
}
