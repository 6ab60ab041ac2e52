/* node.c - cJSON, made strict. */
#include "gate/node.h"
#include "base/file.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void rl_node_refuse(const rl_node *n, const char *fmt, ...)
{
    rl_document *d = n->document;
    if (d->error.status != RL_OK) return;
    char text[384];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    rl_fail(&d->error, RL_ERR_FORMAT, "%.200s: %s: %s", d->file, n->path, text);
}

/* A child's place in words: key for members, index for items. */
static rl_node child(const rl_node *parent, const cJSON *value, const char *key, size_t index)
{
    rl_node n = {.document = parent->document, .value = value, .index = index};
    char shown[64];
    if (key != NULL)
        snprintf(n.path, sizeof n.path, "%.120s.%s", parent->path,
                 rl_printable(shown, sizeof shown, key, strlen(key)));
    else
        snprintf(n.path, sizeof n.path, "%.150s[%zu]", parent->path, index);
    return n;
}

static void check(const rl_node *n, size_t depth);

static void check_members(const rl_node *n, size_t depth)
{
    size_t count = 0;
    const cJSON *member;
    cJSON_ArrayForEach(member, n->value)
    {
        rl_node at = child(n, member, member->string, 0);
        if (++count > RL_JSON_KEYS_MAX) {
            rl_node_refuse(n, "more than %d keys", (int)RL_JSON_KEYS_MAX);
            return;
        }
        for (const cJSON *before = n->value->child; before != member; before = before->next)
            if (strcmp(before->string, member->string) == 0) rl_node_refuse(&at, "the key stands here twice");
        check(&at, depth);
    }
}

/* Everything that cJSON lets pass and we do not. */
static void check(const rl_node *n, size_t depth)
{
    if (n->document->error.status != RL_OK) return;
    if (depth > RL_JSON_DEPTH_MAX) {
        rl_node_refuse(n, "nested deeper than %d", (int)RL_JSON_DEPTH_MAX);
    } else if (cJSON_IsObject(n->value)) {
        check_members(n, depth + 1);
    } else if (cJSON_IsArray(n->value)) {
        size_t i = 0;
        const cJSON *item;
        cJSON_ArrayForEach(item, n->value)
        {
            rl_node at = child(n, item, NULL, i++);
            check(&at, depth + 1);
        }
    } else if (cJSON_IsNumber(n->value)) {
        if (!isfinite(n->value->valuedouble)) rl_node_refuse(n, "the number is too large");
    } else if (cJSON_IsString(n->value)) {
        size_t length = strlen(n->value->valuestring);
        if (length > RL_JSON_TEXT_MAX) rl_node_refuse(n, "text longer than %d bytes", (int)RL_JSON_TEXT_MAX);
        for (const char *c = n->value->valuestring; *c != '\0'; c++)
            if (*c < 0x20 || *c > 0x7e)
                rl_node_refuse(n, "byte 0x%02x in text, expected printable ASCII", (unsigned char)*c);
    }
}

static size_t line_of(const char *data, const char *at)
{
    size_t line = 1;
    for (const char *c = data; c < at; c++) line += *c == '\n';
    return line;
}

void rl_document_parse(rl_document *d, const char *file, const char *data, size_t n)
{
    *d = (rl_document){.file = file};
    if (n > RL_JSON_BYTES_MAX) {
        rl_fail(&d->error, RL_ERR_FORMAT, "%.200s: longer than %d bytes", file, (int)RL_JSON_BYTES_MAX);
        return;
    }
    if (memchr(data, '\0', n) != NULL || strstr(data, "\\u0000") != NULL) { /* text would end there, unseen */
        rl_fail(&d->error, RL_ERR_FORMAT, "%.200s: a zero byte, or an escape that stands for one", file);
        return;
    }
    const char *end = data;
    d->root = cJSON_ParseWithLengthOpts(data, n, &end, false);
    if (d->root == NULL) {
        if (end > data + n) end = data + n;
        rl_fail(&d->error, RL_ERR_FORMAT, "%.200s: line %zu: not JSON%s", file, line_of(data, end),
                end == data + n ? ", or cut off" : "");
        return;
    }
    end += strspn(end, " \t\r\n");
    if (end != data + n)
        rl_fail(&d->error, RL_ERR_FORMAT, "%.200s: line %zu: something follows the end of the document", file,
                line_of(data, end));
    rl_node root = rl_node_root(d);
    check(&root, 1);
}

void rl_document_read(rl_document *d, const char *path)
{
    char *data = NULL;
    size_t n = 0;
    rl_error why;
    if (rl_file_read(path, RL_JSON_BYTES_MAX, &data, &n, &why) == RL_OK)
        rl_document_parse(d, path, data, n);
    else
        *d = (rl_document){.file = path, .error = why};
    free(data);
}

rl_status rl_document_close(rl_document *d, rl_error *err)
{
    cJSON_Delete(d->root);
    d->root = NULL;
    if (d->error.status != RL_OK && err != NULL) *err = d->error;
    return d->error.status;
}

rl_node rl_node_root(rl_document *d) { return (rl_node){.document = d, .value = d->root, .path = "$"}; }

static bool failed(const rl_node *n) { return n->document->error.status != RL_OK || n->value == NULL; }

rl_node rl_node_find(const rl_node *object, const char *key)
{
    const cJSON *value = NULL;
    if (!failed(object)) {
        if (cJSON_IsObject(object->value))
            value = cJSON_GetObjectItemCaseSensitive(object->value, key);
        else
            rl_node_refuse(object, "expected an object");
    }
    return child(object, value, key, 0);
}

rl_node rl_node_at(const rl_node *object, const char *key)
{
    rl_node n = rl_node_find(object, key);
    if (!failed(object) && n.value == NULL) rl_node_refuse(&n, "is missing");
    return n;
}

size_t rl_node_count(const rl_node *array)
{
    if (failed(array)) return 0;
    if (!cJSON_IsArray(array->value)) {
        rl_node_refuse(array, "expected an array");
        return 0;
    }
    return (size_t)cJSON_GetArraySize(array->value);
}

rl_node rl_node_first(const rl_node *array)
{
    return child(array, rl_node_count(array) > 0 ? array->value->child : NULL, NULL, 0);
}

rl_node rl_node_next(const rl_node *array, const rl_node *item)
{
    return child(array, failed(item) ? NULL : item->value->next, NULL, item->index + 1);
}

const char *rl_node_text(const rl_node *n, rl_pool *pool)
{
    if (failed(n)) return "";
    if (!cJSON_IsString(n->value) || n->value->valuestring[0] == '\0') {
        rl_node_refuse(n, "expected text that is not empty");
        return "";
    }
    return rl_pool_copy(pool, n->value->valuestring, strlen(n->value->valuestring));
}

double rl_node_number(const rl_node *n, double least, double most)
{
    if (failed(n)) return least;
    if (!cJSON_IsNumber(n->value))
        rl_node_refuse(n, "expected a number");
    else if (!(n->value->valuedouble >= least && n->value->valuedouble <= most))
        rl_node_refuse(n, "is %g, expected a number from %g to %g", n->value->valuedouble, least, most);
    else
        return n->value->valuedouble;
    return least;
}

size_t rl_node_whole(const rl_node *n, size_t least, size_t most)
{
    double x = rl_node_number(n, (double)least, (double)most);
    if (!failed(n) && x != floor(x)) rl_node_refuse(n, "is %g, expected a whole number", x);
    return (size_t)x;
}

bool rl_node_bool(const rl_node *n)
{
    if (failed(n)) return false;
    if (!cJSON_IsBool(n->value)) rl_node_refuse(n, "expected true or false");
    return cJSON_IsTrue(n->value);
}

const char **rl_node_texts(const rl_node *array, rl_pool *pool, size_t *n)
{
    const char **texts = rl_pool_alloc(pool, (rl_node_count(array) + 1) * sizeof *texts);
    *n = 0;
    for (rl_node item = rl_node_first(array); item.value != NULL; item = rl_node_next(array, &item))
        texts[(*n)++] = rl_node_text(&item, pool);
    return texts;
}

/* "relative, floor or ceiling" */
static void list_words(char *out, size_t size, const char *const *words)
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; words[i] != NULL && used < size; i++) {
        const char *between = i == 0 ? "" : words[i + 1] == NULL ? " or " : ", ";
        int length = snprintf(out + used, size - used, "%s%s", between, words[i]);
        used += length > 0 ? (size_t)length : 0;
    }
}

size_t rl_node_word(const rl_node *n, const char *const *words)
{
    if (failed(n)) return 0;
    const char *text = cJSON_IsString(n->value) ? n->value->valuestring : "";
    for (size_t i = 0; words[i] != NULL; i++)
        if (strcmp(words[i], text) == 0) return i;
    char allowed[256], shown[64];
    list_words(allowed, sizeof allowed, words);
    rl_node_refuse(n, "is '%s', expected %s", rl_printable(shown, sizeof shown, text, strlen(text)), allowed);
    return 0;
}

void rl_node_keys(const rl_node *object, const char *const *allowed)
{
    if (failed(object)) return;
    if (!cJSON_IsObject(object->value)) {
        rl_node_refuse(object, "expected an object");
        return;
    }
    const cJSON *member;
    cJSON_ArrayForEach(member, object->value)
    {
        size_t i = 0;
        while (allowed[i] != NULL && strcmp(allowed[i], member->string) != 0) i++;
        if (allowed[i] != NULL) continue;
        char words[256];
        rl_node at = child(object, member, member->string, 0);
        list_words(words, sizeof words, allowed);
        rl_node_refuse(&at, "unknown key, expected %s", words);
        return;
    }
}
