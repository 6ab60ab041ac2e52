/* ridgeline.c - the command: finds the subcommand, or helps. */
#include "commands.h"
#include "gate/verdict.h"
#include "perf/env.h"

#include <string.h>

static const rl_command *const commands[] = {
    &rl_cmd_run,  &rl_cmd_compare,     &rl_cmd_recalibrate, &rl_cmd_machine,
    &rl_cmd_ab,   &rl_cmd_bisect,      &rl_cmd_list,        &rl_cmd_model_synth, &rl_cmd_model_info,
    &rl_cmd_tokenize_encode, &rl_cmd_tokenize_decode, &rl_cmd_tokenize_count, &rl_cmd_selftest,
};

static void help(FILE *out)
{
    fputs("usage: ridgeline COMMAND [arguments]\n\nDid this change make us slower, by how much, and how sure "
          "are we?\n\n",
          out);
    for (size_t i = 0; i < RL_COUNT(commands); i++)
        fprintf(out, "  %-16s %s\n", commands[i]->name, commands[i]->summary);
    fputs("\n`ridgeline COMMAND --help` tells the rest. --version prints the version.\n\n"
          "exit status of run, compare and ab: 0 pass, 1 regression, 2 measurement broken, 3 no usable baseline "
          "for this\n"
          "machine, 64 bad usage\n",
          out);
}

static bool is_help(const char *text) { return strcmp(text, "--help") == 0 || strcmp(text, "-h") == 0; }

/* How many arguments a command's name takes up ("model synth": 2) where they begin with it; else 0. */
static int named(const rl_command *command, int argc, char **argv)
{
    const char *rest = command->name;
    for (int words = 0;; words++) {
        size_t length = strcspn(rest, " ");
        if (words >= argc || strlen(argv[words]) != length || strncmp(argv[words], rest, length) != 0)
            return 0;
        if (rest[length] == '\0') return words + 1;
        rest += length + 1;
    }
}

static int run(int argc, char **argv)
{
    if (argc == 0 || is_help(argv[0])) {
        help(argc == 0 ? stderr : stdout);
        return argc == 0 ? RL_EXIT_BAD_USAGE : RL_EXIT_PASS;
    }
    if (strcmp(argv[0], "--version") == 0) {
        const rl_build *b = rl_build_info();
        printf("ridgeline %s (%s%s, %s)\n", b->version, b->commit, b->dirty ? ", changed" : "", b->compiler);
        return RL_EXIT_PASS;
    }
    for (size_t i = 0; i < RL_COUNT(commands); i++) {
        const int words = named(commands[i], argc, argv);
        if (words == 0) continue;
        for (int k = words; k < argc; k++)
            if (is_help(argv[k])) {
                rl_args_help(commands[i], stdout);
                return RL_EXIT_PASS;
            }
        return commands[i]->run(commands[i], argc - words, argv + words);
    }
    char shown[64];
    fprintf(stderr, "ridgeline: unknown command '%s'\n\n",
            rl_printable(shown, sizeof shown, argv[0], strlen(argv[0])));
    help(stderr);
    return RL_EXIT_BAD_USAGE;
}

int main(int argc, char **argv)
{
    const int code = run(argc - 1, argv + 1);
    if (fflush(stdout) == 0 && !ferror(stdout)) return code;
    fputs("ridgeline: cannot write to standard output\n", stderr);
    return rl_exit_worst(code, RL_EXIT_BROKEN);
}
