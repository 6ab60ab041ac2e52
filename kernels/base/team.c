/* team.c - the thread team: a job counter that workers watch, an epoch barrier, and walks over shared work.
 *
 * A rank has two counters of what is taken from the end of its share, which serve walks by turns. As it starts a walk it
 * clears the one of the walk before: everyone has left that, for a barrier lies between, and nobody starts the next
 * before another barrier that this rank comes to. */
#include "base/team.h"
#include "base/cpu.h"
#include "base/mem.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#define RL_TEAM_SPIN_NS                                                                                      \
    2000000 /* a pause between jobs that is worth burning a core for: sampling, printing */
/* How long to spin before giving the CPU away: some hundred microseconds, longer than any phase should be
 * late; with more members than CPUs hardly at all, for the one waited for may be waiting for this CPU. */
enum { SPINS = 20000, SPINS_CROWDED = 50 };

struct rl_team {
    size_t size;
    unsigned spins; /* before giving way */
    bool pinned;
    cpu_set_t mask_before; /* the caller's affinity, restored at close */
    rl_team_fn *fn;
    void *arg;
    bool quit; /* these three are published by `job` */

    _Alignas(RL_LINE) atomic_uint job;     /* counts jobs; workers wait for the next */
    _Alignas(RL_LINE) atomic_uint arrived; /* members at the barrier */
    _Alignas(RL_LINE) atomic_uint epoch;   /* counts barriers passed */
    _Alignas(RL_LINE) atomic_uint asleep;  /* workers on the condition variable, changed under the lock */

    struct {
        _Alignas(RL_LINE) atomic_size_t taken[2]; /* units taken from the end of the rank's share */
        unsigned walks;                           /* how many the rank has started */
    } ranks[RL_TEAM_MAX];

    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t threads[RL_TEAM_MAX];
};

typedef struct {
    rl_team *team;
    size_t rank;
} worker;

static void relax(void)
{
#if defined(RL_X86)
    __builtin_ia32_pause();
#elif defined(RL_ARM64)
    __asm__ volatile("yield");
#endif
}

/* Spins until *word differs from `seen`. */
static void spin_until_change(const rl_team *t, atomic_uint *word, unsigned seen)
{
    for (unsigned spins = 0; atomic_load_explicit(word, memory_order_acquire) == seen; spins++) {
        if (spins < t->spins)
            relax();
        else
            sched_yield();
    }
}

void rl_team_barrier(rl_team *t)
{
    if (t->size == 1) return;
    unsigned epoch = atomic_load_explicit(&t->epoch, memory_order_relaxed);
    if (atomic_fetch_add_explicit(&t->arrived, 1, memory_order_acq_rel) + 1 == t->size) {
        atomic_store_explicit(&t->arrived, 0, memory_order_relaxed);
        atomic_store_explicit(&t->epoch, epoch + 1, memory_order_release);
    } else {
        spin_until_change(t, &t->epoch, epoch);
    }
}

static int64_t now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void wait_for_job(rl_team *t, unsigned seen)
{
    int64_t give_up = now_ns() + RL_TEAM_SPIN_NS;
    for (unsigned spins = 0; atomic_load_explicit(&t->job, memory_order_acquire) == seen; spins++) {
        relax();
        if (spins % 256 == 255 && now_ns() > give_up) {
            pthread_mutex_lock(&t->lock);
            atomic_fetch_add(&t->asleep, 1);
            while (atomic_load(&t->job) == seen) pthread_cond_wait(&t->wake, &t->lock);
            atomic_fetch_sub(&t->asleep, 1);
            pthread_mutex_unlock(&t->lock);
            return;
        }
    }
}

static void publish_job(rl_team *t)
{
    atomic_fetch_add(&t->job,
                     1); /* sequentially consistent with `asleep`: one of the two sides sees the other */
    if (atomic_load(&t->asleep) > 0) {
        pthread_mutex_lock(&t->lock);
        pthread_cond_broadcast(&t->wake);
        pthread_mutex_unlock(&t->lock);
    }
}

/* True where another CPU of the same core comes earlier in `allowed`: taken only when the cores run out. */
static bool is_second_sibling(const cpu_set_t *allowed, size_t cpu)
{
    char path[96];
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%zu/topology/thread_siblings_list", cpu);
    FILE *f = fopen(path, "r");
    if (f == NULL) return false;
    size_t first = cpu;
    bool known = fscanf(f, "%zu", &first) == 1;
    fclose(f);
    return known && first < cpu && first < CPU_SETSIZE && CPU_ISSET(first, allowed);
}

/* Binds the calling thread to one CPU: the index-th in the order "one of each core first, then the rest". */
static void bind_self(const cpu_set_t *allowed, size_t index)
{
    size_t found = 0;
    for (int second = 0; second <= 1; second++)
        for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
            if (!CPU_ISSET(cpu, allowed) || is_second_sibling(allowed, cpu) != (second == 1)) continue;
            if (found++ != index) continue;
            cpu_set_t one;
            CPU_ZERO(&one);
            CPU_SET(cpu, &one);
            pthread_setaffinity_np(pthread_self(), sizeof one, &one);
            return;
        }
}

static void *worker_main(void *arg)
{
    worker self = *(worker *)arg;
    rl_team *t = self.team;
    rl_free(arg);
    if (t->pinned) bind_self(&t->mask_before, self.rank);
    for (unsigned seen = 0;; seen++) {
        wait_for_job(t, seen);
        if (t->quit) return NULL;
        t->fn(t->arg, self.rank);
        rl_team_barrier(t);
    }
}

rl_status rl_team_open(rl_team **out, size_t size, bool pin, rl_error *err)
{
    *out = NULL;
    if (size < 1 || size > RL_TEAM_MAX)
        return rl_fail(err, RL_ERR_ARG, "%zu threads: expected 1 to %d", size, RL_TEAM_MAX);
    rl_team *t = rl_alloc(sizeof *t);
    if (t == NULL) return rl_fail(err, RL_ERR_MEMORY, "out of memory for a team of %zu threads", size);
    t->spins = size <= rl_cpu_count() ? SPINS : SPINS_CROWDED;
    t->size = 1; /* counts those running, so that close can undo half an open */
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->wake, NULL);
    if (pin && sched_getaffinity(0, sizeof t->mask_before, &t->mask_before) == 0 &&
        size <= (size_t)CPU_COUNT(&t->mask_before)) {
        t->pinned = true;
        bind_self(&t->mask_before, 0);
    }
    for (size_t rank = 1; rank < size; rank++) {
        worker *w = rl_alloc(sizeof *w);
        int rc = -1;
        if (w != NULL) {
            *w = (worker){t, rank};
            rc = pthread_create(&t->threads[rank], NULL, worker_main, w);
        }
        if (rc != 0) {
            rl_free(w);
            rl_team_close(t);
            return rl_fail(err, RL_ERR_IO, "cannot start thread %zu of %zu", rank + 1, size);
        }
        t->size = rank + 1;
    }
    *out = t;
    return RL_OK;
}

void rl_team_close(rl_team *t)
{
    if (t == NULL) return;
    t->quit = true;
    publish_job(t);
    for (size_t rank = 1; rank < t->size; rank++) pthread_join(t->threads[rank], NULL);
    if (t->pinned) pthread_setaffinity_np(pthread_self(), sizeof t->mask_before, &t->mask_before);
    pthread_cond_destroy(&t->wake);
    pthread_mutex_destroy(&t->lock);
    rl_free(t);
}

size_t rl_team_size(const rl_team *t) { return t->size; }
bool rl_team_pinned(const rl_team *t) { return t->pinned; }

void rl_team_run(rl_team *t, rl_team_fn *fn, void *arg)
{
    if (t->size > 1) {
        t->fn = fn;
        t->arg = arg;
        publish_job(t);
    }
    fn(arg, 0);
    rl_team_barrier(t);
}

void rl_team_share(const rl_team *t, size_t rank, size_t items, size_t unit, size_t *begin, size_t *end)
{
    size_t units = (items + unit - 1) / unit;
    size_t first = units * rank / t->size * unit, last = units * (rank + 1) / t->size * unit;
    *begin = first < items ? first : items;
    *end = last < items ? last : items;
}

/* A share: units [begin, rest) are its owner's, the others are taken `piece` at a time. */
typedef struct {
    size_t begin, rest, end, piece;
} share;

static share share_of(const rl_team_walk *w, size_t rank)
{
    enum { REST = 10, PIECES = 8 }; /* the rest is a tenth of the share, in about so many pieces */
    share s;
    rl_team_share(w->team, rank, (w->items + w->unit - 1) / w->unit, 1, &s.begin, &s.end);
    const size_t rest = w->team->size > 1 ? (s.end - s.begin) / REST : 0, least = w->piece / w->unit;
    s.rest = rest < least ? s.end : s.end - rest;
    s.piece = rest > PIECES * least ? rest / PIECES : least;
    return s;
}

rl_team_walk rl_team_walk_start(rl_team *t, size_t rank, size_t items, size_t unit, size_t piece)
{
    const unsigned turn = t->ranks[rank].walks++ % 2;
    atomic_store_explicit(&t->ranks[rank].taken[1 - turn], 0, memory_order_relaxed);
    return (rl_team_walk){
        .team = t, .rank = rank, .items = items, .unit = unit, .piece = piece, .turn = turn};
}

/* Units [begin, end) as items; true where there are any. */
static bool give(rl_team_walk *w, size_t begin, size_t end)
{
    w->begin = begin * w->unit;
    w->end = end * w->unit < w->items ? end * w->unit : w->items;
    return begin < end;
}

bool rl_team_walk_next(rl_team_walk *w)
{
    if (!w->started) {
        const share own = share_of(w, w->rank);
        w->started = true;
        if (give(w, own.begin, own.rest)) return true;
    }
    for (; w->whose < w->team->size; w->whose++) {
        const size_t rank = (w->rank + w->whose) % w->team->size;
        const share s = share_of(w, rank);
        if (s.rest == s.end) continue;
        const size_t begin = s.rest + atomic_fetch_add_explicit(&w->team->ranks[rank].taken[w->turn], s.piece,
                                                                memory_order_relaxed);
        if (begin < s.end) return give(w, begin, s.end - begin < s.piece ? s.end : begin + s.piece);
    }
    return false;
}

size_t rl_cpu_count(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0 || CPU_COUNT(&set) < 1) return 1;
    return (size_t)CPU_COUNT(&set);
}
