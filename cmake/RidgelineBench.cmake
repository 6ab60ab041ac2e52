# rl_bench_program(<name> <source>... [LIBRARIES <library>...]): a bench program over librl_bench, installed, with a
# table of the hashes of all object code it is made of (micro/program.h). The sources are an object library of their
# own, so that the table, which is linked beside them, can have their hashes, too.
function(rl_bench_program name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" LIBRARIES)
  add_library(${name}_code OBJECT ${arg_UNPARSED_ARGUMENTS})
  target_link_libraries(${name}_code PRIVATE rl_bench rl_options m ${arg_LIBRARIES})
  add_executable(${name})
  target_link_libraries(${name} PRIVATE ${name}_code rl_bench rl_options m ${arg_LIBRARIES})
  rl_code_table(${name} ${name}_code rl_bench rl_perf rl_kernels rl_base ${arg_LIBRARIES})
  install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endfunction()

# rl_code_table(<program> <target>...): adds the table, of these targets' objects. Where a generator does not tell
# where its objects are, the table is empty, and no code counts as unchanged.
function(rl_code_table program)
  set(table ${CMAKE_CURRENT_BINARY_DIR}/code/${program}.c)
  set(list ${CMAKE_CURRENT_BINARY_DIR}/code/${program}.txt)
  get_property(many_configs GLOBAL PROPERTY GENERATOR_IS_MULTI_CONFIG)
  if(many_configs OR NOT CMAKE_GENERATOR MATCHES "Make|Ninja")
    file(WRITE ${table} "#include \"program.h\"\nconst rl_code_table rl_program_code = {0};\n")
    target_sources(${program} PRIVATE ${table})
    return()
  endif()
  set(objects "")
  foreach(target IN LISTS ARGN)
    list(APPEND objects $<TARGET_OBJECTS:${target}>)
  endforeach()
  file(GENERATE OUTPUT ${list} CONTENT "$<JOIN:${objects},\n>\n")
  # Depending on archives and on objects: an archive is newer than what is in it, a list is not.
  add_custom_command(OUTPUT ${table}
    COMMAND ${CMAKE_COMMAND} -DLIST=${list} -DOUT=${table} -P ${PROJECT_SOURCE_DIR}/cmake/code_hashes.cmake
    DEPENDS ${ARGN} $<TARGET_OBJECTS:${program}_code> ${list} ${PROJECT_SOURCE_DIR}/cmake/code_hashes.cmake
    COMMENT "Hashing the object code of ${program}" VERBATIM)
  target_sources(${program} PRIVATE ${table})
endfunction()
