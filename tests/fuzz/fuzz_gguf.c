/* fuzz_gguf.c - any bytes as a GGUF file: opening must refuse them or hand out only what lies inside. */
#include "util_gguf.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t nothing[1];
    rl_gguf *g;
    rl_error err;
    if (rl_gguf_open_memory(&g, size > 0 ? data : nothing, size, "fuzz", &err) != RL_OK) return 0;
    const char *broken = util_gguf_walk(g);
    if (broken != NULL) {
        fprintf(stderr, "opened, but %s\n", broken);
        abort();
    }
    rl_gguf_close(g);
    return 0;
}
