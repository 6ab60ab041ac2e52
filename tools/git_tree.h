/* git_tree.h - is what is measured what was committed? */
#ifndef RL_GIT_TREE_H
#define RL_GIT_TREE_H

#include "base/status.h"

#include <stdbool.h>

typedef struct {
    char head[64]; /* the commit */
    bool clean; /* no change that is in no commit, baselines aside: they are results, not what is measured */
    char change[256]; /* the first one, as git shows it */
} rl_git_tree;

/* The repository that `dir` (the directory of baselines) is in. RL_ERR_IO where there is none, or no git. */
rl_status rl_git_tree_read(rl_git_tree *tree, const char *dir, rl_error *err);

#endif
