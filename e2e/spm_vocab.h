/* spm_vocab.h - the vocabulary of a SentencePiece model (tokenizer.model), as the tokenizer takes it. */
#ifndef RL_SPM_VOCAB_H
#define RL_SPM_VOCAB_H

#include "tokenizer/tokenizer.h"

/* Reads the bytes of a model file, a protobuf message of sentencepiece_model.proto; `name` stands for the file in
 * messages. What the file leaves out has the default of that description; fields that say nothing about encoding are
 * skipped. Of the rest this tokenizer does one kind only, and refuses others (RL_ERR_UNSUPPORTED): model_type BPE,
 * no character map in the normalizer or denormalizer, remove_extra_whitespaces false, escape_whitespaces true,
 * treat_whitespace_as_suffix false.
 * bos and eos are the trainer's ids, none where they are negative; unk is the piece of type unknown. Such a file does
 * not say what a text begins with: add_bos is set where there is a bos, as Llama has it, add_eos never. The mode is
 * HF; the caller may set another.
 * Errors: RL_ERR_FORMAT with the byte it is about, for what is no such message or contradicts itself (also: byte
 * pieces, and byte_fallback false, or the other way round); RL_ERR_UNSUPPORTED; RL_ERR_MEMORY. Whether the pieces make
 * sense, rl_tokenizer_open decides. Nothing of `data` is borrowed. */
rl_status rl_spm_vocab(const void *data, size_t n_bytes, const char *name, rl_vocab **vocab, rl_error *err);
void rl_spm_vocab_free(rl_vocab *vocab); /* NULL is fine */

#endif
