/* status.c - error sentences. */
#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

rl_status rl_fail(rl_error *err, rl_status status, const char *fmt, ...)
{
    if (err != NULL) {
        va_list ap;
        va_start(ap, fmt);
        err->status = status;
        vsnprintf(err->text, sizeof err->text, fmt, ap);
        va_end(ap);
    }
    return status;
}

const char *rl_printable(char *out, size_t out_size, const char *text, size_t n)
{
    size_t used = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        char piece[8];
        int len = c >= 0x20 && c < 0x7f ? snprintf(piece, sizeof piece, "%c", c)
                                        : snprintf(piece, sizeof piece, "\\x%02x", c);
        if (used + (size_t)len + 4 > out_size) { /* room for "..." and the terminator */
            if (used + 4 <= out_size) {
                memcpy(out + used, "...", 3);
                used += 3;
            }
            break;
        }
        memcpy(out + used, piece, (size_t)len);
        used += (size_t)len;
    }
    if (out_size > 0) out[used < out_size ? used : out_size - 1] = '\0';
    return out;
}
