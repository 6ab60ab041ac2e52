/* vocab_file.h - the vocabulary of a file, whichever of the three kinds it is. */
#ifndef RL_VOCAB_FILE_H
#define RL_VOCAB_FILE_H

#include "tokenizer/tokenizer.h"

typedef struct rl_vocab_file rl_vocab_file;

/* What the file is, its contents say: a GGUF model (by its first four bytes), a tokenizer.json (text that begins an
 * object), else a SentencePiece model. See gguf_vocab.h, hf_vocab.h and spm_vocab.h for what of them is taken. The word
 * "built-in" is the vocabulary of vocab.h (and ./built-in a file).
 * Errors: those of the readers; RL_ERR_IO; RL_ERR_FORMAT for an empty file, and for more than
 * RL_VOCAB_FILE_MAX bytes where it is no GGUF model. */
enum { RL_VOCAB_FILE_MAX = 256 << 20 };
rl_status rl_vocab_file_open(rl_vocab_file **file, const char *path, rl_error *err);
void rl_vocab_file_close(rl_vocab_file *file); /* NULL is fine */

/* Borrowed until the close. It may be changed before a tokenizer is opened with it: its mode, and what it adds. */
rl_vocab *rl_vocab_file_vocab(rl_vocab_file *file);

#endif
