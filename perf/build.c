/* build.c - how this library was built. The two headers are made by CMake: build_config.h when it configures,
 * build_commit.h at every build, rewritten only when the commit or its cleanness has changed. */
#include "perf/env.h"

#include "build_commit.h"
#include "build_config.h"

const rl_build *rl_build_info(void)
{
    static const rl_build build = {
        .version = RL_BUILD_VERSION,
        .compiler = RL_BUILD_COMPILER,
        .flags = RL_BUILD_FLAGS,
        .type = RL_BUILD_TYPE,
        .sanitize = RL_BUILD_SANITIZE,
        .commit = RL_BUILD_COMMIT,
        .dirty = RL_BUILD_DIRTY,
#if defined(NDEBUG)
        .debug = false,
#else
        .debug = true,
#endif
    };
    return &build;
}
