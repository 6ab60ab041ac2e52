/* format.c - the table of formats. */
#include "base/format.h"

const rl_format_info rl_format_table[RL_FORMAT_COUNT] = {
    [RL_F32] = {"f32",  1,       4,               0 },
    [RL_F16] = {"f16",  1,       2,               1 },
    [RL_BF16] = {"bf16", 1,       2,               30},
    [RL_Q8_0] = {"q8_0", RL_QK,   sizeof(rl_q8_0), 8 },
    [RL_Q4_0] = {"q4_0", RL_QK,   sizeof(rl_q4_0), 2 },
    [RL_Q4_1] = {"q4_1", RL_QK,   sizeof(rl_q4_1), 3 },
    [RL_Q5_0] = {"q5_0", RL_QK,   sizeof(rl_q5_0), 6 },
    [RL_Q5_1] = {"q5_1", RL_QK,   sizeof(rl_q5_1), 7 },
    [RL_Q2_K] = {"q2_K", RL_QK_K, sizeof(rl_q2_K), 10},
    [RL_Q3_K] = {"q3_K", RL_QK_K, sizeof(rl_q3_K), 11},
    [RL_Q4_K] = {"q4_K", RL_QK_K, sizeof(rl_q4_K), 12},
    [RL_Q5_K] = {"q5_K", RL_QK_K, sizeof(rl_q5_K), 13},
    [RL_Q6_K] = {"q6_K", RL_QK_K, sizeof(rl_q6_K), 14},
};

bool rl_format_from_ggml(uint32_t ggml_type, rl_format *out)
{
    for (int f = 0; f < RL_FORMAT_COUNT; f++)
        if (rl_format_table[f].ggml_type == ggml_type) {
            *out = (rl_format)f;
            return true;
        }
    return false;
}

bool rl_format_from_name(const char *name, rl_format *out)
{
    for (int f = 0; f < RL_FORMAT_COUNT; f++)
        if (strcmp(rl_format_table[f].name, name) == 0) {
            *out = (rl_format)f;
            return true;
        }
    return false;
}
