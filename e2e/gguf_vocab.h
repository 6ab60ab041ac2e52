/* gguf_vocab.h - the vocabulary of a model file, as the tokenizer takes it. */
#ifndef RL_GGUF_VOCAB_H
#define RL_GGUF_VOCAB_H

#include "gguf.h"
#include "tokenizer/tokenizer.h"

/* The tokenizer.ggml.* keys of a file whose tokenizer.ggml.model is "llama" (SentencePiece BPE). tokens,
 * scores and token_type are required and of one length; where they are absent, bos, eos and unk are 1, 2 and
 * 0, add_bos_token and add_space_prefix true, add_eos_token false: what llama.cpp assumes for such files.
 * Where the scores order no merges, since all pieces of several characters have the same, tokenizer.ggml.merges does,
 * if it is there. The mode is HF; the caller may set another. The texts are borrowed from g. Whether the pieces make
 * sense, rl_tokenizer_open decides.
 * Errors: RL_ERR_FORMAT, RL_ERR_UNSUPPORTED for another tokenizer, RL_ERR_MEMORY. */
rl_status rl_gguf_vocab(const rl_gguf *g, rl_vocab **vocab, rl_error *err);
void rl_gguf_vocab_free(rl_vocab *vocab); /* NULL is fine */

#endif
