/* inject.h - a slowdown on purpose: --inject=ROWS=+5% makes the rows that ROWS (an ERE that searches) finds take
 * 5 % longer, for tests of whatever judges them. Private to perf/.
 *
 * When its last iteration is done, each thread of such a case spins for that share of what its window took,
 * still inside the window: wall time, CPU time and counters hold the spin, and whatever is made of them. Where a
 * case reports its time itself (manual_time), that much is added to it, and nothing spins. The context names the rows
 * ("injected"), so that no baseline is made of them. */
#ifndef RL_INJECT_H
#define RL_INJECT_H

#include "base/status.h"

#include <stddef.h>

enum { RL_INJECT_MAX = 16, RL_INJECT_ROWS_MAX = 1024 };

typedef struct {
    char rows[RL_INJECT_ROWS_MAX];
    double share; /* 0.05 */
} rl_injection;

/* "ROWS=+5%"; what follows the last '=' is the share, above 0 and at most 1000 %. RL_ERR_ARG. */
rl_status rl_injection_parse(rl_injection *out, const char *text, rl_error *err);

struct rl_suite;

/* Gives the suite's cases their shares; where several rules find a case, the last one counts. RL_ERR_ARG for
 * one that is no regular expression, or finds no selected case: a slowdown that is none would prove nothing. */
rl_status rl_inject(struct rl_suite *s, rl_error *err);

#endif
