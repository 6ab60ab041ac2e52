/* shapes.c - the lists. */
#include "shapes.h"

const rl_shape rl_tinyllama_shapes[] = {
    {"attn_k, attn_v",      256,   2048},
    {"attn_q, attn_output", 2048,  2048},
    {"ffn_gate, ffn_up",    5632,  2048},
    {"ffn_down",            2048,  5632},
    {"output",              32000, 2048},
    {NULL,                  0,     0   },
};
