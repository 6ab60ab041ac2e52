/* fuzz_vocab.h - what must hold of whatever a reader of vocabularies returned. */
#ifndef FUZZ_VOCAB_H
#define FUZZ_VOCAB_H

#include "tokenizer/tokenizer.h"

#include <stdio.h>
#include <stdlib.h>

static inline void fuzz_must(bool holds, const char *what)
{
    if (holds) return;
    fprintf(stderr, "%s\n", what);
    abort();
}

static inline void fuzz_vocab(rl_status status, const rl_vocab *vocab, rl_error *err)
{
    if (status != RL_OK) {
        fuzz_must(vocab == NULL, "refused, and a vocabulary handed out");
        fuzz_must(err->text[0] != '\0' && err->status == status, "refused without a word");
        return;
    }
    unsigned sum = 0;
    for (size_t i = 0; i < vocab->n; i++)
        for (uint32_t k = 0; k < vocab->pieces[i].bytes; k++) sum += (uint8_t)vocab->pieces[i].text[k];
    for (size_t i = 0; i < vocab->n_merges; i++)
        fuzz_must(vocab->merges[i].left < vocab->n && vocab->merges[i].right < vocab->n,
                  "a merge of no piece");
    rl_tokenizer *tok;
    err->text[0] = '\0';
    if (rl_tokenizer_open(&tok, vocab, err) != RL_OK) {
        fuzz_must(tok == NULL && err->text[0] != '\0', "not opened, and without a word");
        return;
    }
    size_t n;
    rl_tokenizer_ctx *ctx;
    fuzz_must(rl_tokenizer_ctx_open(&ctx, tok, rl_tokenizer_kernel_find(NULL, 0), 0, err) == RL_OK,
              err->text);
    static const char text[] = "a b</s>ab \xe4\xb8\xad\xff";
    uint32_t ids[128];
    const rl_status encoded = rl_tokenizer_encode(ctx, text, sizeof text - 1, 0, ids, RL_COUNT(ids), &n, err);
    fuzz_must(encoded == RL_OK && n <= rl_tokenizer_max_ids(tok, sizeof text - 1, 0),
              "a short text is not encoded");
    rl_tokenizer_ctx_close(ctx);
    rl_tokenizer_close(tok);
    (void)sum; /* of bytes that must be there */
}

#endif
