/* inject.c - parsing rules of --inject, and finding their cases. */
#include "perf/inject.h"
#include "perf/suite.h"

#include <ctype.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

rl_status rl_injection_parse(rl_injection *out, const char *text, rl_error *err)
{
    const char *equals = strrchr(text, '=');
    char *end;
    *out = (rl_injection){0};
    if (equals == NULL || equals == text || equals[1] != '+' || !isdigit((unsigned char)equals[2]))
        return rl_fail(err, RL_ERR_ARG, "expected <regex>=+<percent>%%");
    if ((size_t)(equals - text) >= sizeof out->rows)
        return rl_fail(err, RL_ERR_ARG, "the regular expression is longer than %zu bytes",
                       sizeof out->rows - 1);
    out->share = strtod(equals + 2, &end) / 100;
    if (strcmp(end, "%") != 0 || !(out->share > 0 && out->share <= 10))
        return rl_fail(err, RL_ERR_ARG, "expected a percentage above 0%% and up to 1000%% after the '='");
    memcpy(out->rows, text, (size_t)(equals - text));
    return RL_OK;
}

static rl_status apply(rl_suite *s, const rl_injection *rule, rl_error *err)
{
    regex_t re;
    char shown[128];
    size_t found = 0;
    rl_printable(shown, sizeof shown, rule->rows, strlen(rule->rows));
    int code = regcomp(&re, rule->rows, REG_EXTENDED | REG_NOSUB);
    if (code != 0) {
        char why[128];
        regerror(code, &re, why, sizeof why);
        return rl_fail(err, RL_ERR_ARG, "--inject='%s': %s", shown, why);
    }
    for (size_t i = 0; i < s->n_cases; i++) {
        rl_instance *in = &s->cases[i];
        if (regexec(&re, in->name, 0, NULL, 0) != 0) continue;
        in->slowdown = rule->share;
        found += in->selected;
    }
    regfree(&re);
    if (found > 0) return RL_OK;
    return rl_fail(err, RL_ERR_ARG, "--inject='%s': no benchmark that runs matches", shown);
}

rl_status rl_inject(rl_suite *s, rl_error *err)
{
    rl_status status = RL_OK;
    for (size_t i = 0; i < s->options.n_inject && status == RL_OK; i++)
        status = apply(s, &s->options.inject[i], err);
    return status;
}
