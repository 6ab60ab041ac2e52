/* common_mode.h - did the rows of a run move together? Then one thing moved them, and it is said once. Pure.
 *
 * With at least RL_COMMON_ROWS rows compared with the baseline, either of
 *   half of them REGRESSED;
 *   far more of them went one way than coin tosses would (two-sided sign test, p < RL_COMMON_LEVEL), and the middle
 *     one by more than half of the smallest margin
 * is a movement in common. What it was is told by what measures the machine in the same processes: control readings
 * (control.h), as far as they were not taken out of the rows already, and rows that run the very object code of the
 * baseline (code.h). Where the middle one of either moved the same way by at least half as much, it was the MACHINE;
 * else it counts as the BUILD: flags, compiler, allocator, or the code that all rows share. */
#ifndef RL_COMMON_MODE_H
#define RL_COMMON_MODE_H

#include "gate/pool.h"

#include <stdbool.h>

enum {
    RL_COMMON_ROWS = 8,
    RL_COMMON_READINGS = 3, /* fewer control readings tell nothing of the machine */
    RL_COMMON_SAME_CODE = 5 /* fewer rows of unchanged code do not either */
};

#define RL_COMMON_LEVEL 0.001

/* Logarithms of ratios, above 0 is worse. */
typedef struct {
    double shift;   /* of the row against its baseline */
    double allowed; /* by its gate's margin */
    double machine; /* of the machine by its control reading; NaN: it has none */
    bool regressed, same_code;
} rl_movement;

typedef enum { RL_APART, RL_MOVED_BY_MACHINE, RL_MOVED_BY_BUILD } rl_common_cause;

typedef struct {
    rl_common_cause cause;
    size_t rows, worse, better, regressed; /* better: those that moved at all and are not worse */
    double shift;                          /* of the middle row */
    double p;                              /* of the sign test */
    double machine, same_code; /* of the middle reading, and row of unchanged code; NaN: too few */
} rl_common_mode;

rl_common_mode rl_common_mode_find(const rl_movement *rows, size_t n);

/* The diagnosis, in the pool; "" for RL_APART. */
const char *rl_common_mode_text(const rl_common_mode *m, rl_pool *pool);

#endif
