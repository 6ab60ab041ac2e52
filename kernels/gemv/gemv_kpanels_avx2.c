/* gemv_kpanels_avx2.c - the K formats on panels without VNNI: eight rows at a time, a dword lane each.
 *
 * gemv_kpanels_avx512.c tells how panels and the scales of their sub-blocks are read; here a line is two vectors, and a
 * super-block is gone through for its rows 0 to 7, then, while its lines are in the L1, for 8 to 15.
 *
 * vpmaddubsw multiplies a lane's four quants by four activations into two words. Words add up across lines as long as
 * they fit: SUMMED lines of quants up to 31 (4 x 2 x 31 x 127 = 31496), half as many of q6_K's 63. Then vpmaddwd
 * multiplies both words by the scale, adds them, and the dwords take the rest. So quants have their own value here, but
 * for q2_K's and q3_K's odd ones, which stay two bits up in their byte and are shifted down at the end. */
#include "base/panels_avx2.h"
#include "gemv/gemv.h"

enum { ROWS = 8, SUMMED = 4 };

/* vpshufb within each lane: `pattern` has byte numbers of 0 to 3, and 0x80 for a zero. */
static inline __m256i pick(__m256i v, unsigned pattern)
{
    const __m256i lanes = _mm256_broadcastsi128_si256(_mm_setr_epi32(0, 0x04040404, 0x08080808, 0x0c0c0c0c));
    return _mm256_shuffle_epi8(v, _mm256_or_si256(lanes, _mm256_set1_epi32((int)pattern)));
}

/* Bytes i and j as the two words of each lane; and the same times 256, for bytes with a sign. */
static inline __m256i words_of(__m256i v, size_t i, size_t j)
{
    return pick(v, 0x80008000u | (unsigned)i | (unsigned)j << 16);
}
static inline __m256i high_words_of(__m256i v, size_t i, size_t j)
{
    return pick(v, 0x00800080u | (unsigned)i << 8 | (unsigned)j << 24);
}

/* A scale, byte i, in both words. */
static inline __m256i scale_of(__m256i v, size_t i) { return words_of(v, i, i); }
static inline __m256i signed_scale_of(__m256i v, size_t i)
{
    return _mm256_srai_epi16(high_words_of(v, i, i), 8);
}

/* dot + words * scale, both pairs of a lane. */
static inline __m256i add_words(__m256i dot, __m256i words, __m256i scale)
{
    return _mm256_add_epi32(dot, _mm256_madd_epi16(words, scale));
}

/* words + quants * activations, in pairs. */
static inline __m256i add_products(__m256i words, __m256i quants, __m256i x)
{
    return _mm256_add_epi16(words, _mm256_maddubs_epi16(quants, x));
}

/* sum + acc * d, and sum - acc * d. Minima are subtracted first, as gemm_avx2.c does. */
static inline __m256 add_scaled(__m256 sum, __m256i acc, __m256 d)
{
    return _mm256_fmadd_ps(_mm256_cvtepi32_ps(acc), d, sum);
}
static inline __m256 less_scaled(__m256 sum, __m256i acc, __m256 d)
{
    return _mm256_fnmadd_ps(_mm256_cvtepi32_ps(acc), d, sum);
}

/* A super-block of eight rows: its half floats (where there are two, the second 32 bytes on) and its other lines, both
 * from the first of the rows on; its activations; from where on lines are asked for, in four parts. */
typedef struct {
    const char *halves, *lines, *start;
    size_t part_bytes;
    const int8_t *q;
    const int16_t *s;
    __m256 d;
} block;

static inline __m256i line(const block *b, size_t i) { return rl_line256(b->lines, i); }

static inline __attribute__((always_inline)) void ask(const block *b, size_t part)
{
    rl_prefetch_stream(b->start + b->part_bytes * part, b->part_bytes);
}

/* What a super-block adds to the rows' sums. */
typedef __m256 step_fn(__m256 sum, const block *b);

/* One body for all: `bytes`, of a block, `halves`, half floats of it, and `step` are constants where it is called, and
 * inlined. */
static inline __attribute__((always_inline)) void gemv_k(float *restrict y, const void *restrict w,
                                                         const void *restrict x, size_t m, size_t k,
                                                         size_t bytes, size_t halves, step_fn *step)
{
    const rl_act_view a = rl_act_open(RL_ACT_Q8K, x, k);
    const size_t group = 1 + halves % 2, blocks = k / RL_QK_K, lines = (bytes - 2 * halves) / 4;
    const size_t part_bytes =
        (lines + 8) / 8 * RL_LINE; /* an eighth of a block with its half floats, rounded up */
    const char *panel = w;
    for (size_t first = 0; first < m; first += RL_PANEL_ROWS) {
        __m256 sum[2] = {_mm256_setzero_ps(), _mm256_setzero_ps()};
        for (size_t i = 0; i < blocks; i++)
            for (size_t r = 0; r < 2; r++) {
                const rl_panel_place at = rl_panel_at(panel, bytes, halves, i);
                const block b = {.halves = at.halves + RL_LINE / 4 * r,
                                 .lines = at.lines + RL_LINE / 2 * r,
                                 .start = at.lines - RL_LINE + 4 * part_bytes * r,
                                 .part_bytes = part_bytes,
                                 .q = a.q + RL_QK_K * i,
                                 .s = (const int16_t *)a.s + RL_QK_K / 16 * i,
                                 .d = _mm256_set1_ps(a.d[i])};
                sum[r] = step(sum[r], &b);
            }
        panel += rl_round_up(blocks, group) * RL_PANEL_ROWS * bytes;
        for (size_t r = 0; r < 2 && first + ROWS * r < m; r++)
            _mm256_maskstore_ps(y + first + ROWS * r, rl_lanes256(m - first - ROWS * r), sum[r]);
    }
}

/* ---- q4_K, q5_K: eight sub-blocks of 32 ---- */

/* Quants of sub-block 2 g in q[0], of 2 g + 1 in q[1]: unit u of each. */
typedef void k4_quants_fn(__m256i q[2], const block *b, size_t g, size_t u);

static inline __attribute__((always_inline)) __m256 k4_step(__m256 sum, const block *b, k4_quants_fn *quants)
{
    const rl_k4_rows256 s = rl_k4_open256(b->lines);
    __m256i dot = _mm256_setzero_si256(), min = _mm256_setzero_si256();
    for (size_t g = 0; g < 4; g++) {
        const __m256i scale[2] = {scale_of(s.scale[g / 2], g % 2 * 2),
                                  scale_of(s.scale[g / 2], g % 2 * 2 + 1)};
        ask(b, g);
        for (size_t u = 0; u < 8; u += SUMMED) {
            __m256i words[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
            for (size_t v = u; v < u + SUMMED; v++) {
                __m256i q[2];
                quants(q, b, g, v);
                for (size_t i = 0; i < 2; i++)
                    words[i] = add_products(words[i], q[i], rl_to_all256(b->q + 64 * g + 32 * i + 4 * v));
            }
            for (size_t i = 0; i < 2; i++) dot = add_words(dot, words[i], scale[i]);
        }
    }
    for (size_t i = 0; i < 8; i++) /* a minimum counts for two sums of 16 */
        min = add_words(min, words_of(s.min[i / 4], i % 4, i % 4), rl_to_all256(b->s + 2 * i));
    sum = less_scaled(sum, min, _mm256_mul_ps(rl_halves256(b->halves + RL_LINE / 2), b->d));
    return add_scaled(sum, dot, _mm256_mul_ps(rl_halves256(b->halves), b->d));
}

static inline void quants_q4_K(__m256i q[2], const block *b, size_t g, size_t u)
{
    const __m256i v = line(b, 3 + 8 * g + u);
    q[0] = rl_bits256(v, 0x0f);
    q[1] = rl_bits256(_mm256_srli_epi16(v, 4), 0x0f);
}

static inline __m256 step_q4_K(__m256 sum, const block *b) { return k4_step(sum, b, quants_q4_K); }

static inline void quants_q5_K(__m256i q[2], const block *b, size_t g, size_t u)
{
    const __m256i v = line(b, 11 + 8 * g + u), qh = line(b, 3 + u);
    q[0] = rl_bits_or256(v, 0x0f, rl_where_bit256(qh, 2 * g, 16));
    q[1] = rl_bits_or256(_mm256_srli_epi16(v, 4), 0x0f, rl_where_bit256(qh, 2 * g + 1, 16));
}

static inline __m256 step_q5_K(__m256 sum, const block *b) { return k4_step(sum, b, quants_q5_K); }

/* ---- q2_K, q3_K, q6_K: sixteen sub-blocks of 16. Sub-block 8 h + 2 j + i is elements 128 h + 32 j + 16 i on ---- */

/* Quants of elements 128 h + 32 j + 4 u on, in q[j]. */
typedef void k_quants_fn(__m256i q[4], const block *b, size_t h, size_t u);

/* Byte i of four, as words. */
typedef __m256i scale_fn(__m256i v, size_t i);

/* The scaled sums; dot[0] of even j, dot[1] of odd. Byte i of scale[t] belongs to sub-block 4 t + i. `summed` lines are
 * added up as words. */
static inline __attribute__((always_inline)) void k_dot(__m256i dot[2], const block *b,
                                                        const __m256i scale[4], size_t summed,
                                                        scale_fn *times, k_quants_fn *quants)
{
    dot[0] = dot[1] = _mm256_setzero_si256();
    for (size_t h = 0; h < 2; h++)
        for (size_t i = 0; i < 2; i++) {
            ask(b, 2 * h + i);
            for (size_t u = 4 * i; u < 4 * i + 4; u += summed) {
                __m256i words[4];
                for (size_t j = 0; j < 4; j++) words[j] = _mm256_setzero_si256();
#pragma GCC unroll 1 /* or there are too few registers for what it keeps */
                for (size_t v = u; v < u + summed; v++) {
                    __m256i q[4];
                    quants(q, b, h, v);
                    for (size_t j = 0; j < 4; j++)
                        words[j] =
                            add_products(words[j], q[j], rl_to_all256(b->q + 128 * h + 32 * j + 4 * v));
                }
                for (size_t j = 0; j < 4; j++)
                    dot[j % 2] = add_words(dot[j % 2], words[j], times(scale[2 * h + j / 2], j % 2 * 2 + i));
            }
        }
}

/* Four quants in a byte: two with no shift, 1 and 4 times their value, and two more when it is four bits down. */
static inline void quants_q2_K(__m256i q[4], const block *b, size_t h, size_t u)
{
    const __m256i v = line(b, 4 + 8 * h + u), upper = _mm256_srli_epi16(v, 4);
    q[0] = rl_bits256(v, 0x03);
    q[1] = rl_bits256(v, 0x0c);
    q[2] = rl_bits256(upper, 0x03);
    q[3] = rl_bits256(upper, 0x0c);
}

static inline __m256 step_q2_K(__m256 sum, const block *b)
{
    __m256i scale[4], dot[2], min = _mm256_setzero_si256();
    for (size_t t = 0; t < 4; t++) {
        const __m256i v = line(b, t), mins = rl_bits256(_mm256_srli_epi16(v, 4), 0x0f);
        scale[t] = rl_bits256(v, 0x0f);
        min = add_words(min, words_of(mins, 0, 1), rl_to_all256(b->s + 4 * t));
        min = add_words(min, words_of(mins, 2, 3), rl_to_all256(b->s + 4 * t + 2));
    }
    k_dot(dot, b, scale, SUMMED, scale_of, quants_q2_K);
    const __m256i all = _mm256_add_epi32(dot[0], _mm256_srai_epi32(dot[1], 2));
    sum = less_scaled(sum, min, _mm256_mul_ps(rl_halves256(b->halves + RL_LINE / 2), b->d));
    return add_scaled(sum, all, _mm256_mul_ps(rl_halves256(b->halves), b->d));
}

/* 256 times the sum of scale * s: what an offset of 1 in every quant is worth. */
static inline __m256i k_offset(const __m256i scale[4], const int16_t *s)
{
    __m256i sum = _mm256_setzero_si256();
    for (size_t t = 0; t < 4; t++) {
        sum = add_words(sum, high_words_of(scale[t], 0, 1), rl_to_all256(s + 4 * t));
        sum = add_words(sum, high_words_of(scale[t], 2, 3), rl_to_all256(s + 4 * t + 2));
    }
    return sum;
}

/* Bit 4 h + j of hmask's bytes, on top of the lower two bits of quants that are as far up as q[j] has them. */
static inline __m256i third_bit(__m256i hmask, size_t h, size_t j)
{
    return rl_where_bit256(hmask, 4 * h + j, j % 2 == 0 ? 4 : 16);
}

static inline void quants_q3_K(__m256i q[4], const block *b, size_t h, size_t u)
{
    const __m256i v = line(b, 8 + 8 * h + u), upper = _mm256_srli_epi16(v, 4), hmask = line(b, u);
    q[0] = rl_bits_or256(v, 0x03, third_bit(hmask, h, 0));
    q[1] = rl_bits_or256(v, 0x0c, third_bit(hmask, h, 1));
    q[2] = rl_bits_or256(upper, 0x03, third_bit(hmask, h, 2));
    q[3] = rl_bits_or256(upper, 0x0c, third_bit(hmask, h, 3));
}

static inline __m256 step_q3_K(__m256 sum, const block *b)
{
    __m256i scale[4], dot[2];
    rl_q3_open256(scale, b->lines + 24 * RL_LINE);
    k_dot(dot, b, scale, SUMMED, signed_scale_of, quants_q3_K);
    const __m256i all = _mm256_add_epi32(dot[0], _mm256_srai_epi32(dot[1], 2));
    const __m256i offset = _mm256_srai_epi32(k_offset(scale, b->s), 6); /* 4 of 256 */
    return add_scaled(sum, _mm256_sub_epi32(all, offset), _mm256_mul_ps(rl_halves256(b->halves), b->d));
}

/* Four bits from ql, two from qh. */
static inline void quants_q6_K(__m256i q[4], const block *b, size_t h, size_t u)
{
    const __m256i v0 = line(b, 16 * h + u), v1 = line(b, 16 * h + 8 + u), top = line(b, 32 + 8 * h + u);
    q[0] = rl_bits_or256(v0, 0x0f, rl_bits256(_mm256_slli_epi16(top, 4), 0x30));
    q[1] = rl_bits_or256(v1, 0x0f, rl_bits256(_mm256_slli_epi16(top, 2), 0x30));
    q[2] = rl_bits_or256(_mm256_srli_epi16(v0, 4), 0x0f, rl_bits256(top, 0x30));
    q[3] = rl_bits_or256(_mm256_srli_epi16(v1, 4), 0x0f, rl_bits256(_mm256_srli_epi16(top, 2), 0x30));
}

static inline __m256 step_q6_K(__m256 sum, const block *b)
{
    __m256i scale[4], dot[2];
    for (size_t t = 0; t < 4; t++) scale[t] = line(b, 48 + t);
    k_dot(dot, b, scale, SUMMED / 2, signed_scale_of, quants_q6_K);
    const __m256i all = _mm256_add_epi32(dot[0], dot[1]);
    const __m256i offset = _mm256_srai_epi32(k_offset(scale, b->s), 3); /* 32 of 256 */
    return add_scaled(sum, _mm256_sub_epi32(all, offset), _mm256_mul_ps(rl_halves256(b->halves), b->d));
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

static const rl_gemv rows[] = {
    {{"gemv_q2_K_panels_avx2", RL_AVX2, RL_CPU_AVX2}, RL_Q2_K, RL_PANELS, RL_ACT_Q8K, gemv_q2_K},
    {{"gemv_q3_K_panels_avx2", RL_AVX2, RL_CPU_AVX2}, RL_Q3_K, RL_PANELS, RL_ACT_Q8K, gemv_q3_K},
    {{"gemv_q4_K_panels_avx2", RL_AVX2, RL_CPU_AVX2}, RL_Q4_K, RL_PANELS, RL_ACT_Q8K, gemv_q4_K},
    {{"gemv_q5_K_panels_avx2", RL_AVX2, RL_CPU_AVX2}, RL_Q5_K, RL_PANELS, RL_ACT_Q8K, gemv_q5_K},
    {{"gemv_q6_K_panels_avx2", RL_AVX2, RL_CPU_AVX2}, RL_Q6_K, RL_PANELS, RL_ACT_Q8K, gemv_q6_K},
};
const rl_gemv_table rl_gemv_kpanels_avx2 = {rows, RL_COUNT(rows)};
