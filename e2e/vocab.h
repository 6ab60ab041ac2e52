/* vocab.h - the vocabulary that comes with the program: 32,000 pieces of our own, trained on free texts
 * (e2e/vocab/README.md), laid out as Llama's is, so that models made here tokenize without any file.
 *   ids 0..2     <unk> <s> </s>
 *   ids 3..258   the bytes, <0x00> to <0xFF>
 *   id 259 + i   line i of e2e/vocab/ridgeline-32k.txt, score -i
 * Texts begin with <s> and with a space, as Llama's do. */
#ifndef RL_VOCAB_H
#define RL_VOCAB_H

#include "tokenizer/tokenizer.h"

/* Owned by the caller until the close; the pieces' text is part of the program. RL_ERR_MEMORY; RL_ERR_FORMAT
 * where the file that was built in is not what it should be. */
rl_status rl_vocab_builtin_open(rl_vocab **vocab, rl_error *err);
void rl_vocab_builtin_close(rl_vocab *vocab); /* NULL is fine */

#endif
