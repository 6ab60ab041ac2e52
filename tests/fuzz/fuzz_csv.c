/* fuzz_csv.c - any bytes as a bench's CSV: reading must refuse them or give rows in order, and the judge must
 * come to a verdict on whatever was read. */
#include "gate/judge.h"
#include "gate/render.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char lane_text[] =
    "{\"schema\":1,\"lane\":\"l\",\"bench\":\"b\",\"launches\":3,\"timeout_s\":1,\"gates\":["
    "{\"kind\":\"relative\",\"rows\":\".\",\"metric\":\"real_time\",\"better\":\"lower\",\"margin\":0.1},"
    "{\"kind\":\"floor\",\"rows\":\"a\",\"metric\":\"bw_pct\",\"min\":1,\"of\":\"worst\"},"
    "{\"kind\":\"relative\",\"rows\":\"c\",\"metric\":\"bw_pct\",\"better\":\"higher\",\"margin\":0.3,"
    "\"control\":\"read_bw\"},"
    "{\"kind\":\"exact\",\"rows\":\"d\",\"metric\":\"items_per_second\",\"better\":\"lower\",\"tolerance\":0."
    "01},"
    "{\"kind\":\"ratio\",\"rows\":\"^a$\",\"from\":\"^a$\",\"to\":\"b\",\"metric\":\"real_time\",\"better\":"
    "\"lower\","
    "\"min\":1.15},"
    "{\"kind\":\"quality\",\"rows\":\"e\",\"metric\":\"max_error\",\"max\":0.1},"
    "{\"kind\":\"path\",\"rows\":\"a\",\"isa\":\"avx2\",\"kernel\":\"^k\"},"
    "{\"kind\":\"ceiling\",\"rows\":\"b\",\"metric\":\"max_error\",\"max\":1,\"isa\":\"avx2\"}]}";

static const char baseline_text[] = "{\"schema\":2,\"lane\":\"l\",\"machine_class\":\"m\",\"bench\":\"b\","
                                    "\"args\":[],\"_meta\":{\"timestamp\":\"2026-08-22\","
                                    "\"commit\":\"c\",\"clean\":true,\"sessions\":[{\"timestamp\":"
                                    "\"2026-08-22\",\"launches\":7,\"contaminated\":0}],"
                                    "\"machine\":{}},\"rows\":[{\"name\":\"a\",\"metric\":"
                                    "\"real_time\",\"unit\":\"ns\",\"better\":\"lower\",\"median\":2,"
                                    "\"within\":-1,\"between\":1,\"s_w\":-1,\"s_b\":0.3,\"s_s\":-1,"
                                    "\"launches\":[[1,2,2,2,2,2,3]]}]}";

static void must(bool holds, const char *what)
{
    if (holds) return;
    fprintf(stderr, "read, but %s\n", what);
    abort();
}

static void check_rows(const rl_samples *s)
{
    size_t total = 0;
    must(s->n_rows > 0 && s->n_launches > 0, "there are no rows");
    for (size_t i = 0; i < s->n_rows; i++) {
        const rl_sample_row *row = &s->rows[i];
        total += row->n;
        must(rl_benchmark_name_ok(row->name), "a name is bad");
        must(i == 0 || strcmp(s->rows[i - 1].name, row->name) < 0, "rows are not in order");
        must(rl_samples_find(s, row->name) == row, "a row is not found");
        for (size_t k = 1; k < row->n; k++)
            must(row->samples[k - 1].launch <= row->samples[k].launch, "launches are not in order");
    }
    must(total == s->n_samples, "samples are lost");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rl_samples s;
    rl_lane lane;
    rl_baseline baseline;
    rl_verdict_set v;
    rl_error err = {0};
    if (rl_samples_parse(&s, "fuzz", (const char *)data, size, &err) != RL_OK) {
        must(err.text[0] != '\0', "refused without a word");
        return 0;
    }
    check_rows(&s);
    must(rl_lane_parse(&lane, "l", "lane", lane_text, sizeof lane_text - 1, &err) == RL_OK, err.text);
    must(rl_baseline_parse(&baseline, "base", baseline_text, sizeof baseline_text - 1, &err) == RL_OK,
         err.text);
    rl_verdict_open(&v, "l", false);
    rl_judge(&v, &(rl_judge_input){.lane = &lane, .samples = &s, .baseline = &baseline, .cpu_known = true});
    must(v.n_findings > 0, "nothing was found"); /* the baseline's row, at least */
    must(v.compared <= v.expected && v.expected == 1, "the baseline is miscounted");
    FILE *out = fopen("/dev/null", "w");
    if (out != NULL) {
        rl_render_console(out, (const rl_verdict_set *const[]){&v}, 1, (rl_console_style){.color = true});
        fclose(out);
    }
    rl_verdict_free(&v);
    rl_baseline_free(&baseline);
    rl_lane_free(&lane);
    rl_samples_free(&s);
    return 0;
}
