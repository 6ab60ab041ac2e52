/* registry.c - one line a family. */
#include "registry.h"
#include "attention/attn_decode.h"
#include "attention/attn_prefill.h"
#include "gemm/gemm.h"
#include "gemm/lora.h"
#include "gemv/gemv.h"
#include "ops/ops.h"
#include "probe/probe.h"
#include "quant/dequant.h"
#include "quant/quantize.h"
#include "tokenizer/tokenizer.h"

/* Each family tells its i-th row; a NULL kernel ends it. */
#define FAMILY(name, label)                                                                                  \
    static rl_registry_row name##_row(size_t i)                                                              \
    {                                                                                                        \
        const rl_##name *row = rl_##name##_at(i);                                                            \
        if (row == NULL) return (rl_registry_row){0};                                                        \
        return (rl_registry_row){#name, label, &row->base};                                                  \
    }
FAMILY(dequant, rl_format_name(row->format))
FAMILY(quantize, rl_format_name(row->format))
FAMILY(gemv, rl_format_name(row->format))
FAMILY(gemm, rl_format_name(row->format))
FAMILY(lora, rl_format_name(row->format))
FAMILY(attn_decode, rl_format_name(row->kv_format))
FAMILY(attn_prefill, rl_format_name(row->kv_format))
FAMILY(ops, rl_op_name(row->op))
FAMILY(probe, rl_probe_name(row->kind))
#undef FAMILY

/* The family's object is the rl_tokenizer, so its rows have a longer name. */
static rl_registry_row tokenizer_row(size_t i)
{
    const rl_tokenizer_kernel *row = rl_tokenizer_kernel_at(i);
    if (row == NULL) return (rl_registry_row){0};
    return (rl_registry_row){"tokenizer", row->variant, &row->base};
}

static rl_registry_row (*const families[])(size_t) = {
    dequant_row,     quantize_row,     gemv_row, gemm_row,  lora_row,
    attn_decode_row, attn_prefill_row, ops_row,  probe_row, tokenizer_row};

rl_registry_row rl_registry_at(size_t i)
{
    for (size_t f = 0; f < RL_COUNT(families); f++)
        for (size_t j = 0;; j++, i--) {
            rl_registry_row row = families[f](j);
            if (row.kernel == NULL) break;
            if (i == 0) return row;
        }
    return (rl_registry_row){0};
}
