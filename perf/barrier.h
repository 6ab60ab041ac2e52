/* barrier.h - telling the compiler that a result is used, so that the work behind it is done; no instruction
 * is emitted.
 *
 *   rl_keep(p)          whatever p points to, and all memory it may alias, is read and written here
 *   rl_keep_value(x)    the value x is needed here, in a register or in memory, whichever is nearer
 *   rl_clobber()        all memory that has escaped is read and written here
 *
 * A kernel that writes an array wants rl_keep(array) once per iteration; a pure function wants
 * rl_keep_value(f(x)). What is not kept may be computed once, or never. tests/test_barrier.sh reads the
 * assembly to see that loops survive with these and vanish without. GCC and Clang. */
#ifndef RL_BARRIER_H
#define RL_BARRIER_H

static inline void rl_keep(const void *p) { __asm__ volatile("" : : "r"(p) : "memory"); }

static inline void rl_clobber(void) { __asm__ volatile("" : : : "memory"); }

/* A macro, to take any type. Clang takes the first alternative it can, GCC the cheapest. */
#define rl_keep_value(x)                                                                                     \
    do {                                                                                                     \
        __typeof__(x) rl_kept_ = (x);                                                                        \
        __asm__ volatile("" : : "r,m"(rl_kept_) : "memory");                                                 \
    } while (0)

#endif
