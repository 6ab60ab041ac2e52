/* sampler.c - a partial sort by logit, a softmax in double, and one draw.
 *
 * Of 32000 logits a draw looks at few. What touches all of them is vector code (the kernels argmax and exp_sum);
 * it says where the few are, and only these are ranked and exponentiated. */
#include "sampler.h"
#include "base/mem.h"
#include "base/random.h"
#include "ops/ops.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

typedef struct {
    uint32_t id;
    float logit;
} candidate;

enum {
    BLOCK = 64,     /* logits that one maximum speaks for */
    FIRST_TRY = 64, /* tokens that mostly reach the top p */
};

struct rl_sampler {
    rl_sampler_options options;
    size_t n_vocab;
    uint64_t state;
    candidate *candidates; /* [n_vocab], owned */
    double *weights;       /* [n_vocab], owned */
    float *maxima;         /* [n_vocab / BLOCK, rounded up], owned */
    rl_argmax_fn *argmax;
    rl_exp_sum_fn *exp_sum;
};

rl_status rl_sampler_open(rl_sampler **out, const rl_sampler_options *o, size_t n_vocab, rl_error *err)
{
    *out = NULL;
    if (!(o->temperature >= 0 && o->temperature <= 100))
        return rl_fail(err, RL_ERR_ARG, "temperature %g: expected 0 (greedy) to 100", (double)o->temperature);
    if (!(o->top_p > 0 && o->top_p <= 1))
        return rl_fail(err, RL_ERR_ARG, "top-p %g: expected above 0, up to 1", (double)o->top_p);
    rl_sampler *s = rl_alloc(sizeof *s);
    if (s == NULL) return rl_fail(err, RL_ERR_MEMORY, "out of memory for the sampler");
    *s = (rl_sampler){.options = *o,
                      .n_vocab = n_vocab,
                      .state = o->seed,
                      .argmax = rl_ops_find(RL_ARGMAX, o->cpu)->run.argmax,
                      .exp_sum = rl_ops_find(RL_EXP_SUM, o->cpu)->run.exp_sum};
    s->candidates = rl_alloc(n_vocab * sizeof *s->candidates);
    s->weights = rl_alloc(n_vocab * sizeof *s->weights);
    s->maxima = rl_alloc((n_vocab / BLOCK + 1) * sizeof *s->maxima);
    if (s->candidates == NULL || s->weights == NULL || s->maxima == NULL) {
        rl_sampler_close(s);
        return rl_fail(err, RL_ERR_MEMORY, "out of memory for the sampler");
    }
    *out = s;
    return RL_OK;
}

void rl_sampler_close(rl_sampler *s)
{
    if (s == NULL) return;
    rl_free(s->candidates);
    rl_free(s->weights);
    rl_free(s->maxima);
    rl_free(s);
}

/* Larger logits first, then lower ids. */
static bool ranks_before(candidate a, candidate b)
{
    return a.logit > b.logit || (a.logit == b.logit && a.id < b.id);
}

static int by_rank(const void *a, const void *b)
{
    const candidate *x = a, *y = b;
    return ranks_before(*x, *y) ? -1 : ranks_before(*y, *x) ? 1 : 0;
}

/* Moves the k that rank first to the front, in any order: quickselect. Hoare's partition needs a pivot that
 * is not the last element, or a part could be the whole. */
static void select_top(candidate *c, size_t n, size_t k)
{
    size_t lo = 0, hi = n;
    while (hi - lo > 1) {
        const candidate pivot = c[lo + (hi - lo - 1) / 2];
        size_t i = lo, j = hi - 1;
        while (true) {
            while (ranks_before(c[i], pivot)) i++;
            while (ranks_before(pivot, c[j])) j--;
            if (i >= j) break;
            const candidate swap = c[i];
            c[i++] = c[j];
            c[j--] = swap;
        }
        if (k <= j + 1)
            hi = j + 1;
        else
            lo = j + 1;
    }
}

/* The logits of block b that are at least `least`, behind the n candidates there are; NaNs never. */
static size_t take(rl_sampler *s, const float *logits, size_t b, float least, size_t n)
{
    const size_t end = (b + 1) * BLOCK < s->n_vocab ? (b + 1) * BLOCK : s->n_vocab;
    for (size_t i = b * BLOCK; i < end; i++)
        if (logits[i] >= least) s->candidates[n++] = (candidate){(uint32_t)i, logits[i]};
    return n;
}

/* Makes the k that rank first the candidates, in order; fewer where there are no more. The k-th largest of the
 * blocks' maxima is a lower bound of the k-th largest logit, for k logits reach it: whatever lies below is
 * left out unseen, and mostly in whole blocks. */
static size_t top(rl_sampler *s, const float *logits, size_t k)
{
    const size_t blocks = (s->n_vocab + BLOCK - 1) / BLOCK;
    float least = -INFINITY;
    size_t n = 0;
    for (size_t b = 0; b < blocks; b++) {
        const size_t from = b * BLOCK, left = s->n_vocab - from;
        const float max = logits[from + s->argmax(logits + from, left < BLOCK ? left : BLOCK)];
        s->maxima[b] = isnan(max) ? -INFINITY : max;
        s->candidates[b] = (candidate){(uint32_t)b, s->maxima[b]};
    }
    if (k < blocks) {
        select_top(s->candidates, blocks, k);
        least = INFINITY;
        for (size_t i = 0; i < k; i++) least = fminf(least, s->candidates[i].logit);
    }
    for (size_t b = 0; b < blocks; b++)
        if (s->maxima[b] >= least) n = take(s, logits, b, least, n);
    if (k < n) {
        select_top(s->candidates, n, k);
        n = k;
    }
    qsort(s->candidates, n, sizeof *s->candidates, by_rank);
    return n;
}

/* Of n candidates, the most probable that reach the top p of `total`; their weights, and the sum of these. With
 * a total of 0, that of the candidates themselves. */
static size_t cut(rl_sampler *s, size_t n, double total, double *mass)
{
    const rl_sampler_options *o = &s->options;
    const candidate *c = s->candidates;
    double all = 0;
    for (size_t i = 0; i < n; i++)
        all += s->weights[i] = exp(((double)c[i].logit - (double)c[0].logit) / (double)o->temperature);
    const double enough = (double)o->top_p * (total > 0 ? total : all);
    size_t kept = 0;
    *mass = 0;
    while (kept < n && (kept == 0 || *mass < enough)) *mass += s->weights[kept++];
    return kept;
}

/* Fills candidates and weights with what is drawn from. Where only p cuts, its part of all probabilities is
 * mostly that of a few: ever more are ranked until they reach it. */
static size_t choose(rl_sampler *s, const float *logits, float max, double *mass)
{
    const rl_sampler_options *o = &s->options;
    if (o->top_k > 0) return cut(s, top(s, logits, o->top_k), 0, mass);
    if (o->top_p == 1) return cut(s, top(s, logits, s->n_vocab), 0, mass);
    const double total = (double)s->exp_sum(logits, s->n_vocab, max, o->temperature);
    for (size_t k = FIRST_TRY;; k *= 8) {
        const size_t n = top(s, logits, k), kept = cut(s, n, total, mass);
        if (n < k || *mass >= (double)o->top_p * total) return kept;
    }
}

uint32_t rl_sampler_pick(rl_sampler *s, const float *logits)
{
    const uint32_t best = (uint32_t)s->argmax(logits, s->n_vocab);
    if (s->options.temperature == 0 || !isfinite(logits[best])) return best;
    double mass;
    const size_t kept = choose(s, logits, logits[best], &mass);
    const candidate *c = s->candidates;
    double left = rl_random_unit(rl_random(&s->state)) * mass;
    for (size_t i = 0; i + 1 < kept; i++)
        if ((left -= s->weights[i]) < 0) return c[i].id;
    return c[kept - 1].id;
}
