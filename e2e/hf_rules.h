/* hf_rules.h - what a tokenizer.json says around its pieces: allowed is what the tokenizer does, and every other
 * component is refused by its name. Inside e2e/ only. */
#ifndef RL_HF_RULES_H
#define RL_HF_RULES_H

#include "hf_json.h"
#include "tokenizer/tokenizer.h"

/* Everything that changes ids and is no piece: pre_tokenizer, decoder, and of the model type, dropout, prefixes and
 * suffixes of subwords, and ignore_merges. RL_ERR_UNSUPPORTED, RL_ERR_FORMAT. */
rl_status rl_hf_check_rules(const rl_hf_file *f, const cJSON *root, const cJSON *model);

/* The normalizer: spaces must become U+2581; whether one stands before the text as well, to *prefix. */
rl_status rl_hf_normalizer(const rl_hf_file *f, const cJSON *root, bool *prefix);

/* The post-processor: v's bos and eos, and whether texts get them. v->n must be known. */
rl_status rl_hf_post_processor(const rl_hf_file *f, const cJSON *root, rl_vocab *v);

#endif
