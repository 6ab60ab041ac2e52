# Writes the C table of a program's object code to OUT, only where it has changed. LIST names the objects, one a line.
#   cmake -DLIST=<file> -DOUT=<file> -P code_hashes.cmake
# gemv_avx512.c.o is the part "gemv/avx512"; objects without a tier are one part, "common". perf's build.c is left
# out: it holds the commit, which is no code. A hash is the first 16 digits of SHA-256.

file(STRINGS ${LIST} objects)
set(parts "")
set(common "")
foreach(object IN LISTS objects)
  cmake_path(NORMAL_PATH object) # Ninja's have a "./" in them
  if(object MATCHES "/rl_perf\\.dir/build\\.c\\.o")
    continue()
  endif()
  get_filename_component(name ${object} NAME)
  string(REGEX REPLACE "\\.c\\.o(bj)?$" "" name ${name})
  file(SHA256 ${object} hash)
  if(name MATCHES "^(.+)_(scalar|avx2|avx512|neon)$")
    string(SUBSTRING ${hash} 0 16 hash)
    list(APPEND parts "    {\"${CMAKE_MATCH_1}/${CMAKE_MATCH_2}\", \"${hash}\"},\n")
  else()
    list(APPEND common "${name} ${hash}")
  endif()
endforeach()

list(SORT common)
string(SHA256 hash "${common}")
string(SUBSTRING ${hash} 0 16 hash)
list(APPEND parts "    {\"common\", \"${hash}\"},\n")
list(SORT parts)
list(LENGTH parts n)
list(JOIN parts "" rows)
set(text "/* Made by code_hashes.cmake. */\n#include \"program.h\"\n
static const rl_code code[] = {\n${rows}};\nconst rl_code_table rl_program_code = {code, ${n}};\n")

set(before "")
if(EXISTS ${OUT})
  file(READ ${OUT} before)
endif()
if(NOT text STREQUAL before)
  file(WRITE ${OUT} "${text}")
endif()
