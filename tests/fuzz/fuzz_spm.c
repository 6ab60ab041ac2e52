/* fuzz_spm.c - any bytes as a SentencePiece model: reading must refuse them in words, or give a vocabulary that the
 * tokenizer opens or refuses in words. */
#include "fuzz_vocab.h"
#include "spm_vocab.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rl_vocab *vocab;
    rl_error err = {0};
    const rl_status status = rl_spm_vocab(data, size, "fuzz", &vocab, &err);
    fuzz_vocab(status, vocab, &err);
    rl_spm_vocab_free(vocab);
    return 0;
}
