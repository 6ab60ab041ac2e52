/* selftest_log.c - reading, checking, adding a line. */
#include "selftest_log.h"
#include "base/file.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LOG_MAX = 16 << 20 };

/* Does the log begin like ours? Says which setting differs. */
static rl_status check_head(const rl_selftest_log *l, rl_error *err)
{
    char shown[128];
    const char *is = l->text, *ours = l->head;
    for (size_t line = 1; *ours != '\0'; line++) {
        const size_t n = strcspn(ours, "\n") + 1;
        if (strncmp(is, ours, n) != 0)
            return rl_fail(
                err, RL_ERR_FORMAT,
                "%.200s: line %zu is '%s', of these settings it would be '%.*s': go on with the same, "
                "or with another --report",
                l->path, line, rl_printable(shown, sizeof shown, is, strcspn(is, "\n")),
                (int)(n - 1 < 128 ? n - 1 : 128), ours);
        is += n;
        ours += n;
    }
    return RL_OK;
}

static void keep(rl_selftest_log *l, const rl_selftest_outcome *o)
{
    l->runs = rl_pool_more(&l->pool, l->runs, l->n, sizeof *l->runs);
    l->runs[l->n] = *o;
    l->runs[l->n].row = rl_pool_copy(&l->pool, o->row, strlen(o->row));
    l->n++;
}

rl_status rl_selftest_log_add(rl_selftest_log *l, const rl_selftest_outcome *o, rl_error *err)
{
    char line[RL_SAMPLES_NAME_MAX + 256];
    const int length = snprintf(line, sizeof line, "%zu,%s,%d,%s,%.6g,%d,%zu,%zu,%d,%.1f\n", o->run,
                                o->slower ? "slower" : "same", o->loaded, o->row, o->slowdown, o->exit_code,
                                o->regressed, o->inconclusive, o->found, o->seconds);
    char *text = realloc(l->text, l->bytes + (size_t)length + 1);
    if (text == NULL) return rl_fail(err, RL_ERR_MEMORY, "out of memory for the log");
    memcpy(text + l->bytes, line, (size_t)length + 1);
    l->text = text;
    l->bytes += (size_t)length;
    keep(l, o);
    return rl_file_write(l->path, l->text, l->bytes, err);
}

/* One line of a log that is there; the row's name goes to `row`. */
static bool read_line(const char *line, size_t run, rl_selftest_outcome *o, char row[RL_SAMPLES_NAME_MAX + 1])
{
    char kind[8];
    int loaded, found, length = 0;
    *o = (rl_selftest_outcome){.row = row};
    const int fields =
        sscanf(line, "%zu,%7[a-z],%d,%512[^,\n],%lf,%d,%zu,%zu,%d,%lf%n", &o->run, kind, &loaded, row,
               &o->slowdown, &o->exit_code, &o->regressed, &o->inconclusive, &found, &o->seconds, &length);
    if (fields != 10 || line[length] != '\n' || o->run != run) return false;
    o->slower = strcmp(kind, "slower") == 0;
    o->loaded = loaded == 1;
    o->found = found == 1;
    return (o->slower || strcmp(kind, "same") == 0) && (loaded == 0 || loaded == 1) &&
           (found == 0 || found == 1);
}

static rl_status read_runs(rl_selftest_log *l, rl_error *err)
{
    size_t lines = 1;
    for (const char *c = l->head; *c != '\0'; c++) lines += *c == '\n';
    for (const char *line = l->text + strlen(l->head); *line != '\0'; line = strchr(line, '\n') + 1) {
        rl_selftest_outcome o;
        char row[RL_SAMPLES_NAME_MAX + 1];
        if (!read_line(line, l->n, &o, row))
            return rl_fail(err, RL_ERR_FORMAT, "%.300s: line %zu is not run %zu of such a log", l->path,
                           l->n + lines, l->n);
        keep(l, &o);
    }
    return RL_OK;
}

rl_status rl_selftest_log_open(rl_selftest_log *l, const char *path, const char *head, rl_error *err)
{
    *l = (rl_selftest_log){.head = head};
    snprintf(l->path, sizeof l->path, "%s", path);
    if (access(path, F_OK) != 0) {
        l->text = strdup(head);
        l->bytes = strlen(head);
        return l->text != NULL ? RL_OK : rl_fail(err, RL_ERR_MEMORY, "out of memory for the log");
    }
    rl_status status = rl_file_read(path, LOG_MAX, &l->text, &l->bytes, err);
    if (status == RL_OK) status = check_head(l, err);
    if (status == RL_OK) status = read_runs(l, err);
    return status;
}

void rl_selftest_log_close(rl_selftest_log *l)
{
    rl_pool_free(&l->pool);
    free(l->text);
}
