/* test_env.c - a machine described by files in a directory is read as it stands, and its class changes with
 * every part that makes it and with nothing else. */
#include "util_guard.h"

#include "base/file.h"
#include "perf/env.h"
#include "perf/noise.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A made-up machine: one package of two cores with two threads each, two levels of cache. */
/* clang-format off */
static const struct {
    const char *path, *text;
} files[] = {
    {"sys/devices/system/cpu/online", "0-3\n"},
    {"sys/devices/system/cpu/cpu0/topology/core_id", "0\n"},
    {"sys/devices/system/cpu/cpu0/topology/physical_package_id", "0\n"},
    {"sys/devices/system/cpu/cpu1/topology/core_id", "1\n"},
    {"sys/devices/system/cpu/cpu1/topology/physical_package_id", "0\n"},
    {"sys/devices/system/cpu/cpu2/topology/core_id", "0\n"},
    {"sys/devices/system/cpu/cpu2/topology/physical_package_id", "0\n"},
    {"sys/devices/system/cpu/cpu3/topology/core_id", "1\n"},
    {"sys/devices/system/cpu/cpu3/topology/physical_package_id", "0\n"},
    {"sys/devices/system/cpu/cpu0/cache/index0/type", "Data\n"},
    {"sys/devices/system/cpu/cpu0/cache/index0/level", "1\n"},
    {"sys/devices/system/cpu/cpu0/cache/index0/size", "48K\n"},
    {"sys/devices/system/cpu/cpu0/cache/index0/shared_cpu_list", "0,2\n"},
    {"sys/devices/system/cpu/cpu0/cache/index1/type", "Unified\n"},
    {"sys/devices/system/cpu/cpu0/cache/index1/level", "2\n"},
    {"sys/devices/system/cpu/cpu0/cache/index1/size", "2M\n"},
    {"sys/devices/system/cpu/cpu0/cache/index1/shared_cpu_list", "0-3\n"},
    {"sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave\n"},
    {"sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n"},
    {"proc/meminfo", "MemTotal:        2048 kB\nMemFree: 12 kB\n"},
    {"proc/cpuinfo", "processor : 0\ncpu MHz\t\t: 2599.992\n"},
    {"proc/loadavg", "0.25 0.50 1.75 1/100 4242\n"},
    {"proc/sys/kernel/randomize_va_space", "0\n"},
};
/* clang-format on */

typedef struct {
    char root[64];
} machine;

static void put(const machine *m, const char *path, const char *text)
{
    char full[512], dir[512];
    rl_error err;
    snprintf(full, sizeof full, "%s/%s", m->root, path);
    snprintf(dir, sizeof dir, "%s", full);
    *strrchr(dir, '/') = '\0';
    assert_int_equal(rl_make_dirs(dir, &err), RL_OK);
    assert_int_equal(rl_file_write(full, text, strlen(text), &err), RL_OK);
}

static machine make_machine(void)
{
    machine m;
    snprintf(m.root, sizeof m.root, "/tmp/rl_test_env_XXXXXX");
    assert_non_null(mkdtemp(m.root));
    for (size_t i = 0; i < RL_COUNT(files); i++) put(&m, files[i].path, files[i].text);
    return m;
}

static void remove_machine(const machine *m)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", m->root);
    assert_int_equal(system(command), 0);
}

static void machine_is_read_as_its_files_say(void **state)
{
    (void)state;
    machine m = make_machine();
    rl_env e;
    rl_env_read(&e, m.root);
    assert_int_equal(e.logical, 4);
    assert_int_equal(e.physical, 2);
    assert_int_equal(e.n_caches, 2);
    assert_string_equal(e.caches[0].type, "Data");
    assert_int_equal(e.caches[0].bytes, 48 << 10);
    assert_int_equal(e.caches[0].sharing, 2);
    assert_int_equal(e.caches[1].level, 2);
    assert_int_equal(e.caches[1].bytes, 2 << 20);
    assert_int_equal(e.caches[1].sharing, 4);
    assert_int_equal(rl_env_llc_bytes(&e), 2 << 20);
    assert_int_equal(e.memory_bytes, 2048 * 1024);
    assert_int_equal(e.mhz, 2599);
    assert_string_equal(e.governor, "powersave");
    assert_string_equal(e.thp, "madvise");
    assert_int_equal(e.aslr, 0);
    assert_int_equal(e.n_load, 3);
    assert_true(e.load[0] == 0.25 && e.load[2] == 1.75);
    remove_machine(&m);
}

static void what_is_missing_or_nonsense_is_left_out(void **state)
{
    (void)state;
    machine m = make_machine();
    rl_env e;
    rl_env_read(&e, "/nonexistent/root");
    assert_int_equal(e.logical, 0);
    assert_int_equal(e.n_caches, 0);
    assert_int_equal(e.n_load, 0);
    assert_int_equal(e.aslr, -1);
    assert_string_equal(e.thp, "");
    static const char *const nonsense[] = {"",   "\n", "-", "3-1", "x", "0-99999999", "4294967295-4294967295",
                                           ",,,"};
    for (size_t i = 0; i < RL_COUNT(nonsense); i++) {
        put(&m, "sys/devices/system/cpu/online", nonsense[i]);
        put(&m, "sys/devices/system/cpu/cpu0/cache/index0/shared_cpu_list", nonsense[i]);
        rl_env_read(&e, m.root);
        assert_int_equal(e.logical, 0);
        assert_int_equal(e.caches[0].sharing, 0);
    }
    remove_machine(&m);
}

static void this_machine_has_a_class(void **state)
{
    (void)state;
    rl_env e;
    rl_machine_class a, b;
    rl_env_read(&e, "");
    assert_true(e.logical >= 1);
    assert_true(e.memory_bytes > 0);
    rl_machine_classify(&a, &e, rl_build_info(), "avx2");
    printf("%s\n%s", a.name, a.text);
    rl_env_read(&e, "");
    rl_machine_classify(&b, &e, rl_build_info(), "avx2");
    assert_string_equal(a.name, b.name);
    assert_string_equal(a.text, b.text);
    assert_int_equal(strspn(a.name, "abcdefghijklmnopqrstuvwxyz0123456789-"), strlen(a.name));
}

static rl_env example(void)
{
    rl_env e = {.logical = 8, .physical = 4, .n_caches = 1};
    snprintf(e.cpu.vendor, sizeof e.cpu.vendor, "GenuineIntel");
    snprintf(e.cpu.brand, sizeof e.cpu.brand, "Intel(R) Xeon(R) CPU E5-2680 v4 @ 2.40GHz");
    e.cpu.family = 6;
    e.cpu.model = 79;
    e.cpu.stepping = 1;
    e.caches[0] = (rl_cache){"Unified", 3, 35 << 20, 8};
    return e;
}

static const rl_build plain = {"0.1.0", "GNU 12.2.0", "-O3", "Release", "", "abc", false, false};

static void class_name_reads_as_the_machine(void **state)
{
    (void)state;
    rl_env e = example();
    rl_machine_class c;
    rl_machine_classify(&c, &e, &plain, "avx2");
    const char *const want = "intel-xeon-e5-2680-v4-2-40ghz-06-4f-01-4c-avx2-";
    assert_memory_equal(c.name, want, strlen(want));
    assert_int_equal(strlen(c.name), strlen(want) + 8);
    assert_int_equal(strspn(c.name + strlen(want), "0123456789abcdef"), 8);
}

/* The digits are FNV-1a, 64 bits folded to 32, of the text: computed here the slow way. */
static void class_digits_are_the_hash_of_the_text(void **state)
{
    (void)state;
    rl_env e = example();
    rl_machine_class c;
    rl_machine_classify(&c, &e, &plain, "avx2");
    uint64_t hash = 14695981039346656037u;
    for (const char *at = c.text; *at != '\0'; at++) {
        hash ^= (uint64_t)(unsigned char)*at;
        hash *= 1099511628211u;
    }
    char want[9];
    snprintf(want, sizeof want, "%08x", (unsigned)((hash >> 32) ^ (hash & 0xffffffffu)));
    assert_string_equal(c.name + strlen(c.name) - 8, want);
}

static void class_changes_with_each_of_its_parts(void **state)
{
    (void)state;
    rl_machine_class base, other;
    rl_env e = example();
    rl_machine_classify(&base, &e, &plain, "avx2");
    for (int part = 0; part < 12; part++) {
        rl_env changed = example();
        rl_build build = plain;
        const char *isa = "avx2";
        switch (part) {
        case 0:
            changed.cpu.brand[0] = 'X';
            break;
        case 1:
            changed.cpu.family++;
            break;
        case 2:
            changed.cpu.model++;
            break;
        case 3:
            changed.cpu.stepping++;
            break;
        case 4:
            changed.logical++;
            break;
        case 5:
            changed.physical++;
            break;
        case 6:
            changed.caches[0].bytes++;
            break;
        case 7:
            changed.caches[0].sharing++;
            break;
        case 8:
            changed.cpu.hypervisor = true;
            break;
        case 9:
            isa = "avx512";
            break;
        case 10:
            build.compiler = "Clang 14.0.6";
            break;
        case 11:
            build.flags = "-O2";
            break;
        }
        rl_machine_classify(&other, &changed, &build, isa);
        if (strcmp(base.name, other.name) == 0) fail_msg("part %d does not change the class", part);
    }
}

static void class_ignores_what_changes_by_itself(void **state)
{
    (void)state;
    rl_machine_class base, other;
    rl_env e = example();
    rl_machine_classify(&base, &e, &plain, "avx2");
    e.mhz = 1234;
    e.load[0] = 7;
    e.n_load = 3;
    e.memory_bytes = 1;
    snprintf(e.host, sizeof e.host, "elsewhere");
    snprintf(e.kernel, sizeof e.kernel, "Linux 9.9");
    rl_build build = plain;
    build.commit = "def";
    build.dirty = true;
    rl_machine_classify(&other, &e, &build, "avx2");
    assert_string_equal(base.name, other.name);
}

static void build_knows_its_compiler_and_commit(void **state)
{
    (void)state;
    const rl_build *b = rl_build_info();
    assert_true(strlen(b->compiler) > 3);
    assert_non_null(strstr(b->flags, "-ffp-contract=off"));
    assert_null(strstr(b->flags, "-Wall"));
    if (strcmp(b->commit, "unknown") != 0) {
        assert_int_equal(strlen(b->commit), 12);
        assert_int_equal(strspn(b->commit, "0123456789abcdef"), 12);
    }
}

static void thread_is_disturbed_by_what_costs_one_percent(void **state)
{
    (void)state;
    const int64_t s = 1000000000, ms = 1000000;
    const rl_usage none = {0};
    assert_false(rl_thread_disturbed(s, s, none));
    assert_false(rl_thread_disturbed(s, s - 9 * ms, none));
    assert_true(rl_thread_disturbed(s, s - 11 * ms, none));
    assert_false(rl_thread_disturbed(s, s - 500 * ms, (rl_usage){.voluntary = 1})); /* it slept */
    assert_false(rl_thread_disturbed(s, s, (rl_usage){.involuntary = 300}));        /* 9 ms */
    assert_true(rl_thread_disturbed(s, s, (rl_usage){.involuntary = 400}));         /* 12 ms */
    assert_true(rl_thread_disturbed(s, s - 6 * ms, (rl_usage){.involuntary = 200}));
    assert_true(rl_thread_disturbed(s, s, (rl_usage){.major_faults = 1}));
    assert_false(rl_thread_disturbed(ms, ms / 100 * 95, none)); /* 0.05 ms is nothing to judge by */
    assert_false(rl_thread_disturbed(s, 2 * s, none));
}

static void stolen_time_counts_from_two_ticks_and_one_percent(void **state)
{
    (void)state;
    const int64_t s = 1000000000, ms = 1000000;
    assert_false(rl_machine_disturbed(s, 1, 10 * ms));
    assert_true(rl_machine_disturbed(s, 1, 20 * ms));
    assert_false(rl_machine_disturbed(s, 2, 20 * ms));
    assert_true(rl_machine_disturbed(s, 2, 30 * ms));
    assert_false(rl_machine_disturbed(4 * s, 1, 20 * ms));
}

static void usage_counts_faults_of_this_thread(void **state)
{
    (void)state;
    enum { PAGES = 64 };
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    rl_usage before = rl_usage_thread();
    util_guard g = util_guard_after(PAGES * page); /* filled: every page is touched */
    rl_usage used = rl_usage_between(before, rl_usage_thread());
    assert_true(used.minor_faults >= PAGES);
    util_guard_free(&g);
    rl_usage twice = rl_usage_sum(used, used);
    assert_int_equal(twice.minor_faults, 2 * used.minor_faults);
    assert_true(rl_usage_process().minor_faults >= rl_usage_thread().minor_faults);
    assert_true(rl_steal_ns() >= 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(machine_is_read_as_its_files_say),
        cmocka_unit_test(what_is_missing_or_nonsense_is_left_out),
        cmocka_unit_test(this_machine_has_a_class),
        cmocka_unit_test(class_name_reads_as_the_machine),
        cmocka_unit_test(class_digits_are_the_hash_of_the_text),
        cmocka_unit_test(class_changes_with_each_of_its_parts),
        cmocka_unit_test(class_ignores_what_changes_by_itself),
        cmocka_unit_test(build_knows_its_compiler_and_commit),
        cmocka_unit_test(thread_is_disturbed_by_what_costs_one_percent),
        cmocka_unit_test(stolen_time_counts_from_two_ticks_and_one_percent),
        cmocka_unit_test(usage_counts_faults_of_this_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
