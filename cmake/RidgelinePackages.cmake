# Finds the libraries the project is built on; a missing one is named with the package that brings it.
# cJSON and cmocka ship CMake or pkg-config files; libcsv and libpfm4 ship neither on Debian and Ubuntu.

find_package(PkgConfig QUIET)

# rl_find(<target> <pkg-config name> <header> <library> <Debian package> <Fedora package>)
function(rl_find target pc header library debian fedora)
  if(PkgConfig_FOUND)
    pkg_check_modules(RL_PC_${target} QUIET ${pc})
  endif()
  find_path(RL_${target}_INCLUDE_DIR ${header} HINTS ${RL_PC_${target}_INCLUDE_DIRS})
  find_library(RL_${target}_LIBRARY ${library} HINTS ${RL_PC_${target}_LIBRARY_DIRS})
  mark_as_advanced(RL_${target}_INCLUDE_DIR RL_${target}_LIBRARY)
  if(NOT RL_${target}_INCLUDE_DIR OR NOT RL_${target}_LIBRARY)
    set_property(GLOBAL APPEND PROPERTY RL_MISSING_DEBIAN ${debian})
    set_property(GLOBAL APPEND PROPERTY RL_MISSING_FEDORA ${fedora})
    return()
  endif()
  add_library(${target} UNKNOWN IMPORTED GLOBAL)
  set_target_properties(${target} PROPERTIES
    IMPORTED_LOCATION ${RL_${target}_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${RL_${target}_INCLUDE_DIR})
endfunction()

rl_find(cjson libcjson cjson/cJSON.h cjson libcjson-dev cjson-devel)
rl_find(csv libcsv csv.h csv libcsv-dev libcsv-devel)
rl_find(pfm libpfm perfmon/pfmlib_perf_event.h pfm libpfm4-dev libpfm-devel)
if(RL_TESTS)
  rl_find(cmocka cmocka cmocka.h cmocka libcmocka-dev libcmocka-devel)
endif()

get_property(missing GLOBAL PROPERTY RL_MISSING_DEBIAN)
if(missing)
  get_property(missing_fedora GLOBAL PROPERTY RL_MISSING_FEDORA)
  list(JOIN missing " " missing)
  list(JOIN missing_fedora " " missing_fedora)
  message(FATAL_ERROR "Missing packages. Install them and configure again:\n"
    "  Debian, Ubuntu:  apt-get install ${missing}\n"
    "  Fedora:          dnf install ${missing_fedora}\n"
    "or run tools/quickstart.sh, which does so.")
endif()
