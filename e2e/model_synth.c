/* model_synth.c - one call to make a model, with progress; one to say what can be made. */
#include "model_synth.h"

#include "synth.h"
#include "vocab.h"

#include <errno.h>
#include <unistd.h>

typedef struct {
    FILE *out;
    bool terminal;
    unsigned tenths; /* already printed */
} display;

static void show(void *arg, uint64_t done, uint64_t total)
{
    display *d = arg;
    const double mb = 1e-6;
    const unsigned tenths = (unsigned)(done * 10 / total); /* a model is far below 2^60 bytes */
    if (d->terminal)
        fprintf(d->out, "\r%3u %%  %.0f of %.0f MB%s", (unsigned)(done * 100 / total), (double)done * mb,
                (double)total * mb, done == total ? "\n" : "");
    else if (tenths > d->tenths)
        fprintf(d->out, "%3u %%  %.0f of %.0f MB\n", tenths * 10, (double)done * mb, (double)total * mb);
    d->tenths = tenths;
    fflush(d->out);
}

rl_status rl_model_synth(const char *path, const char *shape, const char *format, uint64_t seed,
                         size_t threads, FILE *progress, rl_error *err)
{
    rl_vocab *vocab;
    rl_status status = rl_vocab_builtin_open(&vocab, err);
    if (status != RL_OK) return status;
    rl_synth_model model = {.vocab = vocab, .seed = seed};
    display d = {progress, progress != NULL && isatty(fileno(progress)) == 1, 0};
    status = rl_synth_named(&model, shape, format, err);
    if (status == RL_OK)
        status = rl_synth_write(path, &model, threads, progress != NULL ? show : NULL, &d, err);
    rl_vocab_builtin_close(vocab);
    return status;
}

rl_status rl_model_synth_list(FILE *out, rl_error *err)
{
    rl_vocab *vocab;
    const rl_status status = rl_vocab_builtin_open(&vocab, err);
    if (status != RL_OK) return status;
    rl_synth_model m = {.vocab = vocab};
    for (size_t i = 0; (m.shape = rl_synth_shape_at(i)) != NULL; i++) {
        fprintf(out, "%s\n", m.shape->name);
        for (size_t k = 0; (m.mix = rl_synth_mix_at(k)) != NULL; k++)
            fprintf(out, "  %-8s %6.0f MB\n", m.mix->name, (double)rl_synth_tensor_bytes(&m) * 1e-6);
    }
    rl_vocab_builtin_close(vocab);
    if (fflush(out) != 0 || ferror(out)) return rl_fail(err, RL_ERR_IO, "cannot write: %s", strerror(errno));
    return RL_OK;
}
