/* cmd_model.c - ridgeline model: making model files and looking into them. */
#include "commands.h"
#include "gate/verdict.h"
#include "model_info.h"
#include "model_synth.h"

#include <stddef.h>
#include <stdint.h>

static int failed(const rl_command *self, const rl_error *why)
{
    fprintf(stderr, "ridgeline %s: %s\n", self->name, why->text);
    return why->status == RL_ERR_ARG ? RL_EXIT_BAD_USAGE : RL_EXIT_BROKEN;
}

/* ---- synth ----------------------------------------------------------------------------------------- */

typedef struct {
    const char *preset, *format, *out;
    uint64_t seed, threads;
    bool list;
} synth_options;

static int run_synth(const rl_command *self, int argc, char **argv)
{
    synth_options o = {.format = "q4_0", .seed = 1};
    rl_error why;
    if (!rl_args_parse(self, &o, NULL, argc, argv)) return RL_EXIT_BAD_USAGE;
    if (o.list) return rl_model_synth_list(stdout, &why) == RL_OK ? RL_EXIT_PASS : failed(self, &why);
    if (o.preset == NULL || o.out == NULL) return rl_bad_usage(self, "--preset and --out are required");
    if (rl_model_synth(o.out, o.preset, o.format, o.seed, (size_t)o.threads, stderr, &why) != RL_OK)
        return failed(self, &why);
    return RL_EXIT_PASS;
}

static const rl_arg synth_args[] = {
    RL_TEXT("--preset", "NAME", synth_options, preset, "the model's shape: tinyllama-1.1b, tiny"),
    RL_TEXT("--format", "NAME", synth_options, format, "of its weights (default: q4_0)"),
    RL_NUMBER("--seed", "N", synth_options, seed, 0, UINT64_MAX, "another seed, another model (default: 1)"),
    RL_TEXT("--out", "FILE", synth_options, out, "where to write it"),
    RL_NUMBER("--threads", "N", synth_options, threads, 0, 1024, "to make it with (default: one a CPU)"),
    RL_FLAG("--list", synth_options, list, "the presets and formats there are, with sizes"),
};

const rl_command rl_cmd_model_synth = {
    .name = "model synth",
    .summary = "makes a GGUF file of a real model's shapes with made-up weights",
    .args = synth_args,
    .n_args = RL_COUNT(synth_args),
    .more = "The file is the same to the byte for a seed, whatever the machine and the number of threads.\n\n"
            "  ridgeline model synth --preset tinyllama-1.1b --format q4_0 --out "
            "models/tinyllama-1.1b-q4_0.gguf\n\n"
            "exit status: 0, 2 the file could not be made, 64 bad usage\n",
    .run = run_synth,
};

/* ---- info ------------------------------------------------------------------------------------------ */

typedef struct {
    bool tensors;
} info_options;

static int run_info(const rl_command *self, int argc, char **argv)
{
    info_options o = {0};
    const char *path;
    rl_error why;
    if (!rl_args_parse(self, &o, &path, argc, argv)) return RL_EXIT_BAD_USAGE;
    if (rl_model_info(path, o.tensors, stdout, &why) == RL_OK) return RL_EXIT_PASS;
    fprintf(stderr, "ridgeline model info: %s\n", why.text);
    return RL_EXIT_BROKEN;
}

static const rl_arg info_args[] = {
    RL_FLAG("--tensors", info_options, tensors, "a line for each tensor as well"),
};

const rl_command rl_cmd_model_info = {
    .name = "model info",
    .operand = "FILE",
    .summary = "prints what a GGUF file holds",
    .args = info_args,
    .n_args = RL_COUNT(info_args),
    .more = "exit status: 0, 2 the file cannot be read, 64 bad usage\n",
    .run = run_info,
};
