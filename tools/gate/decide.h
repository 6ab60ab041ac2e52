/* decide.h - is a row slower than its baseline? Pure: numbers in, a decision out.
 *
 * One process launch is one observation: repetitions of one process share its memory layout, its place in
 * time and its neighbours, so they tell little about the next process. Both sides are sets of launches.
 *
 * The rule, first form. `worse` is the ratio of medians, turned so that above 1 is worse. The sides lie apart
 * where every launch of one is worse than every launch of the other.
 *   REGRESSED      worse is above 1 + margin, and the sides lie apart
 *   INCONCLUSIVE   worse is above 1 + margin, but they overlap: it may be slower, or the machine was
 *   IMPROVED       worse is below 1 / (1 + margin), and the sides lie apart
 *   PASS           anything else
 *
 * Drawn from one distribution, today's n launches are the n worst of all n + m with probability
 * 1 / C(n + m, n), the smallest that any rank test can reach. A row is only judged where that is at most
 * RL_CHANCE: with fewer launches no regression could be told from chance, whatever its size, and a gate that
 * cannot fail is none (UNREACHABLE). Against 10 launches 3 are enough (1/286), 2 are not (1/66).
 *
 * What it does not do: the margin is compared with a point estimate, rows are not corrected for their number,
 * and neither side may drift. One stray launch is enough to turn a regression into an INCONCLUSIVE. */
#ifndef RL_DECIDE_H
#define RL_DECIDE_H

#include <stdbool.h>
#include <stddef.h>

#define RL_CHANCE 0.01

typedef enum {
    RL_DECIDED_PASS,
    RL_DECIDED_REGRESSED,
    RL_DECIDED_INCONCLUSIVE,
    RL_DECIDED_IMPROVED,
    RL_UNREACHABLE
} rl_decision;

/* One side: ascending, positive, finite; n at least 1. */
typedef struct {
    const double *x;
    size_t n;
} rl_side;

typedef struct {
    rl_decision decision;
    double before, now; /* medians */
    double ratio;       /* now / before */
    double worse;
    double chance; /* that launches lie apart for nothing: 1 / C(n + m, n) */
    bool apart;
} rl_judgement;

rl_judgement rl_decide(rl_side before, rl_side now, bool higher_is_better, double margin);

/* 1 / C(n + m, n). */
double rl_chance_apart(size_t n, size_t m);

/* The fewest launches that can be judged against n; RL_LAUNCHES_MAX + 1 where no number would do. */
size_t rl_launches_needed(size_t n);

#endif
