/* test_gate_samples.c - CSV: rows, launches and medians from good files; an error with its line from all
 * others. */
#include "util_text.h"

#include "gate/origin.h"
#include "gate/samples.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEADER                                                                                               \
    "name,iterations,real_time,cpu_time,time_unit,label,error_occurred,error_message,launch,repetition,isa," \
    "max_error,"                                                                                             \
    "contaminated,tokens\n"

static const char good[] = HEADER "\"b\",10,4,4,ns,,,,2,0,\"avx2\",0,0,\n"
                                  "\"b\",10,2,2,ns,,,,1,1,\"avx2\",0,1,7\n"
                                  "\"b\",10,3,3,ns,,,,1,0,\"avx2\",0,0,8\n"
                                  "\"a/1\",10,1.5e3,1,us,\"x \"\"y\"\", z\",,,1,0,,1e-6,0,\n"
                                  "\"s\",,,,,,false,\"no such ISA\",1,0,,,,\n"
                                  "\"f\",,,,,,true,\"off by one\",1,0,,,,\n";

static rl_status parse(rl_samples *s, const char *text, rl_error *err)
{
    return rl_samples_parse(s, "x.csv", text, strlen(text), err);
}

static void rows_come_by_name_launch_and_repetition(void **state)
{
    (void)state;
    rl_samples s;
    rl_error err = {0};
    if (parse(&s, good, &err) != RL_OK) fail_msg("%s", err.text);
    assert_int_equal(s.n_rows, 4);
    assert_int_equal(s.n_launches, 2);
    assert_true(s.launches[0] == 1 && s.launches[1] == 2);
    const rl_sample_row *b = rl_samples_find(&s, "b"), *a = rl_samples_find(&s, "a/1");
    assert_true(b != NULL && b->n == 3 && a != NULL && a->n == 1);
    assert_null(rl_samples_find(&s, "c"));
    size_t time = rl_samples_column(&s, "real_time"), tokens = rl_samples_column(&s, "tokens");
    assert_true(b->samples[0].cells[time].value == 3 && b->samples[1].cells[time].value == 2);
    assert_true(b->samples[0].line == 4 && b->samples[1].line == 3 && b->samples[2].line == 2);
    assert_true(b->samples[1].contaminated && !b->samples[0].contaminated);
    assert_true(b->samples[0].cells[tokens].given && !b->samples[2].cells[tokens].given);
    assert_true(isnan(b->samples[2].cells[tokens].value));
    assert_true(a->samples[0].cells[time].value == 1500);
    assert_string_equal(a->samples[0].unit, "us");
    assert_int_equal(rl_samples_find(&s, "s")->samples[0].outcome, RL_SAMPLE_SKIPPED);
    assert_string_equal(rl_samples_find(&s, "f")->samples[0].message, "off by one");
    assert_int_equal(rl_samples_find(&s, "f")->samples[0].outcome, RL_SAMPLE_FAILED);
    assert_int_equal(rl_samples_column(&s, "label"), s.n_columns); /* no number */
    rl_samples_free(&s);
}

static void a_launch_is_the_median_of_its_repetitions(void **state)
{
    (void)state;
    rl_samples s;
    double out[8], within;
    assert_int_equal(parse(&s, good, NULL), RL_OK);
    const rl_sample_row *b = rl_samples_find(&s, "b");
    assert_int_equal(rl_samples_launch_medians(b, rl_samples_column(&s, "real_time"), out, &within), 2);
    assert_true(out[0] == 2.5 && out[1] == 4); /* of 3 and 2, of 4 */
    assert_true(within == 1 / 2.5);
    rl_samples_launch_medians(rl_samples_find(&s, "a/1"), rl_samples_column(&s, "real_time"), out, &within);
    assert_true(isnan(within)); /* one repetition has no range */
    rl_samples_free(&s);
}

static void numbers_that_are_none_are_read_for_the_judge(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double value;
    } cases[] = {
        {"nan",   NAN      },
        {"NaN",   NAN      },
        {"inf",   INFINITY },
        {"-inf",  -INFINITY},
        {"0",     0        },
        {"-3",    -3       },
        {"1e999", INFINITY }
    };
    for (size_t i = 0; i < RL_COUNT(cases); i++) {
        rl_samples s;
        char cell[32];
        snprintf(cell, sizeof cell, "10,%s,4,ns", cases[i].text);
        char *text = util_replaced(good, "10,4,4,ns", cell);
        assert_int_equal(parse(&s, text, NULL), RL_OK);
        const rl_cell *got = &rl_samples_find(&s, "b")->samples[2].cells[rl_samples_column(&s, "real_time")];
        assert_true(got->given);
        assert_true(isnan(cases[i].value) ? isnan(got->value) : got->value == cases[i].value);
        rl_samples_free(&s);
        free(text);
    }
}

static void what_is_no_such_csv_is_named_with_its_line(void **state)
{
    (void)state;
    /* clang-format off */
    static const util_variant variants[] = {
        {"iterations,", "", "line 1: the header lacks the column iterations"},
        {"contaminated", "polluted", "line 1: the header lacks the column contaminated"},
        {"cpu_time", "real_time", "line 1: column real_time is there twice"},
        {"cpu_time", "", "line 1: '' cannot be a column's name: is this a header?"},
        {"label", "\"la\nbel\"", "cannot be a column's name"},
        {",\n\"b\",10,2", "\n\"b\",10,2", "line 2: 13 fields, expected 14"},
        {"avx2\",0,1,7", "avx2\",0,1,7,9", "line 3: 15 fields, expected 14"},
        {"10,3,3", "10,three,3", "line 4: column real_time is 'three', expected a number"},
        {"10,3,3", "10,0x10,3", "line 4: column real_time is '0x10'"},
        {"10,3,3", "10,1e,3", "line 4: column real_time is '1e'"},
        {"10,3,3", "10,1.2.3,3", "line 4: column real_time is '1.2.3'"},
        {",,,1,1,", ",,,1,-1,", "line 3: column repetition is '-1', expected a whole number"},
        {",,,1,1,", ",,,,1,", "line 3: column launch is ''"},
        {",,,1,1,", ",,,9999999999,1,", "line 3: column launch is '9999999999'"},
        {",0,1,7", ",0,yes,7", "line 3: column contaminated is 'yes', expected 0, 1 or nothing"},
        {"false", "FALSE", "line 6: column error_occurred is 'FALSE'"},
        {"\"a/1\"", "\"a 1\"", "line 5: 'a 1' cannot be a benchmark's name"},
        {"\"a/1\"", "", "line 5: '' cannot be a benchmark's name"},
        {"\"a/1\"", "\"a\x01\"", "line 5: byte 3 is 0x01: this is not text"},
        {"\"no such ISA\"", "\"no such \"ISA\"", "line 6: not CSV"},
        {"\"off by one\",1,0,,,,\n", "\"off by one,1,0,,,,\n",
         "a quoted field is open at the end of the file"},
        {"\"off by one\",1,0,,,,\n", "\"off by one\",1,0,,,,",
         "line 7: no line feed at the end: the file was cut short"},
    };
    /* clang-format on */
    for (size_t i = 0; i < RL_COUNT(variants); i++) {
        rl_samples s;
        rl_error err = {0};
        char *text = util_replaced(good, variants[i].from, variants[i].to);
        rl_status status = parse(&s, text, &err);
        if (status != RL_ERR_FORMAT) fail_msg("accepted with '%s'", variants[i].to);
        util_assert_contains(err.text, "x.csv: ");
        util_assert_contains(err.text, variants[i].says);
        rl_samples_free(&s);
        free(text);
    }
}

static void empty_and_oversized_files_are_refused(void **state)
{
    (void)state;
    rl_samples s;
    rl_error err = {0};
    assert_int_equal(rl_samples_parse(&s, "x.csv", "", 0, &err), RL_ERR_FORMAT);
    util_assert_contains(err.text, "x.csv: is empty");
    assert_int_equal(parse(&s, HEADER, &err), RL_ERR_FORMAT);
    util_assert_contains(err.text, "x.csv: has no rows");
    assert_int_equal(parse(&s, "\n\n\n", &err), RL_ERR_FORMAT);
    char *line = malloc(RL_SAMPLES_LINE_BYTES_MAX + 3);
    assert_non_null(line);
    memset(line, 'a', RL_SAMPLES_LINE_BYTES_MAX + 1);
    strcpy(line + RL_SAMPLES_LINE_BYTES_MAX + 1, "\n");
    assert_int_equal(parse(&s, line, &err), RL_ERR_FORMAT);
    util_assert_contains(err.text, "line 1: longer than 65536 bytes");
    free(line);
    char columns[2 * RL_SAMPLES_COLUMNS_MAX + 8] = "";
    for (size_t i = 0; i <= RL_SAMPLES_COLUMNS_MAX; i++) strcat(columns, i > 0 ? ",a" : "a");
    strcat(columns, "\n");
    assert_int_equal(parse(&s, columns, &err), RL_ERR_FORMAT);
    assert_int_equal(rl_samples_read(&s, "/nowhere/x.csv", &err), RL_ERR_IO);
    rl_samples_free(&s);
}

/* Cut at a line's end a CSV is a shorter one: the judge misses its rows. Cut anywhere else it is refused. */
static void a_file_cut_inside_a_line_is_refused(void **state)
{
    (void)state;
    for (size_t n = 0; n < strlen(good); n++) {
        rl_samples s;
        char *text = malloc(n + 1);
        assert_non_null(text);
        memcpy(text, good, n);
        text[n] = '\0';
        const bool whole = n > strlen(HEADER) && text[n - 1] == '\n';
        assert_int_equal(rl_samples_parse(&s, "cut", text, n, NULL), whole ? RL_OK : RL_ERR_FORMAT);
        rl_samples_free(&s);
        free(text);
    }
}

static void carriage_returns_are_fine(void **state)
{
    (void)state;
    rl_samples s;
    char text[512];
    snprintf(text, sizeof text, "%s", HEADER);
    strcpy(text + strlen(text) - 1, "\r\n\"b\",10,4,4,ns,,,,1,0,,0,0,\r\n");
    assert_int_equal(parse(&s, text, NULL), RL_OK);
    assert_int_equal(s.n_columns, 5); /* iterations, both times, max_error, tokens: the last name is clean */
    assert_string_equal(s.columns[4], "tokens");
    rl_samples_free(&s);
}

static void metrics_have_their_units(void **state)
{
    (void)state;
    assert_string_equal(rl_metric_unit("real_time", "us"), "us");
    assert_string_equal(rl_metric_unit("bytes_per_second", "us"), "B/s");
    assert_string_equal(rl_metric_unit("bw_pct", "us"), "%");
    assert_string_equal(rl_metric_unit("my_counter", "us"), "");
}

/* ---- Contexts -------------------------------------------------------------------------------------- */

static const char context[] =
    "{\"machine_class\": \"box-1\", \"machine_class_of\": {\"cores\": \"2\", \"isa\": \"avx2\"},\n"
    " \"build\": {\"commit\": \"0123456789ab\", \"dirty\": false}, \"machine\": {\"kernel\": \"L\"},\n"
    " \"code\": {\"gemv/avx2\": \"0123456789abcdef\", \"common\": \"00\"},\n"
    " \"load_avg\": [0.25, 1, 2], \"other\": [1, {\"x\": null}]}";

static void a_context_tells_where_samples_come_from(void **state)
{
    (void)state;
    rl_origin o;
    rl_error err = {0};
    if (rl_origin_parse(&o, "c", context, strlen(context), &err) != RL_OK) fail_msg("%s", err.text);
    assert_string_equal(o.machine.class, "box-1");
    assert_int_equal(o.machine.n_parts, 2);
    assert_string_equal(o.commit, "0123456789ab");
    assert_true(!o.dirty && !o.dry_run && o.load == 0.25);
    assert_string_equal(o.model, "");
    assert_int_equal(o.n_code, 2);
    assert_string_equal(o.code[0].key, "gemv/avx2");
    assert_string_equal(o.code[0].value, "0123456789abcdef");
    rl_origin_free(&o);
    /* clang-format off */
    static const util_variant variants[] = {
        {"box-1", "../../etc", "$.machine_class: is not the name of a machine class"},
        {"\"cores\": \"2\"", "\"cores\": 2", "$.machine_class_of.cores: expected text"},
        {"\"machine_class\"", "\"class\"", "$.machine_class: is missing"},
        {"\"dirty\": false", "\"dirty\": 1", "$.build.dirty: expected true or false"},
        {"{\"cores\": \"2\", \"isa\": \"avx2\"}", "[{\"a\": 1}]", "$.machine_class_of: expected an object"},
        {"\"common\": \"00\"", "\"common\": 0", "$.code.common: expected text"},
        {"[0.25,", "[-1,", "$.load_avg[0]: is -1"},
        {"\"build\"", "\"bild\"", "$.build: is missing"},
    };
    /* clang-format on */
    for (size_t i = 0; i < RL_COUNT(variants); i++) {
        char *text = util_replaced(context, variants[i].from, variants[i].to);
        assert_int_equal(rl_origin_parse(&o, "c", text, strlen(text), &err), RL_ERR_FORMAT);
        util_assert_contains(err.text, variants[i].says);
        free(text);
    }
}

static void machines_are_told_apart_by_their_parts(void **state)
{
    (void)state;
    const rl_part two[] =
        {
            {"cores", "2"   },
            {"isa",   "avx2"}
    },
                  four[] = {{"cores", "4"}, {"isa", "avx2"}, {"smt", "on"}};
    const rl_machine a = {"a", two, 2}, b = {"b", four, 3};
    rl_pool pool = {0};
    assert_string_equal(rl_machine_difference(&a, &a, &pool), "");
    assert_string_equal(rl_machine_difference(&a, &b, &pool), "cores: 2, here 4; smt: none, here on");
    assert_string_equal(rl_machine_difference(&b, &a, &pool), "cores: 4, here 2; smt: on, here none");
    rl_pool_free(&pool);
}

static void models_are_told_apart_by_size_and_weights(void **state)
{
    (void)state;
    char path[] = "/tmp/test_gate_modelXXXXXX", a[64], b[64], again[64];
    rl_error err = {0};
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    enum { SIZE = (1 << 20) + 4096 };
    char *data = calloc(1, SIZE);
    assert_non_null(data);
    assert_int_equal(pwrite(fd, data, SIZE, 0), SIZE);
    assert_int_equal(rl_model_identity(path, a, &err), RL_OK);
    assert_int_equal(rl_model_identity(path, again, &err), RL_OK);
    assert_string_equal(a, again);
    assert_int_equal(pwrite(fd, "x", 1, SIZE - 1), 1); /* the same size, another weight */
    assert_int_equal(rl_model_identity(path, b, &err), RL_OK);
    assert_string_not_equal(a, b);
    assert_int_equal(rl_model_identity("/nowhere", b, &err), RL_ERR_IO);
    assert_int_equal(rl_model_identity("/tmp", b, &err), RL_ERR_IO);
    free(data);
    close(fd);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_by_name_launch_and_repetition),
        cmocka_unit_test(a_launch_is_the_median_of_its_repetitions),
        cmocka_unit_test(numbers_that_are_none_are_read_for_the_judge),
        cmocka_unit_test(what_is_no_such_csv_is_named_with_its_line),
        cmocka_unit_test(empty_and_oversized_files_are_refused),
        cmocka_unit_test(a_file_cut_inside_a_line_is_refused),
        cmocka_unit_test(carriage_returns_are_fine),
        cmocka_unit_test(metrics_have_their_units),
        cmocka_unit_test(a_context_tells_where_samples_come_from),
        cmocka_unit_test(machines_are_told_apart_by_their_parts),
        cmocka_unit_test(models_are_told_apart_by_size_and_weights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
