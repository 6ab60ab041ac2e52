/* reproduce.c - quoting for two readers: regcomp, and the shell before it. */
#include "gate/reproduce.h"

#include <string.h>

const char *rl_shell_word(rl_pool *pool, const char *text)
{
    size_t n = 0,
           safe = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:,=+@%");
    if (text[0] != '\0' && text[safe] == '\0') return text;
    char *word = rl_pool_alloc(pool, 4 * strlen(text) + 3); /* a quote becomes four bytes */
    word[n++] = '\'';
    for (const char *c = text; *c != '\0'; c++) {
        const char *piece = *c == '\'' ? "'\\''" : (const char[]){*c, '\0'};
        memcpy(word + n, piece, strlen(piece));
        n += strlen(piece);
    }
    word[n++] = '\'';
    return word;
}

const char *rl_command_with(rl_pool *pool, const char *command, const rl_option_text *options, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (options[i].value != NULL)
            command = rl_pool_format(pool, "%s %s %s", command, options[i].name,
                                     rl_shell_word(pool, options[i].value));
    return command;
}

const char *rl_exact_pattern(rl_pool *pool, const char *text)
{
    size_t n = 0;
    char *pattern = rl_pool_alloc(pool, 2 * strlen(text) + 3);
    pattern[n++] = '^';
    for (const char *c = text; *c != '\0'; c++) {
        if (strchr("^.[]$()|*+?{}\\", *c) != NULL) pattern[n++] = '\\';
        pattern[n++] = *c;
    }
    pattern[n++] = '$';
    return pattern;
}

/* A gate that matches nothing has a finding of its own, whose "benchmark" is a sentence (judge.c). */
static bool about_a_gate(const rl_finding *f)
{
    static const char prefix[] = "rows matching ";
    return f->gate != NULL && strncmp(f->benchmark, prefix, sizeof prefix - 1) == 0 &&
           strcmp(f->benchmark + sizeof prefix - 1, f->gate->rows) == 0;
}

/* The pattern of the rows that the finding needs: its own, and the one that a ratio gate compares it with. */
static const char *rows_of(rl_pool *pool, const rl_finding *f)
{
    const char *own = rl_exact_pattern(pool, f->benchmark);
    const bool ratio = f->gate != NULL && f->gate->kind == RL_GATE_RATIO;
    const char *from = ratio ? strstr(f->benchmark, f->gate->from) : NULL;
    if (from == NULL) return own;
    const char *partner = rl_pool_format(pool, "%.*s%s%s", (int)(from - f->benchmark), f->benchmark,
                                         f->gate->to, from + strlen(f->gate->from));
    return rl_pool_format(pool, "%s|%s", own, rl_exact_pattern(pool, partner));
}

const char *rl_reproduce(rl_verdict_set *v, const rl_finding *f)
{
    rl_pool *pool = &v->pool;
    if (f->verdict == RL_PASS || v->command[0] == '\0') return "";
    if (f->verdict == RL_NOT_APPLICABLE) return ""; /* here is nothing to run: it would say so once more */
    if (about_a_gate(f)) return v->command;
    return rl_pool_format(pool, "%s --rows %s", v->command, rl_shell_word(pool, rows_of(pool, f)));
}
