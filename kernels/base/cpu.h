/* cpu.h - what this CPU and operating system can run, and who it is.
 *
 * Kernels come in tiers. A tier is one name for all the features its files are compiled with:
 *   scalar   plain C, the specification
 *   avx2     AVX2, FMA, F16C, BMI1, BMI2                      (x86-64-v3)
 *   avx512   the avx2 tier and AVX-512 F, BW, DQ, VL and VNNI (Ice Lake, Zen 4 and later)
 *   neon     AArch64 Advanced SIMD with dotprod
 * A CPU is a mask of RL_CPU_ bits; finding a kernel takes the mask as an argument, so a caller can ask for
 * less than the machine has. */
#ifndef RL_CPU_H
#define RL_CPU_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

#if defined(__x86_64__)
#define RL_X86 1
#elif defined(__aarch64__)
#define RL_ARM64 1
#endif

typedef enum { RL_SCALAR, RL_AVX2, RL_AVX512, RL_NEON, RL_ISA_COUNT } rl_isa;

enum {
    RL_CPU_AVX2 = 1u << 0,   /* the whole avx2 tier */
    RL_CPU_AVX512 = 1u << 1, /* the whole avx512 tier */
    RL_CPU_BF16 = 1u << 2,   /* AVX512_BF16: vdpbf16ps; Arm BF16: bfmmla */
    RL_CPU_VBMI = 1u << 3,   /* AVX512_VBMI: vpermb */
    RL_CPU_NEON = 1u << 4,   /* the whole neon tier */
    RL_CPU_I8MM = 1u << 5,   /* Arm I8MM: smmla */
    RL_CPU_AMX = 1u << 6,    /* AMX-TILE, -INT8 and -BF16: tdpbssd, tdpbf16ps; the process was allowed to use them */
};

/* What this CPU has and the operating system saves (XCR0 is read, not only cpuid). Environment plays no part. Asks the
 * system for leave to use the tile unit, which the whole process then has. */
uint32_t rl_cpu_detect(void);

/* `cpu` without everything that belongs to a tier above `isa`. RL_SCALAR gives 0. */
uint32_t rl_cpu_cap(uint32_t cpu, rl_isa isa);

/* The best tier a mask can run. */
rl_isa rl_cpu_best(uint32_t cpu);

/* True where a mask can run the tier (scalar: always). */
bool rl_cpu_has(uint32_t cpu, rl_isa isa);

/* The CPU capped to the tier called `name` ("scalar", "avx2", "avx512", "neon"); NULL means all that is
 * there. Errors: RL_ERR_ARG for an unknown name, RL_ERR_UNSUPPORTED for a tier this machine lacks. Never
 * falls back. */
rl_status rl_cpu_named(const char *name, uint32_t *cpu, rl_error *err);

/* rl_cpu_named of the environment variable RL_ISA (unset or empty: all). Programs call it once, first. */
rl_status rl_cpu_from_env(uint32_t *cpu, rl_error *err);

const char *rl_isa_name(rl_isa isa);

/* Whether a tier has a feature, by the name that reports give it: "avx2", "vnni". */
bool rl_isa_has(rl_isa isa, const char *feature);

/* Who the processor is. Fields the machine does not tell are empty or 0. */
typedef struct {
    char vendor[16];
    char brand[64];
    unsigned family, model,
        stepping;    /* x86: with extended family and model folded in; Arm: 0, part, revision */
    bool hypervisor; /* runs under one */
} rl_cpu_identity;

void rl_cpu_identify(rl_cpu_identity *id);

#endif
