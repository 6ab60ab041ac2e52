/* gemv_panels_avx512.c - sixteen rows at a time, a lane each: no sum ever crosses lanes.
 *
 * A line of a panel (base/panels.h) holds four quants, or eight nibbles, of each of sixteen rows. vpdpbusd multiplies
 * each lane's four bytes by four activations that are the same for all lanes, a dword broadcast from memory, which
 * costs a load and nothing else, and adds them to the lane's int32. When a block is done, the sixteen sums become
 * floats, and one multiply-add applies the sixteen scales. Rows as a file stores them take some three instructions
 * for the same bytes that one load and one vpdpbusd cover here.
 *
 * Offsets cost nothing: vpdpbusd wants the weights unsigned, and a sum of (q - 8) x that starts at -8 sum(x) needs no
 * subtraction. Nor do high nibbles cost a shift: q & 0xf0 is sixteen times the nibble and still a byte, so the high
 * nibbles have a sum of their own, and it is shifted down once a block. A fifth bit would not fit there, so the formats
 * of five bits do shift. Their bits are the bytes of one dword a row: spread over the lane by vpshufb, tested against
 * a bit each, and added by mask.
 *
 * Memory: lines are read one after another, in one stream, for that is what the hardware's prefetchers follow; two
 * panels at once share their broadcasts and are faster from the caches, but a quarter slower from memory. Each block
 * asks for what comes RL_FAR bytes later, into the second level of cache, past the end of the panel into the next, and
 * past the matrix into whatever follows it: with luck the next tensor, and a prefetch cannot fault. That is as far as a
 * core gets while memory answers (15 to 40 bytes a ns, some 100 ns); further off the hardware's prefetchers do worse.
 * It also asks for what comes RL_NEAR bytes later, which is in the second level by then, into the first: left to the
 * loads, a line on its way from there holds up the core's lookahead, which has room for few lines where a line takes
 * many instructions. On a Xeon one thread read 12.8 GB/s of q4_0 asking 8192 bytes ahead, 14.0 at 3072, 14.8 with
 * both; of f16 12.6 without any, 14.1 with both; plain reading got 16.2. Between 3072 and 4096, and between 1536 and
 * 2048, it makes little difference there; the longer ones leave room for faster memory.
 *
 * Every row is computed by the same instructions wherever it lies; the last panel's missing rows are computed and not
 * stored. */
#include "base/panels_avx512.h"
#include "gemv/gemv.h"

/* A line for two uses. Left to itself GCC loads it in each of them, and loads are what is scarce. */
static inline __m512i kept_line(const char *p, size_t i)
{
    __m512i v = rl_line(p, i);
    __asm__("" : "+v"(v));
    return v;
}

/* ---- dot products of a block: sixteen rows, 32 activations; two sums, for an addition takes four cycles ---- */

typedef __m512i dot_fn(const char *quants, const int8_t *q, __m512i sum);

static inline __m512i dot_q8_0(const char *quants, const int8_t *q, __m512i sum)
{
    const __m512i flip = _mm512_set1_epi8((char)0x80);
    __m512i odd = _mm512_setzero_si512();
    for (size_t i = 0; i < 8; i += 2) {
        sum = _mm512_dpbusd_epi32(sum, _mm512_xor_si512(rl_line(quants, i), flip), rl_to_all(q + 4 * i));
        odd = _mm512_dpbusd_epi32(odd, _mm512_xor_si512(rl_line(quants, i + 1), flip),
                                  rl_to_all(q + 4 * i + 4));
    }
    return _mm512_add_epi32(sum, odd);
}

static inline __m512i dot_nibbles(const char *quants, const int8_t *q, __m512i sum)
{
    const __m512i low = _mm512_set1_epi8(0x0f), high = _mm512_set1_epi8((char)0xf0);
    __m512i sixteenfold = _mm512_setzero_si512();
    for (size_t i = 0; i < 4; i++) {
        const __m512i v = kept_line(quants, i);
        sum = _mm512_dpbusd_epi32(sum, _mm512_and_si512(v, low), rl_to_all(q + 4 * i));
        sixteenfold = _mm512_dpbusd_epi32(sixteenfold, _mm512_and_si512(v, high), rl_to_all(q + 16 + 4 * i));
    }
    return _mm512_add_epi32(sum, _mm512_srai_epi32(sixteenfold, 4));
}

/* The line of fifth bits, then four of nibbles. */
static inline __m512i dot_five_bits(const char *quants, const int8_t *q, __m512i sum)
{
    const __m512i low = _mm512_set1_epi8(0x0f), bits = rl_line(quants, 0);
    __m512i upper = _mm512_setzero_si512();
    for (size_t i = 0; i < 4; i++) {
        const __m512i v = kept_line(quants, 1 + i);
        const __m512i q0 = _mm512_and_si512(v, low), q1 = _mm512_and_si512(_mm512_srli_epi16(v, 4), low);
        sum = _mm512_dpbusd_epi32(sum, rl_with_fifth_bits(q0, bits, i), rl_to_all(q + 4 * i));
        upper = _mm512_dpbusd_epi32(upper, rl_with_fifth_bits(q1, bits, 4 + i), rl_to_all(q + 16 + 4 * i));
    }
    return _mm512_add_epi32(sum, upper);
}

/* ---- blocks of 32 ---- */

/* What a format is to the loops below: constants where they are called, and inlined. */
typedef struct {
    size_t quants; /* bytes of sixteen rows' quants of a block */
    bool minimum;  /* a line of halves is d and m of one block, and not d of two */
    int offset;    /* taken off every quant */
    dot_fn *dot;
} blocks_of;

/* Adds block b to the rows' sums: d dx dot, and m dx s where there is a minimum. */
static inline __attribute__((always_inline)) __m512
add_block(__m512 sum, const char *halves, const char *quants, const rl_act_view *a, size_t b, blocks_of f)
{
    rl_prefetch_stream(quants, f.quants);
    const int32_t s = ((const int32_t *)a->s)[b];
    const __m512 dx = _mm512_set1_ps(a->d[b]);
    /* s fits a word of its lane, so that one madd multiplies it */
    const __m512i start = _mm512_madd_epi16(_mm512_set1_epi32(s), _mm512_set1_epi32(-f.offset & 0xffff));
    const __m512 dot = _mm512_cvtepi32_ps(f.dot(quants, a->q + 32 * b, start));
    sum = _mm512_fmadd_ps(dot, _mm512_mul_ps(rl_halves(halves), dx), sum);
    if (!f.minimum) return sum;
    return _mm512_fmadd_ps(rl_halves(halves + RL_LINE / 2), _mm512_mul_ps(dx, _mm512_set1_ps((float)s)), sum);
}

static inline __attribute__((always_inline)) void gemv_blocks(float *restrict y, const void *restrict w,
                                                              const void *restrict x, size_t m, size_t k,
                                                              blocks_of f)
{
    const rl_act_view a = rl_act_open(RL_ACT_Q8, x, k);
    const size_t blocks = k / 32, group = f.minimum ? 1 : 2, group_bytes = RL_LINE + group * f.quants;
    const char *p = w;
    for (size_t first = 0; first < m; first += RL_PANEL_ROWS) {
        __m512 sum = _mm512_setzero_ps();
        size_t b = 0;
        for (; b + group <= blocks; b += group, p += group_bytes) {
            rl_prefetch_stream(p, RL_LINE);
            for (size_t i = 0; i < group; i++)
                sum = add_block(sum, p + RL_LINE / 2 * i, p + RL_LINE + f.quants * i, &a, b + i, f);
        }
        if (b < blocks) { /* the group's second block is not the row's */
            sum = add_block(sum, p, p + RL_LINE, &a, b, f);
            p += group_bytes;
        }
        _mm512_mask_storeu_ps(y + first, rl_mask16(m - first), sum);
    }
}

static void gemv_q8_0(float *restrict y, const void *restrict w, const void *restrict x, size_t m, size_t k)
{
    gemv_blocks(y, w, x, m, k, (blocks_of){8 * RL_LINE, false, 128, dot_q8_0});
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

/* ---- f32, f16, bf16: a column of sixteen rows times one activation, eight sums to hide the latency of the add ---- */

enum { GROUP = 32, SUMS = 8 };

static inline __attribute__((always_inline)) void gemv_float(float *restrict y, const void *restrict w,
                                                             const void *restrict x, size_t m, size_t k,
                                                             size_t size, rl_column_fn *column)
{
    const size_t group_bytes = GROUP * RL_PANEL_ROWS * size;
    const char *p = w;
    for (size_t first = 0; first < m; first += RL_PANEL_ROWS) {
        __m512 sum[SUMS], rest = _mm512_setzero_ps();
        for (size_t i = 0; i < SUMS; i++) sum[i] = _mm512_setzero_ps();
        const float *xf = x;
        size_t left = k;
        for (; left >= GROUP; left -= GROUP, xf += GROUP, p += group_bytes) {
            for (size_t j = 0; j < GROUP; j += SUMS) {
                rl_prefetch_stream(p + j * RL_PANEL_ROWS * size, SUMS * RL_PANEL_ROWS * size);
                for (size_t i = 0; i < SUMS; i++)
                    sum[i] = _mm512_fmadd_ps(column(p, j + i), _mm512_set1_ps(xf[j + i]), sum[i]);
            }
        }
        for (size_t j = 0; j < left; j++) rest = _mm512_fmadd_ps(column(p, j), _mm512_set1_ps(xf[j]), rest);
        if (left > 0) p += group_bytes;
        for (size_t n = SUMS / 2; n > 0; n /= 2)
            for (size_t i = 0; i < n; i++) sum[i] = _mm512_add_ps(sum[i], sum[i + n]);
        _mm512_mask_storeu_ps(y + first, rl_mask16(m - first), _mm512_add_ps(sum[0], rest));
    }
}

static void gemv_f32(float *restrict y, const void *restrict w, const void *restrict x, size_t m, size_t k)
{
    gemv_float(y, w, x, m, k, sizeof(float), rl_column_f32);
}

static void gemv_f16(float *restrict y, const void *restrict w, const void *restrict x, size_t m, size_t k)
{
    gemv_float(y, w, x, m, k, sizeof(rl_f16), rl_column_f16);
}

static void gemv_bf16(float *restrict y, const void *restrict w, const void *restrict x, size_t m, size_t k)
{
    gemv_float(y, w, x, m, k, sizeof(rl_bf16), rl_column_bf16);
}

#define NEEDS (RL_CPU_AVX2 | RL_CPU_AVX512)
static const rl_gemv rows[] = {
    {{"gemv_f32_panels_avx512", RL_AVX512, NEEDS},  RL_F32,  RL_PANELS, RL_ACT_F32, gemv_f32 },
    {{"gemv_f16_panels_avx512", RL_AVX512, NEEDS},  RL_F16,  RL_PANELS, RL_ACT_F32, gemv_f16 },
    {{"gemv_bf16_panels_avx512", RL_AVX512, NEEDS}, RL_BF16, RL_PANELS, RL_ACT_F32, gemv_bf16},
    {{"gemv_q8_0_panels_avx512", RL_AVX512, NEEDS}, RL_Q8_0, RL_PANELS, RL_ACT_Q8,  gemv_q8_0},
    {{"gemv_q4_0_panels_avx512", RL_AVX512, NEEDS}, RL_Q4_0, RL_PANELS, RL_ACT_Q8,  gemv_q4_0},
    {{"gemv_q4_1_panels_avx512", RL_AVX512, NEEDS}, RL_Q4_1, RL_PANELS, RL_ACT_Q8,  gemv_q4_1},
    {{"gemv_q5_0_panels_avx512", RL_AVX512, NEEDS}, RL_Q5_0, RL_PANELS, RL_ACT_Q8,  gemv_q5_0},
    {{"gemv_q5_1_panels_avx512", RL_AVX512, NEEDS}, RL_Q5_1, RL_PANELS, RL_ACT_Q8,  gemv_q5_1},
};
const rl_gemv_table rl_gemv_panels_avx512 = {rows, RL_COUNT(rows)};
