/* cpu.c - feature detection and identity. With kernel table lists, the only place that asks which
 * architecture it is compiled for. */
#include "base/cpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__AVX__)
#error "cpu.c decides whether AVX may run: it must be compiled without it"
#endif

static const char *const isa_names[RL_ISA_COUNT] = {
    [RL_SCALAR] = "scalar",
    [RL_AVX2] = "avx2",
    [RL_AVX512] = "avx512",
    [RL_NEON] = "neon",
};

/* What a tier adds. Scalar adds nothing. */
static const uint32_t isa_bits[RL_ISA_COUNT] = {
    [RL_AVX2] = RL_CPU_AVX2,
    [RL_AVX512] = RL_CPU_AVX512 | RL_CPU_BF16 | RL_CPU_VBMI | RL_CPU_AMX,
    [RL_NEON] = RL_CPU_NEON | RL_CPU_I8MM | RL_CPU_BF16,
};

/* The bit that stands for the tier itself, without its optional features. */
static const uint32_t isa_key[RL_ISA_COUNT] = {
    [RL_AVX2] = RL_CPU_AVX2,
    [RL_AVX512] = RL_CPU_AVX512,
    [RL_NEON] = RL_CPU_NEON,
};

#if defined(RL_X86)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool bit(uint32_t reg, unsigned n) { return (reg >> n & 1u) != 0; }

static uint64_t read_xcr0(void)
{
    uint32_t lo, hi;
    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    return (uint64_t)hi << 32 | lo;
}

/* Linux gives a process the 8 KB of the tile registers only when it asks (its Documentation/arch/x86/xstate.rst). */
static bool may_use_tiles(void)
{
    enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };
    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}

uint32_t rl_cpu_detect(void)
{
    uint32_t a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d)) return 0;
    bool osxsave = bit(c, 27), avx = bit(c, 28), fma = bit(c, 12), f16c = bit(c, 29);
    if (!(osxsave && avx && fma && f16c)) return 0;
    uint64_t xcr0 = read_xcr0();
    if ((xcr0 & 0x6) != 0x6) return 0; /* XMM and YMM state saved on a context switch */

    uint32_t b7, c7, d7, a71 = 0;
    if (!__get_cpuid_count(7, 0, &a, &b7, &c7, &d7)) return 0;
    if (a >= 1) __get_cpuid_count(7, 1, &a71, &b, &c, &d);

    uint32_t cpu = 0;
    if (bit(b7, 5) && bit(b7, 3) && bit(b7, 8)) cpu |= RL_CPU_AVX2; /* AVX2, BMI1, BMI2 */
    bool zmm = (xcr0 & 0xe6) == 0xe6;                               /* opmask and ZMM state saved as well */
    bool f = bit(b7, 16), dq = bit(b7, 17), bw = bit(b7, 30), vl = bit(b7, 31), vnni = bit(c7, 11);
    if (cpu != 0 && zmm && f && dq && bw && vl && vnni) {
        cpu |= RL_CPU_AVX512;
        if (bit(a71, 5)) cpu |= RL_CPU_BF16;
        if (bit(c7, 1)) cpu |= RL_CPU_VBMI;
        bool tiles = bit(d7, 24) && bit(d7, 25) && bit(d7, 22); /* AMX-TILE, AMX-INT8, AMX-BF16 */
        if (tiles && (xcr0 & 0x60000) == 0x60000 && may_use_tiles()) cpu |= RL_CPU_AMX;
    }
    return cpu;
}

void rl_cpu_identify(rl_cpu_identity *id)
{
    uint32_t a, b, c, d;
    memset(id, 0, sizeof *id);
    if (!__get_cpuid(0, &a, &b, &c, &d)) return;
    memcpy(id->vendor, &b, 4);
    memcpy(id->vendor + 4, &d, 4);
    memcpy(id->vendor + 8, &c, 4);
    if (__get_cpuid(1, &a, &b, &c, &d)) {
        unsigned family = a >> 8 & 0xf, model = a >> 4 & 0xf;
        if (family == 0x6 || family == 0xf) model |= (a >> 16 & 0xf) << 4;
        if (family == 0xf) family += a >> 20 & 0xff;
        id->family = family;
        id->model = model;
        id->stepping = a & 0xf;
        id->hypervisor = bit(c, 31);
    }
    if (__get_cpuid(0x80000000u, &a, &b, &c, &d) && a >= 0x80000004u) {
        uint32_t words[12];
        for (uint32_t i = 0; i < 3; i++)
            __get_cpuid(0x80000002u + i, &words[4 * i], &words[4 * i + 1], &words[4 * i + 2],
                        &words[4 * i + 3]);
        char raw[49] = {0};
        memcpy(raw, words, 48);
        size_t start = strspn(raw, " "), end = strlen(raw); /* brands are padded with spaces on either side */
        while (end > start && raw[end - 1] == ' ') end--;
        memcpy(id->brand, raw + start, end - start);
    }
}

#elif defined(RL_ARM64)
#include <asm/hwcap.h>
#include <sys/auxv.h>

uint32_t rl_cpu_detect(void)
{
    unsigned long cap = getauxval(AT_HWCAP), cap2 = getauxval(AT_HWCAP2);
    uint32_t cpu = 0;
    if ((cap & HWCAP_ASIMD) != 0 && (cap & HWCAP_ASIMDDP) != 0) cpu |= RL_CPU_NEON;
    if (cpu != 0 && (cap2 & HWCAP2_I8MM) != 0) cpu |= RL_CPU_I8MM;
    if (cpu != 0 && (cap2 & HWCAP2_BF16) != 0) cpu |= RL_CPU_BF16;
    return cpu;
}

void rl_cpu_identify(rl_cpu_identity *id)
{
    memset(id, 0, sizeof *id);
    FILE *f = fopen("/proc/cpuinfo", "r");
    if (f == NULL) return;
    char line[256];
    while (fgets(line, sizeof line, f) != NULL) {
        unsigned v;
        if (sscanf(line, "CPU implementer : %x", &v) == 1)
            snprintf(id->vendor, sizeof id->vendor, "arm-%02x", v);
        if (sscanf(line, "CPU part : %x", &v) == 1) id->model = v;
        if (sscanf(line, "CPU revision : %u", &v) == 1) id->stepping = v;
    }
    fclose(f);
    if (id->vendor[0] != '\0') snprintf(id->brand, sizeof id->brand, "%s part %03x", id->vendor, id->model);
}

#else
uint32_t rl_cpu_detect(void) { return 0; }
void rl_cpu_identify(rl_cpu_identity *id) { memset(id, 0, sizeof *id); }
#endif

uint32_t rl_cpu_cap(uint32_t cpu, rl_isa isa)
{
    uint32_t keep = 0;
    for (int i = RL_SCALAR; i <= (int)isa; i++) keep |= isa_bits[i];
    return cpu & keep;
}

rl_isa rl_cpu_best(uint32_t cpu)
{
    for (int i = RL_ISA_COUNT - 1; i > RL_SCALAR; i--)
        if (rl_cpu_has(cpu, (rl_isa)i)) return (rl_isa)i;
    return RL_SCALAR;
}

bool rl_cpu_has(uint32_t cpu, rl_isa isa) { return (isa_key[isa] & ~cpu) == 0; }

rl_status rl_cpu_named(const char *name, uint32_t *cpu, rl_error *err)
{
    uint32_t all = rl_cpu_detect();
    if (name == NULL) {
        *cpu = all;
        return RL_OK;
    }
    for (int i = RL_SCALAR; i < RL_ISA_COUNT; i++) {
        if (strcmp(name, isa_names[i]) != 0) continue;
        if (!rl_cpu_has(all, (rl_isa)i))
            return rl_fail(err, RL_ERR_UNSUPPORTED, "ISA '%s' cannot run here: this machine's best is '%s'",
                           name, isa_names[rl_cpu_best(all)]);
        *cpu = rl_cpu_cap(all, (rl_isa)i);
        return RL_OK;
    }
    char shown[64];
    return rl_fail(err, RL_ERR_ARG, "unknown ISA '%s': expected scalar, avx2, avx512 or neon",
                   rl_printable(shown, sizeof shown, name, strlen(name)));
}

rl_status rl_cpu_from_env(uint32_t *cpu, rl_error *err)
{
    const char *name = getenv("RL_ISA");
    rl_error why;
    if (rl_cpu_named(name != NULL && name[0] != '\0' ? name : NULL, cpu, &why) == RL_OK) return RL_OK;
    return rl_fail(err, why.status, "RL_ISA: %.480s", why.text);
}

const char *rl_isa_name(rl_isa isa) { return isa_names[isa]; }

bool rl_isa_has(rl_isa isa, const char *feature)
{
    if (strcmp(feature, "avx2") == 0) return isa == RL_AVX2 || isa == RL_AVX512;
    return strcmp(feature, "vnni") == 0 && isa == RL_AVX512;
}
