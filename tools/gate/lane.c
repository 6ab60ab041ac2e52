/* lane.c - reading and checking lane files. */
#include "gate/lane.h"
#include "base/cpu.h"
#include "base/file.h"
#include "gate/control.h"
#include "gate/node.h"

#include <cjson/cJSON.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const kinds[] = {[RL_GATE_RELATIVE] = "relative", [RL_GATE_EXACT] = "exact",
                                    [RL_GATE_FLOOR] = "floor",       [RL_GATE_CEILING] = "ceiling",
                                    [RL_GATE_QUALITY] = "quality",   [RL_GATE_RATIO] = "ratio",
                                    [RL_GATE_PATH] = "path",         NULL};

const char *const rl_control_names[] = {"read_bw", "peak", NULL};

/* clang-format off */
#define GATE_KEYS "kind", "rows", "note", "quick", "isa", "optional"
static const char *const gate_keys[][16] = {
    [RL_GATE_RELATIVE] = {GATE_KEYS, "metric", "better", "margin", "control", NULL},
    [RL_GATE_EXACT]    = {GATE_KEYS, "metric", "better", "tolerance", NULL},
    [RL_GATE_FLOOR]    = {GATE_KEYS, "metric", "min", "unit", "of", NULL},
    [RL_GATE_CEILING]  = {GATE_KEYS, "metric", "max", "unit", "of", NULL},
    [RL_GATE_QUALITY]  = {GATE_KEYS, "metric", "max", "unit", "of", NULL},
    [RL_GATE_RATIO]    = {GATE_KEYS, "metric", "better", "from", "to", "min", "bound", "companion", NULL},
    [RL_GATE_PATH]     = {GATE_KEYS, "kernel", NULL},
};
#undef GATE_KEYS
/* clang-format on */

const char *rl_gate_kind_name(rl_gate_kind kind) { return kinds[kind]; }

bool rl_gate_needs_baseline(const rl_gate *gate)
{
    return gate->kind == RL_GATE_RELATIVE || gate->kind == RL_GATE_EXACT;
}

bool rl_plain_name(const char *text)
{
    size_t n = 0;
    for (; text[n] != '\0'; n++)
        if (!isalnum((unsigned char)text[n]) && (n == 0 || strchr("_-.", text[n]) == NULL)) return false;
    return n > 0 && n < 128;
}

bool rl_lane_needs_baseline(const rl_lane *lane)
{
    for (size_t g = 0; g < lane->n_gates; g++)
        if (rl_gate_needs_baseline(&lane->gates[g])) return true;
    return false;
}

const rl_gate *rl_lane_tightest(const rl_lane *lane, const char *row, const char *metric, bool exact)
{
    const rl_gate *tightest = NULL;
    for (size_t g = 0; g < lane->n_gates; g++) {
        const rl_gate *gate = &lane->gates[g];
        const bool kind = gate->kind == RL_GATE_RELATIVE || (exact && gate->kind == RL_GATE_EXACT);
        if (kind && strcmp(gate->metric, metric) == 0 && rl_matches(&gate->matcher, row) &&
            (tightest == NULL || gate->bound < tightest->bound))
            tightest = gate;
    }
    return tightest;
}

bool rl_matches(const regex_t *matcher, const char *text) { return regexec(matcher, text, 0, NULL, 0) == 0; }

static const char *read_name(const rl_node *n, rl_pool *pool)
{
    const char *text = rl_node_text(n, pool);
    if (text[0] != '\0' && !rl_plain_name(text))
        rl_node_refuse(n, "expected letters, digits, '_', '-' and '.' only, a letter or digit first");
    return text;
}

static const char *optional_text(const rl_node *object, const char *key, rl_pool *pool)
{
    rl_node n = rl_node_find(object, key);
    return n.value != NULL ? rl_node_text(&n, pool) : NULL;
}

/* What lets a short pattern take gigabytes or hours, or NULL: counted repetition, back references, and too many
 * '+', for each doubles what it follows when glibc compiles it. Escapes of ordinary characters go with them. */
static const char *pattern_problem(const char *text)
{
    enum { LONGEST = 512, MOST_PLUS = 8 };
    size_t plus = 0;
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '{' || *c == '}') return "a pattern without { and }";
        if (*c == '\\' && isalnum((unsigned char)c[1]))
            return "a pattern without \\ before a letter or digit";
        if (*c == '+' && ++plus > MOST_PLUS) return "a pattern with at most 8 +";
    }
    return strlen(text) <= LONGEST ? NULL : "a pattern of at most 512 bytes";
}

const char *rl_pattern_read(const rl_node *n, rl_pool *pool, regex_t *matcher)
{
    char why[128];
    const char *text = rl_node_text(n, pool), *expected = pattern_problem(text);
    if (expected != NULL) rl_node_refuse(n, "expected %s", expected);
    const bool usable = n->document->error.status == RL_OK;
    int failed = regcomp(matcher, usable ? text : "^$", REG_EXTENDED | REG_NOSUB);
    if (failed == 0) return text;
    regerror(failed, matcher, why, sizeof why);
    rl_node_refuse(n, "not a regular expression: %s", why);
    regcomp(matcher, "^$", REG_EXTENDED | REG_NOSUB);
    return text;
}

/* Arguments that the tool sets itself, so that a lane cannot send its results elsewhere. */
static void check_args(const rl_node *array, const char *const *args, size_t n)
{
    static const char *const ours[] = {"--launch", "--benchmark_out", "--benchmark_out_format", "--model",
                                       "--inject", "--bench",         "--columns-from"};
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < RL_COUNT(ours); k++) {
            size_t length = strlen(ours[k]);
            if (strncmp(args[i], ours[k], length) == 0 && (args[i][length] == '\0' || args[i][length] == '='))
                rl_node_refuse(array, "%s is set by ridgeline itself", ours[k]);
        }
}

/* Leaves *args as it is where there are none. */
static void read_args(const rl_node *from, const char *key, const char ***args, size_t *n, rl_pool *pool)
{
    rl_node array = rl_node_find(from, key);
    if (array.value == NULL) return;
    *args = rl_node_texts(&array, pool, n);
    check_args(&array, *args, *n);
}

static void read_quick(rl_lane *lane, const rl_node *root)
{
    static const char *const keys[] = {"launches", "args", "filter", NULL};
    lane->quick = lane->full;
    rl_node quick = rl_node_find(root, "quick");
    if (quick.value == NULL) return;
    rl_node_keys(&quick, keys);
    read_args(&quick, "args", &lane->quick.args, &lane->quick.n_args, &lane->pool);
    rl_node launches = rl_node_find(&quick, "launches"), filter = rl_node_find(&quick, "filter");
    if (launches.value != NULL) lane->quick.launches = rl_node_whole(&launches, 1, RL_LAUNCHES_MAX);
    if (filter.value == NULL) return;
    lane->quick.filter = rl_pattern_read(&filter, &lane->pool, &lane->quick.matcher);
    if (lane->quick.filter[0] == '-' || strcmp(lane->quick.filter, "all") == 0)
        rl_node_refuse(&filter, "'%.4s' means something else to --benchmark_filter", lane->quick.filter);
}

static void read_model(rl_lane *lane, const rl_node *root)
{
    static const char *const keys[] = {"preset", "format", "seed", NULL};
    rl_node model = rl_node_find(root, "model");
    if (model.value == NULL) return;
    if (cJSON_IsString(model.value)) {
        static const char *const words[] = {"optional", NULL};
        rl_node_word(&model, words);
        lane->model.optional = true;
        return;
    }
    rl_node_keys(&model, keys);
    rl_node preset = rl_node_at(&model, "preset"), format = rl_node_at(&model, "format");
    rl_node seed = rl_node_at(&model, "seed");
    lane->model.preset = read_name(&preset, &lane->pool);
    lane->model.format = read_name(&format, &lane->pool);
    lane->model.seed = rl_node_whole(&seed, 0, UINT32_MAX);
}

static void read_companion(rl_lane *lane, const rl_node *root)
{
    static const char *const keys[] = {"program", "args", "quick_args", "rows", "timeout_s", NULL};
    rl_lane_companion *c = &lane->companion;
    rl_node n = rl_node_find(root, "companion");
    if (n.value == NULL) return;
    rl_node_keys(&n, keys);
    rl_node program = rl_node_at(&n, "program"), rows = rl_node_at(&n, "rows");
    rl_node timeout = rl_node_find(&n, "timeout_s");
    c->rows = rl_pattern_read(&rows, &lane->pool, &c->matcher);
    c->program = read_name(&program, &lane->pool);
    read_args(&n, "args", &c->args, &c->n_args, &lane->pool);
    c->quick_args = c->args;
    c->n_quick_args = c->n_args;
    read_args(&n, "quick_args", &c->quick_args, &c->n_quick_args, &lane->pool);
    c->timeout_s = timeout.value != NULL ? rl_node_number(&timeout, 0.1, 86400) : lane->timeout_s;
}

/* The tier; of a path gate also "best". */
static void read_isa(const rl_node *gate_node, rl_gate *gate, rl_pool *pool)
{
    uint32_t cpu;
    rl_error why;
    rl_node n = rl_node_find(gate_node, "isa");
    if (n.value == NULL) return;
    const char *name = rl_node_text(&n, pool);
    gate->best = gate->kind == RL_GATE_PATH && strcmp(name, "best") == 0;
    if (gate->best) return;
    gate->isa = name;
    if (rl_cpu_named(name, &cpu, &why) == RL_ERR_ARG) rl_node_refuse(&n, "%.200s", why.text);
}

static bool read_better(const rl_node *n)
{
    static const char *const directions[] = {"lower", "higher", NULL};
    rl_node better = rl_node_at(n, "better");
    return rl_node_word(&better, directions) == 1;
}

static void read_relative(const rl_node *n, rl_gate *gate)
{
    static const char *const shares[] = {"bw_pct", "peak_pct", "ref_ratio"};
    rl_node margin = rl_node_at(n, "margin"), control = rl_node_find(n, "control");
    gate->higher = read_better(n);
    gate->bound = rl_node_number(&margin, 0.001, 1);
    if (control.value == NULL) return;
    gate->control = rl_control_names[rl_node_word(&control, rl_control_names)];
    for (size_t i = 0; i < RL_COUNT(shares); i++)
        if (strcmp(gate->metric, shares[i]) == 0 && !rl_control_is_whole(gate->control, shares[i]))
            rl_node_refuse(&control, "%s is a ratio within the run, and not to %s", shares[i], gate->control);
}

static void read_exact(const rl_node *n, rl_gate *gate)
{
    rl_node tolerance = rl_node_at(n, "tolerance");
    gate->higher = read_better(n);
    gate->bound = rl_node_number(&tolerance, 0, 0.01);
}

/* Benches choose the unit of their times, so a bound on one says its own; the other metrics' units are fixed. */
static void read_unit(const rl_node *n, rl_gate *gate)
{
    static const char *const units[] = {"ns", "us", "ms", "s", NULL};
    const bool time = strcmp(gate->metric, "real_time") == 0 || strcmp(gate->metric, "cpu_time") == 0;
    rl_node unit = time ? rl_node_at(n, "unit") : rl_node_find(n, "unit");
    if (time)
        gate->unit = units[rl_node_word(&unit, units)];
    else if (unit.value != NULL)
        rl_node_refuse(&unit, "only real_time and cpu_time come in units of the bench's choice");
}

/* A floor, a ceiling, or a quality gate. */
static void read_limit(const rl_node *n, rl_gate *gate)
{
    static const char *const of[] = {"median", "worst", NULL};
    rl_node bound = rl_node_at(n, gate->kind == RL_GATE_FLOOR ? "min" : "max"), which = rl_node_find(n, "of");
    gate->higher = gate->kind == RL_GATE_FLOOR;
    gate->bound = rl_node_number(&bound, -DBL_MAX, DBL_MAX);
    read_unit(n, gate);
    gate->worst = which.value != NULL ? rl_node_word(&which, of) == 1 : gate->kind == RL_GATE_QUALITY;
}

static void read_ratio(const rl_node *n, rl_gate *gate, rl_pool *pool)
{
    rl_node from = rl_node_at(n, "from"), to = rl_node_at(n, "to"), min = rl_node_at(n, "min");
    gate->higher = true;
    gate->metric_higher = read_better(n);
    gate->from = rl_node_text(&from, pool);
    gate->to = rl_node_text(&to, pool);
    gate->bound = rl_node_number(&min, 1e-9, 1e9);
    static const char *const bounds[] = {"median", "lower95", NULL};
    rl_node bound = rl_node_find(n, "bound"), companion = rl_node_find(n, "companion");
    gate->lower95 = bound.value != NULL && rl_node_word(&bound, bounds) == 1;
    gate->of_companion = companion.value != NULL && rl_node_bool(&companion);
    if (gate->of_companion && gate->optional != NULL)
        rl_node_refuse(&companion,
                       "a companion's row says itself why it may be missing: without \"optional\"");
    if (strcmp(gate->from, gate->to) == 0)
        rl_node_refuse(&to, "is what \"from\" is: a row has no ratio to itself");
}

static void read_path(const rl_node *n, rl_gate *gate, rl_pool *pool)
{
    rl_node kernel = rl_node_find(n, "kernel");
    gate->metric = "";
    if (kernel.value != NULL)
        gate->kernel = rl_pattern_read(&kernel, pool, &gate->kernel_matcher);
    else if (gate->isa == NULL && !gate->best)
        rl_node_refuse(n, "expected isa, kernel or both: this gate cannot fail");
}

static void read_kind(const rl_node *n, rl_gate *gate, rl_pool *pool)
{
    switch (gate->kind) {
    case RL_GATE_RELATIVE:
        read_relative(n, gate);
        break;
    case RL_GATE_EXACT:
        read_exact(n, gate);
        break;
    case RL_GATE_FLOOR:
    case RL_GATE_CEILING:
    case RL_GATE_QUALITY:
        read_limit(n, gate);
        break;
    case RL_GATE_RATIO:
        read_ratio(n, gate, pool);
        break;
    case RL_GATE_PATH:
        read_path(n, gate, pool);
        break;
    }
}

static void read_gate(const rl_node *n, rl_gate *gate, rl_pool *pool)
{
    rl_node kind = rl_node_at(n, "kind"), rows = rl_node_at(n, "rows"), quick = rl_node_find(n, "quick");
    gate->kind = (rl_gate_kind)rl_node_word(&kind, kinds);
    rl_node_keys(n, gate_keys[gate->kind]);
    gate->rows = rl_pattern_read(&rows, pool, &gate->matcher);
    if (gate->kind != RL_GATE_PATH) {
        rl_node metric = rl_node_at(n, "metric");
        gate->metric = rl_node_text(&metric, pool);
    }
    gate->quick = quick.value == NULL || rl_node_bool(&quick);
    read_isa(n, gate, pool);
    gate->optional = optional_text(n, "optional", pool);
    gate->note = optional_text(n, "note", pool);
    read_kind(n, gate, pool);
}

static void read_gates(rl_lane *lane, const rl_node *root)
{
    rl_node gates = rl_node_at(root, "gates");
    lane->gates = rl_pool_alloc(&lane->pool, (rl_node_count(&gates) + 1) * sizeof *lane->gates);
    for (rl_node n = rl_node_first(&gates); n.value != NULL; n = rl_node_next(&gates, &n))
        read_gate(&n, &lane->gates[lane->n_gates++], &lane->pool);
    if (lane->n_gates == 0) rl_node_refuse(&gates, "expected at least one gate");
}

/* A gate about the companion's rows, in a lane without one, could never apply. */
static void check_companion(const rl_lane *lane, const rl_node *root)
{
    rl_node gates = rl_node_find(root, "gates");
    size_t g = 0;
    for (rl_node n = rl_node_first(&gates); n.value != NULL && g < lane->n_gates;
         n = rl_node_next(&gates, &n))
        if (lane->gates[g++].of_companion && lane->companion.program == NULL)
            rl_node_refuse(&n, "the lane has no companion");
}

static void read_lane(rl_lane *lane, const char *name, const rl_node *root)
{
    static const char *const keys[] = {"schema",  "lane",      "about",     "bench",
                                       "args",    "launches",  "timeout_s", "stale_after_days",
                                       "model",   "quick",     "gates",     "false_reds_per_100_runs",
                                       "summary", "companion", NULL};
    rl_node_keys(root, keys);
    rl_node schema = rl_node_at(root, "schema"), own = rl_node_at(root, "lane"),
            bench = rl_node_at(root, "bench");
    rl_node launches = rl_node_at(root, "launches"), timeout = rl_node_at(root, "timeout_s");
    rl_node_whole(&schema, RL_LANE_SCHEMA, RL_LANE_SCHEMA);
    lane->name = read_name(&own, &lane->pool);
    if (lane->name[0] != '\0' && strcmp(lane->name, name) != 0)
        rl_node_refuse(&own, "is '%.64s', expected the file's own name, '%.64s'", lane->name, name);
    lane->about = optional_text(root, "about", &lane->pool);
    lane->bench = read_name(&bench, &lane->pool);
    lane->full.launches = rl_node_whole(&launches, 1, RL_LAUNCHES_MAX);
    lane->timeout_s = rl_node_number(&timeout, 0.1, 86400);
    rl_node stale = rl_node_find(root, "stale_after_days");
    lane->stale_after_days = stale.value != NULL ? rl_node_whole(&stale, 1, 36500) : RL_LANE_STALE_AFTER_DAYS;
    rl_node reds = rl_node_find(root, "false_reds_per_100_runs");
    lane->level = (reds.value != NULL ? rl_node_number(&reds, 0.001, 20) : 1) / 100;
    read_args(root, "args", &lane->full.args, &lane->full.n_args, &lane->pool);
    read_quick(lane, root);
    read_model(lane, root);
    read_companion(lane, root);
    rl_node summary = rl_node_find(root, "summary");
    if (summary.value != NULL) lane->summary = rl_node_texts(&summary, &lane->pool, &lane->n_summary);
    read_gates(lane, root);
    check_companion(lane, root);
}

/* Takes over a document that was parsed or read; closes it. */
static rl_status from_document(rl_lane *lane, const char *name, rl_document *d, rl_error *err)
{
    memset(lane, 0, sizeof *lane);
    rl_node root = rl_node_root(d);
    if (d->error.status == RL_OK) read_lane(lane, name, &root);
    rl_status status = rl_document_close(d, err);
    if (status != RL_OK) rl_lane_free(lane);
    return status;
}

rl_status rl_lane_parse(rl_lane *lane, const char *name, const char *file, const char *data, size_t n,
                        rl_error *err)
{
    rl_document d;
    rl_document_parse(&d, file, data, n);
    return from_document(lane, name, &d, err);
}

void rl_lane_free(rl_lane *lane)
{
    for (size_t i = 0; i < lane->n_gates; i++) {
        regfree(&lane->gates[i].matcher);
        if (lane->gates[i].kernel != NULL) regfree(&lane->gates[i].kernel_matcher);
    }
    if (lane->quick.filter != NULL) regfree(&lane->quick.matcher);
    if (lane->companion.rows != NULL) regfree(&lane->companion.matcher);
    rl_pool_free(&lane->pool);
    memset(lane, 0, sizeof *lane);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

rl_status rl_lane_list(const char *dir, rl_pool *pool, const char ***names, size_t *n, rl_error *err)
{
    *names = NULL;
    *n = 0;
    DIR *d = opendir(dir);
    if (d == NULL) return rl_fail(err, RL_ERR_IO, "%.300s: cannot read the lanes: %s", dir, strerror(errno));
    for (const struct dirent *entry; (entry = readdir(d)) != NULL;) {
        size_t length = strlen(entry->d_name);
        if (length <= 5 || strcmp(entry->d_name + length - 5, ".json") != 0) continue;
        char *name = rl_pool_copy(pool, entry->d_name, length - 5);
        if (!rl_plain_name(name)) continue;
        *names = rl_pool_more(pool, *names, *n, sizeof **names);
        (*names)[(*n)++] = name;
    }
    closedir(d);
    if (*n > 0) qsort(*names, *n, sizeof **names, by_name);
    return RL_OK;
}

rl_status rl_lane_select(const char *dir, const char *which, rl_pool *pool, const char ***names, size_t *n,
                         rl_error *err)
{
    rl_status status = rl_lane_list(dir, pool, names, n, err);
    if (status != RL_OK) return status;
    if (*n == 0) return rl_fail(err, RL_ERR_ARG, "no lanes in %.300s", dir);
    if (strcmp(which, "all") == 0) return RL_OK;
    char list[256], shown[64];
    for (size_t i = 0, used = 0; i < *n; i++) {
        if (strcmp((*names)[i], which) == 0) {
            (*names)[0] = (*names)[i];
            *n = 1;
            return RL_OK;
        }
        if (used < sizeof list)
            used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i > 0 ? ", " : "", (*names)[i]);
    }
    return rl_fail(err, RL_ERR_ARG, "no lane '%s' in %.150s: there are %s",
                   rl_printable(shown, sizeof shown, which, strlen(which)), dir, list);
}

rl_status rl_lane_read(rl_lane *lane, const char *dir, const char *name, rl_error *err)
{
    char path[4096];
    rl_document d;
    memset(lane, 0, sizeof *lane);
    int length = snprintf(path, sizeof path, "%s/%s.json", dir, name);
    if (length < 0 || (size_t)length >= sizeof path)
        return rl_fail(err, RL_ERR_ARG, "the path of the lanes is too long");
    rl_document_read(&d, path);
    return from_document(lane, name, &d, err);
}
