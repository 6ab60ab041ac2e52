/* util_matrix.c - filling and packing. */
#include "util_matrix.h"

#include <string.h>

/* Where the half scales of a block are; -1 ends the list. */
static const int *scale_offsets(rl_format format)
{
    static const int none[] = {-1}, first[] = {0, -1}, two[] = {0, 2, -1};
    static const int q2_K[] = {80, 82, -1}, q3_K[] = {108, -1}, q6_K[] = {208, -1};
    static const int *const of[RL_FORMAT_COUNT] = {
        [RL_F32] = none, [RL_F16] = none,   [RL_BF16] = none, [RL_Q8_0] = first, [RL_Q4_0] = first,
        [RL_Q4_1] = two, [RL_Q5_0] = first, [RL_Q5_1] = two,  [RL_Q2_K] = q2_K,  [RL_Q3_K] = q3_K,
        [RL_Q4_K] = two, [RL_Q5_K] = two,   [RL_Q6_K] = q6_K,
    };
    return of[format];
}

static void set_scales(void *block, rl_format format, float scale)
{
    const rl_f16 half = rl_f32_to_f16(scale);
    for (const int *at = scale_offsets(format); *at >= 0; at++)
        memcpy((char *)block + *at, &half, sizeof half);
}

void util_fill_weights(void *w, rl_format format, size_t elems, util_rng *rng)
{
    const size_t bytes = rl_row_bytes(format, elems), block = rl_format_table[format].block_bytes;
    if (format == RL_F32) {
        for (size_t i = 0; i < elems; i++) ((float *)w)[i] = util_normal(rng);
    } else if (format == RL_F16 || format == RL_BF16) {
        for (size_t i = 0; i < elems; i++) {
            const float v = util_normal(rng);
            ((uint16_t *)w)[i] = format == RL_F16 ? rl_f32_to_f16(v) : rl_f32_to_bf16(v);
        }
    } else {
        for (size_t i = 0; i < bytes; i++) ((uint8_t *)w)[i] = (uint8_t)util_u64(rng);
        for (size_t b = 0; b < bytes; b += block) set_scales((char *)w + b, format, util_normal(rng) * 0.05f);
    }
}

void util_fill_weights_with(void *w, rl_format format, size_t elems, uint8_t byte)
{
    const size_t bytes = rl_row_bytes(format, elems), block = rl_format_table[format].block_bytes;
    memset(w, byte, bytes);
    for (size_t b = 0; b < bytes; b += block) set_scales((char *)w + b, format, 0.01f);
}

/* The sums that belong to the quants. */
static void sum_up(void *x, rl_act act, size_t k)
{
    const rl_act_view v = rl_act_open(act, x, k);
    const size_t n = act == RL_ACT_Q8 ? 32 : 16;
    for (size_t b = 0; b < k / n; b++) {
        int sum = 0;
        for (size_t j = 0; j < n; j++) sum += v.q[n * b + j];
        if (act == RL_ACT_Q8)
            ((int32_t *)v.s)[b] = sum;
        else
            ((int16_t *)v.s)[b] = (int16_t)sum;
    }
}

void util_fill_act(void *x, rl_act act, size_t k, util_rng *rng)
{
    if (act == RL_ACT_F32) {
        for (size_t i = 0; i < k; i++) ((float *)x)[i] = util_normal(rng);
        return;
    }
    int8_t *q = x;
    for (size_t i = 0; i < k; i++) {
        q[i] = (int8_t)((int)(util_u64(rng) % 255) - 127);
        if (i / 32 % 4 == 1) q[i] = util_u64(rng) % 2 == 0 ? -127 : 127;
    }
    float *d = (float *)rl_act_open(act, x, k).d;
    for (size_t b = 0; b < k / rl_act_block(act); b++) d[b] = util_normal(rng) * 0.1f;
    sum_up(x, act, k);
}

void util_fill_act_with(void *x, rl_act act, size_t k, int8_t q)
{
    float *d = (float *)rl_act_open(act, x, k).d;
    memset(x, q, k);
    for (size_t b = 0; b < k / rl_act_block(act); b++) d[b] = 0.1f;
    sum_up(x, act, k);
}

util_guard util_lay_out(const void *rows, rl_format format, rl_layout layout, size_t m, size_t k)
{
    const rl_matrix matrix = {format, layout, m, k, NULL};
    const size_t row_bytes = rl_row_bytes(format, k);
    util_guard out = util_guard_after(rl_matrix_bytes(&matrix));
    if (layout == RL_ROWS) memcpy(out.data, rows, out.bytes);
    for (size_t r = 0; r < m && layout == RL_PANELS; r += RL_PANEL_ROWS)
        rl_panel_pack((char *)out.data + r / RL_PANEL_ROWS * rl_panel_bytes(format, k),
                      (const char *)rows + r * row_bytes, format,
                      m - r < RL_PANEL_ROWS ? m - r : RL_PANEL_ROWS, k);
    return out;
}
