/* ops_avx2.c - the operations between matrix products, 8 floats at a time; what is left over goes through
 * masked loads and stores. Sums run in a fixed number of lanes and are joined by a fixed tree: same input,
 * same bits. */
#include "base/x86_avx2.h"
#include "ops/ops.h"

#include <math.h>

/* The first n of 8 lanes; what is not read is `rest`. */
static inline __m256 load_or(const float *p, size_t n, __m256 rest)
{
    if (n >= 8) return _mm256_loadu_ps(p);
    const __m256i lanes = rl_lanes256(n);
    return _mm256_blendv_ps(rest, _mm256_maskload_ps(p, lanes), _mm256_castsi256_ps(lanes));
}

static inline __m256 load(const float *p, size_t n) { return load_or(p, n, _mm256_setzero_ps()); }

static inline void store(float *p, size_t n, __m256 v)
{
    if (n >= 8)
        _mm256_storeu_ps(p, v);
    else
        _mm256_maskstore_ps(p, rl_lanes256(n), v);
}

static inline __m256 negate(__m256 v) { return _mm256_xor_ps(v, _mm256_set1_ps(-0.0f)); }

/* ---- rmsnorm ---- */

/* Four chains: an addition takes four cycles, and two start in each. */
static float sum_of_squares(const float *x, size_t n)
{
    __m256 sum[4] = {_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps()};
    size_t i = 0;
    for (; i + 32 <= n; i += 32)
        for (size_t j = 0; j < 4; j++) {
            const __m256 v = _mm256_loadu_ps(x + i + 8 * j);
            sum[j] = _mm256_fmadd_ps(v, v, sum[j]);
        }
    for (; i < n; i += 8) {
        const __m256 v = load(x + i, n - i);
        sum[0] = _mm256_fmadd_ps(v, v, sum[0]);
    }
    return rl_sum_ps256(_mm256_add_ps(_mm256_add_ps(sum[0], sum[1]), _mm256_add_ps(sum[2], sum[3])));
}

static void rmsnorm(float *y, const float *x, const float *weight, size_t n, float eps)
{
    const __m256 scale = _mm256_set1_ps(1.0f / sqrtf(sum_of_squares(x, n) / (float)n + eps));
    for (size_t i = 0; i < n; i += 8) {
        const __m256 v = _mm256_mul_ps(load(x + i, n - i), scale);
        store(y + i, n - i, _mm256_mul_ps(v, load(weight + i, n - i)));
    }
}

/* ---- rope: the angles of 4 or 8 pairs are loaded once and turn these pairs of every head ---- */

static void rope_norm(float *restrict x, const float *restrict cs, size_t n_head, size_t head_dim,
                      size_t n_rot)
{
    for (size_t i = 0; i < n_rot; i += 8) {
        const __m256 angle = load(cs + i, n_rot - i);
        const __m256 c = _mm256_moveldup_ps(angle), s = _mm256_movehdup_ps(angle);
        for (size_t h = 0; h < n_head; h++) {
            float *p = x + h * head_dim + i;
            const __m256 v = load(p, n_rot - i), swapped = _mm256_permute_ps(v, 0xb1);
            store(p, n_rot - i, _mm256_fmaddsub_ps(v, c, _mm256_mul_ps(swapped, s)));
        }
    }
}

/* Every second float of 16: shuffled lane by lane, then the lanes' halves put in order. */
static inline __m256 in_order(__m256 v)
{
    return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(v), _MM_SHUFFLE(3, 1, 2, 0)));
}

static void rope_neox(float *restrict x, const float *restrict cs, size_t n_head, size_t head_dim,
                      size_t n_rot)
{
    const size_t half = n_rot / 2;
    for (size_t i = 0; i < half; i += 8) {
        const size_t left = half - i;
        const __m256 low = load(cs + 2 * i, 2 * left);
        const __m256 high = left > 4 ? load(cs + 2 * i + 8, 2 * left - 8) : low;
        const __m256 c = in_order(_mm256_shuffle_ps(low, high, 0x88));
        const __m256 s = in_order(_mm256_shuffle_ps(low, high, 0xdd));
        for (size_t h = 0; h < n_head; h++) {
            float *p = x + h * head_dim + i;
            const __m256 a = load(p, left), b = load(p + half, left);
            store(p, left, _mm256_fmsub_ps(a, c, _mm256_mul_ps(b, s)));
            store(p + half, left, _mm256_fmadd_ps(b, c, _mm256_mul_ps(a, s)));
        }
    }
}

/* ---- softmax, swiglu, add ---- */

static float max_of(const float *x, size_t n)
{
    const __m256 least = _mm256_set1_ps(-INFINITY);
    __m256 max[2] = {least, least};
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        for (size_t j = 0; j < 2; j++) max[j] = _mm256_max_ps(max[j], _mm256_loadu_ps(x + i + 8 * j));
    for (; i < n; i += 8) max[0] = _mm256_max_ps(max[0], load_or(x + i, n - i, least));
    return rl_max_ps256(_mm256_max_ps(max[0], max[1]));
}

static void softmax(float *x, size_t n)
{
    const __m256 least = _mm256_set1_ps(-INFINITY);
    float max = max_of(x, n);
    if (max == -INFINITY) max = 0; /* everything masked: exp gives 0 throughout */
    __m256 sum = _mm256_setzero_ps();
    for (size_t i = 0; i < n; i += 8) {
        const __m256 e = rl_exp_ps256(_mm256_sub_ps(load_or(x + i, n - i, least), _mm256_set1_ps(max)));
        store(x + i, n - i, e);
        sum = _mm256_add_ps(sum, e);
    }
    const float total = rl_sum_ps256(sum);
    const __m256 scale = _mm256_set1_ps(total > 0 ? 1.0f / total : 0.0f);
    for (size_t i = 0; i < n; i += 8) store(x + i, n - i, _mm256_mul_ps(load(x + i, n - i), scale));
}

static void swiglu(float *y, const float *gate, const float *up, size_t n)
{
    for (size_t i = 0; i < n; i += 8) {
        const __m256 g = load(gate + i, n - i);
        const __m256 silu = _mm256_div_ps(g, _mm256_add_ps(_mm256_set1_ps(1.0f), rl_exp_ps256(negate(g))));
        store(y + i, n - i, _mm256_mul_ps(silu, load(up + i, n - i)));
    }
}

static void add(float *restrict y, const float *restrict x, size_t n)
{
    for (size_t i = 0; i < n; i += 8)
        store(y + i, n - i, _mm256_add_ps(load(y + i, n - i), load(x + i, n - i)));
}

/* ---- activations. Bits are the scalar kernel's: the same divisions, and vcvtps2dq rounds as rintf does. A value
 * that is not finite becomes -128, which none that is finite does: a NaN stays one in any product, an infinity
 * meets an inverse that is 0 or NaN, and vcvtps2dq makes of a NaN the least integer, which the packs saturate.
 * ---- */

/* Four runs of eight quants, x * inverse; stored as 32 bytes. vpackssdw and vpacksswb work lane by lane, so
 * their result has the fours of the runs in the order 0 2 4 6 | 1 3 5 7. */
typedef struct {
    __m256i v[4], bytes;
} quants32;

static inline quants32 quantize32(int8_t *q, const float *x, __m256 inverse)
{
    quants32 out;
    for (size_t j = 0; j < 4; j++)
        out.v[j] = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(x + 8 * j), inverse));
    const __m256i words = _mm256_packs_epi32(out.v[0], out.v[1]),
                  more = _mm256_packs_epi32(out.v[2], out.v[3]);
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    out.bytes = _mm256_permutevar8x32_epi32(_mm256_packs_epi16(words, more), order);
    _mm256_storeu_si256((__m256i *)q, out.bytes);
    return out;
}

static inline bool has_least(__m256i bytes)
{
    return _mm256_movemask_epi8(_mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(INT8_MIN))) != 0;
}

static void quantize_q8(void *restrict a, const float *restrict x, size_t k)
{
    int8_t *q = a;
    float *d = (float *)((char *)a + rl_act_d_offset(k));
    int32_t *s = (int32_t *)((char *)a + rl_act_s_offset(RL_ACT_Q8, k));
    __m256i least = _mm256_setzero_si256();
    for (size_t b = 0; b < k / 32; b++, x += 32, q += 32) {
        __m256 max = rl_abs_ps256(_mm256_loadu_ps(x));
        for (size_t j = 8; j < 32; j += 8) max = _mm256_max_ps(max, rl_abs_ps256(_mm256_loadu_ps(x + j)));
        float amax = rl_max_ps256(max);
        if (amax < RL_ACT_TINY) amax = 0;
        const quants32 v = quantize32(q, x, _mm256_set1_ps(amax > 0 ? 127.0f / amax : 0.0f));
        d[b] = amax / 127.0f;
        s[b] = rl_sum_epi32_256(
            _mm256_add_epi32(_mm256_add_epi32(v.v[0], v.v[1]), _mm256_add_epi32(v.v[2], v.v[3])));
        least = _mm256_min_epi8(least, v.bytes);
    }
    if (has_least(least)) rl_act_void_least(RL_ACT_Q8, a, k);
}

/* The value of largest magnitude, the first of equals. Only where a maximum and a minimum are equally far out
 * does the order matter. The search ends in the block even where a NaN hides it. */
static inline float extreme_of(const float *x)
{
    __m256 max = _mm256_loadu_ps(x), min = max;
    for (size_t j = 8; j < 256; j += 8) {
        const __m256 v = _mm256_loadu_ps(x + j);
        max = _mm256_max_ps(max, v);
        min = _mm256_min_ps(min, v);
    }
    const float above = rl_max_ps256(max), below = rl_max_ps256(negate(min));
    if (above > below) return above;
    if (above < below) return -below;
    size_t first = 0;
    while (first < 255 && fabsf(x[first]) != above) first++;
    return x[first];
}

static void quantize_q8k(void *restrict a, const float *restrict x, size_t k)
{
    int8_t *q = a;
    float *d = (float *)((char *)a + rl_act_d_offset(k));
    int16_t *s = (int16_t *)((char *)a + rl_act_s_offset(RL_ACT_Q8K, k));
    __m256i least = _mm256_setzero_si256();
    for (size_t b = 0; b < k / 256; b++) {
        float extreme = extreme_of(x);
        if (fabsf(extreme) < RL_ACT_TINY) extreme = 0;
        const __m256 inverse = _mm256_set1_ps(extreme != 0 ? -127.0f / extreme : 0.0f);
        d[b] = extreme / -127.0f;
        for (size_t i = 0; i < 8; i++, x += 32, q += 32) {
            const quants32 v = quantize32(q, x, inverse);
            least = _mm256_min_epi8(least, v.bytes);
            for (size_t j = 0; j < 4; j += 2)
                *s++ = (int16_t)rl_sum_epi32_256(_mm256_add_epi32(v.v[j], v.v[j + 1]));
        }
    }
    if (has_least(least)) rl_act_void_least(RL_ACT_Q8K, a, k);
}

/* ---- sampling ---- */

/* Two sweeps: the largest value, then the first that equals it. The maximum keeps its own operand second, which
 * is the one that vmaxps returns for a NaN in the other. Zeros past the end come after whatever they equal. */
static size_t argmax(const float *x, size_t n)
{
    const __m256 least = _mm256_set1_ps(-INFINITY);
    __m256 max[4] = {least, least, least, least};
    size_t i = 0;
    for (; i + 32 <= n; i += 32)
        for (size_t j = 0; j < 4; j++) max[j] = _mm256_max_ps(_mm256_loadu_ps(x + i + 8 * j), max[j]);
    for (; i < n; i += 8) max[0] = _mm256_max_ps(load_or(x + i, n - i, least), max[0]);
    const __m256 top = _mm256_set1_ps(
        rl_max_ps256(_mm256_max_ps(_mm256_max_ps(max[0], max[1]), _mm256_max_ps(max[2], max[3]))));
    for (i = 0; i < n; i += 8) {
        const int hit = _mm256_movemask_ps(_mm256_cmp_ps(load(x + i, n - i), top, _CMP_EQ_OQ));
        if (hit != 0) return i + (size_t)__builtin_ctz((unsigned)hit);
    }
    return 0;
}

static float exp_sum(const float *x, size_t n, float max, float temperature)
{
    const __m256 m = _mm256_set1_ps(max), t = _mm256_set1_ps(temperature);
    __m256 sum = _mm256_setzero_ps();
    for (size_t i = 0; i < n; i += 8) {
        const __m256 v = load_or(x + i, n - i, _mm256_set1_ps(-INFINITY));
        const __m256 e = rl_exp_ps256(_mm256_div_ps(_mm256_sub_ps(v, m), t));
        sum = _mm256_add_ps(sum, _mm256_and_ps(e, _mm256_cmp_ps(v, v, _CMP_ORD_Q)));
    }
    return rl_sum_ps256(sum);
}

static const rl_ops rows[] = {
    {{"rmsnorm_avx2", RL_AVX2, RL_CPU_AVX2},   RL_RMSNORM,      {.rmsnorm = rmsnorm}      },
    {{"rope_norm_avx2", RL_AVX2, RL_CPU_AVX2}, RL_ROPE_NORM,    {.rope = rope_norm}       },
    {{"rope_neox_avx2", RL_AVX2, RL_CPU_AVX2}, RL_ROPE_NEOX,    {.rope = rope_neox}       },
    {{"softmax_avx2", RL_AVX2, RL_CPU_AVX2},   RL_SOFTMAX,      {.softmax = softmax}      },
    {{"swiglu_avx2", RL_AVX2, RL_CPU_AVX2},    RL_SWIGLU,       {.swiglu = swiglu}        },
    {{"add_avx2", RL_AVX2, RL_CPU_AVX2},       RL_ADD,          {.add = add}              },
    {{"q8_avx2", RL_AVX2, RL_CPU_AVX2},        RL_QUANTIZE_Q8,  {.quantize = quantize_q8} },
    {{"q8k_avx2", RL_AVX2, RL_CPU_AVX2},       RL_QUANTIZE_Q8K, {.quantize = quantize_q8k}},
    {{"argmax_avx2", RL_AVX2, RL_CPU_AVX2},    RL_ARGMAX,       {.argmax = argmax}        },
    {{"exp_sum_avx2", RL_AVX2, RL_CPU_AVX2},   RL_EXP_SUM,      {.exp_sum = exp_sum}      },
};
const rl_ops_table rl_ops_avx2 = {rows, RL_COUNT(rows)};
