/* hf_json.c - checked steps through a cJSON tree. */
#include "hf_json.h"

#include "tokenizer/utf8.h"

#include <string.h>

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/* A backslash is an escape wherever it may stand at all, so that strings need not be told from the rest here. */
static rl_status check_text(const rl_hf_file *f, const char *text, size_t n)
{
    for (size_t at = 0; at < n;) {
        const size_t length = rl_utf8_length(text + at, n - at);
        if (length == 0)
            return rl_fail(f->err, RL_ERR_FORMAT, "%s: byte %zu (0x%02x) is no UTF-8", f->name, at,
                           (uint8_t)text[at]);
        if (text[at] == '\0' || (n - at >= 6 && memcmp(text + at, "\\u0000", 6) == 0))
            return rl_fail(f->err, RL_ERR_FORMAT,
                           "%s: the character NUL at byte %zu, which no piece may hold", f->name, at);
        at += text[at] == '\\' && n - at >= 2 && (uint8_t)text[at + 1] < 0x80 && text[at + 1] != '\0'
                  ? 2
                  : length;
    }
    return RL_OK;
}

rl_status rl_hf_parse(const rl_hf_file *f, const char *text, size_t n_bytes, cJSON **root)
{
    const char *end = text;
    *root = NULL;
    const rl_status status = check_text(f, text, n_bytes);
    if (status != RL_OK) return status;
    *root = cJSON_ParseWithLengthOpts(text, n_bytes, &end, false);
    if (*root == NULL)
        return rl_fail(f->err, RL_ERR_FORMAT, "%s: not JSON at byte %zu", f->name, (size_t)(end - text));
    while (end < text + n_bytes && is_blank(*end)) end++;
    if (end == text + n_bytes && cJSON_IsObject(*root)) return RL_OK;
    if (!cJSON_IsObject(*root))
        rl_fail(f->err, RL_ERR_FORMAT, "%s: the document is %s, expected an object", f->name,
                rl_hf_kind_name(*root));
    else
        rl_fail(f->err, RL_ERR_FORMAT, "%s: more text after the document, at byte %zu", f->name,
                (size_t)(end - text));
    cJSON_Delete(*root);
    *root = NULL;
    return RL_ERR_FORMAT;
}

static const char *const kind_names[] = {"an object", "an array", "a string", "a number", "true or false"};

static int kind_of(const cJSON *item)
{
    switch (item->type & 0xff) {
    case cJSON_Object:
        return RL_HF_OBJECT;
    case cJSON_Array:
        return RL_HF_ARRAY;
    case cJSON_String:
        return RL_HF_STRING;
    case cJSON_Number:
        return RL_HF_NUMBER;
    case cJSON_True:
    case cJSON_False:
        return RL_HF_BOOL;
    }
    return -1;
}

const char *rl_hf_kind_name(const cJSON *item)
{
    const int kind = kind_of(item);
    return kind < 0 ? "null" : kind_names[kind];
}

/* What joins the place and the key in a message. */
static const char *dot(const char *place) { return place[0] != '\0' ? "." : ""; }

rl_status rl_hf_get_any(const rl_hf_file *f, const cJSON *object, const char *place, const char *key,
                        const cJSON **out)
{
    *out = NULL;
    bool found = false;
    for (const cJSON *item = object->child; item != NULL; item = item->next) {
        if (strcmp(item->string, key) != 0) continue;
        if (found)
            return rl_fail(f->err, RL_ERR_FORMAT, "%s: %s%s%s is there twice", f->name, place, dot(place),
                           key);
        found = true;
        if (!cJSON_IsNull(item)) *out = item;
    }
    return RL_OK;
}

rl_status rl_hf_get(const rl_hf_file *f, const cJSON *object, const char *place, const char *key,
                    rl_hf_need need, rl_hf_kind kind, const cJSON **out)
{
    const rl_status status = rl_hf_get_any(f, object, place, key, out);
    if (status != RL_OK) return status;
    if (*out == NULL && need == RL_HF_REQUIRED)
        return rl_fail(f->err, RL_ERR_FORMAT, "%s: %s%s%s is missing", f->name, place, dot(place), key);
    if (*out != NULL && kind_of(*out) != (int)kind)
        return rl_fail(f->err, RL_ERR_FORMAT, "%s: %s%s%s is %s, expected %s", f->name, place, dot(place),
                       key, rl_hf_kind_name(*out), kind_names[kind]);
    return RL_OK;
}

rl_status rl_hf_get_bool(const rl_hf_file *f, const cJSON *object, const char *place, const char *key,
                         bool *out)
{
    const cJSON *item;
    const rl_status status = rl_hf_get(f, object, place, key, RL_HF_OPTIONAL, RL_HF_BOOL, &item);
    if (status == RL_OK && item != NULL) *out = cJSON_IsTrue(item);
    return status;
}

rl_status rl_hf_type(const rl_hf_file *f, const cJSON *component, const char *place, const char **type)
{
    const cJSON *item;
    if (!cJSON_IsObject(component))
        return rl_fail(f->err, RL_ERR_FORMAT, "%s: %s is %s, expected an object", f->name, place,
                       rl_hf_kind_name(component));
    const rl_status status = rl_hf_get(f, component, place, "type", RL_HF_REQUIRED, RL_HF_STRING, &item);
    if (status == RL_OK) *type = item->valuestring;
    return status;
}

rl_status rl_hf_id(const rl_hf_file *f, const cJSON *item, const char *place, size_t limit, uint32_t *out)
{
    if (!cJSON_IsNumber(item))
        return rl_fail(f->err, RL_ERR_FORMAT, "%s: %s is %s, expected an id", f->name, place,
                       rl_hf_kind_name(item));
    const double id = item->valuedouble;
    if (!(id >= 0 && id < (double)limit) || (double)(uint32_t)id != id)
        return rl_fail(f->err, RL_ERR_FORMAT,
                       "%s: %s is the id %.17g, allowed are whole numbers from 0 to %zu", f->name, place, id,
                       limit - 1);
    *out = (uint32_t)id;
    return RL_OK;
}
