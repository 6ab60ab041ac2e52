# Writes the commit that is being built to OUT; run at every build, rewrites only on change.
#   cmake -DSOURCE=<tree> -DOUT=<header> -P commit.cmake
# The tree is read without taking git's lock, and whoever owns it.

set(git git --no-optional-locks -c safe.directory=* -C ${SOURCE})
execute_process(COMMAND ${git} rev-parse --short=12 HEAD
  OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
execute_process(COMMAND ${git} rev-parse --show-prefix
  OUTPUT_VARIABLE prefix OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
set(dirty false)
if(failed OR prefix) # no git, no repository, or somebody else's around an unpacked archive
  set(commit unknown)
else()
  # Numbers of earlier builds change no build; lanes say what is run.
  execute_process(COMMAND ${git} status --porcelain -- . ":(exclude)baselines" OUTPUT_VARIABLE changes ERROR_QUIET)
  execute_process(COMMAND ${git} status --porcelain -- baselines/lanes OUTPUT_VARIABLE lane_changes ERROR_QUIET)
  if(changes OR lane_changes)
    set(dirty true)
  endif()
endif()

set(text "#define RL_BUILD_COMMIT \"${commit}\"\n#define RL_BUILD_DIRTY ${dirty}\n")
set(before "")
if(EXISTS ${OUT})
  file(READ ${OUT} before)
endif()
if(NOT text STREQUAL before)
  file(WRITE ${OUT} "${text}")
endif()
