/* test_report_csv.c - the CSV, read back by libcsv: rectangular, and empty where nothing was measured. */
#include "util_bench.h"
#include "util_guard.h"

#include "perf/text.h"

#include <csv.h>
#include <linux/perf_event.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const util_event pmu[] = {
    {"perf::CYCLES",       PERF_TYPE_HARDWARE, 0, false, 4000, 100, 100},
    {"perf::INSTRUCTIONS", PERF_TYPE_HARDWARE, 0, false, 6000, 100, 73 },
    {"mine",               PERF_TYPE_RAW,      0, false, 50,   100, 100},
};

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
    util_sample x;
    util_sample_run(&x, NULL,
                    UTIL_ARGS("--benchmark_format=csv", "--benchmark_min_time=10x",
                              "--benchmark_repetitions=2", "--launch=7",
                              "--benchmark_report_aggregates_only"));
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
    util_sample x;
    util_sample_run(&x, NULL,
                    UTIL_ARGS("--benchmark_format=csv", "--benchmark_min_time=10x",
                              "--benchmark_repetitions=2", "--launch=7"));
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
    util_sample x;
    util_sample_run(&x, NULL, UTIL_ARGS("--benchmark_format=csv", "--benchmark_min_time=10x"));
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
    util_sample x;
    util_sample_run(&x, &(util_options){.events = pmu, .n_events = RL_COUNT(pmu)},
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

static void counts_of_the_kernel_alone_are_software(void **state)
{
    (void)state;
    static const util_event events[] = {
        {"perf::CS", PERF_TYPE_SOFTWARE, 0, false, 0, 100, 100}
    };
    util_sample x;
    util_sample_run(&x, &(util_options){.events = events, .n_events = 1},
                    UTIL_ARGS("--benchmark_format=csv", "--benchmark_min_time=10x",
                              "--benchmark_perf_counters=perf::CS", "--benchmark_filter=plain"));
    table *t = read_csv(x.u.out);
    assert_string_equal(at(t, 1, "perf::CS"), "0");
    assert_string_equal(at(t, 1, "counter_quality"), "software");
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

static void points_stay_points_in_a_locale_with_commas(void **state)
{
    (void)state;
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "fr_FR.utf8",
                                        "ru_RU.UTF-8"};
    const char *found = NULL;
    for (size_t i = 0; found == NULL && i < RL_COUNT(names); i++) found = setlocale(LC_NUMERIC, names[i]);
    if (found == NULL) {
        util_note_skip("no locale with decimal commas is installed");
        return;
    }
    util_sample x;
    util_sample_run(&x, NULL,
                    UTIL_ARGS("--benchmark_format=csv", "--benchmark_min_time=0.001s",
                              "--benchmark_min_warmup_time=0.5"));
    assert_string_equal(localeconv()->decimal_point, ","); /* the program's own stays */
    setlocale(LC_NUMERIC, "C");
    table *t = read_csv(x.u.out);
    for (size_t r = 0; r < t->rows; r++) assert_int_equal(t->fields[r], 33);
    assert_string_equal(at(t, 1, "zeta"), "1.5");
    free(t);
    util_suite_free(&x.u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(csv_is_rectangular_with_the_documented_columns),
        cmocka_unit_test(csv_row_holds_what_was_measured),
        cmocka_unit_test(csv_tells_failed_from_skipped_and_measured),
        cmocka_unit_test(csv_columns_of_counters_are_per_iteration_with_their_quality),
        cmocka_unit_test(counts_of_the_kernel_alone_are_software),
        cmocka_unit_test(numbers_survive_the_way_through_text),
        cmocka_unit_test(points_stay_points_in_a_locale_with_commas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
