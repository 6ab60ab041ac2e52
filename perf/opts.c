/* opts.c - one table of flags, read by the parser, the environment and --help alike. */
#include "perf/opts.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

typedef enum { BOOL, NUMBER, SECONDS, MIN_TIME, TEXT, FORMAT, UNIT, PAIRS, INJECTION } kind;

typedef struct {
    const char *name;
    kind kind;
    size_t at;         /* in rl_options */
    const char *start; /* the default, as a user would write it */
    const char *takes; /* what stands after '=' in --help */
    const char *help;
} flag;

/* clang-format off */
#define AT(field) offsetof(rl_options, field)
static const flag table[] = {
    {"help", BOOL, AT(help), "false", "", "show this and exit"},
    {"benchmark_list_tests", BOOL, AT(list_tests), "false", "", "list the names and exit"},
    {"benchmark_filter", TEXT, AT(filter), "", "<regex>",
     "run what this extended regular expression finds; a leading '-' runs the rest"},
    {"benchmark_min_time", MIN_TIME, AT(min_time), "0.5s", "<seconds>s|<n>x",
     "wall time of a repetition, or its exact number of iterations"},
    {"benchmark_iterations_from", TEXT, AT(iterations_from), "", "<file>",
     "take each case's number of iterations from this CSV of an earlier run; one not in it finds its own"},
    {"benchmark_min_warmup_time", SECONDS, AT(min_warmup_time), "0", "<seconds>",
     "run and forget, before timing"},
    {"benchmark_repetitions", NUMBER, AT(repetitions), "1", "<n>", "rows of each case"},
    {"benchmark_enable_random_interleaving", BOOL, AT(interleave), "false", "",
     "shuffle the repetitions of all cases"},
    {"benchmark_seed", NUMBER, AT(seed), "0", "<n>",
     "of the shuffle; 0 chooses one, and the context tells it"},
    {"benchmark_dry_run", BOOL, AT(dry_run), "false", "",
     "verify, then one iteration of each, without yardsticks"},
    {"benchmark_yardsticks", BOOL, AT(yardsticks), "true", "true|false",
     "measure beside each case what the machine can do, and the reference"},
    {"benchmark_format", FORMAT, AT(format), "console", "console|json|csv", "what is printed"},
    {"benchmark_out", TEXT, AT(out), "", "<file>", "write a report here as well; beside a CSV its context"},
    {"benchmark_out_format", FORMAT, AT(out_format), "json", "json|csv|console", "format of that file"},
    {"benchmark_report_aggregates_only", BOOL, AT(report_aggregates_only), "false", "",
     "mean, median, stddev and cv instead of repetitions (never in a CSV)"},
    {"benchmark_display_aggregates_only", BOOL, AT(display_aggregates_only), "false", "",
     "the same, in what is printed only"},
    {"benchmark_color", TEXT, AT(color), "auto", "auto|true|false", "colours; auto: on a terminal"},
    {"benchmark_counters_tabular", BOOL, AT(counters_tabular), "false", "", "counters in columns"},
    {"benchmark_perf_counters", TEXT, AT(perf_counters), "", "<event,...>",
     "count these too (names of libpfm4)"},
    {"benchmark_context", PAIRS, 0, "", "<key=value,...>", "more for the context; may be repeated"},
    {"benchmark_time_unit", UNIT, AT(time_unit), "", "ns|us|ms|s", "of cases that do not choose their own"},
    {"launch", NUMBER, AT(launch), "0", "<n>", "for the launch column: which process of a series this is"},
    {"inject", INJECTION, 0, "", "<regex>=+<percent>%",
     "make the rows it finds slower on purpose, to test what judges them; may be repeated"},
    {"v", NUMBER, AT(verbosity), "0", "<n>", "2 logs every batch, 3 every prediction too"},
};
#undef AT
/* clang-format on */

/* "0", "f", "n", "false", "no", "off" are false, whatever the case; so is a lone character that is neither
 * letter nor digit. All else is true, nothing included. */
bool rl_truthy(const char *text)
{
    static const char *const no[] = {"0", "f", "n", "false", "no", "off"};
    if (strlen(text) == 1 && !isalnum((unsigned char)text[0])) return false;
    for (size_t i = 0; i < RL_COUNT(no); i++)
        if (strcasecmp(text, no[i]) == 0) return false;
    return true;
}

static bool parse_number(const char *text, uint64_t *out)
{
    char *end;
    errno = 0;
    *out = strtoull(text, &end, 10);
    return isdigit((unsigned char)text[0]) && *end == '\0' && errno == 0;
}

/* A finite number from 0 up, ending where `end` says. */
static bool parse_seconds(const char *text, char **end, double *out)
{
    *out = strtod(text, end);
    return (isdigit((unsigned char)text[0]) || text[0] == '.') && *end != text && isfinite(*out) && *out >= 0;
}

rl_status rl_parse_min_time(const char *text, rl_min_time *out, rl_error *err)
{
    char *end;
    *out = (rl_min_time){0};
    size_t n = strlen(text);
    if (n > 1 && n < 24 && text[n - 1] == 'x') {
        char digits[24];
        memcpy(digits, text, n - 1);
        digits[n - 1] = '\0';
        if (parse_number(digits, &out->iterations) && out->iterations > 0) return RL_OK;
    } else if (parse_seconds(text, &end, &out->seconds) && (*end == '\0' || strcmp(end, "s") == 0)) {
        out->bare = *end == '\0';
        return RL_OK;
    }
    return rl_fail(err, RL_ERR_ARG, "expected seconds (0.5s) or a count of iterations (100x)");
}

bool rl_parse_unit(const char *text, rl_time_unit *out)
{
    static const char *const names[] = {"", "ns", "us", "ms", "s"};
    for (size_t i = 0; i < RL_COUNT(names); i++)
        if (strcmp(text, names[i]) == 0) {
            *out = (rl_time_unit)i;
            return true;
        }
    return false;
}

rl_status rl_options_context(rl_options *o, const char *key, size_t key_length, const char *value,
                             size_t value_length, rl_error *err)
{
    rl_pair pair;
    if (key_length == 0) return rl_fail(err, RL_ERR_ARG, "context: a value without a key");
    rl_printable(pair.key, sizeof pair.key, key, key_length);
    rl_printable(pair.value, sizeof pair.value, value, value_length);
    size_t i = 0;
    while (i < o->n_context && strcmp(o->context[i].key, pair.key) != 0) i++;
    if (i == RL_CONTEXT_MAX)
        return rl_fail(err, RL_ERR_ARG, "context: more than %d keys", (int)RL_CONTEXT_MAX);
    o->context[i] = pair;
    if (i == o->n_context) o->n_context++;
    return RL_OK;
}

static rl_status parse_pairs(rl_options *o, const char *text, rl_error *err)
{
    while (*text != '\0') {
        size_t length = strcspn(text, ","), key = strcspn(text, "=");
        if (key >= length) return rl_fail(err, RL_ERR_ARG, "expected key=value,key=value");
        rl_status status = rl_options_context(o, text, key, text + key + 1, length - key - 1, err);
        if (status != RL_OK) return status;
        text += length + (text[length] == ',');
    }
    return RL_OK;
}

static rl_status add_injection(rl_options *o, const char *text, rl_error *err)
{
    if (text[0] == '\0') return RL_OK;
    if (o->n_inject == RL_INJECT_MAX)
        return rl_fail(err, RL_ERR_ARG, "more than %d of them", (int)RL_INJECT_MAX);
    return rl_injection_parse(&o->inject[o->n_inject++], text, err);
}

static rl_status set(rl_options *o, const flag *f, const char *text, rl_error *err)
{
    void *field = (char *)o + f->at;
    char *end;
    rl_time_unit unit;
    switch (f->kind) {
    case BOOL:
        *(bool *)field = rl_truthy(text);
        return RL_OK;
    case NUMBER:
        if (parse_number(text, field)) return RL_OK;
        return rl_fail(err, RL_ERR_ARG, "expected a whole number from 0 to 2^64 - 1");
    case SECONDS:
        if (parse_seconds(text, &end, field) && (*end == '\0' || strcmp(end, "s") == 0)) return RL_OK;
        return rl_fail(err, RL_ERR_ARG, "expected seconds");
    case MIN_TIME:
        return rl_parse_min_time(text, field, err);
    case PAIRS:
        return parse_pairs(o, text, err);
    case INJECTION:
        return add_injection(o, text, err);
    case FORMAT:
        if (strcmp(text, "console") != 0 && strcmp(text, "json") != 0 && strcmp(text, "csv") != 0)
            return rl_fail(err, RL_ERR_ARG, "expected console, json or csv");
        break;
    case UNIT:
        if (!rl_parse_unit(text, &unit)) return rl_fail(err, RL_ERR_ARG, "expected ns, us, ms or s");
        break;
    case TEXT:
        break;
    }
    *(const char **)field = text;
    return RL_OK;
}

/* Sets a flag and says which and what it was where that fails. */
static rl_status set_named(rl_options *o, const flag *f, const char *where, const char *text, rl_error *err)
{
    char shown[100];
    rl_error why;
    rl_status status = set(o, f, text, &why);
    if (status == RL_OK) return RL_OK;
    return rl_fail(err, status, "%s='%s': %.300s", where,
                   rl_printable(shown, sizeof shown, text, strlen(text)), why.text);
}

/* Google Benchmark's flags are those that begin so, and --v; the rest is ours. */
static const char *variable_of(const char *name, char out[80])
{
    bool theirs = strncmp(name, "benchmark_", 10) == 0 || strcmp(name, "v") == 0;
    int length = snprintf(out, 80, "%s%.60s", theirs ? "" : "RL_", name);
    for (int i = 0; i < length; i++) out[i] = (char)toupper((unsigned char)out[i]);
    return out;
}

static rl_status from_environment(rl_options *o, rl_flag *flags, size_t n_flags, rl_error *err)
{
    char variable[80];
    const char *value;
    for (size_t i = 0; i < RL_COUNT(table); i++) {
        if ((value = getenv(variable_of(table[i].name, variable))) == NULL) continue;
        rl_status status = set_named(o, &table[i], variable, value, err);
        if (status != RL_OK) return status;
    }
    for (size_t i = 0; i < n_flags; i++) {
        if (flags[i].no_variable) continue;
        if ((value = getenv(variable_of(flags[i].name, variable))) != NULL && value[0] != '\0')
            flags[i].value = value;
    }
    return RL_OK;
}

/* True where arg is "--name" or "--name=..."; *value is what follows, NULL for nothing. */
static bool matches(const char *arg, const char *name, const char **value)
{
    size_t n = strlen(name);
    if (strncmp(arg, "--", 2) != 0 || strncmp(arg + 2, name, n) != 0) return false;
    if (arg[2 + n] != '=' && arg[2 + n] != '\0') return false;
    *value = arg[2 + n] == '=' ? arg + 3 + n : NULL;
    return true;
}

static bool is_switch(const rl_flag *f)
{
    return strcmp(f->value, "false") == 0 || strcmp(f->value, "true") == 0;
}

static rl_status from_argument(rl_options *o, const char *arg, rl_flag *flags, size_t n_flags, rl_error *err)
{
    char shown[100];
    const char *value;
    rl_printable(shown, sizeof shown, arg, strlen(arg));
    for (size_t i = 0; i < RL_COUNT(table); i++) {
        if (!matches(arg, table[i].name, &value)) continue;
        if (value == NULL && table[i].kind != BOOL)
            return rl_fail(err, RL_ERR_ARG, "%s: a value is missing", shown);
        char where[80];
        snprintf(where, sizeof where, "--%s", table[i].name);
        return set_named(o, &table[i], where, value != NULL ? value : "", err);
    }
    for (size_t i = 0; i < n_flags; i++) {
        if (!matches(arg, flags[i].name, &value)) continue;
        if (value == NULL && !is_switch(&flags[i]))
            return rl_fail(err, RL_ERR_ARG, "%s: a value is missing", shown);
        flags[i].value = value != NULL ? value : "true";
        return RL_OK;
    }
    return rl_fail(err, RL_ERR_ARG, "unrecognized command-line flag: %s", shown);
}

rl_status rl_options_parse(rl_options *o, int argc, char **argv, rl_flag *flags, size_t n_flags,
                           rl_error *err)
{
    rl_status status = RL_OK;
    memset(o, 0, sizeof *o);
    for (size_t i = 0; i < RL_COUNT(table) && status == RL_OK; i++)
        status = set(o, &table[i], table[i].start, err);
    if (status == RL_OK) status = from_environment(o, flags, n_flags, err);
    for (int i = 1; i < argc && status == RL_OK; i++) status = from_argument(o, argv[i], flags, n_flags, err);
    if (status == RL_OK && (o->repetitions < 1 || o->repetitions > 1000000))
        status = rl_fail(err, RL_ERR_ARG, "--benchmark_repetitions=%llu: expected 1 to 1000000",
                         (unsigned long long)o->repetitions);
    return status;
}

static void help_line(FILE *out, const char *name, const char *takes, const char *start, const char *help)
{
    char left[96];
    snprintf(left, sizeof left, "--%s%s%s", name, takes[0] != '\0' ? "=" : "", takes);
    fprintf(out, "  %-46s %s", left, help);
    if (start[0] != '\0' && strcmp(start, "false") != 0) fprintf(out, " [%s]", start);
    fputc('\n', out);
}

void rl_options_help(FILE *out, const char *program, const rl_flag *flags, size_t n_flags)
{
    fprintf(out, "usage: %s [flags]\n\n", program);
    for (size_t i = 0; i < n_flags; i++)
        help_line(out, flags[i].name, is_switch(&flags[i]) ? "" : "<value>", flags[i].value, flags[i].help);
    if (n_flags > 0) fputc('\n', out);
    for (size_t i = 0; i < RL_COUNT(table); i++)
        help_line(out, table[i].name, table[i].takes, table[i].start, table[i].help);
    fputs("\n[defaults] in brackets; the environment may change them: BENCHMARK_FILTER and the like, "
          "RL_LAUNCH and\n"
          "the like for flags without that prefix. Exit codes: 0 all measured, 1 a case failed or a report "
          "could\n"
          "not be written, 64 bad usage, also a filter that matches nothing.\n",
          out);
}
