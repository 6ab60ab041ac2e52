/* test_gate_render_forms.c - a verdict for other programs: Markdown, JUnit XML, SARIF, GitHub's annotations. Names and
 * sentences that try to be markup stay text in all of them. */
#include "util_verdict.h"

#include "gate/node.h"
#include "gate/render.h"

#include <cjson/cJSON.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* What a bench could say to be taken for markup somewhere. */
static const char hostile[] =
    "</failure>]]>&\"'`|\n::error::x%0A,: <!-- --> ```` @someone #1 \x01\x1b[31m\xc3\xa9 **bold** [a](b)";

static const char *locate(const char *benchmark, rl_pool *pool)
{
    (void)pool;
    return strstr(benchmark, "slow") != NULL ? "kernels/k/k: slow,.c" : NULL;
}

/* A verdict whose every text is hostile. */
static void fill_hostile(rl_verdict_set *v)
{
    util_verdict_fill(v, "gemv", true);
    rl_verdict_problem(v, "%s", hostile);
    rl_verdict_add(v, hostile, &util_relative, RL_REGRESSED)->reason = hostile;
    rl_verdict_add(v, hostile, NULL, RL_BROKEN)->reason = hostile;
    v->diagnosis = v->baseline_reason = v->baseline_path = v->machine_class = v->commit = hostile;
    v->ungated[0] = hostile;
    rl_verdict_close(v);
}

static void assert_printable(const char *text)
{
    for (const char *c = text; *c != '\0'; c++)
        if (*c != '\n' && *c != '\t' && (*c < 0x20 || *c >= 0x7f))
            fail_msg("byte %#x in:\n%s", (unsigned)(unsigned char)*c, text);
}

static size_t occurrences(const char *text, const char *of)
{
    size_t n = 0;
    while ((text = strstr(text, of)) != NULL) {
        n++;
        text++;
    }
    return n;
}

static void assert_in_order(const char *text, const char *const *parts, size_t n)
{
    const char *at = text;
    for (size_t i = 0; i < n; i++) {
        at = strstr(at, parts[i]);
        if (at == NULL) fail_msg("'%s' does not follow in:\n%s", parts[i], text);
        at++;
    }
}

/* ---- Markdown -------------------------------------------------------------------------------------- */

static void markdown_begins_with_its_marker_and_has_the_worst_first(void **state)
{
    (void)state;
    static const char *const in_order[] = {
        "<!-- ridgeline: gemv -->\n",
        "### Ridgeline: regression\n",
        "- **gemv**: regression (exit 1): compared 0/0, regressed 2, new 1, not applicable 1, passed 1, "
        "ungated 1\n",
        "  - **Diagnosis: all rows moved**\n",
        "  - baseline used: `b/box-1/gemv.json`\n",
        "machine class `box-1`, commit `0123456789ab`\n",
        "| **regressed** | gemv | `k/slow` | real&#95;time | 1 us | 3 us | 3.000x | 2.875-3.125 | &#60;= "
        "1.1x | "
        "every launch is worse |\n",
        "| `k/floor` |",
        "| `k/new` |",
        "| `k/na` |",
        "```sh\nridgeline run gemv --rows '^k/slow$'\nridgeline run gemv --rows '^k/floor$'\n"
        "ridgeline run gemv --rows '^k/new$'\n```\n",
        "What passed",
        "| `k/pass` |",
        "no gate looks at `loner`\n",
    };
    rl_verdict_set v;
    rl_pool pool = {0};
    util_verdict_fill(&v, "gemv", true);
    v.diagnosis = "all rows moved";
    const char *text = rl_render_markdown((const rl_verdict_set *const[]){&v}, 1, &pool);
    assert_int_equal(strncmp(text, in_order[0], strlen(in_order[0])), 0);
    assert_in_order(text, in_order, RL_COUNT(in_order));
    assert_null(strstr(text, "left out"));
    rl_pool_free(&pool);
    rl_verdict_free(&v);
}

static void markdown_that_is_too_long_says_how_much_it_leaves_out_and_where_that_is(void **state)
{
    (void)state;
    enum { ROWS = 3000 };
    rl_verdict_set v;
    rl_pool pool = {0};
    char name[32], left_out[64];
    util_verdict_fill(&v, "gemv", false);
    for (int i = 0; i < ROWS; i++) {
        snprintf(name, sizeof name, "row/%04d", i);
        rl_finding *f = rl_verdict_add(&v, name, &util_relative, RL_REGRESSED);
        f->excess = 2 - i * 1e-4;
        f->reason = i % 2 == 0 ? "slower" : "slower than the row before, and it takes longer to say so";
    }
    rl_verdict_close(&v);
    const char *text = rl_render_markdown((const rl_verdict_set *const[]){&v}, 1, &pool);
    assert_in_range(strlen(text), RL_MARKDOWN_MAX - 8192, RL_MARKDOWN_MAX);
    const size_t shown = occurrences(text, "| **regressed** |");
    assert_in_range(shown, 100, ROWS - 1);
    for (size_t i = 0; i <= shown; i++) { /* the worst is what stays, whatever would still fit */
        snprintf(name, sizeof name, "| `row/%04zu` |", i);
        if ((strstr(text, name) != NULL) != (i < shown)) fail_msg("%s, of %zu that are shown", name, shown);
    }
    assert_int_equal(occurrences(text, "\nridgeline run gemv --rows '^row/"), shown);
    const size_t left = ROWS - shown + 4; /* k/new, k/na, k/pass, loner */
    snprintf(left_out, sizeof left_out, "**%zu lines are left out here", left);
    util_assert_contains(text, left_out);
    util_assert_contains(text, "`reports/gemv/verdict.json`");
    rl_pool_free(&pool);
    rl_verdict_free(&v);
}

static void markdown_keeps_hostile_text_from_being_markup(void **state)
{
    (void)state;
    rl_verdict_set v;
    rl_pool pool = {0};
    fill_hostile(&v);
    const char *text = rl_render_markdown((const rl_verdict_set *const[]){&v}, 1, &pool);
    assert_printable(text);
    util_assert_contains(text, "<code>@</code>someone <code>#</code>1");
    util_assert_contains(text, "&#42;&#42;bold&#42;&#42; &#91;a&#93;(b)");
    util_assert_contains(text, "&#124;&#92;x0a&#58;&#58;error");
    util_assert_contains(text, "| ````` </failure>]]>&\"'`\\|\\x0a::error::x%0A,: <!-- --> ```` @someone");
    assert_int_equal(occurrences(text, "<!-- ridgeline"), 1);
    assert_int_equal(occurrences(text, "``````sh\n") + occurrences(text, "`````sh\n"), 1);
    rl_pool_free(&pool);
    rl_verdict_free(&v);
}

/* ---- JUnit ----------------------------------------------------------------------------------------- */

typedef struct {
    const char *at, *all;
    const char *open[16]; /* names of the elements that are open */
    size_t depth;
} xml;

static void xml_fail(const xml *x, const char *what)
{
    fail_msg("%s at byte %td of:\n%s", what, x->at - x->all, x->all);
}

/* Text up to one of `ends`: no markup, known references only. */
static void xml_text(xml *x, const char *ends)
{
    static const char *const known[] = {"&amp;", "&lt;", "&gt;", "&quot;"};
    for (; strchr(ends, *x->at) == NULL; x->at++) {
        if (*x->at == '<' || *x->at == '\0' || (*x->at < 0x20 && *x->at != '\n') || *x->at >= 0x7f)
            xml_fail(x, "not text");
        bool fine = *x->at != '&';
        for (size_t i = 0; i < RL_COUNT(known); i++)
            fine = fine || strncmp(x->at, known[i], strlen(known[i])) == 0;
        if (!fine) xml_fail(x, "a reference of its own");
    }
}

static size_t xml_name(xml *x)
{
    size_t n = 0;
    while (isalnum((unsigned char)x->at[n]) || (n > 0 && x->at[n] == '-')) n++;
    if (n == 0) xml_fail(x, "no name");
    x->at += n;
    return n;
}

/* A strict reader of the part of XML that we write: ends where the root does. */
static void assert_well_formed(const char *text)
{
    static const char declaration[] = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
    xml x = {.at = text, .all = text};
    assert_int_equal(strncmp(text, declaration, sizeof declaration - 1), 0);
    x.at += sizeof declaration - 1;
    do {
        if (*x.at != '<') xml_fail(&x, "no element");
        const bool closing = *++x.at == '/';
        x.at += closing;
        const char *name = x.at;
        const size_t length = xml_name(&x);
        while (!closing && *x.at == ' ') {
            x.at++;
            xml_name(&x);
            if (strncmp(x.at, "=\"", 2) != 0) xml_fail(&x, "no value");
            x.at += 2;
            xml_text(&x, "\"");
            x.at++;
        }
        if (closing && (x.depth == 0 || strncmp(x.open[--x.depth], name, length) != 0 || *x.at != '>'))
            xml_fail(&x, "closes nothing");
        const bool empty = *x.at == '/';
        x.at += empty;
        if (*x.at++ != '>') xml_fail(&x, "no end of the tag");
        if (!closing && !empty) {
            if (x.depth == RL_COUNT(x.open)) xml_fail(&x, "too deep");
            x.open[x.depth++] = name;
        }
        if (x.depth > 0) xml_text(&x, "<");
    } while (x.depth > 0);
    assert_string_equal(x.at, "\n");
}

static void junit_maps_verdicts_to_what_a_test_can_be(void **state)
{
    (void)state;
    static const char *const in_order[] = {
        "<testsuites name=\"ridgeline\" tests=\"9\" failures=\"2\" errors=\"2\" skipped=\"3\">",
        "<testsuite name=\"gemv\" tests=\"9\" failures=\"2\" errors=\"2\" skipped=\"3\">",
        "<testcase classname=\"gemv\" name=\"the run as a whole\">\n      <error type=\"BROKEN\" "
        "message=\"crashed\">",
        "name=\"k/slow [relative real_time]\">\n      <failure type=\"REGRESSED\" "
        "message=\"REGRESSED: every launch is worse\">ridgeline run gemv --rows '^k/slow$'</failure>",
        "name=\"k/perhaps [relative real_time]\">\n      <error type=\"INCONCLUSIVE\"",
        "name=\"k/likely [relative real_time]\">\n      <skipped message=\"INCONCLUSIVE\">ridgeline run gemv "
        "--rows "
        "'^k/likely$'</skipped>",
        "name=\"k/faster [relative real_time]\">\n      <system-out>ridgeline run gemv --rows '^k/faster$'"
        "</system-out>\n    </testcase>",
        "name=\"k/new [relative real_time]\">\n      <skipped message=\"NEW: not in the baseline\">ridgeline "
        "run gemv "
        "--rows '^k/new$'</skipped>",
        "name=\"k/na\">\n      <skipped message=\"NOT_APPLICABLE: skipped\"/>",
        "name=\"k/pass [relative real_time]\"/>",
    };
    char path[64];
    rl_error err;
    rl_verdict_set v;
    util_verdict_fill(&v, "gemv", true);
    rl_verdict_problem(&v, "crashed");
    rl_verdict_add(&v, "k/perhaps", &util_relative, RL_INCONCLUSIVE)->excess = 1.01;
    rl_verdict_add(&v, "k/faster", &util_relative, RL_IMPROVED);
    rl_verdict_add(&v, "k/likely", &util_relative, RL_INCONCLUSIVE)->excess = 0.99;
    rl_verdict_close(&v);
    char *text = UTIL_RENDERED(path, rl_render_junit((const rl_verdict_set *const[]){&v}, 1, path, &err));
    assert_well_formed(text);
    assert_in_order(text, in_order, RL_COUNT(in_order));
    assert_int_equal(occurrences(text, "<testcase "), 9);
    assert_int_equal(occurrences(text, "<failure "), 2);
    assert_int_equal(occurrences(text, "<error "), 2);
    assert_int_equal(occurrences(text, "<skipped "), 3);
    free(text);
    rl_verdict_free(&v);
}

static void junit_says_that_there_is_no_baseline(void **state)
{
    (void)state;
    char path[64];
    rl_error err;
    rl_verdict_set v;
    util_verdict_fill(&v, "gemv", false);
    v.baseline_state = RL_BASELINE_MISSING;
    v.baseline_reason = "there is no such file";
    rl_verdict_close(&v);
    assert_int_equal(v.exit_code, RL_EXIT_NO_BASELINE);
    char *text = UTIL_RENDERED(path, rl_render_junit((const rl_verdict_set *const[]){&v}, 1, path, &err));
    assert_well_formed(text);
    util_assert_contains(
        text, "name=\"the baseline\">\n      <error type=\"missing\" message=\"there is no such file\">");
    util_assert_contains(text, " errors=\"1\" ");
    free(text);
    rl_verdict_free(&v);
}

static void junit_is_well_formed_whatever_names_hold(void **state)
{
    (void)state;
    char path[64];
    rl_error err;
    rl_verdict_set v;
    fill_hostile(&v);
    char *text = UTIL_RENDERED(path, rl_render_junit((const rl_verdict_set *const[]){&v, &v}, 2, path, &err));
    assert_well_formed(text);
    util_assert_contains(text, "&lt;/failure&gt;]]&gt;&amp;&quot;'`|\\x0a::error::x%0A");
    util_assert_contains(text, "\\x01\\x1b[31m\\xc3\\xa9");
    free(text);
    rl_verdict_free(&v);
}

/* ---- SARIF ----------------------------------------------------------------------------------------- */

static cJSON *sarif(const rl_verdict_set *v)
{
    char path[64];
    rl_error err;
    rl_document d; /* our strict reader: no key twice, ASCII only */
    const rl_verdict_set *const lanes[] = {v};
    char *text = UTIL_RENDERED(path, rl_render_sarif(lanes, 1, locate, path, &err));
    assert_printable(text);
    rl_document_parse(&d, "sarif", text, strlen(text));
    if (rl_document_close(&d, &err) != RL_OK) fail_msg("%s\n%s", err.text, text);
    cJSON *root = cJSON_Parse(text);
    free(text);
    return root;
}

/* The text at a path of keys and indices, "runs.0.results.1.level". */
static const char *at(const cJSON *node, const char *path)
{
    char key[64];
    while (*path != '\0') {
        size_t n = strcspn(path, ".");
        assert_true(n < sizeof key);
        memcpy(key, path, n);
        key[n] = '\0';
        node = isdigit((unsigned char)key[0]) ? cJSON_GetArrayItem(node, atoi(key))
                                              : cJSON_GetObjectItemCaseSensitive(node, key);
        path += n + (path[n] == '.');
    }
    return cJSON_IsString(node) ? node->valuestring : "(none)";
}

static void sarif_has_rule_level_and_place_of_whatever_did_not_pass(void **state)
{
    (void)state;
    rl_verdict_set v;
    util_verdict_fill(&v, "gemv", true);
    rl_verdict_add(&v, "k/waived", &util_relative, RL_WAIVED)->reason = "until June";
    rl_verdict_close(&v);
    cJSON *root = sarif(&v);
    assert_string_equal(at(root, "version"), "2.1.0");
    assert_string_equal(at(root, "runs.0.tool.driver.name"), "ridgeline");
    assert_string_equal(at(root, "runs.0.tool.driver.rules.0.id"), "relative/real_time");
    assert_string_equal(at(root, "runs.0.tool.driver.rules.1.id"), "floor/bw_pct");
    assert_string_equal(at(root, "runs.0.tool.driver.rules.2.id"), "(none)");
    assert_string_equal(at(root, "runs.0.results.0.ruleId"), "relative/real_time");
    assert_string_equal(at(root, "runs.0.results.0.level"), "error");
    assert_string_equal(at(root, "runs.0.results.0.message.text"),
                        "gemv: k/slow REGRESSED: every launch is worse; measure it again: ridgeline run gemv "
                        "--rows '^k/slow$'");
    assert_string_equal(at(root, "runs.0.results.0.locations.0.physicalLocation.artifactLocation.uri"),
                        "kernels/k/k%3A%20slow%2C.c");
    assert_string_equal(at(root, "runs.0.results.0.partialFingerprints.ridgeline/v1"),
                        "relative/real_time gemv k/slow");
    assert_string_equal(at(root, "runs.0.results.1.ruleId"), "floor/bw_pct");
    assert_string_equal(at(root, "runs.0.results.1.locations.0.physicalLocation.artifactLocation.uri"),
                        "baselines/lanes/gemv.json");
    assert_string_equal(at(root, "runs.0.results.2.level"), "warning"); /* waived */
    assert_string_equal(at(root, "runs.0.results.3.level"), "note");    /* new */
    assert_string_equal(at(root, "runs.0.results.4.level"), "(none)");  /* neither k/na nor k/pass */
    cJSON_Delete(root);
    rl_verdict_free(&v);
}

static void sarif_has_problems_diagnoses_and_missing_baselines(void **state)
{
    (void)state;
    rl_verdict_set v;
    util_verdict_fill(&v, "gemv", false);
    v.baseline_state = RL_BASELINE_MISSING;
    v.baseline_reason = "no file";
    v.diagnosis = "the machine";
    rl_verdict_problem(&v, "crashed");
    rl_verdict_close(&v);
    cJSON *root = sarif(&v);
    assert_string_equal(at(root, "runs.0.results.0.ruleId"), "diagnosis");
    assert_string_equal(at(root, "runs.0.results.1.ruleId"), "run");
    assert_string_equal(at(root, "runs.0.results.1.message.text"), "gemv: crashed");
    assert_string_equal(at(root, "runs.0.results.2.ruleId"), "baseline");
    assert_string_equal(at(root, "runs.0.results.2.message.text"), "gemv: baseline missing: no file");
    cJSON_Delete(root);
    rl_verdict_free(&v);
    fill_hostile(&v);
    cJSON_Delete(sarif(&v));
    rl_verdict_free(&v);
}

/* ---- Annotations ----------------------------------------------------------------------------------- */

static char *annotations(const rl_verdict_set *v)
{
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    const rl_verdict_set *const lanes[] = {v};
    rl_render_annotations(out, lanes, 1, locate);
    fclose(out);
    return text;
}

static void annotations_follow_the_syntax_of_workflow_commands(void **state)
{
    (void)state;
    rl_verdict_set v;
    util_verdict_fill(&v, "gemv", true);
    char *text = annotations(&v);
    assert_string_equal(
        text,
        "::error file=kernels/k/k%3A slow%2C.c,title=gemv REGRESSED::k/slow real_time: every launch is worse"
        "%0Aridgeline run gemv --rows '^k/slow$'\n"
        "::error title=gemv REGRESSED::k/floor bw_pct: below the floor%0Aridgeline run gemv --rows "
        "'^k/floor$'\n"
        "::notice title=gemv NEW::k/new real_time: not in the baseline%0Aridgeline run gemv --rows "
        "'^k/new$'\n");
    free(text);
    rl_verdict_free(&v);
}

static void annotations_are_ten_of_a_kind_at_most_and_say_how_many_more_there_are(void **state)
{
    (void)state;
    rl_verdict_set v;
    util_verdict_fill(&v, "gemv", false);
    for (int i = 0; i < 10; i++) rl_verdict_add(&v, "k", NULL, RL_BROKEN)->reason = "b";
    for (int i = 0; i < 25; i++) rl_verdict_add(&v, "k", &util_relative, RL_WAIVED)->reason = "w";
    rl_verdict_close(&v);
    char *text = annotations(&v);
    assert_int_equal(occurrences(text, "::error "), 10);
    assert_int_equal(occurrences(text, "::warning "), 10);
    util_assert_contains(text, "::warning title=ridgeline::and 16 more: ");
    assert_int_equal(occurrences(text, "more: "), 1);
    free(text);
    rl_verdict_free(&v);
}

static void annotations_of_hostile_text_are_one_line_each(void **state)
{
    (void)state;
    rl_verdict_set v;
    fill_hostile(&v);
    char *text = annotations(&v);
    assert_printable(text);
    for (const char *line = text; *line != '\0'; line = strchr(line, '\n') + 1)
        if (strncmp(line, "::error ", 8) != 0 && strncmp(line, "::notice ", 9) != 0)
            fail_msg("not an annotation: %s", line);
    util_assert_contains(text,
                         "::error title=gemv%3A measurement broken::</failure>]]>&\"'`|%0A::error::x%250A,:");
    free(text);
    rl_verdict_free(&v);
}

static void files_that_cannot_be_written_are_errors(void **state)
{
    (void)state;
    rl_error err = {0};
    rl_verdict_set v;
    util_verdict_fill(&v, "gemv", false);
    const rl_verdict_set *const lanes[] = {&v};
    assert_int_equal(rl_render_junit(lanes, 1, "/nowhere/gate.xml", &err), RL_ERR_IO);
    assert_int_equal(rl_render_sarif(lanes, 1, locate, "/nowhere/gate.sarif", &err), RL_ERR_IO);
    rl_verdict_free(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(markdown_begins_with_its_marker_and_has_the_worst_first),
        cmocka_unit_test(markdown_that_is_too_long_says_how_much_it_leaves_out_and_where_that_is),
        cmocka_unit_test(markdown_keeps_hostile_text_from_being_markup),
        cmocka_unit_test(junit_maps_verdicts_to_what_a_test_can_be),
        cmocka_unit_test(junit_says_that_there_is_no_baseline),
        cmocka_unit_test(junit_is_well_formed_whatever_names_hold),
        cmocka_unit_test(sarif_has_rule_level_and_place_of_whatever_did_not_pass),
        cmocka_unit_test(sarif_has_problems_diagnoses_and_missing_baselines),
        cmocka_unit_test(annotations_follow_the_syntax_of_workflow_commands),
        cmocka_unit_test(annotations_are_ten_of_a_kind_at_most_and_say_how_many_more_there_are),
        cmocka_unit_test(annotations_of_hostile_text_are_one_line_each),
        cmocka_unit_test(files_that_cannot_be_written_are_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
