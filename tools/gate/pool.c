/* pool.c - a list of blocks. */
#include "gate/pool.h"
#include "base/mem.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct rl_pool_block {
    struct rl_pool_block *next;
    alignas(max_align_t) unsigned char bytes[];
};

void *rl_pool_alloc(rl_pool *pool, size_t bytes)
{
    size_t size;
    struct rl_pool_block *block = rl_add_ok(sizeof *block, bytes, &size) ? calloc(1, size) : NULL;
    if (block == NULL) {
        fprintf(stderr, "ridgeline: out of memory (%zu bytes)\n", bytes);
        exit(2);
    }
    block->next = pool->blocks;
    pool->blocks = block;
    return block->bytes;
}

void rl_pool_free(rl_pool *pool)
{
    while (pool->blocks != NULL) {
        struct rl_pool_block *next = pool->blocks->next;
        free(pool->blocks);
        pool->blocks = next;
    }
}

char *rl_pool_copy(rl_pool *pool, const char *text, size_t n)
{
    char *copy = rl_pool_alloc(pool, n + 1);
    if (n > 0) memcpy(copy, text, n);
    return copy;
}

char *rl_pool_printable(rl_pool *pool, const char *text, size_t n)
{
    size_t size = 4 * n + 5; /* \xNN for each byte, and the room that a cut would take */
    return (char *)rl_printable(rl_pool_alloc(pool, size), size, text, n);
}

char *rl_pool_format(rl_pool *pool, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int length = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *text = rl_pool_alloc(pool, length > 0 ? (size_t)length + 1 : 1);
    if (length > 0) vsnprintf(text, (size_t)length + 1, fmt, again);
    va_end(again);
    return text;
}

void *rl_pool_more(rl_pool *pool, void *array, size_t n, size_t item_bytes)
{
    if (array != NULL && (n & (n - 1)) != 0) return array; /* room is always a power of two */
    size_t room = n > 0 ? 2 * n : 1, bytes;
    if (!rl_mul_ok(room, item_bytes, &bytes)) bytes = (size_t)-1; /* more than there can be: alloc says so */
    void *grown = rl_pool_alloc(pool, bytes);
    if (n > 0) memcpy(grown, array, n * item_bytes);
    return grown;
}
