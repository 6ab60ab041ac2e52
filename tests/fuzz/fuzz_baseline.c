/* fuzz_baseline.c - any bytes as the JSON files that the gate reads: a baseline, a lane, a context.
 * Each must be refused with a sentence, or be all that its header promises. */
#include "gate/judge.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(bool holds, const char *what)
{
    if (holds) return;
    fprintf(stderr, "read, but %s\n", what);
    abort();
}

static void check_baseline(const rl_baseline *b)
{
    must(b->n_rows > 0 && rl_plain_name(b->machine.class), "it is empty");
    for (size_t i = 0; i < b->n_rows; i++) {
        const rl_baseline_row *row = &b->rows[i];
        must(rl_baseline_find(b, row->name, row->metric) == row, "a row is not found");
        must(row->n > 0 && isfinite(row->launches[row->n - 1]) && row->launches[0] > 0,
             "a launch is no time");
        for (size_t k = 1; k < row->n; k++)
            must(row->launches[k - 1] <= row->launches[k], "launches are not in order");
    }
}

static void check_lane(const rl_lane *lane)
{
    must(lane->n_gates > 0 && lane->full.launches > 0 && lane->quick.launches > 0, "it is empty");
    must(rl_plain_name(lane->bench), "the bench is no plain name");
    for (size_t g = 0; g < lane->n_gates; g++)
        rl_matches(&lane->gates[g].matcher, "gemv/q4_0/avx2/2048x2048/cold");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rl_baseline baseline;
    rl_lane lane;
    rl_origin origin;
    rl_error err = {0};
    char *text = malloc(size + 1); /* terminated, as files are handed out */
    if (text == NULL) return 0;
    if (size > 0) memcpy(text, data, size);
    text[size] = '\0';
    if (rl_baseline_parse(&baseline, "fuzz", text, size, &err) == RL_OK)
        check_baseline(&baseline);
    else
        must(err.text[0] != '\0', "refused without a word");
    rl_baseline_free(&baseline);
    if (rl_lane_parse(&lane, "fuzz", "fuzz", text, size, &err) == RL_OK) check_lane(&lane);
    rl_lane_free(&lane);
    if (rl_origin_parse(&origin, "fuzz", text, size, &err) == RL_OK)
        must(rl_plain_name(origin.machine.class), "the class is no plain name");
    rl_origin_free(&origin);
    free(text);
    return 0;
}
