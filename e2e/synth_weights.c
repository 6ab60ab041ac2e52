/* synth_weights.c - the numbers of a synthetic model. Integers until the last step, then one or two float
 * operations that every machine rounds alike. */
#include "synth_weights.h"

#include "base/random.h"

#include <math.h>

#define EMBEDDING_STD 0.02
#define RESIDUAL 1.6      /* the layers' share of the residual stream; 0 would leave the embedding alone */
#define ATTENTION_STD 1.4 /* of a query or key element: scores spread by its square */
#define NORM_STD 0.1
#define LOGIT_STD 2.0 /* of a logit that nothing speaks for */
/* How far the logit of succ(t) stands out, in units of LOGIT_STD and before the layers have turned the hidden
 * state: uniform between these, by token. */
#define STRENGTH_MIN 6.0
#define STRENGTH_MAX 11.0
#define FAINT 0.1 /* rows of pieces that shall not come up, against the others */

/* The stream of a row. `what` keeps streams of different use apart. */
static uint64_t stream(uint64_t seed, uint64_t what, uint64_t row)
{
    return rl_random_mix(rl_random_mix(rl_random_mix(seed + RL_RANDOM_STEP) + what * RL_RANDOM_STEP) +
                         row * RL_RANDOM_STEP);
}

enum { USE_CYCLE = 1 << 30, USE_STRENGTH }; /* beyond every tensor index */

/* Element j of a stream, nearly normal. */
static int32_t normal(uint64_t key, uint64_t j)
{
    return rl_random_normal(rl_random_mix(key + (j + 1) * RL_RANDOM_STEP));
}

size_t rl_synth_cycle(const rl_vocab *vocab, uint64_t seed, uint32_t *prev, uint32_t *order)
{
    size_t n = 0;
    for (uint32_t id = 0; id < vocab->n; id++) {
        prev[id] = RL_SYNTH_NO_PIECE;
        if (vocab->pieces[id].type == RL_PIECE_NORMAL) order[n++] = id;
    }
    const uint64_t key = stream(seed, USE_CYCLE, 0);
    for (size_t i = n; i > 1; i--) { /* Fisher-Yates; the bias of % is 2^-49 */
        const size_t j = (size_t)(rl_random_mix(key + i * RL_RANDOM_STEP) % i);
        const uint32_t swap = order[i - 1];
        order[i - 1] = order[j];
        order[j] = swap;
    }
    for (size_t i = 0; i < n; i++) prev[order[(i + 1) % n]] = order[i];
    return n;
}

static void scaled_row(float *y, size_t cols, uint64_t key, double std, float mean)
{
    const float scale = (float)(std / RL_RANDOM_NORMAL_STD);
    for (size_t j = 0; j < cols; j++) y[j] = mean + scale * (float)normal(key, j);
}

/* Noise, and the embedding of the piece before. */
static void output_row(float *y, const rl_synth_model *m, size_t cols, uint64_t key, size_t r, uint32_t prev)
{
    const double std = LOGIT_STD / sqrt((double)cols);
    if (prev == RL_SYNTH_NO_PIECE) {
        scaled_row(y, cols, key, FAINT * std, 0);
        return;
    }
    const uint64_t pick = rl_random_mix(stream(m->seed, USE_STRENGTH, r)) >> 32;
    const double strength = STRENGTH_MIN + (STRENGTH_MAX - STRENGTH_MIN) * (double)pick * 0x1p-32;
    const float noise = (float)(std / RL_RANDOM_NORMAL_STD);
    const float signal = (float)(std * strength / sqrt((double)cols) / RL_RANDOM_NORMAL_STD);
    const uint64_t embedding = stream(m->seed, 0, prev); /* token_embd.weight is tensor 0 */
    for (size_t j = 0; j < cols; j++)
        y[j] = noise * (float)normal(key, j) + signal * (float)normal(embedding, j);
}

void rl_synth_row(float *y, const rl_synth_model *m, const rl_synth_tensor *t, size_t index, size_t r,
                  const uint32_t *prev)
{
    const uint64_t key = stream(m->seed, index, r);
    const double unit = 1 / sqrt((double)t->cols);
    switch (t->kind) {
    case RL_SYNTH_EMBEDDING:
        scaled_row(y, t->cols, key, EMBEDDING_STD, 0);
        break;
    case RL_SYNTH_NORM:
        scaled_row(y, t->cols, key, NORM_STD, 1);
        break;
    case RL_SYNTH_PROJECTION:
        scaled_row(y, t->cols, key, unit, 0);
        break;
    case RL_SYNTH_ATTENTION:
        scaled_row(y, t->cols, key, ATTENTION_STD * unit, 0);
        break;
    case RL_SYNTH_RESIDUAL:
        scaled_row(y, t->cols, key, RESIDUAL * EMBEDDING_STD * unit / sqrt(2.0 * m->shape->n_layer), 0);
        break;
    case RL_SYNTH_OUTPUT:
        output_row(y, m, t->cols, key, r, prev[r]);
        break;
    }
}
