/* test_report.c - the reports, read back by other people's readers: CSV by libcsv, JSON by cJSON; the console
 * by its columns. */
#include "util_bench.h"
#include "util_guard.h"

#include "perf/suite.h"
#include "perf/text.h"

#include <cjson/cJSON.h>
#include <csv.h>
#include <linux/perf_event.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const int64_t MS = 1000000;

/* ---- A run with a row of every kind ---- */

typedef struct {
    util_suite u;
    util_work plain, threaded, wrong, yard;
} sample;

static void plain_run(rl_state *st)
{
    util_run(st);
    rl_state_counter(st, "zeta", 1.5, RL_COUNTER_AVG_ITERATIONS);
    rl_state_counter(st, "alpha", 2, RL_COUNTER_RATE);
    rl_state_counter(st, "nothing", 0, RL_COUNTER_INVERT); /* 1 / 0: not a number anybody measured */
    rl_state_label(st, "say \"hi\", %s", "you");
}

static void threaded_run(rl_state *st)
{
    util_run(st);
    rl_state_counter(st, "only_here", 3, 0);
}

static void failing_run(rl_state *st) { rl_state_error(st, "bo\"om,\nnow"); }

static const util_event pmu[] = {
    {"perf::CYCLES",       PERF_TYPE_HARDWARE, 0, false, 4000, 100, 100},
    {"perf::INSTRUCTIONS", PERF_TYPE_HARDWARE, 0, false, 6000, 100, 73 },
    {"mine",               PERF_TYPE_RAW,      0, false, 50,   100, 100},
};

static void run_sample(sample *x, const util_options *options, const char *const *args)
{
    util_suite_open(&x->u, options, args);
    if (x->u.s == NULL) fail_msg("%s", x->u.err);
    util_work work = {.clock = &x->u.clock, .ns = 2 * MS};
    x->plain = x->threaded = x->wrong = x->yard = work;
    x->yard.ns = MS;
    x->wrong.fail_verify = true;
    rl_suite *s = x->u.s;
    rl_suite_set_isa(s, "avx512");
    rl_suite_context(s, "model", "tiny \xff");
    rl_suite_context(s, "seed", "not yours to say");
    rl_suite_add_yardstick(s,
                           &(rl_yardstick){.name = "read", .run = util_run, .arg = &x->yard, .bytes = 1e6});
    rl_suite_add(s, &(rl_case){.name = "plain",
                               .run = plain_run,
                               .arg = &x->plain,
                               .bytes = 1e6,
                               .items = 100,
                               .flops = 1e7,
                               .isa = "avx2",
                               .cache = "cold",
                               .verify = util_verify,
                               .bandwidth_yardstick = "read",
                               .reference = "threaded"});
    rl_suite_add(s, &(rl_case){.name = "threaded",
                               .run = threaded_run,
                               .arg = &x->threaded,
                               .threads = 2,
                               .unit = RL_MS,
                               .label = "fixed"});
    rl_suite_add(s, &(rl_case){.name = "failing", .run = failing_run});
    rl_suite_add(s, &(rl_case){.name = "skipped", .run = util_run, .skip = "cpu lacks it"});
    rl_suite_add(s, &(rl_case){.name = "wrong", .run = util_run, .arg = &x->wrong, .verify = util_verify});
    util_suite_run(&x->u);
}

/* ---- CSV ---- */

enum { ROWS = 32, FIELDS = 64, TEXT = 128 };
typedef struct {
    char cell[ROWS][FIELDS][TEXT];
    size_t fields[ROWS], rows;
} table;

static void on_field(void *text, size_t n, void *to)
{
    table *t = to;
    assert_true(t->rows < ROWS && t->fields[t->rows] < FIELDS && n < TEXT);
    memcpy(t->cell[t->rows][t->fields[t->rows]++], text, n);
}

static void on_row(int c, void *to)
{
    (void)c;
    ((table *)to)->rows++;
}

static table *read_csv(const char *text)
{
    table *t = calloc(1, sizeof *t);
    struct csv_parser parser;
    assert_non_null(t);
    assert_int_equal(csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI), 0);
    size_t n = strlen(text);
    if (csv_parse(&parser, text, n, on_field, on_row, t) != n)
        fail_msg("%s", csv_strerror(csv_error(&parser)));
    assert_int_equal(csv_fini(&parser, on_field, on_row, t), 0);
    csv_free(&parser);
    return t;
}

/* The cell of a named column; "-" where there is no such column. */
static const char *at(const table *t, size_t row, const char *column)
{
    for (size_t f = 0; f < t->fields[0]; f++)
        if (strcmp(t->cell[0][f], column) == 0) return t->cell[row][f];
    return "-";
}

static const char *const header =
    "name,iterations,real_time,cpu_time,time_unit,bytes_per_second,items_per_second,label,error_occurred,"
    "error_message,launch,repetition,threads,isa,cache,flops_per_second,bw_pct,peak_pct,ref_ratio,max_error,"
    "cycles,"
    "instructions,branch_misses,llc_misses,dtlb_misses,page_faults,context_switches,counter_quality,"
    "contaminated,"
    "alpha,nothing,only_here,zeta\n";

static void csv_is_rectangular_with_the_documented_columns(void **state)
{
    (void)state;
    sample x;
    run_sample(&x, NULL,
               UTIL_ARGS("--benchmark_format=csv", "--benchmark_min_time=10x", "--benchmark_repetitions=2",
                         "--launch=7", "--benchmark_report_aggregates_only"));
    assert_memory_equal(x.u.out, header, strlen(header));
    table *t = read_csv(x.u.out);
    assert_int_equal(t->rows,
                     1 + 2 + 2 + 2 + 1 + 1); /* every repetition, no aggregate; one row where none can run */
    for (size_t r = 0; r < t->rows; r++) assert_int_equal(t->fields[r], 33);
    free(t);
    util_suite_free(&x.u);
}

static void csv_row_holds_what_was_measured(void **state)
{
    (void)state;
    sample x;
    run_sample(&x, NULL,
               UTIL_ARGS("--benchmark_format=csv", "--benchmark_min_time=10x", "--benchmark_repetitions=2",
                         "--launch=7"));
    table *t = read_csv(x.u.out);
    static const char *const want[][2] = {
        {"name",             "plain"          },
        {"iterations",       "10"             },
        {"real_time",        "2000000"        },
        {"cpu_time",         "2000000"        },
        {"time_unit",        "ns"             },
        {"bytes_per_second", "500000000"      },
        {"items_per_second", "50000"          },
        {"label",            "say \"hi\", you"},
        {"error_occurred",   ""               },
        {"error_message",    ""               },
        {"launch",           "7"              },
        {"repetition",       "1"              },
        {"threads",          "1"              },
        {"isa",              "avx2"           },
        {"cache",            "cold"           },
        {"flops_per_second", "5000000000"     },
        {"bw_pct",           "50"             },
        {"peak_pct",         ""               },
        {"ref_ratio",        "1"              },
        {"max_error",        "1e-06"          },
        {"cycles",           ""               },
        {"instructions",     ""               },
        {"counter_quality",  "software"       },
        {"alpha",            "100"            },
        {"nothing",          ""               },
        {"only_here",        ""               },
        {"zeta",             "0.15"           },
    };
    for (size_t i = 0; i < RL_COUNT(want); i++)
        if (strcmp(at(t, 2, want[i][0]), want[i][1]) != 0)
            fail_msg("%s: want '%s' got '%s'", want[i][0], want[i][1], at(t, 2, want[i][0]));
    assert_true(strlen(at(t, 2, "page_faults")) > 0 && strlen(at(t, 2, "context_switches")) > 0);
    assert_true(strcmp(at(t, 2, "contaminated"), "0") == 0 || strcmp(at(t, 2, "contaminated"), "1") == 0);
    assert_string_equal(at(t, 3, "name"), "threaded/threads:2");
    assert_string_equal(at(t, 3, "time_unit"), "ms");
    assert_string_equal(at(t, 3, "real_time"), "2");
    assert_string_equal(at(t, 3, "threads"), "2");
    assert_string_equal(at(t, 3, "label"), "fixed");
    assert_string_equal(at(t, 3, "only_here"), "6");
    assert_string_equal(at(t, 3, "bw_pct"), "");
    free(t);
    util_suite_free(&x.u);
}

static void csv_tells_failed_from_skipped_and_measured(void **state)
{
    (void)state;
    sample x;
    run_sample(&x, NULL, UTIL_ARGS("--benchmark_format=csv", "--benchmark_min_time=10x"));
    table *t = read_csv(x.u.out);
    assert_string_equal(at(t, 3, "name"), "failing");
    assert_string_equal(at(t, 3, "error_occurred"), "true");
    assert_string_equal(at(t, 3, "error_message"), "bo\"om,\\x0anow");
    assert_string_equal(at(t, 4, "error_occurred"), "false");
    assert_string_equal(at(t, 4, "error_message"), "cpu lacks it");
    assert_string_equal(at(t, 5, "error_message"), "verification: row 3: want 1 got 2");
    for (size_t r = 3; r <= 5; r++)
        for (size_t f = 1; f < t->fields[0]; f++) {
            const char *column = t->cell[0][f];
            bool said = strcmp(column, "error_occurred") == 0 || strcmp(column, "error_message") == 0 ||
                        strcmp(column, "launch") == 0 || strcmp(column, "repetition") == 0 ||
                        strcmp(column, "threads") == 0;
            if (!said && t->cell[r][f][0] != '\0')
                fail_msg("%s of row %zu is '%s'", column, r, t->cell[r][f]);
        }
    free(t);
    util_suite_free(&x.u);
}

static void csv_columns_of_counters_are_per_iteration_with_their_quality(void **state)
{
    (void)state;
    sample x;
    run_sample(&x, &(util_options){.events = pmu, .n_events = RL_COUNT(pmu)},
               UTIL_ARGS("--benchmark_format=csv", "--benchmark_min_time=10x",
                         "--benchmark_perf_counters=mine,absent"));
    table *t = read_csv(x.u.out);
    assert_string_equal(at(t, 1, "cycles"), "400");
    assert_true(fabs(strtod(at(t, 1, "instructions"), NULL) - 600 / 0.73) < 1e-9);
    assert_string_equal(at(t, 1, "llc_misses"), "");
    assert_string_equal(at(t, 1, "counter_quality"), "scaled(73%)");
    assert_string_equal(at(t, 1, "mine"), "5");
    assert_string_equal(at(t, 1, "absent"), ""); /* the column is there, and says that nothing was measured */
    assert_string_equal(at(t, 2, "cycles"), "800"); /* of both threads */
    assert_non_null(strstr(x.u.err, "absent is not counted"));
    assert_int_equal(atomic_load(&x.u.pmu.opened), atomic_load(&x.u.pmu.closed));
    free(t);
    util_suite_free(&x.u);
}

static void numbers_survive_the_way_through_text(void **state)
{
    (void)state;
    util_rng rng = {7};
    char text[RL_TEXT_MAX];
    for (int i = 0; i < 100000; i++) {
        uint64_t bits = util_u64(&rng);
        double x;
        memcpy(&x, &bits, sizeof x);
        rl_text_number(text, x);
        if (!isfinite(x))
            assert_string_equal(text, "");
        else if (strtod(text, NULL) != x)
            fail_msg("%.17g came back as %s", x, text);
    }
    assert_string_equal(rl_text_number(text, 0.1), "0.1");
    assert_string_equal(rl_text_number(text, 1e22), "1e+22");
    assert_string_equal(rl_text_number(text, -0.0), "-0");
    assert_string_equal(rl_text_number(text, NAN), "");
    assert_string_equal(rl_text_number(text, 1.0 / 3), "0.3333333333333333");
}

/* ---- JSON ---- */

static cJSON *parse(const char *text)
{
    cJSON *document = cJSON_Parse(text);
    if (document == NULL) fail_msg("not JSON: %.200s", text);
    return document;
}

static double number_at(const cJSON *row, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(row, key);
    return cJSON_IsNumber(item) ? item->valuedouble : NAN;
}

static const char *text_at(const cJSON *row, const char *key)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(row, key));
    return text != NULL ? text : "(none)";
}

static const cJSON *row_named(const cJSON *document, const char *name)
{
    const cJSON *row;
    cJSON_ArrayForEach(
        row, cJSON_GetObjectItemCaseSensitive(document, "benchmarks")) if (strcmp(text_at(row, "name"),
                                                                                  name) == 0) return row;
    fail_msg("no row %s", name);
    return NULL;
}

/* No key twice, and no null: cJSON writes what is not finite so. */
static void expect_sound(const cJSON *item)
{
    for (const cJSON *child = item->child; child != NULL; child = child->next) {
        assert_false(cJSON_IsNull(child));
        for (const cJSON *other = child->next; child->string != NULL && other != NULL; other = other->next)
            if (strcmp(child->string, other->string) == 0) fail_msg("key %s twice", child->string);
        expect_sound(child);
    }
}

static void json_has_google_benchmarks_keys_in_every_row(void **state)
{
    (void)state;
    sample x;
    run_sample(&x, NULL,
               UTIL_ARGS("--benchmark_format=json", "--benchmark_min_time=10x", "--benchmark_repetitions=3"));
    cJSON *document = parse(x.u.out);
    expect_sound(document);
    assert_null(strstr(x.u.out, "nan"));
    assert_null(strstr(x.u.out, "inf"));
    static const char *const numbers[] = {
        "family_index", "per_family_instance_index", "repetitions", "threads", "iterations", "real_time",
        "cpu_time"};
    static const char *const texts[] = {"name", "run_name", "run_type", "time_unit"};
    const cJSON *row, *rows = cJSON_GetObjectItemCaseSensitive(document, "benchmarks");
    assert_int_equal(cJSON_GetArraySize(rows), 3 + 4 + 3 + 4 + 3 + 1 + 1);
    cJSON_ArrayForEach(row, rows)
    {
        for (size_t i = 0; i < RL_COUNT(numbers); i++) assert_true(isfinite(number_at(row, numbers[i])));
        for (size_t i = 0; i < RL_COUNT(texts); i++)
            assert_string_not_equal(text_at(row, texts[i]), "(none)");
        bool aggregate = strcmp(text_at(row, "run_type"), "aggregate") == 0;
        assert_int_equal(isfinite(number_at(row, "repetition_index")), !aggregate);
        assert_int_equal(cJSON_HasObjectItem(row, "aggregate_name"), aggregate);
    }
    cJSON_Delete(document);
    util_suite_free(&x.u);
}

static void json_rows_say_what_they_are(void **state)
{
    (void)state;
    sample x;
    run_sample(&x, NULL,
               UTIL_ARGS("--benchmark_format=json", "--benchmark_min_time=10x", "--benchmark_repetitions=3"));
    cJSON *document = parse(x.u.out);
    const cJSON *plain = row_named(document, "plain");
    assert_true(number_at(plain, "real_time") == 2e6);
    assert_true(number_at(plain, "bytes_per_second") == 5e8);
    assert_true(fabs(number_at(plain, "bw_pct") - 50) < 1e-9);
    assert_string_equal(text_at(plain, "label"), "say \"hi\", you");
    assert_false(cJSON_HasObjectItem(plain, "nothing"));
    assert_false(cJSON_HasObjectItem(plain, "peak_pct"));
    const cJSON *cv = row_named(document, "plain_cv");
    assert_string_equal(text_at(cv, "aggregate_unit"), "percentage");
    assert_true(number_at(cv, "real_time") == 0);
    assert_true(number_at(cv, "iterations") == 3);
    const cJSON *median = row_named(document, "threaded/threads:2_median");
    assert_string_equal(text_at(median, "run_name"), "threaded/threads:2");
    assert_string_equal(text_at(median, "aggregate_unit"), "time");
    assert_true(number_at(median, "real_time") == 2);
    assert_true(number_at(median, "only_here") == 6);
    const cJSON *failing = row_named(document, "failing");
    assert_true(cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(failing, "error_occurred")));
    assert_string_equal(text_at(failing, "error_message"), "bo\"om,\\x0anow");
    assert_true(number_at(failing, "real_time") == 0);
    const cJSON *skipped = row_named(document, "skipped");
    assert_true(cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(skipped, "skipped")));
    assert_string_equal(text_at(skipped, "skip_message"), "cpu lacks it");
    cJSON_Delete(document);
    util_suite_free(&x.u);
}

static void context_tells_where_and_how(void **state)
{
    (void)state;
    sample x;
    run_sample(&x, NULL,
               UTIL_ARGS("--benchmark_format=json", "--benchmark_min_time=10x", "--benchmark_seed=99",
                         "--benchmark_context=lane=micro"));
    cJSON *document = parse(x.u.out);
    const cJSON *c = cJSON_GetObjectItemCaseSensitive(document, "context");
    assert_true(number_at(c, "json_schema_version") == 1);
    assert_true(number_at(c, "num_cpus") >= 1);
    assert_string_equal(text_at(c, "seed"), "99"); /* and not what the program called seed */
    assert_string_equal(text_at(c, "lane"), "micro");
    assert_string_equal(text_at(c, "model"), "tiny \\xff");
    assert_string_equal(text_at(c, "executable"), "prog");
    assert_non_null(strstr(text_at(c, "command_line"), "prog --benchmark_format=json"));
    assert_non_null(strstr(text_at(c, "machine_class"), "-avx512-"));
    const cJSON *of = cJSON_GetObjectItemCaseSensitive(c, "machine_class_of");
    assert_string_equal(text_at(of, "isa"), "avx512");
    assert_non_null(strstr(text_at(of, "flags"), "-ffp-contract=off"));
    const cJSON *counters = cJSON_GetObjectItemCaseSensitive(c, "counters");
    assert_true(cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(counters, "hardware")));
    const cJSON *cycles = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(counters, "events"), 0);
    assert_string_equal(text_at(cycles, "name"), "cycles");
    assert_string_equal(text_at(cycles, "rung"), "unavailable");
    assert_non_null(strstr(text_at(cycles, "reason"), "event not found"));
    const cJSON *yard = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(c, "yardsticks"), 0);
    assert_string_equal(text_at(yard, "name"), "read");
    assert_string_equal(text_at(yard, "unit"), "bytes_per_second");
    assert_true(number_at(yard, "n") == 2 && number_at(yard, "threads") == 1);
    assert_true(fabs(number_at(yard, "median") - 1e9) < 1);
    assert_true(number_at(yard, "min") <= number_at(yard, "max"));
    assert_true(number_at(cJSON_GetObjectItemCaseSensitive(c, "clock"), "resolution_ns") ==
                1); /* the fake one's */
    cJSON_Delete(document);
    util_suite_free(&x.u);
}

/* ---- Console ---- */

static void console_aligns_as_google_benchmark_does(void **state)
{
    (void)state;
    sample x;
    run_sample(&x, NULL, UTIL_ARGS("--benchmark_min_time=10x", "--benchmark_filter=plain|thr"));
    assert_int_equal(x.u.exit_code, RL_EXIT_OK);
    const char *const row =
        "\nplain                 2000000 ns      2000000 ns           10 alpha=100/s bw_pct=50 "
        "bytes_per_second=500M/s flops_per_second=5G/s items_per_second=50k/s max_error=1u "
        "ref_ratio=1 zeta=0.15 say \"hi\", you";
    if (strstr(x.u.out, row) == NULL) fail_msg("%s", x.u.out);
    assert_non_null(strstr(x.u.out, "\nthreaded/threads:2       2.00 ms "));
    util_suite_free(&x.u);
}

static void console_header_is_ruled_to_its_width(void **state)
{
    (void)state;
    sample x;
    run_sample(&x, NULL, UTIL_ARGS("--benchmark_min_time=10x", "--benchmark_filter=failing"));
    char *line = strchr(x.u.out, '\n');
    size_t width = (size_t)(line - x.u.out);
    assert_int_equal(width,
                     10 + 1 + 13 + 1 + 15 + 1 + 12); /* name, Time, CPU, Iterations, and spaces between */
    assert_int_equal(strspn(x.u.out, "-"), width);
    assert_int_equal(strcspn(line + 1, "\n"), width);
    assert_non_null(strstr(x.u.out, "\nfailing    ERROR OCCURRED: 'bo\"om,\\x0anow'\n"));
    util_suite_free(&x.u);
}

static void aggregates_follow_and_may_replace_repetitions(void **state)
{
    (void)state;
    sample x;
    run_sample(
        &x, NULL,
        UTIL_ARGS("--benchmark_min_time=10x", "--benchmark_filter=plain", "--benchmark_repetitions=2"));
    static const char *const names[] = {"\nplain_mean ", "\nplain_median ", "\nplain_stddev ", "\nplain_cv "};
    for (size_t i = 0; i < RL_COUNT(names); i++) assert_non_null(strstr(x.u.out, names[i]));
    assert_non_null(strstr(x.u.out, "\nplain "));
    assert_non_null(strstr(x.u.out, "0.00 %"));
    util_suite_free(&x.u);
    run_sample(&x, NULL,
               UTIL_ARGS("--benchmark_min_time=10x", "--benchmark_filter=plain|skipped",
                         "--benchmark_repetitions=2", "--benchmark_display_aggregates_only"));
    assert_null(strstr(x.u.out, "\nplain "));
    assert_non_null(strstr(x.u.out, "\nplain_mean "));
    assert_non_null(strstr(x.u.out, "\nskipped ")); /* has none: its row stays */
    util_suite_free(&x.u);
}

static void tabular_counters_stand_below_their_names(void **state)
{
    (void)state;
    sample x;
    run_sample(&x, NULL,
               UTIL_ARGS("--benchmark_min_time=10x", "--benchmark_counters_tabular",
                         "--benchmark_filter=plain|threaded"));
    const char *heading = strstr(x.u.out, "Benchmark"), *row = strstr(x.u.out, "\nplain ");
    assert_non_null(heading);
    assert_non_null(row);
    row++;
    const char *name = strstr(heading, "bytes_per_second"), *value = strstr(row, "500M/s");
    assert_true(name < row && value != NULL);
    assert_int_equal(name - heading + (long)strlen("bytes_per_second"), value - row + (long)strlen("500M/s"));
    const char *again = strstr(row, "Benchmark"); /* the next case has other counters */
    assert_non_null(again);
    assert_non_null(strstr(again, "only_here"));
    util_suite_free(&x.u);
}

static void colors_come_only_when_asked_for(void **state)
{
    (void)state;
    sample x;
    run_sample(&x, NULL, UTIL_ARGS("--benchmark_min_time=10x", "--benchmark_filter=plain|failing"));
    assert_null(strchr(x.u.out, '\033'));
    util_suite_free(&x.u);
    run_sample(
        &x, NULL,
        UTIL_ARGS("--benchmark_min_time=10x", "--benchmark_filter=plain|failing", "--benchmark_color=yes"));
    assert_non_null(strstr(x.u.out, "\033[0;32mplain"));
    assert_non_null(strstr(x.u.out, "\033[0;31mERROR OCCURRED"));
    util_suite_free(&x.u);
}

static void times_fill_ten_columns(void **state)
{
    (void)state;
    static const struct {
        double t;
        const char *text;
    } rows[] = {
        {0.12345,     "     0.123"},
        {0,           "     0.000"},
        {1,           "      1.00"},
        {9.994,       "      9.99"},
        {12.34,       "      12.3"},
        {100,         "       100"},
        {9999999999,  "9999999999"},
        {12345678901, "1.2346e+10"},
    };
    char text[RL_TEXT_MAX];
    for (size_t i = 0; i < RL_COUNT(rows); i++)
        assert_string_equal(rl_text_time(text, rows[i].t), rows[i].text);
}

static void counters_are_shown_with_prefixes(void **state)
{
    (void)state;
    static const struct {
        double x;
        bool binary;
        const char *text;
    } rows[] = {
        {0,                        false, "0"     },
        {1,                        false, "1"     },
        {0.5,                      false, "0.5"   },
        {999,                      false, "999"   },
        {1000,                     false, "1k"    },
        {41.2e9,                   false, "41.2G" },
        {-2.5e6,                   false, "-2.5M" },
        {0.001,                    false, "1m"    },
        {2.5e-7,                   false, "250n"  },
        {1024,                     true,  "1Ki"   },
        {1.5 * 1024 * 1024 * 1024, true,  "1.5Gi" },
        {1e30,                     false, "1e+06Y"},
    };
    char text[RL_TEXT_MAX];
    for (size_t i = 0; i < RL_COUNT(rows); i++)
        assert_string_equal(rl_text_human(text, rows[i].x, rows[i].binary), rows[i].text);
}

static void preamble_says_once_what_cannot_be_counted(void **state)
{
    (void)state;
    sample x;
    run_sample(&x, NULL, UTIL_ARGS("--benchmark_min_time=10x", "--benchmark_filter=plain"));
    const char *first = strstr(x.u.err, "Hardware counters: none (perf::CYCLES: libpfm4: event not found)");
    assert_non_null(first);
    assert_null(strstr(first + 1, "Hardware counters"));
    assert_non_null(strstr(x.u.err, "Running prog\n"));
    assert_non_null(strstr(x.u.err, "model: tiny \\xff\n"));
    util_suite_free(&x.u);
}

static void names_are_listed_in_every_format(void **state)
{
    (void)state;
    static const struct {
        const char *flag, *want;
    } rows[] = {
        {"--benchmark_format=console", "plain\nthreaded/threads:2\n"              },
        {"--benchmark_format=csv",     "name\n\"plain\"\n\"threaded/threads:2\"\n"},
    };
    sample x;
    for (size_t i = 0; i < RL_COUNT(rows); i++) {
        run_sample(&x, NULL,
                   UTIL_ARGS("--benchmark_list_tests", "--benchmark_filter=plain|thr", rows[i].flag));
        assert_string_equal(x.u.out, rows[i].want);
        assert_int_equal(x.plain.n_batches, 0);
        util_suite_free(&x.u);
    }
    run_sample(&x, NULL, UTIL_ARGS("--benchmark_list_tests", "--benchmark_format=json"));
    cJSON *document = parse(x.u.out);
    row_named(document, "threaded/threads:2");
    cJSON_Delete(document);
    util_suite_free(&x.u);
}

/* ---- Files ---- */

static void make_dir(char path[64])
{
    snprintf(path, 64, "/tmp/rl_test_report_XXXXXX");
    assert_non_null(mkdtemp(path));
}

static void csv_file_has_its_context_beside_it(void **state)
{
    (void)state;
    sample x;
    char dir[64], out[128], flag[160], context[160];
    make_dir(dir);
    snprintf(out, sizeof out, "%s/o.csv", dir);
    snprintf(flag, sizeof flag, "--benchmark_out=%s", out);
    snprintf(context, sizeof context, "%s.context.json", out);
    run_sample(&x, NULL, UTIL_ARGS("--benchmark_min_time=10x", flag, "--benchmark_out_format=csv"));
    char *text = util_read(out), *json = util_read(context);
    assert_memory_equal(text, header, strlen(header));
    cJSON *document = parse(json);
    assert_true(number_at(document, "json_schema_version") == 1);
    assert_string_equal(text_at(document, "family"), "test");
    assert_non_null(strstr(x.u.out, "UserCounters")); /* the console is told, too */
    cJSON_Delete(document);
    free(text);
    free(json);
    unlink(out);
    unlink(context);
    assert_int_equal(rmdir(dir), 0); /* nothing else is left */
    util_suite_free(&x.u);
}

static void json_is_the_default_of_a_file(void **state)
{
    (void)state;
    sample x;
    char dir[64], out[128], flag[160];
    make_dir(dir);
    snprintf(out, sizeof out, "%s/o.json", dir);
    snprintf(flag, sizeof flag, "--benchmark_out=%s", out);
    run_sample(&x, NULL,
               UTIL_ARGS("--benchmark_min_time=10x", "--benchmark_repetitions=2", flag,
                         "--benchmark_display_aggregates_only"));
    char *text = util_read(out);
    cJSON *document = parse(text);
    row_named(document, "plain"); /* only the display is spared the repetitions */
    row_named(document, "plain_mean");
    cJSON_Delete(document);
    free(text);
    unlink(out);
    assert_int_equal(rmdir(dir), 0);
    util_suite_free(&x.u);
}

static void file_that_cannot_be_written_fails_before_anything_runs(void **state)
{
    (void)state;
    sample x;
    run_sample(&x, NULL, UTIL_ARGS("--benchmark_out=/nonexistent/dir/o.json"));
    assert_int_equal(x.u.exit_code, RL_EXIT_FAILED);
    assert_int_equal(x.plain.n_batches, 0);
    assert_non_null(strstr(x.u.err, "/nonexistent/dir/o.json: cannot write"));
    util_suite_free(&x.u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(csv_is_rectangular_with_the_documented_columns),
        cmocka_unit_test(csv_row_holds_what_was_measured),
        cmocka_unit_test(csv_tells_failed_from_skipped_and_measured),
        cmocka_unit_test(csv_columns_of_counters_are_per_iteration_with_their_quality),
        cmocka_unit_test(numbers_survive_the_way_through_text),
        cmocka_unit_test(json_has_google_benchmarks_keys_in_every_row),
        cmocka_unit_test(json_rows_say_what_they_are),
        cmocka_unit_test(context_tells_where_and_how),
        cmocka_unit_test(console_aligns_as_google_benchmark_does),
        cmocka_unit_test(console_header_is_ruled_to_its_width),
        cmocka_unit_test(aggregates_follow_and_may_replace_repetitions),
        cmocka_unit_test(tabular_counters_stand_below_their_names),
        cmocka_unit_test(colors_come_only_when_asked_for),
        cmocka_unit_test(times_fill_ten_columns),
        cmocka_unit_test(counters_are_shown_with_prefixes),
        cmocka_unit_test(preamble_says_once_what_cannot_be_counted),
        cmocka_unit_test(names_are_listed_in_every_format),
        cmocka_unit_test(csv_file_has_its_context_beside_it),
        cmocka_unit_test(json_is_the_default_of_a_file),
        cmocka_unit_test(file_that_cannot_be_written_fails_before_anything_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
