/* test_report_json.c - the JSON and the files, read back by cJSON: Google Benchmark's keys, and nothing that
 * is not JSON; and the aggregates that stand in it. */
#include "util_bench.h"
#include "util_guard.h"

#include "perf/row.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- Aggregates ---- */

static rl_row row_of(double real, double cpu, double bytes, const char *label)
{
    rl_row row = {.real_s = real, .cpu_s = cpu, .iterations = 7, .n_counters = 1};
    for (size_t m = 0; m < RL_METRICS; m++) row.metric[m] = NAN;
    row.metric[RL_M_BYTES] = bytes;
    row.counters = calloc(1, sizeof *row.counters);
    assert_non_null(row.counters);
    row.counters[0] = (rl_user_counter){"seen", 10 * real, RL_COUNTER_RATE};
    snprintf(row.label, sizeof row.label, "%s", label);
    return row;
}

static void aggregates_are_of_the_measured_rows(void **state)
{
    (void)state;
    rl_row rows[] = {
        row_of(1, 4, 100, "a"),
        row_of(2, 4, NAN, "a"),
        row_of(9, 4, 300, "a"),
        row_of(1000, 1000, 1000, "b"),
    };
    rows[3].outcome = RL_FAILED;
    rl_row out[RL_AGGREGATES];
    assert_int_equal(rl_aggregate(out, rows, RL_COUNT(rows)), RL_AGGREGATES);
    static const struct {
        const char *name;
        double real, cpu, bytes, seen;
    } want[RL_AGGREGATES] = {
        {"mean",   4,                 4, 200,               40               },
        {"median", 2,                 4, 200,               20               },
        {"stddev", 4.358898943540674, 0, 141.4213562373095, 43.58898943540674},
        {"cv",     1.089724735885168, 0, 0.707106781186548, 1.089724735885168},
    };
    for (size_t i = 0; i < RL_AGGREGATES; i++) {
        assert_string_equal(out[i].aggregate, want[i].name);
        assert_true(fabs(out[i].real_s - want[i].real) < 1e-12);
        assert_true(out[i].cpu_s == want[i].cpu);
        assert_true(fabs(out[i].metric[RL_M_BYTES] - want[i].bytes) < 1e-12);
        assert_true(isnan(out[i].metric[RL_M_ITEMS]));
        assert_int_equal(out[i].n_counters, 1);
        assert_true(fabs(out[i].counters[0].value - want[i].seen) < 1e-11);
        assert_int_equal(out[i].counters[0].flags, RL_COUNTER_RATE);
        assert_int_equal(out[i].iterations, 3);
        assert_string_equal(out[i].label, "a");
        assert_int_equal(rl_row_is_ratio(&out[i]), i == 3);
        rl_row_free(&out[i]);
    }
    rows[1].label[0] = 'c'; /* labels that differ are nobody's */
    assert_int_equal(rl_aggregate(out, rows, RL_COUNT(rows)), RL_AGGREGATES);
    for (size_t i = 0; i < RL_AGGREGATES; i++) {
        assert_string_equal(out[i].label, "");
        rl_row_free(&out[i]);
    }
    rows[0].outcome = rows[1].outcome = RL_SKIPPED;
    assert_int_equal(rl_aggregate(out, rows, RL_COUNT(rows)), 0); /* of one there is none */
    for (size_t i = 0; i < RL_COUNT(rows); i++) rl_row_free(&rows[i]);
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
    util_sample x;
    util_sample_run(
        &x, NULL,
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
    util_sample x;
    util_sample_run(
        &x, NULL,
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
    util_sample x;
    util_sample_run(&x, NULL,
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

static void names_are_listed_in_every_format(void **state)
{
    (void)state;
    static const struct {
        const char *flag, *want;
    } rows[] = {
        {"--benchmark_format=console", "plain\nthreaded/threads:2\n"              },
        {"--benchmark_format=csv",     "name\n\"plain\"\n\"threaded/threads:2\"\n"},
    };
    util_sample x;
    for (size_t i = 0; i < RL_COUNT(rows); i++) {
        util_sample_run(&x, NULL,
                        UTIL_ARGS("--benchmark_list_tests", "--benchmark_filter=plain|thr", rows[i].flag));
        assert_string_equal(x.u.out, rows[i].want);
        assert_int_equal(x.plain.n_batches, 0);
        util_suite_free(&x.u);
    }
    util_sample_run(&x, NULL, UTIL_ARGS("--benchmark_list_tests", "--benchmark_format=json"));
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

/* What a gate knows unchanged code by. */
static void context_has_the_hashes_of_the_code(void **state)
{
    (void)state;
    static const rl_code code[] = {{"common", "00"}, {"gemv/avx2", "0123456789abcdef"}};
    for (size_t n = 0; n <= RL_COUNT(code); n += RL_COUNT(code)) {
        util_sample x;
        util_sample_run(&x, &(util_options){.code = code, .n_code = n},
                        UTIL_ARGS("--benchmark_format=json", "--benchmark_min_time=10x"));
        cJSON *document = parse(x.u.out);
        const cJSON *c = cJSON_GetObjectItemCaseSensitive(document, "context"),
                    *of = cJSON_GetObjectItemCaseSensitive(c, "code");
        assert_int_equal(cJSON_GetArraySize(of), n);
        if (n > 0) assert_string_equal(text_at(of, "gemv/avx2"), "0123456789abcdef");
        assert_int_equal(of != NULL, n > 0);
        cJSON_Delete(document);
        util_suite_free(&x.u);
    }
}

static void csv_file_has_its_context_beside_it(void **state)
{
    (void)state;
    util_sample x;
    char dir[64], out[128], flag[160], context[160];
    make_dir(dir);
    snprintf(out, sizeof out, "%s/o.csv", dir);
    snprintf(flag, sizeof flag, "--benchmark_out=%s", out);
    snprintf(context, sizeof context, "%s.context.json", out);
    util_sample_run(&x, NULL, UTIL_ARGS("--benchmark_min_time=10x", flag, "--benchmark_out_format=csv"));
    char *text = util_read(out), *json = util_read(context);
    assert_memory_equal(text, "name,iterations,", 16);
    assert_non_null(strstr(text, "\n\"plain\",10,"));
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
    util_sample x;
    char dir[64], out[128], flag[160];
    make_dir(dir);
    snprintf(out, sizeof out, "%s/o.json", dir);
    snprintf(flag, sizeof flag, "--benchmark_out=%s", out);
    util_sample_run(&x, NULL,
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
    util_sample x;
    util_sample_run(&x, NULL, UTIL_ARGS("--benchmark_out=/nonexistent/dir/o.json"));
    assert_int_equal(x.u.exit_code, RL_EXIT_FAILED);
    assert_int_equal(x.plain.n_batches, 0);
    assert_non_null(strstr(x.u.err, "/nonexistent/dir/o.json: cannot write"));
    util_suite_free(&x.u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(aggregates_are_of_the_measured_rows),
        cmocka_unit_test(json_has_google_benchmarks_keys_in_every_row),
        cmocka_unit_test(json_rows_say_what_they_are),
        cmocka_unit_test(context_tells_where_and_how),
        cmocka_unit_test(names_are_listed_in_every_format),
        cmocka_unit_test(context_has_the_hashes_of_the_code),
        cmocka_unit_test(csv_file_has_its_context_beside_it),
        cmocka_unit_test(json_is_the_default_of_a_file),
        cmocka_unit_test(file_that_cannot_be_written_fails_before_anything_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
