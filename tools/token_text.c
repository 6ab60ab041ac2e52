/* token_text.c - JSON strings, bytes in hexadecimal, visible text, and numbers. */
#include "token_text.h"

#include "tokenizer/utf8.h"

#include <stdlib.h>
#include <string.h>

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/* ---- Reading a JSON string ---- */

/* The value of a hexadecimal digit; -1 where it is none. */
static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Four hexadecimal digits; -1 where there are none. */
static int32_t hex4(const char *p, const char *end)
{
    int32_t value = 0;
    if (end - p < 4) return -1;
    for (int i = 0; i < 4; i++) {
        const int digit = hex_digit(p[i]);
        if (digit < 0) return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* The code point of an escape \uXXXX, or of two that are a pair, whose digits begin at *p; -1 where it is none. */
static int32_t take_unicode(const char **p, const char *end)
{
    const int32_t first = hex4(*p, end);
    if (first < 0) return -1;
    *p += 4;
    if (first < 0xd800 || first > 0xdfff) return first;
    if (first > 0xdbff || end - *p < 6 || (*p)[0] != '\\' || (*p)[1] != 'u') return -1;
    const int32_t second = hex4(*p + 2, end);
    if (second < 0xdc00 || second > 0xdfff) return -1;
    *p += 6;
    return 0x10000 + (first - 0xd800) * 0x400 + (second - 0xdc00);
}

/* What follows a backslash at *p, to *out: never longer than it was. False where it is no escape. */
static bool take_escape(const char **p, const char *end, char **out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (*p == end) return false;
    const char c = *(*p)++;
    if (c == 'u') {
        char bytes[4]; /* not straight to *out, which may be where the digits are */
        const int32_t code = take_unicode(p, end);
        if (code < 0) return false;
        const size_t n = rl_utf8_put((uint32_t)code, bytes);
        memcpy(*out, bytes, n);
        *out += n;
        return true;
    }
    const char *found = c != '\0' ? strchr(from, c) : NULL;
    if (found == NULL) return false;
    *(*out)++ = to[found - from];
    return true;
}

const char *rl_json_unquote(char **text, size_t *n_bytes)
{
    const char *p = *text, *end = *text + *n_bytes;
    while (p < end && is_blank(*p)) p++;
    while (p < end && is_blank(end[-1])) end--;
    if (p == end || *p != '"') return "does not begin with a quotation mark";
    char *out = *text;
    for (p++; p < end && *p != '"';) {
        if ((uint8_t)*p < 0x20) return "holds a control character that is not escaped";
        if (*p == '\\') {
            p++;
            if (!take_escape(&p, end, &out)) return "holds an escape that is none";
            continue;
        }
        const size_t length = rl_utf8_length(p, (size_t)(end - p));
        if (length == 0) return "holds bytes that are no UTF-8";
        memmove(out, p, length);
        out += length;
        p += length;
    }
    if (p == end) return "does not end with a quotation mark";
    if (p + 1 != end) return "goes on after the string";
    *n_bytes = (size_t)(out - *text);
    return NULL;
}

/* ---- Reading hexadecimal ---- */

const char *rl_hex_unquote(char **text, size_t *n_bytes)
{
    const char *p = *text, *end = *text + *n_bytes;
    while (p < end && is_blank(*p)) p++;
    while (p < end && is_blank(end[-1])) end--;
    char *out = *text;
    for (; p < end; p += 2) {
        const int high = hex_digit(p[0]);
        if (high < 0) return "holds a character that is no hexadecimal digit";
        if (end - p == 1) return "has an odd number of hexadecimal digits";
        const int low = hex_digit(p[1]);
        if (low < 0) return "holds a character that is no hexadecimal digit";
        *out++ = (char)(high * 16 + low);
    }
    *n_bytes = (size_t)(out - *text);
    return NULL;
}

/* ---- Writing ---- */

void rl_json_quote(FILE *out, const char *text, size_t n_bytes, bool spell)
{
    putc('"', out);
    for (size_t at = 0, length; at<n_bytes; at += length> 0 ? length : 1) {
        const uint8_t c = (uint8_t)text[at];
        length = rl_utf8_length(text + at, n_bytes - at);
        if (length == 0 && spell)
            fprintf(out, "<0x%02X>", c);
        else if (length == 0)
            fputs("\xef\xbf\xbd", out);
        else if (c == '"' || c == '\\')
            putc('\\', out), putc(c, out);
        else if (c == '\n' || c == '\t' || c == '\r')
            putc('\\', out), putc(c == '\n' ? 'n' : c == '\t' ? 't' : 'r', out);
        else if (c < 0x20 || c == 0x7f)
            fprintf(out, "\\u%04x", c);
        else
            fwrite(text + at, 1, length, out);
    }
    putc('"', out);
}

void rl_put_visible(FILE *out, const char *text, size_t n_bytes)
{
    for (size_t at = 0, length; at<n_bytes; at += length> 0 ? length : 1) {
        const uint8_t c = (uint8_t)text[at];
        length = rl_utf8_length(text + at, n_bytes - at);
        const uint32_t code = length > 0 ? rl_utf8_code(text + at, length) : 0;
        if (c == '\\' || c == '\n' || c == '\t')
            putc('\\', out), putc(c == '\n' ? 'n' : c == '\t' ? 't' : c, out);
        else if (length == 2 && code < 0xa0) /* U+0080 to U+009F: terminals obey them */
            fprintf(out, "\\x%02x\\x%02x", c, (uint8_t)text[at + 1]);
        else if (length == 0 || code < 0x20 || code == 0x7f)
            fprintf(out, "\\x%02x", c);
        else
            fwrite(text + at, 1, length, out);
    }
}

void rl_put_number(FILE *out, size_t number)
{
    char digits[24], *p = digits + sizeof digits;
    do *--p = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    fwrite(p, 1, (size_t)(digits + sizeof digits - p), out);
}

/* ---- Reading ids ---- */

typedef struct {
    const char *text;
    size_t at, n;
    const char *name;
    size_t limit;
    rl_error *err;
} cursor;

static void skip_blanks(cursor *c)
{
    while (c->at < c->n && is_blank(c->text[c->at])) c->at++;
}

/* Takes one character, where it is the next but for blanks. */
static bool take(cursor *c, char what)
{
    skip_blanks(c);
    if (c->at == c->n || c->text[c->at] != what) return false;
    c->at++;
    return true;
}

static rl_status expected(const cursor *c, const char *what)
{
    char shown[32];
    const size_t left = c->n - c->at;
    return rl_fail(c->err, RL_ERR_FORMAT, "%s: byte %zu: found '%s', expected %s", c->name, c->at,
                   left > 0 ? rl_printable(shown, sizeof shown, c->text + c->at, left < 12 ? left : 12)
                            : "the end",
                   what);
}

static rl_status take_id(cursor *c, rl_ids *ids)
{
    const size_t from = c->at;
    uint64_t id = 0;
    for (; c->at < c->n && c->text[c->at] >= '0' && c->text[c->at] <= '9'; c->at++)
        if (id <= UINT32_MAX) id = id * 10 + (uint64_t)(c->text[c->at] - '0');
    if (c->at == from) return expected(c, "an id, a whole number");
    if (id >= c->limit) {
        char shown[32];
        return rl_fail(c->err, RL_ERR_FORMAT, "%s: byte %zu: id %zu is %s, allowed are 0 to %zu", c->name,
                       from, ids->n, rl_printable(shown, sizeof shown, c->text + from, c->at - from),
                       c->limit - 1);
    }
    if (ids->n == ids->room) {
        const size_t room = 2 * ids->room + 1024;
        uint32_t *more = realloc(ids->data, room * sizeof *more);
        if (more == NULL)
            return rl_fail(c->err, RL_ERR_MEMORY, "%s: out of memory for %zu ids", c->name, room);
        ids->data = more;
        ids->room = room;
    }
    ids->data[ids->n++] = (uint32_t)id;
    return RL_OK;
}

static rl_status take_plain(cursor *c, rl_ids *ids)
{
    rl_status status = RL_OK;
    for (skip_blanks(c); status == RL_OK && c->at < c->n; skip_blanks(c)) {
        status = take_id(c, ids);
        if (status == RL_OK && c->at < c->n && !is_blank(c->text[c->at]))
            return expected(c, "a blank after the id");
    }
    return status;
}

static rl_status take_array(cursor *c, rl_ids *ids)
{
    if (!take(c, '[')) return expected(c, "an array of ids");
    if (take(c, ']')) return RL_OK;
    for (;;) {
        skip_blanks(c);
        const rl_status status = take_id(c, ids);
        if (status != RL_OK) return status;
        if (take(c, ']')) return RL_OK;
        if (!take(c, ',')) return expected(c, "',' or ']' after the id");
    }
}

/* Over a string whose opening mark is taken; its length to *n. */
static rl_status skip_string(cursor *c, size_t *n)
{
    const size_t from = c->at;
    for (; c->at < c->n && c->text[c->at] != '"'; c->at++)
        if (c->text[c->at] == '\\' && c->n - c->at > 1) c->at++;
    *n = c->at - from;
    return take(c, '"') ? RL_OK : expected(c, "the end of a string");
}

/* Over a value that nobody asked for: brackets are counted, not matched. */
static rl_status skip_value(cursor *c)
{
    size_t depth = 0, n;
    do {
        if (take(c, '"')) {
            const rl_status status = skip_string(c, &n);
            if (status != RL_OK) return status;
        } else if (take(c, '[') || take(c, '{')) {
            depth++;
        } else if (depth > 0 && (take(c, ']') || take(c, '}'))) {
            depth--;
        } else if (depth == 0 || (!take(c, ',') && !take(c, ':'))) {
            const size_t from = c->at;
            while (c->at < c->n && strchr(",:[]{}\" \t\r\n", c->text[c->at]) == NULL) c->at++;
            if (c->at == from) return expected(c, "a value");
        }
    } while (depth > 0);
    return RL_OK;
}

static rl_status take_object(cursor *c, rl_ids *ids)
{
    bool found = false, more = !take(c, '}');
    while (more) {
        size_t length;
        if (!take(c, '"')) return expected(c, "a key");
        const char *key = c->text + c->at;
        rl_status status = skip_string(c, &length);
        if (status != RL_OK) return status;
        const bool is_ids = length == 3 && memcmp(key, "ids", 3) == 0;
        if (is_ids && found) return rl_fail(c->err, RL_ERR_FORMAT, "%s: \"ids\" is there twice", c->name);
        if (!take(c, ':')) return expected(c, "':' after the key");
        status = is_ids ? take_array(c, ids) : skip_value(c);
        if (status != RL_OK) return status;
        found = found || is_ids;
        more = take(c, ',');
        if (!more && !take(c, '}')) return expected(c, "',' or '}' after a member");
    }
    return found ? RL_OK : rl_fail(c->err, RL_ERR_FORMAT, "%s: an object without \"ids\"", c->name);
}

rl_status rl_ids_read(rl_ids *ids, const char *text, size_t n_bytes, const char *name, size_t limit,
                      rl_error *err)
{
    cursor c = {text, 0, n_bytes, name, limit, err};
    ids->n = 0;
    skip_blanks(&c);
    const char first = c.at < n_bytes ? text[c.at] : '\0';
    rl_status status;
    if (first == '[')
        status = take_array(&c, ids);
    else if (take(&c, '{'))
        status = take_object(&c, ids);
    else
        status = take_plain(&c, ids);
    skip_blanks(&c);
    return status == RL_OK && c.at < n_bytes ? expected(&c, "nothing more") : status;
}

void rl_ids_free(rl_ids *ids)
{
    free(ids->data);
    *ids = (rl_ids){0};
}
