/* gemv_panels_neon.h - how the neon files go through a panel of blocks (base/panels.h): block after block, and of each
 * the four quads of rows, which are the lanes of a register. Only for files compiled with the tier's flags. */
#ifndef RL_GEMV_PANELS_NEON_H
#define RL_GEMV_PANELS_NEON_H

#include "base/panels_neon.h"
#include "gemv/gemv.h"

enum {
    RL_QUADS = RL_PANEL_ROWS / 4,
    RL_HALVES_BYTES = 2 * RL_PANEL_ROWS, /* a 2-byte unit of all rows */
};

/* One block of a quad of rows: its halves and its lines, at the quad's first row, and what they are multiplied by. */
typedef struct {
    const rl_f16 *d;     /* the next unit of halves is RL_PANEL_ROWS on */
    const uint8_t *line; /* the next is RL_LINE on */
    const int8_t *q;
    float dx;
    const void *s; /* the block's first sum: int32 of 32 activations, or int16 of 16 */
} rl_quad;

/* Adds the quad's block to its rows' sums. */
typedef void rl_quad_step(float32x4_t *sum, const rl_quad *b);

/* sum += d * dx * dot, row by row; `d` are four halves. */
static inline void rl_quad_add(float32x4_t *sum, int32x4_t dot, const rl_f16 *d, float dx)
{
    *sum = vfmaq_f32(*sum, vcvtq_f32_s32(dot), vmulq_n_f32(rl_load_f16x4(d), dx));
}

static inline void rl_quads_store(float *y, const float32x4_t sum[RL_QUADS], size_t rows)
{
    float all[RL_PANEL_ROWS];
    for (size_t j = 0; j < RL_QUADS; j++) vst1q_f32(all + 4 * j, sum[j]);
    memcpy(y, all, (rows < RL_PANEL_ROWS ? rows : RL_PANEL_ROWS) * sizeof *y);
}

/* A kernel of the family, but for what are constants where it is called, and inlined: the format, a block's bytes and
 * its 2-byte units, and the step. */
static inline __attribute__((always_inline)) void rl_gemv_quads(float *restrict y, const void *restrict w,
                                                                const void *restrict x, size_t m, size_t k,
                                                                rl_format format, size_t bytes, size_t halves,
                                                                rl_quad_step *step)
{
    const rl_act act = rl_act_for(format);
    const rl_act_view a = rl_act_open(act, x, k);
    const size_t elems = rl_act_block(act), sums = act == RL_ACT_Q8 ? sizeof(int32_t) : 16 * sizeof(int16_t);
    const size_t panel_bytes = rl_panel_bytes(format, k);
    for (size_t first = 0; first < m; first += RL_PANEL_ROWS) {
        const char *panel = (const char *)w + first / RL_PANEL_ROWS * panel_bytes;
        float32x4_t sum[RL_QUADS];
        for (size_t j = 0; j < RL_QUADS; j++) sum[j] = vdupq_n_f32(0);
        for (size_t b = 0; b < k / elems; b++) {
            const rl_panel_place at = rl_panel_at(panel, bytes, halves, b);
            for (size_t j = 0; j < RL_QUADS; j++)
                step(&sum[j],
                     &(rl_quad){(const rl_f16 *)at.halves + 4 * j, (const uint8_t *)at.lines + 16 * j,
                                a.q + b * elems, a.d[b], (const char *)a.s + b * sums});
        }
        rl_quads_store(y + first, sum, m - first);
    }
}

#endif
