/* test_gate_render.c - what people and programs are shown of a verdict. */
#include "util_verdict.h"

#include "gate/node.h"
#include "gate/render.h"
#include "gate/value.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void values_are_scaled_for_people(void **state)
{
    (void)state;
    static const struct {
        double x;
        const char *unit, *text;
    } cases[] = {
        {41210,    "ns",    "41.21 us"   },
        {999.96,   "ns",    "1 us"       },
        {999,      "ns",    "999 ns"     },
        {0.5,      "ns",    "0.5 ns"     },
        {1.5,      "s",     "1.5 s"      },
        {2500,     "s",     "2500 s"     },
        {4.12e10,  "B/s",   "41.2 GB/s"  },
        {999.9,    "B/s",   "999.9 B/s"  },
        {61.25,    "%",     "61.25 %"    },
        {3.409,    "x",     "3.409x"     },
        {1e-5,     "",      "1e-05"      },
        {12345678, "",      "1.235e+07"  },
        {NAN,      "ns",    "-"          },
        {INFINITY, "B/s",   "-"          },
        {0,        "ns",    "0 ns"       },
        {-3000,    "ns",    "-3 us"      },
        {123.456,  "tok/s", "123.5 tok/s"},
    };
    for (size_t i = 0; i < RL_COUNT(cases); i++) {
        char out[RL_VALUE_MAX];
        assert_string_equal(rl_value_text(out, cases[i].x, cases[i].unit), cases[i].text);
    }
}

static void console_of(char **text, const rl_verdict_set *const *lanes, size_t n, rl_console_style style)
{
    size_t size = 0;
    FILE *out = open_memstream(text, &size);
    assert_non_null(out);
    rl_render_console(out, lanes, n, style);
    fclose(out);
}

static void console(char **text, const rl_verdict_set *const *lanes, size_t n, bool color)
{
    console_of(text, lanes, n, (rl_console_style){.color = color});
}

static void the_table_has_the_worst_first_and_every_reason(void **state)
{
    (void)state;
    rl_verdict_set v;
    util_verdict_fill(&v, "gemv", true);
    char *text;
    console(&text, (const rl_verdict_set *const[]){&v}, 1, false);
    static const char *const in_order[] = {
        "gemv: compared 0/0, regressed 2, new 1, not applicable 1, passed 1, ungated 1\n",
        "machine class  box-1\n",
        "no gate for    loner\n",
        "benchmark",
        "k/slow ",
        "1 us        3 us   3.000x   2.875-3.125      <= 1.1x  REGRESSED\n    every launch is worse\n",
        "    $ ridgeline run gemv --rows '^k/slow$'\n",
        "k/floor ",
        "40 %",
        ">= 60 %  REGRESSED\n    below the floor\n",
        "k/new ",
        "NEW\n    not in the baseline\n    $ ridgeline run gemv --rows '^k/new$'\n",
        "k/na ",
        "n/a\n    skipped\n",
        "k/pass ",
        "1.05 us   1.050x                    <= 1.1x  PASS\n",
        "exit 1: regression\n",
    };
    const char *at = text;
    for (size_t i = 0; i < RL_COUNT(in_order); i++) {
        const char *found = strstr(at, in_order[i]);
        if (found == NULL) fail_msg("'%s' does not follow in:\n%s", in_order[i], text);
        at = found + 1;
    }
    assert_null(strchr(text, '\033'));
    free(text);
    console(&text, (const rl_verdict_set *const[]){&v}, 1, true);
    util_assert_contains(text, "\033[1;31mREGRESSED\033[0m");
    free(text);
    rl_verdict_free(&v);
}

/* Floors that hold fill screens: the closest row stands for its gate, and one that fails never hides. */
static void rows_that_pass_a_floor_share_a_line_unless_asked_for(void **state)
{
    (void)state;
    rl_verdict_set v;
    util_verdict_fill(&v, "gemv", false);
    static const double values[] = {80, 61, 95};
    static const char *const names[] = {"k/far", "k/closest", "k/farthest"};
    for (size_t i = 0; i < RL_COUNT(values); i++) {
        rl_finding *f = rl_verdict_add(&v, names[i], &util_floor, RL_PASS);
        f->unit = "%";
        f->now = values[i];
        f->threshold = 60;
        f->excess = 60 / values[i];
    }
    rl_verdict_add(&v, "k/below", &util_floor, RL_REGRESSED)->reason = "below the floor";
    rl_verdict_close(&v);
    char *text;
    console(&text, (const rl_verdict_set *const[]){&v}, 1, false);
    util_assert_contains(text, "k/closest");
    util_assert_contains(text, "PASS (closest of 3)\n");
    util_assert_contains(text, "k/below");
    util_assert_contains(text, "k/pass ");
    assert_null(strstr(text, "k/far"));
    free(text);
    console_of(&text, (const rl_verdict_set *const[]){&v}, 1, (rl_console_style){.all = true});
    for (size_t i = 0; i < RL_COUNT(names); i++) util_assert_contains(text, names[i]);
    assert_null(strstr(text, "closest of"));
    free(text);
    rl_verdict_free(&v);
}

static void the_statistics_have_columns_where_all_is_asked_for(void **state)
{
    (void)state;
    rl_verdict_set v;
    util_verdict_fill(&v, "gemv", true);
    char *text;
    console_of(&text, (const rl_verdict_set *const[]){&v}, 1, (rl_console_style){.all = true});
    util_assert_contains(text, "        p  superior  findable  verdict\n");
    util_assert_contains(text, "  0.00021     1.000    1.125x  REGRESSED\n");
    util_assert_contains(
        text, "\n    far from the others: 1 of 7 launches, 2 of the baseline's 10; all of them count\n");
    free(text);
    console(&text, (const rl_verdict_set *const[]){&v}, 1, false);
    assert_null(strstr(text, "findable"));
    assert_null(strstr(text, "far from the others"));
    free(text);
    rl_verdict_free(&v);
}

static void a_diagnosis_comes_before_the_table(void **state)
{
    (void)state;
    rl_verdict_set v;
    util_verdict_fill(&v, "gemv", true);
    v.diagnosis = "the machine is slower";
    char *text;
    console(&text, (const rl_verdict_set *const[]){&v}, 1, false);
    const char *said = strstr(text, "  DIAGNOSIS      the machine is slower\n");
    assert_true(said != NULL && said < strstr(text, "benchmark"));
    free(text);
    rl_verdict_free(&v);
}

static void several_lanes_share_a_table_and_the_worst_exit_code(void **state)
{
    (void)state;
    rl_verdict_set good, bad;
    util_verdict_fill(&good, "attn", false);
    util_verdict_fill(&bad, "gemv", true);
    assert_int_equal(good.exit_code, RL_EXIT_PASS);
    char *text;
    console(&text, (const rl_verdict_set *const[]){&good, &bad}, 2, false);
    const char *slow = strstr(text, "gemv  k/slow"), *pass = strstr(text, "attn  k/pass");
    assert_true(slow != NULL && pass != NULL && slow < pass);
    util_assert_contains(text, "exit 1: regression\n");
    free(text);
    console(&text, (const rl_verdict_set *const[]){&good}, 1, false);
    util_assert_contains(text, "exit 0: pass\n");
    free(text);
    rl_verdict_free(&good);
    rl_verdict_free(&bad);
}

static void problems_are_shown_and_break_the_run(void **state)
{
    (void)state;
    rl_verdict_set v;
    rl_verdict_open(&v, "ge\x1bmv", true); /* a name from the command line may be anything */
    rl_verdict_problem(&v, "launch %d: crashed", 3);
    rl_verdict_close(&v);
    assert_int_equal(v.exit_code, RL_EXIT_BROKEN);
    char *text;
    console(&text, (const rl_verdict_set *const[]){&v}, 1, false);
    util_assert_contains(text, "ge\\x1bmv (quick): compared 0/0");
    util_assert_contains(text, "BROKEN         launch 3: crashed\n");
    util_assert_contains(text, "exit 2: measurement broken\n");
    free(text);
    rl_verdict_free(&v);
}

static void json_says_the_same_and_leaves_out_what_does_not_exist(void **state)
{
    (void)state;
    char path[64];
    rl_error err = {0};
    rl_verdict_set v;
    util_verdict_fill(&v, "gemv", true);
    rl_verdict_problem(&v, "a \"quoted\" problem");
    char *text = UTIL_RENDERED(path, rl_render_json(&v, path, &err));

    rl_document d; /* our own strict reader takes it */
    rl_document_parse(&d, "v", text, strlen(text));
    assert_int_equal(rl_document_close(&d, &err), RL_OK);
    cJSON *root = cJSON_Parse(text);
    assert_true(cJSON_GetObjectItem(root, "schema")->valueint == RL_VERDICT_SCHEMA);
    assert_true(cJSON_GetObjectItem(root, "exit_code")->valueint == 1);
    assert_string_equal(cJSON_GetObjectItem(root, "outcome")->valuestring, "regression");
    assert_true(cJSON_GetObjectItem(cJSON_GetObjectItem(root, "summary"), "regressed")->valueint == 2);
    assert_string_equal(cJSON_GetArrayItem(cJSON_GetObjectItem(root, "problems"), 0)->valuestring,
                        "a \"quoted\" problem");
    cJSON *findings = cJSON_GetObjectItem(root, "findings"), *slow = cJSON_GetArrayItem(findings, 0);
    assert_int_equal(cJSON_GetArraySize(findings), 5);
    assert_string_equal(cJSON_GetObjectItem(slow, "benchmark")->valuestring, "k/slow");
    assert_string_equal(cJSON_GetObjectItem(slow, "verdict")->valuestring, "REGRESSED");
    assert_string_equal(cJSON_GetObjectItem(slow, "gate")->valuestring, "relative");
    assert_true(cJSON_GetObjectItem(slow, "ratio")->valuedouble == 3);
    assert_string_equal(cJSON_GetObjectItem(slow, "reproduce")->valuestring,
                        "ridgeline run gemv --rows '^k/slow$'");
    assert_string_equal(cJSON_GetObjectItem(root, "commit")->valuestring, "0123456789ab");
    cJSON *skipped = cJSON_GetArrayItem(findings, 3);
    assert_string_equal(cJSON_GetObjectItem(skipped, "benchmark")->valuestring, "k/na");
    assert_null(cJSON_GetObjectItem(skipped, "now"));
    assert_null(cJSON_GetObjectItem(skipped, "gate"));
    assert_string_equal(cJSON_GetArrayItem(cJSON_GetObjectItem(root, "ungated"), 0)->valuestring, "loner");
    cJSON_Delete(root);
    free(text);
    rl_verdict_free(&v);
}

static void json_that_cannot_be_written_is_an_error(void **state)
{
    (void)state;
    rl_error err = {0};
    rl_verdict_set v;
    util_verdict_fill(&v, "gemv", false);
    assert_int_equal(rl_render_json(&v, "/nowhere/verdict.json", &err), RL_ERR_IO);
    rl_verdict_free(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_scaled_for_people),
        cmocka_unit_test(the_table_has_the_worst_first_and_every_reason),
        cmocka_unit_test(rows_that_pass_a_floor_share_a_line_unless_asked_for),
        cmocka_unit_test(the_statistics_have_columns_where_all_is_asked_for),
        cmocka_unit_test(a_diagnosis_comes_before_the_table),
        cmocka_unit_test(several_lanes_share_a_table_and_the_worst_exit_code),
        cmocka_unit_test(problems_are_shown_and_break_the_run),
        cmocka_unit_test(json_says_the_same_and_leaves_out_what_does_not_exist),
        cmocka_unit_test(json_that_cannot_be_written_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
