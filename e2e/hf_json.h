/* hf_json.h - reading a JSON file that nobody vouches for: cJSON, with every look into the tree checked and every
 * refusal in words. Inside e2e/ only. */
#ifndef RL_HF_JSON_H
#define RL_HF_JSON_H

#include "base/status.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct {
    const char *name; /* of the file, for messages */
    rl_error *err;
} rl_hf_file;

/* Parses text [n_bytes]. Refused, as cJSON would let them pass or cut them off in silence: bytes that are no UTF-8,
 * the character NUL, raw or escaped, and anything but blanks after the document. The tree is the caller's. */
rl_status rl_hf_parse(const rl_hf_file *f, const char *text, size_t n_bytes, cJSON **root);

typedef enum { RL_HF_OBJECT, RL_HF_ARRAY, RL_HF_STRING, RL_HF_NUMBER, RL_HF_BOOL } rl_hf_kind;
const char *rl_hf_kind_name(const cJSON *item); /* "an object", "null" ... */

/* The member `key` of an object that messages call `place` ("" for the file itself). Absent and null are the same: an
 * error where it is required, else *out is NULL. An error also: another kind, and a key that is there twice. One walk
 * over the object, whatever its size. */
typedef enum { RL_HF_OPTIONAL, RL_HF_REQUIRED } rl_hf_need;
rl_status rl_hf_get(const rl_hf_file *f, const cJSON *object, const char *place, const char *key,
                    rl_hf_need need, rl_hf_kind kind, const cJSON **out);

/* The same of a truth value; *out keeps what it holds where there is none. */
rl_status rl_hf_get_bool(const rl_hf_file *f, const cJSON *object, const char *place, const char *key,
                         bool *out);

/* The same of any kind. */
rl_status rl_hf_get_any(const rl_hf_file *f, const cJSON *object, const char *place, const char *key,
                        const cJSON **out);

/* The "type" of a component such as a normalizer, which must be an object: its text to *type. */
rl_status rl_hf_type(const rl_hf_file *f, const cJSON *component, const char *place, const char **type);

/* A whole number below `limit`. */
rl_status rl_hf_id(const rl_hf_file *f, const cJSON *item, const char *place, size_t limit, uint32_t *out);

#endif
