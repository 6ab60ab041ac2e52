/* util_gguf.h - what the GGUF tests and the fuzzer share: reading everything an opened file hands out. */
#ifndef UTIL_GGUF_H
#define UTIL_GGUF_H

#include "gguf.h"

/* Reads every value, every element and every tensor byte through the public functions, looks each entry up by
 * its name, and checks what an opened file promises. Returns NULL, or the promise that was broken. */
const char *util_gguf_walk(const rl_gguf *g);

#endif
