/* utf8.h - characters as UTF-8 spells them (RFC 3629: no surrogates, no overlong forms, up to U+10FFFF). */
#ifndef RL_UTF8_H
#define RL_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Bytes that a character beginning with c takes; 0 where none begins with it. */
static inline size_t rl_utf8_expected(uint8_t c)
{
    if (c < 0x80) return 1;
    if (c < 0xc2) return 0; /* a continuation, or only overlong forms */
    return c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0;
}

/* How many of the n >= 1 bytes at p agree with a character, up to its full length; 0 where none begins there. */
static inline size_t rl_utf8_agree(const char *p, size_t n)
{
    const uint8_t *b = (const uint8_t *)p;
    const size_t want = rl_utf8_expected(b[0]);
    size_t have = want > 0 ? 1 : 0;
    /* The second byte also rules out overlong forms (E0, F0), surrogates (ED) and what is too large (F4). */
    const uint8_t low = b[0] == 0xe0 ? 0xa0 : b[0] == 0xf0 ? 0x90 : 0x80;
    const uint8_t high = b[0] == 0xed ? 0x9f : b[0] == 0xf4 ? 0x8f : 0xbf;
    if (have < want && have < n && b[1] >= low && b[1] <= high) have++;
    while (have >= 2 && have < want && have < n && (b[have] & 0xc0) == 0x80) have++;
    return have;
}

/* Length of the well-formed character at p, of n >= 1 bytes; 0 where there is none. */
static inline size_t rl_utf8_length(const char *p, size_t n)
{
    const size_t want = rl_utf8_expected((uint8_t)p[0]);
    return want != 0 && rl_utf8_agree(p, n) == want ? want : 0;
}

/* Whether no character of text [n] lies across place `at`, 0 to n: every byte of none is one by itself. */
static inline int rl_utf8_boundary(const char *text, size_t n, size_t at)
{
    if (at >= n || ((uint8_t)text[at] & 0xc0) != 0x80) return 1;
    for (size_t back = 1; back <= 3 && back <= at; back++)
        if (rl_utf8_length(text + at - back, n - at + back) > back) return 0;
    return 1;
}

/* Length of the character that ends at `at` > 0, a boundary of text; 0 for a byte of none. */
static inline size_t rl_utf8_length_before(const char *text, size_t at)
{
    for (size_t back = 1; back <= 4 && back <= at; back++)
        if (rl_utf8_length(text + at - back, back) == back) return back;
    return 0;
}

/* The code point of a well-formed character of that length. */
static inline uint32_t rl_utf8_code(const char *p, size_t length)
{
    const uint8_t *b = (const uint8_t *)p;
    uint32_t code = length == 1 ? b[0] : b[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) code = code << 6 | (b[i] & 0x3fu);
    return code;
}

/* Spells a code point; returns the length. */
static inline size_t rl_utf8_put(uint32_t code, char out[4])
{
    const size_t length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const uint8_t lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = length; i-- > 1; code >>= 6) out[i] = (char)(0x80 | (code & 0x3f));
    out[0] = (char)(lead[length] | code);
    return length;
}

/* Bytes at the end of p [n] that begin a character and do not complete it: 0 to 3. */
static inline size_t rl_utf8_unfinished(const char *p, size_t n)
{
    for (size_t back = 1; back <= 3 && back <= n; back++) {
        const char *lead = p + n - back;
        if (((uint8_t)*lead & 0xc0) == 0x80) continue;
        return rl_utf8_agree(lead, back) == back && rl_utf8_expected((uint8_t)*lead) > back ? back : 0;
    }
    return 0;
}

#endif
