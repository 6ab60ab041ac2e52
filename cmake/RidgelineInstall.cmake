# What `cmake --install` puts where: the libraries with their headers and a CMake package (find_package(ridgeline)),
# and the lanes. Programs are installed where they are defined.
include(CMakePackageConfigHelpers)

install(TARGETS rl_base rl_kernels rl_perf EXPORT ridgelineTargets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT ridgelineTargets NAMESPACE ridgeline::
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/ridgeline)

# Headers that hold code of one tier, or are for the files of their folder only, stay here.
foreach(folder base quant gemv gemm attention ops probe tokenizer)
  install(DIRECTORY kernels/${folder} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/ridgeline
    FILES_MATCHING PATTERN "*.h"
    PATTERN "x86_*.h" EXCLUDE PATTERN "arm_*.h" EXCLUDE
    PATTERN "*_avx2.h" EXCLUDE PATTERN "*_avx512.h" EXCLUDE PATTERN "*_neon.h" EXCLUDE
    PATTERN "attn_rows.h" EXCLUDE PATTERN "attn_prefill_tile.h" EXCLUDE PATTERN "gemv_term.h" EXCLUDE PATTERN "lora_walk.h" EXCLUDE
    PATTERN "exp_poly.h" EXCLUDE PATTERN "kfit.h" EXCLUDE
    PATTERN "tokenizer_tables.h" EXCLUDE PATTERN "tokenizer_units*.h" EXCLUDE
    PATTERN "tokenizer_plan.h" EXCLUDE PATTERN "tokenizer_finder.h" EXCLUDE PATTERN "utf8.h" EXCLUDE)
endforeach()
install(FILES kernels/registry.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/ridgeline)
install(FILES perf/barrier.h perf/bench.h perf/clock.h perf/counters.h perf/env.h perf/stats.h
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/ridgeline/perf)
install(DIRECTORY baselines DESTINATION ${CMAKE_INSTALL_DATADIR}/ridgeline)

configure_package_config_file(cmake/ridgelineConfig.cmake.in ridgelineConfig.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/ridgeline)
write_basic_package_version_file(ridgelineConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/ridgelineConfig.cmake
  ${CMAKE_CURRENT_BINARY_DIR}/ridgelineConfigVersion.cmake cmake/RidgelineFind.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/ridgeline)
