/* weights.c - lays the area out, then packs matrix by matrix, all members of the team together. */
#include "weights.h"
#include "base/mem.h"
#include "gemv/gemv.h"

#include <string.h>

/* Panels that only a lower tier's kernel takes would be slower than rows. */
rl_layout rl_weights_layout(rl_format format, uint32_t cpu)
{
    const rl_gemv *panels = rl_gemv_find(format, RL_PANELS, cpu), *rows = rl_gemv_find(format, RL_ROWS, cpu);
    return panels != NULL && (rows == NULL || panels->base.isa >= rows->base.isa) ? RL_PANELS : RL_ROWS;
}

typedef struct {
    rl_weights *weights;
    rl_llama *rows; /* the model as it is in the file */
    rl_team *team;
} packing;

static void pack_rows(const rl_matrix *to, const rl_matrix *from, size_t begin, size_t end)
{
    for (size_t r = begin; r < end; r += RL_PANEL_ROWS) {
        const size_t n = end - r < RL_PANEL_ROWS ? end - r : RL_PANEL_ROWS;
        void *panel = (char *)(uintptr_t)rl_matrix_row(to, r); /* in the area, which is ours to write */
        rl_panel_pack(panel, rl_matrix_row(from, r), from->format, n, from->cols);
    }
}

static void pack_all(void *arg, size_t rank)
{
    const packing *p = arg;
    const rl_matrix *from, *to;
    for (size_t i = 0; (from = rl_llama_matrix(p->rows, i)) != NULL; i++) {
        to = rl_llama_matrix(&p->weights->model, i);
        if (to->layout == RL_ROWS) continue;
        for (rl_team_walk w = rl_team_walk_start(p->team, rank, to->rows, RL_WEIGHTS_UNIT, RL_WEIGHTS_UNIT);
             rl_team_walk_next(&w);)
            pack_rows(to, from, w.begin, w.end);
        rl_team_barrier(p->team);
        if (rank == 0) rl_gguf_let_go(p->rows->file, from->data, rl_matrix_bytes(from));
    }
}

/* Gives every matrix its layout and its place in an area from `area` on, NULL to measure; returns the area's bytes. */
static size_t place(rl_llama *m, char *area, uint32_t cpu)
{
    size_t used = 0;
    rl_matrix *w;
    for (size_t i = 0; (w = rl_llama_matrix(m, i)) != NULL; i++) {
        if (rl_weights_layout(w->format, cpu) == RL_ROWS) continue;
        w->layout = RL_PANELS;
        if (area != NULL) w->data = area + used;
        used += rl_matrix_bytes(w);
    }
    return used;
}

rl_status rl_weights_pack(rl_weights *weights, const rl_llama *model, rl_team *team, uint32_t cpu,
                          rl_error *err)
{
    const size_t n_layer = model->config.n_layer, layers_bytes = n_layer * sizeof *model->layers;
    rl_llama rows = *model;
    *weights = (rl_weights){.model = *model};
    rl_llama *packed = &weights->model;
    packed->layers = rl_alloc(layers_bytes);
    if (packed->layers == NULL) return rl_fail(err, RL_ERR_MEMORY, "out of memory for %zu layers", n_layer);
    memcpy(packed->layers, model->layers, layers_bytes);
    weights->bytes = place(packed, NULL, cpu);
    if (weights->bytes == 0) return RL_OK;
    weights->area = rl_pages_alloc(weights->bytes);
    if (weights->area == NULL) {
        rl_fail(err, RL_ERR_MEMORY, "out of memory for packed weights of %zu MiB", weights->bytes >> 20);
        rl_weights_close(weights);
        return RL_ERR_MEMORY;
    }
    place(packed, weights->area, cpu);
    packing p = {weights, &rows, team};
    rl_team_run(team, pack_all, &p);
    return RL_OK;
}

void rl_weights_close(rl_weights *weights)
{
    rl_pages_free(weights->area, weights->bytes);
    rl_free(weights->model.layers);
    *weights = (rl_weights){0};
}
