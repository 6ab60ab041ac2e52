/* narrow.c - one pattern in place of a lane's filters. */
#include "gate/narrow.h"

#include <string.h>

enum { ROWS_MAX = 4096 };

static rl_status compile(regex_t *matcher, const char *rows, rl_error *err)
{
    char why[128], shown[128];
    rl_printable(shown, sizeof shown, rows, strlen(rows));
    if (strlen(rows) > ROWS_MAX)
        return rl_fail(err, RL_ERR_ARG, "--rows: %zu bytes, at most %d allowed", strlen(rows), ROWS_MAX);
    if (rows[0] == '\0' || rows[0] == '-' || strcmp(rows, "all") == 0)
        return rl_fail(err, RL_ERR_ARG, "--rows '%s': means something else to --benchmark_filter", shown);
    int failed = regcomp(matcher, rows, REG_EXTENDED | REG_NOSUB);
    if (failed == 0) return RL_OK;
    regerror(failed, matcher, why, sizeof why);
    return rl_fail(err, RL_ERR_ARG, "--rows '%s': %s", shown, why);
}

rl_status rl_rows_check(const char *rows, rl_error *err)
{
    regex_t matcher;
    rl_status status = compile(&matcher, rows, err);
    if (status == RL_OK) regfree(&matcher);
    return status;
}

rl_status rl_lane_narrow(rl_lane *lane, const char *rows, rl_error *err)
{
    regex_t matcher;
    rl_status status = compile(&matcher, rows, err);
    if (status != RL_OK) return status;
    if (lane->quick.filter != NULL) regfree(&lane->quick.matcher);
    lane->quick.filter = lane->full.filter = rl_pool_copy(&lane->pool, rows, strlen(rows));
    lane->quick.matcher = lane->full.matcher = matcher; /* rl_lane_free frees it as quick's */
    for (size_t g = 0; g < lane->n_gates; g++)
        lane->gates[g].optional = "--rows selects nothing that it could judge";
    return RL_OK;
}

bool rl_lane_asked(rl_lane *lane, const char *lanes, const char *name, const char *rows, rl_verdict_set *v)
{
    rl_error why;
    rl_status status = rl_lane_read(lane, lanes, name, &why);
    if (rows != NULL) v->rows = rl_pool_printable(&v->pool, rows, strlen(rows));
    if (status == RL_OK && rows != NULL) status = rl_lane_narrow(lane, rows, &why);
    if (status != RL_OK) rl_verdict_problem(v, "%s", why.text);
    return status == RL_OK;
}

void rl_samples_narrow(rl_samples *s, const rl_lane_mode *mode)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->n_rows; i++)
        if (rl_matches(&mode->matcher, s->rows[i].name)) s->rows[kept++] = s->rows[i];
    s->n_rows = kept;
}
