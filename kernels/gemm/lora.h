/* lora.h - low-rank adapters on top of a product: Y = W X + sum over adapters a of s_a B_a (A_a X).
 *
 * An adapter of rank r adds r (m + k) weights to m k: 1.6 % of a 2048x2048 matrix at rank 16, 5.6 % of its bytes where
 * they are f16 beside q4_0. What makes adapters dear in practice is not this but the passes round it: two more
 * products, a scaling and an addition for each matrix, each with its barrier and its trip through memory. Here there
 * are two steps and one barrier:
 *
 *   down  H = s A X, [n][ranks]: small, once for all of the matrix's rows (and for every matrix that has the same X)
 *   -- barrier --
 *   up    right after W's product of a few panels of rows, whose results are still in a near cache: Y = those + B H
 *
 * Adapter files store A [rank][k] and B [m][rank] in rows. Both are packed, which costs nothing beside W's packing, so
 * that a vector lane is a row: both steps are then one kernel, y = from + P x, without a sum across lanes.
 *
 * Tokens of one batch may belong to different adapters: runs of tokens of the same one go through the kernels together.
 * So sort a batch by adapter where there is a choice. */
#ifndef RL_LORA_H
#define RL_LORA_H

#include "base/status.h"
#include "gemm/gemm.h"
#include "gemv/gemv.h"

enum { RL_LORA_ADAPTERS_MAX = 4, RL_LORA_RANK_MAX = 256, RL_LORA_NONE = 0xff };

/* ---- kernels ---- */

/* y [n][ldy] = from [n][ldf] + P x, m of each token. `from` may be y, where ldf is ldy; otherwise nothing overlaps.
 *   panels  of P [m][k], from rl_lora_pack; k at least 1
 *   x       [n][ldx], k of each
 * Reads the panels whole, nothing else past what is there, but may prefetch past panels and x, which cannot fault. A
 * result depends neither on which other rows or tokens are in the call nor on how many; its terms are added one after
 * another, column by column. */
typedef void rl_lora_fn(float *y, size_t ldy, const float *from, size_t ldf, const void *restrict panels,
                        const float *restrict x, size_t ldx, size_t m, size_t n, size_t k);

typedef struct {
    rl_kernel base;
    rl_format format; /* of P */
    rl_lora_fn *run;
} rl_lora;

/* The best kernel a CPU mask can run; NULL for another format than f32 and f16. */
const rl_lora *rl_lora_find(rl_format format, uint32_t cpu);

/* Every kernel built, in a fixed order; NULL past the last. */
const rl_lora *rl_lora_at(size_t i);

typedef struct {
    const rl_lora *rows;
    size_t n;
} rl_lora_table;
extern const rl_lora_table rl_lora_scalar, rl_lora_avx2, rl_lora_avx512, rl_lora_neon;

/* ---- packing ---- */

/* Sixteen rows are a panel, the last one filled up with zero rows: all columns of the first panel, sixteen values each,
 * then those of the second. Unlike the panels of base/panels.h these are dense: those have columns in groups of 32,
 * which would be twice as much of B at rank 16. A is padded to a multiple of 16 ranks: rank 8 takes as long as 16. */

/* Bytes of m rows of k values, f32 or f16. */
size_t rl_lora_packed_bytes(rl_format format, size_t m, size_t k);

/* rows [m][k] into `panels`, aligned to a value; best to RL_LINE. */
void rl_lora_pack(void *restrict panels, const void *restrict rows, rl_format format, size_t m, size_t k);

/* ---- a matrix with its adapters ---- */

/* The data are borrowed. */
typedef struct {
    rl_format format;
    size_t m, k, rank;
    const void *a, *b; /* [rank][k] and [m][rank], packed */
    float scale;       /* alpha / rank, most often */
} rl_lora_adapter;

typedef struct {
    rl_matrix w;
    const rl_gemv *one;
    const rl_gemm *many; /* one token and several; `one` is NULL where `many` is of a wider tier */
    const rl_lora *kernel[RL_LORA_ADAPTERS_MAX];
    rl_lora_adapter adapter[RL_LORA_ADAPTERS_MAX];
    size_t n_adapters;
    size_t ranks, panels; /* of all adapters together; panels of A */
} rl_lora_plan;

/* Kernels for W and 1 to RL_LORA_ADAPTERS_MAX adapters of rank 1 to RL_LORA_RANK_MAX. Errors: RL_ERR_ARG where shapes
 * do not go together, or no kernel takes them. */
rl_status rl_lora_plan_init(rl_lora_plan *plan, const rl_matrix *w, const rl_lora_adapter *adapters,
                            size_t n_adapters, uint32_t cpu, rl_error *err);

/* What h takes for n tokens: rows of plan->ranks floats, RL_LINE aligned. */
size_t rl_lora_scratch_bytes(const rl_lora_plan *plan, size_t n);

/* In what follows `which` says for each token which adapter is its own, RL_LORA_NONE for none; where `which` is NULL
 * all adapters apply to every token. */

/* The first step, of panels [first, last) of all adapters' together. Threads take a share of the tokens, or
 * of the panels where there is one token (up to rank 16 it is one panel, and one thread's), and meet before the second
 * step; or each computes all of them, in a scratch of its own. x are floats as
 * base/act.h has them (RL_ACT_F32), tokens x_stride bytes apart. */
void rl_lora_down(const rl_lora_plan *plan, const uint8_t *which, float *h, const void *x, size_t x_stride,
                  size_t n, size_t first, size_t last);

/* The second: rows [row, row + m) of y = W X and the adapters' part of them. `y` is where token 0's row 0 goes; `act`
 * are the activations as W's kernel takes them. row is a multiple of RL_PANEL_ROWS (better of 2 * RL_PANEL_ROWS). Scratch is
 * on the stack, 32 KB beside W's kernel's.
 * Precision, beyond that of W's product: with R the ranks added,
 *   (k + R + 16) * FLT_EPSILON * sum |s b a x| + R * FLT_EPSILON * |W x|     (derived in tests/test_lora.c) */
void rl_lora_product(const rl_lora_plan *plan, const uint8_t *which, float *y, size_t ldy, const void *act,
                     size_t act_stride, const float *h, size_t row, size_t m, size_t n);

#endif
