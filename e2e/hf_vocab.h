/* hf_vocab.h - the vocabulary of a Hugging Face tokenizer.json of Llama's kind, as the tokenizer takes it. */
#ifndef RL_HF_VOCAB_H
#define RL_HF_VOCAB_H

#include "tokenizer/tokenizer.h"

/* Reads the text of such a file; `name` stands for it in messages.
 *   model           BPE: vocab and merges; with byte_fallback all of <0x00> to <0xFF> are byte pieces. Without dropout,
 *                   affixes, ignore_merges; without byte_fallback, unknown characters in a row must give one id (fuse_unk)
 *   normalizer      Prepend U+2581 (add_space_prefix) and Replace " " by U+2581, or Replace alone
 *   pre_tokenizer   null
 *   added_tokens    special: control (unk_token: unknown); others: user-defined; their `normalized` is the pieces'.
 *                   Those that model.vocab lacks are `added`.
 *                   lstrip, rstrip and single_word must be false. They may go on from the model's ids
 *   post_processor  null, or TemplateProcessing whose `single` is the text with at most one special token before
 *                   it (bos, add_bos) and one after it (eos, add_eos). Where it names none, special tokens spelled <s>
 *                   and </s> are bos and eos for callers who ask for them
 * What else there is, truncation and padding too, does not change the ids of a text and is let be. Merge rules are
 * those of the file, in its order; all scores are 0. The mode is HF.
 * Errors: RL_ERR_UNSUPPORTED for a component other than these, by name; RL_ERR_FORMAT for what is no JSON, for kinds
 * that are wrong, keys, pieces and ids that are there twice, ids that leave gaps, rules that merge what is no
 * piece; RL_ERR_MEMORY. Whether the pieces make sense, rl_tokenizer_open decides. Nothing of `text` is borrowed. */
rl_status rl_hf_vocab(const char *text, size_t n_bytes, const char *name, rl_vocab **vocab, rl_error *err);
void rl_hf_vocab_free(rl_vocab *vocab); /* NULL is fine */

#endif
