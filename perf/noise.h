/* noise.h - was a repetition disturbed? What the operating system knows about a thread while it was timed,
 * and when that is too much.
 *
 * A repetition is contaminated when a thread lost more than 1 % of its window, or waited for the disk:
 *
 *   lost = (wall - CPU time, unless the thread gave the CPU away itself)
 *        + involuntary context switches x 30 us
 *   contaminated: lost > 1 % of wall and lost > 0.1 ms,
 *                 or a major page fault,
 *                 or the hypervisor stole more than 1 % of wall x threads, and at least 2 ticks of 10 ms
 *
 * 1 % is a third of the usual margin of a gate (3 %): a disturbance smaller than that cannot turn a verdict
 * by itself. 30 us is what coming back costs: some 5 us for the switch and 25 us to read a 1 MiB second-level
 * cache again at 40 GB/s; the time spent away is in the first term already. 0.1 ms keeps windows of a few
 * iterations from being judged by the clock of the CPU time. A thread that sleeps or waits for a lock
 * (voluntary switches) says nothing about its neighbours, so its gap between wall and CPU time is not
 * counted. Stolen time is counted in ticks by all CPUs together; one tick may be rounding, two are not. */
#ifndef RL_NOISE_H
#define RL_NOISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    int64_t minor_faults, major_faults;
    int64_t voluntary, involuntary; /* context switches */
} rl_usage;

rl_usage rl_usage_thread(void);  /* of the calling thread so far (getrusage) */
rl_usage rl_usage_process(void); /* of all threads */
rl_usage rl_usage_between(rl_usage before, rl_usage after);
rl_usage rl_usage_sum(rl_usage a, rl_usage b);

/* Time that a hypervisor gave to others while this machine wanted to run, all CPUs together, since boot; 0
 * where it is not told. */
int64_t rl_steal_ns(void);

/* The rules above, for one thread and for the machine. */
bool rl_thread_disturbed(int64_t wall_ns, int64_t cpu_ns, rl_usage used);
bool rl_machine_disturbed(int64_t wall_ns, size_t threads, int64_t steal_ns);

#endif
