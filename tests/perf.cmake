# Every lane as a test, for machines that are quiet: `ctest -L perf-gemv` is the lane gemv, `ctest -L perf` all of them.
# They are quick runs, one at a time, and no part of the presets' tests. Their reports go to <build>/reports/.
#
# A lane without a baseline for this class of machines counts as skipped, and ctest lists it so: its portable gates have
# been judged, and would have failed it with 1; what could not be judged is the rest. A baseline that is there, but
# cannot be read, is stale or does not fit, fails (tools/run-lane.sh), and with RL_REQUIRE_BASELINE=true in the
# environment so does a missing one.
file(GLOB RL_LANE_FILES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/baselines/lanes/*.json)
foreach(file IN LISTS RL_LANE_FILES)
  get_filename_component(lane ${file} NAME_WLE)
  file(READ ${file} text)
  add_test(NAME perf.${lane}
    COMMAND ${PROJECT_SOURCE_DIR}/tools/run-lane.sh 77 ${CMAKE_BINARY_DIR}/reports $<TARGET_FILE:ridgeline> ${lane} --quick
            --junit ${CMAKE_BINARY_DIR}/reports/${lane}.xml
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set_tests_properties(perf.${lane} PROPERTIES
    LABELS "perf;perf-${lane}" RUN_SERIAL ON SKIP_RETURN_CODE 77 TIMEOUT 3600)

  # A lane that runs a model has it made, once.
  string(JSON preset ERROR_VARIABLE missing GET "${text}" model preset)
  if(NOT missing)
    string(JSON format GET "${text}" model format)
    string(JSON seed GET "${text}" model seed)
    set(model ${preset}-${format})
    if(NOT TEST perf.model.${model})
      add_test(NAME perf.model.${model} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}
        COMMAND sh -c "test -e models/${model}.gguf || { mkdir -p models && \"$1\" model synth --preset ${preset} --format ${format} --seed ${seed} --out models/${model}.gguf; }"
                sh $<TARGET_FILE:ridgeline>)
      set_tests_properties(perf.model.${model} PROPERTIES LABELS perf TIMEOUT 600 FIXTURES_SETUP ${model})
    endif()
    set_tests_properties(perf.${lane} PROPERTIES FIXTURES_REQUIRED ${model})
  endif()
endforeach()
