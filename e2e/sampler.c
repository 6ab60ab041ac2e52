/* sampler.c - a partial sort by logit, a softmax in double, and one draw. */
#include "sampler.h"
#include "base/mem.h"
#include "base/random.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

typedef struct {
    uint32_t id;
    float logit;
} candidate;

struct rl_sampler {
    rl_sampler_options options;
    size_t n_vocab;
    uint64_t state;
    candidate *candidates; /* [n_vocab], owned */
    double *weights;       /* [n_vocab], owned */
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
    *s = (rl_sampler){.options = *o, .n_vocab = n_vocab, .state = o->seed};
    s->candidates = rl_alloc(n_vocab * sizeof *s->candidates);
    s->weights = rl_alloc(n_vocab * sizeof *s->weights);
    if (s->candidates == NULL || s->weights == NULL) {
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
    rl_free(s);
}

uint32_t rl_argmax(const float *logits, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (logits[i] > logits[best] || isnan(logits[best])) best = i;
    return (uint32_t)best;
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

uint32_t rl_sampler_pick(rl_sampler *s, const float *logits)
{
    const rl_sampler_options *o = &s->options;
    const uint32_t best = rl_argmax(logits, s->n_vocab);
    if (o->temperature == 0) return best;
    candidate *c = s->candidates;
    size_t n = 0;
    for (size_t i = 0; i < s->n_vocab; i++)
        if (!isnan(logits[i])) c[n++] = (candidate){(uint32_t)i, logits[i]};
    if (n == 0) return best;
    if (o->top_k > 0 && o->top_k < n) {
        select_top(c, n, o->top_k);
        n = o->top_k;
    }
    qsort(c, n, sizeof *c, by_rank);
    double total = 0;
    for (size_t i = 0; i < n; i++)
        total += s->weights[i] = exp(((double)c[i].logit - (double)c[0].logit) / (double)o->temperature);
    size_t kept = 0;
    double mass = 0;
    while (kept < n && (kept == 0 || mass < (double)o->top_p * total)) mass += s->weights[kept++];
    double left = rl_random_unit(rl_random(&s->state)) * mass;
    for (size_t i = 0; i + 1 < kept; i++)
        if ((left -= s->weights[i]) < 0) return c[i].id;
    return c[kept - 1].id;
}
