/* token_text.h - texts and ids as the tokenize commands read and write them. */
#ifndef RL_TOKEN_TEXT_H
#define RL_TOKEN_TEXT_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* ---- JSON strings, and bytes in hexadecimal ---- */

/* Turns a line that holds one JSON string, blanks around it let be, into the text it stands for, in place: *text and
 * *n_bytes are the line's before, the text's after. \u0000 is a byte 0. NULL, or what is wrong with it: also bytes that
 * are no UTF-8, and halves of surrogate pairs. */
const char *rl_json_unquote(char **text, size_t *n_bytes);

/* The same for a line of two hexadecimal digits a byte, which holds what JSON cannot: bytes that are no UTF-8. */
const char *rl_hex_unquote(char **text, size_t *n_bytes);

/* Writes text as a JSON string. A byte that is no part of a character is written as a byte piece spells it (<0xNN>)
 * where `spell` is set, else as U+FFFD. */
void rl_json_quote(FILE *out, const char *text, size_t n_bytes, bool spell);

/* Writes text so that a line shows all of it: characters as they are, control characters, backslashes and bytes that
 * are no part of a character escaped (\n, \t, \\, \xNN). */
void rl_put_visible(FILE *out, const char *text, size_t n_bytes);

void rl_put_number(FILE *out, size_t number);

/* ---- Ids ---- */

typedef struct {
    uint32_t *data; /* owned, by malloc */
    size_t n, room;
} rl_ids;

/* Reads ids into `ids`, whose earlier ones go: whole numbers with blanks between them, a JSON array of them, or a JSON
 * object whose member "ids" is one. All are below `limit`. `name` stands for the text in messages. RL_ERR_FORMAT with
 * the byte, what was found and what is allowed; RL_ERR_MEMORY. */
rl_status rl_ids_read(rl_ids *ids, const char *text, size_t n_bytes, const char *name, size_t limit,
                      rl_error *err);
void rl_ids_free(rl_ids *ids);

#endif
