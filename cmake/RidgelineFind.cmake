# rl_find(<target> <pkg-config name> <header> <library> <Debian package> <Fedora package>): an imported target for a
# library, found with pkg-config or by looking. rl_require_found() then names, in one error, what was not found.
# cJSON and cmocka ship CMake or pkg-config files; libcsv and libpfm4 ship neither on Debian and Ubuntu.

find_package(PkgConfig QUIET)

function(rl_find target pc header library debian fedora)
  if(TARGET ${target})
    return()
  endif()
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

function(rl_require_found)
  get_property(debian GLOBAL PROPERTY RL_MISSING_DEBIAN)
  get_property(fedora GLOBAL PROPERTY RL_MISSING_FEDORA)
  if(debian)
    list(JOIN debian " " debian)
    list(JOIN fedora " " fedora)
    message(FATAL_ERROR "Missing packages. Install them and configure again:\n"
      "  Debian, Ubuntu:  apt-get install ${debian}\n"
      "  Fedora:          dnf install ${fedora}")
  endif()
endfunction()
