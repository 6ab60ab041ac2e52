/* probe_amx_avx512.c - the multiply-adds of the tile unit, where the CPU has one (AMX): of bytes, and of bfloats. */
#include "base/x86_amx.h"
#include "probe/probe.h"

static inline __m512i add_up(__m512i all, const int32_t sums[16 * 16])
{
    for (size_t i = 0; i < 16; i++) all = _mm512_add_epi32(all, _mm512_load_si512(sums + 16 * i));
    return all;
}

/* Registers are named by constants, so these are macros. */
#define MULTIPLY(tile)                                                                                       \
    do {                                                                                                     \
        if (bf16)                                                                                            \
            _tile_dpbf16ps(tile, 4, 5);                                                                      \
        else                                                                                                 \
            _tile_dpbssd(tile, 4, 5);                                                                        \
    } while (0)
#define ADD_UP(tile)                                                                                         \
    do {                                                                                                     \
        RL_TILE_STORE(tile, sums, RL_LINE);                                                                  \
        all = add_up(all, sums);                                                                             \
    } while (0)

/* 16 x 16 sums of the products of a line; `one` is two bytes of the operands. Four chains: a latency of 52 cycles at
 * one in 16 needs as many in flight. */
static inline __attribute__((always_inline)) uint64_t multiply_tiles(uint64_t steps, bool bf16, int16_t one)
{
    _Alignas(RL_LINE) int16_t line[RL_LINE / 2];
    _Alignas(RL_LINE) int32_t sums[16 * 16];
    rl_tiles tiles = {0};
    __m512i all = _mm512_setzero_si512();
    _mm512_store_si512(line, _mm512_set1_epi16(one));
    for (size_t i = 0; i < 8; i++) rl_tiles_set(&tiles, i, 16, RL_LINE);
    rl_tiles_take(&tiles);
    RL_TILE_LOAD(4, line, 0);
    RL_TILE_LOAD(5, line, 0);
    for (uint64_t s = 0; s < steps; s++) {
        MULTIPLY(0);
        MULTIPLY(1);
        MULTIPLY(2);
        MULTIPLY(3);
    }
    ADD_UP(0);
    ADD_UP(1);
    ADD_UP(2);
    ADD_UP(3);
    rl_tiles_release();
    return rl_fold_bits(all);
}

static uint64_t tile_i8(uint64_t steps) { return multiply_tiles(steps, false, 0x0101); }
static uint64_t tile_bf16(uint64_t steps) { return multiply_tiles(steps, true, 0x3f80); }

#define NEEDS (RL_CPU_AVX2 | RL_CPU_AVX512 | RL_CPU_AMX)
static const rl_probe rows[] = {
    {{"probe_tile_i8_amx_avx512", RL_AVX512, NEEDS},
     RL_PROBE_TILE_I8,   4 * 16 * 16 * 64 * 2,
     {.compute = tile_i8}  },
    {{"probe_tile_bf16_amx_avx512", RL_AVX512, NEEDS},
     RL_PROBE_TILE_BF16, 4 * 16 * 16 * 32 * 2,
     {.compute = tile_bf16}},
};
const rl_probe_table rl_probe_amx_avx512 = {rows, RL_COUNT(rows)};
