/* tok_dump.c - the inputs as files. */
#include "base/file.h"
#include "tok_bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *dir;
    rl_outfile out;
    rl_error *err;
} dump;

static rl_status open_file(dump *d, const char *name, size_t size)
{
    char path[4096];
    const int n = size > 0 ? snprintf(path, sizeof path, "%s/%s.%zu.ids", d->dir, name, size)
                           : snprintf(path, sizeof path, "%s/%s", d->dir, name);
    if (n < 0 || (size_t)n >= sizeof path)
        return rl_fail(d->err, RL_ERR_ARG, "the path of the corpora is too long");
    return rl_outfile_open(&d->out, path, d->err);
}

static void put_u32(unsigned char *to, uint32_t x)
{
    for (int i = 0; i < 4; i++) to[i] = (unsigned char)(x >> 8 * i);
}

static void put_ids(FILE *out, const uint32_t *ids, size_t n, unsigned char *room)
{
    put_u32(room, (uint32_t)n);
    for (size_t i = 0; i < n; i++) put_u32(room + 4 * (i + 1), ids[i]);
    fwrite(room, 4, n + 1, out);
}

static rl_status dump_ids(dump *d, const rl_tok_inputs *in, rl_tok_texts *t, size_t size)
{
    unsigned char *room = malloc(4 * (t->max_ids + 1));
    rl_status status = room != NULL ? rl_tok_expect(in, t, d->err)
                                    : rl_fail(d->err, RL_ERR_MEMORY, "out of memory for %zu ids", t->max_ids);
    if (status == RL_OK) status = open_file(d, t->corpus->name, size);
    if (status == RL_OK) {
        for (size_t i = 0; i < t->n; i++)
            put_ids(d->out.stream, t->ids + t->first[i], t->first[i + 1] - t->first[i], room);
        status = rl_outfile_commit(&d->out, d->err);
    }
    free(room);
    return status;
}

static rl_status dump_corpus(dump *d, const rl_corpus *corpus)
{
    char name[64];
    snprintf(name, sizeof name, "%s.txt", corpus->name);
    rl_status status = open_file(d, name, 0);
    if (status != RL_OK) return status;
    fwrite(corpus->text, 1, RL_CORPUS_BYTES, d->out.stream);
    return rl_outfile_commit(&d->out, d->err);
}

static rl_status dump_pieces(dump *d, const rl_vocab *v)
{
    rl_status status = open_file(d, "pieces.tsv", 0);
    if (status != RL_OK) return status;
    fprintf(d->out.stream, "add_space_prefix\t%d\n", v->add_space_prefix);
    for (size_t i = 0; i < v->n; i++) {
        const rl_piece *p = &v->pieces[i];
        fprintf(d->out.stream, "%d\t%.9g\t", (int)p->type, (double)p->score);
        for (uint32_t k = 0; k < p->bytes; k++) fprintf(d->out.stream, "%02x", (unsigned char)p->text[k]);
        fputc('\n', d->out.stream);
    }
    return rl_outfile_commit(&d->out, d->err);
}

static rl_status dump_list(dump *d, const rl_tok_inputs *in)
{
    rl_status status = open_file(d, "corpora.tsv", 0);
    if (status != RL_OK) return status;
    for (size_t c = 0; c < RL_CORPORA; c++)
        fprintf(d->out.stream, "%s\t%d\t%08x\t%d\n", in->corpora[c].name, (int)RL_CORPUS_BYTES,
                in->corpora[c].crc, in->texts[c][0].flags != 0);
    return rl_outfile_commit(&d->out, d->err);
}

/* The list comes last: where it is there, so is everything. */
rl_status rl_tok_dump(rl_tok_inputs *in, const char *dir, rl_error *err)
{
    dump d = {.dir = dir, .err = err};
    rl_status status = rl_make_dirs(dir, err);
    if (status == RL_OK) status = dump_pieces(&d, rl_vocab_file_vocab(in->vocab));
    for (size_t c = 0; c < RL_CORPORA && status == RL_OK; c++) {
        status = dump_corpus(&d, &in->corpora[c]);
        for (size_t s = 0; s < RL_TOK_SIZES && status == RL_OK; s++)
            status = dump_ids(&d, in, &in->texts[c][s], rl_tok_sizes[s]);
    }
    if (status == RL_OK) status = dump_list(&d, in);
    return status;
}
