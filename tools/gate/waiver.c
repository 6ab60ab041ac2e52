/* waiver.c - reading waivers, and excusing what they excuse. */
#include "gate/waiver.h"
#include "gate/date.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

/* ---- Reading --------------------------------------------------------------------------------------- */

static void read_expiry(rl_waiver *waiver, const rl_node *n, rl_pool *pool)
{
    int64_t day = 0;
    waiver->expires = rl_node_text(n, pool);
    if (waiver->expires[0] != '\0' && (strlen(waiver->expires) != 10 || !rl_date_read(waiver->expires, &day)))
        rl_node_refuse(n, "is '%.40s', expected a day, as 2026-12-31", waiver->expires);
    waiver->end = day + RL_DATE_DAY;
}

static void read_waiver(rl_waiver *waiver, const rl_node *n, rl_pool *pool)
{
    static const char *const keys[] = {"lane",    "rows",   "metric", "max_ratio",
                                       "expires", "reason", "link",   NULL};
    rl_node_keys(n, keys);
    rl_node lane = rl_node_at(n, "lane"), rows = rl_node_at(n, "rows"), metric = rl_node_at(n, "metric");
    rl_node ratio = rl_node_at(n, "max_ratio"), expires = rl_node_at(n, "expires");
    rl_node reason = rl_node_at(n, "reason"), link = rl_node_find(n, "link");
    waiver->lane = rl_node_text(&lane, pool);
    if (waiver->lane[0] != '\0' && !rl_plain_name(waiver->lane))
        rl_node_refuse(&lane, "is not the name of a lane");
    waiver->rows = rl_pattern_read(&rows, pool, &waiver->matcher);
    waiver->metric = rl_node_text(&metric, pool);
    waiver->max_ratio = rl_node_number(&ratio, 1, 1000);
    read_expiry(waiver, &expires, pool);
    waiver->reason = rl_node_text(&reason, pool);
    waiver->link = link.value != NULL ? rl_node_text(&link, pool) : NULL;
}

static void read_waivers(rl_waivers *w, const rl_node *root)
{
    static const char *const keys[] = {"schema", "waivers", NULL};
    rl_node_keys(root, keys);
    rl_node schema = rl_node_at(root, "schema"), waivers = rl_node_at(root, "waivers");
    rl_node_whole(&schema, RL_WAIVER_SCHEMA, RL_WAIVER_SCHEMA);
    w->items = rl_pool_alloc(&w->pool, (rl_node_count(&waivers) + 1) * sizeof *w->items);
    for (rl_node n = rl_node_first(&waivers); n.value != NULL; n = rl_node_next(&waivers, &n))
        read_waiver(&w->items[w->n++], &n, &w->pool);
}

static rl_status from_document(rl_waivers *w, rl_document *d, rl_error *err)
{
    memset(w, 0, sizeof *w);
    rl_node root = rl_node_root(d);
    if (d->error.status == RL_OK) read_waivers(w, &root);
    rl_status status = rl_document_close(d, err);
    if (status != RL_OK) rl_waivers_free(w);
    return status;
}

rl_status rl_waivers_parse(rl_waivers *w, const char *file, const char *data, size_t n, rl_error *err)
{
    rl_document d;
    rl_document_parse(&d, file, data, n);
    return from_document(w, &d, err);
}

rl_status rl_waivers_read(rl_waivers *w, const char *path, rl_error *err)
{
    rl_document d;
    struct stat st;
    memset(w, 0, sizeof *w);
    if (stat(path, &st) != 0 && errno == ENOENT) return RL_OK;
    rl_document_read(&d, path);
    return from_document(w, &d, err);
}

void rl_waivers_free(rl_waivers *w)
{
    for (size_t i = 0; i < w->n; i++) regfree(&w->items[i].matcher);
    rl_pool_free(&w->pool);
    memset(w, 0, sizeof *w);
}

/* ---- Excusing -------------------------------------------------------------------------------------- */

static bool concerns(const rl_waiver *waiver, const rl_finding *f)
{
    return f->gate != NULL && f->gate->kind == RL_GATE_RELATIVE && strcmp(waiver->metric, f->metric) == 0 &&
           rl_matches(&waiver->matcher, f->benchmark);
}

static bool can_be_excused(const rl_finding *f) { return f->verdict != RL_BROKEN && rl_finding_fails(f); }

static void apply(const rl_waiver *waiver, int64_t now, rl_finding *f, rl_pool *pool)
{
    const double worse = f->gate->higher ? 1 / f->ratio : f->ratio;
    if (now >= waiver->end) {
        f->reason = rl_pool_format(pool, "%s; its waiver has expired on %s (%s)", f->reason, waiver->expires,
                                   waiver->reason);
    } else if (!(worse <= waiver->max_ratio)) {
        f->reason = rl_pool_format(pool, "%s; its waiver allows %.3fx until %s, not that (%s)", f->reason,
                                   waiver->max_ratio, waiver->expires, waiver->reason);
    } else {
        f->verdict = RL_WAIVED;
        f->reason = rl_pool_format(
            pool, "%s; waived up to %.3fx until %s: %s%s%s", f->reason, waiver->max_ratio, waiver->expires,
            waiver->reason, waiver->link != NULL ? ", " : "", waiver->link != NULL ? waiver->link : "");
    }
}

void rl_waivers_apply(const rl_waivers *w, int64_t now, bool whole, rl_verdict_set *v)
{
    for (size_t i = 0; i < w->n; i++) {
        const rl_waiver *waiver = &w->items[i];
        bool matched = false;
        if (strcmp(waiver->lane, v->lane_name) != 0) continue;
        for (size_t k = 0; k < v->n_findings; k++) {
            rl_finding *f = &v->findings[k];
            if (!concerns(waiver, f)) continue;
            matched = true;
            if (can_be_excused(f)) apply(waiver, now, f, &v->pool);
        }
        if (whole && !matched)
            rl_verdict_problem(v,
                               "waivers.json: $.waivers[%zu] matches no row with a relative gate for %s: %s: "
                               "mend or remove it",
                               i, waiver->metric, waiver->rows);
    }
    rl_verdict_close(v);
}
