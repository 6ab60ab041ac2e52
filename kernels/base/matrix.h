/* matrix.h - a weight matrix as an object: W [rows][cols], stored in one format and one layout.
 * The decoder and the benches hand the same objects to the same kernels, so what is timed is what runs. */
#ifndef RL_MATRIX_H
#define RL_MATRIX_H

#include "base/panels.h"

typedef enum {
    RL_ROWS,   /* rows one after another, each a run of blocks: as a GGUF file stores them */
    RL_PANELS, /* sixteen rows interleaved (base/panels.h), RL_LINE aligned */
    RL_LAYOUT_COUNT
} rl_layout;

typedef struct {
    rl_format format;
    rl_layout layout;
    size_t rows, cols;
    const void *data; /* borrowed */
} rl_matrix;

/* What it takes in memory; the last panel may have rows that are not the matrix's. */
static inline size_t rl_matrix_bytes(const rl_matrix *w)
{
    if (w->layout == RL_PANELS)
        return (w->rows + RL_PANEL_ROWS - 1) / RL_PANEL_ROWS * rl_panel_bytes(w->format, w->cols);
    return w->rows * rl_row_bytes(w->format, w->cols);
}

/* Where row r starts; of panels r is a multiple of RL_PANEL_ROWS. */
static inline const void *rl_matrix_row(const rl_matrix *w, size_t r)
{
    if (w->layout == RL_PANELS)
        return (const char *)w->data + r / RL_PANEL_ROWS * rl_panel_bytes(w->format, w->cols);
    return (const char *)w->data + r * rl_row_bytes(w->format, w->cols);
}

#endif
