/* attn_prefill_tile.h - flash attention of a tile of queries, in vectors of any width. For attn_prefill_<isa>.c only.
 *
 * A lane is a query row (a token's query head), so nothing ever has to be added up or compared across lanes: the
 * maximum and the sum of the softmax are vector operations, and neither K nor V is transposed. LANES rows are a
 * panel; queries and results lie in panels as [dim][LANES]. Both products are then the same small matrix product,
 * of a few panels with numbers that go to all lanes:
 *
 *   scores   S[t][row]   = sum_i K[t][i] * Q[i][row]     STEP keys by `wide` panels of sums in registers
 *   values   O[d][row]  += sum_t V[t][d] * P[t][row]     STEP dimensions by `wide` panels
 *
 * A step loads `wide` vectors and broadcasts STEP numbers for wide * STEP multiply-adds: with 4 by 4 that is half a
 * load for each, where the processor can do one. K and V of a block are floats by then, whatever the cache holds.
 * A new maximum shrinks O and the sum once a block, and O shrinks as it is loaded.
 *
 * Rows of one panel may be of several tokens, which see more and more keys. A score that a row is not to see becomes
 * -inf, and so its weight 0; but a weight of 0 is not enough, for 0 times an infinity in V is NaN. So the last keys,
 * those that not every row sees, are added lane by lane: no token can spoil one before it.
 *
 * The file that includes this has defined
 *   vec, LANES, WIDE              the vector, its floats, and how many panels go at once (1 goes as well)
 *   vec_all(f), vec_fma(a, b, c), vec_max(a, b), vec_exp(x)
 *   vec_if_seen(last, t, a, b)    a in the lanes where last >= t, b in the others
 *   load(rows, i, format)         numbers i to i + LANES - 1 of rows of the cache, as floats
 *   BLOCK, transpose(out, in)     BLOCK rows of BLOCK floats, each by a pointer; BLOCK divides LANES and 32 */
#include "attention/attn_prefill.h"

#include <math.h>
#include <string.h>

enum { STEP = 4 };

/* A unit's scratch, and what does not change in it. */
typedef struct {
    size_t dim, group, rows, panels, past;
    size_t token_stride;              /* floats from one token to the next in q and out */
    float *q, *out;                   /* [panel][dim][LANES] */
    float *k, *v;                     /* [RL_ATTN_KEYS][dim]: the block's */
    float *weight;                    /* [WIDE][RL_ATTN_KEYS][LANES]: scores, then weights */
    float *max, *sum, *shrink, *last; /* [panel][LANES]; last: the last position that a row sees */
} tile;

static inline vec *at(float *base, size_t i) { return (vec *)(base + i * LANES); }

static tile tile_of(float *scratch, const rl_attn_shape *shape, size_t n, size_t past)
{
    tile a = {.dim = shape->head_dim, .group = rl_attn_group(shape), .past = past};
    a.token_stride = shape->n_head * a.dim;
    a.rows = n * a.group;
    a.panels = (a.rows + LANES - 1) / LANES;
    const size_t row = a.panels * LANES, block = RL_ATTN_KEYS * a.dim;
    a.q = scratch;
    a.out = a.q + row * a.dim;
    a.k = a.out + row * a.dim;
    a.v = a.k + block;
    a.weight = a.v + block;
    a.max = a.weight + WIDE * RL_ATTN_KEYS * LANES;
    a.sum = a.max + row;
    a.shrink = a.sum + row;
    a.last = a.shrink + row;
    return a;
}

/* ---- between rows and panels ---- */

/* Where row r is in q and out. */
static inline size_t row_offset(const tile *a, size_t r)
{
    return r / a->group * a->token_stride + r % a->group * a->dim;
}

/* BLOCK rows from r on; those that a last panel has too many repeat the last. */
static inline size_t real_row(const tile *a, size_t r) { return r < a->rows ? r : a->rows - 1; }

static void take_queries(const tile *a, const float *q, float scale)
{
    for (size_t r = 0; r < a->panels * LANES; r += BLOCK) {
        float *panel = a->q + r / LANES * LANES * a->dim + r % LANES;
        for (size_t i = 0; i < a->dim; i += BLOCK) {
            const float *from[BLOCK];
            float *to[BLOCK];
            for (size_t b = 0; b < BLOCK; b++) {
                from[b] = q + row_offset(a, real_row(a, r + b)) + i;
                to[b] = panel + (i + b) * LANES;
            }
            transpose(to, from);
        }
    }
    for (size_t i = 0; i < a->panels * a->dim; i++) {
        *at(a->q, i) = *at(a->q, i) * vec_all(scale);
        *at(a->out, i) = vec_all(0);
    }
    for (size_t r = 0; r < a->panels * LANES; r++) {
        a->last[r] = (float)(a->past + real_row(a, r) / a->group);
        a->max[r] = -INFINITY;
        a->sum[r] = 0;
    }
}

static void give_results(const tile *a, float *out)
{
    float spare[BLOCK];
    for (size_t p = 0; p < a->panels; p++) {
        const vec by = vec_all(1) / *at(a->sum, p);
        for (size_t i = 0; i < a->dim; i++) *at(a->out, p * a->dim + i) = *at(a->out, p * a->dim + i) * by;
    }
    for (size_t r = 0; r < a->rows; r += BLOCK) {
        const float *panel = a->out + r / LANES * LANES * a->dim + r % LANES;
        for (size_t i = 0; i < a->dim; i += BLOCK) {
            const float *from[BLOCK];
            float *to[BLOCK];
            for (size_t b = 0; b < BLOCK; b++) {
                from[b] = panel + (i + b) * LANES;
                to[b] = r + b < a->rows ? out + row_offset(a, r + b) + i : spare;
            }
            transpose(to, from);
        }
    }
}

/* ---- a block of keys and a few panels: `wide` and `edge` are constants where these are called ---- */

/* Scores, and how much smaller their maximum makes what was summed so far. Past `keys` is what nobody sees, and on
 * the edge of the visible this is told apart lane by lane. */
static inline __attribute__((always_inline)) void scores(const tile *a, size_t panel, size_t wide,
                                                         size_t first, size_t keys, bool edge)
{
    const size_t dim = a->dim;
    vec top[WIDE];
    for (size_t w = 0; w < wide; w++) top[w] = *at(a->max, panel + w);
    for (size_t t = 0; t < keys; t += STEP) {
        const float *key = a->k + t * dim;
        vec sum[STEP][WIDE];
        for (size_t s = 0; s < STEP; s++)
            for (size_t w = 0; w < wide; w++) sum[s][w] = vec_all(0);
        for (size_t i = 0; i < dim; i++) {
            vec x[WIDE];
            for (size_t w = 0; w < wide; w++) x[w] = *at(a->q, (panel + w) * dim + i);
            for (size_t s = 0; s < STEP; s++) {
                const vec y = vec_all(key[s * dim + i]);
                for (size_t w = 0; w < wide; w++) sum[s][w] = vec_fma(y, x[w], sum[s][w]);
            }
        }
        for (size_t s = 0; s < STEP; s++)
            for (size_t w = 0; w < wide; w++) {
                if (edge)
                    sum[s][w] = vec_if_seen(*at(a->last, panel + w), (float)(first + t + s), sum[s][w],
                                            vec_all(-INFINITY));
                top[w] = vec_max(top[w], sum[s][w]);
                *at(a->weight, w * RL_ATTN_KEYS + t + s) = sum[s][w];
            }
    }
    for (size_t w = 0; w < wide; w++) {
        *at(a->shrink, panel + w) = vec_exp(*at(a->max, panel + w) - top[w]);
        *at(a->max, panel + w) = top[w];
    }
}

static inline __attribute__((always_inline)) void weights(const tile *a, size_t panel, size_t wide,
                                                          size_t keys)
{
    vec sum[WIDE];
    for (size_t w = 0; w < wide; w++) sum[w] = *at(a->sum, panel + w) * *at(a->shrink, panel + w);
    for (size_t t = 0; t < keys; t++)
        for (size_t w = 0; w < wide; w++) {
            vec *weight = at(a->weight, w * RL_ATTN_KEYS + t);
            *weight = vec_exp(*weight - *at(a->max, panel + w));
            sum[w] = sum[w] + *weight;
        }
    for (size_t w = 0; w < wide; w++) *at(a->sum, panel + w) = sum[w];
}

/* Every row sees the first `common` of the block's keys. */
static inline __attribute__((always_inline)) void values(const tile *a, size_t panel, size_t wide,
                                                         size_t first, size_t keys, size_t common)
{
    const size_t dim = a->dim;
    for (size_t d = 0; d < dim; d += STEP) {
        const float *value = a->v + d;
        vec sum[STEP][WIDE];
        for (size_t s = 0; s < STEP; s++)
            for (size_t w = 0; w < wide; w++)
                sum[s][w] = *at(a->out, (panel + w) * dim + d + s) * *at(a->shrink, panel + w);
        for (size_t t = 0; t < common; t++, value += dim) {
            vec x[WIDE];
            for (size_t w = 0; w < wide; w++) x[w] = *at(a->weight, w * RL_ATTN_KEYS + t);
            for (size_t s = 0; s < STEP; s++) {
                const vec y = vec_all(value[s]);
                for (size_t w = 0; w < wide; w++) sum[s][w] = vec_fma(y, x[w], sum[s][w]);
            }
        }
        for (size_t t = common; t < keys; t++, value += dim)
            for (size_t w = 0; w < wide; w++) {
                const vec x = *at(a->weight, w * RL_ATTN_KEYS + t), last = *at(a->last, panel + w);
                for (size_t s = 0; s < STEP; s++)
                    sum[s][w] = vec_if_seen(last, (float)(first + t),
                                            vec_fma(vec_all(value[s]), x, sum[s][w]), sum[s][w]);
            }
        for (size_t s = 0; s < STEP; s++)
            for (size_t w = 0; w < wide; w++) *at(a->out, (panel + w) * dim + d + s) = sum[s][w];
    }
}

/* `wide` panels meet a block of `now` keys from position `first` on, as far as any of their rows sees them. */
static inline __attribute__((always_inline)) void meet(const tile *a, size_t panel, size_t wide, size_t first,
                                                       size_t now)
{
    const size_t begin = a->past + panel * LANES / a->group + 1; /* every row sees the keys before it, */
    const size_t end =
        a->past + real_row(a, (panel + wide) * LANES - 1) / a->group + 1; /* no row those from it */
    if (end <= first) return;
    const size_t keys = end - first < now ? end - first : now;
    if (first + RL_ATTN_KEYS > begin)
        scores(a, panel, wide, first, keys, true);
    else
        scores(a, panel, wide, first, RL_ATTN_KEYS, false);
    weights(a, panel, wide, keys);
    const size_t common = begin > first ? begin - first : 0;
    values(a, panel, wide, first, keys, common < keys ? common : keys);
}

/* ---- a unit ---- */

/* Rows one after another: as blocks divide a row, they are one long row. */
static inline __attribute__((always_inline)) void widen_as(float *out, const char *rows, size_t elems,
                                                           rl_format format)
{
    for (size_t i = 0; i < elems; i += LANES) *at(out, i / LANES) = load(rows, i, format);
}

static void widen(float *out, const char *rows, size_t elems, rl_format format)
{
    switch (format) { /* so that each loop is of one format */
    case RL_F16:
        widen_as(out, rows, elems, RL_F16);
        return;
    case RL_BF16:
        widen_as(out, rows, elems, RL_BF16);
        return;
    default:
        widen_as(out, rows, elems, RL_Q8_0);
    }
}

static void run_unit(float *restrict out, const float *restrict q, const rl_attn_planes *kv,
                     const rl_attn_shape *shape, size_t n, size_t past, float *restrict scratch)
{
    const tile a = tile_of(scratch, shape, n, past);
    const size_t row_bytes = rl_row_bytes(kv->format, a.dim);
    take_queries(&a, q, shape->scale);
    for (size_t first = 0; first < past + n; first += RL_ATTN_KEYS) {
        const size_t left = past + n - first, now = left < RL_ATTN_KEYS ? left : RL_ATTN_KEYS;
        widen(a.k, (const char *)kv->k + first * row_bytes, now * a.dim, kv->format);
        widen(a.v, (const char *)kv->v + first * row_bytes, now * a.dim, kv->format);
        memset(a.k + now * a.dim, 0, (rl_round_up(now, STEP) - now) * a.dim * sizeof *a.k);
        size_t p = 0;
        for (; p + WIDE <= a.panels; p += WIDE) meet(&a, p, WIDE, first, now);
        for (; p < a.panels; p++) meet(&a, p, 1, first, now);
    }
    give_results(&a, out);
}
