/* tokenizer_merges.c - what merges to what: listed from the pieces (or the vocabulary's own rules), entered into a table,
 * and summed up in which two characters some merge meets at. */
#include "tokenizer/tokenizer_tables.h"

#include "base/mem.h"

/* Above these, joins would take more than 8 MiB; and a table of rules more than a file that makes sense needs. */
enum { JOINTS_MAX = 8191, MERGES_MAX = 1 << 26 };

typedef struct {
    rl_merge *merges; /* owned */
    size_t n;
} list;

static rl_status out_of_memory(rl_error *err)
{
    return rl_fail(err, RL_ERR_MEMORY, "vocabulary: out of memory");
}

uint32_t rl_tokenizer_symbol(const rl_tokenizer *tok, const char *text, size_t n)
{
    if (rl_utf8_length(text, n) == n) return rl_tokenizer_char_symbol(tok, rl_utf8_code(text, n));
    return rl_tokenizer_lookup(tok, RL_CLASS_MERGED, text, n);
}

/* ---- Merges by scores: every way to cut a piece in two symbols ---- */

static void cut_piece(const rl_tokenizer *tok, uint32_t id, list *l)
{
    const char *text = tok->text + tok->span[id].offset;
    const size_t n = tok->span[id].bytes;
    for (size_t at = rl_utf8_expected((uint8_t)text[0]); at < n; at += rl_utf8_expected((uint8_t)text[at])) {
        const uint32_t left = rl_tokenizer_symbol(tok, text, at);
        if (left == RL_SYMBOL_NONE) continue;
        const uint32_t right = rl_tokenizer_symbol(tok, text + at, n - at);
        if (right != RL_SYMBOL_NONE) l->merges[l->n++] = (rl_merge){left, right, id, tok->rank[id]};
    }
}

static rl_status cut_pieces(const rl_tokenizer *tok, list *l, rl_error *err)
{
    size_t most = 1; /* a cut before every byte */
    for (uint32_t id = 0; id < tok->n; id++) most += tok->span[id].bytes - 1;
    l->merges = rl_alloc(most * sizeof *l->merges);
    if (l->merges == NULL) return out_of_memory(err);
    for (uint32_t id = 0; id < tok->n; id++)
        if (rl_piece_class_of(tok->type[id]) == RL_CLASS_MERGED) cut_piece(tok, id, l);
    return RL_OK;
}

/* ---- Merges by rules, in their order ---- */

static rl_status refuse_rule(const rl_vocab *v, size_t i, const char *what, rl_error *err)
{
    return rl_fail(err, RL_ERR_FORMAT, "vocabulary: merge %zu (of ids %u and %u) %s", i, v->merges[i].left,
                   v->merges[i].right, what);
}

static rl_status take_rule(const rl_tokenizer *tok, const rl_vocab *v, size_t i, list *l, rl_error *err)
{
    char text[2 * RL_PIECE_BYTES_MAX];
    const rl_merge_rule r = v->merges[i];
    if (r.left >= v->n || r.right >= v->n) return refuse_rule(v, i, "is of ids past the end", err);
    if (rl_piece_class_of(tok->type[r.left]) != RL_CLASS_MERGED ||
        rl_piece_class_of(tok->type[r.right]) != RL_CLASS_MERGED)
        return refuse_rule(v, i, "is of a control, unknown, byte or added piece", err);
    const rl_span a = tok->span[r.left], b = tok->span[r.right];
    memcpy(text, tok->text + a.offset, a.bytes);
    memcpy(text + a.bytes, tok->text + b.offset, b.bytes);
    const uint32_t id = rl_tokenizer_lookup(tok, RL_CLASS_MERGED, text, (size_t)a.bytes + b.bytes);
    if (id == RL_SYMBOL_NONE) return refuse_rule(v, i, "makes what is no piece", err);
    l->merges[l->n++] = (rl_merge){r.left, r.right, id, (uint32_t)i};
    return RL_OK;
}

static rl_status take_rules(const rl_tokenizer *tok, const rl_vocab *v, list *l, rl_error *err)
{
    if (v->n_merges > MERGES_MAX)
        return rl_fail(err, RL_ERR_FORMAT, "vocabulary has %zu merges, at most %d are allowed", v->n_merges,
                       MERGES_MAX);
    l->merges = rl_alloc((v->n_merges + 1) * sizeof *l->merges);
    if (l->merges == NULL) return out_of_memory(err);
    rl_status status = RL_OK;
    for (size_t i = 0; i < v->n_merges && status == RL_OK; i++) status = take_rule(tok, v, i, l, err);
    return status;
}

/* ---- The table ---- */

static rl_status enter(rl_tokenizer *tok, const rl_vocab *v, const list *l, rl_error *err)
{
    size_t slots = 16;
    while (slots < 2 * l->n) slots *= 2; /* half full at most */
    tok->merge = rl_alloc(slots * sizeof *tok->merge);
    if (tok->merge == NULL) return out_of_memory(err);
    memset(tok->merge, 0xff, slots * sizeof *tok->merge);
    tok->merge_mask = slots - 1;
    for (size_t i = 0; i < l->n; i++) {
        const rl_merge m = l->merges[i];
        size_t at = rl_merge_hash(m.left, m.right);
        for (; tok->merge[at & tok->merge_mask].id != RL_SYMBOL_NONE; at++) {
            const rl_merge *other = &tok->merge[at & tok->merge_mask];
            if (other->left == m.left && other->right == m.right) /* of rules only: one string, one piece, one cut */
                return refuse_rule(v, m.rank, "is there twice", err);
        }
        tok->merge[at & tok->merge_mask] = m;
    }
    return RL_OK;
}

/* ---- Where merges meet ---- */

static uint32_t first_of(const rl_tokenizer *tok, uint32_t symbol)
{
    if (symbol & RL_SYMBOL_CHAR) return symbol & ~RL_SYMBOL_CHAR;
    const char *text = tok->text + tok->span[symbol].offset;
    return rl_utf8_code(text, rl_utf8_expected((uint8_t)text[0]));
}

static uint32_t last_of(const rl_tokenizer *tok, uint32_t symbol)
{
    if (symbol & RL_SYMBOL_CHAR) return symbol & ~RL_SYMBOL_CHAR;
    const char *text = tok->text + tok->span[symbol].offset;
    size_t at = tok->span[symbol].bytes - 1;
    while (((uint8_t)text[at] & 0xc0) == 0x80) at--;
    return rl_utf8_code(text + at, tok->span[symbol].bytes - at);
}

/* From here on the merges of the list are characters: the last one on the left and the first one on the right. */
static void reduce(const rl_tokenizer *tok, list *l)
{
    for (size_t i = 0; i < l->n; i++) {
        l->merges[i].left = last_of(tok, l->merges[i].left);
        l->merges[i].right = first_of(tok, l->merges[i].right);
    }
}

static void number(rl_tokenizer *tok, uint32_t code, size_t *n)
{
    uint16_t *joint = &tok->joint[tok->joint_page[code >> 8]][code & 255];
    if (*joint == 0) *joint = *n < JOINTS_MAX ? (uint16_t)++*n : JOINTS_MAX;
}

/* Numbers the characters from *n = 0 up: the pages of the table first, then their entries. */
static rl_status number_all(rl_tokenizer *tok, const list *l, size_t *n, rl_error *err)
{
    uint16_t n_pages = 1;
    tok->joint_page[0] = n_pages++; /* ASCII has a page, for the space */
    for (size_t i = 0; i < l->n; i++) {
        uint16_t *pages[] = {&tok->joint_page[l->merges[i].left >> 8], &tok->joint_page[l->merges[i].right >> 8]};
        for (size_t k = 0; k < RL_COUNT(pages); k++)
            if (*pages[k] == 0) *pages[k] = n_pages++;
    }
    tok->joint = rl_alloc(n_pages * sizeof *tok->joint);
    if (tok->joint == NULL) return out_of_memory(err);
    for (size_t i = 0; i < l->n; i++) {
        number(tok, l->merges[i].left, n);
        number(tok, l->merges[i].right, n);
    }
    tok->joint[tok->joint_page[0]][' '] = (uint16_t)rl_tokenizer_joint(tok, RL_CODE_MARK);
    return RL_OK;
}

static rl_status join(rl_tokenizer *tok, list *l, rl_error *err)
{
    size_t n = 0;
    reduce(tok, l);
    rl_status status = number_all(tok, l, &n, err);
    if (status != RL_OK || n == JOINTS_MAX) return status; /* so many: any two may join */
    const size_t row = n / 64 + 1;
    tok->joins = rl_alloc((n + 1) * row * sizeof *tok->joins);
    if (tok->joins == NULL) return out_of_memory(err);
    tok->joins_row = row;
    for (size_t i = 0; i < l->n; i++) {
        const uint32_t x = rl_tokenizer_joint(tok, l->merges[i].left), y = rl_tokenizer_joint(tok, l->merges[i].right);
        tok->joins[x * row + (y >> 6)] |= (uint64_t)1 << (y & 63);
    }
    return RL_OK;
}

rl_status rl_merges_open(rl_tokenizer *tok, const rl_vocab *v, rl_error *err)
{
    list l = {0};
    rl_status status = tok->by_rule ? take_rules(tok, v, &l, err) : cut_pieces(tok, &l, err);
    if (status == RL_OK) status = enter(tok, v, &l, err);
    if (status == RL_OK) status = join(tok, &l, err);
    rl_free(l.merges);
    return status;
}
