/* json.c - adding to JSON documents so that they stay JSON. */
#include "perf/json.h"
#include "base/status.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void rl_json_text(cJSON *object, const char *key, const char *text)
{
    if (text == NULL) return;
    size_t n = strlen(text), size = 4 * n + 8;
    char *clean = malloc(size);
    if (clean == NULL) return;
    cJSON_AddStringToObject(object, key, rl_printable(clean, size, text, n));
    free(clean);
}

void rl_json_number(cJSON *object, const char *key, double x)
{
    if (isfinite(x)) cJSON_AddNumberToObject(object, key, x);
}

void rl_json_time(cJSON *object, const char *key, double x)
{
    cJSON_AddNumberToObject(object, key, isfinite(x) ? x : 0);
}

char *rl_json_print(cJSON *document)
{
    char *text = document != NULL ? cJSON_Print(document) : NULL;
    cJSON_Delete(document);
    if (text == NULL) return NULL;
    size_t n = strlen(text);
    char *line = realloc(text, n + 2); /* cJSON's default allocator is malloc */
    if (line == NULL) {
        free(text);
        return NULL;
    }
    memcpy(line + n, "\n", 2);
    return line;
}

void rl_json_free(char *text) { free(text); }
