/* test_gate_baseline.c - baseline files: what is written is read back, the rest is refused with its place. */
#include "util_text.h"

#include "base/file.h"
#include "gate/baseline.h"
#include "gate/date.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char good[] =
    "{\"schema\": 2, \"lane\": \"gemv\", \"machine_class\": \"box-1\", \"bench\": \"bench_gemv\", \"args\": "
    "[\"-x\"],\n"
    " \"_meta\": {\"timestamp\": \"2026-08-22T10:00:00Z\", \"commit\": \"abc\", \"clean\": true,\n"
    "             \"machine\": {\"cores\": \"2\"}, \"sessions\": [\n"
    "   {\"timestamp\": \"2026-08-22T09:00:00Z\", \"load\": 0.1, \"launches\": 2, \"contaminated\": 0},\n"
    "   {\"timestamp\": \"2026-08-22T12:00:00+02:00\", \"launches\": 1, \"contaminated\": 0.5}]},\n"
    " \"code\": {\"gemv/avx2\": \"12ab\"}, \"gone\": {\"c\": \"split in two\"},\n"
    " \"rows\": [\n"
    "  {\"name\":\"b\",\"metric\":\"real_time\",\"unit\":\"ns\",\"better\":\"lower\",\"median\":20,\n"
    "   \"within\":-1,\"between\":1,\"s_w\":-1,\"s_b\":0.5,\"s_s\":0.2,\"launches\":[[30,10],[20]],\n"
    "   \"control\":[[3e9,1e9],[2e9]],\"control_of\":\"peak\",\"beta\":0.5,\"note\":\"slow start\"},\n"
    "  "
    "{\"name\":\"a\",\"metric\":\"tokens\",\"better\":\"higher\",\"median\":1.5,\"within\":0.1,\"between\":0,"
    "\n"
    "   \"s_w\":0.1,\"s_b\":-1,\"s_s\":0,\"launches\":[[1.5,1.5],[1.5]]},\n"
    "  {\"name\":\"a\",\"metric\":\"misses\",\"better\":\"lower\",\"median\":0,\"within\":-1,\n"
    "   \"between\":-1,\"s_w\":-1,\"s_b\":-1,\"s_s\":-1,\"launches\":[[0,0],[0]]}\n"
    " ]}\n";

static rl_status parse(rl_baseline *b, const char *text, rl_error *err)
{
    return rl_baseline_parse(b, "b.json", text, strlen(text), err);
}

static void rows_are_found_by_name_and_metric(void **state)
{
    (void)state;
    rl_baseline b;
    rl_error err = {0};
    if (parse(&b, good, &err) != RL_OK) fail_msg("%s", err.text);
    assert_int_equal(b.n_rows, 3);
    assert_string_equal(b.rows[0].name, "a"); /* sorted */
    const rl_baseline_row *row = rl_baseline_find(&b, "b", "real_time");
    assert_non_null(row);
    assert_true(row->n == 3 && row->launches[0] == 10 && row->launches[2] == 30 && !row->higher);
    assert_true(row->session[0] == 0 && row->session[1] == 1 && row->session[2] == 0);
    assert_true(row->control[0] == 1e9 && row->control[1] == 2e9 &&
                row->control[2] == 3e9); /* as the launches go */
    assert_true(row->beta == 0.5 && row->control_median == 2e9);
    assert_string_equal(row->control_of, "peak");
    assert_null(rl_baseline_find(&b, "a", "tokens")->control_of);
    assert_true(rl_baseline_find(&b, "a", "misses")->median == 0); /* a count may be 0 */
    assert_true(isnan(row->within) && isnan(row->s_w) && fabs(row->s_b - log(3) / sqrt(2)) < 1e-12);
    assert_string_equal(row->note, "slow start");
    assert_null(rl_baseline_find(&b, "b", "tokens"));
    assert_null(rl_baseline_find(&b, "c", "real_time"));
    assert_true(rl_baseline_find(&b, "a", "tokens")->higher);
    assert_string_equal(b.machine.parts[0].value, "2");
    assert_true(b.clean && b.n_sessions == 2 && b.sessions[0].load == 0.1 && isnan(b.sessions[1].load));
    assert_true(b.sessions[0].launches == 2 && b.sessions[1].contaminated == 0.5);
    assert_true(b.n_code == 1 && strcmp(b.code[0].key, "gemv/avx2") == 0 &&
                strcmp(b.code[0].value, "12ab") == 0);
    assert_string_equal(rl_baseline_gone(&b, "c"), "split in two");
    assert_null(rl_baseline_gone(&b, "a"));
    assert_null(rl_baseline_find(&b, "a", "tokens")->control);
    assert_string_equal(b.model, "");
    rl_baseline_free(&b);
}

static void whatever_is_wrong_is_named_with_its_place(void **state)
{
    (void)state;
    /* clang-format off */
    static const util_variant variants[] = {
        {"\"lane\": \"gemv\", ", "", "$.lane: is missing"},
        {"\"lane\": \"gemv\"", "\"lane\": \"gemv\", \"lane\": \"gemv\"", "$.lane: the key stands here twice"},
        {"box-1", "..", "$.machine_class: is not the name of a machine class"},
        {"\"rows\": [", "\"rows\": [], \"row\": [", "$.row: unknown key"},
        {"\"clean\": true", "\"clean\": \"yes\"", "$._meta.clean: expected true or false"},
        {"2026-08-22T10:00:00Z", "yesterday", "$._meta.timestamp: is 'yesterday', expected a time"},
        {"2026-08-22T09:00:00Z", "2026-02-30", "$._meta.sessions[0].timestamp: is '2026-02-30'"},
        {"\"contaminated\": 0}", "\"contaminated\": 2}", "$._meta.sessions[0].contaminated: is 2"},
        {"\"load\"", "\"loud\"", "$._meta.sessions[0].loud: unknown key"},
        {"\"launches\": 2", "\"launches\": 0", "$._meta.sessions[0].launches: is 0"},
        {"\"sessions\": [", "\"sessions\": [], \"model\": [", "$._meta.sessions: expected 1 to 16 sessions"},
        {"\"code\": {", "\"code\": {\"x\": 1, ", "$.code.x: expected text"},
        {"\"gone\": {\"c\": \"split in two\"}", "\"gone\": [\"c\"]", "$.gone: expected an object"},
        {"\"gone\": {\"c\"", "\"gone\": {\"b\"", "$.rows[0].name: is in $.gone, too"},
        {"\"name\":\"b\"", "\"name\":\"a b\"", "$.rows[0].name: cannot be a benchmark's name"},
        {"\"metric\":\"real_time\"", "\"metric\":\"\"", "$.rows[0].metric: expected text"},
        {"\"median\":20", "\"median\":19.9", "$.rows[0].median: is 19.9, but the launches' median is 20"},
        {"[[30,10],[20]]", "[[30,11],[21]]", "$.rows[0].median: is 20, but the launches' median is 21"},
        {"[[30,10],[20]]", "[[30,0],[20]]", "$.rows[0].launches: 1 of 3 are 0, expected numbers above 0"},
        {"[[30,10],[20]]", "[[0,0],[0]]", "$.rows[0].launches: 3 of 3 are 0"}, /* a row with readings is of times */
        {"[[0,0],[0]]", "[[0,0],[1]]", "$.rows[2].launches: 2 of 3 are 0"},
        {"[[0,0],[0]]", "[[0],[0]]", "$.rows[2].launches[0]: has 1 launches, expected 2 as in _meta"},
        {"[[0,0],[0]]", "[[0,0],[0,0]]", "$.rows[2].launches[1]: has 2 launches, expected 1 as in _meta"},
        {"\"launches\": 2", "\"launches\": 3", "$.rows[0].launches[0]: has 2 launches, expected 3 as in _meta"},
        {"[[30,10],[20]]", "[[30,-10],[20]]", "$.rows[0].launches[0][1]: is -10"},
        {"[[30,10],[20]]", "[[30,1e999],[20]]", "$.rows[0].launches[0][1]: the number is too large"},
        {"[[30,10],[20]]", "[[30,null],[20]]", "$.rows[0].launches[0][1]: expected a number"},
        {"[[30,10],[20]]", "[[30,10],[]]", "$.rows[0].launches[1]: expected launches"},
        {"[[30,10],[20]]", "[[30,10,20]]", "$.rows[0].launches: has 1 sessions, expected 2"},
        {"[[30,10],[20]]", "[30,10]", "$.rows[0].launches[0]: expected an array"},
        {"[[30,10],[20]]", "30", "$.rows[0].launches: expected an array"},
        {"[[3e9,1e9],[2e9]]", "[[3e9],[1e9,2e9]]", "$.rows[0].control[0]: has 1 launches, expected 2"},
        {"[[3e9,1e9],[2e9]]", "[[3e9,1e9],[2e9,2e9]]", "$.rows[0].control[1]: has 2 launches, expected 1"},
        {"[[3e9,1e9],[2e9]]", "[[3e9,0],[2e9]]", "$.rows[0].control[0][1]: is 0"},
        {",\"beta\":0.5", "", "$.rows[0]: control, control_of and beta go together"},
        {"\"control\":[[3e9,1e9],[2e9]],", "", "$.rows[0]: control, control_of and beta go together"},
        {"\"control_of\":\"peak\",", "", "$.rows[0]: control, control_of and beta go together"},
        {"\"control_of\":\"peak\"", "\"control_of\":\"moon\"",
         "$.rows[0].control_of: is 'moon', expected read_bw or peak"},
        {"\"beta\":0.5", "\"beta\":1.5", "$.rows[0].beta: is 1.5"},
        {"\"better\":\"lower\"", "\"better\":\"less\"", "$.rows[0].better: is 'less'"},
        {"\"within\":-1", "\"within\":-2", "$.rows[0].within: is -2"},
        {"\"s_w\":-1", "\"s_w\":-0.5", "$.rows[0].s_w: is -0.5, expected -1 or a number from 0"},
        {"\"s_b\":0.5,", "", "$.rows[0].s_b: is missing"},
        {"{\"name\":\"a\",\"metric\":\"tokens\"", "{\"name\":\"b\",\"metric\":\"real_time\"",
         "b, real_time is there twice"},
    };
    /* clang-format on */
    for (size_t i = 0; i < RL_COUNT(variants); i++) {
        rl_baseline b;
        rl_error err = {0};
        char *text = util_replaced(good, variants[i].from, variants[i].to);
        if (parse(&b, text, &err) != RL_ERR_FORMAT) fail_msg("accepted with '%s'", variants[i].to);
        util_assert_contains(err.text, "b.json: ");
        util_assert_contains(err.text, variants[i].says);
        rl_baseline_free(&b);
        free(text);
    }
}

static void another_schema_is_told_apart_from_a_broken_file(void **state)
{
    (void)state;
    rl_baseline b;
    rl_error err = {0};
    static const char other[] = "{\"schema\": 7, \"whatever\": []}";
    assert_int_equal(parse(&b, other, &err), RL_ERR_UNSUPPORTED);
    assert_string_equal(err.text, "b.json: schema 7, this ridgeline reads 2: recalibrate");
    char *first = util_replaced(good, "\"schema\": 2", "\"schema\": 1");
    assert_int_equal(parse(&b, first, &err), RL_ERR_UNSUPPORTED);
    free(first);
    assert_int_equal(parse(&b, "{\"schema\": \"1\"}", &err), RL_ERR_FORMAT);
    assert_int_equal(parse(&b, "{}", &err), RL_ERR_FORMAT);
    assert_int_equal(parse(&b, "[1]", &err), RL_ERR_FORMAT);
    assert_int_equal(parse(&b, "", &err), RL_ERR_FORMAT);
}

static void a_baseline_cut_anywhere_is_refused(void **state)
{
    (void)state;
    for (size_t n = 0; n + 1 < strlen(good); n++) {
        rl_baseline b;
        char *text = malloc(n + 1);
        assert_non_null(text);
        memcpy(text, good, n);
        text[n] = '\0';
        assert_int_equal(rl_baseline_parse(&b, "cut", text, n, NULL), RL_ERR_FORMAT);
        rl_baseline_free(&b);
        free(text);
    }
}

static void every_byte_may_be_anything(void **state)
{
    (void)state;
    static const char bytes[] = {'\0', '\x01', '"', '\\', '{', '}', '[',   ']',
                                 ',',  ':',    '-', '9',  'e', 'n', '\xff'};
    char *text = strdup(good);
    assert_non_null(text);
    for (size_t i = 0; i < strlen(good); i++)
        for (size_t k = 0; k < sizeof bytes; k++) {
            rl_baseline b;
            rl_error err = {0};
            text[i] = bytes[k];
            if (rl_baseline_parse(&b, "b", text, strlen(good), &err) == RL_OK)
                assert_non_null(rl_baseline_find(&b, b.rows[0].name, b.rows[0].metric));
            else
                assert_true(err.text[0] != '\0');
            rl_baseline_free(&b);
            text[i] = good[i];
        }
    free(text);
}

/* ---- Writing --------------------------------------------------------------------------------------- */

static void fill(rl_baseline *b)
{
    static const rl_part parts[] = {
        {"brand", "A \"quoted\" CPU"},
        {"cores", "2"               }
    };
    static const rl_part code[] = {
        {"common", "ff"}
    };
    static const rl_part gone[] = {
        {"y", "renamed \"z\""}
    };
    static rl_session sessions[] = {
        {"2026-08-22T09:00:00Z", 5, (double)NAN, 0.25},
        {"2026-08-22T10:00:00Z", 3, 0.5,         0   }
    };
    static const char *args[] = {"--a=\"b\""};
    static double z[] = {300.00001, 100, 200, 250, 120, 220, 320, 420},
                  a[] = {1, 1, 1, 1, 1, 1.0 / 3, 1.0 / 3, 1.0 / 3};
    static double r[] = {1e10 / 3, 1e10, 5e9, 4e9, 8.4e9, 4.6e9, 3.2e9, 2.4e9};
    static size_t first_five[] = {0, 0, 0, 0, 0, 1, 1, 1};
    *b = (rl_baseline){
        .lane = "gemv",
        .bench = "bench_gemv",
        .args = args,
        .n_args = 1,
        .machine = {"box-1", parts, 2},
        .timestamp = "2026-08-22T10:00:00Z",
        .commit = "abc",
        .reason = "why not",
        .kernel = "Linux",
        .tool = "ridgeline 1",
        .model = "",
        .clean = true,
        .sessions = sessions,
        .n_sessions = 2,
        .code = code,
        .n_code = 1,
        .gone = gone,
        .n_gone = 1,
    };
    rl_baseline_add(b, &(rl_baseline_row){.name = "z",
                                          .metric = "real_time",
                                          .unit = "ns",
                                          .launches = z,
                                          .control = r,
                                          .control_of = "read_bw",
                                          .session = first_five,
                                          .n = 8,
                                          .within = (double)NAN,
                                          .s_w = (double)NAN,
                                          .note = "a \"note\""});
    rl_baseline_add(b, &(rl_baseline_row){.name = "a",
                                          .metric = "rate",
                                          .unit = "",
                                          .higher = true,
                                          .launches = a,
                                          .session = first_five,
                                          .n = 8,
                                          .within = 0.5,
                                          .s_w = 0.25});
}

static void what_is_written_is_read_back(void **state)
{
    (void)state;
    char dir[] = "/tmp/test_gate_baselineXXXXXX", path[128], sub[64];
    rl_baseline b, again;
    rl_error err = {0};
    assert_non_null(mkdtemp(dir));
    snprintf(sub, sizeof sub, "%s/box-1", dir);
    snprintf(path, sizeof path, "%s/gemv.json", sub);
    fill(&b);
    if (rl_baseline_write(&b, path, &err) != RL_OK) fail_msg("%s", err.text);
    if (rl_baseline_read(&again, path, &err) != RL_OK) fail_msg("%s", err.text);
    const rl_baseline_row *z = rl_baseline_find(&again, "z", "real_time"),
                          *a = rl_baseline_find(&again, "a", "rate");
    assert_true(z != NULL && z->n == 8 && z->launches[5] == 300 && z->median == 235 && isnan(z->within));
    assert_true(z->session[5] == 0 && z->control[5] == 3.33333e9 && z->session[7] == 1 &&
                z->control[7] == 2.4e9);
    assert_true(fabs(z->beta - 1) < 0.02 && z->beta <= 1); /* the readings go as one over the times */
    assert_string_equal(z->note, "a \"note\"");
    assert_true(a != NULL && a->higher && a->launches[0] == 0.333333 && a->within == 0.5 && a->note == NULL);
    assert_string_equal(z->control_of, "read_bw");
    assert_true(a->s_w == 0.25 && a->s_b == 0 && fabs(a->s_s - log(3) / sqrt(2)) < 1e-6 &&
                a->control == NULL);
    assert_string_equal(again.machine.parts[0].value, "A \"quoted\" CPU");
    assert_string_equal(again.args[0], "--a=\"b\"");
    assert_string_equal(again.reason, "why not");
    assert_true(again.n_sessions == 2 && isnan(again.sessions[0].load) &&
                again.sessions[0].contaminated == 0.25);
    assert_true(again.sessions[1].load == 0.5 && again.sessions[1].launches == 3);
    assert_true(again.n_code == 1 && strcmp(again.code[0].value, "ff") == 0);
    assert_string_equal(rl_baseline_gone(&again, "y"), "renamed \"z\"");
    rl_baseline_free(&again);
    rl_baseline_free(&b);

    /* The text itself: stable, one line a row, sorted, six digits. */
    char *text;
    size_t n;
    assert_int_equal(rl_file_read(path, 1 << 16, &text, &n, &err), RL_OK);
    util_assert_contains(
        text, "\"rows\": [\n    {\"name\":\"a\",\"metric\":\"rate\",\"better\":\"higher\",\"median\":1,"
              "\"within\":0.5,\"between\":0.666667,\"s_w\":0.25,\"s_b\":0,\"s_s\":0.776837,"
              "\"launches\":[[1,1,1,1,1],[0.333333,0.333333,0.333333]]},\n    {\"name\":\"z\",");
    util_assert_contains(
        text, "\"launches\":[[100,120,200,250,300],[220,320,420]],\"control\":[[10000000000,8400000000,");
    util_assert_contains(
        text, "\n    \"sessions\": [\n      {\"timestamp\":\"2026-08-22T09:00:00Z\",\"launches\":5,"
              "\"contaminated\":0.25},\n      {");
    util_assert_contains(text,
                         "\n  },\n  \"code\": {\n    \"common\": \"ff\"\n  },\n  \"gone\": {\n    \"y\":");
    free(text);
    unlink(path);
    rmdir(sub);
    assert_int_equal(rmdir(dir), 0); /* nothing else was left */
}

static void a_baseline_that_cannot_be_written_leaves_the_old_one(void **state)
{
    (void)state;
    rl_baseline b;
    rl_error err = {0};
    fill(&b);
    assert_int_equal(rl_baseline_write(&b, "/proc/nothing/gemv.json", &err), RL_ERR_IO);
    rl_baseline_free(&b);
}

static void values_keep_six_digits(void **state)
{
    (void)state;
    assert_true(rl_baseline_round(41210.6789) == 41210.7);
    assert_true(rl_baseline_round(1.23456789e-9) == 1.23457e-9);
    assert_true(rl_baseline_round(5) == 5);
}

/* ---- Which baseline may be used -------------------------------------------------------------------- */

static const rl_part two_cores = {"cores", "2"}, four_cores = {"cores", "4"};

static void fits(const rl_baseline *b, const char *says)
{
    static const char *args[] = {"--a"};
    rl_lane lane = {.name = "l", .bench = "b"};
    rl_origin origin = {.model = ""};
    rl_pool pool = {0};
    const char *reason;
    lane.full.args = args;
    lane.full.n_args = 1;
    origin.machine = (rl_machine){"m", &two_cores, 1};
    assert_int_equal(rl_baseline_fits(b, &lane, &origin, &pool, &reason), says[0] == '\0');
    util_assert_contains(reason, says);
    rl_pool_free(&pool);
}

static void a_baseline_must_be_of_the_same_lane_class_arguments_and_model(void **state)
{
    (void)state;
    const char *args[] = {"--a"}, *other_args[] = {"--b"};
    rl_baseline same = {.lane = "l", .bench = "b", .args = args, .n_args = 1, .model = ""}, b;
    same.machine = (rl_machine){"m", &two_cores, 1};
    fits(&same, "");
    b = same, b.lane = "x";
    fits(&b, "it is of lane x, not l");
    b = same, b.machine = (rl_machine){"n", &four_cores, 1};
    fits(&b, "it is of class n, the samples are of m (cores: 4, here 2)");
    b = same, b.machine = (rl_machine){"n", &two_cores, 1};
    fits(&b, "it is of class n, the samples are of m (made of the same parts)");
    b = same, b.machine = (rl_machine){"m", &four_cores, 1};
    fits(&b, "class m is made of other parts there: cores: 4, here 2");
    b = same, b.bench = "c";
    fits(&b, "bench or arguments have changed");
    b = same, b.args = other_args;
    fits(&b, "bench or arguments have changed");
    b = same, b.n_args = 0;
    fits(&b, "bench or arguments have changed");
    b = same, b.model = "12-ab";
    fits(&b, "it was measured with model 12-ab, the samples with none");
}

/* ---- How old it may be ----------------------------------------------------------------------------- */

static void a_baseline_may_not_be_older_than_its_lane_allows(void **state)
{
    (void)state;
    static const struct {
        int64_t later; /* than it was made */
        const char *says;
    } cases[] = {
        {0,                          ""                                                             },
        {30 * RL_DATE_DAY,           ""                                                             },
        {30 * RL_DATE_DAY + 1,       "it was measured on 2026-08-22, 30 days ago"                   },
        {400 * (int64_t)RL_DATE_DAY, "400 days ago, and lane l wants none older than 30: renew it with "
                                     "`ridgeline recalibrate l`"},
        {-RL_DATE_DAY,               ""                                                             },
        {-RL_DATE_DAY - 1,           "it is dated 2026-08-22T10:00:00Z, which is still to come"     },
    };
    const rl_lane lane = {.name = "l", .stale_after_days = 30};
    const rl_baseline b = {.timestamp = "2026-08-22T10:00:00Z"};
    int64_t made;
    assert_true(rl_date_read(b.timestamp, &made));
    for (size_t i = 0; i < RL_COUNT(cases); i++) {
        rl_pool pool = {0};
        const char *reason;
        if (rl_baseline_fresh(&b, &lane, made + cases[i].later, &pool, &reason) != (cases[i].says[0] == '\0'))
            fail_msg("case %zu: '%s'", i, reason);
        util_assert_contains(reason, cases[i].says);
        rl_pool_free(&pool);
    }
}

static void times_are_read_as_the_calendar_has_them(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t seconds; /* -1: refused */
    } cases[] = {
        {"1970-01-01",                0         },
        {"1970-01-01T00:00:01Z",      1         },
        {"2000-02-29",                951782400 },
        {"2024-02-29T23:59:59Z",      1709251199},
        {"2026-08-22T10:00:00Z",      1787392800},
        {"2026-08-22T12:00:00+02:00", 1787392800},
        {"2026-08-22T04:30:00-05:30", 1787392800},
        {"2100-03-01",                4107542400},
        {"2026-02-29",                -1        },
        {"2100-02-29",                -1        },
        {"2026-13-01",                -1        },
        {"2026-00-01",                -1        },
        {"2026-01-00",                -1        },
        {"2026-1-01",                 -1        },
        {"1969-12-31",                -1        },
        {"2026-08-22 10:00:00",       -1        },
        {"2026-08-22T24:00:00Z",      -1        },
        {"2026-08-22T10:00:00",       -1        },
        {"2026-08-22T10:00:00Zx",     -1        },
        {"2026-08-22x",               -1        },
        {"",                          -1        },
    };
    for (size_t i = 0; i < RL_COUNT(cases); i++) {
        int64_t seconds = 0;
        char text[RL_DATE_MAX], again[RL_DATE_MAX];
        const bool read = rl_date_read(cases[i].text, &seconds);
        if (read != (cases[i].seconds >= 0) || (read && seconds != cases[i].seconds))
            fail_msg("'%s' is read as %d, %lld", cases[i].text, read, (long long)seconds);
        if (!read) continue;
        int64_t back;
        assert_true(rl_date_read(rl_date_text(seconds, text), &back) && back == seconds);
        assert_string_equal(rl_date_text(back, again), text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_found_by_name_and_metric),
        cmocka_unit_test(whatever_is_wrong_is_named_with_its_place),
        cmocka_unit_test(another_schema_is_told_apart_from_a_broken_file),
        cmocka_unit_test(a_baseline_cut_anywhere_is_refused),
        cmocka_unit_test(every_byte_may_be_anything),
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(a_baseline_that_cannot_be_written_leaves_the_old_one),
        cmocka_unit_test(values_keep_six_digits),
        cmocka_unit_test(a_baseline_must_be_of_the_same_lane_class_arguments_and_model),
        cmocka_unit_test(a_baseline_may_not_be_older_than_its_lane_allows),
        cmocka_unit_test(times_are_read_as_the_calendar_has_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
