/* probe_amx_avx512.c - the multiply-add of bytes in the tile unit, where the CPU has one (AMX-INT8). */
#include "base/x86_amx.h"
#include "probe/probe.h"

/* tdpbssd: 16 x 16 sums of 64 products. Four chains: latency 52 at one in 16 cycles needs as many in flight. */
static uint64_t tile_i8(uint64_t steps)
{
    _Alignas(RL_LINE) int8_t ones[16 * RL_LINE];
    _Alignas(RL_LINE) int32_t sums[16 * 16];
    rl_tiles tiles = {0};
    __m512i all = _mm512_setzero_si512();
    memset(ones, 1, sizeof ones);
    for (size_t i = 0; i < 8; i++) rl_tiles_set(&tiles, i, 16, RL_LINE);
    rl_tiles_take(&tiles);
    RL_TILE_LOAD(4, ones, RL_LINE);
    RL_TILE_LOAD(5, ones, RL_LINE);
    for (uint64_t s = 0; s < steps; s++) {
        _tile_dpbssd(0, 4, 5);
        _tile_dpbssd(1, 4, 5);
        _tile_dpbssd(2, 4, 5);
        _tile_dpbssd(3, 4, 5);
    }
#define ADD(tile)                                                                                            \
    do {                                                                                                     \
        RL_TILE_STORE(tile, sums, RL_LINE);                                                                  \
        for (size_t i = 0; i < 16; i++) all = _mm512_add_epi32(all, _mm512_load_si512(sums + 16 * i));       \
    } while (0)
    ADD(0);
    ADD(1);
    ADD(2);
    ADD(3);
    rl_tiles_release();
    return rl_fold_bits(all);
}

static const rl_probe rows[] = {
    {{"probe_tile_i8_amx_avx512", RL_AVX512, RL_CPU_AVX2 | RL_CPU_AVX512 | RL_CPU_AMX},
     RL_PROBE_TILE_I8, 4 * 16 * 16 * 64 * 2,
     {.compute = tile_i8}},
};
const rl_probe_table rl_probe_amx_avx512 = {rows, RL_COUNT(rows)};
