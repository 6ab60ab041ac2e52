/* test_gate_waiver.c - what waivers.json may say, and what a waiver excuses. */
#include "util_text.h"

#include "gate/date.h"
#include "gate/waiver.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char good[] =
    "{\"schema\": 1, \"waivers\": [\n"
    "  {\"lane\": \"gemv\", \"rows\": \"^gemv/q4\", \"metric\": \"real_time\", \"max_ratio\": 1.2,\n"
    "   \"expires\": \"2026-12-31\", \"reason\": \"bounds checks\", \"link\": \"issue 7\"},\n"
    "  {\"lane\": \"gemv\", \"rows\": \"q8\", \"metric\": \"bw_pct\", \"max_ratio\": 1.5,\n"
    "   \"expires\": \"2027-01-31\", \"reason\": \"pages\"}]}\n";

static rl_status parse(rl_waivers *w, const char *text, rl_error *err)
{
    return rl_waivers_parse(w, "w.json", text, strlen(text), err);
}

static int64_t at(const char *date)
{
    int64_t seconds = 0;
    assert_true(rl_date_read(date, &seconds));
    return seconds;
}

static void waivers_are_read(void **state)
{
    (void)state;
    rl_waivers w;
    rl_error err = {0};
    if (parse(&w, good, &err) != RL_OK) fail_msg("%s", err.text);
    assert_int_equal(w.n, 2);
    assert_string_equal(w.items[0].lane, "gemv");
    assert_string_equal(w.items[0].metric, "real_time");
    assert_string_equal(w.items[0].link, "issue 7");
    assert_null(w.items[1].link);
    assert_true(w.items[0].max_ratio == 1.2 && w.items[0].end == at("2027-01-01"));
    assert_true(rl_matches(&w.items[0].matcher, "gemv/q4_0/x") &&
                !rl_matches(&w.items[0].matcher, "a/gemv/q4_0"));
    rl_waivers_free(&w);
    assert_int_equal(parse(&w, "{\"schema\": 1, \"waivers\": []}", &err), RL_OK);
    assert_int_equal(w.n, 0);
    rl_waivers_free(&w);
}

static void whatever_is_wrong_is_named_with_its_place(void **state)
{
    (void)state;
    /* clang-format off */
    static const util_variant variants[] = {
        {"\"schema\": 1", "\"schema\": 2", "$.schema: is 2"},
        {"\"waivers\"", "\"waiver\"", "$.waiver: unknown key"},
        {"\"lane\": \"gemv\", ", "", "$.waivers[0].lane: is missing"},
        {"\"lane\": \"gemv\"", "\"lane\": \"../x\"", "$.waivers[0].lane: is not the name of a lane"},
        {"^gemv/q4", "(", "$.waivers[0].rows: not a regular expression"},
        {"^gemv/q4", "a{9}", "$.waivers[0].rows: expected a pattern without { and }"},
        {"1.2", "0.9", "$.waivers[0].max_ratio: is 0.9"},
        {"1.2", "\"1.2\"", "$.waivers[0].max_ratio: expected a number"},
        {"2026-12-31", "2026-11-31", "$.waivers[0].expires: is '2026-11-31', expected a day"},
        {"2026-12-31", "2026-12-31T00:00:00Z", "$.waivers[0].expires: is '2026-12-31T00:00:00Z'"},
        {"2026-12-31", "never", "$.waivers[0].expires: is 'never'"},
        {", \"reason\": \"bounds checks\"", "", "$.waivers[0].reason: is missing"},
        {"\"bounds checks\"", "\"\"", "$.waivers[0].reason: expected text that is not empty"},
        {"\"link\"", "\"url\"", "$.waivers[0].url: unknown key"},
        {"\"reason\": \"pages\"", "\"reason\": \"pages\", \"reason\": \"x\"",
         "$.waivers[1].reason: the key stands here twice"},
    };
    /* clang-format on */
    for (size_t i = 0; i < RL_COUNT(variants); i++) {
        rl_waivers w;
        rl_error err = {0};
        char *text = util_replaced(good, variants[i].from, variants[i].to);
        if (parse(&w, text, &err) != RL_ERR_FORMAT) fail_msg("accepted with '%s'", variants[i].to);
        util_assert_contains(err.text, "w.json: ");
        util_assert_contains(err.text, variants[i].says);
        assert_int_equal(w.n, 0);
        rl_waivers_free(&w);
        free(text);
    }
}

static void waivers_cut_anywhere_are_refused(void **state)
{
    (void)state;
    for (size_t n = 0; n + 1 < strlen(good); n++) {
        rl_waivers w;
        char *text = malloc(n + 1);
        assert_non_null(text);
        memcpy(text, good, n);
        text[n] = '\0';
        assert_int_equal(rl_waivers_parse(&w, "cut", text, n, NULL), RL_ERR_FORMAT);
        rl_waivers_free(&w);
        free(text);
    }
}

static void no_file_is_no_waivers_and_one_that_cannot_be_read_is_an_error(void **state)
{
    (void)state;
    rl_waivers w;
    rl_error err = {0};
    assert_int_equal(rl_waivers_read(&w, "/nonexistent/waivers.json", &err), RL_OK);
    assert_int_equal(w.n, 0);
    rl_waivers_free(&w);
    assert_int_equal(rl_waivers_read(&w, "/dev/null/waivers.json", &err), RL_ERR_IO);
    rl_waivers_free(&w);
}

/* ---- What it excuses ------------------------------------------------------------------------------- */

static const rl_gate time_gate = {.kind = RL_GATE_RELATIVE, .metric = "real_time"},
                     rate_gate = {.kind = RL_GATE_RELATIVE, .metric = "bw_pct", .higher = true},
                     floor_gate = {.kind = RL_GATE_FLOOR, .metric = "bw_pct", .higher = true};

/* One row of a lane with a finding under a gate, after the good waivers were applied. */
static rl_finding judged(const char *lane, const char *row, const rl_gate *gate, rl_verdict verdict,
                         double ratio, const char *day, rl_verdict_set *v)
{
    rl_waivers w;
    assert_int_equal(parse(&w, good, NULL), RL_OK);
    rl_verdict_open(v, lane, false);
    v->baseline_state = RL_BASELINE_USED;
    rl_finding *f = rl_verdict_add(v, row, gate, verdict);
    f->ratio = ratio;
    f->excess = (gate->higher ? 1 / ratio : ratio) / 1.05;
    f->reason = "slower";
    rl_verdict_close(v);
    rl_waivers_apply(&w, at(day), false, v);
    rl_waivers_free(&w);
    return v->findings[0];
}

static void a_waiver_excuses_its_rows_up_to_its_ratio_and_day(void **state)
{
    (void)state;
    static const char today[] = "2026-08-22";
    /* clang-format off */
    const struct {
        const char *lane, *row;
        const rl_gate *gate;
        rl_verdict before;
        double ratio;
        const char *day;
        rl_verdict after;
        int exit_code;
        const char *says;
    } cases[] = {
        {"gemv", "gemv/q4_0", &time_gate, RL_REGRESSED, 1.15, "2026-12-31T23:59:59Z", RL_WAIVED, 0,
         "slower; waived up to 1.200x until 2026-12-31: bounds checks, issue 7"},
        {"gemv", "gemv/q4_0", &time_gate, RL_REGRESSED, 1.2, today, RL_WAIVED, 0, "waived up to"},
        {"gemv", "gemv/q4_0", &time_gate, RL_REGRESSED, 1.21, today, RL_REGRESSED, 1,
         "slower; its waiver allows 1.200x until 2026-12-31, not that (bounds checks)"},
        {"gemv", "gemv/q4_0", &time_gate, RL_REGRESSED, 1.15, "2027-01-01", RL_REGRESSED, 1,
         "slower; its waiver has expired on 2026-12-31 (bounds checks)"},
        {"gemv", "gemv/q4_0", &time_gate, RL_REGRESSED, (double)NAN, today, RL_REGRESSED, 1, "not that"},
        {"gemv", "gemv/q8_0", &rate_gate, RL_REGRESSED, 0.7, today, RL_WAIVED, 0, "until 2027-01-31: pages"},
        {"gemv", "gemv/q8_0", &rate_gate, RL_REGRESSED, 0.6, today, RL_REGRESSED, 1, "allows 1.500x"},
        /* the same slowdown on a day on which it could not be proven */
        {"gemv", "gemv/q4_0", &time_gate, RL_INCONCLUSIVE, 1.15, today, RL_WAIVED, 0, "waived up to"},
        {"gemv", "gemv/q4_0", &time_gate, RL_INCONCLUSIVE, 1.01, today, RL_INCONCLUSIVE, 0, "slower"},
        {"gemv", "gemv/q4_0", &time_gate, RL_BROKEN, 1.15, today, RL_BROKEN, 2, "slower"},
        {"gemv", "gemv/q4_0", &time_gate, RL_PASS, 1.01, today, RL_PASS, 0, "slower"},
        /* of something else */
        {"ops", "gemv/q4_0", &time_gate, RL_REGRESSED, 1.15, today, RL_REGRESSED, 1, "slower"},
        {"gemv", "gemv/q5_0", &time_gate, RL_REGRESSED, 1.15, today, RL_REGRESSED, 1, "slower"},
        {"gemv", "gemv/q4_0", &rate_gate, RL_REGRESSED, 0.9, today, RL_REGRESSED, 1, "slower"},
        {"gemv", "gemv/q8_0", &floor_gate, RL_REGRESSED, 0.9, today, RL_REGRESSED, 1, "slower"},
    };
    /* clang-format on */
    for (size_t i = 0; i < RL_COUNT(cases); i++) {
        rl_verdict_set v;
        const rl_finding f = judged(cases[i].lane, cases[i].row, cases[i].gate, cases[i].before,
                                    cases[i].ratio, cases[i].day, &v);
        if (f.verdict != cases[i].after || v.exit_code != cases[i].exit_code)
            fail_msg("case %zu: %s, exit %d", i, rl_verdict_name(f.verdict), v.exit_code);
        util_assert_contains(f.reason, cases[i].says);
        if (cases[i].after == cases[i].before && strcmp(cases[i].says, "slower") == 0)
            assert_string_equal(f.reason, "slower");
        assert_int_equal(v.n_problems, 0);
        rl_verdict_free(&v);
    }
}

static void a_waiver_that_matches_no_row_is_a_problem_of_a_whole_run(void **state)
{
    (void)state;
    for (int whole = 0; whole < 2; whole++) {
        rl_waivers w;
        rl_verdict_set v;
        assert_int_equal(parse(&w, good, NULL), RL_OK);
        rl_verdict_open(&v, "gemv", false);
        v.baseline_state = RL_BASELINE_USED;
        rl_verdict_add(&v, "gemv/q4_0", &time_gate, RL_PASS);
        rl_waivers_apply(&w, at("2026-08-22"), whole == 1, &v);
        assert_int_equal(v.n_problems, whole);
        if (whole == 1)
            util_assert_contains(v.problems[0],
                                 "waivers.json: $.waivers[1] matches no row with a relative gate for "
                                 "bw_pct: q8: mend or remove it");
        assert_int_equal(v.exit_code, whole == 1 ? RL_EXIT_BROKEN : RL_EXIT_PASS);
        rl_verdict_free(&v);
        rl_verdict_open(&v, "ops", false); /* nor of another lane */
        v.baseline_state = RL_BASELINE_USED;
        rl_verdict_add(&v, "ops/x", &time_gate, RL_PASS);
        rl_waivers_apply(&w, at("2026-08-22"), whole == 1, &v);
        assert_int_equal(v.n_problems, 0);
        rl_verdict_free(&v);
        rl_waivers_free(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waivers_are_read),
        cmocka_unit_test(whatever_is_wrong_is_named_with_its_place),
        cmocka_unit_test(waivers_cut_anywhere_are_refused),
        cmocka_unit_test(no_file_is_no_waivers_and_one_that_cannot_be_read_is_an_error),
        cmocka_unit_test(a_waiver_excuses_its_rows_up_to_its_ratio_and_day),
        cmocka_unit_test(a_waiver_that_matches_no_row_is_a_problem_of_a_whole_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
