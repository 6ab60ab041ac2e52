/* vocab_file.c - finds out what a file is, and has it read. */
#include "vocab_file.h"

#include "base/file.h"
#include "base/mem.h"
#include "gguf_vocab.h"
#include "hf_vocab.h"
#include "spm_vocab.h"
#include "vocab.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct rl_vocab_file {
    rl_gguf *gguf; /* NULL: of another kind */
    rl_vocab *vocab;
    void (*free_vocab)(rl_vocab *vocab);
};

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/* A SentencePiece model begins with a newline, for that is the tag of its first piece, and the length after it can be
 * any byte, a brace too: only what follows the brace tells. A brace at the very beginning is no tag. */
static bool is_json(const char *text, size_t n)
{
    size_t at = 0;
    while (at < n && is_blank(text[at])) at++;
    if (at >= n || text[at] != '{') return false;
    if (at == 0) return true;
    do at++;
    while (at < n && is_blank(text[at]));
    return at < n && (text[at] == '"' || text[at] == '}');
}

static rl_status is_gguf(const char *path, bool *yes, rl_error *err)
{
    char magic[4];
    FILE *f = fopen(path, "rb");
    if (f == NULL) return rl_fail(err, RL_ERR_IO, "%s: cannot open: %s", path, strerror(errno));
    *yes = fread(magic, 1, sizeof magic, f) == sizeof magic && memcmp(magic, "GGUF", sizeof magic) == 0;
    fclose(f);
    return RL_OK;
}

static rl_status read_gguf(rl_vocab_file *file, const char *path, rl_error *err)
{
    file->free_vocab = rl_gguf_vocab_free;
    const rl_status status = rl_gguf_open(&file->gguf, path, err);
    return status == RL_OK ? rl_gguf_vocab(file->gguf, &file->vocab, err) : status;
}

static rl_status read_other(rl_vocab_file *file, const char *path, rl_error *err)
{
    char *data;
    size_t n;
    rl_status status = rl_file_read(path, RL_VOCAB_FILE_MAX, &data, &n, err);
    if (status != RL_OK) return status;
    if (n == 0) {
        status = rl_fail(err, RL_ERR_FORMAT,
                         "%s: empty, expected a GGUF file, a tokenizer.json or a tokenizer.model", path);
    } else if (is_json(data, n)) {
        file->free_vocab = rl_hf_vocab_free;
        status = rl_hf_vocab(data, n, path, &file->vocab, err);
    } else {
        file->free_vocab = rl_spm_vocab_free;
        status = rl_spm_vocab(data, n, path, &file->vocab, err);
    }
    free(data);
    return status;
}

rl_status rl_vocab_file_open(rl_vocab_file **out, const char *path, rl_error *err)
{
    *out = NULL;
    rl_vocab_file *file = rl_alloc(sizeof *file);
    if (file == NULL) return rl_fail(err, RL_ERR_MEMORY, "%s: out of memory", path);
    bool gguf = false;
    rl_status status;
    if (strcmp(path, "built-in") == 0) {
        file->free_vocab = rl_vocab_builtin_close;
        status = rl_vocab_builtin_open(&file->vocab, err);
    } else if ((status = is_gguf(path, &gguf, err)) == RL_OK) {
        status = gguf ? read_gguf(file, path, err) : read_other(file, path, err);
    }
    if (status != RL_OK) {
        rl_vocab_file_close(file);
        return status;
    }
    *out = file;
    return RL_OK;
}

void rl_vocab_file_close(rl_vocab_file *file)
{
    if (file == NULL) return;
    if (file->vocab != NULL) file->free_vocab(file->vocab);
    rl_gguf_close(file->gguf);
    rl_free(file);
}

rl_vocab *rl_vocab_file_vocab(rl_vocab_file *file) { return file->vocab; }
