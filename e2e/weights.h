/* weights.h - a model's matrices in the layout that the kernels of this machine want, packed when it is opened.
 *
 * A file's rows are packed into panels (base/panels.h) for every format whose panels some kernel of the best tier
 * multiplies by; the others stay where they are, in the mapped file, and so do the embedding, whose rows are looked up,
 * and the norms. All panels lie in one area, in the order in which a token meets them: a step reads it from one end to
 * the other. The area is on huge pages where the system has them, for at 4 KiB a page a step would miss the TLB a
 * hundred thousand times. Every member of the team packs the rows that it will mostly multiply by, so that on machines
 * with memory of several speeds they lie near it. What has been packed is let go of in the mapping at once: the model
 * is in memory once, not twice. */
#ifndef RL_WEIGHTS_H
#define RL_WEIGHTS_H

#include "base/team.h"
#include "llama.h"

/* Rows are shared out in so many: two panels, what a kernel takes at once. */
enum { RL_WEIGHTS_UNIT = 2 * RL_PANEL_ROWS };

typedef struct {
    rl_llama model; /* the same model, layers owned; what it points to is borrowed from area and file */
    void *area;     /* owned; NULL where nothing was packed */
    size_t bytes;   /* of the area */
} rl_weights;

/* Packs with the kernels of `cpu` in view; with cpu's best layout RL_ROWS for every format it packs nothing. The
 * model's file stays open as long as the weights. Errors: RL_ERR_MEMORY. */
rl_status rl_weights_pack(rl_weights *weights, const rl_llama *model, rl_team *team, uint32_t cpu,
                          rl_error *err);
void rl_weights_close(rl_weights *weights);

/* The layout that matrices of a format are packed into. */
rl_layout rl_weights_layout(rl_format format, uint32_t cpu);

#endif
