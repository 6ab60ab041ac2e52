/* text.c - numbers and times as reports print them. */
#include "perf/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const char *rl_text_number(char out[RL_TEXT_MAX], double x)
{
    out[0] = '\0';
    if (!isfinite(x)) return out;
    for (int digits = 15; digits <= 17; digits++) { /* 15 always survive the way back, 17 always suffice */
        snprintf(out, RL_TEXT_MAX, "%.*g", digits, x);
        if (strtod(out, NULL) == x) break;
    }
    return out;
}

const char *rl_text_human(char out[RL_TEXT_MAX], double x, bool binary)
{
    static const char *const decimal[] = {"", "k", "M", "G", "T", "P", "E", "Z", "Y"};
    static const char *const iec[] = {"", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"};
    static const char *const small[] = {"", "m", "u", "n", "p", "f", "a", "z", "y"};
    const char *const *prefix = binary ? iec : decimal;
    const double base = binary ? 1024 : 1000;
    double mantissa = fabs(x);
    size_t power = 0;
    if (mantissa > 0 && mantissa < 0.01) { /* 0.01 to 1 read well as they are */
        prefix = small;
        for (; mantissa < 1 && power + 1 < RL_COUNT(small); power++) mantissa *= base;
    } else { /* 999.5 would print as four digits */
        for (; mantissa > base - 1 && power + 1 < RL_COUNT(iec); power++) mantissa /= base;
    }
    snprintf(out, RL_TEXT_MAX, "%s%g%s", x < 0 ? "-" : "", mantissa, prefix[power]);
    return out;
}

const char *rl_text_time(char out[RL_TEXT_MAX], double t)
{
    const char *format = t < 1 ? "%10.3f" : t < 10 ? "%10.2f" : t < 100 ? "%10.1f" : "%10.0f";
    snprintf(out, RL_TEXT_MAX, t > 9999999999 ? "%1.4e" : format, t);
    return out;
}

static const struct {
    const char *name;
    double per_second;
} units[] = {
    [RL_UNIT_DEFAULT] = {"ns", 1e9},
      [RL_NS] = {"ns", 1e9},
      [RL_US] = {"us", 1e6},
    [RL_MS] = {"ms", 1e3},
      [RL_S] = {"s",  1  },
};

const char *rl_unit_name(rl_time_unit unit) { return units[unit].name; }
double rl_unit_per_second(rl_time_unit unit) { return units[unit].per_second; }

const char *rl_text_date(char out[RL_TEXT_MAX])
{
    time_t now = time(NULL);
    struct tm local;
    localtime_r(&now, &local);
    size_t n = strftime(out, RL_TEXT_MAX, "%Y-%m-%dT%H:%M:%S%z", &local);
    if (n > 2 && n + 1 < RL_TEXT_MAX) { /* "+0200" -> "+02:00" */
        memmove(out + n - 1, out + n - 2, 3);
        out[n - 2] = ':';
    }
    return out;
}

rl_locale rl_locale_enter(void)
{
    rl_locale l = {.plain = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0)};
    if (l.plain != (locale_t)0) l.before = uselocale(l.plain);
    return l;
}

void rl_locale_leave(rl_locale l)
{
    if (l.plain == (locale_t)0) return;
    uselocale(l.before);
    freelocale(l.plain);
}
