/* test_counts.c - numbers of iterations taken from an earlier run's CSV, on a fake clock. */
#include "util_bench.h"
#include "util_guard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    char path[32], flag[80];
} counts_file;

static counts_file write_counts(const char *text, size_t n)
{
    counts_file f = {.path = "/tmp/counts.XXXXXX"};
    int fd = mkstemp(f.path);
    assert_true(fd >= 0 && write(fd, text, n) == (ssize_t)n);
    close(fd);
    snprintf(f.flag, sizeof f.flag, "--benchmark_iterations_from=%s", f.path);
    return f;
}

/* Runs "case" of a millisecond an iteration with such a file. */
static void run_with(util_suite *u, util_work *w, const char *text, size_t n, rl_case c, const char *more)
{
    counts_file f = write_counts(text, n);
    util_run_one(u, w, UTIL_MS, c, UTIL_ARGS("--benchmark_min_time=0.05s", f.flag, more));
    unlink(f.path);
}
#define RUN_WITH(u, w, text, c, more) run_with(u, w, text, strlen(text), c, more)

static void counts_of_the_file_are_run_at_once(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t count;
    } files[] = {
        {"name,iterations\ncase,40\n",                                   40           },
        {"name,iterations,label\n\"case\",40,\n\"other\",7,\n",          40           },
        {"name,iterations\ncase,60\ncase,40\ncase,50\n",                 50           },
        {"name,iterations\ncase,60\ncase,40\n",                          40           },
        {"name,iterations,label\nother,1,\"a\"\"b,\nc\"\ncase,8,\"\"\n", 8            },
        {"name,iterations\n\"case\",\ncase,9\n",                         9            }, /* one repetition failed */
        {"name,iterations\na,1\nb,2\ncase,3\ncase/threads:2,4\nd,5\n",   3            },
        {"name,iterations\ncase,1000000000000\n",                        1000000000000},
    };
    for (size_t i = 0; i < RL_COUNT(files); i++) {
        util_suite u;
        util_work w;
        RUN_WITH(&u, &w, files[i].text, (rl_case){0}, NULL);
        if (u.exit_code != RL_EXIT_OK) fail_msg("file %zu: %s", i, u.err);
        EXPECT_BATCHES(&w, files[i].count);
        util_suite_free(&u);
    }
}

static void case_that_is_not_in_the_file_finds_its_own(void **state)
{
    (void)state;
    static const char *const files[] = {"name,iterations\nother,40\n", "name,iterations\ncase,\n",
                                        "name,iterations\n"};
    for (size_t i = 0; i < RL_COUNT(files); i++) {
        util_suite u;
        util_work w;
        RUN_WITH(&u, &w, files[i], (rl_case){0}, NULL);
        EXPECT_BATCHES(&w, 1, 10, 70);
        util_suite_free(&u);
    }
}

static void every_repetition_runs_the_count_and_warm_up_and_min_time_do_not_change_it(void **state)
{
    (void)state;
    util_suite u;
    util_work w;
    RUN_WITH(&u, &w, "name,iterations\ncase,40\n", (rl_case){0}, "--benchmark_repetitions=3");
    EXPECT_BATCHES(&w, 40, 40, 40);
    util_suite_free(&u);
    RUN_WITH(&u, &w, "name,iterations\ncase,40\n", (rl_case){0}, "--benchmark_min_time=123x");
    EXPECT_BATCHES(&w, 40);
    util_suite_free(&u);
    RUN_WITH(&u, &w, "name,iterations\ncase/min_time:3.000,40\n", (rl_case){.min_time = 3}, NULL);
    EXPECT_BATCHES(&w, 40);
    util_suite_free(&u);
    RUN_WITH(&u, &w, "name,iterations\ncase,40\n", (rl_case){0}, "--benchmark_min_warmup_time=0.01");
    EXPECT_BATCHES(&w, 40, /* warm: 0.04 */ 40);
    util_suite_free(&u);
}

static void count_of_the_case_itself_and_a_dry_run_win(void **state)
{
    (void)state;
    util_suite u;
    util_work w;
    RUN_WITH(&u, &w, "name,iterations\ncase/iterations:7,40\n", (rl_case){.iterations = 7}, NULL);
    EXPECT_BATCHES(&w, 7);
    util_suite_free(&u);
    RUN_WITH(&u, &w, "name,iterations\ncase,40\n", (rl_case){0}, "--benchmark_dry_run");
    EXPECT_BATCHES(&w, 1);
    util_suite_free(&u);
}

/* What one run writes, the next one reads: a kernel that has become slower runs as often as before. */
static void csv_of_one_run_gives_the_next_its_counts(void **state)
{
    (void)state;
    util_suite u;
    util_work w;
    counts_file f = write_counts("", 0);
    char out[80];
    snprintf(out, sizeof out, "--benchmark_out=%s", f.path);
    util_run_one(&u, &w, UTIL_MS, (rl_case){.label = "\"quoted\", and more"},
                 UTIL_ARGS("--benchmark_repetitions=3", out, "--benchmark_out_format=csv"));
    EXPECT_BATCHES(&w, 1, 10, 100, 700, 700, 700);
    util_suite_free(&u);
    util_run_one(&u, &w, 9 * UTIL_MS, (rl_case){0}, UTIL_ARGS(f.flag));
    EXPECT_BATCHES(&w, 700);
    util_suite_free(&u);
    char context[64];
    snprintf(context, sizeof context, "%s.context.json", f.path);
    unlink(context);
    unlink(f.path);
}

static void file_that_breaks_the_form_runs_nothing(void **state)
{
    (void)state;
#define BAD(text, says)                                                                                      \
    {                                                                                                        \
        text, sizeof text - 1, says                                                                          \
    }
    static const struct {
        const char *text;
        size_t n;
        const char *says;
    } files[] = {
        BAD("", "expected a header"),
        BAD("name\ncase\n", "expected a header"),
        BAD("iterations,name\n5,case\n", "expected a header"),
        BAD("label,iterations\ncase,5\n", "expected a header"),
        BAD("name,iterations", "expected a header"),
        BAD("name,iterations\ncase,5", "line 2 is not a row of 2 fields"),
        BAD("name,iterations\ncase\n", "line 2 is not a row of 2 fields"),
        BAD("name,iterations\ncase,5,6\n", "line 2 is not a row of 2 fields"),
        BAD("name,iterations\nok,5\n\n", "line 3 is not a row of 2 fields"),
        BAD("name,iterations\n\"case,5\n", "line 2 is not a row of 2 fields"),
        BAD("name,iterations\nca\"se,5\n", "line 2 is not a row of 2 fields"),
        BAD("name,iterations\n\"ca\"se,5\n", "line 2 is not a row of 2 fields"),
        BAD("name,iterations\n\"a\nb\",5\nc\n", "line 4 is not a row of 2 fields"),
        BAD("name,iterations\ncase,\0005\n", "not text"),
        BAD("name,iterations\ncase,0\n", "line 2: iterations: expected a whole number"),
        BAD("name,iterations\ncase,-3\n", "line 2: iterations"),
        BAD("name,iterations\ncase,+3\n", "line 2: iterations"),
        BAD("name,iterations\ncase, 3\n", "line 2: iterations"),
        BAD("name,iterations\ncase,1e3\n", "line 2: iterations"),
        BAD("name,iterations\ncase,5\r\n", "line 2: iterations"),
        BAD("name,iterations\nok,1\ncase,1000000000001\n", "line 3: iterations"),
        BAD("name,iterations\ncase,99999999999999999999\n", "line 2: iterations"),
    };
#undef BAD
    for (size_t i = 0; i < RL_COUNT(files); i++) {
        util_suite u;
        util_work w;
        run_with(&u, &w, files[i].text, files[i].n, (rl_case){0}, NULL);
        if (u.exit_code != RL_EXIT_FAILED || w.n_batches > 0) fail_msg("file %zu was accepted", i);
        if (strstr(u.err, "--benchmark_iterations_from: ") == NULL || strstr(u.err, files[i].says) == NULL)
            fail_msg("file %zu: '%s' expected in: %s", i, files[i].says, u.err);
        util_suite_free(&u);
    }
    util_suite u;
    util_work w;
    util_run_one(&u, &w, UTIL_MS, (rl_case){0}, UTIL_ARGS("--benchmark_iterations_from=/nowhere/at.all"));
    assert_int_equal(u.exit_code, RL_EXIT_FAILED);
    util_suite_free(&u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_of_the_file_are_run_at_once),
        cmocka_unit_test(case_that_is_not_in_the_file_finds_its_own),
        cmocka_unit_test(every_repetition_runs_the_count_and_warm_up_and_min_time_do_not_change_it),
        cmocka_unit_test(count_of_the_case_itself_and_a_dry_run_win),
        cmocka_unit_test(csv_of_one_run_gives_the_next_its_counts),
        cmocka_unit_test(file_that_breaks_the_form_runs_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
