/* gemv_avx2.c - rows as a GGUF file stores them, 256 bits at a time, four rows at once.
 *
 * The shape is that of gemv_avx512.c: four rows share the loads of the activations, and a last group of fewer
 * rows computes its last row again and drops the copies. Without VNNI, bytes are multiplied by vpmaddubsw,
 * which adds pairs into int16 and would saturate at 2^15: 15, 31 and 63 times 127 times 2 stay below, and so
 * does q8_0's |w| * x with the sign of w moved to x (128 * 127 * 2 = 32512). */
#include "base/x86_avx2.h"
#include "gemv/gemv.h"

enum { ROWS = 4 };

typedef struct {
    const char *w[ROWS];
    __m256 sum[ROWS];
} group;

static inline group group_open(const void *w, size_t row_bytes, size_t first, size_t m)
{
    group g;
    for (size_t r = 0; r < ROWS; r++) {
        const size_t row = first + r < m ? first + r : m - 1;
        g.w[r] = (const char *)w + row * row_bytes;
        g.sum[r] = _mm256_setzero_ps();
    }
    return g;
}

static inline void group_close(const group *g, float *y, size_t first, size_t m)
{
    for (size_t r = 0; r < ROWS && first + r < m; r++) y[first + r] = rl_sum_ps256(g->sum[r]);
}

/* Asks for the bytes that this row's place in the next group of four needs. */
static inline __attribute__((always_inline)) void prefetch_next_group(const char *w, size_t row_bytes,
                                                                      size_t bytes)
{
    rl_prefetch_far(w + ROWS * row_bytes, bytes);
}

/* ---- f32, f16, bf16 ---- */

static inline float one_f32(const char *p) { return *(const float *)p; }
static inline float one_f16(const char *p) { return rl_f16_to_f32(*(const rl_f16 *)p); }
static inline float one_bf16(const char *p) { return rl_bf16_to_f32(*(const rl_bf16 *)p); }

/* One body for the three: the loaders and `size` are constants where it is called, and inlined. */
static inline __attribute__((always_inline)) void gemv_float(float *restrict y, const void *restrict w,
                                                             const void *restrict x, size_t m, size_t k,
                                                             __m256 (*load)(const void *),
                                                             float (*one)(const char *), size_t size)
{
    const float *xf = x;
    const size_t row_bytes = k * size;
    for (size_t first = 0; first < m; first += ROWS) {
        group g = group_open(w, row_bytes, first, m);
        __m256 odd[ROWS];
        for (size_t r = 0; r < ROWS; r++) odd[r] = _mm256_setzero_ps();
        size_t i = 0;
        for (; i + 16 <= k; i += 16) {
            const __m256 x0 = _mm256_loadu_ps(xf + i), x1 = _mm256_loadu_ps(xf + i + 8);
            for (size_t r = 0; r < ROWS; r++) {
                prefetch_next_group(g.w[r], row_bytes, 16 * size);
                g.sum[r] = _mm256_fmadd_ps(load(g.w[r]), x0, g.sum[r]);
                odd[r] = _mm256_fmadd_ps(load(g.w[r] + 8 * size), x1, odd[r]);
                g.w[r] += 16 * size;
            }
        }
        for (size_t r = 0; r < ROWS; r++) g.sum[r] = _mm256_add_ps(g.sum[r], odd[r]);
        for (; i < k; i++)
            for (size_t r = 0; r < ROWS; r++) {
                const __m128 product = _mm_set_ss(one(g.w[r]) * xf[i]);
                g.sum[r] = _mm256_add_ps(g.sum[r], _mm256_zextps128_ps256(product));
                g.w[r] += size;
            }
        group_close(&g, y, first, m);
    }
}

static void gemv_f32(float *restrict y, const void *restrict w, const void *restrict x, size_t m, size_t k)
{
    gemv_float(y, w, x, m, k, rl_load_f32_256, one_f32, 4);
}

static void gemv_f16(float *restrict y, const void *restrict w, const void *restrict x, size_t m, size_t k)
{
    gemv_float(y, w, x, m, k, rl_load_f16_256, one_f16, 2);
}

static void gemv_bf16(float *restrict y, const void *restrict w, const void *restrict x, size_t m, size_t k)
{
    gemv_float(y, w, x, m, k, rl_load_bf16_256, one_bf16, 2);
}

/* ---- q8_0, q4_0: one block a vector. `dot` are sums of pairs, int16. ---- */

static inline __m256i dot_q8_0(const rl_q8_0 *b, __m256i x)
{
    const __m256i w = _mm256_loadu_si256((const __m256i *)b->qs);
    return _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(x, w));
}

static inline void add_block(group *g, size_t r, __m256i dot, rl_f16 d, float dx)
{
    const __m256 sum = _mm256_cvtepi32_ps(_mm256_madd_epi16(dot, _mm256_set1_epi16(1)));
    g->sum[r] = _mm256_fmadd_ps(sum, _mm256_set1_ps(_cvtsh_ss(d) * dx), g->sum[r]);
}

static void gemv_q8_0(float *restrict y, const void *restrict w, const void *restrict x, size_t m, size_t k)
{
    const rl_act_view a = rl_act_open(RL_ACT_Q8, x, k);
    const size_t row_bytes = rl_row_bytes(RL_Q8_0, k);
    for (size_t first = 0; first < m; first += ROWS) {
        group g = group_open(w, row_bytes, first, m);
        for (size_t b = 0; b < k / 32; b++) {
            const __m256i xb = _mm256_load_si256((const __m256i *)(a.q + 32 * b));
            for (size_t r = 0; r < ROWS; r++) {
                const rl_q8_0 *block = (const rl_q8_0 *)g.w[r];
                prefetch_next_group(g.w[r], row_bytes, sizeof *block);
                add_block(&g, r, dot_q8_0(block, xb), block->d, a.d[b]);
                g.w[r] += sizeof *block;
            }
        }
        group_close(&g, y, first, m);
    }
}

static void gemv_q4_0(float *restrict y, const void *restrict w, const void *restrict x, size_t m, size_t k)
{
    const rl_act_view a = rl_act_open(RL_ACT_Q8, x, k);
    const size_t row_bytes = rl_row_bytes(RL_Q4_0, k);
    for (size_t first = 0; first < m; first += ROWS) {
        group g = group_open(w, row_bytes, first, m);
        for (size_t b = 0; b < k / 32; b++) {
            const __m256i xb = _mm256_load_si256((const __m256i *)(a.q + 32 * b));
            const __m256i offset = _mm256_maddubs_epi16(_mm256_set1_epi8(8), xb);
            for (size_t r = 0; r < ROWS; r++) {
                const rl_q4_0 *block = (const rl_q4_0 *)g.w[r];
                prefetch_next_group(g.w[r], row_bytes, sizeof *block);
                const __m256i dot = _mm256_maddubs_epi16(rl_nibbles256(block->qs), xb);
                add_block(&g, r, _mm256_sub_epi16(dot, offset), block->d, a.d[b]);
                g.w[r] += sizeof *block;
            }
        }
        group_close(&g, y, first, m);
    }
}

/* ---- q4_K, q5_K ---- */

/* The scale of sub-block i in all words. */
static inline __m256i pick_scale(__m256i sub, size_t i)
{
    return _mm256_shuffle_epi8(sub, _mm256_set1_epi16((short)(0x8000 | i)));
}

/* One super-block of one row: the quants are `nibbles`, plus the fifth bits in qh where there are any. */
static inline void step_k4(group *g, size_t r, const void *block, const uint8_t *nibbles, const uint8_t *qh,
                           const rl_act_view *a, size_t b)
{
    const rl_f16 *d = block; /* d, dmin */
    const __m128i scales = rl_k4_scales128(block);
    const __m256i sub = _mm256_broadcastsi128_si256(scales);
    const __m256i bits = qh != NULL ? _mm256_loadu_si256((const __m256i *)qh) : _mm256_setzero_si256();
    __m256i dot = _mm256_setzero_si256();
    for (size_t s = 0; s < 8; s++) {
        __m256i v = _mm256_loadu_si256((const __m256i *)(nibbles + s / 2 * 32));
        v = rl_low_nibbles256(s % 2 == 0 ? v : _mm256_srli_epi16(v, 4));
        if (qh != NULL) v = _mm256_or_si256(v, rl_where_bit256(bits, s, 16));
        const __m256i x = _mm256_load_si256((const __m256i *)(a->q + 256 * b + 32 * s));
        dot = _mm256_add_epi32(dot, _mm256_madd_epi16(_mm256_maddubs_epi16(v, x), pick_scale(sub, s)));
    }
    const __m256i sums = _mm256_loadu_si256((const __m256i *)((const int16_t *)a->s + 16 * b));
    const __m256i twice = _mm256_setr_epi8(8, -1, 8, -1, 9, -1, 9, -1, 10, -1, 10, -1, 11, -1, 11, -1, 12, -1,
                                           12, -1, 13, -1, 13, -1, 14, -1, 14, -1, 15, -1, 15, -1);
    const __m256i min = _mm256_madd_epi16(_mm256_shuffle_epi8(sub, twice), sums);
    g->sum[r] =
        _mm256_fmadd_ps(_mm256_cvtepi32_ps(dot), _mm256_set1_ps(_cvtsh_ss(d[0]) * a->d[b]), g->sum[r]);
    g->sum[r] =
        _mm256_fnmadd_ps(_mm256_cvtepi32_ps(min), _mm256_set1_ps(_cvtsh_ss(d[1]) * a->d[b]), g->sum[r]);
}

static void gemv_q4_K(float *restrict y, const void *restrict w, const void *restrict x, size_t m, size_t k)
{
    const rl_act_view a = rl_act_open(RL_ACT_Q8K, x, k);
    const size_t row_bytes = rl_row_bytes(RL_Q4_K, k);
    for (size_t first = 0; first < m; first += ROWS) {
        group g = group_open(w, row_bytes, first, m);
        for (size_t b = 0; b < k / 256; b++)
            for (size_t r = 0; r < ROWS; r++) {
                const rl_q4_K *block = (const rl_q4_K *)g.w[r];
                prefetch_next_group(g.w[r], row_bytes, sizeof *block);
                step_k4(&g, r, block, block->qs, NULL, &a, b);
                g.w[r] += sizeof *block;
            }
        group_close(&g, y, first, m);
    }
}

static void gemv_q5_K(float *restrict y, const void *restrict w, const void *restrict x, size_t m, size_t k)
{
    const rl_act_view a = rl_act_open(RL_ACT_Q8K, x, k);
    const size_t row_bytes = rl_row_bytes(RL_Q5_K, k);
    for (size_t first = 0; first < m; first += ROWS) {
        group g = group_open(w, row_bytes, first, m);
        for (size_t b = 0; b < k / 256; b++)
            for (size_t r = 0; r < ROWS; r++) {
                const rl_q5_K *block = (const rl_q5_K *)g.w[r];
                prefetch_next_group(g.w[r], row_bytes, sizeof *block);
                step_k4(&g, r, block, block->qs, block->qh, &a, b);
                g.w[r] += sizeof *block;
            }
        group_close(&g, y, first, m);
    }
}

/* ---- q6_K ---- */

static inline void step_q6_K(group *g, size_t r, const rl_q6_K *block, const rl_act_view *a, size_t b)
{
    const __m256i scales = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)block->scales));
    const __m256i sums = _mm256_loadu_si256((const __m256i *)((const int16_t *)a->s + 16 * b));
    /* start at -32 sum(scale x) */
    __m256i dot =
        _mm256_sub_epi32(_mm256_setzero_si256(), _mm256_slli_epi32(_mm256_madd_epi16(scales, sums), 5));
    for (size_t half = 0; half < 2; half++) {
        const __m256i qh = _mm256_loadu_si256((const __m256i *)(block->qh + 32 * half));
        /* the eight scales of the half, in both lanes */
        const __m256i sc =
            half == 0 ? _mm256_permute4x64_epi64(scales, 0x44) : _mm256_permute4x64_epi64(scales, 0xee);
        for (size_t j = 0; j < 4; j++) {
            /* words 2j for the lower 16 elements, 2j + 1 for the upper */
            const int lo = (int)(4 * j) * 0x0101 + 0x0100, hi = (int)(4 * j + 2) * 0x0101 + 0x0100;
            const __m256i pick =
                _mm256_inserti128_si256(_mm256_set1_epi16((short)lo), _mm_set1_epi16((short)hi), 1);
            const __m256i x = _mm256_load_si256((const __m256i *)(a->q + 256 * b + 128 * half + 32 * j));
            const __m256i pairs = _mm256_maddubs_epi16(rl_q6_quants256(block->ql + 64 * half, qh, j), x);
            dot = _mm256_add_epi32(dot, _mm256_madd_epi16(pairs, _mm256_shuffle_epi8(sc, pick)));
        }
    }
    g->sum[r] =
        _mm256_fmadd_ps(_mm256_cvtepi32_ps(dot), _mm256_set1_ps(_cvtsh_ss(block->d) * a->d[b]), g->sum[r]);
}

static void gemv_q6_K(float *restrict y, const void *restrict w, const void *restrict x, size_t m, size_t k)
{
    const rl_act_view a = rl_act_open(RL_ACT_Q8K, x, k);
    const size_t row_bytes = rl_row_bytes(RL_Q6_K, k);
    for (size_t first = 0; first < m; first += ROWS) {
        group g = group_open(w, row_bytes, first, m);
        for (size_t b = 0; b < k / 256; b++)
            for (size_t r = 0; r < ROWS; r++) {
                const rl_q6_K *block = (const rl_q6_K *)g.w[r];
                prefetch_next_group(g.w[r], row_bytes, sizeof *block);
                step_q6_K(&g, r, block, &a, b);
                g.w[r] += sizeof *block;
            }
        group_close(&g, y, first, m);
    }
}

static const rl_gemv rows[] = {
    {{"gemv_f32_avx2", RL_AVX2, RL_CPU_AVX2},  RL_F32,  RL_ROWS, RL_ACT_F32, gemv_f32 },
    {{"gemv_f16_avx2", RL_AVX2, RL_CPU_AVX2},  RL_F16,  RL_ROWS, RL_ACT_F32, gemv_f16 },
    {{"gemv_bf16_avx2", RL_AVX2, RL_CPU_AVX2}, RL_BF16, RL_ROWS, RL_ACT_F32, gemv_bf16},
    {{"gemv_q8_0_avx2", RL_AVX2, RL_CPU_AVX2}, RL_Q8_0, RL_ROWS, RL_ACT_Q8,  gemv_q8_0},
    {{"gemv_q4_0_avx2", RL_AVX2, RL_CPU_AVX2}, RL_Q4_0, RL_ROWS, RL_ACT_Q8,  gemv_q4_0},
    {{"gemv_q4_K_avx2", RL_AVX2, RL_CPU_AVX2}, RL_Q4_K, RL_ROWS, RL_ACT_Q8K, gemv_q4_K},
    {{"gemv_q5_K_avx2", RL_AVX2, RL_CPU_AVX2}, RL_Q5_K, RL_ROWS, RL_ACT_Q8K, gemv_q5_K},
    {{"gemv_q6_K_avx2", RL_AVX2, RL_CPU_AVX2}, RL_Q6_K, RL_ROWS, RL_ACT_Q8K, gemv_q6_K},
};
const rl_gemv_table rl_gemv_avx2 = {rows, RL_COUNT(rows)};
