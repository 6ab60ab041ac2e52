# The libraries the project is built on.
include(RidgelineFind)
rl_find(cjson libcjson cjson/cJSON.h cjson libcjson-dev cjson-devel)
rl_find(csv libcsv csv.h csv libcsv-dev libcsv-devel)
rl_find(pfm libpfm perfmon/pfmlib_perf_event.h pfm libpfm4-dev libpfm-devel)
if(RL_TESTS)
  rl_find(cmocka cmocka cmocka.h cmocka libcmocka-dev libcmocka-devel)
endif()
rl_require_found()
