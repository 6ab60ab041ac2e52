/* x86_amx.h - the tile unit (AMX): eight registers of sixteen rows of 64 bytes, and an instruction that multiplies two.
 * Only for files compiled with it.
 *
 * A thread says what shape its registers have, works, and lets go of them: their 8 KB would be saved with every change
 * of threads otherwise. A process asks the system first whether it may (rl_cpu_detect). The compilers do not know what
 * the instructions read and write, so each of these is a barrier to its memory. */
#ifndef RL_X86_AMX_H
#define RL_X86_AMX_H

#include "base/mem.h"
#include "base/x86_avx512.h"

/* GCC's names, and Clang's until 15. */
#if !(defined(__AMX_TILE__) && defined(__AMX_INT8__) && defined(__AMX_BF16__)) &&                            \
    !(defined(__AMXTILE__) && defined(__AMXINT8__) && defined(__AMXBF16__))
#error "this file needs the flags of the avx512 tier and amx"
#endif

/* Palette 1: what ldtilecfg reads. Registers of no rows are not used. */
typedef struct {
    _Alignas(RL_LINE) uint8_t palette;
    uint8_t start_row, zero[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} rl_tiles;

static inline void rl_tiles_set(rl_tiles *tiles, size_t tile, size_t rows, size_t row_bytes)
{
    tiles->palette = 1;
    tiles->rows[tile] = (uint8_t)rows;
    tiles->row_bytes[tile] = (uint16_t)row_bytes;
}

#define RL_AMX_BARRIER() __asm__ volatile("" ::: "memory")

/* Takes these shapes, and zeroes all registers. */
static inline void rl_tiles_take(const rl_tiles *tiles)
{
    RL_AMX_BARRIER();
    _tile_loadconfig(tiles);
    RL_AMX_BARRIER();
}

static inline void rl_tiles_release(void) { _tile_release(); }

/* Registers are named by constants, so these are macros. */
#define RL_TILE_LOAD(tile, from, stride)                                                                     \
    do {                                                                                                     \
        RL_AMX_BARRIER();                                                                                    \
        _tile_loadd(tile, from, stride);                                                                     \
        RL_AMX_BARRIER();                                                                                    \
    } while (0)
#define RL_TILE_STORE(tile, to, stride)                                                                      \
    do {                                                                                                     \
        _tile_stored(tile, to, stride);                                                                      \
        RL_AMX_BARRIER();                                                                                    \
    } while (0)

#endif
