/* tokenizer_pool.c - a long text in contiguous shares, many texts in the order of who is free. */
#include "tokenizer/tokenizer_pool.h"
#include "tokenizer/tokenizer_plan.h"

#include "base/mem.h"
#include "base/team.h"

#include <stdatomic.h>

enum {
    JOB = 16384,        /* bytes of a stretch: its scratch memory stays in the core's own cache */
    SHARE_LEAST = 8192, /* bytes for which waking a thread pays */
    GRAB = 8192,        /* bytes of items that are taken together */
};

/* A thread's part of a job. */
typedef struct {
    _Alignas(RL_LINE) rl_tokenizer_ctx *ctx; /* owned */
    uint32_t *ids;                           /* [room] owned: of its share of one text */
    size_t room;
    size_t from, to, n;
    size_t item; /* the first that failed, and why: `error` */
    rl_status status;
    rl_error error;
} member;

struct rl_tokenizer_pool {
    const rl_tokenizer *tok; /* borrowed */
    rl_team *team;           /* owned */
    member *members;         /* [size] owned */
    size_t size;

    /* The job at hand. */
    const char *text;
    size_t n_bytes;
    unsigned flags;
    uint32_t *ids;
    size_t max_ids;
    rl_tokenizer_item *items;
    size_t n_items;
    _Alignas(RL_LINE) atomic_size_t next[2]; /* item to take: of the long ones, of the others */
};

rl_status rl_tokenizer_pool_open(rl_tokenizer_pool **out, const rl_tokenizer *tok,
                                 const rl_tokenizer_kernel *kernel, size_t threads, bool pin, rl_error *err)
{
    *out = NULL;
    rl_team *team;
    rl_status status = rl_team_open(&team, threads, pin, err);
    if (status != RL_OK) return status;
    rl_tokenizer_pool *pool = rl_alloc(sizeof *pool);
    member *members = rl_alloc(threads * sizeof *members);
    if (pool == NULL || members == NULL) {
        rl_free(pool);
        rl_free(members);
        rl_team_close(team);
        return rl_fail(err, RL_ERR_MEMORY, "tokenizer: out of memory");
    }
    *pool = (rl_tokenizer_pool){.tok = tok, .team = team, .members = members, .size = threads};
    for (size_t i = 0; i < threads && status == RL_OK; i++)
        status = rl_tokenizer_ctx_open(&members[i].ctx, tok, kernel, JOB + 64, err);
    if (status != RL_OK) {
        rl_tokenizer_pool_close(pool);
        return status;
    }
    *out = pool;
    return RL_OK;
}

void rl_tokenizer_pool_close(rl_tokenizer_pool *pool)
{
    if (pool == NULL) return;
    rl_team_close(pool->team);
    for (size_t i = 0; i < pool->size; i++) {
        rl_tokenizer_ctx_close(pool->members[i].ctx);
        rl_free(pool->members[i].ids);
    }
    rl_free(pool->members);
    rl_free(pool);
}

void rl_tokenizer_pool_forget(rl_tokenizer_pool *pool)
{
    for (size_t i = 0; i < pool->size; i++) rl_tokenizer_ctx_forget(pool->members[i].ctx);
}

/* Encodes a plan's jobs into ids [max_ids]; *n tells how many ids they have. */
static rl_status run_plan(rl_tokenizer_ctx *ctx, rl_plan *plan, uint32_t *ids, size_t max_ids, size_t *n,
                          rl_error *err)
{
    *n = 0;
    for (rl_job job; rl_plan_next(plan, JOB, &job);) {
        rl_status status = rl_tokenizer_ctx_room(ctx, job.to - job.from, err);
        if (status != RL_OK) return status;
        const size_t used = *n < max_ids ? *n : max_ids;
        *n += rl_tokenizer_ctx_job(ctx, plan->text, &job, ids != NULL ? ids + used : NULL, max_ids - used);
    }
    return RL_OK;
}

/* One text by the caller's thread alone, in jobs where that is possible. */
static rl_status encode_alone(rl_tokenizer_pool *pool, member *m, const char *text, size_t n_bytes,
                              unsigned flags, uint32_t *ids, size_t max_ids, size_t *n_ids, rl_error *err)
{
    *n_ids = 0;
    if (rl_plan_by_length(pool->tok, flags))
        return rl_tokenizer_encode(m->ctx, text, n_bytes, flags, ids, max_ids, n_ids, err);
    rl_status status = rl_tokenizer_check_flags(pool->tok, flags, err);
    if (status != RL_OK) return status;
    size_t n;
    rl_plan plan = rl_plan_begin(pool->tok, text, n_bytes, flags, NULL);
    status = run_plan(m->ctx, &plan, ids, max_ids, &n, err);
    if (status != RL_OK) return status;
    *n_ids = n;
    if (n > max_ids)
        return rl_fail(err, RL_ERR_ARG, "text of %zu bytes has %zu ids, room is for %zu", n_bytes, n,
                       max_ids);
    return RL_OK;
}

/* ---- One long text ---- */

/* Cuts the text in shares, one a member; shares without a place to begin at join the one before. */
static void share_out(rl_tokenizer_pool *pool)
{
    const size_t parts = pool->n_bytes / SHARE_LEAST < pool->size ? pool->n_bytes / SHARE_LEAST : pool->size;
    const size_t each = pool->n_bytes / parts;
    size_t begin = 0;
    for (size_t i = 0; i < pool->size; i++) {
        member *m = &pool->members[i];
        m->from = begin;
        if (i + 1 < parts && begin < (i + 1) * each) {
            const size_t wish = (i + 1) * each;
            const size_t at =
                rl_plan_split(pool->tok, pool->text, pool->n_bytes, pool->flags, wish, wish + each);
            if (at < pool->n_bytes) begin = at;
        }
        m->to = begin;
        if (i + 1 >= parts) m->to = begin = pool->n_bytes;
    }
}

static rl_status make_room(rl_tokenizer_pool *pool, member *m, rl_error *err)
{
    const size_t n = m->to > m->from ? rl_tokenizer_max_ids(pool->tok, m->to - m->from, pool->flags) : 0;
    if (n <= m->room) return RL_OK;
    size_t bytes;
    uint32_t *ids = rl_mul_ok(n, sizeof *ids, &bytes) ? rl_alloc(bytes) : NULL;
    if (ids == NULL)
        return rl_fail(err, RL_ERR_MEMORY, "text of %zu bytes: no memory for the ids of %zu", pool->n_bytes,
                       m->to - m->from);
    rl_free(m->ids);
    m->ids = ids;
    m->room = n;
    return RL_OK;
}

static void encode_share(void *arg, size_t rank)
{
    rl_tokenizer_pool *pool = arg;
    member *m = &pool->members[rank];
    const bool first = m->from == 0, last = m->to == pool->n_bytes;
    const unsigned flags = pool->flags & ~(last ? 0u : (unsigned)RL_ENCODE_EOS);
    m->n = 0;
    m->status = RL_OK;
    if (m->from < m->to) {
        rl_plan plan = first ? rl_plan_begin(pool->tok, pool->text, m->to, flags, NULL)
                             : rl_plan_resume(pool->tok, pool->text, m->to, flags, m->from, false);
        m->status = run_plan(m->ctx, &plan, m->ids, m->room, &m->n, &m->error);
    }
    rl_team_barrier(pool->team);
    size_t before = 0;
    for (size_t i = 0; i < rank; i++) before += pool->members[i].n;
    if (before >= pool->max_ids || m->n == 0) return;
    const size_t fits = pool->max_ids - before;
    memcpy(pool->ids + before, m->ids, (m->n < fits ? m->n : fits) * sizeof *m->ids);
}

rl_status rl_tokenizer_pool_encode(rl_tokenizer_pool *pool, const char *text, size_t n_bytes, unsigned flags,
                                   uint32_t *ids, size_t max_ids, size_t *n_ids, rl_error *err)
{
    *n_ids = 0;
    if (pool->size == 1 || n_bytes < 2 * SHARE_LEAST || rl_plan_by_length(pool->tok, flags))
        return encode_alone(pool, &pool->members[0], text, n_bytes, flags, ids, max_ids, n_ids, err);
    rl_status status = rl_tokenizer_check_flags(pool->tok, flags, err);
    if (status != RL_OK) return status;
    pool->text = text, pool->n_bytes = n_bytes, pool->flags = flags, pool->ids = ids, pool->max_ids = max_ids;
    share_out(pool);
    for (size_t i = 0; i < pool->size; i++)
        if ((status = make_room(pool, &pool->members[i], err)) != RL_OK) return status;
    rl_team_run(pool->team, encode_share, pool);
    size_t n = 0;
    for (size_t i = 0; i < pool->size; i++) {
        const member *m = &pool->members[i];
        if (m->status != RL_OK) return rl_fail(err, m->status, "%s", m->error.text);
        n += m->n;
    }
    *n_ids = n;
    if (n > max_ids)
        return rl_fail(err, RL_ERR_ARG, "text of %zu bytes has %zu ids, room is for %zu", n_bytes, n,
                       max_ids);
    return RL_OK;
}

/* ---- Many texts ---- */

static void encode_item(rl_tokenizer_pool *pool, member *m, size_t i)
{
    rl_tokenizer_item *item = &pool->items[i];
    rl_error err;
    const rl_status status = encode_alone(pool, m, item->text, item->n_bytes, pool->flags, item->ids,
                                          item->max_ids, &item->n_ids, &err);
    if (status == RL_OK || (m->status != RL_OK && m->item < i)) return;
    m->item = i;
    m->status = status;
    m->error = err;
}

static void encode_items(void *arg, size_t rank)
{
    rl_tokenizer_pool *pool = arg;
    member *m = &pool->members[rank];
    /* The long ones first, one by one: what is left at the end is short, and everyone ends at about the same time. */
    for (size_t i; (i = atomic_fetch_add(&pool->next[0], 1)) < pool->n_items;)
        if (pool->items[i].n_bytes >= GRAB) encode_item(pool, m, i);
    for (size_t begin = atomic_load(&pool->next[1]); begin < pool->n_items;) {
        size_t end = begin, bytes = 0;
        while (end < pool->n_items && bytes < GRAB) {
            if (pool->items[end].n_bytes < GRAB)
                bytes += pool->items[end].n_bytes + 16; /* and 16 for the call */
            end++;
        }
        if (!atomic_compare_exchange_weak(&pool->next[1], &begin, end))
            continue; /* `begin` is what is there now */
        for (size_t i = begin; i < end; i++)
            if (pool->items[i].n_bytes < GRAB) encode_item(pool, m, i);
        begin = atomic_load(&pool->next[1]);
    }
}

rl_status rl_tokenizer_pool_batch(rl_tokenizer_pool *pool, rl_tokenizer_item *items, size_t n, unsigned flags,
                                  rl_error *err)
{
    size_t bytes = 0;
    for (size_t i = 0; i < n && bytes < 2 * SHARE_LEAST; i++)
        bytes += items[i].n_bytes < GRAB ? items[i].n_bytes : GRAB;
    pool->items = items, pool->n_items = n, pool->flags = flags;
    atomic_store(&pool->next[0], 0);
    atomic_store(&pool->next[1], 0);
    for (size_t i = 0; i < pool->size; i++) pool->members[i].status = RL_OK;
    if (bytes < 2 * SHARE_LEAST || n == 1)
        encode_items(pool, 0);
    else
        rl_team_run(pool->team, encode_items, pool);
    const member *first = NULL;
    for (size_t i = 0; i < pool->size; i++) {
        const member *m = &pool->members[i];
        if (m->status != RL_OK && (first == NULL || m->item < first->item)) first = m;
    }
    return first == NULL ? RL_OK
                         : rl_fail(err, first->status, "text %zu: %s", first->item, first->error.text);
}
