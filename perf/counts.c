/* counts.c - the first two columns of a CSV, and the median of each name. */
#include "perf/counts.h"
#include "base/file.h"
#include "perf/runner.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { BYTES_MAX = 32 << 20 };

typedef struct {
    char *at;    /* the next field */
    size_t line; /* it begins in, from 1 */
    bool ended;  /* the field that was read last ended its line */
} cursor;

/* The next field (RFC 4180), unquoted where it stands; NULL where the file ends inside it, or a quote is out of
 * place. */
static char *field(cursor *c)
{
    char *from = c->at, *to = c->at, *const text = c->at;
    const bool quoted = *from == '"';
    for (from += quoted;; *to++ = *from++) {
        if (*from == '\0') return NULL;
        if (!quoted && strchr(",\n\"", *from) != NULL) break;
        if (quoted && *from == '"' && *++from != '"') break; /* of two in a row, the second is text */
        c->line += *from == '\n';
    }
    if (*from != ',' && *from != '\n') return NULL;
    c->ended = *from == '\n';
    c->line += c->ended;
    c->at = from + 1;
    *to = '\0';
    return text;
}

static bool parse_iterations(const char *text, uint64_t *out)
{
    char *end;
    *out = strtoull(text, &end, 10); /* what does not fit is ULLONG_MAX, and so too large */
    return isdigit((unsigned char)text[0]) && *end == '\0' && *out > 0 && (double)*out <= RL_ITERATIONS_MAX;
}

/* The first two fields of a line, and all others passed over. False where one breaks the form. */
static bool read_line(cursor *c, char *first[2], size_t *n)
{
    *n = 0;
    do {
        char *text = field(c);
        if (text == NULL) return false;
        if (*n < 2) first[*n] = text;
        ++*n;
    } while (!c->ended);
    return true;
}

static int by_name(const void *pa, const void *pb)
{
    const rl_count *a = pa, *b = pb;
    int order = strcmp(a->name, b->name);
    return order != 0 ? order : (a->iterations > b->iterations) - (a->iterations < b->iterations);
}

/* Leaves of each name the middle one; of two in the middle the smaller. */
static void keep_medians(rl_counts *c)
{
    size_t kept = 0;
    if (c->n > 0) qsort(c->rows, c->n, sizeof *c->rows, by_name);
    for (size_t first = 0, n; first < c->n; first += n) {
        for (n = 1; first + n < c->n && strcmp(c->rows[first + n].name, c->rows[first].name) == 0;) n++;
        c->rows[kept++] = c->rows[first + (n - 1) / 2];
    }
    c->n = kept;
}

static rl_status parse(rl_counts *c, const char *path, size_t bytes, rl_error *err)
{
    cursor at = {.at = c->data, .line = 1};
    char *first[2] = {NULL, NULL};
    size_t columns, fields, lines = 0;
    if (strlen(c->data) != bytes) return rl_fail(err, RL_ERR_FORMAT, "%.300s: this is not text", path);
    if (!read_line(&at, first, &columns) || columns < 2 || strcmp(first[0], "name") != 0 ||
        strcmp(first[1], "iterations") != 0)
        return rl_fail(err, RL_ERR_FORMAT,
                       "%.300s: expected a header that begins with name,iterations, as in a CSV of a bench",
                       path);
    for (const char *feed = at.at; (feed = strchr(feed, '\n')) != NULL; feed++) lines++;
    c->rows = calloc(lines + 1, sizeof *c->rows);
    if (c->rows == NULL) return rl_fail(err, RL_ERR_MEMORY, "%.300s: out of memory", path);
    while (*at.at != '\0') {
        const size_t line = at.line;
        if (!read_line(&at, first, &fields) || fields != columns)
            return rl_fail(err, RL_ERR_FORMAT, "%.300s: line %zu is not a row of %zu fields", path, line,
                           columns);
        if (first[1][0] == '\0') continue;
        rl_count *row = &c->rows[c->n++];
        row->name = first[0];
        if (!parse_iterations(first[1], &row->iterations))
            return rl_fail(err, RL_ERR_FORMAT,
                           "%.300s: line %zu: iterations: expected a whole number from 1 to %g", path, line,
                           RL_ITERATIONS_MAX);
    }
    keep_medians(c);
    return RL_OK;
}

rl_status rl_counts_read(rl_counts *c, const char *path, rl_error *err)
{
    size_t bytes;
    *c = (rl_counts){0};
    rl_status status = rl_file_read(path, BYTES_MAX, &c->data, &bytes, err);
    if (status != RL_OK) return status;
    status = parse(c, path, bytes, err);
    if (status != RL_OK) rl_counts_free(c);
    return status;
}

void rl_counts_free(rl_counts *c)
{
    free(c->rows);
    free(c->data);
    *c = (rl_counts){0};
}

uint64_t rl_counts_find(const rl_counts *c, const char *name)
{
    size_t low = 0, high = c->n;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = strcmp(name, c->rows[middle].name);
        if (order == 0) return c->rows[middle].iterations;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return 0;
}
