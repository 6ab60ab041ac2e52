/* reports.h - verdicts in the forms that other programs read: what run, compare and ab have in common beyond
 * the console and verdict.json. */
#ifndef RL_REPORTS_H
#define RL_REPORTS_H

#include "args.h"
#include "gate/verdict.h"

typedef struct {
    const char *markdown, *junit, *sarif; /* files; NULL: not asked for */
    bool annotations;                     /* GitHub's, on stdout */
} rl_report_options;

/* Rows of an option table, for a field `reports` of this type in the command's options. */
#define RL_REPORT_ARGS(type)                                                                                 \
    RL_TEXT("--markdown", "FILE", type, reports.markdown, "also a page of Markdown, for a comment"),         \
        RL_TEXT("--junit", "FILE", type, reports.junit, "also JUnit XML"),                                   \
        RL_TEXT("--sarif", "FILE", type, reports.sarif, "also SARIF 2.1.0, for code scanning"),              \
        RL_FLAG("--annotations", type, reports.annotations, "also GitHub's annotations, on standard output")

/* Writes what is asked for. In a GitHub workflow (GITHUB_ACTIONS=true) annotations are asked for, and the page of
 * Markdown is added to the job's summary (GITHUB_STEP_SUMMARY). Returns RL_EXIT_PASS, or RL_EXIT_BROKEN where one
 * could not be written: which one has been said on stderr. */
int rl_reports_write(const rl_verdict_set *const *lanes, size_t n, const rl_report_options *options);

#endif
