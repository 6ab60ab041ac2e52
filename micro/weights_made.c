/* weights_made.c - making them, and looking at results row by row. */
#include "weights_made.h"
#include "base/mem.h"
#include "gemv/gemv_exact.h"
#include "ops/ops.h"
#include "quant/quantize.h"

#include <math.h>
#include <string.h>

const char *rl_made_row(const rl_made_weights *made, size_t r)
{
    return made->rows + r * rl_row_bytes(made->w.format, made->w.cols);
}

static void make_rows(const rl_made_weights *made, float *scratch)
{
    const size_t k = made->w.cols, row_bytes = rl_row_bytes(made->w.format, k);
    for (size_t r = 0; r < RL_MADE_ROWS; r++) {
        rl_fill_normal(scratch, k, 1 / sqrtf((float)k), r + 1);
        rl_quantize_find(made->w.format, 0)->run(made->rows + r * row_bytes, scratch, k);
    }
}

static void fill_matrix(const rl_made_weights *made, char *data)
{
    const rl_matrix w = {made->w.format, made->w.layout, made->w.rows, made->w.cols, data};
    const size_t step = w.layout == RL_PANELS ? RL_PANEL_ROWS : 1;
    for (size_t r = 0; r < w.rows; r += step) {
        char *const to = data + ((const char *)rl_matrix_row(&w, r) - data);
        const char *from = rl_made_row(made, r % RL_MADE_ROWS);
        if (w.layout == RL_PANELS)
            rl_panel_pack(to, from, w.format, w.rows - r < step ? w.rows - r : step, w.cols);
        else
            memcpy(to, from, rl_row_bytes(w.format, w.cols));
    }
}

rl_status rl_made_weights_open(rl_made_weights *made, const rl_matrix *like, size_t ring_bytes, bool cold,
                               rl_error *err)
{
    const size_t bytes = rl_matrix_bytes(like), row_bytes = rl_row_bytes(like->format, like->cols);
    *made = (rl_made_weights){.w = *like, .rows = rl_alloc(RL_MADE_ROWS * row_bytes)};
    char *data = rl_pages_alloc(bytes);
    float *scratch = rl_alloc(like->cols * sizeof *scratch);
    rl_status status = RL_OK;
    if (made->rows == NULL || data == NULL || scratch == NULL) {
        status = rl_fail(err, RL_ERR_MEMORY, "out of memory for %zux%zu", like->rows, like->cols);
    } else {
        make_rows(made, scratch);
        fill_matrix(made, data);
        status = rl_ring_fill(&made->copies, ring_bytes, cold, data, bytes, err);
        made->w.data = made->copies.data;
    }
    rl_pages_free(data, bytes);
    rl_free(scratch);
    if (status != RL_OK) rl_made_weights_close(made);
    return status;
}

void rl_made_weights_close(rl_made_weights *made)
{
    rl_ring_free(&made->copies);
    rl_free(made->rows);
    *made = (rl_made_weights){0};
}

char *rl_made_tokens(rl_act act, size_t n, size_t k)
{
    const size_t stride = rl_act_bytes(act, k);
    char *x = rl_alloc(n * stride);
    float *scratch = rl_alloc(k * sizeof *scratch);
    if (x != NULL && scratch != NULL) {
        for (size_t t = 0; t < n; t++) {
            rl_fill_normal(scratch, k, 1, 99 + t);
            rl_ops_best(0).quantize[act](x + t * stride, scratch, k);
        }
    } else {
        rl_free(x);
        x = NULL;
    }
    rl_free(scratch);
    return x;
}

/* The rows of token t that differ. Adds to the largest difference and the largest result. */
static rl_status verify_exact(const rl_made_weights *made, const float *y, const char *x, size_t t,
                              double *worst, double *largest, rl_error *err)
{
    const rl_gemv *exact = rl_gemv_find(made->w.format, RL_ROWS, 0);
    const size_t m = made->w.rows, k = made->w.cols;
    for (size_t r = 0; r < RL_MADE_ROWS && r < m; r++) {
        double value, bound;
        const double got = (double)y[t * m + r];
        rl_gemv_exact_row(exact, rl_made_row(made, r), x + t * rl_act_bytes(exact->act, k), k, &value,
                          &bound);
        if (!(fabs(got - value) <= bound))
            return rl_fail(err, RL_ERR_FORMAT, "token %zu row %zu: expected %g within %g, got %g", t, r,
                           value, bound, got);
        *worst = fmax(*worst, fabs(got - value));
        *largest = fmax(*largest, fabs(value));
    }
    return RL_OK;
}

static rl_status verify_repeated(const float *y, size_t m, size_t t, rl_error *err)
{
    for (size_t r = RL_MADE_ROWS; r < m; r++) {
        const float *got = &y[t * m + r], *first = &y[t * m + r % RL_MADE_ROWS];
        if (memcmp(got, first, sizeof *got) != 0)
            return rl_fail(err, RL_ERR_FORMAT, "token %zu row %zu: got %g, but %g for the same row at %zu", t,
                           r, (double)*got, (double)*first, r % RL_MADE_ROWS);
    }
    return RL_OK;
}

rl_status rl_made_weights_verify(const rl_made_weights *made, const float *y, const char *x, size_t n,
                                 double *max_error, rl_error *err)
{
    double worst = 0, largest = 0;
    rl_status status = RL_OK;
    for (size_t t = 0; t < n && status == RL_OK; t++) {
        if (t == 0 || t == n / 2 || t == n - 1) status = verify_exact(made, y, x, t, &worst, &largest, err);
        if (status == RL_OK) status = verify_repeated(y, made->w.rows, t, err);
    }
    *max_error = worst / largest;
    return status;
}
