/* model_synth.h - synthetic models with the built-in vocabulary: what `ridgeline model synth` runs. */
#ifndef RL_MODEL_SYNTH_H
#define RL_MODEL_SYNTH_H

#include "base/status.h"

#include <stdint.h>
#include <stdio.h>

/* Makes the model (synth.h) of a shape and a format, both by name, at `path`. `progress` gets a line that
 * goes on (a terminal) or a line for each tenth (anything else); NULL for none. Errors: those of
 * rl_synth_named and rl_synth_write. */
rl_status rl_model_synth(const char *path, const char *shape, const char *format, uint64_t seed,
                         size_t threads, FILE *progress, rl_error *err);

/* Prints the shapes and formats there are, and how large a file of each is. */
rl_status rl_model_synth_list(FILE *out, rl_error *err);

#endif
