/* gemv_kpanels_avx512.c - the K formats, sixteen rows at a time, a lane each.
 *
 * gemv_panels_avx512.c tells why a lane is a row. What the K formats add is integers at two levels: a super-block of 256
 * has scales of 4 to 8 bits for its sub-blocks of 16 or 32, and one or two half floats over all. So a sub-block is four or
 * eight vpdpbusd, its sum is multiplied by its scale (vpmulld) and added to an int32, and floats begin where a
 * super-block ends: one conversion and one multiply-add for 256 weights of sixteen rows.
 *
 * Scales are the lanes' business too. Those of a row are 12 or 16 bytes, three or four lines of sixteen dwords here:
 * masks and shifts turn them into bytes for all rows and four sub-blocks at once, and one vpshufb brings out a byte of
 * every lane.
 *
 * Quants are left where they are. A bit field that is a few bits up in its byte is a quant times a power of two: still
 * an unsigned byte, all vpdpbusd asks for, and shifted down when its sums are complete, 256 weights at a time.
 *
 * Prefetches go through a block in the order of its addresses, at two distances (gemv_panels_avx512.c). The quants of
 * q6_K lie in three places, read in turn; asking for the line as far ahead of each gave the hardware's own prefetchers
 * nothing regular to follow, and a core read 27 GB/s of it where plain reading got 43 and this gets 40.
 *
 * Minima and offsets never touch the quants: both are a small integer times the sum of 16 activations, which come with
 * them (base/act.h). A line of word pairs against a pair of sums is one vpdpwssd: eight for a super-block.
 *
 * Integers stay below 2^31: the largest, q4_K's high nibbles, are 4 sub-blocks x 32 x 240 x 127 x 63 = 2.5e8, and the
 * sums of q6_K's offset, times 256, 16 x 16 x 127 x 128 x 256 = 1.1e9. */
#include "base/panels_avx512.h"
#include "gemv/gemv.h"

/* vpshufb within each lane: `pattern` has byte numbers of 0 to 3, and 0x80 for a zero. */
static inline __m512i pick(__m512i v, unsigned pattern)
{
    const __m512i lanes = _mm512_broadcast_i32x4(_mm_setr_epi32(0, 0x04040404, 0x08080808, 0x0c0c0c0c));
    return _mm512_shuffle_epi8(v, _mm512_or_si512(lanes, _mm512_set1_epi32((int)pattern)));
}

static inline __m512i byte_of(__m512i v, size_t i) { return pick(v, 0x80808000u | (unsigned)i); }
static inline __m512i signed_byte_of(__m512i v, size_t i)
{
    return _mm512_srai_epi32(pick(v, 0x00808080u | (unsigned)i << 24), 24);
}

/* Bytes i and j as the two words of each lane; and the same times 256, for bytes with a sign. */
static inline __m512i words_of(__m512i v, size_t i, size_t j)
{
    return pick(v, 0x80008000u | (unsigned)i | (unsigned)j << 16);
}
static inline __m512i high_words_of(__m512i v, size_t i, size_t j)
{
    return pick(v, 0x00800080u | (unsigned)i << 8 | (unsigned)j << 24);
}

/* sum + acc * d */
static inline __m512 add_scaled(__m512 sum, __m512i acc, __m512 d)
{
    return _mm512_fmadd_ps(_mm512_cvtepi32_ps(acc), d, sum);
}

/* A super-block of sixteen rows: its half floats (where there are two, the second 32 bytes on), its other lines, its
 * activations; where it starts, from where on lines are asked for, in four parts. */
typedef struct {
    const char *halves, *lines, *start;
    size_t part_bytes;
    const int8_t *q;
    const int16_t *s;
    __m512 d;
} block;

static inline __m512i line(const block *b, size_t i) { return rl_line(b->lines, i); }

static inline __attribute__((always_inline)) void ask(const block *b, size_t part)
{
    rl_prefetch_stream(b->start + b->part_bytes * part, b->part_bytes);
}

/* What a super-block adds to the rows' sums. */
typedef __m512 step_fn(__m512 sum, const block *b);

/* One body for all: `bytes`, of a block, `halves`, half floats of it, and `step` are constants where it is called, and
 * inlined. A group is a line of half floats, of one block or two, and the blocks' other lines: rl_panel_at, written out,
 * for with it q3_K takes 3 % longer. */
static inline __attribute__((always_inline)) void gemv_k(float *restrict y, const void *restrict w,
                                                         const void *restrict x, size_t m, size_t k,
                                                         size_t bytes, size_t halves, step_fn *step)
{
    const rl_act_view a = rl_act_open(RL_ACT_Q8K, x, k);
    const size_t lines = (bytes - 2 * halves) / 4, group = halves == 1 ? 2 : 1;
    const size_t group_bytes = RL_LINE * (1 + group * lines), blocks = k / RL_QK_K;
    const size_t part_bytes =
        (lines + 4) / 4 * RL_LINE; /* a quarter of a block with its half floats, rounded up */
    const char *panel = w;
    for (size_t first = 0; first < m; first += RL_PANEL_ROWS) {
        __m512 sum = _mm512_setzero_ps();
        for (size_t i = 0; i < blocks; i++) {
            const char *p = panel + i / group * group_bytes;
            const block b = {.halves = p + RL_LINE / 2 * (i % group),
                             .lines = p + RL_LINE * (1 + i % group * lines),
                             .start = p + RL_LINE * (i % group * lines),
                             .part_bytes = part_bytes,
                             .q = a.q + RL_QK_K * i,
                             .s = (const int16_t *)a.s + RL_QK_K / 16 * i,
                             .d = _mm512_set1_ps(a.d[i])};
            sum = step(sum, &b);
        }
        panel += (blocks + group - 1) / group * group_bytes;
        _mm512_mask_storeu_ps(y + first, rl_mask16(m - first), sum);
    }
}

/* ---- q4_K, q5_K: eight sub-blocks of 32 ---- */

/* Quants of sub-block 2 g in q[0], of 2 g + 1 in q[1]: unit u of each. */
typedef void k4_quants_fn(__m512i q[2], const block *b, size_t g, size_t u);

/* dot[i]: the scaled sums of the sub-blocks 2 g + i. */
static inline __attribute__((always_inline)) void k4_dot(__m512i dot[2], const block *b, const rl_k4_rows *s,
                                                         k4_quants_fn *quants)
{
    dot[0] = dot[1] = _mm512_setzero_si512();
    for (size_t g = 0; g < 4; g++) {
        ask(b, g);
        __m512i sum[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()};
        for (size_t u = 0; u < 8; u++) {
            __m512i q[2];
            quants(q, b, g, u);
            for (size_t i = 0; i < 2; i++)
                sum[i] = _mm512_dpbusd_epi32(sum[i], q[i], rl_to_all(b->q + 64 * g + 32 * i + 4 * u));
        }
        for (size_t i = 0; i < 2; i++) {
            const __m512i scale = byte_of(s->scale[g / 2], g % 2 * 2 + i);
            dot[i] = _mm512_add_epi32(dot[i], _mm512_mullo_epi32(sum[i], scale));
        }
    }
}

/* A minimum counts for two sums of 16. */
static inline __m512 k4_finish(__m512 sum, const block *b, const rl_k4_rows *s, __m512i dot)
{
    __m512i min = _mm512_setzero_si512();
    for (size_t i = 0; i < 8; i++)
        min = _mm512_dpwssd_epi32(min, words_of(s->min[i / 4], i % 4, i % 4), rl_to_all(b->s + 2 * i));
    sum = add_scaled(sum, dot, _mm512_mul_ps(rl_halves(b->halves), b->d));
    return _mm512_fnmadd_ps(_mm512_cvtepi32_ps(min), _mm512_mul_ps(rl_halves(b->halves + RL_LINE / 2), b->d),
                            sum);
}

/* High nibbles stay high: 16 times their value. */
static inline void quants_q4_K(__m512i q[2], const block *b, size_t g, size_t u)
{
    const __m512i v = line(b, 3 + 8 * g + u);
    q[0] = rl_bits(v, 0x0f);
    q[1] = rl_bits(v, 0xf0);
}

static inline __m512 step_q4_K(__m512 sum, const block *b)
{
    const rl_k4_rows s = rl_k4_open(b->lines);
    __m512i dot[2];
    k4_dot(dot, b, &s, quants_q4_K);
    return k4_finish(sum, b, &s, _mm512_add_epi32(dot[0], _mm512_srai_epi32(dot[1], 4)));
}

/* Bits 2 g and 2 g + 1 of the bytes of qh, moved to 4 and 5: one rotation serves both sub-blocks, of which the second
 * is then twice its value. */
static inline __m512i fifth_bits(__m512i qh, size_t g)
{
    return _mm512_rorv_epi32(qh, _mm512_set1_epi32(2 * (int)g - 4));
}

static inline void quants_q5_K(__m512i q[2], const block *b, size_t g, size_t u)
{
    const __m512i v = line(b, 11 + 8 * g + u), fifth = fifth_bits(line(b, 3 + u), g);
    q[0] = rl_bits_or(v, 0x0f, rl_bits(fifth, 0x10));
    q[1] = rl_bits_or(_mm512_srli_epi16(v, 3), 0x1e, rl_bits(fifth, 0x20));
}

static inline __m512 step_q5_K(__m512 sum, const block *b)
{
    const rl_k4_rows s = rl_k4_open(b->lines);
    __m512i dot[2];
    k4_dot(dot, b, &s, quants_q5_K);
    return k4_finish(sum, b, &s, _mm512_add_epi32(dot[0], _mm512_srai_epi32(dot[1], 1)));
}

/* ---- q2_K, q3_K, q6_K: sixteen sub-blocks of 16. Sub-block 8 h + 2 j + i is elements 128 h + 32 j + 16 i on ---- */

/* Quants of elements 128 h + 32 j + 4 u on, in q[j]. */
typedef void k_quants_fn(__m512i q[4], const block *b, size_t h, size_t u);

/* Byte i of four of scale[]: dword i. */
typedef __m512i byte_fn(__m512i v, size_t i);

/* The scaled sums; dot[0] of even j, dot[1] of odd. Byte i of scale[t] belongs to sub-block 4 t + i. */
static inline __attribute__((always_inline)) void
k_dot(__m512i dot[2], const block *b, const __m512i scale[4], byte_fn *byte, k_quants_fn *quants)
{
    dot[0] = dot[1] = _mm512_setzero_si512();
    for (size_t h = 0; h < 2; h++)
        for (size_t i = 0; i < 2; i++) {
            __m512i sum[4];
            ask(b, 2 * h + i);
            for (size_t j = 0; j < 4; j++) sum[j] = _mm512_setzero_si512();
            for (size_t u = 4 * i; u < 4 * i + 4; u++) {
                __m512i q[4];
                quants(q, b, h, u);
                for (size_t j = 0; j < 4; j++)
                    sum[j] = _mm512_dpbusd_epi32(sum[j], q[j], rl_to_all(b->q + 128 * h + 32 * j + 4 * u));
            }
            for (size_t j = 0; j < 4; j++) {
                const __m512i times = byte(scale[2 * h + j / 2], j % 2 * 2 + i);
                dot[j % 2] = _mm512_add_epi32(dot[j % 2], _mm512_mullo_epi32(sum[j], times));
            }
        }
}

/* Four quants in a byte: two with no shift, 1 and 4 times their value, and two more when it is four bits down. */
static inline void quants_q2_K(__m512i q[4], const block *b, size_t h, size_t u)
{
    const __m512i v = line(b, 4 + 8 * h + u), upper = _mm512_srli_epi16(v, 4);
    q[0] = rl_bits(v, 0x03);
    q[1] = rl_bits(v, 0x0c);
    q[2] = rl_bits(upper, 0x03);
    q[3] = rl_bits(upper, 0x0c);
}

static inline __m512 step_q2_K(__m512 sum, const block *b)
{
    __m512i scale[4], dot[2], min = _mm512_setzero_si512();
    for (size_t t = 0; t < 4; t++) {
        const __m512i v = line(b, t), mins = rl_bits(_mm512_srli_epi16(v, 4), 0x0f);
        scale[t] = rl_bits(v, 0x0f);
        min = _mm512_dpwssd_epi32(min, words_of(mins, 0, 1), rl_to_all(b->s + 4 * t));
        min = _mm512_dpwssd_epi32(min, words_of(mins, 2, 3), rl_to_all(b->s + 4 * t + 2));
    }
    k_dot(dot, b, scale, byte_of, quants_q2_K);
    sum = add_scaled(sum, _mm512_add_epi32(dot[0], _mm512_srai_epi32(dot[1], 2)),
                     _mm512_mul_ps(rl_halves(b->halves), b->d));
    return _mm512_fnmadd_ps(_mm512_cvtepi32_ps(min), _mm512_mul_ps(rl_halves(b->halves + RL_LINE / 2), b->d),
                            sum);
}

/* 256 times the sum of scale * s: what an offset of 1 in every quant is worth. */
static inline __m512i k_offset(const __m512i scale[4], const int16_t *s)
{
    __m512i sum = _mm512_setzero_si512();
    for (size_t t = 0; t < 4; t++) {
        sum = _mm512_dpwssd_epi32(sum, high_words_of(scale[t], 0, 1), rl_to_all(s + 4 * t));
        sum = _mm512_dpwssd_epi32(sum, high_words_of(scale[t], 2, 3), rl_to_all(s + 4 * t + 2));
    }
    return sum;
}

/* Bit 4 h + j of hmask's bytes, on top of the lower two bits of quants that are as far up as q[j] has them. */
static inline __m512i third_bit(__m512i hmask, size_t h, size_t j)
{
    const int to = j % 2 == 0 ? 2 : 4;
    return rl_bits(_mm512_rorv_epi32(hmask, _mm512_set1_epi32((int)(4 * h + j) - to)), 1 << to);
}

static inline void quants_q3_K(__m512i q[4], const block *b, size_t h, size_t u)
{
    const __m512i v = line(b, 8 + 8 * h + u), upper = _mm512_srli_epi16(v, 4);
    const __m512i hmask = line(b, u);
    q[0] = rl_bits_or(v, 0x03, third_bit(hmask, h, 0));
    q[1] = rl_bits_or(v, 0x0c, third_bit(hmask, h, 1));
    q[2] = rl_bits_or(upper, 0x03, third_bit(hmask, h, 2));
    q[3] = rl_bits_or(upper, 0x0c, third_bit(hmask, h, 3));
}

static inline __m512 step_q3_K(__m512 sum, const block *b)
{
    __m512i scale[4], dot[2];
    rl_q3_open(scale, b->lines + 24 * RL_LINE);
    k_dot(dot, b, scale, signed_byte_of, quants_q3_K);
    const __m512i all = _mm512_add_epi32(dot[0], _mm512_srai_epi32(dot[1], 2));
    const __m512i offset = _mm512_srai_epi32(k_offset(scale, b->s), 6); /* 4 of 256 */
    return add_scaled(sum, _mm512_sub_epi32(all, offset), _mm512_mul_ps(rl_halves(b->halves), b->d));
}

/* Four bits from ql, two from qh. */
static inline void quants_q6_K(__m512i q[4], const block *b, size_t h, size_t u)
{
    const __m512i v0 = line(b, 16 * h + u), v1 = line(b, 16 * h + 8 + u), top = line(b, 32 + 8 * h + u);
    q[0] = rl_bits_or(v0, 0x0f, rl_bits(_mm512_slli_epi16(top, 4), 0x30));
    q[1] = rl_bits_or(v1, 0x0f, rl_bits(_mm512_slli_epi16(top, 2), 0x30));
    q[2] = rl_bits_or(_mm512_srli_epi16(v0, 4), 0x0f, rl_bits(top, 0x30));
    q[3] = rl_bits_or(_mm512_srli_epi16(v1, 4), 0x0f, rl_bits(_mm512_srli_epi16(top, 2), 0x30));
}

static inline __m512 step_q6_K(__m512 sum, const block *b)
{
    __m512i scale[4], dot[2];
    for (size_t t = 0; t < 4; t++) scale[t] = line(b, 48 + t);
    k_dot(dot, b, scale, signed_byte_of, quants_q6_K);
    const __m512i offset = _mm512_srai_epi32(k_offset(scale, b->s), 3); /* 32 of 256 */
    return add_scaled(sum, _mm512_sub_epi32(_mm512_add_epi32(dot[0], dot[1]), offset),
                      _mm512_mul_ps(rl_halves(b->halves), b->d));
}

/* The kernel of a format: a super-block has so many half floats. */
#define KERNEL(format, halves)                                                                               \
    static void gemv_##format(float *restrict y, const void *restrict w, const void *restrict x, size_t m,   \
                              size_t k)                                                                      \
    {                                                                                                        \
        gemv_k(y, w, x, m, k, sizeof(rl_##format), halves, step_##format);                                   \
    }
KERNEL(q2_K, 2)
KERNEL(q3_K, 1)
KERNEL(q4_K, 2)
KERNEL(q5_K, 2)
KERNEL(q6_K, 1)
#undef KERNEL

#define NEEDS (RL_CPU_AVX2 | RL_CPU_AVX512)
static const rl_gemv rows[] = {
    {{"gemv_q2_K_panels_avx512", RL_AVX512, NEEDS}, RL_Q2_K, RL_PANELS, RL_ACT_Q8K, gemv_q2_K},
    {{"gemv_q3_K_panels_avx512", RL_AVX512, NEEDS}, RL_Q3_K, RL_PANELS, RL_ACT_Q8K, gemv_q3_K},
    {{"gemv_q4_K_panels_avx512", RL_AVX512, NEEDS}, RL_Q4_K, RL_PANELS, RL_ACT_Q8K, gemv_q4_K},
    {{"gemv_q5_K_panels_avx512", RL_AVX512, NEEDS}, RL_Q5_K, RL_PANELS, RL_ACT_Q8K, gemv_q5_K},
    {{"gemv_q6_K_panels_avx512", RL_AVX512, NEEDS}, RL_Q6_K, RL_PANELS, RL_ACT_Q8K, gemv_q6_K},
};
const rl_gemv_table rl_gemv_kpanels_avx512 = {rows, RL_COUNT(rows)};
