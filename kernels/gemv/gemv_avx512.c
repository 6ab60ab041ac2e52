/* gemv_avx512.c - rows as a GGUF file stores them, 512 bits at a time, four rows at once.
 *
 * Four rows share each load and rearrangement of the activations, and four streams keep more of memory in
 * flight than one. A last group of fewer than four rows computes its last row again and drops the copies, so
 * every row is computed by the same instructions whatever its neighbours.
 *
 * Blocks of 18, 34, 144, 176 and 210 bytes never lie on a cache line. The 4-bit blocks are therefore taken
 * apart with word permutes: one finds the nibbles of four q4_0 blocks in two overlapping loads, another their
 * scales. Weights stay unsigned (vpdpbusd wants one operand so); the offset of 8, 32 or 128 is taken off by
 * starting the integer sum at -offset * sum(x), computed once for the four rows.
 *
 * K formats: the 8-bit products are added in pairs to int16 (15 * 127 * 2, 31 * 127 * 2 and 63 * 127 * 2 all
 * fit), then vpdpwssd multiplies by the 6 or 8-bit sub-block scale and adds up in int32: two instructions for
 * 64 weights. The headers of four rows are decoded together, one row in each 128-bit lane. */
#include "base/x86_avx512.h"
#include "gemv/gemv.h"

enum { ROWS = 4 };

/* What the four rows under way share: where their next blocks are, and their sums. */
typedef struct {
    const char *w[ROWS];
    __m512 sum[ROWS];
} group;

static inline group group_open(const void *w, size_t row_bytes, size_t first, size_t m)
{
    group g;
    for (size_t r = 0; r < ROWS; r++) {
        const size_t row = first + r < m ? first + r : m - 1;
        g.w[r] = (const char *)w + row * row_bytes;
        g.sum[r] = _mm512_setzero_ps();
    }
    return g;
}

static inline void group_close(const group *g, float *y, size_t first, size_t m)
{
    for (size_t r = 0; r < ROWS && first + r < m; r++) y[first + r] = rl_sum_ps(g->sum[r]);
}

/* Asks for the bytes that row r needs in the next group, `bytes` of them from `offset` of its blocks on. */
static inline __attribute__((always_inline)) void prefetch_next_group(const char *w, size_t row_bytes,
                                                                      size_t bytes)
{
    rl_prefetch_far(w + ROWS * row_bytes, bytes);
}

/* ---- f32, f16, bf16: convert and multiply-add, two sums a row to hide the latency of the add. ---- */

/* One body for the three: `load` and `size` are constants where it is called, and inlined. */
static inline __attribute__((always_inline)) void gemv_float(float *restrict y, const void *restrict w,
                                                             const void *restrict x, size_t m, size_t k,
                                                             __m512 (*load)(const void *, __mmask16),
                                                             size_t size)
{
    const float *xf = x;
    const size_t row_bytes = k * size;
    for (size_t first = 0; first < m; first += ROWS) {
        group g = group_open(w, row_bytes, first, m);
        __m512 odd[ROWS];
        for (size_t r = 0; r < ROWS; r++) odd[r] = _mm512_setzero_ps();
        size_t i = 0;
        for (; i + 32 <= k; i += 32) {
            const __m512 x0 = _mm512_loadu_ps(xf + i), x1 = _mm512_loadu_ps(xf + i + 16);
            for (size_t r = 0; r < ROWS; r++) {
                prefetch_next_group(g.w[r], row_bytes, 32 * size);
                g.sum[r] = _mm512_fmadd_ps(load(g.w[r], 0xffff), x0, g.sum[r]);
                odd[r] = _mm512_fmadd_ps(load(g.w[r] + 16 * size, 0xffff), x1, odd[r]);
                g.w[r] += 32 * size;
            }
        }
        for (; i < k; i += 16) {
            const __mmask16 some = rl_mask16(k - i);
            const __m512 x0 = _mm512_maskz_loadu_ps(some, xf + i);
            for (size_t r = 0; r < ROWS; r++) {
                g.sum[r] = _mm512_fmadd_ps(load(g.w[r], some), x0, g.sum[r]);
                g.w[r] += 16 * size;
            }
        }
        for (size_t r = 0; r < ROWS; r++) g.sum[r] = _mm512_add_ps(g.sum[r], odd[r]);
        group_close(&g, y, first, m);
    }
}

static void gemv_f32(float *restrict y, const void *restrict w, const void *restrict x, size_t m, size_t k)
{
    gemv_float(y, w, x, m, k, rl_load_f32, 4);
}

static void gemv_f16(float *restrict y, const void *restrict w, const void *restrict x, size_t m, size_t k)
{
    gemv_float(y, w, x, m, k, rl_load_f16, 2);
}

static void gemv_bf16(float *restrict y, const void *restrict w, const void *restrict x, size_t m, size_t k)
{
    gemv_float(y, w, x, m, k, rl_load_bf16, 2);
}

/* ---- q8_0: two blocks a vector, eight lanes each. ---- */

/* Lanes 0-7 of the first value, 8-15 of the second. */
static inline __m512 two_halves(const void *a, const void *b)
{
    const __m256i pair =
        _mm256_mask_set1_epi16(_mm256_set1_epi16(*(const short *)a), 0xff00, *(const short *)b);
    return _mm512_cvtph_ps(pair);
}

/* One or two blocks (`n`) of four rows against 32 or 64 activations. */
static inline void step_q8_0(group *g, const int8_t *q, const float *d, size_t n)
{
    const __m512i x = _mm512_maskz_loadu_epi8(rl_mask64(32 * n), q);
    const __m512 dx = _mm512_mask_broadcastss_ps(_mm512_set1_ps(d[0]), 0xff00, _mm_set_ss(n > 1 ? d[1] : 0));
    const __m512i flip = _mm512_set1_epi8((char)0x80);
    const __m512i start =
        _mm512_sub_epi32(_mm512_setzero_si512(), _mm512_dpbusd_epi32(_mm512_setzero_si512(), flip, x));
    for (size_t r = 0; r < ROWS; r++) {
        const rl_q8_0 *b = (const rl_q8_0 *)g->w[r], *b1 = n > 1 ? b + 1 : b;
        __m512i v = _mm512_castsi256_si512(_mm256_loadu_si256((const __m256i *)b->qs));
        v = _mm512_inserti64x4(v, _mm256_loadu_si256((const __m256i *)b1->qs), 1);
        const __m512i dot = _mm512_dpbusd_epi32(start, _mm512_xor_si512(v, flip), x);
        const __m512 scale = _mm512_mul_ps(two_halves(&b->d, &b1->d), dx);
        g->sum[r] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dot), scale, g->sum[r]);
        g->w[r] += n * sizeof(rl_q8_0);
    }
}

static void gemv_q8_0(float *restrict y, const void *restrict w, const void *restrict x, size_t m, size_t k)
{
    const rl_act_view a = rl_act_open(RL_ACT_Q8, x, k);
    const size_t row_bytes = rl_row_bytes(RL_Q8_0, k), blocks = k / 32;
    for (size_t first = 0; first < m; first += ROWS) {
        group g = group_open(w, row_bytes, first, m);
        for (size_t b = 0; b + 2 <= blocks; b += 2) {
            for (size_t r = 0; r < ROWS; r++) prefetch_next_group(g.w[r], row_bytes, 2 * sizeof(rl_q8_0));
            step_q8_0(&g, a.q + 32 * b, a.d + b, 2);
        }
        if (blocks % 2 != 0) step_q8_0(&g, a.q + 32 * (blocks - 1), a.d + blocks - 1, 1);
        group_close(&g, y, first, m);
    }
}

/* ---- q4_0: four blocks (72 bytes) a vector, one in each 128-bit lane, low nibbles then high. ---- */

/* Word numbers, in the pair of loads at byte 0 (words 0-31) and byte 8 (words 32-63 here, 4-35 of the block),
 * of the 32 words of nibbles, and of the four scales, each for the four lanes of its block. */
#define NIB(b, at)                                                                                           \
    at(9 * b + 1), at(9 * b + 2), at(9 * b + 3), at(9 * b + 4), at(9 * b + 5), at(9 * b + 6), at(9 * b + 7), \
        at(9 * b + 8)
#define AT0(word) word
#define AT1(word) (word - 4 + 32)
static const _Alignas(64) int16_t q4_0_nibbles[32] = {NIB(0, AT0), NIB(1, AT0), NIB(2, AT0), NIB(3, AT1)};
static const _Alignas(32) int16_t q4_0_scales[16] = {0, 0, 0, 0, 9, 9, 9, 9, 18, 18, 18, 18, 27, 27, 27, 27};
#undef AT1
#undef AT0
#undef NIB

/* One to four blocks (`n`) of four rows. With n < 4 the missing blocks read as zero scales. */
static inline void step_q4_0(group *g, const int8_t *q, const float *d, size_t n)
{
    const __m512i nibbles = _mm512_load_si512(q4_0_nibbles);
    const __m512i scales = _mm512_castsi256_si512(_mm256_load_si256((const __m256i *)q4_0_scales));
    const __m512i low = _mm512_set1_epi8(15),
                  lane = _mm512_set_epi32(3, 3, 3, 3, 2, 2, 2, 2, 1, 1, 1, 1, 0, 0, 0, 0);
    const __m512i x0 = _mm512_maskz_loadu_epi8(rl_mask64(32 * n), q);
    const __m512i x1 = _mm512_maskz_loadu_epi8(n > 2 ? rl_mask64(32 * n - 64) : 0, q + 64);
    const __m512i xlo = _mm512_shuffle_i32x4(x0, x1, 0x88), xhi = _mm512_shuffle_i32x4(x0, x1, 0xdd);
    const __m512 dx =
        _mm512_permutevar_ps(_mm512_broadcast_f32x4(_mm_maskz_loadu_ps((__mmask8)rl_mask16(n), d)), lane);
    const __m512i eight = _mm512_set1_epi8(8);
    const __m512i offset =
        _mm512_dpbusd_epi32(_mm512_dpbusd_epi32(_mm512_setzero_si512(), eight, xlo), eight, xhi);
    const __m512i start = _mm512_sub_epi32(_mm512_setzero_si512(), offset);
    for (size_t r = 0; r < ROWS; r++) {
        const char *p = g->w[r];
        const __m512i z0 = _mm512_maskz_loadu_epi16(rl_mask32(9 * n), p);
        const __m512i z1 = _mm512_maskz_loadu_epi16(rl_mask32(9 * n - 4), p + 8);
        const __m512i v = _mm512_permutex2var_epi16(z0, nibbles, z1);
        __m512i dot = _mm512_dpbusd_epi32(start, _mm512_and_si512(v, low), xlo);
        dot = _mm512_dpbusd_epi32(dot, _mm512_and_si512(_mm512_srli_epi16(v, 4), low), xhi);
        const __m512 dw = _mm512_cvtph_ps(_mm512_castsi512_si256(_mm512_permutexvar_epi16(scales, z0)));
        g->sum[r] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dot), _mm512_mul_ps(dw, dx), g->sum[r]);
        g->w[r] += n * sizeof(rl_q4_0);
    }
}

static void gemv_q4_0(float *restrict y, const void *restrict w, const void *restrict x, size_t m, size_t k)
{
    const rl_act_view a = rl_act_open(RL_ACT_Q8, x, k);
    const size_t row_bytes = rl_row_bytes(RL_Q4_0, k), blocks = k / 32;
    for (size_t first = 0; first < m; first += ROWS) {
        group g = group_open(w, row_bytes, first, m);
        for (size_t b = 0; b + 4 <= blocks; b += 4) {
            for (size_t r = 0; r < ROWS; r++) prefetch_next_group(g.w[r], row_bytes, 4 * sizeof(rl_q4_0));
            step_q4_0(&g, a.q + 32 * b, a.d + b, 4);
        }
        const size_t done = blocks / 4 * 4;
        if (done < blocks) step_q4_0(&g, a.q + 32 * done, a.d + done, blocks - done);
        group_close(&g, y, first, m);
    }
}

/* ---- q4_K, q5_K ---- */

/* The headers of four rows, decoded: one row in each 128-bit lane. */
typedef struct {
    __m512i sub;  /* bytes 0-7 of a lane: the eight scales; bytes 8-15: the eight minima */
    __m512 d, dm; /* in all four floats of a lane */
} k4_headers;

static inline __m512i four_rows(const group *g)
{
    __m512i h = _mm512_castsi128_si512(_mm_loadu_si128((const __m128i *)g->w[0]));
    h = _mm512_inserti32x4(h, _mm_loadu_si128((const __m128i *)g->w[1]), 1);
    h = _mm512_inserti32x4(h, _mm_loadu_si128((const __m128i *)g->w[2]), 2);
    return _mm512_inserti32x4(h, _mm_loadu_si128((const __m128i *)g->w[3]), 3);
}

/* rl_k4_scale for all eight sub-blocks of four rows: the low parts are s[0-3] and s[8-11] & 15 (scales),
 * s[4-7] and s[8-11] >> 4 (minima); the upper two bits of the second four come from the top of s[0-3] and s[4-7]. */
static inline k4_headers k4_open(const group *g)
{
    const __m512i h = four_rows(g); /* bytes of a lane: d, dmin, s[0-3], s[4-7], s[8-11] */
    const __m512i parts = _mm512_shuffle_epi32(h, (_MM_PERM_ENUM)_MM_SHUFFLE(3, 2, 3, 1));
    const __m512i low = _mm512_and_si512(
        _mm512_srlv_epi32(parts, _mm512_broadcast_i32x4(_mm_setr_epi32(0, 0, 0, 4))),
        _mm512_broadcast_i32x4(_mm_setr_epi32(0x3f3f3f3f, 0x0f0f0f0f, 0x3f3f3f3f, 0x0f0f0f0f)));
    const __m512i tops = _mm512_maskz_shuffle_epi32(0xaaaa, h, (_MM_PERM_ENUM)_MM_SHUFFLE(2, 0, 1, 0));
    const __m512i high = _mm512_and_si512(_mm512_srli_epi32(tops, 2), _mm512_set1_epi8(0x30));
    const __m512i floats = _mm512_shuffle_epi8(
        h, _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 0, 1, 0, 1, 0, 1, 2, 3, 2, 3, 2, 3, 2, 3)));
    k4_headers out = {.sub = _mm512_or_si512(low, high)};
    /* words of a lane: d four times, dmin four times; gather all d, then all dmin, and convert 16 at a time
     */
    const __m512i all_d = _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7), floats);
    out.d = _mm512_cvtph_ps(_mm512_castsi512_si256(all_d));
    out.dm = _mm512_cvtph_ps(_mm512_extracti64x4_epi64(all_d, 1));
    return out;
}

/* Words of zero-extended scale bytes: `a` for the lower half of the vector, `b` for the upper. */
static inline __m512i pick_scales(__m512i sub, int a, int b)
{
    const __m512i pick =
        _mm512_inserti64x4(_mm512_set1_epi16((short)(0x8000 | a)), _mm256_set1_epi16((short)(0x8000 | b)), 1);
    return _mm512_shuffle_epi8(sub, pick);
}

/* The activations of one super-block, in the order of the nibbles: x[2i] for low, x[2i+1] for high of 64 bytes. */
typedef struct {
    __m512i q[4]; /* subs 0|2, 1|3, 4|6, 5|7 */
    __m256i sums; /* 16 sums of 16 */
    __m512 d;
} k4_act;

static inline k4_act k4_load_act(const rl_act_view *a, size_t b)
{
    const __m512i x0 = _mm512_loadu_si512(a->q + 256 * b), x1 = _mm512_loadu_si512(a->q + 256 * b + 64);
    const __m512i x2 = _mm512_loadu_si512(a->q + 256 * b + 128),
                  x3 = _mm512_loadu_si512(a->q + 256 * b + 192);
    return (k4_act){
        .q = {_mm512_shuffle_i64x2(x0, x1, 0x44), _mm512_shuffle_i64x2(x0, x1, 0xee),
              _mm512_shuffle_i64x2(x2, x3, 0x44), _mm512_shuffle_i64x2(x2, x3, 0xee)},
        .sums = _mm256_loadu_si256((const __m256i *)((const int16_t *)a->s + 16 * b)),
        .d = _mm512_set1_ps(a->d[b]),
    };
}

/* d * dx * sum(scale * q x) - dmin * dx * sum(min * x), added to row r. `quant` are its four vectors of quants. */
static inline void k4_finish(group *g, const k4_headers *h, const k4_act *x, const __m512i quant[4], size_t r)
{
    const __m512i sub = rl_spread_lane(h->sub, r);
    __m512i dot = _mm512_setzero_si512();
    dot = _mm512_dpwssd_epi32(dot, _mm512_maddubs_epi16(quant[0], x->q[0]), pick_scales(sub, 0, 2));
    dot = _mm512_dpwssd_epi32(dot, _mm512_maddubs_epi16(quant[1], x->q[1]), pick_scales(sub, 1, 3));
    dot = _mm512_dpwssd_epi32(dot, _mm512_maddubs_epi16(quant[2], x->q[2]), pick_scales(sub, 4, 6));
    dot = _mm512_dpwssd_epi32(dot, _mm512_maddubs_epi16(quant[3], x->q[3]), pick_scales(sub, 5, 7));
    /* each minimum belongs to two sums of 16: bytes 8-15 of the lane, each as two words */
    const __m256i twice = _mm256_setr_epi8(8, -1, 8, -1, 9, -1, 9, -1, 10, -1, 10, -1, 11, -1, 11, -1, 12, -1,
                                           12, -1, 13, -1, 13, -1, 14, -1, 14, -1, 15, -1, 15, -1);
    const __m256i min = _mm256_madd_epi16(_mm256_shuffle_epi8(_mm512_castsi512_si256(sub), twice), x->sums);
    const __m512 d = _mm512_mul_ps(rl_spread_lane_ps(h->d, r), x->d);
    const __m512 dm = _mm512_mul_ps(rl_spread_lane_ps(h->dm, r), x->d);
    g->sum[r] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dot), d, g->sum[r]);
    g->sum[r] = _mm512_fnmadd_ps(_mm512_cvtepi32_ps(_mm512_zextsi256_si512(min)), dm, g->sum[r]);
}

static inline void step_q4_K(group *g, const k4_act *x)
{
    const __m512i low = _mm512_set1_epi8(15);
    const k4_headers h = k4_open(g);
    for (size_t r = 0; r < ROWS; r++) {
        const rl_q4_K *b = (const rl_q4_K *)g->w[r];
        const __m512i v0 = _mm512_loadu_si512(b->qs), v1 = _mm512_loadu_si512(b->qs + 64);
        const __m512i quant[4] = {_mm512_and_si512(v0, low), _mm512_and_si512(_mm512_srli_epi16(v0, 4), low),
                                  _mm512_and_si512(v1, low), _mm512_and_si512(_mm512_srli_epi16(v1, 4), low)};
        k4_finish(g, &h, x, quant, r);
        g->w[r] += sizeof *b;
    }
}

/* Adds 16 where bit `a` (lower half) or `b` (upper half) of the byte of qh is set. */
static inline __m512i with_fifth_bit(__m512i q, __m512i qh, int a, int b)
{
    const __m512i bits =
        _mm512_inserti64x4(_mm512_set1_epi8((char)(1 << a)), _mm256_set1_epi8((char)(1 << b)), 1);
    return _mm512_mask_add_epi8(q, _mm512_test_epi8_mask(qh, bits), q, _mm512_set1_epi8(16));
}

static inline void step_q5_K(group *g, const k4_act *x)
{
    const __m512i low = _mm512_set1_epi8(15);
    const k4_headers h = k4_open(g);
    for (size_t r = 0; r < ROWS; r++) {
        const rl_q5_K *b = (const rl_q5_K *)g->w[r];
        const __m512i v0 = _mm512_loadu_si512(b->qs), v1 = _mm512_loadu_si512(b->qs + 64);
        const __m512i qh = _mm512_broadcast_i64x4(_mm256_loadu_si256((const __m256i *)b->qh));
        const __m512i quant[4] = {with_fifth_bit(_mm512_and_si512(v0, low), qh, 0, 2),
                                  with_fifth_bit(_mm512_and_si512(_mm512_srli_epi16(v0, 4), low), qh, 1, 3),
                                  with_fifth_bit(_mm512_and_si512(v1, low), qh, 4, 6),
                                  with_fifth_bit(_mm512_and_si512(_mm512_srli_epi16(v1, 4), low), qh, 5, 7)};
        k4_finish(g, &h, x, quant, r);
        g->w[r] += sizeof *b;
    }
}

static inline __attribute__((always_inline)) void gemv_k4(float *restrict y, const void *restrict w,
                                                          const void *restrict x, size_t m, size_t k,
                                                          rl_format format,
                                                          void (*step)(group *, const k4_act *))
{
    const rl_act_view a = rl_act_open(RL_ACT_Q8K, x, k);
    const size_t row_bytes = rl_row_bytes(format, k), block = rl_row_bytes(format, 256);
    for (size_t first = 0; first < m; first += ROWS) {
        group g = group_open(w, row_bytes, first, m);
        for (size_t b = 0; b < k / 256; b++) {
            for (size_t r = 0; r < ROWS; r++) prefetch_next_group(g.w[r], row_bytes, block);
            const k4_act act = k4_load_act(&a, b);
            step(&g, &act);
        }
        group_close(&g, y, first, m);
    }
}

static void gemv_q4_K(float *restrict y, const void *restrict w, const void *restrict x, size_t m, size_t k)
{
    gemv_k4(y, w, x, m, k, RL_Q4_K, step_q4_K);
}

static void gemv_q5_K(float *restrict y, const void *restrict w, const void *restrict x, size_t m, size_t k)
{
    gemv_k4(y, w, x, m, k, RL_Q5_K, step_q5_K);
}

/* ---- q6_K: halves of 128, whose nibble order is already that of the activations. ---- */

static inline void step_q6_K(group *g, const int8_t *q, const int16_t *sums, float dx)
{
    const __m512i low = _mm512_set1_epi8(15), upper = _mm512_set1_epi8(0x30);
    const __m512i left =
        _mm512_inserti64x4(_mm512_set1_epi16(4), _mm256_set1_epi16(2), 1); /* elements 0|32 of a half */
    const __m512i right =
        _mm512_inserti64x4(_mm512_setzero_si512(), _mm256_set1_epi16(2), 1); /* elements 64|96 */
    const __m512i word = _mm512_set_epi32(3, 3, 3, 3, 2, 2, 2, 2, 1, 1, 1, 1, 0, 0, 0, 0);
    const __m256i s = _mm256_loadu_si256((const __m256i *)sums);
    for (size_t r = 0; r < ROWS; r++) {
        const rl_q6_K *b = (const rl_q6_K *)g->w[r];
        const __m256i sc = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)b->scales));
        /* each scale twice in a dword, so that one dword permute spreads it over its eight words */
        const __m512i sc2 = _mm512_mullo_epi32(_mm512_cvtepu16_epi32(sc), _mm512_set1_epi32(0x10001));
        /* start at -32 sum(scale x) */
        const __m256i offset = _mm256_slli_epi32(_mm256_madd_epi16(sc, s), 5);
        __m512i dot = _mm512_sub_epi32(_mm512_setzero_si512(), _mm512_zextsi256_si512(offset));
        for (size_t half = 0; half < 2; half++) {
            const __m512i ql = _mm512_loadu_si512(b->ql + 64 * half);
            const __m512i qh =
                _mm512_broadcast_i64x4(_mm256_loadu_si256((const __m256i *)(b->qh + 32 * half)));
            const __m512i q0 = _mm512_or_si512(_mm512_and_si512(ql, low),
                                               _mm512_and_si512(_mm512_sllv_epi16(qh, left), upper));
            const __m512i q1 = _mm512_or_si512(_mm512_and_si512(_mm512_srli_epi16(ql, 4), low),
                                               _mm512_and_si512(_mm512_srlv_epi16(qh, right), upper));
            const __m512i s0 =
                _mm512_permutexvar_epi32(_mm512_add_epi32(word, _mm512_set1_epi32((int)(8 * half))), sc2);
            const __m512i s1 =
                _mm512_permutexvar_epi32(_mm512_add_epi32(word, _mm512_set1_epi32((int)(8 * half + 4))), sc2);
            dot = _mm512_dpwssd_epi32(dot, _mm512_maddubs_epi16(q0, _mm512_loadu_si512(q + 128 * half)), s0);
            dot = _mm512_dpwssd_epi32(dot, _mm512_maddubs_epi16(q1, _mm512_loadu_si512(q + 128 * half + 64)),
                                      s1);
        }
        const __m512 scale = _mm512_mul_ps(rl_broadcast_f16(&b->d), _mm512_set1_ps(dx));
        g->sum[r] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dot), scale, g->sum[r]);
        g->w[r] += sizeof *b;
    }
}

static void gemv_q6_K(float *restrict y, const void *restrict w, const void *restrict x, size_t m, size_t k)
{
    const rl_act_view a = rl_act_open(RL_ACT_Q8K, x, k);
    const size_t row_bytes = rl_row_bytes(RL_Q6_K, k);
    for (size_t first = 0; first < m; first += ROWS) {
        group g = group_open(w, row_bytes, first, m);
        for (size_t b = 0; b < k / 256; b++) {
            for (size_t r = 0; r < ROWS; r++) prefetch_next_group(g.w[r], row_bytes, sizeof(rl_q6_K));
            step_q6_K(&g, a.q + 256 * b, (const int16_t *)a.s + 16 * b, a.d[b]);
        }
        group_close(&g, y, first, m);
    }
}

#define NEEDS (RL_CPU_AVX2 | RL_CPU_AVX512)
static const rl_gemv rows[] = {
    {{"gemv_f32_avx512", RL_AVX512, NEEDS},  RL_F32,  RL_ROWS, RL_ACT_F32, gemv_f32 },
    {{"gemv_f16_avx512", RL_AVX512, NEEDS},  RL_F16,  RL_ROWS, RL_ACT_F32, gemv_f16 },
    {{"gemv_bf16_avx512", RL_AVX512, NEEDS}, RL_BF16, RL_ROWS, RL_ACT_F32, gemv_bf16},
    {{"gemv_q8_0_avx512", RL_AVX512, NEEDS}, RL_Q8_0, RL_ROWS, RL_ACT_Q8,  gemv_q8_0},
    {{"gemv_q4_0_avx512", RL_AVX512, NEEDS}, RL_Q4_0, RL_ROWS, RL_ACT_Q8,  gemv_q4_0},
    {{"gemv_q4_K_avx512", RL_AVX512, NEEDS}, RL_Q4_K, RL_ROWS, RL_ACT_Q8K, gemv_q4_K},
    {{"gemv_q5_K_avx512", RL_AVX512, NEEDS}, RL_Q5_K, RL_ROWS, RL_ACT_Q8K, gemv_q5_K},
    {{"gemv_q6_K_avx512", RL_AVX512, NEEDS}, RL_Q6_K, RL_ROWS, RL_ACT_Q8K, gemv_q6_K},
};
const rl_gemv_table rl_gemv_avx512 = {rows, RL_COUNT(rows)};
