/* counters_linux.c - the one place that calls libpfm4 and perf_event_open. */
#include "perf/counters.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <perfmon/pfmlib.h>
#include <perfmon/pfmlib_perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static rl_status encode(void *ctx, const char *name, bool kernel, struct perf_event_attr *attr, char *full,
                        size_t full_size, rl_error *err)
{
    (void)ctx;
    int code = pfm_initialize(); /* again is fine; never terminated, for others in the process may use it */
    char *qualified = NULL;
    attr->size = sizeof *attr;
    pfm_perf_encode_arg_t arg = {.attr = attr, .fstr = &qualified, .size = sizeof arg};
    if (code == PFM_SUCCESS)
        code =
            pfm_get_os_event_encoding(name, kernel ? PFM_PLM3 | PFM_PLM0 : PFM_PLM3, PFM_OS_PERF_EVENT, &arg);
    if (code != PFM_SUCCESS)
        return rl_fail(err, RL_ERR_UNSUPPORTED, "%s: libpfm4: %s", name, pfm_strerror(code));
    snprintf(full, full_size, "%s", qualified != NULL ? qualified : name);
    free(qualified);
    return RL_OK;
}

static int open_event(void *ctx, struct perf_event_attr *attr)
{
    (void)ctx;
    long fd = syscall(SYS_perf_event_open, attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
    return fd >= 0 ? (int)fd : -errno;
}

static bool enable(void *ctx, int fd, bool on)
{
    (void)ctx;
    return ioctl(fd, on ? PERF_EVENT_IOC_ENABLE : PERF_EVENT_IOC_DISABLE, 0) == 0;
}

static bool read_event(void *ctx, int fd, rl_counter_reading *out)
{
    (void)ctx;
    uint64_t raw[3]; /* value, time enabled, time running: the read_format asked for */
    if (read(fd, raw, sizeof raw) != (ssize_t)sizeof raw) return false;
    *out = (rl_counter_reading){raw[0], raw[1], raw[2]};
    return true;
}

static void close_event(void *ctx, int fd)
{
    (void)ctx;
    close(fd);
}

/* Touches the pages of a fresh 64 MiB mapping in a scattered order, one line of each: every touch misses the
 * TLB, most miss the caches, and the branch on what the generator says is not to be predicted. */
static void work(void *ctx)
{
    (void)ctx;
    const size_t bytes = (size_t)64 << 20, page = 4096, pages = bytes / page;
    unsigned char *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED) return;
    (void)madvise(map, bytes, MADV_NOHUGEPAGE);
    volatile unsigned taken = 0;
    uint64_t seed = 1;
    for (size_t i = 0; i < 2 * pages; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u; /* Knuth's MMIX generator */
        size_t at = (size_t)(seed >> 33) % pages * page + (i % 64) * 64;
        map[at]++;
        if ((seed >> 62 & 1) != 0) taken = taken + 1;
    }
    munmap(map, bytes);
}

const rl_counter_os rl_counter_os_linux = {encode, open_event, enable, read_event, close_event, work, NULL};
