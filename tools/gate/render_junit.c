/* render_junit.c - JUnit XML: a suite a lane, a case a finding, so that a CI's test view shows rows by name.
 *
 *   failure   REGRESSED
 *   error     BROKEN, what is INCONCLUSIVE and fails the run, a problem of the run, a baseline that cannot be used
 *   skipped   what is said but not judged: INCONCLUSIVE otherwise, WAIVED, SAME_CODE, NEW, NOT_APPLICABLE
 *   (passed)  PASS, IMPROVED
 *
 * XML 1.0 has no way to write most control bytes: they become \xNN, and so does what is not ASCII. */
#include "base/file.h"
#include "gate/lines.h"
#include "gate/render.h"

#include <string.h>

typedef enum { OUTCOME_PASSED, OUTCOME_FAILURE, OUTCOME_ERROR, OUTCOME_SKIPPED } outcome;

static const char *const elements[] = {[OUTCOME_PASSED] = "system-out",
                                       [OUTCOME_FAILURE] = "failure",
                                       [OUTCOME_ERROR] = "error",
                                       [OUTCOME_SKIPPED] = "skipped"};

static outcome outcome_of(const rl_finding *f)
{
    if (f->verdict == RL_REGRESSED) return OUTCOME_FAILURE;
    if (rl_finding_fails(f)) return OUTCOME_ERROR;
    return f->verdict == RL_PASS || f->verdict == RL_IMPROVED ? OUTCOME_PASSED : OUTCOME_SKIPPED;
}

/* Text of an element or an attribute. */
static void put_text(FILE *out, const char *text)
{
    for (const char *c = text; *c != '\0'; c++) switch (*c) {
        case '&':
            fputs("&amp;", out);
            break;
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        default:
            if (*c >= 0x20 && *c < 0x7f)
                fputc(*c, out);
            else
                fprintf(out, "\\x%02x", (unsigned)(unsigned char)*c);
        }
}

static void put_attribute(FILE *out, const char *name, const char *text)
{
    fprintf(out, " %s=\"", name);
    put_text(out, text);
    fputc('"', out);
}

/* One case. `reproduce` may be "". */
static void put_case(FILE *out, const rl_verdict_set *v, const char *name, outcome how, const char *type,
                     const char *message, const char *reproduce)
{
    fputs("    <testcase", out);
    put_attribute(out, "classname", v->lane_name);
    put_attribute(out, "name", name);
    if (how == OUTCOME_PASSED && reproduce[0] == '\0') {
        fputs("/>\n", out);
        return;
    }
    fprintf(out, ">\n      <%s", elements[how]);
    if (how == OUTCOME_FAILURE || how == OUTCOME_ERROR) put_attribute(out, "type", type);
    if (how != OUTCOME_PASSED) put_attribute(out, "message", message);
    if (reproduce[0] != '\0') {
        fputs(">", out);
        put_text(out, reproduce);
        fprintf(out, "</%s>\n    </testcase>\n", elements[how]);
    } else {
        fputs("/>\n    </testcase>\n", out);
    }
}

static void put_finding(FILE *out, const rl_verdict_set *v, const rl_finding *f)
{
    rl_pool pool = {0};
    const char *verdict = rl_verdict_name(f->verdict);
    const char *name = f->gate != NULL
                           ? rl_pool_format(&pool, "%s [%s]", f->benchmark, rl_gate_text(f, ' ', &pool))
                           : f->benchmark;
    const char *message =
        rl_pool_format(&pool, "%s%s%s", verdict, f->reason[0] != '\0' ? ": " : "", f->reason);
    put_case(out, v, name, outcome_of(f), verdict, message, f->reproduce);
    rl_pool_free(&pool);
}

typedef struct {
    size_t tests, by[OUTCOME_SKIPPED + 1];
} tally;

static tally count(const rl_verdict_set *v)
{
    const size_t errors = v->n_problems + !rl_verdict_comparable(v);
    tally t = {.tests = v->n_findings + errors, .by[OUTCOME_ERROR] = errors};
    for (size_t i = 0; i < v->n_findings; i++) t.by[outcome_of(&v->findings[i])]++;
    return t;
}

static void put_tally(FILE *out, const tally *t)
{
    fprintf(out, " tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"%zu\"", t->tests,
            t->by[OUTCOME_FAILURE], t->by[OUTCOME_ERROR], t->by[OUTCOME_SKIPPED]);
}

static void put_suite(FILE *out, const rl_verdict_set *v)
{
    const tally t = count(v);
    fputs("  <testsuite", out);
    put_attribute(out, "name", v->lane_name);
    put_tally(out, &t);
    fputs(">\n    <properties>\n", out);
    const struct {
        const char *name, *value;
    } properties[] = {
        {"outcome",       rl_exit_meaning(v->exit_code)},
        {"diagnosis",     v->diagnosis                 },
        {"machine_class", v->machine_class             },
        {"commit",        v->commit                    },
        {"rows",          v->rows                      }
    };
    for (size_t i = 0; i < RL_COUNT(properties); i++) {
        if (properties[i].value[0] == '\0') continue;
        fputs("      <property", out);
        put_attribute(out, "name", properties[i].name);
        put_attribute(out, "value", properties[i].value);
        fputs("/>\n", out);
    }
    fputs("    </properties>\n", out);
    for (size_t i = 0; i < v->n_problems; i++)
        put_case(out, v, "the run as a whole", OUTCOME_ERROR, "BROKEN", v->problems[i], v->command);
    if (!rl_verdict_comparable(v))
        put_case(out, v, "the baseline", OUTCOME_ERROR, rl_baseline_state_name(v->baseline_state),
                 v->baseline_reason, v->command);
    for (size_t i = 0; i < v->n_findings; i++) put_finding(out, v, &v->findings[i]);
    fputs("  </testsuite>\n", out);
}

rl_status rl_render_junit(const rl_verdict_set *const *lanes, size_t n, const char *path, rl_error *err)
{
    rl_outfile out;
    rl_status status = rl_outfile_open(&out, path, err);
    if (status != RL_OK) return status;
    tally all = {0};
    for (size_t i = 0; i < n; i++) {
        const tally t = count(lanes[i]);
        all.tests += t.tests;
        for (size_t k = 0; k < RL_COUNT(all.by); k++) all.by[k] += t.by[k];
    }
    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"ridgeline\"", out.stream);
    put_tally(out.stream, &all);
    fputs(">\n", out.stream);
    for (size_t i = 0; i < n; i++) put_suite(out.stream, lanes[i]);
    fputs("</testsuites>\n", out.stream);
    return rl_outfile_commit(&out, err);
}
