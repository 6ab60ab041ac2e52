/* tokenizer_plan.h - a text as jobs that do not see each other; for the files of this folder only.
 *
 * A job is one id (bos, eos, a special or user-defined piece found in the text) or a stretch of text that a kernel
 * encodes by itself. The ids of a text are those of its jobs, one after another: whoever encodes on several threads,
 * or again from the middle, does so by jobs. Stretches end where the rules of rl_tokenizer_mode say, and, where a
 * longest length is given, at places where no merge can reach across (rl_tokenizer_cut). */
#ifndef RL_TOKENIZER_PLAN_H
#define RL_TOKENIZER_PLAN_H

#include "tokenizer/tokenizer_finder.h"

typedef struct {
    size_t from,
        to; /* of the text, in bytes; a job of an id covers the piece that was found, bos and eos nothing */
    uint32_t id; /* RL_SYMBOL_NONE: a stretch */
    bool prefix; /* a U+2581 stands before the stretch; alone where from == to */
} rl_job;

typedef struct {
    const rl_tokenizer *tok;
    const char *text;
    size_t n_bytes;
    unsigned flags;
    const uint32_t *marks;
    size_t at;  /* of the text, what is planned */
    bool fresh; /* a section begins there */
    /* The rest is the plan's own. */
    bool begun, ended;
    bool has_outer, has_inner; /* looked for, not: found */
    rl_found outer, inner;     /* the piece that ends the section; the one within it that is next */
} rl_plan;

/* `marks`: of rl_plan_mark, where rl_plan_by_length says so; else NULL. */
rl_plan rl_plan_begin(const rl_tokenizer *tok, const char *text, size_t n_bytes, unsigned flags,
                      const uint32_t *marks);

/* Goes on where an earlier plan over the same text, up to there and `reach` bytes further, stood at `at` and `fresh`.
 * Not where rl_plan_by_length. */
rl_plan rl_plan_resume(const rl_tokenizer *tok, const char *text, size_t n_bytes, unsigned flags, size_t at,
                       bool fresh);

/* How far behind a place the text can matter for what is planned up to there. */
size_t rl_plan_reach(const rl_tokenizer *tok, unsigned flags);

/* The next job; false where there is none. Stretches are of about `longest` bytes, longer only where no place to cut
 * comes sooner. */
bool rl_plan_next(rl_plan *plan, size_t longest, rl_job *job);

/* The first place in [at, limit) of the text where plans of what is before and behind (resumed there, not fresh) give
 * the ids of the whole; n_bytes where there is none, or where only a look at the whole text can tell. */
size_t rl_plan_split(const rl_tokenizer *tok, const char *text, size_t n_bytes, unsigned flags, size_t at,
                     size_t limit);

/* Mode LLAMA_CPP where pieces can overlap each other: longer ones come first wherever they are, and the whole text has
 * to be looked through. Marks [n_bytes] then tell where pieces are: id + 1 where one begins, 0 in text. */
bool rl_plan_by_length(const rl_tokenizer *tok, unsigned flags);
void rl_plan_mark(const rl_tokenizer *tok, const char *text, size_t n_bytes, unsigned flags, uint32_t *marks);

/* Whether any piece is in the text that is to be looked for in it as spelled. */
bool rl_plan_finds(const rl_tokenizer *tok, const char *text, size_t n_bytes, unsigned flags);

/* The first place at or after `at`, and after 0, of text [n_bytes] where the ids before and after it do not depend on
 * each other: no merge has the two characters on its sides next to each other. n_bytes where there is none. The text
 * is a stretch, or begins and ends as one. */
size_t rl_tokenizer_cut(const rl_tokenizer *tok, const char *text, size_t n_bytes, size_t at);

/* What the plan knows of a vocabulary. */
typedef struct rl_plan_tables rl_plan_tables;
rl_status rl_plan_tables_open(rl_plan_tables **tables, const rl_tokenizer *tok, const rl_vocab *vocab,
                              rl_error *err);
void rl_plan_tables_close(rl_plan_tables *tables); /* NULL is fine */

/* ---- Of a context, for those who encode by jobs ---- */

/* Refuses flags that the vocabulary or its mode cannot serve. */
rl_status rl_tokenizer_check_flags(const rl_tokenizer *tok, unsigned flags, rl_error *err);

/* Makes room for stretches of n_bytes. */
rl_status rl_tokenizer_ctx_room(rl_tokenizer_ctx *ctx, size_t n_bytes, rl_error *err);

/* Encodes a job of `text` that there is room for; as a kernel does. */
size_t rl_tokenizer_ctx_job(rl_tokenizer_ctx *ctx, const char *text, const rl_job *job, uint32_t *ids,
                            size_t max_ids);

#endif
