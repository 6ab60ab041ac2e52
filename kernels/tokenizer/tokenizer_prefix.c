/* tokenizer_prefix.c - texts that grow: kept as bytes, ids, and places where encoding can go on. */
#include "tokenizer/tokenizer_prefix.h"
#include "tokenizer/tokenizer_plan.h"

#include "base/mem.h"

enum {
    JOB = 512,    /* bytes of a stretch: so much, and half of it on average, is encoded again */
    BLOCK = 4096, /* bytes compared at once */
    SLOTS_MAX = 1024,
};

/* Where a plan stood, with `n_ids` ids before it. */
typedef struct {
    size_t at, n_ids;
    bool fresh;
} place;

/* A text; n_bytes 0 and used 0: none. The arrays are owned, and only grow. */
typedef struct {
    char *text;
    uint32_t *ids;
    place *places;
    size_t n_bytes, n_ids, n_places;
    size_t text_room, ids_room, places_room;
    unsigned flags;
    uint64_t used; /* when it was last; 0: it holds nothing */
} slot;

struct rl_tokenizer_prefix {
    const rl_tokenizer *tok; /* borrowed */
    rl_tokenizer_ctx *ctx;   /* owned */
    slot *slots;             /* [n] owned */
    size_t n;
    uint64_t clock;
    rl_tokenizer_prefix_stats stats;
};

rl_status rl_tokenizer_prefix_open(rl_tokenizer_prefix **out, const rl_tokenizer *tok,
                                   const rl_tokenizer_kernel *kernel, size_t slots, rl_error *err)
{
    *out = NULL;
    if (slots < 1 || slots > SLOTS_MAX)
        return rl_fail(err, RL_ERR_ARG, "%zu slots for texts, 1 to %d are allowed", slots, SLOTS_MAX);
    rl_tokenizer_prefix *cache = rl_alloc(sizeof *cache);
    slot *array = rl_alloc(slots * sizeof *array);
    if (cache == NULL || array == NULL) {
        rl_free(cache);
        rl_free(array);
        return rl_fail(err, RL_ERR_MEMORY, "tokenizer: out of memory");
    }
    *cache = (rl_tokenizer_prefix){.tok = tok, .slots = array, .n = slots};
    const rl_status status = rl_tokenizer_ctx_open(&cache->ctx, tok, kernel, 2 * JOB, err);
    if (status != RL_OK) {
        rl_tokenizer_prefix_close(cache);
        return status;
    }
    *out = cache;
    return RL_OK;
}

void rl_tokenizer_prefix_close(rl_tokenizer_prefix *cache)
{
    if (cache == NULL) return;
    for (size_t i = 0; i < cache->n; i++) {
        rl_free(cache->slots[i].text);
        rl_free(cache->slots[i].ids);
        rl_free(cache->slots[i].places);
    }
    rl_tokenizer_ctx_close(cache->ctx);
    rl_free(cache->slots);
    rl_free(cache);
}

void rl_tokenizer_prefix_clear(rl_tokenizer_prefix *cache)
{
    for (size_t i = 0; i < cache->n; i++) cache->slots[i].used = 0;
}

rl_tokenizer_prefix_stats rl_tokenizer_prefix_get_stats(const rl_tokenizer_prefix *cache)
{
    return cache->stats;
}

/* ---- Memory that only grows ---- */

/* Room for n elements in *array, of which the first `keep` stay as they are; at least twice what it was. */
static rl_status grow(void **array, size_t *room, size_t size, size_t keep, size_t n, rl_error *err)
{
    if (n <= *room) return RL_OK;
    size_t bytes, twice;
    if (rl_mul_ok(*room, 2, &twice) && n < twice) n = twice;
    void *more = rl_mul_ok(n, size, &bytes) ? rl_alloc(bytes) : NULL;
    if (more == NULL) return rl_fail(err, RL_ERR_MEMORY, "tokenizer: no memory to keep a text");
    if (keep > 0) memcpy(more, *array, keep * size);
    rl_free(*array);
    *array = more;
    *room = n;
    return RL_OK;
}

static rl_status grow_text(slot *s, size_t keep, size_t n, rl_error *err)
{
    void *p = s->text;
    const rl_status status = grow(&p, &s->text_room, 1, keep, n, err);
    s->text = p;
    return status;
}

static rl_status grow_ids(slot *s, size_t n, rl_error *err)
{
    void *p = s->ids;
    const rl_status status = grow(&p, &s->ids_room, sizeof *s->ids, s->n_ids, n, err);
    s->ids = p;
    return status;
}

static rl_status grow_places(slot *s, size_t n, rl_error *err)
{
    void *p = s->places;
    const rl_status status = grow(&p, &s->places_room, sizeof *s->places, s->n_places, n, err);
    s->places = p;
    return status;
}

/* ---- What is kept already ---- */

/* How many bytes a and b [n] begin with in common, of which `known` are known. */
static size_t common_bytes(const char *a, const char *b, size_t n, size_t known)
{
    size_t at = known;
    while (n - at >= BLOCK && memcmp(a + at, b + at, BLOCK) == 0) at += BLOCK;
    for (size_t step = BLOCK / 2; step >= 8; step /= 2)
        if (n - at >= step && memcmp(a + at, b + at, step) == 0) at += step;
    while (at < n && a[at] == b[at]) at++;
    return at;
}

/* The slot that agrees furthest with a text: *common bytes. NULL where none does. */
static slot *find_slot(rl_tokenizer_prefix *cache, const char *text, size_t n_bytes, unsigned flags,
                       size_t *common)
{
    slot *best = NULL;
    *common = 0;
    for (size_t i = 0; i < cache->n; i++) {
        slot *s = &cache->slots[i];
        const size_t n = s->n_bytes < n_bytes ? s->n_bytes : n_bytes;
        if (s->used == 0 || s->flags != flags || n <= *common) continue;
        /* One that differs where the best agreed is no better: mostly told by the bytes just before that place. */
        const size_t last = *common < 64 ? 0 : *common - 63;
        if (memcmp(s->text + last, text + last, *common + 1 - last) != 0) continue;
        const size_t agree = common_bytes(s->text, text, n, 0);
        if (agree <= *common) continue;
        *common = agree;
        best = s;
    }
    return best;
}

/* How many of the places can be gone on from, where only `common` bytes are what they were. */
static size_t places_within(const slot *s, size_t common, size_t reach)
{
    size_t low = 0, high = s->n_places;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (s->places[middle].at + reach <= common)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* ---- Encoding ---- */

/* The slot that the text goes to: the one it goes on from, where little of that one is given up; else an empty one, or
 * the one that was used longest ago. */
static slot *choose(rl_tokenizer_prefix *cache, slot *from, size_t common)
{
    if (from != NULL && from->n_bytes - common <= from->n_bytes / 8) return from;
    slot *oldest = &cache->slots[0];
    for (size_t i = 1; i < cache->n; i++)
        if (cache->slots[i].used < oldest->used) oldest = &cache->slots[i];
    return oldest;
}

/* Makes `s` hold what the first `n_places` places of `from` say, and the new text behind it. */
static rl_status take_over(slot *s, const slot *from, size_t n_places, const char *text, size_t n_bytes,
                           unsigned flags, rl_error *err)
{
    const place begin = {0, 0, true}, last = n_places > 0 ? from->places[n_places - 1] : begin;
    s->used = 0; /* until all is well */
    s->flags = flags;
    const bool same = s == from;
    if (!same) s->n_places = s->n_ids = 0; /* nothing of them is kept as memory grows */
    const size_t keep = same ? last.at : 0;
    rl_status status = grow_text(s, keep, n_bytes, err);
    if (status == RL_OK && !same) status = grow_ids(s, last.n_ids, err);
    if (status == RL_OK && !same) status = grow_places(s, n_places, err);
    if (status != RL_OK) return status;
    if (n_bytes > keep) memcpy(s->text + keep, text + keep, n_bytes - keep);
    if (!same && n_places > 0) {
        memcpy(s->ids, from->ids, last.n_ids * sizeof *s->ids);
        memcpy(s->places, from->places, n_places * sizeof *s->places);
    }
    s->n_ids = last.n_ids;
    s->n_places = n_places;
    s->n_bytes = n_bytes;
    return RL_OK;
}

/* Appends the ids of the rest of the text, and places about every JOB bytes. */
static rl_status encode_rest(rl_tokenizer_prefix *cache, slot *s, rl_error *err)
{
    rl_plan plan = rl_plan_begin(cache->tok, s->text, s->n_bytes, s->flags, NULL);
    size_t noted = 0;
    if (s->n_places > 0) {
        const place p = s->places[s->n_places - 1];
        plan = rl_plan_resume(cache->tok, s->text, s->n_bytes, s->flags, p.at, p.fresh);
        noted = p.at;
    }
    for (rl_job job; rl_plan_next(&plan, JOB, &job);) {
        const size_t most = rl_tokenizer_max_ids(cache->tok, job.to - job.from + 1, 0);
        size_t room;
        if (!rl_add_ok(s->n_ids, most, &room)) room = SIZE_MAX;
        rl_status status = rl_tokenizer_ctx_room(cache->ctx, job.to - job.from, err);
        if (status == RL_OK) status = grow_ids(s, room, err);
        if (status == RL_OK) status = grow_places(s, s->n_places + 1, err);
        if (status != RL_OK) return status;
        s->n_ids += rl_tokenizer_ctx_job(cache->ctx, s->text, &job, s->ids + s->n_ids, most);
        if (plan.at < noted + JOB) continue;
        noted = plan.at;
        s->places[s->n_places++] = (place){plan.at, s->n_ids, plan.fresh};
    }
    return RL_OK;
}

/* Where only a look at the whole text tells what is in it. */
static rl_status encode_whole(rl_tokenizer_prefix *cache, slot *s, rl_error *err)
{
    rl_status status = grow_ids(s, rl_tokenizer_max_ids(cache->tok, s->n_bytes, s->flags), err);
    if (status != RL_OK) return status;
    return rl_tokenizer_encode(cache->ctx, s->text, s->n_bytes, s->flags, s->ids, s->ids_room, &s->n_ids,
                               err);
}

rl_status rl_tokenizer_prefix_encode(rl_tokenizer_prefix *cache, const char *text, size_t n_bytes,
                                     unsigned flags, const uint32_t **ids, size_t *n_ids, rl_error *err)
{
    *ids = NULL;
    *n_ids = 0;
    rl_status status = rl_tokenizer_check_flags(cache->tok, flags, err);
    if (status != RL_OK) return status;
    size_t common;
    slot *from = find_slot(cache, text, n_bytes, flags, &common), *s = from;
    size_t reused = n_bytes;
    if (from == NULL || common != n_bytes || from->n_bytes != n_bytes) { /* else it is the very same text */
        const size_t n_places =
            from != NULL ? places_within(from, common, rl_plan_reach(cache->tok, flags)) : 0;
        reused = n_places > 0 ? from->places[n_places - 1].at : 0;
        s = choose(cache, from, common);
        status = take_over(s, from, n_places, text, n_bytes, flags, err);
        if (status == RL_OK)
            status = rl_plan_by_length(cache->tok, flags) ? encode_whole(cache, s, err)
                                                          : encode_rest(cache, s, err);
        if (status != RL_OK) return status;
    }
    s->used = ++cache->clock;
    cache->stats.texts++;
    cache->stats.bytes += n_bytes;
    cache->stats.bytes_reused += reused;
    *ids = s->ids;
    *n_ids = s->n_ids;
    return RL_OK;
}
