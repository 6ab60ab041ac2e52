/* gemv_panels_avx2.c - sixteen rows at a time in two registers, a lane each.
 *
 * The shape is that of gemv_panels_avx512.c: half a line holds four quants, or eight nibbles, of each of eight rows, to
 * be multiplied by four activations broadcast from memory; the halves share the broadcast. Without VNNI that takes
 * vpmaddubsw, which adds products in pairs into int16, and vpmaddwd by one, which adds those pairs into the lane's
 * int32. The second is needed only when an int16 is full: a pair of nibbles comes to 15 * 127 * 2 = 3810, so all eight
 * of a block fit (30480 of 32767); of five bits, 31 * 127 * 2 = 7874, and four do (31496); a pair of bytes fills it at
 * once (32512 = 128 * 127 * 2), with the sign of the weight moved to the activation, for vpmaddubsw wants the weights
 * unsigned. Offsets are taken off the int32 sums, where they cost one subtraction a block.
 *
 * A fifth bit is spread from its row's dword over the lane by vpshufb, and compared with the bit that it should be.
 *
 * Lines are asked for at two distances, as gemv_panels_avx512.c tells; loops are longer here, and it gives more: 14.8
 * for 12.4 GB/s of q4_0 on the same Xeon. */
#include "base/panels_avx2.h"
#include "gemv/gemv.h"

enum { HALF = RL_LINE / 2, HALVES = 2 };

/* The int32 sums of pairs. */
static inline __m256i widen(__m256i pairs) { return _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)); }

/* ---- dot products of a block: sixteen rows, 32 activations ---- */

typedef void dot_fn(__m256i dot[HALVES], const char *quants, const int8_t *q);

static inline void dot_q8_0(__m256i dot[HALVES], const char *quants, const int8_t *q)
{
    for (size_t h = 0; h < HALVES; h++) dot[h] = _mm256_setzero_si256();
    for (size_t i = 0; i < 8; i++) {
        const __m256i x = rl_to_all256(q + 4 * i);
        for (size_t h = 0; h < HALVES; h++) {
            const __m256i w = rl_line256(quants + HALF * h, i);
            const __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(x, w));
            dot[h] = _mm256_add_epi32(dot[h], widen(pairs));
        }
    }
}

static inline void dot_nibbles(__m256i dot[HALVES], const char *quants, const int8_t *q)
{
    for (size_t h = 0; h < HALVES; h++) dot[h] = _mm256_setzero_si256();
    for (size_t i = 0; i < 4; i++) {
        const __m256i x0 = rl_to_all256(q + 4 * i), x1 = rl_to_all256(q + 16 + 4 * i);
        for (size_t h = 0; h < HALVES; h++) {
            const __m256i v = rl_line256(quants + HALF * h, i), up = _mm256_srli_epi16(v, 4);
            const __m256i low = _mm256_maddubs_epi16(rl_low_nibbles256(v), x0);
            const __m256i high = _mm256_maddubs_epi16(rl_low_nibbles256(up), x1);
            dot[h] = _mm256_add_epi16(dot[h], _mm256_add_epi16(low, high));
        }
    }
    for (size_t h = 0; h < HALVES; h++) dot[h] = widen(dot[h]);
}

/* The line of fifth bits, then four of nibbles. */
static inline void dot_five_bits(__m256i dot[HALVES], const char *quants, const int8_t *q)
{
    for (size_t h = 0; h < HALVES; h++) {
        const __m256i bits = rl_line256(quants + HALF * h, 0);
        __m256i low = _mm256_setzero_si256(), high = low;
        for (size_t i = 0; i < 4; i++) {
            const __m256i v = rl_line256(quants + HALF * h, 1 + i), up = _mm256_srli_epi16(v, 4);
            const __m256i q0 = _mm256_or_si256(rl_low_nibbles256(v), rl_fifth_bits256(bits, i));
            const __m256i q1 = _mm256_or_si256(rl_low_nibbles256(up), rl_fifth_bits256(bits, 4 + i));
            low = _mm256_add_epi16(low, _mm256_maddubs_epi16(q0, rl_to_all256(q + 4 * i)));
            high = _mm256_add_epi16(high, _mm256_maddubs_epi16(q1, rl_to_all256(q + 16 + 4 * i)));
        }
        dot[h] = _mm256_add_epi32(widen(low), widen(high));
    }
}

/* ---- blocks of 32 ---- */

/* What a format is to the loops below: constants where they are called, and inlined. */
typedef struct {
    size_t quants; /* bytes of sixteen rows' quants of a block */
    bool minimum;  /* a line of halves is d and m of one block, and not d of two */
    int offset;    /* taken off every quant */
    dot_fn *dot;
} blocks_of;

/* Adds block b to the sums of rows 0-7 and 8-15: d dx dot, and m dx s where there is a minimum. */
static inline __attribute__((always_inline)) void add_block(__m256 sum[HALVES], const char *halves,
                                                            const char *quants, const rl_act_view *a,
                                                            size_t b, blocks_of f)
{
    rl_prefetch_stream(quants, f.quants);
    const int32_t s = ((const int32_t *)a->s)[b];
    const __m256 dx = _mm256_set1_ps(a->d[b]), minimum = _mm256_mul_ps(dx, _mm256_set1_ps((float)s));
    __m256i dot[HALVES];
    f.dot(dot, quants, a->q + 32 * b);
    for (size_t h = 0; h < HALVES; h++) {
        if (f.offset != 0) dot[h] = _mm256_sub_epi32(dot[h], _mm256_set1_epi32(f.offset * s));
        const __m256 d = _mm256_mul_ps(rl_halves256(halves + HALF / 2 * h), dx);
        sum[h] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dot[h]), d, sum[h]);
        if (f.minimum) sum[h] = _mm256_fmadd_ps(rl_halves256(halves + HALF + HALF / 2 * h), minimum, sum[h]);
    }
}

/* The results of a panel, of which the matrix may have fewer than sixteen. */
static inline void store(float *y, size_t rows, const __m256 sum[HALVES])
{
    for (size_t h = 0; h < HALVES; h++)
        if (8 * h < rows) _mm256_maskstore_ps(y + 8 * h, rl_lanes256(rows - 8 * h), sum[h]);
}

static inline __attribute__((always_inline)) void gemv_blocks(float *restrict y, const void *restrict w,
                                                              const void *restrict x, size_t m, size_t k,
                                                              blocks_of f)
{
    const rl_act_view a = rl_act_open(RL_ACT_Q8, x, k);
    const size_t blocks = k / 32, group = f.minimum ? 1 : 2, group_bytes = RL_LINE + group * f.quants;
    const char *p = w;
    for (size_t first = 0; first < m; first += RL_PANEL_ROWS) {
        __m256 sum[HALVES] = {_mm256_setzero_ps(), _mm256_setzero_ps()};
        size_t b = 0;
        for (; b + group <= blocks; b += group, p += group_bytes) {
            rl_prefetch_stream(p, RL_LINE);
            for (size_t i = 0; i < group; i++)
                add_block(sum, p + RL_LINE / 2 * i, p + RL_LINE + f.quants * i, &a, b + i, f);
        }
        if (b < blocks) { /* the group's second block is not the row's */
            add_block(sum, p, p + RL_LINE, &a, b, f);
            p += group_bytes;
        }
        store(y + first, m - first, sum);
    }
}

static void gemv_q8_0(float *restrict y, const void *restrict w, const void *restrict x, size_t m, size_t k)
{
    gemv_blocks(y, w, x, m, k, (blocks_of){8 * RL_LINE, false, 0, dot_q8_0});
}

static void gemv_q4_0(float *restrict y, const void *restrict w, const void *restrict x, size_t m, size_t k)
{
    gemv_blocks(y, w, x, m, k, (blocks_of){4 * RL_LINE, false, 8, dot_nibbles});
}

static void gemv_q4_1(float *restrict y, const void *restrict w, const void *restrict x, size_t m, size_t k)
{
    gemv_blocks(y, w, x, m, k, (blocks_of){4 * RL_LINE, true, 0, dot_nibbles});
}

static void gemv_q5_0(float *restrict y, const void *restrict w, const void *restrict x, size_t m, size_t k)
{
    gemv_blocks(y, w, x, m, k, (blocks_of){5 * RL_LINE, false, 16, dot_five_bits});
}

static void gemv_q5_1(float *restrict y, const void *restrict w, const void *restrict x, size_t m, size_t k)
{
    gemv_blocks(y, w, x, m, k, (blocks_of){5 * RL_LINE, true, 0, dot_five_bits});
}

/* ---- f32, f16, bf16: a column of sixteen rows times one activation, four sums a half ---- */

enum { GROUP = 32, SUMS = 4 };

static inline __attribute__((always_inline)) void gemv_float(float *restrict y, const void *restrict w,
                                                             const void *restrict x, size_t m, size_t k,
                                                             size_t size, rl_column256_fn *column)
{
    const size_t group_bytes = GROUP * RL_PANEL_ROWS * size;
    const char *p = w;
    for (size_t first = 0; first < m; first += RL_PANEL_ROWS) {
        __m256 sum[SUMS][HALVES], rest[HALVES];
        for (size_t h = 0; h < HALVES; h++) {
            rest[h] = _mm256_setzero_ps();
            for (size_t i = 0; i < SUMS; i++) sum[i][h] = _mm256_setzero_ps();
        }
        const float *xf = x;
        size_t left = k;
        for (; left >= GROUP; left -= GROUP, xf += GROUP, p += group_bytes) {
            for (size_t j = 0; j < GROUP; j += SUMS) {
                rl_prefetch_stream(p + j * RL_PANEL_ROWS * size, SUMS * RL_PANEL_ROWS * size);
                for (size_t i = 0; i < SUMS; i++)
                    for (size_t h = 0; h < HALVES; h++)
                        sum[i][h] =
                            _mm256_fmadd_ps(column(p, j + i, h), _mm256_set1_ps(xf[j + i]), sum[i][h]);
            }
        }
        for (size_t j = 0; j < left; j++)
            for (size_t h = 0; h < HALVES; h++)
                rest[h] = _mm256_fmadd_ps(column(p, j, h), _mm256_set1_ps(xf[j]), rest[h]);
        if (left > 0) p += group_bytes;
        for (size_t h = 0; h < HALVES; h++) {
            sum[0][h] =
                _mm256_add_ps(_mm256_add_ps(sum[0][h], sum[1][h]), _mm256_add_ps(sum[2][h], sum[3][h]));
            rest[h] = _mm256_add_ps(sum[0][h], rest[h]);
        }
        store(y + first, m - first, rest);
    }
}

static void gemv_f32(float *restrict y, const void *restrict w, const void *restrict x, size_t m, size_t k)
{
    gemv_float(y, w, x, m, k, sizeof(float), rl_column256_f32);
}

static void gemv_f16(float *restrict y, const void *restrict w, const void *restrict x, size_t m, size_t k)
{
    gemv_float(y, w, x, m, k, sizeof(rl_f16), rl_column256_f16);
}

static void gemv_bf16(float *restrict y, const void *restrict w, const void *restrict x, size_t m, size_t k)
{
    gemv_float(y, w, x, m, k, sizeof(rl_bf16), rl_column256_bf16);
}

static const rl_gemv rows[] = {
    {{"gemv_f32_panels_avx2", RL_AVX2, RL_CPU_AVX2},  RL_F32,  RL_PANELS, RL_ACT_F32, gemv_f32 },
    {{"gemv_f16_panels_avx2", RL_AVX2, RL_CPU_AVX2},  RL_F16,  RL_PANELS, RL_ACT_F32, gemv_f16 },
    {{"gemv_bf16_panels_avx2", RL_AVX2, RL_CPU_AVX2}, RL_BF16, RL_PANELS, RL_ACT_F32, gemv_bf16},
    {{"gemv_q8_0_panels_avx2", RL_AVX2, RL_CPU_AVX2}, RL_Q8_0, RL_PANELS, RL_ACT_Q8,  gemv_q8_0},
    {{"gemv_q4_0_panels_avx2", RL_AVX2, RL_CPU_AVX2}, RL_Q4_0, RL_PANELS, RL_ACT_Q8,  gemv_q4_0},
    {{"gemv_q4_1_panels_avx2", RL_AVX2, RL_CPU_AVX2}, RL_Q4_1, RL_PANELS, RL_ACT_Q8,  gemv_q4_1},
    {{"gemv_q5_0_panels_avx2", RL_AVX2, RL_CPU_AVX2}, RL_Q5_0, RL_PANELS, RL_ACT_Q8,  gemv_q5_0},
    {{"gemv_q5_1_panels_avx2", RL_AVX2, RL_CPU_AVX2}, RL_Q5_1, RL_PANELS, RL_ACT_Q8,  gemv_q5_1},
};
const rl_gemv_table rl_gemv_panels_avx2 = {rows, RL_COUNT(rows)};
