/* bench_gemm_lora.h - the cases of bench_gemm that have adapters on top. */
#ifndef RL_BENCH_GEMM_LORA_H
#define RL_BENCH_GEMM_LORA_H

#include "program.h"

/* gemm-lora/<format>/<isa>/<m>x<k>/rank:<r>/adapters:<a>/n:<tokens>, all of it; --isa and --threads select. */
void rl_gemm_lora_cases(rl_program *p);

#endif
