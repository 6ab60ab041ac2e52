/* test_gate_lane.c - lane files: what is accepted, and that everything else is refused with its place. */
#include "util_text.h"

#include "gate/lane.h"
#include "gate/node.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char good[] =
    "{\n"
    "  \"schema\": 1, \"lane\": \"gemv\", \"about\": \"W x\", \"bench\": \"bench_gemv\",\n"
    "  \"args\": [\"--cache=cold\", \"--threads=2\"], \"launches\": 10, \"timeout_s\": 120,\n"
    "  \"model\": {\"preset\": \"tiny\", \"format\": \"q4_0\", \"seed\": 7},\n"
    "  \"quick\": {\"launches\": 3, \"args\": [\"--benchmark_min_time=0.05s\"], \"filter\": \"q4_0\"},\n"
    "  \"gates\": [\n"
    "    {\"kind\": \"relative\", \"rows\": \"^gemv/\", \"metric\": \"real_time\",\n"
    "     \"better\": \"lower\", \"margin\": 0.1, \"note\": \"a note\"},\n"
    "    {\"kind\": \"floor\", \"rows\": \"/cold\", \"metric\": \"bw_pct\", \"min\": 60, \"quick\": false},\n"
    "    {\"kind\": \"ceiling\", \"rows\": \"/avx2/\", \"metric\": \"max_error\", \"max\": 1e-4,\n"
    "     \"of\": \"worst\", \"isa\": \"avx2\", \"optional\": \"not everywhere\"},\n"
    "    {\"kind\": \"exact\", \"rows\": \"q4\", \"metric\": \"instructions\", \"better\": \"lower\",\n"
    "     \"tolerance\": 0.005},\n"
    "    {\"kind\": \"ratio\", \"rows\": \"/q8/\", \"from\": \"/q8/\", \"to\": \"/f16/\",\n"
    "     \"metric\": \"real_time\", \"better\": \"lower\", \"min\": 1.15},\n"
    "    {\"kind\": \"quality\", \"rows\": \"q4\", \"metric\": \"max_error\", \"max\": 1e-3},\n"
    "    {\"kind\": \"path\", \"rows\": \"^e2e\", \"isa\": \"best\", \"kernel\": \"^gemv_q4\"},\n"
    "    {\"kind\": \"relative\", \"rows\": \"hot\", \"metric\": \"real_time\", \"better\": \"lower\",\n"
    "     \"margin\": 0.2, \"control\": \"peak\"}\n"
    "  ]\n"
    "}\n";

static rl_status parse(rl_lane *lane, const char *text, rl_error *err)
{
    return rl_lane_parse(lane, "gemv", "lanes/gemv.json", text, strlen(text), err);
}

static void a_lane_is_read_with_all_it_says(void **state)
{
    (void)state;
    rl_lane lane;
    rl_error err = {0};
    if (parse(&lane, good, &err) != RL_OK) fail_msg("%s", err.text);
    assert_string_equal(lane.name, "gemv");
    assert_string_equal(lane.about, "W x");
    assert_string_equal(lane.bench, "bench_gemv");
    assert_int_equal(lane.full.launches, 10);
    assert_int_equal(lane.full.n_args, 2);
    assert_string_equal(lane.full.args[1], "--threads=2");
    assert_null(lane.full.filter);
    assert_true(lane.timeout_s == 120);
    assert_string_equal(lane.model.preset, "tiny");
    assert_int_equal(lane.model.seed, 7);
    assert_int_equal(lane.quick.launches, 3);
    assert_string_equal(lane.quick.args[0], "--benchmark_min_time=0.05s");
    assert_true(rl_matches(&lane.quick.matcher, "gemv/q4_0/x") &&
                !rl_matches(&lane.quick.matcher, "gemv/f32/x"));
    assert_int_equal(lane.n_gates, 8);
    const rl_gate *g = lane.gates;
    assert_true(g[0].kind == RL_GATE_RELATIVE && !g[0].higher && g[0].bound == 0.1 && g[0].quick &&
                !g[0].worst);
    assert_string_equal(g[0].note, "a note");
    assert_null(g[0].isa);
    assert_true(g[1].kind == RL_GATE_FLOOR && g[1].higher && g[1].bound == 60 && !g[1].quick && !g[1].worst);
    assert_true(g[2].kind == RL_GATE_CEILING && !g[2].higher && g[2].bound == 1e-4 && g[2].worst);
    assert_string_equal(g[2].isa, "avx2");
    assert_string_equal(g[2].optional, "not everywhere");
    assert_true(g[3].kind == RL_GATE_EXACT && !g[3].higher && g[3].bound == 0.005);
    assert_true(g[4].kind == RL_GATE_RATIO && g[4].higher && !g[4].metric_higher && g[4].bound == 1.15);
    assert_string_equal(g[4].from, "/q8/");
    assert_string_equal(g[4].to, "/f16/");
    assert_true(g[5].kind == RL_GATE_QUALITY && !g[5].higher && g[5].worst && g[5].bound == 1e-3);
    assert_true(g[6].kind == RL_GATE_PATH && g[6].best && g[6].isa == NULL);
    assert_string_equal(g[6].metric, "");
    assert_true(rl_matches(&g[6].kernel_matcher, "gemv_q4_0_avx2") &&
                !rl_matches(&g[6].kernel_matcher, "gemv_q8_0_avx2"));
    assert_null(g[0].control);
    assert_string_equal(g[7].control, "peak");
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(rl_gate_needs_baseline(&g[i]), i == 0 || i == 3 || i == 7);
    rl_lane_free(&lane);
}

static void quick_is_as_full_where_the_file_does_not_say(void **state)
{
    (void)state;
    rl_lane lane;
    char *text = util_replaced(
        good,
        "  \"quick\": {\"launches\": 3, \"args\": [\"--benchmark_min_time=0.05s\"], \"filter\": \"q4_0\"},\n",
        "");
    assert_int_equal(parse(&lane, text, NULL), RL_OK);
    assert_int_equal(lane.quick.launches, 10);
    assert_int_equal(lane.quick.n_args, 2);
    assert_null(lane.quick.filter);
    rl_lane_free(&lane);
    free(text);
}

static void whatever_is_wrong_is_named_with_its_place(void **state)
{
    (void)state;
    /* clang-format off */
    static const util_variant variants[] = {
        {"\"schema\": 1", "\"schema\": 2", "$.schema: is 2, expected a number from 1 to 1"},
        {"\"schema\": 1, ", "", "$.schema: is missing"},
        {"\"lane\": \"gemv\"", "\"lane\": \"gemm\"",
         "$.lane: is 'gemm', expected the file's own name, 'gemv'"},
        {"\"lane\": \"gemv\"", "\"lane\": 3", "$.lane: expected text"},
        {"\"about\"", "\"abut\"", "$.abut: unknown key, expected schema, lane"},
        {"\"bench_gemv\"", "\"../bin/sh\"", "$.bench: expected letters"},
        {"\"bench_gemv\"", "\"\"", "$.bench: expected text that is not empty"},
        {"\"bench_gemv\"", "\"a\\u0007\"", "$.bench: byte 0x07 in text, expected printable ASCII"},
        {"[\"--cache=cold\", ", "[\"--cache=cold\", 4, ", "$.args[1]: expected text"},
        {"--cache=cold", "--benchmark_out=/etc/passwd", "$.args: --benchmark_out is set by ridgeline itself"},
        {"--threads=2", "--launch", "$.args: --launch is set by ridgeline itself"},
        {"--threads=2", "--inject=.=+5%", "$.args: --inject is set by ridgeline itself"},
        {"\"launches\": 10", "\"launches\": 0", "$.launches: is 0, expected a number from 1 to 1000"},
        {"\"launches\": 10", "\"launches\": 2.5", "$.launches: is 2.5, expected a whole number"},
        {"\"launches\": 10", "\"launches\": 1e999", "$.launches: the number is too large"},
        {"\"timeout_s\": 120", "\"timeout_s\": \"long\"", "$.timeout_s: expected a number"},
        {"\"seed\": 7", "\"seed\": -1", "$.model.seed: is -1"},
        {"\"preset\": \"tiny\", ", "", "$.model.preset: is missing"},
        {"\"filter\": \"q4_0\"", "\"filter\": \"-q4_0\"", "$.quick.filter: '-q4_' means something else"},
        {"\"filter\": \"q4_0\"", "\"filter\": \"all\"", "$.quick.filter: 'all' means something else"},
        {"\"filter\"", "\"filters\"", "$.quick.filters: unknown key"},
        {"\"^gemv/\"", "\"(\"", "$.gates[0].rows: not a regular expression"},
        {"\"^gemv/\"", "\"(a{1,255}){1,255}\"", "$.gates[0].rows: expected a pattern without { and }"},
        {"\"^gemv/\"", "\"(a)\\\\1\"", "$.gates[0].rows: expected a pattern without \\ before a letter"},
        {"\"^gemv/\"", "\"a++++++++++++++++++++++++\"", "$.gates[0].rows: expected a pattern with at most 8 +"},
        {"\"^gemv/\"", "\"a\\\\\"", "$.gates[0].rows: not a regular expression"},
        {"\"relative\"", "\"sideways\"",
         "$.gates[0].kind: is 'sideways', expected relative, exact, floor, ceiling, quality, ratio or path"},
        {"\"better\": \"lower\"", "\"better\": \"faster\"",
         "$.gates[0].better: is 'faster', expected lower or higher"},
        {" \"better\": \"lower\",", "", "$.gates[0].better: is missing"},
        {"\"margin\": 0.1", "\"margin\": 0", "$.gates[0].margin: is 0, expected a number from 0.001 to 1"},
        {"\"margin\": 0.1", "\"margin\": 0.1, \"margin\": 0.9",
         "$.gates[0].margin: the key stands here twice"},
        {"\"margin\": 0.1", "\"margin\": 0.1, \"min\": 3", "$.gates[0].min: unknown key"},
        {"\"min\": 60", "\"max\": 60", "$.gates[1].max: unknown key"},
        {"\"min\": 60, ", "", "$.gates[1].min: is missing"},
        {"\"quick\": false", "\"quick\": 0", "$.gates[1].quick: expected true or false"},
        {"\"of\": \"worst\"", "\"of\": \"best\"", "$.gates[2].of: is 'best', expected median or worst"},
        {"\"isa\": \"avx2\"", "\"isa\": \"mmx\"", "$.gates[2].isa: unknown ISA 'mmx'"},
        {"\"metric\": \"bw_pct\", \"min\"", "\"metric\": \"real_time\", \"min\"", "$.gates[1].unit: is missing"},
        {"\"metric\": \"bw_pct\", \"min\"", "\"metric\": \"cpu_time\", \"min\"", "$.gates[1].unit: is missing"},
        {"\"metric\": \"bw_pct\", \"min\"", "\"metric\": \"cpu_time\", \"unit\": \"h\", \"min\"",
         "$.gates[1].unit: is 'h', expected ns, us, ms or s"},
        {"\"max\": 1e-4", "\"max\": 1e-4, \"unit\": \"ns\"", "$.gates[2].unit: only real_time and cpu_time"},
        {"\"optional\": \"not everywhere\"", "\"optional\": true", "$.gates[2].optional: expected text"},
        {"\"metric\": \"bw_pct\"", "\"metric\": null", "$.gates[1].metric: expected text"},
        {"0.005", "0.02", "$.gates[3].tolerance: is 0.02, expected a number from 0 to 0.01"},
        {"\"tolerance\": 0.005", "\"margin\": 0.005", "$.gates[3].margin: unknown key"},
        {"\"to\": \"/f16/\"", "\"to\": \"/q8/\"", "$.gates[4].to: is what \"from\" is"},
        {"\"from\": \"/q8/\", ", "", "$.gates[4].from: is missing"},
        {"\"min\": 1.15", "\"min\": 0", "$.gates[4].min: is 0, expected a number from"},
        {"\"min\": 1.15", "\"min\": 1.15, \"control\": \"peak\"", "$.gates[4].control: unknown key"},
        {"\"isa\": \"best\", \"kernel\": \"^gemv_q4\"", "\"note\": \"n\"",
         "$.gates[6]: expected isa, kernel or both: this gate cannot fail"},
        {"\"isa\": \"best\"", "\"isa\": \"fastest\"", "$.gates[6].isa: unknown ISA 'fastest'"},
        {"\"isa\": \"avx2\"", "\"isa\": \"best\"", "$.gates[2].isa: unknown ISA 'best'"},
        {"\"isa\": \"best\"", "\"metric\": \"isa\"", "$.gates[6].metric: unknown key"},
        {"\"^gemv_q4\"", "\"(\"", "$.gates[6].kernel: not a regular expression"},
        {"\"control\": \"peak\"", "\"control\": \"speed\"",
         "$.gates[7].control: is 'speed', expected read_bw or peak"},
        {"\"metric\": \"real_time\", \"better\": \"lower\",\n     \"margin\": 0.2",
         "\"metric\": \"bw_pct\", \"better\": \"higher\", \"margin\": 0.2",
         "$.gates[7].control: bw_pct is a ratio within the run, and not to peak"},
    };
    /* clang-format on */
    for (size_t i = 0; i < RL_COUNT(variants); i++) {
        rl_lane lane;
        rl_error err = {0};
        char *text = util_replaced(good, variants[i].from, variants[i].to);
        assert_int_equal(parse(&lane, text, &err), RL_ERR_FORMAT);
        util_assert_contains(err.text, "lanes/gemv.json: ");
        util_assert_contains(err.text, variants[i].says);
        rl_lane_free(&lane);
        free(text);
    }
}

#define WITH(what) "\"timeout_s\": 120, " what

static void a_companion_is_read_with_all_it_says(void **state)
{
    (void)state;
    rl_lane lane;
    rl_error err = {0};
    char *text =
        util_replaced(good, "\"timeout_s\": 120",
                      WITH("\"companion\": {\"program\": \"o.py\", \"rows\": \"/f16/\", \"args\": [\"--x\"], "
                           "\"quick_args\": "
                           "[\"--y\", \"--z\"], \"timeout_s\": 7}, \"summary\": [\"real_time\", \"n\"]"));
    char *more =
        util_replaced(text, "\"min\": 1.15", "\"min\": 1.15, \"bound\": \"lower95\", \"companion\": true");
    if (parse(&lane, more, &err) != RL_OK) fail_msg("%s", err.text);
    assert_string_equal(lane.companion.program, "o.py");
    assert_true(rl_matches(&lane.companion.matcher, "k/f16/a") &&
                !rl_matches(&lane.companion.matcher, "k/q8/a"));
    assert_int_equal(lane.companion.n_args, 1);
    assert_int_equal(lane.companion.n_quick_args, 2);
    assert_string_equal(lane.companion.quick_args[1], "--z");
    assert_true(lane.companion.timeout_s == 7);
    assert_int_equal(lane.n_summary, 2);
    assert_string_equal(lane.summary[1], "n");
    assert_true(lane.gates[4].lower95 && lane.gates[4].of_companion && !lane.gates[0].lower95);
    rl_lane_free(&lane);
    free(text);
    free(more);
    text = util_replaced(good, "{\"preset\": \"tiny\", \"format\": \"q4_0\", \"seed\": 7}", "\"optional\"");
    assert_int_equal(parse(&lane, text, &err), RL_OK);
    assert_true(lane.model.optional && lane.model.preset == NULL && lane.companion.program == NULL);
    rl_lane_free(&lane);
    free(text);
}

static void a_companion_that_makes_no_sense_is_refused(void **state)
{
    (void)state;
    static const util_variant variants[] = {
        {"\"timeout_s\": 120",                                        WITH("\"companion\": {\"rows\": \"x\"}"),                                  "$.companion.program: is missing"      },
        {"\"timeout_s\": 120",                                        WITH("\"companion\": {\"program\": \"o.py\"}"),
         "$.companion.rows: is missing"                                                                                                                                                 },
        {"\"timeout_s\": 120",                                        WITH("\"companion\": {\"program\": \"../o\", \"rows\": \"x\"}"),
         "$.companion.program: expected letters"                                                                                                                                        },
        {"\"timeout_s\": 120",                                        WITH("\"companion\": {\"program\": \"o\", \"rows\": \"(\"}"),
         "$.companion.rows: not a regular expression"                                                                                                                                   },
        {"\"timeout_s\": 120",
         WITH("\"companion\": {\"program\": \"o\", \"rows\": \"x\", \"args\": [\"--bench=a\"]}"),
         "$.companion.args: --bench is set by ridgeline itself"                                                                                                                         },
        {"\"timeout_s\": 120",                                        WITH("\"companion\": {\"program\": \"o\", \"rows\": \"x\", \"what\": 1}"),
         "$.companion.what: unknown key"                                                                                                                                                },
        {"\"timeout_s\": 120",                                        WITH("\"summary\": \"real_time\""),                                        "$.summary: expected"                  },
        {"{\"preset\": \"tiny\", \"format\": \"q4_0\", \"seed\": 7}", "\"perhaps\"",
         "$.model: is 'perhaps', expected optional"                                                                                                                                     },
        {"\"min\": 1.15",                                             "\"min\": 1.15, \"companion\": true",                                      "$.gates[4]: the lane has no companion"},
        {"\"min\": 1.15",                                             "\"min\": 1.15, \"bound\": \"best\"",
         "$.gates[4].bound: is 'best', expected median or lower95"                                                                                                                      },
        {"\"min\": 1.15",                                             "\"min\": 1.15, \"companion\": true, \"optional\": \"n\"",
         "$.gates[4].companion: a companion's row says itself"                                                                                                                          },
    };
    for (size_t i = 0; i < RL_COUNT(variants); i++) {
        rl_lane lane;
        rl_error err = {0};
        char *text = util_replaced(good, variants[i].from, variants[i].to);
        assert_int_equal(parse(&lane, text, &err), RL_ERR_FORMAT);
        util_assert_contains(err.text, variants[i].says);
        rl_lane_free(&lane);
        free(text);
    }
}

static void a_lane_without_gates_is_refused(void **state)
{
    (void)state;
    rl_lane lane;
    rl_error err = {0};
    static const char text[] =
        "{\"schema\":1,\"lane\":\"gemv\",\"bench\":\"b\",\"launches\":1,\"timeout_s\":1,\"gates\":[]}";
    assert_int_equal(parse(&lane, text, &err), RL_ERR_FORMAT);
    util_assert_contains(err.text, "$.gates: expected at least one gate");
}

static void a_lane_cut_anywhere_is_refused(void **state)
{
    (void)state;
    const size_t end = strlen(good) - 1; /* the line feed at the end may go */
    for (size_t n = 0; n < end; n++) {
        rl_lane lane;
        char *text = malloc(n + 1); /* exactly as long: reading further is seen */
        assert_non_null(text);
        memcpy(text, good, n);
        text[n] = '\0';
        assert_int_equal(rl_lane_parse(&lane, "gemv", "cut", text, n, NULL), RL_ERR_FORMAT);
        rl_lane_free(&lane);
        free(text);
    }
}

static void documents_have_limits(void **state)
{
    (void)state;
    enum { DEEP = 5000 };
    rl_document d;
    rl_error err = {0};
    char *text = calloc(1, 2 * DEEP + 1);
    assert_non_null(text);
    memset(text, '[', RL_JSON_DEPTH_MAX + 1);
    memset(text + RL_JSON_DEPTH_MAX + 1, ']', RL_JSON_DEPTH_MAX + 1);
    rl_document_parse(&d, "deep", text, strlen(text));
    assert_int_equal(rl_document_close(&d, &err), RL_ERR_FORMAT);
    util_assert_contains(err.text, "nested deeper than 16");
    memset(text, '[', DEEP); /* beyond what cJSON itself allows */
    memset(text + DEEP, ']', DEEP);
    rl_document_parse(&d, "deep", text, strlen(text));
    assert_int_equal(rl_document_close(&d, &err), RL_ERR_FORMAT);
    free(text);

    rl_document_parse(&d, "tail", "{} x", 4);
    assert_int_equal(rl_document_close(&d, &err), RL_ERR_FORMAT);
    util_assert_contains(err.text, "tail: line 1: something follows the end");
    rl_document_parse(&d, "tail", "{}\0{}", 5);
    assert_int_equal(rl_document_close(&d, &err), RL_ERR_FORMAT);
    util_assert_contains(err.text, "tail: a zero byte");
    static const char zero[] = "{\"a\\u0000b\": 1}"; /* cJSON would read the key a */
    rl_document_parse(&d, "zero", zero, strlen(zero));
    assert_int_equal(rl_document_close(&d, &err), RL_ERR_FORMAT);
    rl_document_parse(&d, "lines", "{\n\"a\": 1,\n\"b\" 2}", 16);
    assert_int_equal(rl_document_close(&d, &err), RL_ERR_FORMAT);
    util_assert_contains(err.text, "lines: line 3: not JSON");
    rl_document_parse(&d, "end", "{}\n \t\n", 6);
    assert_int_equal(rl_document_close(&d, &err), RL_OK);
}

static void errors_stick_and_later_questions_are_harmless(void **state)
{
    (void)state;
    rl_document d;
    rl_error err = {0};
    rl_pool pool = {0};
    rl_document_parse(&d, "f", "{\"a\": 1, \"b\": [2]}", 18);
    rl_node root = rl_node_root(&d), a = rl_node_at(&root, "a"), b = rl_node_at(&root, "b");
    assert_true(rl_node_number(&a, 0, 9) == 1);
    assert_string_equal(rl_node_text(&a, &pool), "");
    assert_true(rl_node_number(&a, 5, 9) == 5); /* the least, not the 1 that is there */
    assert_int_equal(rl_node_count(&b), 0);
    assert_null(rl_node_first(&b).value);
    assert_int_equal(rl_document_close(&d, &err), RL_ERR_FORMAT);
    assert_string_equal(err.text, "f: $.a: expected text that is not empty");
    rl_pool_free(&pool);
}

/* ---- The schema, and the lanes that there are --------------------------------------------------------- */

static void every_committed_lane_is_accepted(void **state)
{
    (void)state;
    rl_pool pool = {0};
    rl_error err = {0};
    const char **names;
    size_t n;
    assert_int_equal(rl_lane_list(RL_BASELINES "/lanes", &pool, &names, &n, &err), RL_OK);
    assert_true(n >= 5);
    for (size_t i = 0; i < n; i++) {
        rl_lane lane;
        if (rl_lane_read(&lane, RL_BASELINES "/lanes", names[i], &err) != RL_OK) fail_msg("%s", err.text);
        rl_lane_free(&lane);
    }
    rl_pool_free(&pool);
}

static cJSON *read_schema(void)
{
    static char text[1 << 16];
    FILE *f = fopen(RL_BASELINES "/lane.schema.json", "r");
    assert_non_null(f);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
    cJSON *schema = cJSON_Parse(text);
    assert_non_null(schema);
    return schema;
}

/* What the reader knows, by its own word: "unknown key, expected schema, lane, ... or gates". */
static void known_keys(const char *from, const char *to, char *out, size_t size)
{
    rl_lane lane;
    rl_error err = {0};
    char *text = util_replaced(good, from, to);
    assert_int_equal(parse(&lane, text, &err), RL_ERR_FORMAT);
    const char *list = strstr(err.text, "zzz: unknown key, expected ");
    if (list == NULL) fail_msg("%s", err.text);
    snprintf(out, size, "%s", list + strlen("zzz: unknown key, expected "));
    rl_lane_free(&lane);
    free(text);
}

/* Takes `key` out of a list "a, b or c", leaving what is no letter; false: it is not there. */
static bool strike(char *list, const char *key)
{
    const size_t n = strlen(key);
    for (char *at = list; (at = strstr(at, key)) != NULL; at++) {
        const bool starts = at == list || at[-1] == ' ', ends = at[n] == '\0' || strchr(", ", at[n]) != NULL;
        if (!starts || !ends) continue;
        memset(at, '-', n);
        return true;
    }
    return false;
}

static void keys_of_the_schema_are_those_of_the_reader(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to; /* adds a key zzz */
        const char *group, *object;
    } objects[] = {
        {"\"launches\": 10",     "\"launches\": 10, \"zzz\": 1",     NULL,         NULL      },
        {"\"seed\": 7",          "\"seed\": 7, \"zzz\": 1",          "properties", "model"   },
        {"\"launches\": 3",      "\"launches\": 3, \"zzz\": 1",      "properties", "quick"   },
        {"\"margin\": 0.1",      "\"margin\": 0.1, \"zzz\": 1",      "$defs",      "relative"},
        {"\"min\": 60",          "\"min\": 60, \"zzz\": 1",          "$defs",      "floor"   },
        {"\"max\": 1e-4",        "\"max\": 1e-4, \"zzz\": 1",        "$defs",      "ceiling" },
        {"\"tolerance\": 0.005", "\"tolerance\": 0.005, \"zzz\": 1", "$defs",      "exact"   },
        {"\"min\": 1.15",        "\"min\": 1.15, \"zzz\": 1",        "$defs",      "ratio"   },
        {"\"max\": 1e-3",        "\"max\": 1e-3, \"zzz\": 1",        "$defs",      "quality" },
        {"\"isa\": \"best\"",    "\"isa\": \"best\", \"zzz\": 1",    "$defs",      "path"    },
    };
    cJSON *schema = read_schema();
    for (size_t i = 0; i < RL_COUNT(objects); i++) {
        char known[512];
        known_keys(objects[i].from, objects[i].to, known, sizeof known);
        const cJSON *object = schema, *key;
        if (objects[i].group != NULL)
            object = cJSON_GetObjectItem(cJSON_GetObjectItem(schema, objects[i].group), objects[i].object);
        assert_true(cJSON_IsFalse(cJSON_GetObjectItem(object, "additionalProperties")));
        cJSON_ArrayForEach(key, cJSON_GetObjectItem(object, "properties")) if (!strike(known, key->string))
            fail_msg("%s of the schema is unknown to the reader: %s", key->string, known);
        char left[sizeof known];
        size_t n = 0;
        for (const char *c = known; *c != '\0'; c++)
            if (strchr("-, ", *c) == NULL) left[n++] = *c;
        left[n] = '\0';
        assert_string_equal(left, n >= 2 ? "or" : ""); /* and nothing else is left of the list */
    }
    cJSON_Delete(schema);
}

/* What the schema requires, the reader requires: each such member of the lane, dropped, is missed. */
static void what_the_schema_requires_is_missed_by_the_reader(void **state)
{
    (void)state;
    cJSON *schema = read_schema();
    const cJSON *kind;
    cJSON_ArrayForEach(kind, cJSON_GetObjectItem(cJSON_GetObjectItem(schema, "$defs"), "gate")->child)
    {
        char name[32], where[64];
        const char *slash = strrchr(cJSON_GetObjectItem(kind, "$ref")->valuestring, '/');
        snprintf(name, sizeof name, "%s", slash + 1);
        const cJSON *definition = cJSON_GetObjectItem(cJSON_GetObjectItem(schema, "$defs"), name), *required;
        cJSON_ArrayForEach(required, cJSON_GetObjectItem(definition, "required"))
        {
            rl_lane lane;
            rl_error err = {0};
            cJSON *whole = cJSON_Parse(good), *gate = cJSON_GetObjectItem(whole, "gates")->child;
            int index = 0;
            for (; strcmp(cJSON_GetObjectItem(gate, "kind")->valuestring, name) != 0; gate = gate->next)
                index++;
            cJSON_DeleteItemFromObject(gate, required->valuestring);
            char *text = cJSON_Print(whole);
            assert_int_equal(parse(&lane, text, &err), RL_ERR_FORMAT);
            snprintf(where, sizeof where, "$.gates[%d].%s: is missing", index, required->valuestring);
            util_assert_contains(err.text, where);
            rl_lane_free(&lane);
            cJSON_free(text);
            cJSON_Delete(whole);
        }
    }
    cJSON_Delete(schema);
}

static void names_that_stand_in_paths_are_plain(void **state)
{
    (void)state;
    assert_true(rl_plain_name("attn-decode_2.x"));
    static const char *const bad[] = {"", ".", "..", "-x", "_x", "a/b", "a b", "\xc3\xa9"};
    for (size_t i = 0; i < RL_COUNT(bad); i++) assert_false(rl_plain_name(bad[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lane_is_read_with_all_it_says),
        cmocka_unit_test(quick_is_as_full_where_the_file_does_not_say),
        cmocka_unit_test(whatever_is_wrong_is_named_with_its_place),
        cmocka_unit_test(a_companion_is_read_with_all_it_says),
        cmocka_unit_test(a_companion_that_makes_no_sense_is_refused),
        cmocka_unit_test(a_lane_without_gates_is_refused),
        cmocka_unit_test(a_lane_cut_anywhere_is_refused),
        cmocka_unit_test(documents_have_limits),
        cmocka_unit_test(errors_stick_and_later_questions_are_harmless),
        cmocka_unit_test(every_committed_lane_is_accepted),
        cmocka_unit_test(keys_of_the_schema_are_those_of_the_reader),
        cmocka_unit_test(what_the_schema_requires_is_missed_by_the_reader),
        cmocka_unit_test(names_that_stand_in_paths_are_plain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
