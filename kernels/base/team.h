/* team.h - a few pinned threads that work in lock step: the shape of one decode step.
 *
 * All members run the same function; between its phases they meet at a barrier that spins, because a sleeping
 * thread of a virtual machine wakes through the hypervisor, which takes longer than a phase. Between jobs
 * members spin for a while (RL_TEAM_SPIN_NS), then sleep. Where there are more members than CPUs, spinning
 * gives way to sched_yield: slow, but never stuck. */
#ifndef RL_TEAM_H
#define RL_TEAM_H

#include "base/status.h"

#include <stdbool.h>

enum { RL_TEAM_MAX = 256 };

typedef struct rl_team rl_team;

/* What a member runs; `rank` counts from 0 (the caller's own thread) to size - 1. */
typedef void rl_team_fn(void *arg, size_t rank);

/* Starts size - 1 threads; the caller becomes rank 0. With `pin`, and no more members than CPUs the process
 * may use, each member (the caller included) is bound to a CPU of its own, one of each core before any second
 * hardware thread; rl_team_close unbinds the caller. Errors: RL_ERR_ARG for a size outside 1..RL_TEAM_MAX,
 * RL_ERR_MEMORY, RL_ERR_IO where a thread cannot start. */
rl_status rl_team_open(rl_team **team, size_t size, bool pin, rl_error *err);
void rl_team_close(rl_team *team); /* NULL is fine */

size_t rl_team_size(const rl_team *team);
bool rl_team_pinned(const rl_team *team);

/* Runs fn on every member and returns when all are done. Only from the thread that opened the team. */
void rl_team_run(rl_team *team, rl_team_fn *fn, void *arg);

/* Inside fn: waits until every member is here. Memory written before is seen by all after. */
void rl_team_barrier(rl_team *team);

/* The part of `items` that a rank takes, in units of `unit` items: [*begin, *end). Parts differ by one unit
 * at most; together they are all of them, in order. */
void rl_team_share(const rl_team *team, size_t rank, size_t items, size_t unit, size_t *begin, size_t *end);

/* Work shared out by rl_team_share, but the last tenth of a share (in whole units: nothing of one below ten) is taken
 * in pieces of at least `piece` items (a multiple of unit; nothing of a tenth that is less), and who has finished its
 * own helps the others: a member whose CPU was taken away for a while does not hold up the rest. Who gets what is
 * chance, and results must not depend on it.
 *
 *   for (rl_team_walk w = rl_team_walk_start(team, rank, items, unit, piece); rl_team_walk_next(&w);)
 *       ... items [w.begin, w.end), w.begin a multiple of unit ...
 *
 * All ranks start the same walks in the same order, with a barrier (or the end of the job) between two walks. */
typedef struct {
    size_t begin, end;
    rl_team *team; /* from here on, where the walk stands */
    size_t rank, items, unit, piece;
    size_t whose;  /* share is walked: this rank's first, after `size` of them it is over */
    unsigned turn; /* of the walk, 0 or 1 */
    bool started;
} rl_team_walk;

rl_team_walk rl_team_walk_start(rl_team *team, size_t rank, size_t items, size_t unit, size_t piece);
bool rl_team_walk_next(rl_team_walk *walk);

/* How many CPUs the calling thread may use (its affinity mask), at least 1. A member of a pinned team may use one. */
size_t rl_cpu_count(void);

#endif
