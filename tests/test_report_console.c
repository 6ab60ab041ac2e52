/* test_report_console.c - what people read: columns, prefixes, colours, and what is said before the rows. */
#include "util_bench.h"
#include "util_guard.h"

#include "perf/text.h"

#include <string.h>

static void console_aligns_as_google_benchmark_does(void **state)
{
    (void)state;
    util_sample x;
    util_sample_run(&x, NULL, UTIL_ARGS("--benchmark_min_time=10x", "--benchmark_filter=plain|thr"));
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
    util_sample x;
    util_sample_run(&x, NULL, UTIL_ARGS("--benchmark_min_time=10x", "--benchmark_filter=failing"));
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
    util_sample x;
    util_sample_run(
        &x, NULL,
        UTIL_ARGS("--benchmark_min_time=10x", "--benchmark_filter=plain", "--benchmark_repetitions=2"));
    static const char *const names[] = {"\nplain_mean ", "\nplain_median ", "\nplain_stddev ", "\nplain_cv "};
    for (size_t i = 0; i < RL_COUNT(names); i++) assert_non_null(strstr(x.u.out, names[i]));
    assert_non_null(strstr(x.u.out, "\nplain "));
    assert_non_null(strstr(x.u.out, "0.00 %"));
    util_suite_free(&x.u);
    util_sample_run(&x, NULL,
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
    util_sample x;
    util_sample_run(&x, NULL,
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
    util_sample x;
    util_sample_run(&x, NULL, UTIL_ARGS("--benchmark_min_time=10x", "--benchmark_filter=plain|failing"));
    assert_null(strchr(x.u.out, '\033'));
    util_suite_free(&x.u);
    util_sample_run(
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
    util_sample x;
    util_sample_run(&x, NULL, UTIL_ARGS("--benchmark_min_time=10x", "--benchmark_filter=plain"));
    const char *first = strstr(x.u.err, "Hardware counters: none (perf::CYCLES: libpfm4: event not found)");
    assert_non_null(first);
    assert_null(strstr(first + 1, "Hardware counters"));
    assert_non_null(strstr(x.u.err, "Running prog\n"));
    assert_non_null(strstr(x.u.err, "model: tiny \\xff\n"));
    util_suite_free(&x.u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(console_aligns_as_google_benchmark_does),
        cmocka_unit_test(console_header_is_ruled_to_its_width),
        cmocka_unit_test(aggregates_follow_and_may_replace_repetitions),
        cmocka_unit_test(tabular_counters_stand_below_their_names),
        cmocka_unit_test(colors_come_only_when_asked_for),
        cmocka_unit_test(times_fill_ten_columns),
        cmocka_unit_test(counters_are_shown_with_prefixes),
        cmocka_unit_test(preamble_says_once_what_cannot_be_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
