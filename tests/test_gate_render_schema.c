/* test_gate_render_schema.c - docs/verdict.schema.json and verdict.json say the same: whatever is written is valid by
 * the schema, and whatever the schema knows is written by some verdict. */
#include "util_verdict.h"

#include "base/file.h"
#include "gate/render.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- The part of JSON Schema 2020-12 that the file uses; any other keyword fails the test ------------- */

typedef struct {
    char why[512]; /* the first thing that is not valid; "" */
    cJSON *seen;   /* an object whose keys are the properties that occurred: they are added */
} checker;

static void refuse(checker *c, const char *path, const char *what)
{
    if (c->why[0] == '\0') snprintf(c->why, sizeof c->why, "%s: %s", path, what);
}

static bool has_type(const cJSON *value, const char *type)
{
    if (strcmp(type, "object") == 0) return cJSON_IsObject(value);
    if (strcmp(type, "array") == 0) return cJSON_IsArray(value);
    if (strcmp(type, "string") == 0) return cJSON_IsString(value);
    if (strcmp(type, "boolean") == 0) return cJSON_IsBool(value);
    if (strcmp(type, "number") == 0) return cJSON_IsNumber(value);
    if (strcmp(type, "integer") == 0)
        return cJSON_IsNumber(value) && value->valuedouble == floor(value->valuedouble);
    fail_msg("unknown type %s", type);
    return false;
}

static bool is_one_of(const cJSON *value, const cJSON *list)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, list)
    {
        if (cJSON_Compare(item, value, true)) return true;
    }
    return false;
}

static void check(checker *c, const cJSON *schema, const cJSON *value, const char *path);

static void check_object(checker *c, const cJSON *schema, const cJSON *value, const char *path)
{
    char below[256];
    const cJSON *properties = cJSON_GetObjectItemCaseSensitive(schema, "properties"), *item;
    assert_true(cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(schema, "additionalProperties")));
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(schema, "required"))
    {
        snprintf(below, sizeof below, "%.200s.%.40s", path, item->valuestring);
        if (!cJSON_HasObjectItem(properties, item->valuestring)) refuse(c, below, "is required but unknown");
        if (cJSON_GetObjectItemCaseSensitive(value, item->valuestring) == NULL)
            refuse(c, below, "is missing");
    }
    cJSON_ArrayForEach(item, value)
    {
        snprintf(below, sizeof below, "%.200s.%.40s", path, item->string);
        const cJSON *known = cJSON_GetObjectItemCaseSensitive(properties, item->string);
        if (known == NULL)
            refuse(c, below, "is not in the schema");
        else
            check(c, known, item, below);
    }
}

static void check(checker *c, const cJSON *schema, const cJSON *value, const char *path)
{
    const cJSON *keyword, *item;
    if (!cJSON_HasObjectItem(c->seen, path)) cJSON_AddTrueToObject(c->seen, path);
    cJSON_ArrayForEach(keyword, schema)
    {
        const char *name = keyword->string;
        if (strcmp(name, "type") == 0) {
            if (!has_type(value, keyword->valuestring)) refuse(c, path, "is of another type");
        } else if (strcmp(name, "const") == 0) {
            if (!cJSON_Compare(keyword, value, true)) refuse(c, path, "is not the constant");
        } else if (strcmp(name, "enum") == 0) {
            if (!is_one_of(value, keyword)) refuse(c, path, "is none of the values");
        } else if (strcmp(name, "minimum") == 0) {
            if (!(value->valuedouble >= keyword->valuedouble)) refuse(c, path, "is too small");
        } else if (strcmp(name, "exclusiveMinimum") == 0) {
            if (!(value->valuedouble > keyword->valuedouble)) refuse(c, path, "is too small");
        } else if (strcmp(name, "maximum") == 0) {
            if (!(value->valuedouble <= keyword->valuedouble)) refuse(c, path, "is too large");
        } else if (strcmp(name, "properties") == 0) {
            check_object(c, schema, value, path);
        } else if (strcmp(name, "items") == 0) {
            cJSON_ArrayForEach(item, value) check(c, keyword, item, path);
        } else if (strcmp(name, "required") != 0 && strcmp(name, "additionalProperties") != 0 &&
                   strcmp(name, "description") != 0 && strcmp(name, "title") != 0 &&
                   strcmp(name, "$schema") != 0) {
            fail_msg("the schema has '%s', which this test does not know", name);
        }
    }
}

/* ---- Tests ------------------------------------------------------------------------------------------ */

static cJSON *schema_of_the_project(void)
{
    char *text;
    size_t n;
    rl_error err;
    if (rl_file_read(RL_DOCS "/verdict.schema.json", 1 << 20, &text, &n, &err) != RL_OK)
        fail_msg("%s", err.text);
    cJSON *schema = cJSON_Parse(text);
    free(text);
    assert_non_null(schema);
    return schema;
}

static cJSON *written(const rl_verdict_set *v)
{
    char path[64];
    rl_error err;
    char *text = UTIL_RENDERED(path, rl_render_json(v, path, &err));
    cJSON *root = cJSON_Parse(text);
    free(text);
    assert_non_null(root);
    return root;
}

static void assert_valid(const cJSON *schema, const rl_verdict_set *v, cJSON *seen)
{
    cJSON *root = written(v);
    checker c = {.seen = seen};
    check(&c, schema, root, "$");
    if (c.why[0] != '\0') fail_msg("%s", c.why);
    cJSON_Delete(root);
}

/* Every property, however deep, occurred. */
static void assert_all_seen(const cJSON *schema, const cJSON *seen, const char *path)
{
    const cJSON *item, *items = cJSON_GetObjectItemCaseSensitive(schema, "items");
    char below[256];
    if (items != NULL) assert_all_seen(items, seen, path);
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(schema, "properties"))
    {
        snprintf(below, sizeof below, "%.200s.%.40s", path, item->string);
        if (!cJSON_HasObjectItem(seen, below)) fail_msg("no verdict has %s", below);
        assert_all_seen(item, seen, below);
    }
}

static void whatever_is_written_is_valid_and_all_of_the_schema_is_written(void **state)
{
    (void)state;
    cJSON *schema = schema_of_the_project(), *seen = cJSON_CreateObject();
    rl_verdict_set v;
    rl_verdict_open(&v, "empty", true);
    rl_verdict_close(&v);
    assert_valid(schema, &v, seen);
    rl_verdict_free(&v);
    for (int with = 0; with < 2; with++) {
        util_verdict_fill(&v, "gemv", with == 1);
        assert_valid(schema, &v, seen);
        rl_verdict_problem(&v, "a problem");
        rl_verdict_close(&v);
        assert_valid(schema, &v, seen);
        rl_verdict_free(&v);
    }
    assert_all_seen(schema, seen, "$");
    cJSON_Delete(seen);
    cJSON_Delete(schema);
}

/* What even an empty verdict has, no reader need do without. */
static void what_is_always_written_is_required(void **state)
{
    (void)state;
    static const char *const objects[] = {"", "baseline", "summary"};
    cJSON *schema = schema_of_the_project();
    rl_verdict_set v;
    rl_verdict_open(&v, "empty", true);
    rl_verdict_close(&v);
    cJSON *root = written(&v);
    for (size_t i = 0; i < RL_COUNT(objects); i++) {
        const cJSON *at = schema, *value = root, *item;
        if (i > 0) {
            at = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(schema, "properties"),
                                                  objects[i]);
            value = cJSON_GetObjectItemCaseSensitive(root, objects[i]);
        }
        const cJSON *required = cJSON_GetObjectItemCaseSensitive(at, "required");
        cJSON_ArrayForEach(item, value)
        {
            cJSON *key = cJSON_CreateString(item->string);
            if (!is_one_of(key, required)) fail_msg("%s.%s is not required", objects[i], item->string);
            cJSON_Delete(key);
        }
    }
    cJSON_Delete(root);
    rl_verdict_free(&v);
    cJSON_Delete(schema);
}

static void every_verdict_state_and_exit_code_is_in_the_schema(void **state)
{
    (void)state;
    cJSON *schema = schema_of_the_project(), *seen = cJSON_CreateObject();
    rl_verdict_set v;
    for (int i = 0; i < RL_VERDICTS; i++) {
        util_verdict_fill(&v, "gemv", false);
        rl_verdict_add(&v, "k", &util_relative, (rl_verdict)i);
        rl_verdict_close(&v);
        assert_valid(schema, &v, seen);
        rl_verdict_free(&v);
    }
    for (int i = RL_BASELINE_USED; i < RL_BASELINE_STATES; i++) {
        util_verdict_fill(&v, "gemv", false);
        v.baseline_state = (rl_baseline_state)i;
        rl_verdict_close(&v);
        assert_valid(schema, &v, seen);
        rl_verdict_free(&v);
    }
    cJSON_Delete(seen);
    cJSON_Delete(schema);
}

/* The checker above is worth something only if it refuses. */
static void what_the_schema_does_not_allow_is_found(void **state)
{
    (void)state;
    cJSON *schema = schema_of_the_project();
    static const struct {
        const char *key, *json, *says; /* json NULL: taken out */
    } cases[] = {
        {"lane",      NULL,     "$.lane: is missing"           },
        {"extra",     "1",      "$.extra: is not in the schema"},
        {"exit_code", "4",      "$.exit_code: is none of"      },
        {"schema",    "2",      "$.schema: is not the constant"},
        {"dirty",     "\"no\"", "$.dirty: is of another type"  },
        {"problems",  "[1]",    "$.problems: is of another"    },
    };
    rl_verdict_set v;
    util_verdict_fill(&v, "gemv", true);
    for (size_t i = 0; i < RL_COUNT(cases); i++) {
        cJSON *root = written(&v), *seen = cJSON_CreateObject();
        cJSON_DeleteItemFromObjectCaseSensitive(root, cases[i].key);
        if (cases[i].json != NULL) cJSON_AddItemToObject(root, cases[i].key, cJSON_Parse(cases[i].json));
        checker c = {.seen = seen};
        check(&c, schema, root, "$");
        util_assert_contains(c.why, cases[i].says);
        cJSON_Delete(seen);
        cJSON_Delete(root);
    }
    rl_verdict_free(&v);
    cJSON_Delete(schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_is_written_is_valid_and_all_of_the_schema_is_written),
        cmocka_unit_test(what_is_always_written_is_required),
        cmocka_unit_test(every_verdict_state_and_exit_code_is_in_the_schema),
        cmocka_unit_test(what_the_schema_does_not_allow_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
