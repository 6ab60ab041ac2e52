/* util_models.h - small model files for the tests of their readers, made a field at a time. */
#ifndef UTIL_MODELS_H
#define UTIL_MODELS_H

#include "util_guard.h"

#include "tokenizer/tokenizer.h"

/* Bytes that grow. */
typedef struct {
    char *data; /* owned; a 0 follows the end */
    size_t n;
} util_bytes;

void util_put(util_bytes *b, const void *data, size_t n);
void util_puts(util_bytes *b, const char *text);
void util_bytes_free(util_bytes *b);

/* Protobuf: a number, a float, bytes, another message (which is freed). */
void util_pb_int(util_bytes *b, unsigned field, uint64_t value);
void util_pb_float(util_bytes *b, unsigned field, float value);
void util_pb_bytes(util_bytes *b, unsigned field, const void *data, size_t n);
void util_pb_message(util_bytes *b, unsigned field, util_bytes *message);

/* A SentencePiece model of a vocabulary: BPE, no normalizing but for spaces, byte_fallback where it has byte pieces. */
util_bytes util_spm_of(const rl_vocab *vocab);

/* A tokenizer.json of it, with the merge rules that its scores amount to: each way to cut a piece in two pieces, the
 * best score first. Special pieces are added tokens; no rule merges what is not normal. */
util_bytes util_hf_of(const rl_vocab *vocab);

/* Fails the test where pieces, special ids or rules of the two differ; scores only where asked. */
void util_assert_vocabs(const rl_vocab *want, const rl_vocab *got, bool scores);

#endif
