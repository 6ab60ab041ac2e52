/* util_text.h - making variants of a text, and looking for words in another. */
#ifndef UTIL_TEXT_H
#define UTIL_TEXT_H

#include "util_guard.h"

/* text with the first `from` replaced by `to`; fails the test where there is none. Freed with free(). */
char *util_replaced(const char *text, const char *from, const char *to);

/* Fails the test, showing both, where `part` is not in `text`. */
void util_assert_contains(const char *text, const char *part);

/* A variant of a text, and what must be said about it. */
typedef struct {
    const char *from, *to, *says;
} util_variant;

#endif
