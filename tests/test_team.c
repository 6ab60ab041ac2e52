/* test_team.c - walks over shared work: every item once, whoever does it, and nobody waits for the slow. (Barriers and
 * shares: test_base.c.) */
#include "util_guard.h"

#include "base/team.h"

#include <stdatomic.h>
#include <string.h>

enum { ITEMS_MAX = 2000, WALKS = 7 };

typedef struct {
    rl_team *team;
    size_t items, unit, piece;
    atomic_int times[WALKS][ITEMS_MAX]; /* each item was given out */
    atomic_int errors;
    atomic_int done; /* ranks that have ended their walk */
} work;

/* A piece that is shorter than asked for may only be a share's last. */
static bool is_short(const work *w, const rl_team_walk *at)
{
    bool last = false;
    for (size_t rank = 0; rank < rl_team_size(w->team); rank++) {
        size_t begin, end;
        rl_team_share(w->team, rank, w->items, w->unit, &begin, &end);
        last |= at->end == end;
    }
    return at->end - at->begin < w->piece && !last;
}

static void walk_often(void *arg, size_t rank)
{
    work *w = arg;
    for (size_t i = 0; i < WALKS; i++) {
        for (rl_team_walk at = rl_team_walk_start(w->team, rank, w->items, w->unit, w->piece);
             rl_team_walk_next(&at);) {
            const bool whole = at.end % w->unit == 0 || at.end == w->items;
            if (at.begin >= at.end || at.end > w->items || at.begin % w->unit != 0 || !whole ||
                is_short(w, &at))
                atomic_fetch_add(&w->errors, 1);
            for (size_t item = at.begin; item < at.end && item < ITEMS_MAX; item++)
                atomic_fetch_add(&w->times[i][item], 1);
        }
        rl_team_barrier(w->team);
    }
}

static void walks_give_every_item_to_one_rank(void **state)
{
    (void)state;
    static const size_t counts[] = {0, 1, 31, 32, 33, 320, 350, 1999};
    rl_error err;
    static work w;
    for (size_t size = 1; size <= 5; size++) {
        assert_int_equal(rl_team_open(&w.team, size, false, &err), RL_OK);
        for (size_t c = 0; c < RL_COUNT(counts); c++)
            for (size_t kind = 0; kind < 4; kind++) {
                w.unit = kind % 2 == 0 ? 1 : 32;
                w.piece = kind < 2 ? w.unit : 3 * w.unit;
                w.items = counts[c];
                memset(w.times, 0, sizeof w.times);
                rl_team_run(w.team, walk_often, &w);
                for (size_t i = 0; i < WALKS; i++)
                    for (size_t item = 0; item < ITEMS_MAX; item++)
                        if (atomic_load(&w.times[i][item]) != (item < w.items))
                            fail_msg("%zu ranks, %zu items by %zu, walk %zu: item %zu %d times", size,
                                     w.items, w.unit, i, item, atomic_load(&w.times[i][item]));
            }
        rl_team_close(w.team);
    }
    assert_int_equal(atomic_load(&w.errors), 0);
}

/* Rank 1 begins and is then held up until the others have ended their walks: nothing may be left for it. */
static void walk_with_a_late_member(void *arg, size_t rank)
{
    work *w = arg;
    rl_team_walk at = rl_team_walk_start(w->team, rank, w->items, w->unit, w->piece);
    if (rank != 1) {
        while (rl_team_walk_next(&at)) {}
        atomic_fetch_add(&w->done, 1);
        return;
    }
    size_t begin, end;
    rl_team_share(w->team, rank, w->items, w->unit, &begin, &end);
    if (!rl_team_walk_next(&at) || at.begin != begin || at.end >= end) atomic_fetch_add(&w->errors, 1);
    while (atomic_load(&w->done) + 1 < (int)rl_team_size(w->team)) {}
    if (rl_team_walk_next(&at)) atomic_fetch_add(&w->errors, 1);
}

static void who_is_ready_takes_over_the_end_of_a_late_members_share(void **state)
{
    (void)state;
    rl_error err;
    for (size_t size = 2; size <= 3; size++) {
        static work w;
        memset(&w, 0, sizeof w);
        w.items = 1000;
        w.unit = 10;
        w.piece = 30;
        assert_int_equal(rl_team_open(&w.team, size, false, &err), RL_OK);
        rl_team_run(w.team, walk_with_a_late_member, &w);
        assert_int_equal(atomic_load(&w.errors), 0);
        rl_team_close(w.team);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(walks_give_every_item_to_one_rank),
        cmocka_unit_test(who_is_ready_takes_over_the_end_of_a_late_members_share),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
