/* node.h - values in a JSON file that someone else wrote: read whole or not at all, and without doubt about
 * what it says.
 *
 * cJSON parses. What it lets pass is refused here: a key that occurs twice, a number that is not finite,
 * bytes after the end, text that is not printable ASCII, nesting or sizes beyond the limits below.
 *
 * Errors stick. The first one stays in the document with file and place, "lanes/gemv.json: $.gates[2].margin:
 * is 2, expected a number from 0.001 to 1"; every later call answers with something harmless ("", 0, no
 * items). So a reader asks for all it wants and looks at rl_document_close once. */
#ifndef RL_NODE_H
#define RL_NODE_H

#include "gate/pool.h"

#include <stdbool.h>

enum {
    RL_JSON_BYTES_MAX = 4 << 20,
    RL_JSON_DEPTH_MAX = 16,
    RL_JSON_KEYS_MAX = 256, /* of one object */
    RL_JSON_TEXT_MAX = 4096,
};

struct cJSON;

typedef struct {
    const char *file; /* borrowed, for messages */
    struct cJSON *root;
    rl_error error; /* status RL_OK: none so far */
} rl_document;

typedef struct {
    rl_document *document;
    const struct cJSON *value; /* NULL: not there */
    size_t index;              /* in its array */
    char path[192];            /* "$.gates[2].margin" */
} rl_node;

/* Parses n bytes, which end in a terminator beyond them, as rl_file_read hands them out. */
void rl_document_parse(rl_document *d, const char *file, const char *data, size_t n);
void rl_document_read(rl_document *d, const char *path);

/* Frees the document; returns the first error. Nodes are gone then, what was copied to a pool is not. */
rl_status rl_document_close(rl_document *d, rl_error *err);

rl_node rl_node_root(rl_document *d);
rl_node rl_node_find(const rl_node *object, const char *key); /* value NULL where there is none */
rl_node rl_node_at(const rl_node *object, const char *key);   /* an error where there is none */

/* An array's items in order:
 *     for (rl_node item = rl_node_first(&array); item.value != NULL; item = rl_node_next(&array, &item)) */
rl_node rl_node_first(const rl_node *array);
rl_node rl_node_next(const rl_node *array, const rl_node *item);
size_t rl_node_count(const rl_node *array);

/* The value, which must be of the kind, and in the range. Text is not empty; it is copied to the pool. */
const char *rl_node_text(const rl_node *n, rl_pool *pool);
double rl_node_number(const rl_node *n, double least, double most);
size_t rl_node_whole(const rl_node *n, size_t least, size_t most);
bool rl_node_bool(const rl_node *n);

/* An array of texts; *n of them. */
const char **rl_node_texts(const rl_node *array, rl_pool *pool, size_t *n);

/* One of `words`, a list that ends in NULL: its index. */
size_t rl_node_word(const rl_node *n, const char *const *words);

/* Must be an object without any key that is not in the list (which ends in NULL). */
void rl_node_keys(const rl_node *object, const char *const *allowed);

/* Records an error at this place. */
void rl_node_refuse(const rl_node *n, const char *fmt, ...) RL_PRINTF(2, 3);

#endif
