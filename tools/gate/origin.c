/* origin.c - contexts, machine classes and how they differ. */
#include "gate/origin.h"
#include "base/hash.h"
#include "gate/lane.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cjson/cJSON.h>

const rl_part *rl_parts_read(const rl_node *object, rl_pool *pool, size_t *count)
{
    rl_part *parts = NULL;
    size_t n = 0;
    *count = 0;
    if (object->value == NULL) return NULL;
    if (!cJSON_IsObject(object->value)) {
        rl_node_refuse(object, "expected an object");
        return NULL;
    }
    const cJSON *member;
    cJSON_ArrayForEach(member, object->value)
    {
        rl_node value = rl_node_find(object, member->string);
        if (!cJSON_IsString(member)) rl_node_refuse(&value, "expected text");
        const char *text = cJSON_IsString(member) ? member->valuestring : "";
        parts = rl_pool_more(pool, parts, n, sizeof *parts);
        parts[n++] = (rl_part){rl_pool_printable(pool, member->string, strlen(member->string)),
                               rl_pool_printable(pool, text, strlen(text))};
    }
    *count = n;
    return parts;
}

void rl_machine_read(rl_machine *m, const rl_node *class, const rl_node *made_of, rl_pool *pool)
{
    m->class = rl_node_text(class, pool);
    if (m->class[0] != '\0' && !rl_plain_name(m->class)) /* it becomes a directory's name */
        rl_node_refuse(class, "is not the name of a machine class");
    m->parts = rl_parts_read(made_of, pool, &m->n_parts);
}

static const char *value_of(const rl_machine *m, const char *key)
{
    for (size_t i = 0; i < m->n_parts; i++)
        if (strcmp(m->parts[i].key, key) == 0) return m->parts[i].value;
    return NULL;
}

const char *rl_machine_difference(const rl_machine *there, const rl_machine *here, rl_pool *pool)
{
    const char *text = "";
    for (size_t i = 0; i < there->n_parts; i++) {
        const char *key = there->parts[i].key, *now = value_of(here, key);
        if (now != NULL && strcmp(now, there->parts[i].value) == 0) continue;
        text = rl_pool_format(pool, "%s%s%s: %s, here %s", text, text[0] != '\0' ? "; " : "", key,
                              there->parts[i].value, now != NULL ? now : "none");
    }
    for (size_t i = 0; i < here->n_parts; i++)
        if (value_of(there, here->parts[i].key) == NULL)
            text = rl_pool_format(pool, "%s%s%s: none, here %s", text, text[0] != '\0' ? "; " : "",
                                  here->parts[i].key, here->parts[i].value);
    return text;
}

static const char *text_or(const rl_node *n, const char *otherwise, rl_pool *pool)
{
    return n->value != NULL ? rl_node_text(n, pool) : otherwise;
}

static void read_context(rl_origin *o, const rl_node *root)
{
    rl_node class = rl_node_at(root, "machine_class"), made_of = rl_node_at(root, "machine_class_of");
    rl_node build = rl_node_at(root, "build"), commit = rl_node_at(&build, "commit");
    rl_node dirty = rl_node_at(&build, "dirty"), dry_run = rl_node_find(root, "dry_run");
    rl_node machine = rl_node_at(root, "machine"), kernel = rl_node_find(&machine, "kernel");
    rl_node model = rl_node_find(root, "model_identity"), load = rl_node_find(root, "load_avg");
    rl_node mode = rl_node_find(root, "lane_mode");
    rl_node date = rl_node_find(root, "date");
    rl_machine_read(&o->machine, &class, &made_of, &o->pool);
    o->commit = rl_node_text(&commit, &o->pool);
    o->dirty = rl_node_bool(&dirty);
    o->dry_run = dry_run.value != NULL && rl_node_bool(&dry_run);
    rl_node injected = rl_node_find(root, "injected");
    o->injected = injected.value != NULL;
    o->kernel = text_or(&kernel, "", &o->pool);
    o->model = text_or(&model, "", &o->pool);
    o->mode = text_or(&mode, "", &o->pool);
    o->date = text_or(&date, "", &o->pool);
    rl_node companion = rl_node_find(root, "companion");
    o->companion = text_or(&companion, "", &o->pool);
    rl_node code = rl_node_find(root, "code");
    o->code = rl_parts_read(&code, &o->pool, &o->n_code);
    o->load = (double)NAN;
    if (load.value == NULL || rl_node_count(&load) == 0) return;
    rl_node minute = rl_node_first(&load);
    o->load = rl_node_number(&minute, 0, 1e9);
}

static rl_status from_document(rl_origin *o, rl_document *d, rl_error *err)
{
    memset(o, 0, sizeof *o);
    rl_node root = rl_node_root(d);
    if (d->error.status == RL_OK) read_context(o, &root);
    rl_status status = rl_document_close(d, err);
    if (status != RL_OK) rl_origin_free(o);
    return status;
}

rl_status rl_origin_parse(rl_origin *o, const char *file, const char *data, size_t n, rl_error *err)
{
    rl_document d;
    rl_document_parse(&d, file, data, n);
    return from_document(o, &d, err);
}

rl_status rl_origin_read(rl_origin *o, const char *csv, rl_error *err)
{
    char path[4096], beside[4096];
    memset(o, 0, sizeof *o);
    const char *slash = strrchr(csv, '/');
    int directory = slash != NULL ? (int)(slash - csv) + 1 : 0;
    if (strlen(csv) > sizeof path - 32) return rl_fail(err, RL_ERR_ARG, "the path of the CSV is too long");
    snprintf(path, sizeof path, "%s.context.json", csv);
    snprintf(beside, sizeof beside, "%.*scontext.json", directory, csv);
    if (access(path, F_OK) != 0 && access(beside, F_OK) != 0)
        return rl_fail(err, RL_ERR_IO,
                       "no context of %.180s: neither %.40s.context.json nor context.json beside it", csv,
                       slash != NULL ? slash + 1 : csv);
    rl_document d;
    rl_document_read(&d, access(path, F_OK) == 0 ? path : beside);
    return from_document(o, &d, err);
}

void rl_origin_free(rl_origin *o)
{
    rl_pool_free(&o->pool);
    memset(o, 0, sizeof *o);
}

rl_status rl_model_identity(const char *path, char out[64], rl_error *err)
{
    enum { TAIL = 1 << 20 };
    struct stat st;
    FILE *f = fopen(path, "rb");
    unsigned char *tail = malloc(TAIL);
    rl_status status = RL_OK;
    if (f == NULL || tail == NULL || fstat(fileno(f), &st) != 0 || !S_ISREG(st.st_mode)) {
        status = rl_fail(err, RL_ERR_IO, "model %.300s: cannot read: %s", path,
                         f == NULL ? strerror(errno) : "not a file");
    } else {
        fseeko(f, st.st_size > TAIL ? st.st_size - TAIL : 0, SEEK_SET);
        size_t n = fread(tail, 1, TAIL, f);
        snprintf(out, 64, "%" PRIu64 "-%016" PRIx64, (uint64_t)st.st_size, rl_hash(tail, n));
    }
    if (f != NULL) fclose(f);
    free(tail);
    return status;
}
