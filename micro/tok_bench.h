/* tok_bench.h - what the parts of bench_tokenizer share. Private to them:
 *   bench_tokenizer.c   main, and which cases there are
 *   tok_bench.c         the inputs: vocabulary, texts, the ids that are expected
 *   tok_allocs.c        how often memory is allocated
 *   tok_encode.c        one thread: cold, warm, process; and opening
 *   tok_pool.c          several threads: one document, batches
 *   tok_prefix.c        a chat that grows
 *   tok_dump.c          --dump-corpus */
#ifndef RL_TOK_BENCH_H
#define RL_TOK_BENCH_H

#include "program.h"
#include "tok_corpora.h"
#include "tokenizer/tokenizer.h"
#include "vocab_file.h"

enum { RL_TOK_SIZES = 4 };
extern const size_t rl_tok_sizes[RL_TOK_SIZES]; /* 64, 1024, 10240, 1048576 */

/* The texts of one size of a corpus, and the ids they have: the oracle's, which on short texts are those of the
 * reference kernel, too, and give the text again. */
typedef struct {
    const rl_corpus *corpus;
    unsigned flags;          /* RL_ENCODE_SPECIAL where the corpus has markers */
    size_t n, *starts;       /* texts; [n + 1] offsets, owned */
    size_t *first;           /* [n + 1] of ids, owned; NULL: not made yet */
    uint32_t *ids;           /* owned */
    size_t longest, max_ids; /* text; room for the ids of any */
} rl_tok_texts;

typedef struct {
    const char *model; /* the file, or "built-in" (vocab_file.h) */
    rl_vocab_file *vocab;
    const rl_tokenizer_kernel *oracle; /* gives the expected ids */
    rl_tokenizer *tok;
    rl_corpus *corpora;
    rl_tok_texts texts[RL_CORPORA][RL_TOK_SIZES];
} rl_tok_inputs;

/* Reads the vocabulary, makes tokenizer and texts. *in is zeroed but for `model` and `oracle`. May be closed after a failure. */
rl_status rl_tok_inputs_open(rl_tok_inputs *in, rl_error *err);
void rl_tok_inputs_close(rl_tok_inputs *in);

/* Makes the ids, unless they are there. */
rl_status rl_tok_expect(const rl_tok_inputs *in, rl_tok_texts *texts, rl_error *err);

/* How many ids all texts have; 0 where they have not been made, as for a case that runs only for others to refer to. */
double rl_tok_ids(const rl_tok_texts *texts);

/* RL_ERR_FORMAT unless these are the ids of a text. */
rl_status rl_tok_check(const rl_tok_texts *texts, size_t text, const uint32_t *ids, size_t n, rl_error *err);

/* What all rows of texts say: ids, seconds a byte. `ids` and `bytes` of an iteration. */
void rl_tok_counters(rl_state *st, double ids, double bytes);

/* How often this program has allocated memory. */
size_t rl_tok_allocations(void);

/* "tokenizer_heap_scalar, english 2e1ba0f2" */
void rl_tok_label(char *out, size_t size, const rl_tokenizer_kernel *kern, const rl_corpus *corpus);

/* Whether the reference kernel has a case of this corpus and size, for ref_ratio. */
bool rl_tok_has_reference(size_t corpus, size_t size);

/* ---- Cases ---- */

typedef enum { RL_TOK_COLD, RL_TOK_WARM, RL_TOK_PROCESS } rl_tok_state;

/* "tokenizer/<variant>/<isa>/<corpus>/<size>/<state>": one text after the other.
 *   cold     what the kernel has kept of earlier texts is forgotten before each pass over the texts, untimed; tables made
 *            when the tokenizer was opened stay
 *   warm     nothing is forgotten
 *   process  before each text a tokenizer is opened anew, untimed: nothing has been touched since */
void rl_tok_add_encode(rl_program *p, const rl_part *part, rl_tok_inputs *in, const rl_tokenizer_kernel *kern,
                       size_t corpus, size_t size, rl_tok_state state);

/* "tokenizer/load": reading the vocabulary, and opening a tokenizer and a context of the best kernel with it. */
void rl_tok_add_load(rl_program *p, rl_tok_inputs *in, const rl_tokenizer_kernel *kern);

/* "tokenizer/<variant>/<isa>/<corpus>/<size>/cold/threads:N" and ".../batch/threads:N": a document, or all texts of this
 * size together, by N threads. Both are cold each time. */
void rl_tok_add_pool(rl_program *p, const rl_part *part, rl_tok_inputs *in, const rl_tokenizer_kernel *kern,
                     size_t corpus, size_t size, size_t threads);

/* "tokenizer/<variant>/<isa>/chat/102400/prefix:on" and ":off": a chat of 100 kB in 32 turns comes again and again, each
 * time with one more turn, and is encoded whole, with a cache of what was before, or without. */
void rl_tok_add_prefix(rl_program *p, const rl_part *part, rl_tok_inputs *in, const rl_tokenizer_kernel *kern,
                       bool on);

/* ---- For other tokenizers ---- */

/* Writes to a directory what another program needs to tokenize the same texts with the same vocabulary, and to compare
 * (numbers are little-endian, 32 bits):
 *   corpora.tsv        a line each: name, bytes, CRC-32 in hexadecimal, 1 where markers are found in the text
 *   <corpus>.txt       its bytes
 *   <corpus>.<size>.ids  of each text how many ids it has, and the ids
 *   pieces.tsv         of each piece its type, score and text in hexadecimal; before them a line
 *                      "add_space_prefix" and 0 or 1 */
rl_status rl_tok_dump(rl_tok_inputs *in, const char *dir, rl_error *err);

#endif
