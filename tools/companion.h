/* companion.h - the program that a lane launches beside its bench, for what the bench itself cannot measure: another
 * library, say. Its rows stand in the same samples, so that a ratio gate can compare the two.
 *
 * It gets the lane's arguments for it, then
 *   --launch=N --benchmark_out=FILE --benchmark_out_format=csv   as a bench does
 *   --benchmark_filter=ERE, --model=FILE                         where the bench gets them
 *   --bench=FILE          the bench program, so that it can ask for the same inputs
 *   --columns-from=FILE   a CSV of the bench's: its own has the very same header
 * It may exit with 0, with 1 where its rows say which of them failed, or with 69 (EX_UNAVAILABLE) where what it measures
 * is not there: the last line of its standard error says what is missing, and what to do. That, or no program, or
 * no interpreter of it, is no failure of the run; the gates that need its rows then do not apply, and say why.
 * Whatever else it does is one. Its rows are as untrusted as a bench's. */
#ifndef RL_COMPANION_H
#define RL_COMPANION_H

#include "gate/lane.h"
#include "gate/launch.h"
#include "gate/samples.h"
#include "here.h"

typedef struct {
    char program[RL_PATH_MAX]; /* "": it is not there */
    const char
        *absent; /* why it is not, or cannot run: one line; "": it can, as far as is known. In the pool */
} rl_companion;

/* Looks for the lane's companion: in bench_dir (NULL: none) or where bench programs usually are. */
void rl_companion_find(rl_companion *c, const rl_lane *lane, const char *bench_dir, rl_pool *pool);

/* What a launch is made of; model "": none. */
typedef struct {
    const char *out, *bench, *model, *columns_from;
    size_t launch;
    bool quick;
} rl_companion_call;

/* Its arguments, in the pool. */
const char **rl_companion_argv(const rl_companion *c, const rl_lane *lane, const rl_companion_call *call,
                               rl_pool *pool);

/* True where this end of a launch says that it cannot run here; c->absent says why, then. */
bool rl_companion_unavailable(rl_companion *c, const rl_launch_result *result, rl_pool *pool);

/* RL_ERR_FORMAT unless the names of all rows match the companion's pattern, or with `bench` none does. */
rl_status rl_companion_names(const rl_lane *lane, const rl_samples *s, bool bench, rl_error *err);

#endif
