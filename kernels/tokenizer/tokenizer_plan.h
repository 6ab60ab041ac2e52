/* tokenizer_plan.h - a text as jobs that do not see each other; for the files of this folder only.
 *
 * A job is one id (bos, eos, a special or user-defined piece found in the text) or a stretch of text that a kernel
 * encodes by itself. The ids of a text are those of its jobs, one after another: whoever encodes on several threads,
 * or again from the middle, does so by jobs. Stretches end where the rules of rl_tokenizer_mode say, and, where a
 * longest length is given, at places where no merge can reach across (rl_tokenizer_cut). */
#ifndef RL_TOKENIZER_PLAN_H
#define RL_TOKENIZER_PLAN_H

#include "tokenizer/tokenizer_tables.h"

typedef struct {
    size_t from, to; /* of the text, in bytes; a job of an id covers the piece that was found, bos and eos nothing */
    uint32_t id;     /* RL_SYMBOL_NONE: a stretch */
    bool prefix;     /* a U+2581 stands before the stretch; alone where from == to */
} rl_job;

typedef struct {
    const rl_tokenizer *tok;
    const char *text;
    size_t n_bytes;
    unsigned flags;
    size_t at; /* of the text, what is planned */
    /* The rest is the plan's own. */
    size_t section, section_end; /* the section that `at` is in */
    bool in_section, prefix, ended;
} rl_plan;

/* Begins at `from`: 0, or the end of an earlier plan's job over the same beginning of a text. */
rl_plan rl_plan_begin(const rl_tokenizer *tok, const char *text, size_t n_bytes, unsigned flags);

/* The next job; false where there is none. Stretches are of about `longest` bytes, longer only where no place to cut
 * comes sooner. */
bool rl_plan_next(rl_plan *plan, size_t longest, rl_job *job);

/* The first place at or after `at` of text [n_bytes] where the ids before and after it do not depend on each other:
 * no piece that merging makes has the two characters on its sides next to each other. n_bytes where there is none. */
size_t rl_tokenizer_cut(const rl_tokenizer *tok, const char *text, size_t n_bytes, size_t at);

#endif
