/* format.h - the number formats weights are stored in: block layouts as GGUF has them, sizes, half floats.
 *
 * A row of a matrix is a run of blocks; a block holds `block_elems` values in `block_bytes` bytes,
 * little-endian, packed, at any alignment. Source of every layout: the GGUF specification (docs/gguf.md of
 * ggml) and the static_asserts of ggml-common.h; the sizes are asserted below and the layouts are tested bit
 * for bit against vectors made with the `gguf` Python package (tests/vectors). */
#ifndef RL_FORMAT_H
#define RL_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef enum {
    RL_F32,
    RL_F16,
    RL_BF16,
    RL_Q8_0,
    RL_Q4_0,
    RL_Q4_1,
    RL_Q5_0,
    RL_Q5_1,
    RL_Q2_K,
    RL_Q3_K,
    RL_Q4_K,
    RL_Q5_K,
    RL_Q6_K,
    RL_FORMAT_COUNT
} rl_format;

typedef uint16_t rl_f16;  /* IEEE binary16, as bits */
typedef uint16_t rl_bf16; /* the upper half of a binary32, as bits */

enum { RL_QK = 32, RL_QK_K = 256 }; /* elements in a legacy block and in a K super-block */

#define RL_BLOCK(name, bytes)                                                                                \
    name;                                                                                                    \
    _Static_assert(sizeof(name) == (bytes), "GGUF " #name)

/* Legacy formats: one half scale d for 32 values. In the 4 and 5 bit ones byte j of qs holds element j in its
 * low nibble and element j + 16 in its high nibble; bit i of qh (little-endian) is the fifth bit of element i. */
typedef struct {
    rl_f16 d;
    int8_t qs[32];
} RL_BLOCK(rl_q8_0, 34); /* d * q */
typedef struct {
    rl_f16 d;
    uint8_t qs[16];
} RL_BLOCK(rl_q4_0, 18); /* d * (q - 8) */
typedef struct {
    rl_f16 d, m;
    uint8_t qs[16];
} RL_BLOCK(rl_q4_1, 20); /* d * q + m */
typedef struct {
    rl_f16 d;
    uint8_t qh[4], qs[16];
} RL_BLOCK(rl_q5_0, 22); /* d * (q - 16) */
typedef struct {
    rl_f16 d, m;
    uint8_t qh[4], qs[16];
} RL_BLOCK(rl_q5_1, 24); /* d * q + m */

/* K formats: super-blocks of 256 with small integer scales for sub-blocks of 16 or 32. */
typedef struct {
    uint8_t scales[16]; /* low nibble: scale, high nibble: minimum, of 16 elements each */
    uint8_t qs[64];     /* half h, elements 32j..32j+31 of it: bits 2j of qs[32h..32h+31] */
    rl_f16 d, dmin;
} RL_BLOCK(rl_q2_K, 84); /* d * scale * q - dmin * min */
typedef struct {
    uint8_t
        hmask[32];  /* bit 4h + j of hmask[l]: third bit of element 128h + 32j + l, inverted (0 means -4) */
    uint8_t qs[64]; /* low two bits, ordered as in q2_K */
    uint8_t scales[12]; /* sixteen 6-bit scales, biased by 32 */
    rl_f16 d;
} RL_BLOCK(rl_q3_K, 110); /* d * (scale - 32) * q */
typedef struct {
    rl_f16 d, dmin;
    uint8_t scales[12];   /* eight 6-bit scales and eight 6-bit minima, see rl_k4_scale */
    uint8_t qs[128];      /* group g of 64: low nibbles of qs[32g..32g+31] then their high nibbles */
} RL_BLOCK(rl_q4_K, 144); /* d * scale * q - dmin * min */
typedef struct {
    rl_f16 d, dmin;
    uint8_t scales[12];
    uint8_t qh[32]; /* bit s of qh[l]: fifth bit of element 32s + l */
    uint8_t qs[128];
} RL_BLOCK(rl_q5_K, 176);
typedef struct {
    uint8_t ql[128];   /* half h, l < 32: low nibbles of ql[64h+l], ql[64h+l+32], then their high nibbles */
    uint8_t qh[64];    /* bits 2j of qh[32h+l]: upper two bits of element 128h + 32j + l */
    int8_t scales[16]; /* of 16 elements each */
    rl_f16 d;
} RL_BLOCK(rl_q6_K, 210); /* d * scale * (q - 32) */

#undef RL_BLOCK

typedef struct {
    const char *name;   /* "q4_K" */
    size_t block_elems; /* values in a block */
    size_t block_bytes;
    uint32_t ggml_type; /* the number GGUF files call it by */
} rl_format_info;

extern const rl_format_info rl_format_table[RL_FORMAT_COUNT];

static inline const char *rl_format_name(rl_format f) { return rl_format_table[f].name; }

/* Bytes of one row of n elements; n is a multiple of the block length (checked where n comes from outside). */
static inline size_t rl_row_bytes(rl_format f, size_t n)
{
    return n / rl_format_table[f].block_elems * rl_format_table[f].block_bytes;
}

/* Find by GGUF type number or by name (case-sensitive). False where there is none. */
bool rl_format_from_ggml(uint32_t ggml_type, rl_format *out);
bool rl_format_from_name(const char *name, rl_format *out);

static inline float rl_bits_to_f32(uint32_t bits)
{
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

static inline uint32_t rl_f32_to_bits(float f)
{
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return bits;
}

/* Exact for every input, subnormals and infinities included; a NaN stays one and becomes quiet, as vcvtph2ps
 * makes it. */
static inline float rl_f16_to_f32(rl_f16 h)
{
    uint32_t sign = (uint32_t)(h & 0x8000u) << 16, rest = (uint32_t)(h & 0x7fffu);
    if (rest > 0x7c00u) return rl_bits_to_f32(sign | 0x7fc00000u | (rest & 0x3ffu) << 13);
    if (rest == 0x7c00u) return rl_bits_to_f32(sign | 0x7f800000u);
    if (rest >= 0x400u) return rl_bits_to_f32(sign | ((rest << 13) + ((127u - 15u) << 23)));
    float subnormal = (float)rest * 0x1p-24f;
    return sign != 0 ? -subnormal : subnormal;
}

/* Round to nearest even; too large becomes infinity; a NaN keeps its upper payload and becomes quiet, as
 * vcvtps2ph makes it. */
static inline rl_f16 rl_f32_to_f16(float f)
{
    uint32_t bits = rl_f32_to_bits(f), mag = bits & 0x7fffffffu;
    uint32_t sign = bits >> 16 & 0x8000u;
    if (mag > 0x7f800000u) return (rl_f16)(sign | 0x7e00u | (mag >> 13 & 0x3ffu));
    if (mag >= 0x477ff000u) return (rl_f16)(sign | 0x7c00u); /* 65520 and above round to infinity */
    if (mag < 0x38800000u) {                                 /* below 2^-14: a subnormal half, or zero */
        float shifted = rl_bits_to_f32(mag) + 0.5f; /* 0.5 has its last bit at 2^-24: the add rounds */
        return (rl_f16)(sign | (rl_f32_to_bits(shifted) - 0x3f000000u));
    }
    uint32_t even = mag >> 13 & 1u;
    return (rl_f16)(sign | (mag - ((127u - 15u) << 23) + 0xfffu + even) >> 13);
}

static inline float rl_bf16_to_f32(rl_bf16 h) { return rl_bits_to_f32((uint32_t)h << 16); }

/* Round to nearest even; a NaN becomes quiet. Subnormals are kept. */
static inline rl_bf16 rl_f32_to_bf16(float f)
{
    uint32_t bits = rl_f32_to_bits(f);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return (rl_bf16)(bits >> 16 | 0x40u);
    return (rl_bf16)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

/* The 6-bit scale and minimum of sub-block i (0..7) of q4_K and q5_K. */
static inline void rl_k4_scale(const uint8_t s[12], size_t i, uint8_t *scale, uint8_t *min)
{
    if (i < 4) {
        *scale = s[i] & 63u;
        *min = s[i + 4] & 63u;
    } else {
        *scale = (uint8_t)((s[i + 4] & 15) | s[i - 4] >> 6 << 4);
        *min = (uint8_t)(s[i + 4] >> 4 | s[i] >> 6 << 4);
    }
}

#endif
