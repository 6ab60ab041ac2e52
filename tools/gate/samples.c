/* samples.c - CSV through libcsv, and rows from its records. */
#include "gate/samples.h"
#include "base/file.h"
#include "perf/row.h"
#include "perf/stats.h"

#include <csv.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- Columns --------------------------------------------------------------------------------------- */

/* What a column's cells are. */
typedef enum {
    NUMBER,
    NAME,
    UNIT,
    ERROR,
    MESSAGE,
    LAUNCH,
    REPETITION,
    CONTAMINATED,
    ISA,
    LABEL,
    IGNORED
} meaning;

static const struct {
    const char *name;
    meaning means;
    bool required;
} known[] = {
    {"name",            NAME,         true },
    {"iterations",      NUMBER,       true },
    {"real_time",       NUMBER,       true },
    {"time_unit",       UNIT,         true },
    {"error_occurred",  ERROR,        true },
    {"error_message",   MESSAGE,      true },
    {"launch",          LAUNCH,       true },
    {"repetition",      REPETITION,   true },
    {"contaminated",    CONTAMINATED, true },
    {"isa",             ISA,          false},
    {"label",           LABEL,        false},
    {"cache",           IGNORED,      false},
    {"counter_quality", IGNORED,      false},
};

static const struct {
    const char *metric, *unit;
} units[] = {
    {"bytes_per_second", "B/s"    },
    {"items_per_second", "items/s"},
    {"flops_per_second", "flop/s" },
    {"bw_pct",           "%"      },
    {"peak_pct",         "%"      },
    {"ref_ratio",        "x"      },
};

const char *rl_metric_unit(const char *metric, const char *time_unit)
{
    if (strcmp(metric, "real_time") == 0 || strcmp(metric, "cpu_time") == 0) return time_unit;
    for (size_t i = 0; i < RL_COUNT(units); i++)
        if (strcmp(metric, units[i].metric) == 0) return units[i].unit;
    return "";
}

bool rl_benchmark_name_ok(const char *name)
{
    return rl_name_ok(name) && strlen(name) <= RL_SAMPLES_NAME_MAX;
}

/* ---- Reading --------------------------------------------------------------------------------------- */

typedef struct {
    meaning means;
    const char *name;
    size_t cell; /* of a NUMBER */
} column;

/* Before its first field; these two columns may be missing. */
static const rl_sample blank = {.isa = "", .label = ""};

/* What the parser's callbacks share. The first error stays. */
typedef struct {
    rl_samples *s;
    const char *file;
    size_t line;
    column columns[RL_SAMPLES_COLUMNS_MAX];
    size_t n_columns;
    bool has_header;
    size_t field; /* the next one of this record */
    rl_sample sample;
    rl_cell *cells; /* of this record */
    rl_error error;
} reader;

static void refuse(reader *r, const char *fmt, ...) RL_PRINTF(2, 3);
static void refuse(reader *r, const char *fmt, ...)
{
    if (r->error.status != RL_OK) return;
    char text[384];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    rl_fail(&r->error, RL_ERR_FORMAT, "%.100s: line %zu: %s", r->file, r->line, text);
}

/* A decimal number, or one of the words printf has for what is none. Anything else is refused. */
static double read_number(reader *r, const char *text, size_t n)
{
    static const char *const words[] = {"nan", "-nan", "inf", "-inf"};
    char *end;
    for (size_t i = 0; i < RL_COUNT(words); i++)
        if (strcasecmp(text, words[i]) == 0)
            return i < 2 ? (double)NAN : i == 2 ? (double)INFINITY : -(double)INFINITY;
    if (strspn(text, "0123456789+-.eE") == n) {
        double x = strtod(text, &end);
        if (*end == '\0' && end != text) return x;
    }
    char shown[64];
    refuse(r, "column %s is '%s', expected a number", r->columns[r->field].name,
           rl_printable(shown, sizeof shown, text, n));
    return (double)NAN;
}

static size_t read_whole(reader *r, const char *text, size_t n)
{
    if (n > 0 && n < 10 && strspn(text, "0123456789") == n) return (size_t)strtoul(text, NULL, 10);
    char shown[64];
    refuse(r, "column %s is '%s', expected a whole number below 10^9", r->columns[r->field].name,
           rl_printable(shown, sizeof shown, text, n));
    return 0;
}

static bool read_flag(reader *r, const char *text, size_t n)
{
    if (n == 0 || strcmp(text, "0") == 0) return false;
    if (strcmp(text, "1") == 0) return true;
    char shown[64];
    refuse(r, "column %s is '%s', expected 0, 1 or nothing", r->columns[r->field].name,
           rl_printable(shown, sizeof shown, text, n));
    return false;
}

static rl_sample_outcome read_outcome(reader *r, const char *text, size_t n)
{
    if (n == 0) return RL_SAMPLE_MEASURED;
    if (strcmp(text, "true") == 0) return RL_SAMPLE_FAILED;
    if (strcmp(text, "false") == 0) return RL_SAMPLE_SKIPPED;
    char shown[64];
    refuse(r, "column error_occurred is '%s', expected true, false or nothing",
           rl_printable(shown, sizeof shown, text, n));
    return RL_SAMPLE_FAILED;
}

static const char *read_name(reader *r, const char *text, size_t n)
{
    char shown[64];
    if (!rl_benchmark_name_ok(text))
        refuse(r, "'%s' cannot be a benchmark's name", rl_printable(shown, sizeof shown, text, n));
    return rl_pool_copy(&r->s->pool, text, n);
}

static void header_field(reader *r, const char *text, size_t n)
{
    char shown[64];
    rl_printable(shown, sizeof shown, text, n);
    if (r->n_columns == RL_SAMPLES_COLUMNS_MAX) {
        refuse(r, "more than %d columns", (int)RL_SAMPLES_COLUMNS_MAX);
        return;
    }
    if (!rl_benchmark_name_ok(text)) refuse(r, "'%s' cannot be a column's name: is this a header?", shown);
    for (size_t i = 0; i < r->n_columns; i++)
        if (strcmp(r->columns[i].name, text) == 0) refuse(r, "column %s is there twice", shown);
    column *c = &r->columns[r->n_columns++];
    *c = (column){.means = NUMBER, .name = rl_pool_copy(&r->s->pool, text, n)};
    for (size_t i = 0; i < RL_COUNT(known); i++)
        if (strcmp(known[i].name, text) == 0) c->means = known[i].means;
    if (c->means != NUMBER) return;
    c->cell = r->s->n_columns;
    r->s->columns = rl_pool_more(&r->s->pool, r->s->columns, r->s->n_columns, sizeof *r->s->columns);
    r->s->columns[r->s->n_columns++] = c->name;
}

static void data_field(reader *r, const char *text, size_t n)
{
    if (r->field >= r->n_columns) { /* the record's end says how many there are */
        r->field++;
        return;
    }
    rl_pool *pool = &r->s->pool;
    const column *c = &r->columns[r->field];
    rl_sample *to = &r->sample;
    if (r->field == 0) r->cells = rl_pool_alloc(pool, (r->s->n_columns + 1) * sizeof *r->cells);
    switch (c->means) {
    case NAME:
        to->name = read_name(r, text, n);
        break;
    case UNIT:
        to->unit = rl_pool_printable(pool, text, n);
        break;
    case MESSAGE:
        to->message = rl_pool_printable(pool, text, n);
        break;
    case ISA:
        to->isa = rl_pool_printable(pool, text, n);
        break;
    case LABEL:
        to->label = rl_pool_printable(pool, text, n);
        break;
    case ERROR:
        to->outcome = read_outcome(r, text, n);
        break;
    case LAUNCH:
        to->launch = read_whole(r, text, n);
        break;
    case REPETITION:
        to->repetition = read_whole(r, text, n);
        break;
    case CONTAMINATED:
        to->contaminated = read_flag(r, text, n);
        break;
    case NUMBER:
        r->cells[c->cell] = (rl_cell){n > 0 ? read_number(r, text, n) : (double)NAN, n > 0};
        break;
    case IGNORED:
        break;
    }
    r->field++;
}

/* libcsv terminates the field (CSV_APPEND_NULL); n counts without. */
static void on_field(void *text, size_t n, void *arg)
{
    reader *r = arg;
    if (r->error.status != RL_OK) return;
    if (r->has_header)
        data_field(r, text, n);
    else
        header_field(r, text, n);
}

static void end_header(reader *r)
{
    r->has_header = true;
    for (size_t i = 0; i < RL_COUNT(known); i++) {
        size_t at = 0;
        while (at < r->n_columns && strcmp(r->columns[at].name, known[i].name) != 0) at++;
        if (at == r->n_columns && known[i].required)
            refuse(r, "the header lacks the column %s", known[i].name);
    }
}

static void on_record(int end, void *arg)
{
    reader *r = arg;
    rl_samples *s = r->s;
    (void)end;
    if (r->error.status != RL_OK) return;
    if (!r->has_header) {
        end_header(r);
        return;
    }
    if (r->field != r->n_columns)
        refuse(r, "%zu fields, expected %zu as in the header", r->field, r->n_columns);
    if (s->n_samples == RL_SAMPLES_LINES_MAX) refuse(r, "more than %d rows", (int)RL_SAMPLES_LINES_MAX);
    r->sample.line = r->line;
    r->sample.cells = r->cells;
    s->samples = rl_pool_more(&s->pool, s->samples, s->n_samples, sizeof *s->samples);
    s->samples[s->n_samples++] = r->sample;
    r->field = 0;
    r->sample = blank;
}

/* A line of text, its line feed included? A carriage return before that is. */
static bool check_line(reader *r, const char *line, size_t length)
{
    if (line[length - 1] != '\n')
        refuse(r, "no line feed at the end: the file was cut short");
    else if (length > RL_SAMPLES_LINE_BYTES_MAX)
        refuse(r, "longer than %d bytes", (int)RL_SAMPLES_LINE_BYTES_MAX);
    for (size_t i = 0; i < length - 1 && r->error.status == RL_OK; i++)
        if ((unsigned char)line[i] < 0x20 && (line[i] != '\r' || i != length - 2))
            refuse(r, "byte %zu is 0x%02x: this is not text", i + 1, (unsigned)line[i]);
    return r->error.status == RL_OK;
}

/* Feeds the parser one physical line at a time, so that callbacks know where they are. */
static void feed(reader *r, struct csv_parser *parser, const char *data, size_t n)
{
    while (n > 0 && r->error.status == RL_OK) {
        const char *end = memchr(data, '\n', n);
        const size_t length = end != NULL ? (size_t)(end - data) + 1 : n;
        r->line++;
        if (check_line(r, data, length) && csv_parse(parser, data, length, on_field, on_record, r) != length)
            refuse(r, "not CSV: a quote inside a field, or text after one");
        data += length;
        n -= length;
    }
    if (r->error.status == RL_OK && csv_fini(parser, on_field, on_record, r) != 0)
        refuse(r, "a quoted field is open at the end of the file");
}

/* ---- Rows ------------------------------------------------------------------------------------------ */

static int three_way(size_t a, size_t b) { return (a > b) - (a < b); }

static int sample_order(const void *pa, const void *pb)
{
    const rl_sample *a = pa, *b = pb;
    int order = strcmp(a->name, b->name);
    if (order == 0) order = three_way(a->launch, b->launch);
    if (order == 0) order = three_way(a->repetition, b->repetition);
    return order != 0 ? order : three_way(a->line, b->line);
}

static int size_order(const void *a, const void *b)
{
    return three_way(*(const size_t *)a, *(const size_t *)b);
}

static void group(rl_samples *s)
{
    if (s->n_samples == 0) return;
    qsort(s->samples, s->n_samples, sizeof *s->samples, sample_order);
    size_t *numbers = rl_pool_alloc(&s->pool, s->n_samples * sizeof *numbers);
    for (size_t i = 0; i < s->n_samples; i++) {
        const rl_sample *sample = &s->samples[i];
        numbers[i] = sample->launch;
        if (i == 0 || strcmp(sample->name, sample[-1].name) != 0) {
            s->rows = rl_pool_more(&s->pool, s->rows, s->n_rows, sizeof *s->rows);
            s->rows[s->n_rows++] = (rl_sample_row){.name = sample->name, .samples = sample};
        }
        s->rows[s->n_rows - 1].n++;
    }
    qsort(numbers, s->n_samples, sizeof *numbers, size_order);
    s->launches = numbers;
    for (size_t i = 0; i < s->n_samples; i++)
        if (i == 0 || numbers[i] != numbers[s->n_launches - 1]) numbers[s->n_launches++] = numbers[i];
}

rl_status rl_samples_parse(rl_samples *s, const char *file, const char *data, size_t n, rl_error *err)
{
    memset(s, 0, sizeof *s);
    reader *r = rl_pool_alloc(&s->pool, sizeof *r);
    r->s = s;
    r->file = file;
    r->sample = blank;
    struct csv_parser parser;
    csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI | CSV_APPEND_NULL);
    if (n > RL_SAMPLES_BYTES_MAX)
        rl_fail(&r->error, RL_ERR_FORMAT, "%.100s: longer than %d bytes", file, (int)RL_SAMPLES_BYTES_MAX);
    else
        feed(r, &parser, data, n);
    csv_free(&parser);
    if (r->error.status == RL_OK && s->n_samples == 0)
        rl_fail(&r->error, RL_ERR_FORMAT, "%.100s: %s", file, n == 0 ? "is empty" : "has no rows");
    rl_status status = r->error.status;
    if (status != RL_OK) {
        if (err != NULL) *err = r->error;
        rl_samples_free(s);
        return status;
    }
    group(s);
    return RL_OK;
}

rl_status rl_samples_read(rl_samples *s, const char *path, rl_error *err)
{
    char *data;
    size_t n;
    memset(s, 0, sizeof *s);
    rl_status status = rl_file_read(path, RL_SAMPLES_BYTES_MAX, &data, &n, err);
    if (status != RL_OK) return status;
    status = rl_samples_parse(s, path, data, n, err);
    free(data);
    return status;
}

void rl_samples_free(rl_samples *s)
{
    rl_pool_free(&s->pool);
    memset(s, 0, sizeof *s);
}

/* ---- Asking ---------------------------------------------------------------------------------------- */

const rl_sample_row *rl_samples_find(const rl_samples *s, const char *name)
{
    size_t low = 0, high = s->n_rows;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(name, s->rows[middle].name);
        if (order == 0) return &s->rows[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

size_t rl_samples_column(const rl_samples *s, const char *name)
{
    size_t i = 0;
    while (i < s->n_columns && strcmp(s->columns[i], name) != 0) i++;
    return i;
}

size_t rl_samples_launch_length(const rl_sample_row *row, size_t first)
{
    size_t n = 1;
    while (first + n < row->n && row->samples[first + n].launch == row->samples[first].launch) n++;
    return n;
}

size_t rl_samples_launch_medians(const rl_sample_row *row, size_t index, double *out, double *within)
{
    rl_pool scratch = {0};
    double *values = rl_pool_alloc(&scratch, row->n * sizeof *values);
    double *ranges = rl_pool_alloc(&scratch, row->n * sizeof *ranges);
    size_t launches = 0, n_ranges = 0;
    for (size_t first = 0, n; first < row->n; first += n) {
        n = rl_samples_launch_length(row, first);
        for (size_t i = 0; i < n; i++) values[i] = row->samples[first + i].cells[index].value;
        rl_sort(values, n);
        double median = rl_sorted_median(values, n);
        out[launches++] = median;
        if (n > 1) ranges[n_ranges++] = (values[n - 1] - values[0]) / fabs(median);
    }
    if (within != NULL) {
        rl_sort(ranges, n_ranges);
        *within = rl_sorted_median(ranges, n_ranges);
    }
    rl_pool_free(&scratch);
    return launches;
}
