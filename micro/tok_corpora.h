/* tok_corpora.h - the texts that tokenizers are measured on: ten corpora of 1 MiB, ours to ship, the same bytes everywhere.
 *
 *   english   64 KB of SQLite's documentation (public domain, corpus/english.txt), and then a walk over it: each word
 *             is followed by one that follows it somewhere in that text, so words come as often as they do there; half of
 *             those which it has but once give way to made-up ones, spliced of two of its words, so that new words
 *             keep coming, as they do in a megabyte of prose, and no cache of words has it easier than there
 *   mixed     sentences of words in twelve scripts (Russian, Greek, Arabic, Hebrew, Hindi, Thai, Chinese, Japanese,
 *             Korean, Vietnamese, Turkish, Georgian) and emoji, out of lists of ours, frequent ones more often; some are
 *             spliced of two
 *   code      64 KB of this repository's own C, shell and Python, frozen (corpus/code.txt), and a walk over it
 *   json      records of a log, and log lines
 *   chat      short turns between markers, "<|user|>", "</s>": english's sentences
 *   letters, base64, dna   random, without a space or a line feed
 *   repeat, spaces         one letter, one space, all along
 *
 * What is random comes from a seed (base/random.h). A corpus is known by its name and the CRC-32 of its bytes. */
#ifndef RL_TOK_CORPORA_H
#define RL_TOK_CORPORA_H

#include "base/status.h"

#include <stdint.h>

enum { RL_CORPUS_BYTES = 1 << 20, RL_CORPORA = 10 };

typedef struct {
    const char *name;
    const char *text; /* [RL_CORPUS_BYTES] UTF-8, no terminator */
    uint32_t crc;
} rl_corpus;

/* Makes all of them; they are one block of memory, `*corpora` [RL_CORPORA], freed with free(). RL_ERR_MEMORY. */
rl_status rl_corpora_make(rl_corpus **corpora, rl_error *err);

/* Cuts a corpus into texts of `bytes` one after the other, each moved back to where a character begins: fills starts[]
 * with n + 1 offsets and returns n. What is left at the end is no text. Shorter texts than a whole corpus come from its
 * first RL_CORPUS_PART bytes alone. starts NULL: only counts. */
enum { RL_CORPUS_PART = 128 << 10 };
size_t rl_corpus_cut(const rl_corpus *corpus, size_t bytes, size_t *starts);

/* The CRC-32 of zlib and PNG. */
uint32_t rl_crc32(const char *data, size_t n);

#endif
