/* tokenizer_cut.c - where a stretch of text falls apart: no merge can reach across. */
#include "tokenizer/tokenizer_plan.h"

/* Whether what is encoded in one place can depend on text anywhere else. */
static bool indivisible(const rl_tokenizer *tok)
{
    /* An unused piece is split as it was last merged, somewhere in the text; a user-defined one that the kernel takes
     * from the text may begin before any place and reach over it. */
    return tok->has_unused || (tok->mode == RL_MODE_SENTENCEPIECE && tok->reach[RL_PIECE_USER_DEFINED] > 0);
}

/* Mode LLAMA_CPP: whether none of the bytes before `at` can take bytes behind it along, whatever they belong to. Places
 * are in the raw text: in the normalized one, where a space has three bytes, they are further apart, if anything. */
static bool is_step(const char *text, size_t at)
{
    static const uint8_t announced[16] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 3, 4};
    for (size_t back = 1; back <= 3 && back <= at; back++)
        if (announced[(uint8_t)text[at - back] >> 4] > back) return false;
    return true;
}

/* A character, or a byte of none: length 0 then. */
typedef struct {
    size_t length;
    uint32_t code;
} character;

static character character_at(const char *text, size_t length)
{
    return (character){length, length == 0      ? 0xfffd
                               : text[0] == ' ' ? RL_CODE_MARK
                                                : rl_utf8_code(text, length)};
}

static bool is_unknown(const rl_tokenizer *tok, uint32_t code)
{
    return (rl_tokenizer_char_symbol(tok, code) & RL_SYMBOL_CHAR) != 0;
}

static bool may_cut(const rl_tokenizer *tok, const char *text, size_t at, character x, character y)
{
    if (rl_tokenizer_joins(tok, x.code, y.code)) return false;
    /* Two unknown characters share one id. */
    if (!tok->has_bytes && is_unknown(tok, x.code) && is_unknown(tok, y.code)) return false;
    if (tok->mode != RL_MODE_LLAMA_CPP) return true;
    return x.length > 0 && y.length > 0 && is_step(text, at - x.length) && is_step(text, at);
}

size_t rl_tokenizer_cut(const rl_tokenizer *tok, const char *text, size_t n_bytes, size_t at)
{
    if (at == 0) at = 1;
    if (at >= n_bytes || indivisible(tok)) return n_bytes;
    while (!rl_utf8_boundary(text, n_bytes, at)) at++;
    if (at >= n_bytes) return n_bytes;
    const size_t before = rl_utf8_length_before(text, at);
    character x = character_at(text + at - before, before);
    while (at < n_bytes) {
        const character y = character_at(text + at, rl_utf8_length(text + at, n_bytes - at));
        if (may_cut(tok, text, at, x, y)) return at;
        at += y.length > 0 ? y.length : 1;
        x = y;
    }
    return n_bytes;
}
