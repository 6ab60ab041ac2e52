/* util_verdict.c - a verdict that has a bit of everything. */
#include "util_verdict.h"

#include "base/file.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const rl_gate util_relative = {.kind = RL_GATE_RELATIVE, .rows = "^k", .metric = "real_time", .bound = 0.1};
const rl_gate util_floor = {
    .kind = RL_GATE_FLOOR, .rows = "^k", .metric = "bw_pct", .bound = 60, .higher = true};

static void add_regressed(rl_verdict_set *v)
{
    rl_finding *f = rl_verdict_add(v, "k/floor", &util_floor, RL_REGRESSED);
    f->unit = "%";
    f->now = 40;
    f->threshold = 60;
    f->excess = 1.5;
    f->reason = "below the floor";
    f = rl_verdict_add(v, "k/slow", &util_relative, RL_REGRESSED);
    f->unit = "ns";
    f->baseline = 1000;
    f->now = 3000;
    f->ratio = 3;
    f->ratio_low = 2.875;
    f->ratio_high = 3.125;
    f->p = 0.00021;
    f->superiority = 1;
    f->detectable = 1.125;
    f->threshold = 1.1;
    f->excess = 3 / 1.1;
    f->n_baseline = 10;
    f->n_now = 7;
    f->outliers_baseline = 2;
    f->outliers_now = 1;
    f->spread_baseline = f->spread_now = 0.02;
    f->reason = "every launch is worse";
}

void util_verdict_fill(rl_verdict_set *v, const char *lane, bool regressed)
{
    rl_verdict_open(v, lane, false);
    v->machine_class = "box-1";
    v->baseline_path = "b/box-1/gemv.json";
    v->commit = "0123456789ab";
    v->command = rl_pool_format(&v->pool, "ridgeline run %s", lane);
    v->report = rl_pool_format(&v->pool, "reports/%s", lane);
    rl_finding *f = rl_verdict_add(v, "k/pass", &util_relative, RL_PASS);
    f->unit = "ns";
    f->baseline = 1000;
    f->now = 1050;
    f->ratio = 1.05;
    f->threshold = 1.1;
    f->excess = 1.05 / 1.1;
    rl_verdict_add(v, "k/na", NULL, RL_NOT_APPLICABLE)->reason = "skipped";
    rl_verdict_add(v, "k/new", &util_relative, RL_NEW)->reason = "not in the baseline";
    if (regressed) add_regressed(v);
    v->ungated = rl_pool_more(&v->pool, v->ungated, 0, sizeof *v->ungated);
    v->ungated[v->n_ungated++] = "loner";
    rl_verdict_close(v);
}

void util_temp_path(char path[64])
{
    strcpy(path, "/tmp/ridgeline-testXXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
}

char *util_temp_text(const char *path)
{
    char *text;
    size_t n;
    assert_int_equal(rl_file_read(path, 64 << 20, &text, &n, NULL), RL_OK);
    assert_int_equal(strlen(text), n);
    unlink(path);
    return text;
}
