/* util_bench.c - suites under test. */
#include "util_guard.h"

#include "util_bench.h"

#include "base/file.h"

#include <stdlib.h>
#include <string.h>

static int64_t read_wall(void *ctx)
{
    util_clock *c = ctx;
    return atomic_fetch_add(&c->now, atomic_load(&c->tick)) + atomic_load(&c->tick);
}

static int64_t read_cpu(void *ctx) { return atomic_load(&((util_clock *)ctx)->cpu); }

rl_clock util_clock_table(util_clock *clock) { return (rl_clock){read_wall, read_cpu, read_cpu, clock}; }

void util_run(rl_state *st)
{
    util_work *w = st->arg;
    assert_true(w->up || w->setups == 0);
    if (st->thread == 0) {
        assert_true(w->n_batches < UTIL_LOG_MAX);
        w->batches[w->n_batches++] = st->iterations;
    }
    if (rl_state_next(st)) { /* all iterations in one leap: some tests ask for 10^12 */
        if (st->thread == 0) {
            int64_t ns = w->n_batches > 1 && w->ns_later > 0 ? w->ns_later : w->ns;
            atomic_fetch_add(&w->clock->now, ns * (int64_t)st->iterations);
            atomic_fetch_add(&w->clock->cpu, ns * (int64_t)st->iterations);
        }
        st->left = 0;
    }
    while (rl_state_next(st)) fail_msg("more iterations than asked for");
}

rl_status util_setup(void *arg, rl_error *err)
{
    util_work *w = arg;
    assert_false(w->up);
    w->setups++;
    if (w->fail_setup) return rl_fail(err, RL_ERR_MEMORY, "no room for 9 rows");
    w->up = true;
    return RL_OK;
}

void util_teardown(void *arg)
{
    util_work *w = arg;
    assert_true(w->up);
    w->up = false;
    w->teardowns++;
}

rl_status util_verify(void *arg, double *max_error, rl_error *err)
{
    util_work *w = arg;
    w->verifies++;
    *max_error = 1e-6;
    if (w->fail_verify) return rl_fail(err, RL_ERR_UNSUPPORTED, "row 3: want 1 got 2");
    return RL_OK;
}

void util_suite_open(util_suite *u, const util_options *options, const char *const *args)
{
    static const util_options nothing;
    const util_options *o = options != NULL ? options : &nothing;
    char *argv[UTIL_ARGS_MAX + 1] = {(char *)(uintptr_t) "prog"};
    int argc = 1;
    memset(u, 0, sizeof *u);
    for (; args != NULL && args[argc - 1] != NULL; argc++) {
        assert_true(argc < UTIL_ARGS_MAX);
        argv[argc] = (char *)(uintptr_t)args[argc - 1];
    }
    u->clock_table = util_clock_table(&u->clock);
    util_pmu_init(&u->pmu, o->events, o->n_events);
    u->counter_os = util_pmu_os(&u->pmu);
    u->out_stream = open_memstream(&u->out, &u->out_size);
    u->err_stream = open_memstream(&u->err, &u->err_size);
    atomic_store(&u->clock.tick, 1);
    u->s = rl_suite_open(&(rl_suite_config){.family = "test",
                                            .argc = argc,
                                            .argv = argv,
                                            .flags = o->flags,
                                            .n_flags = o->n_flags,
                                            .code = o->code,
                                            .n_code = o->n_code,
                                            .out = u->out_stream,
                                            .err = u->err_stream,
                                            .clock = o->real_clock ? NULL : &u->clock_table,
                                            .counter_os = &u->counter_os},
                         &u->exit_code);
    atomic_store(&u->clock.tick, 0);
    fflush(u->out_stream);
    fflush(u->err_stream);
}

int util_suite_run(util_suite *u)
{
    if (u->s != NULL) u->exit_code = rl_suite_run(u->s);
    fflush(u->out_stream);
    fflush(u->err_stream);
    return u->exit_code;
}

void util_suite_free(util_suite *u)
{
    rl_suite_close(u->s);
    fclose(u->out_stream);
    fclose(u->err_stream);
    free(u->out);
    free(u->err);
}

util_work util_work_of(util_suite *u, int64_t ns) { return (util_work){.clock = &u->clock, .ns = ns}; }

void util_expect_batches(const util_work *w, const uint64_t *want, size_t n)
{
    bool same = w->n_batches == n;
    for (size_t i = 0; same && i < n; i++) same = w->batches[i] == want[i];
    if (same) return;
    for (size_t i = 0; i < w->n_batches; i++)
        print_error("%s%llu", i > 0 ? " " : "got ", (unsigned long long)w->batches[i]);
    print_error("\n");
    fail_msg("%zu batches, want %zu others", w->n_batches, n);
}

int util_run_one(util_suite *u, util_work *w, int64_t ns, rl_case c, const char *const *args)
{
    util_suite_open(u, NULL, args);
    *w = util_work_of(u, ns);
    c.name = "case";
    c.arg = w;
    if (c.run == NULL) c.run = util_run;
    if (u->s != NULL) rl_suite_add(u->s, &c);
    return util_suite_run(u);
}

static void plain_run(rl_state *st)
{
    util_run(st);
    rl_state_counter(st, "zeta", 1.5, RL_COUNTER_AVG_ITERATIONS);
    rl_state_counter(st, "alpha", 2, RL_COUNTER_RATE);
    rl_state_counter(st, "nothing", 0, RL_COUNTER_INVERT); /* 1 / 0: not a number anybody measured */
    rl_state_label(st, "say \"hi\", %s", "you");
}

static void threaded_run(rl_state *st)
{
    util_run(st);
    rl_state_counter(st, "only_here", 3, 0);
}

static void failing_run(rl_state *st) { rl_state_error(st, "bo\"om,\nnow"); }

void util_sample_run(util_sample *x, const util_options *options, const char *const *args)
{
    util_suite_open(&x->u, options, args);
    if (x->u.s == NULL) fail_msg("%s", x->u.err);
    util_work work = {.clock = &x->u.clock, .ns = 2 * UTIL_MS};
    x->plain = x->threaded = x->wrong = x->yard = work;
    x->yard.ns = UTIL_MS;
    x->wrong.fail_verify = true;
    rl_suite *s = x->u.s;
    rl_suite_set_isa(s, "avx512");
    rl_suite_context(s, "model", "tiny \xff");
    rl_suite_context(s, "seed", "not yours to say");
    rl_suite_add_yardstick(s,
                           &(rl_yardstick){.name = "read", .run = util_run, .arg = &x->yard, .bytes = 1e6});
    rl_suite_add(s, &(rl_case){.name = "plain",
                               .run = plain_run,
                               .arg = &x->plain,
                               .bytes = 1e6,
                               .items = 100,
                               .flops = 1e7,
                               .isa = "avx2",
                               .cache = "cold",
                               .verify = util_verify,
                               .bandwidth_yardstick = "read",
                               .reference = "threaded"});
    rl_suite_add(s, &(rl_case){.name = "threaded",
                               .run = threaded_run,
                               .arg = &x->threaded,
                               .threads = 2,
                               .unit = RL_MS,
                               .label = "fixed"});
    rl_suite_add(s, &(rl_case){.name = "failing", .run = failing_run});
    rl_suite_add(s, &(rl_case){.name = "skipped", .run = util_run, .skip = "cpu lacks it"});
    rl_suite_add(s, &(rl_case){.name = "wrong", .run = util_run, .arg = &x->wrong, .verify = util_verify});
    util_suite_run(&x->u);
}

char *util_read(const char *path)
{
    char *text;
    size_t n;
    rl_error err;
    if (rl_file_read(path, 1 << 24, &text, &n, &err) != RL_OK) fail_msg("%s", err.text);
    return text;
}
