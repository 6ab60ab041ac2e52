/* probe.h - what the machine can do: loops that do nothing but read memory, multiply-add floats, or
 * multiply-add bytes or bfloats, at the full width of a tier. They are the yardsticks that every percentage in the
 * project is of.
 *
 *   read     streams `bytes` bytes (a multiple of RL_PROBE_STEP, RL_LINE aligned) once and returns their XOR; on x86 it
 * asks for what comes RL_PROBE_AHEAD bytes later, as kernels do, for plain loads do not keep every memory busy
 *   write    streams as many bytes out, storing `value`
 *   fma_f32, dot_i8, dot_bf16, tile_i8, tile_bf16    run `steps` steps of independent multiply-adds in registers and
 * return a value that depends on all of them; one step is `ops_per_step` operations (a multiply-add counts two).
 * dot_i8 is the instruction that the quantised kernels of the tier use (vpdpbusd, or vpmaddubsw + vpmaddwd; smmla or
 * sdot). dot_bf16 is the instruction for pairs of bfloats (vdpbf16ps, bfmmla); where the CPU has none, what it takes
 * in its stead: the bfloats of one side are widened, and multiplied as floats. tile_i8 and tile_bf16 are the tile
 * unit's (tdpbssd, tdpbf16ps), which only products of several tokens use. Errors: none. */
#ifndef RL_PROBE_H
#define RL_PROBE_H

#include "base/kernel.h"

#include <stddef.h>

typedef enum {
    RL_PROBE_READ,
    RL_PROBE_WRITE,
    RL_PROBE_FMA_F32,
    RL_PROBE_DOT_I8,
    RL_PROBE_DOT_BF16,
    RL_PROBE_TILE_I8,   /* where the CPU has a tile unit; rl_probe_find gives NULL elsewhere */
    RL_PROBE_TILE_BF16, /* likewise */
    RL_PROBE_COUNT
} rl_probe_kind;

enum { RL_PROBE_STEP = 1024, RL_PROBE_AHEAD = 2048 };

typedef uint64_t rl_probe_read_fn(const void *data, size_t bytes);
typedef void rl_probe_write_fn(void *data, size_t bytes, uint64_t value);
typedef uint64_t rl_probe_compute_fn(uint64_t steps);

typedef struct {
    rl_kernel base;
    rl_probe_kind kind;
    double ops_per_step; /* compute kinds only */
    union {
        rl_probe_read_fn *read;
        rl_probe_write_fn *write;
        rl_probe_compute_fn *compute;
    } run;
} rl_probe;

const rl_probe *rl_probe_find(rl_probe_kind kind, uint32_t cpu);
const rl_probe *rl_probe_at(size_t i);
const char *rl_probe_name(rl_probe_kind kind); /* "read" */

typedef struct {
    const rl_probe *rows;
    size_t n;
} rl_probe_table;
extern const rl_probe_table rl_probe_scalar, rl_probe_avx2, rl_probe_avx512, rl_probe_neon;
extern const rl_probe_table rl_probe_bf16_avx512, rl_probe_amx_avx512, rl_probe_bf16_neon, rl_probe_i8mm_neon;

#endif
