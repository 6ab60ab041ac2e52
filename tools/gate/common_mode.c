/* common_mode.c - one cause for many rows. */
#include "gate/common_mode.h"
#include "gate/rank.h"
#include "perf/stats.h"

#include <math.h>

/* Which logarithms a median is taken of. */
typedef enum { ALL, READINGS, SAME_CODE } selection;

static bool selected(const rl_movement *row, selection which)
{
    return which == ALL || (which == READINGS ? isfinite(row->machine) : row->same_code);
}

/* The middle one; NaN where there are fewer than `least`. */
static double middle(const rl_movement *rows, size_t n, selection which, size_t least)
{
    rl_pool scratch = {0};
    double *x = rl_pool_alloc(&scratch, (n + 1) * sizeof *x);
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        if (selected(&rows[i], which)) x[count++] = which == READINGS ? rows[i].machine : rows[i].shift;
    rl_sort(x, count);
    const double median = count >= least ? rl_sorted_median(x, count) : (double)NAN;
    rl_pool_free(&scratch);
    return median;
}

static void count(rl_common_mode *m, const rl_movement *rows, size_t n)
{
    m->rows = n;
    for (size_t i = 0; i < n; i++) {
        m->worse += rows[i].shift > 0;
        m->better += rows[i].shift < 0;
        m->regressed += rows[i].regressed;
    }
    const size_t most = m->worse > m->better ? m->worse : m->better;
    m->p = fmin(1, 2 * rl_sign_p(m->worse + m->better, most));
}

static bool moved_together(const rl_common_mode *m, const rl_movement *rows)
{
    if (m->rows < RL_COMMON_ROWS) return false;
    if (2 * m->regressed >= m->rows) return true;
    double allowed = rows[0].allowed;
    for (size_t i = 1; i < m->rows; i++) allowed = fmin(allowed, rows[i].allowed);
    return m->p < RL_COMMON_LEVEL && fabs(m->shift) > allowed / 2;
}

/* Did what measures the machine go the same way, at least half as far? NaN did not. */
static bool accounts_for(double machine, double shift)
{
    return machine * shift > 0 && fabs(machine) >= fabs(shift) / 2;
}

rl_common_mode rl_common_mode_find(const rl_movement *rows, size_t n)
{
    rl_common_mode m = {.cause = RL_APART};
    count(&m, rows, n);
    m.shift = middle(rows, n, ALL, 1);
    m.machine = middle(rows, n, READINGS, RL_COMMON_READINGS);
    m.same_code = middle(rows, n, SAME_CODE, RL_COMMON_SAME_CODE);
    if (moved_together(&m, rows))
        m.cause = accounts_for(m.machine, m.shift) || accounts_for(m.same_code, m.shift) ? RL_MOVED_BY_MACHINE
                                                                                         : RL_MOVED_BY_BUILD;
    return m;
}

/* "; by the same processes what the machine can do is 1.020 times worse" */
static const char *evidence(const rl_common_mode *m, rl_pool *pool)
{
    const char *readings = "", *code = "", *both = "";
    if (isfinite(m->machine))
        readings = rl_pool_format(pool, "what the machine can do is %.3f times worse", exp(m->machine));
    if (isfinite(m->same_code))
        code = rl_pool_format(pool, "rows of unchanged code are %.3f times worse", exp(m->same_code));
    if (readings[0] == '\0' && code[0] == '\0')
        return "; nothing here measures the machine apart from the code";
    if (readings[0] != '\0' && code[0] != '\0') both = ", ";
    return rl_pool_format(pool, "; by the same processes %s%s%s", readings, both, code);
}

const char *rl_common_mode_text(const rl_common_mode *m, rl_pool *pool)
{
    static const char machine[] = "It was the machine: measure again",
                      build[] = "It is the build: flags, compiler, allocator, or code that all rows share",
                      either[] = "It counts as the build; `ridgeline ab` tells it from the machine";
    if (m->cause == RL_APART) return "";
    const char *verdict = m->cause == RL_MOVED_BY_MACHINE                  ? machine
                          : isfinite(m->machine) || isfinite(m->same_code) ? build
                                                                           : either;
    return rl_pool_format(pool,
                          "the rows moved together: of %zu, %zu are worse and %zu better than the baseline "
                          "(p = %.2g), the middle one "
                          "by %.3f times%s. %s",
                          m->rows, m->worse, m->better, m->p, exp(m->shift), evidence(m, pool), verdict);
}
