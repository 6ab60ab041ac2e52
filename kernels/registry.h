/* registry.h - every kernel that was built, whatever its family: for --list, for the tests that hold the
 * naming rules, and for whoever wants to know what a binary contains. */
#ifndef RL_REGISTRY_H
#define RL_REGISTRY_H

#include "base/kernel.h"

typedef struct {
    const char *family; /* "gemv" */
    const char *format; /* "q4_0"; "" where the family has none */
    const rl_kernel *kernel;
} rl_registry_row;

/* The i-th kernel, families in a fixed order; kernel is NULL past the last. */
rl_registry_row rl_registry_at(size_t i);

#endif
