/* tokenizer_finder.c - patterns in the order of their bytes: reading on narrows the range of those that still agree. */
#include "tokenizer/tokenizer_finder.h"

#include "base/mem.h"

#include <stdlib.h>

/* ---- Reading on ---- */

/* Patterns [low, high) agree with what was read, `depth` bytes. */
typedef struct {
    const rl_finder *f;
    size_t low, high, depth;
    uint32_t id; /* the one that is just complete, else RL_SYMBOL_NONE */
} reading;

static reading begin_reading(const rl_finder *f) { return (reading){f, 0, f->n, 0, RL_SYMBOL_NONE}; }

/* The first pattern of the range whose next byte is c or more. */
static size_t first_from(const reading *r, size_t low, unsigned c)
{
    size_t high = r->high;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if ((uint8_t)r->f->pattern[middle].text[r->depth] < c)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* False where no pattern goes on with c. */
static bool read_byte(reading *r, char c)
{
    if (r->low < r->high && r->f->pattern[r->low].bytes == r->depth) r->low++; /* the shortest is the first */
    if (r->high - r->low == 1) {                                               /* the usual case */
        if (r->f->pattern[r->low].text[r->depth] != c) return false;
    } else {
        r->low = first_from(r, r->low, (uint8_t)c);
        r->high = first_from(r, r->low, (uint8_t)c + 1u);
        if (r->low == r->high) return false;
    }
    r->depth++;
    r->id = r->f->pattern[r->low].bytes == r->depth ? r->f->pattern[r->low].id : RL_SYMBOL_NONE;
    return true;
}

static bool read_bytes(reading *r, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!read_byte(r, text[i])) return false;
    return true;
}

/* Reads what stands at text [n_bytes > 0]: a byte, or, marked, a character as normalization has it. */
static bool read_next(reading *r, const char *text, size_t n_bytes, size_t *step)
{
    *step = 1;
    if (!r->f->marked) return read_byte(r, text[0]);
    if (text[0] == ' ') return read_bytes(r, RL_SPACE_MARK, 3);
    const size_t length = rl_utf8_length(text, n_bytes);
    if (length == 0) return read_bytes(r, RL_REPLACEMENT, 3);
    *step = length;
    return read_bytes(r, text, length);
}

/* The longest pattern that text [at, end) begins with, after what was read: its end to *to. */
static uint32_t longest(reading r, const char *text, size_t at, size_t end, size_t *to)
{
    uint32_t id = RL_SYMBOL_NONE;
    for (size_t step; at < end && r.low < r.high; at += step) {
        if (!read_next(&r, text + at, end - at, &step)) break;
        if (r.id == RL_SYMBOL_NONE) continue;
        id = r.id;
        *to = at + step;
    }
    return id;
}

/* ---- Finding ---- */

/* The first place at or after `at` with a byte that a pattern can begin with; `end` where there is none. */
static size_t next_lead(const rl_finder *f, const char *text, size_t at, size_t end)
{
    if (f->n_leads == 1) {
        const char *found = at < end ? memchr(text + at, f->a_lead, end - at) : NULL;
        return found != NULL ? (size_t)(found - text) : end;
    }
    const uint8_t *b = (const uint8_t *)text;
    for (; end - at >= 4; at += 4)
        if (f->lead[b[at]] | f->lead[b[at + 1]] | f->lead[b[at + 2]] | f->lead[b[at + 3]]) break;
    while (at < end && !f->lead[b[at]]) at++;
    return at;
}

/* Goes back from *at over the finder's U+2581, not below `begin`, where one more may stand as the prefix. */
static bool back_over_marks(const rl_finder *f, const char *text, size_t begin, bool prefix, size_t *at,
                            bool *took)
{
    *took = false;
    for (size_t i = 0; i < f->marks; i++) {
        if (*at > begin && text[*at - 1] == ' ') {
            *at -= 1;
        } else if (*at >= begin + 3 && memcmp(text + *at - 3, RL_SPACE_MARK, 3) == 0) {
            *at -= 3;
        } else {
            if (*at != begin || !prefix || *took) return false;
            *took = true;
        }
    }
    return true;
}

bool rl_finder_next(const rl_finder *f, const char *text, size_t at, size_t end, bool prefix, rl_found *found)
{
    if (f->n == 0) return false;
    const size_t begin = at;
    if (f->ragged && prefix) {
        reading r = begin_reading(f);
        if (read_bytes(&r, RL_SPACE_MARK, 3))
            found->id = longest(r, text, at, end, &found->to);
        else
            found->id = RL_SYMBOL_NONE;
        found->from = at, found->took_prefix = true;
        if (found->id != RL_SYMBOL_NONE) return true;
    }
    for (; (at = next_lead(f, text, at, end)) < end; at++) {
        if (f->marked && !rl_utf8_boundary(text + begin, end - begin, at - begin)) continue;
        found->from = at;
        if (!back_over_marks(f, text, begin, prefix, &found->from, &found->took_prefix)) continue;
        found->id = longest(begin_reading(f), text, at, end, &found->to);
        if (found->id != RL_SYMBOL_NONE) return true;
    }
    return false;
}

bool rl_finder_crosses(const rl_finder *f, const char *text, size_t n_bytes, size_t at)
{
    if (f->n == 0) return false;
    size_t from = at > f->reach ? at - f->reach : 0, to;
    const size_t before =
        3 * f->marks; /* a piece begins at most so many bytes before its first other character */
    const size_t last = before < n_bytes - at ? at + before : n_bytes;
    for (; (from = next_lead(f, text, from, last)) < last; from++)
        if (longest(begin_reading(f), text, from, n_bytes, &to) != RL_SYMBOL_NONE && to >= at) return true;
    return false;
}

bool rl_finder_overlaps(const rl_finder *f)
{
    for (size_t i = 0; i < f->n; i++) {
        const rl_pattern *p = &f->pattern[i];
        for (uint32_t from = 1; from < p->bytes; from++) {
            reading r = begin_reading(f);
            uint32_t at = from;
            while (at < p->bytes && read_byte(&r, p->text[at]) && r.id == RL_SYMBOL_NONE) at++;
            if (at == p->bytes || r.id != RL_SYMBOL_NONE)
                return true; /* a piece begins, or is, inside this one */
        }
    }
    return false;
}

/* ---- Opening ---- */

static int by_bytes(const void *a, const void *b)
{
    const rl_pattern *x = a, *y = b;
    const int order = memcmp(x->text, y->text, x->bytes < y->bytes ? x->bytes : y->bytes);
    if (order != 0) return order;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

static bool wanted(const rl_piece *p, unsigned types, rl_find_which which)
{
    return types >> p->type & 1 && (which == RL_FIND_ALL || p->normalized == (which == RL_FIND_NORMALIZED));
}

static size_t marks_of(const rl_pattern *p)
{
    size_t n = 0;
    while (p->bytes >= 3 * n + 3 && memcmp(p->text + 3 * n, RL_SPACE_MARK, 3) == 0) n++;
    return n;
}

/* Patterns of a marked finder lose the U+2581 that they all begin with, where that leaves something of each. */
static void leave_out_marks(rl_finder *f)
{
    const size_t marks = marks_of(&f->pattern[0]);
    for (size_t i = 0; i < f->n; i++)
        if (marks_of(&f->pattern[i]) != marks || f->pattern[i].bytes == 3 * marks) f->ragged = true;
    if (f->ragged) return;
    f->marks = marks;
    for (size_t i = 0; i < f->n; i++) {
        f->pattern[i].text += 3 * marks;
        f->pattern[i].bytes -= (uint32_t)(3 * marks);
    }
}

static void add_lead(rl_finder *f, uint8_t c)
{
    f->n_leads += !f->lead[c];
    f->lead[c] = true;
    f->a_lead = c;
}

/* The bytes of text at which a pattern can begin. */
static void add_leads(rl_finder *f, const rl_pattern *p)
{
    add_lead(f, (uint8_t)p->text[0]);
    if (!f->marked || p->bytes < 3) return;
    if (memcmp(p->text, RL_SPACE_MARK, 3) == 0) add_lead(f, ' ');
    if (memcmp(p->text, RL_REPLACEMENT, 3) == 0)
        for (unsigned c = 0x80; c < 256; c++) add_lead(f, (uint8_t)c);
}

static bool is_utf8(const rl_pattern *p)
{
    for (size_t at = 0, step; at < p->bytes; at += step)
        if ((step = rl_utf8_length(p->text + at, p->bytes - at)) == 0) return false;
    return true;
}

/* The patterns, in the order of ids. */
static void spell(rl_finder *f, const rl_tokenizer *tok, const rl_vocab *v, unsigned types,
                  rl_find_which which)
{
    char *end = f->text;
    for (uint32_t id = 0; id < v->n; id++) {
        if (!wanted(&v->pieces[id], types, which)) continue;
        rl_pattern p = {tok->text + tok->span[id].offset, tok->span[id].bytes, id};
        if (f->marked) {
            const size_t n = rl_tokenizer_normalize(tok, p.text, p.bytes, tok->add_space_prefix, end);
            p.text = end;
            p.bytes = (uint32_t)n;
            end += n;
        }
        if (p.bytes > f->reach) f->reach = p.bytes;
        f->pattern[f->n++] = p;
    }
}

static void sort_and_drop_twins(rl_finder *f)
{
    qsort(f->pattern, f->n, sizeof *f->pattern, by_bytes);
    size_t n = 0;
    for (size_t i = 0; i < f->n; i++) {
        const rl_pattern *p = &f->pattern[i], *last = n > 0 ? &f->pattern[n - 1] : NULL;
        if (last != NULL && last->bytes == p->bytes && memcmp(last->text, p->text, p->bytes) == 0) continue;
        f->pattern[n++] = *p;
    }
    f->n = n;
}

bool rl_finder_open(rl_finder *f, const rl_tokenizer *tok, const rl_vocab *v, unsigned types,
                    rl_find_which which)
{
    *f = (rl_finder){.marked = which == RL_FIND_NORMALIZED, .utf8 = true};
    size_t n = 0, bytes = 0;
    for (size_t i = 0; i < v->n; i++)
        if (wanted(&v->pieces[i], types, which)) {
            n++;
            bytes += 3 * ((size_t)v->pieces[i].bytes + 1);
        }
    if (n == 0) return true;
    f->pattern = rl_alloc(n * sizeof *f->pattern);
    f->text = f->marked ? rl_alloc(bytes) : NULL;
    if (f->pattern == NULL || (f->marked && f->text == NULL)) {
        rl_finder_close(f);
        return false;
    }
    spell(f, tok, v, types, which);
    if (f->marked) leave_out_marks(f);
    sort_and_drop_twins(f);
    for (size_t i = 0; i < f->n; i++) {
        add_leads(f, &f->pattern[i]);
        if (!is_utf8(&f->pattern[i])) f->utf8 = false;
    }
    return true;
}

void rl_finder_close(rl_finder *f)
{
    rl_free(f->pattern);
    rl_free(f->text);
    *f = (rl_finder){0};
}
