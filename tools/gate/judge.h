/* judge.h - fills a verdict from what was measured, the gates of the lane, and the baseline. Pure: nothing is
 * read, written or asked of the machine.
 *
 * A row is looked at once before any gate: one that failed, was measured twice, is missing from a launch,
 * changes its unit or has a time that is no positive number is BROKEN, and no gate looks at it again. A row
 * that the bench skipped is NOT_APPLICABLE with the bench's reason, unless the baseline has it or a gate says
 * that its ISA runs here: then a kernel has been lost, and that is BROKEN.
 *
 * Everything the baseline holds must be there (in a quick run: as far as its filter selects it, and gates for
 * quick runs look at it); what is there beyond it is NEW. Timing of which most repetitions were disturbed from
 * outside (the CSV's `contaminated`) is BROKEN whatever it seems to show: measure again.
 *
 * Rows that have a baseline are decided together (decide.h), and with what is known beyond their numbers:
 *   control   what the machine could do in the same process is taken out, as far as calibration found a row to
 *             follow it (control.h)
 *   code      a row that runs the object code of the baseline (code.h) cannot have become slower: what seems to be
 *             worse is SAME_CODE. If at least five rows are such, what all but a tenth of them stay below is the
 *             noise, which a row of other code must exceed on top of its margin to be REGRESSED or IMPROVED. To PASS
 *             it must be shown to be within the lane's own margin. (Rows slowed on purpose, --inject, have code of
 *             their own.)
 *   all rows  where they moved together (common_mode.h), v->diagnosis says so once. If the machine moved with them,
 *             what regressed by no more than that and its margin is BROKEN; else the verdicts stand */
#ifndef RL_JUDGE_H
#define RL_JUDGE_H

#include "gate/baseline.h"
#include "gate/samples.h"
#include "gate/verdict.h"

typedef struct {
    const rl_lane *lane;
    bool quick;
    const rl_samples *samples;   /* NULL: none could be read, and a problem in *v says why */
    const rl_origin *origin;     /* NULL: unknown */
    const rl_baseline *baseline; /* NULL unless v->baseline_state is RL_BASELINE_USED */
    bool cpu_known;              /* the samples were taken on a machine that runs `cpu` */
    uint32_t cpu;
    bool any_code; /* as if no row ran the code of the baseline: for measuring how often the statistics err */
} rl_judge_input;

/* *v is open, and its baseline_state is set. Closes it. */
void rl_judge(rl_verdict_set *v, const rl_judge_input *in);

#endif
