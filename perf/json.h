/* json.h - adding to JSON documents so that they stay JSON: text of any bytes, numbers that may not be.
 * Not installed: perf's and tools' own. */
#ifndef RL_JSON_H
#define RL_JSON_H

#include <cjson/cJSON.h>
#include <stdbool.h>

/* Bytes that are not printable ASCII become \xNN. NULL is left out. */
void rl_json_text(cJSON *object, const char *key, const char *text);

/* What is not finite is left out: it was not measured. */
void rl_json_number(cJSON *object, const char *key, double x);

/* The same where the key must be there: 0 in its place. */
void rl_json_time(cJSON *object, const char *key, double x);

/* Prints and deletes the document, with a newline at the end; NULL for NULL or without memory. Freed with
 * rl_json_free. */
char *rl_json_print(cJSON *document);
void rl_json_free(char *text);

#endif
