/* args.c - parsing and help by table. */
#include "args.h"
#include "gate/verdict.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int rl_bad_usage(const rl_command *command, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fprintf(stderr, "ridgeline %s: ", command->name);
    vfprintf(stderr, fmt, ap);
    fprintf(stderr, "\nSee `ridgeline %s --help`.\n", command->name);
    va_end(ap);
    return RL_EXIT_BAD_USAGE;
}

static bool set(const rl_command *command, const rl_arg *arg, void *options, const char *value)
{
    void *field = (char *)options + arg->at;
    if (arg->kind == RL_ARG_FLAG) {
        *(bool *)field = true;
        return true;
    }
    if (arg->kind == RL_ARG_TEXT) {
        if (value[0] == '\0') rl_bad_usage(command, "%s: a value is missing", arg->name);
        *(const char **)field = value;
        return value[0] != '\0';
    }
    char *end, shown[64];
    errno = 0;
    unsigned long long number = strtoull(value, &end, 10);
    if (!isdigit((unsigned char)value[0]) || *end != '\0' || errno != 0 || number < arg->least ||
        number > arg->most) {
        rl_bad_usage(command, "%s is '%s', expected a whole number from %llu to %llu", arg->name,
                     rl_printable(shown, sizeof shown, value, strlen(value)), arg->least, arg->most);
        return false;
    }
    *(uint64_t *)field = number;
    return true;
}

/* The option that `text` names; *value is what follows its '=', or NULL. */
static const rl_arg *find(const rl_command *command, const char *text, const char **value)
{
    size_t length = strcspn(text, "=");
    *value = text[length] == '=' ? text + length + 1 : NULL;
    for (size_t i = 0; i < command->n_args; i++)
        if (strlen(command->args[i].name) == length && strncmp(command->args[i].name, text, length) == 0)
            return &command->args[i];
    return NULL;
}

static bool all_given(const rl_command *command, const void *options, const char *const *operand)
{
    for (size_t i = 0; i < command->n_args; i++) {
        const rl_arg *arg = &command->args[i];
        if (!arg->required || *(const char *const *)((const char *)options + arg->at) != NULL) continue;
        rl_bad_usage(command, "%s %s is required", arg->name, arg->value);
        return false;
    }
    if (command->operand != NULL && command->operand[0] != '[' && *operand == NULL) {
        rl_bad_usage(command, "expected %s", command->operand);
        return false;
    }
    return true;
}

bool rl_args_parse(const rl_command *command, void *options, const char **operand, int argc, char **argv)
{
    char shown[64];
    if (operand != NULL) *operand = NULL;
    for (int i = 0; i < argc; i++) {
        const char *value;
        rl_printable(shown, sizeof shown, argv[i], strlen(argv[i]));
        if (argv[i][0] != '-' || argv[i][1] == '\0') {
            if (command->operand == NULL || *operand != NULL) {
                rl_bad_usage(command, "unexpected argument '%s'", shown);
                return false;
            }
            *operand = argv[i];
            continue;
        }
        const rl_arg *arg = find(command, argv[i], &value);
        if (arg == NULL || (arg->kind == RL_ARG_FLAG && value != NULL)) {
            rl_bad_usage(command, arg == NULL ? "unknown option '%s'" : "'%s' takes no value", shown);
            return false;
        }
        if (arg->kind != RL_ARG_FLAG && value == NULL) value = i + 1 < argc ? argv[++i] : "";
        if (!set(command, arg, options, value)) return false;
    }
    return all_given(command, options, operand);
}

void rl_args_help(const rl_command *command, FILE *out)
{
    fprintf(out, "usage: ridgeline %s%s%s%s\n\n%s\n", command->name, command->operand != NULL ? " " : "",
            command->operand != NULL ? command->operand : "", command->n_args > 0 ? " [options]" : "",
            command->summary);
    if (command->n_args > 0) fputc('\n', out);
    for (size_t i = 0; i < command->n_args; i++) {
        char left[48];
        const rl_arg *arg = &command->args[i];
        snprintf(left, sizeof left, "%s%s%s", arg->name, arg->value != NULL ? " " : "",
                 arg->value != NULL ? arg->value : "");
        fprintf(out, "  %-22s %s%s\n", left, arg->help, arg->required ? " (required)" : "");
    }
    fprintf(out, "\n%s", command->more);
}
