/* barrier_cases.c - loops for test_barrier.sh, which reads their assembly. With RL_BARRIER each body is kept
 * by its barrier; without, a compiler has every right to drop it. What a body computes depends on the
 * iteration: the same value every time may be computed once, barrier or not. */
#include "perf/barrier.h"

#include <stddef.h>

#if defined(RL_BARRIER)
#define KEEP(p) rl_keep(p)
#define KEEP_VALUE(x) rl_keep_value(x)
#define CLOBBER() rl_clobber()
#else
#define KEEP(p) (void)(p)
#define KEEP_VALUE(x) (void)(x)
#define CLOBBER() (void)0
#endif

typedef struct {
    double a, b, c;
} triple;

void value_int(size_t n, int x);
void value_float(size_t n, float x);
void value_double(size_t n, double x);
void value_struct(size_t n, triple x);
void pointer(size_t n, float x);
void clobber(size_t n, float *y, const int *x);

void value_int(size_t n, int x)
{
    for (size_t i = 0; i < n; i++) KEEP_VALUE(x ^ (int)i);
}

void value_float(size_t n, float x)
{
    for (size_t i = 0; i < n; i++) KEEP_VALUE(x * (float)i);
}

void value_double(size_t n, double x)
{
    for (size_t i = 0; i < n; i++) KEEP_VALUE(x * (double)i);
}

void value_struct(size_t n, triple x)
{
    for (size_t i = 0; i < n; i++) {
        triple y = {x.a * (double)i, x.b, x.c};
        KEEP_VALUE(y);
    }
}

/* Stores to a local array that nobody reads. */
void pointer(size_t n, float x)
{
    float y[4];
    for (size_t i = 0; i < n; i++) {
        y[i % 4] = x * (float)i;
        KEEP(y);
    }
}

/* Stores that overwrite each other, of what may change behind a clobber only: a float store is no int. */
void clobber(size_t n, float *y, const int *x)
{
    for (size_t i = 0; i < n; i++) {
        *y = (float)(*x * *x);
        CLOBBER();
    }
}
