/* tokenizer_units_scalar.c - encoding by units: a look-up for every two bytes says whether one ends between them. */
#include "tokenizer/tokenizer_units_walk.h"

#define MAX_BYTES ((size_t)UINT32_MAX - 2) /* the heap's */

/* Where units start among 64 characters of ASCII; the first is for the caller to judge. */
static uint64_t ascii_starts(const rl_units *u, const uint8_t *p)
{
    uint64_t mask = 0;
    for (size_t i = 0; i < RL_BLOCK; i += 8) {
        uint64_t bits = i > 0 ? u->cuts[p[i - 1]][p[i]] : 0;
        for (size_t k = 1; k < 8; k++) bits |= (uint64_t)u->cuts[p[i + k - 1]][p[i + k]] << k;
        mask |= bits << i;
    }
    return mask;
}

static bool is_ascii(const uint8_t *p)
{
    uint64_t word, all = 0;
    for (size_t i = 0; i < RL_BLOCK; i += sizeof word) {
        memcpy(&word, p + i, sizeof word);
        all |= word;
    }
    return (all & 0x8080808080808080u) == 0;
}

static size_t scan(const rl_walk *w, rl_scan *s, uint32_t *start)
{
    const uint8_t *p = (const uint8_t *)w->text + s->at;
    if (w->n_bytes - s->at < RL_BLOCK || !is_ascii(p)) return rl_scan_characters(w, s, start);
    const uint64_t first = !rl_joint_numbers(w->tok, s->before, w->u->joint[p[0]]);
    const size_t n = rl_scan_put(ascii_starts(w->u, p) | first, s->at, start);
    s->before = w->u->joint[p[RL_BLOCK - 1]];
    s->at += RL_BLOCK;
    return n;
}

static size_t encode(const rl_tokenizer *tok, void *restrict scratch, const char *restrict text, size_t n_bytes,
                     bool prefix, uint32_t *restrict ids, size_t max_ids, rl_tokenizer_work *restrict work)
{
    return rl_units_encode(tok, scratch, text, n_bytes, prefix, ids, max_ids, work, scan);
}

static void forget(const rl_tokenizer *tok, void *scratch)
{
    (void)tok;
    rl_units_forget(scratch);
}

static const rl_tokenizer_kernel rows[] = {
    {{"tokenizer_units_scalar", RL_SCALAR, 0}, "units", MAX_BYTES, rl_units_scratch_bytes, encode, forget},
};
const rl_tokenizer_table rl_tokenizer_units_scalar = {rows, RL_COUNT(rows)};
