/* synth_weights.h - the numbers of a synthetic model, row by row. Internal to synth; what they are, and why,
 * is in synth.h. */
#ifndef RL_SYNTH_WEIGHTS_H
#define RL_SYNTH_WEIGHTS_H

#include "synth.h"

#define RL_SYNTH_NO_PIECE UINT32_MAX

/* prev [vocab->n]: the piece before each normal piece on the cycle, RL_SYNTH_NO_PIECE for the others.
 * order [n] is scratch. Returns how many pieces are on the cycle. */
size_t rl_synth_cycle(const rl_vocab *vocab, uint64_t seed, uint32_t *prev, uint32_t *order);

/* Row r of tensor `index` (rl_synth_tensor_at) into y [cols]. Any thread, any order. */
void rl_synth_row(float *y, const rl_synth_model *model, const rl_synth_tensor *t, size_t index, size_t r,
                  const uint32_t *prev);

#endif
