/* piece_index.c - open addressing over FNV-1a, mixed so that its low bits depend on all of them. */
#include "piece_index.h"

#include "base/hash.h"
#include "base/mem.h"
#include "base/random.h"

#include <string.h>

bool rl_piece_index_init(rl_piece_index *index, const rl_piece *pieces, size_t most)
{
    size_t slots = 16;
    while (slots < 2 * most) slots *= 2;
    *index = (rl_piece_index){.pieces = pieces, .mask = slots - 1};
    index->slot = rl_alloc(slots * sizeof *index->slot);
    if (index->slot == NULL) return false;
    memset(index->slot, 0xff, slots * sizeof *index->slot);
    return true;
}

void rl_piece_index_free(rl_piece_index *index)
{
    rl_free(index->slot);
    index->slot = NULL;
}

/* The slot of that text, or the free one where it belongs. */
static uint32_t *slot_of(const rl_piece_index *index, const char *text, size_t n)
{
    for (size_t at = (size_t)rl_random_mix(rl_hash(text, n));; at++) {
        uint32_t *slot = &index->slot[at & index->mask];
        if (*slot == RL_PIECE_NONE) return slot;
        const rl_piece *p = &index->pieces[*slot];
        if (p->bytes == n && memcmp(p->text, text, n) == 0) return slot;
    }
}

uint32_t rl_piece_index_add(rl_piece_index *index, uint32_t id)
{
    uint32_t *slot = slot_of(index, index->pieces[id].text, index->pieces[id].bytes);
    if (*slot == RL_PIECE_NONE) {
        *slot = id;
        return RL_PIECE_NONE;
    }
    return *slot;
}

uint32_t rl_piece_index_find(const rl_piece_index *index, const char *text, size_t n_bytes)
{
    return *slot_of(index, text, n_bytes);
}

static bool merges(const rl_piece *p)
{
    return !p->added &&
           (p->type == RL_PIECE_NORMAL || p->type == RL_PIECE_USER_DEFINED || p->type == RL_PIECE_UNUSED);
}

const char *rl_piece_index_rule(const rl_piece_index *index, const char *left, size_t n_left,
                                const char *right, size_t n_right, rl_merge_rule *rule)
{
    char both[RL_PIECE_BYTES_MAX];
    if (n_left == 0 || n_right == 0) return "has an empty half";
    rule->left = rl_piece_index_find(index, left, n_left);
    rule->right = rl_piece_index_find(index, right, n_right);
    if (rule->left == RL_PIECE_NONE || rule->right == RL_PIECE_NONE)
        return rule->left == RL_PIECE_NONE ? "has a left half that is no piece"
                                           : "has a right half that is no piece";
    if (n_left > sizeof both || n_right > sizeof both - n_left)
        return "makes more than the 512 bytes of a piece";
    memcpy(both, left, n_left);
    memcpy(both + n_left, right, n_right);
    const uint32_t id = rl_piece_index_find(index, both, n_left + n_right);
    if (id == RL_PIECE_NONE) return "makes what is no piece";
    if (!merges(&index->pieces[rule->left]) || !merges(&index->pieces[rule->right]) ||
        !merges(&index->pieces[id]))
        return "has to do with a control, unknown, byte or added piece, which never merge";
    return NULL;
}
_Static_assert(RL_PIECE_BYTES_MAX == 512, "rl_piece_index_rule() says so in words");
