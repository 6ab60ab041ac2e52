/* shapes.h - the sizes real models ask kernels for. */
#ifndef RL_SHAPES_H
#define RL_SHAPES_H

#include <stddef.h>

typedef struct {
    const char *use; /* where the model has it */
    size_t m, k;     /* rows, columns; a NULL use ends a list */
} rl_shape;

/* TinyLlama-1.1B, one token: hidden 2048, feed-forward 5632, 4 KV heads of 64, vocabulary 32000. */
extern const rl_shape rl_tinyllama_shapes[];

/* Its attention: 32 query heads over 4 KV heads of 64. */
enum { RL_TINYLLAMA_HEADS = 32, RL_TINYLLAMA_KV_HEADS = 4, RL_TINYLLAMA_HEAD_DIM = 64 };

#endif
