# How every target of the project is compiled, and the per-file flags of the ISA tiers.

# Everything common sits on one interface target. -ffp-contract=off: a fused multiply-add appears only where a
# kernel writes one, so that results are the same whatever the compiler.
add_library(rl_options INTERFACE)
target_compile_features(rl_options INTERFACE c_std_17)
target_compile_definitions(rl_options INTERFACE _GNU_SOURCE)
target_compile_options(rl_options INTERFACE
  -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wpointer-arith
  -ffp-contract=off -fno-math-errno -fno-trapping-math
  $<$<BOOL:${RL_WERROR}>:-Werror>)
if(RL_SANITIZE)
  target_compile_options(rl_options INTERFACE
    -fsanitize=${RL_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(rl_options INTERFACE -fsanitize=${RL_SANITIZE})
endif()
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

# The tiers. A file x_<tier>.c is compiled with the tier's flags and with no other file's: one binary holds all
# tiers and picks at run time. scalar is the specification, so it is what it says: no vectorizer.
set(RL_FLAGS_avx2 -mavx2 -mfma -mf16c -mbmi -mbmi2)
set(RL_FLAGS_avx512 ${RL_FLAGS_avx2}
  -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512vnni -mprefer-vector-width=512)
set(RL_FLAGS_neon -march=armv8.2-a+dotprod)
# What only some processors of a tier have. A file x_<feature>_<tier>.c is compiled with it, and its rows need it.
set(RL_FLAGS_bf16_avx512 ${RL_FLAGS_avx512} -mavx512bf16)
set(RL_FLAGS_amx_avx512 ${RL_FLAGS_avx512} -mamx-tile -mamx-int8 -mamx-bf16)
set(RL_FLAGS_amxbf16_avx512 ${RL_FLAGS_amx_avx512})
set(RL_FLAGS_i8mm_neon -march=armv8.2-a+dotprod+i8mm)
set(RL_FLAGS_bf16_neon -march=armv8.2-a+dotprod+bf16)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
  set(RL_FLAGS_scalar -fno-tree-vectorize -fno-tree-slp-vectorize)
else()
  set(RL_FLAGS_scalar -fno-vectorize -fno-slp-vectorize)
endif()
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|amd64|AMD64)$")
  set(RL_TIERS scalar avx2 avx512)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
  set(RL_TIERS scalar neon)
else()
  set(RL_TIERS scalar)
endif()

# rl_kernel_sources(<target> <file>...): adds the files; those of a tier the target architecture lacks are left out.
function(rl_kernel_sources target)
  foreach(file IN LISTS ARGN)
    if(file MATCHES "_(scalar|avx2|avx512|neon)\\.c$")
      set(tier ${CMAKE_MATCH_1})
      if(NOT tier IN_LIST RL_TIERS)
        continue()
      endif()
      set(flags ${RL_FLAGS_${tier}})
      string(REGEX MATCH "_([a-z0-9]+)_${tier}\\.c$" ignored ${file})
      if(DEFINED RL_FLAGS_${CMAKE_MATCH_1}_${tier})
        set(flags ${RL_FLAGS_${CMAKE_MATCH_1}_${tier}})
      endif()
      set_source_files_properties(${file} PROPERTIES COMPILE_OPTIONS "${flags}")
    endif()
    target_sources(${target} PRIVATE ${file})
  endforeach()
endfunction()
