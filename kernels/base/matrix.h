/* matrix.h - a weight matrix as an object: W [rows][cols], stored in one format and one layout.
 * The decoder and the benches hand the same objects to the same kernels, so what is timed is what runs. */
#ifndef RL_MATRIX_H
#define RL_MATRIX_H

#include "base/format.h"

typedef enum {
    RL_ROWS, /* rows one after another, each a run of blocks: as a GGUF file stores them */
} rl_layout;

typedef struct {
    rl_format format;
    rl_layout layout;
    size_t rows, cols;
    const void *data; /* borrowed */
} rl_matrix;

static inline size_t rl_matrix_bytes(const rl_matrix *w)
{
    return w->rows * rl_row_bytes(w->format, w->cols);
}

/* Where row r starts. */
static inline const void *rl_matrix_row(const rl_matrix *w, size_t r)
{
    return (const char *)w->data + r * rl_row_bytes(w->format, w->cols);
}

#endif
