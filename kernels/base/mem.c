/* mem.c - aligned memory and large pages (Linux). */
#include "base/mem.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE_PAGE ((size_t)2 << 20)

void *rl_alloc(size_t bytes)
{
    if (bytes == 0 || bytes > SIZE_MAX - RL_LINE) return NULL;
    size_t size = rl_round_up(bytes, RL_LINE);
    void *p = aligned_alloc(RL_LINE, size);
    if (p != NULL) memset(p, 0, size);
    return p;
}

void rl_free(void *p) { free(p); }

/* The size really mapped. Both the request and its free compute it, so that callers keep one number. */
static size_t mapped_size(size_t bytes) { return rl_round_up(bytes, HUGE_PAGE); }

void *rl_pages_alloc(size_t bytes)
{
    if (bytes == 0 || bytes > SIZE_MAX - 2 * HUGE_PAGE) return NULL;
    size_t size = mapped_size(bytes);
    /* mmap aligns to 4 KiB only: take one huge page more and give back what lies outside the aligned part. */
    char *raw = mmap(NULL, size + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (raw == MAP_FAILED) return NULL;
    size_t skip = rl_round_up((uintptr_t)raw, HUGE_PAGE) - (uintptr_t)raw;
    if (skip > 0) munmap(raw, skip);
    if (skip < HUGE_PAGE) munmap(raw + skip + size, HUGE_PAGE - skip);
    (void)madvise(raw + skip, size, MADV_HUGEPAGE); /* refused where huge pages are off: 4 KiB pages then */
    return raw + skip;
}

void rl_pages_free(void *p, size_t bytes)
{
    if (p != NULL) munmap(p, mapped_size(bytes));
}

size_t rl_pages_huge(const void *p)
{
    FILE *f = fopen("/proc/self/smaps", "r");
    if (f == NULL) return 0;
    char line[512];
    bool inside = false;
    size_t kib = 0;
    while (fgets(line, sizeof line, f) != NULL) {
        uintptr_t lo, hi;
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &lo, &hi) == 2)
            inside = (uintptr_t)p >= lo && (uintptr_t)p < hi;
        else if (inside && sscanf(line, "AnonHugePages: %zu kB", &kib) == 1)
            break;
    }
    fclose(f);
    return kib * 1024;
}
