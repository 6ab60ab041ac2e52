/* noise_made.c - the kinds of noise, each a few lines. */
#include "noise_made.h"
#include "base/random.h"
#include "base/status.h"

#include <math.h>
#include <string.h>

rl_dice rl_dice_of(uint64_t seed, uint64_t stream)
{
    return (rl_dice){.state = rl_random_mix(rl_random_mix(seed) ^ (stream * RL_RANDOM_STEP))};
}

double rl_dice_unit(rl_dice *d) { return 1 - rl_random_unit(rl_random(&d->state)); }

/* Box and Muller: exact also in the tails, which decide here. */
double rl_dice_normal(rl_dice *d)
{
    d->has_spare = !d->has_spare;
    if (!d->has_spare) return d->spare;
    const double radius = sqrt(-2 * log(rl_dice_unit(d))), angle = 2 * acos(-1) * rl_dice_unit(d);
    d->spare = radius * sin(angle);
    return radius * cos(angle);
}

static void lognormal(const rl_noise_shape *s, rl_dice *dice, double *e)
{
    for (size_t i = 0; i < s->rows * (s->before + s->now); i++) e[i] = s->sigma * rl_dice_normal(dice);
}

/* A launch is in the slow mode by chance: the place of its pages, the core it got. */
static void bimodal(const rl_noise_shape *s, rl_dice *dice, double *e)
{
    static const double share = 0.3;
    lognormal(s, dice, e);
    for (size_t i = 0; i < s->rows * (s->before + s->now); i++)
        if (rl_dice_unit(dice) <= share) e[i] += log1p(s->amplitude);
}

/* The machine gets slower or faster steadily, from the baseline's first launch to the run's last. */
static void drifting(const rl_noise_shape *s, rl_dice *dice, double *e)
{
    const size_t n = s->before + s->now;
    const double total = log1p(s->amplitude) * (2 * rl_dice_unit(dice) - 1);
    lognormal(s, dice, e);
    for (size_t i = 0; i < s->rows * n; i++) e[i] += total * (double)(i % n) / (double)(n - 1);
}

/* Each row wanders: a launch resembles the one before it. A session, or a run, starts anew. */
static void autocorrelated(const rl_noise_shape *s, rl_dice *dice, double *e)
{
    const size_t n = s->before + s->now;
    const double rho = s->amplitude, fresh = sqrt(1 - rho * rho);
    lognormal(s, dice, e);
    for (size_t i = 0; i < s->rows * n; i++) {
        const size_t at = i % n;
        if (at != 0 && at != s->before / 2 && at != s->before) e[i] = rho * e[i - 1] + fresh * e[i];
    }
}

/* All rows of a session, or of a run, are shifted by one amount: another clock, a neighbour, other memory. */
static void common_mode(const rl_noise_shape *s, rl_dice *dice, double *e)
{
    const size_t n = s->before + s->now;
    const double sd = log1p(s->amplitude);
    const double shift[] = {sd * rl_dice_normal(dice), sd * rl_dice_normal(dice), sd * rl_dice_normal(dice)};
    lognormal(s, dice, e);
    for (size_t i = 0; i < s->rows * n; i++) {
        const size_t at = i % n;
        e[i] += shift[at < s->before / 2 ? 0 : at < s->before ? 1 : 2];
    }
}

/* One launch in twenty is a stray, longer by an exponential part of itself. */
static void strays(const rl_noise_shape *s, rl_dice *dice, double *e)
{
    static const double share = 0.05;
    lognormal(s, dice, e);
    for (size_t i = 0; i < s->rows * (s->before + s->now); i++)
        if (rl_dice_unit(dice) <= share) e[i] += log1p(-s->amplitude * log(rl_dice_unit(dice)));
}

static const rl_noise_kind kinds[] = {
    {
     .name = "lognormal",
     .exchangeable = true,
     .fill = lognormal,
     },
    {
     .name = "bimodal",
     .amplitude_is = "how much slower the slow mode is",
     .amplitude = 0.15,
     .most = 100,
     .sweep = {0.05, 0.1, 0.15, 0.3, 0.6},
     .exchangeable = true,
     .fill = bimodal,
     },
    {
     .name = "heavy",
     .amplitude_is = "how much longer a stray is, on average",
     .amplitude = 0.5,
     .most = 100,
     .sweep = {0.25, 0.5, 1, 2, 4},
     .exchangeable = true,
     .fill = strays,
     },
    {
     .name = "autocorrelated",
     .amplitude_is = "correlation of neighbours",
     .amplitude = 0.8,
     .most = 0.999,
     .sweep = {0.5, 0.8, 0.9, 0.95, 0.99},
     .fill = autocorrelated,
     },
    {
     .name = "drift",
     .amplitude_is = "at most so much in all",
     .amplitude = 0.05,
     .most = 100,
     .sweep = {0.05, 0.1, 0.2, 0.4, 0.8},
     .fill = drifting,
     },
    {
     .name = "common",
     .amplitude_is = "standard deviation of the shift",
     .amplitude = 0.05,
     .most = 100,
     .sweep = {0.025, 0.05, 0.1, 0.2, 0.4},
     .fill = common_mode,
     },
};

const rl_noise_kind *rl_noise_kind_at(size_t i) { return i < RL_COUNT(kinds) ? &kinds[i] : NULL; }

const rl_noise_kind *rl_noise_kind_find(const char *name)
{
    for (size_t i = 0; i < RL_COUNT(kinds); i++)
        if (strcmp(kinds[i].name, name) == 0) return &kinds[i];
    return NULL;
}
