/* ops_avx512.c - the operations between matrix products, 16 floats at a time; what is left over goes through
 * masks. Sums run in a fixed number of lanes and are joined by a fixed tree: same input, same bits. */
#include "base/x86_avx512.h"
#include "ops/ops.h"

#include <math.h>

/* The first n of 16 lanes; what is not read is `rest`. */
static inline __m512 load_or(const float *p, size_t n, __m512 rest)
{
    return n >= 16 ? _mm512_loadu_ps(p) : _mm512_mask_loadu_ps(rest, rl_mask16(n), p);
}

static inline __m512 load(const float *p, size_t n) { return load_or(p, n, _mm512_setzero_ps()); }

static inline void store(float *p, size_t n, __m512 v)
{
    if (n >= 16)
        _mm512_storeu_ps(p, v);
    else
        _mm512_mask_storeu_ps(p, rl_mask16(n), v);
}

/* ---- rmsnorm ---- */

/* Four chains: an addition takes four cycles, and two start in each. */
static float sum_of_squares(const float *x, size_t n)
{
    __m512 sum[4] = {_mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps()};
    size_t i = 0;
    for (; i + 64 <= n; i += 64)
        for (size_t j = 0; j < 4; j++) {
            const __m512 v = _mm512_loadu_ps(x + i + 16 * j);
            sum[j] = _mm512_fmadd_ps(v, v, sum[j]);
        }
    for (; i < n; i += 16) {
        const __m512 v = load(x + i, n - i);
        sum[0] = _mm512_fmadd_ps(v, v, sum[0]);
    }
    return rl_sum_ps(_mm512_add_ps(_mm512_add_ps(sum[0], sum[1]), _mm512_add_ps(sum[2], sum[3])));
}

static void rmsnorm(float *y, const float *x, const float *weight, size_t n, float eps)
{
    const __m512 scale = _mm512_set1_ps(1.0f / sqrtf(sum_of_squares(x, n) / (float)n + eps));
    for (size_t i = 0; i < n; i += 16) {
        const __m512 v = _mm512_mul_ps(load(x + i, n - i), scale);
        store(y + i, n - i, _mm512_mul_ps(v, load(weight + i, n - i)));
    }
}

/* ---- rope: the angles of 8 or 16 pairs are loaded once and turn these pairs of every head ---- */

static void rope_norm(float *restrict x, const float *restrict cs, size_t n_head, size_t head_dim,
                      size_t n_rot)
{
    for (size_t i = 0; i < n_rot; i += 16) {
        const __m512 angle = load(cs + i, n_rot - i);
        const __m512 c = _mm512_moveldup_ps(angle), s = _mm512_movehdup_ps(angle);
        for (size_t h = 0; h < n_head; h++) {
            float *p = x + h * head_dim + i;
            const __m512 v = load(p, n_rot - i), swapped = _mm512_permute_ps(v, 0xb1);
            store(p, n_rot - i, _mm512_fmaddsub_ps(v, c, _mm512_mul_ps(swapped, s)));
        }
    }
}

static void rope_neox(float *restrict x, const float *restrict cs, size_t n_head, size_t head_dim,
                      size_t n_rot)
{
    const size_t half = n_rot / 2;
    const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    const __m512i odd = _mm512_add_epi32(even, _mm512_set1_epi32(1));
    for (size_t i = 0; i < half; i += 16) {
        const size_t left = half - i;
        const __m512 low = load(cs + 2 * i, 2 * left);
        const __m512 high = left > 8 ? load(cs + 2 * i + 16, 2 * left - 16) : low;
        const __m512 c = _mm512_permutex2var_ps(low, even, high), s = _mm512_permutex2var_ps(low, odd, high);
        for (size_t h = 0; h < n_head; h++) {
            float *p = x + h * head_dim + i;
            const __m512 a = load(p, left), b = load(p + half, left);
            store(p, left, _mm512_fmsub_ps(a, c, _mm512_mul_ps(b, s)));
            store(p + half, left, _mm512_fmadd_ps(b, c, _mm512_mul_ps(a, s)));
        }
    }
}

/* ---- softmax, swiglu, add ---- */

static float max_of(const float *x, size_t n)
{
    const __m512 least = _mm512_set1_ps(-INFINITY);
    __m512 max[2] = {least, least};
    size_t i = 0;
    for (; i + 32 <= n; i += 32)
        for (size_t j = 0; j < 2; j++) max[j] = _mm512_max_ps(max[j], _mm512_loadu_ps(x + i + 16 * j));
    for (; i < n; i += 16) max[0] = _mm512_max_ps(max[0], load_or(x + i, n - i, least));
    return rl_max_ps(_mm512_max_ps(max[0], max[1]));
}

static void softmax(float *x, size_t n)
{
    const __m512 least = _mm512_set1_ps(-INFINITY);
    float max = max_of(x, n);
    if (max == -INFINITY) max = 0; /* everything masked: exp gives 0 throughout */
    __m512 sum = _mm512_setzero_ps();
    for (size_t i = 0; i < n; i += 16) {
        const __m512 e = rl_exp_ps(_mm512_sub_ps(load_or(x + i, n - i, least), _mm512_set1_ps(max)));
        store(x + i, n - i, e);
        sum = _mm512_add_ps(sum, e);
    }
    const float total = rl_sum_ps(sum);
    const __m512 scale = _mm512_set1_ps(total > 0 ? 1.0f / total : 0.0f);
    for (size_t i = 0; i < n; i += 16) store(x + i, n - i, _mm512_mul_ps(load(x + i, n - i), scale));
}

static void swiglu(float *y, const float *gate, const float *up, size_t n)
{
    for (size_t i = 0; i < n; i += 16) {
        const __m512 g = load(gate + i, n - i), minus = _mm512_xor_ps(g, _mm512_set1_ps(-0.0f));
        const __m512 silu = _mm512_div_ps(g, _mm512_add_ps(_mm512_set1_ps(1.0f), rl_exp_ps(minus)));
        store(y + i, n - i, _mm512_mul_ps(silu, load(up + i, n - i)));
    }
}

static void add(float *restrict y, const float *restrict x, size_t n)
{
    for (size_t i = 0; i < n; i += 16)
        store(y + i, n - i, _mm512_add_ps(load(y + i, n - i), load(x + i, n - i)));
}

/* ---- activations. Bits are the scalar kernel's: the same divisions, and vcvtps2dq rounds as rintf does. A value
 * that is not finite becomes -128, which none that is finite does: a NaN stays one in any product, an infinity
 * meets an inverse that is 0 or NaN, and vcvtps2dq makes of a NaN the least integer, which the packs saturate.
 * ---- */

/* Lanes of 128 bits against their elements: dword i of lane j to dword j of lane i. */
static inline __m512i transpose4(__m512i v)
{
    return _mm512_permutexvar_epi32(_mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15),
                                    v);
}

/* 64 values times the inverses of their scales, as bytes. The packs work lane by lane; the transposition puts that
 * right. */
static inline __m512i quantize64(const __m512 x[4], const __m512 inverse[4])
{
    __m512i v[4];
    for (size_t i = 0; i < 4; i++) v[i] = _mm512_cvtps_epi32(_mm512_mul_ps(x[i], inverse[i]));
    return transpose4(_mm512_packs_epi16(_mm512_packs_epi32(v[0], v[1]), _mm512_packs_epi32(v[2], v[3])));
}

/* Sums of four neighbours. */
static inline __m512i sum_fours(__m512i q)
{
    return _mm512_dpbusd_epi32(_mm512_setzero_si512(), _mm512_set1_epi8(1), q);
}

static inline bool has_least(__m512i bytes)
{
    return _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(INT8_MIN)) != 0;
}

static inline __m512 max_lanes(__m512 a, __m512 b)
{
    return _mm512_max_ps(_mm512_shuffle_f32x4(a, b, 0x88), _mm512_shuffle_f32x4(a, b, 0xdd));
}

/* One to four blocks (`n`), one in each lane of the vectors that hold one number a block; missing ones read as
 * zeros. Returns bytes among which the least of their quants is. */
static inline __m512i step_q8(int8_t *q, float *d, int32_t *s, const float *x, size_t n)
{
    __m512 v[8], top[4], inverse[4];
    for (size_t i = 0; i < 8; i++) v[i] = i / 2 < n ? _mm512_loadu_ps(x + 16 * i) : _mm512_setzero_ps();
    for (size_t b = 0; b < 4; b++)
        top[b] = _mm512_max_ps(_mm512_abs_ps(v[2 * b]), _mm512_abs_ps(v[2 * b + 1]));
    __m512 amax = max_lanes(max_lanes(top[0], top[1]), max_lanes(top[2], top[3]));
    amax = _mm512_max_ps(amax, _mm512_permute_ps(amax, _MM_SHUFFLE(1, 0, 3, 2)));
    amax = _mm512_max_ps(amax, _mm512_permute_ps(amax, _MM_SHUFFLE(2, 3, 0, 1)));
    const __mmask16 some = _mm512_cmp_ps_mask(amax, _mm512_set1_ps(RL_ACT_TINY), _CMP_GE_OQ);
    const __m512 most = _mm512_set1_ps(127);
    const __m512 scale = _mm512_maskz_div_ps(some, amax, most), all = _mm512_maskz_div_ps(some, most, amax);
    for (size_t b = 0; b < 4; b++) inverse[b] = rl_spread_lane_ps(all, b);
    const __m512i q0 = quantize64(v, (__m512[]){inverse[0], inverse[0], inverse[1], inverse[1]});
    const __m512i q1 = quantize64(v + 4, (__m512[]){inverse[2], inverse[2], inverse[3], inverse[3]});
    const __m512i f0 = sum_fours(q0), f1 = sum_fours(q1);
    __m512i sum = _mm512_add_epi32(_mm512_shuffle_i32x4(f0, f1, 0x88), _mm512_shuffle_i32x4(f0, f1, 0xdd));
    sum = _mm512_add_epi32(sum, _mm512_shuffle_epi32(sum, (_MM_PERM_ENUM)_MM_SHUFFLE(1, 0, 3, 2)));
    sum = _mm512_add_epi32(sum, _mm512_shuffle_epi32(sum, (_MM_PERM_ENUM)_MM_SHUFFLE(2, 3, 0, 1)));
    _mm512_mask_storeu_epi8(q, rl_mask64(32 * n), q0);
    _mm512_mask_storeu_epi8(q + 64, n > 2 ? rl_mask64(32 * n - 64) : 0, q1);
    const __mmask8 blocks = (__mmask8)rl_mask16(n);
    _mm_mask_storeu_ps(d, blocks,
                       _mm512_castps512_ps128(_mm512_castsi512_ps(transpose4(_mm512_castps_si512(scale)))));
    _mm_mask_storeu_epi32(s, blocks, _mm512_castsi512_si128(transpose4(sum)));
    return _mm512_min_epi8(q0, q1);
}

static void quantize_q8(void *restrict a, const float *restrict x, size_t k)
{
    int8_t *q = a;
    float *d = (float *)((char *)a + rl_act_d_offset(k));
    int32_t *s = (int32_t *)((char *)a + rl_act_s_offset(RL_ACT_Q8, k));
    __m512i least = _mm512_setzero_si512();
    size_t b = 0;
    for (; b + 4 <= k / 32; b += 4)
        least = _mm512_min_epi8(least, step_q8(q + 32 * b, d + b, s + b, x + 32 * b, 4));
    if (b < k / 32) least = _mm512_min_epi8(least, step_q8(q + 32 * b, d + b, s + b, x + 32 * b, k / 32 - b));
    if (has_least(least)) rl_act_void_least(RL_ACT_Q8, a, k);
}

/* The value of largest magnitude, the first of equals. Only where a maximum and a minimum are equally far out
 * does the order matter. The search ends in the block even where a NaN hides it. */
static inline float extreme_of(const float *x)
{
    __m512 max = _mm512_loadu_ps(x), min = max;
    for (size_t j = 16; j < 256; j += 16) {
        const __m512 v = _mm512_loadu_ps(x + j);
        max = _mm512_max_ps(max, v);
        min = _mm512_min_ps(min, v);
    }
    const float above = rl_max_ps(max), below = rl_max_ps(_mm512_xor_ps(min, _mm512_set1_ps(-0.0f)));
    if (above > below) return above;
    if (above < below) return -below;
    size_t first = 0;
    while (first < 255 && fabsf(x[first]) != above) first++;
    return x[first];
}

/* From the sums of four neighbours in four vectors, the sixteen sums of 16, each lane holding the parts of one. */
static inline __m256i sums_of_16(const __m512i f[4])
{
    const __m512i a = _mm512_add_epi32(_mm512_unpacklo_epi32(f[0], f[1]), _mm512_unpackhi_epi32(f[0], f[1]));
    const __m512i b = _mm512_add_epi32(_mm512_unpacklo_epi32(f[2], f[3]), _mm512_unpackhi_epi32(f[2], f[3]));
    const __m512i sum = _mm512_add_epi32(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b));
    return _mm512_cvtepi32_epi16(transpose4(sum)); /* dword i of lane j was vector i, lane j */
}

static void quantize_q8k(void *restrict a, const float *restrict x, size_t k)
{
    int8_t *q = a;
    float *d = (float *)((char *)a + rl_act_d_offset(k));
    int16_t *s = (int16_t *)((char *)a + rl_act_s_offset(RL_ACT_Q8K, k));
    __m512i least = _mm512_setzero_si512();
    for (size_t b = 0; b < k / 256; b++, s += 16) {
        float extreme = extreme_of(x);
        if (fabsf(extreme) < RL_ACT_TINY) extreme = 0;
        const __m512 inverse = _mm512_set1_ps(extreme != 0 ? -127.0f / extreme : 0.0f);
        __m512i fours[4];
        d[b] = extreme / -127.0f;
        for (size_t i = 0; i < 4; i++, x += 64, q += 64) {
            const __m512 v[4] = {_mm512_loadu_ps(x), _mm512_loadu_ps(x + 16), _mm512_loadu_ps(x + 32),
                                 _mm512_loadu_ps(x + 48)};
            const __m512i bytes = quantize64(v, (__m512[]){inverse, inverse, inverse, inverse});
            _mm512_storeu_si512(q, bytes);
            fours[i] = sum_fours(bytes);
            least = _mm512_min_epi8(least, bytes);
        }
        _mm256_storeu_si256((__m256i *)s, sums_of_16(fours));
    }
    if (has_least(least)) rl_act_void_least(RL_ACT_Q8K, a, k);
}

/* ---- sampling ---- */

/* Two sweeps: the largest value, then the first that equals it. The maximum keeps its own operand second, which
 * is the one that vmaxps returns for a NaN in the other. */
static size_t argmax(const float *x, size_t n)
{
    const __m512 least = _mm512_set1_ps(-INFINITY);
    __m512 max[4] = {least, least, least, least};
    size_t i = 0;
    for (; i + 64 <= n; i += 64)
        for (size_t j = 0; j < 4; j++) max[j] = _mm512_max_ps(_mm512_loadu_ps(x + i + 16 * j), max[j]);
    for (; i < n; i += 16) max[0] = _mm512_max_ps(load_or(x + i, n - i, least), max[0]);
    const float top = rl_max_ps(_mm512_max_ps(_mm512_max_ps(max[0], max[1]), _mm512_max_ps(max[2], max[3])));
    for (i = 0; i < n; i += 16) {
        const __mmask16 k = rl_mask16(n - i);
        const __mmask16 hit =
            _mm512_mask_cmp_ps_mask(k, _mm512_maskz_loadu_ps(k, x + i), _mm512_set1_ps(top), _CMP_EQ_OQ);
        if (hit != 0) return i + (size_t)__builtin_ctz(hit);
    }
    return 0;
}

static float exp_sum(const float *x, size_t n, float max, float temperature)
{
    const __m512 m = _mm512_set1_ps(max), t = _mm512_set1_ps(temperature);
    __m512 sum = _mm512_setzero_ps();
    for (size_t i = 0; i < n; i += 16) {
        const __m512 v = load_or(x + i, n - i, _mm512_set1_ps(-INFINITY));
        const __m512 e = rl_exp_ps(_mm512_div_ps(_mm512_sub_ps(v, m), t));
        sum = _mm512_mask_add_ps(sum, _mm512_cmp_ps_mask(v, v, _CMP_ORD_Q), sum, e);
    }
    return rl_sum_ps(sum);
}

#define NEEDS (RL_CPU_AVX2 | RL_CPU_AVX512)
static const rl_ops rows[] = {
    {{"rmsnorm_avx512", RL_AVX512, NEEDS},   RL_RMSNORM,      {.rmsnorm = rmsnorm}      },
    {{"rope_norm_avx512", RL_AVX512, NEEDS}, RL_ROPE_NORM,    {.rope = rope_norm}       },
    {{"rope_neox_avx512", RL_AVX512, NEEDS}, RL_ROPE_NEOX,    {.rope = rope_neox}       },
    {{"softmax_avx512", RL_AVX512, NEEDS},   RL_SOFTMAX,      {.softmax = softmax}      },
    {{"swiglu_avx512", RL_AVX512, NEEDS},    RL_SWIGLU,       {.swiglu = swiglu}        },
    {{"add_avx512", RL_AVX512, NEEDS},       RL_ADD,          {.add = add}              },
    {{"q8_avx512", RL_AVX512, NEEDS},        RL_QUANTIZE_Q8,  {.quantize = quantize_q8} },
    {{"q8k_avx512", RL_AVX512, NEEDS},       RL_QUANTIZE_Q8K, {.quantize = quantize_q8k}},
    {{"argmax_avx512", RL_AVX512, NEEDS},    RL_ARGMAX,       {.argmax = argmax}        },
    {{"exp_sum_avx512", RL_AVX512, NEEDS},   RL_EXP_SUM,      {.exp_sum = exp_sum}      },
};
const rl_ops_table rl_ops_avx512 = {rows, RL_COUNT(rows)};
