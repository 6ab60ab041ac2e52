/* test_base.c - half floats, error texts, files, tiers and teams. */
#include "util_guard.h"

#include "base/file.h"
#include "base/format.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/team.h"

#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The value of a half by its definition: sign, exponent, fraction. */
static double half_value(uint16_t h)
{
    const int exponent = h >> 10 & 31, fraction = h & 1023;
    const double sign = h >> 15 ? -1 : 1;
    if (exponent == 31) return fraction != 0 ? (double)NAN : sign * (double)INFINITY;
    return sign * (exponent == 0 ? ldexp(fraction, -24) : ldexp(1024 + fraction, exponent - 25));
}

static void every_half_converts_to_its_value_and_back(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 65536; h++) {
        const float f = rl_f16_to_f32((rl_f16)h);
        const double want = half_value((uint16_t)h);
        if (isnan(want)) {
            assert_true(isnan(f) && isnan(rl_f16_to_f32(rl_f32_to_f16(f))));
        } else {
            assert_true((double)f == want && (signbit(f) != 0) == (h >> 15 != 0));
            assert_int_equal(rl_f32_to_f16(f), h);
        }
    }
}

/* Halfway between neighbours goes to the even one, a hair to either side to the nearer. */
static void floats_round_to_the_nearest_half(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 0x7c00; h++) {
        const float low = rl_f16_to_f32((rl_f16)h);
        const float high = h == 0x7bff ? 65536.0f : rl_f16_to_f32((rl_f16)(h + 1));
        const float middle = (low + high) / 2;
        assert_int_equal(rl_f32_to_f16(middle), h + (h & 1));
        assert_int_equal(rl_f32_to_f16(nextafterf(middle, 0)), h);
        assert_int_equal(rl_f32_to_f16(-nextafterf(middle, 1e9f)), 0x8000 | (h + 1));
    }
}

static void floats_round_to_the_nearest_bfloat(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 0x7f80; h++) {
        const uint32_t middle = h << 16 | 0x8000;
        assert_int_equal(rl_f32_to_bf16(rl_bits_to_f32(h << 16)), h);
        assert_int_equal(rl_f32_to_bf16(rl_bits_to_f32(middle)), h + (h & 1));
        assert_int_equal(rl_f32_to_bf16(rl_bits_to_f32(middle - 1)), h);
        assert_int_equal(rl_f32_to_bf16(rl_bits_to_f32(middle + 1)), h + 1);
    }
    assert_true(isnan(rl_bf16_to_f32(rl_f32_to_bf16(NAN))));
    assert_true(isnan(rl_bf16_to_f32(rl_f32_to_bf16(rl_bits_to_f32(0x7f800001)))));
}

static void formats_are_found_by_name_and_by_number(void **state)
{
    (void)state;
    for (int f = 0; f < RL_FORMAT_COUNT; f++) {
        rl_format found;
        assert_true(rl_format_from_name(rl_format_table[f].name, &found) && found == (rl_format)f);
        assert_true(rl_format_from_ggml(rl_format_table[f].ggml_type, &found) && found == (rl_format)f);
    }
    rl_format unused;
    assert_false(rl_format_from_name("q4_k", &unused));
    assert_false(rl_format_from_ggml(4, &unused)); /* q4_2, removed from GGUF */
}

static void foreign_text_is_made_printable_and_cut(void **state)
{
    (void)state;
    char out[16];
    assert_string_equal(rl_printable(out, sizeof out, "a\x1b[2J\n", 6), "a\\x1b[2J\\x0a");
    assert_string_equal(rl_printable(out, sizeof out, "0123456789abcdefgh", 18), "0123456789ab...");
    assert_string_equal(rl_printable(out, 1, "abc", 3), "");
}

static void isa_names_are_taken_exactly_or_refused(void **state)
{
    (void)state;
    uint32_t cpu;
    rl_error err;
    assert_int_equal(rl_cpu_named("scalar", &cpu, &err), RL_OK);
    assert_int_equal(cpu, 0);
    assert_int_equal(rl_cpu_named("AVX2", &cpu, &err), RL_ERR_ARG);
    assert_non_null(strstr(err.text, "AVX2"));
    assert_int_equal(rl_cpu_named(NULL, &cpu, &err), RL_OK);
    assert_int_equal(cpu, rl_cpu_detect());
#if defined(RL_X86)
    assert_int_equal(rl_cpu_named("neon", &cpu, &err), RL_ERR_UNSUPPORTED);
#endif
    assert_int_equal(rl_cpu_cap(RL_CPU_AVX2 | RL_CPU_AVX512 | RL_CPU_BF16, RL_AVX2), RL_CPU_AVX2);
    assert_true(rl_isa_has(RL_AVX512, "avx2") && rl_isa_has(RL_AVX2, "avx2") &&
                rl_isa_has(RL_AVX512, "vnni"));
    assert_false(rl_isa_has(RL_AVX2, "vnni") || rl_isa_has(RL_NEON, "avx2") || rl_isa_has(RL_SCALAR, "avx2"));
    assert_int_equal(rl_cpu_best(RL_CPU_AVX2 | RL_CPU_AVX512), RL_AVX512);
    setenv("RL_ISA", "sse9", 1);
    assert_int_equal(rl_cpu_from_env(&cpu, &err), RL_ERR_ARG);
    assert_non_null(strstr(err.text, "RL_ISA"));
    unsetenv("RL_ISA");
}

static void a_file_is_replaced_whole_or_not_at_all(void **state)
{
    (void)state;
    char dir[] = "/tmp/rl-test-XXXXXX", path[64], *data;
    size_t n;
    rl_error err;
    rl_outfile out;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/f", dir);
    assert_int_equal(rl_file_write(path, "old", 3, &err), RL_OK);

    assert_int_equal(rl_outfile_open(&out, path, &err), RL_OK);
    fputs("half of the new", out.stream);
    rl_outfile_abandon(&out);
    assert_int_equal(rl_file_read(path, 100, &data, &n, &err), RL_OK);
    assert_string_equal(data, "old");
    free(data);

    assert_int_equal(rl_outfile_open(&out, path, &err), RL_OK);
    fputs("new", out.stream);
    assert_int_equal(rl_outfile_commit(&out, &err), RL_OK);
    rl_outfile_abandon(&out); /* allowed: nothing to do */
    assert_int_equal(rl_file_read(path, 100, &data, &n, &err), RL_OK);
    assert_string_equal(data, "new");
    free(data);

    assert_int_equal(rl_file_read(path, 2, &data, &n, &err), RL_ERR_FORMAT);
    unlink(path);
    assert_int_equal(rmdir(dir), 0); /* and nothing else was left there */
    assert_int_equal(rl_file_read(path, 2, &data, &n, &err), RL_ERR_IO);
    assert_int_equal(rl_file_write(path, "x", 1, &err), RL_ERR_IO);
}

static void memory_is_aligned_zeroed_and_bounded(void **state)
{
    (void)state;
    size_t out;
    assert_false(rl_mul_ok(SIZE_MAX / 2, 3, &out));
    assert_true(rl_mul_ok(6, 7, &out) && out == 42);
    assert_null(rl_alloc(0));
    assert_null(rl_alloc(SIZE_MAX - 8));
    assert_null(rl_pages_alloc(SIZE_MAX - 8));
    char *p = rl_alloc(100);
    assert_true((uintptr_t)p % RL_LINE == 0 && p[99] == 0);
    rl_free(p);
    const size_t big = ((size_t)4 << 20) + 5;
    p = rl_pages_alloc(big);
    assert_true((uintptr_t)p % (2 << 20) == 0 && p[big - 1] == 0);
    assert_true(rl_pages_huge(p) <= (size_t)6 << 20);
    rl_pages_free(p, big);
}

enum { ROUNDS = 200 };
typedef struct {
    rl_team *team;
    atomic_int seen[ROUNDS];
    atomic_int errors;
} lockstep;

static void meet_often(void *arg, size_t rank)
{
    lockstep *l = arg;
    for (int round = 0; round < ROUNDS; round++) {
        atomic_fetch_add(&l->seen[round], 1);
        rl_team_barrier(l->team);
        if (atomic_load(&l->seen[round]) != (int)rl_team_size(l->team)) atomic_fetch_add(&l->errors, 1);
    }
    (void)rank;
}

static void no_member_passes_a_barrier_before_all_have_come(void **state)
{
    (void)state;
    for (size_t size = 1; size <= 5; size++)
        for (int pin = 0; pin < 2; pin++) {
            static lockstep l;
            rl_error err;
            memset(&l, 0, sizeof l);
            assert_int_equal(rl_team_open(&l.team, size, pin != 0, &err), RL_OK);
            for (int job = 0; job < 3; job++) {
                memset(l.seen, 0, sizeof l.seen);
                rl_team_run(l.team, meet_often, &l);
                if (job == 1) usleep(20000); /* long enough for the others to fall asleep */
            }
            assert_int_equal(atomic_load(&l.errors), 0);
            rl_team_close(l.team);
        }
    rl_team *none;
    rl_error err;
    assert_int_equal(rl_team_open(&none, 0, false, &err), RL_ERR_ARG);
    assert_int_equal(rl_team_open(&none, RL_TEAM_MAX + 1, false, &err), RL_ERR_ARG);
    rl_team_close(NULL);
}

/* While `pretend`, a machine of four CPUs as far as masks tell (the linker sends the team's calls here, --wrap): the
 * real one may have fewer, and anybody may change the mask of a process from outside. */
enum { FOUR = 4 };
static bool pretend;
static _Thread_local size_t bound; /* 1 + the CPU this thread is bound to; 0: to none */

int __real_sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set);
int __wrap_sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set);
int __wrap_sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set)
{
    if (!pretend) return __real_sched_getaffinity(pid, size, set);
    CPU_ZERO(set);
    for (size_t cpu = 0; cpu < FOUR; cpu++)
        if (bound == 0 || bound == cpu + 1) CPU_SET(cpu, set);
    return 0;
}

int __real_pthread_setaffinity_np(pthread_t thread, size_t size, const cpu_set_t *set);
int __wrap_pthread_setaffinity_np(pthread_t thread, size_t size, const cpu_set_t *set);
int __wrap_pthread_setaffinity_np(pthread_t thread, size_t size, const cpu_set_t *set)
{
    if (!pretend) return __real_pthread_setaffinity_np(thread, size, set);
    bound = 0;
    for (size_t cpu = 0; CPU_COUNT(set) == 1 && cpu < FOUR; cpu++)
        if (CPU_ISSET(cpu, set)) bound = cpu + 1;
    return 0;
}

static void note_bound(void *arg, size_t rank) { ((size_t *)arg)[rank] = bound; }

static void a_pinned_team_has_a_cpu_for_each_and_lets_the_caller_go(void **state)
{
    (void)state;
    pretend = true;
    for (size_t size = 1; size <= FOUR + 1; size++)
        for (int pin = 0; pin < 2; pin++) {
            size_t where[FOUR + 1];
            rl_team *team;
            rl_error err;
            assert_int_equal(rl_team_open(&team, size, pin != 0, &err), RL_OK);
            assert_int_equal(rl_team_pinned(team), pin != 0 && size <= FOUR);
            rl_team_run(team, note_bound, where);
            for (size_t a = 0; a < size; a++) {
                assert_int_equal(where[a] != 0, rl_team_pinned(team));
                for (size_t b = 0; b < a; b++) assert_true(where[a] == 0 || where[a] != where[b]);
            }
            rl_team_close(team);
            assert_int_equal(rl_cpu_count(), FOUR);
        }
    pretend = false;
}

static void shares_cover_everything_once_in_order(void **state)
{
    (void)state;
    rl_error err;
    for (size_t size = 1; size <= 4; size++) {
        rl_team *team;
        assert_int_equal(rl_team_open(&team, size, false, &err), RL_OK);
        for (size_t items = 0; items < 70; items++)
            for (size_t unit = 1; unit <= 16; unit *= 4) {
                size_t next = 0;
                for (size_t rank = 0; rank < size; rank++) {
                    size_t begin, end;
                    rl_team_share(team, rank, items, unit, &begin, &end);
                    assert_true(begin == next && end >= begin);
                    assert_true(end == items || end % unit == 0);
                    next = end;
                }
                assert_int_equal(next, items);
            }
        rl_team_close(team);
    }
}

/* The first outputs for seed 1234567, as published with the algorithm's reference implementations. */
static void random_numbers_are_splitmix64(void **state)
{
    (void)state;
    static const uint64_t want[] = {6457827717110365317u, 3203168211198807973u, 9817491932198370423u,
                                    4593380528125082431u, 16408922859458223821u};
    uint64_t seed = 1234567;
    for (uint64_t i = 0; i < RL_COUNT(want); i++) {
        assert_true(rl_random(&seed) == want[i]);
        assert_true(rl_random_mix(1234567 + (i + 1) * RL_RANDOM_STEP) == want[i]);
    }
    assert_true(rl_random_unit(0) == 0 && rl_random_unit(UINT64_MAX) == 1 - 0x1p-53);
    assert_int_equal(rl_random_normal(0), -2 * 65535);
    assert_int_equal(rl_random_normal(UINT64_MAX), 2 * 65535);
    double sum = 0, squares = 0;
    enum { N = 100000 };
    for (int i = 0; i < N; i++) {
        const double x = rl_random_normal(rl_random(&seed)) / RL_RANDOM_NORMAL_STD;
        sum += x;
        squares += x * x;
    }
    assert_true(fabs(sum / N) < 0.02 && fabs(squares / N - 1) < 0.02); /* six and four standard errors */
}

/* An emulator shows the host's /proc/cpuinfo, where Arm's fields are not: nothing is then made of nothing. */
static void a_processor_of_unknown_make_has_no_brand(void **state)
{
    (void)state;
    rl_cpu_identity id;
    rl_cpu_identify(&id);
    if (id.vendor[0] == '\0') assert_string_equal(id.brand, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_half_converts_to_its_value_and_back),
        cmocka_unit_test(floats_round_to_the_nearest_half),
        cmocka_unit_test(floats_round_to_the_nearest_bfloat),
        cmocka_unit_test(formats_are_found_by_name_and_by_number),
        cmocka_unit_test(foreign_text_is_made_printable_and_cut),
        cmocka_unit_test(isa_names_are_taken_exactly_or_refused),
        cmocka_unit_test(a_file_is_replaced_whole_or_not_at_all),
        cmocka_unit_test(memory_is_aligned_zeroed_and_bounded),
        cmocka_unit_test(no_member_passes_a_barrier_before_all_have_come),
        cmocka_unit_test(a_pinned_team_has_a_cpu_for_each_and_lets_the_caller_go),
        cmocka_unit_test(shares_cover_everything_once_in_order),
        cmocka_unit_test(random_numbers_are_splitmix64),
        cmocka_unit_test(a_processor_of_unknown_make_has_no_brand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
