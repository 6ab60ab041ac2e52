/* dequant_avx512.c - rows to floats, 16 values a store, by looking values up.
 *
 * vpermps picks 16 floats from a table of 16 by the low four bits of each index and ignores the others. So a
 * quant of four bits or less needs no mask and no conversion: where many values share a scale, the table
 * holds the finished values (q4_0: all sixteen d * (q - 8); q2_K: the four of four sub-blocks); elsewhere it
 * holds the quants as floats.
 *
 * What bounds these loops is the first-level cache, not arithmetic: beside one store of 64 bytes a cycle there is
 * room for about one load (measured on Zen 5: two loads and a store take two cycles). So a scale that comes
 * out of a register by a permute is cheaper than one spread by a load, as long as the values before it do not
 * wait for it.
 *
 * The bits are those of dequant_scalar.c in any order of evaluation: d has 11 significant bits, a sub-block's
 * scale at most 7 and a quant at most 7, and no format multiplies more than 24 of them, so every product is
 * an exact float (half floats keep clear of overflow and underflow too). Only taking off or
 * adding a minimum rounds, and a fused multiply-add rounds there and nowhere else. */
#include "base/x86_avx512.h"
#include "quant/dequant.h"

static inline __m512 iota(void)
{
    return _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}

/* 0 to 3, four times over: a table for two-bit quants, which may have anything above them. */
static inline __m512 iota4(void) { return _mm512_broadcast_f32x4(_mm_setr_ps(0, 1, 2, 3)); }

static inline __m512 plus(__m512 v, float c) { return _mm512_add_ps(v, _mm512_set1_ps(c)); }

static inline __m512 lookup(__m512i index, __m512 table) { return _mm512_permutexvar_ps(index, table); }

/* Adds to the quants whose bit in `upper` is set what that bit is worth. */
static inline __m512 with_bit(__m512 q, __mmask16 upper, float worth)
{
    return _mm512_mask_add_ps(q, upper, q, _mm512_set1_ps(worth));
}

/* Sixteen bytes, each to a lane. */
static inline __m512i widen(const uint8_t *p)
{
    return _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p));
}

/* Sixteen signed bytes as floats. */
static inline __m512 floats(__m128i q) { return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(q)); }

static inline __m512i high_nibble(__m512i v) { return _mm512_srli_epi32(v, 4); }

/* ---- f32, f16, bf16: `load` and `size` are constants where the body is called, and inlined. ---- */

static inline __attribute__((always_inline)) void dequant_float(float *restrict y, const void *restrict x,
                                                                size_t n,
                                                                __m512 (*load)(const void *, __mmask16),
                                                                size_t size)
{
    const char *p = x;
    size_t i = 0;
    for (; i + 16 <= n; i += 16) _mm512_storeu_ps(y + i, load(p + i * size, 0xffff));
    if (i < n) _mm512_mask_storeu_ps(y + i, rl_mask16(n - i), load(p + i * size, rl_mask16(n - i)));
}

static void dequant_f32(float *restrict y, const void *restrict x, size_t n)
{
    dequant_float(y, x, n, rl_load_f32, 4);
}
static void dequant_f16(float *restrict y, const void *restrict x, size_t n)
{
    dequant_float(y, x, n, rl_load_f16, 2);
}
static void dequant_bf16(float *restrict y, const void *restrict x, size_t n)
{
    dequant_float(y, x, n, rl_load_bf16, 2);
}

/* ---- blocks of 32 ---- */

static void dequant_q8_0(float *restrict y, const void *restrict x, size_t n)
{
    for (const rl_q8_0 *b = x, *end = b + n / RL_QK; b < end; b++, y += RL_QK) {
        const __m512 d = rl_broadcast_f16(&b->d);
        for (size_t j = 0; j < 32; j += 16) {
            const __m128i q = _mm_loadu_si128((const __m128i *)(b->qs + j));
            _mm512_storeu_ps(y + j, _mm512_mul_ps(floats(q), d));
        }
    }
}

static inline void put_q4(float *y, const uint8_t qs[16], __m512 table)
{
    const __m512i v = widen(qs);
    _mm512_storeu_ps(y, lookup(v, table));
    _mm512_storeu_ps(y + 16, lookup(high_nibble(v), table));
}

static void dequant_q4_0(float *restrict y, const void *restrict x, size_t n)
{
    const __m512 quants = plus(iota(), -8);
    for (const rl_q4_0 *b = x, *end = b + n / RL_QK; b < end; b++, y += RL_QK)
        put_q4(y, b->qs, _mm512_mul_ps(quants, rl_broadcast_f16(&b->d)));
}

/* A scale and the minimum behind it, both spread from one load. */
typedef struct {
    __m512 d, m;
} scale_min;

static inline scale_min load_scale_min(const rl_f16 *d)
{
    int both;
    memcpy(&both, d, sizeof both);
    const __m128 v = _mm_cvtph_ps(_mm_set1_epi32(both));
    return (scale_min){_mm512_broadcastss_ps(v), _mm512_broadcastss_ps(_mm_movehdup_ps(v))};
}

static void dequant_q4_1(float *restrict y, const void *restrict x, size_t n)
{
    const __m512 quants = iota();
    for (const rl_q4_1 *b = x, *end = b + n / RL_QK; b < end; b++, y += RL_QK) {
        const scale_min s = load_scale_min(&b->d);
        put_q4(y, b->qs, _mm512_fmadd_ps(quants, s.d, s.m));
    }
}

/* The quants of a five-bit block: nibbles from `table`, and 16 more where the element's bit of qh is set. */
typedef struct {
    __m512 q[2];
} q5_quants;

static inline q5_quants q5_open(const uint8_t qs[16], const uint8_t qh[4], __m512 table)
{
    const __m512i v = widen(qs);
    __mmask16 fifth[2];
    memcpy(fifth, qh, sizeof fifth);
    return (q5_quants){
        {with_bit(lookup(v, table), fifth[0], 16), with_bit(lookup(high_nibble(v), table), fifth[1], 16)}
    };
}

static void dequant_q5_0(float *restrict y, const void *restrict x, size_t n)
{
    const __m512 table = plus(iota(), -16);
    for (const rl_q5_0 *b = x, *end = b + n / RL_QK; b < end; b++, y += RL_QK) {
        const __m512 d = rl_broadcast_f16(&b->d);
        const q5_quants v = q5_open(b->qs, b->qh, table);
        for (size_t l = 0; l < 2; l++) _mm512_storeu_ps(y + 16 * l, _mm512_mul_ps(v.q[l], d));
    }
}

static void dequant_q5_1(float *restrict y, const void *restrict x, size_t n)
{
    const __m512 table = iota();
    for (const rl_q5_1 *b = x, *end = b + n / RL_QK; b < end; b++, y += RL_QK) {
        const scale_min s = load_scale_min(&b->d);
        const q5_quants v = q5_open(b->qs, b->qh, table);
        for (size_t l = 0; l < 2; l++) _mm512_storeu_ps(y + 16 * l, _mm512_fmadd_ps(v.q[l], s.d, s.m));
    }
}

/* ---- blocks of 256 ---- */

/* Sixteen entries are the four values that two bits can mean under each of four scales: the sub-block's number
 * goes above the quant. */
static inline __m512i index2(__m512i v, size_t shift, size_t sub)
{
    return _mm512_ternarylogic_epi32(_mm512_srli_epi32(v, (unsigned)shift), _mm512_set1_epi32(3),
                                     _mm512_set1_epi32((int)(sub << 2)), 0xea); /* (v & 3) | sub << 2 */
}

static void dequant_q2_K(float *restrict y, const void *restrict x, size_t n)
{
    const __m512i fours = _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
    for (const rl_q2_K *b = x, *end = b + n / RL_QK_K; b < end; b++) {
        const __m512i both = widen(b->scales);
        const __m512 scale = _mm512_mul_ps(lookup(both, iota()), rl_broadcast_f16(&b->d));
        const __m512 min = _mm512_mul_ps(lookup(high_nibble(both), iota()), rl_broadcast_f16(&b->dmin));
        for (size_t i = 0; i < 16; i += 4, y += 64) {
            const uint8_t *qs = b->qs + i / 8 * 32;
            const __m512i v[2] = {widen(qs), widen(qs + 16)};
            const __m512i which = _mm512_add_epi32(fours, _mm512_set1_epi32((int)i));
            const __m512 table = _mm512_fmsub_ps(iota4(), lookup(which, scale), lookup(which, min));
            for (size_t l = 0; l < 4; l++)
                _mm512_storeu_ps(y + 16 * l, lookup(index2(v[l % 2], (i + l) % 8 / 2 * 2, l), table));
        }
    }
}

/* The others: the sub-blocks' scales go through memory, whence a load spreads each over the lanes without a permute.
 * Those of several blocks are decoded before the values of the first: read back at once, they would hold up
 * the values behind them. */

typedef struct {
    _Alignas(64) float scale[16];
    _Alignas(64) float min[16];
} sub_scales;

enum { AHEAD = 8 }; /* blocks */

/* `scales` decodes what the sub-blocks of a block are scaled by, `values` then writes its 256 floats. */
static inline __attribute__((always_inline)) void
dequant_k(float *restrict y, const void *restrict x, size_t n, rl_format format,
          void (*scales)(sub_scales *, const void *),
          void (*values)(float *, const void *, const sub_scales *))
{
    const size_t block = rl_row_bytes(format, RL_QK_K);
    const char *p = x;
    for (size_t left = n / RL_QK_K; left > 0;) {
        sub_scales s[AHEAD];
        const size_t now = left < AHEAD ? left : AHEAD;
        for (size_t b = 0; b < now; b++) scales(&s[b], p + b * block);
        for (size_t b = 0; b < now; b++, p += block, y += RL_QK_K) values(y, p, &s[b]);
        left -= now;
    }
}

static inline void put_scaled(float *y, __m512 q, const sub_scales *s, size_t i)
{
    _mm512_storeu_ps(y, _mm512_mul_ps(q, _mm512_set1_ps(s->scale[i])));
}

/* q * scale - min */
static inline __m512 affine(__m512 q, const sub_scales *s, size_t i)
{
    return _mm512_fmsub_ps(q, _mm512_set1_ps(s->scale[i]), _mm512_set1_ps(s->min[i]));
}

/* Bit number `bit` of each byte, as masks for the lower and the upper sixteen. */
typedef struct {
    __mmask16 of[2];
} bit_masks;

static inline bit_masks test_bit(__m256i v, size_t bit)
{
    const __mmask32 m = _mm256_test_epi8_mask(v, _mm256_set1_epi8((char)(1 << bit)));
    return (bit_masks){
        {(__mmask16)m, (__mmask16)(m >> 16)}
    };
}

static inline void scales_q3_K(sub_scales *s, const void *block)
{
    const rl_q3_K *b = block;
    _mm512_store_ps(s->scale, _mm512_mul_ps(floats(rl_q3_scales128(b->scales)), rl_broadcast_f16(&b->d)));
}

static inline void values_q3_K(float *y, const void *block, const sub_scales *s)
{
    const rl_q3_K *b = block;
    const __m512 table = plus(iota4(), -4);
    const __m256i hmask = _mm256_loadu_si256((const __m256i *)b->hmask);
    for (size_t half = 0; half < 2; half++) {
        const __m512i v[2] = {widen(b->qs + 32 * half), widen(b->qs + 32 * half + 16)};
        for (size_t j = 0; j < 4; j++) {
            const bit_masks third = test_bit(hmask, 4 * half + j);
            for (size_t l = 0; l < 2; l++, y += 16) {
                const __m512 low = lookup(_mm512_srli_epi32(v[l], (unsigned)(2 * j)), table);
                put_scaled(y, with_bit(low, third.of[l], 4), s, 8 * half + 2 * j + l);
            }
        }
    }
}

/* q4_K and q5_K: eight sub-blocks of 32. */
static inline void scales_k4(sub_scales *s, const void *block)
{
    const rl_f16 *d = block; /* d, dmin */
    const __m512 both = _mm512_mask_blend_ps(0xff00, rl_broadcast_f16(d), rl_broadcast_f16(d + 1));
    const __m512 v = _mm512_mul_ps(floats(rl_k4_scales128(block)), both);
    _mm512_store_ps(s->scale, v);
    _mm256_store_ps(s->min, _mm512_extractf32x8_ps(v, 1));
}

static inline void values_q4_K(float *y, const void *block, const sub_scales *s)
{
    const rl_q4_K *b = block;
    for (size_t i = 0; i < 8; i += 2, y += 64) {
        const __m512i v0 = widen(b->qs + 16 * i), v1 = widen(b->qs + 16 * i + 16);
        const __m512 even = affine(iota(), s, i), odd = affine(iota(), s, i + 1);
        _mm512_storeu_ps(y, lookup(v0, even));
        _mm512_storeu_ps(y + 16, lookup(v1, even));
        _mm512_storeu_ps(y + 32, lookup(high_nibble(v0), odd));
        _mm512_storeu_ps(y + 48, lookup(high_nibble(v1), odd));
    }
}

static inline void values_q5_K(float *y, const void *block, const sub_scales *s)
{
    const rl_q5_K *b = block;
    const __m256i qh = _mm256_loadu_si256((const __m256i *)b->qh);
    for (size_t i = 0; i < 8; i++) {
        const bit_masks fifth = test_bit(qh, i);
        for (size_t l = 0; l < 2; l++, y += 16) {
            const __m512i v = widen(b->qs + i / 2 * 32 + 16 * l);
            const __m512 low = lookup(i % 2 == 0 ? v : high_nibble(v), iota());
            _mm512_storeu_ps(y, affine(with_bit(low, fifth.of[l], 16), s, i));
        }
    }
}

static inline void scales_q6_K(sub_scales *s, const void *block)
{
    const rl_q6_K *b = block;
    _mm512_store_ps(s->scale, _mm512_mul_ps(floats(_mm_loadu_si128((const __m128i *)b->scales)),
                                            rl_broadcast_f16(&b->d)));
}

static inline void values_q6_K(float *y, const void *block, const sub_scales *s)
{
    const rl_q6_K *b = block;
    for (size_t i = 0; i < 16; i += 2, y += 32) {
        const size_t half = i / 8;
        const __m256i qh = _mm256_loadu_si256((const __m256i *)(b->qh + 32 * half));
        const __m256i v = rl_q6_quants256(b->ql + 64 * half, qh, i % 8 / 2);
        const __m256i q = _mm256_sub_epi8(v, _mm256_set1_epi8(32));
        put_scaled(y, floats(_mm256_castsi256_si128(q)), s, i);
        put_scaled(y + 16, floats(_mm256_extracti128_si256(q, 1)), s, i + 1);
    }
}

static void dequant_q3_K(float *restrict y, const void *restrict x, size_t n)
{
    dequant_k(y, x, n, RL_Q3_K, scales_q3_K, values_q3_K);
}

static void dequant_q4_K(float *restrict y, const void *restrict x, size_t n)
{
    dequant_k(y, x, n, RL_Q4_K, scales_k4, values_q4_K);
}

static void dequant_q5_K(float *restrict y, const void *restrict x, size_t n)
{
    dequant_k(y, x, n, RL_Q5_K, scales_k4, values_q5_K);
}

static void dequant_q6_K(float *restrict y, const void *restrict x, size_t n)
{
    dequant_k(y, x, n, RL_Q6_K, scales_q6_K, values_q6_K);
}

#define NEEDS (RL_CPU_AVX2 | RL_CPU_AVX512)
static const rl_dequant rows[] = {
    {{"dequant_f32_avx512", RL_AVX512, NEEDS},  RL_F32,  dequant_f32 },
    {{"dequant_f16_avx512", RL_AVX512, NEEDS},  RL_F16,  dequant_f16 },
    {{"dequant_bf16_avx512", RL_AVX512, NEEDS}, RL_BF16, dequant_bf16},
    {{"dequant_q8_0_avx512", RL_AVX512, NEEDS}, RL_Q8_0, dequant_q8_0},
    {{"dequant_q4_0_avx512", RL_AVX512, NEEDS}, RL_Q4_0, dequant_q4_0},
    {{"dequant_q4_1_avx512", RL_AVX512, NEEDS}, RL_Q4_1, dequant_q4_1},
    {{"dequant_q5_0_avx512", RL_AVX512, NEEDS}, RL_Q5_0, dequant_q5_0},
    {{"dequant_q5_1_avx512", RL_AVX512, NEEDS}, RL_Q5_1, dequant_q5_1},
    {{"dequant_q2_K_avx512", RL_AVX512, NEEDS}, RL_Q2_K, dequant_q2_K},
    {{"dequant_q3_K_avx512", RL_AVX512, NEEDS}, RL_Q3_K, dequant_q3_K},
    {{"dequant_q4_K_avx512", RL_AVX512, NEEDS}, RL_Q4_K, dequant_q4_K},
    {{"dequant_q5_K_avx512", RL_AVX512, NEEDS}, RL_Q5_K, dequant_q5_K},
    {{"dequant_q6_K_avx512", RL_AVX512, NEEDS}, RL_Q6_K, dequant_q6_K},
};
const rl_dequant_table rl_dequant_avx512 = {rows, RL_COUNT(rows)};
