/* model.c - opens the parts of a model in their order. */
#include "model.h"
#include "base/mem.h"
#include "gguf_vocab.h"

static rl_status open_tokenizer(rl_model *m, uint32_t cpu, rl_error *err)
{
    rl_vocab *vocab;
    rl_error why;
    rl_status status = rl_gguf_vocab(m->gguf, &vocab, err);
    if (status != RL_OK) return status;
    status = rl_tokenizer_open(&m->tokenizer, vocab, &why);
    if (status == RL_OK && rl_tokenizer_size(m->tokenizer) != m->llama.config.n_vocab)
        status = rl_fail(&why, RL_ERR_FORMAT, "a vocabulary of %zu for an embedding of %zu rows",
                         rl_tokenizer_size(m->tokenizer), m->llama.config.n_vocab);
    if (status == RL_OK)
        status =
            rl_tokenizer_ctx_open(&m->encode, m->tokenizer, rl_tokenizer_kernel_find(NULL, cpu), 0, &why);
    rl_gguf_vocab_free(vocab);
    if (status != RL_OK) rl_fail(err, status, "%s: %.400s", rl_gguf_path(m->gguf), why.text);
    return status;
}

rl_status rl_model_open(rl_model *m, const char *path, uint32_t cpu, rl_error *err)
{
    *m = (rl_model){0};
    rl_status status = rl_gguf_open(&m->gguf, path, err);
    if (status == RL_OK) status = rl_llama_open(&m->llama, m->gguf, err);
    if (status == RL_OK) status = open_tokenizer(m, cpu, err);
    if (status != RL_OK) rl_model_close(m);
    return status;
}

void rl_model_close(rl_model *m)
{
    rl_tokenizer_ctx_close(m->encode);
    rl_tokenizer_close(m->tokenizer);
    rl_llama_close(&m->llama);
    rl_gguf_close(m->gguf);
    *m = (rl_model){0};
}

rl_status rl_model_encode(rl_model *m, const char *text, size_t n_bytes, uint32_t **ids, size_t *n_ids,
                          rl_error *err)
{
    const unsigned flags = rl_tokenizer_flags(m->tokenizer);
    const size_t room = rl_tokenizer_max_ids(m->tokenizer, n_bytes, flags);
    *ids = rl_alloc((room > 0 ? room : 1) * sizeof **ids);
    if (*ids == NULL)
        return rl_fail(err, RL_ERR_MEMORY, "out of memory for the ids of %zu bytes of text", n_bytes);
    rl_status status = rl_tokenizer_encode(m->encode, text, n_bytes, flags, *ids, room, n_ids, err);
    if (status != RL_OK) {
        rl_free(*ids);
        *ids = NULL;
    }
    return status;
}
