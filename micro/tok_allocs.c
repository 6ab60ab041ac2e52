/* tok_allocs.c - counts what this program's own libraries allocate: the linker sends their calls here (--wrap). */
#include "tok_bench.h"

#include <stdatomic.h>
#include <stdlib.h>

static atomic_size_t n_allocations;

size_t rl_tok_allocations(void) { return atomic_load_explicit(&n_allocations, memory_order_relaxed); }

static void count(void) { atomic_fetch_add_explicit(&n_allocations, 1, memory_order_relaxed); }

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__real_aligned_alloc(size_t alignment, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_aligned_alloc(size_t alignment, size_t n);

void *__wrap_malloc(size_t n)
{
    count();
    return __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    count();
    return __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
    count();
    return __real_realloc(p, n);
}

void *__wrap_aligned_alloc(size_t alignment, size_t n)
{
    count();
    return __real_aligned_alloc(alignment, n);
}
