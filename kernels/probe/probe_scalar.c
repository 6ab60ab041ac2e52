/* probe_scalar.c - the yardsticks of plain C: 64-bit loads and stores, scalar multiply-adds. */
#include "base/format.h"
#include "probe/probe.h"

#include <math.h>
#include <string.h>

static uint64_t read_u64(const void *data, size_t bytes)
{
    const uint64_t *p = data;
    uint64_t x[8] = {0};
    for (size_t i = 0; i < bytes / sizeof *p; i += 8)
        for (size_t j = 0; j < 8; j++) x[j] ^= p[i + j];
    return x[0] ^ x[1] ^ x[2] ^ x[3] ^ x[4] ^ x[5] ^ x[6] ^ x[7];
}

static void write_u64(void *data, size_t bytes, uint64_t value)
{
    volatile uint64_t *p = data; /* volatile: or the compiler calls memset, which is not scalar */
    for (size_t i = 0; i < bytes / sizeof *p; i++) p[i] = value;
}

/* Eight chains hide the latency of a multiply and an add. Values stay near 1. */
static uint64_t multiply_add_f32(uint64_t steps)
{
    float x[8] = {1, 1, 1, 1, 1, 1, 1, 1};
    volatile float vmul = 0.999999f, vadd = 0.000001f;
    const float mul = vmul, add = vadd;
    for (uint64_t s = 0; s < steps; s++)
        for (size_t j = 0; j < 8; j++) x[j] = x[j] * mul + add;
    float sum = 0;
    for (size_t j = 0; j < 8; j++) sum += x[j];
    uint32_t bits;
    memcpy(&bits, &sum, sizeof bits);
    return bits;
}

static uint64_t multiply_add_i8(uint64_t steps)
{
    volatile int8_t va = 3, vb = -5;
    int32_t x[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    const int8_t a = va;
    int8_t b = vb;
    for (uint64_t s = 0; s < steps; s++, b ^= 1)
        for (size_t j = 0; j < 8; j++) x[j] = (int32_t)((uint32_t)x[j] + (uint32_t)(a * (b ^ (int8_t)x[j])));
    uint32_t sum = 0;
    for (size_t j = 0; j < 8; j++) sum += (uint32_t)x[j];
    return sum;
}

/* A pair of bfloats in a word, as in probe_avx2.c. */
static uint64_t multiply_add_bf16(uint64_t steps)
{
    float x[8] = {1, 1, 1, 1, 1, 1, 1, 1};
    volatile float vmul = 0.000001f;
    const float mul = vmul;
    uint32_t pair = 0x3f803f80; /* 1 and 1 */
    for (uint64_t s = 0; s < steps; s++)
        for (size_t j = 0; j < 8; j++) {
            __asm__("" : "+r"(pair));
            x[j] += rl_bf16_to_f32((rl_bf16)pair) * mul;
            x[j] += rl_bf16_to_f32((rl_bf16)(pair >> 16)) * mul;
        }
    float sum = 0;
    for (size_t j = 0; j < 8; j++) sum += x[j];
    return rl_f32_to_bits(sum);
}

static const rl_probe rows[] = {
    {{"probe_read_scalar", RL_SCALAR, 0},     RL_PROBE_READ,     0,  {.read = read_u64}            },
    {{"probe_write_scalar", RL_SCALAR, 0},    RL_PROBE_WRITE,    0,  {.write = write_u64}          },
    {{"probe_fma_f32_scalar", RL_SCALAR, 0},  RL_PROBE_FMA_F32,  16, {.compute = multiply_add_f32} },
    {{"probe_dot_i8_scalar", RL_SCALAR, 0},   RL_PROBE_DOT_I8,   16, {.compute = multiply_add_i8}  },
    {{"probe_dot_bf16_scalar", RL_SCALAR, 0}, RL_PROBE_DOT_BF16, 32, {.compute = multiply_add_bf16}},
};
const rl_probe_table rl_probe_scalar = {rows, RL_COUNT(rows)};
