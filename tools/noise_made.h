/* noise_made.h - launches that never ran: noise of known kinds, from a seed.
 *
 * What a launch takes is exp(effect) times the row's own time. Effects are of two sessions of a baseline, then
 * of a run; every kind has independent lognormal noise of `sigma` between launches, and on top of it what its
 * name says, as large as `amplitude`. Where launches of baseline and run are drawn independently from one
 * distribution (exchangeable), the gate's tests are exact, and its rate of false reds holds however large the
 * noise. Where they are not, it holds as long as what moves launches together is smaller than the margin. */
#ifndef RL_NOISE_MADE_H
#define RL_NOISE_MADE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    double sigma, amplitude;  /* as parts: 0.03 */
    size_t rows, before, now; /* launches of the baseline, its two sessions together; of the run */
} rl_noise_shape;

/* A seeded source. */
typedef struct {
    uint64_t state;
    double spare; /* normal numbers come in twos */
    bool has_spare;
} rl_dice;

rl_dice rl_dice_of(uint64_t seed, uint64_t stream); /* streams of one seed have nothing in common */
double rl_dice_unit(rl_dice *d);                    /* in (0, 1] */
double rl_dice_normal(rl_dice *d);                  /* of standard deviation 1 */

enum { RL_AMPLITUDES = 5 };

typedef struct {
    const char *name, *amplitude_is; /* amplitude_is: NULL where there is none */
    double amplitude, most;          /* the usual one, and the largest that makes sense */
    double sweep[RL_AMPLITUDES];     /* for rates as a function of it; all 0: there is none */
    bool exchangeable;
    /* effects: [rows][before + now], in order of time */
    void (*fill)(const rl_noise_shape *shape, rl_dice *dice, double *effects);
} rl_noise_kind;

/* NULL beyond the last one; NULL where none is called so. */
const rl_noise_kind *rl_noise_kind_at(size_t i);
const rl_noise_kind *rl_noise_kind_find(const char *name);

#endif
