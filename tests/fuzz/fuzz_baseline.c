/* fuzz_baseline.c - any bytes as the JSON files that the gate reads: a baseline, a lane, a context, waivers.
 * Each must be refused with a sentence, or be all that its header promises. */
#include "gate/date.h"
#include "gate/judge.h"
#include "gate/waiver.h"

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
    int64_t made;
    must(b->n_rows > 0 && rl_plain_name(b->machine.class), "it is empty");
    must(rl_date_read(b->timestamp, &made) && b->n_sessions > 0, "it is of no time");
    for (size_t i = 0; i < b->n_rows; i++) {
        const rl_baseline_row *row = &b->rows[i];
        must(rl_baseline_find(b, row->name, row->metric) == row, "a row is not found");
        must(row->n > 0 && isfinite(row->launches[row->n - 1]) && row->launches[0] > 0,
             "a launch is no time");
        for (size_t k = 1; k < row->n; k++)
            must(row->launches[k - 1] <= row->launches[k], "launches are not in order");
        for (size_t k = 0; k < row->n; k++) {
            must(row->session[k] < b->n_sessions, "a launch is of no session");
            must(row->control == NULL || (isfinite(row->control[k]) && row->control[k] > 0),
                 "a reading is none");
        }
        must(row->beta >= -1 && row->beta <= 1, "beta is beyond its range");
        must(rl_baseline_gone(b, row->name) == NULL, "a row is gone");
    }
}

static void check_lane(const rl_lane *lane)
{
    must(lane->n_gates > 0 && lane->full.launches > 0 && lane->quick.launches > 0, "it is empty");
    must(rl_plain_name(lane->bench), "the bench is no plain name");
    for (size_t g = 0; g < lane->n_gates; g++)
        rl_matches(&lane->gates[g].matcher, "gemv/q4_0/avx2/2048x2048/cold");
}

static void check_waivers(const rl_waivers *w)
{
    rl_verdict_set v;
    rl_verdict_open(&v, "l", false);
    rl_waivers_apply(w, 0, true, &v);
    rl_verdict_free(&v);
    for (size_t i = 0; i < w->n; i++)
        must(rl_plain_name(w->items[i].lane) && w->items[i].max_ratio >= 1 && w->items[i].end >= RL_DATE_DAY,
             "a waiver is none");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rl_baseline baseline;
    rl_lane lane;
    rl_origin origin;
    rl_waivers waivers;
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
    if (rl_waivers_parse(&waivers, "fuzz", text, size, &err) == RL_OK) check_waivers(&waivers);
    rl_waivers_free(&waivers);
    free(text);
    return 0;
}
