/* dequant_avx2.c - rows to floats, 8 values a store.
 *
 * Every block format is first brought to runs of sixteen signed bytes, 32 at a time in a register; `put16`
 * and `put16_affine` widen them, convert and scale. The bits are those of dequant_scalar.c in any order of
 * evaluation: every product of a half float, a sub-block's scale and a quant is an exact float (the argument
 * stands in dequant_avx512.c), so a fused multiply-add rounds where the scalar does. */
#include "base/x86_avx2.h"
#include "quant/dequant.h"

/* Sixteen bytes as floats. */
typedef struct {
    __m256 v[2];
} floats16;

static inline floats16 to_floats(__m128i q)
{
    return (floats16){
        {_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(q)),
         _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_unpackhi_epi64(q, q)))}
    };
}

static inline void put16(float *y, __m128i q, __m256 d)
{
    const floats16 f = to_floats(q);
    for (size_t i = 0; i < 2; i++) _mm256_storeu_ps(y + 8 * i, _mm256_mul_ps(f.v[i], d));
}

/* scale * q - min */
static inline void put16_affine(float *y, __m128i q, __m256 scale, __m256 min)
{
    const floats16 f = to_floats(q);
    for (size_t i = 0; i < 2; i++) _mm256_storeu_ps(y + 8 * i, _mm256_fmsub_ps(f.v[i], scale, min));
}

static inline __m128i half128(__m256i v, size_t i)
{
    return i == 0 ? _mm256_castsi256_si128(v) : _mm256_extracti128_si256(v, 1);
}

static inline __m256i load32(const void *p) { return _mm256_loadu_si256(p); }
static inline __m256i bytes(int value) { return _mm256_set1_epi8((char)value); }

/* ---- f32, f16, bf16: the loaders and `size` are constants where the body is called, and inlined. ---- */

static inline __attribute__((always_inline)) void dequant_float(float *restrict y, const void *restrict x,
                                                                size_t n, __m256 (*load)(const void *),
                                                                size_t size, rl_dequant_fn *rest)
{
    const char *p = x;
    size_t i = 0;
    for (; i + 8 <= n; i += 8) _mm256_storeu_ps(y + i, load(p + i * size));
    rest(y + i, p + i * size, n - i);
}

static inline void rest_f32(float *restrict y, const void *restrict x, size_t n)
{
    memcpy(y, x, n * sizeof *y);
}
static inline void rest_f16(float *restrict y, const void *restrict x, size_t n)
{
    for (size_t i = 0; i < n; i++) y[i] = _cvtsh_ss(((const rl_f16 *)x)[i]);
}
static inline void rest_bf16(float *restrict y, const void *restrict x, size_t n)
{
    for (size_t i = 0; i < n; i++) y[i] = rl_bf16_to_f32(((const rl_bf16 *)x)[i]);
}

static void dequant_f32(float *restrict y, const void *restrict x, size_t n)
{
    dequant_float(y, x, n, rl_load_f32_256, 4, rest_f32);
}

static void dequant_f16(float *restrict y, const void *restrict x, size_t n)
{
    dequant_float(y, x, n, rl_load_f16_256, 2, rest_f16);
}

static void dequant_bf16(float *restrict y, const void *restrict x, size_t n)
{
    dequant_float(y, x, n, rl_load_bf16_256, 2, rest_bf16);
}

/* ---- blocks of 32 ---- */

static inline void put32(float *y, __m256i q, __m256 d)
{
    for (size_t l = 0; l < 2; l++) put16(y + 16 * l, half128(q, l), d);
}

/* d * q + m: a minimum with the other sign */
static inline void put32_plus(float *y, __m256i q, __m256 d, const rl_f16 *m)
{
    const __m256 min = _mm256_xor_ps(rl_broadcast_f16_256(m), _mm256_set1_ps(-0.0f));
    for (size_t l = 0; l < 2; l++) put16_affine(y + 16 * l, half128(q, l), d, min);
}

static void dequant_q8_0(float *restrict y, const void *restrict x, size_t n)
{
    for (const rl_q8_0 *b = x, *end = b + n / RL_QK; b < end; b++, y += RL_QK)
        put32(y, load32(b->qs), rl_broadcast_f16_256(&b->d));
}

static void dequant_q4_0(float *restrict y, const void *restrict x, size_t n)
{
    for (const rl_q4_0 *b = x, *end = b + n / RL_QK; b < end; b++, y += RL_QK)
        put32(y, _mm256_sub_epi8(rl_nibbles256(b->qs), bytes(8)), rl_broadcast_f16_256(&b->d));
}

static void dequant_q4_1(float *restrict y, const void *restrict x, size_t n)
{
    for (const rl_q4_1 *b = x, *end = b + n / RL_QK; b < end; b++, y += RL_QK)
        put32_plus(y, rl_nibbles256(b->qs), rl_broadcast_f16_256(&b->d), &b->m);
}

/* The quants of a five-bit block: nibbles, and 16 where the element's bit of qh is set. */
static inline __m256i quants_q5(const uint8_t qs[16], const uint8_t qh[4])
{
    int bits;
    memcpy(&bits, qh, sizeof bits);
    /* byte i / 8 of qh to byte i, then only bit i % 8 of it */
    const __m256i spread = _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
    const __m256i one = _mm256_set1_epi64x((long long)0x8040201008040201u);
    const __m256i own = _mm256_and_si256(_mm256_shuffle_epi8(_mm256_set1_epi32(bits), spread), one);
    const __m256i fifth = _mm256_and_si256(_mm256_cmpeq_epi8(own, one), bytes(16));
    return _mm256_or_si256(rl_nibbles256(qs), fifth);
}

static void dequant_q5_0(float *restrict y, const void *restrict x, size_t n)
{
    for (const rl_q5_0 *b = x, *end = b + n / RL_QK; b < end; b++, y += RL_QK)
        put32(y, _mm256_sub_epi8(quants_q5(b->qs, b->qh), bytes(16)), rl_broadcast_f16_256(&b->d));
}

static void dequant_q5_1(float *restrict y, const void *restrict x, size_t n)
{
    for (const rl_q5_1 *b = x, *end = b + n / RL_QK; b < end; b++, y += RL_QK)
        put32_plus(y, quants_q5(b->qs, b->qh), rl_broadcast_f16_256(&b->d), &b->m);
}

/* ---- blocks of 256: the sub-blocks' scales go through memory, whence a load spreads each over the lanes.
 * ---- */

/* The sixteen floats d * bytes. */
static inline void scales16(float scale[16], __m128i b, const rl_f16 *d)
{
    put16(scale, b, rl_broadcast_f16_256(d));
}

/* Two sub-blocks of 16. */
static inline void put_subs(float *y, __m256i q, const float scale[2])
{
    for (size_t l = 0; l < 2; l++) put16(y + 16 * l, half128(q, l), _mm256_set1_ps(scale[l]));
}

/* Bits 2j and 2j + 1 of each byte. */
static inline __m256i two_bits(__m256i v, size_t j)
{
    return _mm256_and_si256(_mm256_srli_epi16(v, (int)(2 * j)), bytes(3));
}

static void dequant_q2_K(float *restrict y, const void *restrict x, size_t n)
{
    for (const rl_q2_K *b = x, *end = b + n / RL_QK_K; b < end; b++) {
        const __m256i both = rl_nibbles256(b->scales);
        float scale[16], min[16];
        scales16(scale, half128(both, 0), &b->d);
        scales16(min, half128(both, 1), &b->dmin);
        for (size_t s = 0; s < 16; s += 2, y += 32) {
            const __m256i q = two_bits(load32(b->qs + s / 8 * 32), s % 8 / 2);
            for (size_t l = 0; l < 2; l++)
                put16_affine(y + 16 * l, half128(q, l), _mm256_set1_ps(scale[s + l]),
                             _mm256_set1_ps(min[s + l]));
        }
    }
}

static void dequant_q3_K(float *restrict y, const void *restrict x, size_t n)
{
    for (const rl_q3_K *b = x, *end = b + n / RL_QK_K; b < end; b++) {
        float scale[16];
        scales16(scale, rl_q3_scales128(b->scales), &b->d);
        const __m256i third = load32(b->hmask);
        for (size_t s = 0; s < 16; s += 2, y += 32) {
            const __m256i q = two_bits(load32(b->qs + s / 8 * 32), s % 8 / 2);
            const __m256i q3 = _mm256_or_si256(q, rl_where_bit256(third, s / 2, 4));
            put_subs(y, _mm256_sub_epi8(q3, bytes(4)), scale + s);
        }
    }
}

/* q4_K, and q5_K where there are fifth bits in qh. */
static inline __attribute__((always_inline)) void put_k4(float *y, const rl_f16 *d, const uint8_t *qs,
                                                         const uint8_t *qh)
{
    const __m128i both = rl_k4_scales128(d);
    float scale[16], min[16]; /* eight of each count */
    scales16(scale, both, d);
    scales16(min, _mm_unpackhi_epi64(both, both), d + 1);
    for (size_t s = 0; s < 8; s++, y += 32) {
        const __m256i v = load32(qs + s / 2 * 32);
        __m256i q = rl_low_nibbles256(s % 2 == 0 ? v : _mm256_srli_epi16(v, 4));
        if (qh != NULL) q = _mm256_or_si256(q, rl_where_bit256(load32(qh), s, 16));
        for (size_t l = 0; l < 2; l++)
            put16_affine(y + 16 * l, half128(q, l), _mm256_set1_ps(scale[s]), _mm256_set1_ps(min[s]));
    }
}

static void dequant_q4_K(float *restrict y, const void *restrict x, size_t n)
{
    for (const rl_q4_K *b = x, *end = b + n / RL_QK_K; b < end; b++, y += RL_QK_K)
        put_k4(y, &b->d, b->qs, NULL);
}

static void dequant_q5_K(float *restrict y, const void *restrict x, size_t n)
{
    for (const rl_q5_K *b = x, *end = b + n / RL_QK_K; b < end; b++, y += RL_QK_K)
        put_k4(y, &b->d, b->qs, b->qh);
}

static void dequant_q6_K(float *restrict y, const void *restrict x, size_t n)
{
    for (const rl_q6_K *b = x, *end = b + n / RL_QK_K; b < end; b++) {
        float scale[16];
        scales16(scale, _mm_loadu_si128((const __m128i *)b->scales), &b->d);
        for (size_t s = 0; s < 16; s += 2, y += 32) {
            const size_t half = s / 8;
            const __m256i q = rl_q6_quants256(b->ql + 64 * half, load32(b->qh + 32 * half), s % 8 / 2);
            put_subs(y, _mm256_sub_epi8(q, bytes(32)), scale + s);
        }
    }
}

static const rl_dequant rows[] = {
    {{"dequant_f32_avx2", RL_AVX2, RL_CPU_AVX2},  RL_F32,  dequant_f32 },
    {{"dequant_f16_avx2", RL_AVX2, RL_CPU_AVX2},  RL_F16,  dequant_f16 },
    {{"dequant_bf16_avx2", RL_AVX2, RL_CPU_AVX2}, RL_BF16, dequant_bf16},
    {{"dequant_q8_0_avx2", RL_AVX2, RL_CPU_AVX2}, RL_Q8_0, dequant_q8_0},
    {{"dequant_q4_0_avx2", RL_AVX2, RL_CPU_AVX2}, RL_Q4_0, dequant_q4_0},
    {{"dequant_q4_1_avx2", RL_AVX2, RL_CPU_AVX2}, RL_Q4_1, dequant_q4_1},
    {{"dequant_q5_0_avx2", RL_AVX2, RL_CPU_AVX2}, RL_Q5_0, dequant_q5_0},
    {{"dequant_q5_1_avx2", RL_AVX2, RL_CPU_AVX2}, RL_Q5_1, dequant_q5_1},
    {{"dequant_q2_K_avx2", RL_AVX2, RL_CPU_AVX2}, RL_Q2_K, dequant_q2_K},
    {{"dequant_q3_K_avx2", RL_AVX2, RL_CPU_AVX2}, RL_Q3_K, dequant_q3_K},
    {{"dequant_q4_K_avx2", RL_AVX2, RL_CPU_AVX2}, RL_Q4_K, dequant_q4_K},
    {{"dequant_q5_K_avx2", RL_AVX2, RL_CPU_AVX2}, RL_Q5_K, dequant_q5_K},
    {{"dequant_q6_K_avx2", RL_AVX2, RL_CPU_AVX2}, RL_Q6_K, dequant_q6_K},
};
const rl_dequant_table rl_dequant_avx2 = {rows, RL_COUNT(rows)};
