/* test_gate_narrow.c - asking for some rows of a lane, and the command that asks for one. */
#include "util_verdict.h"

#include "gate/judge.h"
#include "gate/narrow.h"
#include "gate/reproduce.h"

#include <stdlib.h>
#include <string.h>

static const char lane_text[] =
    "{\"schema\": 1, \"lane\": \"k\", \"bench\": \"bench_k\", \"args\": [\"--benchmark_filter=/hot\"],\n"
    " \"launches\": 1, \"timeout_s\": 60, \"quick\": {\"filter\": \"/hot$\"},\n"
    " \"gates\": [{\"kind\": \"ceiling\", \"rows\": \"^k/a\", \"metric\": \"max_error\", \"max\": 1},\n"
    "             {\"kind\": \"ceiling\", \"rows\": \"^k/b\", \"metric\": \"max_error\", \"max\": 1}]}";
static const char samples_text[] = "name,iterations,real_time,time_unit,error_occurred,error_message,launch,"
                                   "repetition,contaminated,max_error\n"
                                   "k/a/hot,10,5,ns,,,1,0,0,2\n"
                                   "k/b/hot,10,5,ns,,,1,0,0,0\n";

static void read_lane(rl_lane *lane)
{
    rl_error err;
    if (rl_lane_parse(lane, "k", "k.json", lane_text, sizeof lane_text - 1, &err) != RL_OK)
        fail_msg("%s", err.text);
}

static void judge_narrowed(rl_verdict_set *v, rl_lane *lane, const char *rows)
{
    rl_samples samples;
    rl_error err;
    read_lane(lane);
    assert_int_equal(rl_samples_parse(&samples, "k.csv", samples_text, sizeof samples_text - 1, &err), RL_OK);
    if (rows != NULL) {
        assert_int_equal(rl_lane_narrow(lane, rows, &err), RL_OK);
        rl_samples_narrow(&samples, rl_lane_mode_of(lane, false));
    }
    rl_verdict_open(v, "k", false);
    v->baseline_state = RL_BASELINE_NOT_NEEDED;
    rl_judge(v, &(rl_judge_input){.lane = lane, .samples = &samples});
    rl_samples_free(&samples);
}

static void rows_that_are_not_asked_for_are_neither_judged_nor_missed(void **state)
{
    (void)state;
    static const struct {
        const char *rows;
        size_t regressed, passed, not_applicable;
        int exit_code;
    } cases[] = {
        {NULL,      1, 1, 0, RL_EXIT_REGRESSION},
        {"^k/a",    1, 0, 1, RL_EXIT_REGRESSION},
        {"^k/b",    0, 1, 1, RL_EXIT_PASS      },
        {"nothing", 0, 0, 2, RL_EXIT_BROKEN    }, /* nothing was judged */
    };
    for (size_t i = 0; i < RL_COUNT(cases); i++) {
        rl_lane lane;
        rl_verdict_set v;
        judge_narrowed(&v, &lane, cases[i].rows);
        assert_int_equal(v.count[RL_REGRESSED], cases[i].regressed);
        assert_int_equal(v.count[RL_PASS], cases[i].passed);
        assert_int_equal(v.count[RL_NOT_APPLICABLE], cases[i].not_applicable);
        assert_int_equal(v.exit_code, cases[i].exit_code);
        rl_verdict_free(&v);
        rl_lane_free(&lane);
    }
}

static void the_pattern_takes_the_place_of_both_modes_filters(void **state)
{
    (void)state;
    rl_lane lane;
    rl_error err;
    read_lane(&lane);
    assert_int_equal(rl_lane_narrow(&lane, "/cold$", &err), RL_OK);
    for (int quick = 0; quick < 2; quick++) {
        const rl_lane_mode *mode = rl_lane_mode_of(&lane, quick == 1);
        assert_string_equal(mode->filter, "/cold$");
        assert_true(rl_matches(&mode->matcher, "k/a/cold"));
        assert_false(rl_matches(&mode->matcher, "k/a/hot"));
    }
    rl_lane_free(&lane);
}

static void patterns_that_mean_something_else_are_refused_and_change_nothing(void **state)
{
    (void)state;
    static const util_variant cases[] = {
        {"(",   NULL, "--rows '(': "                                            },
        {"-k",  NULL, "--rows '-k': means something else to --benchmark_filter" },
        {"all", NULL, "--rows 'all': means something else to --benchmark_filter"},
        {"",    NULL, "--rows '': means something else to --benchmark_filter"   },
    };
    rl_lane lane;
    rl_error err;
    read_lane(&lane);
    for (size_t i = 0; i < RL_COUNT(cases); i++) {
        assert_int_equal(rl_rows_check(cases[i].from, &err), RL_ERR_ARG);
        util_assert_contains(err.text, cases[i].says);
        assert_int_equal(rl_lane_narrow(&lane, cases[i].from, &err), RL_ERR_ARG);
        assert_null(lane.full.filter);
        assert_string_equal(lane.quick.filter, "/hot$");
    }
    char *long_one = calloc(1, 5000);
    memset(long_one, 'x', 4999);
    assert_int_equal(rl_rows_check(long_one, &err), RL_ERR_ARG);
    util_assert_contains(err.text, "4999 bytes, at most 4096 allowed");
    free(long_one);
    assert_int_equal(rl_rows_check("^gemv/(q4_0|q8_0)/.*[0-9]{2}$", &err), RL_OK);
    rl_lane_free(&lane);
}

/* Whatever a name holds, its pattern finds it and nothing that merely resembles it, and a shell hands it on whole. */
static void a_rows_command_names_that_row_and_no_other(void **state)
{
    (void)state;
    static const struct {
        const char *name, *other;
    } cases[] = {
        {"gemv/q4_0/hot",     "gemv/q4_0/hot2"},
        {"k/a.b",             "k/axb"         },
        {"k/a+(b)[c]{2}^$|?", "k/a"           },
        {"k/a*",              "k/aa"          },
        {"k/it's a name",     "k/its a name"  },
        {"k/$HOME `id`",      "k/"            },
        {"~k",                "k"             },
    };
    for (size_t i = 0; i < RL_COUNT(cases); i++) {
        rl_pool pool = {0};
        regex_t re;
        char got[256] = "";
        const char *pattern = rl_exact_pattern(&pool, cases[i].name);
        assert_int_equal(regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB), 0);
        assert_true(rl_matches(&re, cases[i].name));
        assert_false(rl_matches(&re, cases[i].other));
        regfree(&re);
        FILE *shell = popen(rl_pool_format(&pool, "printf '%%s' %s", rl_shell_word(&pool, pattern)), "r");
        assert_non_null(shell);
        assert_int_equal(fread(got, 1, sizeof got - 1, shell), strlen(pattern));
        assert_int_equal(pclose(shell), 0);
        assert_string_equal(got, pattern);
        rl_pool_free(&pool);
    }
}

static void every_finding_that_can_be_run_again_has_its_command(void **state)
{
    (void)state;
    rl_verdict_set v;
    const rl_gate nothing = {.rows = "^none$", .metric = "bw_pct"};
    util_verdict_fill(&v, "gemv", true);
    rl_verdict_add(&v, "rows matching ^none$", &nothing, RL_BROKEN);
    rl_verdict_close(&v);
    for (size_t i = 0; i < v.n_findings; i++) {
        const rl_finding *f = &v.findings[i];
        const bool nothing_to_run = f->verdict == RL_PASS || f->verdict == RL_NOT_APPLICABLE;
        const char *expected = nothing_to_run                          ? ""
                               : strncmp(f->benchmark, "rows", 4) == 0 ? "ridgeline run gemv"
                                                                       : NULL;
        if (expected != NULL)
            assert_string_equal(f->reproduce, expected);
        else
            util_assert_contains(f->reproduce, "ridgeline run gemv --rows '^k/");
    }
    const rl_gate ratio = {
        .kind = RL_GATE_RATIO, .rows = "k", .metric = "real_time", .from = "q8", .to = "f16"};
    const rl_finding compared = {.benchmark = "k/q8/hot", .gate = &ratio, .verdict = RL_REGRESSED};
    assert_string_equal(rl_reproduce(&v, &compared), "ridgeline run gemv --rows '^k/q8/hot$|^k/f16/hot$'");
    v.command = "";
    rl_verdict_close(&v);
    for (size_t i = 0; i < v.n_findings; i++) assert_string_equal(v.findings[i].reproduce, "");
    rl_verdict_free(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_that_are_not_asked_for_are_neither_judged_nor_missed),
        cmocka_unit_test(the_pattern_takes_the_place_of_both_modes_filters),
        cmocka_unit_test(patterns_that_mean_something_else_are_refused_and_change_nothing),
        cmocka_unit_test(a_rows_command_names_that_row_and_no_other),
        cmocka_unit_test(every_finding_that_can_be_run_again_has_its_command),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
