/* util_text.c - variants of texts. */
#include "util_text.h"

#include <stdlib.h>
#include <string.h>

char *util_replaced(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    if (at == NULL) fail_msg("'%s' is not in the text to be changed", from);
    size_t before = (size_t)(at - text), length = strlen(text) - strlen(from) + strlen(to);
    char *out = malloc(length + 1);
    assert_non_null(out);
    memcpy(out, text, before);
    memcpy(out + before, to, strlen(to));
    strcpy(out + before + strlen(to), at + strlen(from));
    return out;
}

void util_assert_contains(const char *text, const char *part)
{
    if (strstr(text, part) == NULL) fail_msg("expected '%s' in '%s'", part, text);
}
