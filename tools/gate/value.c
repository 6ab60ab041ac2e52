/* value.c - scaling times and rates. */
#include "gate/value.h"
#include "base/status.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *unit;
    double seconds;
} times[] = {
    {"ns", 1e-9},
    {"us", 1e-6},
    {"ms", 1e-3},
    {"s",  1   }
};

const char *rl_value_text(char out[RL_VALUE_MAX], double x, const char *unit)
{
    static const char prefixes[] = " kMGTPE";
    if (!isfinite(x)) {
        snprintf(out, RL_VALUE_MAX, "-");
        return out;
    }
    for (size_t i = 0; i < RL_COUNT(times); i++) {
        if (strcmp(unit, times[i].unit) != 0) continue;
        double seconds = x * times[i].seconds;
        size_t to = 0; /* the largest unit in which it is at least 1 */
        while (to + 1 < RL_COUNT(times) && fabs(seconds) >= 0.99995 * times[to + 1].seconds) to++;
        snprintf(out, RL_VALUE_MAX, "%.4g %s", seconds / times[to].seconds, times[to].unit);
        return out;
    }
    size_t power = 0, length = strlen(unit);
    if (length > 2 && strcmp(unit + length - 2, "/s") == 0)
        for (; fabs(x) >= 999.95 && power + 2 < sizeof prefixes; power++) x /= 1000;
    if (strcmp(unit, "x") == 0)
        snprintf(out, RL_VALUE_MAX, "%.4gx", x);
    else if (power > 0)
        snprintf(out, RL_VALUE_MAX, "%.4g %c%.24s", x, prefixes[power], unit);
    else
        snprintf(out, RL_VALUE_MAX, "%.4g%s%.24s", x, length > 0 ? " " : "", unit);
    return out;
}
