/* tokenizer_units.c - the tables of the units kernels, and the proofs that they rest on; merging of a short unit. */
#include "tokenizer/tokenizer_units.h"

#include "base/mem.h"

/* ---- Merging ---- */

/* A unit's symbols by the place they began at; merged ones are gone from `alive`. */
typedef struct {
    const rl_tokenizer *tok;
    const rl_units *u;
    uint64_t alive;                 /* bit i: a symbol begins at byte i */
    uint16_t symbol[RL_UNIT_MERGED];
    uint16_t made[RL_UNIT_MERGED];  /* what it makes with the next one, */
    uint32_t place[RL_UNIT_MERGED]; /* and rank << 6 | i of that, so that the least is the best and leftmost merge; NOWHERE */
} unit;
#define NOWHERE UINT32_MAX
_Static_assert(RL_UNIT_MERGED == 1 << 6, "unit.place");

static inline uint32_t place_of(uint32_t rank, size_t i)
{
    return rank == RL_UNIT_NONE ? NOWHERE : rank << 6 | (uint32_t)i;
}

static inline uint64_t above(size_t i) { return i < 63 ? ~(uint64_t)0 << (i + 1) : 0; }

/* Looks up what the symbols at i and j merge to. */
static inline void consider(unit *s, size_t i, size_t j)
{
    s->place[i] = NOWHERE;
    if (s->symbol[i] == RL_UNIT_NONE || s->symbol[j] == RL_UNIT_NONE) return;
    const rl_unit_made m = rl_unit_find_merge(s->u, s->symbol[i], s->symbol[j]);
    s->place[i] = place_of(m.rank, i);
    s->made[i] = m.id;
}

static void split(unit *s, const char *text, size_t n_bytes)
{
    size_t before = SIZE_MAX;
    bool before_ascii = false;
    for (size_t at = 0, step; at < n_bytes; before = at, at += step) {
        const uint8_t c = (uint8_t)text[at];
        const bool ascii = c < 0x80;
        if (ascii) {
            step = 1;
            s->symbol[at] = s->u->symbol[c];
        } else {
            uint32_t code;
            step = rl_unit_character(text + at, n_bytes - at, &code);
            const uint32_t symbol = rl_tokenizer_char_symbol(s->tok, code);
            s->symbol[at] = symbol & RL_SYMBOL_CHAR ? RL_UNIT_NONE : (uint16_t)symbol;
            for (size_t i = 1; i < step; i++) s->place[at + i] = NOWHERE;
        }
        s->alive |= (uint64_t)1 << at;
        s->place[at] = NOWHERE;
        if (before != SIZE_MAX && ascii && before_ascii) {
            const rl_unit_made m = s->u->ascii[(uint8_t)text[before]][c];
            s->place[before] = place_of(m.rank, before);
            s->made[before] = m.id;
        } else if (before != SIZE_MAX) {
            consider(s, before, at);
        }
        before_ascii = ascii;
    }
}

/* Does the best merge, the leftmost of several; false where there is none. */
static bool merge_best(unit *s, size_t n_bytes)
{
    uint32_t place = NOWHERE;
    for (size_t i = 0; i < n_bytes; i++) place = s->place[i] < place ? s->place[i] : place;
    if (place == NOWHERE) return false;
    const size_t best = place & (RL_UNIT_MERGED - 1);
    const size_t gone = (size_t)__builtin_ctzll(s->alive & above(best));
    s->alive &= ~((uint64_t)1 << gone);
    s->place[gone] = s->place[best] = NOWHERE;
    s->symbol[best] = s->made[best];
    const uint64_t after = s->alive & above(best), before = s->alive & (((uint64_t)1 << best) - 1);
    if (after != 0) consider(s, best, (size_t)__builtin_ctzll(after));
    if (before != 0) consider(s, (size_t)(63 - __builtin_clzll(before)), best);
    return true;
}

size_t rl_unit_merge_all(const rl_tokenizer *tok, const rl_units *u, const char *text, size_t n_bytes, uint32_t *ids,
                         uint64_t *steps)
{
    unit s; /* written by split() as far as it is read */
    s.tok = tok;
    s.u = u;
    s.alive = 0;
    split(&s, text, n_bytes);
    *steps += n_bytes;
    while (merge_best(&s, n_bytes)) *steps += n_bytes;
    rl_id_sink sink = {.ids = ids, .max = SIZE_MAX};
    for (uint64_t left = s.alive; left != 0; left &= left - 1) {
        const size_t at = (size_t)__builtin_ctzll(left);
        if (s.symbol[at] != RL_UNIT_NONE)
            rl_put_id(&sink, s.symbol[at]);
        else
            rl_unit_put_bytes(tok, &sink, text + at, n_bytes - at);
    }
    return sink.n;
}

/* ---- Tables ---- */

/* Slots, a power of two, at most half of which n entries fill; and the shift that takes a hash there. */
static size_t slots_for(size_t n, unsigned *shift, uint32_t *mask)
{
    unsigned bits = 4;
    while (((size_t)1 << bits) < 2 * n) bits++;
    *shift = 64 - bits;
    *mask = (uint32_t)(((size_t)1 << bits) - 1);
    return (size_t)1 << bits;
}

static bool applies(const rl_tokenizer *tok)
{
    bool user = false;
    for (size_t c = 0; c < RL_COUNT(tok->user_lead); c++) user = user || tok->user_lead[c];
    if (user || !tok->has_bytes || tok->has_unused || tok->n >= RL_UNIT_NONE) return false;
    if (rl_tokenizer_joint(tok, 0) != 0) return false;
    for (size_t i = 0; i <= tok->merge_mask; i++) {
        const rl_merge *m = &tok->merge[i];
        if (m->id == RL_SYMBOL_NONE) continue;
        if (m->left & RL_SYMBOL_CHAR || m->right & RL_SYMBOL_CHAR || m->rank >= RL_UNIT_NONE) return false;
    }
    return true;
}

static bool index_merges(rl_units *u, const rl_tokenizer *tok)
{
    size_t n = 0;
    for (size_t i = 0; i <= tok->merge_mask; i++) n += tok->merge[i].id != RL_SYMBOL_NONE;
    const size_t slots = slots_for(n, &u->merges_shift, &u->merges_mask);
    u->merges = rl_alloc(slots * sizeof *u->merges);
    if (u->merges == NULL) return false;
    for (size_t i = 0; i < slots; i++) u->merges[i] = (rl_unit_merge){0, RL_UNIT_NONE, RL_UNIT_NONE};
    for (size_t i = 0; i <= tok->merge_mask; i++) {
        const rl_merge *m = &tok->merge[i];
        if (m->id == RL_SYMBOL_NONE) continue;
        const uint32_t pair = m->left << 16 | m->right;
        const uint64_t hash = rl_unit_pair_hash(pair);
        const uint32_t bit = rl_unit_met_bit(hash);
        u->met[bit >> 6] |= (uint64_t)1 << (bit & 63);
        uint32_t at = (uint32_t)(hash >> u->merges_shift);
        while (u->merges[at & u->merges_mask].rank != RL_UNIT_NONE) at++;
        u->merges[at & u->merges_mask] = (rl_unit_merge){pair, (uint16_t)m->rank, (uint16_t)m->id};
    }
    return true;
}

/* What is known of ASCII characters without a look-up. */
static void index_ascii(rl_units *u, const rl_tokenizer *tok)
{
    u->mark = rl_tokenizer_joint(tok, RL_CODE_MARK);
    for (uint32_t x = 0; x < 128; x++) {
        const uint32_t symbol = rl_tokenizer_char_symbol(tok, x == ' ' ? RL_CODE_MARK : x);
        u->symbol[x] = symbol & RL_SYMBOL_CHAR ? RL_UNIT_NONE : (uint16_t)symbol;
        u->joint[x] = (uint16_t)rl_tokenizer_joint(tok, x);
    }
    u->mark_id = u->symbol[' '];
    for (uint32_t x = 0; x < 128; x++)
        for (uint32_t y = 0; y < 128; y++) {
            u->ascii[x][y] = (rl_unit_made){RL_UNIT_NONE, RL_UNIT_NONE};
            if (!rl_tokenizer_joins(tok, x, y)) {
                u->cuts[x][y] = 1;
            } else if (u->symbol[x] != RL_UNIT_NONE && u->symbol[y] != RL_UNIT_NONE) {
                u->ascii[x][y] = rl_unit_find_merge(u, u->symbol[x], u->symbol[y]);
            }
        }
}

/* A piece as texts spell it: the length, 0 where a unit of it would not be looked up. */
static size_t as_text(const rl_tokenizer *tok, uint32_t id, char out[RL_UNIT_KEY])
{
    const char *text = tok->text + tok->span[id].offset;
    size_t length = 0;
    for (size_t at = 0; at < tok->span[id].bytes; length++) {
        const bool mark = tok->span[id].bytes - at >= 3 && memcmp(text + at, RL_SPACE_MARK, 3) == 0;
        if (length == RL_UNIT_KEY || text[at] == ' ' || text[at] == '\0') return 0;
        out[length] = mark ? ' ' : text[at];
        at += mark ? 3 : 1;
    }
    return length;
}

static void enter(rl_units *u, const char *text, size_t length, uint32_t id)
{
    uint64_t key[2] = {0};
    memcpy(key, text, length);
    if (length <= 8) {
        uint32_t at = rl_unit_short_slot(u, key[0]);
        while (u->shorts[at & u->shorts_mask] != 0) at++;
        u->shorts[at & u->shorts_mask] = key[0];
        u->short_ids[at & u->shorts_mask] = (uint16_t)id;
    } else {
        uint32_t at = rl_unit_long_slot(u, key[0], key[1]);
        while (u->longs[at & u->longs_mask].low != 0) at++;
        u->longs[at & u->longs_mask] = (rl_unit_long){key[0], key[1], id, 0};
    }
}

/* Every piece whose own text merges to it, and every byte of ASCII that is one id. */
static bool index_known(rl_units *u, const rl_tokenizer *tok)
{
    char text[RL_UNIT_KEY];
    size_t n_short = 128, n_long = 0;
    for (uint32_t id = 0; id < tok->n; id++) {
        const size_t length = as_text(tok, id, text);
        n_short += length > 0 && length <= 8;
        n_long += length > 8;
    }
    const size_t shorts = slots_for(n_short, &u->shorts_shift, &u->shorts_mask);
    const size_t longs = slots_for(n_long, &u->longs_shift, &u->longs_mask);
    u->shorts = rl_alloc(shorts * sizeof *u->shorts);
    u->longs = rl_alloc(longs * sizeof *u->longs);
    u->short_ids = rl_alloc(shorts * sizeof *u->short_ids);
    if (u->shorts == NULL || u->short_ids == NULL || u->longs == NULL) return false;
    memset(u->short_ids, 0xff, shorts * sizeof *u->short_ids);
    for (size_t i = 0; i < longs; i++) u->longs[i].id = RL_UNIT_NONE;
    uint32_t ids[3 * RL_UNIT_KEY];
    uint64_t ignored = 0;
    for (uint32_t id = 0; id < tok->n; id++) {
        if (tok->type[id] != RL_PIECE_NORMAL && tok->type[id] != RL_PIECE_USER_DEFINED) continue;
        const size_t length = as_text(tok, id, text);
        if (length > 0 && rl_unit_merge_all(tok, u, text, length, ids, &ignored) == 1 && ids[0] == id)
            enter(u, text, length, id);
    }
    for (uint8_t c = 1; c < 128; c++)
        if (u->symbol[c] == RL_UNIT_NONE && c != ' ') enter(u, (const char *)&c, 1, tok->byte_id[c]);
    return true;
}

/* How many U+2581 a piece is, if it is nothing else; 0. */
static size_t marks(const rl_tokenizer *tok, uint32_t id)
{
    const rl_span span = tok->span[id];
    if (span.bytes % 3 != 0) return 0;
    for (size_t at = 0; at < span.bytes; at += 3)
        if (memcmp(tok->text + span.offset + at, RL_SPACE_MARK, 3) != 0) return 0;
    return span.bytes / 3;
}

static bool has_two_marks(const rl_tokenizer *tok, uint32_t id)
{
    static const char two[] = RL_SPACE_MARK RL_SPACE_MARK;
    return memmem(tok->text + tok->span[id].offset, tok->span[id].bytes, two, sizeof two - 1) != NULL;
}

/* The closed form for a run of spaces before a word: the last space merges with the word where it can, and what is left
 * of the run is cut from the left into pieces of run_max spaces and a rest. It holds where
 *   1. pieces of 1 to run_max spaces are all there, and no other piece has two U+2581 next to each other;
 *   2. every merge that makes a run comes after every merge that does not: so the word takes its space first;
 *   3. a run and a single space merge no later than two single spaces (the leftmost of several equals first): so
 *      the leftmost run grows to its full length before another begins. */
static void prove_runs(rl_units *u, const rl_tokenizer *tok)
{
    size_t most = 0, n = 0;
    uint32_t last_other = 0, first_run = UINT32_MAX, pair = UINT32_MAX;
    memset(u->run, 0xff, sizeof u->run);
    for (uint32_t id = 0; id < tok->n; id++) {
        if (tok->type[id] != RL_PIECE_NORMAL && tok->type[id] != RL_PIECE_USER_DEFINED) continue;
        const size_t length = marks(tok, id);
        if ((length == 0 && has_two_marks(tok, id)) || length > RL_UNIT_MERGED) return;
        if (length == 0) continue;
        u->run[length] = (uint16_t)id;
        most = length > most ? length : most;
        n++;
    }
    if (most < 2 || n != most) return;
    for (size_t i = 0; i <= tok->merge_mask; i++) {
        const rl_merge *m = &tok->merge[i];
        if (m->id == RL_SYMBOL_NONE) continue;
        const bool run = marks(tok, m->id) > 0;
        if (run && m->rank < first_run) first_run = m->rank;
        if (!run && m->rank > last_other) last_other = m->rank;
        if (m->left == u->run[1] && m->right == u->run[1]) pair = m->rank;
    }
    if (first_run <= last_other || pair == UINT32_MAX) return;
    for (size_t length = 2; length < most; length++) {
        const rl_unit_made m = rl_unit_find_merge(u, u->run[length], u->run[1]);
        if (m.rank == RL_UNIT_NONE || m.rank > pair) return;
    }
    u->run_max = most;
}

rl_status rl_units_open(rl_units **units, const rl_tokenizer *tok, rl_error *err)
{
    *units = NULL;
    if (!applies(tok)) return RL_OK;
    rl_units *u = rl_alloc(sizeof *u);
    if (u == NULL || !index_merges(u, tok)) goto no_memory;
    index_ascii(u, tok);
    if (!index_known(u, tok)) goto no_memory;
    prove_runs(u, tok);
    *units = u;
    return RL_OK;
no_memory:
    rl_units_close(u);
    return rl_fail(err, RL_ERR_MEMORY, "vocabulary: out of memory");
}

void rl_units_close(rl_units *units)
{
    if (units == NULL) return;
    rl_free(units->shorts);
    rl_free(units->short_ids);
    rl_free(units->longs);
    rl_free(units->merges);
    rl_free(units);
}
