/* util_plan.c - special pieces by the letter of the rules. */
#include "util_plan.h"

#include "tokenizer/tokenizer_tables.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static void *checked(void *p)
{
    assert_non_null(p);
    return p;
}

unsigned util_plan_flags(rl_tokenizer_mode mode, unsigned i)
{
    return i % (mode == RL_MODE_SENTENCEPIECE ? 4 : 8);
}

/* ---- Vocabularies and texts ---- */

static bool is_reserved(int32_t type)
{
    return type == RL_PIECE_CONTROL || type == RL_PIECE_UNKNOWN || type == RL_PIECE_BYTE;
}

static void add_fresh(util_vocab *v, int32_t type, const char *text, size_t n)
{
    for (size_t i = 0; i < v->vocab.n; i++)
        if (is_reserved(v->pieces[i].type) == is_reserved(type) && v->pieces[i].bytes == n &&
            memcmp(v->pieces[i].text, text, n) == 0)
            return;
    util_vocab_add(v, type, 3, text, n);
}

util_vocab util_plan_vocab(util_rng *rng, rl_tokenizer_mode mode)
{
    static const char *const alike[] = {"<", "a", "b", ">", " ", "\xe2\x96\x81", "\xc3\xa9"};
    static const int32_t types[] = {RL_PIECE_CONTROL, RL_PIECE_CONTROL, RL_PIECE_UNKNOWN,
                                    RL_PIECE_USER_DEFINED};
    util_vocab v = util_vocab_random(rng);
    v.vocab.mode = mode;
    const size_t letters = 1 + util_below(rng, RL_COUNT(alike));
    for (size_t n = util_below(rng, 6); n > 0; n--) {
        char text[32];
        size_t bytes = 0;
        if (util_below(rng, 2) == 0) text[bytes++] = '<';
        for (size_t i = 1 + util_below(rng, 4); i > 0; i--) {
            const char *part = alike[util_below(rng, letters)];
            memcpy(text + bytes, part, strlen(part));
            bytes += strlen(part);
        }
        add_fresh(&v, types[util_below(rng, RL_COUNT(types))], text, bytes);
    }
    if (util_below(rng, 16) == 0) add_fresh(&v, RL_PIECE_CONTROL, "\x96\x81", 2); /* of no UTF-8 */
    if (util_below(rng, 16) == 0) add_fresh(&v, RL_PIECE_CONTROL, "\xef\xbf\xbd<", 4);
    for (size_t i = 0; i < v.vocab.n; i++) v.pieces[i].normalized = util_below(rng, 2) == 0;
    for (size_t i = 0; i < v.vocab.n; i++) v.pieces[i].added = util_below(rng, 3) == 0;
    return v;
}

size_t util_plan_text(const util_vocab *v, util_rng *rng, char *out, size_t max)
{
    const size_t length = util_below(rng, max - 64);
    size_t n = 0;
    while (n < length) {
        const rl_piece *p = &v->pieces[util_below(rng, v->vocab.n)];
        switch (util_below(rng, 5)) {
        case 0:
        case 1:
            n += util_text_random(rng, out + n, 5 + util_below(rng, 20));
            break;
        case 2:
            out[n++] = ' ';
            break;
        default:
            if (p->type == RL_PIECE_BYTE) p = &v->pieces[util_below(rng, 3)];
            memcpy(out + n, p->text, p->bytes);
            n += p->bytes;
        }
    }
    return n;
}

/* ---- Ids ---- */

typedef struct {
    const util_vocab *v;
    const rl_tokenizer *tok;
    const rl_tokenizer_kernel *kernel;
    unsigned flags;
    uint32_t *ids;
    size_t n;
} encoder;

static void put(encoder *e, uint32_t id) { e->ids[e->n++] = id; }

static void put_text(encoder *e, const char *text, size_t n_bytes, bool prefix)
{
    rl_tokenizer_work work = {0};
    void *scratch = checked(rl_alloc(e->kernel->scratch_bytes(e->tok, n_bytes)));
    if (n_bytes > 0)
        e->n +=
            e->kernel->encode(e->tok, scratch, text, n_bytes, prefix, e->ids + e->n, 8 * n_bytes + 8, &work);
    rl_free(scratch);
}

static bool is_special(const encoder *e, const rl_piece *p)
{
    return p->type == RL_PIECE_USER_DEFINED ||
           (e->flags & RL_ENCODE_SPECIAL && (p->type == RL_PIECE_CONTROL || p->type == RL_PIECE_UNKNOWN));
}

/* A piece's spelling, normalized with the prefix where that is asked for. */
static size_t spell(const encoder *e, const rl_piece *p, bool normalized, char *out)
{
    if (normalized)
        return rl_tokenizer_normalize(e->tok, p->text, p->bytes, e->v->vocab.add_space_prefix, out);
    memcpy(out, p->text, p->bytes);
    return p->bytes;
}

/* The longest special piece that text begins with; its spelling's length, and 0 where there is none. */
static size_t longest(const encoder *e, const char *text, size_t n_bytes, bool normalized, uint32_t *id)
{
    size_t best = 0;
    for (uint32_t i = 0; i < e->v->vocab.n; i++) {
        char spelled[256];
        const rl_piece *p = &e->v->pieces[i];
        if (!is_special(e, p) || p->normalized != normalized) continue;
        const size_t n = spell(e, p, normalized, spelled);
        if (n <= best || n > n_bytes || memcmp(spelled, text, n) != 0) continue;
        best = n;
        *id = i;
    }
    return best;
}

static void hf_section(encoder *e, const char *text, size_t n_bytes)
{
    if (n_bytes == 0) return;
    char *norm = checked(malloc(3 * (n_bytes + 1)));
    const size_t n = rl_tokenizer_normalize(e->tok, text, n_bytes, e->v->vocab.add_space_prefix, norm);
    size_t begin = 0;
    for (size_t at = 0; at <= n; at++) {
        uint32_t id;
        const size_t found = longest(e, norm + at, n - at, true, &id);
        if (found == 0 && at < n) continue;
        put_text(e, norm + begin, at - begin, false);
        if (found > 0) put(e, id);
        begin = at + found;
        at = found > 0 ? begin - 1 : at;
    }
    free(norm);
}

static void hf_text(encoder *e, const char *text, size_t n_bytes)
{
    size_t begin = 0;
    for (size_t at = 0; at < n_bytes;) {
        uint32_t id;
        const size_t found = longest(e, text + at, n_bytes - at, false, &id);
        if (found > 0) {
            hf_section(e, text + begin, at - begin);
            put(e, id);
            begin = at + found;
        }
        at += found > 0 ? found : 1;
    }
    hf_section(e, text + begin, n_bytes - begin);
}

/* The text between the pieces that came before `turn` in the order of length: the piece whose turn it is, then the
 * next, in what is left and right of it. */
static void llama_cpp_text(encoder *e, const uint32_t *order, size_t n_order, const char *text,
                           size_t n_bytes)
{
    if (n_bytes == 0) return;
    if (n_order == 0) {
        put_text(e, text, n_bytes, e->v->vocab.add_space_prefix);
        return;
    }
    const rl_piece *p = &e->v->pieces[order[0]];
    for (size_t at = 0; at + p->bytes <= n_bytes; at++)
        if (memcmp(text + at, p->text, p->bytes) == 0) {
            llama_cpp_text(e, order + 1, n_order - 1, text, at);
            put(e, order[0]);
            llama_cpp_text(e, order, n_order, text + at + p->bytes, n_bytes - at - p->bytes);
            return;
        }
    llama_cpp_text(e, order + 1, n_order - 1, text, n_bytes);
}

static void llama_cpp(encoder *e, const char *text, size_t n_bytes)
{
    uint32_t *order = checked(malloc(e->v->vocab.n * sizeof *order));
    size_t n = 0;
    for (size_t length = RL_PIECE_BYTES_MAX; length > 0; length--)
        for (uint32_t i = 0; i < e->v->vocab.n; i++)
            if (e->v->pieces[i].bytes == length && is_special(e, &e->v->pieces[i])) order[n++] = i;
    llama_cpp_text(e, order, n, text, n_bytes);
    free(order);
}

uint32_t *util_plan_ids(const util_vocab *v, const rl_tokenizer *tok, const char *text, size_t n_bytes,
                        unsigned flags, size_t *n_ids)
{
    encoder e = {v, tok, rl_tokenizer_kernel_find("heap", 0), flags, checked(malloc((16 * n_bytes + 64) * 4)),
                 0};
    if (flags & RL_ENCODE_BOS) put(&e, v->vocab.bos);
    switch (v->vocab.mode) {
    case RL_MODE_HF:
        hf_text(&e, text, n_bytes);
        break;
    case RL_MODE_SENTENCEPIECE:
        put_text(&e, text, n_bytes, v->vocab.add_space_prefix);
        break;
    case RL_MODE_LLAMA_CPP:
        llama_cpp(&e, text, n_bytes);
        break;
    }
    if (flags & RL_ENCODE_EOS) put(&e, v->vocab.eos);
    *n_ids = e.n;
    return e.ids;
}
